"""The commands for problems of one's own, as functions: cyclopts reads their names, arguments and help off them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tutelage.cli.application import FAILED, Out, app, console, say_results

if TYPE_CHECKING:
    from tutelage.cli.experiment import Outcome
    from tutelage.problem import Problem

__all__ = ["demo", "doctor", "explore", "init", "run", "sweep"]


@app.command
def run(problem: Path, /, *, out: Out = Path("out"), overlaps: bool = False, checkpoint: Path | None = None) -> None:
    """Run theory and simulation of one problem and compare them.

    Writes theory.nc, simulation.nc, learning_curve.png and a copy of the problem. Activations without equations of
    motion are simulated alone.

    Parameters
    ----------
    problem
        A TOML file; `tutelage init` writes one to start from.
    out
        Folder for the results; made if need be, files in it are replaced.
    overlaps
        Draw the final overlaps and readouts, too, into overlaps.png.
    checkpoint
        File that the simulation is written to as it goes; run again with it to go on after Ctrl-C.
    """
    from tutelage.cli import experiment
    from tutelage.problem import naming, read

    given = read(problem)
    folder = experiment.folder(out)
    text, copy = problem.read_bytes(), folder / "problem.toml"
    if not (copy.exists() and copy.samefile(problem)):
        copy.write_bytes(text)
    with naming(problem):
        outcome = experiment.run(given, folder, checkpoint=checkpoint, advice=" With --checkpoint FILE one can go on.")
    paths = experiment.pictures({"": outcome}, folder, overlaps)
    _compare(str(problem), given, outcome)
    console().print(experiment.prediction(given) + "\n", markup=False)
    say_results(folder, paths)


@app.command
def sweep(
    problem: Path,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    workers: Annotated[int | None, Parameter(name=["--workers", "-j"])] = None,
    scheduler: str | None = None,
    status: Annotated[bool, Parameter(negative="")] = False,
    collect: Annotated[bool, Parameter(negative="")] = False,
    retry_failed: Annotated[bool, Parameter(negative="")] = False,
    write_sbatch: Path | None = None,
) -> None:
    """Run a problem at many values of its parameters; the same command goes on after any interruption.

    Every point is a file, what exists is not computed again, and all of it is collected in dataset.nc. The exit code is
    3 if points failed.

    Parameters
    ----------
    problem
        A TOML file: a problem with a section [sweep] and its axes, [[sweep.axes]].
    out
        Folder for the points and the dataset; default: out/ and the name of the file.
    workers
        Processes on this machine; default: one for each core.
    scheduler
        Address or scheduler-file of a Dask cluster that computes in their place.
    status
        Only say how many points are done, failed and missing.
    collect
        Only collect what there is, and say how many points that are, also while another process computes.
    retry_failed
        Compute failed points again.
    write_sbatch
        Only write a Slurm script, which runs the sweep on many machines, to this file.
    """
    from tutelage.cli import sweeping
    from tutelage.errors import check_count

    folder = Path("out") / problem.stem if out is None else out
    sweeping.refuse_idle({"--write-sbatch": write_sbatch, "--status": status, "--collect": collect}, retry_failed)
    if write_sbatch is not None:
        sweeping.write_sbatch(problem, folder, write_sbatch)
    elif collect:
        sweeping.collect(problem, folder)
    elif status:
        sweeping.say_status(problem, folder)
    else:
        count = None if workers is None else check_count("workers", workers)
        if not sweeping.run(problem, folder, count, scheduler, retry_failed):
            raise SystemExit(FAILED)


@app.command
def init(problem: Path = Path("problem.toml"), /, *, force: bool = False) -> None:
    """Write a commented problem file to start from.

    Parameters
    ----------
    problem
        The file to write.
    force
        Replace the file if it exists.
    """
    from tutelage.problem import TEMPLATE

    try:
        with problem.open("w" if force else "x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise FileExistsError(f"{problem} exists; give another name, or --force to replace it.") from None
    print(f"wrote {problem}; run it with: tutelage run {problem}")


@app.command
def explore(
    problem: Path | None = None,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("explore.html"),
    browser: bool = True,
) -> None:
    """Write a page to explore learning curves in the browser, and open it.

    One HTML file: it computes by itself, needs no network, and can be sent by e-mail. Activations erf, linear and ReLU.

    Parameters
    ----------
    problem
        A TOML file that the page opens with; default: a problem of its own.
    out
        The file to write; replaced if it exists.
    browser
        Whether to open the page.
    """
    from tutelage.cli import exploring

    exploring.write(problem, out)
    print(f"page: {out}")
    if browser and not exploring.show(out):
        print("No browser was found; open the page with one.")


@app.command
def demo(*, out: Out = Path("out/demo")) -> None:
    """Run a built-in problem: both layers, K = 4, M = 2, on Gaussian inputs and on real images.

    Parameters
    ----------
    out
        Folder for the results.
    """
    from tutelage.cli import demonstration, experiment

    folder = experiment.folder(out)
    problems, remark = demonstration.problems()
    outcomes = {}
    for label, problem in problems.items():
        suffix = "" if problem.simulation.inputs == "gaussian" else f"_{problem.simulation.inputs}"
        outcomes[label] = experiment.run(problem, folder, suffix=suffix)
    paths = experiment.pictures(outcomes, folder, overlaps=True)
    for label, problem in problems.items():
        _compare(label, problem, outcomes[label])
    if remark:
        print(remark)
    say_results(folder, paths)


@app.command
def doctor() -> None:
    """Say what is installed, where compiled code is kept, and whether a small problem comes out right."""
    from tutelage.cli.checkup import report

    if not report():
        raise SystemExit(1)


def _compare(title: str, problem: Problem, outcome: Outcome) -> None:
    """Print theory against simulation."""
    from rich.markup import escape

    from tutelage.cli import report

    speaker, both = console(), (outcome.theory, outcome.simulation)
    speaker.print(report.table(escape(title), report.rows(*both)))
    remark = f"{escape(outcome.remark)} " if outcome.remark else ""
    speaker.print(remark + report.closing(*both, gaussian=problem.simulation.inputs == "gaussian") + "\n")
