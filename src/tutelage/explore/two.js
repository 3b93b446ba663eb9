"use strict";
// The second tab: two teachers, with a switch; and what starts the page.

const DEFAULT_ONE = { K: 3, M: 2, activation: "erf", train: "first", lr: 0.5, lrReadout: 0.5, noise: 0.05, decay: 0,
  v: 1, vStar: 1,
  scale: 0.1, seed: 0, dim: 784, teacher: "random", start: null, alphaMin: 0.1, alphaMax: 1000, N: 1000, replicas: 10,
    chainSeed: 0 };
const DEFAULT_TWO = { K: 2, M: 1, V: 0.5, activation: "erf", train: "both", lr: 1, lrReadout: 1, noise: 0, decay: 0,
  scale: 0.1,
  headScale: 0.1, seed: 0, dim: 1000, first: 50, second: 50 };

class TwoTeachers extends View {
  constructor(section) {
    super(section, "forgetting");
    this.setting = { ...DEFAULT_TWO };
    const rates = RATES.map((c) => (c.name === "train" ? { ...c, options: c.options.slice(0, 2) } : c));
    Controls.build(this.find("form.controls"), [
      { title: "Networks", controls: [
        { name: "K", label: "K, units of the student", ...UNITS },
        { name: "M", label: "M, units of each teacher", ...UNITS, max: 4, most: 4 },
        { name: "V", label: "similarity V of the teachers", hint: "V = w*·w**/N, unit by unit; T = 1 in each", min: -1,
          max: 1, step: 0.01, most: 1 },
        { name: "activation", label: "activation g of all", options: ACTIVATIONS }] },
      { title: "Learning", controls: rates },
      { title: "Start", controls: [
        { name: "scale", label: "initial scale of the weights", min: 0.001, max: 3, log: true, least: 0 },
        { name: "headScale", label: "initial scale of the heads",
          hint: "one head for each task; teachers’ readouts are 1", min: 0.001, max: 3, log: true, least: 0 },
        { name: "seed", label: "seed of weights and heads", hint: "NumPy’s default_rng(seed)", ...SEED },
        { name: "dim", label: "N₀ of the start", hint: "overlaps of different units are of order 1/√N₀", least: 32,
          most: 50000, whole: true }] },
      { title: "Time", controls: [
        { name: "first", label: "α on task 1", hint: "steps / N until the switch", min: 1, max: 1000, log: true,
          least: 1e-3 },
        { name: "second", label: "α on task 2", min: 1, max: 1000, log: true, least: 1e-3 }] },
    ], this.setting, () => this.changed());
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
    shown.switch = states.length > Setting.POINTS / 2 ? Setting.POINTS / 2 : 0;
  }

  draw() {
    const { shown, pinned, setting: s } = this, host = this.find("figure.curve");
    if (!shown || this.section.hidden) return;
    const index = this.at(shown.alpha.length), there = index >= 0, curves = [], cursor = there
      ? { x: shown.alpha[index], y: shown.errors.map((e) => e[index]) } : null;
    if (pinned) pinned.errors.forEach((y, t) => curves.push({ x: pinned.alpha, y, style: "pin thin",
      label: `pinned ${t + 1}` }));
    shown.errors.forEach((y, t) => curves.push({ x: shown.alpha, y, style: t ? "then" : "now",
      label: `task ${t + 1}` }));
    host.axis = Plot.curves(host, {
      x: { min: 0, max: s.first + s.second, label: "α = steps / N" },
        y: { log: true, label: "generalisation error ε_g" },
      curves, marks: [], lines: [{ x: s.first, label: "switch" }], cursor,
      name: there ? `Errors on both tasks: ${Plot.words(cursor.y[0])} and ${Plot.words(cursor.y[1])} at α = ${Plot.words(cursor.x)}` : "Errors" });
    host.times = shown.alpha;
    this.drawChange(index);
    if (there) this.showState(index);
  }

