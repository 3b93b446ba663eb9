"""Phase diagrams show the numbers, regions and boundaries that they are given, where they belong."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xarray
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize

import tutelage as tl
from tutelage.errors import ArgumentError
from tutelage.plot import DARK, phase_diagram


def grid(values: np.ndarray) -> xarray.Dataset:
    """Return a sweep of 4 rates, spaced evenly, by 3 noises, spaced evenly in the logarithm, at 2 times."""
    both = np.stack([values, 2 * values], -1)
    noise = ("noise", [0.01, 0.1, 1.0], {"long_name": "rule.noise"})
    return xarray.Dataset({"eg": (("lr", "noise", "alpha"), both)}, {"lr": [0.5, 1.0, 1.5, 2.0], "noise": noise})


def circle(**options) -> xarray.Dataset:
    axes = {"lr": (0.1, 2.0), "noise": (0.01, 1.0, "log")}
    return tl.phase.trace(
        None, axes, run=lambda lr, noise: lr + np.log10(noise) < 0, workers=1, progress=False, **options
    )


@pytest.fixture(scope="module")
def trace() -> xarray.Dataset:
    return circle(points=5, halvings=3)


def axes_of(fig) -> Axes:
    return fig.axes[0]


def test_numbers_as_colours_in_their_places() -> None:
    values = np.arange(1.0, 13.0).reshape(4, 3)
    ax = axes_of(phase_diagram(grid(values), lambda ds: ds.eg.isel(alpha=1)))
    (mesh,) = ax.collections
    np.testing.assert_array_equal(mesh.get_array(), 2 * values.T)  # rows are vertical
    corners = mesh.get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], [0.25, 0.75, 1.25, 1.75, 2.25])
    np.testing.assert_allclose(corners[:, 0, 1], 10 ** np.array([-2.5, -1.5, -0.5, 0.5]))
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("lr", "rule.noise")
    turned = axes_of(phase_diagram(grid(values), lambda ds: ds.eg.isel(alpha=1), x="noise"))
    np.testing.assert_array_equal(turned.collections[0].get_array(), 2 * values)


@pytest.mark.parametrize(
    ("top", "log", "kind"),
    [(12.0, None, Normalize), (1e4, None, LogNorm), (12.0, True, LogNorm), (1e4, False, Normalize)],
)
def test_colours_are_logarithmic_where_values_span_decades(top, log, kind) -> None:
    fig = phase_diagram(grid(np.geomspace(1, top, 12).reshape(4, 3)).isel(alpha=0), "eg", log=log)
    assert type(axes_of(fig).collections[0].norm) is kind


def test_missing_points_are_white() -> None:
    values = np.arange(1.0, 13.0).reshape(4, 3)
    values[1, 2] = np.nan
    shown = axes_of(phase_diagram(grid(values).eg.isel(alpha=0))).collections[0].get_array()
    assert np.ma.getmaskarray(shown).nonzero() == ([2], [1])


def test_truth_values_and_labels_are_regions() -> None:
    values = np.arange(12.0).reshape(4, 3)
    ax = axes_of(phase_diagram(grid(values), lambda ds: ds.eg.isel(alpha=0) > 5))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["False", "True"]
    np.testing.assert_array_equal(ax.collections[0].get_array(), values.T > 5)


def test_a_trace_is_points_and_a_boundary(trace: xarray.Dataset) -> None:
    ax = axes_of(phase_diagram(trace))
    lines = {line.get_color(): line for line in ax.lines}
    boundary = lines.pop(DARK)
    np.testing.assert_array_equal(boundary.get_xdata(), trace.boundary_lr)
    np.testing.assert_array_equal(boundary.get_ydata(), trace.boundary_noise)
    assert sum(len(line.get_xdata()) for line in lines.values()) == trace.sizes["point"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["False", "True"]
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")


def test_a_legend_hides_nothing_and_is_within_the_picture(trace: xarray.Dataset) -> None:
    fig = phase_diagram(trace, title="phases")
    fig.draw_without_rendering()
    ax = axes_of(fig)
    legend = ax.get_legend().get_window_extent()
    assert not legend.overlaps(ax.get_window_extent())
    assert fig.bbox.x0 <= legend.x0 < legend.x1 <= fig.bbox.x1


def test_a_boundary_on_top_of_a_grid(trace: xarray.Dataset) -> None:
    fig = phase_diagram(grid(np.ones((4, 3))).isel(alpha=0), "eg", boundary=trace, x="noise", title="both")
    ax = axes_of(fig)
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), trace.boundary_noise)
    assert ax.get_title() == "both"


def test_pictures_are_saved(trace: xarray.Dataset, tmp_path) -> None:
    assert tl.plot.save(phase_diagram(trace), tmp_path / "phases.pdf").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        ((3,), {}, "Argument `ds` must be a dataset of tl.sweep or tl.phase.trace, but is int"),
        ((grid(np.ones((4, 3))), "egg"), {}, "Argument `value` must be one of eg, or a function, but is 'egg'"),
        ((grid(np.ones((4, 3))), "eg"), {}, "leaves ('lr', 'noise', 'alpha')"),
        (
            (grid(np.ones((4, 3))), lambda ds: ds.eg.isel(lr=0)),
            {},
            "must have numbers along both dimensions, but has none along alpha",
        ),
        ((grid(np.ones((4, 3))), lambda ds: 3), {}, "leaves None"),
        (
            (grid(np.ones((4, 3))).eg.isel(alpha=0),),
            {"x": "rate"},
            "Argument `x` must be one of lr, noise, but is 'rate'",
        ),
        ((grid(np.ones((4, 3))).eg.isel(alpha=0),), {"ax": 3}, "Argument `ax` must be matplotlib axes"),
        (
            (grid(np.ones((4, 3))).eg.isel(alpha=0),),
            {"boundary": 3},
            "Argument `boundary` must be a trace over lr and noise",
        ),
    ],
)
def test_bad_arguments_are_refused(arguments, options, sentence) -> None:
    with pytest.raises(ArgumentError, match=re.escape(sentence)):
        phase_diagram(*arguments, **options)
