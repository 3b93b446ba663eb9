"use strict";
// Controls from a description: a slider with a field beside it, or a choice. Every one has a label, says its scaling.

const Controls = (() => {
  let used = 0;

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  /** Fill a form; returns { values, set } and calls `change` when a value has changed. */
  function build(form, groups, values, change) {
    const show = {};
    form.addEventListener("submit", (event) => event.preventDefault());
    for (const { title, controls } of groups) {
      const box = title ? make("fieldset", {}, make("legend", {}, title)) : form;
      for (const control of controls) box.append(one(control, values, change, show));
      if (title) form.append(box);
    }
    const set = (more) => {
      Object.assign(values, more);
      for (const name of Object.keys(more)) show[name]?.();
      change();
    };
    return { values, set };
  }

  function one(control, values, change, show) {
    const id = `control-${++used}`, row = make("div", { class: control.options ? "control choice" : "control",
      "data-name": control.name });
    const label = make("label", { for: id }, control.label), hint = make("small", { id: `${id}-hint` },
      control.hint ?? "");
    row.append(label, ...(control.options ? choice(control, id, values, change, show) : field(control, id, values,
      change, show)));
    if (control.hint) row.append(hint);
    return row;
  }

  function choice({ name, options, hint }, id, values, change, show) {
    const select = make("select", { id, name }, ...options.map(([value, text]) => make("option", { value }, text)));
    if (hint) select.setAttribute("aria-describedby", `${id}-hint`);
    show[name] = () => { select.value = values[name]; };
    show[name]();
    select.addEventListener("change", () => { values[name] = select.value; change(name); });
    return [select];
  }

  /** `min`, `max`: of the slider; `least`, `most`: of the field; `log`: even steps of the slider are even factors. */
  function field({ name, label, hint, min, max, step, log, least = min, most = Infinity, whole }, id, values, change,
    show) {
    const number = make("input", { type: "number", id, name, step: whole ? 1 : log || !step ? "any" : step,
      inputmode: whole ? "numeric" : "decimal" });
    const complain = (words) => { // in place of the browser's validity, to which a value between steps is wrong
      number.setCustomValidity(words);
      number.setAttribute("aria-invalid", String(words !== ""));
    };
    const slider = min === undefined ? null
      : make("input", { type: "range", "aria-label": `${label}, slider`, min: log ? 0 : min, max: log ? 100 : max,
        step: log ? 1 : step });
    if (hint) number.setAttribute("aria-describedby", `${id}-hint`);
    const place = (x) => (log ? 100 * Math.log(Math.max(x, min) / min) / Math.log(max / min) : x);
    const slide = () => { // the slider's own numbers mean nothing where it is logarithmic
      if (!slider) return;
      slider.value = place(values[name]);
      slider.setAttribute("aria-valuetext", values[name]);
    };
    const round = (x) => (whole ? Math.round(x) : Number(x.toPrecision(log ? 2 : 6)));
    show[name] = () => {
      number.value = values[name];
      complain("");
      slide();
    };
    show[name]();
    number.addEventListener("input", () => {
      const x = number.valueAsNumber, good = x >= least && x <= most && (!whole || Number.isSafeInteger(x));
      const bounds = most < Infinity ? `from ${least} to ${most}` : `at least ${least}`;
      complain(good ? "" : `${label}: ${whole ? "a whole number " : "a number "}${bounds}.`);
      if (!good) return number.reportValidity();
      values[name] = x;
      slide();
      change(name);
    });
    slider?.addEventListener("input", () => {
      const x = Number(slider.value);
      values[name] = log && x === 0 ? min : round(log ? min * (max / min) ** (x / 100) : x);
      number.value = values[name];
      slider.setAttribute("aria-valuetext", values[name]);
      complain("");
      change(name);
    });
    return slider ? [number, slider] : [number];
  }

  return { build, make };
})();
