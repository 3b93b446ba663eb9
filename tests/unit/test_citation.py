"""What `tl.citation` says of each way to use the package; the works it knows are those the pages refer to."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import xarray
from matplotlib.figure import Figure

import tutelage as tl
from tutelage.figures import FIGURES
from tutelage.papers import catalogue
from tutelage.works import BEHIND, VIEWS, _works

ROOT = Path(tl.__file__).parents[2]
STATE = tl.Overlaps(Q=[[1.0]], R=[[0.3]], T=[[1.0]])
ONLINE = {"saad1995exact", "saad1995online", "biehl1995", "goldt2019"}


def keys(*things: object) -> set[str]:
    return set(re.findall(r"^@\w+\{(\w+),", tl.citation(*things), flags=re.MULTILINE))


def test_the_software_comes_first_and_alone_by_default():
    assert keys() == {"tutelage"}
    assert tl.citation(STATE).startswith("@software{tutelage,")
    assert f"version = {{{tl.__version__}}}" in tl.citation()


@pytest.mark.parametrize(
    ("thing", "behind"),
    [
        (tl.OnlineSGD(), ONLINE),
        (tl.OnlineSGD(terms="flow"), ONLINE | {"arnaboldi2023", "veiga2022"}),
        (tl.OnlineSGD("square", constraint="sphere"), ONLINE | {"arnaboldi2023escaping"}),
        (STATE, set()),
        (tl.solve, ONLINE),
        (tl.continual, {"lee2021", "lee2022"}),
        (tl.landscape.flow, {"brea2023"}),
        (tl.landscape.spectral_density, {"brea2023", "ubaru2017"}),
        (tl.landscape.MLP(inputs=1, layers=[(1, "tanh", True)]), {"brea2023"}),
        (tl.continual.optimal_protocol, {"lee2021", "lee2022", "mori2024"}),
        ("regimes.phase_retrieval", {"veiga2022", "arnaboldi2023", "arnaboldi2023escaping"}),
        ("goldt2019/linear", {"goldt2019"}),
        (catalogue()["couto2025/rank-maps"], {"couto2025"}),
        ("saad1995exact", {"saad1995exact"}),
        (tl.conventions.Lee2021, {"lee2021"}),
        (tl.conventions.SaadSolla1995(eta=1.0, K=1, M=1), {"saad1995exact", "saad1995online"}),
        (tl.conventions.Setting, set()),
    ],
    ids=range(17),
)
def test_of_what_was_used(thing, behind):
    assert keys(thing) == {"tutelage"} | behind


def test_of_datasets():
    rule, alpha = tl.OnlineSGD(lr=0.1), [0.0, 0.5]
    assert keys(tl.solve(rule, STATE, alpha)) == {"tutelage"} | ONLINE
    sim = tl.simulate(rule, STATE, alpha, dim=20, replicas=1)
    assert keys(sim) == {"tutelage", "lu2021", "arnaboldi2023"} | ONLINE
    assert keys(tl.simulate(rule, STATE, alpha, dim=20, replicas=1, engine="sde")) == {"tutelage", "kurtz1971"} | ONLINE
    teachers = tl.continual.two_teachers(1, feature_similarity=0.5, readout_similarity=1.0, dim=50, seed=0)
    state = tl.continual.MultiTask.random(2, teachers, std=1e-3, seed=1)
    weighty = tl.continual.Phase(task=1, alpha=0.5, consolidate=tl.continual.Consolidation(1.0))
    plain = [tl.continual.Phase(task=0, alpha=0.5), tl.continual.Phase(task=1, alpha=0.5)]
    assert keys(tl.continual.solve(rule, state, plain)) == {"tutelage", "lee2021", "lee2022"} | ONLINE
    held = tl.continual.solve(rule, state, [plain[0], weighty])
    assert keys(held) == {"tutelage", "lee2021", "lee2022", "kirkpatrick2017"} | ONLINE


@pytest.mark.parametrize(
    ("run", "engine", "behind"),
    [
        ("solve", "weights", set()),
        ("simulate", None, {"lu2021", "arnaboldi2023"}),
        ("simulate", "weights", set()),
        ("fixed_point", None, {"biehl1996"}),
    ],
)
def test_of_sweeps(run, engine, behind):
    base = {
        "student": {"activation": "linear"},
        "teacher": {"activation": "linear"},
        "time": {"alpha_max": 1.0, "points": 2},
        "simulation": {"dim": 20, "replicas": 1} | ({"engine": engine} if engine else {}),
    }
    ds = tl.sweep(base, {"rule.lr": [0.1, 0.2]}, run=run, workers=1, progress=False)
    assert keys(ds) == {"tutelage"} | ONLINE | behind


def test_of_traces():
    ds = tl.phase.trace(None, {"x": (0, 2)}, run=_large, points=2, halvings=1, workers=1)
    assert keys(ds) == {"tutelage", "veiga2022"}


def test_of_functions_of_ones_own():
    """The tool alone, and what their results say that they are made of."""
    options = {"workers": 1, "progress": False}
    assert keys(tl.sweep(None, {"x": [0, 2]}, run=_large, **options)) == {"tutelage"}
    kept = tl.sweep(None, {"dim": [20]}, run=_curve, **options)
    assert keys(kept) == keys(_curve(20)) == {"tutelage", "lu2021", "arnaboldi2023"} | ONLINE
    edge = tl.phase.trace(None, {"x": (0, 2)}, _above, run=_solved, points=2, halvings=1, **options)
    assert keys(edge) == {"tutelage", "veiga2022"} | ONLINE


def _solved(x):
    return tl.solve(tl.OnlineSGD(lr=x), STATE, [0.5])


def _above(ds):
    return bool(ds.eg[-1] > 0.1)


def _curve(dim):
    return tl.simulate(tl.OnlineSGD(), STATE, [0.5], dim=dim, replicas=1)


@pytest.mark.parametrize("paper", FIGURES)
def test_figures_are_known_by_name(paper):
    assert tuple(name for name in catalogue() if name.partition("/")[0] == paper) == tuple(
        f"{paper}/{figure}" for figure in FIGURES[paper]
    ), "say in tutelage/figures.py which figures the paper has"
    assert keys(f"{paper}/{FIGURES[paper][-1]}") == {"tutelage", paper}
    with pytest.raises(
        tl.ArgumentError, match=f"of {paper}, .*{FIGURES[paper][-1]}, but one of them is '{paper}/nope'"
    ):
        tl.citation(f"{paper}/nope")


def _large(x):
    return x > 1


def test_every_convention_has_its_paper():
    for name in ("Goldt2019", "Arnaboldi2023", "Veiga2022", "Pezeshki2022", "Brea2023", "Couto2025"):
        assert keys(getattr(tl.conventions, name)) == {"tutelage", name.lower()}


def test_of_a_figure_and_of_its_data():
    made = catalogue()["couto2025/rank-maps"].run(inputs=(1, 2), hidden=(1,))
    assert keys(made) == {"tutelage", "couto2025"}
    assert all(keys(ds) == {"tutelage", "couto2025"} for ds in made.datasets.values())


@pytest.mark.parametrize(
    ("thing", "sentence"),
    [
        ("goldt2018", "named by one of tutelage, saad1995exact"),
        ("saad1995exact/3", "named by one of tutelage, saad1995exact"),
        ("landscape/flow", "named by one of tutelage, saad1995exact"),
        (
            "lee2021/",
            "of lee2021, through-the-switch, feature-similarity, similarity-maps, but one of them is 'lee2021/'",
        ),
        (np.zeros(3), "one by one"),
        (["goldt2019"], "one by one"),
        (3, "of builtins"),
        (np.dot, "of numpy"),
        (xarray.Dataset({"eg": ("alpha", [1.0])}), "say what made them"),
        (xarray.DataArray([1.0]), "whole datasets"),
        (Figure(), "its datasets"),
    ],
    ids=range(11),
)
def test_what_it_does_not_know(thing, sentence):
    with pytest.raises(tl.ArgumentError, match=sentence):
        tl.citation(thing)


def test_every_work_is_an_entry_and_every_module_there():
    works = _works()
    assert {key for several in BEHIND.values() for key in several} <= set(works)
    assert {name.partition("/")[0] for name in catalogue()} <= set(works)
    package = ROOT / "src" / "tutelage"
    for module in (*BEHIND, *VIEWS.values()):
        path = package.joinpath(*module.split("."))
        assert path.is_dir() or path.with_suffix(".py").is_file(), module
    for key, entry in works.items():
        assert entry.count("{") == entry.count("}"), key
        assert {"title", "author", "year"} <= set(re.findall(r"^  (\w+)\s+=", entry, flags=re.MULTILINE)), key


def test_every_preprint_that_is_referred_to_is_an_entry():
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("src/**/*.py")]
    found = {number for path in texts for number in re.findall(r"arXiv:(\d{4}\.\d{5})", path.read_text("utf-8"))}
    assert len(found) > 10
    known = set(re.findall(r"eprint\s+= \{(.*)\}", "\n".join(_works().values())))
    assert found <= known
