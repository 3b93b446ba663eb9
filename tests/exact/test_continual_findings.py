"""What similarity of tasks does to a student of two units, one teacher unit a task (Lee et al. 2021, 2022).

The findings about interventions depend on whether the first task leaves one of the two units unused: both cases are
asserted.
"""

import numpy as np
import pytest

import tutelage as tl
from tutelage.continual import Consolidation, MultiTask, Phase, Restart, solve, two_teachers

SETTINGS = [(seed, lr, std) for seed in range(4) for lr, std in ((1.0, 1e-3), (0.5, 1e-3), (1.0, 0.01), (1.0, 0.1))]
DORMANT, SHARED = (1, 3, 6, 8), (0, 2, 5, 9)  # seeds: the first task leaves a unit of Q_kk < 0.05, or none < 0.3


def two_phases(V, seed=1, lr=1.0, std=1e-3, times=(200.0,), **then):
    """The dataset of a switch at lr alpha = 100, at these times since the switch, in units of 1/lr."""
    start = MultiTask.random(2, two_teachers(feature_similarity=float(V)), std, seed=seed)
    alpha = np.concatenate([[100.0], 100.0 + np.asarray(times)]) / lr
    rule = tl.OnlineSGD(lr=lr, train="both")
    return solve(rule, start, [Phase(0, 100.0 / lr), Phase(1, 200.0 / lr, **then)], alpha=alpha)


@pytest.mark.parametrize(("seed", "lr", "std"), SETTINGS)
def test_intermediate_similarity_is_forgotten_most(seed, lr, std):
    V = np.linspace(0, 1, 21)
    final = np.array([two_phases(v, seed, lr, std).eg[-1, 0] for v in V])
    at = final.argmax()
    assert 0 < at < 20
    assert final[at] > 1.1 * max(final[0], final[-1])
    assert final[-1] < 0.01


@pytest.mark.parametrize("seed", range(4))
def test_with_a_copied_head_forgetting_falls_with_similarity(seed):
    final = [float(two_phases(V, seed, copy_head=0).eg[-1, 0]) for V in np.linspace(0, 1, 21)]
    assert (np.diff(final) < -0.01).all()


@pytest.mark.parametrize("seed", range(4))
def test_strong_consolidation_makes_second_task_curves_collapse(seed):
    times = np.geomspace(1, 200, 30)

    def spread(strength):
        held = Consolidation(strength)
        eg = [two_phases(V, seed, times=times, consolidate=held).eg[1:, 1] for V in (0, 0.2, 0.4, 0.6, 0.8)]
        return np.sqrt(np.log10(eg).var(0).mean())

    assert spread(10.0) < 0.6 * spread(0.0)
    assert spread(100.0) < 0.4 * spread(0.0)


@pytest.mark.parametrize("seed", range(4))
def test_consolidation_and_frozen_units_keep_the_first_task(seed):
    for V in (0.2, 0.4, 0.6, 0.8):
        plain = two_phases(V, seed)
        used = int((plain.heads.values[0, 0] ** 2 * np.diagonal(plain.Q[0])).argmax())
        bare = float(plain.eg[-1, 0])
        for then in ({"consolidate": Consolidation(1.0)}, {"freeze_units": [used]}, {"replay": {0: 0.1}}):
            assert float(two_phases(V, seed, **then).eg[-1, 0]) < 0.25 * bare


def gains(seed, V, share):
    """Error of restart and replay relative to that of replay alone, by task: geometric mean over five restarts."""
    alone = two_phases(V, seed, replay={0: share}).eg[-1]
    anew = [two_phases(V, seed, replay={0: share}, restart=Restart(seed=100 + s)).eg[-1] for s in range(5)]
    return np.exp(np.log(anew).mean(0)) / alone.values


def least(seed):
    """Smallest Q_kk after the first task."""
    return float(np.diagonal(two_phases(0.5, seed).Q[0]).min())


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("seed", DORMANT)
def test_a_restart_with_replay_beats_replay_alone_where_a_unit_is_dormant(seed, share):
    """Catastrophic slowing at intermediate similarity: on both tasks, from weights drawn anew."""
    assert least(seed) < 0.05
    for V in (0.4, 0.6, 0.8):
        assert (gains(seed, V, share) < 0.97).all()


@pytest.mark.parametrize("seed", SHARED)
def test_where_both_units_have_learnt_the_first_task_a_restart_does_not_help_it(seed):
    assert least(seed) > 0.3
    for V in (0.6, 0.8):
        assert gains(seed, V, 0.1)[0] > 1.5


def test_early_transfer_grows_with_similarity_and_late_forgetting_does_not():
    V = np.linspace(0, 1, 11)
    runs = [two_phases(v, times=(1.0, 10.0, 200.0)) for v in V]
    eg = np.log10([run.eg.values for run in runs])
    transfer = eg[:, :1, 1] - eg[:, :, 1]
    assert (np.diff(transfer[:, 2]) > 0).all()  # at 10 after the switch
    early = eg[:, 1, 0] - eg[:, 0, 0]
    assert early.argmax() > 6 > (eg[:, 3, 0] - eg[:, 0, 0]).argmax()
    assert abs(early[0]) < 0.05 < early[2]  # forgetting begins with the square of the similarity
