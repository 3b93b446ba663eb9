"use strict";
// The first tab: one teacher.

const ACTIVATIONS = [["erf", "erf(x/√2)"], ["linear", "linear"], ["relu", "ReLU"]];
const UNITS = { min: 1, max: 8, step: 1, most: 8, whole: true };
const RATES = [
  { name: "train", label: "layers that train", options: [["first", "first"], ["both", "both"], ["readout",
    "readout"]] },
  { name: "lr", label: "learning rate η, first layer", hint: "a step is (η/√N) · error · v g′ x", min: 0, max: 3,
    step: 0.01 },
  { name: "lrReadout", label: "learning rate ηᵥ, readout", hint: "a step is (ηᵥ/N) · error · g", min: 0, max: 3,
    step: 0.01 },
  { name: "noise", label: "label noise σ", hint: "standard deviation, added to the teacher’s output", min: 0, max: 1,
    step: 0.01 },
  { name: "decay", label: "weight decay κ", hint: "layers that train shrink by 1 − κ/N a step", min: 0, max: 0.2,
    step: 0.001 },
];
const SEED = { least: 0, most: 2 ** 53 - 1, whole: true };

class OneTeacher extends View {
  constructor(section, given) {
    super(section, "learning-curve");
    this.setting = { ...DEFAULT_ONE, ...given };
    const file = this.setting.start, self = this;
    this.setting.from = file ? "file" : "random";
    const starts = [...(file ? [["file", "as in the problem file"]] : []), ["random", "random, by the seed"]];
    const change = (name) => {
      const s = self.setting, drawn = ["K", "M", "v", "vStar", "scale", "seed", "dim", "teacher"];
      if (file && drawn.includes(name) && s.from === "file") self.controls.set({ from: "random" });
      s.start = s.from === "file" ? file : null;
      self.stop();
      self.sgd = null;
      self.changed();
    };
    this.controls = Controls.build(this.find("form.controls"), [
      { title: "Networks", controls: [
        { name: "K", label: "K, units of the student", ...UNITS },
          { name: "M", label: "M, units of the teacher", ...UNITS },
        { name: "activation", label: "activation g of both", options: ACTIVATIONS }] },
      { title: "Learning", controls: RATES },
      { title: "Start", controls: [
        { name: "from", label: "start", options: starts },
        { name: "scale", label: "initial scale of the student",
          hint: "standard deviation of its weights; the teacher’s is 1",
          min: 0.001, max: 3, log: true, least: 0 },
        { name: "v", label: "readout v of the student", hint: "at α = 0, one for all units", min: -3, max: 3,
          step: 0.1, least: -Infinity },
        { name: "vStar", label: "readout v* of the teacher", min: -3, max: 3, step: 0.1, least: -Infinity },
        { name: "teacher", label: "teacher", options: [["random", "random weights"], ["orthonormal",
          "orthonormal, T = 1"]] },
        { name: "seed", label: "seed of the weights", hint: "NumPy’s default_rng(seed)", ...SEED },
        { name: "dim", label: "N₀ of the start", hint: "overlaps of different units are of order 1/√N₀", least: 16,
          most: 50000, whole: true }] },
      { title: "Time", controls: [
        { name: "alphaMin", label: "first α", hint: "α = steps / N", least: 1e-12 },
        { name: "alphaMax", label: "last α", min: 1, max: 1e5, log: true, least: 1e-11 }] },
    ], this.setting, change);
    this.chainControls = Controls.build(this.find("form.chain"), [{ controls: [
      { name: "N", label: "N of SGD", hint: "K + M to 10⁹: a step costs the same for any N", min: 10, max: 1e9,
        log: true, most: 1e9, least: 1, whole: true },
      { name: "replicas", label: "runs", hint: "the band is mean ± standard deviation", least: 1, most: 1000,
        whole: true },
      { name: "chainSeed", label: "seed of SGD", hint: "of the examples", ...SEED }] }], this.setting,
      () => { this.stop(); this.sgd = null; this.draw(); });
    this.changed();
  }

