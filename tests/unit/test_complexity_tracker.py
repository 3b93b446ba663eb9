"""The tracker in any training loop, tasks and training, and the picture of what was recorded."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import SGDClassifier

import tutelage as tl
from tutelage import ArgumentError, complexity, landscape
from tutelage.complexity import (
    Task,
    Tracker,
    UndersampledWarning,
    conditional_mutual_information,
    gather,
    mutual_information,
    performance_correlation,
    standard_error,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 3))
Y = X[:, 0] + 0.5 * X[:, 1] > 0
SIMPLE = {"first": lambda x: x[:, 0] > 0, "labels": X[:, 1] > 0}


def test_measures_are_those_of_the_functions_at_every_step():
    tracker = Tracker(X, Y, SIMPLE)
    for step, weight in enumerate((0.0, 0.3, 0.6)):
        tracker(step, lambda x, w=weight: x[:, 0] + w * x[:, 1] > 0)
    ds = tracker.dataset(draws=20)
    f, l = tracker.predictions[1], SIMPLE["labels"]
    at = ds.sel(step=1, simpler="labels")
    assert mutual_information(f, Y) == at.I
    assert at.I_given == conditional_mutual_information(f, Y, given=l)
    assert at.mu == performance_correlation(f, l, Y)
    assert at.I_simpler == mutual_information(l, Y)
    assert at.accuracy == np.mean(f == Y)
    assert at.mu_se == standard_error(performance_correlation, f, l, Y, draws=20)
    assert ds.I_se[1] == standard_error(mutual_information, f, Y, draws=20)
    assert ds.mu.sel(step=0, simpler="first") == ds.I.sel(step=0)  # it is the first input itself
    settings = json.loads(ds.settings)
    assert (settings["samples"], settings["classes"]) == (600, 2)
    assert ds.tutelage_version == tl.__version__


def test_datasets_are_kept(tmp_path):
    tracker = Tracker(X, Y, SIMPLE, train=(X[:50], Y[:50]))
    tracker(3, lambda x: x[:, 0] > 0)
    ds = tracker.dataset()
    assert ds.I_train == mutual_information(X[:50, 0] > 0, Y[:50])
    assert ds.accuracy_train == np.mean((X[:50, 0] > 0) == Y[:50])
    assert tl.load(tl.save(ds, tmp_path / "track.nc")).identical(ds)
    both = gather({4: ds, 7: ds})
    assert both.I.dims == ("seed", "step")
    assert both.seed.values.tolist() == [4, 7]
    assert tl.load(tl.save(both, tmp_path / "both.nc")).identical(both)


def test_in_a_loop_of_scikit_learn():
    model, tracker = SGDClassifier(random_state=0), Tracker(X[300:], Y[300:], {"first": SIMPLE["first"]}, at=[1, 10])
    for step in range(1, 11):
        model.partial_fit(X[step * 30 - 30 : step * 30], Y[step * 30 - 30 : step * 30], classes=[False, True])
        tracker(step, model)
    assert tracker.steps.tolist() == [1, 10]
    assert tracker.dataset().I[-1] == mutual_information(model.predict(X[300:]), Y[300:])


def test_in_descent_of_our_networks():
    net = landscape.MLP(3, [(8, "tanh", True), (2, "softmax", True)])
    tracker = Tracker(X, Y.astype(int), {"first": SIMPLE["first"]})
    run = landscape.descend(
        net.on(X, Y.astype(int)), net.init(0), 20, lr=0.1, batch=10, keep=[0, 7, 20],
        callback=lambda step, p: tracker(step, net.at(p)), progress=False,
    )  # fmt: skip
    assert tracker.steps.tolist() == list(range(21))
    for at, p in zip(run.step.values, run.p.values, strict=True):
        assert (tracker.predictions[at] == net(p, X).argmax(1)).all()
    assert tracker.dataset().I[-1] > 0.2
    with pytest.raises(ArgumentError, match="`callback` must be a function of the step and the parameters, but is 3"):
        landscape.descend(net.on(X, Y.astype(int)), net.init(0), 1, lr=0.1, callback=3)


def test_simpler_classifiers_may_come_later_and_labels_may_be_text():
    words = np.where(Y, "yes", "no")
    tracker = Tracker(None, words)
    tracker(0.5, np.where(X[:, 0] > 0, "yes", "no"))
    tracker(1.5, words)
    ds = tracker.dataset({"at the start": tracker.predictions[0]})
    assert ds.step.values.tolist() == [0.5, 1.5]
    assert ds.accuracy[1] == 1
    assert ds.mu[1, 0] == pytest.approx(ds.I_simpler[0])
    assert tracker.dataset().mu.shape == (2, 0)


def test_information_does_not_ask_how_labels_are_named():
    words, scores = np.where(Y, "yes", "no"), np.stack([X[:, 0] < 0, X[:, 0] > 0], 1).astype(float)
    tracker = Tracker(X, words, {"scores": scores})
    tracker(0, scores.argmax(1))
    assert tracker.dataset().mu[0, 0] == pytest.approx(complexity.mutual_information(X[:, 0] > 0, Y))


def test_other_errors_of_a_classifier_are_its_own():
    def broken(x):
        raise ValueError("no such luck")

    with pytest.raises(ValueError, match="no such luck"):
        Tracker(X, Y, [broken])


def test_many_classes_are_warned_of_or_corrected():
    y = RNG.integers(10, size=1000)
    tracker = Tracker(None, y, [RNG.integers(10, size=1000)])
    tracker(0, RNG.integers(10, size=1000))
    with pytest.warns(UndersampledWarning, match="mu_Y"):
        plug_in = tracker.dataset()
    better = Tracker(None, y, tracker.simpler, correction="grassberger")
    better(0, tracker.predictions[0])
    assert abs(better.dataset().mu[0, 0]) < abs(plug_in.mu[0, 0]) / 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Tracker(X[1:], Y), "`x` must have an input for each of 600 labels, but has 599"),
        (lambda: Tracker(None, Y)(0, lambda x: x), "`x` must be inputs, for a model that predicts"),
        (lambda: Tracker(None, Y)(0, Y[1:]), r"`model` must give labels \(600,\) or scores"),
        (lambda: Tracker(X, Y, {"L": X[:, :1]}), r"`simpler\['L'\]` must give labels"),
        (lambda: Tracker(X, Y, "linear"), "`simpler` must be a mapping"),
        (lambda: Tracker(X, Y, train=X), "`train` must be a pair"),
        (lambda: Tracker(X, Y, train=(X, Y))(0, Y), "`model` must predict from inputs where `train` is given"),
        (lambda: Tracker(X, Y).dataset(), "`tracker` must have been called"),
        (lambda: Tracker(X, Y, correction="best"), "`correction` must be one of"),
        (lambda: Tracker(X, np.where(Y, np.nan, 1)), "`y` .* contains NaN"),
        (lambda: Tracker(X, Y)(0, np.full((600, 2), np.nan)), "contains NaN"),
        (
            lambda: Tracker(X, np.where(Y, "a", "b"))(0, X[:, :2]),
            r"`y` must be integers from 0 to 1 .* holds \['a', 'b'\]",
        ),
        (lambda: Tracker(X, np.where(Y, 1, -1))(0, X[:, :2]), r"`y` must be integers from 0 to 1 .* holds \[-1, 1\]"),
        (
            lambda: Tracker(X, Y, [SGDClassifier()]),
            r"`simpler\['1'\]` must be fitted first, as by fit",
        ),
        (lambda: Tracker(X, Y)(0, SGDClassifier()), "`model` must be fitted first"),
        (lambda: complexity.train(complexity.halfspace(10, 10), steps=1, lr=1, batch=5, net=3), "`net` must be"),
        (lambda: gather([]), "`runs` must hold at least one"),
        (lambda: gather([Y]), "`runs` must be of type Dataset, but is of type ndarray"),
        (
            lambda: complexity.train(complexity.halfspace(10, 10), 8, steps=1, lr=1),
            "`hidden` must be a sequence .* is 8",
        ),
        (lambda: tl.plot.complexity(Y), "`ds` must be a dataset of tl.complexity.Tracker"),
        (lambda: complexity.sinusoid(10, 10, dim=1), "`dim` must be an integer >= 2"),
        (lambda: complexity.with_label_noise(complexity.halfspace(10, 10), 1.5), "`share` must be at most 1"),
        (lambda: complexity.with_label_noise(X, 0.5), "`task` must be of type Task"),
        (lambda: complexity.largest_margin(1.5, 1.0), "`noise` must be a share of the samples"),
        (lambda: standard_error(mutual_information, Y, Y, draws=1), "`draws` must be an integer >= 2"),
        (lambda: Task(X, Y.astype(int) - 1, X, Y.astype(int)), "`y` must be labels 0, 1"),
        (lambda: complexity.train(X, steps=1, lr=0.1), "`task` must be of type Task"),
        (lambda: complexity.train(complexity.halfspace(10, 10), steps=1, lr=-1), "`lr` must be"),
    ],
)
def test_refusals_name_the_argument(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


def test_steps_must_rise_and_runs_must_match():
    tracker = Tracker(X, Y)
    tracker(2, Y)
    with pytest.raises(ArgumentError, match="`step` must be larger than the last one, 2, but is 2"):
        tracker(2, Y)
    first = tracker.dataset()
    tracker(3, Y)
    with pytest.raises(ArgumentError, match="`runs` must have the same steps"):
        gather([first, tracker.dataset()])


def test_the_sinusoid_has_a_linear_part_and_labels_of_its_formula():
    task = complexity.sinusoid(4000, 4000, seed=3)
    assert task.classes == 2
    model = complexity.linear_classifier(task)
    information = mutual_information(model.predict(task.x_test), task.y_test)
    assert information == pytest.approx(0.23, abs=0.03)
    # Along w' the label depends on a sine; along directions off w and w' on nothing.
    straight = complexity.sinusoid(4000, 4000, frequency=0.0, seed=3)
    assert (straight.x == task.x).all()
    assert mutual_information(complexity.linear_classifier(straight).predict(straight.x_test), straight.y_test) > 0.9
    assert np.mean(straight.y == task.y) == pytest.approx(0.78, abs=0.03)


def test_label_noise_turns_over_an_exact_share_of_training_labels_alone():
    task = complexity.halfspace(1000, 500, seed=1)
    noisy = complexity.with_label_noise(task, 0.1, seed=2)
    assert (noisy.y != task.y).sum() == 100
    assert (noisy.y_test == task.y_test).all()


def test_digits_are_split_and_centred():
    task = complexity.digits(seed=1)
    assert len(task.x) + len(task.x_test) == 1797
    assert abs(task.x.mean(0)).max() < 1e-12
    assert 0.4 < task.y.mean() < 0.6


def test_training_depends_on_its_seed_alone_and_learns_given_labels():
    task = complexity.digits()
    first, again, other = (complexity.train(task, (8,), steps=50, lr=0.1, seed=s) for s in (0, 0, 1))
    assert (first.p == again.p).all()
    assert (first.p != other.p).any()
    turned = complexity.train(task, (), steps=400, lr=0.1, labels=1 - task.y)
    assert np.mean(turned.predict(task.x_test) == task.y_test) < 0.3
    assert complexity.steps_to_record(1000, 7).tolist() == [0, 1, 3, 10, 32, 100, 316, 1000]


def test_interrupted_training_keeps_what_was_recorded():
    task = complexity.digits()
    tracker = Tracker(task.x_test, task.y_test)

    def callback(step, model):
        tracker(step, model)
        if step == 5:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted after 5 of 100 steps"):
        model = complexity.train(task, (8,), steps=100, lr=0.1, callback=callback)
    assert tracker.steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert (model.predict(task.x_test) == tracker.predictions[-1]).all()


def test_weights_that_overflow_are_said():
    task = complexity.halfspace(100, 10)
    with np.errstate(all="ignore"), pytest.raises(tl.DivergenceError, match=r"overflow after .* a smaller `lr`"):
        complexity.train(task, (8, 8), steps=500, lr=1e200, batch=10)


def test_an_interrupted_experiment_ends(monkeypatch):
    from tutelage.papers.nakkiran2019 import setting

    monkeypatch.setattr(Tracker, "__call__", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        setting.watched(complexity.halfspace(100, 10), {}, 0, steps=5, lr=0.1)


def test_pictures(tmp_path):
    tracker = Tracker(X, Y, SIMPLE, train=(X, Y))
    for step in range(4):
        tracker(step, lambda x, w=step / 3: x[:, 0] + w * x[:, 1] > 0)
    ds = tracker.dataset(draws=5)
    figure = tl.plot.complexity(gather([ds, ds]), train=True, title="two seeds")
    (axes,) = figure.axes
    assert len(axes.lines) == 6  # I, I of training samples, and of each of two classifiers mu and I(L;Y)
    assert [float(x) for x in axes.lines[0].get_xdata()] == [1, 2, 3]
    assert axes.lines[0].get_ydata() == pytest.approx(ds.I.values[1:])
    assert axes.lines[2].get_ydata() == pytest.approx(ds.mu.values[1:, 0])
    assert tl.plot.save(tl.plot.complexity(ds), tmp_path / "one.png").stat().st_size > 5000
    with pytest.raises(ArgumentError, match="`ds` must hold a step > 0"):
        tl.plot.complexity(ds.isel(step=[0]))
    with pytest.raises(ArgumentError, match="`train` must be False"):
        tl.plot.complexity(ds.drop_vars("I_train"), train=True)
    with pytest.raises(ArgumentError, match="`ax` must be matplotlib axes"):
        tl.plot.complexity(ds, ax=3)
