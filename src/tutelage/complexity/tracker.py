"""A recorder that any training loop can call: what the classifier knows by now, and what simpler ones explain of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.complexity.entropies import check_correction
from tutelage.complexity.estimates import standard_error
from tutelage.complexity.labels import codes
from tutelage.complexity.measures import (
    conditional,
    information,
    mutual_information,
    performance_correlation,
    warn_if_undersampled,
)
from tutelage.errors import check_count, check_number, check_type, check_vector, refuse
from tutelage.version import __version__

if TYPE_CHECKING:
    import xarray

__all__ = ["Tracker", "gather", "predicted"]

UNITS = "information in bits"
LABELS = {
    "I": "I(F; Y)",
    "I_train": "I(F; Y) on training samples",
    "I_simpler": "I(L; Y)",
    "I_given": "I(F; Y | L)",
    "mu": "performance correlation I(F; Y) - I(F; Y | L)",
    "accuracy": "share of right labels",
    "accuracy_train": "share of right labels of training samples",
    "I_se": "standard error of I(F; Y)",
    "mu_se": "standard error of the performance correlation",
}


class Tracker:
    r"""Records what a classifier predicts during training, and measures it against simpler classifiers.

    Call it in the loop, ``tracker(step, model)``, then take :meth:`dataset`. It keeps predictions, so that classifiers
    found later, in the end or at some step of the training itself, can be measured against, too.

    Parameters
    ----------
    x : array, shape (N, ...), or None
        Inputs that models predict the labels of, best held out from training; None if predictions are given themselves.
    y : array, shape (N,)
        Their labels, of any kind.
    simpler : mapping of name to classifier, or sequence of classifiers, optional
        Simpler classifiers, each an object with ``predict(x)``, a function of x, or the predicted labels (N,). Scores
        (N, classes) count as the index of the largest. Information does not ask how labels are named; ``accuracy``
        does: where the tracked model gives scores, labels must be 0, 1, ..., classes - 1.
    train : (x, y), optional
        Samples of the training, for the same measures on them.
    at : array, optional
        Steps to record; calls at others return at once. Default: every call.
    correction : {"miller-madow", "grassberger"}, optional
        Of the bias, see :func:`mutual_information`.

    Raises
    ------
    ArgumentError
        Naming the argument.

    Examples
    --------
    With scikit-learn:

    >>> from sklearn.linear_model import SGDClassifier
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(400, 2))
    >>> y = x[:, 0] > 0
    >>> model = SGDClassifier(random_state=0)
    >>> tracker = Tracker(x[200:], y[200:], {"first input": lambda x: x[:, 0] > 0.5})
    >>> for step in range(1, 11):
    ...     batch = slice(step * 20 - 20, step * 20)
    ...     model = model.partial_fit(x[batch], y[batch], classes=[False, True])
    ...     tracker(step, model)
    >>> ds = tracker.dataset()
    >>> bool(ds.I[-1] > 0.5), ds.mu.dims
    (True, ('step', 'simpler'))
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        simpler: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        train: tuple[Any, Any] | None = None,
        at: ArrayLike | None = None,
        correction: str | None = None,
    ) -> None:
        self.x, self.y = x, np.asarray(y)
        codes(y=self.y)
        if x is not None and len(x) != len(self.y):
            raise refuse("x", f"have an input for each of {len(self.y)} labels", f"has {len(x)}")
        if train is not None and not (isinstance(train, (tuple, list)) and len(train) == 2):
            raise refuse("train", "be a pair of inputs and labels", f"is {type(train).__name__}")
        self.train = None if train is None else (train[0], np.asarray(train[1]))
        if self.train is not None:
            codes(train=self.train[1])
        self.at = None if at is None else check_vector("at", at, "steps")
        self.correction = check_correction(correction)
        self.simpler = self._simpler(simpler)
        self._steps: list[float] = []
        self._labels: list[np.ndarray] = []
        self._train_labels: list[np.ndarray] = []

    def __call__(self, step: float, model: Any) -> None:
        """Record a classifier at this `step`: an object with ``predict(x)``, a function of x, or labels (N,).

        Steps must rise; steps that are not among `at` are left out.
        """
        number = check_number("step", step)
        if self.at is not None and number not in self.at:
            return
        if self._steps and number <= self._steps[-1]:
            raise refuse("step", f"be larger than the last one, {self._steps[-1]:g}", f"is {number:g}")
        labels = predicted(model, self.x, len(self.y), names=self.y)
        if self.train is not None:
            x, y = self.train
            self._train_labels.append(predicted(model, x, len(y), train=True, names=y))
        self._labels.append(labels)
        self._steps.append(number)

    @property
    def steps(self) -> np.ndarray:
        """Steps recorded so far, (steps,)."""
        whole = all(step.is_integer() for step in self._steps)
        return np.array(self._steps, int if whole else float)

    @property
    def predictions(self) -> np.ndarray:
        """Labels predicted so far, (steps, N)."""
        return np.array(self._labels)

    def dataset(self, simpler: Mapping[str, Any] | Sequence[Any] | None = None, *, draws: int = 0) -> xarray.Dataset:
        r"""Return the measures of all steps recorded so far.

        Parameters
        ----------
        simpler : mapping or sequence, optional
            Other classifiers instead of those given at first.
        draws : int
            Of the bootstrap, for the standard errors ``I_se`` and ``mu_se``; default: none.

        Returns
        -------
        xarray.Dataset
            In bits: ``I`` (step), I(F; Y); ``mu`` (step, simpler); ``I_given`` (step, simpler), I(F; Y | L);
            ``I_simpler`` (simpler), I(L; Y); and ``accuracy`` (step), the share of predictions that equal the labels.
            With training samples also ``I_train`` and ``accuracy_train``. The attribute ``settings`` (JSON) says how
            many samples and classes there are, with a checksum of the labels.

        Warns
        -----
        UndersampledWarning
            Where classes are too many for the samples, see :func:`performance_correlation`.
        """
        import xarray

        if not self._steps:
            raise refuse("tracker", "have been called at least once", "has recorded nothing")
        draws = check_count("draws", draws, minimum=0)
        chosen = self.simpler if simpler is None else self._simpler(simpler)
        data: dict[str, Any] = {"I": ("step", self._informations(self._labels, self.y))}
        data["accuracy"] = ("step", [float(np.mean(f == self.y)) for f in self._labels])
        if self.train is not None:
            data["I_train"] = ("step", self._informations(self._train_labels, self.train[1]))
            data["accuracy_train"] = ("step", [float(np.mean(f == self.train[1])) for f in self._train_labels])
        given = np.array([self._given(l) for l in chosen.values()]).reshape(len(chosen), len(self._steps)).T
        data["I_simpler"] = ("simpler", np.array([self._informations([l], self.y)[0] for l in chosen.values()]))
        data["I_given"] = (("step", "simpler"), given)
        data["mu"] = (("step", "simpler"), data["I"][1][:, None] - given)
        if draws:
            data |= self._errors(chosen, draws)
        data = {name: (*each, {"long_name": LABELS[name]}) for name, each in data.items()}
        coordinates = {"step": ("step", self.steps, {"long_name": "steps"}), "simpler": list(chosen)}
        return xarray.Dataset(data, coordinates, self._attributes(draws))

    def _informations(self, labels: list[np.ndarray], y: np.ndarray) -> np.ndarray:
        pairs = [codes(f=f, y=y) for f in labels]
        if self.correction is None:
            warn_if_undersampled("I(F; Y)", *max(pairs, key=lambda pair: pair[0].max()), depth=4)
        return np.array([information(F, Y, self.correction) for F, Y in pairs])

    def _given(self, l: np.ndarray) -> np.ndarray:
        triples = [codes(f=f, l=l, y=self.y) for f in self._labels]
        if self.correction is None:
            warn_if_undersampled("mu_Y(F; L)", *max(triples, key=lambda triple: triple[0].max()), depth=5)
        return np.array([conditional(F, Y, L, self.correction) for F, L, Y in triples])

    def _errors(self, chosen: Mapping[str, np.ndarray], draws: int) -> dict[str, Any]:
        options: dict[str, Any] = {"draws": draws, "correction": self.correction}
        mu = [[standard_error(performance_correlation, f, l, self.y, **options) for l in chosen.values()]
              for f in self._labels]  # fmt: skip
        I = [standard_error(mutual_information, f, self.y, **options) for f in self._labels]
        return {
            "I_se": ("step", np.array(I)),
            "mu_se": (("step", "simpler"), np.array(mu).reshape(len(I), len(chosen))),
        }

    def _simpler(self, simpler: Any) -> dict[str, np.ndarray]:
        """Return the labels that simpler classifiers predict, by name."""
        if simpler is None:
            return {}
        if not isinstance(simpler, (Mapping, list, tuple)):
            raise refuse("simpler", "be a mapping of names to classifiers or a list of them", f"is {simpler!r:.60}")
        named = simpler if isinstance(simpler, Mapping) else {str(i + 1): each for i, each in enumerate(simpler)}
        return {str(name): predicted(each, self.x, len(self.y), f"simpler[{name!r}]") for name, each in named.items()}

    def _attributes(self, draws: int) -> dict[str, Any]:
        settings = {
            "view": "tracker",
            "samples": len(self.y),
            "classes": len(np.unique(codes(y=self.y)[0])),
            "correction": self.correction,
            "draws": draws,
            "sha256": hashlib.sha256(codes(y=self.y)[0].astype("<i8").tobytes()).hexdigest(),
        }
        if self.train is not None:
            settings["train_samples"] = len(self.train[1])
        return {
            "tutelage_version": __version__,
            "settings": json.dumps(settings),
            "scalings": f"information in {UNITS}",
        }


