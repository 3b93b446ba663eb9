"""Pictures: what is drawn equals what the datasets hold, what a log axis cannot show is left out, nothing leaks."""

import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

import tutelage as tl
from tutelage import plot
from tutelage.errors import ArgumentError
from tutelage.overlaps import Overlaps
from tutelage.results import dataset

ALPHA = np.concatenate([[0.0], np.geomspace(0.1, 1000, 12)])


def theory(K=3, M=2, seed=0, alpha=ALPHA, trained=True):
    """A dataset with the shapes and names of `solve`, and numbers that are all different and of both signs."""
    rng, times = np.random.default_rng(seed), len(alpha)
    Q = rng.normal(size=(times, K, K))
    v = rng.normal(size=(times, K)) if trained else np.broadcast_to(rng.normal(size=K), (times, K))
    variables = {"eg": rng.uniform(0.1, 1, times), "Q": Q + np.swapaxes(Q, 1, 2), "R": rng.normal(size=(times, K, M))}
    return dataset(alpha, variables | {"v": v}, Overlaps.random(K, M, 100), {"seed": seed})


def simulation(replicas=3, seed=1, **sizes):
    """The same with a replica axis, as `simulate` returns it."""
    runs = [theory(seed=seed + 10 * i, **sizes) for i in range(replicas)]
    variables = {name: np.stack([run[name].values for run in runs]) for name in ("eg", "Q", "R", "v")}
    variables |= {"eg_mean": variables["eg"].mean(0), "eg_sem": variables["eg"].std(0) / np.sqrt(replicas)}
    begin = Overlaps.random(runs[0].sizes["student"], runs[0].sizes["teacher"], 100)
    return dataset(runs[0].alpha.values, variables, begin, {"seed": seed})


def refused(message, function, *arguments, **keywords):
    """Expect one sentence, in the house form, that contains `message`."""
    with pytest.raises(ArgumentError) as caught:
        function(*arguments, **keywords)
    sentence = str(caught.value)
    assert message in sentence
    assert sentence.startswith("Argument `")
    assert ", but " in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def at(ds, name, *index):
    """Values at times > 0, means over replicas."""
    values = ds[name].mean("replica") if "replica" in ds[name].dims else ds[name]
    return values.values[(slice(1, None), *index)]


# ------------------------------------------------------------------------------------------- learning curve


def test_theory_alone_is_one_line_of_the_stored_values_on_log_axes():
    ds = theory()
    (ax,) = plot.learning_curve(ds, title="A title").axes
    (line,) = ax.lines
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    np.testing.assert_array_equal(line.get_xdata(), ALPHA[1:])  # a log axis has no place for alpha = 0
    np.testing.assert_array_equal(line.get_ydata(), at(ds, "eg"))
    assert line.get_linestyle() == "-"
    assert legend_of(ax) == ["theory"]
    assert ax.get_title() == "A title"
    assert ax.get_xlabel() == r"$\alpha = \mathrm{steps}/N$"
    assert r"\epsilon_g" in ax.get_ylabel()


def test_simulation_is_markers_at_the_mean_a_dark_band_of_one_standard_error_and_a_light_one_of_the_replicas():
    ds = simulation(replicas=7)
    (ax,) = plot.learning_curve(sim=ds).axes
    (line,) = ax.lines
    assert (line.get_linestyle(), line.get_marker()) == ("None", "o")
    np.testing.assert_allclose(line.get_ydata(), ds.eg_mean[1:], rtol=1e-14)
    dark, light = sorted(ax.collections, key=lambda band: -band.get_alpha())
    sem = ds.eg.values.std(0, ddof=1)[1:] / np.sqrt(7)
    inner = np.quantile(ds.eg.values[:, 1:], [0.16, 0.84], axis=0)
    for band, lower, upper in ((dark, at(ds, "eg") - sem, at(ds, "eg") + sem), (light, *inner)):
        heights = band.get_paths()[0].vertices[:, 1]
        assert set(np.round(np.concatenate([lower, upper]), 10)) == set(np.round(heights, 10))


def test_one_replica_has_no_band():
    (ax,) = plot.learning_curve(sim=simulation(replicas=1)).axes
    assert len(ax.collections) == 0
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), at(simulation(replicas=1), "eg"))


def test_a_simulation_whose_replicas_were_averaged_away_is_markers():
    (ax,) = plot.learning_curve(sim=simulation().mean("replica")).axes
    assert len(ax.collections) == 0
    assert ax.lines[0].get_marker() == "o"


