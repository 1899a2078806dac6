"""Two layers of one ground as a pair: who may be compared, and how far they lie apart (docs/adr/0050)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction
from django.db.models import Q, QuerySet
from numpy.typing import NDArray

from annotation.core.grid import PixelGrid, PixelWindow
from annotation.core.registration import Registration, Shift, registration, window_shift
from annotation.errors import JobAlreadyRunning, NotComparable
from annotation.models import Campaign, ImageryLayer, Job, VintagePair
from annotation.raster.reader import Raster, open_layer, read_window
from annotation.services.clock import database_now
from annotation.services.jobs import enqueue_job

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "measure_pair"
SIDE_PX = 256
MOST_WINDOWS = 64
MOST_SCALE = 4.0  # pixel of one layer to that of the other: beyond, the finer one's edges are not in the coarser one
LEAST_KNOWN = 0.98  # of a window's pixels in both layers
_COLOURS = ("R", "G", "B")

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Overlap:
    """The windows of the first layer that both cover, and of which ground: left, bottom, right, top."""

    windows: tuple[PixelWindow, ...]
    bounds_crs: tuple[float, float, float, float]


@transaction.atomic
def pair_layers(*, first: ImageryLayer, second: ImageryLayer, actor: User | None) -> VintagePair:
    """Two layers as a pair, the earlier one first; the same pair again is the one there is.

    Raises: NotComparable: the same layer, the later one first, another CRS, pixels of very different sizes, or no
            ground in common.
    """
    require_comparable(first, second)
    return VintagePair.objects.get_or_create(first=first, second=second, defaults={"created_by": actor})[0]


def require_comparable(first: ImageryLayer, second: ImageryLayer) -> Overlap:
    """Where two layers can be held against each other. Raises: NotComparable."""
    if first.pk == second.pk:
        raise NotComparable(f"{first.slug} cannot be compared with itself: choose a layer of another vintage.")
    if _day(first) > _day(second):
        raise NotComparable(
            f"{first.slug} ({first.vintage}) is later than {second.slug} ({second.vintage}): give the earlier one "
            "first."
        )
    if first.crs != second.crs:
        raise NotComparable(
            f"{first.slug} is in {_named(first.crs)} and {second.slug} in {_named(second.crs)}: import one of them "
            "again in the CRS of the other."
        )
    scale = max(first.gsd_m, second.gsd_m) / min(first.gsd_m, second.gsd_m)
    if scale > MOST_SCALE:
        raise NotComparable(
            f"A pixel of {first.slug} is {first.gsd_m:g} m wide and one of {second.slug} {second.gsd_m:g} m: they may "
            f"differ by a factor of {MOST_SCALE:g} at most."
        )
    bounds = _shared(first.pixel_grid, second.pixel_grid)
    windows = _windows(first.pixel_grid, bounds) if bounds else ()
    if bounds is None or not windows:
        raise NotComparable(
            f"{first.slug} and {second.slug} have no ground in common that is {SIDE_PX} pixels wide: choose layers of "
            "the same place."
        )
    return Overlap(windows, bounds)


def measure_pair(
    pair: VintagePair, *, on_progress: Callable[[float], None] = lambda share: None
) -> Registration | None:
    """Measure how far the second layer lies from the first, in metres to the east and to the south, and keep it.

    Up to 64 windows spread over the shared ground; the second layer is sampled at the centres of the first one's
    pixels, by the coordinates that both have. Windows without edges, or of changed ground, tell nothing and are left
    out. What is kept is of the layers as they were when it began: where one is replaced meanwhile it is stale at once.

    Args: on_progress: share of the windows looked at, 0 to 1.
    Returns: what was measured, None where no window could be.
    Raises: NotComparable.
    """
    overlap = require_comparable(pair.first, pair.second)
    measured_from = layers_as_they_are(pair)
    shifts: list[Shift] = []
    places: list[tuple[float, float]] = []
    with open_layer(pair.first.analysis_path) as first, open_layer(pair.second.analysis_path) as second:
        bands = _bands(first, second)
        for done, window in enumerate(overlap.windows, start=1):
            pictures = _pictures(pair, first, second, bands, window)
            shift = window_shift(*pictures) if pictures else None
            if shift is not None:
                shifts.append(shift)
                places.append(_middle(pair.first.pixel_grid, window))
            on_progress(done / len(overlap.windows))
    found = registration(shifts, looked_at=len(overlap.windows))
    metres = pair.first.gsd_m
    VintagePair.objects.filter(pk=pair.pk).update(
        shift_east_m=found.x * metres if found else None,
        shift_south_m=found.y * metres if found else None,
        shift_spread_m=found.spread * metres if found else None,
        windows_measured=found.windows if found else 0,
        windows_looked_at=len(overlap.windows),
        measured_at=database_now(),
        measured_from=measured_from,
        windows=[
            [*place, shift.x_px * metres, shift.y_px * metres] for place, shift in zip(places, shifts, strict=True)
        ],
    )
    pair.refresh_from_db()
    return found


def layers_as_they_are(pair: VintagePair) -> list[str]:
    """What tells the pixels of both layers now from any others."""
    return [pair.first.analysis_sha256, pair.second.analysis_sha256]


def is_measured(pair: VintagePair) -> bool:
    """Whether the shift that is kept is that of the layers as they are now."""
    return pair.measured_at is not None and pair.measured_from == layers_as_they_are(pair)


def is_stale(pair: VintagePair) -> bool:
    """Whether a layer was replaced or completed since the shift was measured: what is kept is of other pixels."""
    return pair.measured_at is not None and not is_measured(pair)


def start_measuring(*, pair: VintagePair, actor: User | None = None) -> Job:
    """Queue the measuring of a pair's shift. Raises: JobAlreadyRunning."""
    over_it = Campaign.objects.filter(layer=pair.second_id).order_by("-pk").first()
    return enqueue_job(kind=KIND, payload={"pair": pair.pk}, owner=actor, campaign=over_it, key=str(pair.pk))