  solve() {
    const s = this.setting;
    if (!(s.alphaMax > s.alphaMin)) {
      this.find(".status").textContent = "the last α must be above the first";
      return;
    }
    const begin = Setting.start(s), model = Dynamics.makeModel(s, s.K, begin.T, begin.vStar);
    this.begin = begin;
    this.model = model;
    this.shown = { alpha: [], eg: [], states: [], s: { ...s }, begin };
    this.follow(new Dynamics.Run(model, Dynamics.vector(begin.R, begin.Q, begin.v), Setting.times(s)));
  }

  passed(run) {
    const { shown } = this;
    shown.states = run.states;
    shown.alpha = run.times.slice(0, run.states.length);
    shown.eg = run.errors;
  }

  draw() {
    const { shown, pinned, setting: s } = this, host = this.find("figure.curve");
    if (!shown || this.section.hidden) return;
    const curves = [], marks = [], index = this.at(shown.eg.length), there = index >= 0;
    if (pinned) curves.push({ x: pinned.alpha, y: pinned.eg, style: "pin", label: "pinned" });
    curves.push({ x: shown.alpha, y: shown.eg, style: "now", label: "N → ∞" });
    const ended = this.run.status === Dynamics.FINISHED;
    const flat = ended && Setting.plateau(shown.alpha, shown.eg), end = ended &&
      Setting.asymptote(shown.s, shown.begin, shown.alpha, shown.eg);
    if (flat) marks.push({ y: flat.eg, from: flat.from, to: s.alphaMax, label: `plateau\n${Plot.words(flat.eg)}` });
    if (end) marks.push({ y: end.eg, from: s.alphaMin, to: s.alphaMax,
      label: `asymptote\n${Plot.words(end.eg)}\n(${end.how})` });
    const { sgd } = this, band = sgd && { x: sgd.alpha, low: sgd.mean.map((m, i) => m - sgd.sd[i]),
      high: sgd.mean.map((m, i) => m + sgd.sd[i]) };
    if (sgd?.alpha.length) curves.push({ x: sgd.alpha, y: sgd.mean, style: "sgd thin",
      label: `SGD, N =\n${Plot.words(sgd.N)}` });
    host.axis = Plot.curves(host, {
      x: { log: true, min: s.alphaMin, max: s.alphaMax, label: "α = steps / N" },
        y: { log: true, label: "generalisation error ε_g" },
      curves, marks, lines: [], band: band || null, cursor: there ? { x: shown.alpha[index],
        y: [shown.eg[index]] } : null,
      name: there ? `Learning curve: the generalisation error goes from ${Plot.words(shown.eg[0])} at α = ${Plot.words(shown.alpha[0])} to ${
        Plot.words(shown.eg.at(-1))} at α = ${Plot.words(shown.alpha.at(-1))}` : "Learning curve" });
    host.times = shown.alpha;
    this.find("figure.curve").dataset.marks = marks.map((m) => m.label.split("\n")[0]).join(" ");
    if (there) this.showState(index);
  }

  showState(index) {
    const { shown } = this, { K, M } = shown.s, y = [...shown.states[index]], Q0 = K * M, v0 = Q0 + K * K;
    const rows = (first, width) => Setting.range(K).map((k) => y.slice(first + k * width, first + (k + 1) * width));
    this.tell(shown.alpha[index], `ε_g = ${Plot.words(shown.eg[index])}`);
    const w = numbered("w", K), t = numbered("w*", M), v = [...y.slice(v0), ...shown.begin.vStar];
    this.drawState([["Q = w·w/N, student with student", "heatMap", rows(Q0, K), w, w],
      ["R = w·w*/N, student with teacher", "heatMap", rows(0, M), w, t],
      ["readouts v (student), v* (teacher)", "bars", v, [...numbered("v", K), ...numbered("v*", M)],
        v.map((_, i) => (i < K ? "plus" : "minus"))]]);
  }

  toml() { this.copy(Export.toml(this.setting, this.begin)); }

  python() { this.copy(Export.python(this.setting, this.begin)); }

  csv() {
    const { shown, sgd } = this, s = shown.s, of = (name) => shown.alpha.map((t) =>
      sgd?.[name][sgd.alpha.indexOf(t)] ?? null);
    const columns = { alpha: shown.alpha, eg: shown.eg, ...(sgd ? { sgd_eg_mean: of("mean"),
      sgd_eg_std: of("sd") } : {}),
      ...Export.overlapColumns(shown.states, s.K, s.M) };
    const { from, start, ...said } = s;
    this.download("learning-curve.csv", "text/csv",
      Export.csv([`tutelage explore; eg has the factor 1/2, without label noise; ${JSON.stringify(said)}`], columns));
  }

