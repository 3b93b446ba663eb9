"""Pictures of eigenvalues: histograms of area one, and laws as their densities."""

import numpy as np
import pytest
from drawn import legend_of, refused

import tutelage as tl
from tutelage import plot


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
    refused("matplotlib axes", plot.spectrum, [1.0], ax=3)


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
