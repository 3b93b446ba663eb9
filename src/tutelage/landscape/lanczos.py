r"""Spectra without a matrix: from products :math:`v \mapsto Hv` alone.

An *operator* is a function of a vector (size,) that returns one, a SciPy ``LinearOperator``, or a symmetric matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage import progress as bars
from tutelage.errors import check_array, check_choice, check_count, check_number, check_vector, refuse

__all__ = ["Density", "Estimate", "spectral_density", "top_eigenvalues", "trace"]

Operator = Any  # a callable, a LinearOperator, or what is like an array
GRID = 400  # points of the default grid
MARGIN = 5.0  # widths by which it exceeds the spectrum


@dataclass(frozen=True)
class Estimate:
    """A number estimated from random probes, with its standard error.

    Attributes
    ----------
    value, error : float
        In the same unit.
    """

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.6g} +- {self.error:.2g}"


@dataclass(frozen=True, eq=False)
class Density:
    r"""A density of eigenvalues, of area one, convolved with a normal density of standard deviation ``width``.

    Attributes
    ----------
    grid, density, error : array, shape (points,)
        Eigenvalues, density there, and its standard error over probes.
    width : float
        Standard deviation of the broadening.
    nodes, weights : array, shape (probes, steps)
        The quadrature rule of each probe: :math:`\mathrm{tr} f(H)/P \approx \sum w\, f(\text{node})`. Rules that ended
        early, because they are exact, are filled up with weights of zero.
    """

    grid: np.ndarray
    density: np.ndarray
    error: np.ndarray
    width: float
    nodes: np.ndarray
    weights: np.ndarray

    def average(self, f: Callable[[np.ndarray], np.ndarray]) -> Estimate:
        """Return the mean of f over all eigenvalues, tr f(H) / P, without broadening."""
        each = (self.weights * f(self.nodes)).sum(1)
        return Estimate(float(each.mean()), _standard_error(each))


def spectral_density(
    operator: Operator,
    size: int,
    *,
    width: float | None = None,
    grid: ArrayLike | None = None,
    steps: int = 100,
    probes: int = 10,
    seed: int = 0,
    progress: bool = True,
) -> Density:
    r"""Return the density of eigenvalues by stochastic Lanczos quadrature.

    For a random unit vector the Lanczos process gives a quadrature rule of `steps` nodes that is exact for polynomials
    of degree 2 steps - 1 in H; averaged over probes it is that of the density of eigenvalues,

    .. math:: \rho_\sigma(x) = \frac1P \sum_k \mathcal N(x; \lambda_k, \sigma^2)
              \approx \Big\langle \sum_j w_j\, \mathcal N(x; \theta_j, \sigma^2) \Big\rangle_\text{probes} .

    Parameters
    ----------
    operator : callable, LinearOperator or array (size, size)
        The symmetric operator.
    size : int
        P, its dimension.
    width : float, optional
        Standard deviation :math:`\sigma` of the broadening, in the units of H. Default: 1/100 of the range of nodes.
    grid : array, shape (points,), optional
        Where the density is wanted. Default: 400 points that cover the nodes and five widths more.
    steps : int
        Lanczos steps, products with H for each probe. Features finer than about the range of the spectrum over `steps`
        are lost, except at its edges.
    probes : int
        Random vectors; at least two, for a standard error. The error falls as (probes P)^(-1/2).
    seed : int
    progress : bool
        Whether to show a bar if it takes longer than two seconds.

    Notes
    -----
    Every Lanczos vector is made orthogonal to all earlier ones, twice: no ghosts, at a cost of P steps^2 a probe.
    Reference: Ubaru, Chen & Saad, SIAM J. Matrix Anal. Appl. 38, 1075 (2017).
    """
    size, steps = check_count("size", size), check_count("steps", steps)
    count = check_count("probes", probes, minimum=2)
    product, rng = _product(operator, size), np.random.default_rng(check_count("seed", seed, minimum=0))
    rules = np.zeros((2, count, min(steps, size)))
    with bars.progress("Lanczos", count, progress) as bar:
        for i in range(count):
            nodes, weights = _rule(*_lanczos(product, rng.standard_normal(size), min(steps, size)))
            rules[:, i, : len(nodes)] = nodes, weights
            rules[0, i, len(nodes) :] = nodes[0]
            bar.update(i + 1)
    nodes, weights = rules
    low, high = nodes.min(), nodes.max()
    spread = (high - low) or max(abs(high), 1.0)
    width = spread / 100 if width is None else check_number("width", width, minimum=0, strict=True)
    margin = MARGIN * width
    x = np.linspace(low - margin, high + margin, GRID) if grid is None else check_vector("grid", grid, "points")
    each = np.array([_broadened(x, *rule, width) for rule in zip(nodes, weights, strict=True)])
    return Density(x, each.mean(0), each.std(0, ddof=1) / np.sqrt(count), width, nodes, weights)


def top_eigenvalues(
    operator: Operator, size: int, k: int = 6, *, which: str = "largest", tolerance: float = 0.0, seed: int = 0
) -> np.ndarray:
    """Return k eigenvalues at an end of the spectrum, by SciPy's implicitly restarted Lanczos method.

    Parameters
    ----------
    operator : callable, LinearOperator or array (size, size)
    size, k : int
        Dimension, and number of eigenvalues, below `size`.
    which : str
        ``"largest"`` (returned in descending order), ``"smallest"`` (ascending: the most negative first) or
        ``"magnitude"`` (largest in size first).
    tolerance : float
        Relative error; 0 is machine precision.
    seed : int
        Of the starting vector.

    Raises
    ------
    ArgumentError
        If the iteration does not converge at this tolerance.
    """
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    size, k = check_count("size", size), check_count("k", k)
    if k >= size:
        raise refuse("k", f"be smaller than `size` = {size}", f"is {k}")
    end = {"largest": "LA", "smallest": "SA", "magnitude": "LM"}[
        check_choice("which", which, ("largest", "smallest", "magnitude"))
    ]
    tolerance = check_number("tolerance", tolerance, minimum=0)
    start = np.random.default_rng(check_count("seed", seed, minimum=0)).standard_normal(size)
    matrix = LinearOperator((size, size), matvec=_product(operator, size), dtype=np.float64)
    try:
        values = eigsh(matrix, k, which=end, v0=start, tol=tolerance, return_eigenvectors=False)
    except ArpackNoConvergence as error:
        found = f"{len(error.eigenvalues)} of {k} eigenvalues converged"
        raise refuse("tolerance", "be one that the iteration reaches", f"{found} at {tolerance:g}") from None
    order = {"largest": -values, "smallest": values, "magnitude": -np.abs(values)}[which]
    return values[np.argsort(order)]


def trace(
    operator: Operator,
    size: int,
    *,
    products: int = 90,
    method: str = "hutch++",
    seed: int = 0,
    progress: bool = True,
) -> Estimate:
    r"""Return an unbiased estimate of the trace with its standard error.

    Parameters
    ----------
    operator : callable, LinearOperator or array (size, size)
    size : int
        P.
    products : int
        Products with H; at least six.
    method : str
        ``"hutchinson"``: the mean of :math:`z \cdot Hz` over vectors z of random signs. ``"hutch++"``: a third of the
        products find a basis Q of the large directions, a third give :math:`\mathrm{tr}\, Q^\top H Q` exactly, a third
        estimate the rest by random signs, all exactly if 3 P products are allowed (Meyer, Musco, Musco & Woodruff,
        SOSA 2021): better where a few directions dominate, as they do in Hessians, worse by a factor of about
        sqrt 3 where none does.
    seed : int
    progress : bool
        Whether to show a bar if it takes longer than two seconds.
    """
    size, count = check_count("size", size), check_count("products", products, minimum=6)
    check_choice("method", method, ("hutch++", "hutchinson"))
    product, rng = _product(operator, size), np.random.default_rng(check_count("seed", seed, minimum=0))
    sketch, head, rest = np.empty((0, size)), 0.0, []
    if method == "hutch++":
        count //= 3
        sketch = _signs(rng, min(count, size), size)
    with bars.progress("trace", 2 * len(sketch) + count, progress) as bar:
        done = iter(range(1, 2 * len(sketch) + count + 1))

        def apply(z: np.ndarray) -> np.ndarray:
            bar.update(next(done))
            return product(z)

        basis = np.linalg.qr(np.array([apply(z) for z in sketch]).reshape(-1, size).T)[0]
        head = sum(float(q @ apply(q)) for q in basis.T)
        for z in _signs(rng, count, size):
            z = z - basis @ (basis.T @ z)
            rest.append(float(z @ apply(z)) if len(sketch) < size else 0.0)
    return Estimate(head + float(np.mean(rest)), _standard_error(np.array(rest)))


def _product(operator: Operator, size: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return the operator as a function of vectors (size,), which says when it returns something else."""
    if hasattr(operator, "matvec"):
        if operator.shape != (size, size):
            raise refuse("operator", f"have shape {(size, size)}", f"has shape {operator.shape}")
        apply = operator.matvec
    elif callable(operator):
        apply = operator
    else:
        matrix = check_array("operator", operator, (size, size))
        if np.abs(matrix - matrix.T).max() > 1e-10 * np.abs(matrix).max():
            raise refuse("operator", "be symmetric", "is a matrix that is not")
        return matrix.__matmul__

    def product(v: np.ndarray) -> np.ndarray:
        w = np.asarray(apply(v), np.float64)
        if w.shape != (size,):
            raise refuse("operator", f"return an array of shape ({size},)", f"returns one of shape {w.shape}")
        if not np.isfinite(w).all():
            raise refuse("operator", "return finite numbers", "returns NaN or infinity")
        return w

    return product


