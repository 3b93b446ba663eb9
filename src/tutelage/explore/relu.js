"use strict";
// Averages of ReLU; what the sums are stands in averages.js.
//
// All are closed but one: the probability that four fields are positive, an integral over at most 36 nodes.

const Relu = (() => {
  const { speaking, asin, gaussLegendre } = Fields;
  const TWO_PI = 2 * Math.PI;
  const APART = 1e-8; // sine of the least angle between two fields
  const RULES = [14, 20, 36].map(gaussLegendre);

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

  function pair(m, c, d) {
    const at = c * m.P + d, x = m.r[at], sine = Math.sqrt((1 - x) * (1 + x));
    return m.deviation[c] * m.deviation[d] / TWO_PI * (sine + (Math.PI / 2 + m.arc[at]) * x);
  }

  function sums(m) {
    const { K, P, C, a, r, arc, sine, deviation, drift, slope, spread, fields } = m;
    angles(m);
    const count = speaking(m);
    for (let i = 0; i < K; i++) {
      slope[i] = 0;
      for (let n = 0; n < P; n++) drift[i * P + n] = 0;
      for (let f = 0; f < count; f++) {
        const c = fields[f], at = i * P + c, both = 0.25 + arc[at] / TWO_PI;
        if (m.lrReadout !== 0) slope[i] += a[c] * pair(m, i, c);
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

  return { sums, pair, angles };
})();
