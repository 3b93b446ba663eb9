r"""The loss next to an optimum, predicted from the eigenvalues of the Hessian there."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, check_number, check_type, check_vector, refuse
from tutelage.landscape.spectra import Spectrum

__all__ = ["average_quadratic_loss", "quadratic_loss"]


def quadratic_loss(
    spectrum: Spectrum, displacement: ArrayLike, times: ArrayLike, *, lr: float | None = None
) -> np.ndarray:
    r"""Return the loss above that of the optimum, to second order in the displacement.

    With the components :math:`c_k` of the displacement along the eigenvectors,

    .. math:: L(t) = \frac12 \sum_k \lambda_k c_k^2\, e^{-2 \lambda_k t} , \qquad
              L_n = \frac12 \sum_k \lambda_k c_k^2\, (1 - \eta \lambda_k)^{2n} ,

    for gradient flow :math:`\dot p = -\nabla L` and after n steps :math:`p \to p - \eta \nabla L` of gradient descent.

    Parameters
    ----------
    spectrum : Spectrum
        Of the Hessian of the loss, with whatever factor the loss has.
    displacement : array, shape (P,)
        Start minus optimum.
    times : array
        Times of the flow, or numbers of steps where `lr` is given; in any order.
    lr : float, optional
        :math:`\eta`, for gradient descent.

    Returns
    -------
    array, of the shape of `times`
        Infinite where the descent diverges that far.

    Notes
    -----
    What is left out is of third order in the displacement. In flat directions, which decay slowly, it comes to matter
    late: there the prediction is too large or too small by an amount that grows with time.
    """
    check_type("spectrum", spectrum, Spectrum)
    return _decay(spectrum.values, spectrum.coordinates(displacement) ** 2, times, lr)


def average_quadratic_loss(values: ArrayLike, eps: float, times: ArrayLike, *, lr: float | None = None) -> np.ndarray:
    r"""Return the same averaged over displacements N(0, eps^2) in every parameter, which eigenvalues alone give.

    Parameters
    ----------
    values : array, shape (P,)
        Eigenvalues; those that are zero may be left out.
    eps : float
        Standard deviation :math:`\epsilon`: :math:`\langle c_k^2 \rangle = \epsilon^2`.
    times, lr
        As of :func:`quadratic_loss`.
    """
    each = check_vector("values", values, "P")
    return _decay(each, np.full(len(each), check_number("eps", eps, minimum=0) ** 2), times, lr)


def _decay(values: np.ndarray, squares: np.ndarray, times: ArrayLike, lr: float | None) -> np.ndarray:
    """Return the sum of lambda c^2 / 2, each decayed to all times."""
    t = check_array("times", np.ravel(times), ("times",))
    if t.min() < 0:
        raise refuse("times", "be >= 0", f"has {t.min():g}")
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        if lr is None:
            logs = -2 * np.outer(t, values)
        else:
            step = check_number("lr", lr, minimum=0, strict=True) * values
            logs = np.multiply.outer(
                t, 2 * np.where(step < 1, np.log1p(-np.minimum(step, 1)), np.log(np.abs(step - 1)))
            )
            logs = np.where(t[:, None] == 0, 0.0, logs)  # also where one step leads to the minimum
        loss = np.exp(logs) @ (values * squares / 2)
    return loss.reshape(np.shape(times))
