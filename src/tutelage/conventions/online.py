"""One-pass SGD in the limit of large N: Saad & Solla 1995, Goldt et al. 2019, Lee et al. 2021 and 2022."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from tutelage.conventions.setting import AbstractConvention, Count, Known, Rate, Scales, Setting, Units
from tutelage.errors import check_type, refuse

__all__ = ["Goldt2019", "Lee2021", "SaadSolla1995"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Goldt2019(AbstractConvention):
    """Goldt et al., NeurIPS 2019, arXiv:1906.08632, whose scalings are ours; of theirs by name.

    Parameters
    ----------
    v, v_star : array, shape (K,) and (M,)
        Readouts.
    eta_w, eta_v : float
        Learning rates of the layers; eta_v = 0 for a fixed readout.
    sigma : float
        Standard deviation of the label noise.
    decay, batch : float, int
        Weight decay (decay/N) w, and examples in a step.
    """

    v: Units
    v_star: Units
    eta_w: Rate
    eta_v: Rate = 0.0
    sigma: Rate = 0.0
    decay: Rate = 0.0
    batch: Count = 1

    @property
    def scales(self) -> Scales:
        """The factors between their quantities and ours: all one."""
        return Scales(time=1.0)

    def to_ours(self) -> Setting:
        """Return the problem in our convention."""
        return Setting(
            v=self.v,
            v_star=self.v_star,
            lr=self.eta_w,
            lr_readout=self.eta_v,
            noise=self.sigma,
            weight_decay=self.decay,
            batch=self.batch,
        )

    @classmethod
    def from_ours(cls, setting: Setting) -> Self:
        """Return a `setting` in theirs."""
        check_type("setting", setting, Setting)
        s = setting
        return cls(
            v=s.v,
            v_star=s.v_star,
            eta_w=s.lr,
            eta_v=s.lr_readout,
            sigma=s.noise,
            decay=s.weight_decay,
            batch=s.batch,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class SaadSolla1995(AbstractConvention):
    r"""Saad & Solla, Phys. Rev. E 52, 4225 (1995): soft committee machines without noise.

    Weights :math:`J = w/\sqrt N`, so that fields are :math:`J \cdot \xi` and overlaps :math:`J \cdot J'`, the same
    numbers as ours; steps :math:`(\eta/N)\, \delta_i \xi`; all readouts one.

    Parameters
    ----------
    K, M : int
        Numbers of student and teacher units.
    eta : float
        Learning rate.
    N : int, optional
        Input dimension; only weights need it.
    """

    K: Count
    M: Count
    eta: Rate
    N: Known = None

    @property
    def scales(self) -> Scales:
        """The factors between their quantities and ours."""
        return Scales(time=1.0, weights=np.nan if self.N is None else self.N**-0.5)

    def to_ours(self) -> Setting:
        """Return the problem in our convention."""
        return Setting(v=np.ones(self.K), v_star=np.ones(self.M), lr=self.eta, dim=self.N)

    @classmethod
    def from_ours(cls, setting: Setting) -> Self:
        """Return a `setting` in theirs; refused unless all readouts are one and fixed, without noise and decay."""
        check_type("setting", setting, Setting)
        s = setting.having(v=1.0, v_star=1.0, lr_readout=0.0, noise=0.0, weight_decay=0.0, batch=1)
        return cls(K=len(s.v), M=len(s.v_star), eta=s.lr, N=s.dim)


@dataclass(frozen=True, eq=False, kw_only=True)
class Lee2021(AbstractConvention):
    r"""Lee, Goldt & Saxe, ICML 2021, arXiv:2107.04384, and Lee et al., ICML 2022, arXiv:2205.09029, for one task.

    As ours, but for weight decay, which shrinks the first layer by :math:`\eta_w \lambda / N` a step.

    Parameters
    ----------
    h, v : array, shape (K,) and (M,)
        Head of the student, readout of the teacher.
    eta_w, eta_h : float
        Learning rates of the first layer and of the head, divided by N there; eta_h = 0 for a fixed head.
    s : float
        Standard deviation of the label noise.
    decay : float
        :math:`\lambda`. Where the head is trained, too, we do not know what it does to the head: refused.
    """

    h: Units
    v: Units
    eta_w: Rate
    eta_h: Rate = 0.0
    s: Rate = 0.0
    decay: Rate = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.decay and self.eta_h:
            raise refuse("decay", "be 0 where the head is trained", f"is {self.decay:g}")

    @property
    def scales(self) -> Scales:
        """The factors between their quantities and ours: all one."""
        return Scales(time=1.0)

    def to_ours(self) -> Setting:
        """Return the problem in our convention."""
        return Setting(
            v=self.h,
            v_star=self.v,
            lr=self.eta_w,
            lr_readout=self.eta_h,
            noise=self.s,
            weight_decay=self.eta_w * self.decay,
        )

    @classmethod
    def from_ours(cls, setting: Setting) -> Self:
        """Return a `setting` in theirs; refused for batches, and for decay where the first layer has no rate."""
        check_type("setting", setting, Setting)
        s = setting.having(batch=1)
        if s.weight_decay and not s.lr:
            raise refuse("setting", "have lr > 0 where it has weight decay", "has lr = 0")
        decay = s.weight_decay / s.lr if s.weight_decay else 0.0
        return cls(h=s.v, v=s.v_star, eta_w=s.lr, eta_h=s.lr_readout, s=s.noise, decay=decay)
