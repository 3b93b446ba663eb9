"""Forgetting and transfer against the similarity of features and of readouts, in wide networks on few inputs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.continual import MultiTask, Phase, Teachers, forgetting, simulate, summary, teachers, transfer
from tutelage.online.rule import OnlineSGD
from tutelage.papers import Reproduction
from tutelage.papers.common import labelled, panels
from tutelage.progress import progress

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

__all__ = ["similarity_maps"]

SOON = 100.0  # steps after the switch at which rates are taken
CONVENTION = (
    "student (1/K) sum_k h_k g(w_k.x / sqrt(N)), teachers (1/sqrt(M)) sum_m v_m g(w_m.x / sqrt(N)); "
    "steps -lr d loss / d weight; eg has the factor 1/2"
)
MEASURES = {"rate": "per unit of time, soon", "long_time": "in the end", "maximum": "at most"}


def similarity_maps(
    features: int = 6,
    readouts: int = 6,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    *,
    inputs: int = 15,
    students: int = 120,
    units: int = 30,
    steps: int = 100_000,
    lr: float = 5.0,
    std: float = 1e-3,
) -> Reproduction:
    r"""Maps of forgetting and transfer, in decades of the error, for teachers of all similarities.

    Finding: soon after the switch forgetting and transfer are fastest where teachers agree in features and in readouts.
    In the end the first task is kept where they agree in both, and there alone: elsewhere it is forgotten alike.

    Parameters
    ----------
    features, readouts : int
        Similarities of either kind, evenly spaced from 0 to 1.
    seeds : sequence of int
        Of teachers, starts and examples; maps are means over them.
    inputs, students, units : int
        N, K and M >= 2 N. The paper has 15, 1,000 and 250.
    steps : int
        Of each task. The paper has 1.5 million, or as many as the first task takes to an error of 1e-4.
    lr : float
        Of both layers.
    std : float
        Of weights and heads at the start.

    Notes
    -----
    Real weights, as there are more units than inputs; errors are exact for Gaussian inputs. The columns of a teacher's
    weights (M, N) are orthogonal, and V of the second teacher are those of the first, with the rest orthogonal to
    them; readouts are normal numbers of fixed length, turned by :math:`\arccos \tilde V`. With heads :math:`h / K` the
    rates of the package's convention are `lr` for weights and `lr` :math:`N / K^2` for heads.

    Measured with the defaults, first-task errors of 0.002 to 0.006 at the switch: late forgetting is 0.13 to 0.26
    decades where both similarities are 1, and at least 0.73 elsewhere, in every seed. Its means over seeds are 1.00
    next to that corner, at equal features and readouts of 0.8, and 1.16 to 1.30 everywhere else, with standard errors
    up to 0.14. Late transfer is 2.1 to 2.4 decades everywhere, with standard errors up to 0.16: that it depends on
    readouts for equal features, as in the paper's wider networks and longer runs, does not show at this size.
    """
    V, Vt = np.linspace(0, 1, features), np.linspace(0, 1, readouts)
    since = np.unique(np.round(np.geomspace(10, steps, 4 * round(np.log10(steps / 10)) + 1)))
    times, span = np.concatenate([[steps], steps + since]) / inputs, steps / inputs
    rule = OnlineSGD("erf", lr=lr, lr_readout=lr * inputs / students**2, train="both")
    first = int((since <= SOON).sum())
    data: dict[str, np.ndarray] = {f"{of}_{name}": np.empty((len(seeds), features, readouts))
            for of, name in product(("forgetting", "transfer"), MEASURES)}  # fmt: skip
    data["switch"] = np.empty(len(seeds))
    with progress("maps", float(len(seeds) * features * readouts)) as bar:
        for done, (s, i, j) in enumerate(np.ndindex(len(seeds), features, readouts)):
            pair = _teachers(float(V[i]), float(Vt[j]), units, inputs, seeds[s])
            W, state = _start(pair, students, std, seeds[s])
            ds = simulate(
                rule, state, [Phase(0, span), Phase(1, span)], times, dim=inputs, replicas=1, seed=seeds[s],
                engine="weights", weights=(W, pair.weights), progress=False,
            ).isel(replica=0)  # fmt: skip
            for of, curve in (("forgetting", forgetting(ds)), ("transfer", transfer(ds))):
                numbers = summary(curve, first)
                for name in MEASURES:
                    data[f"{of}_{name}"][s, i, j] = float(numbers[name])
            data["switch"][s] = float(ds.eg_switch[0, 0])
            bar.update(done + 1.0)
    shaped: dict[str, Any] = {name: (("seed", "feature", "readout")[: each.ndim], each) for name, each in data.items()}
    sizes = {"inputs": inputs, "students": students, "units": units, "steps": steps, "lr": lr}
    maps = labelled(CONVENTION, shaped, {"seed": seeds, "feature": V, "readout": Vt}, sizes)
    return Reproduction({"maps": maps}, _picture(maps), _numbers(maps))


def _teachers(feature: float, readout: float, units: int, inputs: int, seed: int) -> Teachers:
    """Return two teachers of exactly these similarities, whose inputs' columns (M,) are orthogonal."""
    rng = np.random.default_rng([seed, 1])
    A, Z = np.split(np.linalg.qr(rng.standard_normal((units, 2 * inputs)))[0] * np.sqrt(units), 2, axis=1)
    v, u = np.linalg.qr(rng.standard_normal((units, 2)))[0].T
    return teachers([A, feature * A + np.sqrt(1 - feature**2) * Z], [v, readout * v + np.sqrt(1 - readout**2) * u])


def _start(pair: Teachers, students: int, std: float, seed: int) -> tuple[np.ndarray, MultiTask]:
    rng = np.random.default_rng([seed, 2])
    W, heads = std * rng.standard_normal((students, pair.dim)), std * rng.standard_normal((2, students)) / students
    return W, MultiTask.from_weights(W, pair, heads)


def _numbers(maps: xarray.Dataset) -> dict[str, float]:
    """Return the numbers that show the finding, of means over seeds."""
    agree = {"feature": -1, "readout": -1}
    both = (maps.feature == 1) & (maps.readout == 1)
    apart = (maps.feature == 0) | (maps.readout == 0)
    numbers = {"error at the switch, largest": float(maps.switch.max())}
    for of in ("forgetting", "transfer"):
        rate, late = maps[f"{of}_rate"].mean("seed"), maps[f"{of}_long_time"].mean("seed")
        numbers |= {
            f"early {of}, equal teachers": float(rate.isel(agree)),
            f"early {of}, at most where features or readouts are unrelated": float(rate.where(apart).max()),
            f"late {of}, equal teachers": float(late.isel(agree)),
            f"late {of}, at least elsewhere": float(late.where(~both).min()),
            f"late {of}, at most elsewhere": float(late.where(~both).max()),
        }
    return numbers


def _picture(maps: xarray.Dataset) -> Figure:
    with panels(2, 3, width=6.8, height=2.3) as (figure, axes):
        for ax, (of, (name, words)) in zip(axes, product(("forgetting", "transfer"), MEASURES.items()), strict=True):
            values = maps[f"{of}_{name}"].mean("seed").transpose("readout", "feature")
            image = ax.pcolormesh(maps.feature, maps.readout, values, cmap="viridis", shading="nearest", linewidth=0)
            figure.colorbar(image, ax=ax)
            ax.set_title(f"{of}, {words}", fontsize=7)
            ax.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        for ax in axes[3:]:
            ax.set(xlabel="similarity of features")
        for ax in axes[::3]:
            ax.set(ylabel="of readouts")
    return figure
