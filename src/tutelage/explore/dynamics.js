"use strict";
// The equations of motion of the order parameters, their integration, and the generalisation error.
//
// Twin of tutelage.online.kernels (erf, linear, ReLU; student and teacher alike), held to it by tests that run under
// node. A state is one vector y = (R row by row, Q row by row, v); covariances C have the K students' fields first,
// then the M teachers'; a = (v, -v*). TABLEAU, the pair of order 8(5, 3), is written before this file when the page is
// made.

const Dynamics = (() => {
  const RUNNING = 0, FINISHED = 1, DIVERGED = 2, STUCK = 3;

  // --- model and state ---------------------------------------------------------------------------------------------

  /** What stays constant in a run. A layer that is not trained has rate and decay zero. */
  function makeModel(rule, K, T, vStar) {
    const M = vStar.length, P = K + M, first = rule.train !== "readout", readout = rule.train !== "first";
    return {
      K, M, P, T: Float64Array.from(T.flat()), vStar: Float64Array.from(vStar), activation: rule.activation,
      lr: first ? rule.lr : 0, lrReadout: readout ? rule.lrReadout : 0, noise2: rule.noise ** 2,
      decay: first ? rule.decay : 0, decayReadout: readout ? rule.decay : 0,
      C: new Float64Array(P * P), a: new Float64Array(P), drift: new Float64Array(K * P),
      spread: new Float64Array(K * K), slope: new Float64Array(K), r: new Float64Array(P * P),
      sine: new Float64Array(P * P), arc: new Float64Array(P * P), deviation: new Float64Array(P),
      one: new Float64Array(P), two: new Float64Array(P), scale: new Float64Array(P), fields: new Int32Array(P),
    };
  }

  function vector(R, Q, v) {
    return Float64Array.from([...R.flat(), ...Q.flat(), ...v]);
  }

  function unpack(y, m) {
    const { K, M, P, C, a, T } = m, Q0 = K * M, v0 = Q0 + K * K;
    for (let i = 0; i < K; i++) {
      for (let n = 0; n < M; n++) C[i * P + K + n] = C[(K + n) * P + i] = y[i * M + n];
      for (let k = 0; k < K; k++) C[i * P + k] = 0.5 * (y[Q0 + i * K + k] + y[Q0 + k * K + i]);
      a[i] = y[v0 + i];
    }
    for (let n = 0; n < M; n++) {
      for (let l = 0; l < M; l++) C[(K + n) * P + K + l] = T[n * M + l];
      a[K + n] = -m.vStar[n];
    }
  }

  /** Write dy/dalpha, from the sums over fields of I3 (drift), I4 and J2 (spread) and I2 (slope). */
  function velocity(y, m, dy) {
    unpack(y, m);
    const { K, M, P, C, a, drift, spread, slope, lr } = m, Q0 = K * M, v0 = Q0 + K * K;
    Averages.sums(m);
    for (let i = 0; i < K; i++) {
      for (let n = 0; n < M; n++) dy[i * M + n] = -lr * a[i] * drift[i * P + K + n] - m.decay * C[i * P + K + n];
      for (let k = 0; k < K; k++) {
        dy[Q0 + i * K + k] = -lr * (a[i] * drift[i * P + k] + a[k] * drift[k * P + i])
          + lr * lr * a[i] * a[k] * spread[i * K + k] - 2 * m.decay * C[i * P + k];
      }
      dy[v0 + i] = -m.lrReadout * slope[i] - m.decayReadout * a[i];
    }
  }

  /** The generalisation error of a state: half the mean squared error, without label noise. */
  function error(y, m) {
    unpack(y, m);
    return Math.max(Averages.squaredError(m) / 2, 0);
  }

  // --- integration: twin of tutelage.online.kernels.integrate -------------------------------------------------------

  const { A, ERROR_3, ERROR_5, DENSE } = TABLEAU, STAGES = 12;
  const STABLE = 2.5, NEAR = 1e-6; // of h times the fastest rate (stable up to 6.1), and the length of a trial, to |y|

  function length(x) {
    let total = 0;
    for (let p = 0; p < x.length; p++) total += x[p] * x[p];
    return Math.sqrt(total);
  }

  function size(e, y, z, rtol, atol) { // sum of squares in units of the tolerance
    let total = 0;
    for (let p = 0; p < y.length; p++) {
      const one = e[p] / (atol[p] + rtol * Math.max(Math.abs(y[p]), Math.abs(z[p])));
      total += one * one;
    }
    return total;
  }

  /** Write sum_j weights_j stages_j to out; `weights` are pairs (j, weight). */
  function combine(weights, stages, out) {
    out.fill(0);
    for (let e = 0; e < weights.length; e += 2) {
      const k = stages[weights[e]], w = weights[e + 1];
      for (let p = 0; p < out.length; p++) out[p] += w * k[p];
    }
  }

  /** What keeps eps_g to 1e-7 even where label noise leaves little of it: small systems, which cost nothing,
    need more. */
  function tolerance(model) {
    return model.P <= 4 || model.activation === "linear" ? 1e-13 : 3e-11;
  }

  /** A run from `start`, in slices: states at `times` are kept in .states as they are passed. */
  class Run {
    constructor(model, start, times, rtol = tolerance(model), atol = rtol / 1000) {
      const n = start.length;
      Object.assign(this, { model, times, rtol, y: Float64Array.from(start), alpha: 0, status: RUNNING, steps: 0 });
      this.atol = new Float64Array(n).fill(atol);
      this.states = [];
      this.errors = []; // generalisation errors of these
      this.tail = null; // once it is near perfect learning
      this.watched = Tail.possible(model);
      this.k = Array.from({ length: 16 }, () => new Float64Array(n));
      this.F = Array.from({ length: 7 }, () => new Float64Array(n));
      [this.next, this.spare] = [new Float64Array(n), new Float64Array(n)];
      this.trial = Float64Array.from({ length: n }, (_, p) => 1 + (p * 0.618) % 1);
      this.rate = 0;
      this.bound = 1e8 * Math.max(1, ...start.map(Math.abs));
      while (this.states.length < times.length && times[this.states.length] <= 0) this.keep(this.y.slice());
      if (this.states.length === times.length) this.status = FINISHED;
      this.flow(this.y, this.k[0]);
      this.h = this.firstStep();
      this.grow = 6;
    }

    flow(y, dy) {
      if (this.tail) Tail.velocity(y, this.tail, dy);
      else velocity(y, this.model, dy);
    }

    keep(y) {
      this.states.push(this.tail ? Tail.leave(this.tail, y) : y);
      this.errors.push(this.tail ? Tail.error(this.tail, y) : error(y, this.model));
    }

    /** Go over to differences near perfect learning, and keep their tolerances up to date. */
    watch() {
      if (this.tail === null && (this.tail = Tail.enter(this.model, this.y))) {
        this.y.set(this.tail.start);
        this.flow(this.y, this.k[0]);
        this.bound = Infinity;
      }
      if (this.tail) this.atol.set(Tail.tolerances(this.tail, this.y, this.rtol));
    }

    firstStep() {
      const { y, k, rtol, atol, spare } = this, zero = new Float64Array(y.length), end = this.times.at(-1);
      const d0 = Math.sqrt(size(y, y, zero, rtol, atol)), d1 = Math.sqrt(size(k[0], y, zero, rtol, atol));
      const trial = Math.min(d0, d1) < 1e-5 ? 1e-6 : 0.01 * d0 / d1;
      for (let p = 0; p < y.length; p++) spare[p] = y[p] + trial * k[0][p];
      this.flow(spare, k[1]);
      for (let p = 0; p < y.length; p++) spare[p] = k[1][p] - k[0][p];
      const most = Math.max(d1, Math.sqrt(size(spare, y, zero, rtol, atol)) / trial);
      const step = most <= 1e-15 ? Math.max(1e-6, trial * 1e-3) : (0.01 / most) ** (1 / 8);
      return Math.min(100 * trial, step, end);
    }

    /** Make steps until `until` (of performance.now) has passed or the run has ended; return the status. */
    advance(until = Infinity) {
      while (this.status === RUNNING) {
        this.step();
        if (until < Infinity && performance.now() > until) break;
      }
      return this.status;
    }

    step() {
      const { y, k, next, times, spare } = this, end = times.at(-1), n = y.length;
      const h = this.h = Math.min(this.h, end - this.alpha);
      if (!(h >= 1e-14 * Math.max(this.alpha, 1e-300) && h < Infinity)) return this.status = STUCK;
      for (let s = 1; s <= STAGES; s++) {
        combine(A[s], k, spare);
        for (let p = 0; p < n; p++) next[p] = y[p] + h * spare[p];
        this.flow(next, k[s]);
      }
      const error = this.stepError();
      if (!(error <= 1)) { // also for NaN
        this.h *= Number.isFinite(error) ? Math.max(0.2, 0.9 * error ** (-1 / 8)) : 0.2;
        this.grow = 1;
        return RUNNING;
      }
      const reached = end - this.alpha <= h ? end : this.alpha + h;
      if (times[this.states.length] <= reached) this.passTimes(reached);
      y.set(next);
      k[0].set(k[STAGES]);
      this.alpha = reached;
      this.h *= error > 0 ? Math.min(this.grow, Math.max(0.2, 0.9 * error ** (-1 / 8))) : this.grow;
      this.grow = 6;
      if (this.watched && this.steps++ % 4 === 0) this.watch();
      this.boundStep();
      if (!y.every((x) => Math.abs(x) <= this.bound)) return this.status = DIVERGED;
      return this.status = this.states.length === times.length ? FINISHED : RUNNING;
    }

    /** Keep the next step within the region of stability. */
    boundStep() {
      const { y, k, trial, spare } = this, scale = NEAR * (1 + length(y)) / length(trial), before = length(trial);
      for (let p = 0; p < y.length; p++) spare[p] = y[p] + scale * trial[p];
      this.flow(spare, k[1]);
      for (let p = 0; p < y.length; p++) trial[p] = (k[1][p] - k[0][p]) / scale;
      this.rate = Math.max(length(trial) / before, 0.9 * this.rate);
      for (let p = 0; p < y.length; p++) trial[p] /= this.rate || 1;
      if (this.rate > 0) this.h = Math.min(this.h, STABLE / this.rate);
    }

    stepError() {
      const { y, k, next, spare, rtol, atol } = this;
      combine(ERROR_5, k, spare);
      const five = size(spare, y, next, rtol, atol);
      combine(ERROR_3, k, spare);
      const three = size(spare, y, next, rtol, atol);
      return five === 0 && three === 0 ? 0 : this.h * five / Math.sqrt((five + 0.01 * three) * y.length);
    }

    passTimes(reached) { // by the dense output of order 7
      const { y, k, next, h, F, spare, times } = this, n = y.length, stage = new Float64Array(n);
      for (let s = STAGES + 1; s < 16; s++) {
        combine(A[s], k, spare);
        for (let p = 0; p < n; p++) stage[p] = y[p] + h * spare[p];
        this.flow(stage, k[s]);
      }
      for (let p = 0; p < n; p++) {
        F[0][p] = next[p] - y[p];
        F[1][p] = h * k[0][p] - F[0][p];
        F[2][p] = 2 * F[0][p] - h * (k[STAGES][p] + k[0][p]);
      }
      for (let j = 0; j < 4; j++) {
        combine(DENSE[j], k, F[3 + j]);
        for (let p = 0; p < n; p++) F[3 + j][p] *= h;
      }
      while (this.states.length < times.length && times[this.states.length] <= reached) {
        const x = (times[this.states.length] - this.alpha) / h, out = new Float64Array(n);
        for (let j = 6; j >= 0; j--) for (let p = 0; p < n; p++) out[p] = (out[p] + F[j][p]) * (j % 2 ? 1 - x : x);
        for (let p = 0; p < n; p++) out[p] += y[p];
        this.keep(out);
      }
    }
  }

  return { makeModel, vector, unpack, velocity, error, Run, RUNNING, FINISHED, DIVERGED, STUCK };
})();
