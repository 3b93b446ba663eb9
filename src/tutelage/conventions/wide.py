"""SGD between gradient flow, high dimension and mean field: Veiga et al. 2022, Arnaboldi et al. 2023."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from tutelage.conventions.setting import AbstractConvention, Count, Flag, Number, Rate, Scales, Setting, Units
from tutelage.errors import check_type

__all__ = ["Arnaboldi2023", "Veiga2022"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Arnaboldi2023(AbstractConvention):
    r"""Arnaboldi et al., COLT 2023, arXiv:2302.05882, and the same authors' arXiv:2305.18502.

    Inputs :math:`x \sim \mathcal N(0, I/d)`, outputs :math:`\frac1p \sum_i a_i \sigma(w_i \cdot x)` and
    :math:`\frac1k \sum_r a^*_r \sigma(w^*_r \cdot x)`, labels with noise of variance :math:`\Delta`, and with
    :math:`\mathcal E` = label minus output

    .. math::

        w_i \leftarrow w_i + \frac{\gamma}{p} a_i \sigma'(\lambda_i) \mathcal E\, x, \qquad
        a_i \leftarrow a_i + \frac{\gamma}{p\,d} \sigma(\lambda_i) \mathcal E, \qquad
        t = \text{steps} \cdot \frac{\gamma}{p\,d} .

    The risk :math:`\tfrac12 \langle \mathcal E^2 \rangle` has the noise in it. Weights have our scale, overlaps Q, M, P
    are our Q, R, T, and p, k, d our K, M, N. Mean-field scaling is a = 1: in ours v = 1/K, v_star = 1/M.

    Parameters
    ----------
    a, a_star : array, shape (p,) and (k,)
        Readouts, without 1/p and 1/k.
    d : int
        Input dimension.
    gamma : float, >= 0
        Learning rate :math:`\gamma`.
    Delta : float, >= 0
        Variance of the label noise.
    train_readout : bool
        Whether the readout is trained.
    """

    a: Units
    a_star: Units
    d: Count
    gamma: Rate
    Delta: Rate = 0.0
    train_readout: Flag = False

    @property
    def scales(self) -> Scales:
        """The factors between their quantities and ours."""
        return Scales(time=self.gamma / len(self.a), offset=self.Delta / 2, inputs=self.d**-0.5)

    def to_ours(self) -> Setting:
        """Return the problem in our convention."""
        p = len(self.a)
        return Setting(
            v=self.a / p,
            v_star=self.a_star / len(self.a_star),
            lr=self.gamma,
            lr_readout=self.train_readout * self.gamma / p**2,
            noise=self.Delta**0.5,
            dim=self.d,
        )

    @classmethod
    def from_ours(cls, setting: Setting) -> Self:
        """Return a `setting` in theirs; refused for decay, batches, and a readout rate other than 0 and lr/K^2."""
        check_type("setting", setting, Setting)
        s, p = setting.having(weight_decay=0.0, batch=1), len(setting.v)
        trained = s.lr_readout > 0
        if trained and not np.isclose(s.lr_readout, s.lr / p**2, rtol=1e-12, atol=0):
            s.having(lr_readout=s.lr / p**2)
        return cls(
            a=p * s.v,
            a_star=len(s.v_star) * s.v_star,
            d=s.known_dim,
            gamma=s.lr,
            Delta=s.noise**2,
            train_readout=trained,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Veiga2022(AbstractConvention):
    r"""Veiga et al., NeurIPS 2022, arXiv:2202.00293: width and learning rate are powers of the dimension.

    As in :class:`Arnaboldi2023` with fixed readouts a = 1, p = p_0 d^kappa units and gamma = gamma_0 d^-delta, but the
    unit of time depends on the exponents alone,

    .. math:: t = \text{steps} \cdot \max\big( d^{-(1 + \kappa + \delta)}, d^{-(1 + 2(\kappa + \delta))} \big) ,

    and the risk is shown without the noise.

    Parameters
    ----------
    p, k, d : int
        Student units, teacher units, input dimension.
    gamma : float, >= 0
        Learning rate :math:`\gamma`.
    Delta : float, >= 0
        Variance of the label noise.
    kappa, delta : float
        Exponents of the width and of the learning rate.
    """

    p: Count
    k: Count
    d: Count
    gamma: Rate
    Delta: Rate = 0.0
    kappa: Number = 0.0
    delta: Number = 0.0

    @property
    def scales(self) -> Scales:
        """The factors between their quantities and ours."""
        theta = self.kappa + self.delta
        return Scales(time=max(self.d**-theta, self.d ** (-2 * theta)))

    def to_ours(self) -> Setting:
        """Return the problem in our convention."""
        v, v_star = np.full(self.p, 1 / self.p), np.full(self.k, 1 / self.k)
        return Setting(v=v, v_star=v_star, lr=self.gamma, noise=self.Delta**0.5, dim=self.d)

    @classmethod
    def from_ours(cls, setting: Setting, *, kappa: float = 0.0, delta: float = 0.0) -> Self:
        """Return a `setting` in theirs, with the exponents that its unit of time is to have.

        Refused unless v = 1/K and v_star = 1/M are fixed, and there is neither decay nor batch.
        """
        check_type("setting", setting, Setting)
        s, p, k = setting, len(setting.v), len(setting.v_star)
        s.having(v=1 / p, v_star=1 / k, lr_readout=0.0, weight_decay=0.0, batch=1)
        return cls(p=p, k=k, d=s.known_dim, gamma=s.lr, Delta=s.noise**2, kappa=kappa, delta=delta)
