"""The loss of a two-layer network on infinitely many Gaussian inputs, in closed form, with its derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tutelage.activations import Activation, polynomial
from tutelage.errors import refuse
from tutelage.gaussian.kinks import NODES
from tutelage.gaussian.moments import Order
from tutelage.gaussian.ramps import KNOWN, Form, form
from tutelage.landscape.differences import Differences, scaled
from tutelage.landscape.network import MLP, Teacher
from tutelage.landscape.populations import Averages, Units, averages

__all__ = ["PopulationLoss"]

CENTRED, SHIFTED = NODES + 2, 26  # widths for the logistic law without and with biases
CANCELS = 1e-9  # of the teacher's mean square: a smaller error is computed from differences
_ONE = polynomial([1.0])  # the unit whose readout is the output's bias
_UP_TO: tuple[tuple[Order, ...], ...] = (((0, 0),), ((1, 0), (0, 1)), ((2, 0), (1, 1), (0, 2)))


class PopulationLoss:
    r"""The mean square difference of two-layer networks over inputs :math:`x \sim N(0, 1)`, all independent.

    .. math:: L = \Big\langle \Big( \sum_k v_k g_k(w_k \cdot x + b_k) + c
              - \sum_m v^*_m g^*_m(w^*_m \cdot x + b^*_m) - c^* \Big)^2 \Big\rangle ,

    half of it if the student has ``half=True``: the limit of the loss on N samples labelled by the teacher, as N grows.
    Value, gradient and Hessian are exact up to rounding. It is an objective like :meth:`tutelage.landscape.MLP.on`.

    Both networks have one hidden layer and one linear output. Units may have any mixture of "erf", "normal_cdf",
    "relu", "leaky_relu", "gelu", "sigmoid", "tanh", "softplus", "silu", "g", "linear" and polynomials; the teacher also
    "step" and "sign".

    Parameters
    ----------
    teacher : Teacher or (MLP, array)
        ``net.at(p)``, or the network and its parameters.
    student : MLP

    Attributes
    ----------
    size : int
        Number of parameters of the student.

    Raises
    ------
    ArgumentError
        For networks of another kind, different numbers of inputs, and activations without a closed form.

    Notes
    -----
    Where a ReLU or leaky ReLU has neither weights nor bias the loss has no derivative by these. Then the unit's slope
    counts as the mean of its two sides, which is the average over all directions of approach, and its second derivative
    as zero, as on samples. Parallel, opposite and equal weights are no exceptions: derivatives are continuous there.

    An error below 1e-9 of the teacher's mean square, and the gradient there, come from the differences of units that
    nearly coincide (:mod:`tutelage.landscape.differences`), with all their digits, down to zero. If they do not
    coincide, as where one function is written in two ways, loss and gradient end at 1e-16 and 1e-15 of what they are
    differences of. The loss is never negative, and where units coincide known to 1e-6 of itself or better.

    Examples
    --------
    >>> teacher = MLP(2, [(1, "relu", False), (1, "linear", False)])
    >>> loss = PopulationLoss(teacher.at([1.0, 0.0, 1.0]), teacher)
    >>> float(loss.loss([0.0, 0.0, 0.0]))  # <relu(x)^2>
    0.5
    """

    def __init__(self, teacher: Teacher | tuple[MLP, Any], student: MLP) -> None:
        if isinstance(teacher, tuple) and len(teacher) == 2 and isinstance(teacher[0], MLP):
            teacher = teacher[0].at(teacher[1])
        if not isinstance(teacher, Teacher):
            raise refuse("teacher", "be net.at(p) or (net, p)", f"is {teacher!r:.60}")
        if not isinstance(student, MLP):
            raise refuse("student", "be an MLP", f"is {student!r:.60}")
        _check("teacher", teacher.net)
        _check("student", student)
        if teacher.net.inputs != student.inputs:
            raise refuse("student", f"have the teacher's {teacher.net.inputs} inputs", f"has {student.inputs}")
        self.teacher, self.student = teacher, student
        shifted = teacher.net.stack[0].bias or student.stack[0].bias
        self._nodes = SHIFTED if shifted else CENTRED
        self._student_forms = _forms("student", student, self._nodes)
        self._taught = _parameters(teacher.net, teacher.p, _forms("teacher", teacher.net, self._nodes))

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes this objective, without what it keeps at hand."""
        return PopulationLoss, (self.teacher, self.student)

    @property
    def size(self) -> int:
        """Number of parameters of the student."""
        return self.student.size

    def loss(self, p: Any) -> float:
        """Return the loss of the student's parameters p (size,)."""
        return self._state(p, 0).loss

    def gradient(self, p: Any) -> np.ndarray:
        """Return the gradient (size,)."""
        return self._state(p, 1).gradient

    def hessian(self, p: Any) -> np.ndarray:
        """Return the Hessian (size, size)."""
        return self._state(p, 2).hessian

    def hvp(self, p: Any, v: Any) -> np.ndarray:
        """Return the Hessian times `v` (size,)."""
        return self.hessian(p) @ self.student.parameters(v, "v")

    def loss_and_gradient(self, p: Any) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient (size,)."""
        state = self._state(p, 1)
        return state.loss, state.gradient

    def derivatives(self, p: Any) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the loss, its gradient (size,) and its Hessian (size, size)."""
        state = self._state(p, 2)
        return state.loss, state.gradient, state.hessian

    def gauss_newton(self, p: Any) -> np.ndarray:
        """Return the Gauss-Newton matrix (size, size), the Hessian without the second derivatives of the units."""
        return self._state(p, 2).gauss_newton

    def _state(self, p: Any, order: int) -> _State:
        values = self.student.parameters(p)
        return _State(self, *_parameters(self.student, values, self._student_forms), order)

    @cached_property
    def _kept(self) -> np.ndarray:
        """Where the parameters stand in (weights and biases of all units, readouts)."""
        layer, units, columns = self.student.stack[0], len(self._student_forms), self.student.inputs + 1
        inner = np.arange(layer.units)[:, None] * columns + np.arange(layer.columns)
        return np.concatenate([inner.ravel(), units * columns + np.arange(units)])

    @cached_property
    def _teacher_square(self) -> float:
        """The mean square of the teacher's output."""
        units, readout = self._taught
        i, j = np.triu_indices(len(units))
        each = averages(units.take(i), units.take(j), _UP_TO[0])[0, 0]
        return float(((2 - (i == j)) * readout[i] * readout[j]) @ each)