  /** Forgetting and transfer since the switch: by how many decades the errors of both tasks rose, and fell. */
  changes(shown) {
    const at = shown.switch, since = shown.alpha.slice(at).map((t) => t - shown.s.first);
    const log = (x) => Math.log10(Math.max(x, Plot.FLOOR)), base = at > 0 ? at - 1 : 0;
    return at ? { since, forgetting: shown.errors[0].slice(at).map((e) => log(e) - log(shown.errors[0][base])),
      transfer: shown.errors[1].slice(at).map((e) => log(shown.errors[1][base]) - log(e)) } : { since: [],
        forgetting: [], transfer: [] };
  }

  drawChange(index) {
    const host = this.find("figure.change"), { shown, pinned, setting: s } = this, now = this.changes(shown),
      curves = [];
    if (pinned) {
      const then = this.changes(pinned);
      curves.push({ x: then.since, y: then.forgetting, style: "pin thin", label: "pinned\nforgetting" },
        { x: then.since, y: then.transfer, style: "pin thin", label: "pinned\ntransfer" });
    }
    curves.push({ x: now.since, y: now.forgetting, style: "now", label: "forgetting\nof task 1" },
      { x: now.since, y: now.transfer, style: "then", label: "transfer\nto task 2" });
    const at = index - shown.switch, there = shown.switch > 0 && at >= 0;
    host.axis = Plot.curves(host, {
      x: { log: true, min: s.second / 1000, max: s.second, label: "α since the switch" },
        y: { log: false, label: "decades of ε_g since the switch" },
      curves, marks: [], lines: [], cursor: there ? { x: now.since[at], y: [now.forgetting[at],
        now.transfer[at]] } : null,
      name: now.since.length ? `Since the switch: forgetting of task 1 by ${Plot.words(now.forgetting.at(-1))} decades, transfer to task 2 by ${
        Plot.words(now.transfer.at(-1))}` : "Forgetting" });
    host.times = now.since;
    host.first = shown.switch;
  }

  showState(index) {
    const { shown } = this, { K, M } = shown.s, F = 2 * M, { y, heads, errors } = shown.states[index], all = [...y];
    const rows = (first, width) => Setting.range(K).map((k) => all.slice(first + k * width, first + (k + 1) * width));
    this.tell(shown.alpha[index], `ε_g = ${Plot.words(errors[0])} and ${Plot.words(errors[1])}`);
    const w = numbered("w", K);
    this.drawState([["Q = w·w/N, student with student", "heatMap", rows(K * F, K), w, w],
      ["R = w·w*/N, with teachers 1 (*) and 2 (**)", "heatMap", rows(0, F), w,
        [...numbered("*", M), ...numbered("**", M)]],
      ["heads of task 1 (h) and task 2 (h′)", "bars", heads.flat(), [...numbered("h", K), ...numbered("h′", K)],
        heads.flat().map((_, i) => (i < K ? "plus" : "minus"))]]);
  }

  python() { this.copy(Export.pythonTwo(this.setting, this.begin)); }

  csv() {
    const { shown } = this, s = shown.s;
    this.download("forgetting.csv", "text/csv",
      Export.csv([`tutelage explore, two teachers; v is the head of the task that is taught; ${JSON.stringify(s)}`],
      { alpha: shown.alpha, eg_1: shown.errors[0], eg_2: shown.errors[1],
        ...Export.overlapColumns(shown.states.map((state) => state.y), s.K, 2 * s.M) }));
  }
}

function open() {
  const views = { one: new OneTeacher(document.getElementById("one"), GIVEN),
    two: new TwoTeachers(document.getElementById("two")) };
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  const choose = (tab) => {
    for (const other of tabs) {
      const chosen = other === tab, panel = document.getElementById(other.getAttribute("aria-controls"));
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      panel.hidden = !chosen;
    }
    const view = views[tab.getAttribute("aria-controls")];
    if (view.shown) view.draw();
    else view.changed();
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(i + step + tabs.length) % tabs.length];
      next.focus();
      choose(next);
    });
  });
}

open();
