"""The problem file: what it means, and what is said about one that is wrong."""

import inspect
import json
import re
import tomllib
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
import pytest

import tutelage as tl
from tutelage.errors import ArgumentError
from tutelage.online import problems
from tutelage.problem import KEYS, TEMPLATE, Problem, in_terms_of_keys, read, schema_table, sections


def reading(tmp_path, text):
    file = tmp_path / "problem.toml"
    file.write_text(text, "utf-8")
    return read(file)


def test_empty_file_is_the_default_problem(tmp_path):
    assert reading(tmp_path, "") == Problem()


def test_template_states_the_defaults(tmp_path):
    assert reading(tmp_path, TEMPLATE) == Problem()
    stated = tomllib.loads(TEMPLATE)
    for row in schema_table():
        section, name = row.key.split(".")
        if row.default:
            assert stated[section][name] == tomllib.loads(f"x = {row.default}")["x"]
        else:
            assert name not in stated[section]
            assert f"\n#{name} = " in TEMPLATE


def test_commented_keys_of_the_template_are_legitimate(tmp_path):
    every = re.sub(r"^#(?=\w)", "", TEMPLATE, flags=re.MULTILINE).replace('kind = "random"', 'kind = "overlaps"')
    problem = reading(tmp_path, every)
    assert problem.time.alpha == [0.1, 1, 10]
    assert problem.state().R.shape == (4, 2)


def test_schema_table_is_complete():
    rows = schema_table()
    assert len({row.key for row in rows}) == len(rows) == 35
    assert all(row.type and row.meaning.endswith(".") for row in rows)
    assert ("rule.lr", "a number >= 0", "0.5") in [row[:3] for row in rows]


def test_random_start_is_that_of_overlaps_random(tmp_path):
    ours = reading(tmp_path, "[start]\nseed = 7\n[simulation]\ndim = 100").state()
    other = tl.Overlaps.random(4, 2, 100, seed=7)
    np.testing.assert_allclose(ours.covariance, other.covariance, rtol=1e-14)
    np.testing.assert_array_equal(ours.v, np.ones(4))


def test_scale_shrinks_the_student_alone(tmp_path):
    ours, whole = reading(tmp_path, "[start]\nscale = 0.1").state(), Problem().state()
    np.testing.assert_allclose(ours.Q, 0.01 * whole.Q, rtol=1e-12)
    np.testing.assert_allclose(ours.R, 0.1 * whole.R, rtol=1e-12)
    np.testing.assert_allclose(ours.T, whole.T, rtol=1e-12)


@pytest.mark.parametrize("students", [1, 2, 3])
def test_informed_start_is_the_teacher_with_idle_surplus(tmp_path, students):
    ours = reading(tmp_path, f'[student]\nunits = {students}\n[start]\nkind = "informed"').state()
    copied = np.eye(students, 2)
    np.testing.assert_allclose(ours.R, copied @ ours.T, atol=1e-14)
    np.testing.assert_allclose(ours.Q, copied @ ours.T @ copied.T, atol=1e-14)


def test_informed_start_learns_nothing_at_k_equal_m(tmp_path):
    state = reading(tmp_path, '[student]\nunits = 2\n[start]\nkind = "informed"').state()
    assert state.generalisation_error("erf") < 1e-25


def test_given_overlaps_and_readouts(tmp_path):
    text = """
    student = {units = 1, readout = [2]}
    teacher = {units = 2, readout = [1, -1.5]}
    start = {kind = "overlaps", Q = [[1]], R = [[0.5, 0]], T = [[1, 0], [0, 1]]}
    """
    state = reading(tmp_path, text).state()
    assert (state.v.tolist(), state.v_star.tolist()) == ([2.0], [1.0, -1.5])
    assert state.R.tolist() == [[0.5, 0.0]]


@pytest.mark.parametrize("dim", [10, 784])
def test_log_times_are_whole_steps(tmp_path, dim):
    times = reading(tmp_path, f"[time]\nalpha_max = 50\npoints = 30\n[simulation]\ndim = {dim}").times()
    np.testing.assert_allclose(times * dim, np.round(times * dim), atol=1e-9)
    assert times[0] > 0
    assert times[-1] == 50
    assert (np.diff(times) > 0).all()


def test_linear_times_start_at_zero(tmp_path):
    times = reading(tmp_path, '[time]\nalpha_max = 4\npoints = 5\nspacing = "linear"').times()
    np.testing.assert_allclose(times, [0, 1, 2, 3, 4])


