r"""Fixed points along a parameter of the rule."""

from __future__ import annotations

import dataclasses
import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_choice, check_type, check_vector, refuse
from tutelage.online.fixed_points import checked, spectrum
from tutelage.online.jacobian import Coordinates
from tutelage.online.newton import RANK, apart, flat_below, newton
from tutelage.online.ode import describe
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps
from tutelage.progress import progress as progress_bar
from tutelage.results import LABELS, SCALINGS
from tutelage.version import __version__

if TYPE_CHECKING:
    import xarray

__all__ = ["Branch", "continuation"]

PARAMETERS = ("lr", "lr_readout", "noise", "weight_decay")
JUMP, FAR = 0.1, 1.0  # of 1 + |z|: how far the corrector may move, and a step
BEND, NOTHING = 0.5, 1e-3  # of the predictor's step, and of 1 + |z|: a corrector that moves further leaves the branch
BELIEVED = 1e-3  # of the way between two values: in longer steps no direction may gain or lose stability
SHORTEST = 1e-6  # of the way between two values: steps below it end the branch


@dataclass(frozen=True, eq=False)
class Branch:
    """Stationary states as a function of one parameter of the rule."""

    rule: OnlineSGD
    origin: Overlaps
    parameter: str

    def at(self, value: float) -> Coordinates:
        """Return the coordinates under the rule with this value."""
        changed: Any = {self.parameter: value}
        return Coordinates.of(dataclasses.replace(self.rule, **changed), self.origin)

    def follow(self, value: float, z: np.ndarray, to: float) -> tuple[float, np.ndarray]:
        """Return how far towards `to` the branch was followed from `value`, and the coordinates there."""
        way, step = abs(to - value), to - value
        unstable, slope = self._tangent(value, z)
        while value != to:
            there = to if abs(to - value) <= abs(step) else value + step
            guess = z + slope * (there - value)
            root = newton(self.at(there), guess, JUMP)
            now, tangent = self._tangent(there, root.z) if root.converged else (unstable, slope)
            on = apart(root.z, guess) <= BEND * apart(guess, z) + NOTHING and apart(root.z, z) <= FAR
            if root.converged and on and (now == unstable or abs(step) <= BELIEVED * way):
                value, z, step, unstable, slope = there, root.z, 2 * step, now, tangent
            elif abs(step) > SHORTEST * way:
                step /= 2
            else:
                break
        return value, z

    def _tangent(self, value: float, z: np.ndarray) -> tuple[int, np.ndarray]:
        """Return the number of unstable directions and dz/dp = -J^+ dF/dp along the branch."""
        h = 1e-4 * max(abs(value), 1e-2)
        low, high, here = max(value - h, 0.0), value + h, self.at(value)
        change = (self.at(high).velocity(z) - self.at(low).velocity(z)) / (high - low)
        J = here.fast(z)
        return spectrum(here, J)[1], np.linalg.lstsq(J, -change, rcond=RANK)[0]

    def begin(self, value: float, state: Overlaps) -> np.ndarray:
        """Return the coordinates of the stationary state next to `state`, or refuse it."""
        coordinates = self.at(value)
        root = newton(coordinates, coordinates.read(state), FAR)
        if not root.converged:
            where = f"at {self.parameter} = {value:g}"
            raise refuse("state", f"be near a stationary state {where}, as from `fixed_point`", "none is near it")
        return root.z


