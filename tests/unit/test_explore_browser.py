"""The page in a real browser: opened from a file, without a network, used as a reader would use it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tutelage.explore import page
from tutelage.problem import build

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REQUIRED = os.environ.get("TUTELAGE_BROWSER") == "required"  # a browser that is missing is a failure, not a skip
if CHROMIUM is None:
    missing = "no Chromium here: apt-get install chromium"
    pytest.fail(missing, pytrace=False) if REQUIRED else pytest.skip(missing, allow_module_level=True)
if REQUIRED:
    from playwright import sync_api
else:
    sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright here: pip install playwright")

WAIT = 60_000  # milliseconds


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as play:
        launched = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Callable]:
    """Yield a function that opens a page; nothing must be said on its console or asked of a network."""
    complaints: list[str] = []

    def opened(text: str | None = None, **options: Any) -> Any:
        file = tmp_path / "page.html"
        file.write_text(page() if text is None else text, "utf-8")
        size = {"width": 1200, "height": 900}
        tab = browser.new_context(offline=True, **({"viewport": size, "accept_downloads": True} | options)).new_page()
        tab.set_default_timeout(WAIT)
        tab.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on(
            "request", lambda asked: asked.url.startswith(("file:", "blob:", "data:")) or complaints.append(asked.url)
        )
        tab.goto(file.as_uri())
        solved(tab)
        return tab

    yield opened
    assert complaints == []


def solved(tab: Any, section: str = "one") -> None:
    tab.wait_for_selector(f'#{section}[data-solved="true"]')


def curve(tab: Any, section: str = "one", style: str = "now") -> str:
    return tab.get_attribute(f"#{section} figure.curve path.{style}", "d")


def changed(tab: Any, act: Callable[[], None], section: str = "one") -> tuple[str, str]:
    """Return the curve before and after something is done."""
    before = curve(tab, section)
    act()
    selector = f"#{section} figure.curve path.now"
    tab.wait_for_function("([s, d]) => document.querySelector(s).getAttribute('d') !== d", arg=[selector, before])
    solved(tab, section)
    return before, curve(tab, section)


def status_says(tab: Any, words: str, section: str = "one") -> None:
    sync_api.expect(tab.locator(f"#{section} .chain-status")).to_have_text(re.compile(words), timeout=WAIT)


def labels_apart(tab: Any, section: str) -> None:
    boxes = tab.evaluate(
        f"""() => [...document.querySelectorAll('#{section} figure.curve svg text.label')].map((text) => {{
            const box = text.getBBox(), svg = text.ownerSVGElement.viewBox.baseVal;
            return [box.x, box.y, box.x + box.width, box.y + box.height, svg.width, svg.height];
        }})"""
    )
    assert boxes
    for i, one in enumerate(boxes):
        assert one[2] <= one[4] + 1, "a label is cut off"
        assert one[3] <= one[5]
        for two in boxes[:i]:
            assert min(one[3], two[3]) - max(one[1], two[1]) < 4, "labels overlap"


def test_a_slider_changes_the_curve(visit: Callable) -> None:
    tab = visit()
    slider = tab.locator('#one [data-name="lr"] input[type="range"]')
    slider.focus()
    before, after = changed(tab, lambda: [tab.keyboard.press("ArrowRight") for _ in range(20)])
    assert before != after
    assert float(tab.input_value('#one [name="lr"]')) == pytest.approx(0.7)
    changed(tab, lambda: tab.press('#one [name="lr"]', "ArrowUp"))  # of the field: by the slider's step
    assert float(tab.input_value('#one [name="lr"]')) == pytest.approx(0.71)
    changed(tab, lambda: tab.fill('#one [name="lr"]', "0.7123"))  # but any number may be typed
    assert tab.get_attribute('#one [name="lr"]', "aria-invalid") == "false"
    assert "solved in" in tab.text_content("#one .status")
    assert tab.get_attribute("#one figure.curve", "data-marks") == "plateau asymptote"


def test_every_control_does_something(visit: Callable) -> None:
    tab = visit()
    for name, value in [("activation", "linear"), ("train", "both"), ("teacher", "orthonormal")]:
        changed(tab, lambda name=name, value=value: tab.select_option(f'#one [name="{name}"]', value))
    values = {
        "lr": "0.1",
        "lrReadout": "0.3",
        "noise": "0.4",
        "decay": "0.02",
        "scale": "0.5",
        "v": "0.6",
        "vStar": "2",
    }
    values |= {"seed": "7", "dim": "100", "K": "2", "M": "3", "alphaMax": "50", "alphaMin": "0.3"}
    for name, value in values.items():
        changed(tab, lambda name=name, value=value: tab.fill(f'#one [name="{name}"]', value))
    changed(tab, lambda: tab.select_option('#one [name="activation"]', "relu"))


def test_bad_numbers_are_refused_at_the_field(visit: Callable) -> None:
    tab = visit()
    before = curve(tab)
    for name, value, words in [
        ("K", "9", "from 1 to 8"),
        ("lr", "-1", "at least 0"),
        ("seed", "1.5", "a whole number"),
    ]:
        tab.fill(f'#one [name="{name}"]', value)
        assert words in tab.evaluate(f"""document.querySelector('#one [name="{name}"]').validationMessage""")
        assert tab.get_attribute(f'#one [name="{name}"]', "aria-invalid") == "true"
    assert curve(tab) == before
    tab.select_option('#one [name="activation"]', "linear")
    tab.fill('#one [name="lr"]', "60")
    tab.wait_for_selector("#one .status.message")
    assert "diverges at α" in tab.text_content("#one .status")


def test_pin_and_cursor(visit: Callable) -> None:
    tab = visit()
    pinned = curve(tab)
    tab.click('#one [data-do="pin"]')
    assert curve(tab, style="pin") == pinned
    changed(tab, lambda: tab.fill('#one [name="noise"]', "0.3"))
    assert tab.locator("#one figure.curve path.pin").count() == 1
    labels_apart(tab, "one")
    changed(tab, lambda: tab.fill('#one [name="alphaMax"]', "50"))  # the pinned curve goes on, and is cut
    assert tab.locator("#one figure.curve svg").get_by_text("0.001", exact=True).count() == 0
    changed(tab, lambda: tab.fill('#one [name="alphaMax"]', "1000"))
    tab.click('#one [data-do="unpin"]')
    assert tab.locator("#one figure.curve path.pin").count() == 0

    shown = tab.text_content("#one .cursor output")
    first = tab.get_attribute("#one .states svg", "aria-label")
    tab.focus("#cursor-one")
    tab.keyboard.press("Home")
    assert "α = 0.1," in tab.text_content("#one .cursor output") != shown
    assert tab.get_attribute("#one .states svg", "aria-label") != first
    box = tab.locator("#one figure.curve svg").bounding_box()
    tab.mouse.move(box["x"] + 200, box["y"] + 100)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 100)
    tab.mouse.up()
    assert 40 < int(tab.input_value("#cursor-one")) < 160


def test_copies_and_downloads(visit: Callable) -> None:
    tab = visit()
    for what, words in (("toml", "[student]"), ("python", "tl.solve(rule")):
        tab.click(f'#one [data-do="{what}"]')
        assert words in tab.input_value("#copied-one")
    for what, section, words in (
        ("svg", "one", "<svg"),
        ("csv", "one", "alpha,eg,R_1_1"),
        ("svg", "two", "<svg"),
        ("csv", "two", "alpha,eg_1,eg_2"),
    ):
        tab.click(f"#tab-{section}")
        solved(tab, section)
        with tab.expect_download() as download:
            tab.click(f'#{section} [data-do="{what}"]')
        text = Path(download.value.path()).read_text("utf-8")
        assert words in text
        assert "var(--" not in text
        if what == "csv":
            rows = [line for line in text.splitlines() if not line.startswith("#")]
            assert len(rows) == {"one": 201, "two": 401}[section]
            assert len({row.count(",") for row in rows}) == 1


@pytest.mark.parametrize(("section", "bands"), [("one", [1]), ("two", [2, 2])])
def test_sgd_runs_in_the_page_and_stops(visit: Callable, section: str, bands: list[int]) -> None:
    tab = visit()
    tab.click(f"#tab-{section}")
    times = {"one": {"alphaMax": "20"}, "two": {"first": "10", "second": "10"}}[section]
    for name, value in ({"K": "2", "N": "100", "replicas": "5"} | times).items():
        tab.fill(f'#{section} [name="{name}"]', value)
    solved(tab, section)
    tab.click(f'#{section} [data-do="simulate"]')
    status_says(tab, "steps in ", section)
    for figure, count in zip(("curve", "change"), bands, strict=False):
        shapes = tab.locator(f"#{section} figure.{figure} path.band")
        assert shapes.count() == count
        assert all(shape.bounding_box()["height"] > 5 for shape in shapes.all())
    assert "SGD at N = 100" in tab.get_attribute(f"#{section} figure.curve svg", "aria-label")
    labels_apart(tab, section)
    with tab.expect_download() as download:
        tab.click(f'#{section} [data-do="csv"]')
    rows = [line.split(",") for line in Path(download.value.path()).read_text("utf-8").splitlines()[1:]]
    filled = [row[rows[0].index({"one": "sgd_eg_std", "two": "sgd_eg_2_std"}[section])] != "" for row in rows[1:]]
    assert sum(filled) > 20
    assert filled[-1]
    tab.fill(f'#{section} [name="N"]', "1000000000")
    assert tab.locator(f"#{section} path.band").count() == 0
    tab.click(f'#{section} [data-do="simulate"]')
    status_says(tab, "a second, .* (years|days|h|min) to go", section)
    assert tab.locator(f"#{section} progress").is_visible()
    assert len(tab.workers) == 1
    tab.click(f'#{section} [data-do="stop"]')
    assert "stopped" in tab.text_content(f"#{section} .chain-status")
    assert not tab.locator(f"#{section} progress").is_visible()
    tab.fill(f'#{section} [name="N"]', "2")
    tab.click(f'#{section} [data-do="simulate"]')
    assert "N must be at least" in tab.text_content(f"#{section} .chain-status")


def test_the_band_of_two_teachers_is_that_of_python(visit: Callable) -> None:
    """What the page runs, and writes as CSV, against what it copies as Python."""
    tab = visit()
    tab.click("#tab-two")
    for name, value in {"first": "5", "second": "5", "N": "60", "replicas": "300", "noise": "0.2"}.items():
        tab.fill(f'#two [name="{name}"]', value)
    solved(tab, "two")
    tab.click('#two [data-do="simulate"]')
    status_says(tab, "steps in ", "two")
    tab.click('#two [data-do="python"]')
    there: dict[str, Any] = {}
    exec(tab.input_value("#copied-two"), there)
    with tab.expect_download() as download:
        tab.click('#two [data-do="csv"]')
    names, *rows = (line.split(",") for line in Path(download.value.path()).read_text("utf-8").splitlines()[1:])
    sgd = there["simulate"](there["rule"], there["state"], there["phases"], [5, 10], dim=60, replicas=300, seed=1)
    for i, row in enumerate((rows[199], rows[-1])):
        for task in (0, 1):
            mean, std = (float(row[names.index(f"sgd_eg_{task + 1}_{what}")]) for what in ("mean", "std"))
            theirs = sgd.eg.values[:, i, task]
            assert abs(mean - theirs.mean()) < 4 * np.hypot(std, theirs.std(ddof=1)) / np.sqrt(300)
            assert std == pytest.approx(theirs.std(ddof=1), rel=0.35)


def test_sgd_runs_where_there_are_no_workers(visit: Callable) -> None:
    tab = visit()
    tab.evaluate("() => { window.Worker = class { constructor() { throw new Error('none'); } }; }")
    for name, value in (("K", "2"), ("alphaMax", "5"), ("N", "100")):
        tab.fill(f'#one [name="{name}"]', value)
    solved(tab)
    tab.click('#one [data-do="simulate"]')
    status_says(tab, "steps in ")
    assert tab.locator("#one figure.curve path.band").count() == 1


def test_two_teachers(visit: Callable) -> None:
    tab = visit()
    tab.focus("#tab-one")
    tab.keyboard.press("ArrowRight")
    solved(tab, "two")
    assert tab.get_attribute("#tab-two", "aria-selected") == "true"
    assert not tab.locator("#one").is_visible()
    slider = tab.locator('#two [data-name="V"] input[type="range"]')
    slider.focus()
    tab.click('#two [data-do="pin"]')
    slider.focus()
    changed(tab, lambda: tab.keyboard.press("End"), "two")
    labels_apart(tab, "two")
    assert tab.locator("#two figure.change path.now").count() == 1
    tab.press('#two [aria-label="initial scale of the weights, slider"]', "Home")
    assert tab.get_attribute('#two [aria-label="initial scale of the weights, slider"]', "aria-valuetext") == "0.001"
    tab.click('#two [data-do="python"]')
    assert "MultiTask" in tab.input_value("#copied-two")
    tab.click('#two [data-do="unpin"]')
    tab.select_option('#two [name="activation"]', "relu")
    tab.fill('#two [name="lr"]', "0.2")
    solved(tab, "two")
    tab.keyboard.press("Tab")
    tab.click("#tab-one")
    assert tab.locator("#one").is_visible()


def test_a_problem_file_opens_and_gives_way_to_controls(visit: Callable) -> None:
    problem = build({"student": {"units": 2, "readout": [1.0, 0.5]}, "rule": {"lr": 0.25}, "simulation": {"dim": 100}})
    tab = visit(page(problem))
    assert tab.input_value('#one [name="lr"]') == "0.25"
    assert tab.input_value('#one [name="from"]') == "file"
    tab.click('#one [data-do="toml"]')
    assert "readout = [1.0, 0.5]" in tab.input_value("#copied-one")
    changed(tab, lambda: tab.fill('#one [name="K"]', "3"))
    assert tab.input_value('#one [name="from"]') == "random"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_four_hundred_pixels_and_dark_mode(visit: Callable, scheme: str) -> None:
    tab = visit(viewport={"width": 400, "height": 800}, color_scheme=scheme)
    for section in ("one", "two"):
        tab.click(f"#tab-{section}")
        solved(tab, section)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 400
        labels_apart(tab, section)
    colours = tab.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color].map("
        "(c) => c.match(/\\d+/g).slice(0, 3).map(Number).reduce((a, b) => a + b))"
    )
    assert (colours[0] < colours[1]) == (scheme == "dark")


def test_everything_has_a_name_and_is_reached_by_keys(visit: Callable) -> None:
    tab = visit()
    nameless = tab.evaluate(
        """() => [...document.querySelectorAll('input, select, textarea, button, progress, [role="img"]')].filter((e) =>
            !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()).map((e) => e.outerHTML)"""
    )
    assert nameless == []
    hints = tab.evaluate(
        """() => [...document.querySelectorAll('[aria-describedby]')].filter((e) =>
            !document.getElementById(e.getAttribute('aria-describedby'))).length"""
    )
    assert hints == 0
    tab.focus("#tab-one")
    reached = set()
    for _ in range(70):
        tab.keyboard.press("Tab")
        reached.add(tab.evaluate("document.activeElement.id || document.activeElement.dataset.do || ''"))
    assert {"pin", "toml", "python", "svg", "csv", "simulate", "cursor-one"} <= reached
    assert sum(bool(re.match(r"control-\d+", name)) for name in reached) >= 18


@pytest.mark.parametrize("section", ["one", "two"])
def test_on_a_phone_the_curve_stays_in_sight_and_hides_no_focus(visit: Callable, section: str) -> None:
    tab = visit(viewport={"width": 400, "height": 800})
    tab.click(f"#tab-{section}")
    solved(tab, section)
    where = f"""() => {{
        const box = document.activeElement.getBoundingClientRect(), section = document.activeElement.closest('section');
        const curve = document.querySelector('#{section} figure.curve').getBoundingClientRect();
        return [section ? box.top : 1000, box.bottom, curve.top, curve.bottom, document.activeElement.name];
    }}"""
    seen = set()
    for key, count in (("Tab", 45), ("Shift+Tab", 45)):
        for _ in range(count):
            tab.keyboard.press(key)
            top, bottom, above, below, name = tab.evaluate(where)
            assert top >= below - 1 or bottom <= above + 1, f"the curve hides {name}"
            if name:
                seen.add(name)
                assert 0 <= above < 400
    assert {"lr", "noise", "seed", "replicas"} <= seen
