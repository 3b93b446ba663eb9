r"""Stationary generalisation errors of one-pass SGD in closed form: where label noise holds a trained student.

Each noisy label kicks the weights of a student that could copy its teacher, each example pulls them back, and the error
settles at a plateau :math:`\epsilon_g^* = \tfrac12 \langle (\text{student} - \text{teacher})^2 \rangle`.

**Convention** of all: the factor 1/2 is in, label noise is not. Steps are :math:`(\eta/\sqrt N)` error
:math:`v\,g'(\lambda)\,x` in the first layer and :math:`(\eta/N)` error :math:`g(\lambda)` in the readout, fields
:math:`w \cdot x/\sqrt N`, and N is infinite. `lr` is :math:`\eta`, `noise` the standard deviation :math:`\sigma` of the
label noise, `batch` the number B of examples averaged over in a step, which acts as :math:`\eta/B`: functions without
it take that quotient as `lr`. There is no weight decay. A learning rate at which the plateau diverges is refused.

**Flat directions.** Two or more surplus units can move without a change of the student's output: an erf pair w, -w
cancels at any length, copies of one teacher unit may share its readout in any proportion. Which of these zero-error
states a run comes near depends on its start; each has its own plateau (:func:`perturbative`), and label noise makes the
state drift along them, over :math:`\alpha \sim (\eta\sigma)^{-2}`. A plateau is then a level that a run stays on for
long, not its limit: quote :math:`\alpha` and the start with it.
"Goldt et al." is NeurIPS 2019, arXiv:1906.08632; "derived here" points to the test that names the function.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tutelage import gaussian
from tutelage.errors import check_array, check_count, check_number, refuse
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps

__all__ = [
    "NoiseModes",
    "critical_learning_rate_erf",
    "denoising_erf",
    "leading_order",
    "linear",
    "linear_both_layers",
    "noise_modes",
    "perturbative",
    "relu_small_lr",
    "small_lr",
    "soft_committee_erf",
]

ZERO = 1e-12  # of the power of all units: an error below it is zero up to rounding
FLAT = 1e-8  # of the largest stiffness: a direction below it is flat


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
    _check_below(rate, _critical(M, L), 1 / B)
    return sigma**2 * _committee(M, L, rate / B)


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
    return _critical(*_counts(teachers, students))


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
    _check_below(rate, _critical(M, 0), gain)
    return sigma**2 * _committee(M, 0, rate * gain)


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


def small_lr(rule: OnlineSGD, state: Overlaps) -> float:
    r"""Return the leading order in lr of :func:`perturbative`, under the same conditions. Derived here.

    .. math:: \epsilon_g^* = \frac{\eta \sigma^2}{4 B} \sum_k v_k^2 \langle g'(\lambda_k)^2 \rangle

    Parameters
    ----------
    rule : OnlineSGD
        With ``train="first"`` and no weight decay.
    state : Overlaps
        A state of zero generalisation error under `rule`; student units K, teacher units M, any T, v and v_star.
    """
    _check_zero_error(rule, state)
    return leading_order(rule, state)


def leading_order(rule: OnlineSGD, state: Overlaps) -> float:
    """Return :func:`small_lr` of a state that is known to have zero error: nothing is checked.

    Parameters
    ----------
    rule, state
        As of :func:`small_lr`.

    Returns
    -------
    float
    """
    slopes = gaussian.J2(rule.student, np.diag(state.Q)[:, None, None] * np.ones((2, 2)))
    return rule.lr / rule.batch * rule.noise**2 / 4 * float(state.v**2 @ slopes)


def perturbative(rule: OnlineSGD, state: Overlaps) -> float:
    r"""Return the plateau around any zero-error state, to order sigma^2 and all orders in lr; first layer trained.

    .. math::

        H G + G H &= \frac{\eta}{B} \Big( \sigma^2 H + \sum_{ij} F_{klij} G_{ij} \Big), \qquad
        \epsilon_g^* = \tfrac12 \operatorname{tr}(H G), \\
        H_{kl} &= v_k v_l \langle g'_k g'_l \rangle, \qquad
        F_{klij} = v_k v_l v_i v_j \langle g'_k g'_l g'_i g'_j \rangle, \qquad g'_k = g'(\lambda_k)

    What is perturbed: :math:`w_k = w_k^0 + \delta_k`, with :math:`w^0` the weights of `state` and :math:`\delta_k` in
    the N - K - M dimensions orthogonal to them and the teacher's. Noise kicks all dimensions alike, so :math:`G_{kl} =
    \delta_k \cdot \delta_l/N` collects all of it, is of order :math:`\sigma^2`, and the fields of :math:`\delta` are
    independent of the :math:`\lambda`. Within the span, kicks are O(1/N); G only shifts the mean there, by
    :math:`O(\sigma^2)`, and so the error by :math:`O(\sigma^4)`.

    Holds for :math:`\delta` small against the units, :math:`\eta\sigma^2 \ll 1` away from the critical rate.
    Corrections are :math:`O(\sigma^4)` for smooth g, :math:`O(\sigma^3)` for ReLU, none for linear units.
    Flat directions of :math:`\delta` (kernel of H) receive neither pull nor kick and do not touch the error: they are
    left out, the solution of minimum norm. Flat directions in the span are not seen: `state` drifts along them, and
    this is the plateau of where it is. `rule` must train the first layer without weight decay, at a rate below the
    critical one of `state`; `state` must have zero error (the end of a run without noise, say) and no unit on a kink
    (ReLU of length zero). Derived here.

    Parameters
    ----------
    rule : OnlineSGD
        With ``train="first"`` and no weight decay.
    state : Overlaps
        A state of zero generalisation error under `rule`; student units K, teacher units M, any T, v and v_star.

    Raises
    ------
    ArgumentError
        For a state whose error is not zero, another rule, or lr at or above its critical value for this state.

    Examples
    --------
    >>> f"{perturbative(OnlineSGD('erf', lr=0.2, noise=0.01), Overlaps([[1.0]], [[1.0]], [[1.0]])):.4e}"
    '1.9331e-06'
    """
    _check_zero_error(rule, state)
    return noise_modes(rule, state).plateau(rule)


class NoiseModes(NamedTuple):
    r"""How label noise adds up around a zero-error state: gains m and weights c of :func:`perturbative`'s solution.

    .. math:: \epsilon_g^* = \frac{\eta \sigma^2}{2 B} \sum_n \frac{c_n}{1 - \eta m_n / B}

    Attributes
    ----------
    gains, weights : array, shape (modes,)
    """

    gains: np.ndarray
    weights: np.ndarray

    @property
    def critical(self) -> float:
        """The lr of single examples from which on the state attracts no student; infinite without gains."""
        highest = float(max(self.gains, default=0.0))
        return 1 / highest if highest > 0 else np.inf

    def plateau(self, rule: OnlineSGD) -> float:
        """Return the error of a rule; lr from the critical one on is refused."""
        rate, critical = rule.lr / rule.batch, self.critical
        if rate >= critical:
            must = f"have lr < {critical * rule.batch:.6g}, critical for this state"
            raise refuse("rule", must, f"has lr = {rule.lr:g}")
        return rate * rule.noise**2 / 2 * float(np.sum(self.weights / (1 - rate * self.gains)))


def noise_modes(rule: OnlineSGD, state: Overlaps) -> NoiseModes:
    """Return the modes of a state known to have zero error, for :func:`perturbative`; lr and noise do not matter.

    In the eigenbasis of H without its kernel, (D - rate F) G = rate sigma^2 H with D > 0 diagonal and F a Gram matrix.

    Parameters
    ----------
    rule, state
        As of :func:`perturbative`.

    Returns
    -------
    NoiseModes
    """
    H, F = _products(rule, state, 2), _products(rule, state, 4)
    stiffness, basis = np.linalg.eigh(H)
    stiff = stiffness > FLAT * stiffness[-1]
    h, U = stiffness[stiff], basis[:, stiff]
    scale = 1 / np.sqrt(h[:, None] + h)
    F = np.einsum("abcd,ai,bj,ck,dl->ijkl", F, U, U, U, U, optimize=True) * scale[:, :, None, None] * scale
    gains, modes = np.linalg.eigh(F.reshape(len(h) ** 2, len(h) ** 2))
    return NoiseModes(gains, ((np.diag(h) * scale).ravel() @ modes) ** 2)


def _products(rule: OnlineSGD, state: Overlaps, order: int) -> np.ndarray:
    """Return the averages of all products of 2 or 4 factors v_k g'_k, shape (K,) * order; each multiset done once."""
    shape = (state.students,) * order
    index = np.sort(np.indices(shape).reshape(order, -1), axis=0)
    once, back = np.unique(np.ravel_multi_index(tuple(index), shape), return_inverse=True)
    units = np.stack(np.unravel_index(once, shape), -1)
    average = gaussian.J2 if order == 2 else gaussian.J4
    values = average(rule.student, state.Q[units[:, :, None], units[:, None, :]])
    return reduce(np.multiply.outer, [state.v] * order) * values[back].reshape(shape)


def _check_zero_error(rule: OnlineSGD, state: Overlaps) -> None:
    """Refuse what the perturbation of a zero-error state does not hold for."""
    if rule.train != "first" or rule.weight_decay:
        given = f"train={rule.train!r} and weight_decay={rule.weight_decay:g}"
        raise refuse("rule", 'have train="first" and weight_decay=0', f"has {given}")
    units = [rule.student] * state.students + [rule.teacher] * state.teachers
    powers = [float(gaussian.I2(g, np.full((2, 2), c))) for g, c in zip(units, np.diag(state.covariance), strict=True)]
    error = state.generalisation_error(rule.student, rule.teacher)
    if error > ZERO * (state.signed_readout**2 @ powers):
        raise refuse("state", "have zero generalisation error", f"has eg = {error:.3g}")
    if 0.0 in rule.student.kinks and (state.v[np.diag(state.Q) < ZERO] != 0).any():
        raise refuse("state", "have no unit on the kink of the activation", "has a student unit of length zero")


def _committee(M: int, L: int, rate: float) -> float:
    """Return eps_g* / sigma^2 of the soft committee machine, (rate / 2 pi) f(M, L, rate)."""
    pull, kicks, source, trace = _four_equations(M, L)
    return float(rate / np.pi * (trace @ np.linalg.solve(pull - 2 * rate / np.pi * kicks, source)))


def _critical(M: int, L: int) -> float:
    """Return the rate at which pull - (2 rate / pi) kicks becomes singular."""
    pull, kicks = _four_equations(M, L)[:2]
    return float(np.pi / 2 / np.linalg.eigvals(np.linalg.solve(pull, kicks)).real.max())


def _four_equations(M: int, L: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return H G + G H and F:G as matrices on (a, b, s, t), H as a vector, and tr(H G) as a vector on them.

    a is G of a unit with itself, b with another, s with the sum of the L surplus units, t that sum with itself; H and F
    are in units of 2/pi and its square. Equations and unknowns that do not exist (M = 1: b; L = 0: s, t) are left out.
    """
    A, B, c = 1 / np.sqrt(3), 1 / 2, 1 / np.sqrt(2)  # <g'_1 g'_1>, <g'_1 g'_2>, <g'_1 g'_surplus>
    others, size = (M - 1) * B, np.array([1, 1, L, L**2])
    one, two = [2 * A, 2 * others, 2 * c, 0], [2 * B, 2 * (A + others - B), 2 * c, 0]
    pull = np.array([one, two, [L * c, L * (M - 1) * c, A + others + L, c], [0, 0, 2 * L * M * c, 2 * L]])
    kicks = size[:, None] * np.array([_quadratic(M, powers) for powers in ([2], [1, 1][:M], [1], [])])
    there = np.array([True, M > 1, L > 0, L > 0])
    both = np.ix_(there, there)
    return pull[both], kicks[both], (size * [A, B, c, 1])[there], _quadratic(M, [])[there]


def _quadratic(M: int, powers: list[int]) -> np.ndarray:
    """Return <prod_k g'_k^powers_k (sum_i g'_i delta_i)^2> as a vector on (a, b, s, t), in units of 2/pi a pair of g'.

    For independent fields of variance one, <prod_k g'_k^p_k> = prod_k (1 + p_k)^(-1/2) in these units.
    """
    p = np.pad(np.array(powers, dtype=np.float64), (0, M - len(powers)))
    once, twice = np.sqrt((1 + p) / (2 + p)), np.sqrt((1 + p) / (3 + p))  # what one, two more factors g'_i change
    pairs = np.array([twice.sum(), once.sum() ** 2 - (once**2).sum(), 2 * once.sum(), 1.0])
    return pairs / np.sqrt(np.prod(1 + p))


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
