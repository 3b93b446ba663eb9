"use strict";
// The last part of a noiseless run that learns its teacher perfectly, in differences: twin of tutelage.online.tail.
//
// A student i tends to s_i times teacher p_i (s_i = 0: it vanishes), x_i = s_i rho_{p_i} + Delta_i. The state vector
// has G = <Delta rho> in place of R, E = <Delta Delta> in place of Q, and v, but u in place of the readout of a
// teacher's first student, which as v - v* would be rounding in the end; D is the covariance of Delta and rho. The
// error is sum_k v_k h_k + sum_m u_m g(rho_m), h_k = int_0^1 g'(s_k rho + tau Delta_k) Delta_k dtau by two nodes, so
// that every term is linear or quadratic in what tends to zero, and nothing cancels. For erf and linear units.

const Tail = (() => {
  const NEAR = 1e-5; // mean squared distance at which the differences take over
  const TAU = [0.5 - 0.5 / Math.sqrt(3), 0.5 + 0.5 / Math.sqrt(3)];

  function possible(m) {
    return m.activation !== "relu" && m.noise2 === 0 && m.decay === 0 && m.decayReadout === 0 && m.lr > 0;
  }

  /** The run of model m in differences if its state y is near enough to perfect learning, else null. */
  function enter(m, y) {
    const { K, M, P, T } = m, Q0 = K * M, v0 = Q0 + K * K, partner = [], sign = [], u = Array.from(m.vStar, (x) => -x);
    let far = 0, most = 0;
    for (let n = 0; n < M; n++) most = Math.max(most, T[n * M + n]);
    for (let i = 0; i < K; i++) {
      const own = y[Q0 + i * K + i];
      let best = 0, distance = Infinity;
      for (let n = 0; n < M; n++) {
        const here = own - 2 * Math.abs(y[i * M + n]) + T[n * M + n];
        if (here < distance) [best, distance] = [n, here];
      }
      partner.push(best);
      sign.push(own < distance ? 0 : y[i * M + best] < 0 ? -1 : 1);
      far = Math.max(far, Math.min(own, distance));
      u[best] += sign[i] * y[v0 + i];
    }
    const bound = Math.sqrt(NEAR) * (1 + Math.max(...m.vStar.map(Math.abs)));
    if (far > NEAR * (1 + most) || Math.max(...u.map(Math.abs)) > bound) return null;
    const t = { m, partner, sign, D: new Float64Array(P * P), u: new Float64Array(M), f: new Float64Array(P),
      d: new Float64Array(P), out: new Float64Array(P), one: new Float64Array(P * P), two: new Float64Array(P * P),
      three: new Float64Array(P * P), drift: new Float64Array(K * P) };
    t.first = Array.from(m.vStar, (_, n) => partner.findIndex((p, k) => p === n && sign[k] !== 0)); // -1: none
    t.v = new Float64Array(K);
    t.start = y.slice();
    t.first.forEach((k, n) => { if (k >= 0) t.start[v0 + k] = u[n]; });
    for (let i = 0; i < K; i++) {
      for (let n = 0; n < M; n++) t.start[i * M + n] -= sign[i] * T[partner[i] * M + n];
      for (let k = 0; k < K; k++) {
        t.start[Q0 + i * K + k] += -sign[k] * y[i * M + partner[k]] - sign[i] * y[k * M + partner[i]]
          + sign[i] * sign[k] * T[partner[i] * M + partner[k]];
      }
    }
    return t;
  }

  /** The state (R, Q, v) of a vector of differences. */
  function leave(t, y) {
    const { m: { K, M, T }, partner, sign } = t, Q0 = K * M, out = y.slice();
    for (let i = 0; i < K; i++) {
      for (let n = 0; n < M; n++) out[i * M + n] += sign[i] * T[partner[i] * M + n];
      for (let k = 0; k < K; k++) {
        out[Q0 + i * K + k] += sign[k] * y[i * M + partner[k]] + sign[i] * y[k * M + partner[i]]
          + sign[i] * sign[k] * T[partner[i] * M + partner[k]];
      }
    }
    readouts(t, y);
    out.set(t.v, Q0 + K * K);
    return out;
  }

  /** Absolute tolerances: relative to the distance, squared for E. */
  function tolerances(t, y, rtol) {
    unpack(t, y);
    const { m: { K, M, P }, D, u } = t;
    let square = 1e-290;
    for (let k = 0; k < K; k++) square = Math.max(square, Math.abs(D[k * P + k]));
    for (const x of u) square = Math.max(square, x * x);
    return y.map((_, p) => rtol * (p >= K * M && p < K * M + K * K ? square : Math.sqrt(square)));
  }

  function unpack(t, y) {
    const { m: { K, M, P, T }, D } = t, Q0 = K * M;
    for (let i = 0; i < K; i++) {
      for (let n = 0; n < M; n++) D[i * P + K + n] = D[(K + n) * P + i] = y[i * M + n];
      for (let k = 0; k < K; k++) D[i * P + k] = 0.5 * (y[Q0 + i * K + k] + y[Q0 + k * K + i]);
    }
    for (let n = 0; n < M; n++) for (let l = 0; l < M; l++) D[(K + n) * P + K + l] = T[n * M + l];
    readouts(t, y);
  }

  /** Write the readouts of a vector of differences to t.v, and what they miss to t.u. */
  function readouts(t, y) {
    const { m: { K, M, vStar }, u, v, first, partner, sign } = t, v0 = K * M + K * K;
    for (let k = 0; k < K; k++) v[k] = y[v0 + k];
    first.forEach((k, n) => {
      u[n] = k < 0 ? -vStar[n] : y[v0 + k];
      if (k >= 0) v[k] = sign[k] * (vStar[n] + u[n]);
    });
    for (let k = 0; k < K; k++) {
      const lead = first[partner[k]];
      if (sign[k] !== 0 && lead !== k) v[lead] -= sign[lead] * sign[k] * v[k];
    }
  }

  /** <g'> of a field of this variance. */
  function gain(t, variance) {
    return t.m.activation === "erf" ? Math.sqrt(2 / Math.PI / (1 + variance)) : 1;
  }

  /** <g(x) g(y)> of fields with covariance c and variances x, y. */
  function both(t, c, x, y) {
    return t.m.activation === "erf" ? 2 / Math.PI * Math.asin(c / Math.sqrt((1 + x) * (1 + y))) : c;
  }

  /** Write A f to t.d, f the field s_k rho + tau Delta_k; return its variance. */
  function along(t, A, k, tau) {
    const { m: { K, P }, d, sign, partner } = t, other = K + partner[k];
    for (let p = 0; p < P; p++) d[p] = tau * A[p * P + k] + sign[k] * A[p * P + other];
    return tau * d[k] + sign[k] * d[other];
  }

  /** Write to `out` the covariance A under the weight g' of field (k, tau); return <g'>. */
  function tilt(t, A, k, tau, out) {
    const { m: { P, activation }, d } = t, variance = along(t, A, k, tau),
      less = activation === "erf" ? 1 / (1 + variance) : 0;
    for (let p = 0; p < P; p++) for (let q = 0; q < P; q++) out[p * P + q] = A[p * P + q] - d[p] * d[q] * less;
    return gain(t, variance);
  }

  /** Write <g'(x_i) z error> for all z of (Delta, rho) to drift[i]. */
  function drifts(t, v, i) {
    const { m: { K, M, P }, D, one, two, u, drift } = t, weight = tilt(t, D, i, 1, one);
    for (let n = 0; n < P; n++) drift[i * P + n] = 0;
    for (let k = 0; k < K; k++) for (const tau of TAU) {
      const share = 0.5 * v[k] * weight * tilt(t, one, k, tau, two);
      for (let n = 0; n < P; n++) drift[i * P + n] += share * two[n * P + k];
    }
    for (let m = 0; m < M; m++) {
      const at = K + m, share = weight * u[m] * gain(t, one[at * P + at]);
      for (let n = 0; n < P; n++) drift[i * P + n] += share * one[n * P + at];
    }
  }

  /** <error^2> under the covariance A. */
  function square(t, v, A) {
    const { m: { K, M, P }, u, d, three } = t;
    let total = 0;
    for (let m = 0; m < M; m++) for (let n = 0; n < M; n++) {
      const [p, q] = [K + m, K + n];
      if (u[m] * u[n] !== 0) total += u[m] * u[n] * both(t, A[p * P + q], A[p * P + p], A[q * P + q]);
    }
    for (let a = 0; a < K; a++) for (const tau of TAU) {
      const share = 0.5 * v[a] * tilt(t, A, a, tau, three);
      for (let m = 0; m < M; m++) {
        const at = K + m;
        total += 2 * share * u[m] * three[a * P + at] * gain(t, three[at * P + at]);
      }
      for (let b = 0; b < K; b++) for (const other of TAU) {
        const variance = along(t, three, b, other), less = t.m.activation === "erf" ? d[a] * d[b] / (1 + variance) : 0;
        total += share * 0.5 * v[b] * gain(t, variance) * (three[a * P + b] - less);
      }
    }
    return total;
  }

  /** <g(x_i) error>. */
  function turn(t, v, i) {
    const { m: { K, M, P }, D, one, u, d, sign, partner } = t;
    let total = 0;
    for (let k = 0; k < K; k++) for (const tau of TAU) {
      const weight = tilt(t, D, k, tau, one), variance = along(t, one, i, 1);
      total += 0.5 * v[k] * weight * (one[k * P + i] + sign[i] * one[k * P + K + partner[i]]) * gain(t, variance);
    }
    const own = along(t, D, i, 1);
    for (let m = 0; m < M; m++) if (u[m] !== 0) total += u[m] * both(t, d[K + m], own, D[(K + m) * P + K + m]);
    return total;
  }

  function velocity(y, t, dy) {
    unpack(t, y);
    const { m: { K, M, P, lr, lrReadout }, D, one, two, drift, v } = t, Q0 = K * M;
    for (let i = 0; i < K; i++) drifts(t, v, i);
    for (let i = 0; i < K; i++) {
      for (let n = 0; n < M; n++) dy[i * M + n] = -lr * v[i] * drift[i * P + K + n];
      for (let k = 0; k <= i; k++) {
        const weight = tilt(t, D, i, 1, one) * tilt(t, one, k, 1, two);
        dy[Q0 + i * K + k] = dy[Q0 + k * K + i] = -lr * (v[i] * drift[i * P + k] + v[k] * drift[k * P + i])
          + lr * lr * v[i] * v[k] * weight * square(t, v, two);
      }
      dy[Q0 + K * K + i] = lrReadout === 0 ? 0 : -lrReadout * turn(t, v, i);
    }
    t.first.forEach((lead, n) => {
      const changes = t.partner.map((p, k) => p === n ? t.sign[k] * dy[Q0 + K * K + k] : 0);
      if (lead >= 0) dy[Q0 + K * K + lead] = changes.reduce((sum, change) => sum + change);
    });
  }

  /** The generalisation error of a vector of differences. */
  function error(t, y) {
    unpack(t, y);
    return Math.max(square(t, t.v, t.D) / 2, 0);
  }

  return { possible, enter, leave, tolerances, velocity, error };
})();
