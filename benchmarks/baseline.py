"""The equations of motion in vectorised NumPy, written from the papers alone: nothing of tutelage is used here.

Tests hold tutelage against it, and benchmarks time tutelage against it under SciPy's integrator.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp


def erf_averages(C, a, K):
    """Return sums over the fields of I3 (K, P) and I4 (K, K), J2 (K, K), and sums of I2 (K,), for erf.

    Source: Saad & Solla, Phys. Rev. E 52, 4225 (1995).
    """
    one = 1 + np.diag(C)
    L3 = np.outer(one[:K], one) - C[:K] ** 2
    weighted = a / np.sqrt(L3)  # (K, P)
    drift = weighted @ C - C[:K] / one[:K, None] * (weighted * C[:K]).sum(1)[:, None]
    slope = np.arcsin(C[:K] / np.sqrt(np.outer(one[:K], one))) @ a
    L4 = np.outer(one[:K], one[:K]) - C[:K, :K] ** 2
    Ci, Ck = C[:K, None, :], C[None, :K, :]  # (K, 1, P), (1, K, P)
    L0 = (
        L4[..., None, None] * C
        - one[:K, None, None, None] * Ck[..., None] * Ck[..., None, :]
        - one[None, :K, None, None] * Ci[..., None] * Ci[..., None, :]
        + C[:K, :K, None, None] * (Ci[..., None] * Ck[..., None, :] + Ck[..., None] * Ci[..., None, :])
    )
    diagonal = L4[..., None] + np.einsum("ikcc->ikc", L0)
    angles = np.arcsin(L0 / np.sqrt(diagonal[..., None] * diagonal[..., None, :]))
    spread = 4 / np.pi**2 / np.sqrt(L4) * np.einsum("ikcd,c,d->ik", angles, a, a)
    return 2 / np.pi * drift, spread, 2 / np.pi / np.sqrt(L4), 2 / np.pi * slope


def linear_averages(C, a, K):
    """The same for linear units."""
    residual = C @ a
    return np.tile(residual, (K, 1)), np.full((K, K), a @ residual), np.ones((K, K)), residual[:K]


def relu_averages(C, a, K):
    """The same for ReLU, from the closed forms with repeated arguments and one integral (not for degenerate C)."""
    P = len(C)
    sd = np.sqrt(np.diag(C))
    r = np.clip(C / np.outer(sd, sd), -1, 1)
    th2 = 0.25 + np.arcsin(r) / (2 * np.pi)
    root = np.sqrt(np.maximum(np.outer(sd**2, sd**2) - C**2, 0))
    drift, slope, spread = np.zeros((K, P)), np.zeros(K), np.zeros((K, K))
    for i in range(K):
        for c in range(P):
            slope[i] += a[c] * (root[i, c] + C[i, c] * (np.pi / 2 + np.arcsin(r[i, c]))) / (2 * np.pi)
            drift[i] += a[c] * (C[i] * root[i, c] / (2 * np.pi * C[i, i]) + C[c] * th2[i, c])
        for k in range(i + 1):
            for c in range(P):
                for d in range(c + 1):
                    spread[i, k] += (1 if c == d else 2) * a[c] * a[d] * _relu_i4(C, i, k, c, d)
            spread[k, i] = spread[i, k]
    return drift, spread, th2[:K, :K], slope


def _p(c):
    return 1 / np.sqrt(2 * np.pi * c)


def _given(C, fields, zero):
    """Covariance of `fields` given x_zero = 0."""
    return C[np.ix_(fields, fields)] - np.outer(C[fields, zero], C[zero, fields]) / C[zero, zero]


def _rho(S, a, b):
    return np.clip(S[a, b] / np.sqrt(S[a, a] * S[b, b]), -1, 1)


def _two(S, a, b):
    return 0.25 + np.arcsin(_rho(S, a, b)) / (2 * np.pi)


def _three(S):
    return 1 / 8 + sum(np.arcsin(_rho(S, a, b)) for a, b in ((0, 1), (0, 2), (1, 2))) / (4 * np.pi)


def _four(C, nodes=128):
    """Orthant probability of four fields, by the integral over u with t = sin u."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    u = np.pi / 4 * (x + 1)
    t, total = np.sin(u), np.full(nodes, 0.0)
    sd = np.sqrt(np.diag(C))
    r = C / np.outer(sd, sd)
    for i in range(4):
        for j in range(i):
            k, l = (m for m in range(4) if m not in (i, j))
            det = 1 - (t * r[i, j]) ** 2

            def partial(p, q, i=i, j=j, det=det):
                cross = r[i, p] * r[i, q] + r[j, p] * r[j, q] - t * r[i, j] * (r[i, p] * r[j, q] + r[j, p] * r[i, q])
                return t * (r[p, q] if p != q else 1 / t) - t**2 * cross / det

            rho = partial(k, l) / np.sqrt(partial(k, k) * partial(l, l))
            total += r[i, j] / np.sqrt(det) * (0.25 + np.arcsin(rho) / (2 * np.pi)) / (2 * np.pi)
    return 1 / 16 + np.pi / 4 * np.sum(w * np.cos(u) * total)


