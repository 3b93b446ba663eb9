"""How fast a sweep is: 10,000 solutions on two workers from an empty store, the same again, and one worker against two.

Run with ``python benchmarks/sweep.py [POINTS]``. K = M = 2, erf, alpha = 500, with and without label noise (without it
runs come close to perfect learning, where they are followed in differences, which takes longer).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILE = """
student.units = 2
teacher.units = 2
rule.noise = {noise}
time = {{alpha_max = 500, points = 20}}
[sweep]
[[sweep.axes]]
name = "rule.lr"
from = 0.1
to = 2.0
points = {rates}
[[sweep.axes]]
name = "start.seed"
seeds = 100
"""


def seconds(file: Path, store: Path, workers: int) -> float:
    """Return the wall time of the command, start of Python included."""
    command = [sys.executable, "-m", "tutelage", "sweep", str(file), "-o", str(store), "-j", str(workers)]
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def rate(store: Path) -> float:
    """Return the points per second of the last run that computed any, as its log says."""
    lines = [line for line in (store / "log.txt").read_text().splitlines() if line.endswith(" a second")]
    return float(lines[-1].split()[-3])


def main(points: int) -> None:
    """Print the times."""
    for noise in (0.1, 0.0):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "sweep.toml"
            file.write_text(FILE.format(noise=noise, rates=points // 100))
            for workers in (2, 1):
                store = Path(folder) / str(workers)
                once, again = seconds(file, store, workers), seconds(file, store, workers)
                said = f"{once:.1f} s, {rate(store):.0f} points a second; again {again:.2f} s"
                print(f"noise {noise}, {points} points, {workers} workers: {said}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
