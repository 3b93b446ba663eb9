"""How the directions of students lie to those of teachers, in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.errors import check_count, refuse

if TYPE_CHECKING:
    import xarray

__all__ = ["cosine_histogram", "cosines"]


def cosines(ds: xarray.Dataset) -> xarray.DataArray:
    r"""Return the cosine of every student's weights with every teacher's, :math:`R_{in} / \sqrt{Q_{ii} T_{nn}}`.

    Parameters
    ----------
    ds : xarray.Dataset
        Of :func:`tutelage.solve`, :func:`tutelage.simulate` or :func:`tutelage.regimes.solve_mean_field`; the latter
        has :math:`Q_{ii} = q_i + (R \, T^{-1} R^\top)_{ii}`.

    Returns
    -------
    xarray.DataArray
        (alpha, student, teacher), with a leading replica for simulations; NaN for units of length zero.

    Examples
    --------
    >>> import tutelage as tl
    >>> state = tl.Overlaps(Q=[[4.0]], R=[[1.0]], T=[[1.0]])
    >>> float(cosines(tl.solve(tl.OnlineSGD(lr=0.5), state, [0.0, 1.0]))[0, 0, 0])
    0.5
    """
    import xarray

    _check(ds)
    R, T = ds["R"], ds["T"].values
    squares = np.einsum("...kk->...k", ds["Q"].values) if "Q" in ds else _lengths(R.values, ds["q"].values, T)
    length = np.sqrt(squares[..., None] * np.diagonal(T))
    with np.errstate(invalid="ignore"):
        values = np.divide(R.values, length, out=np.full(R.shape, np.nan), where=length > 0)
    return xarray.DataArray(values, R.coords, R.dims, "cosine", {"long_name": "cosine of student and teacher"})


def _lengths(R: np.ndarray, q: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Return Q_ii of particles."""
    return q + np.einsum("...n,nm,...m->...", R, np.linalg.pinv(T, hermitian=True), R)


def cosine_histogram(ds: xarray.Dataset, bins: int = 40) -> xarray.DataArray:
    """Return the density of the students' cosines with each teacher between -1 and 1; replicas are counted together.

    Parameters
    ----------
    ds : xarray.Dataset
        See :func:`cosines`.
    bins : int
        Number of equal intervals.

    Returns
    -------
    xarray.DataArray
        (alpha, teacher, cosine), the last by the middles of the intervals; the integral over each is one.
    """
    import xarray

    count, values = check_count("bins", bins), cosines(ds)
    edges = np.linspace(-1, 1, count + 1)
    order = ("alpha", "teacher", *(dim for dim in values.dims if dim not in ("alpha", "teacher")))
    flat = values.transpose(*order).values.reshape(values.sizes["alpha"], values.sizes["teacher"], -1)
    density = [[_density(one, edges) for one in at] for at in flat]
    coordinates = {"alpha": ds["alpha"], "cosine": (edges[1:] + edges[:-1]) / 2}
    return xarray.DataArray(np.array(density), coordinates, ("alpha", "teacher", "cosine"), "density")


def _density(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the share of values in each interval divided by its width; rounding beyond +-1 counts as +-1."""
    there = np.clip(values[np.isfinite(values)], -1, 1)
    counts = np.histogram(there, edges)[0]
    return counts / (np.diff(edges) * len(there)) if len(there) else np.full(len(counts), np.nan)


def _check(ds: Any) -> None:
    """Refuse what holds no overlaps of ours."""
    names = getattr(ds, "variables", ())
    missing = [name for name in ("alpha", "R", "T") if name not in names]
    if missing or not ("Q" in names or "q" in names):
        but = f"is {type(ds).__name__} without {(*missing, 'Q')[0]}"
        raise refuse("ds", "be a dataset of `solve`, `simulate` or `solve_mean_field`", but)
