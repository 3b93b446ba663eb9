r"""Exact curves at finite n and d, for given samples, averaged over teachers and noise; and their mean over samples.

With :math:`X = U D V^\top`, gains :math:`g_t` and :math:`f = g_t(D^2)\, D` the student is
:math:`F \hat w = S V f U^\top (Z W + \epsilon)`, so that, with :math:`C = S V` and :math:`E = U^\top Z`,

.. math:: R = \frac1d \sum_k f_k \sum_j \langle W_j^2 \rangle C_{jk} E_{kj}, \qquad
          Q = \frac1d \sum_{kl} f_k f_l\, (C^\top C)_{kl} (E \langle W^2 \rangle E^\top)_{kl}
              + \frac{\sigma^2}{d} \sum_k f_k^2 (C^\top C)_{kk} .

Reference: Pezeshki et al., ICML 2022, Eqs. 9-10, in a form that has no division by eigenvalues, for any n and d.
"""

from __future__ import annotations

import numpy as np

from tutelage.linear.filters import Descent, Filter
from tutelage.linear.record import kept
from tutelage.linear.spectrum import Spectrum
from tutelage.progress import progress as progress_bar

__all__ = ["draw_fields", "given_fields", "mean_over_draws"]


def draw_fields(spectrum: Spectrum, seed: int, draw: int) -> np.ndarray:
    """Return z (n, d) of one draw of the samples, N(0, 1/d); the same whatever else is drawn."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, draw)))
    return rng.standard_normal((spectrum.n, spectrum.d)) / np.sqrt(spectrum.d)


def given_fields(spectrum: Spectrum, z: np.ndarray, t: np.ndarray, way: Filter) -> tuple[np.ndarray, np.ndarray]:
    """Return R and Q, each (times,), averaged over teachers and noise, for samples z (n, d)."""
    scales, d = spectrum.scales, spectrum.d
    U, D, Vt = np.linalg.svd(z * scales, full_matrices=False)
    if isinstance(way, Descent):
        way.check(float(D[0] ** 2), "the largest eigenvalue of these samples")
    C, E = scales[:, None] * Vt.T, U.T @ z
    f = way.gain(D**2, t) * D
    weighted = E * spectrum.teacher
    R = f @ (C.T * weighted).sum(1) / d
    squares = C.T @ C
    Q = ((f @ (squares * (weighted @ E.T))) * f).sum(1) / d + spectrum.noise**2 / d * (f**2 @ np.diag(squares))
    return R, Q


def mean_over_draws(
    spectrum: Spectrum, t: np.ndarray, way: Filter, draws: int, seed: int, progress: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return R and Q, each (draws, times), of `draws` sets of samples; NaN for those that Ctrl-C has cut off."""
    found = np.full((2, draws, len(t)), np.nan)
    with progress_bar("samples", draws, progress) as bar, kept():
        for k in range(draws):
            found[:, k] = given_fields(spectrum, draw_fields(spectrum, seed, k), t, way)
            bar.update(k + 1)
    return found[0], found[1]
