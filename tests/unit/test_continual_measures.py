"""Measures of forgetting, transfer and use of units: by hand on datasets, and against weights and sampling."""

import numpy as np
import pytest
import xarray

import tutelage as tl
from tutelage.continual import (
    Consolidation,
    MultiTask,
    Phase,
    displacement,
    equal_competence,
    forgetting,
    mask_importance,
    node_fisher,
    norm_entropy,
    reuse_fraction,
    simulate,
    solve,
    summary,
    transfer,
    two_teachers,
)

RULE = tl.OnlineSGD(lr=1.0, train="both")
TIMES = np.concatenate([[0, 5, 10, 20], 20 + np.geomspace(0.1, 40, 30)])


def run(V=0.5, K=2, seed=1, phases=None, alpha=TIMES, **settings):
    start = MultiTask.random(K, two_teachers(feature_similarity=V, dim=400), 0.1, 0.3, seed=seed)
    return solve(RULE, start, phases or [Phase(0, 20), Phase(1, 40)], alpha=alpha, **settings)


def replicas(**settings):
    """Three runs of different seeds as one dataset, with replicas where a simulation has them."""
    runs = [run(seed=seed, **settings) for seed in (1, 2, 3)]
    moving = ["eg", "Q", "R", "heads", "switch", *(f"{n}_switch" for n in ("eg", "Q", "R", "heads"))]
    moving += [name for name in ("S",) if name in runs[0]]
    several = xarray.concat([each[moving] for each in runs], "replica", join="override")
    return runs, several.merge(runs[0].drop_vars(moving)).assign_attrs(runs[0].attrs)


DS = run()
SOLVED, SEVERAL = replicas(snapshots=True)


# --------------------------------------------------------------------------------------- forgetting, transfer


def test_forgetting_and_transfer_are_differences_since_the_switch():
    eg, then = DS.eg.values[4:], DS.eg.values[3]
    np.testing.assert_allclose(forgetting(DS), np.log10(eg[:, 0] / then[0]))
    np.testing.assert_allclose(transfer(DS), np.log10(then[1] / eg[:, 1]))
    np.testing.assert_allclose(forgetting(DS, scale="linear"), eg[:, 0] - then[0])
    np.testing.assert_allclose(transfer(DS, scale="linear"), then[1] - eg[:, 1])
    np.testing.assert_allclose(forgetting(DS, task=1, scale="linear"), -transfer(DS, scale="linear"))
    np.testing.assert_allclose(forgetting(DS).since, TIMES[4:] - 20)


def test_the_error_at_the_switch_need_not_be_among_the_stored_times():
    bare = run(alpha=TIMES[4:])
    np.testing.assert_allclose(forgetting(bare), forgetting(DS), atol=1e-6)
    np.testing.assert_allclose(bare.eg_switch[0], DS.eg[3], rtol=1e-6)
    for name in ("Q", "R", "heads"):
        np.testing.assert_allclose(bare[f"{name}_switch"][0], DS[name][3], atol=1e-7)


def test_later_phases_and_tasks_are_found():
    ds = run(phases=[Phase(0, 20), Phase(1, 20), Phase(0, 10), Phase(1, 10)], alpha=[20, 30, 40, 45, 50, 60])
    np.testing.assert_allclose(forgetting(ds, phase=2), np.log10(ds.eg[3:5, 1] / ds.eg[2, 1]), rtol=1e-6)
    np.testing.assert_allclose(transfer(ds, phase=2), np.log10(ds.eg[2, 0] / ds.eg[3:5, 0]), rtol=1e-6)
    np.testing.assert_allclose(forgetting(ds, phase=3, scale="linear"), ds.eg[5:, 0] - ds.eg[4, 0], rtol=1e-6)