def want_measured(pairs: Iterable[VintagePair]) -> int:
    """Queue the measuring of those pairs whose shift is not that of their layers as they are; how many were queued."""
    queued = 0
    for pair in pairs:
        if not is_measured(pair):
            with suppress(JobAlreadyRunning):
                start_measuring(pair=pair)
                queued += 1
    return queued


def pairs_with(layer: ImageryLayer) -> QuerySet[VintagePair]:
    """The pairs that a layer is one of."""
    return VintagePair.objects.filter(Q(first=layer) | Q(second=layer)).select_related("first", "second")


def pairs_to_look_at() -> QuerySet[VintagePair]:
    """All pairs with their layers, but those whose last measuring failed less than a day ago: it would fail again."""
    failed = Job.objects.filter(
        kind=KIND, state=Job.State.FAILED, created_at__gt=database_now() - timedelta(days=1)
    ).values_list("key", flat=True)
    return VintagePair.objects.exclude(pk__in=[int(key) for key in failed]).select_related("first", "second")


def pair_maintained_by(pair: VintagePair, user: Any) -> bool:
    """Whether somebody maintains a campaign over one of the two layers, and so may have the pair measured again."""
    over_them = Campaign.objects.filter(layer__in=[pair.first_id, pair.second_id])
    return bool(user.is_authenticated) and over_them.maintained_by(user).exists()


def measuring_of(pair: VintagePair) -> Job | None:
    """The job that measures a pair now, or waits to."""
    return Job.objects.filter(kind=KIND, key=str(pair.pk), state__in=["queued", "running"]).first()


@dataclass(frozen=True, slots=True)
class MeasuredShift:
    """How far the second layer of a pair lies from the first on the ground, in metres, as it is told everywhere.

    Args:
        spread_m: within which distance of the shift 95 % of the windows lie.
        is_large: whether it is more than a pixel of the coarser layer, so that edges look moved where nothing changed.
    """

    east_m: float
    south_m: float
    spread_m: float
    windows: int
    is_large: bool

    @property
    def distance_m(self) -> float:
        """Length of the shift."""
        return math.hypot(self.east_m, self.south_m)


def shift_of(pair: VintagePair) -> MeasuredShift | None:
    """The shift of a pair; None where it is not measured of the layers as they are."""
    east, south, spread = pair.shift_east_m, pair.shift_south_m, pair.shift_spread_m
    if not is_measured(pair) or east is None or south is None or spread is None:
        return None
    is_large = math.hypot(east, south) > max(pair.first.gsd_m, pair.second.gsd_m)
    return MeasuredShift(east, south, spread, pair.windows_measured, is_large)


