"""Bad sweeps are refused in one sentence, before anything is computed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import tutelage as tl
from tutelage import cli
from tutelage.errors import ArgumentError

BASE = {"student": {"units": 2}, "time": {"alpha_max": 10.0, "points": 4}, "rule": {"noise": 0.1}}
GOOD = """
[student]
units = 2
[sweep]
[[sweep.axes]]
name = "rule.lr"
values = [0.1, 0.2]
"""


def area(width: float, height: float = 1.0, unit: str = "m") -> dict:
    if width > 3:
        raise ArithmeticError("too wide")
    return {"area": width * height, "sides": [width, height], "named": f"{width:g} {unit}", "corner": ("side", [0, 1])}


# refusals


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            GOOD.replace("rule.lr", "rule.lrr"),
            "an axis must name a key of the problem, but `rule.lrr` is none; did you mean `rule.lr`?",
        ),
        (GOOD.replace("rule.lr", "lr"), "`lr` is none; did you mean `rule.lr`?"),
        (GOOD.replace("[0.1, 0.2]", "[]"), "key `sweep.axes[0].values` must hold at least one value, but is empty"),
        (GOOD.replace("0.2", "nan"), "key `sweep.axes[0].values[1]` must be finite, but is nan"),
        (GOOD.replace("0.2", "inf"), "key `sweep.axes[0].values[1]` must be finite, but is inf"),
        (GOOD.replace("0.2", "-1"), "key `rule.lr` must be a number >= 0, but is -1"),
        (GOOD.replace("0.2", '"a"'), 'key `rule.lr` must be a number >= 0, but is "a"'),
        (
            GOOD.replace("values = [0.1, 0.2]", "from = 0\nto = 1\npoints = 1_000_000_000_000"),
            "key `sweep.axes[0].points` must be at most 1,000,000, but is 1,000,000,000,000",
        ),
        (
            GOOD.replace("rule.lr", "start.seed").replace("values = [0.1, 0.2]", "seeds = 1_000_000_000_000"),
            "key `sweep.axes[0].seeds` must be at most 1,000,000",
        ),
        (
            GOOD.replace("values = [0.1, 0.2]", "from = 0\nto = 1\npoints = 1_000_000")
            + '[[sweep.axes]]\nname = "start.seed"\nseeds = 1_000_000',
            "key `axes` must make at most 1,000,000 points, but make 1,000,000,000,000",
        ),
        (
            GOOD.replace("values = [0.1, 0.2]", ""),
            "have exactly one of `values`, `points`, `random`, `seeds`, but has none of them",
        ),
        (GOOD + "points = 3", "but has values and points"),
        (GOOD.replace("values = [0.1, 0.2]", "from = 0\npoints = 3"), "key `sweep.axes[0].to` must be given"),
        (
            GOOD.replace("values = [0.1, 0.2]", 'from = 0\nto = 1\nscale = "log"\npoints = 3'),
            "key `sweep.axes[0].from` must be > 0 on a log scale, but is 0.",
        ),
        (
            GOOD.replace("values = [0.1, 0.2]", 'from = 1\nto = -1\nscale = "log"\nrandom = 3'),
            "key `sweep.axes[0].to` must be > 0 on a log scale, but is -1.",
        ),
        (
            GOOD.replace("values = [0.1, 0.2]", "seeds = 4"),
            "key `sweep.axes[0].seeds` must be left out unless the parameter is a seed, but is given for `rule.lr`.",
        ),
        (GOOD + "from = 1", "key `sweep.axes[0].from` must be left out unless there are `points` or `random`"),
        (
            GOOD.replace("0.2", "0.1"),
            "key `axes` must have each value of `rule.lr` once, but have 0.1 more than once.",
        ),
        (GOOD.replace("[0.1, 0.2]", "[1, 2, 1.0]"), "but have 1.0 more than once."),
        (
            GOOD + 'link = "a"\n[[sweep.axes]]\nname = "rule.noise"\nvalues = [1, 1]\nlink = "a"\n'
            '[[sweep.axes]]\nname = "rule.batch"\nvalues = [3, 3]',
            "each value of `rule.batch` once, but have 3 more than once",
        ),
        (
            GOOD.replace("0.2", "0.1") + 'link = "a"\n[[sweep.axes]]\nname = "rule.noise"\nvalues = [1, 1]\nlink = "a"',
            "each value of `rule.lr` and `rule.noise` once, but have 0.1 and 1 more than once",
        ),
        (
            GOOD.replace("values = [0.1, 0.2]", 'from = "a"\nto = 1\npoints = 3'),
            "key `sweep.axes[0].from` must be a number",
        ),
        (GOOD.replace('name = "rule.lr"', ""), "key `sweep.axes[0].name` must be given"),
        (GOOD + "valeus = 1", "`sweep.axes[0].valeus` is not a key; did you mean `values`?"),
        (
            GOOD + '[[sweep.axes]]\nname = "rule.lr"\nvalues = [1]',
            "must name each parameter once, but name `rule.lr` 2 times",
        ),
        (
            GOOD + 'link = "a"\n[[sweep.axes]]\nname = "rule.noise"\nvalues = [1]\nlink = "a"',
            "must join axes of one length",
        ),
        (GOOD + "independent = true", "key `sweep.axes[0].independent` must be left out unless there are `seeds`"),
        (
            GOOD.replace("[sweep]", '[sweep]\nrun = "slove"'),
            '`run` must be one of "solve", "simulate", "fixed_point", "mean_field", "module:function"',
        ),
        (GOOD.replace("[sweep]", '[sweep]\nrun = "nowhere:f"'), "`run` must name a function that can be imported"),
        (GOOD.replace("[sweep]", "[sweep]\nkeep = 3"), "key `sweep.keep` must be a list of strings, but is 3"),
        (GOOD.replace("[sweep]", '[sweep]\nkeep = ["eg", "zz"]'), "bad.toml: `keep` must name results (Q, Q_start, R,"),
        (GOOD.replace("[sweep]", '[sweep]\nkeep = ["eg", "zz"]'), "but names zz."),
        (GOOD + "independent = 3", "key `sweep.axes[0].independent` must be true or false, but is 3"),
        (GOOD.replace("[0.1, 0.2]", "0.1"), "key `sweep.axes[0].values` must be a list, but is 0.1"),
        (GOOD.replace("[sweep]", "[sweep]\nrunn = 3"), "`sweep.runn` is not a key; did you mean `run`?"),
        ("sweep = 3", "key `sweep` must be a section"),
        ("[sweep]\naxes = 3", "key `sweep.axes` must be a list of tables"),
        ("[sweep]\naxes = [3]", "key `sweep.axes[0]` must be a section"),
        ("[sweep]", "key `sweep.axes` must hold at least one axis"),
        ("[student]\nunits = 2", "key `sweep` must be a section, [sweep], with [[sweep.axes]], but is left out"),
        (GOOD.replace("units = 2", "units = 0"), "key `student.units` must be an integer >= 1"),
        (GOOD.replace("units = 2", 'activation = "erv"'), "key `student.activation` must"),
    ],
)
def test_bad_sweep_files_are_refused_in_one_sentence(text, sentence, tmp_path, capsys) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    assert cli.main(["sweep", str(file), "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.startswith("tutelage: ")
    assert error.count("\n") == 1
    assert not list((tmp_path).glob("out/points/*/*"))


@pytest.mark.parametrize(
    ("base", "given", "options", "sentence"),
    [
        (BASE, {"rule.lr": 0.1}, {}, "be a sequence of values, but is 0.1"),
        (BASE, {"rule.lr": [0.1, None]}, {}, "hold numbers, strings, or lists of them, but holds NoneType"),
        (BASE, {"rule.lr": [np.nan]}, {}, "hold finite values, but holds nan"),
        (BASE, {("rule.lr", "rule.noise"): [(0.1,)]}, {}, "have 2 values in each row"),
        (BASE, {}, {}, "hold at least one axis"),
        (BASE, None, {}, "be given unless `base` is a sweep file"),
        (BASE, {"rule.lr": [0.1]}, {"workers": 0}, "be an integer >= 1, but is 0"),
        (BASE, {"rule.lr": [0.1]}, {"store": 3}, "name a folder"),
        (BASE, {"rule.lr": [0.1]}, {"scheduler": "127.0.0.1:1"}, "be a folder that the workers see"),
        (BASE, {"x": [0.1]}, {}, "an axis must name a key of the problem, but `x` is none"),
        (BASE, {"rule.lr": [0.1]}, {"keep": "eg"}, "`keep` must be a list of strings, but is 'eg'"),
        (BASE, {"rule.lr": [0.1]}, {"keep": ["Q"], "run": "mean_field"}, "name results (R, R_start, T, alpha, eg, q,"),
        (None, {"rule.lr": [0.1]}, {"run": area}, "name arguments of your function"),
        (BASE, {"rule.lr": [0.1]}, {"run": 3}, "or a function, but is 3"),
        ([], {"rule.lr": [0.1]}, {}, "Argument `base` must be of type Mapping"),
    ],
)
def test_bad_arguments_are_refused(base, given, options, sentence) -> None:
    with pytest.raises(ArgumentError, match=re.escape(sentence)):
        tl.sweep(base, given, **options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--status", "--retry-failed"], "`--retry-failed` computes, but `--status` does not; leave one of them out."),
        (
            ["--write-sbatch", "a.sh", "--collect"],
            "`--write-sbatch` only writes a script; leave it or `--collect` out.",
        ),
    ],
)
def test_options_that_would_do_nothing_are_refused(options, sentence, tmp_path, capsys) -> None:
    (tmp_path / "two.toml").write_text(GOOD)
    assert cli.main(["sweep", str(tmp_path / "two.toml"), "-o", str(tmp_path / "out"), *options]) == 2
    assert capsys.readouterr().err == f"tutelage: {sentence}\n"
    assert not (tmp_path / "out").exists()


def test_why_a_point_failed_is_said_without_what_only_python_has(tmp_path, capsys) -> None:
    linear = GOOD.replace("[student]", "[teacher]\nactivation = 'linear'\n[student]\nactivation = 'linear'")
    (tmp_path / "two.toml").write_text(linear.replace("[0.1, 0.2]", "[0.1, 9.0]") + "[time]\nalpha_max = 50.0\n")
    assert cli.main(["sweep", str(tmp_path / "two.toml"), "-o", str(tmp_path / "out"), "-j", "1"]) == 3
    said = capsys.readouterr().out
    assert re.search(r"a failure: The order parameters diverge at .*; a smaller lr may help\. \(.*failed\.json\)", said)


@pytest.mark.parametrize("there", [True, False])
def test_a_script_for_a_cluster_says_if_dask_is_not_installed(there, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("tutelage.cli.sweeping.find_spec", lambda name: name if there else None)
    (tmp_path / "two.toml").write_text(GOOD)
    command = [
        "sweep",
        str(tmp_path / "two.toml"),
        "-o",
        str(tmp_path / "out"),
        "--write-sbatch",
        str(tmp_path / "a.sh"),
    ]
    assert cli.main(command) == 0
    assert ("pip install 'tutelage[cluster]'" in capsys.readouterr().out) != there


@pytest.mark.parametrize(
    ("text", "but"), [(None, "there is no file s.json"), ("{", "s.json names none"), ("{}", "s.json names none")]
)
def test_a_scheduler_that_is_not_there_is_waited_for_aloud(text, but, tmp_path: Path, capsys, monkeypatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tutelage.sweeps.cluster.PATIENCE", 0.5)
    Path("two.toml").write_text(GOOD)
    if text is not None:
        Path("s.json").write_text(text)
    assert cli.main(["sweep", "two.toml", "--scheduler", "s.json"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == "tutelage: waiting for the scheduler-file s.json, for at most 0.5 s ..."
    assert second == f"tutelage: `scheduler` must be an address or a scheduler-file, but {but}."


def test_a_store_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArgumentError, match="`store` must be a folder"):
        tl.sweep(BASE, {"rule.lr": [0.1]}, store=tmp_path / "file", workers=1)


def test_keep_of_what_a_function_does_not_return_is_said(tmp_path: Path) -> None:
    ds = tl.sweep(None, {"width": [1.0]}, run=area, keep=["egg"], workers=1, progress=False)
    assert "must name results (area, corner, named, sides), but names egg" in str(ds.error.values[0])
