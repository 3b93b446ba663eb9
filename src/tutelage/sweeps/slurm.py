"""A Slurm script for a sweep: scheduler, workers and the sweep in one job, which stops in time and goes on later."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

__all__ = ["script"]

TEMPLATE = """\
#!/bin/bash
# A sweep of tutelage on many machines; submit it with: sbatch THIS_FILE
# Change the lines below to what your cluster offers. One task is one worker.
#SBATCH --job-name={name}
#SBATCH --ntasks=16
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=2G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={log}
#SBATCH --signal=B:USR1@180
# Three minutes before the time is up Slurm sends USR1: the sweep stops, and the job is put into the queue again, where
# it goes on. What is computed is in the store; nothing but the points in flight is lost, whatever happens.

set -u
python={python}
sweep={sweep}
store={store}
scheduler="$store/scheduler-${{SLURM_JOB_ID:-0}}-${{SLURM_RESTART_COUNT:-0}}.json"
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

mkdir -p "$store"
stopping=
"$python" -m dask scheduler --host "$(hostname)" --port 0 --no-dashboard --scheduler-file "$scheduler" &
scheduler_id=$!
srun "$python" -m dask worker --scheduler-file "$scheduler" --nthreads 1 --nworkers 1 --no-dashboard \\
    --death-timeout 120 --local-directory "${{TMPDIR:-/tmp}}" &
workers_id=$!
"$python" -m tutelage sweep "$sweep" --out "$store" --scheduler "$scheduler" &
sweep_id=$!
trap 'stopping=yes; kill -TERM "$sweep_id"' USR1 TERM

wait "$sweep_id"
code=$?
while [ -n "$stopping" ] && kill -0 "$sweep_id" 2>/dev/null; do  # the signal ended the wait, not the sweep
    wait "$sweep_id"
    code=$?
done
kill "$workers_id" "$scheduler_id" 2>/dev/null
wait
rm -f "$scheduler"
if [ -n "$stopping" ] && [ "$code" -ne 0 ] && [ "$code" -ne 3 ]; then  # 0: done, 3: done, but points failed
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"""


def script(sweep: Path, store: Path) -> str:
    """Return a Slurm script that runs a sweep file into a store, both as absolute paths."""
    return TEMPLATE.format(
        name=f"tutelage-{''.join(c if c.isalnum() else '-' for c in sweep.stem)}",
        log=f"{store.absolute()}/slurm-%j.out",
        python=shlex.quote(sys.executable),
        sweep=shlex.quote(str(sweep.absolute())),
        store=shlex.quote(str(store.absolute())),
    )
