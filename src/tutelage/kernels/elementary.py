"""exp, expm1, log, erf, asin and sincos for compiled loops, written so that LLVM vectorises the loop around them.

Two things stop its vectoriser: a call to the mathematical library and a branch. So there is neither here: both sides
of every choice are computed and one is selected, powers of two are moved in and out of the exponent bits, and every
rounding is written out (`fma` is the only contraction, no fast-math flag is set), hence a result is the same bits in a
vectorised loop, in a scalar call and on every machine. The polynomials come from ``tools/fit_polynomials.py``.

The stated errors, in units in the last place, are the largest found among 10^5 to 10^6 points against 35 digits, with
most of the points where the error is largest; ``tests/unit/test_elementary.py`` repeats that with fewer.
"""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["asin", "bits_of", "erf", "exp", "expm1", "float_of", "log", "sincos_2pi"]

# Unevaluated sums of two float64 numbers, where one is not accurate enough.
LN2 = (0.6931471805599453, 2.3190468138462996e-17)
TWO_PI = (6.283185307179586, 2.4492935982947064e-16)
HALF_PI = (1.5707963267948966, 6.123233995736766e-17)
TWO_OVER_SQRT_PI = (1.1283791670955126, 1.533545961316588e-17)
EXP_TAIL = (
    2.5110181088616394e-08,
    2.762023264999313e-07,
    2.7557241988233707e-06,
    2.4801520991810774e-05,
    0.0001984126988689938,
    0.001388888891741022,
    0.008333333333322106,
    0.04166666666662373,
    0.16666666666666674,
    0.5000000000000001,
)
LOG_TAIL = (
    0.14617863781762994,
    0.1533159771105597,
    0.18182893194780486,
    0.22222211073197332,
    0.28571428626396794,
    0.3999999999989845,
    0.666666666666667,
)
SIN_TAIL = (
    3.786436507519013,
    -15.094054305443125,
    42.058689182571825,
    -76.70585973563036,
    81.60524927605172,
    -41.341702240399755,
)
COS_TAIL = (
    -1.6990354963001286,
    7.903206963238649,
    -26.426253276763003,
    60.244641352709365,
    -85.45681720664383,
    64.93939402266824,
    -19.739208802178716,
)
ASIN_TAIL = (
    0.028998874125483222,
    -0.015212438127253425,
    0.017636788516383315,
    0.005368862248790659,
    0.010343929955748742,
    0.011475856595829429,
    0.013971561192651324,
    0.017352368698808223,
    0.022372173991937087,
    0.030381944111486255,
    0.04464285714671502,
    0.07499999999998246,
    0.16666666666666669,
)
ERF_TAIL = (
    -8.107339232121451e-10,
    1.3887362313390594e-08,
    -1.624717013025528e-07,
    1.6452460976738418e-06,
    -1.4925142111478115e-05,
    0.00012055315724843397,
    -0.0008548326657259495,
    0.005223977620902248,
    -0.026866170644842337,
    0.11283791670954409,
    -0.3761263890318375,
)
LOG_ERFC = (
    -5.2232638509229424e-12,
    2.1596520465179726e-10,
    -4.141329073704737e-09,
    4.872584387698732e-08,
    -3.90972674482767e-07,
    2.2349313760092956e-06,
    -9.089816610380081e-06,
    2.421615211483858e-05,
    -2.3869328861678894e-05,
    -0.00012770703645427698,
    0.0007588402296243317,
    -0.0019010673582733504,
    0.0003961042867060429,
    0.019000933881982127,
    -0.10270927416111086,
    -0.636641442574027,
    -1.1283745942499115,
    -4.4871238487475905e-07,
)

LOG2_E = 1.4426950408889634
# 1.5 * 2^52: adding it rounds to an integer, which then stands in the low bits. AVX2 converts no 64-bit integers.
ROUNDER = 6755399441055744.0
MANTISSA_BITS = np.uint64(52)
MANTISSA_MASK = np.uint64(0x000FFFFFFFFFFFFF)
EXPONENT_BIAS = np.uint64(1023)
TWO_52_BITS = np.uint64(0x4330000000000000)
SQRT_HALF_BITS = np.uint64(0x3FE6A09E667F3BCD)
ONE_MINUS_SQRT_HALF_BITS = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
ZERO, ONE, TWO = np.uint64(0), np.uint64(1), np.uint64(2)
SIGN_SHIFT = np.uint64(62)


@intrinsic
def bits_of(typing_context: Any, x: Any) -> Any:
    """The uint64 with the bits of the float64 `x`."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.uint64))

    return types.uint64(types.float64), build


@intrinsic
def float_of(typing_context: Any, bits: Any) -> Any:
    """The float64 with the bits of the uint64 `bits`."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.uint64), build


@intrinsic
def _fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c with one rounding."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), build