def test_listed_times_stand_as_they_are(tmp_path):
    assert reading(tmp_path, "[time]\nalpha = [0, 0.12345, 7]").times().tolist() == [0, 0.12345, 7]


def test_own_inputs_are_found_next_to_the_file_and_standardised(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).uniform(size=(50, 20)).astype(np.float32))
    problem = reading(tmp_path, '[simulation]\ninputs = "x.npy"')
    assert problem.dim() == 20
    inputs = problem.inputs()
    assert inputs.shape == (50, 20)
    assert np.mean(inputs**2) == pytest.approx(1)


def test_digits_have_64_pixels(tmp_path):
    problem = reading(tmp_path, '[simulation]\ninputs = "digits"')
    assert problem.dim() == 64
    assert problem.inputs().inputs.shape == (1797, 64)


def test_gaussian_inputs_are_no_set():
    assert Problem().inputs() is None


def test_rule_is_passed_on(tmp_path):
    rule = problems.rule(reading(tmp_path, '[rule]\nlr = 1\nnoise = 0.2\ntrain = "both"\nbatch = 3'))
    assert (rule.lr, rule.noise, rule.train, rule.batch) == (1.0, 0.2, "both", 3)


def literals(struct, name):
    kind = get_type_hints(struct)[name]
    if get_origin(kind) is not Literal:  # or left out
        kind = next(part for part in get_args(kind) if get_origin(part) is Literal)
    return get_args(kind)


def test_choices_and_defaults_are_those_of_the_functions():
    from tutelage.online.rule import TRAIN
    from tutelage.online.simulation import ENGINES

    assert literals(sections.Rule, "train") == TRAIN
    assert literals(sections.Simulation, "engine") == ENGINES
    for struct, function in (
        (sections.Rule, tl.OnlineSGD),
        (sections.Theory, tl.solve),
        (sections.Simulation, tl.simulate),
    ):
        parameters = inspect.signature(function).parameters
        for field in msgspec.structs.fields(struct):
            if field.name in parameters and field.name not in ("inputs", "held_out"):
                assert parameters[field.name].default == field.default, field.name


@pytest.mark.parametrize("method", literals(sections.Theory, "method"))
def test_every_method_solves(method):
    state = tl.Overlaps([[1.0]], [[0.1]], [[1.0]])
    assert tl.solve(tl.OnlineSGD(), state, [1.0], method=method).eg.shape == (1,)


def test_arguments_become_keys():
    with pytest.raises(ArgumentError, match=r"^key `simulation.dim` must be >= 6, but is 5\.$"), in_terms_of_keys():
        raise ArgumentError("Argument `dim` must be >= 6, but is 5.")
    assert set(KEYS.values()) <= {row.key for row in schema_table()}


