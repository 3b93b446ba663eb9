"""Plateaus in closed form of erf committees, linear and ReLU students, in the convention of the package."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, check_count, check_number, refuse
from tutelage.online.asymptotics.committee import critical_rate, plateau_per_variance

__all__ = [
    "critical_learning_rate_erf",
    "denoising_erf",
    "linear",
    "linear_both_layers",
    "relu_small_lr",
    "soft_committee_erf",
]


def soft_committee_erf(teachers: int, students: int, *, lr: float, noise: float, batch: int = 1) -> float:
    r"""Return the plateau of an erf soft committee machine: v = v* = 1, T = 1, first layer trained.

    .. math:: \epsilon_g^* = \frac{\sigma^2 \eta}{2\pi} f(M, L, \eta), \quad L = K - M \ge 0, \qquad
              f \to L + \frac{M}{\sqrt 3} \; (\eta \to 0)

    f solves four linear equations and diverges at :func:`critical_learning_rate_erf` (times B). Holds up to
    :math:`O(\sigma^4)`, for surplus units that went to zero length. Where they froze at a finite length, as they do
    from random starts with L >= 2, the plateau is lower and drifts: a flat direction, see above. L <= 1 has none. The
    authors of Goldt et al. give f as a rational function in a notebook; the equations are derived here.

    Parameters
    ----------
    teachers, students : int
        M and K >= M.
    lr, noise : float, >= 0
        Learning rate :math:`\eta` and standard deviation :math:`\sigma` of the label noise.
    batch : int, >= 1
        Examples averaged over in each step.

    Raises
    ------
    ArgumentError
        For students < teachers, or lr at or above its critical value, which the message gives.

    Examples
    --------
    >>> f"{soft_committee_erf(2, 4, lr=0.2, noise=0.01):.4e}"
    '1.2639e-05'
    """
    M, L = _counts(teachers, students)
    rate, sigma = check_number("lr", lr, minimum=0), check_number("noise", noise, minimum=0)
    B = check_count("batch", batch)
    _check_below(rate, critical_rate(M, L), 1 / B)
    return sigma**2 * plateau_per_variance(M, L, rate / B)


def critical_learning_rate_erf(teachers: int, students: int) -> float:
    r"""Return the learning rate at which the plateau of :func:`soft_committee_erf` diverges.

    .. math:: \eta_c = \frac{\pi}{2\mu}, \quad \mu = \max \operatorname{spec}(D^{-1} S), \qquad \eta_c(M = K = 1) =
              \pi \sqrt{5/3} \approx 4.06

    with D the pull on displacements and S the kicks they cause. Above it SGD is thrown off the teacher even without
    noise. A statement on small displacements: far from the teacher, lower rates may already fail. Derived here: D^-1 S
    keeps overlaps positive semidefinite, so that the first mode to grow has the symmetry of the state.

    Parameters
    ----------
    teachers, students : int
        M and K >= M.
    """
    return critical_rate(*_counts(teachers, students))


def linear(students: int, *, lr: float, noise: float, readouts: ArrayLike | None = None, batch: int = 1) -> float:
    r"""Return the plateau of a linear student, first layer trained; `readouts` are v (K,), by default ones.

    .. math:: \epsilon_g^* = \frac{\eta' \sigma^2}{4 - 2 \eta'}, \qquad \eta' = \eta \sum_k v_k^2 \; (= \eta K \text{
              for } v = 1) \; < 2

    Exact for any noise, teacher and start: the output is one linear unit. Units may differ along flat directions,
    which do not touch the error. Derived here.

    Parameters
    ----------
    students : int
        K.
    lr, noise : float, >= 0
        Learning rate :math:`\eta` and standard deviation :math:`\sigma` of the label noise.
    readouts : array, shape (K,), optional
        v; default: ones.
    batch : int, >= 1
        Examples averaged over in each step.

    Raises
    ------
    ArgumentError
        For lr sum_k v_k^2 / batch >= 2, where the student diverges.
    """
    K = check_count("students", students)
    v = np.ones(K) if readouts is None else check_array("readouts", readouts, (K,))
    if not v.any():
        raise refuse("readouts", "have a non-zero entry", "is zero")
    return _linear(float(v @ v) / check_count("batch", batch), lr, noise)


def linear_both_layers(v_star: ArrayLike, T: ArrayLike, *, lr: float, noise: float) -> float:
    r"""Return the plateau of a linear student with both layers trained at one rate, from small weights.

    .. math:: \epsilon_g^* = \frac{\eta \sigma^2 z}{4 - 2 \eta z}, \qquad z = \sum_k v_k^2 = |u|, \qquad
              |u|^2 = v^{*\top} T v^*, \qquad \eta |u| < 2

    with v* (M,), T (M, M): the same for every K. Gradient flow keeps Q - v v', so that layers that start small end
    balanced, at this z but for a relative :math:`O(\eta)`. z is a flat direction: noise drives it down, :math:`\dot z =
    -\eta^2 (\sigma^2 + 2\epsilon_g) z^3/(|u|^2 + z^2)`, and the plateau with it. Derived here.

    Parameters
    ----------
    v_star : array, shape (M,)
        Readouts of the teacher.
    T : array, shape (M, M)
        Teacher-teacher overlaps, divided by N.
    lr, noise : float, >= 0
        Learning rate :math:`\eta` and standard deviation :math:`\sigma` of the label noise.

    Raises
    ------
    ArgumentError
        For lr abs(u) >= 2, or a T that is not positive semidefinite.
    """
    readout = check_array("v_star", v_star, ("M",))
    square = float(readout @ check_array("T", T, (len(readout), len(readout))) @ readout)
    if square < 0:
        raise refuse("T", "be positive semidefinite", f"gives v_star' T v_star = {square:.3g}")
    return _linear(float(np.sqrt(square)), lr, noise)


def denoising_erf(teachers: int, students: int, *, lr: float, noise: float, v_star: float = 1.0) -> float:
    r"""Return the plateau of an erf student with Z = K/M copies of each teacher unit that share its readout equally.

    .. math:: \epsilon_g^* = \frac{\sigma^2 \eta'}{2\pi} f(M, 0, \eta') \to \frac{\sigma^2 \eta v^{*2} M^2}{2 \sqrt 3\,
              \pi K} \; (\eta' \to 0), \qquad \eta' = \frac{\eta v^{*2}}{Z}

    with f of :func:`soft_committee_erf`, T = 1 and one v* for all teacher units: the copies move as one unit with rate
    eta/Z. Holds up to :math:`O(\sigma^4)`, both layers trained (readout noise is O(1/N)) or the first alone. Other
    splits of v* have higher plateaus, along flat directions; with both layers trained, noise drives them to the equal
    one over :math:`\alpha \sim (\eta\sigma)^{-2}`. Large random starts need not come near it. That SGD finds students
    which average copies is in Goldt et al.; the formula is derived here.

    Parameters
    ----------
    teachers, students : int
        M and K = Z M.
    lr, noise : float, >= 0
        Learning rate :math:`\eta` and standard deviation :math:`\sigma` of the label noise.
    v_star : float
        Readout of every teacher unit.

    Raises
    ------
    ArgumentError
        For K that is no multiple of M, or lr at or above its critical value.

    Examples
    --------
    >>> f"{denoising_erf(2, 4, lr=0.5, noise=0.01):.5e}"
    '5.14871e-06'
    """
    M, L = _counts(teachers, students)
    if L % M:
        raise refuse("students", f"be a multiple of teachers = {M}", f"is {students}")
    rate, sigma = check_number("lr", lr, minimum=0), check_number("noise", noise, minimum=0)
    gain = check_number("v_star", v_star) ** 2 * M / (M + L)
    _check_below(rate, critical_rate(M, 0), gain)
    return sigma**2 * plateau_per_variance(M, 0, rate * gain)


def relu_small_lr(students: int, *, lr: float, noise: float, v: ArrayLike | None = None) -> float:
    r"""Return the plateau of a ReLU student at small lr, first layer trained; readouts v (K,), by default ones.

    .. math:: \epsilon_g^* = \frac{\eta \sigma^2}{8} \sum_k v_k^2 \; (= \eta\sigma^2 K/8 \text{ for } v = 1)

    :func:`small_lr` with :math:`\langle g'^2 \rangle = 1/2`, for any zero-error state without units of length zero.
    The next order adds 8 % for K = M = 2, T = 1, lr = 0.1 (:func:`perturbative`). Surplus units share teacher units
    along flat directions, which leave this value as it is. Derived here.

    Parameters
    ----------
    students : int
        K.
    lr, noise : float, >= 0
        Learning rate :math:`\eta` and standard deviation :math:`\sigma` of the label noise.
    v : array, shape (K,), optional
        Readouts; default: ones.
    """
    K = check_count("students", students)
    readout = np.ones(K) if v is None else check_array("v", v, (K,))
    rate, sigma = check_number("lr", lr, minimum=0), check_number("noise", noise, minimum=0)
    return rate * sigma**2 * float(readout @ readout) / 8


def _linear(gain: float, lr: float, noise: float) -> float:
    """Return the plateau of one linear unit with rate lr * gain."""
    rate, sigma = check_number("lr", lr, minimum=0), check_number("noise", noise, minimum=0)
    _check_below(rate, 2.0, gain)
    return rate * gain * sigma**2 / (4 - 2 * rate * gain)


def _counts(teachers: int, students: int) -> tuple[int, int]:
    """Return M and the number L of surplus units."""
    M = check_count("teachers", teachers)
    return M, check_count("students", students, minimum=M) - M


def _check_below(rate: float, critical: float, gain: float) -> None:
    """Refuse rate * gain from `critical` on."""
    if rate * gain >= critical:
        must = f"be below the critical learning rate {critical / gain:.6g}, where the plateau diverges"
        raise refuse("lr", must, f"is {rate:g}")
