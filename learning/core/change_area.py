"""Gain, loss and net change of an area between two dates, from a stratified sample labelled at both. No torch.

Strata may be any parts of the ground, a change map's for one: what they are called says nothing of what a unit shows.
A unit shows what an interpreter saw on the two images, never what the maps say: a place where the first map was wrong
and the ground stayed as it was is no change.

Shares of change are small, and most strata are large and show none: the usual interval (value ± 1.96 standard errors)
is then far too narrow, as a stratum without a case adds nothing to it. Each stratum's share gets Jeffreys' limits, and
these are put together by the method of variance estimates recovery.

Sources: Olofsson et al. 2014, Remote Sensing of Environment 148:42-57, doi 10.1016/j.rse.2014.02.015 (the estimate);
Brown, Cai, DasGupta 2001, Statistical Science 16:101-133, doi 10.1214/ss/1009213286 (Jeffreys' limits);
Zou, Donner 2008, Statistics in Medicine 27:1693-1702, doi 10.1002/sim.3095 (limits of sums and differences).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from learning.errors import InvalidSample

_TAIL = 0.025  # on each side of a 95 % interval
FEWEST_UNITS = 2  # of a stratum: one unit says nothing of how far units differ

Pair = tuple[str, str]
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimated area and its 95 % interval, which need not lie evenly around it; in the unit of the strata's areas.

    Args: units: units of the sample that show it.
    """

    value: float
    lower: float
    upper: float
    units: int

    def per(self, years: float) -> Interval:
        """The same for each year. Raises: InvalidSample: no time has passed."""
        if not years > 0:
            raise InvalidSample(f"{years:g} years between the two dates: the second has to come after the first.")
        return Interval(self.value / years, self.lower / years, self.upper / years, self.units)


@dataclass(frozen=True, slots=True)
class ChangeEstimates:
    """What a sample says of change.

    Args:
        gain: ground that was not counted at the first date and is at the second: the flow.
        loss: ground that was counted at the first date and no longer is: the return flow.
        net: gain less loss; its interval holds their covariance.
        pairs: ground of one class at the first date and another at the second, by both codes, those met.
    """

    gain: Interval
    loss: Interval
    net: Interval
    pairs: Mapping[Pair, Interval]


def change_of(first: Sequence[str], second: Sequence[str], *, counted: Collection[str]) -> NDArray[np.int8]:
    """What each unit shows: int8, 1 gain, -1 loss, 0 neither.

    Args:
        first, second: class code that an interpreter saw at each date.
        counted: codes whose ground is counted, artificialised ones for instance.
    """
    _require_pairs(first, second)
    then, now = _among(first, counted), _among(second, counted)
    return now.astype(np.int8) - then.astype(np.int8)


def change_estimates(
    *, areas: Sequence[float], stratum: IntArray, first: Sequence[str], second: Sequence[str], counted: Collection[str]
) -> ChangeEstimates:
    """Gain, loss, net and each change of class, with 95 % intervals.

    Args:
        areas: of each stratum, in any one unit (ha).
        stratum: int (unit), the place of each unit's stratum in `areas`.
        first, second: class code of each unit at the two dates, as seen by interpreters.
        counted: codes whose ground is counted.

    Raises: InvalidSample: lengths differ, or a stratum with area has fewer than two units.
    """
    change = change_of(first, second, counted=counted)
    codes = list(zip(first, second, strict=True))
    moved = sorted({pair for pair in codes if pair[0] != pair[1]})
    return ChangeEstimates(
        gain=area_showing(areas=areas, stratum=stratum, shows=change == 1),
        loss=area_showing(areas=areas, stratum=stratum, shows=change == -1),
        net=net_area(areas=areas, stratum=stratum, change=change),
        pairs={
            pair: area_showing(areas=areas, stratum=stratum, shows=np.array([code == pair for code in codes]))
            for pair in moved
        },
    )


def area_showing(*, areas: Sequence[float], stratum: IntArray, shows: NDArray[np.bool_]) -> Interval:
    """The area that units of a kind stand for: sum over strata of area · share, with its 95 % interval.

    Args:
        areas: of each stratum.
        stratum: int (unit).
        shows: bool (unit), whether the unit is of the kind.

    Raises: InvalidSample.
    """
    area, drawn = _drawn(areas, stratum, len(shows))
    share, low, high = _shares(_cases(stratum, shows, len(area)), drawn)
    value = float((area * share).sum())
    return Interval(
        value,
        value - _length(area * (share - low)),
        value + _length(area * (high - share)),
        int(np.count_nonzero(shows)),
    )


