r"""Stationary states of the order-parameter flow, and what the flow does next to them.

Saad & Solla, Phys. Rev. E 52, 4225 (1995), and Goldt et al. 2019, arXiv:1906.08632, study these states; how they are
found is explained here, state by state in the docstrings.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from tutelage import coincidence, gaussian
from tutelage.errors import check_number, check_type
from tutelage.online.jacobian import Coordinates
from tutelage.online.newton import Settled, flat_below, newton, settle
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps
from tutelage.progress import progress as progress_bar

__all__ = ["FixedPoint", "at_rest", "classify", "fixed_point", "spectrum"]

POWER = 0.01  # of the teacher's mean square output: a student unit with less does not matter
SPANNED = 0.1  # of a unit's squared length: with less inside the teacher's span it does not matter
ALIGNED = 0.9  # |cosine| from which on a unit has the direction of a teacher unit
SHARED = 0.1  # relative error up to which copies add up to the teacher unit
EQUAL = 1e-6  # of the largest overlap: a difference below it is none


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """A stationary state of the flow, or, with kind "diverging" or "interrupted", where following it stopped.

    Attributes
    ----------
    rule : OnlineSGD
        The rule whose flow it is.
    state : Overlaps
        Overlaps and readouts.
    eg : float
        Generalisation error, with the factor 1/2 and without label noise.
    residual : float
        Largest velocity, by alpha = steps/N, of an order parameter at `state`.
    eigenvalues : array of complex, shape (n,)
        Of the linearised flow in the coordinates of :func:`tutelage.online.jacobian.jacobian`, largest real part first;
        empty if there is no stationary state. The slowest perturbation decays as exp(alpha Re eigenvalues[0]).
    unstable, flat : int
        Numbers of eigenvalues with positive real part, and of those that are zero, up to 1e-8 of the largest (1e-6 for
        a Jacobian by differences).
    kind : str
        See :func:`classify`.
    alpha : float
        How long the flow was followed before Newton's method took over.
    ending : {"rest", "moving", "diverging", "interrupted"}
        How following it ended: at the fixed point; still moving at `alpha`; beyond every bound at `alpha`, and then
        `state` is the last one kept before; by Ctrl-C.
    """

    rule: OnlineSGD
    state: Overlaps
    eg: float
    residual: float
    eigenvalues: np.ndarray
    unstable: int
    flat: int
    kind: str
    alpha: float
    ending: str

    @property
    def stable(self) -> bool:
        """Whether it is stationary, and no perturbation grows in linear order."""
        return len(self.eigenvalues) > 0 and self.unstable == 0

    def __str__(self) -> str:
        size = f"K = {self.state.students}, M = {self.state.teachers}"
        if self.ending == "diverging":
            return f"no fixed point, the flow leaves every bound at alpha = {self.alpha:g}, {size}"
        if self.ending != "rest":
            how = "interrupted" if self.ending == "interrupted" else "still moving"
            return f"no fixed point, {how} at alpha = {self.alpha:g}: eg = {self.eg:.6g}, {size}"
        grows = f"{self.unstable} unstable direction{'s' * (self.unstable > 1)}"
        return (
            f"fixed point, {self.kind}: eg = {self.eg:.6g}, {'stable' if self.stable else grows}, {self.flat} flat of "
            f"{len(self.eigenvalues)}, leading eigenvalue {self._leading:.4g}, {size}"
        )

    @property
    def _leading(self) -> float:
        """The largest real part, exactly zero where an eigenvalue counts as zero."""
        return 0.0 if self.flat and not self.unstable else float(self.eigenvalues[0].real)

    __repr__ = __str__


def fixed_point(
    rule: OnlineSGD, state: Overlaps, *, alpha: float = 1e6, follow: bool = True, progress: bool = True
) -> FixedPoint:
    r"""Return the stationary state of the order parameters that the flow from `state` ends in.

    The flow is followed in stretches that double. After each, Newton's method,

    .. math:: z \leftarrow z - J^+ F(z), \qquad \dot z = F(z),

    looks for a root nearby, with steps of minimal norm (J^+ is the pseudoinverse, so that flat directions do no harm),
    halved until the velocity falls, and with Q kept so large that the covariance stays positive semidefinite. A stable
    root is taken as the end. At an unstable one the flow may linger, as on a plateau: it is the end only if the flow is
    still there after 20 e-foldings of what grows, so for a start that is on it up to 1e-9.

    Parameters
    ----------
    rule : OnlineSGD
        With any activation that has an ODE.
    state : Overlaps
        Where the flow begins.
    alpha : float, > 0
        How far it is followed, in steps/N.
    follow : bool
        False: Newton's method alone, from `state`; to find unstable states next to a guess.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    FixedPoint
        Of kind "diverging" if there is no stationary state: the flow leaves every bound, or still moves at `alpha`, as
        along directions that only label noise makes move. Its state is the last one reached. After Ctrl-C: the last
        state reached, of kind "interrupted", with a warning.

    Raises
    ------
    ArgumentError
        For a `rule`, `state` or `follow` of another type, or `alpha` that is no positive number.

    Notes
    -----
    Where there are flat directions, stationary states form families, and this is the member the flow comes to, up to
    1e-6. ReLU units that lie exactly on a teacher unit are at a covariance where their averages have no second
    derivatives: the state is found, its eigenvalues are good to three digits.

    Examples
    --------
    >>> point = fixed_point(OnlineSGD("erf", lr=0.2, noise=0.01), Overlaps([[1.0]], [[0.1]], [[1.0]]))
    >>> point.kind, point.stable, f"{point.eg:.4e}"
    ('specialised', True, '1.9331e-06')
    """
    check_type("rule", rule, OnlineSGD)
    check_type("state", state, Overlaps)
    limit = check_number("alpha", alpha, minimum=0, strict=True)
    check_type("follow", follow, bool)
    coordinates = Coordinates.of(rule, state)
    if follow:
        with progress_bar("fixed point", np.log1p(limit), progress) as bar:
            settled = settle(coordinates, coordinates.read(), limit, report=bar.update)
    else:
        root = newton(coordinates, coordinates.read())
        settled = Settled(root.z, 0.0, "rest" if root.converged else "moving")
    if settled.ending == "interrupted":
        warnings.warn(f"interrupted: the flow was followed to alpha = {settled.alpha:g}", stacklevel=2)
    return at_rest(coordinates, settled)


def at_rest(coordinates: Coordinates, settled: Settled) -> FixedPoint:
    """Return the fixed point at which a flow settled, with its eigenvalues."""
    rule, state = coordinates.rule, checked(coordinates.state(settled.z))
    eigenvalues, unstable, flat, kind = np.empty(0, complex), 0, 0, "diverging"
    if settled.ending == "rest":
        eigenvalues, unstable, flat = spectrum(coordinates, coordinates.exact(settled.z))
        kind = classify(rule, state)
    elif settled.ending == "interrupted":
        kind = "interrupted"
    residual = float(np.abs(coordinates.velocity(settled.z)).max(initial=0.0))
    eg = state.generalisation_error(rule.student, rule.teacher)
    return FixedPoint(rule, state, eg, residual, eigenvalues, unstable, flat, kind, settled.alpha, settled.ending)


def spectrum(coordinates: Coordinates, J: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Return the eigenvalues, largest real part first, and how many have positive real part, and are zero."""
    eigenvalues = np.linalg.eigvals(J).astype(complex)
    eigenvalues = eigenvalues[np.argsort(-eigenvalues.real, kind="stable")]
    zero = flat_below(coordinates, eigenvalues)
    return eigenvalues, int((eigenvalues.real > zero).sum()), int((np.abs(eigenvalues) <= zero).sum())


