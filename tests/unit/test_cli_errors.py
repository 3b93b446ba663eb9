"""The command line: every error is one line and exit code 2, every interruption one line and 130."""

import re
import warnings

import pytest
import xarray
from commanding import SMALL, fails

import tutelage as tl
from tutelage import cli
from tutelage.cli import experiment
from tutelage.problem import Problem

pytestmark = pytest.mark.usefixtures("in_a_folder")


USAGE = {
    "unknown command": (["rum"], 'did you mean "run"'),
    "unknown option": (["run", "p.toml", "--oot", "x"], "--oot"),
    "missing file": (["run"], "PROBLEM"),
    "option without value": (["run", "p.toml", "-o"], "-o"),
    "too much": (["run", "p.toml", "q.toml"], "q.toml"),
    "missing figure": (["reproduce"], "NAME"),
    "no such file": (["run", "none.toml"], "none.toml: a problem file must be readable"),
    "folder": (["run", "."], "must be readable"),
    "init into nowhere": (
        ["init", "no/where.toml"],
        "no/where.toml: No such file or directory; there is no folder no.",
    ),
    "page into nowhere": (
        ["explore", "-o", "no/x.html"],
        "no/x.html: No such file or directory; there is no folder no.",
    ),
    "where help is": (["run", "p.toml", "--oot", "x"], "(see tutelage run --help)"),
    "what is too much": (["init", "p", "q", "r"], "`tutelage init` does not take 'q' 'r'; leave it out."),
}


@pytest.mark.parametrize("kind", USAGE)
def test_bad_usage_is_one_line(kind, capsys):
    tokens, expected = USAGE[kind]
    assert expected.lower() in fails(capsys, tokens).lower()


FILES = {
    "rule.lr = -1": "key `rule.lr` must be a number >= 0, but is -1.",
    "rule.lrr = 1": "`rule.lrr` is not a key; did you mean `lr`?",
    "rule.noise = 'x'": "key `rule.noise` must be a number >= 0",
    "rule = ": "p.toml: a problem file must be TOML",
    "rule.batch = 0": "key `rule.batch`",
    "simulation.dim = 3": "key `simulation.dim`",
    "simulation.replicas = -2": "key `simulation.replicas`",
    "simulation.engine = 'train'": "key `simulation.engine`",
    "time.alpha = []": "key `time.alpha`",
    "time.alpha = [1, 1]": "key `time.alpha` must be strictly increasing",
    "student.activation = 'wave'": "key `student.activation`",
    "start = {kind = 'overlaps'}": "key `start.Q`",
}


@pytest.mark.parametrize("text", FILES)
def test_bad_file_is_one_line_that_names_the_key(text, tmp_path, capsys):
    (tmp_path / "p.toml").write_text(text)
    fails(capsys, ["run", "p.toml"], "tutelage: p.toml: ", FILES[text])
    assert not (tmp_path / "out").exists()


KINKED = "student.activation = 'leaky_relu(0.1)'\nteacher.activation = 'tanh'\n" + SMALL.replace("student", "teacher")


def test_activations_without_equations_are_simulated_alone(tmp_path, capsys):
    (tmp_path / "p.toml").write_text(KINKED)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "theory.nc").write_text("of another problem")
    assert cli.main(["run", "p.toml"]) == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"simulation.nc", "problem.toml", "learning_curve.png"}
    said = " ".join(capsys.readouterr().out.split())
    assert "No theory, simulation alone: key `student.activation` must be smooth" in said
    assert "tl." not in said
    assert "'leaky_relu(0.1)' has kinks at (0.0,). Standard errors are over 3 replicas." in said
    assert f"{float(tl.load('out/simulation.nc').eg_mean[-1]):.4e} ±" in said


def test_neither_theory_nor_simulation_is_one_line(tmp_path, capsys):
    (tmp_path / "p.toml").write_text(KINKED.replace("replicas", "engine = 'sde', replicas"))
    start = "tutelage: p.toml: neither theory nor simulation is possible: key `student.activation` must be smooth"
    fails(capsys, ["run", "p.toml"], start, '"chain" needs none.')


def test_what_arises_while_running_names_the_file(tmp_path, capsys):
    (tmp_path / "p.toml").write_text("student.activation = 'step'")
    fails(capsys, ["run", "p.toml"], "tutelage: p.toml: key `student.activation` must have a derivative")


def test_out_that_is_a_file(small, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    fails(capsys, ["run", small, "-o", "file"], "`--out` must be a folder, but file is a file or lies in one.")
    fails(capsys, ["run", small, "-o", "file/deeper"], "`--out` must be a folder")


def test_diverging_theory_says_when_and_keeps_its_data(tmp_path, capsys):
    (tmp_path / "p.toml").write_text(
        "student.activation = 'linear'\nrule.lr = 1\ntime.alpha = [0, 0.1, 1e3]\nsimulation = {dim = 30, replicas = 2}"
    )
    said = fails(capsys, ["run", "p.toml"], "the theory diverges at alpha = ", "results before are in out/theory.nc")
    assert float(re.search(r"alpha = ([\d.]+);", said)[1]) < 1000
    assert tl.load("out/theory.nc").alpha.values.tolist() == [0, 0.1]


def test_missing_package_comes_with_its_remedy(small, monkeypatch, capsys):
    def missing(self):
        raise ModuleNotFoundError("No module named 'mlxtend'")

    monkeypatch.setattr(Problem, "inputs", missing)
    fails(capsys, ["run", small], "No module named 'mlxtend'; pip install 'tutelage[images]'")


def test_bugs_are_not_hidden(small, monkeypatch):
    monkeypatch.setattr(experiment, "run", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["run", small])


def test_interrupted_simulation_keeps_what_is_done(small, tmp_path, monkeypatch, capsys):
    real = tl.simulate

    def interrupted(rule, state, alpha, **keywords):
        warnings.warn("interrupted: what was done is kept", stacklevel=2)
        return real(rule, state, alpha[:2], **keywords)

    monkeypatch.setattr("tutelage.online.problems.simulate", interrupted)
    fails(capsys, ["run", small], "interrupted; results so far are in out/simulation.nc.", code=130)
    assert tl.load(tmp_path / "out" / "simulation.nc").sizes["alpha"] == 2
    fails(capsys, ["run", small], "With --checkpoint FILE one can go on.", code=130)
    fails(capsys, ["run", small, "--checkpoint", "c.nc"], "; the same command goes on from c.nc.\n", code=130)


def test_other_warnings_are_passed_on(small, tmp_path, monkeypatch):
    def warned(*_):
        warnings.warn("look out", stacklevel=2)
        assert len(passed.list) == 1  # at once, not when all is done
        return xarray.Dataset({"eg": ("alpha", [1.0])}, {"alpha": [1.0]})

    with pytest.warns(UserWarning, match="look out") as passed:
        experiment._kept("theory", warned, tmp_path / "x.nc")


def test_interruption_elsewhere_is_one_line(small, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tutelage.problem.read", stop)
    assert fails(capsys, ["run", small], code=130) == "tutelage: interrupted\n"