def test_summary_of_a_curve_made_by_hand():
    since = np.array([1.0, 2.0, 4.0, 9.0, 9.5, 10.0])
    curve = xarray.DataArray([0.5, 1.5, 5.0, 3.0, 2.0, 1.0], dims="alpha", coords={"since": ("alpha", since)})
    found = {name: float(value) for name, value in summary(curve, first=2).items()}
    assert found == {"end": 1.0, "rate": 0.75, "maximum": 5.0, "long_time": 2.0}
    short = summary(curve[:1])  # fewer times than the rate is taken over
    assert (float(short.rate), float(short.end)) == (0.5, 0.5)


def test_equal_competence_is_the_error_when_the_second_task_is_known_as_well():
    ds = run(phases=[Phase(0, 8), Phase(1, 40)], alpha=np.concatenate([[8], 8 + np.linspace(0.1, 40, 400)]))
    first = int(np.argmax(ds.eg.values[1:, 1] <= ds.eg.values[0, 0])) + 1
    assert 1 < first < 400
    assert float(equal_competence(ds)) == float(ds.eg[first, 0])
    assert np.isnan(equal_competence(ds.isel(alpha=slice(first))))


def test_replicas_keep_their_dimension():
    def each(measure):
        np.testing.assert_allclose(measure(SEVERAL), np.stack([measure(ds) for ds in SOLVED]), atol=1e-12)

    for measure in (
        forgetting, transfer, equal_competence, norm_entropy, displacement, node_fisher,
        lambda ds: mask_importance(RULE, ds), lambda ds: mask_importance(RULE, ds, 0),
        lambda ds: reuse_fraction(RULE, ds), lambda ds: norm_entropy(ds, bins=5),
        lambda ds: summary(forgetting(ds)).rate, lambda ds: summary(transfer(ds)).long_time,
    ):  # fmt: skip
        each(measure)
    assert forgetting(SEVERAL).dims == ("replica", "alpha")
    assert mask_importance(RULE, SEVERAL).dims == ("replica", "alpha", "task", "student")
    assert node_fisher(SEVERAL).dims == ("replica", "alpha", "task", "student")


def test_replicas_that_switch_at_different_times():
    ds = SEVERAL.copy(deep=True)
    ds["switch"].values[1, 0] = TIMES[9]  # the second replica switches later
    ds["eg_switch"].values[1, 0] = ds.eg.values[1, 9]
    curve = forgetting(ds)
    assert np.isnan(curve[1, :6]).all()
    np.testing.assert_allclose(curve[1, 6:], np.log10(ds.eg[1, 10:, 0] / ds.eg[1, 9, 0]))
    np.testing.assert_allclose(curve[0], forgetting(SOLVED[0]))
    np.testing.assert_allclose(summary(curve, 2).rate[1], curve[1, 7] / (TIMES[11] - TIMES[9]))
    np.testing.assert_allclose(summary(curve).end, curve[:, -1])


def test_of_simulations_the_state_at_the_switch_may_be_a_stored_one():
    for ds in (DS, SEVERAL):
        bare = ds.drop_vars([f"{name}_switch" for name in ("eg", "Q", "R", "heads")])
        np.testing.assert_allclose(forgetting(bare), forgetting(ds), atol=1e-9)
        np.testing.assert_allclose(mask_importance(RULE, bare, 0), mask_importance(RULE, ds, 0), atol=1e-9)
        np.testing.assert_allclose(reuse_fraction(RULE, bare), reuse_fraction(RULE, ds), atol=1e-9)
        with pytest.raises(tl.ArgumentError, match="ask for that time, but has none of phase 0"):
            forgetting(bare.isel(alpha=[0, 1, 2, 4, 5]))


@pytest.mark.parametrize("engine", ["chain", "weights"])
def test_simulations_forget_as_theory_says(engine):
    N, phases = 500, [Phase(0, 10.0 + 0.4 / 500), Phase(1, 10)]  # the first ends between two steps
    alpha = np.concatenate([[5.0, phases[0].alpha], phases[0].alpha + np.arange(1.0, 10.0)])
    start = MultiTask.random(2, two_teachers(dim=400), 0.5, 0.5, seed=1)
    sim = simulate(RULE, start, phases, alpha, dim=N, replicas=8, engine=engine)
    ode = solve(RULE, start, phases, alpha)
    for measure in (forgetting, transfer):
        found, wanted = measure(sim, scale="linear"), measure(ode, scale="linear")
        assert found.dims == ("replica", "alpha")
        assert found.shape == (8, 9)
        sem = found.std("replica", ddof=1).values / np.sqrt(8)
        assert (abs(found.mean("replica").values - wanted.values) < 4 * sem + 0.005).all()
    np.testing.assert_allclose(mask_importance(RULE, sim, 0).mean("replica"), mask_importance(RULE, ode, 0), atol=0.02)


