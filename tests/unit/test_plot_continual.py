"""Pictures of several tasks in a row."""

import numpy as np
from drawn import refused, theory

import tutelage as tl
from tutelage import plot


def tasks_in_a_row(units=1, tasks=2, students=2, **settings):
    rng = np.random.default_rng(0)
    several = tl.continual.teachers(rng.standard_normal((tasks, units, 50)))
    start = tl.continual.MultiTask.random(students, several, 0.3, 0.3, **settings)
    phases = [tl.continual.Phase(task, 5) for task in range(tasks)]
    rule = tl.OnlineSGD(lr=1.0, train="both")
    return tl.continual.solve(rule, start, phases, alpha=np.linspace(0, 5 * tasks, 5 * tasks + 1))


def with_replicas(ds, replicas=3):
    import xarray

    rng, moving = np.random.default_rng(1), ["eg", "Q", "R", "heads"]
    runs = [ds[moving] * (1 + 0.01 * rng.standard_normal()) for _ in range(replicas)]
    return xarray.concat(runs, "replica").merge(ds.drop_vars(moving)).assign_attrs(ds.attrs)


def curves(ax):
    """Lines of a panel, without the ends of phases, which have two points."""
    return [line for line in ax.lines if len(line.get_xdata()) > 2]


def test_several_tasks_are_drawn_as_stored_with_the_switches():
    ds = tasks_in_a_row()
    fig = plot.continual(ds)
    errors, heads, R, Q = fig.axes
    assert (errors.get_yscale(), errors.get_xscale()) == ("log", "linear")
    for ax in (errors, heads, R, Q):
        assert [line.get_xdata() for line in ax.lines if line not in curves(ax)] == [[5.0, 5.0]]
    for ax, name, entries in (
        (errors, "eg", [(0,), (1,)]), (heads, "heads", [(t, k) for k in (0, 1) for t in (0, 1)]),
        (R, "R", [(k, n) for k in (0, 1) for n in (0, 1)]), (Q, "Q", [(0, 0), (0, 1), (1, 1)]),
    ):  # fmt: skip
        for line, entry in zip(curves(ax), entries, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), ds[name].values[(slice(None), *entry)])
            np.testing.assert_array_equal(line.get_xdata(), ds.alpha)
    assert [line.get_linestyle() for line in curves(errors)] == ["-", "--"]
    assert [line.get_linestyle() for line in curves(heads)] == ["-", "--"] * 2
    assert len({line.get_color() for line in curves(heads)}) == 2
    assert [text.get_text() for text in errors.texts] == ["task 1", "task 2"]
    rows = [text.get_text() for text in fig.legends[0].get_texts()]  # column by column
    assert rows == ["student", "teacher", "task", "1", "1", "1", "2", "2", "2"]


def test_several_tasks_theory_and_simulation():
    ds = tasks_in_a_row(units=3, single_head=True)
    sim = with_replicas(ds)
    fig = plot.continual(ds, sim)
    errors, heads, R, _ = fig.axes
    assert [line.get_marker() for line in curves(errors)] == ["", "", "o", "s"]
    np.testing.assert_allclose(curves(errors)[2].get_ydata(), sim.eg.values[..., 0].mean(0), rtol=1e-12)
    assert len(curves(heads)) == 4
    assert [line.get_linestyle() for line in curves(R)[:6]] == ["-"] * 3 + ["--"] * 3  # six units: by their task
    (alone, *_) = plot.continual(None, sim).axes
    assert [line.get_marker() for line in curves(alone)] == ["o", "s"]
    assert {text.get_text() for legend in fig.legends for text in legend.get_texts()} >= {"theory", "simulation"}


def test_many_tasks_are_colours_and_are_not_named():
    errors = plot.continual(tasks_in_a_row(tasks=7)).axes[0]
    assert len({line.get_color() for line in curves(errors)}) == 7
    assert {line.get_linestyle() for line in curves(errors)} == {"-"}
    assert not errors.texts


def test_several_tasks_refuse():
    ds = tasks_in_a_row()
    refused("`ode` must be of one task (ds.sel(task=0))", plot.learning_curve, ds)
    (line,) = plot.learning_curve(ds.sel(task=1)).axes[0].lines
    np.testing.assert_array_equal(line.get_ydata(), ds.eg[1:, 1])
    refused("`ds, sim` must hold at least one dataset", plot.continual, None)
    refused("`ds` must be a dataset of eg, heads", plot.continual, theory())
    refused("give it as `sim`", plot.continual, with_replicas(ds))
    refused("`sim` must have the units, tasks and heads of `ds`", plot.continual, ds, tasks_in_a_row(students=3))
