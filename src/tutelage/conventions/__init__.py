r"""The scalings of the papers, and conversions between them and ours, both ways.

Every paper is a frozen data class that holds a problem in the letters and units of that paper. ``to_ours()`` returns it
as a :class:`Setting`, what :class:`tutelage.OnlineSGD` and :class:`tutelage.Overlaps` take; ``from_ours(setting)`` goes
back. Between them, times, risks, weights and inputs convert by the paper's :class:`Scales`.

Ours: fields :math:`w \cdot x/\sqrt N` of inputs of variance one, outputs :math:`\sum_k v_k g(\lambda_k)`, steps
:math:`(\eta/\sqrt N)\, v_k g'(\lambda_k) \Delta\, x` of the first layer and :math:`(\eta_v/N)\, g(\lambda_k) \Delta` of
the readout, decay :math:`(\kappa/N) w`, noise as a standard deviation, time :math:`\alpha` = steps/N, and an error
:math:`\tfrac12 \langle (\text{student} - \text{teacher})^2 \rangle` without label noise.
"""

from __future__ import annotations

from tutelage.conventions.flows import Brea2023, Couto2025, Pezeshki2022
from tutelage.conventions.online import Goldt2019, Lee2021, SaadSolla1995
from tutelage.conventions.setting import AbstractConvention, Scales, Setting, absorb_slope
from tutelage.conventions.wide import Arnaboldi2023, Veiga2022

__all__ = [
    "AbstractConvention",
    "Arnaboldi2023",
    "Brea2023",
    "Couto2025",
    "Goldt2019",
    "Lee2021",
    "Pezeshki2022",
    "SaadSolla1995",
    "Scales",
    "Setting",
    "Veiga2022",
    "absorb_slope",
]
