r"""Networks :math:`y = W_2\, g(W_1 x)` that are their own teacher, and the Hessian of erf there in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tutelage.activations import ActivationLike
from tutelage.errors import check_array, check_count, check_number
from tutelage.landscape.network import MLP, Teacher

__all__ = ["erf_hessian", "matched_network"]


def matched_network(
    g: ActivationLike, inputs: int, hidden: int, *, s1: float | None = None, s2: float | None = None, seed: int = 0
) -> Teacher:
    r"""Return a random network without biases, for the loss :math:`\frac{1}{2N} \sum (y - y^*)^2`.

    Parameters
    ----------
    g : str or Activation
    inputs, hidden : int
        :math:`N_i`, :math:`N_h`.
    s1, s2 : float, optional
        Standard deviations of the normal weights of both layers. Default: :math:`N_i^{-1/2}` and :math:`N_h^{-1/2}`.
    seed : int

    Examples
    --------
    >>> matched_network("erf", 10, 5).net.size
    55
    """
    net = MLP(inputs, [(check_count("hidden", hidden), g, False), (1, "linear", False)], half=True)
    rng = np.random.default_rng(check_count("seed", seed, minimum=0))
    first = net.inputs**-0.5 if s1 is None else check_number("s1", s1, minimum=0, strict=True)
    second = hidden**-0.5 if s2 is None else check_number("s2", s2, minimum=0, strict=True)
    W1, W2 = first * rng.standard_normal((hidden, net.inputs)), second * rng.standard_normal((1, hidden))
    return net.at(net.pack([(W1, None), (W2, None)]))


def erf_hessian(W1: ArrayLike, W2: ArrayLike) -> np.ndarray:
    r"""Return the Hessian of the population loss at the optimum for erf units, inputs N(0, 1).

    With :math:`g(z) = \mathrm{erf}(z/\sqrt2)`, :math:`C = W_1 W_1^\top`, :math:`q = \mathrm{diag}\, C` and rows
    :math:`w_a` of :math:`W_1` its blocks are :math:`W_{2,a} W_{2,b} \langle g'_a g'_b\, x x^\top \rangle`,
    :math:`W_{2,a} \langle g'_a g_b\, x \rangle` and :math:`\langle g_a g_b \rangle`,

    .. math::

        \langle g'_a g'_b\, x x^\top \rangle &= \frac{2}{\pi} (\det A)^{-1/2} A^{-1} , \quad
            A = 1 + w_a w_a^\top + w_b w_b^\top , \\
        \langle g'_a g_b\, x \rangle &= \frac{2}{\pi} \big[ (1 + q_a)(1 + q_b) - C_{ab}^2 \big]^{-1/2}
            \Big( w_b - \frac{C_{ab}}{1 + q_a} w_a \Big) .

    Parameters
    ----------
    W1 : array, shape (Nh, Ni)
    W2 : array, shape (Nh,)

    Returns
    -------
    array, shape (P, P)
        For the loss :math:`\frac12 \langle (y - y^*)^2 \rangle`; parameters in the order of
        :class:`tutelage.landscape.MLP`, W1 row by row, then W2.
    """
    from tutelage.gaussian.erf import I2

    W = check_array("W1", W1, ("Nh", "Ni"))
    v = check_array("W2", W2, (len(W),))
    (hidden, inputs), C = W.shape, W @ W.T
    one = 1 + np.diag(C)
    minor = one[:, None] * one - C**2  # det A
    pairs = W[:, None, :, None] * W[:, None, None, :] + W[None, :, :, None] * W[None, :, None, :]
    inverse = np.linalg.inv(np.eye(inputs) + pairs)
    # of a = b, A is 1 + 2 w w', whose determinant 1 + 2 q the minor (1 + q)^2 - q^2 is as well
    first = (2 / np.pi * v[:, None] * v / np.sqrt(minor))[:, :, None, None] * inverse
    mixed = W[None] - (C / one[:, None])[:, :, None] * W[:, None]  # (a, b, i)
    mixed *= (2 / np.pi * v[:, None] / np.sqrt(minor))[:, :, None]
    q = np.diag(C)
    last = I2(np.stack([np.stack(np.broadcast_arrays(q[:, None], C), -1), np.stack(np.broadcast_arrays(C, q), -1)], -2))
    H = np.empty((hidden * (inputs + 1),) * 2)
    cut = hidden * inputs
    H[:cut, :cut] = first.transpose(0, 2, 1, 3).reshape(cut, cut)
    H[:cut, cut:] = mixed.transpose(0, 2, 1).reshape(cut, hidden)
    H[cut:, :cut] = H[:cut, cut:].T
    H[cut:, cut:] = last
    return (H + H.T) / 2