def net_area(*, areas: Sequence[float], stratum: IntArray, change: NDArray[np.int8]) -> Interval:
    """Area of gain less area of loss, with its 95 % interval.

    A unit that shows gain shows no loss: within a stratum the two shares go against each other, and their difference
    varies more than if they had been drawn apart.

    Args:
        areas: of each stratum.
        stratum: int (unit).
        change: int8 (unit), 1 gain, -1 loss, 0 neither.

    Raises: InvalidSample.
    """
    area, drawn = _drawn(areas, stratum, len(change))
    gain, least_gain, most_gain = _shares(_cases(stratum, change == 1, len(area)), drawn)
    loss, least_loss, most_loss = _shares(_cases(stratum, change == -1, len(area)), drawn)
    rest = (1 - gain) * (1 - loss)
    together = -np.sqrt(np.divide(gain * loss, rest, out=np.zeros_like(rest), where=rest > 0))  # correlation
    value = float((area * (gain - loss)).sum())
    return Interval(
        value,
        value - _length(area * _apart(gain - least_gain, most_loss - loss, together)),
        value + _length(area * _apart(most_gain - gain, loss - least_loss, together)),
        int(np.count_nonzero(change)),
    )


def _apart(first: FloatArray, second: FloatArray, correlation: FloatArray) -> FloatArray:
    """How far a difference reaches to one side, of how far its two terms do."""
    return np.asarray(np.sqrt(first**2 + second**2 - 2 * correlation * first * second))


def _length(reaches: FloatArray) -> float:
    return float(np.sqrt((reaches**2).sum()))


def _shares(cases: FloatArray, drawn: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Share of each stratum and Jeffreys' limits of it; a stratum without area has none of either."""
    used = drawn > 0
    n = np.where(used, drawn, 1.0)
    share = np.where(used, cases / n, 0.0)
    low = np.where(used & (cases > 0), betaincinv(cases + 0.5, n - cases + 0.5, _TAIL), 0.0)
    high = np.where(used & (cases < n), betaincinv(cases + 0.5, n - cases + 0.5, 1 - _TAIL), np.where(used, 1.0, 0.0))
    return share, low, high


def _cases(stratum: IntArray, shows: NDArray[np.bool_], count: int) -> FloatArray:
    return np.bincount(stratum[shows], minlength=count).astype(np.float64)


def _drawn(areas: Sequence[float], stratum: IntArray, units: int) -> tuple[FloatArray, FloatArray]:
    """Area of each stratum and units drawn in it, refused where they cannot carry an estimate."""
    area = np.asarray(areas, np.float64)
    if stratum.shape != (units,):
        raise InvalidSample(f"{units} units and strata of shape {stratum.shape}: expected one stratum a unit.")
    if area.ndim != 1 or not np.isfinite(area).all() or (area < 0).any() or area.sum() <= 0:
        raise InvalidSample(f"Areas {area.tolist()}: expected one a stratum, none negative, some above zero.")
    if units and (int(stratum.min()) < 0 or int(stratum.max()) >= len(area)):
        raise InvalidSample(
            f"Units lie in strata {int(stratum.min())} to {int(stratum.max())}, and there are {len(area)}."
        )
    drawn = np.bincount(stratum, minlength=len(area)).astype(np.float64)
    few = np.flatnonzero((area > 0) & (drawn < FEWEST_UNITS))
    if len(few):
        raise InvalidSample(
            f"Stratum {int(few[0])} has {int(drawn[few[0]])} units of the sample; it takes at least {FEWEST_UNITS}."
        )
    return area, np.where(area > 0, drawn, 0.0)


def _among(codes: Sequence[str], counted: Collection[str]) -> NDArray[np.bool_]:
    return np.array([code in counted for code in codes], np.bool_)


def _require_pairs(first: Sequence[str], second: Sequence[str]) -> None:
    if len(first) != len(second):
        raise InvalidSample(f"{len(first)} codes at the first date and {len(second)} at the second: expected as many.")
