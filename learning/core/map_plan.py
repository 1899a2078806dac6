"""What is fixed of a prediction before it is begun, and where its files go. No torch."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from learning.core.durable import write_durably
from learning.core.map_area import windows_within

PLAN_NAME = "plan.json"
PROBABILITIES = "probabilities.tif"  # beside the other files of a map, where it was asked for
PROBABILITY_LEVELS = 254  # stored 1 … 255; 0 means no imagery


@dataclass(frozen=True, slots=True)
class PredictionPlan:
    """One prediction, fixed down to its bytes: same plan, same hardware and model, same files.

    Args:
        source: the imagery (GeoTIFF), width and height in px.
        band_indexes: 1-based bands of the source, in the model's order.
        core_px: side of the part of a window that is kept; margin_px: context on each side. Multiples of 32.
        work_dir: finished rows are kept here until assembled.
        fingerprint: models' digests and source file size and time, so that stale rows are never reused.
        pixel_score: what is summed over tiles as the model's doubt, see uncertainty.PIXEL_SCORES; the entropy map
            holds the entropy whichever it is.
        opinions: how many it is made of; 1 for scores that one model gives.
        parts: side of a tile in parts that are told apart, see regions.PARTS; 1 = none are.
        probabilities: whether those of all classes are kept too.
        area: the part of the raster that is mapped, as map_area.area_in_pixels has it; "" = all of it.
        engine: what runs the networks, one of exported.ENGINES.
    """

    source: Path
    width: int
    height: int
    band_indexes: tuple[int, ...]
    class_codes: tuple[str, ...]
    tile_px: int
    core_px: int
    margin_px: int
    batch_size: int
    precision: str
    work_dir: Path
    fingerprint: str
    pixel_score: str = "entropy"
    opinions: int = 1
    parts: int = 1
    area: str = ""
    probabilities: bool = False
    engine: str = "torch"

    @property
    def n_core_rows(self) -> int:
        """Rows of windows, the unit of sharding and of resuming."""
        return -(-self.height // self.core_px)

    @property
    def n_rows(self) -> int:
        """Rows of whole campaign tiles."""
        return self.height // self.tile_px

    @property
    def n_cols(self) -> int:
        """Columns of whole campaign tiles."""
        return self.width // self.tile_px

    @property
    def part_px(self) -> int:
        """Side of a part of a tile; of the tile where none are told apart."""
        return self.tile_px // self.parts

    @property
    def n_part_cols(self) -> int:
        """Columns of parts of whole tiles."""
        return self.n_cols * self.parts

    def core_rows_px(self, core_row: int) -> tuple[int, int]:
        """First image row of a row of windows, and the one after its last."""
        start = core_row * self.core_px
        return start, min(start + self.core_px, self.height)

    @property
    def core_rows(self) -> tuple[int, ...]:
        """Rows of windows that there is something to compute of: all, but for those that an area does not touch."""
        if not self.area:
            return tuple(range(self.n_core_rows))
        return tuple(np.flatnonzero(self._within().any(axis=1)).tolist())

    def is_wanted(self, core_row: int) -> bool:
        """Whether there is something to compute of a row of windows."""
        return not self.area or bool(self._within()[core_row].any())

    def wanted_lefts(self, core_row: int) -> frozenset[int]:
        """First columns of those windows of a row that are to be computed."""
        lefts = range(0, self.width, self.core_px)
        if not self.area:
            return frozenset(lefts)
        return frozenset(left for left, wanted in zip(lefts, self._within()[core_row], strict=True) if wanted)

    def _within(self) -> NDArray[np.bool_]:
        return windows_within(self.area, width=self.width, height=self.height, side_px=self.core_px)

    def is_done(self, core_row: int) -> bool:
        """Whether a row of windows is finished: one that nothing is to be computed of is."""
        if not self.is_wanted(core_row):
            return True
        return all(path.exists() for path in (self.sums_path(core_row), *self.row_files(core_row)))

    def row_files(self, core_row: int) -> tuple[Path, ...]:
        """Rasters of a row of windows: classes, entropy, and probabilities where they are kept."""
        files = (self.row_path(core_row), self.entropy_path(core_row))
        return (*files, self.probabilities_path(core_row)) if self.probabilities else files

    def row_path(self, core_row: int) -> Path:
        """Classes of a row of windows."""
        return self.work_dir / f"row-{core_row:06d}.tif"

    def entropy_path(self, core_row: int) -> Path:
        """Entropy of a row of windows."""
        return self.work_dir / f"row-{core_row:06d}.entropy.tif"

    def probabilities_path(self, core_row: int) -> Path:
        """Probabilities of a row of windows, a band a class."""
        return self.work_dir / f"row-{core_row:06d}.probabilities.tif"

    def sums_path(self, core_row: int) -> Path:
        """Integer sums of a row of windows; exists once the row is finished."""
        return self.work_dir / f"row-{core_row:06d}.npz"


@dataclass(frozen=True, slots=True)
class MapPaths:
    """Where a prediction's files go.

    Args:
        classes: COG uint8, k = class k - 1, 0 = no imagery, colour table, MODE overviews.
        entropy: COG uint8, 0 = no imagery, else 1 + round(254 · H / ln K), AVERAGE overviews.
        scores: .npy float32 (n_rows, n_cols), mean of the plan's pixel score over pixels with imagery, NaN without
            any.
        histogram: .npy int64 (n_rows, n_cols, class), pixels by predicted class.
        doubt: .npy float32 (n_rows, n_cols, class), the pixel score summed over the pixels of each predicted class,
            divided by the tile's pixels with imagery: sums over the classes to `scores`.
        embedding: .npy float16 (n_rows, n_cols, EMBEDDING_SIZE), what each tile looks like to the network: the
            encoder's features, each with mean 0 and deviation 1 over the map's tiles, projected at random; 0 where
            there is no imagery.
        tile_entropy: .npy float32 (n_rows, n_cols), mean entropy in nats: `scores` where that is the pixel score.
        edges: .npy int32 (n_rows, n_cols), length of the borders between classes, see edges.EdgeCount.
        parts_doubt, parts_histogram, parts_embedding: where the plan tells parts apart, the same of each of them, by
            rows of parts of the whole grid: .npy float16 (n_rows · parts, n_cols · parts, class), NaN where there is no
            imagery; int32; float16 (…, EMBEDDING_SIZE).
    """

    classes: Path
    entropy: Path
    scores: Path
    histogram: Path
    doubt: Path
    embedding: Path
    tile_entropy: Path
    edges: Path
    parts_doubt: Path
    parts_histogram: Path
    parts_embedding: Path

    @classmethod
    def in_folder(cls, folder: Path) -> MapPaths:
        """The usual names."""
        names = (
            "class.tif", "entropy.tif", "scores.npy", "histogram.npy", "doubt.npy", "embedding.npy", "tile_entropy.npy",
            "edges.npy", "parts_doubt.npy", "parts_histogram.npy", "parts_embedding.npy",
        )  # fmt: skip
        return cls(*(folder / name for name in names))

    def names(self, *, parts: int = 1) -> tuple[str, ...]:
        """Every file's name, in the order above, of a map that tells so many parts of a tile's side apart."""
        return tuple(path.name for path in astuple(self)[: None if parts > 1 else -3])


@dataclass(frozen=True, slots=True)
class PredictionResult:
    """What a finished prediction holds over all pixels with imagery, also those outside whole tiles."""

    class_pixels: tuple[int, ...]
    mean_entropy_nats: float | None
    n_rows: int
    n_cols: int
    precision: str


def claim_work_dir(plan: PredictionPlan) -> None:
    """Prepare the work folder; rows of any other plan are removed."""
    claim_folder(plan.work_dir, json.dumps(asdict(plan), default=str, sort_keys=True))


def claim_folder(work_dir: Path, text: str) -> None:
    """Make a work folder that belongs to what `text` says; one that belongs to anything else is removed first."""
    card = work_dir / PLAN_NAME
    if card.exists() and card.read_text() == text:
        return
    remove_work_dir(work_dir)
    work_dir.mkdir(parents=True)
    write_durably(card, text.encode())


def planned(work_dir: Path) -> PredictionPlan | None:
    """The plan that a work folder was prepared for by claim_work_dir; None where there is no such folder."""
    try:
        kept = json.loads((work_dir / PLAN_NAME).read_bytes())
    except FileNotFoundError:
        return None
    paths = {name: Path(kept[name]) for name in ("source", "work_dir")}
    tuples = {name: tuple(kept[name]) for name in ("band_indexes", "class_codes")}
    return PredictionPlan(**{**kept, **paths, **tuples})


def remove_work_dir(work_dir: Path) -> None:
    """Remove a work folder whole: killed meanwhile, it leaves no folder of that name with a part of its files."""
    gone = work_dir.with_name(work_dir.name + ".gone")
    shutil.rmtree(gone, ignore_errors=True)
    if work_dir.exists():
        work_dir.rename(gone)
        shutil.rmtree(gone)
