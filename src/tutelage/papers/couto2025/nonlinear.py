"""Spectra of networks of polynomial and of erf units."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np

from tutelage.landscape import erf_hessian, matched_network, rank_formula, spectrum
from tutelage.papers import Reproduction
from tutelage.papers.common import panels
from tutelage.papers.couto2025.setting import dataset, label_of
from tutelage.progress import progress as bars

__all__ = ["erf_spectra", "polynomial_spectra"]

FLOOR = 1e-18  # below which nothing is drawn
TINY = 1e-6  # of the largest eigenvalue


def polynomial_spectra(
    activations: Sequence[str] = ("linear", "square", "polynomial(0, 1, 1)", "polynomial(0, 0, 0, 1)"),
    inputs: int = 8,
    hidden: int = 6,
    *,
    samples: int = 10_000,
    seed: int = 0,
) -> Reproduction:
    r"""All eigenvalues of polynomial networks at the optimum, in order.

    Finding: eigenvalues fall to rounding errors, about :math:`10^{-16}` of the largest, right after as many as the
    formula for the generic rank says.

    Parameters
    ----------
    activations : sequence of str
        Polynomials.
    inputs, hidden, samples : int
        Ni, Nh, and the number N of inputs N(0, 1).
    seed : int
        Of weights and inputs.
    """
    shares, summary = [], {}
    x = np.random.default_rng((seed, 1)).standard_normal((samples, inputs))
    for g in activations:
        teacher = matched_network(g, inputs, hidden, seed=seed)
        values = spectrum(teacher.net.hessian(teacher.p, x, teacher(x))).values[::-1]
        shares.append(np.abs(values) / values[0])
        rank = rank_formula(g, inputs, hidden).rank
        summary[f"{g}: rank by the formula"] = float(rank)
        summary[f"{g}: smallest eigenvalue that counts / largest"] = float(shares[-1][rank - 1])
        summary[f"{g}: the next one / largest"] = float(shares[-1][rank]) if rank < len(values) else 0.0
    ds = dataset(
        {"share": (("activation", "rank"), np.array(shares), {"long_name": "|eigenvalue| / largest"})},
        {"activation": activations, "rank": range(1, len(shares[0]) + 1)},
        {"inputs": inputs, "hidden": hidden, "samples": samples, "seed": seed},
    )
    with panels(1) as (figure, (ax,)):
        for i, (g, share, marker) in enumerate(zip(activations, shares, cycle("osD^v"), strict=False)):
            rank = rank_formula(g, inputs, hidden).rank
            ax.plot(ds["rank"], np.maximum(share, FLOOR), marker, color=f"C{i}", ms=2.5, mfc="none", label=label_of(g))
            ax.axvline(rank + 0.5, color=f"C{i}", lw=0.6, ls=":")
            ax.text(rank + 0.4, 1e-12, str(rank), color=f"C{i}", fontsize=7, ha="right")
        ax.set(yscale="log", xlabel="order", ylabel=r"$|\lambda_k| / \lambda_1$", ylim=(FLOOR / 2, 3))
        ax.set_title(f"$N_i = {inputs}$, $N_h = {hidden}$; dotted: rank by the formula")
        ax.legend(loc="center", bbox_to_anchor=(0.4, 0.4))
    return Reproduction({"spectra": ds}, figure, summary)


def erf_spectra(
    cases: Sequence[tuple[int, int]] = ((10, 5), (10, 20)), networks: int = 200, *, bins: int = 60, seed: int = 0
) -> Reproduction:
    r"""Eigenvalues of the population Hessian of erf networks at the optimum, in closed form.

    Finding: all are positive, so that every parameter counts, but they spread without a gap over many decades: with
    (10, 20) a few per cent are below a millionth of the largest, and would pass for zeros.

    Parameters
    ----------
    cases : sequence of (int, int)
        (Ni, Nh).
    networks : int
        Random networks for each.
    bins : int
    seed : int
    """
    from tutelage.plot import spectrum as draw

    datasets, histograms, summary = {}, {}, {}
    with bars("erf networks", float(networks * len(cases))) as bar:
        for n, (inputs, hidden) in enumerate(cases):
            values = np.empty((networks, hidden * (inputs + 1)))
            for i in range(networks):
                teacher = matched_network("erf", inputs, hidden, seed=seed + i)
                (W1, _), (W2, _) = teacher.net.unpack(teacher.p)
                values[i] = spectrum(erf_hessian(W1, W2[0])).values
                bar.update(float(n * networks + i + 1))
            name, shares = f"({inputs}, {hidden})", values / values[:, -1:]
            datasets[f"{inputs}-{hidden}"] = dataset(
                {"eigenvalues": (("network", "rank"), values)},
                {"rank": range(1, values.shape[1] + 1)},
                {"inputs": inputs, "hidden": hidden, "seed": seed},
            )
            histograms[f"$N_i = {inputs}$, $N_h = {hidden}$"] = shares
            steps = np.diff(np.log10(np.sort(np.abs(shares), axis=1)), axis=1)
            summary[f"{name}: smallest eigenvalue / largest"] = float(shares.min())
            summary[f"{name}: fraction below a millionth of the largest"] = float((shares < TINY).mean())
            summary[f"{name}: median of the widest gap, decades"] = float(np.median(steps.max(1)))
    with panels(1) as (figure, (ax,)):
        draw(histograms, bins=bins, log=True, ax=ax)
        ax.axvline(TINY, color="0.5", lw=0.6, ls=":")
        ax.set(xlabel=r"$\lambda_k / \lambda_1$", title=f"erf, {networks} networks each")
        ax.legend(loc="upper left")
    return Reproduction(datasets, figure, summary)