def _signs(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    return rng.choice([-1.0, 1.0], (count, size))


def _standard_error(each: np.ndarray) -> float:
    return float(each.std(ddof=1) / np.sqrt(len(each)))


def _lanczos(
    product: Callable[[np.ndarray], np.ndarray], start: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return diagonal and off-diagonal of H in the Krylov basis of `start`; shorter than `steps` if that closes."""
    basis = np.empty((steps, len(start)))
    diagonal, off = np.empty(steps), np.empty(steps)
    v, largest = start / np.linalg.norm(start), 0.0
    for j in range(steps):
        basis[j] = v
        w = product(v)
        diagonal[j] = v @ w
        for _ in range(2):
            w = w - basis[: j + 1].T @ (basis[: j + 1] @ w)
        off[j] = np.linalg.norm(w)
        largest = max(largest, abs(diagonal[j]), off[j])
        if off[j] <= 1e-13 * largest:
            break
        v = w / off[j]
    return diagonal[: j + 1], off[:j]


def _rule(diagonal: np.ndarray, off: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of the Gauss rule of a Jacobi matrix."""
    from scipy.linalg import eigh_tridiagonal

    nodes, vectors = eigh_tridiagonal(diagonal, off)
    return nodes, vectors[0] ** 2


def _broadened(x: np.ndarray, nodes: np.ndarray, weights: np.ndarray, width: float) -> np.ndarray:
    """Return the sum of normal densities about `nodes` at x."""
    z = (x[:, None] - nodes) / width
    return np.exp(-(z**2) / 2) @ weights / (width * np.sqrt(2 * np.pi))
