"""Linear students of features on any scales: exact learning curves, the published approximation, and simulation."""

from __future__ import annotations

from tutelage.linear.curves import learning_curve
from tutelage.linear.spectrum import Spectrum, power_law, two_scale

__all__ = [
    "Spectrum",
    "learning_curve",
    "power_law",
    "two_scale",
]
