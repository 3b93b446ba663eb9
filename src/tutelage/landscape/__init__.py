"""The landscape of the loss of small networks: exact derivatives, gradient flow, minima, Hessian spectra."""

from __future__ import annotations

from tutelage.landscape.data_loss import DataLoss
from tutelage.landscape.network import MLP, Teacher

__all__ = ["MLP", "DataLoss", "Teacher"]
