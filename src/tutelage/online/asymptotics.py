r"""Stationary generalisation errors of one-pass SGD in closed form: where label noise holds a trained student.

A student that could copy its teacher never quite does: each noisy label kicks its weights, each example pulls them back,
and the error settles where kicks and pulls balance. All functions here return that plateau, :math:`\epsilon_g^*`.

**Convention**, everywhere below: :math:`\epsilon_g = \tfrac12 \langle (\text{student} - \text{teacher})^2 \rangle`, with
the factor 1/2 and without label noise; labels carry noise of standard deviation :math:`\sigma`; first-layer steps are
:math:`(\eta/\sqrt N)` error :math:`v\,g'(\lambda)\,x`, readout steps :math:`(\eta_v/N)` error :math:`g(\lambda)`; fields
are :math:`w \cdot x/\sqrt N`; overlaps are divided by N, and N goes to infinity. A mini-batch of B examples acts as the
rate :math:`\eta/B`; functions without `batch` take that quotient as `lr`. No weight decay.

**Flat directions.** Two or more surplus units can move without changing the student's output: an erf pair :math:`w, -w`
cancels at any length, units on one teacher unit may share its readout in any proportion. Which of these zero-error
states a run comes near depends on its start, each has a plateau of its own (:func:`perturbative` gives it), and label
noise makes the state drift along them, over times :math:`\alpha \sim (\eta\sigma)^{-2}`. A plateau is then a level
that a run stays on for long, not its limit: quote :math:`\alpha` and the start with it.

Reference: Goldt, Advani, Saxe, Krzakala & Zdeborova, NeurIPS 2019 (arXiv:1906.08632).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tutelage import gaussian
from tutelage.errors import check_array, check_count, check_number, refuse
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps

__all__ = [
    "critical_learning_rate_erf",
    "denoising_erf",
    "linear",
    "linear_both_layers",
    "perturbative",
    "relu_small_lr",
    "small_lr",
    "soft_committee_erf",
]

ZERO = 1e-12  # of the power of all units: an error below it is zero up to rounding
FLAT = 1e-8  # of the largest stiffness: a direction below it is flat


def soft_committee_erf(teachers: int, students: int, *, lr: float, noise: float, batch: int = 1) -> float:
    r"""Return the plateau of an erf soft committee machine: readouts one, first layer trained.

    .. math:: \epsilon_g^* = \frac{\sigma^2 \eta}{2\pi} f(M, L, \eta), \qquad L = K - M, \qquad
              f \to L + \frac{M}{\sqrt 3} \quad (\eta \to 0) .

    f solves four linear equations, for the displacements' overlaps of a unit with itself, with another, with the L
    surplus units, and of these among themselves. It grows with L and diverges at the critical learning rate.

    Parameters
    ----------
    teachers, students : int
        M orthonormal teacher units (T = 1, v_star = 1) and K >= M student units (v = 1).
    lr, noise : float, >= 0
        Learning rate :math:`\eta` and standard deviation :math:`\sigma` of the label noise.
    batch : int, >= 1
        Examples averaged over in each step.

    Raises
    ------
    ArgumentError
        For students < teachers, and for `lr` from :func:`critical_learning_rate_erf` times `batch` on.

    Notes
    -----
    Holds up to :math:`O(\sigma^4)`, N infinite, for students that reached the teacher with surplus units at zero
    length. Surplus units that froze at a finite length (usual for L >= 2 and random starts) have a lower plateau, and
    noise makes them drift: a flat direction, see the module. L <= 1 has none.

    The statement and f(M, L, eta) are of Goldt et al. 2019, whose released notebook gives f as a rational function; the
    four equations were derived here from :func:`perturbative`. Tested against that notebook's numbers and the ODE.

    Examples
    --------
    >>> f"{soft_committee_erf(2, 4, lr=0.2, noise=0.01):.4e}"
    '1.2639e-05'
    """
    M, L = _counts(teachers, students)
    rate, sigma, B = (
        check_number("lr", lr, minimum=0),
        check_number("noise", noise, minimum=0),
        check_count("batch", batch),
    )
    _check_below(rate, B * _critical(M, L))
    return sigma**2 * _committee(M, L, rate / B)


def critical_learning_rate_erf(teachers: int, students: int) -> float:
    r"""Return the learning rate :math:`\eta_c` at which the plateau of :func:`soft_committee_erf` diverges.

    .. math:: \eta_c = \frac{\pi}{2\mu}, \qquad \mu = \max \operatorname{spec}(D^{-1} S), \qquad
              \eta_c(1, 1) = \pi \sqrt{5/3} ,

    D the pull and S the kicks that displacements add to themselves, in the four equations. Above it a student on the
    teacher is thrown off it, noise or not; times the batch size for mini-batches.

    Notes
    -----
    A statement on small displacements from the teacher (far from it a student may fail at lower rates), N infinite, v =
    v_star = 1, T = 1. Both maps keep displacements' overlaps positive semidefinite, so that the mode that grows first
    has the symmetry of the teacher: four equations see it. Derived here; tested against the stability of the ODE.

    Examples
    --------
    >>> round(critical_learning_rate_erf(2, 2), 3)
    2.307
    """
    return _critical(*_counts(teachers, students))


def linear(students: int, *, lr: float, noise: float, readouts: ArrayLike | None = None, batch: int = 1) -> float:
    r"""Return the plateau of a linear student, first layer trained.

    .. math:: \epsilon_g^* = \frac{\eta' \sigma^2}{4 - 2 \eta'}, \qquad \eta' = \eta \sum_k v_k^2 \; (= \eta K
              \text{ for } v = 1), \qquad \eta' < 2 .

    Parameters
    ----------
    students : int
        K.
    lr, noise : float, >= 0
        Learning rate and standard deviation of the label noise.
    readouts : array, shape (K,), optional
        v; default: ones.
    batch : int, >= 1
        Examples averaged over in each step.

    Notes
    -----
    Exact at any noise and from any start, whatever the teacher, N infinite: the output is one linear unit. Differences
    between student units are flat, but do not touch the error. Derived here; tested against the ODE. With K = L + M, the
    first-layer result that Goldt et al. 2019 plot.

    Examples
    --------
    >>> linear(2, lr=0.5, noise=1.0)
    0.5
    """
    K = check_count("students", students)
    v = np.ones(K) if readouts is None else check_array("readouts", readouts, (K,))
    if not v.any():
        raise refuse("readouts", "have a non-zero entry", "is zero")
    return _linear(float(v @ v) / check_count("batch", batch), lr, noise)


def linear_both_layers(v_star: ArrayLike, T: ArrayLike, *, lr: float, noise: float) -> float:
    r"""Return the plateau of a linear student with both layers trained at one rate, from small weights.

    .. math:: \epsilon_g^* = \frac{\eta \sigma^2 |u|}{4 - 2 \eta |u|}, \qquad |u|^2 = v^{*\top} T v^*, \qquad
              \eta |u| < 2 .

    Parameters
    ----------
    v_star : array, shape (M,)
        Readouts of the teacher.
    T : array, shape (M, M)
        Overlaps of the teacher.
    lr, noise : float, >= 0
        Learning rate of both layers and standard deviation of the label noise.

    Notes
    -----
    The same for every K: learning keeps Q - v v' up to :math:`O(\eta^2)`, so that layers that start small end balanced,
    :math:`z = \sum_k v_k^2 = |u|`. Holds for small :math:`\eta` and on times :math:`\alpha \ll (\eta\sigma)^{-2}` only: z
    is a flat direction, down which label noise drives it, :math:`\dot z = -\eta^2 (\sigma^2 + 2\epsilon_g) z^3 / (|u|^2 +
    z^2)`, and the plateau :math:`\eta z \sigma^2 / (4 - 2\eta z)` with it. Derived here; tested against the ODE.

    Examples
    --------
    >>> linear_both_layers([1.0], [[4.0]], lr=0.5, noise=1.0)
    0.5
    """
    readout = check_array("v_star", v_star, ("M",))
    matrix = check_array("T", T, (len(readout), len(readout)))
    if (square := float(readout @ matrix @ readout)) < 0:
        raise refuse("T", "be positive semidefinite", f"gives v_star' T v_star = {square:.3g}")
    return _linear(np.sqrt(square), lr, noise)


def denoising_erf(teachers: int, students: int, *, lr: float, noise: float, v_star: float = 1.0) -> float:
    r"""Return the plateau of an erf student with Z = K/M copies of each teacher unit, each with readout v_star/Z.

    .. math:: \epsilon_g^* = \frac{\sigma^2 \eta'}{2\pi} f(M, 0, \eta'), \qquad \eta' = \frac{\eta v^{*2}}{Z}, \qquad
              \epsilon_g^* \to \frac{\sigma^2 \eta v^{*2} M^2}{2 \sqrt 3\, \pi K} \quad (\eta' \to 0)

    with f of :func:`soft_committee_erf`: the copies move as one unit with learning rate eta/Z, and average the noise.

    Parameters
    ----------
    teachers, students : int
        M orthonormal teacher units (T = 1); K student units, a multiple of M.
    lr, noise : float, >= 0
        First-layer learning rate and standard deviation of the label noise.
    v_star : float
        Readout of every teacher unit.

    Notes
    -----
    Holds up to :math:`O(\sigma^4)`, N infinite, with both layers trained (readouts move by 1/N and add no noise) or the
    first alone. The split v_star/Z is one of many: how copies share a readout is a flat direction; other splits have
    higher plateaus, and label noise drives them to this one over :math:`\alpha \sim (\eta\sigma)^{-2}` if both layers
    learn. Large random starts need not come near it. That SGD finds averaging students is a claim of Goldt et al. 2019;
    the formula was derived here. Tested against the ODE.

    Examples
    --------
    >>> f"{denoising_erf(2, 4, lr=0.5, noise=0.01):.5e}"
    '5.14871e-06'
    """
    M, _ = _counts(teachers, students)
    if students % M:
        raise refuse("students", f"be a multiple of teachers = {M}", f"is {students}")
    rate, sigma = check_number("lr", lr, minimum=0), check_number("noise", noise, minimum=0)
    gain = check_number("v_star", v_star) ** 2 * M / students
    _check_below(rate * gain, _critical(M, 0), gain)
    return sigma**2 * _committee(M, 0, rate * gain)


def relu_small_lr(students: int, *, lr: float, noise: float, v: ArrayLike | None = None) -> float:
    r"""Return the plateau of a ReLU student at small learning rates, first layer trained.

    .. math:: \epsilon_g^* = \frac{\eta \sigma^2}{8} \sum_k v_k^2 \; (= \eta\sigma^2 K/8 \text{ for } v = 1) .

    Parameters
    ----------
    students : int
        K.
    lr, noise : float, >= 0
        Learning rate and standard deviation of the label noise.
    v : array, shape (K,), optional
        Readouts of the student; default: ones.

    Notes
    -----
    :func:`small_lr` with :math:`\langle g'^2 \rangle = 1/2`: the leading order in :math:`\eta` and :math:`\sigma`, N
    infinite, for any zero-error state whose units with v_k != 0 all have a length. The next order in :math:`\eta` adds 8
    % for K = M = 2, T = 1, lr = 0.1 (:func:`perturbative` has it). Surplus units share teacher units, along flat
    directions that leave this value as it is. Derived here; tested against the ODE.

    Examples
    --------
    >>> relu_small_lr(2, lr=0.5, noise=1.0)
    0.125
    """
    K = check_count("students", students)
    readout = np.ones(K) if v is None else check_array("v", v, (K,))
    rate, sigma = check_number("lr", lr, minimum=0), check_number("noise", noise, minimum=0)
    return rate * sigma**2 * float(readout @ readout) / 8


def small_lr(rule: OnlineSGD, state: Overlaps) -> float:
    r"""Return the plateau around any zero-error state at small learning rates, first layer trained.

    .. math:: \epsilon_g^* = \frac{\eta \sigma^2}{4 B} \sum_k v_k^2 \langle g'(\lambda_k)^2 \rangle

    Parameters
    ----------
    rule : OnlineSGD
        With ``train="first"`` and no weight decay.
    state : Overlaps
        With zero generalisation error.

    Notes
    -----
    The leading order in :math:`\eta` of :func:`perturbative`, whose conditions, flat directions and errors are those
    here. Derived here; tested against it and, through it, against the ODE.

    Examples
    --------
    >>> small_lr(OnlineSGD("linear", lr=0.5, noise=1.0), Overlaps([[1.0]], [[1.0]], [[1.0]]))
    0.125
    """
    _check_zero_error(rule, state)
    return rule.rates.lr / rule.rates.batch * rule.rates.noise_variance / 4 * float(np.trace(_stiffness(rule, state)))


def perturbative(rule: OnlineSGD, state: Overlaps) -> float:
    r"""Return the plateau around any zero-error state, to order sigma^2 and all orders in lr; first layer trained.

    .. math::

        H G + G H &= \frac{\eta}{B} \Big( \sigma^2 H + \sum_{ij} F_{klij} G_{ij} \Big), \qquad
        \epsilon_g^* = \tfrac12 \operatorname{tr}(H G), \\
        H_{kl} &= v_k v_l \langle g'_k g'_l \rangle, \qquad
        F_{klij} = v_k v_l v_i v_j \langle g'_k g'_l g'_i g'_j \rangle, \qquad g'_k = g'(\lambda_k) .

    What is perturbed: :math:`w_k = w_k^0 + \delta_k`, with :math:`w^0` the weights of `state` and :math:`\delta_k` in the
    N - K - M dimensions orthogonal to all of them and the teacher's. Noise kicks all N dimensions alike, so that these
    hold the whole of it: :math:`G_{kl} = \delta_k \cdot \delta_l / N` is of order :math:`\sigma^2`, and the fields of
    :math:`\delta` are Gaussian, independent of the :math:`\lambda`. Within the span of the :math:`w^0` and teacher the
    kicks are :math:`O(1/N)`; there G only shifts the mean, by :math:`O(\sigma^2)`, and the error by
    :math:`O(\sigma^4)`.

    Parameters
    ----------
    rule : OnlineSGD
        With ``train="first"`` and no weight decay.
    state : Overlaps
        With zero generalisation error, for instance the end of a long run without noise.

    Raises
    ------
    ArgumentError
        If `state` has an error; if a unit with readout sits on a kink (ReLU of length zero); if `rule` trains the
        readout or decays; or if its rate is critical for `state`, where the equation has no positive solution.

    Notes
    -----
    Holds for N infinite and displacements small against the lengths of the units, :math:`\eta\sigma^2 \ll 1` away from
    the critical rate; corrections :math:`O(\sigma^4)` for smooth g, :math:`O(\sigma^3)` for ReLU, none for linear.

    Flat directions of :math:`\delta` (kernel of H: combinations of units whose outputs cancel) receive neither pull nor
    kick and do not touch the error: they are left out, which is the solution of minimum norm. Directions that are flat
    within the span are not seen at all: `state` drifts along them, over :math:`\alpha \sim (\eta\sigma)^{-2}`, and this
    is the plateau of where it is now. Derived here; tested against the ODE.

    Examples
    --------
    >>> f"{perturbative(OnlineSGD('erf', lr=0.2, noise=0.01), Overlaps([[1.0]], [[1.0]], [[1.0]])):.4e}"
    '1.9332e-06'
    """
    _check_zero_error(rule, state)
    rate = rule.rates.lr / rule.rates.batch
    gains, weights = _modes(_stiffness(rule, state), _amplification(rule, state))
    highest = max(gains, default=0.0)
    if rate * highest >= 1:
        critical = rule.rates.batch / highest
        raise refuse("rule", f"have lr below {critical:.6g}, critical for this state", f"has lr = {rule.rates.lr:g}")
    return rate * rule.rates.noise_variance / 2 * float(np.sum(weights / (1 - rate * gains)))


def _modes(H: np.ndarray, F: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return gains m and weights c of eps_g* = rate sigma^2/2 sum_n c_n / (1 - rate m_n).

    In the eigenbasis of H, outside its kernel, the equation for G is (D - rate F) G = rate sigma^2 H with D diagonal
    and positive and F a Gram matrix: the modes are the eigenvectors of D^(-1/2) F D^(-1/2).
    """
    stiffness, basis = np.linalg.eigh(H)
    stiff = stiffness > FLAT * stiffness[-1]
    h, U = stiffness[stiff], basis[:, stiff]
    scale = 1 / np.sqrt(h[:, None] + h)
    F = np.einsum("abcd,ai,bj,ck,dl->ijkl", F, U, U, U, U, optimize=True) * scale[:, :, None, None] * scale
    gains, modes = np.linalg.eigh(F.reshape(len(h) ** 2, len(h) ** 2))
    return gains, ((np.diag(h) * scale).ravel() @ modes) ** 2


def _stiffness(rule: OnlineSGD, state: Overlaps) -> np.ndarray:
    """Return H_kl = v_k v_l <g'_k g'_l>, shape (K, K)."""
    return np.outer(state.v, state.v) * _derivative_averages(rule, state, 2)


def _amplification(rule: OnlineSGD, state: Overlaps) -> np.ndarray:
    """Return F_klij = v_k v_l v_i v_j <g'_k g'_l g'_i g'_j>, shape (K, K, K, K)."""
    return np.einsum("k,l,i,j->klij", *[state.v] * 4) * _derivative_averages(rule, state, 4)


def _derivative_averages(rule: OnlineSGD, state: Overlaps, order: int) -> np.ndarray:
    """Return the averages of all products of `order` derivatives g'_k, shape (K,) * order; each multiset done once."""
    shape = (state.students,) * order
    index = np.sort(np.indices(shape).reshape(order, -1), axis=0)
    once, back = np.unique(np.ravel_multi_index(tuple(index), shape), return_inverse=True)
    units = np.stack(np.unravel_index(once, shape), -1)
    average = gaussian.J2 if order == 2 else gaussian.J4
    return average(rule.student, state.Q[units[:, :, None], units[:, None, :]])[back].reshape(shape)


def _check_zero_error(rule: OnlineSGD, state: Overlaps) -> None:
    """Refuse what the perturbation of a zero-error state does not hold for."""
    if rule.train != "first":
        raise refuse("rule", 'have train="first"', f"has train={rule.train!r}")
    if rule.weight_decay:
        raise refuse("rule", "have weight_decay = 0, as decay leaves no zero-error state", f"has {rule.weight_decay:g}")
    units = [rule.student] * state.students + [rule.teacher] * state.teachers
    powers = [float(gaussian.I2(g, np.full((2, 2), c))) for g, c in zip(units, np.diag(state.covariance), strict=True)]
    error = state.generalisation_error(rule.student, rule.teacher)
    if error > ZERO * (state.signed_readout**2 @ powers):
        raise refuse("state", "have zero generalisation error", f"has eg = {error:.3g}")
    if 0.0 in rule.student.kinks and (np.diag(state.Q) * state.v**2 < state.v**2 * ZERO).any():
        raise refuse("state", "have no unit on the kink of the activation", "has a student unit of length zero")


def _committee(M: int, L: int, rate: float) -> float:
    """Return eps_g* / sigma^2 of the soft committee machine, (rate / 2 pi) f(M, L, rate)."""
    pull, kicks, source, trace = _four_equations(M, L)
    overlaps = np.linalg.solve(pull - 2 * rate / np.pi * kicks, source)
    return float(rate / np.pi * (trace @ overlaps))


def _critical(M: int, L: int) -> float:
    """Return the rate at which pull - (2 rate / pi) kicks becomes singular."""
    pull, kicks, _, _ = _four_equations(M, L)
    return float(np.pi / 2 / np.linalg.eigvals(np.linalg.solve(pull, kicks)).real.max())


def _four_equations(M: int, L: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return H G + G H, F:G and H as matrices and vector on (a, b, s, t), and tr(H .) as a vector on them.

    a is G of a unit with itself, b with another, s with the sum of the L surplus units, t that sum with itself; H and F
    are in units of 2/pi and its square. Equations and unknowns that do not exist (M = 1: b; L = 0: s, t) are left out.
    """
    A, B, c = 1 / np.sqrt(3), 1 / 2, 1 / np.sqrt(2)  # <g'_1 g'_1>, <g'_1 g'_2>, <g'_1 g'_surplus>
    others, size = M - 1, np.array([1, 1, L, L**2])
    pull = np.array(
        [
            [2 * A, 2 * others * B, 2 * c, 0],
            [2 * B, 2 * A + 2 * (others - 1) * B, 2 * c, 0],
            [L * c, L * others * c, A + others * B + L, c],
            [0, 0, 2 * L * M * c, 2 * L],
        ]
    )
    kicks = size[:, None] * np.array([_moments(M, powers) for powers in ([2], [1, 1][:M], [1], [])])
    there = np.array([True, M > 1, L > 0, L > 0])
    return pull[np.ix_(there, there)], kicks[np.ix_(there, there)], (size * [A, B, c, 1])[there], _moments(M, [])[there]


def _moments(M: int, powers: list[int]) -> np.ndarray:
    """Return <prod_k g'_k^powers_k (sum_i g'_i delta_i)^2> on (a, b, s, t), in units of 2/pi for two derivatives.

    For independent fields of variance one, <prod_k g'_k^p_k> = prod_k (1 + p_k)^(-1/2) in these units.
    """
    p = np.pad(np.array(powers, dtype=np.float64), (0, M - len(powers)))
    once, twice = np.sqrt((1 + p) / (2 + p)), np.sqrt((1 + p) / (3 + p))  # what one, two more factors g'_i change
    pairs = np.array([twice.sum(), once.sum() ** 2 - (once**2).sum(), 2 * once.sum(), 1.0])
    return pairs / np.sqrt(np.prod(1 + p))


def _linear(gain: float, lr: float, noise: float) -> float:
    """Return the plateau of one linear unit with rate lr * gain."""
    rate, sigma = check_number("lr", lr, minimum=0), check_number("noise", noise, minimum=0)
    _check_below(rate * gain, 2.0, gain)
    return float(rate * gain * sigma**2 / (4 - 2 * rate * gain))


def _counts(teachers: int, students: int) -> tuple[int, int]:
    """Return M and the number L of surplus units."""
    M = check_count("teachers", teachers)
    return M, check_count("students", students, minimum=M) - M


def _check_below(rate: float, critical: float, gain: float = 1.0) -> None:
    """Refuse lr = rate / gain from critical / gain on."""
    if rate >= critical:
        must = f"be below the critical learning rate {critical / gain:.6g}, where the plateau diverges"
        raise refuse("lr", must, f"is {rate / gain:g}")
