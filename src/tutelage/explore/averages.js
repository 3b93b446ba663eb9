"use strict";
// Averages over Gaussian fields, summed over fields as the equations of motion want them: erf(x / sqrt 2), linear, ReLU.
//
// For a model m (dynamics.js) with covariance C (P, P) and signed readouts a (P,) they write, for students i, k,
//   drift[i, n]  = sum_c a_c I3(i, n, c)                         spread[i, k] = sum_cd a_c a_d I4(i, k, c, d) + noise
//   slope[i]     = sum_c a_c I2(i, c).
// Closed forms but for one: the probability that four fields are positive, in ReLU's I4, is an integral over at most 36
// nodes. Against Python's, whose error is 1e-14, that of the sums is below 1e-9 (tests/exact/test_explore.py).

const Averages = (() => {
  const TWO_PI = 2 * Math.PI;
  const APART = 1e-8; // sine of the least angle between two ReLU fields

  /** List the fields with a readout in m.fields and return how many they are: of two teachers one is silent. */
  function speaking(m) {
    let count = 0;
    for (let c = 0; c < m.P; c++) if (m.a[c] !== 0) m.fields[count++] = c;
    return count;
  }

  /** asin(x): the rational approximation of fdlibm (e_asin.c, Sun Microsystems), inlined;
    a call costs three times more. */
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

  // --- erf(x / sqrt 2) ---------------------------------------------------------------------------------------------

  function erfSums(m) {
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
      if (m.lrReadout !== 0) for (let f = 0; f < count; f++) slope[i] += a[fields[f]] * pairErf(C, P, i, fields[f]);
      if (m.lr !== 0) for (let k = 0; k <= i; k++) spread[i * K + k] = spread[k * K + i] = spreadErf(m, i, k, count);
    }
  }

  function pairErf(C, P, c, d) {
    return 2 / Math.PI * asin(C[c * P + d] / Math.sqrt((1 + C[c * P + c]) * (1 + C[d * P + d])));
  }

  function spreadErf(m, i, k, count) {
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

  // --- linear ------------------------------------------------------------------------------------------------------

  function linearSums(m) {
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

  // --- ReLU --------------------------------------------------------------------------------------------------------

  /** Write correlations r, their arcs asin(r), sines and the standard deviations of all fields. */
  function angles(m) {
    const { P, C, r, arc, sine, deviation } = m;
    for (let c = 0; c < P; c++) deviation[c] = Math.sqrt(Math.max(C[c * P + c], 0));
    for (let c = 0; c < P; c++) {
      for (let d = 0; d <= c; d++) {
        const scale = deviation[c] * deviation[d], at = c * P + d, back = d * P + c;
        const x = c === d ? 1 : scale > 0 ? Math.min(1, Math.max(-1, C[at] / scale)) : 0;
        r[at] = r[back] = x;
        arc[at] = arc[back] = asin(x);
        sine[at] = sine[back] = Math.max(Math.sqrt((1 - x) * (1 + x)), APART);
      }
    }
  }

  function pairRelu(m, c, d) {
    const at = c * m.P + d, x = m.r[at], sine = Math.sqrt((1 - x) * (1 + x));
    return m.deviation[c] * m.deviation[d] / TWO_PI * (sine + (Math.PI / 2 + m.arc[at]) * x);
  }

  function reluSums(m) {
    const { K, P, C, a, r, arc, sine, deviation, drift, slope, spread, fields } = m;
    angles(m);
    const count = speaking(m);
    for (let i = 0; i < K; i++) {
      slope[i] = 0;
      for (let n = 0; n < P; n++) drift[i * P + n] = 0;
      for (let f = 0; f < count; f++) {
        const c = fields[f], at = i * P + c, both = 0.25 + arc[at] / TWO_PI;
        if (m.lrReadout !== 0) slope[i] += a[c] * pairRelu(m, i, c);
        const across = c === i ? 0 : deviation[c] * sine[at] / TWO_PI;
        for (let n = 0; n < P; n++) {
          drift[i * P + n] += a[c] * (deviation[n] * r[i * P + n] * across + C[n * P + c] * both);
        }
      }
    }
    if (m.lr === 0) return;
    for (let i = 0; i < K; i++) {
      for (let k = 0; k <= i; k++) {
        let total = m.noise2 * (0.25 + arc[i * P + k] / TWO_PI);
        for (let f = 0; f < count; f++) {
          for (let e = 0; e <= f; e++) {
            total += (e === f ? 1 : 2) * a[fields[f]] * a[fields[e]] * fewer(m, i, k, fields[f], fields[e]);
          }
        }
        spread[i * K + k] = spread[k * K + i] = total;
      }
    }
    quadruples(m);
  }

  const S = new Int32Array(4), rest = new Float64Array(16);

  /** <theta_i theta_k (x_c)+ (x_d)+> where these are at most three fields; 0 for four, which quadruples() adds. */
  function fewer(m, i, k, c, d) {
    let size = 0;
    S[size++] = i;
    if (k !== i) S[size++] = k;
    if (c !== i && c !== k) S[size++] = c;
    if (d !== i && d !== k && d !== c) S[size++] = d;
    if (size === 4) return 0;
    const { P, arc } = m;
    let all = 0.5;
    if (size === 2) all = 0.25 + arc[S[0] * P + S[1]] / TWO_PI;
    if (size === 3) all = three(m, S[0], S[1], S[2]);
    rest.fill(size === 3 ? 0.5 : 1);
    return moment(m, size, c, d, all);
  }

  function three(m, b, c, d) {
    return 0.125 + (m.arc[b * m.P + c] + m.arc[b * m.P + d] + m.arc[c * m.P + d]) / (2 * TWO_PI);
  }

  /** <prod_S theta(x) x_y x_z> by parts; `all` is <prod theta>,
    rest[4 p + q] that of the others given S_p = S_q = 0. */
  function moment(m, size, y, z, all) {
    const { P, r, sine } = m;
    let total = 0;
    for (let p = 0; p < size; p++) {
      const b = S[p], yb = r[y * P + b], bz = r[b * P + z];
      for (let q = 0; q < size; q++) {
        if (q === p) continue;
        const c = S[q], bc = r[b * P + c];
        total += yb * (r[c * P + z] - bc * bz) / sine[b * P + c] * rest[4 * p + q];
      }
    }
    return m.deviation[y] * m.deviation[z] * (total / TWO_PI + r[y * P + z] * all);
  }

  /** Add to spread what four different fields give: once for each set, for all pairs of students in it. */
  function quadruples(m) {
    const { K, P, a, spread } = m;
    for (let b = 0; b < K; b++) for (let c = b + 1; c < K; c++) {
      for (let d = c + 1; d < P; d++) for (let e = d + 1; e < P; e++) {
        if ((d >= K && a[d] === 0) || (e >= K && a[e] === 0)) continue;
        S[0] = b; S[1] = c; S[2] = d; S[3] = e;
        const all = four(m);
        for (let p = 0; p < 4; p++) for (let q = p + 1; q < 4; q++) {
          if (S[q] >= K) continue;
          let s = 0;
          while (s === p || s === q) s++;
          const t = 6 - p - q - s;
          const more = 2 * a[S[s]] * a[S[t]] * moment(m, 4, S[s], S[t], all);
          spread[S[p] * K + S[q]] += more;
          spread[S[q] * K + S[p]] += more;
        }
      }
    }
  }

  /** asin of the correlation of fields s and t given x_p = x_q = 0, with correlations scaled by `u` to p alone. */
  function arcGiven(pq, st, ps, pt, qs, qt) {
    const D = 1 - pq * pq;
    const vs = D - ps * ps - qs * qs + 2 * pq * ps * qs, vt = D - pt * pt - qt * qt + 2 * pq * pt * qt;
    const st0 = D * st - ps * pt - qs * qt + pq * (ps * qt + qs * pt), product = vs * vt;
    return product > 1e-30 ? asin(Math.max(-1, Math.min(1, st0 / Math.sqrt(product)))) : 0;
  }

  function minor(x, y, z) { // determinant of the correlations of three fields
    return Math.max(1 + 2 * x * y * z - x * x - y * y - z * z, 0);
  }

  const corr = new Float64Array(16);

  /** <theta theta theta theta> of the fields S, and rest[] for all pairs.
   *
   * Plackett's integral along t -> correlations of one field times t, from 0, where that field is free, to 1. Of the
   * four it is the one farthest from the span of the others. With t = cos w the integrand has its nearest singularity
   * at w = +- i b, cosh b = 1 / (multiple correlation), and with w = b sinh z none nearer than pi/2.
   */
  function four(m) {
    const { P, r } = m;
    for (let p = 0; p < 4; p++) for (let q = 0; q < 4; q++) corr[4 * p + q] = r[S[p] * P + S[q]];
    let lead = 0, least = Infinity;
    for (let p = 0; p < 4; p++) {
      for (let q = p + 1; q < 4; q++) {
        let s = 0;
        while (s === p || s === q) s++;
        const t = 6 - p - q - s;
        const x = arcGiven(corr[4 * p + q], corr[4 * s + t], corr[4 * p + s], corr[4 * p + t], corr[4 * q + s],
          corr[4 * q + t]);
        rest[4 * p + q] = rest[4 * q + p] = 0.25 + x / TWO_PI;
      }
      const [q, s, t] = OTHERS[p], size = minor(corr[4 * q + s], corr[4 * q + t], corr[4 * s + t]);
      if (size < least) { least = size; lead = p; }
    }
    const [q, s, t] = OTHERS[lead];
    return 0.5 * three(m, S[q], S[s], S[t]) + plackett(lead, q, s, t, least) / TWO_PI;
  }

  const OTHERS = [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]];

  function plackett(p, q, s, t, least) {
    const pq = corr[4 * p + q], ps = corr[4 * p + s], pt = corr[4 * p + t];
    const qs = corr[4 * q + s], qt = corr[4 * q + t], st = corr[4 * s + t];
    if (pq === 0 && ps === 0 && pt === 0) return 0;
    const quadratic = pq * pq * (1 - st * st) + ps * ps * (1 - qt * qt) + pt * pt * (1 - qs * qs)
      + 2 * (pq * ps * (qt * st - qs) + pq * pt * (qs * st - qt) + ps * pt * (qs * qt - st));
    const square = least > 0 ? Math.min(quadratic / least, 1) : 1; // multiple correlation, squared
    const b = Math.max(Math.acosh(1 / Math.sqrt(Math.max(square, 1e-6))), APART);
    const end = Math.asinh(Math.PI / 2 / b), rule = b > 0.3 ? RULES[0] : b > 0.003 ? RULES[1] : RULES[2];
    let total = 0;
    for (let node = 0; node < rule.x.length; node++) {
      const z = 0.5 * end * (1 + rule.x[node]), w = b * Math.sinh(z), u = Math.cos(w);
      const x = u * pq, y = u * ps, v = u * pt;
      const density = pq / Math.sqrt(1 - x * x) * (0.25 + arcGiven(x, st, y, v, qs, qt) / TWO_PI)
        + ps / Math.sqrt(1 - y * y) * (0.25 + arcGiven(y, qt, x, v, qs, st) / TWO_PI)
        + pt / Math.sqrt(1 - v * v) * (0.25 + arcGiven(v, qs, x, y, qt, st) / TWO_PI);
      total += rule.w[node] * b * Math.cosh(z) * Math.sin(w) * density;
    }
    return 0.5 * end * total;
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

  const RULES = [14, 20, 36].map(gaussLegendre);

  const SUMS = { erf: erfSums, linear: linearSums, relu: reluSums };

  /** Write drift, spread and slope of a model whose C and a are written. */
  function sums(m) {
    SUMS[m.activation](m);
  }

  /** 2 eps_g: sum_cd a_c a_d <g(x_c) g(x_d)>. */
  function squaredError(m) {
    const { P, C, a, activation } = m;
    if (activation === "relu") angles(m);
    let total = 0;
    for (let c = 0; c < P; c++) {
      for (let d = 0; d <= c; d++) {
        const average = activation === "erf" ? pairErf(C, P, c, d)
          : activation === "linear" ? C[c * P + d] : pairRelu(m, c, d);
        total += (c === d ? 1 : 2) * a[c] * a[d] * average;
      }
    }
    return total;
  }

  return { sums, squaredError, gaussLegendre };
})();
