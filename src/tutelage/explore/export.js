"use strict";
// A setting in words that run elsewhere: a problem file, Python, CSV. Numbers are written to their last digit.

const Export = (() => {
  const TIGHT = { rtol: 1e-12, atol: 1e-14 }; // so that Python's curve is the page's to 1e-7

  function number(x) { // as a float, in TOML and in Python
    const text = String(x);
    return /[.e]/.test(text) ? text : `${text}.0`;
  }

  function array(x) {
    return Array.isArray(x) ? `[${x.map(array).join(", ")}]` : number(x);
  }

  function matrix(name, x) { // one row a line
    return `${name} = [\n${x.map((row) => `    ${array([...row])},`).join("\n")}\n]`;
  }

  function toml(s, begin) {
    return `# From tutelage explore. Run it with: tutelage run FILE.toml
[student]
units = ${s.K}
activation = "${s.activation}"
readout = ${array([...begin.v])}

[teacher]
units = ${s.M}
readout = ${array([...begin.vStar])}

# overlaps w.w'/N at alpha = 0
[start]
kind = "overlaps"
${matrix("Q", begin.Q)}
${matrix("R", begin.R)}
${matrix("T", begin.T)}

[rule]
train = "${s.train}"
lr = ${number(s.lr)}
lr_readout = ${number(s.lrReadout)}
noise = ${number(s.noise)}
weight_decay = ${number(s.decay)}

[time]
alpha_min = ${number(s.alphaMin)}
alpha_max = ${number(s.alphaMax)}
points = ${Setting.POINTS}

[theory]
rtol = ${TIGHT.rtol}
atol = ${TIGHT.atol}

[simulation]
dim = ${s.N}
replicas = ${s.replicas}
seed = ${s.chainSeed}
`;
  }

  function rule(s) {
    return `rule = tl.OnlineSGD(
    "${s.activation}", train="${s.train}", lr=${s.lr}, lr_readout=${s.lrReadout}, noise=${s.noise}, `
      + `weight_decay=${s.decay}
)`;
  }

  function python(s, begin) {
    return `# From tutelage explore.
import numpy as np
import tutelage as tl

# overlaps w.w'/N and readouts at alpha = 0
${["Q", "R", "T"].map((name) => matrix(name, begin[name])).join("\n")}
state = tl.Overlaps(Q, R, T, v=${array([...begin.v])}, v_star=${array([...begin.vStar])})
${rule(s)}
alpha = np.geomspace(${s.alphaMin}, ${s.alphaMax}, ${Setting.POINTS})  # steps / N
theory = tl.solve(rule, state, alpha, rtol=${TIGHT.rtol}, atol=${TIGHT.atol})
print(theory.eg)
# SGD itself: tl.simulate(rule, state, alpha, dim=${s.N}, replicas=${s.replicas}, seed=${s.chainSeed})
`;
  }

  function pythonTwo(s, begin) {
    const points = Setting.POINTS;
    return `# From tutelage explore: two teachers, with a switch.
import numpy as np
import tutelage as tl
from tutelage.continual import MultiTask, Phase, forgetting, simulate, solve, transfer

# overlaps w.w'/N, heads and readouts at alpha = 0; units of both teachers stacked
${["Q", "R", "T", "heads", "readouts"].map((name) => matrix(name, begin[name])).join("\n")}
state = MultiTask(Q, R, T, heads, readouts)
${rule(s)}
first, second = ${number(s.first)}, ${number(s.second)}  # lengths of the phases, steps / N
alpha = np.concatenate([
    np.geomspace(first / 1000, first, ${points}), first + np.geomspace(second / 1000, second, ${points})
])
phases = [Phase(task=0, alpha=first), Phase(task=1, alpha=second)]
theory = solve(rule, state, phases, alpha, rtol=${TIGHT.rtol}, atol=${TIGHT.atol})
print(theory.eg)
print(forgetting(theory), transfer(theory))
# SGD itself: simulate(rule, state, phases, alpha, dim=${s.N}, replicas=${s.replicas}, seed=${s.chainSeed})
`;
  }

  /** Columns of numbers under names; `null` is an empty field. */
  function csv(comment, columns) {
    const names = Object.keys(columns), rows = columns[names[0]].length;
    const lines = Setting.range(rows).map((i) => names.map((name) => columns[name][i] ?? "").join(","));
    return [...comment.map((line) => `# ${line}`), names.join(","), ...lines, ""].join("\n");
  }

  /** Columns named Q_1_1 and so on of state vectors (R, Q, v). */
  function overlapColumns(states, K, F) {
    const names = [];
    for (let i = 1; i <= K; i++) for (let n = 1; n <= F; n++) names.push(`R_${i}_${n}`);
    for (let i = 1; i <= K; i++) for (let k = 1; k <= K; k++) names.push(`Q_${i}_${k}`);
    for (let i = 1; i <= K; i++) names.push(`v_${i}`);
    return Object.fromEntries(names.map((name, p) => [name, states.map((y) => y[p])]));
  }

  return { toml, python, pythonTwo, csv, overlapColumns };
})();