def checked(state: Overlaps) -> Overlaps:
    """Return a state on the way of an integrator as one of its own, with Q raised by what rounding took from it."""
    Q = (state.Q + state.Q.T) / 2
    values = np.linalg.eigvalsh(np.block([[Q, state.R], [state.R.T, state.T]]))
    lacking = max(0.0, -2 * values[0]) if values[0] < -1e-11 * values[-1] else 0.0
    Q = Q + lacking * np.eye(len(Q))
    np.fill_diagonal(Q, np.maximum(np.diagonal(Q), 0.0))
    return Overlaps(Q, state.R, state.T, state.v, state.v_star)


def classify(rule: OnlineSGD, state: Overlaps) -> str:
    r"""Return what kind of a solution a state is.

    A student unit matters if its output has more than 1 % of the teacher's mean square output and more than a tenth of
    its squared length lies in the teacher's span. It has the direction of teacher unit m if its cosine with it is at
    least 0.9 in size, and larger than with the others.

    Parameters
    ----------
    rule : OnlineSGD
        For its activations.
    state : Overlaps

    Returns
    -------
    str
        The first that holds of

        - ``"vanishing"``: no student unit matters;
        - ``"symmetric plateau"``: M > 1 and all R_in are equal, up to 1e-6;
        - ``"specialised"``: each student unit that matters has the direction of a teacher unit of its own;
        - ``"denoising"``: each has the direction of a teacher unit, and where several have the same, their readouts
          (times lengths, for ReLU and linear units) add up to the teacher unit's within 10 %;
        - ``"symmetric plateau"``: M = 1 and all R_i are equal;
        - ``"other"``.
    """
    matters = _matters(rule, state)
    equal = np.ptp(state.R) <= EQUAL * np.abs(state.R).max()
    if not matters.any():
        return "vanishing"
    if state.teachers > 1 and equal:
        return "symmetric plateau"
    lengths = np.sqrt(np.outer(np.diag(state.Q), np.diag(state.T)))
    cosine = np.divide(state.R, lengths, out=np.zeros_like(lengths), where=lengths > 0)[matters]
    owner = np.abs(cosine).argmax(1)
    if (np.abs(cosine).max(1) >= ALIGNED).all():
        if len(set(owner)) == len(owner):
            return "specialised"
        if _shared(rule, state, matters, owner, np.sign(cosine[np.arange(len(owner)), owner])):
            return "denoising"
    return "symmetric plateau" if equal else "other"


