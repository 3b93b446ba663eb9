"""The random numbers: the same every time, and of the law they claim."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr

from tutelage.kernels.draws import LANES, fill_normal, fill_uniform, new_state

MANY = 10_000_000
MASK = 2**64 - 1


def normals(count: int, seed: int = 1, stream: tuple[int, ...] = (0,)) -> np.ndarray:
    out = np.empty(count)
    fill_normal(new_state(seed, stream), out)
    return out


def uniforms(count: int, seed: int = 1, stream: tuple[int, ...] = (0,)) -> np.ndarray:
    out = np.empty(count)
    fill_uniform(new_state(seed, stream), out)
    return out


@pytest.fixture(scope="module")
def sample() -> np.ndarray:
    return normals(MANY, seed=20)


def rotated(bits: int, left: int) -> int:
    return (bits << left | bits >> (64 - left)) & MASK


def reference_uniforms(lane: list[int], count: int) -> list[float]:
    """xoshiro256++ one number at a time, in Python integers."""
    s0, s1, s2, s3 = lane
    result = []
    for _ in range(count):
        bits = (rotated((s0 + s3) & MASK, 23) + s0) & MASK
        result.append(((bits >> 12) + 0.5) / 2**52)
        s2, s3, shifted = s2 ^ s0, s3 ^ s1, s1 << 17 & MASK
        s0, s1, s2, s3 = s0 ^ s3, s1 ^ s2, s2 ^ shifted, rotated(s3, 45)
    return result


def test_lanes_are_xoshiro256plusplus() -> None:
    state = new_state(3, (4,))
    expected = np.transpose([reference_uniforms(state[:, lane].tolist(), 50) for lane in range(LANES)])
    assert np.array_equal(uniforms(50 * LANES, 3, (4,)), expected.ravel())


def test_normals_are_the_box_muller_transform_of_the_uniforms() -> None:
    # Blocks of 1024 and what is left; of an odd length the last is the first of a further pair.
    state = new_state(1, (0,))
    expected = []
    for length in (1024, 1024, 452, 2):
        uniform = np.empty(length)
        fill_uniform(state, uniform)
        u, v = np.split(uniform, 2)
        expected += [np.sqrt(-2 * np.log(u)) * f(2 * np.pi * v) for f in (np.cos, np.sin)]
    np.testing.assert_allclose(normals(2501), np.concatenate(expected)[:-1], rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("fill", [fill_uniform, fill_normal])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 31, 32, 33, 63, 784, 785, 1023, 1024, 1025, 2050, 5001])
def test_any_length_is_filled_exactly_and_repeatably(fill, count: int) -> None:
    guarded = np.full(count + 2, np.nan)
    fill(new_state(1, (0,)), guarded[1:-1])
    again = np.empty(count)
    fill(new_state(1, (0,)), again)
    assert np.isnan(guarded[[0, -1]]).all()
    assert np.isfinite(again).all()
    assert np.array_equal(guarded[1:-1], again)
    assert len(np.unique(again)) == count


def test_uniforms_are_inside_the_open_interval() -> None:
    u = uniforms(1_000_000)
    assert u.min() > 0
    assert u.max() < 1
    # odd multiples of 2^-53
    assert np.array_equal(u * 2.0**53 % 2, np.ones_like(u))


def test_extreme_bits_give_finite_normals() -> None:
    # s0 = s3 = 0 makes the first number of a lane the least one, whose radius is the largest.
    state = new_state(1, (0,))
    state[0] = state[3] = 0
    out = np.empty(2 * LANES)
    fill_normal(state, out)
    assert np.isfinite(out).all()
    assert np.hypot(out[0], out[LANES]) == pytest.approx(math.sqrt(2 * 53 * math.log(2)), rel=1e-14)


def test_seeds_and_streams_differ() -> None:
    states = [new_state(seed, stream) for seed, stream in [(1, (0,)), (1, (1,)), (2, (0,)), (1, (0, 0)), (1, ())]]
    columns = np.concatenate(states, axis=1)
    assert columns.shape == (4, 5 * LANES)
    assert columns.dtype == np.uint64
    assert len(np.unique(columns)) == columns.size
    assert np.array_equal(new_state(1, (1,)), states[1])


def test_no_lane_is_all_zero(monkeypatch) -> None:
    class Zeros:
        def __init__(self, entropy, spawn_key) -> None: ...

        def generate_state(self, count, dtype):
            return np.zeros(count, dtype)

    monkeypatch.setattr(np.random, "SeedSequence", Zeros)
    assert new_state(1, (0,)).any(axis=0).all()


def test_streams_are_uncorrelated() -> None:
    count = 20_000
    correlation = np.corrcoef([normals(count, 5, (replica,)) for replica in range(20)])
    off_diagonal = correlation[np.triu_indices(20, 1)]
    assert np.abs(off_diagonal).max() < 4.5 / math.sqrt(count)


def test_a_stored_state_continues_identically(tmp_path) -> None:
    state = new_state(7, (3,))
    first, expected, continued = np.empty(785), np.empty(333), np.empty(333)
    fill_normal(state, first)
    np.save(tmp_path / "state.npy", state)
    fill_normal(state, expected)
    fill_normal(np.load(tmp_path / "state.npy"), continued)
    assert np.array_equal(continued, expected)
    assert not np.isin(expected, first).any()


def kolmogorov_smirnov(probabilities: np.ndarray) -> float:
    """sqrt(n) times the largest distance between the empirical and the uniform distribution function."""
    count = len(probabilities)
    excess = np.sort(probabilities) - np.arange(count) / count
    return math.sqrt(count) * max(1 / count - excess.min(), excess.max())


def test_distributions_pass_kolmogorov_smirnov(sample: np.ndarray) -> None:
    critical = 1.95  # exceeded with probability 1e-3
    assert kolmogorov_smirnov(uniforms(2_000_000)) < critical
    assert kolmogorov_smirnov(ndtr(sample[:2_000_000])) < critical


@pytest.mark.parametrize("power", range(1, 9))
def test_moments(sample: np.ndarray, power: int) -> None:
    def moment(k: int) -> int:
        return 0 if k % 2 else math.prod(range(1, k, 2))

    standard_error = math.sqrt((moment(2 * power) - moment(power) ** 2) / MANY)
    squares = sample * sample
    powers = squares ** (power // 2) * (sample if power % 2 else 1.0)
    assert abs(powers.mean() - moment(power)) < 4 * standard_error


@pytest.mark.parametrize("bound", [1.0, 2.0, 3.0, 4.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_tails(sample: np.ndarray, bound: float, sign: float) -> None:
    expected = MANY * ndtr(-bound)
    assert abs(np.count_nonzero(sign * sample > bound) - expected) < 4 * math.sqrt(expected)


def test_numbers_beyond_five_occur_as_often_as_expected() -> None:
    state, out, chunks = new_state(21, (0,)), np.empty(1_000_000), 40
    count = 0
    for _ in range(chunks):
        fill_normal(state, out)
        count += np.count_nonzero(np.abs(out) > 5.0)
    expected = chunks * len(out) * 2 * ndtr(-5.0)
    assert expected > 4 * math.sqrt(expected)  # none at all would be noticed
    assert abs(count - expected) < 4 * math.sqrt(expected)


# 512 is the distance between the two numbers of a Box-Muller pair within a block, LANES one step of a lane.
@pytest.mark.parametrize("lag", [1, 2, 3, 4, 8, LANES - 1, LANES, 2 * LANES, 511, 512, 513, 1024])
def test_serial_correlations(sample: np.ndarray, lag: int) -> None:
    x = sample[:2_000_000]
    squares = (x * x - 1) / math.sqrt(2)
    for values in (x, squares):
        assert abs(values[:-lag] @ values[lag:]) / math.sqrt(len(x) - lag) < 4
    assert abs(x[:-lag] @ squares[lag:]) / math.sqrt(len(x) - lag) < 4


def test_lanes_are_uncorrelated() -> None:
    steps = 20_000
    lanes = uniforms(steps * LANES).reshape(steps, LANES)
    now, following = lanes[:-1] - 0.5, lanes[1:] - 0.5
    same_time = np.abs(np.corrcoef(lanes.T)[np.triu_indices(LANES, 1)])
    one_step_later = np.abs(12 * now.T @ following / (steps - 1))
    # about 1500 numbers: one beyond 4.8 standard errors has probability 2.5e-3
    assert max(same_time.max(), one_step_later.max()) < 4.8 / math.sqrt(steps)
