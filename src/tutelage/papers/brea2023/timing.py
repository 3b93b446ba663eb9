"""How long derivatives take: against the product of matrices that bounds them, and against torch where it is installed.

Torch is no dependency of ours and is imported nowhere else. Install it (``pip install torch``) to see its side.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from tutelage.landscape import MLP
from tutelage.papers import Reproduction
from tutelage.papers.brea2023.setting import dataset
from tutelage.papers.common import panels
from tutelage.progress import progress as bars

__all__ = ["Case", "derivative_times", "measure", "two_layers"]

CHUNK = 512  # samples of one matrix product: its rows stay in the cache
MATRIX = 2e9  # bytes that torch's vectorised Hessian may take, about 8 P N units


class Case(NamedTuple):
    """A network, samples and parameters."""

    name: str
    net: MLP
    x: np.ndarray
    y: np.ndarray
    p: np.ndarray


def two_layers(inputs: int, units: int, samples: int, activation: str = "softplus") -> Case:
    """Return the case of the paper: one hidden layer, biases, one linear output."""
    net = MLP(inputs, [(units, activation, True), (1, "linear", True)])
    return random_case(f"{inputs}-{units}-1, N = {samples}", net, samples)


def random_case(name: str, net: MLP, samples: int, seed: int = 0) -> Case:
    """Return a case of random parameters and data."""
    rng = np.random.default_rng(seed)
    y = (
        rng.integers(net.outputs, size=samples)
        if net.loss_name == "nll"
        else rng.standard_normal((samples, net.outputs))
    )
    return Case(name, net, rng.standard_normal((samples, net.inputs)), y, rng.standard_normal(net.size))


def measure(case: Case, budget: float = 3.0, rounds: int = 7) -> dict[str, float]:
    """Return the median seconds of each way to a gradient or Hessian, in turn.

    Parameters
    ----------
    case : Case
    budget : float
        Seconds for each way, about.
    rounds : int
        Of all ways in turn.

    Returns
    -------
    dict
        "gradient", "hessian" (ours, both with the loss); "dsyrk", the product J J' of a matrix of P rows and as many
        columns as samples; with torch "torch gradient", "torch.func.hessian", "torch.autograd.functional.hessian".
    """
    objective = case.net.on(case.x, case.y)
    ways: dict[str, Callable[[], Any]] = {
        "gradient": lambda: objective.loss_and_gradient(case.p),
        "hessian": lambda: objective.derivatives(case.p),
        "dsyrk": _dsyrk(case),
    }
    if find_spec("torch") is not None:
        ways |= _torch_ways(case, objective)
    return _medians(ways, budget, rounds)


def _medians(ways: dict[str, Callable[[], Any]], budget: float, rounds: int) -> dict[str, float]:
    """Return the median seconds of calls made in turn; fast ones are repeated within a round."""
    repeats, left = {}, {}
    for name, way in ways.items():
        way()
        begin = time.perf_counter()
        way()
        once = max(time.perf_counter() - begin, 1e-7)
        repeats[name] = max(1, math.floor(min(budget / rounds, 0.05) / once))
        left[name] = max(1, min(rounds, math.floor(budget / once)))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name, way in ways.items():
            if turn >= left[name]:
                continue
            begin = time.perf_counter()
            for _ in range(repeats[name]):
                way()
            seconds[name].append((time.perf_counter() - begin) / repeats[name])
    return {name: float(np.median(each)) for name, each in seconds.items()}


def _dsyrk(case: Case) -> Callable[[], Any]:
    from scipy.linalg.blas import dsyrk

    N, P = len(case.x), case.net.size
    J = np.asfortranarray(np.random.default_rng(0).standard_normal((P, min(N, CHUNK))))
    C = np.zeros((P, P), order="F")

    def product() -> np.ndarray:
        C.fill(0.0)
        for start in range(0, N, CHUNK):
            dsyrk(1.0, J[:, : min(CHUNK, N - start)], beta=1.0, c=C, overwrite_c=1)
        return C

    return product


def _torch_ways(case: Case, objective: Any) -> dict[str, Callable[[], Any]]:
    """Return gradient and Hessian by torch, after checking that they are those of ours."""
    import torch

    torch.set_num_threads(1)
    p, loss = torch.tensor(case.p), _torch_loss(case)
    live = p.clone().requires_grad_(True)

    def gradient() -> Any:
        live.grad = None
        value = loss(live)
        value.backward()
        return live.grad

    ours = objective.gradient(case.p)
    if np.abs(gradient().numpy() - ours).max() > 1e-9 * np.abs(ours).max():
        raise AssertionError(f"torch computes another gradient for {case.name}")
    ways: dict[str, Callable[[], Any]] = {"torch gradient": gradient}
    ways["torch.autograd.functional.hessian"] = lambda: torch.autograd.functional.hessian(loss, p)
    if 8 * len(case.x) * case.net.size * max(layer.units for layer in case.net.stack) < MATRIX:
        func = torch.func.hessian(loss)
        ways["torch.func.hessian"] = lambda: func(p)
    return ways


def _torch_loss(case: Case) -> Callable[[Any], Any]:
    """Return the loss of a case as a function of a tensor of its parameters."""
    import torch
    from torch.nn import functional

    x, y = torch.tensor(case.x), torch.tensor(case.y)
    known = {"softplus": functional.softplus, "tanh": torch.tanh, "linear": lambda z: z, "sigmoid": torch.sigmoid}
    layers, start = [], 0
    for layer in case.net.stack:
        name = layer.groups[0][0].name if layer.groups else "linear"
        layers.append((start, layer, known[name]))
        start += layer.size

    def loss(p: Any) -> Any:
        a = x
        for begin, layer, activation in layers:
            A = p[begin : begin + layer.size].reshape(layer.units, layer.columns)
            z = functional.linear(a, A[:, : layer.inputs], A[:, -1] if layer.bias else None)
            a = activation(z)
        if case.net.loss_name == "nll":
            return functional.cross_entropy(a, y)
        return ((a - y) ** 2).sum(1).mean()

    return loss


def derivative_times(
    shapes: Sequence[tuple[int, int, int]] = (
        (2, 10, 1000), (2, 50, 1000), (2, 100, 1000), (5, 20, 1000), (10, 20, 1000), (10, 50, 1000),
        (2, 10, 10_000), (2, 50, 10_000), (10, 20, 10_000),
    ),
    *,
    budget: float = 3.0,
) -> Reproduction:  # fmt: skip
    r"""Seconds for Hessians and gradients, against the matrix product that bounds them, and torch where installed.

    Finding: a Hessian takes little more than the product J J' that it contains, and a small part of what automatic
    differentiation needs.

    Parameters
    ----------
    shapes : sequence of (int, int, int)
        Inputs, units, samples: softplus, biases, one linear output.
    budget : float
        Seconds for each way of each shape, about.

    Notes
    -----
    Torch has one thread; both Hessian and product have as many as BLAS takes, one with ``OPENBLAS_NUM_THREADS=1``. The
    paper compares with torch 1.13.
    """
    rows = []
    with bars("timing", len(shapes), True) as bar:
        for i, shape in enumerate(shapes):
            rows.append(measure(two_layers(*shape), budget))
            bar.update(i + 1)
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = np.array([[row.get(name, np.nan) for row in rows] for name in names])
    sizes = [two_layers(a, b, 1).net.size for a, b, _ in shapes]
    labels = [f"{a}-{b}, {n}" for a, b, n in shapes]
    ds = dataset(
        {"seconds": (("way", "shape"), table), "parameters": ("shape", sizes)},
        {"way": names, "shape": labels},
        {"budget": budget},
    )
    order = np.argsort(table[names.index("dsyrk")])
    with panels(1, height=3.0) as (figure, (ax,)):
        for i, name in enumerate(names):
            ax.plot(1e3 * table[i, order], "o-", color=f"C{i}", ms=3, label=_LABELS.get(name, name))
        ax.set_xticks(range(len(shapes)), [labels[i] for i in order], rotation=45, ha="right")
        ax.set(yscale="log", ylabel="milliseconds", xlabel="inputs-units, samples")
        ax.legend(fontsize=6)
    return Reproduction({"times": ds}, figure, _ratios(names, table))


_LABELS = {"hessian": "Hessian, gradient and loss", "gradient": "gradient and loss", "dsyrk": "product J J' alone"}


def _ratios(names: list[str], table: np.ndarray) -> dict[str, float]:
    """Return geometric means over shapes of ratios to ours."""
    at = dict(zip(names, table, strict=True))
    pairs = {"Hessian over product": at["hessian"] / at["dsyrk"]}
    for name in names:
        if name.startswith("torch"):
            ours = at["gradient" if name == "torch gradient" else "hessian"]
            pairs[f"{name} over ours"] = at[name] / ours
    result = {}
    for name, each in pairs.items():
        result[f"{name}, geometric mean"] = float(np.exp(np.nanmean(np.log(each))))
        result[f"{name}, least"], result[f"{name}, most"] = float(np.nanmin(each)), float(np.nanmax(each))
    return result
