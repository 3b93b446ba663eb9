"""Symmetries of the dynamics: how the units are numbered does not matter."""

import numpy as np
import pytest

import tutelage as tl


def generic():
    base = tl.Overlaps.random(3, 2, 30, seed=5)
    return tl.Overlaps(base.Q, base.R, base.T, [1.0, -0.7, 1.3], [0.9, 1.2])


@pytest.mark.parametrize("name", ["erf", "linear", "relu"])
def test_order_of_units_does_not_matter(name):
    rule, here = tl.OnlineSGD(name, lr=0.3, noise=0.1, train="both"), generic()
    p, q = [2, 0, 1], [1, 0]
    turned = tl.Overlaps(here.Q[np.ix_(p, p)], here.R[np.ix_(p, q)], here.T[np.ix_(q, q)], here.v[p], here.v_star[q])
    one, other = (tl.solve(rule, s, [0.5, 2.0]) for s in (here, turned))
    assert np.abs(one.Q.values[:, p][:, :, p] - other.Q.values).max() < 1e-7
    assert np.abs(one.R.values[:, p][:, :, q] - other.R.values).max() < 1e-7