def test_an_interrupted_simulation_is_drawn_as_far_as_it_came():
    ds = simulation(replicas=3, M=2)
    for name in ("eg", "Q", "R", "v"):
        ds[name].values[0, 9:], ds[name].values[1:, 7:] = np.nan, np.nan  # one replica from 7 to 8, none later
    (line,) = plot.learning_curve(sim=ds).axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), np.nanmean(ds.eg.values[:, 1:9], axis=0), rtol=1e-14)
    fig = plot.overlaps(ds)
    np.testing.assert_array_equal(fig.axes[1].images[0].get_array(), ds.Q.values[0, 8])
    assert "mean of 1 replicas" in fig.get_suptitle()
    R = plot.order_parameters(None, ds).axes[0]
    np.testing.assert_array_equal(R.lines[0].get_xdata(), ALPHA[1:9])


def test_zero_and_negative_errors_are_gaps():
    ds = theory()
    ds["eg"].values[[5, 6]] = 0.0, -1e-17
    (line,) = plot.learning_curve(ds).axes[0].lines
    assert np.isnan(line.get_ydata()).nonzero()[0].tolist() == [4, 5]


@pytest.mark.parametrize("kind", ["ode", "sim"])
def test_errors_that_are_all_zero_make_an_empty_picture_without_complaint(kind):
    ds = theory() if kind == "ode" else simulation()
    ds["eg"][:] = 0.0
    plot.learning_curve(**{kind: ds}).draw_without_rendering()


def test_theory_and_simulation_of_one_label_share_a_colour_and_the_legend_says_which_is_which():
    ode, sim = {"a": theory(), "b": theory(seed=5)}, {"b": simulation(), "c": simulation(seed=3)}
    (ax,) = plot.learning_curve(ode, sim).axes
    colours = [to_rgba(line.get_color()) for line in ax.lines]  # a, b, then b, c
    assert colours[1] == colours[2]
    assert len(set(colours)) == 3
    assert legend_of(ax) == ["a", "b", "c", "theory", "simulation"]
    assert [to_rgba(band.get_facecolor()[0][:3]) for band in ax.collections[:2]] == [colours[2]] * 2


def test_a_theory_without_label_is_dark_next_to_labelled_simulations():
    (ax,) = plot.learning_curve(theory(), {"N = 100": simulation(), "N = 784": simulation(seed=2)}).axes
    assert ax.lines[0].get_color() == plot.DARK
    assert legend_of(ax) == ["theory", "N = 100", "N = 784"]


def test_labels_name_lists_and_single_datasets():
    runs = [theory(), theory(seed=4)]
    assert legend_of(plot.learning_curve(runs).axes[0]) == ["1", "2"]
    assert legend_of(plot.learning_curve(runs, labels=["x", "y"]).axes[0]) == ["x", "y"]
    assert legend_of(plot.learning_curve(theory(), labels="x").axes[0]) == ["x"]
    assert legend_of(plot.learning_curve([theory()]).axes[0]) == ["theory"]
    both = plot.learning_curve(runs, [simulation(), simulation(seed=2)], labels=("x", "y")).axes[0]
    assert legend_of(both) == ["x", "y", "theory", "simulation"]
    assert both.lines[0].get_color() == both.lines[2].get_color()


def test_more_curves_than_colours_still_differ():
    (ax,) = plot.learning_curve({str(i): theory(seed=i) for i in range(12)}).axes
    assert len({to_rgba(line.get_color()) for line in ax.lines}) == 12


def test_given_axes_are_drawn_on_and_their_figure_returned():
    fig = Figure()
    left, right = fig.subplots(1, 2)
    right.set_title("kept")
    assert plot.learning_curve(theory(), ax=right) is fig
    assert len(left.lines) == 0
    assert len(right.lines) == 1
    assert right.get_title() == "kept"
    assert right.lines[0].get_linewidth() == matplotlib.rcParams["lines.linewidth"]  # its look is its owner's
    part = Figure().subfigures(1, 2)[0]
    assert plot.learning_curve(theory(), ax=part.subplots()) is part.figure.figure


# ------------------------------------------------------------------------------------------------ overlaps


@pytest.mark.parametrize(("K", "M"), [(3, 2), (8, 1), (1, 8), (1, 1)])
def test_heat_maps_and_bars_hold_the_state_at_the_nearest_time(K, M):
    ds = theory(K, M)
    fig = plot.overlaps(ds, alpha=ALPHA[7] * 1.01)
    top_left, top_right, bottom_left, bottom_right, bar = fig.axes
    for ax, name in ((top_left, "R"), (top_right, "Q")):
        (image,) = ax.images
        np.testing.assert_array_equal(image.get_array(), ds[name].values[7])
        low, high = image.get_clim()
        assert low == -high
        assert high == max(np.abs(ds[other].values[7]).max() for other in "RQ")
        texts = [text.get_text() for text in ax.texts]
        small = max(image.get_array().shape) <= 6
        assert texts == ([f"{x:.2f}".replace("-", "−") for x in ds[name].values[7].ravel()] if small else [])
    for ax, values in ((bottom_left, ds.v_star.values), (bottom_right, ds.v.values[7])):
        np.testing.assert_array_equal([patch.get_height() for patch in ax.patches], values)
    assert [tick.get_text() for tick in top_left.get_yticklabels()] == [str(k + 1) for k in range(K)]
    assert [tick.get_text() for tick in bottom_left.get_xticklabels()] == [str(m + 1) for m in range(M)]
    assert [tick.get_text() for tick in bottom_right.get_xticklabels()] == [str(k + 1) for k in range(K)]
    assert f"{ALPHA[7]:.4g}" in fig.get_suptitle()
    assert bar.get_ylim() == top_left.images[0].get_clim()


