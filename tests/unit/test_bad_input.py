"""Every refusal is one sentence that names the argument, says what is allowed and what was given."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tutelage as tl

N = 20
RULE = tl.OnlineSGD(lr=0.5)
STATE = tl.Overlaps(Q=[[1.0, 0.0], [0.0, 1.0]], R=[[0.1], [0.2]], T=[[1.0]])
ROWS = np.random.default_rng(0).standard_normal((30, N))
WEIGHTS = np.random.default_rng(1).standard_normal((3, N))
NAN = float("nan")


def refused(name: str, given: str, call: Callable[[], Any]) -> None:
    """Expect one sentence about the argument `name` that contains `given`."""
    with pytest.raises(ValueError, match="Argument") as caught:
        call()
    assert isinstance(caught.value, tl.ArgumentError)
    message = str(caught.value)
    assert message.startswith(f"Argument `{name}` must ")
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 600
    assert given in message.split(" must ", 1)[1]


def overlaps(**changes: Any) -> tl.Overlaps:
    return tl.Overlaps(**({"Q": [[1.0, 0.2], [0.2, 1.0]], "R": [[0.1], [0.2]], "T": [[1.0]]} | changes))


def simulate(**changes: Any) -> Any:
    arguments = {"rule": RULE, "state": STATE, "alpha": [0, 1], "dim": N, "replicas": 2, "progress": False} | changes
    return tl.simulate(arguments.pop("rule"), arguments.pop("state"), arguments.pop("alpha"), **arguments)


@pytest.mark.parametrize(
    ("name", "given", "changes"),
    [
        ("Q", "(1, 2)", {"Q": [[1.0, 0.2]]}),
        ("Q", "()", {"Q": 1.0}),
        ("Q", "(0,)", {"Q": []}),
        ("R", "(1, 2)", {"R": [[0.1, 0.2]]}),
        ("R", "(2,)", {"R": [0.1, 0.2]}),
        ("T", "(2,)", {"T": [1.0, 1.0]}),
        ("v", "(3,)", {"v": [1.0, 1.0, 1.0]}),
        ("v_star", "(2,)", {"v_star": [1.0, 1.0]}),
        ("Q", "0.1", {"Q": [[1.0, 0.2], [0.3, 1.0]]}),
        ("T", "0.5", {"T": [[1.0, 0.0], [0.5, 1.0]], "R": np.zeros((2, 2))}),
        ("Q, R, T", "-0.2", {"Q": [[1.0, 1.2], [1.2, 1.0]], "R": np.zeros((2, 1))}),
        ("Q, R, T", "-1", {"Q": np.diag([1.0, -1.0]), "R": np.zeros((2, 1))}),
        ("Q, R, T", "-0.5", {"R": [[1.5], [0.0]], "Q": np.eye(2)}),
        ("Q", "NaN", {"Q": [[1.0, NAN], [NAN, 1.0]]}),
        ("R", "NaN", {"R": [[NAN], [0.0]]}),
        ("T", "infinity", {"T": [[np.inf]]}),
        ("v", "NaN", {"v": [1.0, NAN]}),
        ("Q", "'one'", {"Q": [["one"]]}),
        ("R", "list", {"R": [[0.1], [0.2, 0.3]]}),
    ],
)
def test_overlaps(name: str, given: str, changes: dict[str, Any]) -> None:
    refused(name, given, lambda: overlaps(**changes))


@pytest.mark.parametrize(
    ("name", "given", "changes"),
    [
        ("students", "0", {"students": 0}),
        ("students", "True", {"students": True}),
        ("teachers", "-1", {"teachers": -1}),
        ("teachers", "2.0", {"teachers": 2.0}),
        ("dim", "0", {"dim": 0}),
        ("dim", "'784'", {"dim": "784"}),
        ("seed", "-3", {"seed": -3}),
        ("seed", "None", {"seed": None}),
    ],
)
def test_random_overlaps(name: str, given: str, changes: dict[str, Any]) -> None:
    refused(name, given, lambda: tl.Overlaps.random(**({"students": 2, "teachers": 1, "dim": 10} | changes)))


def test_dimensions_may_be_written_as_whole_floats() -> None:
    assert (tl.Overlaps.random(1, 1, 1e7).R == tl.Overlaps.random(1, 1, 10**7).R).all()
    assert simulate(dim=2e1).drop_attrs().identical(simulate(dim=20).drop_attrs())
    assert isinstance(simulate(dim=np.float64(20)).attrs["dim"], int | np.integer)
    assert simulate(alpha=[0, 0.5, 1], engine="sde", step=10.0).sizes["alpha"] == 3  # no interval is as long


def test_kinks_in_text() -> None:
    refused("kinks", "be a number or an array of them, but is '0'.", lambda: tl.Activation(np.abs, np.sign, kinks="0"))


def test_overlaps_of_weights() -> None:
    refused("W", "(3,)", lambda: tl.Overlaps.from_weights(np.ones(3), np.ones((1, 3))))
    refused("W_star", "(1, 4)", lambda: tl.Overlaps.from_weights(np.ones((1, 3)), np.ones((1, 4))))
    refused("W", "infinity", lambda: tl.Overlaps.from_weights([[1.0, np.inf]], np.ones((1, 2))))
    refused("activation", "'elu'", lambda: STATE.generalisation_error("elu"))
    refused("teacher_activation", "'elu'", lambda: STATE.generalisation_error("erf", "elu"))


@pytest.mark.parametrize(
    ("name", "given", "changes"),
    [
        ("lr", "-0.5", {"lr": -0.5}),
        ("lr", "nan", {"lr": NAN}),
        ("lr", "inf", {"lr": np.inf}),
        ("lr", "'fast'", {"lr": "fast"}),
        ("lr", "True", {"lr": True}),
        ("lr", "[0.1, 0.2]", {"lr": [0.1, 0.2]}),
        ("lr_readout", "-1", {"lr_readout": -1}),
        ("noise", "-0.1", {"noise": -0.1}),
        ("noise", "None", {"noise": None}),
        ("weight_decay", "-0.001", {"weight_decay": -1e-3}),
        ("batch", "0", {"batch": 0}),
        ("batch", "1.0", {"batch": 1.0}),
        ("batch", "True", {"batch": True}),
        ("train", "'last'", {"train": "last"}),
        ("train", "None", {"train": None}),
        ("activation", "'swishy'", {"activation": "swishy"}),
        ("activation", "hermite--1", {"activation": "hermite--1"}),
        ("activation", "3", {"activation": 3}),
        ("teacher_activation", "'ERF'", {"teacher_activation": "ERF"}),
        ("terms", "'noise'", {"terms": "noise"}),
        ("constraint", "'ball'", {"constraint": "ball"}),
        ("constraint", "''", {"constraint": ""}),
        ("constraint", 'None or "sphere"', {"constraint": ["sphere"]}),
    ],
)
def test_rule(name: str, given: str, changes: dict[str, Any]) -> None:
    refused(name, given, lambda: tl.OnlineSGD(**changes))


TIMES = [
    ("alpha", "(0,)", {"alpha": []}),
    ("alpha", "2 followed by 1", {"alpha": [0, 2, 1]}),
    ("alpha", "1 followed by 1", {"alpha": [0, 1, 1]}),
    ("alpha", "-1", {"alpha": [-1, 1]}),
    ("alpha", "NaN", {"alpha": [0, NAN]}),
    ("alpha", "infinity", {"alpha": [0, np.inf]}),
    ("alpha", "(1, 2)", {"alpha": [[0, 1]]}),
    ("alpha", "be a number or an array of them, but is 'soon'.", {"alpha": "soon"}),
    ("alpha", "be a number or an array of them, but is None.", {"alpha": None}),
]


@pytest.mark.parametrize(
    ("name", "given", "changes"),
    [
        *TIMES,
        ("rtol", "-1e-08", {"rtol": -1e-8}),
        ("rtol", "0", {"rtol": 0.0}),
        ("rtol", "nan", {"rtol": NAN}),
        ("atol", "0", {"atol": 0}),
        ("atol", "'small'", {"atol": "small"}),
        ("method", "'euler'", {"method": "euler"}),
        ("method", "5", {"method": 5}),
        ("activation", "'mine'", {"rule": tl.OnlineSGD(tl.Activation(np.abs, np.sign, "mine", kinks=(0,)))}),
        ("teacher_activation", "'relu'", {"rule": tl.OnlineSGD("tanh", "relu")}),
    ],
)
def test_solve(name: str, given: str, changes: dict[str, Any]) -> None:
    arguments = {"rule": RULE, "alpha": [0, 1]} | changes
    refused(name, given, lambda: tl.solve(arguments.pop("rule"), STATE, arguments.pop("alpha"), **arguments))


@pytest.mark.parametrize(
    ("name", "given", "changes"),
    [
        *TIMES,
        ("alpha", "1e+300", {"alpha": 1e300}),
        ("rule", "Overlaps", {"rule": STATE, "state": RULE}),
        ("state", "str", {"state": "start"}),
        ("dim", "0", {"dim": 0}),
        ("dim", "2", {"dim": 2}),  # N < K + M
        ("dim", "-20", {"dim": -20}),
        ("dim", "20.5", {"dim": 20.5}),
        ("dim", "inf", {"dim": np.inf}),
        ("step", "is 10", {"alpha": 100, "engine": "sde", "step": 10.0}),
        ("step", "relaxation time of the flow", {"alpha": 100, "engine": "sde", "step": 10.0}),
        ("dim", "'20'", {"dim": "20"}),
        ("dim", "True", {"dim": True}),
        ("dim", "None", {"dim": None}),
        ("replicas", "0", {"replicas": 0}),
        ("replicas", "2.5", {"replicas": 2.5}),
        ("seed", "-1", {"seed": -1}),
        ("seed", "0.0", {"seed": 0.0}),
        ("engine", "'train'", {"engine": "train"}),
        ("engine", "1", {"engine": 1}),
    ],
)
def test_simulate(name: str, given: str, changes: dict[str, Any]) -> None:
    refused(name, given, lambda: simulate(**changes))


def per_replica(rows: Any) -> Callable[[int], Any]:
    return lambda replica: iter(rows)


@pytest.mark.parametrize(
    ("name", "given", "changes"),
    [
        ("dim", "21", {"inputs": ROWS, "dim": 21}),
        ("dim", "2", {"inputs": ROWS[:, :2], "dim": None}),  # N < K + M, of the array
        ("inputs", "(20,)", {"inputs": ROWS[0]}),
        ("inputs", "(0, 20)", {"inputs": ROWS[:0]}),
        ("inputs", "(0,)", {"inputs": []}),
        ("inputs", "(1, 20)", {"inputs": ROWS[:1]}),
        ("inputs", "NaN", {"inputs": np.where(ROWS > 2, NAN, ROWS)}),
        ("inputs", "'mnist'", {"inputs": "mnist"}),
        ("inputs", "7", {"inputs": 7}),
        ("held_out", "1.5", {"inputs": ROWS, "held_out": 1.5}),
        ("held_out", "0", {"inputs": ROWS, "held_out": 0}),
        ("held_out", "-0.2", {"inputs": ROWS, "held_out": -0.2}),
        ("held_out", "True", {"inputs": ROWS, "held_out": True}),
        ("held_out", "'half'", {"inputs": ROWS, "held_out": "half"}),
        ("held_out", "(30, 7)", {"inputs": ROWS, "held_out": ROWS[:, :7]}),
        ("held_out", "given", {"held_out": 0.2}),
        ("inputs", "iterator for 2 replicas", {"inputs": iter(ROWS), "held_out": ROWS}),
        ("inputs", "iterator for 2 replicas", {"inputs": (row for row in ROWS), "held_out": "gaussian"}),
        ("held_out", "None", {"inputs": per_replica(ROWS)}),
        ("held_out", "()", {"inputs": per_replica(ROWS), "held_out": 0.2}),
        ("dim", "None", {"inputs": per_replica(ROWS), "held_out": ROWS, "dim": None}),
        ("inputs", "(7,)", {"inputs": per_replica(ROWS[:, :7]), "held_out": ROWS}),
        ("inputs", "NaN", {"inputs": per_replica(NAN * ROWS), "held_out": ROWS}),
        ("inputs", "str", {"inputs": per_replica("abc"), "held_out": ROWS}),
        ("inputs", "5", {"inputs": lambda replica: 5, "held_out": ROWS}),
        ("inputs", "gave 3", {"inputs": per_replica(ROWS[:3]), "held_out": ROWS}),
    ],
)
def test_simulate_inputs(name: str, given: str, changes: dict[str, Any]) -> None:
    refused(name, given, lambda: simulate(**changes))


@pytest.mark.parametrize(
    ("name", "given", "weights"),
    [
        ("weights", "ndarray", WEIGHTS),
        ("weights", "int", 3),
        ("weights[0]", "(1, 20)", (WEIGHTS[:1], WEIGHTS[2:])),
        ("weights[0]", "(2, 19)", (WEIGHTS[:2, 1:], WEIGHTS[2:])),
        ("weights[1]", "(2, 20)", (WEIGHTS[:2], WEIGHTS[1:])),
        ("weights[1]", "NaN", (WEIGHTS[:2], NAN * WEIGHTS[2:])),
        ("weights", "differ", (WEIGHTS[:2], WEIGHTS[2:])),
    ],
)
def test_simulate_weights(name: str, given: str, weights: Any) -> None:
    refused(name, given, lambda: simulate(weights=weights))


def test_weights_must_have_the_overlaps_to_rounding() -> None:
    state = tl.Overlaps.from_weights(WEIGHTS[:2], WEIGHTS[2:])
    simulate(state=state, weights=(WEIGHTS[:2], WEIGHTS[2:]))
    refused(
        "weights", "e-07", lambda: simulate(state=state, weights=(WEIGHTS[:2], WEIGHTS[2:] + 2.5e-6 * np.eye(N)[:1]))
    )


def test_networks() -> None:
    refused("W", "(4,)", lambda: tl.Network(np.ones(4)))
    refused("v", "(2,)", lambda: tl.Network(np.ones((1, 4)), v=[1.0, 1.0]))
    refused("activation", "'softish'", lambda: tl.Network(np.ones((1, 4)), activation="softish"))


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    ds = tl.solve(RULE, STATE, 1)
    file = tmp_path / "file"
    file.write_text("mine")
    for name, write in (
        ("path", lambda path: tl.save(ds, path)),
        ("checkpoint", lambda path: simulate(checkpoint=path)),
    ):
        refused(name, "nowhere", lambda write=write: write(tmp_path / "nowhere" / "run.nc"))
        refused(name, "file", lambda write=write: write(file / "run.nc"))
        refused(name, "xxx", lambda write=write: write(tmp_path / ("x" * 300)))  # longer than any file system allows
        refused(name, str(tmp_path), lambda write=write: write(tmp_path))
        refused(name, "3", lambda write=write: write(3))
    refused("ds", "list", lambda: tl.save([1, 2], tmp_path / "list.nc"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert file.read_text() == "mine"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    whole = tl.save(tl.solve(RULE, STATE, 1), tmp_path / "whole.nc")
    contents = {"text": b"alpha, eg\n0, 1\n", "empty": b"", "half": whole.read_bytes()[: whole.stat().st_size // 2]}
    for name, content in contents.items():
        file = tmp_path / f"{name}.nc"
        file.write_bytes(content)
        refused("path", f"{name}.nc", lambda file=file: tl.load(file))
        refused("checkpoint", f"{name}.nc", lambda file=file: simulate(checkpoint=file))
        assert file.read_bytes() == content
    refused("path", "absent.nc", lambda: tl.load(tmp_path / "absent.nc"))
    refused("path", str(tmp_path), lambda: tl.load(tmp_path))
    refused("path", "None", lambda: tl.load(None))


def test_files_of_another_kind(tmp_path: Path) -> None:
    import h5py

    before = tl.save(tl.solve(RULE, STATE, 1), tmp_path / "ode.nc").read_bytes()
    refused("checkpoint", "ode.nc", lambda: simulate(checkpoint=tmp_path / "ode.nc"))
    assert (tmp_path / "ode.nc").read_bytes() == before
    with h5py.File(tmp_path / "other.nc", "w") as other:
        other["numbers"] = np.arange(3)
    refused("checkpoint", "other.nc", lambda: simulate(checkpoint=tmp_path / "other.nc"))
    refused("ds", "Dataset", lambda: tl.rerun(tl.load(tmp_path / "other.nc")))
    refused("ds", "Dataset", lambda: tl.state_at(tl.load(tmp_path / "other.nc"), 1.0))
    simulate(checkpoint=tmp_path / "run.nc")
    refused("ds", "Dataset", lambda: tl.rerun(tl.load(tmp_path / "run.nc")))


def test_rerun(tmp_path: Path) -> None:
    ode = tl.solve(RULE, STATE, [0, 1])
    refused("ds", "'run.nc' is none", lambda: tl.rerun("run.nc"))
    refused("ds", "int", lambda: tl.rerun(3))
    refused("ds", "Dataset", lambda: tl.rerun(ode.drop_attrs()))
    refused("ds", "Dataset", lambda: tl.rerun(ode.assign_attrs(settings="lost")))
    refused("ds", "Dataset", lambda: tl.rerun(ode.assign_attrs(settings=json.dumps({"view": "window"}))))
    refused("ds", "Dataset without such a record", lambda: tl.rerun(ode.drop_attrs()))
    refused("ds", "Q_start", lambda: tl.rerun(ode.drop_vars("Q_start")))
    refused("alpha", "-1", lambda: tl.rerun(ode, alpha=-1))
    refused("alpha", "nan", lambda: tl.state_at(ode, NAN))
    array = simulate(inputs=ROWS, held_out=ROWS[:5])
    refused("inputs", "not given", lambda: tl.rerun(array))
    refused("held_out", "not given", lambda: tl.rerun(array, inputs=ROWS))
    own = simulate(state=tl.Overlaps.from_weights(WEIGHTS[:2], WEIGHTS[2:]), weights=(WEIGHTS[:2], WEIGHTS[2:]))
    refused("weights", "not given", lambda: tl.rerun(own))
    refused("replicas", "0", lambda: tl.rerun(simulate(), replicas=0))


def test_a_refused_run_leaves_no_file(tmp_path: Path) -> None:
    refused(
        "inputs",
        "gave 3",
        lambda: simulate(inputs=per_replica(ROWS[:3]), held_out=ROWS, checkpoint=tmp_path / "run.nc"),
    )
    assert not list(tmp_path.iterdir())


def test_a_divergence_is_no_argument_error() -> None:
    assert not issubclass(tl.DivergenceError, ValueError)
    assert issubclass(tl.ArgumentError, ValueError)


def test_what_is_legitimate_is_not_refused() -> None:
    rule = tl.OnlineSGD(lr=0, lr_readout=0, noise=0, weight_decay=0, batch=np.int64(2), train="both")
    assert rule.batch == 2
    singular = tl.Overlaps(Q=np.ones((2, 2)), R=np.ones((2, 1)), T=np.ones((1, 1)))
    rounded = overlaps(Q=[[1.0, 0.2], [0.2 + 1e-13, 1.0]])
    assert rounded.Q[0, 1] == rounded.Q[1, 0]
    ds = simulate(rule=rule, state=singular, alpha=2, dim=np.int32(3), replicas=np.int8(1), seed=2**70)
    assert ds.eg.shape == (1, 1)
    assert re.fullmatch(r"\d+", ds.attrs["seed"])
