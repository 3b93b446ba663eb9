"use strict";
// What both tabs have: solving in slices, a time cursor, the picture of a state, pins, copies and downloads.

class View {
  constructor(section, name) {
    this.section = section;
    this.name = name;
    this.pinned = null;
    this.cursor = null;
    this.find = (selector) => section.querySelector(selector);
    this.slider = this.find(".cursor input");
    this.slider.addEventListener("input", () => { this.cursor = Number(this.slider.value); this.draw(); });
    for (const button of section.querySelectorAll("[data-do]")) {
      button.addEventListener("click", () => this[button.dataset.do]());
    }
    for (const host of section.querySelectorAll("figure.curve, figure.change")) this.makeDraggable(host);
    new ResizeObserver(() => this.draw()).observe(this.find("figure.curve"));
  }

  /** Solve anew, soon; what has been asked for before is dropped. */
  changed() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    this.frame = requestAnimationFrame(() => this.solve());
  }

  /** Follow `run` in slices, so that the page stays alive; draw what there is after each. */
  follow(run) {
    this.run = run;
    const began = performance.now();
    const slice = () => {
      const status = run.advance(performance.now() + 20);
      this.passed(run);
      const words = { [Dynamics.RUNNING]: `solving: α = ${Plot.words(run.alpha)}`,
        [Dynamics.FINISHED]: `solved in ${Math.max(1, Math.round(performance.now() - began))} ms`,
        [Dynamics.DIVERGED]: `diverges at α = ${Plot.words(run.alpha)}; a smaller learning rate may help`,
        [Dynamics.STUCK]: `the step underflows at α = ${Plot.words(run.alpha)}; a smaller learning rate may help`,
      }[status];
      this.find(".status").textContent = words;
      this.find(".status").classList.toggle("message", status > Dynamics.FINISHED);
      this.section.dataset.solved = String(status !== Dynamics.RUNNING);
      this.draw();
      if (status === Dynamics.RUNNING) this.timer = setTimeout(slice, 0);
    };
    slice();
  }

  makeDraggable(host) {
    const move = (event) => {
      if (!host.axis || (event.type === "pointermove" && !event.buttons)) return;
      const svg = host.querySelector("svg"), box = svg.getBoundingClientRect();
      const x = host.axis.back((event.clientX - box.left) * svg.viewBox.baseVal.width / box.width);
      const times = host.times ?? [];
      let nearest = 0;
      times.forEach((t, i) => { if (Math.abs(t - x) < Math.abs(times[nearest] - x)) nearest = i; });
      this.cursor = nearest + (host.first ?? 0);
      this.slider.value = this.cursor;
      this.draw();
    };
    host.addEventListener("pointerdown", move);
    host.addEventListener("pointermove", move);
  }

  /** The index of the cursor among `count` times; the last by default. */
  at(count) {
    this.slider.max = Math.max(count - 1, 0);
    const index = this.cursor === null ? count - 1 : Math.min(this.cursor, count - 1);
    this.slider.value = index;
    return index;
  }

  tell(alpha, errors) {
    const symbol = Controls.make("span", {}, "ε", Controls.make("sub", {}, "g"));
    this.find(".cursor output").replaceChildren(`α = ${Plot.words(alpha)}, `, symbol, ` = ${errors}`);
    this.slider.setAttribute("aria-valuetext", `α = ${Plot.words(alpha)}, error ${errors}`);
  }

  /** Draw Q, R and readouts of a state; `panels`: [name, kind, data...]. */
  drawState(panels) {
    const host = this.find(".states");
    while (host.children.length > panels.length) host.lastChild.remove();
    panels.forEach(([name, kind, ...data], i) => {
      const figure = host.children[i] ?? host.appendChild(Controls.make("figure", {}, Controls.make("figcaption")));
      figure.dataset.name = name;
      figure.firstChild.textContent = name;
      Plot[kind](figure, ...data);
    });
  }

  pin() {
    this.pinned = this.shown;
    this.find('[data-do="unpin"]').disabled = false;
    this.draw();
  }

  unpin() {
    this.pinned = null;
    this.find('[data-do="unpin"]').disabled = true;
    this.draw();
  }

  /** Show a text, selected, and put it on the clipboard where the browser lets a page do so. */
  copy(text) {
    const box = this.find(".copied"), area = box.querySelector("textarea");
    box.hidden = false;
    area.value = text;
    area.focus();
    area.select();
    area.scrollTop = 0;
    if (navigator.clipboard?.writeText) navigator.clipboard.writeText(text).catch(() => document.execCommand("copy"));
    else document.execCommand("copy");
  }

  download(name, type, text) {
    const link = Controls.make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  svg() {
    this.download(`${this.name}.svg`, "image/svg+xml",
      Plot.standalone([...this.section.querySelectorAll("figure.curve svg, figure.change svg")]));
  }
}

const below = (text) => [...String(text)].map((c) => "₀₁₂₃₄₅₆₇₈₉"[c]).join("");
const numbered = (letter, count) => Setting.range(count).map((i) => `${letter}${below(i + 1)}`);