def test_the_last_state_is_the_default_and_replicas_are_averaged():
    ds = simulation()
    fig = plot.overlaps(ds)
    np.testing.assert_allclose(fig.axes[0].images[0].get_array(), ds.R.values[:, -1].mean(0), rtol=1e-14)
    assert "1000" in fig.get_suptitle()
    assert "mean of 3 replicas" in fig.get_suptitle()


def test_numbers_in_cells_are_short_and_never_minus_zero():
    ds = theory(2, 1)
    ds["R"][-1] = [[-0.001], [-1234.5]]
    assert [text.get_text() for text in plot.overlaps(ds).axes[0].texts] == ["0.00", "−1.23e+03"]


def test_overlaps_that_are_all_zero_are_drawn():
    ds = theory()
    ds["R"][:], ds["Q"][:] = 0.0, 0.0
    assert plot.overlaps(ds).axes[0].images[0].get_clim() == (-1.0, 1.0)


def test_a_given_figure_is_drawn_on():
    fig = Figure(figsize=(5, 5))
    assert plot.overlaps(theory(), fig=fig) is fig
    assert tuple(fig.get_size_inches()) == (5, 5)


# ---------------------------------------------------------------------------------------- order parameters


@pytest.mark.parametrize(("K", "M"), [(3, 2), (1, 1), (1, 5), (9, 1)])
def test_every_element_is_drawn_once(K, M):
    ode, sim = theory(K, M), simulation(K=K, M=M)
    axes = plot.order_parameters(ode, sim).axes
    pairs = [(k, l) for k in range(K) for l in range(k, K)]
    wanted = [("R", list(np.ndindex(K, M))), ("Q", pairs), ("v", [(k,) for k in range(K)])]
    for ax, (name, elements) in zip(axes, wanted, strict=True):
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
        drawn = [[at(ds, name, *index) for index in elements] for ds in (ode, sim)]
        np.testing.assert_allclose([line.get_ydata() for line in ax.lines], drawn[0] + drawn[1], rtol=1e-12)
        assert len(ax.collections) == len(elements)


def test_a_colour_is_a_student_and_a_line_style_a_teacher():
    R, Q, v = plot.order_parameters(theory(3, 2)).axes
    students = [line.get_color() for line in v.lines]
    assert len(set(students)) == 3
    assert [line.get_color() for line in R.lines] == [students[k] for k in (0, 0, 1, 1, 2, 2)]
    assert [line.get_linestyle() for line in R.lines] == ["-", "--"] * 3
    assert [line.get_color() for line in Q.lines] == [
        *(students[0], plot.GREY, plot.GREY),
        *(students[1], plot.GREY, students[2]),
    ]


def test_readouts_that_stay_have_no_panel():
    assert len(plot.order_parameters(theory(trained=False)).axes) == 2
    falling = theory()
    falling["v"][:] = -np.arange(len(ALPHA))[:, None]
    assert len(plot.order_parameters(falling).axes) == 3
    assert len(plot.order_parameters(None, simulation()).axes) == 3


# ---------------------------------------------------------------------------------------------------- save


@pytest.mark.parametrize(("ending", "start"), [(".png", b"\x89PNG"), (".PDF", b"%PDF"), (".svg", b"<?xml")])
def test_files_are_of_their_kind_name_the_version_and_repeat(ending, start, tmp_path):
    fig = Figure((3.4, 2.6))
    fig.text(0.5, 0.5, r"$\alpha$ and text")
    first = plot.save(fig, tmp_path / f"a{ending}").read_bytes()
    again = plot.save(fig, str(tmp_path / f"b{ending}")).read_bytes()
    assert first.startswith(start)
    assert b"tutelage 0" in first
    assert first == again
    assert len(list(tmp_path.iterdir())) == 2
    if ending == ".png":  # one column at 200 dpi
        assert matplotlib.image.imread(tmp_path / "a.png").shape[:2] == (520, 680)


# ---------------------------------------------------------------------------------------- nothing leaks out


