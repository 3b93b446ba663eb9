"""What is done at the beginning of a phase, or in it, so that less is forgotten: consolidation, and new weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tutelage.errors import check_choice, check_count, check_number, check_vector

__all__ = ["Consolidation", "Restart"]

IMPORTANCE = ("node", "quadratic", "fisher", "empirical", "weights")
RESTART = ("all", "features", "heads")


@dataclass(frozen=True)
class Consolidation:
    r"""A penalty :math:`\frac{\lambda}{2 N} \sum_k \Omega_k |w_k - w^a_k|^2` that holds weights where they were.

    Added to the loss, it moves :math:`w_k` by :math:`-\frac{\eta}{N} \lambda \Omega_k (w_k - w^a_k)` in each step.

    Parameters
    ----------
    strength : float
        lambda >= 0.
    importance : {"node", "quadratic", "fisher", "empirical", "weights"} or sequence of float
        :math:`\Omega_k` of each unit, with the head and the overlaps at the anchor: "node", the square of its head;
        "quadratic", one; "fisher", the diagonal of the Fisher information of the network's own labels with unit noise,
        times N; "empirical", that of the gradients of the loss on the task's labels (elastic weight consolidation,
        Kirkpatrick et al. 2017). "weights": the empirical Fisher information of each weight, times N, averaged over
        `samples` inputs, for simulations with weights only.
    anchor : int, optional
        The phase at whose end the weights are held and importance is taken. Default: the one before.
    task : int, optional
        Of which importance is taken. Default: that of the anchor's phase.
    samples : int
        Inputs, for "weights".
    """

    strength: float
    importance: str | Sequence[float] = "node"
    anchor: int | None = None
    task: int | None = None
    samples: int = 2000

    def __post_init__(self) -> None:
        check_number("strength", self.strength, minimum=0)
        if isinstance(self.importance, str) or self.importance is None:
            check_choice("importance", self.importance, IMPORTANCE)
        else:
            object.__setattr__(self, "importance", tuple(check_vector("importance", self.importance, "K").tolist()))
            for value in self.importance:
                check_number("importance", value, minimum=0)
        check_count("samples", self.samples)
        for name in ("anchor", "task"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, check_count(name, getattr(self, name), minimum=0))


@dataclass(frozen=True)
class Restart:
    """Weights drawn anew at the beginning of a phase.

    Parameters
    ----------
    what : {"all", "features", "heads"}
    std, head_std : float
        Standard deviations of first-layer weights and heads; `head_std` is `std` if left out.
    seed : int
        Of the theory's start; each replica of a simulation draws its own.
    dim : int
        Dimension in which the theory draws its overlaps, which are off their mean by 1/sqrt(dim).
    """

    what: str = "all"
    std: float = 1e-3
    head_std: float | None = None
    seed: int = 0
    dim: int = 1000

    def __post_init__(self) -> None:
        check_choice("what", self.what, RESTART)
        check_number("std", self.std, minimum=0, strict=True)
        if self.head_std is not None:
            check_number("head_std", self.head_std, minimum=0)
        check_count("seed", self.seed, minimum=0)
        check_count("dim", self.dim)
