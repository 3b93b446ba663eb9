"""What a classifier has learned, in bits, and how much of it simpler classifiers explain."""

from __future__ import annotations

from tutelage.complexity.convolution import ConvolutionalNetwork
from tutelage.complexity.estimates import bootstrap, shuffled, standard_error
from tutelage.complexity.measures import (
    UndersampledWarning,
    conditional_mutual_information,
    mutual_information,
    mutual_information_from_joint,
    performance_correlation,
    performance_correlation_from_joint,
)
from tutelage.complexity.tasks import Task, digits, halfspace, mnist, sinusoid, with_label_noise
from tutelage.complexity.three_scalars import largest_margin, memorisation, memorisation_directly
from tutelage.complexity.tracker import Tracker, gather
from tutelage.complexity.training import Classifier, linear_classifier, steps_to_record, train

__all__ = [
    "Classifier",
    "ConvolutionalNetwork",
    "Task",
    "Tracker",
    "UndersampledWarning",
    "bootstrap",
    "conditional_mutual_information",
    "digits",
    "gather",
    "halfspace",
    "largest_margin",
    "linear_classifier",
    "memorisation",
    "memorisation_directly",
    "mnist",
    "mutual_information",
    "mutual_information_from_joint",
    "performance_correlation",
    "performance_correlation_from_joint",
    "shuffled",
    "sinusoid",
    "standard_error",
    "steps_to_record",
    "train",
    "with_label_noise",
]
