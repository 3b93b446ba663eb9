r"""The SDE view: the order parameters as a diffusion, whose noise is that of finite N to leading order.

.. math:: dy = F(y) \, d\alpha + \sqrt{D(y) / N} \, dW

with the velocity F of the ODE and the covariance D of one step (:mod:`tutelage.online.fluctuations`). The method of
Euler and Maruyama with steps h needs normal noise of covariance h D / N. D has no closed form, but an unbiased estimate
of it is enough: with the increments f_j of m fresh examples and independent standard normal gamma_j,

.. math:: \Delta y = \frac h2 \big[F(y) + F(y + h F(y))\big]
          + \sqrt{\frac{h}{N B m}} \sum_{j=1}^m \gamma_j (f_j - F)

has noise of covariance h D/N exactly, and vanishing third moments. Its fourth moments exceed those of a normal
increment by :math:`(h/N)^2 \mathrm{Cov}(f_a f_b, f_c f_d)/m`. So all moments that weak order 1 asks for (Kloeden and
Platen, *Numerical Solution of SDEs*, 1992, section 14.1) are right. As noise is small, the drift is Heun's, of second
order (Milstein and Tretyakov, SIAM J. Numer. Anal. 34, 2142 (1997)): the weak error is :math:`O(h^2 + h/N)` in place
of Euler's :math:`O(h)`, which would exceed the fluctuations themselves at large N.

The diffusion takes any real N, and knows nothing of the fluctuations of :math:`|x|^2` or of steps as discrete events:
it agrees with SGD in means and variances to leading order in 1/N. Near the boundary of the possible overlaps (perfect
learning) its state may leave them by O(1/sqrt N); fields are then drawn from the covariance with correlations cut off.
"""

from __future__ import annotations

import numpy as np

from tutelage import gaussian
from tutelage.errors import refuse
from tutelage.online.integration import check_compiled, quadrature_step
from tutelage.online.rule import OnlineSGD
from tutelage.online.vector import compiled_velocity, constants, start_vector, units
from tutelage.overlaps import Overlaps

__all__ = ["SAMPLES", "STEP", "Sde", "check_step"]

ACCURACY = 1e-7  # of averages by quadrature, where there is no closed form
STEP = 0.01  # default length of a step, in alpha
SAMPLES = 32  # examples that the noise of one step is made of


def check_step(rule: OnlineSGD, state: Overlaps, times: np.ndarray, step: float) -> None:
    """Refuse a step, or a rule, with which the SDE cannot be followed; the default step always passes.

    Steps, which are never longer than the longest interval between asked times, are held against the relaxation time of
    :func:`_fastest`; Heun's method is stable up to twice that.
    """
    check_compiled(rule)
    longest = min(step, float(np.diff(times, prepend=0.0).max()))
    if longest > STEP and longest * (fastest := _fastest(rule, state)) > 1:
        raise refuse("step", f"be at most {1 / fastest:.2g}, the relaxation time of the flow", f"is {step:g}")


def _fastest(rule: OnlineSGD, state: Overlaps) -> float:
    r"""Return a rate that the flow relaxes with at most, up to a factor of order one; and its decays.

    .. math:: 2 \eta \sum_k v_k^2 \langle g'(\lambda_k)^2 \rangle + \eta_v \sum_k \langle g(\lambda_k)^2 \rangle

    at the start or with the lengths and readouts of the teacher, whichever is larger: the traces of the Hessians of the
    layers, that of the first without directions in the span of the units.
    """
    r, rates = rule.rates, []
    for lengths, v in ((np.diag(state.Q), state.v), (np.diag(state.T), state.v_star)):
        C = lengths[:, None, None] * np.ones((2, 2))
        first = r.lr * float(v**2 @ gaussian.J2(rule.student, C)) if r.lr else 0.0
        readout = r.lr_readout * float(gaussian.I2(rule.student, C).sum()) if r.lr_readout else 0.0
        rates.append(2 * (first + r.decay) + readout + r.decay_readout)
    return max(rates)


class Sde:
    """One replica of the diffusion (an engine, see :mod:`tutelage.online.runs`); its steps are those in alpha.

    Parameters
    ----------
    rule : OnlineSGD
        With compiled equations (:func:`tutelage.solve`).
    state : Overlaps
        At alpha = 0.
    times : array, shape (times,)
        Asked times; every interval between them is divided into equal steps.
    dim : float
        N > 0, not necessarily an integer; infinite: Heun's method for the ODE.
    seed, index : int
        Of the random numbers.
    step : float
        Largest step, in alpha.
    samples : int
        Examples m that the noise of one step is made of.
    """

    def __init__(
        self,
        rule: OnlineSGD,
        state: Overlaps,
        times: np.ndarray,
        dim: float,
        seed: int,
        index: int,
        step: float = STEP,
        samples: int = SAMPLES,
    ) -> None:
        from tutelage.kernels.draws import new_state

        check_compiled(rule)
        self._K, self._M, self._dim, self._samples = state.students, state.teachers, float(dim), samples
        self._velocity, self._units = compiled_velocity(rule), units(rule)
        self._model = constants(rule, state, quadrature_step(rule, state, ACCURACY))
        self._undecayed = self._model._replace(decay=0.0, decay_readout=0.0)
        first = int(times[0] == 0)
        self._times = np.concatenate([[0.0], times[first:]])
        self._targets = np.concatenate([[0], self.targets(times, step)[first:]])
        self.moving = {"y": start_vector(state), "generator": new_state(seed, (index,))}

    @staticmethod
    def targets(times: np.ndarray, step: float = STEP) -> np.ndarray:
        """Return after how many steps each of `times` is reached, int64.

        Examples
        --------
        >>> Sde.targets(np.array([0.0, 0.1, 0.125]), 0.01)
        array([ 0, 10, 13])
        """
        intervals = np.diff(times, prepend=0.0)
        return np.cumsum(np.ceil(intervals / step * (1 - 1e-12)).astype(np.int64))

    def advance(self, first: int, count: int) -> None:
        """Make steps `first` to `first + count - 1`, all between two neighbouring asked times."""
        from tutelage.online.kernels.sde import advance

        at = int(np.searchsorted(self._targets, first, side="right"))
        steps = self._targets[at] - self._targets[at - 1]
        length = (self._times[at] - self._times[at - 1]) / steps
        y, generator = self.moving["y"], self.moving["generator"]
        both = self._model, self._undecayed
        advance(self._velocity, y, *both, *self._units, self._K, length, self._dim, self._samples, generator, count)

    def alpha(self, steps: int) -> float:
        """Return the time after `steps` steps."""
        return float(np.interp(steps, self._targets, self._times))

    def size(self) -> float:
        """Return the largest order parameter, NaN or infinite if they overflow."""
        return float(np.abs(self.moving["y"]).max())

    def observe(self) -> dict[str, np.ndarray]:
        """Return the overlaps Q, R and the readout v."""
        K, M, y = self._K, self._M, self.moving["y"]
        Q = y[K * M : K * M + K * K].reshape(K, K)
        return {"Q": (Q + Q.T) / 2, "R": y[: K * M].reshape(K, M).copy(), "v": y[K * M + K * K :].copy()}
