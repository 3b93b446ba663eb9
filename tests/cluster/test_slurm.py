"""The script for Slurm runs, stops in time, asks for its job to be queued again, and goes on.

There is no Slurm here: `srun` and `scontrol` are stood in for by scripts that start two workers and take note.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from stage import PATIENCE, Stage, until

import tutelage as tl

SRUN = """#!/bin/bash
trap 'kill $(jobs -p)' TERM
for task in 1 2; do
    "$@" &
done
wait
wait
"""
COMMANDS = {
    "srun": SRUN,
    "scontrol": '#!/bin/bash\necho "$@" >> "$(dirname "$0")/said"\n',
    "hostname": "#!/bin/bash\necho 127.0.0.1\n",
}


class Slurm:
    """A folder of commands in front of the others, and a job to run with them."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.folder = stage, stage.folder / "bin"
        self.folder.mkdir()
        for name, text in COMMANDS.items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        self.script = stage.folder / "job.sh"

    @property
    def said(self) -> str:
        """What scontrol was asked."""
        return (self.folder / "said").read_text() if (self.folder / "said").exists() else ""

    def start(self) -> subprocess.Popen[str]:
        path = {"PATH": f"{self.folder}:{os.environ['PATH']}", "SLURM_JOB_ID": "77"}
        with (self.stage.folder / "job.log").open("a") as log:
            return subprocess.Popen(
                ["bash", str(self.script)], env={**os.environ, **path}, stdout=log, stderr=log, text=True
            )


@pytest.fixture
def slurm(tmp_path: Path) -> Slurm:
    return Slurm(Stage(tmp_path))


def test_script_stops_in_time_and_goes_on(slurm: Slurm) -> None:
    stage = slurm.stage
    expected = stage.undisturbed()
    said = stage.run("--write-sbatch", str(slurm.script))
    assert f"sbatch {slurm.script}" in said
    stage.set(pause="0.3")
    job = slurm.start()
    until(stage.has_points(2), job)
    job.send_signal(signal.SIGUSR1)  # as Slurm does, some time before the end
    assert job.wait(PATIENCE) == 130
    assert slurm.said == "requeue 77\n"
    assert 2 <= len(stage.files()) < stage.total
    assert int((tl.load(stage.store / "dataset.nc").status == 1).sum()) >= 2
    stage.set(pause=None)
    job = slurm.start()
    assert job.wait(PATIENCE) == 0
    assert slurm.said == "requeue 77\n"  # done: not again
    assert not list(stage.store.glob("scheduler*"))
    stage.check(expected)


def test_script_asks_slurm_for_what_it_needs(slurm: Slurm) -> None:
    slurm.stage.run("--write-sbatch", str(slurm.script))
    options = dict(re.findall(r"^#SBATCH --([\w-]+)(?:=(.*))?$", slurm.script.read_text(), re.MULTILINE))
    assert options["signal"].startswith("B:USR1@")
    assert {"requeue", "time", "ntasks", "open-mode"} <= set(options)
    assert Path(options["output"]).parent.is_dir()
    assert not list(slurm.stage.store.glob("points/*/*"))  # written, not run
