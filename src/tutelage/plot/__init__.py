r"""Pictures of results: learning curves, overlaps as heat maps, order parameters in time,
cosines of students, several tasks in a row, what a classifier knows, linear students, phase diagrams, spectra of
Hessians, minima and the way to them.

Every function returns a :class:`matplotlib.figure.Figure` made without pyplot: scripts need no backend, nothing stays
open, and a notebook shows it. The look (:func:`style`) suits one column of a paper and holds in these functions only.
"""

from tutelage.plot.complexity import complexity
from tutelage.plot.continual import continual
from tutelage.plot.curves import learning_curve, order_parameters
from tutelage.plot.heatmaps import overlaps
from tutelage.plot.histograms import cosines
from tutelage.plot.landscapes import minima, trajectories
from tutelage.plot.linear import linear_curve, linear_parts, linear_plane
from tutelage.plot.look import ALPHA, DARK, GREY, WIDTH, Picture, save, style
from tutelage.plot.phases import phase_diagram
from tutelage.plot.spectra import spectrum

__all__ = [
    "ALPHA",
    "DARK",
    "GREY",
    "WIDTH",
    "Picture",
    "complexity",
    "continual",
    "cosines",
    "learning_curve",
    "linear_curve",
    "linear_parts",
    "linear_plane",
    "minima",
    "order_parameters",
    "overlaps",
    "phase_diagram",
    "save",
    "spectrum",
    "style",
    "trajectories",
]
