"""The documentation is true: its Python runs, its links lead somewhere, and every dependency is accounted for.

``make docs`` executes the notebooks among the pages and renders what they show; here their cells run without Jupyter.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import linecache
import re
import shlex
import sys
import tomllib
import types
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import tutelage

ROOT = Path(__file__).parents[2]
PACKAGE = Path(tutelage.__file__).parent
PAGES = [*sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*.md"))]
NOTEBOOKS = [page for page in PAGES if "```{code-cell}" in page.read_text("utf-8")]
FENCE = re.compile(r"^(`{3,}|:{3,})(.*?)\n(.*?)^\1\s*$", re.DOTALL | re.MULTILINE)  # marks, language, content


def examples() -> list[str]:
    """Return the dotted names of the modules whose docstrings hold examples."""
    files = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>> " in path.read_text("utf-8")]
    names = [".".join(("tutelage", *path.relative_to(PACKAGE).with_suffix("").parts)) for path in files]
    return [name.removesuffix(".__init__") for name in names]


def cells(page: Path) -> list[str]:
    """Return the code of a notebook, cell by cell, without what only Jupyter understands: magic lines and tags."""
    found = [content for _, language, content in FENCE.findall(page.read_text("utf-8")) if language == "{code-cell}"]
    return [re.sub(r"^(%|:tags:).*$", "", content, flags=re.MULTILINE) for content in found]


def run(code: str, name: str, names: dict[str, object]) -> None:
    """Run a cell in the namespace `names`; a sweep with a function of the cell looks at its source by `name`."""
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    exec(compile(code, name, "exec"), names)


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text("utf-8")))


def anchors(page: Path) -> set[str]:
    """Return what a link to a place within `page` may name: its headings, and labels of its own."""
    text = FENCE.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r"^\((.+)\)=$", text, re.MULTILINE))


def test_the_python_in_the_readme_runs(tmp_path, monkeypatch):
    fences = FENCE.findall((ROOT / "README.md").read_text("utf-8"))
    blocks = [content for _, language, content in fences if language == "python"]
    assert blocks
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert (tmp_path / "learning_curve.png").stat().st_size > 10_000


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda page: page.name)
def test_the_cells_of_a_page_run(page, tmp_path, monkeypatch):
    display = types.ModuleType("IPython.display")
    display.Markdown = str  # all that pages use of it
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    with matplotlib.rc_context(), np.printoptions(), contextlib.ExitStack() as stack:
        stack.callback(plt.close, "all")
        for number, code in enumerate(cells(page), 1):
            run(code, f"<{page.name}, cell {number}>", names)


def commands(page: Path) -> list[str]:
    """Return the commands of a page that stand after a `$`, and those of `tutelage reproduce` in its text."""
    text = page.read_text("utf-8")
    blocks = [content for _, language, content in FENCE.findall(text) if language == "console"]
    lines = re.findall(r"^\$ (.*)$", "\n".join(blocks), re.MULTILINE)
    return lines + re.findall(r"`(tutelage reproduce [a-z][^`]*)`", text)


def test_commands_exist():
    """`tutelage` takes what it is given, `reproduce` knows the figure, `make` has the target."""
    from tutelage.cli import app
    from tutelage.papers import catalogue

    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    lines = [shlex.split(line, comments=True) for page in PAGES for line in commands(page)]
    assert {"make", "tutelage"} <= {line[0] for line in lines}
    for tool, *arguments in lines:
        if tool == "make":
            assert set(arguments) <= targets
        elif tool == "tutelage":
            app.parse_args(arguments, exit_on_error=False, print_error=False)
            assert arguments[0] != "reproduce" or arguments[1] in catalogue(), arguments


@pytest.mark.parametrize("name", examples())
def test_examples_in_docstrings_are_true(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.attempted
    assert not outcome.failed


def test_python_on_the_pages_is_executed_when_they_are_built():
    for page in (ROOT / "docs").glob("*.md"):
        languages = {language.strip() for _, language, _ in FENCE.findall(page.read_text("utf-8"))}
        assert not languages & {"python", "py", "pycon"}, page.name


def test_cells_can_be_pasted_into_python():
    for page in NOTEBOOKS:
        for code in (
            content for _, language, content in FENCE.findall(page.read_text("utf-8")) if language == "{code-cell}"
        ):
            assert ":tags: [remove-cell]" in code or not re.search(r"^[%!]", code, re.MULTILINE), page.name


def test_problem_files_on_the_pages_are_valid(tmp_path):
    from tutelage import sweeps
    from tutelage.problem import read

    fences = [fence for page in PAGES for fence in FENCE.findall(page.read_text("utf-8"))]
    problems = [content for _, language, content in fences if language == "toml"]
    assert problems
    for problem in problems:
        (tmp_path / "problem.toml").write_text(problem, "utf-8")
        (sweeps.read if "[sweep]" in problem else read)(tmp_path / "problem.toml")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page):
    for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", prose(page)):
        if target.startswith("https://"):
            continue
        path, _, place = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file(), target
        assert not place or place in anchors(file), target


def test_every_page_is_in_the_table_of_contents():
    contents = "\n".join(content for _, _, content in FENCE.findall((ROOT / "docs/index.md").read_text("utf-8")))
    listed = {line for line in contents.splitlines() if re.fullmatch(r"[\w-]+", line)}
    assert listed == {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}


def test_every_dependency_is_accounted_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = {re.match(r"[\w.-]+", requirement)[0] for group in groups for requirement in group}
    told = set(re.findall(r"^\| (\w[\w.-]*) \|", (ROOT / "docs/dependencies.md").read_text("utf-8"), re.MULTILINE))
    assert told - {"package"} == wanted


def test_the_version_stands_in_one_place_and_is_told_in_two():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["hatch"]["version"]["path"] == "src/tutelage/version.py"
    assert f"\nversion: {tutelage.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"## [{tutelage.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
