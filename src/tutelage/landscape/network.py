"""Multilayer perceptrons whose parameters are one vector."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tutelage.errors import check_array, check_choice, check_count, check_number, check_type, refuse
from tutelage.landscape.data_loss import DataLoss
from tutelage.landscape.derivatives import forward
from tutelage.landscape.jacobians import input_jacobian, parameter_jacobian
from tutelage.landscape.layers import SOFTMAX, Layer, layers_of
from tutelage.landscape.losses import MSE, NLL, SoftmaxLikelihood, Squares

__all__ = ["MLP", "Teacher"]

Matrices = list[tuple[np.ndarray, "np.ndarray | None"]]


@dataclass(frozen=True, eq=False)
class MLP:
    r"""A multilayer perceptron, :math:`a_l = g_l(W_l a_{l-1} + b_l)` from :math:`a_0 = x`, and its loss on data.

    Nothing is divided by the number of inputs or of units. The loss is the mean over samples of the sum over outputs of
    :math:`(f_o(x) - y_o)^2`, or of the negative logarithm of the likelihood of the classes,
    :math:`-\sum_c y_c \log p_c(x)`. With weights of samples it is their weighted mean,
    :math:`\sum_n \omega_n \ell_n / \sum_n \omega_n`.

    Parameters
    ----------
    inputs : int
    layers : list of (int, activation, bool)
        For each layer: units, activation (a name, an :class:`~tutelage.Activation`, or a sequence of one for each
        unit), whether it has biases. The last layer's units are the outputs; its activation may be "softmax".
    half : bool
        Half of the sum of squares instead.
    loss : {"mse", "nll"}, optional
        Default: "nll" if the last layer is "softmax", else "mse". With "nll" a last layer that is "linear" gives the
        logits and counts as "softmax".

    Attributes
    ----------
    size : int
        Number of parameters. They stand in one vector, layer by layer, in each layer unit by unit: first the unit's
        weights, then its bias, if it has one.
    outputs : int

    Raises
    ------
    ArgumentError
        For a layer that cannot be; the message names it.

    Notes
    -----
    In every method `p` are the parameters, shape (size,), and `x` the inputs, shape (N, inputs); `y` and `weights` are
    those of :meth:`on`.

    Examples
    --------
    >>> net = MLP(inputs=2, layers=[(3, "softplus", True), (1, "linear", True)])
    >>> net.size
    13
    >>> net(net.init(seed=0), [[0.5, -1.0], [0.0, 2.0]]).shape
    (2, 1)
    """

    inputs: int
    layers: Any
    half: bool = False
    loss_name: str | None = None

    def __init__(self, inputs: int, layers: Any, half: bool = False, loss: str | None = None) -> None:
        check_type("half", half, bool)
        stack = layers_of(check_count("inputs", inputs), layers)
        soft = not stack[-1].groups
        name = check_choice("loss", loss, (MSE, NLL)) if loss is not None else (NLL if soft else MSE)
        if name == MSE and soft:
            raise refuse("loss", 'be "nll" where the last layer is softmax', f"is {loss!r}")
        if name == NLL and not (soft or stack[-1].linear):
            raise refuse("layers", 'end in a "softmax" or "linear" layer for the loss "nll"', "ends in another")
        if name == NLL and half:
            raise refuse("half", 'be False for the loss "nll", which has no square', "is True")
        for field, value in (("inputs", stack[0].inputs), ("layers", layers), ("half", half), ("loss_name", name)):
            object.__setattr__(self, field, value)
        object.__setattr__(self, "stack", stack)

    stack: tuple[Layer, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes this network; pickles of equal networks are equal, however their layers were written."""
        layers = [(layer.units, list(layer.activations) or SOFTMAX, layer.bias) for layer in self.stack]
        return MLP, (self.inputs, layers, self.half, self.loss_name)

    @cached_property
    def size(self) -> int:
        """Number of parameters."""
        return sum(layer.size for layer in self.stack)

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.stack[-1].units

    @cached_property
    def likelihood(self) -> Squares | SoftmaxLikelihood:
        """The loss of one sample, as a function of the last layer's fields."""
        return SoftmaxLikelihood(self.stack[-1]) if self.loss_name == NLL else Squares(self.stack[-1], self.half)

    def parameters(self, p: Any, name: str = "p") -> np.ndarray:
        """Return `p` as a float64 vector, or refuse one of another length."""
        return check_array(name, p, (self.size,))

    def matrices(self, p: np.ndarray) -> list[np.ndarray]:
        """Return the matrices [W | b] (units, inputs + 1 if biased) of the layers: views of `p` (size,)."""
        found, start = [], 0
        for layer in self.stack:
            found.append(p[start : start + layer.size].reshape(layer.units, layer.columns))
            start += layer.size
        return found

    def unpack(self, p: Any) -> Matrices:
        """Return (W (units, inputs), b (units,) or None) of each layer."""
        found = self.matrices(self.parameters(p))
        return [
            (A[:, : layer.inputs].copy(), A[:, -1].copy() if layer.bias else None)
            for layer, A in zip(self.stack, found, strict=True)
        ]

    def pack(self, layers: Any) -> np.ndarray:
        """Return the vector of parameters of a list of (W (units, inputs), b (units,) or None), one for each layer.

        Biases None are zero in a layer that has biases; an array W alone stands for (W, None).

        Raises
        ------
        ArgumentError
            For a wrong shape, and for biases where the layer has none.
        """
        given = list(layers)
        if len(given) != len(self.stack):
            raise refuse("layers", f"have one (W, b) for each of {len(self.stack)} layers", f"has {len(given)}")
        parts = []
        for index, (layer, pair) in enumerate(zip(self.stack, given, strict=True)):
            name = f"layers[{index}]"
            W, b = pair if isinstance(pair, (tuple, list)) and len(pair) == 2 else (pair, None)
            A = [check_array(f"{name}[0]", W, (layer.units, layer.inputs))]
            if not layer.bias and b is not None:
                raise refuse(f"{name}[1]", "be None, as the layer has no biases", f"is {b!r:.60}")
            if layer.bias:
                biases = np.zeros(layer.units) if b is None else check_array(f"{name}[1]", b, (layer.units,))
                A.append(biases[:, None])
            parts.append(np.hstack(A).reshape(-1))
        return np.concatenate(parts)

    def describe(self) -> dict[str, Any]:
        """Return the arguments that make this network, JSON-ready: activations by name."""
        layers = []
        for layer in self.stack:
            names = [unit.name for unit in layer.activations]
            kinds: Any = SOFTMAX if not names else names[0] if len(layer.groups) == 1 else names
            layers.append([layer.units, kinds, layer.bias])
        return {"inputs": self.inputs, "layers": layers, "half": self.half, "loss": self.loss_name}

    def init(self, seed: int = 0, scale: float = 1.0) -> np.ndarray:
        """Return random parameters (size,): normal weights of variance scale^2 2 / (inputs + units), biases zero.

        Parameters
        ----------
        seed : int
        scale : float
            Times the standard deviation of Glorot.
        """
        rng = np.random.default_rng(check_count("seed", seed, minimum=0))
        scale = check_number("scale", scale, minimum=0)
        return self.pack(
            [
                (
                    scale
                    * np.sqrt(2 / (layer.inputs + layer.units))
                    * rng.standard_normal((layer.units, layer.inputs)),
                    np.zeros(layer.units) if layer.bias else None,
                )
                for layer in self.stack
            ]
        )

    def check_inputs(self, x: Any) -> np.ndarray:
        """Return inputs as (N, inputs); a vector is N samples of one input."""
        given = np.asarray(x)
        return check_array("x", given[:, None] if given.ndim == 1 and self.inputs == 1 else given, ("N", self.inputs))

    def __call__(self, p: Any, x: Any) -> np.ndarray:
        """Return the outputs (N, outputs) for inputs x (N, inputs); of a softmax layer, the probabilities."""
        done = forward(self.stack, self.matrices(self.parameters(p)), self.check_inputs(x).T)
        return self.likelihood.outputs(done.fields[-1]).T

    def at(self, p: Any) -> Teacher:
        """Return the network with these parameters, a function of inputs."""
        return Teacher(self, self.parameters(p))

    def on(self, x: Any, y: Any, weights: Any = None) -> DataLoss:
        """Return the loss on data as a function of the parameters, with its derivatives.

        Parameters
        ----------
        x : array, shape (N, inputs)
        y : array, shape (N, outputs)
            Targets; (N,) will do for one output. For "nll": labels 0, 1, ... (N,), or probabilities (N, outputs).
        weights : array, shape (N,), optional
            Of the samples, not negative; default: all the same.
        """
        return DataLoss(self, x, y, weights)

    def loss(self, p: Any, x: Any, y: Any, weights: Any = None) -> float:
        """Return the loss on data (see :meth:`on`)."""
        return self.on(x, y, weights).loss(p)

    def gradient(self, p: Any, x: Any, y: Any, weights: Any = None) -> np.ndarray:
        """Return the gradient of the loss on data (size,)."""
        return self.on(x, y, weights).gradient(p)

    def hessian(self, p: Any, x: Any, y: Any, weights: Any = None) -> np.ndarray:
        """Return the Hessian of the loss on data (size, size)."""
        return self.on(x, y, weights).hessian(p)

    def hvp(self, p: Any, v: Any, x: Any, y: Any, weights: Any = None) -> np.ndarray:
        """Return the product (size,) of the Hessian and a vector `v` (size,), at the cost of two gradients."""
        return self.on(x, y, weights).hvp(p, v)

    def gauss_newton(self, p: Any, x: Any, y: Any, weights: Any = None) -> np.ndarray:
        """Return the Gauss-Newton matrix (size, size): the Hessian of a network that is linear in its parameters."""
        return self.on(x, y, weights).gauss_newton(p)

    def fisher(self, p: Any, x: Any, weights: Any = None) -> np.ndarray:
        r"""Return the Fisher information (size, size), per sample, of labels drawn from the network.

        :math:`\langle J^T J \rangle` for outputs with normal noise of variance one; of classes the Gauss-Newton matrix
        """
        x = self.check_inputs(x)
        y = np.zeros(len(x), int) if self.loss_name == NLL else np.zeros((len(x), self.outputs))
        return self.likelihood.fisher_factor * self.on(x, y, weights).gauss_newton(p)

    def jacobian(self, p: Any, x: Any) -> np.ndarray:
        """Return the derivatives of the outputs (for "nll", the logits) by the parameters, (N, outputs, size)."""
        return parameter_jacobian(self.stack, self.matrices(self.parameters(p)), self.check_inputs(x))

    def input_jacobian(self, p: Any, x: Any) -> np.ndarray:
        """Return the derivatives of the outputs (for "nll", the logits) by the inputs, (N, outputs, inputs)."""
        return input_jacobian(self.stack, self.matrices(self.parameters(p)), self.check_inputs(x))


@dataclass(frozen=True, eq=False)
class Teacher:
    """A network with fixed parameters, a function of inputs.

    Parameters
    ----------
    net : MLP
    p : array, shape (net.size,)
    """

    net: MLP
    p: np.ndarray

    def __call__(self, x: Any) -> np.ndarray:
        """Return the outputs (N, outputs) for inputs x (N, inputs)."""
        return self.net(self.p, x)