  // --- SGD at finite N ---------------------------------------------------------------------------------------------

  simulate() {
    const { setting: s, begin } = this, tell = (text) => { this.find(".chain-status").textContent = text; };
    this.stop();
    if (!begin || s.N < s.K + s.M) return tell(`N must be at least K + M = ${s.K + s.M}`);
    let before = 0;
    const times = Setting.times(s).filter((t, i) => {
      const step = Math.round(t * s.N), taken = i % 4 === 3 && step > before;
      if (taken) before = step;
      return taken;
    });
    if (times.length === 0) return tell("there is no step before the last α; a larger N or α gives some");
    const job = { rule: { ...s, start: null }, K: s.K, T: begin.T.map((row) => [...row]), vStar: [...begin.vStar],
      y: Dynamics.vector(begin.R, begin.Q, begin.v), N: s.N, times, seed: s.chainSeed, replicas: s.replicas };
    const sgd = this.sgd = { alpha: [], mean: [], sd: [], N: s.N }, began = performance.now(),
      total = Math.round(times.at(-1) * s.N) * s.replicas;
    this.find('[data-do="stop"]').disabled = false;
    this.find("progress").hidden = false;
    this.find("progress").value = 0;
    tell(`${Plot.words(total, 2)} steps`);
    this.worker = startWork(job, (message) => {
      if (this.sgd !== sgd) return;
      if (message.errors) {
        const n = message.errors.length, mean = message.errors.reduce((a, b) => a + b, 0) / n;
        sgd.alpha.push(times[message.index]);
        sgd.mean.push(mean);
        sgd.sd.push(n > 1 ? Math.sqrt(message.errors.reduce((a, b) => a + (b - mean) ** 2, 0) / (n - 1)) : 0);
      } else if (message.finished) {
        this.stop();
        tell(`${Plot.words(total, 2)} steps in ${Plot.words((performance.now() - began) / 1000, 2)} s`);
      } else {
        const rate = message.steps / (performance.now() - began) * 1000, left = (total - message.steps) / rate;
        this.find("progress").value = message.fraction;
        tell(`${Plot.words(message.steps, 2)} of ${Plot.words(total, 2)} steps, ${Plot.words(rate, 2)} a second, ${duration(left)} to go`);
      }
      cancelAnimationFrame(this.redraw);
      this.redraw = requestAnimationFrame(() => this.draw());
    });
  }

  stop() {
    this.worker?.stop();
    const said = this.find(".chain-status");
    if (this.worker) said.textContent = said.textContent.replace(/, [^,]*$/, "; stopped");
    this.worker = null;
    this.find('[data-do="stop"]').disabled = true;
    this.find("progress").hidden = true;
  }
}

function duration(seconds) {
  const units = [[31557600, "years"], [86400, "days"], [3600, "h"], [60, "min"], [0, "s"]];
  const [size, name] = units.find(([least]) => seconds >= least) ?? [0, "s"];
  return `${Plot.words(Math.max(seconds / (size || 1), 0), 2)} ${name}`;
}

/** Run the chain in a worker; where the browser gives none, in slices between frames. */
function startWork(job, post) {
  try {
    const text = `${document.getElementById("mathematics").textContent}
onmessage = (event) => Chain.work(event.data, (message) => postMessage(message));`;
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" })), worker = new Worker(address);
    worker.onmessage = (event) => post(event.data);
    worker.postMessage(job);
    return { stop: () => { worker.terminate(); URL.revokeObjectURL(address); } };
  } catch {
    const replicas = Chain.replicasOf(job, post);
    let timer = 0;
    const slice = () => {
      replicas.advance(performance.now() + 15);
      post(replicas.finished ? { finished: true } : { fraction: replicas.fraction, steps: replicas.spent });
      if (!replicas.finished) timer = setTimeout(slice, 0);
    };
    timer = setTimeout(slice, 0);
    return { stop: () => clearTimeout(timer) };
  }
}
