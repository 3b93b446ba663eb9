"""Phase boundaries: found where they are known to be, with few points; every region that the coarse grid meets."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import tutelage as tl
from tutelage.errors import ArgumentError
from tutelage.sweeps.search import Search, corners_of

LINEAR = {
    "student": {"units": 1, "activation": "linear"},
    "teacher": {"units": 1},
    "start": {"kind": "overlaps", "Q": [[1.0]], "R": [[0.25]], "T": [[1.0]]},
    "time": {"alpha": [0.0, 300.0]},
}


def search(inside, points: int, halvings: int, dimension: int = 2) -> Search:
    """Return a search that has ended, for a function of places in units of the coarse grid."""
    found = Search(dimension, points, 1 << halvings)
    while True:
        for place in found.wanted():
            found.labels[place] = str(inside(*(i / found.width for i in place)))
        if not found.halve():
            return found


def test_linear_student_learns_below_the_critical_rate() -> None:
    """With K = M = 1 and no noise, d eg/d alpha = -(2 lr - lr^2) eg: the error grows from lr = 2 on."""
    base, label = LINEAR | {"time": {"alpha": [0.0, 1.0]}}, lambda ds: ds.eg[-1] < ds.eg[0]
    found = tl.phase.trace(base, {"rule.lr": (0.5, 4.0)}, label, points=3, halvings=20, workers=1, progress=False)
    assert found.between.values.tolist() == [["True", "False"]]
    assert abs(found.boundary_lr.item() - 2) <= found.uncertainty_lr.item() < 1e-6
    assert found.sizes["point"] == 23  # three, and one for each halving


def test_linear_student_against_the_closed_form_of_its_final_error(tmp_path: Path) -> None:
    """Solutions of the equations, labelled by a threshold, against a contour of the closed form, in a plane."""
    threshold = 0.01
    given = {"rule.lr": (0.1, 1.5), "rule.noise": (0.02, 1.0, "log")}

    def trace(**options):
        label = lambda ds: "good" if ds.eg[-1] < threshold else "bad"  # noqa: E731
        return tl.phase.trace(
            LINEAR, given, label, points=5, halvings=5, store=tmp_path, workers=2, progress=False, **options
        )

    found = trace()
    ends = []
    for sign in (-1, 1):
        lr = found.boundary_lr + sign * found.uncertainty_lr
        noise = found.boundary_noise + sign * found.uncertainty_noise
        pairs = zip(lr.values, noise.values, strict=True)
        ends.append([float(tl.asymptotics.linear(students=1, lr=a, noise=b)) - threshold for a, b in pairs])
    low, high = np.array(ends)
    assert len(low) > 100
    assert (low < 0).all()  # the closed form grows with both, so that each crossing lies between its ends
    assert (high > 0).all()
    assert set(map(tuple, found.between.values.tolist())) <= {("good", "bad"), ("bad", "good")}
    assert found.attrs["points_of_the_full_grid"] == 129**2
    assert found.sizes["point"] < 129**2 / 20
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("points/*/*")}
    again = trace()  # all of it from the store
    assert again.identical(found)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.glob("points/*/*")} == before
    assert tl.load(tl.save(found, tmp_path / "trace.nc")).sizes == found.sizes


def test_a_critical_rate_against_that_of_the_linearised_flow() -> None:
    """One erf unit forgets its teacher above the rate at which the perfect solution becomes unstable."""
    start = {"kind": "overlaps", "Q": [[1.0]], "R": [[1 - 1e-7]], "T": [[1.0]]}
    base = {"student": {"units": 1}, "teacher": {"units": 1}, "start": start, "time": {"alpha": [0.0, 2000.0]}}
    label = lambda ds: "learns" if ds.eg[1] < ds.eg[0] else "forgets"  # noqa: E731
    found = tl.phase.trace(base, {"rule.lr": (3.0, 5.0)}, label, points=3, halvings=10, workers=1, progress=False)
    rule, state = tl.OnlineSGD("erf"), tl.Overlaps([[1.0]], [[1.0]], [[1.0]])
    critical = tl.critical_learning_rate(rule, state)
    assert abs(found.boundary_lr.item() - critical) < 2e-3  # up to the time that is left to grow in


def test_points_that_diverge_are_a_phase_of_their_own() -> None:
    base = LINEAR | {"time": {"alpha": [1000.0]}}
    found = tl.phase.trace(base, {"rule.lr": (1.0, 5.0)}, lambda ds: "finite", halvings=6, workers=1, progress=False)
    assert found.between.values.tolist() == [["finite", "failed"]]
    # eg grows as exp((lr^2 - 2 lr) alpha), and a run ends when it has grown by twelve orders of magnitude
    critical = 1 + np.sqrt(1 + np.log(1e12) / 1000)
    assert abs(found.boundary_lr.item() - critical) < 0.01


def test_mean_field_against_the_exponential_of_a_linear_unit() -> None:
    """In mean field one linear unit has d eg/d alpha = -2 lr eg, from (Q - 2 R + T)/2 = 3/4: no rate is too large."""
    base, label = LINEAR | {"time": {"alpha": [0.0, 1.0]}}, lambda ds: ds.eg[-1] < 0.01
    options = {"run": "mean_field", "points": 3, "halvings": 12, "workers": 1, "progress": False}
    found = tl.phase.trace(base, {"rule.lr": (0.5, 4.0)}, label, **options)
    assert found.between.values.tolist() == [["False", "True"]]
    assert abs(found.boundary_lr.item() - np.log(75) / 2) <= found.uncertainty_lr.item() < 3e-4


@pytest.mark.parametrize(
    "inside",
    [
        lambda x, y: (x - 3) ** 2 + (y - 3) ** 2 < 4,
        lambda x, y: y < 3 + 2 * np.sin(2 * x),
        lambda x, y: int(x > 2) + int(y > 3.3),  # three regions that meet
        lambda x, y: abs(y - x) < 0.02,  # thinner than the coarse grid, which meets it on the diagonal
    ],
)
def test_the_labels_of_every_point_follow_from_the_search(inside) -> None:
    """A finest lattice is computed whole: cells that the search left coarse must be of one label throughout."""
    found = search(inside, 7, 4)
    for cell in found.cells:
        corner, width = cell
        if width > 1:
            labels = {found.labels[place] for place in corners_of(cell)}
            within = {
                str(inside((corner[0] + i) / 16, (corner[1] + j) / 16))
                for i in range(width + 1)
                for j in range(width + 1)
            }
            assert within == labels
    assert len(found.labels) < 97**2 / 3
    area = sum(width**2 for _, width in found.cells)
    assert area == 96**2  # the cells cover the plane, once


def test_the_cost_of_a_boundary_doubles_with_each_halving() -> None:
    circle = lambda x, y: (x - 2) ** 2 + (y - 2) ** 2 < 1.7  # noqa: E731
    costs = [len(search(circle, 5, halvings).labels) for halvings in (5, 6, 7, 8)]
    growth = np.array(costs[1:]) / costs[:-1]
    assert (growth < 2.3).all()  # and not four


def test_crossings_lie_on_the_circle() -> None:
    found = search(lambda x, y: x * x + y * y < 5, 4, 6)
    middles = np.mean(list(found.crossings()), axis=1) / found.width
    assert len(middles) > 100
    assert np.abs(np.hypot(*middles.T) - np.sqrt(5)).max() < 1 / found.width


@pytest.mark.parametrize(
    ("axes", "options", "sentence"),
    [
        ({}, {}, "Argument `axes` must be one or two parameters, but are 0"),
        ({"x": (0, 1), "y": (0, 1), "z": (0, 1)}, {}, "but are 3"),
        ({"rule.lr": (1, 0)}, {}, "must have low < high, but has 1 and 0"),
        ({"rule.lr": (0, 1, "log")}, {}, "must be > 0 on a log scale"),
        ({"rule.lr": (0, 1, "logg")}, {}, 'must be one of "linear", "log"'),
        ({"rule.lr": (0, np.inf)}, {}, "must be a finite number"),
        ({"rule.lr": {"from": 1, "too": 2}}, {}, "must have `from`, `to` and perhaps `scale`"),
        ({"rule.lr": 3}, {}, 'must be (low, high) or (low, high, "log")'),
        ({"student.units": (1, 5)}, {}, "`student.units`, which takes integers"),
        ({"rule.lrr": (0, 1)}, {}, "did you mean `rule.lr`?"),
        ({"rule.lr": (0, 1)}, {"points": 1}, "Argument `points` must be an integer >= 2"),
        ({"rule.lr": (0, 1)}, {"halvings": 50}, "Argument `halvings` must be at most 40"),
        ({"rule.lr": (0, 1)}, {"label": 3}, "Argument `label` must be a function"),
        ({"rule.lr": (0, 1)}, {"workers": 0}, "Argument `workers` must be an integer >= 1"),
        ({"rule.lr": (0.1, 1)}, {"halvings": 0, "points": 2, "workers": 1}, "Argument `label` must be given"),
        (
            {"rule.lr": (0.1, 1)},
            {"label": lambda ds: ds.eg, "halvings": 0, "points": 2, "workers": 1},
            "return a truth",
        ),
    ],
)
def test_bad_arguments_are_refused(axes, options, sentence) -> None:
    with pytest.raises(ArgumentError, match=re.escape(sentence)):
        tl.phase.trace(LINEAR, axes, **options)
