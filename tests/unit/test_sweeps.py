"""Sweeps: which points there are, how they are known again, and how they are handed out."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

import tutelage as tl
from tutelage.problem import build, schema_table
from tutelage.sweeps import axes, batches, collect, plan, runs, store, work

BASE = {"student": {"units": 2}, "time": {"alpha_max": 10.0, "points": 4}, "rule": {"noise": 0.1}}


def planned(given: dict, base=BASE, **options) -> plan.Plan:
    """Return a plan as tl.sweep makes it."""
    from tutelage.sweeps.sweep import axes_of, base_of

    return plan.Plan.make(base_of(base), axes_of(given), **options)


def values(axis: dict, name: str = "rule.lr") -> list:
    return axes.axis(name, axis).values


# axes


def test_ranges() -> None:
    np.testing.assert_allclose(values({"from": 0.0, "to": 1.0, "points": 5}), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(
        values({"from": 0.01, "to": 100.0, "points": 5, "scale": "log"}), [0.01, 0.1, 1, 10, 100]
    )
    dims = values({"from": 10, "to": 1000, "points": 3, "scale": "log"}, "simulation.dim")
    assert dims == [10, 100, 1000]
    assert all(isinstance(dim, int) for dim in dims)
    assert values({"seeds": 3, "first": 5}, "start.seed") == [5, 6, 7]
    assert values({"seeds": 2}, "draw") == [0, 1]  # an argument of a function, which may call its seed what it likes


def test_integers_between_which_a_range_lies_are_said() -> None:
    with pytest.warns(UserWarning, match=r"`simulation.dim` takes integers: .* gives 5 values, 10, 32, 100, 316, 1000"):
        dims = values({"from": 10, "to": 1000, "points": 5, "scale": "log"}, "simulation.dim")
    assert dims == [10, 32, 100, 316, 1000]
    with pytest.warns(UserWarning, match=r"which gives 3 values in place of 9, 1, 2, 3$"):
        assert values({"from": 1, "to": 3, "points": 9}, "student.units") == [1, 2, 3]
    with pytest.warns(UserWarning, match="2 values in place of 40"):
        assert sorted(values({"from": 1, "to": 2, "random": 40}, "student.units")) == [1, 2]
    draws = values({"from": 1, "to": 9, "random": 40, "link": "a"}, "student.units")
    assert len(draws) == 40  # a random design: other axes tell equal ones apart
    assert 1 < len(set(draws)) < 10


def test_random_values_are_distributed_as_asked() -> None:
    many = np.array(values({"from": 0.01, "to": 100.0, "random": 4000, "scale": "log", "seed": 1}))
    assert 0.01 <= many.min() < many.max() <= 100
    share = (many < 1).mean()  # of a uniform distribution of the logarithm: 1/2
    assert abs(share - 0.5) < 4 * 0.5 / np.sqrt(len(many))
    again = values({"from": 0.01, "to": 100.0, "random": 4000, "scale": "log", "seed": 1})
    assert many.tolist() == again
    other = np.array(values({"from": 0.01, "to": 100.0, "random": 4000, "scale": "log", "seed": 1}, "rule.noise"))
    assert abs(np.corrcoef(np.log(many), np.log(other))[0, 1]) < 4 / np.sqrt(len(many))  # axes are drawn apart


def test_grid_links_and_labels() -> None:
    grid = planned({"rule.lr": [0.1, 0.2, 0.3], ("start.seed", "simulation.seed"): [(0, 1), (1, 2)]})
    assert grid.shape == (3, 2)
    assert [dimension.name for dimension in grid.dimensions] == ["lr", "seed_seed"]
    assert grid.labels == {"rule.lr": "lr", "start.seed": "start_seed", "simulation.seed": "simulation_seed"}
    seen = [(p.parameters.get("rule.lr"), p.parameters.get("start.seed", 0)) for p in grid.points]
    assert seen == [(lr, seed) for lr in (0.1, 0.2, 0.3) for seed in (0, 1)]
    assert all(p.parameters["simulation.seed"] == p.parameters.get("start.seed", 0) + 1 for p in grid.points)


def test_independent_seeds_differ_everywhere_and_stay() -> None:
    given = {"simulation.dim": [100, 200], "simulation.seed": {"seeds": 3, "independent": True}}
    seeds = [p.parameters["simulation.seed"] for p in planned(given, run="simulate").points]
    assert len(set(seeds)) == 6
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert seeds == [p.parameters["simulation.seed"] for p in planned(given, run="simulate").points]
    more = given | {"simulation.dim": [50, 100, 200]}
    assert seeds == [p.parameters["simulation.seed"] for p in planned(more, run="simulate").points][3:]


# keys


def test_keys_know_what_matters_and_nothing_else() -> None:
    keys = {p.key for p in planned({"rule.lr": [0.1, 0.2]}).points}
    assert keys == {p.key for p in planned({"rule.lr": np.array([0.2, 0.1])}).points}
    assert keys < {p.key for p in planned({"rule.lr": [0.1, 0.2, 0.3], "rule.batch": [1, 2]}).points}
    stated = build(BASE | {"teacher": {"units": 2}, "simulation": {"replicas": 10}})  # defaults, said aloud
    assert keys == {p.key for p in planned({"rule.lr": [0.1, 0.2]}, stated).points}
    others = [
        planned({"rule.lr": [0.1, 0.2]}, BASE | {"rule": {"noise": 0.2}}),
        planned({"rule.lr": [0.1, 0.2]}, run="fixed_point"),
        planned({"rule.lr": [0.1, 0.2]}, run="mean_field"),
        planned({"rule.lr": [0.1, 0.2]}, keep=["eg"]),
        planned({"rule.lr": [0.1, 0.2]}, version="2"),
    ]
    assert all(not keys & {p.key for p in other.points} for other in others)


def test_an_integer_where_a_number_is_wanted_is_the_same_point() -> None:
    assert planned({"rule.lr": [1]}).points == planned({"rule.lr": [1.0]}).points


def test_keys_of_stores_on_disk_have_not_changed() -> None:
    """If this fails, every store of every user is computed anew: raise the versions in runs.RUNS, or undo it."""
    assert planned({"rule.lr": [0.1]}).points[0].key == KEY
    defaults = {row.key: row.default for row in schema_table()}
    for key, default in DEFAULTS.items():
        assert defaults[key] == default, f"the default of {key} has changed: raise the versions in runs.RUNS"


def test_functions_are_known_by_their_source_and_what_they_close_over() -> None:
    def made(factor):
        def function(x):
            return factor * x  # a comment does not count

        return function

    def other(x):
        return 2 * x + 0

    one, same, two = (runs.run_named(made(factor)) for factor in (1, 1, 2))
    assert one.version == same.version != two.version
    assert runs.run_named(other).version not in (one.version, two.version)
    arrays = (np.arange(5000), np.arange(5000), -np.arange(5000))
    big, same, bigger = (runs.run_named(partial(made, array)).version for array in arrays)
    assert big == same != bigger


def test_inputs_in_a_file_count_by_content(tmp_path: Path) -> None:
    keys = []
    for name, seed in (("a.npy", 1), ("b.npy", 1), ("a.npy", 2)):
        np.save(tmp_path / name, np.random.default_rng(seed).normal(size=(20, 9)))
        base = BASE | {"simulation": {"inputs": str(tmp_path / name)}}
        keys.append(planned({"rule.lr": [0.1]}, base, run="simulate").points[0].key)
    assert keys[0] == keys[1] != keys[2]


# batches


def test_batches_grow_shrink_and_come_back() -> None:
    points = [plan.Point(str(i), {}) for i in range(1000)]
    some = batches.Batches(points, 2)
    first = some.take()
    assert first == points[:1]
    some.done(first, 0.001)
    second = some.take()
    assert len(second) == 125  # a fair share: as much as half a second would be is too much towards the end
    assert some.lost(second) == []
    taken = []
    while batch := some.take():
        taken += batch
        some.done(batch, 0.001 * len(batch))
    assert some.take() is None
    assert sorted(p.key for p in first + taken) == sorted(p.key for p in points)


def test_a_batch_of_slow_points_is_one_point() -> None:
    some = batches.Batches([plan.Point(str(i), {}) for i in range(100)], 2)
    some.done(some.take(), 5.0)
    assert len(some.take()) == 1


def test_a_point_is_given_up_after_three_workers() -> None:
    some = batches.Batches([plan.Point("bad", {})], 1)
    assert [some.lost(some.take()) for _ in range(2)] == [[], []]
    assert [p.key for p in some.lost(some.take())] == ["bad"]
    assert some.take() is None


def test_workers_of_another_version_refuse() -> None:
    from dataclasses import replace

    job = work.Job.of(planned({"rule.lr": [0.1]}), store.Store("/nowhere"))
    with pytest.raises(RuntimeError, match=r"started with tutelage 0\.0, but this worker has"):
        work.unpack(work.pack(replace(job, tutelage="0.0")))


def test_names_of_results_that_axes_have_are_kept_apart() -> None:
    ds = tl.sweep(None, {"x": [1, 2]}, run=lambda x: {"x": 10 * x, "status": 5}, workers=1, progress=False)
    assert ds.x.values.tolist() == [1, 2]
    assert ds.x_.values.tolist() == [10, 20]
    assert ds.status_.values.tolist() == [5, 5]
    assert set(collect.OWN) == {"status", "error", "key"}


KEY = "3bd16f2df9d71d69b206a029d0e4db99"
DEFAULTS = {
    "student.units": "4",
    "student.activation": '"erf"',
    "student.readout": "1.0",
    "teacher.units": "2",
    "teacher.activation": "",
    "teacher.readout": "1.0",
    "start.kind": '"random"',
    "start.scale": "",
    "start.seed": "0",
    "start.Q": "",
    "start.R": "",
    "start.T": "",
    "rule.lr": "0.5",
    "rule.lr_readout": "",
    "rule.train": '"first"',
    "rule.noise": "0.0",
    "rule.weight_decay": "0.0",
    "rule.batch": "1",
    "time.alpha_max": "100.0",
    "time.alpha_min": "",
    "time.points": "50",
    "time.spacing": '"log"',
    "time.alpha": "",
    "theory.rtol": "1e-08",
    "theory.atol": "1e-10",
    "theory.method": '"dop853"',
    "simulation.engine": "",
    "simulation.dim": "",
    "simulation.replicas": "10",
    "simulation.seed": "0",
    "simulation.inputs": '"gaussian"',
    "simulation.standardise": '"global"',
    "simulation.held_out": "0.2",
}
