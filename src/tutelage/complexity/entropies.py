r"""Entropies of counts and of probabilities, in bits: :math:`0 \log 0 = 0`, and nothing is added inside a logarithm."""

from __future__ import annotations

import numpy as np

from tutelage.errors import check_choice

__all__ = ["CORRECTIONS", "check_correction", "entropy", "entropy_of_probabilities"]

CORRECTIONS = ("miller-madow", "grassberger")
LOG2 = np.log(2.0)


def check_correction(correction: str | None) -> str | None:
    """Return the name of a correction of bias, or None."""
    return None if correction is None else check_choice("correction", correction, CORRECTIONS)


def entropy(counts: np.ndarray, correction: str | None = None) -> float:
    r"""Return the entropy of positive `counts` n_i of sum N, in bits.

    Plug-in :math:`\log N - \frac1N \sum_i n_i \log n_i`; "miller-madow" adds :math:`(m - 1) / 2N` nats for m counts;
    "grassberger" has :math:`G(n_i) = \psi(n_i) + \frac{(-1)^{n_i}}{2} [\psi(\frac{n_i + 1}{2}) - \psi(\frac{n_i}{2})]`
    instead of :math:`\log n_i`.

    Examples
    --------
    >>> import numpy as np
    >>> entropy(np.array([2, 1, 1]))
    1.5
    """
    total = int(counts.sum())
    if correction == "grassberger":
        weighted = float(counts @ _grassberger(counts)) / LOG2
    else:
        weighted = float(counts @ np.log2(counts))
    bits = float(np.log2(total)) - weighted / total
    return bits + (len(counts) - 1) / (2 * total * LOG2) if correction == "miller-madow" else bits


def _grassberger(n: np.ndarray) -> np.ndarray:
    from scipy.special import psi

    half = np.where(n % 2, -0.5, 0.5)
    return psi(n) + half * (psi((n + 1) / 2) - psi(n / 2))


def entropy_of_probabilities(P: np.ndarray) -> float:
    """Return the entropy of probabilities of sum 1, in bits."""
    p = P[P > 0]
    return -float(p @ np.log2(p))
