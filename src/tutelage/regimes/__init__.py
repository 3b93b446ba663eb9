"""Which limit a problem is in, and the equations of each."""

from __future__ import annotations

from tutelage.regimes.cosines import cosine_histogram, cosines
from tutelage.regimes.mean_field import solve_mean_field
from tutelage.regimes.mean_field_particles import Particles
from tutelage.regimes.perfect import perfect_student
from tutelage.regimes.phase_retrieval import exit_time, exit_times, growth_rate, optimal_lr, width_gain
from tutelage.regimes.prediction import Prediction, predict
from tutelage.regimes.scaling import Limit, of_exponents
from tutelage.regimes.target import hermite_powers, information_exponent

__all__ = [
    "Limit",
    "Particles",
    "Prediction",
    "cosine_histogram",
    "cosines",
    "exit_time",
    "exit_times",
    "growth_rate",
    "hermite_powers",
    "information_exponent",
    "of_exponents",
    "optimal_lr",
    "perfect_student",
    "predict",
    "solve_mean_field",
    "width_gain",
]
