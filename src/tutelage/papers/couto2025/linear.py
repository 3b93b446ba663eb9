"""Linear networks: the law of their spectra, the law on few samples, and averages over networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tutelage.landscape import LinearLaw, SampledLaw, linear_eigenvalues, matched_network
from tutelage.papers import Reproduction
from tutelage.papers.common import panels
from tutelage.papers.couto2025.setting import dataset, distance

if TYPE_CHECKING:
    import xarray

__all__ = ["annealed_quenched", "few_samples", "linear_spectra"]


def linear_spectra(
    cases: Sequence[tuple[int, int]] = ((10, 20), (30, 10)), networks: int = 40_000, *, bins: int = 80, seed: int = 0
) -> Reproduction:
    r"""Eigenvalues of random linear networks, with their law.

    Finding: the :math:`N_i` eigenvalues that are not zero follow :math:`s_2^2 \chi^2_{N_h}` convolved with
    :math:`s_1^2 N_h` times a Marchenko-Pastur law. With more inputs than units the latter has an atom, which shows as a
    chi-square peak.

    Parameters
    ----------
    cases : sequence of (int, int)
        (Ni, Nh) of each panel.
    networks : int
        For each case.
    bins : int
    seed : int

    Notes
    -----
    The summary has the Kolmogorov-Smirnov distances: eigenvalues of one network are not independent, so that they
    count as `networks` values or little more; and the Marchenko-Pastur part is a limit, off by about 1/Ni.
    """
    from tutelage.plot import spectrum

    datasets: dict[str, xarray.Dataset] = {}
    summary = {}
    with panels(len(cases)) as (figure, axes):
        for ax, (inputs, hidden) in zip(axes, cases, strict=True):
            law, name = LinearLaw(inputs, hidden), f"({inputs}, {hidden})"
            values = law.networks(networks, seed)
            datasets[f"{inputs}-{hidden}"] = dataset(
                {"eigenvalues": (("network", "rank"), values)},
                {"rank": range(1, inputs + 1)},
                {"inputs": inputs, "hidden": hidden, "seed": seed},
            )
            spectrum({f"{networks:,} networks": values}, {"law": law}, bins=bins, ax=ax)
            ax.set_title(f"linear, $N_i = {inputs}$, $N_h = {hidden}$")
            summary[f"{name}: distance from the law"] = distance(values, law)
            summary[f"{name}: variance"] = float(values.var())
            summary[f"{name}: variance, exact"] = law.exact_variance
            summary[f"{name}: zeros of each Hessian"] = float(hidden * (inputs + 1) - inputs)
    return Reproduction(datasets, figure, summary)


def few_samples(
    inputs: int = 200, hidden: int = 100, samples: int = 500, *, bins: int = 40, seed: int = 0
) -> Reproduction:
    r"""Eigenvalues of one linear network on few samples.

    Finding: with a few samples for each input the spectrum is wider than that of infinitely many, as Silverstein's
    equation says.

    Parameters
    ----------
    inputs, hidden, samples : int
        Ni, Nh, N.
    bins : int
    seed : int
        Of weights and inputs.
    """
    from tutelage.plot import spectrum

    teacher = matched_network("linear", inputs, hidden, seed=seed)
    (W1, _), (W2, _) = teacher.net.unpack(teacher.p)
    x = np.random.default_rng((seed, 1)).standard_normal((samples, inputs))
    # the Hessian is J' J / N: the eigenvalues that are not zero are those of J J' / N, or of the inputs' covariance
    A = W2[0] @ W2[0] * np.eye(inputs) + W1.T @ W1
    factor = x @ np.linalg.cholesky(A)
    values = np.linalg.eigvalsh(factor.T @ factor / samples)
    law = SampledLaw(linear_eigenvalues(W1, W2[0]), samples)
    limit = LinearLaw(inputs, hidden).of_network(float(W2[0] @ W2[0]))
    ds = dataset(
        {"eigenvalues": ("rank", values), "population": ("rank", law.population)},
        {"rank": range(1, inputs + 1)},
        {"inputs": inputs, "hidden": hidden, "samples": samples, "seed": seed},
    )
    with panels(1) as (figure, (ax,)):
        laws = {f"law, $N = {samples}$": law, r"law, $N \to \infty$": limit}
        spectrum({f"one network, $N = {samples}$": values}, laws, bins=bins, ax=ax)
        ax.set_title(f"linear, $N_i = {inputs}$, $N_h = {hidden}$")
    summary = {"distance from the law on these samples": distance(values, law)}
    summary["distance from the law of infinitely many"] = distance(values, limit)
    return Reproduction({"few-samples": ds}, figure, summary)


def annealed_quenched(
    inputs: int = 30,
    hidden: int = 10,
    networks: int = 20_000,
    *,
    time_max: float = 1000.0,
    eps: float = 0.01,
    shown: int = 8,
    seed: int = 0,
) -> Reproduction:
    r"""The loss of linear networks next to the optimum: averaged over networks, and of a typical one.

    Finding: with more inputs than units the average falls as :math:`t^{-(N_h/2 + 1)}`, carried by rare networks of
    small :math:`|W_2|^2`, while that of a typical network, :math:`\exp \langle \log L \rangle`, falls exponentially.

    Parameters
    ----------
    inputs, hidden, networks : int
        Ni, Nh, and random networks.
    time_max : float
        Learning rate times steps, of the last time.
    eps : float
        Standard deviation of the displacement in every weight; its average is taken exactly.
    shown : int
        Networks whose own losses are drawn.
    seed : int

    Notes
    -----
    Averages over networks become noisy where a handful carries them; they are drawn while their standard error is below
    a fifth.
    """
    law = LinearLaw(inputs, hidden)
    time = np.geomspace(0.05, time_max, 60)
    values = law.networks(networks, seed)
    each = np.array([eps**2 / 2 * (values * np.exp(-2 * t * values)).sum(1) for t in time])
    with np.errstate(divide="ignore"):
        typical = np.exp(np.log(each).mean(1))
    ds = dataset(
        {
            "annealed": ("time", each.mean(1)),
            "annealed_sem": ("time", each.std(1, ddof=1) / np.sqrt(networks)),
            "annealed_theory": ("time", law.mean_loss(time, eps)),
            "typical": ("time", typical),
            "typical_theory": ("time", law.typical_loss(time, eps)),
            "single": (("network", "time"), each.T[:shown]),
        },
        {"time": time},
        {"inputs": inputs, "hidden": hidden, "networks": networks, "eps": eps, "seed": seed},
    )
    known = (ds["annealed_sem"] < 0.2 * ds["annealed"]).values
    late = np.array([1e3, 1.1e3]) * hidden
    slope = np.diff(np.log(law.mean_loss(late, eps)))[0] / np.diff(np.log(late))[0]
    seen = time < 5
    gap = np.abs(np.log((ds["typical"] / ds["typical_theory"])[seen])).max()
    summary = {
        "largest relative distance of the average from theory": float(
            np.abs(ds["annealed"] / ds["annealed_theory"] - 1)[known].max()
        ),
        "largest distance of log L of the typical network from theory, t < 5": float(gap),
        "exponent of the average at late times": float(slope),
        "exponent predicted": -(hidden / 2 + 1) if inputs > hidden else np.nan,
        "typical over average, at time 10": float(law.typical_loss(10.0, eps) / law.mean_loss(10.0, eps)),
    }
    with panels(1) as (figure, (ax,)):
        for i, loss in enumerate(ds["single"].values):
            ax.plot(time, loss, color="0.75", lw=0.6, label=None if i else "single networks")
        for colour, name, label, use in (
            ("C0", "annealed", r"$\langle L \rangle$", known),
            ("C1", "typical", r"$\exp \langle \log L \rangle$", np.ones(len(time), bool)),
        ):
            ax.plot(time, ds[f"{name}_theory"], color=colour, label=f"{label}, theory")
            ax.plot(
                time[use], ds[name].values[use], "o", color=colour, mfc="none", label=f"{label}, {networks:,} networks"
            )
        ax.set(xscale="log", yscale="log", ylim=(1e-16 * eps**2, 30 * inputs * eps**2), xlim=(time[0], time[-1]))
        ax.set(xlabel=r"learning rate $\times$ steps", ylabel=r"loss $L$")
        ax.set_title(f"linear, $N_i = {inputs}$, $N_h = {hidden}$, $\\epsilon = {eps:g}$")
        ax.legend(loc="lower left")
    return Reproduction({"losses": ds}, figure, summary)
