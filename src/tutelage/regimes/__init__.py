"""Which limit a problem is in, and the equations of each."""

from __future__ import annotations

from tutelage.regimes.perfect import perfect_student
from tutelage.regimes.prediction import Prediction, predict
from tutelage.regimes.scaling import Limit, of_exponents
from tutelage.regimes.target import hermite_powers, information_exponent

__all__ = [
    "Limit",
    "Prediction",
    "hermite_powers",
    "information_exponent",
    "of_exponents",
    "perfect_student",
    "predict",
]
