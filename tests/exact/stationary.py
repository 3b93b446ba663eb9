"""States and runs that tests of fixed points, of plateaus and of the Jacobian share."""

import numpy as np
import pytest

import tutelage as tl


def close(value, rel):
    return pytest.approx(value, rel=rel, abs=0)


def settings(rule):
    """The rule in the words of the baseline."""
    r = rule.rates
    return {
        "activation": rule.student.name,
        "lr": rule.lr,
        "lr_readout": r.lr_readout,
        "noise": rule.noise,
        "decay": rule.weight_decay,
        "batch": rule.batch,
        "train": rule.train,
    }


def committee(K, M, activation="erf"):
    """K students on M orthonormal teacher units; surplus units have length zero."""
    return tl.Overlaps(Q=np.diag([1.0] * M + [0.0] * (K - M)), R=np.eye(K, M), T=np.eye(M))


def units(W, W_star, v=None, v_star=None):
    """Overlaps of weight vectors given by their components in an orthonormal frame, times sqrt(N)."""
    W, W_star = np.array(W, float), np.array(W_star, float)
    return tl.Overlaps(W @ W.T, W @ W_star.T, W_star @ W_star.T, v, v_star)
