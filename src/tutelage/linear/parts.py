r"""Double descent taken apart: the fast features alone, and the slow ones alone.

*Fast only* freezes the slow features as they begin, unlearned: to the student they are noise. *Slow only* freezes the
fast ones as they end, learned: they have used up p of the n samples, and the rest learns as a problem of its own with
n - p samples and d - p features. An error :math:`\epsilon'_g` there is one of

.. math:: 2 \epsilon_g + \sigma^2 = \frac{n}{n - p}\, (2 \epsilon'_g + \sigma^2)

of the whole, as the fast features fit, next to their own signal, a share p/n of all that is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_choice
from tutelage.linear.curves import LAWS, limit_law
from tutelage.linear.fast_slow import combined, convention_of, fractions, penalties
from tutelage.linear.record import check_problem, check_steps, dataset
from tutelage.linear.spectrum import Spectrum

if TYPE_CHECKING:
    import xarray

__all__ = ["decomposition"]


def decomposition(
    spectrum: Spectrum,
    t: ArrayLike,
    method: str = "flow",
    lr: float = 1.0,
    ridge: float = 0.0,
    convention: str | None = None,
    *,
    test_noise: bool = False,
) -> xarray.Dataset:
    r"""Return the learning curve, with those of the fast and of the slow features alone.

    Parameters
    ----------
    spectrum : Spectrum
        One that knows which features are fast: of :func:`two_scale`, or with ``fast``.
    t, method, lr, ridge, convention, test_noise
        As of :func:`learning_curve`, without "finite".

    Returns
    -------
    xarray.Dataset
        ``R``, ``Q``, ``eg`` over ``t`` as there, ``eg_fast`` and ``eg_slow``. The latter is NaN for n <= p: fast
        features that have used up all samples leave none.

    Notes
    -----
    Of "fast_slow" a part is frozen as in the paper: a_2 at t = 0, or a_1 at its end.

    Examples
    --------
    >>> from tutelage.linear import decomposition, two_scale
    >>> problem = two_scale(n=130, d=100, p=70, kappa=100)
    >>> parts = decomposition(problem, [1, 10, 200, 1e4, 1e6], lr=1 / problem.top)
    >>> parts.eg.values.round(3)
    array([0.355, 0.252, 0.323, 0.244, 0.001])
    >>> parts.eg_fast.values.round(3)
    array([0.355, 0.252, 0.325, 0.325, 0.325])
    >>> parts.eg_slow.values.round(3)
    array([0.325, 0.325, 0.323, 0.244, 0.001])
    """
    lr, ridge = check_problem(spectrum, lr, ridge)
    times, method = check_steps("t", t), check_choice("method", method, LAWS)
    kind = convention_of(method, convention)
    R, error = limit_law(spectrum, times, method, lr, ridge, kind)
    if kind is not None:
        x = fractions(spectrum, penalties(times, lr, ridge), kind)
        end = np.broadcast_to(fractions(spectrum, np.array([ridge]), kind)[:, 0], len(times))
        alone = combined(spectrum, np.stack([x[:, 0], np.zeros(len(times))], 1))[1]
        rest = combined(spectrum, np.stack([end, x[:, 1]], 1))[1]
    else:
        alone = limit_law(_without_slow(spectrum), times, method, lr, ridge)[1]
        rest = _slow_only(spectrum, times, method, lr, ridge)
    found = {"R": R, "Q": error - spectrum.signal + 2 * R, "eg": error / 2, "eg_fast": alone / 2, "eg_slow": rest / 2}
    arguments = {"method": method, "lr": lr, "ridge": ridge, "convention": kind, "test_noise": bool(test_noise)}
    return dataset(spectrum, times, found, "learning curve parts", arguments)


def _without_slow(spectrum: Spectrum) -> Spectrum:
    """Return the problem of a student that does not see the slow features."""
    values = spectrum.eigenvalues.copy()
    values[spectrum.blocks[1]] = 0.0
    return Spectrum(spectrum.n, values, spectrum.noise, spectrum.teacher, spectrum.fast)


def _slow_only(spectrum: Spectrum, t: np.ndarray, method: str, lr: float, ridge: float) -> np.ndarray:
    """Return twice the error of a student that knows the fast features from the start."""
    _, slow = spectrum.blocks
    left, noise = spectrum.n - slow.start, spectrum.noise**2
    if left < 1:
        return np.full(len(t), np.nan)
    if slow.start == spectrum.d or not spectrum.eigenvalues[slow].any():
        assert spectrum.teacher is not None
        error = np.full(len(t), spectrum.teacher[slow].sum() / spectrum.d)
    else:
        assert spectrum.teacher is not None
        teacher = spectrum.teacher[slow] * ((spectrum.d - slow.start) / spectrum.d)
        error = limit_law(Spectrum(left, spectrum.eigenvalues[slow], spectrum.noise, teacher), t, method, lr, ridge)[1]
    return spectrum.n / left * (error + noise) - noise
