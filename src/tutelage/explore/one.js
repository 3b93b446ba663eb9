"use strict";
// The first tab: one teacher.

const ACTIVATIONS = [["erf", "erf(x/√2)"], ["linear", "linear"], ["relu", "ReLU"]];
const UNITS = { min: 1, max: 8, step: 1, most: 8, whole: true };
const RATES = [
  { name: "train", label: "layers that train",
    options: [["first", "first"], ["both", "both"], ["readout", "readout"]] },
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

/** "from 0.2 at α = 0.1 to 0.01 at α = 100". */
function between(alpha, eg) {
  return [["from", 0], ["to", alpha.length - 1]].map(([word, i]) =>
    `${word} ${Plot.words(eg[i])} at α = ${Plot.words(alpha[i])}`).join(" ");
}

const DEFAULT_ONE = { K: 3, M: 2, activation: "erf", train: "first", lr: 0.5, lrReadout: 0.5, noise: 0.05, decay: 0,
  v: 1, vStar: 1, scale: 0.1, seed: 0, dim: 784, teacher: "random", start: null, alphaMin: 0.1, alphaMax: 1000,
  N: 1000, replicas: 10, chainSeed: 0 };

class OneTeacher extends Simulated {
  constructor(section, given) {
    super(section, "learning-curve");
    this.setting = { ...DEFAULT_ONE, ...given };
    const file = this.setting.start, self = this;
    this.setting.from = file ? "file" : "random";
    const starts = [...(file ? [["file", "the problem file’s"]] : []), ["random", "from the seed"]];
    const change = (name) => {
      const s = self.setting, drawn = ["K", "M", "v", "vStar", "scale", "seed", "dim", "teacher"];
      if (file && drawn.includes(name) && s.from === "file") self.controls.set({ from: "random" });
      s.start = s.from === "file" ? file : null;
      self.drop();
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
        { name: "vStar", label: "readout v* of the teacher", hint: "one for all units", min: -3, max: 3,
          step: 0.1, least: -Infinity },
        { name: "teacher", label: "teacher",
          options: [["random", "random weights"], ["orthonormal", "orthonormal, T = 1"]] },
        { name: "seed", label: "seed of the weights", hint: "NumPy’s default_rng(seed)", ...SEED },
        { name: "dim", label: "N₀ of the start", hint: "overlaps of different units are of order 1/√N₀", least: 16,
          most: 50000, whole: true }] },
      { title: "Time", controls: [
        { name: "alphaMin", label: "first α", hint: "α = steps / N", least: 1e-12 },
        { name: "alphaMax", label: "last α", min: 1, max: 1e5, log: true, least: 1e-11 }] },
    ], this.setting, change);
    this.buildChain("K + M to 10⁹: a step costs the same for any N");
    this.changed();
  }

  solve() {
    const s = this.setting;
    if (!(s.alphaMax > s.alphaMin)) {
      this.begin = null;
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
    const flat = ended && Setting.plateau(shown.alpha, shown.eg);
    const end = ended && Setting.asymptote(shown.s, shown.begin, shown.alpha, shown.eg);
    if (flat) marks.push({ y: flat.eg, from: flat.from, to: s.alphaMax, label: `plateau\n${Plot.words(flat.eg)}` });
    if (end) marks.push({ y: end.eg, from: s.alphaMin, to: s.alphaMax,
      label: `asymptote\n${Plot.words(end.eg)}\n(${end.how})` });
    const { sgd } = this, bands = [];
    if (sgd?.alpha.length) {
      const found = this.statistics(0);
      bands.push(bandOf(sgd.alpha, found, "of-sgd"));
      curves.push({ x: sgd.alpha, y: found.mean, style: "sgd thin", label: `SGD\nN = ${Plot.words(sgd.N)}` });
    }
    host.axis = Plot.curves(host, {
      x: { log: true, min: s.alphaMin, max: s.alphaMax, label: "α = steps / N" },
      y: { log: true, label: "generalisation error ε_g" },
      curves, marks, lines: [], bands,
      cursor: there ? { x: shown.alpha[index], y: [shown.eg[index]] } : null,
      name: `Learning curve${there ? `: the generalisation error goes ${between(shown.alpha, shown.eg)}` : ""}${
        bands.length ? `; SGD at N = ${Plot.words(sgd.N)} ${between(sgd.alpha, this.statistics(0).mean)}` : ""}` });
    host.times = shown.alpha;
    this.find("figure.curve").dataset.marks = marks.map((m) => m.label.split("\n")[0]).join(" ");
    if (there) this.showState(index);
  }

  showState(index) {
    const { shown } = this, { K, M } = shown.s, y = [...shown.states[index]], Q0 = K * M, v0 = Q0 + K * K;
    const rows = (first, width) => Setting.range(K).map((k) => y.slice(first + k * width, first + (k + 1) * width));
    this.tell(shown.alpha[index], Plot.words(shown.eg[index]));
    const w = numbered("w", K), t = numbered("w*", M), v = [...y.slice(v0), ...shown.begin.vStar];
    this.drawState([["Q = w·w/N, student with student", "heatMap", rows(Q0, K), w, w],
      ["R = w·w*/N, student with teacher", "heatMap", rows(0, M), w, t],
      ["readouts v (student), v* (teacher)", "bars", v, [...numbered("v", K), ...numbered("v*", M)],
        v.map((_, i) => (i < K ? "plus" : "minus"))]]);
  }

  plan() {
    const { setting: s, begin } = this;
    const some = Setting.times(s).filter((_, i) => i % 4 === 3); // the last among them
    return { phases: [some], least: { count: s.K + s.M, name: "K + M" }, job: { begin } };
  }

  toml() { this.copy(Export.toml(this.setting, this.begin)); }

  python() { this.copy(Export.python(this.setting, this.begin)); }

  csv() {
    const { shown, sgd } = this, s = shown.s;
    const columns = { alpha: shown.alpha, eg: shown.eg, ...(sgd ? this.chainColumns(["sgd_eg"], shown.alpha) : {}),
      ...Export.overlapColumns(shown.states, s.K, s.M) };
    const { from, start, ...said } = s;
    this.download("learning-curve.csv", "text/csv",
      Export.csv([`tutelage explore; eg has the factor 1/2, without label noise; ${JSON.stringify(said)}`], columns));
  }
}