def predicted(
    model: Any, x: Any, samples: int, name: str = "model", *, train: bool = False, names: np.ndarray | None = None
) -> np.ndarray:
    """Return the labels (samples,) of a classifier: an object with ``predict``, a function, or the labels themselves.

    Scores (samples, classes) become the index of the largest, refused if it cannot be one of `names`, the true labels.
    """
    predict = getattr(model, "predict", model)
    if callable(predict):
        if x is None:
            raise refuse("x", f"be inputs, for a {name} that predicts from them", "is None")
        predict = _called(predict, x, name)
    elif train:
        raise refuse(name, "predict from inputs where `train` is given, not be labels", f"is {type(model).__name__}")
    labels = np.array(predict)
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "iuf":
        codes(scores=labels.ravel())  # finite
        _check_names(names, labels.shape[1])
        labels = labels.argmax(1)
    if labels.shape != (samples,):
        raise refuse(name, f"give labels ({samples},) or scores ({samples}, classes)", f"gives shape {labels.shape}")
    codes(predictions=labels)
    return labels


def _called(predict: Any, x: Any, name: str) -> Any:
    """Return predict(x), or refuse a classifier of scikit-learn's that is not fitted."""
    try:
        return predict(x)
    except ValueError as error:
        if type(error).__name__ != "NotFittedError":
            raise
        raise refuse(name, "be fitted first, as by fit(x, y)", "is not") from None


