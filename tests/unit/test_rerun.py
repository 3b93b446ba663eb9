"""Every dataset is made once more from its file alone, or says what must be given again."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

import tutelage as tl
from tutelage.again import HOMES

STATE = tl.Overlaps(Q=[[1.0, 0.1], [0.1, 0.8]], R=[[0.3, 0.1], [0.2, 0.5]], T=np.eye(2), v=[0.5, 1.0])
PERFECT = tl.Overlaps([[1.0]], [[1.0]], [[1.0]])
ONLINE = {
    "ode": lambda: tl.solve(tl.OnlineSGD("relu", lr=0.1, noise=0.2), STATE, [0, 1, 3], rtol=1e-7),
    "branch": lambda: tl.continuation(tl.OnlineSGD("erf", lr=0.5, train="both"), PERFECT, "noise", [0.0, 0.1, 0.3]),
}


def again_from_file(ds, tmp_path, passing=(), **changes):
    """Whether the file of a dataset gives the dataset, but for measured seconds and alike."""
    again = tl.rerun(tl.save(ds, tmp_path / "run.nc"), **changes)
    one, other = (each.drop_vars(passing, errors="ignore").drop_attrs(deep=False) for each in (ds, again))
    kept = [{name: value for name, value in each.attrs.items() if name not in passing} for each in (ds, again)]
    return one.identical(other) and kept[0] == kept[1]


@pytest.mark.parametrize("name", ONLINE)
def test_runs_of_one_pass_sgd(name, tmp_path):
    assert again_from_file(ONLINE[name](), tmp_path)


MEAN_FIELD = {
    "erf in few dimensions": lambda: tl.regimes.solve_mean_field(
        tl.OnlineSGD("erf", lr=1.0, train="both"),
        tl.regimes.Particles.gaussian(40, np.eye(2), dim=5, seed=1),
        [0, 10, 30],
        dim=5,
        rtol=1e-6,
    ),
    "relu from overlaps": lambda: tl.regimes.solve_mean_field(tl.OnlineSGD("relu", lr=0.1), STATE, [0, 1]),
    "square": lambda: tl.regimes.solve_mean_field(
        tl.OnlineSGD("square", lr=1.0), tl.regimes.Particles.gaussian(30, [[1.0]], dim=5), [0, 100], dim=5
    ),
}


@pytest.mark.parametrize("name", MEAN_FIELD)
def test_runs_of_mean_field(name, tmp_path):
    ds = MEAN_FIELD[name]()
    assert again_from_file(ds, tmp_path)
    assert tl.rerun(ds, alpha=[2]).sizes["alpha"] == 1


def test_a_branch_is_followed_elsewhere():
    rule = tl.OnlineSGD("erf", lr=0.5)
    branch = tl.continuation(rule, PERFECT, "noise", [0.0, 0.1])
    other = tl.rerun(branch, parameter="lr", values=[0.5, 0.6])
    assert other.identical(tl.continuation(rule, PERFECT, "lr", [0.5, 0.6]))


def test_the_table_of_rooms_is_that_of_their_makers():
    made = {(view, home) for home in set(HOMES.values()) for view in import_module(f"tutelage.{home}").MAKERS}
    assert made == set(HOMES.items())