OVERLAPS = '[student]\nunits = 1\n[teacher]\nunits = 1\n[start]\nkind = "overlaps"\n'
BAD = {
    "not TOML": (
        "[rule]\nlr = = 2",
        "a problem file must be TOML, but it is not: Invalid value (at line 2, column 6).",
    ),
    "key twice": ("[rule]\nlr = 1\nlr = 2", "must be TOML"),
    "misspelt section": ("[rul]\nlr = 1", "`rul` is not a key; did you mean `rule`?"),
    "misspelt key": ("[rule]\nlrr = 1", "`rule.lrr` is not a key; did you mean `lr`?"),
    "key of another section": (
        "[rule]\nreplicas = 1",
        "`rule.replicas` is not a key; did you mean `simulation.replicas`?",
    ),
    "key without section": ("lr = 1", "`lr` is not a key; did you mean `rule.lr`?"),
    "foreign key": ("[time]\nxyzzy = 1", "the keys of [time] are `alpha_max`, `alpha_min`"),
    "section is a number": ("rule = 3", "key `rule` must be a section, [rule], but is 3."),
    "string for number": ('[rule]\nlr = "fast"', 'key `rule.lr` must be a number >= 0, but is "fast".'),
    "bool for number": ("[rule]\nlr = true", "key `rule.lr` must be a number >= 0, but is true."),
    "date for number": ("[rule]\nlr = 1979-05-27", "key `rule.lr` must be a number >= 0"),
    "negative lr": ("[rule]\nlr = -1", "key `rule.lr` must be a number >= 0, but is -1."),
    "negative lr_readout": ("[rule]\nlr_readout = -0.5", "key `rule.lr_readout` must be a number >= 0, but is -0.5."),
    "negative noise": ("[rule]\nnoise = -0.1", "key `rule.noise` must be a number >= 0, but is -0.1."),
    "negative decay": ("[rule]\nweight_decay = -1", "key `rule.weight_decay` must be a number >= 0, but is -1."),
    "NaN": ("[rule]\nlr = nan", "key `rule.lr` must be a number >= 0, but is NaN."),
    "infinity": ("[rule]\nnoise = inf", "key `rule.noise` must be finite, but is inf."),
    "zero batch": ("[rule]\nbatch = 0", "key `rule.batch` must be an integer >= 1, but is 0."),
    "fraction for integer": ("[rule]\nbatch = 1.5", "key `rule.batch` must be an integer >= 1, but is 1.5."),
    "zero replicas": ("[simulation]\nreplicas = 0", "key `simulation.replicas` must be an integer >= 1, but is 0."),
    "zero students": ("[student]\nunits = 0", "key `student.units` must be an integer >= 1, but is 0."),
    "zero dim": ("[simulation]\ndim = 0", "key `simulation.dim` must be an integer >= 1, but is 0."),
    "negative seed": ("[start]\nseed = -1", "key `start.seed` must be an integer >= 0"),
    "small dim": (
        "[simulation]\ndim = 5",
        "key `simulation.dim` must be >= K + M = 6, the number of all units, but is 5.",
    ),
    "unknown train": (
        '[rule]\ntrain = "last"',
        'key `rule.train` must be one of "both", "first", "readout", but is "last".',
    ),
    "unknown engine": (
        '[simulation]\nengine = "train"',
        'key `simulation.engine` must be one of "chain", "sde", "weights", but is "train".',
    ),
    "unknown activation": ('[student]\nactivation = "eff"', "key `student.activation` must be one of"),
    "unknown teacher": ('[teacher]\nactivation = "eff"', "key `teacher.activation` must be one of"),
    "unknown method": ('[theory]\nmethod = "euler"', "key `theory.method` must be one of"),
    "zero atol": ("[theory]\natol = 0", "key `theory.atol` must be a number > 0, but is 0."),
    "empty alpha": ("[time]\nalpha = []", "key `time.alpha` must"),
    "decreasing alpha": (
        "[time]\nalpha = [2, 1]",
        "key `time.alpha` must be strictly increasing, but has 2 followed by 1.",
    ),
    "negative alpha": ("[time]\nalpha = [-1, 1]", "key `time.alpha` must be >= 0, but starts at -1."),
    "string in alpha": ('[time]\nalpha = [1, "x"]', 'key `time.alpha` must be a list of numbers, but is [1, "x"].'),
    "NaN in alpha": ("[time]\nalpha = [1, nan]", "key `time.alpha[1]` must be finite, but is nan."),
    "one point": ("[time]\npoints = 1", "key `time.points` must be an integer >= 2, but is 1."),
    "late alpha_min": ("[time]\nalpha_min = 200", "key `time.alpha_min` must be < time.alpha_max = 100, but is 200."),
    "held_out of one": (
        "[simulation]\nheld_out = 1",
        "key `simulation.held_out` must be a number > 0 and < 1, but is 1.",
    ),
    "short readout": (
        "[student]\nreadout = [1, 1]",
        "key `student.readout` must be a number or a list of 4, one for each",
    ),
    "Q left out": (OVERLAPS + "R = [[0]]\nT = [[1]]", 'key `start.Q` must be given where start.kind is "overlaps"'),
    "Q of wrong shape": (
        OVERLAPS + "Q = [[1, 0]]\nR = [[0]]\nT = [[1]]",
        "key `start.Q` must have shape (K, K) = (1, 1)",
    ),
    "ragged R": (OVERLAPS + "Q = [[1]]\nR = [[0], []]\nT = [[1]]", "key `start.R` must have shape (K, M) = (1, 1)"),
    "flat T": (
        OVERLAPS + "Q = [[1]]\nR = [[0]]\nT = [1]",
        "key `start.T` must be a list of lists of numbers, but is [1].",
    ),
    "not semidefinite": (
        OVERLAPS + "Q = [[1]]\nR = [[2]]\nT = [[1]]",
        "keys `start.Q`, `start.R`, `start.T` must make",
    ),
    "T not symmetric": (
        OVERLAPS.replace("[teacher]\nunits = 1", "[teacher]\nunits = 2")
        + "Q = [[1]]\nR = [[0, 0]]\nT = [[1, 0.5], [0, 1]]",
        "key `start.T` must be symmetric, but differs from its transpose by 0.5.",
    ),
    "useless Q": ("[start]\nQ = [[1]]", 'key `start.Q` must be left out unless start.kind is "overlaps"'),
    "unknown inputs": ('[simulation]\ninputs = "cifar"', 'key `simulation.inputs` must be one of "gaussian", "digits"'),
    "missing inputs": ('[simulation]\ninputs = "no.npy"', "key `simulation.inputs` must name a file that can be read"),
    "dim of digits": (
        '[simulation]\ninputs = "digits"\ndim = 65',
        "must be the dimension of the inputs, 64, or be left out",
    ),
}


