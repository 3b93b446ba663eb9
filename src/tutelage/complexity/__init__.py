"""What a classifier has learned, in bits, and how much of it simpler classifiers explain."""

from __future__ import annotations

from tutelage.complexity.estimates import bootstrap, shuffled, standard_error
from tutelage.complexity.measures import (
    UndersampledWarning,
    conditional_mutual_information,
    mutual_information,
    mutual_information_from_joint,
    performance_correlation,
    performance_correlation_from_joint,
)

__all__ = [
    "UndersampledWarning",
    "bootstrap",
    "conditional_mutual_information",
    "mutual_information",
    "mutual_information_from_joint",
    "performance_correlation",
    "performance_correlation_from_joint",
    "shuffled",
    "standard_error",
]
