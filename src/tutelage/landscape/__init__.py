"""The landscape of the loss of small networks: exact derivatives, gradient flow, minima, Hessian spectra."""

from __future__ import annotations

from tutelage.landscape.data_loss import DataLoss
from tutelage.landscape.descent import descend
from tutelage.landscape.flow import flow
from tutelage.landscape.minimise import Minimum, minimise
from tutelage.landscape.network import MLP, Teacher
from tutelage.landscape.objective import Merge, NormBarrier, Objective, Subspace, Sum

__all__ = [
    "MLP",
    "DataLoss",
    "Merge",
    "Minimum",
    "NormBarrier",
    "Objective",
    "Subspace",
    "Sum",
    "Teacher",
    "descend",
    "flow",
    "minimise",
]
