r"""Ranks of Hessians at a matched optimum of :math:`y = W_2\, g(W_1 x)`: the effective number of parameters.

At the optimum the Hessian is the mean of :math:`\nabla y\, \nabla y^\top`: its rank is the number of functions of x
among

.. math:: \partial y/\partial W_{1,ai} = W_{2,a}\, g'(u_a)\, x_i , \qquad \partial y/\partial W_{2,a} = g(u_a) , \qquad
          u = W_1 x ,

that are linearly independent, the same number for almost all weights and inputs: the generic rank. There are
:math:`P = N_h (N_i + 1)` parameters, no biases.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import comb

import numpy as np

from tutelage.activations import ActivationLike, activation
from tutelage.errors import check_count, check_number, refuse

__all__ = ["NumericalRank", "generic_rank", "numerical_rank", "rank_modulo"]

PRIMES = (2147483647, 2147483629, 2147483587)  # the largest three below 2^31: products fit 64 bits
SPARE = 8  # samples more than parameters
MORE = 6  # polynomials of a power series that are tried
SERIES = {  # degrees of power series: the first of an arithmetic progression, its step, others
    **dict.fromkeys(("erf", "tanh"), (1, 2, ())),
    **dict.fromkeys(("sigmoid", "normal_cdf"), (1, 2, (0,))),
    **dict.fromkeys(("silu", "gelu"), (2, 2, (1,))),
    "softplus": (2, 2, (0, 1)),
}


def generic_rank(
    g: ActivationLike, inputs: int, hidden: int, *, samples: int | None = None, trials: int = 2, seed: int = 0
) -> int:
    r"""Return the rank for a polynomial activation, or an analytic one, by exact arithmetic modulo primes of 31 bits.

    Weights, inputs and the coefficients of g are taken modulo a prime, where no rounding decides what is zero: the
    ranks of spectra whose smallest eigenvalues lie beyond double precision come out as well. A rank modulo a prime
    never exceeds the generic one; it falls short only if the prime divides a coefficient, or if random numbers hit a
    root of a polynomial, of degree some hundreds, among :math:`2^{31}` values. The largest of `trials` is returned,
    each with weights and inputs of its own, the primes in turn.

    The degrees of a power series are linearly independent, so that a relation between derivatives holds in each degree
    on its own, whatever its coefficient is, if that is not zero: for erf, tanh, sigmoid, softplus, SiLU, GELU and the
    normal distribution function polynomials of more and more of their degrees are taken, until the rank is full.

    Parameters
    ----------
    g : str or Activation
        A polynomial, of which any float is an exact fraction and taken as it is; or one of those above.
    inputs, hidden : int
        :math:`N_i`, :math:`N_h`.
    samples : int, optional
        Number of random inputs, for the rank at finite data, min(samples, generic rank). Default: enough, P + 8.
    trials : int
    seed : int

    Raises
    ------
    ArgumentError
        For another activation: see :func:`numerical_rank`.

    Examples
    --------
    >>> generic_rank("square", 5, 3), generic_rank("polynomial(0, 0, 0, 1)", 5, 7), generic_rank("erf", 5, 7)
    (12, 34, 42)
    """
    inputs, hidden = check_count("inputs", inputs), check_count("hidden", hidden)
    parameters = hidden * (inputs + 1)
    count = parameters + SPARE if samples is None else check_count("samples", samples)
    trials, seed = check_count("trials", trials), check_count("seed", seed, minimum=0)
    best, most = 0, min(parameters, count)
    for coefficients in _polynomials(g, inputs, parameters):
        for trial in range(trials):
            prime, rng = PRIMES[trial % len(PRIMES)], np.random.default_rng((seed, trial))
            jacobian = _jacobian_modulo(coefficients, inputs, hidden, count, prime, rng)
            best = max(best, rank_modulo(jacobian, prime))
            if best == most:
                return best
    return best


def _polynomials(g: ActivationLike, inputs: int, parameters: int) -> Iterator[list[Fraction]]:
    """Yield the coefficients of g, or of polynomials of more and more of its degrees."""
    found = activation(g, "g")
    if found.coefficients is not None or found.name not in SERIES:
        if found.coefficients is None:
            must = f"be a polynomial or one of {', '.join(SERIES)} (`numerical_rank` takes any activation)"
            raise refuse("g", must, f"is {found.name!r}")
        yield exact_coefficients(found)
        return
    first, step, low = SERIES[found.name]
    degrees, space = list(low), sum(comb(inputs + k - 1, k) for k in low)
    top, more = first, 0
    while more < MORE:
        degrees.append(top)
        space += comb(inputs + top - 1, top)
        if space >= parameters:
            yield [Fraction(int(k in degrees)) for k in range(top + 1)]
            more += 1
        top += step


def exact_coefficients(g: ActivationLike) -> list[Fraction]:
    """Return the power coefficients of a polynomial activation, lowest first, without zeros at the end."""
    found = activation(g, "g")
    if found.coefficients is None:
        raise refuse("g", "be a polynomial", f"is {found.name!r}")
    exact = [Fraction(c) for c in found.coefficients]
    while exact and not exact[-1]:
        exact.pop()
    return exact


def rank_modulo(matrix: np.ndarray, prime: int) -> int:
    """Return the rank of an integer matrix modulo a prime below 2^31, by elimination of rows."""
    A = np.array(matrix, np.int64) % prime
    rank = 0
    for column in range(A.shape[1]):
        below = np.flatnonzero(A[rank:, column])
        if not below.size:
            continue
        pivot = rank + below[0]
        A[[rank, pivot]] = A[[pivot, rank]]
        row = A[rank, column:] * pow(int(A[rank, column]), -1, prime) % prime
        others = rank + 1 + np.flatnonzero(A[rank + 1 :, column])
        A[others, column:] = (A[others, column:] - A[others, column, None] * row) % prime
        rank += 1
        if rank == len(A):
            break
    return rank


def _jacobian_modulo(
    coefficients: list[Fraction], inputs: int, hidden: int, samples: int, prime: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the derivatives (samples, P) of y modulo a prime, at random weights and inputs."""
    W1, x = rng.integers(1, prime, (hidden, inputs)), rng.integers(1, prime, (samples, inputs))
    W2 = rng.integers(1, prime, hidden)
    c = [q.numerator % prime * pow(q.denominator, -1, prime) % prime for q in coefficients]
    u = (x[:, None, :] * W1 % prime).sum(2) % prime
    value = _horner(c, u, prime)
    slope = _horner([k * q % prime for k, q in enumerate(c)][1:], u, prime)
    first = (slope * W2 % prime)[:, :, None] * x[:, None, :] % prime
    return np.concatenate([first.reshape(samples, -1), value], axis=1)


