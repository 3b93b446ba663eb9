"use strict";
// What the page lets one choose: starts, times, marks on the curve.
//
// One teacher: { K, M, activation, train, lr, lrReadout, noise, decay, v, vStar, scale, seed, dim, teacher, start,
// alphaMin, alphaMax, N, replicas, chainSeed }, `start` null or { Q, R, T, v, vStar } as a problem file has them.
// Two teachers: { K, M, V, ..., headScale, first, second }, M units each, `first` and `second` the lengths of phases.

const Setting = (() => {
  const POINTS = 200; // times on a curve, or in a phase
  const FLAT = 0.1; // the slope, in decades by decade, below which it is flat

  const range = (n) => Array.from({ length: n }, (_, i) => i);

  function geometric(first, last, points) {
    return range(points).map((i) => (i === points - 1 ? last : first * (last / first) ** (i / (points - 1))));
  }

  const times = (s) => geometric(s.alphaMin, s.alphaMax, POINTS);

  /** Times of two phases: after each beginning from a thousandth of its length on. */
  function phaseTimes(s) {
    return [[0, s.first], [s.first, s.second]].map(([begin, length]) =>
      geometric(length / 1000, length, POINTS).map((t) => begin + t));
  }

  /** Where SGD at finite N is looked at: at the times of each phase, its last among them; never twice at one step. */
  function chainTimes(phases, N) {
    const step = (t) => Math.round(t * N);
    return phases.flatMap((all, phase) => {
      const begun = phase === 0 ? 0 : step(phases[phase - 1].at(-1));
      return all.filter((t, i) => step(t) > begun && step(t) !== step(all[i + 1]));
    });
  }

  /** Overlaps and readouts at alpha = 0 of tutelage.Overlaps.random(K, M, dim, seed), students times scale. */
  function start(s) {
    if (s.start) return s.start;
    const { K, M } = s, rows = Random.normals(s.seed, K + M, s.dim), teacher = rows.slice(K);
    if (s.teacher === "orthonormal") orthonormalise(teacher);
    const student = rows.slice(0, K).map((row) => row.map((x) => s.scale * x));
    return {
      Q: Chain.products(student, student), R: Chain.products(student, teacher), T: Chain.products(teacher, teacher),
      v: range(K).map(() => s.v), vStar: range(M).map(() => s.vStar),
    };
  }

  function orthonormalise(rows) { // Gram and Schmidt, twice; to squared lengths N
    const N = rows[0].length;
    rows.forEach((row, n) => range(2).forEach(() => {
      for (const other of rows.slice(0, n)) {
        const along = row.reduce((sum, x, j) => sum + x * other[j], 0) / N;
        for (let j = 0; j < N; j++) row[j] -= along * other[j];
      }
      const stretch = Math.sqrt(N / row.reduce((sum, x) => sum + x * x, 0));
      for (let j = 0; j < N; j++) row[j] *= stretch;
    }));
  }

  /** Overlaps, heads and readouts at alpha = 0 of two teachers with T = 1, and V between their units m and m. */
  function startTwo(s) {
    const { K, M, V } = s, rows = Random.normals(s.seed, K + 2, s.dim), F = 2 * M, beyond = Math.sqrt(1 - V * V);
    const W = rows.slice(0, K).map((row) => row.map((x) => s.scale * x)), root = Math.sqrt(s.dim);
    const R = W.map((row) => range(F).map((n) => (n < M ? row[n] : V * row[n - M] + beyond * row[n]) / root));
    const T = range(F).map((n) => range(F).map((l) => (n === l ? 1 : Math.abs(n - l) === M ? V : 0)));
    return {
      Q: Chain.products(W, W), R, T,
      heads: range(2).map((t) => range(K).map((k) => s.headScale * rows[K + t][k])),
      readouts: range(2).map((t) => range(F).map((n) => (n < M ? t === 0 : t === 1) ? 1 : 0)),
    };
  }

  // --- marks -------------------------------------------------------------------------------------------------------

  /** The last stretch on which the curve is flat, over a factor two in time at least, before it falls by a third. */
  function plateau(alpha, eg) {
    let best = null;
    for (let i = 1, from = -1; i < eg.length; i++) {
      const slope = Math.log(eg[i] / eg[i - 1]) / Math.log(alpha[i] / alpha[i - 1]);
      if (Math.abs(slope) < FLAT && i < eg.length - 1) {
        if (from < 0) from = i - 1;
      } else if (from >= 0) {
        const falls = eg.at(-1) < 0.67 * eg[i - 1] && slope < 0;
        if (alpha[i - 1] > 2 * alpha[from] && falls) best = { from: alpha[from], to: alpha[i - 1],
          eg: eg[from + i - 1 >> 1] };
        from = -1;
      }
    }
    return best;
  }

  /** The error at which label noise holds the student, and how it is known; null where it is not. */
  function asymptote(s, begin, alpha, eg) {
    const { v, vStar, T } = begin, z = s.lr * v.reduce((sum, x) => sum + x * x, 0);
    const plain = s.train === "first" && s.decay === 0 && s.noise > 0 && s.lr > 0;
    if (plain && s.activation === "linear" && z > 0 && z < 2) return { eg: z * s.noise ** 2 / (4 - 2 * z),
      how: "exact" };
    const ones = [...v, ...vStar].every((x) => x === 1), M = vStar.length, L = v.length - M;
    const unit = T.every((row, n) => row.every((x, l) => Math.abs(x - (n === l ? 1 : 0)) < 0.2));
    // Two surplus units and more may freeze at a finite length: then the error settles lower, and drifts.
    if (plain && s.activation === "erf" && ones && unit && (L === 0 || L === 1)) {
      const found = committee(M, L, s.lr);
      if (found > 0) return { eg: s.noise ** 2 * found, how: "T = 1" };
    }
    if (plain && s.activation === "relu" && ones && L >= 0 && z < 1) return { eg: z * s.noise ** 2 / 8,
      how: "small η" };
    const last = eg.length - 1, before = alpha.findIndex((t) => t > alpha[last] / 2);
    const slope = Math.log(eg[last] / eg[before]) / Math.log(alpha[last] / alpha[before]);
    return Math.abs(slope) < 0.01 ? { eg: eg[last], how: "as it ends" } : null;
  }

  /** eps_g / sigma^2 of the erf soft committee machine: twin of tutelage.asymptotics.soft_committee_erf. */
  function committee(M, L, rate) {
    const A = 1 / Math.sqrt(3), B = 0.5, c = Math.sqrt(0.5), others = (M - 1) * B, size = [1, 1, L, L * L];
    const pull = [[2 * A, 2 * others, 2 * c, 0], [2 * B, 2 * (A + others - B), 2 * c, 0],
      [L * c, L * (M - 1) * c, A + others + L, c], [0, 0, 2 * L * M * c, 2 * L]];
    const kicks = [[2], [1, 1].slice(0, M), [1], []].map((p) => quadratic(M, p));
    const there = [0, 1, 2, 3].filter((n) => n === 0 || (n === 1 ? M > 1 : L > 0));
    const source = [A, B, c, 1].map((x, n) => x * size[n]), trace = quadratic(M, []);
    const matrix = there.map((n) => there.map((l) => pull[n][l] - 2 * rate / Math.PI * size[n] * kicks[n][l]));
    const G = eliminate(matrix, there.map((n) => source[n]));
    // Beyond the critical rate the solution is no covariance; that is seen by following it from rate zero.
    return criticalBelow(M, L, rate, pull, kicks, size, there) ? NaN
      : rate / Math.PI * there.reduce((sum, n, i) => sum + trace[n] * G[i], 0);
  }

  function criticalBelow(M, L, rate, pull, kicks, size, there) { // whether a determinant changes sign on the way
    const sign = (x) => Math.sign(determinant(there.map((n) => there.map((l) =>
      pull[n][l] - 2 * x / Math.PI * size[n] * kicks[n][l]))));
    const first = sign(0);
    return range(400).some((i) => sign(rate * (i + 1) / 400) !== first);
  }

  function quadratic(M, powers) {
    const p = range(M).map((m) => powers[m] ?? 0), sum = (x) => x.reduce((total, e) => total + e, 0);
    const once = p.map((x) => Math.sqrt((1 + x) / (2 + x))), twice = p.map((x) => Math.sqrt((1 + x) / (3 + x)));
    const scale = Math.sqrt(p.reduce((product, x) => product * (1 + x), 1));
    return [sum(twice), sum(once) ** 2 - sum(once.map((x) => x * x)), 2 * sum(once), 1].map((x) => x / scale);
  }

  function triangle(matrix, right) { // Gauss, with pivots; returns the determinant
    let product = 1;
    for (let c = 0; c < matrix.length; c++) {
      let best = c;
      for (let r = c + 1; r < matrix.length; r++) if (Math.abs(matrix[r][c]) > Math.abs(matrix[best][c])) best = r;
      if (best !== c) {
        [matrix[c], matrix[best], right[c], right[best]] = [matrix[best], matrix[c], right[best], right[c]];
        product = -product;
      }
      product *= matrix[c][c];
      for (let r = c + 1; r < matrix.length; r++) {
        const part = matrix[r][c] / matrix[c][c];
        for (let l = c; l < matrix.length; l++) matrix[r][l] -= part * matrix[c][l];
        right[r] -= part * right[c];
      }
    }
    return product;
  }

  const determinant = (matrix) => triangle(matrix, matrix.map(() => 0));

  function eliminate(matrix, right) {
    triangle(matrix, right);
    for (let r = matrix.length - 1; r >= 0; r--) {
      for (let l = r + 1; l < matrix.length; l++) right[r] -= matrix[r][l] * right[l];
      right[r] /= matrix[r][r];
    }
    return right;
  }

  return { POINTS, range, geometric, times, phaseTimes, chainTimes, start, startTwo, plateau, asymptote, committee };
})();
