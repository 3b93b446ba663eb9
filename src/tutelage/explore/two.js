"use strict";
// The second tab: two teachers, with a switch.

const DEFAULT_TWO = { K: 2, M: 1, V: 0.5, activation: "erf", train: "both", lr: 1, lrReadout: 1, noise: 0, decay: 0,
  scale: 0.1, headScale: 0.1, seed: 0, dim: 1000, first: 50, second: 50, N: 1000, replicas: 10, chainSeed: 0 };

class TwoTeachers extends Simulated {
  constructor(section) {
    super(section, "forgetting");
    this.setting = { ...DEFAULT_TWO };
    const rates = RATES.map((c) => (c.name === "train" ? { ...c, options: c.options.slice(0, 2) } : c));
    Controls.build(this.find("form.controls"), [
      { title: "Networks", controls: [
        { name: "K", label: "K, units of the student", ...UNITS },
        { name: "M", label: "M, units of each teacher", ...UNITS, max: 4, most: 4 },
        { name: "V", label: "similarity V of the teachers", hint: "V = w*·w**/N, unit by unit; T = 1 in each",
          min: -1, max: 1, step: 0.01, most: 1 },
        { name: "activation", label: "activation g of all", options: ACTIVATIONS }] },
      { title: "Learning", controls: rates },
      { title: "Start", controls: [
        { name: "scale", label: "initial scale of the weights", hint: "standard deviation; T = 1 of the teachers",
          min: 0.001, max: 3, log: true, least: 0 },
        { name: "headScale", label: "initial scale of the heads",
          hint: "one for each task; readouts of the teachers are 1", min: 0.001, max: 3, log: true, least: 0 },
        { name: "seed", label: "seed of weights and heads", hint: "NumPy’s default_rng(seed)", ...SEED },
        { name: "dim", label: "N₀ of the start", hint: "overlaps of different units are of order 1/√N₀", least: 32,
          most: 50000, whole: true }] },
      { title: "Time", controls: [
        { name: "first", label: "α on task 1", hint: "steps / N until the switch", min: 1, max: 1000, log: true,
          least: 1e-3 },
        { name: "second", label: "α on task 2", hint: "steps / N after the switch", min: 1, max: 1000,
          log: true, least: 1e-3 }] },
    ], this.setting, () => { this.drop(); this.changed(); });
    this.buildChain("K + 2M to 10⁹: a step costs the same for any N");
  }

  solve() {
    const s = this.setting, begin = this.begin = Setting.startTwo(s);
    this.shown = { alpha: [], errors: [[], []], states: [], s: { ...s }, begin };
    this.follow(new Switch(s, begin, [s.first, s.second], Setting.phaseTimes(s)));
  }

  passed(run) {
    const states = run.states, { shown } = this;
    shown.states = states;
    shown.alpha = run.times.flat().slice(0, states.length);
    shown.errors = [0, 1].map((task) => states.map((state) => state.errors[task]));
    shown.switch = states.length > Setting.POINTS ? Setting.POINTS : 0;
  }

  draw() {
    const { shown, pinned, setting: s } = this, host = this.find("figure.curve");
    if (!shown || this.section.hidden) return;
    const index = this.at(shown.alpha.length), there = index >= 0, curves = [];
    const cursor = there ? { x: shown.alpha[index], y: shown.errors.map((e) => e[index]) } : null;
    if (pinned) pinned.errors.forEach((y, t) => curves.push({ x: pinned.alpha, y, style: "pin thin",
      label: `pinned ${t + 1}` }));
    shown.errors.forEach((y, t) => curves.push({ x: shown.alpha, y, style: t ? "then" : "now",
      label: `task ${t + 1}` }));
    const bands = [], { sgd } = this;
    if (sgd?.alpha.length) [0, 1].forEach((task) => {
      const found = this.statistics(task);
      bands.push(bandOf(sgd.alpha, found, task ? "of-then" : "of-now"));
      curves.push({ x: sgd.alpha, y: found.mean, style: `${task ? "then" : "now"} dotted`,
        label: `SGD ${task + 1}\nN = ${Plot.words(sgd.N)}` });
    });
    host.axis = Plot.curves(host, {
      x: { min: 0, max: s.first + s.second, label: "α = steps / N" },
      y: { log: true, label: "generalisation error ε_g" },
      curves, bands, marks: [], lines: [{ x: s.first, label: "switch" }], cursor,
      name: `Errors on both tasks${there ? `: ${both(cursor.y)} at α = ${Plot.words(cursor.x)}` : ""}${
        bands.length ? `; SGD at N = ${Plot.words(sgd.N)}: ${both([0, 1].map((t) => this.statistics(t).mean.at(-1)))
        } at α = ${Plot.words(sgd.alpha.at(-1))}` : ""}` });
    host.times = shown.alpha;
    this.drawChange(index);
    if (there) this.showState(index);
  }

