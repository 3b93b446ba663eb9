"use strict";
// Pictures as SVG: curves over logarithmic axes, heat maps, bars.

const Plot = (() => {
  const SPACE = "http://www.w3.org/2000/svg", FLOOR = 1e-16; // smaller errors are not drawn
  const LEFT = 66, RIGHT = 96, TOP = 14, BOTTOM = 44;

  function draw(tag, attributes = {}, ...children) {
    const element = document.createElementNS(SPACE, tag);
    for (const [name, value] of Object.entries(attributes)) {
      element.setAttribute(name, typeof value === "number" ? Number(value.toFixed(2)) : value);
    }
    element.append(...children);
    return element;
  }

  /** A text with what follows an underscore set lower: "ε_g". */
  function label(text, attributes) {
    const parts = text.split(/_(\w)/), element = draw("text", attributes, parts[0]);
    for (let i = 1; i < parts.length; i += 2) {
      element.append(draw("tspan", { dy: 3, "font-size": "10px" }, parts[i]), draw("tspan", { dy: -3 }, parts[i + 1]));
    }
    return element;
  }

  const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

  /** A number for people: 0.0123, 4.5·10⁻⁷. */
  function words(x, digits = 3) {
    if (x === 0 || !Number.isFinite(x)) return String(x);
    const power = Math.floor(Math.log10(Math.abs(x)));
    if (power >= -3 && power < 5) return String(Number(x.toPrecision(digits)));
    const lead = Number((x / 10 ** power).toPrecision(digits));
    return `${lead === 1 ? "" : `${lead}·`}10${[...String(power)].map((c) => RAISED[c]).join("")}`;
  }

  function logTicks(min, max, most) {
    const first = Math.ceil(Math.log10(min) - 1e-9), last = Math.floor(Math.log10(max) + 1e-9), ticks = [];
    const skip = Math.max(1, Math.ceil((last - first + 1) / most));
    for (let p = first; p <= last; p += skip) ticks.push(10 ** p);
    if (ticks.length >= 3 || (skip > 1 && ticks.length)) return ticks;
    const powers = Array.from({ length: last - first + 2 }, (_, i) => 10 ** (first - 1 + i));
    const fine = powers.flatMap((p) => [p, 2 * p, 5 * p]).filter((t) => t >= min && t <= max);
    if (fine.length < 3) return linearTicks(min, max, 4); // less than a decade
    return fine.length <= most ? fine : fine.filter((_, i) => i % Math.ceil(fine.length / most) === 0);
  }

  function linearTicks(min, max, most) {
    const rough = (max - min) / most, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((s) => s * power).find((s) => s >= rough), ticks = [];
    const end = max * (1 + 1e-9) + 1e-12;
    for (let t = Math.ceil(min / step - 1e-9) * step; t <= end; t += step) ticks.push(Number(t.toPrecision(12)));
    return ticks;
  }

  /** An axis from data to pixels. */
  function axis({ log, min, max }, from, to, most) {
    const scale = log ? Math.log : (x) => x, a = scale(min), b = scale(max) - a || 1;
    return { at: (x) => from + (to - from) * (scale(x) - a) / b, ticks: (log ? logTicks : linearTicks)(min, max, most),
      back: (pixel) => { const t = a + b * (pixel - from) / (to - from); return log ? Math.exp(t) : t; } };
  }

  function extent(values, log) {
    const some = values.filter((x) => Number.isFinite(x) && (!log || x > FLOOR));
    if (some.length === 0) return log ? { log, min: 0.1, max: 1 } : { log, min: 0, max: 1 };
    let min = Math.min(...some), max = Math.max(...some);
    if (log) { const pad = Math.max((max / min) ** 0.06, 1.1); return { log, min: min / pad, max: max * pad }; }
    const pad = 0.06 * (max - min) || 0.5;
    return { log, min: min - pad, max: max + pad };
  }

  /** Replace what is in `host` by a plot of
   * { x: { log, min, max, label }, y: { log, label }, curves: [{ x, y, style, label }],
   *   bands: [{ x, low, high, style }], marks: [{ y, from, to, label }], lines: [{ x, label }], cursor, name };
   * return the axis x, to find a cursor. */
  function curves(host, plot) {
    const width = Math.max(host.clientWidth || 700, 280);
    const height = Math.round(Math.min(440, Math.max(260, 0.58 * width)));
    const right = width < 480 ? 80 : RIGHT, { log } = plot.y;
    const levels = plot.marks.map((m) => m.y), edges = plot.bands.flatMap((b) => [...b.low, ...b.high]);
    const seen = plot.curves.flatMap((c) => before(c, plot.x.max)), least = log ? Math.min(...seen) / 30 : -Infinity;
    const all = [...seen, ...levels, ...edges.filter((b) => b > least)];
    const X = axis(plot.x, LEFT, width - right, width < 480 ? 4 : 8);
    const Y = axis(extent(all, log), height - BOTTOM, TOP, 7);
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": plot.name });
    const clip = `clip-${++clips}`;
    svg.append(draw("clipPath", { id: clip }, draw("rect", { x: LEFT, y: TOP, width: width - right - LEFT,
      height: height - TOP - BOTTOM })));
    frame(svg, plot, X, Y, width, height, right);
    const inside = draw("g", { "clip-path": `url(#${clip})` });
    const low = (y) => Y.at(log ? Math.max(y, FLOOR / 10) : y), there = Number.isFinite;
    const path = (x, y) => x.map((t, i) => (there(y[i])
      ? `${i && there(y[i - 1]) ? "L" : "M"}${X.at(t).toFixed(1)} ${low(y[i]).toFixed(1)}` : "")).join("");
    for (const { x, low: under, high: over, style } of plot.bands) {
      const back = path([...x].reverse(), [...under].reverse()).replace("M", "L");
      inside.append(draw("path", { class: `band ${style}`, d: `${path(x, over)}${back}Z` }));
    }
    const names = [];
    for (const line of plot.lines) {
      inside.append(draw("line", { class: "axis", x1: X.at(line.x), x2: X.at(line.x), y1: TOP, y2: height - BOTTOM }));
      names.push(draw("text", { class: "soft halo", x: X.at(line.x) + 5, y: height - BOTTOM - 7 }, line.label));
    }
    for (const c of plot.curves) inside.append(draw("path", { class: `line ${c.style}`, d: path(c.x, c.y) }));
    for (const mark of plot.marks) {
      const [x1, x2] = [X.at(mark.from), X.at(mark.to)];
      inside.append(draw("line", { class: "mark dashed", x1, x2, y1: Y.at(mark.y), y2: Y.at(mark.y) }));
    }
    if (plot.cursor) {
      inside.append(draw("line", { class: "cursor-line", x1: X.at(plot.cursor.x), x2: X.at(plot.cursor.x), y1: TOP,
        y2: height - BOTTOM }));
      for (const y of plot.cursor.y.filter((e) => e > FLOOR || !log)) {
        inside.append(draw("circle", { class: "dot", cx: X.at(plot.cursor.x), cy: low(y), r: 4.5 }));
      }
    }
    svg.append(inside, ...names);
    endLabels(svg, plot, Y, width - right + 6, height);
    host.replaceChildren(svg);
    return X;
  }

  let clips = 0;

  /** What of a curve is seen: a pinned one may go on. */
  function before({ x, y }, most) {
    return y.filter((_, i) => x[i] <= most * (1 + 1e-9));
  }

  function frame(svg, plot, X, Y, width, height, right) {
    for (const t of Y.ticks) {
      svg.append(draw("line", { class: "grid", x1: LEFT, x2: width - right, y1: Y.at(t), y2: Y.at(t) }),
        draw("text", { class: "soft", x: LEFT - 6, y: Y.at(t) + 4, "text-anchor": "end" }, words(t)));
    }
    for (const t of X.ticks) {
      svg.append(
        draw("line", { class: "axis", x1: X.at(t), x2: X.at(t), y1: height - BOTTOM, y2: height - BOTTOM + 5 }),
        draw("text", { class: "soft", x: X.at(t), y: height - BOTTOM + 18, "text-anchor": "middle" }, words(t)));
    }
    const bottom = height - BOTTOM;
    svg.append(draw("path", { class: "axis", d: `M${LEFT} ${TOP}V${bottom}H${width - right}` }),
      label(plot.x.label, { x: (LEFT + width - right) / 2, y: height - 6, "text-anchor": "middle" }),
      label(plot.y.label, { transform: `translate(13 ${(TOP + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }));
  }

  /** Labels right of the plot, at the height of what they name, pushed apart where they would touch. */
  function endLabels(svg, plot, Y, x, height) {
    const end = (c) => before(c, plot.x.max).filter(Number.isFinite).at(-1);
    const named = [...plot.curves.map((c) => ({ y: end(c), label: c.label, style: c.style })),
      ...plot.marks.map((m) => ({ y: m.y, label: m.label, style: "mark" }))]
      .filter((n) => n.label && n.y !== undefined);
    const places = named.map((n) => ({ ...n, at: Y.at(plot.y.log ? Math.max(n.y, FLOOR / 10) : n.y) + 4,
      lines: n.label.split("\n") }));
    for (const p of places) p.at = Math.min(Math.max(p.at, TOP + 10), height - BOTTOM + 2);
    places.sort((a, b) => a.at - b.at);
    const gap = (p) => 15 * p.lines.length + 2;
    for (let i = 1; i < places.length; i++) {
      places[i].at = Math.max(places[i].at, places[i - 1].at + gap(places[i - 1]));
    }
    let most = height - BOTTOM + 4;
    for (let i = places.length - 1; i >= 0; i--) {
      places[i].at = Math.min(places[i].at, most - gap(places[i]) + 17);
      most = places[i].at - 17;
    }
    for (const p of places) p.lines.forEach((line, l) => svg.append(
      draw("text", { class: `label ${p.style}`, x, y: p.at + 15 * l }, line)));
  }

  /** A matrix as coloured cells with numbers in them. */
  function heatMap(host, matrix, rows, columns) {
    const cell = 34, left = 26, top = 20;
    const width = left + cell * columns.length + 2, height = top + cell * rows.length + 2;
    const most = Math.max(...matrix.flat().map(Math.abs), 1e-12);
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", style: `max-width:${width * 1.15}px`,
      "aria-label": `${host.dataset.name}: ${
        matrix.map((row) => row.map((x) => words(x, 2)).join(", ")).join("; ")}` });
    columns.forEach((name, n) => svg.append(draw("text", { class: "soft", x: left + cell * (n + 0.5), y: 14,
      "text-anchor": "middle" }, name)));
    rows.forEach((name, k) => {
      const y = top + cell * k;
      svg.append(draw("text", { class: "soft", x: left - 4, y: y + cell / 2 + 4, "text-anchor": "end" }, name));
      matrix[k].forEach((x, n) => svg.append(
        draw("rect", { class: `cell ${x < 0 ? "minus" : "plus"}`, x: left + cell * n, y, width: cell, height: cell,
          "fill-opacity": 0.6 * Math.abs(x) / most }),
        draw("text", { x: left + cell * (n + 0.5), y: y + cell / 2 + 4, "text-anchor": "middle",
          style: "font-size:11px" }, short(x))));
    });
    picture(host, svg);
  }

  function short(x) { // in four letters
    const size = Math.abs(x) * (x < 0 ? 10 : 1),
      text = size >= 99.5 ? x.toFixed(0) : size >= 9.95 ? x.toFixed(1) : x.toFixed(2);
    return text.replace(/^(-?)0\./, "$1.").replace(/^-?\.00$/, "0").replace("-", "−");
  }

  /** Bars with names under them. */
  function bars(host, values, names, styles) {
    const step = 30, left = 34, height = 130, width = left + step * values.length + 4;
    const Y = axis({ min: Math.min(0, ...values), max: Math.max(0, ...values) || 1 }, height - 22, 16, 3),
      zero = Y.at(0);
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", style: `max-width:${width * 1.15}px`,
      "aria-label": `${host.dataset.name}: ${values.map((x, i) => `${names[i]} ${words(x, 3)}`).join(", ")}` });
    for (const t of Y.ticks) {
      svg.append(draw("line", { class: "grid", x1: left - 2, x2: width, y1: Y.at(t), y2: Y.at(t) }),
        draw("text", { class: "soft", x: left - 6, y: Y.at(t) + 4, "text-anchor": "end", style: "font-size:11px" },
          words(t, 2)));
    }
    values.forEach((x, i) => {
      const y = Y.at(x), at = left + step * i + 4;
      svg.append(draw("rect", { class: styles[i], x: at, y: Math.min(y, zero), width: step - 8,
        height: Math.max(Math.abs(y - zero), 0.8), "fill-opacity": 0.75 }),
        draw("text", { class: "soft", x: at + (step - 8) / 2, y: height - 6, "text-anchor": "middle",
          style: "font-size:11px" }, names[i]));
    });
    picture(host, svg);
  }

  function picture(host, svg) {
    host.querySelector("svg")?.remove();
    host.append(svg);
  }

  /** The text of an SVG file of pictures below one another, which needs no style sheet. */
  function standalone(pictures) {
    const sizes = pictures.map((svg) => svg.viewBox.baseVal), width = Math.max(...sizes.map((size) => size.width));
    const height = sizes.reduce((sum, size) => sum + size.height, 0),
      whole = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height });
    whole.append(draw("rect", { width: "100%", height: "100%",
      fill: getComputedStyle(document.body).backgroundColor }));
    let top = 0;
    pictures.forEach((svg, i) => {
      const copy = plain(svg);
      copy.setAttribute("y", top);
      copy.setAttribute("width", sizes[i].width);
      copy.setAttribute("height", sizes[i].height);
      top += sizes[i].height;
      whole.append(copy);
    });
    return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(whole)}\n`;
  }

  function plain(svg) { // a copy with its styles written out
    const copy = svg.cloneNode(true), from = [svg, ...svg.querySelectorAll("*")],
      to = [copy, ...copy.querySelectorAll("*")];
    const kept = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "paint-order",
      "font-family", "font-size"];
    from.forEach((element, i) => {
      const style = getComputedStyle(element);
      for (const name of kept) to[i].setAttribute(name, style.getPropertyValue(name));
      to[i].removeAttribute("class");
    });
    return copy;
  }

  return { curves, heatMap, bars, standalone, words, FLOOR };
})();