def continuation(
    rule: OnlineSGD, state: Overlaps, parameter: str, values: ArrayLike, *, progress: bool = True
) -> xarray.Dataset:
    r"""Follow a stationary state, stable or not, in a parameter p of the rule.

    Predictor and corrector: from one value to the next along the tangent,

    .. math:: z \leftarrow z + \frac{dz}{dp} \, \delta p, \qquad \frac{dz}{dp} = -J^+ \, \partial F / \partial p ,

    then by Newton's method; steps that fail are halved. The branch ends where it turns back (J is singular there), runs
    to infinity, or leaves the positive semidefinite covariances: from there on the results are NaN, as after Ctrl-C.

    Parameters
    ----------
    rule : OnlineSGD
        All parameters but the one that varies.
    state : Overlaps
        Near the stationary state at values[0]; say, the state of :func:`tutelage.online.fixed_points.fixed_point`.
    parameter : {"lr", "lr_readout", "noise", "weight_decay"}
        With ``lr_readout=None`` in the rule, "lr" moves both rates.
    values : array, shape (values,)
        In the order in which they are followed; need not increase.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        Over `parameter`: ``eg``, ``Q``, ``R``, ``v``, ``eigenvalue`` (the largest real part of one that is not zero, by
        alpha = steps/N), ``unstable`` and ``flat`` (how many eigenvalues have positive real part, and are zero), and
        ``residual`` (largest velocity); ``T``, ``v_star`` and `state`, as ``Q_start``, ``R_start``, ``v_start``.

    Raises
    ------
    ArgumentError
        For another parameter, negative values, or a state with no stationary state nearby at values[0].

    Examples
    --------
    >>> perfect = Overlaps([[1.0]], [[1.0]], [[1.0]])
    >>> branch = continuation(OnlineSGD("linear", lr=0.5), perfect, "noise", [0.0, 0.1, 0.2])
    >>> branch.eg.values.round(6)
    array([0.      , 0.001667, 0.006667])
    """
    check_type("rule", rule, OnlineSGD)
    check_type("state", state, Overlaps)
    check_choice("parameter", parameter, PARAMETERS)
    points = check_vector("values", values, "values")
    if points.min() < 0:
        raise refuse("values", "be >= 0", f"has {points.min():g}")
    branch = Branch(rule, state, parameter)
    value = float(points[0])
    z = branch.begin(value, state)
    rows = []
    try:
        with progress_bar("continuation", len(points), progress) as bar:
            for point in points.tolist():
                value, z = branch.follow(value, z, point)
                if value != point:
                    break
                rows.append(_row(branch.at(point), z))
                bar.update(len(rows))
    except KeyboardInterrupt:
        if not rows:
            raise
        warnings.warn(f"interrupted: {len(rows)} of {len(points)} values were reached", stacklevel=2)
    return _dataset(branch, points, rows)


def _row(coordinates: Coordinates, z: np.ndarray) -> dict[str, Any]:
    """Return what is recorded of one stationary state."""
    state = checked(coordinates.state(z))
    eigenvalues, unstable, flat = spectrum(coordinates, coordinates.exact(z))
    return {
        "eg": state.generalisation_error(coordinates.rule.student, coordinates.rule.teacher),
        "Q": state.Q,
        "R": state.R,
        "v": state.v,
        "eigenvalue": _leading(coordinates, eigenvalues),
        "unstable": float(unstable),
        "flat": float(flat),
        "residual": float(np.abs(coordinates.velocity(z)).max(initial=0.0)),
    }


def _leading(coordinates: Coordinates, eigenvalues: np.ndarray) -> float:
    """Return the largest real part of an eigenvalue that is not zero; NaN if all are."""
    moving = eigenvalues.real[np.abs(eigenvalues) > flat_below(coordinates, eigenvalues)]
    return float(moving.max()) if len(moving) else np.nan


def _dataset(branch: Branch, points: np.ndarray, rows: list[dict[str, Any]]) -> xarray.Dataset:
    """Return the dataset of a branch, NaN where it has ended."""
    import xarray

    units = {"Q": ("student", "student_"), "R": ("student", "teacher"), "v": ("student",)}
    names = LABELS | {
        "eigenvalue": "largest real part of an eigenvalue",
        "unstable": "number of unstable directions",
        "flat": "number of flat directions",
        "residual": "largest velocity",
    }
    data: dict[str, Any] = {}
    for name, first in rows[0].items():
        array = np.full((len(points), *np.shape(first)), np.nan)
        array[: len(rows)] = [row[name] for row in rows]
        data[name] = ((branch.parameter, *units.get(name, ())), array, {"long_name": names[name]})
    data["T"] = (("teacher", "teacher_"), branch.origin.T, {"long_name": LABELS["T"]})
    data["v_star"] = (("teacher",), branch.origin.v_star, {"long_name": LABELS["v_star"]})
    for name in ("Q", "R", "v"):
        about = {"long_name": f"{LABELS[name]} of the state that was given"}
        data[f"{name}_start"] = (units[name], getattr(branch.origin, name), about)
    attributes = {
        "tutelage_version": __version__,
        "settings": json.dumps({"view": "continuation", "rule": describe(branch.rule), "parameter": branch.parameter}),
        "scalings": SCALINGS,
    }
    return xarray.Dataset(data, {branch.parameter: points}, attributes)
