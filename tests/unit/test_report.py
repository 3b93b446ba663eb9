"""Theory against simulation in numbers."""

import os

import numpy as np
import pytest
import xarray

from tutelage.cli import report
from tutelage.errors import ArgumentError

SHAPES = {"eg": (), "Q": ("student", "student_"), "R": ("student", "teacher"), "v": ("student",)}
ALPHA = np.array([0.0, 1.0, 2.0, 3.0, 4.0])


def theory():
    sizes = {"student": 2, "student_": 2, "teacher": 1}
    variables = {
        name: (("alpha", *dims), np.ones((len(ALPHA), *(sizes[d] for d in dims)))) for name, dims in SHAPES.items()
    }
    return xarray.Dataset(variables, {"alpha": ALPHA})


def simulation(replicas=4, sem=0.1):
    ode = theory()
    variables = {}
    for name in SHAPES:
        variables[name] = ode[name].expand_dims(replica=replicas).copy()
        variables[f"{name}_mean"] = ode[name].copy()
        variables[f"{name}_sem"] = xarray.full_like(ode[name], sem)
    return xarray.Dataset(variables, attrs={"dim": 100})


def test_rows_are_spread_over_the_times():
    sim = simulation()
    sim.eg_mean[2] += 0.2
    lines = report.rows(theory(), sim, count=3)
    assert [line.alpha for line in lines] == [0.0, 2.0, 4.0]
    assert [line.deviation for line in lines] == pytest.approx([0, 2, 0])
    assert lines[1] == pytest.approx((2.0, 1.0, 1.2, 0.1, 2.0))


def test_few_times_give_few_rows():
    assert [line.alpha for line in report.rows(theory(), simulation(), count=8)] == ALPHA.tolist()


def test_largest_deviations_name_the_entry():
    sim = simulation()
    sim.R_mean[3, 1, 0] -= 0.5
    sim.Q_mean[1, 0, 1] += 0.3
    sim.Q_sem[1, 0, 1] = 0.01
    in_errors, absolute = report.largest(theory(), sim)
    assert in_errors.where == "Q (student 1, student 2)"
    assert (in_errors.size, in_errors.alpha) == pytest.approx((30.0, 1.0))
    assert absolute.where == "R (student 2, teacher 1)"
    assert (absolute.size, absolute.alpha) == pytest.approx((0.5, 3.0))


def test_rounding_at_the_start_is_no_deviation():
    sim = simulation()
    sim.Q_mean[0] += 1e-15
    sim.Q_sem[0] = 1e-17
    assert report.largest(theory(), sim)[0].size < 1e-3


def test_difference_without_fluctuation_counts():
    sim = simulation(sem=0.0)
    sim.v_mean[0, 0] += 1e-3
    assert report.largest(theory(), sim)[0].size > 1e5


def test_one_replica_has_no_standard_error():
    sim = simulation(replicas=1, sem=np.nan)
    sim.eg_mean[1] = 1.5
    in_errors, absolute = report.largest(theory(), sim)
    assert in_errors is None
    assert absolute.size == 0.5
    assert np.isnan(report.rows(theory(), sim)[1].deviation)
    assert report.closing(theory(), sim).startswith("One replica has no standard error.")


def test_times_that_were_not_reached_are_left_out():
    sim = simulation().isel(alpha=slice(0, 3))
    assert report.rows(theory(), sim)[-1].alpha == 2.0


def test_other_times_are_refused():
    with pytest.raises(ArgumentError, match="must hold all times of the simulation"):
        report.rows(theory().isel(alpha=slice(0, 3)), simulation())


def test_closing_counts_what_it_looked_at():
    assert f"extremes of {5 * (1 + 4 + 2 + 2)} numbers" in report.closing(theory(), simulation())
    assert "1/N = 1.0e-02" in report.closing(theory(), simulation())


def shown(lines):
    from rich.console import Console

    with open(os.devnull, "w") as nowhere:
        console = Console(width=120, record=True, file=nowhere)
        console.print(report.table("title", lines))
        return console.export_text()


def test_digits_reach_the_standard_error():
    text = shown(
        [report.Row(1.0, 0.0123456789012, 0.0123456789123, 1.1e-11, 1.0), report.Row(2.0, 0.5, 0.51, 0.1, 0.1)]
    )
    assert "1.2345678901e-02" in text  # theory
    assert "1.2345678912e-02 ± 1.1e-11" in text
    assert "5.1000e-01 ± 1.0e-01" in text


def test_simulation_alone():
    lines = report.rows(None, simulation())
    assert [line.alpha for line in lines] == ALPHA.tolist()
    assert np.isnan([(line.theory, line.deviation) for line in lines]).all()
    text = shown(lines)
    assert "1.0000e+00 ± 1.0e-01" in text
    assert "theory" not in text
    assert "deviation" not in text
    assert "nan" not in text
    assert report.closing(None, simulation()) == "Standard errors are over 4 replicas."
    assert report.closing(None, simulation(replicas=1, sem=np.nan)) == "One replica has no standard error."


def test_closing_says_which_terms_theory_has():
    curve = theory()
    curve.attrs["settings"] = '{"rule": {"terms": "flow"}}'
    assert 'has the terms "flow" alone' in report.closing(curve, simulation())
