"use strict";
// Averages of erf(x / sqrt 2), in closed form (Saad and Solla 1995); what the sums are stands in averages.js.

const Erf = (() => {
  const { speaking, asin } = Fields;

  function sums(m) {
    const { K, P, C, a, drift, slope, spread, one, fields } = m, count = speaking(m);
    for (let i = 0; i < K; i++) {
      const own = 1 + C[i * P + i];
      let along = 0;
      for (let f = 0; f < count; f++) {
        const c = fields[f], x = C[i * P + c];
        one[f] = a[c] / Math.sqrt(own * (1 + C[c * P + c]) - x * x);
        along += one[f] * x;
      }
      along /= own;
      for (let n = 0; n < P; n++) {
        let total = 0;
        for (let f = 0; f < count; f++) total += one[f] * C[n * P + fields[f]];
        drift[i * P + n] = 2 / Math.PI * (total - C[i * P + n] * along);
      }
      slope[i] = 0;
      if (m.lrReadout !== 0) for (let f = 0; f < count; f++) slope[i] += a[fields[f]] * pair(m, i, fields[f]);
      if (m.lr !== 0) for (let k = 0; k <= i; k++) spread[i * K + k] = spread[k * K + i] = spreadOf(m, i, k, count);
    }
  }

  function pair({ C, P }, c, d) {
    return 2 / Math.PI * asin(C[c * P + d] / Math.sqrt((1 + C[c * P + c]) * (1 + C[d * P + d])));
  }

  function spreadOf(m, i, k, count) {
    const { P, C, a, one, two, scale, fields } = m;
    const l11 = Math.sqrt(1 + C[i * P + i]), l21 = C[i * P + k] / l11;
    const L4 = (1 + C[i * P + i]) * (1 + C[k * P + k]) - C[i * P + k] ** 2, root = Math.sqrt(L4);
    const less = 1 / l11, beyond = l11 / root;
    let total = 0;
    for (let f = 0; f < count; f++) {
      const c = fields[f], at = c * P, x = C[i * P + c] * less, z = (C[k * P + c] - l21 * x) * beyond;
      const s = 1 / Math.sqrt(1 + C[at + c] - x * x - z * z);
      one[f] = x;
      two[f] = z;
      scale[f] = s;
      let row = 0.5 * a[c] * asin((C[at + c] - x * x - z * z) * s * s);
      for (let e = 0; e < f; e++) {
        const d = fields[e];
        row += a[d] * asin((C[at + d] - x * one[e] - z * two[e]) * s * scale[e]);
      }
      total += 2 * a[c] * row;
    }
    return 2 / Math.PI / root * (2 / Math.PI * total + m.noise2);
  }

  return { sums, pair };
})();
