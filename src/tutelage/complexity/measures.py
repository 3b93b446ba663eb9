r"""How much a classifier knows of the labels, and how much of that another classifier explains.

With predictions F = f(X) and L = l(X) of two classifiers and the labels Y, all of finitely many values, in bits:

.. math::
   I(F; Y) = H(F) + H(Y) - H(F, Y), \qquad I(F; Y | L) = H(F, L) + H(Y, L) - H(F, Y, L) - H(L),

.. math:: \mu_Y(F; L) = I(F; Y) - I(F; Y | L) .

The performance correlation :math:`\mu` is what L explains of what F knows. It is symmetric in all three (the
co-information), at most the smallest of their pairwise informations, and may be negative: F and L that only together
determine Y (exclusive or) have :math:`\mu = -1` bit. (Nakkiran et al. 2019, arXiv:1905.11604.)
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tutelage.complexity.entropies import LOG2, check_correction, entropy, entropy_of_probabilities
from tutelage.complexity.labels import checked_table, codes, joint_counts

__all__ = [
    "UndersampledWarning",
    "conditional_mutual_information",
    "mutual_information",
    "mutual_information_from_joint",
    "performance_correlation",
    "performance_correlation_from_joint",
]

SERIOUS = 0.05  # bits of bias below which no warning is given


class UndersampledWarning(UserWarning):
    r"""So many classes for so few samples that the plug-in estimate may be mostly bias.

    Given where the bias that independent labels would have, :math:`(K_F - 1)(K_Y - 1) / (2 N \ln 2)` bits of
    I(F; Y), :math:`(K_F - 1)(K_L - 1)(K_Y - 1) / (2 N \ln 2)` of :math:`\mu`, exceeds 0.05 bits and
    :math:`2/\sqrt N`, the size of the scatter: hardly ever for two classes, always for :math:`\mu` of ten classes on
    10,000 samples.
    """


def mutual_information(f: Any, y: Any, *, correction: str | None = None) -> float:
    r"""Return :math:`I(F; Y)` of predictions and labels, in bits.

    Parameters
    ----------
    f, y : array, shape (N,)
        Labels of any kind, one for each sample: integers, text, truth values.
    correction : {"miller-madow", "grassberger"}, optional
        Of the bias. Default: none, the plug-in estimate, which is never negative; corrected ones may be.

    Raises
    ------
    ArgumentError
        Naming an argument that is empty, has another length or shape, or misses labels (NaN, None).

    Warns
    -----
    UndersampledWarning
        Where the plug-in estimate may be mostly bias.

    Notes
    -----
    For independent F and Y the plug-in estimate is too large by about :math:`(K_F-1)(K_Y-1)/(2 N \ln 2)` bits.
    Miller and Madow's correction takes away most of it. Grassberger's leaves less where many classes meet few samples,
    but scatters more where there are two classes (:func:`performance_correlation` has figures).

    For two classes, each of half the samples and of half the predictions, I(F; Y) is 1 minus the binary entropy of the
    accuracy.

    Examples
    --------
    >>> mutual_information(["cat", "cat", "dog", "dog"], [0, 0, 1, 1])
    1.0
    """
    check_correction(correction)
    F, Y = codes(f=f, y=y)
    if correction is None:
        warn_if_undersampled("I(F; Y)", F, Y)
    return information(F, Y, correction)


def conditional_mutual_information(f: Any, y: Any, given: Any, *, correction: str | None = None) -> float:
    r"""Return :math:`I(F; Y | L)`, in bits: what F knows of Y that L does not.

    Parameters
    ----------
    f, y, given : array, shape (N,)
        Labels of any kind; `given` is L.
    correction : {"miller-madow", "grassberger"}, optional
        See :func:`mutual_information`, also for what is raised and warned of.

    Examples
    --------
    >>> conditional_mutual_information([0, 0, 1, 1], [0, 1, 1, 0], given=[0, 1, 0, 1])
    1.0
    """
    check_correction(correction)
    F, Y, L = codes(f=f, y=y, given=given)
    if correction is None:
        warn_if_undersampled("I(F; Y | L)", F, Y, L)
    return conditional(F, Y, L, correction)


def performance_correlation(f: Any, l: Any, y: Any, *, correction: str | None = None) -> float:
    r"""Return :math:`\mu_Y(F; L) = I(F; Y) - I(F; Y | L)`, in bits: what L explains of what F knows.

    Parameters
    ----------
    f, l, y : array, shape (N,)
        Predictions of the classifier, of the simpler one, and labels, of any kind.
    correction : {"miller-madow", "grassberger"}, optional
        See :func:`mutual_information`, also for what is raised and warned of.

    Notes
    -----
    For independent labels of K classes the plug-in estimate is too small by about :math:`(K-1)^3/(2 N \ln 2)` bits.
    Measured for K = 10 and N = 360, 2,000, 10,000: -1.23, -0.31, -0.053 bits; with "miller-madow" -1.15, -0.10,
    -0.001; with "grassberger" -0.53, -0.005, 0.000. For K = 2 and N = 1,000: -0.0006, and a scatter of 0.001, with
    "grassberger" 0.004. So two classes need no correction, many need "grassberger", and few samples more samples.
    :func:`tutelage.complexity.shuffled` says what labels without any information give.

    Examples
    --------
    >>> performance_correlation([0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1])
    1.0
    >>> performance_correlation([0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0])  # exclusive or
    -1.0
    """
    check_correction(correction)
    F, L, Y = codes(f=f, l=l, y=y)
    if correction is None:
        warn_if_undersampled("mu_Y(F; L)", F, L, Y)
    return information(F, Y, correction) - conditional(F, Y, L, correction)


def mutual_information_from_joint(P: Any) -> float:
    """Return I(F; Y) of joint probabilities, in bits.

    Parameters
    ----------
    P : array, shape (F, Y)
        Probabilities, not negative, of sum 1 (to 1e-9, then set right). Divide counts by their sum.

    Raises
    ------
    ArgumentError
        For a table of another shape, negative or not finite values, or another sum.

    Examples
    --------
    >>> mutual_information_from_joint([[0.5, 0.0], [0.0, 0.5]])
    1.0
    """
    H, P = entropy_of_probabilities, checked_table("P", P, "FY")
    return max(H(P.sum(1)) + H(P.sum(0)) - H(P), 0.0)


def performance_correlation_from_joint(P: Any) -> float:
    r"""Return :math:`\mu_Y(F; L)` of joint probabilities, in bits.

    Parameters
    ----------
    P : array, shape (F, L, Y)
        See :func:`mutual_information_from_joint`, also for what is raised.

    Examples
    --------
    >>> performance_correlation_from_joint([[[0.5, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.5]]])
    1.0
    """
    H, P = entropy_of_probabilities, checked_table("P", P, "FLY")
    whole = max(H(P.sum((1, 2))) + H(P.sum((0, 1))) - H(P.sum(1)), 0.0)
    return whole - max(H(P.sum(2)) + H(P.sum(0)) - H(P) - H(P.sum((0, 2))), 0.0)


def information(F: np.ndarray, Y: np.ndarray, correction: str | None) -> float:
    """Return I(F; Y) of codes."""
    H = [entropy(joint_counts(*each), correction) for each in ((F,), (Y,), (F, Y))]
    return _at_least(H[0] + H[1] - H[2], correction)


def conditional(F: np.ndarray, Y: np.ndarray, L: np.ndarray, correction: str | None) -> float:
    """Return I(F; Y | L) of codes."""
    H = [entropy(joint_counts(*each), correction) for each in ((F, L), (Y, L), (F, Y, L), (L,))]
    return _at_least(H[0] + H[1] - H[2] - H[3], correction)


def _at_least(bits: float, correction: str | None) -> float:
    """Return what is never negative but by rounding; corrected estimates are left as they are."""
    return max(bits, 0.0) if correction is None else bits


def warn_if_undersampled(name: str, *parts: np.ndarray, depth: int = 3) -> None:
    """Warn, so many calls above, if independent codes would have too large a bias."""
    samples = len(parts[0])
    bias = float(np.prod([each.max() for each in parts], dtype=float)) / (2 * samples * LOG2)
    if bias > max(SERIOUS, 2 / np.sqrt(samples)):
        sizes = " x ".join(str(int(each.max()) + 1) for each in parts)
        message = (
            f"{name} of {sizes} classes on {samples} samples may have a bias of up to {bias:.2g} bits: "
            "give correction='grassberger', compare with `shuffled`, or take more samples"
        )
        warnings.warn(message, UndersampledWarning, stacklevel=depth)
