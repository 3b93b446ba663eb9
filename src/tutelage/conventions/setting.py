"""A problem in our convention, and what every convention of a paper can do."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, NamedTuple, Self, get_type_hints

import numpy as np

from tutelage.errors import check_array, check_count, check_number, check_type, refuse

__all__ = [
    "AbstractConvention",
    "Checked",
    "Count",
    "Flag",
    "Known",
    "Number",
    "Positive",
    "Rate",
    "Scales",
    "Setting",
    "Units",
    "absorb_slope",
]


class Scales(NamedTuple):
    """How the quantities of a paper follow from ours.

    Attributes
    ----------
    time : float
        Their time is this times alpha.
    risk, offset : float
        Their risk is `risk` times our error plus `offset`.
    weights, inputs : float
        Their first-layer weights and their inputs are ours times these; NaN where the dimension is not known.
    """

    time: float
    risk: float = 1.0
    offset: float = 0.0
    weights: float = 1.0
    inputs: float = 1.0


def _units(name: str, value: Any) -> np.ndarray:
    """Return readouts as an array that cannot be changed."""
    array = check_array(name, value, ("units",))
    array.flags.writeable = False
    return array


def _flag(name: str, value: Any) -> bool:
    """Return `value` if it is true or false."""
    check_type(name, value, bool)
    return value


# Types of fields, each with the function that checks and converts what is given.
Units = Annotated[np.ndarray, _units]
Count = Annotated[int, check_count]
Known = Annotated[int | None, lambda name, value: None if value is None else check_count(name, value)]
Number = Annotated[float, check_number]
Rate = Annotated[float, partial(check_number, minimum=0)]
Positive = Annotated[float, partial(check_number, minimum=0, strict=True)]
Flag = Annotated[bool, _flag]


@dataclass(frozen=True, eq=False, kw_only=True)
class Checked:
    """Whose fields are checked when it is made, each by the function that its type is annotated with."""

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self), include_extras=True).items():
            (check,) = kind.__metadata__
            object.__setattr__(self, name, check(name, getattr(self, name)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Setting(Checked):
    """A problem in our convention, whoever it comes from.

    Parameters
    ----------
    v, v_star : array, shape (K,) and (M,)
        Readouts of student and teacher.
    lr, lr_readout : float, >= 0
        Learning rates of the first layer, divided by sqrt(N) in the step, and of the readout, divided by N. 0: fixed.
    noise : float, >= 0
        Standard deviation of the label noise.
    weight_decay : float, >= 0
        Trained layers shrink by 1 - weight_decay/N a step.
    batch : int
        Examples averaged over in a step.
    dim : int, optional
        N; some papers' units need it.

    Examples
    --------
    >>> setting = Setting(v=[0.5, 0.5], v_star=[1.0], lr=0.5, noise=0.1)
    >>> setting.rule["train"], setting.rule["noise"], setting.readouts["v"].tolist()
    ('first', 0.1, [0.5, 0.5])
    """

    v: Units
    v_star: Units
    lr: Rate = 0.0
    lr_readout: Rate = 0.0
    noise: Rate = 0.0
    weight_decay: Rate = 0.0
    batch: Count = 1
    dim: Known = None

    @property
    def rule(self) -> dict[str, Any]:
        """Keyword arguments of :class:`tutelage.OnlineSGD`; the activations are for you to add."""
        train = "first" if not self.lr_readout else "both" if self.lr else "readout"
        names = ("lr", "lr_readout", "noise", "weight_decay", "batch")
        return {"train": train} | {name: getattr(self, name) for name in names}

    @property
    def readouts(self) -> dict[str, np.ndarray]:
        """Keyword arguments `v` and `v_star` of :class:`tutelage.Overlaps`."""
        return {"v": self.v, "v_star": self.v_star}

    def having(self, **wanted: Any) -> Self:
        """Return the setting itself, or refuse one without the `wanted` values: a convention has no word for others."""
        for name, value in wanted.items():
            given = getattr(self, name)
            if np.any(given != value):
                raise refuse("setting", f"have {name} = {value} in this convention", f"has {name} = {given}")
        return self

    @property
    def known_dim(self) -> int:
        """N, or a refusal."""
        if self.dim is None:
            raise refuse("setting", "have a dim, which the units of this convention need", "has none")
        return self.dim


@dataclass(frozen=True, eq=False, kw_only=True)
class AbstractConvention(Checked, ABC):
    """What all conventions can do."""

    @property
    @abstractmethod
    def scales(self) -> Scales:
        """The factors between their quantities and ours."""

    @abstractmethod
    def to_ours(self) -> Setting:
        """Return the problem in our convention."""

    def alpha(self, time: Any) -> Any:
        """Return our time, steps/N, of theirs; refused where a learning rate of 0 makes their time stand still."""
        if not self.scales.time:
            raise refuse("time", "belong to a learning rate > 0, without which it stands still", "belongs to 0")
        return _real("time", time, minimum=0) / self.scales.time

    def time(self, alpha: Any) -> Any:
        """Return their time of our `alpha`."""
        return _real("alpha", alpha, minimum=0) * self.scales.time

    def eg(self, risk: Any) -> Any:
        """Return our generalisation error, with the factor 1/2 and without label noise, of their risk."""
        return (_real("risk", risk) - self.scales.offset) / self.scales.risk

    def risk(self, eg: Any) -> Any:
        """Return their risk of our generalisation error `eg`."""
        return _real("eg", eg) * self.scales.risk + self.scales.offset


def _real(name: str, value: Any, minimum: float | None = None) -> Any:
    """Return real numbers of any shape as float64; a minimum goes with being finite, else NaN (no result) may stand."""
    given = np.asarray(value)
    if given.dtype.kind not in "iuf":
        raise refuse(name, "be a number or an array of them", f"is {type(value).__name__} {value!r:.60}")
    if minimum is not None and not (np.isfinite(given) & (given >= minimum)).all():
        raise refuse(name, f"be finite and >= {minimum:g}", f"is {value!r:.60}")
    return given.astype(np.float64)[()]


def absorb_slope(setting: Setting, slope: float) -> Setting:
    r"""Return the setting for the activation g of a problem stated for g(s x): s = sqrt 2 for erf(x) and our "erf".

    .. math:: g(s \, w \cdot x) = g(w' \cdot x), \quad w' = s w, \quad \eta' = s^2 \eta

    Overlaps Q, R, T are to be multiplied by s^2, weights by s; readouts, noise, decay, time and error stay.

    Parameters
    ----------
    setting : Setting
        Of student and teacher with activation g(s x).
    slope : float, > 0
        s.

    Examples
    --------
    >>> absorb_slope(Setting(v=[1.0], v_star=[1.0], lr=0.1), 2.0).lr
    0.4
    """
    check_type("setting", setting, Setting)
    return dataclasses.replace(setting, lr=setting.lr * check_number("slope", slope, minimum=0, strict=True) ** 2)