def test_no_global_state_is_touched_and_the_look_outlives_the_functions():
    before = dict(matplotlib.rcParams)
    (ax,) = plot.learning_curve(theory()).axes
    plot.overlaps(theory())
    plot.order_parameters(theory())
    assert dict(matplotlib.rcParams) == before
    ax.set_xlim(1e-9, 1e9)  # more ticks than there were
    ax.figure.draw_without_rendering()
    assert {tick.label1.get_size() for tick in ax.xaxis.get_major_ticks()} == {7}


def test_pyplot_is_not_needed_and_a_notebook_shows_the_picture(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it is an error now
    plot.overlaps(theory())
    plot.order_parameters(theory())
    assert plot.learning_curve(theory(), simulation())._repr_png_().startswith(b"\x89PNG")


def test_no_figure_stays_in_the_registry_of_pyplot():
    import matplotlib.pyplot as plt

    plot.learning_curve(theory(), simulation())
    plot.overlaps(theory())
    plot.order_parameters(theory())
    assert plt.get_fignums() == []


def test_the_style_is_a_context():
    with plot.style():
        assert tuple(Figure().get_size_inches()) == (3.4, 2.6)
        assert matplotlib.rcParams["legend.frameon"] is False
    assert matplotlib.rcParams["legend.frameon"] is True


# -------------------------------------------------------------------------------------------------- refusals


def test_learning_curve_refuses():
    refused("`ode, sim` must hold at least one dataset", plot.learning_curve)
    refused("`ode, sim` must hold at least one dataset", plot.learning_curve, {}, [])
    refused("`ode` must be a dataset of eg in alpha", plot.learning_curve, [1, 2])
    refused("is ndarray", plot.learning_curve, sim={"a": np.ones(3)})
    refused("has no eg", plot.learning_curve, theory().drop_vars("eg"))
    refused("has no times", plot.learning_curve, theory().isel(alpha=slice(0)))
    refused("given as `sim`", plot.learning_curve, simulation())
    refused("`sim` must hold a time alpha > 0", plot.learning_curve, None, simulation().isel(alpha=[0]))
    refused("`ax` must be", plot.learning_curve, theory(), ax=Figure())
    for labels in (["a"], ["a", "a"], ["a", "b", "c"]):
        refused("`labels` must name each dataset differently", plot.learning_curve, [theory()] * 2, labels=labels)
    refused("`labels` must", plot.learning_curve, theory(), simulation(), labels=["theory", "experiment"])


def test_overlaps_refuses():
    refused("`ds` must be a dataset of R, Q, v, v_star", plot.overlaps, Overlaps.random(2, 2, 10))
    refused("has no Q", plot.overlaps, theory().drop_vars("Q"))
    refused("`alpha` must be a finite number", plot.overlaps, theory(), alpha=np.nan)
    refused("`alpha` must be a finite number >= 0", plot.overlaps, theory(), alpha=-1)
    refused("`fig` must be", plot.overlaps, theory(), fig=Figure().subplots())


def test_order_parameters_refuses():
    refused("`ode, sim` must", plot.order_parameters, None)
    refused(
        "`sim` must have the numbers of units of `ode`, (K, M) = (3, 2)", plot.order_parameters, theory(), theory(2)
    )
    refused("given as `sim`", plot.order_parameters, simulation())
    refused("`ode` must hold a time alpha > 0", plot.order_parameters, theory(alpha=np.zeros(1)))


def test_save_refuses(tmp_path):
    fig = plot.learning_curve(theory())
    refused("`path` must end in .png, .pdf, .svg", plot.save, fig, tmp_path / "a.jpg")
    refused("`path` must end in", plot.save, fig, "picture")
    refused("`path` must lie in an existing folder", plot.save, fig, tmp_path / "none" / "a.png")
    refused("`fig` must be a matplotlib figure", plot.save, theory(), tmp_path / "a.png")


@pytest.mark.parametrize(
    ("dim", "says"), [(1000, r"$\pm$ std of one run"), (None, r"$\pm$ $\sqrt{N} \times$ std of one run")]
)
def test_the_legend_says_what_the_band_of_fluctuations_is(dim, says):
    rule, state = tl.OnlineSGD(lr=0.5), tl.Overlaps([[1.0]], [[0.1]], [[1.0]])
    ax = plot.learning_curve(tl.fluctuations(rule, state, [1, 2], dim=dim)).axes[0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["theory", says]
    ax = plot.learning_curve(tl.solve(rule, state, [1, 2])).axes[0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["theory"]


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
    refused("`ds` must be a dataset of eg, heads", plot.continual, theory())
    refused("give it as `sim`", plot.continual, with_replicas(ds))
    refused("`sim` must have the units, tasks and heads of `ds`", plot.continual, ds, tasks_in_a_row(students=3))
