"""What pictures are made of in tests, and what is read off them."""

import numpy as np
import pytest

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
