"""`solve` against an integration that shares no code with it: its own averages, covariance, equations and steps.

The reference keeps one covariance of students, teachers' units and every snapshot, and moves its rows with a
Runge-Kutta method of fixed small steps. Its averages of erf units are checked against sampling.
"""

import numpy as np
import pytest

import tutelage as tl
from tutelage.continual import Consolidation, MultiTask, Phase, solve, two_teachers

# ------------------------------------------------------------------------ averages; arguments are indices into C


def I2(C, a, b):
    return 2 / np.pi * np.arcsin(C[a, b] / np.sqrt((1 + C[a, a]) * (1 + C[b, b])))


def I3(C, a, b, c):
    L3 = (1 + C[a, a]) * (1 + C[c, c]) - C[a, c] ** 2
    return 2 / np.pi / np.sqrt(L3) * (C[b, c] * (1 + C[a, a]) - C[a, b] * C[a, c]) / (1 + C[a, a])


def J2(C, a, b):
    return 2 / np.pi / np.sqrt((1 + C[a, a]) * (1 + C[b, b]) - C[a, b] ** 2)


def I4(C, a, b, c, d):
    A, B = 1 + C[a, a], 1 + C[b, b]
    L4 = A * B - C[a, b] ** 2

    def inner(c, d):
        return (
            L4 * C[c, d] - C[b, c] * C[b, d] * A - C[a, c] * C[a, d] * B
            + C[a, b] * (C[a, c] * C[b, d] + C[a, d] * C[b, c])
        )  # fmt: skip

    angle = inner(c, d) / np.sqrt((L4 + inner(c, c)) * (L4 + inner(d, d)))
    return 4 / np.pi**2 / np.sqrt(L4) * np.arcsin(np.clip(angle, -1, 1))


def test_averages_of_the_reference_are_those_of_samples():
    from scipy.special import erf

    rng = np.random.default_rng(0)
    A = rng.standard_normal((4, 5))
    C, x = A @ A.T / 4, rng.standard_normal((400_000, 5)) @ A.T / 2
    g, dg = erf(x / np.sqrt(2)), np.sqrt(2 / np.pi) * np.exp(-(x**2) / 2)
    cases = {
        I2(C, 0, 1): g[:, 0] * g[:, 1],
        I3(C, 0, 1, 2): dg[:, 0] * x[:, 1] * g[:, 2],
        I3(C, 2, 2, 0): dg[:, 2] * x[:, 2] * g[:, 0],
        J2(C, 0, 3): dg[:, 0] * dg[:, 3],
        I4(C, 0, 1, 2, 3): dg[:, 0] * dg[:, 1] * g[:, 2] * g[:, 3],
        I4(C, 1, 1, 2, 2): dg[:, 1] ** 2 * g[:, 2] ** 2,
        I4(C, 0, 1, 1, 3): dg[:, 0] * dg[:, 1] * g[:, 1] * g[:, 3],
    }
    for value, sample in cases.items():
        assert abs(value - sample.mean()) < 3.5 * sample.std() / np.sqrt(len(sample))


# ---------------------------------------------------------------------------------------------- the reference


