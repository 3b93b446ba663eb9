"""Couto et al. 2025: each finding, asserted on the data of its quick figure, and on those of the full one (slow)."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from figures import BOTH, assert_can_be_kept, assert_catalogue_has, figure

NAMES = [
    "linear-spectra",
    "few-samples",
    "rank-maps",
    "polynomial-spectra",
    "erf-spectra",
    "loss-prediction",
    "annealed-quenched",
]
made = partial(figure, "couto2025")


def test_catalogue_has_every_figure():
    assert_catalogue_has("couto2025", NAMES)


@BOTH
def test_linear_networks_follow_the_convolution(quick):
    found = made("linear-spectra", quick)
    for case, most in (("10-20", 0.02), ("30-10", 0.01)):
        values = found.datasets[case]["eigenvalues"].values
        inputs, hidden = map(int, case.split("-"))
        assert found.summary[f"({inputs}, {hidden}): distance from the law"] < (3 if quick else 1) * most
        exact = 2 / hidden + (inputs + 1) * hidden / inputs**2
        assert values.var() == pytest.approx(exact, rel=0.04 if quick else 0.01)
        assert values.min() > 0
    wide = found.datasets["30-10"]["eigenvalues"].values
    assert np.ptp(wide[:, :20], axis=1).max() < 1e-12  # the atom: |W2|^2, twenty times in every network


@BOTH
def test_few_samples_widen_the_spectrum_as_silverstein_says(quick):
    found = made("few-samples", quick)
    ds = found.datasets["few-samples"]
    assert ds["eigenvalues"].std() > 1.2 * ds["population"].std()
    assert found.summary["distance from the law on these samples"] < 0.03
    assert found.summary["distance from the law of infinitely many"] > 0.3


@BOTH
def test_ranks_are_the_effective_numbers_of_parameters(quick):
    found = made("rank-maps", quick)
    ds = found.datasets["ranks"]
    assert found.summary["polynomials: networks whose rank is not that of the formula"] == 0
    rank = {str(g): ds["rank"].sel(activation=g).values for g in ds["activation"].values}
    inputs = ds["inputs"].values
    assert (rank["linear"] == inputs[:, None]).all()
    assert (rank["erf"] == ds["parameters"].values).all()
    assert (rank["square"][:, -1] == inputs * (inputs + 1) // 2).all()
    assert (rank["polynomial(0, 0, 0, 1)"] <= (inputs * (inputs + 1) * (inputs + 2) // 6)[:, None]).all()
    for each in rank.values():
        assert (np.diff(each, axis=1) >= 0).all()


@BOTH
def test_spectra_of_polynomials_end_at_their_rank(quick):
    found = made("polynomial-spectra", quick)
    share = found.datasets["spectra"]["share"]
    for g in share["activation"].values:
        rank = int(found.summary[f"{g}: rank by the formula"])
        values = share.sel(activation=g).values
        assert values[rank - 1] > 1e-10
        assert values[rank:].max(initial=0) < 1e-13


@BOTH
def test_all_eigenvalues_of_erf_are_positive_over_many_decades(quick):
    found = made("erf-spectra", quick)
    values = found.datasets["10-20"]["eigenvalues"].values
    shares = values / values[:, -1:]
    assert shares.min() > 2e-15  # some ten rounding errors
    assert np.median(shares[:, 0]) < 2e-7
    assert 0.02 < (shares < 1e-6).mean() < 0.08
    assert found.summary["(10, 20): median of the widest gap, decades"] < 2


@BOTH
def test_eigenvalues_predict_the_loss(quick):
    found = made("loss-prediction", quick)
    for g in ("linear", "erf"):
        assert found.summary[f"{g}: largest relative distance of a run"] < (0.1 if quick else 0.05)
        assert found.summary[f"{g}: of the mean of both"] < 0.01
    assert found.summary["linear: last loss / first"] < 1e-3
    if not quick:
        erf = found.datasets["erf"]
        loss = erf["loss"].mean("start").values
        slopes = np.diff(np.log(loss[1:])) / np.diff(np.log(erf["step"].values[1:]))
        assert slopes[erf["step"].values[2:] > 100].min() > -2  # no exponential fall in sight


@BOTH
def test_annealed_and_quenched_averages_part(quick):
    found = made("annealed-quenched", quick)
    ds, summary = found.datasets["losses"], found.summary
    early = ds["time"].values < 2
    np.testing.assert_allclose(ds["annealed"][early], ds["annealed_theory"][early], rtol=0.05)
    assert summary["largest distance of log L of the typical network from theory, t < 5"] < (0.1 if quick else 0.03)
    assert summary["exponent of the average at late times"] == pytest.approx(-6, abs=0.01)
    assert summary["typical over average, at time 10"] < 1e-4


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_data_and_pictures_can_be_kept(name, quick, tmp_path):
    assert_can_be_kept(made(name, quick), tmp_path)
