"""Pictures of linear students: what is drawn equals what the datasets hold, and what cannot be drawn is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tutelage as tl
from tutelage import plot
from tutelage.linear import decomposition, learning_curve, simulate, two_scale

PROBLEM = two_scale(n=30, d=20, p=12, kappa=5, noise=0.3)
T = [100.0, 0.0, 1.0, 10.0]
THEORY = learning_curve(PROBLEM, T)
RUNS = simulate(PROBLEM, T, lr=0.1, replicas=5)


def test_curves_are_drawn_in_order_of_time_without_its_zero():
    fig = plot.linear_curve(THEORY, RUNS, title="both")
    line, marks = fig.axes[0].lines
    order = [2, 3, 0]
    np.testing.assert_array_equal(line.get_xdata(), [1, 10, 100])
    np.testing.assert_array_equal(line.get_ydata(), THEORY.eg.values[order])
    np.testing.assert_allclose(marks.get_ydata(), RUNS.eg_mean.values[order])
    assert marks.get_color() == line.get_color()
    assert [text.get_text() for text in fig.axes[0].get_legend().get_texts()] == ["theory", "simulation"]
    assert len(fig.axes[0].collections) == 2
    finite = learning_curve(PROBLEM, T, "finite", lr=0.1, draws=4)
    band = plot.linear_curve(sim=finite).axes[0].collections[0]
    top = max(y for _, y in band.get_paths()[0].vertices)
    assert top == pytest.approx(float((finite.eg + finite.eg_sem)[[2, 3, 0]].max()))


def test_labels_share_colours():
    fig = plot.linear_curve({"a": THEORY, "b": THEORY}, {"b": RUNS})
    a, b, marks = fig.axes[0].lines
    assert a.get_color() != b.get_color() == marks.get_color()
    assert [text.get_text() for text in fig.axes[0].get_legend().get_texts()] == ["a", "b"]


def test_parts_and_plane_hold_their_data():
    parts = decomposition(PROBLEM, T)
    lines = plot.linear_parts(parts).axes[0].lines
    for line, name in zip(lines, ("eg_fast", "eg_slow", "eg"), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), parts[name].values[[2, 3, 0]])
    fig = plot.linear_plane({"theory": THEORY, "runs": RUNS})
    parabola, theory, runs = fig.axes[0].lines
    np.testing.assert_allclose(parabola.get_ydata(), parabola.get_xdata() ** 2)
    np.testing.assert_array_equal(theory.get_xdata(), np.sort(THEORY.R.values))
    np.testing.assert_allclose(runs.get_ydata(), RUNS.Q.mean("replica").values[[1, 2, 3, 0]])
    (image,) = fig.axes[0].images
    values, (left, right, bottom, top) = np.ma.filled(image.get_array(), np.nan), image.get_extent()
    assert values[-1, 0] == pytest.approx(1 + top)
    assert np.isnan(values[0, -1])
    assert (left, bottom) == (0, 0)
    assert right > 1


def test_what_is_no_curve_is_refused():
    for function, arguments, name in (
        (plot.linear_curve, (), "theory, sim"),
        (plot.linear_curve, (3,), "theory"),
        (plot.linear_curve, (learning_curve(PROBLEM, 0),), "theory"),
        (plot.linear_curve, (None, RUNS.drop_vars("eg")), "sim"),
        (plot.linear_parts, (THEORY,), "parts"),
        (plot.linear_plane, ({},), "curves"),
        (plot.linear_plane, (THEORY.drop_vars("Q"),), "curves"),
    ):
        with pytest.raises(tl.ArgumentError, match=f"`{name}`"):
            function(*arguments)
    with pytest.raises(tl.ArgumentError, match="`ax`"):
        plot.linear_curve(THEORY, ax=3)
    with pytest.raises(tl.ArgumentError, match="`vmax`"):
        plot.linear_plane(THEORY, vmax=0)