def _middle(grid: PixelGrid, window: PixelWindow) -> tuple[float, float]:
    a, _b, c, _d, e, f = grid.transform
    return c + a * (window.col_off + window.width / 2), f + e * (window.row_off + window.height / 2)


def _day(layer: ImageryLayer) -> tuple[int, str]:
    return layer.vintage, layer.acquired_on.isoformat() if layer.acquired_on else ""


def _named(crs: str) -> str:
    return crs if len(crs) < 40 else f"{crs[:37]}…"


def _shared(first: PixelGrid, second: PixelGrid) -> tuple[float, float, float, float] | None:
    left, bottom, right, top = first.bounds_crs
    west, south, east, north = second.bounds_crs
    box = max(left, west), max(bottom, south), min(right, east), min(top, north)
    return box if box[0] < box[2] and box[1] < box[3] else None


def _windows(grid: PixelGrid, bounds: tuple[float, float, float, float]) -> tuple[PixelWindow, ...]:
    """Windows of the grid spread evenly over a box, at most 64."""
    a, _b, c, _d, e, f = grid.transform
    left, bottom, right, top = bounds
    first_col, last_col = math.ceil((left - c) / a - 1e-6), math.floor((right - c) / a + 1e-6)
    first_row, last_row = math.ceil((top - f) / e - 1e-6), math.floor((bottom - f) / e + 1e-6)
    across, down = (last_col - first_col) // SIDE_PX, (last_row - first_row) // SIDE_PX
    if across < 1 or down < 1:
        return ()
    # As many columns to rows as the box has, so that a strip is looked at along all of its length.
    n_cols = min(across, max(1, round(math.sqrt(MOST_WINDOWS * across / down)), MOST_WINDOWS // down))
    cols = np.linspace(first_col, last_col - SIDE_PX, min(n_cols, MOST_WINDOWS)).astype(int)
    rows = np.linspace(first_row, last_row - SIDE_PX, min(down, MOST_WINDOWS // len(cols))).astype(int)
    return tuple(PixelWindow(int(col), int(row), SIDE_PX, SIDE_PX) for row in rows for col in cols)


def _bands(first: Raster, second: Raster) -> tuple[list[str], list[str]]:
    """The bands whose mean is compared: colours that both have, else any that both name, else the first of each."""
    names = [[name for name in dataset.descriptions if name] for dataset in (first, second)]
    common = [name for name in names[0] if name in names[1]]
    chosen = [name for name in common if name in _COLOURS] or common[:1]
    return (chosen, chosen) if chosen else (names[0][:1], names[1][:1])


def _pictures(
    pair: VintagePair, first: Raster, second: Raster, bands: tuple[list[str], list[str]], window: PixelWindow
) -> tuple[FloatArray, FloatArray] | None:
    """A window of the first layer and what the second has there; None where either is not known."""
    from scipy.ndimage import map_coordinates  # pages that only ask whether a pair is measured need not load it

    pixels, valid = read_window(first, window, bands=bands[0] or None)
    if valid.mean() < LEAST_KNOWN:
        return None
    here, there = pair.first.pixel_grid.transform, pair.second.pixel_grid.transform
    cols = (here[2] + (window.col_off + np.arange(window.width) + 0.5) * here[0] - there[2]) / there[0] - 0.5
    rows = (here[5] + (window.row_off + np.arange(window.height) + 0.5) * here[4] - there[5]) / there[4] - 0.5
    left, top = math.floor(cols[0]) - 1, math.floor(rows[0]) - 1
    part = PixelWindow(left, top, math.ceil(cols[-1]) + 2 - left, math.ceil(rows[-1]) + 2 - top)
    other, known = read_window(second, part, bands=bands[1] or None)
    if known.mean() < LEAST_KNOWN:
        return None
    places = np.meshgrid(rows - top, cols - left, indexing="ij")
    sampled = map_coordinates(other.mean(axis=0, dtype=np.float64), places, order=1, mode="nearest")
    return pixels.mean(axis=0, dtype=np.float64), np.asarray(sampled, np.float64)
