"""Linear students of features on any scales: exact learning curves, the published approximation, and simulation."""

from __future__ import annotations

from tutelage.linear.curves import learning_curve
from tutelage.linear.inputs import digit_inputs, fitted, measure
from tutelage.linear.optimum import Optimum, critical_kappa, optimal_ridge, optimal_time
from tutelage.linear.parts import decomposition
from tutelage.linear.schedule import fading
from tutelage.linear.simulation import simulate
from tutelage.linear.spectrum import Spectrum, power_law, two_scale

__all__ = [
    "Optimum",
    "Spectrum",
    "critical_kappa",
    "decomposition",
    "digit_inputs",
    "fading",
    "fitted",
    "learning_curve",
    "measure",
    "optimal_ridge",
    "optimal_time",
    "power_law",
    "simulate",
    "two_scale",
]
