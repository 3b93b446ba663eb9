"""What to cite: BibTeX of the works behind a dataset, a figure, a rule, a function or a room.

The works stand in works.bib, beside this file; `BEHIND` says which module rests on which of them.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from tutelage.errors import refuse
from tutelage.figures import FIGURES
from tutelage.version import __version__

__all__ = ["behind", "citation"]

SOFTWARE = "tutelage"
BEHIND = {  # a module rests on its own works and on those of what contains it
    "online": ("saad1995exact", "saad1995online", "biehl1995", "goldt2019"),
    "online.asymptotics": ("goldt2019generalisation",),
    "online.chain": ("lu2021", "arnaboldi2023"),
    "online.fixed_points": ("biehl1996",),
    "online.plateau": ("biehl1996",),
    "online.fluctuations": ("kurtz1971",),
    "regimes": ("veiga2022", "arnaboldi2023"),
    "regimes.mean_field": ("mei2018",),
    "regimes.mean_field_particles": ("mei2018",),
    "regimes.phase_retrieval": ("arnaboldi2023escaping",),
    "regimes.target": ("benarous2021",),
    "phase": ("veiga2022",),
    "landscape": ("brea2023",),
    "landscape.linear_networks": ("couto2025",),
    "landscape.marchenko_pastur": ("couto2025",),
    "landscape.matched": ("couto2025",),
    "landscape.quadratic": ("couto2025",),
    "landscape.rank_formulas": ("couto2025",),
    "landscape.ranks": ("couto2025",),
    "landscape.lanczos": ("ubaru2017",),
    "minima": ("brea2023",),
    "linear": ("pezeshki2022", "bodin2022"),
    "complexity": ("nakkiran2019",),
    "continual": ("lee2021", "lee2022"),
    "continual.control": ("mori2024",),
    "continual.importance": ("kirkpatrick2017",),
}
VIEWS = {  # what a dataset's `view` was made by
    "ode": "online",
    "chain": "online.chain",
    "weights": "online",
    "fluctuations": "online.fluctuations",
    "sde": "online.fluctuations",
    "continuation": "online.fixed_points",
    "mean_field": "regimes.mean_field",
    "flow": "landscape",
    "descent": "landscape",
    "minima": "minima",
    "distinct minima": "minima",
    "data mixing": "continual",
    "optimal protocol": "continual.control",
    "memorisation": "complexity",
    "memorisation directly": "complexity",
    "tracker": "complexity",
    "learning curve": "linear",
    "learning curve parts": "linear",
    "learning curve simulation": "linear",
    "learning curve on inputs": "linear",
}
RUNS = {"solve": "ode", "fixed_point": "continuation", "mean_field": "mean_field"}  # views of the runs of sweeps
CONVENTIONS = {"SaadSolla1995": ("saad1995exact", "saad1995online")}  # others have the name of their paper


def citation(*things: Any) -> str:
    """Return BibTeX of the works behind `things`, and of this software, which comes first.

    Parameters
    ----------
    *things : xarray.Dataset, Figure, Reproduction, OnlineSGD, module, class, function or str
        What was used: a dataset of any verb, a figure of a paper or what came out of it, a rule, a part of tutelage
        (``tl.continual``, ``tl.landscape.flow``) or an object of it, or a name: of a figure or paper
        ("goldt2019/linear", "goldt2019"), of a room ("continual") or of an entry ("saad1995exact"). Without any: the
        software alone.

    Returns
    -------
    str
        Entries in the order of the works, each once, ready for a .bib file.

    Raises
    ------
    ArgumentError
        If something is given that tutelage did not make, or a name it does not know, such as that of a figure.

    Examples
    --------
    >>> import tutelage as tl
    >>> print(tl.citation(tl.OnlineSGD(), "lee2021/through-the-switch"))  # doctest: +ELLIPSIS
    @software{tutelage,
    ...
    @article{saad1995exact,
    ...
    >>> tl.citation("lee2021").count("@")
    2
    """
    works = _works()
    wanted = {SOFTWARE}.union(*(_keys(thing) for thing in things))
    return "\n\n".join(entry for key, entry in works.items() if key in wanted) + "\n"


@cache
def _works() -> dict[str, str]:
    """Return the entries of works.bib by key."""
    text = (files("tutelage") / "works.bib").read_text(encoding="utf-8").replace("{VERSION}", f"{{{__version__}}}")
    entries = [entry.strip() for entry in re.split(r"^(?=@)", text, flags=re.MULTILINE) if entry.strip()]
    return {re.match(r"@\w+\{(\w+),", entry)[1]: entry for entry in entries}  # type: ignore[index]


def _keys(thing: Any) -> set[str]:
    """Return the keys of the works behind `thing`."""
    if isinstance(thing, str):
        return _named(thing)
    if hasattr(thing, "attrs") and hasattr(thing, "data_vars"):
        return _dataset(thing.attrs)
    if isinstance(datasets := getattr(thing, "datasets", None), dict):  # a reproduction
        return set().union(*(_keys(ds) for ds in datasets.values()))
    if hasattr(thing, "savefig"):
        raise refuse("things", "be what a picture was drawn from, such as its datasets", "one of them is a picture")
    if hasattr(thing, "attrs"):
        raise refuse("things", "be whole datasets, as they were made", f"one of them is a {type(thing).__name__}")
    if isinstance(thing, Iterable):
        raise refuse("things", "be given one by one", f"one of them is a {type(thing).__name__}")
    module = thing.__name__ if inspect.ismodule(thing) else getattr(thing, "__module__", type(thing).__module__)
    if module.split(".")[0] != "tutelage":
        raise refuse("things", "be of tutelage, or datasets made by it", f"one of them is of {module}")
    if isinstance(name := getattr(thing, "name", None), str) and module == "tutelage.papers":
        return _named(name)
    if module.startswith("tutelage.conventions."):
        return _convention(thing if inspect.isclass(thing) else type(thing))
    return _module(module.partition(".")[2]) | _rule(getattr(thing, "__dict__", {}))


def _named(name: str) -> set[str]:
    """Return the keys behind the name of a figure, paper, room or entry."""
    paper, slash, figure = name.removeprefix("tl.").removeprefix("tutelage.").partition("/")
    if paper in FIGURES and slash and figure not in FIGURES[paper]:
        known = ", ".join(FIGURES[paper])
        raise refuse("things", f"be figures that are here: of {paper}, {known}", f"one of them is {name!r}")
    keys = {paper} if paper in _works() else _module(paper)
    if not keys or (slash and paper not in FIGURES):
        known = ", ".join([*_works(), *(room for room in BEHIND if "." not in room)])
        raise refuse("things", f"be named by one of {known}", f"one of them is {name!r}")
    return keys


def _dataset(attributes: dict[str, Any]) -> set[str]:
    """Return the keys behind a dataset, or refuse one that does not say what made it."""
    keys = behind(attributes)
    if not keys and not {"sweep", "trace"} & set(attributes):
        raise refuse("things", "be datasets that say what made them", "one of them has no `settings` of a known view")
    return keys


def behind(attributes: Mapping[str, Any]) -> set[str]:
    """Return the keys of the works behind a dataset, by what its attributes say of how it was made."""
    keys = _named(attributes["figure"].partition("/")[0]) if "figure" in attributes else set()
    keys |= set(attributes.get("works", "").split())
    settings = json.loads(attributes.get("settings", "{}"))
    view = settings.get("view", attributes.get("view", _swept(attributes)))
    room, _, engine = view.partition(" ")
    keys |= _module(VIEWS.get(view, room))
    if room == "continual":
        keys |= _module(VIEWS.get(engine, "online"))
        keys |= _module("continual.importance") if any(map(_consolidates, settings.get("phases", ()))) else set()
    keys |= _rule(settings.get("rule", {}))
    return keys | (_module("phase") if "trace" in attributes else set())


def _swept(attributes: Mapping[str, Any]) -> str:
    """Return the view of the runs of a sweep or of a trace; none if they are of a function of the user's own."""
    plan = json.loads(attributes.get("sweep", attributes.get("trace", "{}")))
    if plan.get("run") != "simulate":
        return RUNS.get(plan.get("run"), "")
    engine = plan["base"].get("simulation.engine")
    return engine if engine in VIEWS else "chain"


def _consolidates(phase: Any) -> bool:
    return isinstance(phase, dict) and bool(phase.get("consolidate"))


def _convention(kind: type) -> set[str]:
    """Return the works whose convention this is, by its name."""
    return set(CONVENTIONS.get(kind.__name__, (kind.__name__.lower(),))) & _works().keys()


def _rule(settings: dict[str, Any]) -> set[str]:
    """Return the keys behind the options of a rule."""
    keys = {"arnaboldi2023", "veiga2022"} if settings.get("terms", "full") != "full" else set()
    return keys | ({"arnaboldi2023escaping"} if settings.get("constraint") == "sphere" else set())


def _module(path: str) -> set[str]:
    """Return the keys behind a module, given without "tutelage.", and behind what contains it."""
    return {key for part in _ways(path) for key in BEHIND.get(part, ())} | _paper(path)


def _ways(path: str) -> Iterator[str]:
    """Yield a dotted path and all that contains it: "a.b" and "a"."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def _paper(path: str) -> set[str]:
    """Return the paper whose module `path` is, if any."""
    parts = path.split(".")
    return {parts[1]} & _works().keys() if parts[0] == "papers" and len(parts) > 1 else set()
