r"""What the noise of SGD does to the order parameters in one step, and how the error depends on them.

Coordinates are y = (R row by row, the upper triangle of Q row by row, v). With c_i and u_i the increments of the rule
(:meth:`OnlineSGD.increments`: w_i moves by c_i x / sqrt N, v_i by u_i / N), one example changes N y, as N goes to
infinity, by

.. math:: f = \big(c_i \rho_n,\; c_i \lambda_k + c_k \lambda_i + c_i c_k / B,\; u_i\big), \qquad
          D = \mathrm{Cov}(f) / B

for a batch of B; D is N^2 times the covariance of one step. There :math:`|x|^2/N` was replaced by 1, and the terms
:math:`c_{ib} c_{kb'} x_b \cdot x_{b'} / N` of two examples of one batch left out: given the fields both fluctuate by
O(1/sqrt N), with a mean of O(1/N), so that they change D by O(1/N). Decay moves the mean alone.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np

from tutelage import gaussian
from tutelage.errors import check_count, refuse
from tutelage.online.equations import first_layer_drift, readout_drift
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps

__all__ = ["coordinates", "error_gradient", "step_covariance"]

SAMPLES = 2**14  # points of the average over fields
WIDTH = 1.2  # of the points, in standard deviations of the fields: f f' is of degree four and more, its weight far out


def coordinates(students: int, teachers: int) -> list[str]:
    """Return the names of the coordinates: R row by row, the upper triangle of Q row by row, v.

    Examples
    --------
    >>> coordinates(1, 1)
    ['R_0,0', 'Q_0,0', 'v_0']
    """
    R = [f"R_{i},{n}" for i in range(students) for n in range(teachers)]
    Q = [f"Q_{i},{k}" for i, k in combinations_with_replacement(range(students), 2)]
    return [*R, *Q, *(f"v_{i}" for i in range(students))]


def step_covariance(rule: OnlineSGD, state: Overlaps, *, samples: int = SAMPLES, seed: int = 0) -> np.ndarray:
    r"""Return D, the covariance of one step of the order parameters, times N^2 in the limit of large N.

    Parameters
    ----------
    rule : OnlineSGD
        With any activations.
    state : Overlaps
        Its covariance may be singular.
    samples : int, a power of two
        Points of the quasi-Monte Carlo average over the K + M fields: scrambled Sobol points with a normal density 1.2
        times as wide as the fields', weighted accordingly. Label noise is integrated exactly (f f' is a polynomial of
        degree four in it). With the default 2^14, the standard deviations D implies are accurate to (measured: root
        mean square over scramblings, worst coordinate) 7e-5 for erf at K = M = 1, 5e-4 at K = M = 2, 3e-3 at K = 4, M =
        2; for ReLU 4e-3 and 5e-3 at the latter two. Four times the points make the error two to five times smaller.
    seed : int
        Of the scrambling; two seeds tell the error.

    Returns
    -------
    array, shape (n, n)
        In the coordinates :func:`coordinates`: R row by row, the upper triangle of Q row by row, v. Positive
        semidefinite.

    Examples
    --------
    >>> state = Overlaps(Q=[[1.0]], R=[[0.0]], T=[[1.0]])
    >>> D = step_covariance(OnlineSGD("linear", lr=1.0, noise=1.0), state)  # <e^2 rho^2> - <e rho>^2 = 5 - 1
    >>> round(float(D[0, 0]), 2)
    4.0
    """
    points, weights = _points(state.students + state.teachers, check_samples(samples), seed)
    size, spread = np.linalg.eigh(state.covariance)
    root = (spread * np.sqrt(np.maximum(size, 0.0))) @ spread.T  # the symmetric root: smooth along a trajectory
    zeta, chance = np.zeros(1), np.ones(1)
    if rule.noise > 0:
        zeta, chance = np.sqrt(3.0) * np.array([-1.0, 0.0, 1.0]), np.array([1 / 6, 2 / 3, 1 / 6])
    f = _increments(rule, points @ root, rule.noise * zeta, state)
    weight = np.outer(chance, weights).ravel()
    f -= (f @ weight)[:, None]
    f *= np.sqrt(weight)
    f = _kept(rule, state, f)
    return f @ f.T / rule.batch


def _kept(rule: OnlineSGD, state: Overlaps, f: np.ndarray) -> np.ndarray:
    """Return the part of increments f (n, samples) that the rule's constraint leaves."""
    if not rule.rates.sphere:
        return f
    K, M = state.students, state.teachers
    i, k = np.triu_indices(K)
    growth = f[K * M + np.flatnonzero(i == k)] / 2
    R = f[: K * M].reshape(K, M, -1) - state.R[:, :, None] * growth[:, None]
    Q = f[K * M : K * M + len(i)] - state.Q[i, k][:, None] * (growth[i] + growth[k])
    return np.concatenate([R.reshape(K * M, -1), np.where((i == k)[:, None], 0.0, Q), f[K * M + len(i) :]])


