"""The landscape of the loss of small networks: exact derivatives, gradient flow, minima, Hessian spectra."""

from __future__ import annotations

from tutelage.landscape.data_loss import DataLoss
from tutelage.landscape.descent import descend
from tutelage.landscape.flow import flow
from tutelage.landscape.lanczos import Density, Estimate, spectral_density, top_eigenvalues, trace
from tutelage.landscape.linear_networks import LinearLaw, linear_eigenvalues
from tutelage.landscape.marchenko_pastur import MarchenkoPastur, SampledLaw
from tutelage.landscape.matched import erf_hessian, matched_network
from tutelage.landscape.minimise import Minimum, minimise
from tutelage.landscape.network import MLP, Teacher
from tutelage.landscape.objective import Objective, Subspace, Sum
from tutelage.landscape.penalties import Merge, NormBarrier
from tutelage.landscape.population import PopulationLoss
from tutelage.landscape.quadratic import average_quadratic_loss, quadratic_loss
from tutelage.landscape.rank_formulas import RankFormula, rank_formula
from tutelage.landscape.ranks import NumericalRank, generic_rank, numerical_rank
from tutelage.landscape.spectra import Spectrum, spectrum
from tutelage.landscape.surgery import align, grow, shrink, split

__all__ = [
    "MLP",
    "DataLoss",
    "Density",
    "Estimate",
    "LinearLaw",
    "MarchenkoPastur",
    "Merge",
    "Minimum",
    "NormBarrier",
    "NumericalRank",
    "Objective",
    "PopulationLoss",
    "RankFormula",
    "SampledLaw",
    "Spectrum",
    "Subspace",
    "Sum",
    "Teacher",
    "align",
    "average_quadratic_loss",
    "descend",
    "erf_hessian",
    "flow",
    "generic_rank",
    "grow",
    "linear_eigenvalues",
    "matched_network",
    "minimise",
    "numerical_rank",
    "quadratic_loss",
    "rank_formula",
    "shrink",
    "spectral_density",
    "spectrum",
    "split",
    "top_eigenvalues",
    "trace",
]
