"""Students and teachers of the tests of regimes."""

import numpy as np

import tutelage as tl


def committee(K, M, T=None, v=None, v_star=None):
    """A state whose Q and R do not matter, in mean-field scaling unless readouts are given."""
    T = np.eye(M) if T is None else np.asarray(T, float)
    v = np.full(K, 1 / K) if v is None else v
    v_star = np.full(M, 1 / M) if v_star is None else v_star
    return tl.Overlaps(np.eye(K), np.zeros((K, M)), T, v, v_star)
