"use strict";
// Averages over Gaussian fields, summed over fields as the equations of motion want them: erf(x / sqrt 2), linear,
// ReLU.
//
// For a model m (dynamics.js) with covariance C (P, P) and signed readouts a (P,) they write, for students i, k,
//   drift[i, n]  = sum_c a_c I3(i, n, c)                         spread[i, k] = sum_cd a_c a_d I4(i, k, c, d) + noise
//   slope[i]     = sum_c a_c I2(i, c).
// Against Python's, whose error is 1e-14, that of the sums is below 1e-9 (tests/exact/test_explore.py).

const Averages = (() => {
  const UNITS = { erf: Erf, linear: Linear, relu: Relu };

  /** Write drift, spread and slope of a model whose C and a are written. */
  function sums(m) {
    UNITS[m.activation].sums(m);
  }

  /** 2 eps_g: sum_cd a_c a_d <g(x_c) g(x_d)>. */
  function squaredError(m) {
    const { P, a } = m, { pair } = UNITS[m.activation];
    if (m.activation === "relu") Relu.angles(m);
    let total = 0;
    for (let c = 0; c < P; c++) {
      for (let d = 0; d <= c; d++) total += (c === d ? 1 : 2) * a[c] * a[d] * pair(m, c, d);
    }
    return total;
  }

  return { sums, squaredError };
})();
