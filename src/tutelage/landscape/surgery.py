"""Units put in order, split, added and taken away: changes of a network that leave its function, or most of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tutelage.activations import Activation, ActivationLike
from tutelage.errors import check_count, check_number, refuse
from tutelage.landscape.layers import SOFTMAX, Layer
from tutelage.landscape.network import MLP, Teacher

__all__ = ["align", "grow", "shrink", "split"]

PROBES = np.array([0.3, 0.9, 1.7, 3.1])  # where an activation shows whether it is odd or even


def align(net: MLP, p: Any, reference: Teacher) -> np.ndarray:
    r"""Return the parameters of the same function whose units stand in the order of a reference, a teacher for one.

    Units of each hidden layer are permuted, and turned around (both signs, if the activation is odd; that of the
    incoming weights, if it is even), so that :math:`\sum_j |w_j - w^*_j|^2` over matched units is smallest; in the last
    hidden layer outgoing weights count as well. Layers are matched one after the other, from the inputs on.

    Parameters
    ----------
    net : MLP
    p : array, shape (net.size,)
    reference : Teacher
        ``teacher_net.at(p_star)``: as many layers, inputs and outputs, biases in the same layers; in each hidden layer
        at most as many units of each activation. Units of `net` that remain follow those that are matched.

    Returns
    -------
    array, shape (net.size,)

    Raises
    ------
    ArgumentError
        For a reference of another shape.

    Examples
    --------
    >>> net = MLP(2, [(2, "tanh", False), (1, "linear", False)])
    >>> align(net, [1.0, 2.0, 3.0, 4.0, -5.0, 6.0], net.at([3.0, 4.0, -1.0, -2.0, 6.0, 5.0])).tolist()
    [3.0, 4.0, -1.0, -2.0, 6.0, 5.0]
    """
    matrices = [A.copy() for A in net.matrices(net.parameters(p))]
    _check_reference(net, reference)
    wanted = reference.net.matrices(reference.p)
    last = len(net.stack) - 1
    for index in range(last):
        mine, theirs = net.stack[index], reference.net.stack[index]
        A, out = matrices[index], matrices[index + 1][:, : mine.units]
        goal = _widened(wanted[index], theirs, mine)
        out_goal = wanted[last][:, : theirs.units] if index == last - 1 else None
        order, signs = _matched(mine, theirs, A, out, goal, out_goal)
        parity = np.array([_parity(unit) for unit in mine.activations])[order]
        matrices[index] = A[order] * signs[:, None]
        out[:] = out[:, order] * np.where(parity == -1, signs, 1.0)
    return np.concatenate([A.ravel() for A in matrices])


def split(net: MLP, p: Any, layer: int, unit: int, share: float = 0.5) -> tuple[MLP, np.ndarray]:
    """Return a network with one unit more, a copy of one, and the parameters of the same function.

    Both have the incoming weights of the unit; outgoing weights are divided between them. The gradient of a point where
    it vanishes does so at the new one, too: minima become lines of minima or saddles (Fukumizu and Amari 2000).

    Parameters
    ----------
    net : MLP
    p : array, shape (net.size,)
    layer : int
        A hidden one; 0 is the first.
    unit : int
        The copy stands right after it.
    share : float
        Of the outgoing weights that the unit keeps; any number.

    Returns
    -------
    MLP, array

    Examples
    --------
    >>> net = MLP(1, [(1, "tanh", False), (1, "linear", False)])
    >>> split(net, [2.0, 1.0], 0, 0, share=0.25)[1].tolist()
    [2.0, 2.0, 0.25, 0.75]
    """
    A, out = _around(net, p, layer)
    unit, share = _unit(net, layer, unit), check_number("share", share)
    copied = out[:, unit]
    out = np.insert(out, unit + 1, (1 - share) * copied, axis=1)
    out[:, unit] = share * copied
    kinds = list(net.stack[layer].activations)
    return _with(net, p, layer, np.insert(A, unit + 1, A[unit], axis=0), out, [*kinds[: unit + 1], *kinds[unit:]])


def grow(
    net: MLP, p: Any, layer: int, units: int = 1, *, activation: ActivationLike | None = None, seed: int = 0
) -> tuple[MLP, np.ndarray]:
    """Return a network with more units, at the end of a hidden layer, and the parameters of the same function.

    Parameters
    ----------
    net : MLP
    p : array, shape (net.size,)
    layer : int
        A hidden one; 0 is the first.
    units : int
        How many more. Their incoming weights are normal, of variance 2 / (inputs + units) (Glorot), biases zero; the
        outgoing ones are zero.
    activation : str or Activation, optional
        Default: that of the layer's last unit.
    seed : int

    Returns
    -------
    MLP, array
    """
    A, out = _around(net, p, layer)
    units, mine = check_count("units", units), net.stack[layer]
    rng = np.random.default_rng(check_count("seed", seed, minimum=0))
    new = np.zeros((units, A.shape[1]))
    width = np.sqrt(2 / (mine.inputs + mine.units + units))
    new[:, : mine.inputs] = width * rng.standard_normal((units, mine.inputs))
    kind = mine.activations[-1] if activation is None else activation
    grown = np.insert(out, [mine.units] * units, 0.0, axis=1)
    return _with(net, p, layer, np.vstack((A, new)), grown, [*mine.activations, *[kind] * units])


def shrink(net: MLP, p: Any, layer: int, unit: int, into: int | None = None) -> tuple[MLP, np.ndarray]:
    """Return a network with one unit less.

    Parameters
    ----------
    net : MLP
    p : array, shape (net.size,)
    layer : int
        A hidden one; 0 is the first.
    unit : int
        Which is taken away.
    into : int, optional
        A unit of the layer whose outgoing weights get those of the one taken away added: the function stays as it is if
        both have the same incoming weights. Left out: they are lost.

    Returns
    -------
    MLP, array
    """
    A, out = _around(net, p, layer)
    unit = _unit(net, layer, unit)
    if net.stack[layer].units == 1:
        raise refuse("unit", "leave a unit in its layer", "is the only one")
    if into is not None:
        target = _unit(net, layer, into, "into")
        if target == unit:
            raise refuse("into", "be another unit", f"is {into}, too")
        out[:, target] += out[:, unit]
    kinds = [kind for i, kind in enumerate(net.stack[layer].activations) if i != unit]
    return _with(net, p, layer, np.delete(A, unit, axis=0), np.delete(out, unit, axis=1), kinds)


def _around(net: MLP, p: Any, layer: int) -> tuple[np.ndarray, np.ndarray]:
    """Return copies of the matrices [W | b] into and out of a hidden layer."""
    last = len(net.stack) - 1
    if not 0 <= check_count("layer", layer, minimum=0) < last:
        hidden = (
            f"be a hidden layer, one of 0, ..., {last - 1}" if last else "be a hidden layer, of which there is none"
        )
        raise refuse("layer", hidden, f"is {layer}")
    matrices = net.matrices(net.parameters(p))
    return matrices[layer].copy(), matrices[layer + 1].copy()


def _unit(net: MLP, layer: int, unit: int, name: str = "unit") -> int:
    units = net.stack[layer].units
    if check_count(name, unit, minimum=0) >= units:
        raise refuse(name, f"be one of 0, ..., {units - 1}", f"is {unit}")
    return unit


def _with(net: MLP, p: Any, layer: int, A: np.ndarray, out: np.ndarray, kinds: list[Any]) -> tuple[MLP, np.ndarray]:
    """Return the network with other units in one layer, and its parameters."""
    layers: list[Any] = [(each.units, list(each.activations) or SOFTMAX, each.bias) for each in net.stack]
    layers[layer] = (len(kinds), kinds, net.stack[layer].bias)
    matrices = net.matrices(net.parameters(p))
    matrices[layer], matrices[layer + 1] = A, out
    other = MLP(net.inputs, layers, net.half, net.loss_name)
    return other, np.concatenate([each.ravel() for each in matrices])


def _check_reference(net: MLP, reference: Any) -> None:
    if not isinstance(reference, Teacher):
        raise refuse("reference", "be net.at(p)", f"is {reference!r:.60}")
    other = reference.net
    mine = [net.inputs, net.outputs, [layer.bias for layer in net.stack]]
    if mine != [other.inputs, other.outputs, [layer.bias for layer in other.stack]]:
        raise refuse("reference", "have the layers, inputs, outputs and biases of `net`", f"is {other.describe()}")
    for index, (a, b) in enumerate(zip(net.stack[:-1], other.stack[:-1], strict=True)):
        for kind in b.activations:
            few, most = b.activations.count(kind), a.activations.count(kind)
            if few > most:
                raise refuse("reference", f"have at most {most} {kind.name} units in layer {index}", f"has {few}")


def _widened(A: np.ndarray, theirs: Layer, mine: Layer) -> np.ndarray:
    """Return a matrix [W | b] with zeros for inputs that a narrower network does not have."""
    wide = np.zeros((len(A), mine.columns))
    wide[:, : theirs.inputs] = A[:, : theirs.inputs]
    if mine.bias:
        wide[:, -1] = A[:, -1]
    return wide


def _parity(unit: Activation) -> int:
    """Return -1 for an odd activation, 1 for an even one, 0 for others."""
    up, down = unit.f(PROBES), unit.f(-PROBES)
    size = 1e-12 * np.abs(up).max()
    return next((sign for sign in (-1, 1) if np.abs(up - sign * down).max() <= size), 0)


def _matched(
    mine: Layer, theirs: Layer, A: np.ndarray, out: np.ndarray, goal: np.ndarray, out_goal: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the unit that goes to each place of a layer, and the sign of its incoming weights."""
    from scipy.optimize import linear_sum_assignment

    parity = np.array([_parity(unit) for unit in mine.activations])
    costs = np.full((2, mine.units, theirs.units), np.inf)
    for s, sign in enumerate((1, -1)):
        turned = out * np.where(parity == -1, sign, 1)
        cost = np.square(sign * A[:, None] - goal).sum(-1)
        if out_goal is not None:
            cost += np.square(turned.T[:, None] - out_goal.T).sum(-1)
        costs[s] = cost if s == 0 else np.where(parity[:, None] == 0, np.inf, cost)
    order, signs = np.arange(mine.units), np.ones(mine.units)
    for kind in (unit for unit, _, _ in mine.groups):
        places = np.array([i for i, unit in enumerate(mine.activations) if unit == kind])
        goals = np.array([j for j, unit in enumerate(theirs.activations) if unit == kind], int)
        best = costs[:, places][:, :, goals]
        rows, columns = linear_sum_assignment(best.min(0))
        chosen = places[rows[np.argsort(columns)]]
        order[places] = [*chosen, *(i for i in places if i not in chosen)]
        for place, unit, j in zip(places, chosen, goals, strict=False):
            signs[place] = 1.0 if costs[0, unit, j] <= costs[1, unit, j] else -1.0
    return order, signs
