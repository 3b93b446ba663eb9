"""Pictures of landscapes and of several tasks: what is drawn equals what the datasets hold."""

import numpy as np
import pytest
from refusals import refused

import tutelage as tl
from tutelage import plot


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# ------------------------------------------------------------------------------------------- spectra


def areas(ax):
    """Area of every histogram, in the order in which they were drawn."""
    found = [patch.get_data() for patch in ax.patches if not patch.get_fill()]
    return [(data.values * np.diff(data.edges)).sum() for data in found]


def test_histogram_of_eigenvalues_has_area_one_and_the_law_is_its_density():
    law = tl.landscape.MarchenkoPastur(3.0, shift=1.0)
    values = law.sample(5000)
    fig = plot.spectrum(values, law, bins=40)
    (ax,) = fig.axes
    np.testing.assert_allclose(areas(ax), [1.0])
    curve, atom = ax.get_lines()
    np.testing.assert_allclose(curve.get_ydata(), law.pdf(curve.get_xdata()))
    assert atom.get_xdata()[0] == 1.0
    assert legend_of(ax) == ["eigenvalues", "law", "atom of law: 66.7 %"]
    assert "lambda" in ax.get_xlabel()
    assert ax.get_ylabel() == "density of eigenvalues"


def test_logarithmic_spectrum_is_per_decade_and_tells_what_is_left_out():
    values = np.concatenate([np.geomspace(1e-6, 1, 75), np.zeros(25)])
    (ax,) = plot.spectrum({"a": values, "b": values[:75]}, log=True, bins=12).axes
    data = [patch.get_data() for patch in ax.patches if not patch.get_fill()]
    found = [(each.values * np.diff(np.log10(each.edges))).sum() for each in data]
    np.testing.assert_allclose(found, [0.75, 1.0])
    assert legend_of(ax) == ["a, 25 % not positive", "b"]
    assert ax.get_xscale() == "log"


def test_spectrum_of_a_hessian_is_drawn_without_its_zeros():
    H = np.diag([0.0, 0.0, 1.0, 2.0])
    (ax,) = plot.spectrum(tl.landscape.spectrum(H), bins=2).axes
    data = next(patch.get_data() for patch in ax.patches)
    np.testing.assert_allclose(data.edges, [1.0, 1.5, 2.0])
    np.testing.assert_allclose(areas(ax), [1.0])


def test_spectra_that_cannot_be_drawn_are_refused():
    refused("`pdf`", plot.spectrum, [1.0], law=3.0)
    refused("positive", plot.spectrum, [-1.0], log=True)
    refused("are 0 and 0", plot.spectrum, {})
    refused("NaN", plot.spectrum, [np.nan])
    refused("Axes", plot.spectrum, [1.0], ax=3)


def test_minima_are_counted_in_the_picture():
    import xarray

    found = xarray.Dataset(
        {
            "p": (("start", "parameter"), np.zeros((4, 1))),
            "loss": ("start", [1e-30, 1e-3, 1e-3, np.nan]),
            "gradient_norm": ("start", [0.0, 0.0, 0.0, np.nan]),
            "eigenvalues": (("start", "eigenvalue"), [[1.0], [2.0], [2.0], [np.nan]]),
            "kind": ("start", ["minimum", "saddle", "saddle", ""]),
        },
        {"start": range(4)},
    )
    (axes,) = plot.minima(found).axes
    assert [text.get_text() for text in axes.texts] == ["1", "2"]
    assert axes.get_yscale() == "log"
    assert {line.get_label() for line in axes.lines} == {"minimum", "saddle"}


def test_trajectories_of_descents_lie_on_the_time_of_the_flow():
    from tutelage.landscape import MLP, descend, flow

    net = MLP(1, [(1, "linear", False)])
    objective = net.on([[1.0]], [[2.0]])
    runs = flow(objective, [0.0], 5.0), descend(objective, [0.0], 500, lr=0.01)
    (axes,) = plot.trajectories(*runs).axes
    flowing, _, descending, *_ = axes.lines
    for line, error in ((flowing, 1e-2), (descending, 0.15)):  # (1 - 2 lr)^2n against exp(-4 lr n), to time 2
        time, loss = (values[line.get_xdata() <= 2] for values in line.get_data())
        assert np.abs(np.log(loss / (4 * np.exp(-4 * time)))).max() < error
        assert len(time) > 40
    with pytest.raises(tl.ArgumentError, match="runs"):
        plot.trajectories()
    with pytest.raises(tl.ArgumentError, match="labels"):
        plot.trajectories(*runs, labels=["one"])


# ------------------------------------------------------------------------------------- several tasks


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
    one_task = tl.solve(tl.OnlineSGD(), tl.Overlaps.random(1, 1, 100), [0, 1])
    refused("`ds` must be a dataset of eg, heads", plot.continual, one_task)
    refused("give it as `sim`", plot.continual, with_replicas(ds))
    refused("`sim` must have the units, tasks and heads of `ds`", plot.continual, ds, tasks_in_a_row(students=3))