# -------------------------------------------------------------------------------------------------- units


def test_mask_importance_is_that_of_networks_without_the_unit():
    from scipy.special import erf

    ds, rng = run(K=3), np.random.default_rng(0)
    found = mask_importance(RULE, ds)
    C = np.block([[ds.Q[-1], ds.R[-1]], [ds.R[-1].T, ds.T]])
    g = erf(rng.multivariate_normal(np.zeros(5), C, 400_000) / np.sqrt(2))
    for task in (0, 1):
        h, y = ds.heads.values[-1, task], g[:, 3:] @ ds.readouts.values[task]
        whole = (g[:, :3] @ h - y) ** 2 / 2
        for k in range(3):
            sample = (g[:, :3] @ np.where(np.arange(3) == k, 0, h) - y) ** 2 / 2 - whole
            assert abs(sample.mean() - found[-1, task, k]) < 3.5 * sample.std() / np.sqrt(len(sample))
    np.testing.assert_allclose(mask_importance(RULE, ds, 1), found[-1], atol=1e-9)


def test_one_head_loses_the_unit_for_all_tasks():
    start = MultiTask([[1.0]], [[1.0, 0.0]], np.eye(2), [[1.0]], np.eye(2))
    ds = solve(tl.OnlineSGD("linear", lr=0.0, train="first"), start, Phase(0, 1.0), alpha=[0.0])
    np.testing.assert_allclose(mask_importance(tl.OnlineSGD("linear"), ds), [[[0.5], [-0.5]]])


def test_reuse_grows_with_similarity():
    def final(V):
        start = MultiTask.random(2, two_teachers(feature_similarity=V), seed=1)
        ds = solve(RULE, start, [Phase(0, 100), Phase(1, 200)], alpha=[100, 300], snapshots=True)
        used = int(np.argmax(mask_importance(RULE, ds, 0).values[0]))
        return float(reuse_fraction(RULE, ds)[-1]), float(displacement(ds)[-1, used])

    (activated, still), (mixed, far), (reused, near) = final(0.0), final(0.3), final(1.0)
    assert activated < 0.05 < 0.3 < mixed < reused
    assert reused > 0.95
    assert still < 0.2 < 1.0 < far
    assert near < 0.2


def test_displacement_is_that_of_weights():
    """From overlaps of weights that are known, at a phase's end and later."""
    ds, rng = SOLVED[0], np.random.default_rng(0)
    W, before = rng.standard_normal((2, 2, 50))
    at = ds.isel(alpha=[-1]).copy(deep=True)
    at["Q"].values[0], at["Q_switch"].values[0], at["S"].values[0, 0] = (
        W @ W.T / 50,
        before @ before.T / 50,
        W @ before.T / 50,
    )
    np.testing.assert_allclose(displacement(at)[0], np.linalg.norm(W - before, axis=1) / np.sqrt(50))


def test_displacement_begins_at_the_switch_and_frozen_units_have_none():
    far = displacement(SOLVED[0]).values
    assert np.isnan(far[:4]).all()
    moved = far[4:]
    assert (moved[0] < 0.1).all()
    assert (moved[-1] > moved[0]).all()
    frozen = run(phases=[Phase(0, 20), Phase(1, 40, freeze_units=[1])], snapshots=True)
    np.testing.assert_allclose(displacement(frozen)[4:, 1], 0.0, atol=1e-6)
    held = run(phases=[Phase(0, 20), Phase(1, 40, consolidate=Consolidation(100.0, "quadratic"))])
    assert (displacement(held)[-1] < 0.05).all()  # whose snapshot is there anyway


