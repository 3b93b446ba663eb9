"""Which limit a problem is in, and the equations of each."""

from __future__ import annotations

from tutelage.regimes.cosines import cosine_histogram, cosines
from tutelage.regimes.mean_field import solve_mean_field
from tutelage.regimes.mean_field_particles import Particles

__all__ = ["Particles", "cosine_histogram", "cosines", "solve_mean_field"]