def _horner(coefficients: list[int], u: np.ndarray, prime: int) -> np.ndarray:
    """Return the polynomial at u modulo a prime."""
    value = np.zeros_like(u)
    for c in reversed(coefficients):
        value = (value * u + c) % prime
    return value


@dataclass(frozen=True)
class NumericalRank:
    """A rank decided by the singular values of a Jacobian in floating point.

    Attributes
    ----------
    rank, parameters : int
        Number of singular values above the tolerance, and P.
    smallest : float
        The smallest one that counts, as a fraction of the largest.
    next : float
        The next one, which counts as zero, as a fraction of the largest; 0 if there is none.
    """

    rank: int
    parameters: int
    smallest: float
    next: float


def numerical_rank(
    g: ActivationLike,
    inputs: int,
    hidden: int,
    *,
    samples: int | None = None,
    tolerance: float | None = None,
    seed: int = 0,
) -> NumericalRank:
    r"""Return the rank for any activation, by singular values at random weights and inputs of N(0, 1).

    Weights are :math:`N(0, 1/N_i)` and N(0, 1). Eigenvalues of the Hessian are squares of the singular values that are
    looked at here, over the number of samples, so that these tell smaller ones from zero: of erf, whose rank is full,
    eigenvalues of (10, 20) span eight decades. For ReLU a factor can be moved from the first layer to the second one in
    each unit: the rank is at most :math:`P - N_h`.

    Parameters
    ----------
    g : str or Activation
    inputs, hidden : int
        :math:`N_i`, :math:`N_h`.
    samples : int, optional
        Default: 10 P.
    tolerance : float, optional
        As a fraction of the largest singular value. Default: the larger side of the Jacobian times the machine
        precision.
    seed : int
    """
    from tutelage.landscape.matched import matched_network

    teacher = matched_network(g, inputs, hidden, s2=1.0, seed=seed)
    size = teacher.net.size
    count = 10 * size if samples is None else check_count("samples", samples)
    x = np.random.default_rng((check_count("seed", seed, minimum=0), 1)).standard_normal((count, inputs))
    values = np.linalg.svd(teacher.net.jacobian(teacher.p, x)[:, 0], compute_uv=False)
    least = max(count, size) * float(np.finfo(float).eps)
    least = least if tolerance is None else check_number("tolerance", tolerance, minimum=0)
    shares = values / values[0] if values[0] > 0 else values
    kept = shares[shares > least]
    dropped = shares[shares <= least]
    return NumericalRank(
        len(kept), size, float(kept.min()) if kept.size else 0.0, float(dropped.max()) if dropped.size else 0.0
    )