  /** Forgetting and transfer since the switch: by how many decades the errors of both tasks rose, and fell. */
  changes(shown) {
    const at = shown.switch, base = at > 0 ? at - 1 : 0;
    const decades = (eg) => (at ? eg.slice(at).map((e) => decade(e) - decade(eg[base])) : []);
    return { since: at ? shown.alpha.slice(at).map((t) => t - shown.s.first) : [], forgetting: decades(shown.errors[0]),
      transfer: decades(shown.errors[1]).map((x) => -x) };
  }

  /** The same of SGD at finite N, run by run: { since, forgetting, transfer }, the latter { mean, sd }. */
  chainChanges() {
    const { alpha, errors } = this.sgd, { first } = this.setting, at = alpha.indexOf(first) + 1;
    const of = (task, sign) => statistics(at ? errors[task].slice(at).map((row) =>
      row.map((e, run) => sign * (decade(e) - decade(errors[task][at - 1][run])))) : []);
    return { since: at ? alpha.slice(at).map((t) => t - first) : [], forgetting: of(0, 1), transfer: of(1, -1) };
  }

  drawChange(index) {
    const host = this.find("figure.change"), { shown, pinned, setting: s } = this, now = this.changes(shown);
    const curves = [], bands = [], add = (of, style, words) => curves.push(
      { x: of.since, y: of.forgetting, style: style[0], label: words && `${words[0]}\n${words[1]}` },
      { x: of.since, y: of.transfer, style: style[1], label: words && `${words[2]}\n${words[3]}` });
    if (pinned) add(this.changes(pinned), ["pin thin", "pin thin"], ["pinned", "forgetting", "pinned", "transfer"]);
    add(now, ["now", "then"], ["forgetting", "of task 1", "transfer", "to task 2"]);
    const sgd = this.sgd && this.chainChanges();
    if (sgd?.since.length) {
      bands.push(bandOf(sgd.since, sgd.forgetting, "of-now"), bandOf(sgd.since, sgd.transfer, "of-then"));
      add({ since: sgd.since, forgetting: sgd.forgetting.mean, transfer: sgd.transfer.mean },
        ["now dotted", "then dotted"], null);
    }
    const at = index - shown.switch, there = shown.switch > 0 && at >= 0;
    host.axis = Plot.curves(host, {
      x: { log: true, min: s.second / 1000, max: s.second, label: "α since the switch" },
      y: { log: false, label: "decades of ε_g since the switch" },
      curves, bands, marks: [], lines: [],
      cursor: there ? { x: now.since[at], y: [now.forgetting[at], now.transfer[at]] } : null,
      name: now.since.length ? `Since the switch, in decades: forgetting of task 1 by ${
        Plot.words(now.forgetting.at(-1))}, transfer to task 2 by ${Plot.words(now.transfer.at(-1))}` : "Forgetting" });
    host.times = now.since;
    host.first = shown.switch;
  }

  showState(index) {
    const { shown } = this, { K, M } = shown.s, F = 2 * M, { y, heads, errors } = shown.states[index], all = [...y];
    const rows = (first, width) => Setting.range(K).map((k) => all.slice(first + k * width, first + (k + 1) * width));
    this.tell(shown.alpha[index], both(errors));
    const w = numbered("w", K);
    this.drawState([["Q = w·w/N, student with student", "heatMap", rows(K * F, K), w, w],
      ["R = w·w*/N, student with teachers", "heatMap", rows(0, F), w,
        [...numbered("w*", M), ...numbered("w**", M)]],
      ["heads of task 1 (h) and task 2 (h′)", "bars", heads.flat(), [...numbered("h", K), ...numbered("h′", K)],
        heads.flat().map((_, i) => (i < K ? "of-now" : "of-then"))]]);
  }

  plan() {
    const { setting: s, begin } = this, phases = [s.first, s.second];
    const some = Setting.phaseTimes(s).map((times) => times.filter((_, i) => i % 2 === 1)); // the last among them
    return { phases: some, least: { count: s.K + 2 * s.M, name: "K + 2M" }, job: { begin, phases } };
  }

  python() { this.copy(Export.pythonTwo(this.setting, this.begin)); }

  csv() {
    const { shown, sgd } = this, s = shown.s;
    const columns = { alpha: shown.alpha, eg_1: shown.errors[0], eg_2: shown.errors[1],
      ...(sgd ? this.chainColumns(["sgd_eg_1", "sgd_eg_2"], shown.alpha) : {}),
      ...Export.overlapColumns(shown.states.map((state) => state.y), s.K, 2 * s.M) };
    this.download("forgetting.csv", "text/csv", Export.csv(
      [`tutelage explore, two teachers; v is the head of the task that is taught; ${JSON.stringify(s)}`], columns));
  }
}

const both = (errors) => errors.map((e) => Plot.words(e)).join(" and ");
const decade = (eg) => Math.log10(Math.max(eg, Plot.FLOOR));
