"""Artificialised ground by cover and usage as a sample of places has it, with its interval, before any threshold.

A place tells what covers it and where it lies, not how large the patch is that it is part of: thresholds cannot be
judged at places. What is estimated is therefore the ground that the (cover, usage) rule counts, and it is told beside
what the map has of the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from annotation.models import Campaign
from learning.core.artificialisation import ARTIFICIALISED, UNDECIDED
from learning.core.change_area import Interval, area_showing
from learning.errors import InvalidSample
from learning.models import ReferenceSample
from learning.services.samples import resolve

M2_PER_HA = 10_000

#: The state of ground whose class were the one of a number from 1, at the pixel of a row and a column.
StateOf = Callable[[int, int, int], int]


@dataclass(slots=True)
class SampledGround:
    """The places of a closed sample at which people agree, with what the rule says there.

    Args:
        codes: classes that were seen. seen: int (place), number of each place's class, from 1.
        rows, cols: int (place), its middle in pixels of the layer. stratum: int (place).
        areas_ha: of each stratum.
    """

    sample: int
    codes: list[str]
    seen: NDArray[np.int64]
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    stratum: NDArray[np.int64]
    areas_ha: list[float]
    states: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))

    @property
    def places(self) -> list[tuple[int, int]]:
        """Row and column of each place."""
        return list(zip(self.rows.tolist(), self.cols.tolist(), strict=True))

    def judge(self, state_of: StateOf) -> None:
        """Find out what the rule says of each place."""
        places = zip(self.seen.tolist(), self.rows.tolist(), self.cols.tolist(), strict=True)
        self.states = np.array([state_of(*place) for place in places], np.uint8)

    def estimate(self, inside: NDArray[np.bool_] | None = None) -> dict[str, object] | None:
        """What the places stand for, within some ground or in all: {"sample", "places", "lower", "upper"}, each bound
        as [value, lower, upper] in ha; None where a stratum has too few places for an interval.

        Args: inside: bool (place).
        """
        within = np.ones(len(self.seen), bool) if inside is None else inside
        if not within.any():
            return None
        found: dict[str, object] = {"sample": self.sample, "places": int(within.sum())}
        for name, states in (("lower", (ARTIFICIALISED,)), ("upper", (ARTIFICIALISED, UNDECIDED))):
            try:
                interval = area_showing(
                    areas=self.areas_ha, stratum=self.stratum, shows=np.isin(self.states, states) & within
                )
            except InvalidSample:
                return None
            found[name] = _plain(interval)
        return found


def sampled_ground(campaign: Campaign) -> SampledGround | None:
    """The places of the newest closed sample of areas of a campaign; None where there is none with an answer."""
    closed = ReferenceSample.objects.filter(campaign=campaign, kind=ReferenceSample.Kind.AREA, closed_at__isnull=False)
    sample = closed.order_by("-closed_at", "-pk").first()
    known = [place for place in resolve(sample) if place.codes is not None] if sample is not None else []
    if sample is None or not known:
        return None
    seen = [place.codes[1] for place in known if place.codes is not None]
    codes, middle = sorted(set(seen)), sample.unit_px // 2
    return SampledGround(
        sample=sample.pk,
        codes=codes,
        seen=np.array([codes.index(code) + 1 for code in seen]),
        rows=np.array([place.unit.row + middle for place in known]),
        cols=np.array([place.unit.col + middle for place in known]),
        stratum=np.array([place.unit.stratum for place in known]),
        areas_ha=[stratum["area_m2"] / M2_PER_HA for stratum in sample.strata],
    )


def _plain(interval: Interval) -> list[float]:
    return [interval.value, max(0.0, interval.lower), interval.upper]
