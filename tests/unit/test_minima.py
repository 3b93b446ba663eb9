"""Many starts: the same whoever computes them, never twice, counted up to symmetry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tutelage as tl
from tutelage import minima
from tutelage.errors import ArgumentError
from tutelage.landscape import MLP, NormBarrier, PopulationLoss, Sum, minimise


def erf_problem(units=2, teachers=3):
    net = MLP(3, [(units, "erf", False), (1, "linear", False)])
    taught = MLP(3, [(teachers, "erf", False), (1, "linear", False)])
    teacher = taught.at(taught.pack([(2 * np.eye(3)[:teachers], None), ([[1.0, -0.5, 0.8][:teachers]], None)]))
    return net, PopulationLoss(teacher, net)


def test_searches_go_on_and_do_not_depend_on_workers(tmp_path):
    net, objective = erf_problem()
    first = minima.search(objective, 3, store=tmp_path, workers=1)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert len(stamps) == 3
    more = minima.search(objective, 5, store=tmp_path, workers=2)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    alone = minima.search(objective, 5, workers=1)
    assert more.sizes["start"] == 5
    for name in ("p", "loss", "eigenvalues"):
        assert np.array_equal(more[name][:3], first[name])
        assert np.array_equal(more[name], alone[name])
    assert np.array_equal(more.p_start[4], net.init(seed=4))
    here = minimise(objective, net.init(seed=4))
    assert abs(float(more.loss[4]) - here.loss) < 1e-14
    assert str(more.kind.values[4]) == here.kind


def test_a_minimum_says_how_many_iterations():
    net, objective = erf_problem()
    found = minimise(objective, net.init(seed=0))
    assert "after 1 iteration, " in str(replace(found, iterations=1))
    assert "after 2 iterations, " in str(replace(found, iterations=2))


def test_other_options_and_other_data_are_other_points(tmp_path):
    net, _ = erf_problem()
    x = np.random.default_rng(0).standard_normal((50, 3))
    for y, options in ((x[:, 0], {}), (x[:, 1], {}), (x[:, 0], {"flow_time": 10.0})):
        minima.search(net.on(x, np.tanh(y)), 1, store=tmp_path, workers=1, **options)
    assert len(list(tmp_path.rglob("*.npz"))) == 3
    minima.search(net.on(x.copy(), np.tanh(x[:, 0])), 1, store=tmp_path, workers=1)
    assert len(list(tmp_path.rglob("*.npz"))) == 3


def test_distinct_points_are_counted_up_to_symmetry(tmp_path):
    """Every start's point in another order of units, and with other signs, is the same point."""
    net, objective = erf_problem()
    found = minima.search(objective, 12, workers=2)
    rng, turned = np.random.default_rng(0), []
    for p in found.p.values:
        (W, _), (V, _) = net.unpack(p)
        order, signs = rng.permutation(2), rng.choice([-1.0, 1.0], 2)
        turned.append(net.pack([(signs[:, None] * W[order], None), (V[:, order] * signs, None)]))
    points = minima.distinct(minima.search(objective, [*found.p.values, *turned], flow_time=0, workers=2))
    once = minima.distinct(found)
    assert once.sizes["point"] == points.sizes["point"]
    assert np.array_equal(2 * once["count"].values, points["count"].values)
    assert (np.diff(once.loss.values) >= 0).all()
    assert np.array_equal(points.point_of.values[:12], points.point_of.values[12:])
    tl.save(points, tmp_path / "points.nc")
    assert tl.load(tmp_path / "points.nc").identical(points)


def test_points_of_equal_loss_and_other_curvature_differ():
    found = minima.search(erf_problem()[1], 2, workers=1).copy(deep=True)
    found["loss"][:] = 1.0
    found["kind"][:] = "minimum"
    found["eigenvalues"][1] = found["eigenvalues"][0] * 1.001
    assert minima.distinct(found).sizes["point"] == 2
    assert minima.distinct(found, rtol=1e-2).sizes["point"] == 1


def test_a_sum_draws_its_starts_from_the_network_in_it():
    net, objective = erf_problem()
    ds = minima.search(Sum(objective, NormBarrier(net.size, 5.0)), 1, workers=1)
    assert np.array_equal(ds.p_start[0], net.init(seed=0))


def test_one_bad_start_does_not_end_a_search():
    class Edge(NormBarrier):
        def derivatives(self, p):
            if p[0] > 50:
                raise ZeroDivisionError("beyond the edge")
            return super().derivatives(p)

    ds = minima.search(Edge(2, 1.0), [[3.0, 1.0], [99.0, 1.0]], workers=1)
    assert ds.status.values.tolist() == [1, 2]
    assert "beyond the edge" in str(ds.error.values[1])
    assert np.isfinite(ds.loss.values[0])


@pytest.mark.parametrize(
    ("starts", "options", "named"),
    [
        (0, {}, "starts"),
        ([], {}, "starts"),
        ("ten", {}, "starts"),
        ([[1.0]], {}, r"starts\[0\]"),
        (1, {"workers": 0}, "workers"),
        (1, {"speed": 3}, "options"),
    ],
)
def test_what_cannot_be_is_refused_by_name(starts, options, named):
    with pytest.raises(ArgumentError, match=named):
        minima.search(erf_problem()[1], starts, **options)


def test_objectives_without_a_network_need_starts():
    with pytest.raises(ArgumentError, match="starts"):
        minima.search(NormBarrier(2, 1.0), 3)
    with pytest.raises(ArgumentError, match="found"):
        minima.distinct(3)
