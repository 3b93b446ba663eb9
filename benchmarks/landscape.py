"""Hessians, gradients and minima. Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/landscape.py``.

Hessians are held against the product of matrices that they contain (BLAS ``dsyrk``); with torch installed, also against
its automatic differentiation, with one thread. Minimisers are given seconds; what they reach stands beside Adam's.
"""

from __future__ import annotations

import os
import sys

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
if any(os.environ.get(name) != "1" for name in THREADS):  # read when BLAS is loaded: begin again with them set
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **dict.fromkeys(THREADS, "1")})

import numpy as np  # noqa: E402

from tutelage.landscape import MLP, descend, minimise  # noqa: E402
from tutelage.papers.brea2023.setting import problem  # noqa: E402
from tutelage.papers.brea2023.timing import Case, measure, random_case, two_layers  # noqa: E402

SHAPES = (
    (2, 10, 1000), (2, 50, 1000), (2, 100, 1000), (5, 20, 1000), (10, 20, 1000), (10, 50, 1000), (10, 100, 1000),
    (2, 10, 10_000), (2, 50, 10_000), (5, 20, 10_000), (10, 20, 10_000),
)  # fmt: skip
DEEP = (
    ("3-20-2, mse", 3, [(20, "softplus", True), (2, "linear", True)]),
    ("5-10-10-1, mse", 5, [(10, "tanh", True), (10, "softplus", True), (1, "linear", True)]),
    ("5-10-10-3, mse", 5, [(10, "softplus", True), (10, "softplus", True), (3, "linear", True)]),
    ("10-20-10-4, nll", 10, [(20, "softplus", True), (10, "tanh", True), (4, "softmax", True)]),
    ("8-16-16-16-2, mse", 8, [*[(16, "softplus", True)] * 3, (2, "linear", True)]),
    ("4-10-10-10-5, nll", 4, [*[(10, "tanh", True)] * 3, (5, "softmax", True)]),
)
TORCH = ("torch.func.hessian", "torch.autograd.functional.hessian")


def table(title: str, cases: list[Case], budget: float = 4.0) -> None:
    """Print the seconds of each case and the geometric means of all ratios."""
    print(f"\n{title}")
    ratios: dict[str, list[float]] = {}
    for case in cases:
        found = measure(case, budget)
        pairs = {"Hessian / dsyrk": found["hessian"] / found["dsyrk"]}
        pairs |= {f"{name} / ours": found[name] / found["hessian"] for name in TORCH if name in found}
        if "torch gradient" in found:
            pairs["torch gradient / ours"] = found["torch gradient"] / found["gradient"]
        for name, ratio in pairs.items():
            ratios.setdefault(name, []).append(ratio)
        each = ", ".join(f"{name} {ratio:.2f}" for name, ratio in pairs.items())
        print(f"  {case.name:24} P {case.net.size:5}  Hessian {1e3 * found['hessian']:8.3f} ms  {each}", flush=True)
    for name, values in ratios.items():
        print(
            f"  {name:44} geometric mean {np.exp(np.log(values).mean()):8.2f}, "
            f"from {min(values):.2f} to {max(values):.2f}"
        )


def example() -> None:
    """Five g units learn from five, two inputs, 10,000 samples, 15 parameters: from ten starts."""
    print("\nfive g units from five, N = 10,000, 15 parameters: minimise, second call")
    for seed in range(10):
        given = problem(2, 5, 5, seed, samples=10_000, activation="g", bias=False)
        minimise(given.objective, given.start, max_seconds=1, progress=False)
        print(f"  seed {seed}: {minimise(given.objective, given.start, progress=False)}", flush=True)


def valleys(seconds: float = 15.0) -> None:
    """Eight softplus units learn from four, 33 parameters: minimise and Adam, the same seconds."""
    print(f"\neight softplus units from four, N = 10,000, 33 parameters, {seconds:g} s each")
    for seed in range(5):
        given = problem(2, 4, 8, seed, samples=10_000)
        found = minimise(given.objective, given.start, ltol=1e-16, max_seconds=seconds, progress=False)
        how = {"lr": 1e-3, "method": "adam", "max_seconds": seconds, "progress": False}
        adam = descend(given.objective, given.start, 10**9, **how)
        loss = given.objective.loss(adam["p_last"].values)
        print(f"  seed {seed}: loss {found.loss:.1e} after {found.seconds:.1f} s; Adam {loss:.1e}", flush=True)


def main() -> None:
    """Print all."""
    table("two layers, softplus, biases", [two_layers(*shape) for shape in SHAPES])
    table("any depth, N = 1000", [random_case(name, MLP(inputs, layers), 1000) for name, inputs, layers in DEEP])
    example()
    valleys()


if __name__ == "__main__":
    main()
