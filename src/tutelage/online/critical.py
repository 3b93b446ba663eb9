r"""The learning rate at which a stationary state loses or gains stability."""

from __future__ import annotations

import numpy as np

from tutelage.errors import check_number, check_type, refuse
from tutelage.online.continuation import Branch
from tutelage.online.newton import flat_below
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps
from tutelage.progress import Progress
from tutelage.progress import progress as progress_bar

__all__ = ["critical_learning_rate"]

GROW = 1.3  # factor between two learning rates while looking for the critical one
HIGHEST = 1e4  # of the first learning rate: no critical one is looked for above it, nor below its inverse
XTOL = 1e-10  # relative, of the critical learning rate
SPREAD = 1e-4  # relative: between the learning rates that give the slope of the eigenvalue at its root
FOLD = 0.05  # of its value at the start: a leading eigenvalue below it, where a branch ends, is on its way to zero


def critical_learning_rate(rule: OnlineSGD, state: Overlaps, *, progress: bool = True) -> float:
    r"""Return the lr at which the leading eigenvalue of a stationary state crosses zero.

    From ``rule.lr`` the branch is followed to higher lr while it is stable, to lower lr while it is not, in steps of 30
    %; between the last two, Brent's method finds the root of the largest real part. Directions that are flat at
    ``rule.lr`` (eigenvalue zero by symmetry) are left out: as many eigenvalues nearest to zero, at each lr.

    Parameters
    ----------
    rule : OnlineSGD
        With lr > 0, where the search begins. With ``lr_readout=None`` both rates move.
    state : Overlaps
        Near a stationary state at ``rule.lr``. A noiseless student on its teacher is stationary at every lr; its
        critical lr is that of :func:`tutelage.online.asymptotics.critical_learning_rate_erf` for erf committees.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal: half of it while the leading
        eigenvalue nears zero, half for the digits of its root. By quadrature this takes ten seconds and more.

    Returns
    -------
    float
        With a relative error of about 2e-8 where the averages have closed forms, 3e-7 by quadrature. Where a branch
        ends before the eigenvalue changes its sign, since it turns back or runs to infinity (as a noisy linear student
        does), the lr of its end, to 1e-6, if the leading eigenvalue has fallen there to 5 % of what it was.

    Raises
    ------
    ArgumentError
        For lr = 0, a state with no stationary state nearby, a branch that is not followed to a crossing, or a student
        with a kink (ReLU) exactly on its teacher, where the flow has no second derivatives;
        :func:`tutelage.online.asymptotics.perturbative` names the critical lr of such a state when it refuses it.

    Notes
    -----
    Label noise mixes the branch of perfect learning with the one that crosses it: the noisy state stays stable beyond
    the noiseless critical lr, at a larger and larger error, and the answer is that of the joint branch. For where SGD
    is thrown off the teacher, ask with ``noise=0``.

    Examples
    --------
    >>> perfect = Overlaps([[1.0]], [[1.0]], [[1.0]])
    >>> f"{critical_learning_rate(OnlineSGD('erf', lr=0.5), perfect):.6f}, {np.pi * np.sqrt(5 / 3):.6f}"
    '4.055779, 4.055779'
    """
    check_type("rule", rule, OnlineSGD)
    check_type("state", state, Overlaps)
    lr = check_number("rule.lr", rule.lr, minimum=0, strict=True)
    branch = Branch(rule, state, "lr")
    z = branch.begin(lr, state)
    if (rule.student.kinks or rule.teacher.kinks) and branch.at(lr).on_edge(z):
        but = "its is singular; tl.asymptotics.perturbative knows the critical lr of students on teachers"
        raise refuse("state", "have a positive definite covariance for activations with a kink", but)
    eigenvalues = _eigenvalues(branch, lr, z)
    flat = int((np.abs(eigenvalues) <= 100 * flat_below(branch.at(lr), eigenvalues)).sum())
    if flat == len(eigenvalues):
        raise refuse("rule", "move the order parameters", "leaves all of them where they are, in linear order")
    first = _without(eigenvalues, flat)
    with progress_bar("critical lr", 2.0, progress) as bar:
        return _search(branch, lr, z, first, flat, bar)


def _search(branch: Branch, lr: float, z: np.ndarray, first: float, flat: int, bar: Progress) -> float:
    """Return the critical learning rate on the branch from `lr`, where the leading eigenvalue is `first`."""
    begin, factor = lr, GROW if first < 0 else 1 / GROW
    must = f"lie on a branch that becomes {'unstable at a larger' if first < 0 else 'stable at a smaller'} lr"
    while first != 0:
        there, y = branch.follow(lr, z, lr * factor)
        now = _without(_eigenvalues(branch, there, y), flat)
        bar.update(1 - min(1.0, abs(now / first)))
        if now * first <= 0:
            return _crossing(branch, lr, z, there, flat, bar)
        searched = f"from lr = {begin:g} {'up' if first < 0 else 'down'} to lr = {there:g}"
        if there != lr * factor:
            if abs(now) < FOLD * abs(first):
                return there
            raise refuse("state", must, f"it does not {searched}, where the branch ends")
        if not 1 / HIGHEST < there / begin < HIGHEST:
            raise refuse("state", must, f"it does not {searched}")
        lr, z = there, y
    return lr


def _crossing(branch: Branch, low: float, z: np.ndarray, high: float, flat: int, bar: Progress) -> float:
    """Return the root of the leading eigenvalue between two learning rates, following the branch from the first.

    Jacobians by differences find it; one exact Jacobian, where there is one, takes their error out.
    """
    from scipy.optimize import brentq

    seen, values = {low: z}, [_without(_eigenvalues(branch, low, z), flat)]

    def leading(lr: float) -> float:
        nearest = min(seen, key=lambda at: abs(at - lr))
        reached, seen[lr] = branch.follow(nearest, seen[nearest], lr)
        values.append(_without(_eigenvalues(branch, reached, seen[lr]), flat))
        smallest = min(map(abs, values)) / max(abs(values[0]), 1e-300)
        bar.update(1 + min(1.0, np.log(max(smallest, XTOL)) / np.log(XTOL)))
        return values[-1]

    root = float(brentq(leading, low, high, xtol=XTOL * high, rtol=XTOL))
    slope = (leading(root * (1 + SPREAD)) - leading(root * (1 - SPREAD))) / (2 * SPREAD * root)
    off = leading(root) - _without(np.linalg.eigvals(branch.at(root).exact(seen[root])), flat)
    return root + off / slope


def _eigenvalues(branch: Branch, lr: float, z: np.ndarray) -> np.ndarray:
    return np.linalg.eigvals(branch.at(lr).fast(z))


def _without(eigenvalues: np.ndarray, flat: int) -> float:
    """Return the largest real part but for the `flat` eigenvalues nearest to zero."""
    return float(eigenvalues[np.argsort(np.abs(eigenvalues))][flat:].real.max())
