"""The page as a file: what the command writes, opens with and refuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import webbrowser
from pathlib import Path

import pytest

from tutelage import cli
from tutelage.errors import ArgumentError
from tutelage.explore import page, setting
from tutelage.explore.assemble import MATHEMATICS, WINDOW, WORDS
from tutelage.problem import Problem, build


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def given(text: str) -> dict:
    """Return the setting that a page opens with."""
    return json.loads(re.findall(r"^<script>const GIVEN = (.*);$", text, re.MULTILINE)[0])


def test_the_page_is_one_small_file_that_fetches_nothing() -> None:
    text = page()
    assert len(text.encode()) < 300_000
    assert "default-src 'none'" in text
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert not re.findall(r"\b(?:src|href)=[\"']", text)
    assert not re.findall(r"\bimport\b.*\bfrom\b|\bfetch\(|XMLHttpRequest|WebSocket", text)
    assert given(text) is None


def test_no_part_is_left_out() -> None:
    folder = Path(cli.__file__).parents[1] / "explore"
    assert {path.name for path in folder.glob("*.js")} == {*MATHEMATICS, *WORDS, *WINDOW}
    assert not re.findall(r"\{(page\.css|version|mathematics|given|scripts)\}", page())


def test_parts_are_short_and_narrow() -> None:
    for part in (Path(cli.__file__).parents[1] / "explore").glob("*.*"):
        lines = part.read_text("utf-8").splitlines()
        assert len(lines) <= 300, part.name
        assert max(map(len, lines)) <= 120, part.name


def test_what_is_given_cannot_end_the_script() -> None:
    assert "</script>" not in json.dumps(setting(Problem()))
    assert page(Problem()).count("</script>") == 2


def test_a_problem_is_what_the_page_opens_with() -> None:
    raw = {
        "student": {"units": 3, "activation": "relu", "readout": [1.0, 2.0, 3.0]},
        "teacher": {"units": 1, "readout": 0.5},
        "rule": {"lr": 0.2, "lr_readout": 0.1, "train": "both", "noise": 0.3, "weight_decay": 0.01},
        "start": {"seed": 4, "scale": 0.2},
        "time": {"alpha_max": 30.0, "spacing": "linear"},
        "simulation": {"dim": 500, "replicas": 7, "seed": 9},
    }
    problem = build(raw)
    found = given(page(problem))
    state = problem.state()
    assert found["start"]["Q"] == state.Q.tolist()
    assert found["start"]["v"] == [1.0, 2.0, 3.0]
    wanted = {
        "K": 3,
        "M": 1,
        "activation": "relu",
        "train": "both",
        "lr": 0.2,
        "lrReadout": 0.1,
        "noise": 0.3,
        "decay": 0.01,
    }
    wanted |= {"N": 500, "dim": 500, "replicas": 7, "chainSeed": 9, "seed": 4, "scale": 0.2, "alphaMax": 30.0}
    assert {name: found[name] for name in wanted} == wanted
    assert 0 < found["alphaMin"] < 30


REFUSED = [
    ("student.activation", {"student": {"activation": "tanh"}}),
    ("student.units", {"student": {"units": 9}}),
    ("teacher.units", {"teacher": {"units": 9}}),
    ("teacher.activation", {"teacher": {"activation": "relu"}}),
    ("rule.batch", {"rule": {"batch": 2}}),
    ("rule.terms", {"rule": {"terms": "flow"}}),
    ("rule.constraint", {"rule": {"constraint": "sphere"}}),
    ("simulation.inputs", {"simulation": {"inputs": "digits"}}),
    ("simulation.engine", {"simulation": {"engine": "sde"}}),
    ("simulation.dim", {"simulation": {"dim": 10**10}}),
    ("simulation.replicas", {"simulation": {"replicas": 1001}}),
    ("simulation.seed", {"simulation": {"seed": 2**60}}),
    ("start.seed", {"start": {"seed": 2**60}}),
    ("time.alpha", {"time": {"alpha": [0.0, 1.0]}}),
]


@pytest.mark.parametrize(("key", "raw"), REFUSED)
def test_what_the_page_cannot_show_is_refused_by_name(key: str, raw: dict) -> None:
    with pytest.raises(ArgumentError, match=f"^key `{key}` must "):
        setting(build(raw))


def test_a_page_of_a_file_name_is_refused() -> None:
    with pytest.raises(ArgumentError, match="`problem` must be of type Problem, but is of type str"):
        page("problem.toml")


def test_the_command(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or len(opened) < 2)
    assert cli.main(["explore", "--no-browser"]) == 0
    assert capsys.readouterr().out == "page: explore.html\n"
    assert not opened
    Path("problem.toml").write_text("student.units = 2\n")
    assert cli.main(["explore", "problem.toml", "-o", "other.html"]) == 0
    assert given(Path("other.html").read_text("utf-8"))["K"] == 2
    assert opened == [Path("other.html").resolve().as_uri()]
    assert cli.main(["explore", "-o", "other.html"]) == 0
    assert "No browser was found" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("problem", "out", "words"),
    [
        ("student.activation = 'tanh'", "page.html", "problem.toml: key `student.activation` must be"),
        ("student.units = 2", "problem.toml", "must not be the problem file"),
        ("student.units = 2", "nowhere/page.html", "nowhere/page.html: No such file"),
        ("student.unit = 2", "page.html", "problem.toml: `student.unit` is not a key"),
    ],
)
def test_errors_of_the_command_are_one_line(problem: str, out: str, words: str, capsys: pytest.CaptureFixture) -> None:
    Path("problem.toml").write_text(problem)
    assert cli.main(["explore", "problem.toml", "-o", out, "--no-browser"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert words in said
    assert not Path("page.html").exists()
    assert Path("problem.toml").read_text() == problem


@pytest.mark.parametrize(("wanted", "code"), [("required", "INTERRUPTED"), ("", "NO_TESTS_COLLECTED")])
def test_a_browser_that_is_required_may_not_be_missing(wanted: str, code: str) -> None:
    browser = Path(__file__).with_name("test_explore_browser.py")
    words = [sys.executable, "-m", "pytest", "-n", "0", "-q", "--collect-only", "-p", "no:cacheprovider", str(browser)]
    there = os.environ | {"PATH": "", "TUTELAGE_BROWSER": wanted, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(words, env=there, cwd=browser.parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode[code]
    assert "no Chromium here" in done.stdout
