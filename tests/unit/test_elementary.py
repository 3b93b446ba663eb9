"""The elementary functions against mpmath, in units in the last place of the exact result."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath as mp
import numba as nb
import numpy as np
import pytest
from llvmlite import binding

from tutelage.kernels import elementary


@nb.njit
def sin_2pi(u):
    return elementary.sincos_2pi(u)[0]


@nb.njit
def cos_2pi(u):
    return elementary.sincos_2pi(u)[1]


def looped(f):
    @nb.njit
    def loop(x, out):
        for i in range(len(x)):
            out[i] = f(x[i])

    return loop


LOOPS = {
    f.__name__: looped(f) for f in (elementary.exp, elementary.expm1, elementary.log, elementary.erf, elementary.asin)
}
LOOPS |= {"sin_2pi": looped(sin_2pi), "cos_2pi": looped(cos_2pi)}
SCALARS = {name: getattr(elementary, name) for name in ("exp", "expm1", "log", "erf", "asin")}
SCALARS |= {"sin_2pi": sin_2pi, "cos_2pi": cos_2pi}
EXACT: dict[str, Callable] = {
    "exp": mp.exp,
    "expm1": mp.expm1,
    "log": mp.log,
    "erf": mp.erf,
    "asin": mp.asin,
    "sin_2pi": lambda u: mp.sinpi(2 * u),
    "cos_2pi": lambda u: mp.cospi(2 * u),
}
# The errors stated in the docstrings.
STATED = {"exp": 1.1, "expm1": 2.4, "log": 1.0, "erf": 1.8, "asin": 1.15, "sin_2pi": 1.25, "cos_2pi": 1.25}


def evaluated(name: str, x) -> np.ndarray:
    x = np.ascontiguousarray(x, dtype=np.float64)  # one layout, one compilation
    out = np.empty_like(x)
    LOOPS[name](x, out)
    return out


def ulps(name: str, x: np.ndarray) -> list[float]:
    """The errors of the function at the points x, in units in the last place of the exact results."""
    with mp.workdps(34):
        exact = [EXACT[name](mp.mpf(value)) for value in x.tolist()]
        return [
            float(abs(mp.mpf(result) - truth)) / math.ulp(float(truth))
            for result, truth in zip(evaluated(name, x).tolist(), exact, strict=True)
        ]


def neighbours(*centres: float) -> np.ndarray:
    """Each centre with the 20 float64 numbers on either side of it."""
    steps = np.arange(-20, 21)
    return np.concatenate([centre + steps * math.ulp(centre) for centre in centres])


def points(name: str) -> np.ndarray:
    """About 20,000 points: over the domain, where the formula changes, and where the result is small."""
    uniform = np.random.default_rng(1).uniform
    tiny = np.exp(uniform(-700, 0, 1_000))
    return np.concatenate(
        {
            "exp": [
                uniform(-708.3, 709.7, 8_000),
                uniform(0.3, 0.4, 4_000),
                uniform(-1, 1, 6_000),
                tiny,
                neighbours(-708.0, 709.7, 0.3465736),
            ],
            "expm1": [
                uniform(-40, 690, 6_000),
                uniform(-2, 2, 8_000),
                uniform(0.3, 0.4, 3_000),
                -np.exp(uniform(-600, 1, 1_000)),
                tiny,
                neighbours(0.3465736, 1.0397208, 36.7),
                -neighbours(0.3465736, 0.6931472, 36.7),
            ],
            "log": [
                np.exp(uniform(-708, 709, 6_000)),
                uniform(0.5, 2, 6_000),
                1 + uniform(-1e-3, 1e-3, 4_000),
                uniform(0.69, 0.72, 3_000),
                neighbours(1.0, math.sqrt(0.5), math.sqrt(2.0), 2.2250738585072014e-308 + 1e-320),
            ],
            "erf": [
                uniform(-6, 6, 7_000),
                uniform(-1.1, 1.1, 7_000),
                uniform(0.97, 1.03, 4_000),
                tiny,
                neighbours(1.0, 5.9, 6.0, 30.0),
                -neighbours(1.0, 5.9, 6.0, 30.0),
            ],
            "asin": [
                uniform(-1, 1, 9_000),
                uniform(0.48, 0.54, 4_000),
                uniform(0.8, 0.85, 3_000),
                1 - np.exp(uniform(-36, 0, 3_000)),
                tiny,
                neighbours(0.5),
                1 - np.arange(40) * 2.0**-53,
                np.arange(40) * 2.0**-53 - 1,
            ],
            "sin_2pi": [
                uniform(0, 1, 14_000),
                tiny,
                *(q + uniform(-0.01, 0, 1_000) for q in (0.135, 0.385, 0.5, 0.875, 1)),
            ],
            "cos_2pi": [
                uniform(0, 1, 14_000),
                tiny,
                *(q + uniform(-0.01, 0, 1_000) for q in (0.125, 0.25, 0.385, 0.75, 1)),
            ],
        }[name]
    )


@pytest.mark.parametrize("name", LOOPS)
def test_error_is_within_the_stated_ulps(name: str) -> None:
    x = points(name)
    errors = ulps(name, x)
    worst = int(np.argmax(errors))
    assert errors[worst] <= STATED[name], f"{errors[worst]:.3f} ulp at {x[worst]!r}"


@pytest.mark.parametrize("name", ["erf", "asin", "sin_2pi"])
def test_small_arguments_are_almost_correctly_rounded(name: str) -> None:
    assert max(ulps(name, np.geomspace(1e-300, 1e-3, 2_000))) < 0.6


@pytest.mark.parametrize("name", LOOPS)
def test_loop_equals_scalar_calls_bit_for_bit(name: str) -> None:
    x = points(name)[::7]
    scalar = np.array([SCALARS[name](value) for value in x])
    assert np.array_equal(evaluated(name, x).view(np.uint64), scalar.view(np.uint64))


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.skipif(not binding.get_host_cpu_features().get("fma"), reason="LLVM need not vectorise without FMA")
def test_loop_is_vectorised(name: str) -> None:
    evaluated(name, [0.5])
    (code,) = LOOPS[name].inspect_llvm().values()
    assert "@llvm.fma.v" in code


def test_exp_underflows_gradually_and_overflows_to_infinity() -> None:
    assert evaluated("exp", [0.0, -0.0]).tolist() == [1.0, 1.0]
    assert evaluated("exp", [709.79, 710.0, 1e300, math.inf]).tolist() == [math.inf] * 4
    assert evaluated("exp", [-745.2, -746.0, -1e300, -math.inf]).tolist() == [0.0] * 4
    assert math.isfinite(elementary.exp(709.782712893384))
    assert math.isnan(elementary.exp(math.nan))
    x = np.random.default_rng(2).uniform(-745.1, -708.4, 500)
    with mp.workdps(34):
        errors = [
            float(abs(mp.mpf(y) - mp.exp(t)) / mp.mpf(2) ** -1074)
            for t, y in zip(x.tolist(), evaluated("exp", x).tolist(), strict=True)
        ]
    # in units of 2^-1074: the error before scaling is a small part of that, and the scaling rounds once
    assert max(errors) < STATED["exp"]


def test_log_at_powers_of_two() -> None:
    assert elementary.log(1.0) == 0.0
    exponents = np.arange(-1022, 1024)
    np.testing.assert_allclose(evaluated("log", 2.0**exponents), exponents * math.log(2), rtol=3e-16)


def test_erf_is_odd_and_reaches_one() -> None:
    x = points("erf")
    assert np.array_equal(evaluated("erf", -x), -evaluated("erf", x))
    assert evaluated("erf", [5.95, 6.0, 30.0, 1e200, math.inf]).tolist() == [1.0] * 5
    assert math.copysign(1.0, elementary.erf(-0.0)) == -1.0
    assert elementary.erf(5e-324) == 5e-324
    assert math.isnan(elementary.erf(math.nan))


def test_asin_is_odd_and_clips() -> None:
    x = points("asin")
    assert np.array_equal(evaluated("asin", -x), -evaluated("asin", x))
    assert evaluated("asin", [1.0, 1.0 + 1e-12, -1.0, -1.5]).tolist() == [
        math.pi / 2,
        math.pi / 2,
        -math.pi / 2,
        -math.pi / 2,
    ]
    assert math.copysign(1.0, elementary.asin(-0.0)) == -1.0
    assert math.isnan(elementary.asin(math.nan))


def test_sincos_at_the_quarters() -> None:
    u = [0.0, 0.25, 0.5, 0.75]
    assert evaluated("sin_2pi", u).tolist() == [0.0, 1.0, 0.0, -1.0]
    assert evaluated("cos_2pi", u).tolist() == [1.0, 0.0, -1.0, 0.0]


def test_arctangent_of_two_numbers_against_mpmath():
    from tutelage.kernels.signs import arctangent

    rng = np.random.default_rng(0)
    x = rng.standard_normal(4000) * 10.0 ** rng.uniform(-200, 100, 4000)
    y = np.abs(x) * 10.0 ** rng.choice([rng.uniform(-20, 20), 0.0, 0.38], 4000) * rng.uniform(0.5, 2.0, 4000)
    worst = 0.0
    with mp.workdps(40):
        for a, b in zip(x.tolist(), y.tolist(), strict=True):
            exact = mp.atan2(mp.mpf(a), mp.mpf(b))
            worst = max(worst, float(abs(arctangent(a, b) - exact) / abs(exact)))
    print(f"largest relative error of the arctangent: {worst / 2.0**-52:.2f} units of 2^-52")
    assert worst < 2 * 2.0**-52
    assert arctangent(0.0, 0.0) == arctangent(0.0, 1.0) == 0.0
    assert arctangent(3.0, 0.0) == -arctangent(-3.0, 0.0) == math.pi / 2