@intrinsic
def _polynomial(typing_context: Any, x: Any, coefficients: Any) -> Any:
    """The polynomial with the tuple of `coefficients`, highest power first, by Horner's rule in fused steps.

    Even and odd powers apart, in x^2: two chains of half the length, or else the processor waits for the one.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, packed = arguments
        square = builder.fmul(x, x)
        ascending = cgutils.unpack_tuple(builder, packed)[::-1]

        def horner(*chain: Any) -> Any:
            value = chain[-1]
            for coefficient in chain[-2::-1]:
                value = builder.fma(value, square, coefficient)
            return value

        return builder.fma(horner(*ascending[1::2]), x, horner(*ascending[::2]))

    return types.float64(types.float64, coefficients), build


# forceinline: a call left standing would keep the caller's loop scalar.
_inlined = nb.njit(cache=True, forceinline=True, error_model="numpy")


@_inlined
def _power_of_two(rounded: float) -> float:
    """2^k, with -1023 < k < 1024 given as k + ROUNDER."""
    return float_of((bits_of(rounded) + EXPONENT_BIAS) << MANTISSA_BITS)


@_inlined
def _exp_parts(x: float) -> tuple[float, float]:
    """k + ROUNDER and exp(r) with x = k log 2 + r, |r| <= log(2) / 2."""
    rounded = _fma(x, LOG2_E, ROUNDER)
    k = rounded - ROUNDER
    r = _fma(-k, LN2[1], _fma(-k, LN2[0], x))
    return rounded, 1.0 + _fma(r * r, _polynomial(r, EXP_TAIL), r)


@_inlined
def exp(x: float) -> float:
    """exp(x) for every x, within 1.1 ulp; below -708.4 subnormal, below -745.2 zero, above 709.78 infinite."""
    clipped = 710.0 if x > 710.0 else x
    clipped = -746.0 if clipped < -746.0 else clipped
    rounded, mantissa = _exp_parts(clipped)
    # 2^k itself can overflow where the result does not; its two halves cannot.
    half = 0.5 * (rounded - ROUNDER) + ROUNDER
    other_half = (rounded - half) + ROUNDER
    return mantissa * _power_of_two(half) * _power_of_two(other_half)


@_inlined
def expm1(x: float) -> float:
    """exp(x) - 1 for x <= 700, within 2.4 ulp (relative accuracy also next to 0); for larger x, that of 700."""
    clipped = 700.0 if x > 700.0 else x
    clipped = -746.0 if clipped < -746.0 else clipped
    rounded = _fma(clipped, LOG2_E, ROUNDER)
    k = rounded - ROUNDER
    r = _fma(-k, LN2[1], _fma(-k, LN2[0], clipped))
    # 2^k (1 + e) - 1 with e = exp(r) - 1; below 2^-1000 the power does not matter any more.
    e = _fma(r * r, _polynomial(r, EXP_TAIL), r)
    power = 0.0 if k < -1000.0 else _power_of_two(rounded)
    return _fma(power, e, power - 1.0)


@_inlined
def log(x: float) -> float:
    """log(x) for positive normal x, within 1.0 ulp; for other x without meaning."""
    # x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), and 1 + f = (1 + s) / (1 - s).
    shifted = bits_of(x) + ONE_MINUS_SQRT_HALF_BITS
    k = float_of((shifted >> MANTISSA_BITS) | TWO_52_BITS) - (2.0**52 + 1023.0)
    f = float_of((shifted & MANTISSA_MASK) + SQRT_HALF_BITS) - 1.0
    s = f / (2.0 + f)
    z = s * s
    # log(1 + f) = 2 s + s z T(z) = f - s (f - z T(z))
    correction = s * _fma(-z, _polynomial(z, LOG_TAIL), f)
    return _fma(k, LN2[0], f - _fma(-k, LN2[1], correction))


@_inlined
def erf(x: float) -> float:
    """erf(x) for every x, within 1.8 ulp (relative accuracy also next to 0)."""
    z = x * x
    near = _fma(x, TWO_OVER_SQRT_PI[0], x * _fma(z, _polynomial(z, ERF_TAIL), TWO_OVER_SQRT_PI[1]))
    size = math.fabs(x)
    # erf is 1 in float64 from 5.93 on; NaN passes both comparisons.
    clipped = 6.0 if size > 6.0 else size
    rounded, mantissa = _exp_parts(_polynomial(clipped, LOG_ERFC))
    far = _fma(-mantissa, _power_of_two(rounded), 1.0)
    far = -far if x < 0.0 else far
    return near if size < 1.0 else far


@_inlined
def asin(x: float) -> float:
    """asin(x) for |x| <= 1, within 1.15 ulp; beyond, that of the nearer end."""
    size = math.fabs(x)
    size = 1.0 if size > 1.0 else size
    # Beyond 1/2 asin(x) = pi/2 - 2 asin(s), with s = sqrt((1 - x) / 2) again at most 1/2.
    complement = 0.5 - 0.5 * size
    is_small = size < 0.5
    z = x * x if is_small else complement
    s = x if is_small else math.sqrt(complement)
    tail = s * (z * _polynomial(z, ASIN_TAIL))
    near = s + tail
    # What the first difference rounds off is kept: it can be a whole ulp of the result.
    head = HALF_PI[0] - 2.0 * s
    lost = (HALF_PI[0] - head) - 2.0 * s
    far = head + _fma(-2.0, tail, lost + HALF_PI[1])
    far = -far if x < 0.0 else far
    return near if is_small else far


@_inlined
def sincos_2pi(u: float) -> tuple[float, float]:
    """sin(2 pi u) and cos(2 pi u) for 0 <= u < 1, within 1.25 ulp each."""
    # u = quarter / 4 + r with |r| <= 1/8, exactly.
    rounded = _fma(u, 4.0, ROUNDER)
    r = _fma(rounded - ROUNDER, -0.25, u)
    z = r * r
    sine = _fma(r, TWO_PI[0], r * _fma(z, _polynomial(z, SIN_TAIL), TWO_PI[1]))
    cosine = _fma(z, _polynomial(z, COS_TAIL), 1.0)
    # The parity of the quarter exchanges the two; its half, and the half of the next, are the signs.
    quarter = bits_of(rounded)
    is_odd = (quarter & ONE) != ZERO
    sine_sign = (quarter & TWO) << SIGN_SHIFT
    cosine_sign = ((quarter + ONE) & TWO) << SIGN_SHIFT
    first = cosine if is_odd else sine
    second = sine if is_odd else cosine
    return float_of(bits_of(first) ^ sine_sign), float_of(bits_of(second) ^ cosine_sign)
