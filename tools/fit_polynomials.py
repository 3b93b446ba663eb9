"""Print the polynomial coefficients of ``tutelage.kernels.elementary``.

Each is a weighted minimax polynomial (Remez exchange, 50 digits), rounded to float64, highest power first.
Run ``python tools/fit_polynomials.py``: some seconds.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp  # type: ignore[import-untyped]

mp.mp.dps = 50
GRID = 1500
Function = Callable[[mp.mpf], mp.mpf]


def chebyshev_points(low: mp.mpf, high: mp.mpf, count: int) -> list[mp.mpf]:
    """The extrema of a Chebyshev polynomial on [low, high], increasing."""
    return [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * i / (count - 1)) for i in range(count)]


def alternation(points: list[mp.mpf], errors: list[mp.mpf], count: int) -> list[mp.mpf]:
    """The largest |error| of each run of one sign; of the runs, the `count` consecutive ones with the larger ends."""
    best: list[tuple[mp.mpf, mp.mpf]] = []
    for point, error in zip(points, errors, strict=True):
        if best and best[-1][1] * error > 0:
            if abs(error) > abs(best[-1][1]):
                best[-1] = (point, error)
        else:
            best.append((point, error))
    while len(best) > count:
        best.pop(0 if abs(best[0][1]) < abs(best[-1][1]) else -1)
    return [point for point, _ in best]


def remez(name: str, f: Function, low: float, high: float, degree: int, weight: Function = lambda x: mp.mpf(1)) -> None:
    """Print the polynomial of `degree` that minimises the largest weight(x) |p(x) - f(x)| on [low, high]."""
    grid = chebyshev_points(mp.mpf(low), mp.mpf(high), GRID)
    values, weights = [f(x) for x in grid], [weight(x) for x in grid]
    nodes = chebyshev_points(mp.mpf(low), mp.mpf(high), degree + 2)
    for _ in range(12):
        rows = [[x**k for k in range(degree, -1, -1)] + [(-1) ** i / weight(x)] for i, x in enumerate(nodes)]
        *coefficients, level = mp.lu_solve(mp.matrix(rows), mp.matrix([f(x) for x in nodes]))
        errors = [w * (mp.polyval(coefficients, x) - y) for x, y, w in zip(grid, values, weights, strict=True)]
        worst = max(map(abs, errors))
        exchanged = alternation(grid, errors, degree + 2)
        if worst < 1.02 * abs(level) or len(exchanged) < degree + 2:
            break
        nodes = exchanged
    print(f"# largest weighted error {mp.nstr(worst, 3)} = 2^{mp.nstr(mp.log(worst, 2), 4)}, on [{low}, {high}]")
    print(f"{name} = (\n" + "".join(f"    {float(c)!r},\n" for c in coefficients) + ")")


def split(name: str, value: mp.mpf) -> None:
    """Print `value` as an unevaluated sum of two float64 numbers."""
    print(f"{name} = ({float(value)!r}, {float(value - mp.mpf(float(value)))!r})")


def exp_tail(r: mp.mpf) -> mp.mpf:
    """(exp(r) - 1 - r) / r^2."""
    return mp.hyp1f1(1, 3, r) / 2


def log_tail(z: mp.mpf) -> mp.mpf:
    """((log(1 + s) - log(1 - s)) / s - 2) / z with z = s^2: 2/3 + 2 z/5 + ..."""
    return mp.hyp2f1(1, mp.mpf(3) / 2, mp.mpf(5) / 2, z) * 2 / 3


def sin_tail(z: mp.mpf) -> mp.mpf:
    """(sin(2 pi r) / r - 2 pi) / z with z = r^2."""
    return -((2 * mp.pi) ** 3) / 6 * mp.hyp1f2(1, 2, mp.mpf(5) / 2, -((mp.pi) ** 2) * z)


def cos_tail(z: mp.mpf) -> mp.mpf:
    """(cos(2 pi r) - 1) / z with z = r^2."""
    return -((2 * mp.pi) ** 2) / 2 * mp.hyp1f2(1, mp.mpf(3) / 2, 2, -((mp.pi) ** 2) * z)


def asin_tail(z: mp.mpf) -> mp.mpf:
    """(asin(s) / s - 1) / z with z = s^2."""
    return mp.hyp3f2(1, mp.mpf(3) / 2, mp.mpf(3) / 2, 2, mp.mpf(5) / 2, z) / 6


def atan_tail(z: mp.mpf) -> mp.mpf:
    """(atan(s) / s - 1) / z with z = s^2."""
    return -mp.hyp2f1(1, mp.mpf(3) / 2, mp.mpf(5) / 2, -z) / 3


def erf_tail(z: mp.mpf) -> mp.mpf:
    """(erf(x) / x - 2/sqrt(pi)) / z with z = x^2."""
    return -2 / mp.sqrt(mp.pi) / 3 * mp.hyp2f2(1, mp.mpf(3) / 2, 2, mp.mpf(5) / 2, -z)


if __name__ == "__main__":
    split("LN2", mp.log(2))
    split("TWO_PI", 2 * mp.pi)
    split("HALF_PI", mp.pi / 2)
    split("TWO_OVER_SQRT_PI", 2 / mp.sqrt(mp.pi))
    remez("EXP_TAIL", exp_tail, -0.347, 0.347, 9)
    remez("LOG_TAIL", log_tail, 0, 0.02944, 6)
    remez("SIN_TAIL", sin_tail, 0, 1 / 64, 5)
    remez("COS_TAIL", cos_tail, 0, 1 / 64, 6)
    remez("ASIN_TAIL", asin_tail, 0, 0.25, 12)
    remez("ATAN_TAIL", atan_tail, 0, 0.17158, 10)  # tan(pi/8)^2
    remez("ERF_TAIL", erf_tail, 0, 1, 10)
    # erf = 1 - exp(p): an error of p counts with the factor erfc, which is why p may be poor where erfc is small.
    remez("LOG_ERFC", lambda x: mp.log(mp.erfc(x)), 0.98, 6, 17, mp.erfc)
