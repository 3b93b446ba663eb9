"""Sweeps: what is run at a point, what its file holds, and what is collected of all of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xarray

import tutelage as tl
from tutelage import cli
from tutelage.errors import ArgumentError
from tutelage.online.problems import solved
from tutelage.problem import Problem, build
from tutelage.sweeps import axes, files, plan, report, runs, store

BASE = {"student": {"units": 2}, "time": {"alpha_max": 10.0, "points": 4}, "rule": {"noise": 0.1}}
GOOD = """
[student]
units = 2
[sweep]
[[sweep.axes]]
name = "rule.lr"
values = [0.1, 0.2]
"""


def planned(given: dict, base=BASE, **options) -> plan.Plan:
    """Return a plan as tl.sweep makes it."""
    from tutelage.sweeps.sweep import axes_of, base_of

    return plan.Plan.make(base_of(base), axes_of(given), **options)


def values(axis: dict, name: str = "rule.lr") -> list:
    return axes.axis(name, axis).values


# runs


def test_solve_gives_what_solve_gives(tmp_path: Path) -> None:
    ds = tl.sweep(BASE, {"rule.lr": [0.1, 0.7], "student.units": [1, 2]}, store=tmp_path, workers=2, progress=False)
    assert ds.eg.dims == ("lr", "units", "alpha")
    for lr in (0.1, 0.7):
        for units in (1, 2):
            alone = solved(build(BASE | {"rule": {"noise": 0.1, "lr": lr}, "student": {"units": units}}))
            here = ds.sel(lr=lr, units=units)
            np.testing.assert_array_equal(here.eg, alone.eg)
            np.testing.assert_array_equal(here.R[:, :units], alone.R)
            assert np.isnan(here.R[:, units:]).all()  # shorter arrays are filled up


def test_simulate_and_fixed_point() -> None:
    base = BASE | {"simulation": {"dim": 30, "replicas": 3}}
    sim = tl.sweep(base, {"simulation.seed": [0, 1]}, run="simulate", workers=1, keep=["eg", "eg_mean"], progress=False)
    assert sim.eg.dims == ("seed", "replica", "alpha")
    np.testing.assert_allclose(sim.eg.mean("replica"), sim.eg_mean, rtol=1e-12)
    assert not np.array_equal(sim.eg[0], sim.eg[1])
    assert "Q" not in sim
    start = {"kind": "overlaps", "Q": [[1.0]], "R": [[0.1]], "T": [[1.0]]}
    one = {"student": {"units": 1}, "teacher": {"units": 1}, "rule": {"noise": 0.01}, "start": start}
    points = tl.sweep(one, {"rule.lr": [0.2, 0.4]}, run="fixed_point", workers=1, progress=False)
    expected = [
        float(tl.asymptotics.soft_committee_erf(teachers=1, students=1, lr=lr, noise=0.01)) for lr in (0.2, 0.4)
    ]
    np.testing.assert_allclose(points.eg, expected, rtol=1e-3)  # the closed form is of leading order in the noise
    assert points.kind.values.tolist() == ["specialised", "specialised"]


@pytest.mark.parametrize("run", runs.RUNS)
def test_results_to_keep_are_those_that_there_are(run: str) -> None:
    base = BASE | {"simulation": {"dim": 30, "replicas": 2}, "time": {"alpha_max": 1.0, "points": 2}}
    found = runs.record(runs.RUNS[run][0](build(base)), None)
    assert set(runs.RESULTS[run]) == set(found.arrays)
    assert set(runs.RESULTS) == set(runs.RUNS)


def area(width: float, height: float = 1.0, unit: str = "m") -> dict:
    if width > 3:
        raise ArithmeticError("too wide")
    return {"area": width * height, "sides": [width, height], "named": f"{width:g} {unit}", "corner": ("side", [0, 1])}


def test_functions_of_ones_own(tmp_path: Path) -> None:
    options = {"run": area, "store": tmp_path, "workers": 2, "progress": False}
    ds = tl.sweep(None, {"width": [1.0, 2.0, 4.0], "height": [1, 3]}, **options)
    np.testing.assert_array_equal(ds.area, [[1, 3], [2, 6], [np.nan, np.nan]])
    assert ds.sides.dims == ("width", "height", "sides_0")
    assert ds.corner.dims == ("width", "height", "side")
    assert ds.named[1, 0] == "2 m"
    assert ds.named[2, 0] == ""
    assert ds.status.values.tolist() == [[1, 1], [1, 1], [2, 2]]
    assert ds.error[2, 1] == "ArithmeticError: too wide"
    failed = store.Store(tmp_path).path(str(ds.key.values[2, 1]), store.FAILED)
    assert "in area" in json.loads(failed.read_text())["traceback"]


def test_functions_of_scripts_and_their_closures_reach_the_workers() -> None:
    def script():
        factor = 3
        return tl.sweep(None, {"x": [1, 2]}, run=lambda x: factor * x, workers=1, progress=False)

    assert script().value.values.tolist() == [3, 6]


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import tutelage as tl\n"
        "def double(x):\n    print('noise on standard output')\n    return 2 * x\n"
        "print(tl.sweep(None, {'x': [1, 2]}, run=double, workers=2).value.values.tolist())\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.stdout == "[2, 4]\n"
    assert done.returncode == 0, done.stderr


def test_a_function_may_take_the_problem_and_more() -> None:
    def scaled(problem, factor):
        return problem.rule.lr * factor

    ds = tl.sweep(BASE, {"rule.lr": [0.5, 1.0], "factor": [2, 4]}, run=scaled, workers=1, progress=False)
    assert ds.value.values.tolist() == [[1.0, 2.0], [2.0, 4.0]]


@pytest.mark.parametrize("result", [1j, object(), {"x": None}, ("a", [[1.0]])])
def test_results_that_no_file_holds_fail(result) -> None:
    with pytest.raises(ArgumentError, match="Argument `run` must"):
        runs.record({"y": result} if not isinstance(result, dict) else result, None)


def test_one_and_three_workers_give_the_same_numbers(tmp_path: Path) -> None:
    base = BASE | {"simulation": {"dim": 50, "replicas": 9}}
    given = {"rule.lr": [0.1, 0.5, 0.9], "simulation.seed": {"seeds": 2, "independent": True}}
    few, many = (
        tl.sweep(base, given, run="simulate", store=tmp_path / str(n), workers=n, progress=False) for n in (1, 3)
    )
    assert few.drop_attrs().identical(many.drop_attrs())


# files


def test_a_file_says_everything(tmp_path: Path) -> None:
    ds = tl.sweep(BASE, {"start.seed": [3]}, store=tmp_path, workers=1, progress=False)
    key = str(ds.key.values[0])
    file = tmp_path / "points" / key[:2] / f"{key}.npz"
    with np.load(file) as arrays:
        np.testing.assert_array_equal(arrays["eg"], ds.eg[0])
        about = json.loads(arrays["point.json"])
    assert about["parameters"]["start.seed"] == about["seeds"]["start.seed"] == 3
    assert about["seeds"]["simulation.seed"] == 0
    assert about["run"] == {"name": "solve", "version": "1", "keep": None}
    assert about["versions"]["tutelage"] == tl.__version__
    assert {"numpy", "numba", "scipy", "xarray", "python"} <= set(about["versions"])
    assert zipfile.ZipFile(file).testzip() is None
    again = tl.solve(**_from_file(about), progress=False)
    np.testing.assert_array_equal(again.eg, ds.eg[0])


def _from_file(about: dict) -> dict:
    from tutelage.online.problems import rule

    problem, _ = plan.unflatten(about["parameters"])
    return {"rule": rule(problem), "state": problem.state(), "alpha": problem.times()}


def test_extending_a_sweep_computes_only_what_is_new(tmp_path: Path) -> None:
    options = {"store": tmp_path, "workers": 1, "progress": False}
    tl.sweep(BASE, {"rule.lr": [0.1, 0.2]}, **options)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("points/*/*.npz")}
    ds = tl.sweep(BASE, {"rule.lr": [0.1, 0.2, 0.3], "rule.noise": [0.1, 0.3]}, **options)
    assert (ds.status == 1).all()
    after = {path: path.stat().st_mtime_ns for path in tmp_path.glob("points/*/*.npz")}
    assert len(after) == 6
    assert before.items() < after.items()


def test_points_that_differ_in_their_times(tmp_path: Path) -> None:
    ds = tl.sweep(BASE, {"time.alpha_max": [1.0, 10.0], "time.points": [3, 4]}, workers=1, progress=False)
    assert ds.alpha.dims == ("alpha_max", "points", "alpha_index")
    assert ds.eg.dims == ds.alpha.dims
    np.testing.assert_array_equal(ds.alpha.isel(alpha_index=2)[:, 0], [1.0, 10.0])
    assert np.isnan(ds.alpha[0, 0, 3])
    assert tl.load(tl.save(ds, tmp_path / "x.nc")).identical(ds)


def test_values_that_are_lists_are_labelled_by_their_text() -> None:
    ds = tl.sweep(BASE, {"student.readout": [[1.0, 1.0], [1.0, -1.0]]}, workers=1, progress=False)
    assert ds.readout.values.tolist() == ["[1.0, 1.0]", "[1.0, -1.0]"]
    np.testing.assert_array_equal(ds.v[:, 0], [[1, 1], [1, -1]])


def test_torn_lines_of_the_index_are_passed_over(tmp_path: Path) -> None:
    tl.sweep(BASE, {"rule.lr": [0.1, 0.2]}, store=tmp_path, workers=1, progress=False)
    index = tmp_path / "index.txt"
    index.write_bytes(index.read_bytes()[:-9] + b"\n12 \xff\nkey one two done\n")
    entries, damaged = store.Store(tmp_path).scan(p.key for p in planned({"rule.lr": [0.1, 0.2]}).points)
    assert len(entries) == 2
    assert not damaged


def test_what_writers_left_long_ago_is_removed(tmp_path: Path) -> None:
    there = store.Store(tmp_path).make()
    old, new = (tmp_path / "points" / "ab" / f".{name}.part" for name in ("old", "new"))
    old.parent.mkdir()
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    there.make()
    assert not old.exists()
    assert new.exists()  # another sweep may be writing it


def test_the_log_says_how_long_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "EVERY", 0.0)
    tl.sweep(BASE, {"rule.lr": [0.1, 0.2]}, store=tmp_path, workers=1, progress=False)
    log = (tmp_path / "log.txt").read_text()
    assert "2 points, 2 to compute" in log
    assert re.search(r"1 of 2 done, 0 failed, about \d+:\d\d:\d\d left", log)
    assert re.search(r"2 points computed in [\d.]+ s, [\d.]+ a second", log)


# the command line


def test_command_line(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("two.toml").write_text(GOOD)
    assert cli.main(["sweep", "two.toml", "--status"]) == 0
    assert "2 points (lr 2): 0 done, 0 failed, 2 missing" in capsys.readouterr().out
    assert cli.main(["sweep", "two.toml", "--workers", "1"]) == 0
    assert "2 done, 0 failed, 0 missing" in capsys.readouterr().out
    ds = tl.load("out/two/dataset.nc")
    assert isinstance(ds, xarray.Dataset)
    assert json.loads(ds.attrs["sweep"])["axes"][0]["values"] == [0.1, 0.2]
    Path("out/two/dataset.nc").unlink()
    assert cli.main(["sweep", "two.toml", "--collect"]) == 0
    capsys.readouterr()
    assert tl.load("out/two/dataset.nc").identical(ds)
    assert tl.sweeps.collected(tl.sweeps.read("two.toml"), "out/two").identical(ds)
    assert tl.sweeps.status(tl.sweeps.read("two.toml"), "out/two")["done"] == 2


FAILING = GOOD.replace("[sweep]", '[sweep]\nrun = "halves:run"')


def test_failed_points_are_an_exit_code(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("half.toml").write_text(FAILING)
    function = "def run(problem):\n    return 1 / (problem.rule.lr - 0.1)\n"
    Path("halves.py").write_text(function)
    for _ in range(2):  # computed, and found in the store
        assert cli.main(["sweep", "half.toml", "-j", "1"]) == 3
        output = capsys.readouterr()
        assert "1 done, 1 failed, 0 missing" in output.out
        assert "ZeroDivisionError" in output.out
        assert output.err == ""
    assert cli.main(["sweep", "half.toml", "--status"]) == 0
    assert cli.main(["sweep", "half.toml", "--status", "--collect"]) == 0
    assert "1 done, 1 failed, 0 missing\n" in capsys.readouterr().out
    assert tl.load("out/half/dataset.nc").status.values.tolist() == [2, 1]


def test_status_and_collect_do_both(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("two.toml").write_text(GOOD)
    assert cli.main(["sweep", "two.toml", "--status", "--collect"]) == 0
    assert "2 points (lr 2): 0 done, 0 failed, 2 missing\nresults: " in capsys.readouterr().out
    assert tl.load("out/two/dataset.nc").status.values.tolist() == [0, 0]


def test_a_sweep_file_from_python(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(GOOD)
    ds = tl.sweep(tmp_path / "two.toml", workers=1, progress=False)
    assert ds.lr.values.tolist() == [0.1, 0.2]
    same = tl.sweep(tmp_path / "two.toml", {"rule.noise": [0.0]}, workers=1, progress=False)  # its problem alone
    assert same.sizes["noise"] == 1


def test_every_key_of_sweep_files_is_explained() -> None:
    rows = {row.key: row for row in files.sweep_table()}
    assert {"sweep.run", "axes.name", "axes.from", "axes.seeds"} <= set(rows)
    assert all(row.meaning.endswith(".") for row in rows.values())
    assert tomllib.loads(GOOD)["sweep"]["axes"][0].keys() <= {key.partition(".")[2] for key in rows}
    assert isinstance(plan.DEFAULTS, Problem)
    assert {key: rows[key].type for key in ("sweep.keep", "axes.values", "axes.independent", "axes.from")} == {
        "sweep.keep": "a list of strings",
        "axes.values": "a list",
        "axes.independent": "true or false",
        "axes.from": "a number",
    }
