"""Full-batch descent: Pezeshki et al. 2022, Brea et al. 2023, Couto et al. 2025.

Their data are a set that is used again in every step; ours are fresh. One step on given examples is the same, and so
is everything for as long as theirs are many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from tutelage.conventions.setting import AbstractConvention, Count, Flag, Positive, Rate, Scales, Setting, Units
from tutelage.errors import check_number, check_type, refuse

__all__ = ["Brea2023", "Couto2025", "Pezeshki2022"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Pezeshki2022(AbstractConvention):
    r"""Pezeshki et al., ICML 2022, arXiv:2112.03215: one linear unit, condition number one.

    Inputs :math:`z \sim \mathcal N(0, I/d)`, labels :math:`z \cdot W + \epsilon`, and steps of rate :math:`\eta` on the
    **sum** :math:`\tfrac12 |X \hat W - y|^2 + \tfrac{\lambda}2 |\hat W|^2` over n examples; time counts steps. Overlaps
    R and Q are ours, and T = 1. With other condition numbers, Q and R are still ours for :math:`w = F \hat W`, and the
    risk :math:`\tfrac12 (1 - 2R + Q)` converts; the step does not.

    Parameters
    ----------
    n, d : int
        Examples, input dimension.
    eta : float
        Learning rate.
    lam : float
        Ridge parameter.
    sigma : float
        Standard deviation of the label noise.
    noisy_test : bool
        Whether the risk has :math:`\sigma^2/2` in it: the released code has both.
    """

    n: Count
    d: Count
    eta: Rate
    lam: Rate = 0.0
    sigma: Rate = 0.0
    noisy_test: Flag = False

    @property
    def scales(self) -> Scales:
        """The factors between their quantities and ours."""
        return Scales(time=float(self.d), offset=self.noisy_test * self.sigma**2 / 2, inputs=self.d**-0.5)

    def to_ours(self) -> Setting:
        """Return the problem in our convention, for linear activation."""
        one, decay = np.ones(1), self.d * self.eta * self.lam
        return Setting(
            v=one, v_star=one, lr=self.n * self.eta, noise=self.sigma, weight_decay=decay, batch=self.n, dim=self.d
        )

    @classmethod
    def from_ours(cls, setting: Setting, *, noisy_test: bool = False) -> Self:
        """Return a `setting` in theirs; refused unless it is one unit with readout one, fixed, on one teacher unit."""
        check_type("setting", setting, Setting)
        s = setting.having(v=1.0, v_star=1.0, lr_readout=0.0)
        if len(s.v) > 1 or len(s.v_star) > 1:
            raise refuse("setting", "have one student and one teacher unit", f"has {len(s.v)} and {len(s.v_star)}")
        if not s.lr:
            raise refuse("setting", "have lr > 0", "has lr = 0")
        n, eta = s.batch, s.lr / s.batch
        lam = s.weight_decay / (s.known_dim * eta)
        return cls(n=n, d=s.known_dim, eta=eta, lam=lam, sigma=s.noise, noisy_test=noisy_test)


@dataclass(frozen=True, eq=False, kw_only=True)
class Brea2023(AbstractConvention):
    r"""Brea et al., arXiv:2301.10638 (MLPGradientFlow), for two layers without biases.

    Fields :math:`w \cdot x` without :math:`\sqrt N`, a loss that is the mean of :math:`\Delta^2`, without 1/2, and a
    flow :math:`\tau \dot\theta = - \nabla \sum \Delta^2` along the **sum** over the samples. Here that flow is
    followed in Euler steps of length dt. "sigmoid2" is our "erf", their "square" is half of ours.

    Plain gradient descent of rate r on the mean of :math:`\Delta^2`, as most deep-learning libraries have it, is the
    same with tauinv = 1/samples and dt = r.

    Parameters
    ----------
    v, v_star : array, shape (K,) and (M,)
        Second layers.
    N, samples : int
        Input dimension, number of samples.
    tauinv : float, > 0
        :math:`1/\tau`.
    dt : float, > 0
        Step of the flow; the flow itself is the limit of small dt.
    train_readout : bool
        Whether the second layer is trained.
    """

    v: Units
    v_star: Units
    N: Count
    samples: Count
    tauinv: Positive = 1.0
    dt: Positive
    train_readout: Flag = True

    @property
    def scales(self) -> Scales:
        """The factors between their quantities and ours."""
        return Scales(time=self.N * self.dt, risk=2.0, weights=self.N**-0.5)

    def to_ours(self) -> Setting:
        """Return the problem in our convention."""
        return Setting(
            v=self.v,
            v_star=self.v_star,
            batch=self.samples,
            dim=self.N,
            **_alike(2 * self.samples * self.N * self.tauinv * self.dt, self.train_readout),
        )

    @classmethod
    def from_ours(cls, setting: Setting, *, tauinv: float = 1.0) -> Self:
        """Return a `setting` in theirs; refused for noise, decay, and a readout rate other than 0 and lr."""
        check_type("setting", setting, Setting)
        s = _both_alike(setting.having(noise=0.0, weight_decay=0.0))
        dt = s.lr / (2 * s.batch * s.known_dim * check_number("tauinv", tauinv, minimum=0, strict=True))
        return cls(
            v=s.v,
            v_star=s.v_star,
            N=s.known_dim,
            samples=s.batch,
            tauinv=tauinv,
            dt=dt,
            train_readout=s.lr_readout > 0,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Couto2025(AbstractConvention):
    r"""Couto et al., arXiv:2512.15606: :math:`y = W_2\, g(W_1 x)`, matched students.

    The loss :math:`\frac1{2N} \sum (y - y^*)^2` over N samples is our error; fields have no :math:`\sqrt{N_i}`. The
    step is plain gradient descent on this loss.

    Parameters
    ----------
    W2, W2_star : array, shape (Nh,)
        Second layers.
    Ni, N : int
        Input dimension (our N), number of samples (our batch).
    eta : float
        Learning rate of both layers.
    train_readout : bool
        Whether the second layer is trained.
    """

    W2: Units
    W2_star: Units
    Ni: Count
    N: Count
    eta: Rate
    train_readout: Flag = True

    @property
    def scales(self) -> Scales:
        """The factors between their quantities and ours."""
        return Scales(time=float(self.Ni), weights=self.Ni**-0.5)

    def to_ours(self) -> Setting:
        """Return the problem in our convention."""
        rates = _alike(self.Ni * self.eta, self.train_readout)
        return Setting(v=self.W2, v_star=self.W2_star, batch=self.N, dim=self.Ni, **rates)

    @classmethod
    def from_ours(cls, setting: Setting) -> Self:
        """Return a `setting` in theirs; refused for noise, decay, and a readout rate other than 0 and lr."""
        check_type("setting", setting, Setting)
        s = _both_alike(setting.having(noise=0.0, weight_decay=0.0))
        eta, trained = s.lr / s.known_dim, s.lr_readout > 0
        return cls(W2=s.v, W2_star=s.v_star, Ni=s.known_dim, N=s.batch, eta=eta, train_readout=trained)


def _alike(lr: float, train_readout: bool) -> dict[str, Any]:
    """Return the rates of layers that have one, as those of a setting."""
    return {"lr": lr, "lr_readout": lr * train_readout}


def _both_alike(setting: Setting) -> Setting:
    """Return the setting, or refuse one whose layers have different rates."""
    return setting.having(lr_readout=setting.lr) if setting.lr_readout else setting