def _matters(rule: OnlineSGD, state: Overlaps) -> np.ndarray:
    """Return which student units matter, shape (K,)."""
    power = gaussian.I2(rule.student, np.diag(state.Q)[:, None, None] * np.ones((2, 2)))
    M = state.teachers
    i, k = np.indices((M, M))
    pairs = np.stack([np.stack([state.T[i, i], state.T], -1), np.stack([state.T, state.T[k, k]], -1)], -2)
    teacher = state.v_star @ gaussian.I2(rule.teacher, pairs) @ state.v_star
    inside = np.einsum("in,nm,im->i", state.R, np.linalg.pinv(state.T, rcond=1e-12, hermitian=True), state.R)
    return (state.v**2 * power > POWER * teacher) & (inside > SPANNED * np.diag(state.Q))


def _shared(rule: OnlineSGD, state: Overlaps, matters: np.ndarray, owner: np.ndarray, sign: np.ndarray) -> bool:
    """Return whether the units of each teacher unit that has several add up to it."""
    share = state.v[matters]
    if rule.student.kind in ("relu", "leaky_relu", "linear"):
        share = share * np.sqrt(np.diag(state.Q)[matters] / np.diag(state.T)[owner])
    if rule.student.kind in coincidence.ODD:
        share = share * sign
    total = np.bincount(owner, share, state.teachers)
    several = np.bincount(owner, minlength=state.teachers) > 1
    return bool((np.abs(total - state.v_star) <= SHARED * np.abs(state.v_star))[several].all())
