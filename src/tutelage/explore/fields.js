"use strict";
// What averages over Gaussian fields have in common: which fields speak, arcs, nodes.

const Fields = (() => {
  /** List the fields with a readout in m.fields and return how many they are: of two teachers one is silent. */
  function speaking(m) {
    let count = 0;
    for (let c = 0; c < m.P; c++) if (m.a[c] !== 0) m.fields[count++] = c;
    return count;
  }

  /** asin(x): the rational approximation of fdlibm (e_asin.c, Sun Microsystems). Inlined, it is
   * quicker than Math.asin. */
  function asin(x) {
    const size = Math.abs(x), inner = size < 0.5, z = inner ? x * x : 0.5 * (1 - size);
    const p = z * (1.66666666666666657415e-01 + z * (-3.25565818622400915405e-01 + z * (2.01212532134862925881e-01
      + z * (-4.00555345006794114027e-02 + z * (7.91534994289814532176e-04 + z * 3.47933107596021167570e-05)))));
    const q = 1 + z * (-2.40339491173441421878e+00 + z * (2.02094576023350569471e+00
      + z * (-6.88283971605453293030e-01 + z * 7.70381505559019352791e-02)));
    if (inner) return x + x * (p / q);
    const root = Math.sqrt(z), arc = Math.PI / 2 - 2 * (root + root * (p / q));
    return x < 0 ? -arc : arc;
  }

  /** Nodes and weights of Gauss and Legendre on [-1, 1]. */
  function gaussLegendre(n) {
    const x = [], w = [];
    for (let i = 0; i < n; i++) {
      let z = Math.cos(Math.PI * (i + 0.75) / (n + 0.5)), slope = 1;
      for (let round = 0; round < 8; round++) {
        let p = 1, before = 0;
        for (let j = 0; j < n; j++) [p, before] = [((2 * j + 1) * z * p - j * before) / (j + 1), p];
        slope = n * (z * p - before) / (z * z - 1);
        z -= p / slope;
      }
      x.push(z);
      w.push(2 / ((1 - z * z) * slope * slope));
    }
    return { x, w };
  }

  return { speaking, asin, gaussLegendre };
})();