@dataclass(frozen=True, eq=False)
class _State:
    """A student, and the averages up to some order of derivatives that its loss is made of."""

    problem: PopulationLoss
    units: Units
    readout: np.ndarray
    order: int

    @property
    def _factor(self) -> float:
        return 1.0 if self.problem.student.half else 2.0

    @cached_property
    def _own(self) -> tuple[np.ndarray, np.ndarray, Averages]:
        """Numbers of the units of each pair of the student's, and the pairs' averages."""
        i, j = np.triu_indices(len(self.units))
        orders = [order for n in range(self.order + 1) for order in _UP_TO[n]]
        return i, j, averages(self.units.take(i), self.units.take(j), orders)

    @cached_property
    def _cross(self) -> tuple[np.ndarray, np.ndarray, Averages]:
        """The same of a unit of the student with one of the teacher."""
        units, _ = self.problem._taught
        i, j = (x.ravel() for x in np.indices((len(self.units), len(units))))
        return i, j, averages(self.units.take(i), units.take(j), [(n, 0) for n in range(self.order + 1)])

    @cached_property
    def values(self) -> np.ndarray:
        """<g_i g_j> of the student's units."""
        i, j, own = self._own
        V = np.empty((len(self.units), len(self.units)))
        V[i, j] = V[j, i] = own[0, 0]
        return V

    @cached_property
    def slopes(self) -> np.ndarray:
        """<g_i' (x, 1) g_j> of the student's units, (units, units, inputs + 1)."""
        i, j, own = self._own
        G = np.empty((len(self.units), *self.values.shape[1:], self.units.theta.shape[1]))
        G[j, i], G[i, j] = own[0, 1], own[1, 0]
        return G

    def _against_error(self, n: int) -> np.ndarray:
        """Return <n-th derivative of a unit, times the error of the output>, (units, ...)."""
        i, j, own = self._own
        target, other, cross = self._cross
        _, taught = self.problem._taught
        apart = i != j
        total = np.zeros((len(self.units), *own[n, 0].shape[1:]))
        np.add.at(total, i, scaled(self.readout[j], own[n, 0]))
        np.add.at(total, j[apart], scaled(self.readout[i[apart]], own[0, n][apart]))
        np.add.at(total, target, scaled(-taught[other], cross[n, 0]))
        return total

    @cached_property
    def _square(self) -> float:
        """The mean square of the error, up to rounding of the terms it is made of."""
        _, taught = self.problem._taught
        cross = self._cross[2][0, 0].reshape(len(self.units), -1)
        square = self.readout @ self.values @ self.readout - 2 * self.readout @ cross @ taught
        return float(square + self.problem._teacher_square)

    @cached_property
    def _small(self) -> Differences | None:
        """The error as differences, where it is small."""
        if self._square > CANCELS * self.problem._teacher_square:
            return None
        units, taught = self.problem._taught
        every = Units(np.concatenate([self.units.theta, units.theta]), self.units.forms + units.forms)
        return Differences.of(every, np.concatenate([self.readout, -taught]), len(self.units))

    @cached_property
    def loss(self) -> float:
        """The loss."""
        return self._factor / 2 * (self._square if self._small is None else self._small.square())

    @cached_property
    def gradient(self) -> np.ndarray:
        """The gradient by the parameters."""
        small = self._small
        outer, inner = (self._against_error(0), self._against_error(1)) if small is None else small.against
        return self._factor * np.concatenate([scaled(self.readout, inner).ravel(), outer])[self.problem._kept]

    @cached_property
    def gauss_newton(self) -> np.ndarray:
        """The averaged product of the output's gradient with itself, (parameters, parameters)."""
        i, j, own = self._own
        S, n = self.units.theta.shape
        inner = np.empty((S, n, S, n))
        inner[j, :, i] = scaled(self.readout[i] * self.readout[j], np.swapaxes(own[1, 1], 1, 2))
        inner[i, :, j] = scaled(self.readout[i] * self.readout[j], own[1, 1])
        mixed = scaled(self.readout, self.slopes).transpose(0, 2, 1).reshape(S * n, S)
        return self._symmetric(inner.reshape(S * n, S * n), mixed, self.values)

    @cached_property
    def hessian(self) -> np.ndarray:
        """The Hessian by the parameters."""
        S, n = self.units.theta.shape
        inner, mixed = np.zeros((S, n, S, n)), np.zeros((S, n, S))
        units = np.arange(S)
        inner[units, :, units] = scaled(self.readout, self._against_error(2))
        mixed[units, :, units] = self._against_error(1)
        rest = self._symmetric(inner.reshape(S * n, S * n), mixed.reshape(S * n, S), np.zeros((S, S)))
        return self.gauss_newton + rest

    def _symmetric(self, inner: np.ndarray, mixed: np.ndarray, outer: np.ndarray) -> np.ndarray:
        whole = np.block([[inner, mixed], [mixed.T, outer]])
        whole = whole[np.ix_(self.problem._kept, self.problem._kept)]
        return self._factor / 2 * (whole + whole.T)


