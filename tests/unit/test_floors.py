"""The house stands: every room imports only from below, and what is cheap to import stays cheap.

Imports under TYPE_CHECKING and inside functions count as well: both tie a room to another.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tutelage

PACKAGE = Path(tutelage.__file__).parent
FLOORS = {
    "errors": 0,
    "activations": 0,
    "conventions": 0,
    "kernels": 0,
    "data": 0,
    "pointers": 0,
    "version": 0,
    "figures": 0,
    "gaussian": 1,
    "networks": 2,
    "overlaps": 2,
    "coincidence": 2,
    "results": 2,
    "progress": 2,
    "problem": 2,
    "online": 3,
    "landscape": 3,
    "linear": 3,
    "continual": 4,
    "regimes": 4,
    "complexity": 4,
    "sweeps": 5,
    "phase": 5,
    "minima": 5,
    "plot": 5,
    "works": 5,
    "papers": 6,
    "again": 7,
    "cli": 7,
    "__main__": 7,
    "explore": 7,
}
APART = (1, 3, 4, 6)  # floors of several rooms that know nothing of each other; the others are one room each


def modules() -> dict[str, str]:
    """Return the source of every module by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("tutelage", *path.relative_to(PACKAGE).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return found


SOURCES = modules()


def imports(module: str, source: str) -> Iterator[str]:
    """Yield the names of ours that a module imports, wherever in it: modules, or names in the package itself."""
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively, in line {node.lineno}"
            base = node.module or ""
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                names.append(whole if whole in SOURCES or base == "tutelage" else base)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            names = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        yield from (name for name in names if name.split(".")[0] == "tutelage")


def trespasses(module: str, source: str) -> list[str]:
    """Return the imports of a module that the floors forbid."""
    return [f"{module} imports {name}" for name in imports(module, source) if not _allowed(module, name)]


def _allowed(module: str, name: str) -> bool:
    home, other = (tuple(dotted.split(".")[1:]) for dotted in (module, name))
    if "kernels" in home:  # import kernels, of their own room or of one on a lower floor
        return "kernels" in other and (other[0] == home[0] or FLOORS[other[0]] < FLOORS[home[0]])
    if not other or other[0] not in FLOORS:
        return False
    mine, theirs = FLOORS[home[0]], FLOORS[other[0]]
    return theirs < mine or home[0] == other[0] or (theirs == mine and mine not in APART)


def test_every_module_has_a_floor() -> None:
    rooms = {name.split(".")[1] for name in SOURCES if name != "tutelage"}
    assert len(rooms) > 10
    assert rooms <= set(FLOORS), "say on which floor the new room stands (DESIGN: floors)"


@pytest.mark.parametrize("module", [name for name in SOURCES if name != "tutelage"])
def test_rooms_import_only_from_below(module: str) -> None:
    assert trespasses(module, SOURCES[module]) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("tutelage.overlaps", "from tutelage.online.rule import OnlineSGD"),
        ("tutelage.errors", "def f():\n    import tutelage.gaussian"),
        ("tutelage.gaussian", "if TYPE_CHECKING:\n    from tutelage import overlaps"),
        ("tutelage.online.ode", "from tutelage.plot import learning_curve"),
        ("tutelage.online.ode", "from tutelage import papers"),
        ("tutelage.online.ode", "import_module('tutelage.cli')"),
        ("tutelage.online.ode", "from tutelage import simulate"),
        ("tutelage.online.ode", "import tutelage"),
        ("tutelage.online.ode", "from tutelage.landscape import hessian"),
        ("tutelage.kernels.erf", "from tutelage.errors import refuse"),
        ("tutelage.kernels.erf", "from tutelage.online.kernels import descent"),
        ("tutelage.online.kernels.erf", "from tutelage.online.rule import OnlineSGD"),
        ("tutelage.online.kernels.erf", "from tutelage.continual.kernels import tasks"),
        ("tutelage.plot", "from tutelage.papers import goldt2019"),
        ("tutelage.online.ode", "from tutelage.newroom import thing"),
    ],
)
def test_trespassing_is_seen(module: str, source: str) -> None:
    assert len(trespasses(module, source)) == 1