class Reference:
    """Students are rows 0..K of C, the units of the teachers follow, then snapshots."""

    def __init__(self, start, lr=1.0, lr_head=1.0, noise=0.0, decay=0.0, batch=1):
        self.K, self.F = start.students, start.teachers
        self.C = np.block([[start.Q, start.R], [start.R.T, start.T]])
        self.h, self.v = start.heads.copy(), start.readouts
        self.lr, self.lr_head, self.noise, self.decay, self.batch = lr, lr_head, noise, decay, batch
        self.ends = []  # of phases: first row of the snapshot, head of the phase's task, covariance then

    def rate(self, C, h, p):
        """Derivative of the students' rows, and of heads, under the phase p."""
        K, n, more = self.K, len(C), 1 + p.get("input_noise", 0.0) ** 2
        mask = np.ones(K)
        mask[p.get("frozen", [])] = 0
        eta, dC, dh = self.lr * mask, np.zeros((K, n)), np.zeros_like(h)
        # what networks see (students through noisy inputs, teachers through clean ones), then all through noisy ones
        seen = np.block([[C, C], [C, C]])
        for block in (np.s_[:K, :K], np.s_[:K, n:], np.s_[n:, :K]):
            seen[block] *= more
        k, l = np.arange(K)[:, None], np.arange(K)[None]
        for t, share in p["shares"].items():
            head = t if len(h) > 1 else 0
            a = np.concatenate([h[head], -self.v[t]])
            f = np.arange(K + self.F)
            along = (a * I3(seen, k[..., None], n + np.arange(n)[:, None], f)).sum(-1)
            push = eta * h[head]
            dC -= share * push[:, None] * along
            i, j = k[:, :, None, None], l[:, :, None, None]
            four = I4(seen, i, j, f[:, None], f[None]) @ a @ a
            four += self.noise_of(p, t) ** 2 * J2(seen, k, l)
            # half of it for each of the two rows of Q
            dC[:, :K] += share * more / self.batch * np.outer(push, push) * four / 2
            dh[head] -= share * (
                self.lr_head * (a * I2(seen, k, f[None])).sum(1) + p.get("decay", self.decay) * h[head]
            )
        for gamma, first in p.get("springs", ()):
            dC -= (eta * gamma)[:, None] * (C[:K] - C[first : first + K])
        dC -= (p.get("decay", self.decay) * mask)[:, None] * C[:K]
        whole = np.zeros_like(C)
        whole[:K] += dC
        whole[:, :K] += dC.T
        return whole, dh * (not p.get("frozen_heads", False))

    def noise_of(self, p, t):
        return np.broadcast_to(p.get("noise", self.noise), len(self.v))[t]

    def go(self, p, dt=0.02):
        """Run a phase, and take a snapshot at its end."""
        if "copy" in p:
            self.h[p["task"]] = self.h[p["copy"]]
        p = {"shares": {p["task"]: 1.0}} | p
        p["springs"] = [(s * self.omega(kind, anchor), self.ends[anchor][0]) for s, kind, anchor in p.get("hold", ())]
        steps = round(p["alpha"] / dt)
        C, h = self.C, self.h
        for _ in range(steps):
            C1, h1 = self.rate(C, h, p)
            C2, h2 = self.rate(C + dt / 2 * C1, h + dt / 2 * h1, p)
            C3, h3 = self.rate(C + dt / 2 * C2, h + dt / 2 * h2, p)
            C4, h4 = self.rate(C + dt * C3, h + dt * h3, p)
            C, h = C + dt / 6 * (C1 + 2 * C2 + 2 * C3 + C4), h + dt / 6 * (h1 + 2 * h2 + 2 * h3 + h4)
        self.ends.append((len(C), p, h.copy(), C))
        K = self.K
        self.C, self.h = np.block([[C, C[:, :K]], [C[:K], C[:K, :K]]]), h.copy()

    def omega(self, kind, anchor):
        _, p, h, C = self.ends[anchor]
        K, t, k = self.K, p["task"], np.arange(self.K)
        mine = h[t if len(h) > 1 else 0]
        if kind == "fisher":
            return mine**2 * J2(C, k, k)
        if kind == "empirical":
            a, f = np.concatenate([mine, -self.v[t]]), np.arange(K + self.F)
            four = I4(C, k[:, None, None], k[:, None, None], f[:, None], f[None]) @ a @ a
            return mine**2 * (four + self.noise_of(p, t) ** 2 * J2(C, k, k))
        return {"node": mine**2, "quadratic": np.ones(K)}[kind] if isinstance(kind, str) else np.array(kind)

    def error(self, t):
        f = np.arange(self.K + self.F)
        a = np.concatenate([self.h[t if len(self.h) > 1 else 0], -self.v[t]])
        return a @ I2(self.C, f[:, None], f[None]) @ a / 2


