"""Exact averages of products of polynomials over correlated Gaussian fields.

Gaussian averaging is the differential operator exp(1/2 sum_ij C_ij d_i d_j) followed by setting
every field to zero. On polynomials that series ends, so the average is exact; it is itself a
polynomial in C, so no covariance is special: repeated fields, anti-parallel fields and fields of
zero variance need no care, and nothing is divided by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, refuse

__all__ = ["product_average"]


def product_average(
    polynomials: Sequence[ArrayLike], C: ArrayLike, *, hermite: Sequence[bool] = ()
) -> float | complex | np.ndarray:
    r"""Average a product of polynomials, one per field, over zero-mean Gaussian fields.

    .. math:: \Big\langle \prod_{i=1}^n p_i(x_i) \Big\rangle, \quad x \sim N(0, C), \qquad
        p_i(x) = \sum_k c_{ik} x^k

    computed as :math:`\exp\big(\sum_{i<j} C_{ij} \partial_i \partial_j\big) \prod_i \tilde p_i` at zero
    fields, with :math:`\tilde p_i = \exp\big(\tfrac12 C_{ii} \partial_i^2\big) p_i`: first every
    polynomial is averaged over its own variance, then the fields are paired and dropped one by one.

    Parameters
    ----------
    polynomials : sequence of n arrays of shape (degree + 1,)
        Power coefficients c_k, lowest first; the degrees may differ.
    C : array of shape (..., n, n)
        Covariances, symmetric. Singular ones are welcome. Positivity is not checked: the result is
        a polynomial in C, which a rounding-sized negative eigenvalue cannot harm, and which takes a
        complex C: a small imaginary part differentiates it.
    hermite : sequence of n bool, optional
        Where true, the coefficients are those of probabilists' Hermite polynomials He_k. Averages of
        these, :math:`\langle He_k(x) He_l(y) \rangle = \delta_{kl} k! \rho^k` at variances 1 (Mehler),
        drown in rounding beyond degree 20 if they come from powers. Default: none.

    Returns
    -------
    float or array of shape (...,)
        The averages, exact up to rounding; a float if C is one matrix. Infinite or NaN where they, or
        sums on the way, exceed the largest float. Working memory is
        8 bytes times the number of matrices times the product of (degree + 1) over all fields
        but that of highest degree, a few times over.

    Raises
    ------
    ArgumentError
        A shape that does not fit, values that are not finite, or C not symmetric.

    Notes
    -----
    Convention: no prefactor of any kind; p' is handed in as the coefficients of the derivative
    (`numpy.polynomial.polynomial.polyder`), so <p'(x1) x2 p(x3)> is
    ``product_average([p_prime, [0, 1], p], C)``.

    Reference: L. Isserlis, Biometrika 12, 134 (1918); R. Price, IRE Trans. Inf. Theory 4, 69 (1958).

    Examples
    --------
    >>> product_average([[0, 0, 1], [0, 0, 1]], [[1.0, 0.5], [0.5, 1.0]])  # 1 + 2 rho^2
    1.5
    """
    coefficients = [check_array(f"polynomials[{i}]", p, ("degree + 1",)) for i, p in enumerate(polynomials)]
    covariance = _check_covariance(C, len(coefficients))
    order = sorted(range(len(coefficients)), key=lambda i: -len(coefficients[i]))
    covariance = covariance[..., order, :][..., order]
    basis = np.array(hermite if len(hermite) else [False] * len(order), np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        means = [mean_derivatives(coefficients[i], covariance[..., a, a] - basis[i]) for a, i in enumerate(order)]
        values = _pair(means, covariance)
    return values.item() if values.ndim == 0 else values


def _check_covariance(C: ArrayLike, n: int) -> np.ndarray:
    """Return `C` as a finite, symmetric array of shape (..., n, n), float64 or complex128."""
    if n == 0:
        raise refuse("polynomials", "hold at least one polynomial", "is empty")
    covariance = np.asarray(C)
    covariance = covariance.astype(np.complex128 if np.iscomplexobj(covariance) else np.float64)
    if covariance.shape[-2:] != (n, n):
        raise refuse("C", f"have shape (..., n, n) = (..., {n}, {n})", f"has shape {covariance.shape}")
    if not np.isfinite(covariance).all():
        raise refuse("C", "be finite", "contains NaN or infinity")
    asymmetry = np.abs(covariance - covariance.swapaxes(-1, -2)).max(initial=0.0)
    if asymmetry > 1e-10 * np.abs(covariance).max(initial=0.0):
        raise refuse("C", "be symmetric", f"differs from its transpose by {asymmetry:g}")
    return covariance


def mean_derivatives(coefficients: np.ndarray, variance: np.ndarray) -> np.ndarray:
    r"""Return :math:`\langle p^{(k)}(x) \rangle / s_k`, k = 0..degree, for each `variance`, shape (..., degree + 1).

    With u_k = k! c_k, the derivatives at zero, it is exp(variance/2 S^2) u where S shifts u by one; by Horner. Hermite
    coefficients are derivatives averaged at variance 1 in the same way: then `variance` is what is beyond that.
    """
    at_zero = coefficients * np.array([float(math.factorial(k)) for k in range(len(coefficients))])
    result = np.broadcast_to(at_zero.astype(variance.dtype), (*variance.shape, len(at_zero)))
    for m in range((len(at_zero) - 1) // 2, 0, -1):
        term = np.zeros_like(result)
        term[..., :-2] = result[..., 2:] * (variance[..., None] / (2 * m))
        result = at_zero + term
    return result / factorial_roots(len(at_zero))


def factorial_roots(count: int) -> np.ndarray:
    r"""Return :math:`s_k \approx \sqrt{k!}`, k < count, as powers of two: dividing by them rounds nothing.

    Products of derivatives of order k then stay as small as averages are.
    """
    logs = np.cumsum(np.log2(np.maximum(np.arange(count), 1.0)))
    return np.exp2(np.round(logs / 2))


def _pair(means: list[np.ndarray], C: np.ndarray) -> np.ndarray:
    """Sum over all pairings between different fields, given the mean derivatives of each; shape (...,)."""
    n = len(means)
    if n == 1:
        return means[0][..., 0]
    batch = C.shape[:-2]
    rest = np.ones((*batch, *(1,) * (n - 1)))
    for axis, mean in enumerate(means[1:]):
        rest = rest * _as_axis(mean, axis, n - 1)
    first = means[0]
    tensor = _drop_field(lambda k: _as_factor(first[..., k], n - 1) * rest, first.shape[-1], C[..., 0, 1:])
    for i in range(1, n - 1):
        slices = np.moveaxis(tensor, len(batch), 0)
        tensor = _drop_field(slices.__getitem__, len(slices), C[..., i, i + 1 :])
    return tensor[..., 0]


def _ratios(count: int) -> np.ndarray:
    """Return s_(k+1) / s_k, k < count - 1."""
    scales = factorial_roots(count)
    return scales[1:] / scales[:-1]


def _drop_field(derivative: Callable[[int], np.ndarray], count: int, row: np.ndarray) -> np.ndarray:
    r"""Pair one field with those that remain: :math:`\sum_k L^k D_k / k!`, :math:`L = \sum_j C_{1j} \partial_j`.

    `derivative(k)` is D_k, the k-th derivative in the dropped field, as a tensor of derivatives in the
    others, where the derivative by field j is a shift along axis j. `row` (..., m) holds the C_1j. All
    derivatives of order k are divided by s_k (:func:`factorial_roots`).
    """
    fields, scales = row.shape[-1], factorial_roots(count)
    result = derivative(count - 1)
    for k in range(count - 1, 0, -1):
        shifted, result = result, derivative(k - 1).copy()
        for j in range(fields):
            lead = (slice(None),) * (shifted.ndim - fields + j)
            weight = _as_factor(row[..., j] / k * (scales[k] / scales[k - 1]), fields)
            ratios = _as_axis(_ratios(shifted.shape[shifted.ndim - fields + j]), j, fields)
            result[(*lead, slice(None, -1))] += weight * ratios * shifted[(*lead, slice(1, None))]
    return result


def _as_factor(values: np.ndarray, axes: int) -> np.ndarray:
    """Append `axes` axes of length one, so that batch values multiply tensors."""
    return values.reshape(*values.shape, *(1,) * axes)


def _as_axis(values: np.ndarray, axis: int, axes: int) -> np.ndarray:
    """Return values (..., length) with `length` standing at `axis` of `axes` tensor axes."""
    return values.reshape(*values.shape[:-1], *(1,) * axis, values.shape[-1], *(1,) * (axes - 1 - axis))