def test_ways_that_are_open_are_not_refused() -> None:
    ways = [
        ("tutelage.online.kernels.erf", "from tutelage.online.kernels.model import unpack"),
        ("tutelage.online.kernels.erf", "from tutelage.kernels.elementary import asin"),
        ("tutelage.online.ode", "from tutelage.online.kernels import integrate"),
        ("tutelage.overlaps", "from tutelage import coincidence, gaussian"),
        ("tutelage.cli", "from tutelage import papers, version"),
    ]
    assert [trespasses(*way) for way in ways] == [[]] * len(ways)


def circle(below: dict[str, set[str]]) -> list[str]:
    """Return what remains when, again and again, all that rests on nothing else that remains is taken away."""
    rest = dict(below)
    while ground := [name for name, others in rest.items() if not (others & rest.keys()) - {name}]:
        for name in ground:
            del rest[name]
    return sorted(rest)


BELOW = {
    module: {name for name in imports(module, source) if name in SOURCES and name != "tutelage"}
    for module, source in SOURCES.items()
    if module != "tutelage"
}


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle(BELOW) == []


def test_no_rooms_import_each_other_in_a_circle() -> None:
    rooms: dict[str, set[str]] = {}
    for module, others in BELOW.items():
        rooms.setdefault(module.split(".")[1], set()).update(name.split(".")[1] for name in others)
    assert circle(rooms) == []


def test_circles_are_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def test_the_package_itself_imports_lazily() -> None:
    tree = ast.parse(SOURCES["tutelage"])
    now = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert {ast.unparse(node) for node in now} == {
        "from __future__ import annotations",
        "from importlib import import_module",
        "from typing import TYPE_CHECKING, Any",
        "from tutelage.version import __version__ as __version__",
    }
    assert not list(imports("tutelage.version", SOURCES["tutelage.version"]))


def test_public_names_are_there() -> None:
    assert sorted(tutelage.__all__) == list(tutelage.__all__)
    assert set(tutelage.__all__) <= set(dir(tutelage))
    assert all(getattr(tutelage, name) is not None for name in tutelage.__all__)
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        tutelage.simulat  # noqa: B018


def imported_by(code: str) -> set[str]:
    """Return the modules in memory after running `code` in a fresh interpreter."""
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = {"numpy", "numba", "scipy", "xarray", "pandas", "matplotlib", "sklearn", "h5py", "dask", "cloudpickle"}
    found = imported_by("import tutelage")
    assert "tutelage" in found
    assert not heavy & found


def test_the_common_path_needs_no_integrator_of_scipys(tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules["dask"] = None  # xarray imports it where it is installed
import tutelage as tl
for name, lr in (("erf", 0.5), ("linear", 0.3), ("relu", 0.1)):
    state = tl.Overlaps(Q=[[1.0]], R=[[0.3]], T=[[1.0]])
    rule = tl.OnlineSGD(name, lr=lr, train="both")
    ode = tl.solve(rule, state, [0, 1, 100])
    sim = tl.simulate(rule, state, [0, 1], dim=20, replicas=2, checkpoint={str(tmp_path / "run.nc")!r} + name)
    tl.save(sim, {str(tmp_path / "sim.nc")!r})
"""
    found = imported_by(code)
    assert "tutelage.online.kernels.chain" in found
    assert not {"scipy.integrate", "matplotlib", "sklearn", "distributed"} & found


def test_without_the_papers_only_the_command_line_suffers() -> None:
    code = """
import importlib, pkgutil, sys
sys.modules["tutelage.papers"] = None
import tutelage
for found in pkgutil.walk_packages(tutelage.__path__, "tutelage."):
    if found.name.split(".")[1] not in ("papers", "cli", "__main__"):
        importlib.import_module(found.name)
"""
    assert "tutelage.online.asymptotics" in imported_by(code)
    users = {module for module, source in SOURCES.items() if any(".papers" in name for name in imports(module, source))}
    assert {module.split(".")[1] for module in users - {"tutelage"}} <= {"papers", "cli"}
