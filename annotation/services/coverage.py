"""How much of a territory people have looked at in a campaign. Ground that nobody spoke of is unseen, not right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from annotation.core.quarters import QUARTERS
from annotation.core.territory_tiles import TilesWithin, tiles_within
from annotation.models import Annotation, Campaign, PlaceReport, Territory, ValidationBatch
from annotation.querysets import AnnotationQuerySet
from annotation.services.tiles import usable_tiles

MOST_CELLS = 60  # of the small map, each way


@dataclass(frozen=True, slots=True)
class Seen:
    """Tiles of a campaign that people looked at, and how: bool rasters of the whole grid."""

    usable: NDArray[np.bool_]
    labelled: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    reported: NDArray[np.bool_]
    begun: NDArray[np.bool_]  # labels were accepted there, on all of the tile or on some of it

    @property
    def in_part(self) -> NDArray[np.bool_]:
        """Labels were accepted on some of the tile alone: on the parts asked for, or on some of its quarters."""
        return self.begun & ~self.seen

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Labelled and accepted, or judged to the end. A report alone is a question, not an answer.

        Labels that were asked for on parts of a tile say nothing of the rest of it.
        """
        return self.labelled | self.judged


@dataclass(frozen=True, slots=True)
class Coverage:
    """Counts of a territory's tiles that show imagery."""

    territory: Territory
    tiles: int
    labelled: int
    judged: int
    reported: int
    seen: int
    in_part: int  # none of them among those seen

    @property
    def unseen(self) -> int:
        """Tiles of which nobody has said anything."""
        return self.tiles - self.seen - self.in_part

    @property
    def seen_percent(self) -> float:
        """Share of the tiles that people looked at."""
        return 100 * self.seen / self.tiles if self.tiles else 0.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One square of the small map: some tiles, and the share of them that people looked at."""

    x: int
    y: int
    seen: float
    reported: bool


def seen_tiles(campaign: Campaign) -> Seen:
    """What people did on each tile of a campaign; six queries whatever the size."""
    begun = Annotation.objects.usable_as_labels().filter(tile__campaign=campaign)
    judged = ValidationBatch.objects.filter(tile__campaign=campaign, finished=True)
    reported = PlaceReport.objects.filter(campaign=campaign)
    usable = usable_tiles(campaign)
    return Seen(
        usable=usable,
        labelled=_raster(usable.shape, _labelled_places(begun.of_whole_tiles())),
        judged=_raster(usable.shape, judged.values_list("tile__row", "tile__col").distinct()),
        reported=_raster(usable.shape, reported.values_list("tile__row", "tile__col")),
        begun=_raster(usable.shape, begun.order_by().values_list("tile__row", "tile__col").distinct()),
    )


def _labelled_places(accepted: AnnotationQuerySet) -> Iterable[tuple[int, int]]:
    """Of tiles that were split, those of which every quarter is labelled."""
    quarters = accepted.filter(tile__part__gt=0).order_by()
    by_place = Counter(
        (row, col) for row, col, _part in quarters.values_list("tile__row", "tile__col", "tile__part").distinct()
    )
    yield from (place for place, count in by_place.items() if count == len(QUARTERS))
    yield from accepted.filter(tile__part=0).values_list("tile__row", "tile__col")


def coverage_of(campaign: Campaign, territories: Iterable[Territory], seen: Seen) -> list[Coverage]:
    """The counts of each territory that has tiles of the campaign, in their order."""
    found = []
    for territory in territories:
        within = _within(campaign, territory)
        usable = within.of(seen.usable)
        if usable.any():
            found.append(
                Coverage(
                    territory=territory,
                    tiles=int(usable.sum()),
                    labelled=int((within.of(seen.labelled) & usable).sum()),
                    judged=int((within.of(seen.judged) & usable).sum()),
                    reported=int((within.of(seen.reported) & usable).sum()),
                    seen=int((within.of(seen.seen) & usable).sum()),
                    in_part=int((within.of(seen.in_part) & usable).sum()),
                )
            )
    return found


def communes_in(territory: Territory) -> list[Territory]:
    """The communes of a larger territory: those of which some point inside lies in it. A commune is its own."""
    if territory.kind == Territory.Kind.COMMUNE:
        return [territory]
    near = Territory.objects.filter(kind=Territory.Kind.COMMUNE, boundary__intersects=territory.boundary)
    whole = shapely.from_wkb(bytes(territory.boundary.wkb))
    shapely.prepare(whole)
    inside = [one for one in near if whole.contains(shapely.from_wkb(bytes(one.boundary.wkb)).representative_point())]
    return inside or [territory]


def small_map(campaign: Campaign, territory: Territory, seen: Seen) -> tuple[int, int, list[Cell]]:
    """A territory's tiles as at most 60 × 60 squares: width, height, and the squares that hold tiles."""
    within = _within(campaign, territory)
    usable, looked, reported = within.of(seen.usable), within.of(seen.seen), within.of(seen.reported)
    if not usable.any():
        return 0, 0, []
    rows, cols = np.nonzero(usable)
    part = np.s_[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
    usable, looked, reported = usable[part], looked[part], reported[part]
    step = max(1, -(-max(usable.shape) // MOST_CELLS))
    cells = []
    for y, row in enumerate(range(0, usable.shape[0], step)):
        for x, col in enumerate(range(0, usable.shape[1], step)):
            square = np.s_[row : row + step, col : col + step]
            count = int(usable[square].sum())
            if count:
                share = int((looked[square] & usable[square]).sum()) / count
                cells.append(Cell(x=x, y=y, seen=share, reported=bool(reported[square].any())))
    return -(-usable.shape[1] // step), -(-usable.shape[0] // step), cells


def _within(campaign: Campaign, territory: Territory) -> TilesWithin:
    return tiles_within(shapely.from_wkb(bytes(territory.boundary.wkb)), grid=campaign.tile_grid)


def _raster(shape: Sequence[int], places: Iterable[tuple[int, int]]) -> NDArray[np.bool_]:
    raster = np.zeros(tuple(shape), dtype=bool)
    for row, col in places:
        raster[row, col] = True
    return raster