def check_samples(samples: int) -> int:
    """Return `samples` if it is a power of two."""
    if (count := check_count("samples", samples)) & (count - 1):
        raise refuse("samples", "be a power of two", f"is {count}")
    return count


def _increments(rule: OnlineSGD, fields: np.ndarray, noise: np.ndarray, state: Overlaps) -> np.ndarray:
    """Return f for fields (samples, K + M) and noise (nodes,), shape (n, nodes * samples)."""
    K, (samples, P) = state.students, fields.shape
    nodes, M = len(noise), P - K
    c, dv = rule.increments(fields, np.repeat(noise[:, None], samples, 1), state.v, state.v_star)
    c, dv = (np.ascontiguousarray(np.moveaxis(x, -1, 0)) for x in (c, dv))  # (K, nodes, samples)
    x = np.ascontiguousarray(fields.T)
    f = np.empty((K * M + K * (K + 1) // 2 + K, nodes, samples))
    for i in range(K):
        np.multiply(c[i], x[K:, None], out=f[i * M : (i + 1) * M])
    for p, (i, k) in enumerate(combinations_with_replacement(range(K), 2), K * M):
        f[p] = c[i] * (x[k] + c[k] / rule.batch)
        f[p] += c[k] * x[i]
    f[-K:] = dv
    return f.reshape(len(f), -1)


@lru_cache(maxsize=8)
def _points(fields: int, samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points (samples, fields) and weights for averages over independent standard normal fields."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    bits, rng = samples.bit_length() - 1, np.random.default_rng(check_count("seed", seed, minimum=0))
    uniform = qmc.Sobol(fields, seed=rng).random_base2(bits)
    points = WIDTH * ndtri(np.clip(uniform, 1e-12, 1 - 1e-12))
    weights = np.exp(-0.5 * (points**2).sum(1) * (1 - WIDTH**-2))
    return points, weights / weights.sum()


def error_gradient(rule: OnlineSGD, state: Overlaps) -> np.ndarray:
    r"""Return the gradient of the generalisation error in our coordinates, shape (n,).

    From :math:`\partial_{C_{cd}} \langle \Delta^2 \rangle` by Price's theorem (IRE Trans. Inf. Theory 4, 69 (1958));
    second derivatives of g on the diagonal are integrated by parts, so that kinks do no harm.
    """
    K, a, C = state.students, state.signed_readout, state.covariance
    slopes, drift = _slope_averages(rule, state), first_layer_drift(rule, state)
    by_Q = np.outer(state.v, state.v) * slopes[:, :K]
    curved = drift[:, :K].diagonal() - (a * C[:K] * slopes).sum(1)
    bent = np.divide(curved, C.diagonal()[:K], out=np.zeros(K), where=C.diagonal()[:K] > 0)
    np.fill_diagonal(by_Q, (by_Q.diagonal() + state.v * bent) / 2)
    by_R = state.v[:, None] * a[K:] * slopes[:, K:]
    return np.concatenate([by_R.ravel(), by_Q[np.triu_indices(K)], readout_drift(rule, state)])


def _slope_averages(rule: OnlineSGD, state: Overlaps) -> np.ndarray:
    """Return <g'(x_i) g'(x_c)> of students i and all fields c, shape (K, K + M)."""
    K, P, C = state.students, state.students + state.teachers, state.covariance
    out = np.empty((K, P))
    for fields, unit in ((range(K), rule.student), (range(K, P), rule.teacher)):
        i, c = np.meshgrid(np.arange(K), fields, indexing="ij")
        index = np.stack([i, c], -1)
        out[:, fields] = gaussian.J2((rule.student, unit), C[index[..., :, None], index[..., None, :]])
    return out
