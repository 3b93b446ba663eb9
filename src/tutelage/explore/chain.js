"use strict";
// The exact chain: one-pass SGD at finite N through overlaps alone, and the starts that the page draws.
//
// Twin of tutelage.online.chain, one replica after another: A (K, columns) holds the students' weights / sqrt N in an
// orthonormal frame whose first M directions span the teacher, F (M, M) the teacher's. A step costs the same for any N.

const Chain = (() => {
  const GROWTH = 8; // columns that the frame may grow by before it is turned back

  // g = erf(x / sqrt 2) and g' from tables of both, by Taylor's series from the nearest node.
  const FINE = 64, LAST = 9;
  const valueAt = new Float64Array(FINE * LAST + 1), slopeAt = new Float64Array(FINE * LAST + 1);

  function fillTables() {
    const rule = Fields.gaussLegendre(8), bell = (x) => Math.sqrt(2 / Math.PI) * Math.exp(-0.5 * x * x);
    for (let j = 0; j < valueAt.length; j++) {
      slopeAt[j] = bell(j / FINE);
      if (j === 0) continue;
      let part = 0;
      rule.x.forEach((x, p) => { part += rule.w[p] * bell((j - 0.5 + 0.5 * x) / FINE); });
      valueAt[j] = valueAt[j - 1] + part / (2 * FINE);
    }
  }

  fillTables();

  function erf(x, out) { // out: value and slope
    const size = Math.abs(x);
    if (size >= LAST) {
      out[0] = Math.sign(x);
      out[1] = 0;
      return;
    }
    const j = Math.round(size * FINE), t = j / FINE, d = size - t, s = slopeAt[j], tt = t * t;
    // Taylor coefficients of the bell about t: Hermite polynomials He_n(t) (-1)^n / n!
    const c1 = -t, c2 = (tt - 1) / 2, c3 = -t * (tt - 3) / 6, c4 = ((tt - 6) * tt + 3) / 24;
    const c5 = -t * ((tt - 10) * tt + 15) / 120, c6 = (((tt - 15) * tt + 45) * tt - 15) / 720;
    const value = valueAt[j]
      + s * d * (1 + d * (c1 / 2 + d * (c2 / 3 + d * (c3 / 4 + d * (c4 / 5 + d * (c5 / 6 + d * c6 / 7))))));
    out[0] = x < 0 ? -value : value;
    out[1] = s * (1 + d * (c1 + d * (c2 + d * (c3 + d * (c4 + d * (c5 + d * c6))))));
  }

  function linear(x, out) {
    out[0] = x;
    out[1] = 1;
  }

  function relu(x, out) {
    out[0] = x > 0 ? x : 0;
    out[1] = x > 0 ? 1 : 0;
  }

  const UNITS = { erf, linear, relu };

  /** Rows (teachers, then students) of a lower triangle whose products are the overlaps; they may be singular. */
  function factor(y, m) {
    Dynamics.unpack(y, m);
    const { K, M, P, C } = m, order = Array.from({ length: P }, (_, p) => (p < M ? K + p : p - M));
    const L = order.map(() => new Float64Array(P));
    for (let p = 0; p < P; p++) {
      for (let q = 0; q <= p; q++) {
        let left = C[order[p] * P + order[q]];
        for (let j = 0; j < q; j++) left -= L[p][j] * L[q][j];
        if (q < p) L[p][q] = L[q][q] > 0 ? left / L[q][q] : 0;
        else L[p][p] = left > 1e-14 * C[order[p] * P + order[p]] ? Math.sqrt(left) : 0;
      }
    }
    return L;
  }

  /** One replica: SGD in N dimensions from the state y of model m. */
  class Replica {
    constructor(m, y, N, seed, number) {
      const { K, M, P } = m, rows = factor(y, m);
      this.m = m;
      this.N = N;
      this.F = rows.slice(0, M);
      this.A = Array.from({ length: K }, (_, k) => {
        const row = new Float64Array(P + GROWTH);
        row.set(rows[M + k]);
        return row;
      });
      this.count = P;
      this.v = y.slice(K * M + K * K);
      this.source = new Random.Xoshiro(seed, number);
      [this.z, this.g, this.slope] = [new Float64Array(P + GROWTH), new Float64Array(K), new Float64Array(K)];
    }

    walk(steps) {
      const { m, N, F, A, v, source, z, g, slope } = this, { K, M, vStar } = m, unit = UNITS[m.activation];
      const sigma = Math.sqrt(m.noise2), moves = m.lr !== 0 || m.decay !== 0, out = new Float64Array(2);
      const keep = 1 - m.decay / N;
      for (let step = 0; step < steps; step++) {
        const count = this.count;
        for (let j = 0; j < count; j++) z[j] = source.normal();
        let error = sigma > 0 ? -sigma * source.normal() : 0;
        for (let n = 0; n < M; n++) {
          if (vStar[n] === 0) continue; // of two teachers one is silent
          const row = F[n];
          let field = 0;
          for (let j = 0; j < M; j++) field += row[j] * z[j];
          unit(field, out);
          error -= vStar[n] * out[0];
        }
        for (let k = 0; k < K; k++) {
          const row = A[k];
          let field = 0;
          for (let j = 0; j < count; j++) field += row[j] * z[j];
          unit(field, out);
          g[k] = out[0];
          slope[k] = out[1];
          error += v[k] * g[k];
        }
        if (moves) {
          const freedom = N - count, beyond = freedom > 0 ? source.chi(freedom) : 0;
          for (let k = 0; k < K; k++) {
            const row = A[k], move = -m.lr * v[k] * slope[k] * error / N;
            for (let j = 0; j < count; j++) row[j] = keep * row[j] + move * z[j];
            if (freedom > 0) row[count] = move * beyond;
          }
          if (freedom > 0) this.count++;
          if (this.count === z.length) this.turnBack();
        }
        for (let k = 0; k < K; k++) v[k] -= (m.lrReadout * error * g[k] + m.decayReadout * v[k]) / N;
      }
    }

    /** Reflect the columns after the first M so that all after M + K vanish; rows keep their products. */
    turnBack() {
      const { A, m, count } = this, { K, M, P } = m;
      for (let k = 0; k < K; k++) {
        const first = M + k, row = A[k], head = row[first];
        let tail = 0;
        for (let j = first + 1; j < count; j++) tail += row[j] * row[j];
        if (tail > 0) {
          const length = Math.sqrt(head * head + tail), to = head > 0 ? -length : length, lead = head - to;
          const scale = 2 / (lead * lead + tail);
          for (let i = k + 1; i < K; i++) {
            const other = A[i];
            let along = other[first] * lead;
            for (let j = first + 1; j < count; j++) along += other[j] * row[j];
            along *= scale;
            other[first] -= along * lead;
            for (let j = first + 1; j < count; j++) other[j] -= along * row[j];
          }
          row[first] = to;
        }
        row.fill(0, first + 1);
      }
      this.count = P;
    }

    /** Go on with another model of the same teachers, and its readouts, which steps change in place. */
    teach(m, v) {
      Object.assign(this, { m, v });
    }

    /** The state vector (R, Q, v). */
    state(v = this.v) {
      const { A, F } = this, dot = (x, z) => x.reduce((sum, e, j) => sum + e * z[j], 0);
      const R = A.map((row) => F.map((other) => dot(other, row))),
        Q = A.map((row) => A.map((other) => dot(row, other)));
      return Dynamics.vector(R, Q, [...v]);
    }

    /** The generalisation error, in a list, as replicas of several tasks have it. */
    errors() {
      return [Dynamics.error(this.state(), this.m)];
    }
  }

  /** Overlaps of `rows` (arrays of N numbers), divided by N. */
  function products(rows, others) {
    return rows.map((row) => others.map((other) => row.reduce((sum, x, j) => sum + x * other[j], 0) / row.length));
  }

  return { Replica, erf, products };
})();