def _delta(S, a, b, c):
    """< delta(y_a) theta(y_b) theta(y_c) >."""
    return _p(S[a, a]) * (0.25 + np.arcsin(_rho(_given(S, [b, c], a), 0, 1)) / (2 * np.pi))


def _relu_i4(C, i, k, c, d):
    """< theta_i theta_k x_c+ x_d+ > with the repetitions among (i, k, c, d) taken out first."""
    steps = sorted({i, k, c, d})
    if len(steps) == 1:
        return 0.5 * C[c, d]
    S = C[np.ix_(steps, steps)]
    y, z = steps.index(c), steps.index(d)
    orthant = {2: lambda: _two(S, 0, 1), 3: lambda: _three(S), 4: lambda: _four(S)}[len(steps)]()
    total = S[y, z] * orthant
    for b in range(len(steps)):
        rest = [m for m in range(len(steps)) if m != b]
        if z == b:
            continue
        G, q = _given(S, rest, b), rest.index(z)
        if len(rest) == 1:
            inner = G[0, 0] * _p(G[0, 0])
        elif len(rest) == 2:
            inner = 0.5 * (G[q, 0] * _p(G[0, 0]) + G[q, 1] * _p(G[1, 1]))
        else:
            inner = sum(G[q, m] * _delta(G, m, *[o for o in range(3) if o != m]) for m in range(3))
        total += S[y, b] * _p(S[b, b]) * inner
    return total


AVERAGES = {"erf": erf_averages, "linear": linear_averages, "relu": relu_averages}


def velocity(y, K, M, T, v_star, *, activation, lr, lr_readout, noise, decay, batch, train):
    """Return dy/dalpha of y = (R, Q, v)."""
    R, Q, v = y[: K * M].reshape(K, M), y[K * M : K * M + K * K].reshape(K, K), y[K * M + K * K :]
    C, a = np.block([[Q, R], [R.T, T]]), np.concatenate([v, -v_star])
    drift, spread, slopes, slope = AVERAGES[activation](C, a, K)
    first, readout = train != "readout", train != "first"
    pull = -lr * v[:, None] * drift
    dR = first * (pull[:, K:] - decay * R)
    noisy = lr**2 / batch * np.outer(v, v) * (spread + noise**2 * slopes)
    dQ = first * (pull[:, :K] + pull[:, :K].T + noisy - 2 * decay * Q)
    dv = readout * (-lr_readout * slope - decay * v)
    return np.concatenate([dR.ravel(), dQ.ravel(), dv])


def trajectory(Q, R, T, v, v_star, times, *, rtol=1e-12, atol=1e-13, **rule):
    """Integrate with SciPy's DOP853 and return Q (times, K, K), R (times, K, M), v (times, K)."""
    K, M = R.shape
    y0 = np.concatenate([R.ravel(), Q.ravel(), v])
    run = solve_ivp(
        lambda _, y: velocity(y, K, M, T, v_star, **rule),
        (0, times[-1]),
        y0,
        method="DOP853",
        t_eval=times,
        rtol=rtol,
        atol=atol,
    )
    y = run.y.T
    return y[:, K * M : K * M + K * K].reshape(-1, K, K), y[:, : K * M].reshape(-1, K, M), y[:, K * M + K * K :]