HALF = {"replay": {0: 0.25}}, {"shares": {1: 0.75, 0: 0.25}}
# name: (K, M, settings of the start, phases for `solve`, the same for the reference)
CASES = {
    "switch": (2, 1, {}, [{}], [{}]),
    "four units": (4, 2, {}, [{}], [{}]),
    "noise": (3, 2, {}, [{"noise": (0.4, 0.2)}], [{"noise": (0.4, 0.2)}]),
    "one head": (3, 1, {"single_head": True}, [{}], [{}]),
    "one head, replay": (2, 2, {"single_head": True}, [HALF[0]], [HALF[1]]),
    "frozen unit": (3, 2, {}, [{"freeze_units": [1]}], [{"frozen": [1]}]),
    "frozen features": (2, 2, {}, [{"freeze_features": True}], [{"frozen": [0, 1]}]),
    "frozen heads": (3, 1, {}, [{"freeze_heads": True}], [{"frozen_heads": True}]),
    "input noise": (2, 2, {}, [{"input_noise": 0.5}], [{"input_noise": 0.5}]),
    "input noise, replay, frozen unit": (
        3, 1, {}, [{"input_noise": 0.7, "freeze_units": [0]} | HALF[0]], [{"input_noise": 0.7, "frozen": [0]} | HALF[1]]
    ),
    "replay": (2, 1, {}, [HALF[0]], [HALF[1]]),
    "interleaved": (3, 2, {}, [{"interleave": (3, 1, 0)}], [HALF[1]]),
    "decay": (2, 2, {}, [{"weight_decay": 0.1}], [{"decay": 0.1}]),
    "copied head": (3, 1, {}, [{"copy_head": 0}], [{"copy": 0}]),
    **{
        f"hold, {kind}": (
            3, 2, {}, [{"consolidate": Consolidation(strength, kind), "noise": 0.1}],
            [{"hold": [(strength, kind, 0)], "noise": 0.1}],
        )
        for kind, strength in (("node", 0.5), ("quadratic", 0.3), ("fisher", 1.0), ("empirical", 30.0))
    },
    "hold of one's own, frozen unit, input noise": (
        2, 2, {}, [{"consolidate": Consolidation(0.5, (1.0, 2.0)), "freeze_units": [0], "input_noise": 0.4}],
        [{"hold": [(0.5, (1.0, 2.0), 0)], "frozen": [0], "input_noise": 0.4}],
    ),
    "three phases, two holds": (
        2, 1, {}, [{}, {"task": 0, "consolidate": [Consolidation(0.4, anchor=0), Consolidation(0.2, "fisher")]}],
        [{}, {"task": 0, "hold": [(0.4, "node", 0), (0.2, "fisher", 1)]}],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("K", "M", "kind", "ours", "theirs"), CASES.values(), ids=CASES)
def test_the_reference(K, M, kind, ours, theirs):
    teachers = two_teachers(M, 0.6, 1.0 if M == 1 else 0.3, dim=200, seed=1)
    start = MultiTask.random(K, teachers, 0.5, 0.5, seed=2, **kind)
    rule = tl.OnlineSGD(lr=0.9, lr_readout=0.6, noise=0.1, train="both", batch=2)
    reference = Reference(start, 0.9, 0.6, 0.1, batch=2)
    phases, ends = [Phase(0, 8.0)], np.cumsum([8.0] + [6.0] * len(ours))
    reference.go({"task": 0, "alpha": 8.0})
    for mine, other in zip(ours, theirs, strict=True):
        phases.append(Phase(**{"task": 1, "alpha": 6.0} | mine))
        reference.go({"task": 1, "alpha": 6.0} | other)
    ds = solve(rule, start, phases, alpha=ends)
    C, F = reference.C, start.teachers
    np.testing.assert_allclose(ds.Q[-1], C[:K, :K], atol=1e-5)
    np.testing.assert_allclose(ds.R[-1], C[:K, K : K + F], atol=1e-5)
    np.testing.assert_allclose(ds.heads[-1], reference.h, atol=1e-5)
    np.testing.assert_allclose(ds.eg[-1], [reference.error(0), reference.error(1)], atol=1e-5)
    np.testing.assert_allclose(ds.Q[0], reference.ends[0][3][:K, :K], atol=1e-5)  # at the first switch
    assert abs(ds.Q[-1] - ds.Q[0]).max() > 1e-3 or "freeze_features" in ours[0]


def test_the_steps_of_the_reference_are_small_enough():
    start = MultiTask.random(2, two_teachers(dim=200), 0.5, 0.5)
    coarse, fine = Reference(start), Reference(start)
    coarse.go({"task": 0, "alpha": 5.0}, dt=0.04), fine.go({"task": 0, "alpha": 5.0})
    assert np.abs(coarse.C - fine.C).max() < 1e-6
