r"""Generic ranks in closed form: theorems for some sets of degrees, and proven upper bounds for all others.

Derivatives of :math:`y = W_2\, g(W_1 x)` lie in the space of polynomials of x whose degrees are those of g, the set S.
One that is orthogonal to all of them is, read as a polynomial of the weights, one of degrees S whose value and gradient
vanish at the rows of :math:`W_1`: the rank is the dimension :math:`D = \sum_{k \in S} \binom{N_i + k - 1}{k}` less that
of the polynomials singular at :math:`N_h` generic points. Of g it knows which coefficients are zero, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb

from tutelage.activations import ActivationLike
from tutelage.errors import check_count
from tutelage.landscape.ranks import exact_coefficients

__all__ = ["RankFormula", "rank_formula"]

DEFECTIVE = {(3, 5, 7), (4, 3, 5), (4, 4, 9), (4, 5, 14)}  # Alexander & Hirschowitz: (degree, variables, points)
FEW = 12  # degrees up to half of the highest, of whose subsets all are tried; beyond, intervals alone


@dataclass(frozen=True)
class RankFormula:
    """A generic rank, and what it rests on.

    Attributes
    ----------
    rank, parameters : int
    exact : bool
        Whether it is the rank by a theorem; else it is an upper bound, attained wherever exact arithmetic was tried.
    basis : str
        The theorem, or the argument.
    """

    rank: int
    parameters: int
    exact: bool
    basis: str


def rank_formula(g: ActivationLike, inputs: int, hidden: int) -> RankFormula:
    r"""Return the generic rank for a polynomial activation from closed formulas, without any computation.

    Exact are, with :math:`D_k = \binom{N_i + k - 1}{k}` and :math:`r = \min(N_h, N_i)`:

    - :math:`z^k`, k > 2: :math:`\min(N_h N_i, D_k)`, but one less for :math:`(k, N_i, N_h)` = (3, 5, 7), (4, 3, 5),
      (4, 4, 9), (4, 5, 14), by the theorem of Alexander and Hirschowitz; :math:`N_i` for k = 1 and
      :math:`r N_i - r(r-1)/2` for k = 2. With a constant: one more.
    - all degrees from 0 to k: the same with :math:`N_i + 1` in place of :math:`N_i`. From 1 to k: at most D. From 2 to
      k: that of one more unit, less :math:`N_i + 1`. Then the origin is one more point, simple or double.

    For other sets S of degrees the smallest of three upper bounds is returned:

    - :math:`\sum_{k \in S} \mathrm{rank}(z^k)`;
    - :math:`N_h (N_i - 1)`, directions across the weights, plus what :math:`u_a g'(u_a)` and :math:`g(u_a)` span:
      :math:`\sum_k \min(N_h, D_k)` for two degrees, :math:`N_h + \min(N_h, D - D_k)` for any k otherwise;
    - :math:`D - (2v - 1) + \sum_t D_t`: of the polynomials with degrees in a set H, at least
      :math:`v = \sum_{k \in H} D_k - N_h` vanish at the points, and products of two are singular there, of which
      :math:`2v - 1` or more are independent; t are the sums of two degrees in H that are not in S.

    Exact arithmetic (:func:`generic_rank`) found the smallest attained in every case tried: all sets of degrees up to
    7, :math:`N_i \le 6`, up to 90 parameters.

    Parameters
    ----------
    g : str or Activation
        A polynomial.
    inputs, hidden : int
        :math:`N_i`, :math:`N_h`.

    Notes
    -----
    Alexander & Hirschowitz, J. Algebraic Geom. 4, 201 (1995). That the rank is the effective number of parameters:
    Couto, Mourao, Figueiredo & Ribeiro, arXiv:2512.15606.

    Examples
    --------
    >>> rank_formula("polynomial(0, 0, 0, 1)", 5, 7).rank
    34
    """
    inputs, hidden = check_count("inputs", inputs), check_count("hidden", hidden)
    degrees = tuple(k for k, q in enumerate(exact_coefficients(g)) if q)
    known = _known(degrees, inputs, hidden)
    parameters = hidden * (inputs + 1)
    if known is not None:
        return RankFormula(known, parameters, True, _theorem(degrees))
    return RankFormula(_bound(degrees, inputs, hidden), parameters, False, "the smallest of three upper bounds")


def _space(degrees: Iterable[int], variables: int) -> int:
    """Return the dimension of the polynomials of these degrees."""
    return sum(comb(variables + k - 1, k) for k in degrees)


def _power(degree: int, variables: int, points: int) -> int:
    """Return the rank of z^degree: conditions that singular points impose on forms."""
    if degree < 2:
        return variables**degree
    if degree == 2:
        r = min(points, variables)
        return r * variables - r * (r - 1) // 2
    generic = min(points * variables, _space([degree], variables))
    return generic - ((degree, variables, points) in DEFECTIVE)


def _known(degrees: tuple[int, ...], inputs: int, hidden: int) -> int | None:
    """Return the rank for the sets of degrees that a theorem covers."""
    if not degrees:
        return 0
    low, top = degrees[0], degrees[-1]
    if set(degrees) <= {0, top}:
        return _power(top, inputs, hidden) + len(degrees) - 1
    if degrees != tuple(range(low, top + 1)) or low > 2:
        return None
    if low == 2:
        return _power(top, inputs + 1, hidden + 1) - inputs - 1
    return min(_power(top, inputs + 1, hidden), _space(degrees, inputs))


def _theorem(degrees: tuple[int, ...]) -> str:
    top = degrees[-1] if degrees else 0
    return (
        ("linear algebra", "linear algebra", "symmetric matrices of given rank")[top]
        if top < 3
        else ("Alexander & Hirschowitz")
    )


def _bound(degrees: tuple[int, ...], inputs: int, hidden: int) -> int:
    """Return the smallest upper bound."""
    whole = _space(degrees, inputs)
    if len(degrees) == 2:
        radial = sum(min(hidden, _space([k], inputs)) for k in degrees)
    else:
        radial = min(hidden + min(hidden, whole - _space([k], inputs)) for k in degrees)
    singular = max(_products(H, degrees, inputs, hidden) for H in _halves(degrees[-1] // 2))
    layers = sum(_power(k, inputs, hidden) for k in degrees)
    return min(layers, hidden * (inputs - 1) + radial, whole - max(0, singular))


def _halves(most: int) -> list[tuple[int, ...]]:
    """Return sets of degrees up to `most`."""
    if most > FEW:
        return [tuple(range(low, high + 1)) for high in range(most + 1) for low in range(high + 1)]
    return [tuple(k for k in range(most + 1) if bits >> k & 1) for bits in range(1, 2 ** (most + 1))]


def _products(H: tuple[int, ...], degrees: tuple[int, ...], inputs: int, hidden: int) -> int:
    """Return how many products of polynomials of degrees H that vanish at the points are of the degrees S, at least."""
    v = _space(H, inputs) - hidden
    outside = {a + b for a, b in combinations_with_replacement(H, 2)} - set(degrees)
    return 2 * v - 1 - _space(outside, inputs) if v > 0 else 0