def test_snapshots_change_nothing_else():
    for name in ("eg", "Q", "R", "heads", "switch", "eg_switch"):
        np.testing.assert_allclose(DS[name], SOLVED[0][name], atol=1e-7)
    assert "S" not in DS
    assert SOLVED[0].S.shape == (len(TIMES), 2, 2, 2)
    assert np.isnan(SOLVED[0].S[:, 1]).all()


def test_node_fisher_is_the_mean_square_of_derivatives():
    from scipy.special import erf

    ds, rng, noise = run(K=3), np.random.default_rng(1), 0.2
    C = np.block([[ds.Q[-1], ds.R[-1]], [ds.R[-1].T, ds.T]])
    g = erf(rng.multivariate_normal(np.zeros(5), C, 400_000) / np.sqrt(2))
    found, step = node_fisher(ds, noise)[-1], 1e-4
    for task in (0, 1):
        h = ds.heads.values[-1, task]
        y = g[:, 3:] @ ds.readouts.values[task] + noise * rng.standard_normal(len(g))
        for k in range(3):
            up, down = ((g[:, :3] + s * step * np.eye(3)[k]) @ h - y for s in (1, -1))
            sample = ((up**2 - down**2) / (4 * step)) ** 2  # of the loss by the output of unit k
            assert abs(sample.mean() - found[task, k]) < 3.5 * sample.std() / np.sqrt(len(sample))


def test_norm_entropy():
    ds = DS.isel(alpha=[0, 1, 2]).copy(deep=True)
    ds["Q"].values[:] = np.array([[[1.0, 0], [0, 1]], [[2, 0], [0, 0]], [[3, 0], [0, 1]]])
    np.testing.assert_allclose(norm_entropy(ds), [1.0, 0.0, (0.75 * np.log(4 / 3) + 0.25 * np.log(4)) / np.log(2)])
    np.testing.assert_allclose(norm_entropy(ds, bins=2), [0, np.log(2), np.log(2)])
    np.testing.assert_allclose(norm_entropy(ds, bins=1), 0)


# ------------------------------------------------------------------------------------------------ refusals

REFUSED = {
    "ds": [lambda: forgetting(3), lambda: displacement(DS), lambda: norm_entropy(DS.drop_vars("Q"))],
    "scale": [lambda: forgetting(DS, scale="ln")],
    "phase": [
        lambda: forgetting(DS, phase=0), lambda: transfer(DS, phase=2), lambda: equal_competence(DS, 0),
        lambda: forgetting(DS.isel(alpha=slice(4))), lambda: mask_importance(RULE, DS, 2),
        lambda: reuse_fraction(RULE, DS, 0), lambda: displacement(SOLVED[0], 2),
    ],
    "task": [lambda: forgetting(DS, task=2), lambda: transfer(DS, task=-1)],
    "curve": [lambda: summary(DS.eg)],
    "first": [lambda: summary(forgetting(DS), 0)],
    "noise": [lambda: node_fisher(DS, -1.0)],
    "bins": [lambda: norm_entropy(DS, bins=0)],
    "rule": [lambda: mask_importance("erf", DS)],
}  # fmt: skip


def test_the_refused_phase_is_the_one_that_was_given():
    alone = run(phases=[Phase(0, 20)], alpha=[1.0, 20.0])
    for measure in (forgetting, transfer, equal_competence, lambda ds, phase: reuse_fraction(RULE, ds, phase)):
        with pytest.raises(tl.ArgumentError, match=r"`phase` must be one of 1, ..., 1, .* but is 0\.$"):
            measure(DS, 0)
        with pytest.raises(tl.ArgumentError, match="`ds` must have two phases"):
            measure(alone, 1)


@pytest.mark.parametrize(("name", "make"), [(name, make) for name, several in REFUSED.items() for make in several])
def test_what_cannot_be_measured_is_refused(name, make):
    with pytest.raises(tl.ArgumentError) as caught:
        make()
    assert str(caught.value).startswith(f"Argument `{name}` must ")
