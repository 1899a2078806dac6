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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from learning.errors import InvalidSample

_TAIL = 0.025  # on each side of a 95 % interval
FEWEST_UNITS = 2  # of a stratum: one unit says nothing of how far units differ

Pair = tuple[str, str]
Changes = NDArray[np.int8]
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
class Bracket:
    """What is certain and what is possible where a class alone does not tell whether its ground counts.

    Neither is an estimate of what is between them; where every class tells, both are the same.
    """

    lower: Interval
    upper: Interval

    @property
    def is_figure(self) -> bool:
        """Whether there is one figure, and no bracket."""
        return self.lower == self.upper

    def per(self, years: float) -> Bracket:
        """The same for each year. Raises: InvalidSample."""
        return Bracket(self.lower.per(years), self.upper.per(years))


@dataclass(frozen=True, slots=True)
class ChangeEstimates:
    """What a sample says of change.

    Args:
        gain: ground that did not count at the first date and does at the second: the flow.
        loss: ground that counted at the first date and no longer does: the return flow.
        net: gain less loss; its interval holds their covariance.
        pairs: ground of one class at the first date and another at the second, by both codes, those met.
    """

    gain: Bracket
    loss: Bracket
    net: Bracket
    pairs: Mapping[Pair, Interval]


def change_of(
    first: Sequence[str], second: Sequence[str], *, counted: Mapping[str, bool | None]
) -> tuple[Changes, Changes]:
    """What each unit shows at least and at most: int8, 1 gain, -1 loss, 0 neither.

    Ground of the same class at both dates is no change, also where the class does not tell whether it counts: its use
    is taken to have stayed.

    Args:
        first, second: class code that an interpreter saw at each date.
        counted: by code, whether its ground counts (is artificialised); None: the class alone does not tell.
    Raises: InvalidSample: lengths differ, or a code is not in `counted`.
    """
    if len(first) != len(second):
        raise InvalidSample(f"{len(first)} codes at the first date and {len(second)} at the second: expected as many.")
    if unknown := sorted({*first, *second} - counted.keys()):
        raise InvalidSample(
            f"Whether ground of {unknown[0]!r} counts is not said: known are {', '.join(sorted(counted))}."
        )
    bounds = {pair: _bounds(*pair, counted) for pair in {*zip(first, second, strict=True)}}
    each = [bounds[pair] for pair in zip(first, second, strict=True)]
    return np.array([low for low, _ in each], np.int8), np.array([high for _, high in each], np.int8)


def _bounds(first: str, second: str, counted: Mapping[str, bool | None]) -> tuple[int, int]:
    if first == second:
        return 0, 0
    was, now = ([int(known)] if (known := counted[code]) is not None else [0, 1] for code in (first, second))
    return min(now) - max(was), max(now) - min(was)


def change_estimates(
    *,
    areas: Sequence[float],
    stratum: IntArray,
    first: Sequence[str],
    second: Sequence[str],
    counted: Mapping[str, bool | None],
) -> ChangeEstimates:
    """Gain, loss, net and each change of class, with 95 % intervals.

    Args:
        areas: of each stratum, in any one unit (ha).
        stratum: int (unit), the place of each unit's stratum in `areas`.
        first, second: class code of each unit at the two dates, as seen by interpreters.
        counted: by code, whether its ground counts; None: the class alone does not tell.

    Raises: InvalidSample: lengths differ, a code is not known, or a stratum with area has fewer than two units.
    """
    least, most = change_of(first, second, counted=counted)
    codes = list(zip(first, second, strict=True))

    def area(shows: NDArray[np.bool_]) -> Interval:
        return area_showing(areas=areas, stratum=stratum, shows=shows)

    return ChangeEstimates(
        gain=Bracket(area(least == 1), area(most == 1)),
        loss=Bracket(area(most == -1), area(least == -1)),
        net=Bracket(*(net_area(areas=areas, stratum=stratum, change=change) for change in (least, most))),
        pairs={
            pair: area(np.array([code == pair for code in codes]))
            for pair in sorted({pair for pair in codes if pair[0] != pair[1]})
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


def expected_reach(*, areas: Sequence[float], drawn: Sequence[int], shares: Sequence[float]) -> float:
    """How far the interval of `area_showing` is expected to reach on its longer side, before any unit is drawn.

    Args:
        areas: of each stratum.
        drawn: units that each stratum will have.
        shares: of each stratum's units that are expected to show it, from 0 to 1: cases need not be whole numbers.
    """
    area, share, n = (np.asarray(one, np.float64) for one in (areas, shares, drawn))
    _share, low, high = _shares(share * n, np.where(area > 0, n, 0.0))
    # Where far less than one case is expected, both of Jeffreys' limits may lie above the share.
    return max(_length(area * np.maximum(share - low, 0.0)), _length(area * np.maximum(high - share, 0.0)))


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