def _check_names(names: np.ndarray | None, classes: int) -> None:
    """Refuse labels that no index of a score equals: how often the two agree would mean nothing."""
    if names is None or (names.dtype.kind not in "SU" and np.isin(names, np.arange(classes)).all()):
        return
    must = f"be integers from 0 to {classes - 1} for a model of {classes} scores (np.unique(y, return_inverse=True)[1])"
    raise refuse("y", must, f"holds {sorted(set(names.tolist()), key=str)[:3]}")


def gather(runs: Mapping[Any, xarray.Dataset] | Sequence[xarray.Dataset]) -> xarray.Dataset:
    """Return datasets of runs at the same steps as one, along the dimension ``seed``.

    Parameters
    ----------
    runs : mapping of seed to dataset, or sequence of datasets
        A sequence counts seeds from 0.
    """
    import xarray

    named = dict(runs) if isinstance(runs, Mapping) else dict(enumerate(runs))
    if not named:
        raise refuse("runs", "hold at least one dataset", "is empty")
    for run in named.values():
        check_type("runs", run, xarray.Dataset)
    try:
        joined = xarray.concat(list(named.values()), "seed", join="exact", combine_attrs="drop_conflicts")
    except ValueError:
        raise refuse("runs", "have the same steps and simpler classifiers", "differ in them") from None
    return joined.assign_coords(seed=("seed", list(named)))
