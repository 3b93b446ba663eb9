"use strict";
// Averages of linear units: one number for all students; what the sums are stands in averages.js.

const Linear = (() => {
  function sums(m) {
    const { K, P, C, a, drift, slope, spread } = m;
    let error = 0;
    for (let n = 0; n < P; n++) {
      let total = 0;
      for (let c = 0; c < P; c++) total += a[c] * C[n * P + c];
      error += a[n] * total;
      for (let i = 0; i < K; i++) drift[i * P + n] = total;
      if (n < K) slope[n] = total;
    }
    spread.fill(error + m.noise2);
  }

  const pair = (m, c, d) => m.C[c * m.P + d];

  return { sums, pair };
})();