def _check(name: str, net: MLP) -> None:
    """Refuse a network that is not of one hidden layer and one linear output."""
    if len(net.stack) != 2:
        raise refuse(name, "have one hidden layer", f"has {len(net.stack) - 1}")
    if net.outputs != 1:
        raise refuse(name, "have one output", f"has {net.outputs}")
    if not net.stack[-1].linear or net.loss_name != "mse":
        raise refuse(name, 'have a "linear" output and the loss "mse"', "has another")


def _forms(name: str, net: MLP, nodes: int) -> tuple[Form, ...]:
    """Return the closed forms of the hidden units, and of the constant one that the output's bias multiplies."""
    out: list[Form] = []
    for unit, first, last in net.stack[0].groups:
        out += [_form(name, unit, nodes)] * (last - first)
    return (*out, form(_ONE)) if net.stack[1].bias else tuple(out)  # type: ignore[arg-type]


def _form(name: str, unit: Activation, nodes: int) -> Form:
    found = form(unit, nodes)
    steps = ("step", "sign") if name == "teacher" else ()
    if found is None or (unit.kind in ("step", "sign") and name != "teacher"):
        known = ", ".join(f'"{known}"' for known in (*KNOWN, *steps))
        raise refuse(name, f"have activations with a closed form ({known})", f"has {unit.name!r}")
    return found


def _parameters(net: MLP, p: np.ndarray, forms: tuple[Form, ...]) -> tuple[Units, np.ndarray]:
    """Return the units, the constant one included, and their readouts."""
    inner, outer = net.matrices(p)
    theta = np.zeros((len(forms), net.inputs + 1))
    theta[: len(inner), : inner.shape[1]] = inner
    return Units(theta, forms), outer[0]
