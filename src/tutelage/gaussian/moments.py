r"""Moments of the inputs, weighted by two activations: what a population loss and its derivatives are made of.

For standard normal inputs x and fields :math:`u = w \cdot x + b`, :math:`u' = w' \cdot x + b'` these are

.. math:: \langle G \rangle, \qquad \langle G x \rangle = \nabla, \qquad
          \langle G x x^\top \rangle = \langle G \rangle 1 + \nabla \nabla^\top,
          \qquad G = g^{(a)}(u) \, h^{(b)}(u'),

where by Stein's lemma :math:`\nabla = w \partial_b + w' \partial_{b'}` acts on :math:`\langle G \rangle`. Averages are
therefore needed only with their derivatives by the biases, and these are averages again, of higher derivatives of g
and h. Two cases cover all activations of :mod:`tutelage.gaussian.ramps`.

*A polynomial with anything.* The average is :math:`\exp(c \, \partial_b \partial_{b'})`, :math:`c = w \cdot w'`,
of the product of the averages of either alone: a finite sum.

*Two ramps*, of total variances :math:`P = |w|^2 + s^2`, :math:`Q = |w'|^2 + t^2`, in units of which
:math:`h = b/\sqrt P`, :math:`k = b'/\sqrt Q`, :math:`\rho = c/\sqrt{PQ}`, :math:`\sigma^2 = 1 - \rho^2`. Of two steps
the average is the bivariate normal distribution function. As soon as one is a density, :math:`\delta(y)`, the other
field is only seen at y = 0, where it is normal with mean :math:`m = k - \rho h` and variance :math:`\sigma^2`. In
(h, m) averages are products, and

.. math:: \nabla = \hat w \, \partial_h \big|_m + (\hat w' - \rho \hat w) \, \partial_m, \qquad
          \hat w = w / \sqrt P, \quad \hat w' = w' / \sqrt Q .

The derivatives by m diverge where ReLUs become parallel, but :math:`\hat w' - \rho \hat w` vanishes as fast. It is
therefore computed from positive terms, in an orthonormal frame whose first vector is along w; nothing that diverges is
ever subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TypeAlias

import numpy as np

from tutelage.gaussian.bivariate import Correlated, both_positive
from tutelage.gaussian.frames import Fields
from tutelage.gaussian.marginals import Part, PolynomialPart, RampsPart, averaged_ramps, densities
from tutelage.gaussian.polynomial import factorial_roots
from tutelage.gaussian.ramps import Form

__all__ = ["Order", "moments"]

BLOCK = 1 << 14  # pairs of ramps at once, so that arrays stay in the cache

Order: TypeAlias = tuple[int, int]
Vector: TypeAlias = tuple[np.ndarray, np.ndarray]


def moments(f: Form, g: Form, first: Fields, second: Fields, orders: Iterable[Order]) -> dict[Order, np.ndarray]:
    """Return the moments of f^(a)(u) g^(b)(u') for each order (a, b), a + b <= 2.

    Parameters
    ----------
    f, g : Form
    first, second : Fields
        u and u' of all pairs, in their frame.
    orders : iterable of (int, int)
        (a, b).

    Returns
    -------
    dict
        Of each order an array (rows, pairs): the mass <G>, from a + b = 1 on the two components of <G x> in the frame,
        for a + b = 2 the entries 11, 12, 22 of <G x x'> - <G>.

    Examples
    --------
    >>> from tutelage.activations import activation
    >>> from tutelage.gaussian.frames import Frame
    >>> from tutelage.gaussian.ramps import form
    >>> relu, frame = form(activation("relu")), Frame.of(np.array([[2.0, 0.0]]), np.array([[0.0, 3.0]]))
    >>> fields = [Fields(w, np.zeros(1)) for w in (frame.first, frame.second)]
    >>> round(float(moments(relu, relu, *fields, [(0, 0)])[0, 0][0, 0] * np.pi), 12)  # 6 / (2 pi)
    3.0
    """
    orders = list(orders)
    pairs = len(first.bias)
    out = {order: np.zeros(((1, 3, 6)[sum(order)], pairs)) for order in orders}
    size = max(_terms(f), 1) * max(_terms(g), 1)
    step = max(1, BLOCK // size)
    for start in range(0, pairs, step):
        some = slice(start, start + step)
        one, two = (Fields(x.weight[some], x.bias[some]) for x in (first, second))
        for product in _products(f, g, one, two):
            for order in orders:
                out[order][:, some] += product.moments(order)
    return out


def _terms(f: Form) -> int:
    return sum(len(ramps.variance) for ramps in f.ramps)


def _products(f: Form, g: Form, first: Fields, second: Fields) -> Iterator[_Product]:
    """Yield every part of f with every part of g."""
    one, two = _parts(f, first, len(g.polynomial)), _parts(g, second, len(f.polynomial))
    for a in one:
        for b in two:
            yield _TwoRamps(a, b) if isinstance(a, RampsPart) and isinstance(b, RampsPart) else _Series(a, b)


def _parts(f: Form, field: Fields, partner: int) -> list[Part]:
    """Return the parts of f at a field, whose partner is a polynomial of `partner` coefficients."""
    polynomial: list[Part] = [PolynomialPart(f, field)] if len(f.polynomial) else []
    return [*polynomial, *(RampsPart(ramps, field, partner + 7) for ramps in f.ramps)]


class _Product:
    """The product of two parts; derivatives are averages (pairs, terms, terms) of products of their jets."""

    one: Part
    two: Part

    def mass(self, i: int, j: int) -> np.ndarray:
        """Return the average of jet i of the first times jet j of the second."""
        raise NotImplementedError

    def gradient(self, i: int, j: int) -> Vector:
        """Return its gradient by a shift of the inputs, in the frame."""
        raise NotImplementedError

    def hessian(self, i: int, j: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the entries 11, 12, 22 of its Hessian."""
        raise NotImplementedError

    def moments(self, order: Order) -> np.ndarray:
        """Return the moments of one order, summed over the terms of both parts."""
        rows = [np.zeros(1)] * (1, 3, 6)[sum(order)]
        for i, weight in self.one.terms(order[0]):
            for j, other in self.two.terms(order[1]):
                each = [self.mass(i, j)]
                if len(rows) > 1:
                    each += self.gradient(i, j)
                if len(rows) > 3:
                    each += self.hessian(i, j)
                for n, x in enumerate(each):
                    rows[n] = rows[n] + np.einsum("pm,pm->p", (x @ other[:, :, None])[:, :, 0], weight)
        return np.array(rows)


def _outer(by: tuple[np.ndarray, ...], x: Vector, y: Vector) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the entries of by[0] x x' + by[1] (x y' + y x') + by[2] y y'."""
    return (
        by[0] * x[0] * x[0] + 2 * by[1] * x[0] * y[0] + by[2] * y[0] * y[0],
        by[0] * x[0] * x[1] + by[1] * (x[0] * y[1] + x[1] * y[0]) + by[2] * y[0] * y[1],
        by[0] * x[1] * x[1] + 2 * by[1] * x[1] * y[1] + by[2] * y[1] * y[1],
    )


class _Series(_Product):
    """A polynomial with anything: the sum over k of c^k / k! (jet i + k of the one) (jet j + k of the other)."""

    def __init__(self, one: Part, two: Part) -> None:
        self.one, self.two = one, two
        self.x: Vector = (one.x[0][:, :, None], one.x[1][:, :, None])
        self.y: Vector = (two.x[0][:, None], two.x[1][:, None])
        self.c = self.x[0] * self.y[0] + self.x[1] * self.y[1]
        self.known: dict[Order, np.ndarray] = {}

    def mass(self, i: int, j: int) -> np.ndarray:
        if (i, j) not in self.known:
            a, b = self.one.jets[i:], self.two.jets[j:]
            s = factorial_roots(max(i, j) + min(len(a), len(b)))
            total, power = np.zeros(self.c.shape), np.ones_like(self.c)
            for k, (p, q) in enumerate(zip(a, b, strict=False)):
                total = total + power * (s[i + k] * (s[j + k] / math.factorial(k))) * p[:, :, None] * q[:, None]
                power = power * self.c
            self.known[i, j] = total
        return self.known[i, j]

    def gradient(self, i: int, j: int) -> Vector:
        by, by_ = self.mass(i + 1, j), self.mass(i, j + 1)
        return by * self.x[0] + by_ * self.y[0], by * self.x[1] + by_ * self.y[1]

    def hessian(self, i: int, j: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return _outer((self.mass(i + 2, j), self.mass(i + 1, j + 1), self.mass(i, j + 2)), self.x, self.y)


class _TwoRamps(_Product):
    """Ramps with ramps; jets are in units of the deviations of their arguments."""

    def __init__(self, one: RampsPart, two: RampsPart) -> None:
        self.one, self.two = one, two
        a, own = one.x[0][:, :, None], one.own[:, :, None]
        b, r, own_ = two.x[0][:, None], two.x[1][:, None], two.own[:, None]
        rest = r * r + own_  # of the variance of the second: what is not along the first axis
        rho = a * b
        self.y = Correlated.of(one.mean[:, :, None], two.mean[:, None], rho, np.sqrt(a * a * rest + own))
        self.axes: tuple[Vector, Vector] = ((a, np.zeros_like(a)), (b, r))
        self.apart: tuple[Vector, Vector] = ((b * own, r), (a * rest, -rho * r))  # y - rho x, x - rho y

    @cached_property
    def density(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Derivatives of the density of either argument at zero, by its mean."""
        return densities(self.y.h, 5), densities(self.y.k, 5)

    @cached_property
    def given(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The averaged jets of the second where the first argument is zero, and the reverse, by their mean."""
        y = self.y
        return averaged_ramps(y.m, y.sigma, y.x, 7), averaged_ramps(y.m_, y.sigma, y.x_, 7)

    @cached_property
    def orthant(self) -> np.ndarray:
        """The average of two steps."""
        return both_positive(self.y)

    def _conditional(self, side: int, i: int, j: int, by_mean: int, by_other: int) -> np.ndarray:
        """Return the average of jet i >= 2 of one side, a density, and jet j of the other, and its derivatives.

        By the mean of the one at a fixed conditional mean of the other, `by_mean` times, and by the latter.
        """
        density, given, n = self.density[side], self.given[side], i - 2
        total = density[by_mean + n] * given[j + by_other]
        for r in range(1, n + 1):
            factor = math.comb(n, r) * (-self.y.rho) ** r
            total = total + factor * density[by_mean + n - r] * given[j + by_other + r]
        return total

    def _side(self, i: int, j: int) -> tuple[int, int, int]:
        """Return which side is a density, and the jets of this side and the other."""
        return (0, i, j) if i >= 2 else (1, j, i)

    def mass(self, i: int, j: int) -> np.ndarray:
        if max(i, j) >= 2:
            return self._conditional(*self._side(i, j), 0, 0)
        if i == j == 1:
            return self.orthant
        y = self.y
        if i == 0 and j == 0:  # Stein: y_1 times the step of y_1
            return y.h * self.mass(1, 0) + self.mass(2, 0) + y.rho * self.orthant
        mean, own, other = (
            (y.k, self.mass(1, 2), self.mass(2, 1)) if j == 0 else (y.h, self.mass(2, 1), self.mass(1, 2))
        )
        return mean * self.orthant + own + y.rho * other

    def gradient(self, i: int, j: int) -> Vector:
        if max(i, j) >= 2:
            side, i, j = self._side(i, j)
            by, by_ = self._conditional(side, i, j, 1, 0), self._conditional(side, i, j, 0, 1)
            x, y = self.axes[side], self.apart[side]
        else:
            by, by_ = self.mass(i + 1, j), self.mass(i, j + 1)
            x, y = self.axes
        return by * x[0] + by_ * y[0], by * x[1] + by_ * y[1]

    def hessian(self, i: int, j: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if max(i, j) >= 2:
            side, i, j = self._side(i, j)
            by = tuple(self._conditional(side, i, j, 2 - n, n) for n in range(3))
            return _outer(by, self.axes[side], self.apart[side])
        return self._of_steps()

    def _of_steps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the Hessian of the average of two steps: what each does alone, and where both change."""
        (x, y), (apart, apart_), z = self.axes, self.apart, self.y
        alone = -z.h * self.mass(2, 1), np.zeros(1), -z.k * self.mass(1, 2)
        both = self.density[0][0] * self.given[0][2]
        one, cross, two = _outer(alone, x, y)
        return (
            one + both * (x[0] * apart[0] + y[0] * apart_[0]),
            cross + both * y[1] * apart_[0],
            two + both * y[1] * apart_[1],
        )
