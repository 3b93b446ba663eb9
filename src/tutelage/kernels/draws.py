"""Standard normal numbers, drawn many at a time.

NumPy's generators serve one number after another; here LANES independent xoshiro256++ generators (Blackman and Vigna,
ACM TOMS 47, 36 (2021)) advance side by side, and the Box-Muller transform runs over a block at a time, both in AVX2.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from tutelage.kernels.elementary import float_of, log, sincos_2pi

__all__ = ["LANES", "fill_normal", "fill_uniform", "new_state"]

# Fewer lanes are slower: the loop over them is the vectorised one, and what it costs to start is paid at every step.
LANES = 32
# 8 kB: a block is still in the L1 cache when the second pass reads it.
BLOCK = 1024

FRACTION_SHIFT = np.uint64(12)
SHIFT = np.uint64(17)
ONE_BITS = np.uint64(0x3FF0000000000000)


def new_state(seed: int, stream: tuple[int, ...]) -> np.ndarray:
    """Return the uint64 state (4, LANES) of the generator `stream` of `seed`: one lane a column.

    Streams are those of ``numpy.random.SeedSequence(seed, spawn_key=stream)``: replica i takes stream (i,) and draws
    the same numbers whichever other replicas run.
    """
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=stream)
    state = sequence.generate_state(4 * LANES, np.uint64).reshape(4, LANES)
    state[0, ~state.any(axis=0)] = 1  # an all-zero lane would stay zero
    return state


@nb.njit(cache=True, forceinline=True)
def _rotated(bits: np.uint64, left: int) -> np.uint64:
    """`bits` rotated to the left; AVX2 has no rotation, only shifts."""
    return (bits << np.uint64(left)) | (bits >> np.uint64(64 - left))


@nb.njit(cache=True, forceinline=True)
def _uniform_of(bits: np.uint64) -> float:
    """The upper 52 bits k as the number (k + 1/2) / 2^52, exactly, by way of 1 + k / 2^52."""
    return float_of((bits >> FRACTION_SHIFT) | ONE_BITS) - (1.0 - 2.0**-53)


@nb.njit(cache=True)
def _fill_steps(state: np.ndarray, out: np.ndarray) -> None:
    """Fill the whole groups of LANES in `out`: each step of xoshiro256++ gives LANES neighbours."""
    row0, row1, row2, row3 = state[0], state[1], state[2], state[3]
    for start in range(0, len(out) // LANES * LANES, LANES):
        for lane in range(LANES):
            s0, s1, s2, s3 = row0[lane], row1[lane], row2[lane], row3[lane]
            out[start + lane] = _uniform_of(_rotated(s0 + s3, 23) + s0)
            s2 ^= s0
            s3 ^= s1
            row0[lane] = s0 ^ s3
            row1[lane] = s1 ^ s2
            row2[lane] = s2 ^ (s1 << SHIFT)
            row3[lane] = _rotated(s3, 45)


@nb.njit(cache=True, nogil=True)
def fill_uniform(state: np.ndarray, out: np.ndarray) -> None:
    """Fill `out` (n,) with independent uniform numbers, odd multiples of 2^-53 in (0, 1); advance `state` in place."""
    whole = len(out) // LANES * LANES
    _fill_steps(state, out[:whole])
    if whole < len(out):
        # A step moves every lane; what is not asked for is dropped.
        last = np.empty(LANES)
        _fill_steps(state, last)
        out[whole:] = last[: len(out) - whole]


@nb.njit(cache=True, error_model="numpy")
def _box_muller(first: np.ndarray, second: np.ndarray) -> None:
    """Turn the uniform numbers of two arrays of one length into independent standard normal ones."""
    # Two loops rather than one: the constants of both do not fit into the registers together.
    for i in range(len(first)):
        first[i] = math.sqrt(-2.0 * log(first[i]))
    for i in range(len(first)):
        radius = first[i]
        sine, cosine = sincos_2pi(second[i])
        first[i] = radius * cosine
        second[i] = radius * sine


@nb.njit(cache=True, nogil=True)
def fill_normal(state: np.ndarray, out: np.ndarray) -> None:
    """Fill `out` (n,) with independent standard normal numbers and advance `state` in place."""
    even = len(out) // 2 * 2
    for start in range(0, even, BLOCK):
        block = out[start : min(start + BLOCK, even)]
        fill_uniform(state, block)
        half = len(block) // 2
        _box_muller(block[:half], block[half:])
    if even < len(out):
        pair = np.empty(2)
        fill_uniform(state, pair)
        _box_muller(pair[:1], pair[1:])
        out[even] = pair[0]