def complaint(path):
    with pytest.raises(ArgumentError) as caught:
        read(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    return sentence


@pytest.mark.parametrize("kind", BAD)
def test_bad_file_gets_one_sentence(tmp_path, kind):
    text, expected = BAD[kind]
    file = tmp_path / "bad.toml"
    file.write_text(text)
    assert expected in complaint(file)


def test_missing_file(tmp_path):
    assert "No such file" in complaint(tmp_path / "none.toml")


def test_folder_for_a_file(tmp_path):
    assert "Is a directory" in complaint(tmp_path)


def test_binary_file(tmp_path):
    Path(tmp_path / "x.toml").write_bytes(b"\x89\xff\x00")
    assert "must be UTF-8 text, but byte 0 is not" in complaint(tmp_path / "x.toml")


@pytest.mark.parametrize("array", [np.zeros(3), np.array(["a"]), np.zeros((0, 3))])
def test_own_inputs_of_another_kind(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    (tmp_path / "p.toml").write_text('[simulation]\ninputs = "x.npy"')
    assert "must hold numbers of shape (samples, N)" in complaint(tmp_path / "p.toml")


def test_own_inputs_that_are_not_npy(tmp_path):
    (tmp_path / "x.npy").write_text("1 2 3")
    (tmp_path / "p.toml").write_text('[simulation]\ninputs = "x.npy"')
    assert "must name a .npy file of numbers" in complaint(tmp_path / "p.toml")


def test_every_key_of_the_rule_reaches_it(tmp_path):
    from tutelage.online.problems import rule

    keys = {
        "lr": 0.3, "lr_readout": 0.1, "train": "both", "noise": 0.2, "weight_decay": 0.4, "batch": 3,
        "terms": "flow+noise", "constraint": "sphere",
    }  # fmt: skip
    lines = [f"{name} = {json.dumps(value)}" for name, value in keys.items()]
    (tmp_path / "p.toml").write_text("[rule]\n" + "\n".join(lines))
    given = read(tmp_path / "p.toml")
    assert {name: getattr(rule(given), name) for name in keys} == keys
    assert set(keys) == set(type(given.rule).__struct_fields__)
    assert np.diag(given.state().Q) == pytest.approx(1)


PHASE_RETRIEVAL = """
student = {units = 1, activation = "square"}
teacher.units = 1
start.seed = 3
rule = {lr = 0.08, noise = 0.5, constraint = "sphere"}
simulation.dim = 200
"""


@pytest.mark.parametrize("kind", ["random", "informed"])
def test_student_and_teacher_begin_on_the_sphere(tmp_path, kind):
    (tmp_path / "p.toml").write_text(f"[start]\nkind = {kind!r}\nscale = 0.7\n[rule]\nconstraint = 'sphere'")
    state = read(tmp_path / "p.toml").state()
    assert np.diag(state.Q) == pytest.approx(1, abs=1e-15)
    assert np.diag(state.T) == pytest.approx(1, abs=1e-15)
    free = msgspec.structs.replace(read(tmp_path / "p.toml"), rule=sections.Rule()).state()
    cosine = free.R / np.sqrt(np.outer(np.diag(free.Q), np.diag(free.T)))
    np.testing.assert_allclose(state.R, cosine, rtol=0, atol=1e-14)
    assert np.abs(np.diag(free.T) - 1).min() > 1e-3


def test_phase_retrieval_of_a_file_ends_where_the_closed_form_says(tmp_path):
    from tutelage.online.problems import rule

    (tmp_path / "p.toml").write_text(PHASE_RETRIEVAL)
    given = read(tmp_path / "p.toml")
    end = tl.solve(rule(given), given.state(), [2000.0]).eg.values[0]
    assert end == pytest.approx(0.08 * 0.25 / (1 - 6 * 0.08), rel=1e-6)
