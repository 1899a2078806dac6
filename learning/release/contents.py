"""What a release holds, as plain records. Nothing here reads a clock, a database or a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from learning.release.changes import ReleaseChanges
from learning.release.ground import ArtificialisedGround, ChangeStatistics
from learning.release.licences import dataset_licence

Affine6 = tuple[float, float, float, float, float, float]  # (a, b, c, d, e, f) as affine.Affine[:6]
Role = Literal["pool", "holdout"]


@dataclass(frozen=True, slots=True)
class CampaignInfo:
    """The campaign published, and how its hold-out was drawn."""

    slug: str
    title: str
    description: str
    tile_px: int
    holdout_seed: int | None = None
    holdout_inclusion_probability: float | None = None


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """The imagery layer labelled: one north-up raster grid of one vintage.

    `analysis_path` is the lossless copy from which the dataset's images are cut; `sha256` is its digest.
    """

    slug: str
    title: str
    crs: str
    transform: Affine6
    width: int
    height: int
    gsd_m: float
    vintage: int
    acquired_on: date | None
    bands: tuple[str, ...]
    dtype: str
    nodata: float | None
    licence: str
    attribution: str
    analysis_path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """One class; `raster_value` (1..255) is its value in masks and maps, None when it is never rasterised."""

    code: str
    parent: str | None
    name: Mapping[str, str]
    definition: Mapping[str, str]
    colour: str
    selectable: bool
    raster_value: int | None


@dataclass(frozen=True, slots=True)
class NomenclatureInfo:
    """The class tree in force; `extends` is code and version of the national one that it refines, if it is a theme.

    `names_national` is whether rows, classes and channels name the national class too: not in releases of themes that
    were frozen before they did.
    """

    code: str
    version: str
    title: Mapping[str, str]
    source: str
    classes: tuple[ClassInfo, ...]
    extends: tuple[str, str] | None = None
    names_national: bool = False

    @property
    def raster_values(self) -> dict[str, int]:
        """Raster value by class code, for the classes that have one, in order of value."""
        pairs = [(c.code, c.raster_value) for c in self.classes if c.raster_value is not None]
        return dict(sorted(pairs, key=lambda pair: pair[1]))


@dataclass(frozen=True, slots=True)
class DatasetTile:
    """One labelled tile: `mask` is uint8 (tile_px, tile_px) of class raster values, 0 = not labelled.

    `block` is the spatial block (row, column) that the tile belongs to, so that a re-user can split by block.
    """

    tile_id: str
    row: int
    col: int
    block: tuple[int, int]
    role: Role
    mask: NDArray[np.uint8]
    revision_ids: tuple[str, ...]
    image_date: date | None


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the bounds of its confidence interval; both None where too few blocks give none."""

    estimate: float
    low: float | None
    high: float | None

    def in_words(self) -> str:
        """Three decimals, as cards have it."""
        if self.low is None or self.high is None:
            return f"{self.estimate:.3f} (no interval: too few blocks)"
        return f"{self.estimate:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Hold-out score of one class; `iou` is None when the class does not occur there."""

    code: str
    iou: Interval | None
    f1: float | None
    support_px: int


@dataclass(frozen=True, slots=True)
class CalibrationScores:
    """Expected calibration error on the hold-out, before and after the model's temperature (by cross-fitting)."""

    before: Interval
    after: Interval | None
    bins: int


@dataclass(frozen=True, slots=True)
class HoldoutScores:
    """Figures measured on the hold-out, with the convention that makes them readable.

    `convention` is one plain sentence (rows = truth or map, what is done with ignored and absent classes).
    `confusion` has one row and one column a code of `confusion_codes`, in pixels.
    """

    holdout_id: str
    tiles: int
    pixels: int
    convention: str
    confidence_level: float
    bootstrap_replicates: int
    resampling_unit: str
    independent_of_training: bool
    miou: Interval
    overall_accuracy: Interval | None
    classes: tuple[ClassScore, ...]
    confusion_codes: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    calibration: CalibrationScores | None = None


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """What the model was trained on, enough to run the training again.

    `tiles` counts all, `validated_tiles` those where people agreed on polygons that an earlier model drew;
    `labelled_px` counts drawn labels alone. `seconds` is how long the training took, None where that is not known.
    """

    training_set_id: str
    training_set_sha256: str
    tiles: int
    labelled_px: int
    seed: int
    code_commit: str
    software: Mapping[str, str]
    hyperparameters: Mapping[str, object]
    finished_at: datetime
    initial_weights: str | None = None
    validated_tiles: int = 0
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class OriginRecord:
    """Weights published elsewhere that a model is, or began from."""

    name: str
    published_as: str
    address: str
    licence: str
    attribution: str
    seen: str
    file_name: str
    source_sha256: str
    imported_on: datetime
    rows: Mapping[str, tuple[str, ...]]  # channel codes of the source by class code
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunnableRecord:
    """The model as files that run without the platform, and how near to PyTorch they are.

    `network_path` is Python code over torch alone, `onnx_path` the same network for ONNX Runtime; both take images that
    are normalised outside. `golden` is uint8 (tile_px, tile_px) of class raster values, 0 = no imagery: what the code
    gives the tile `golden_tile` of the dataset. Differences are the largest of any score on `tiles` golden tiles.
    """

    network_path: Path
    onnx_path: Path
    onnx_opset: int
    onnx_free_sides: bool
    onnx_difference: float
    onnx_other_px: int
    code_difference: float
    largest_score: float
    tiles: int
    pixels: int
    core_px: int
    margin_px: int
    golden_tile: DatasetTile
    golden: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One trained model.

    `class_codes[k]` is the class of output channel k; `bands` are the input channels in order. Input is
    (value - mean) / std a band, on the layer's raw values. `architecture_options` are passed to
    `segmentation_models_pytorch.create_model` with architecture and encoder. Probabilities are
    softmax(outputs / temperature). `training` is None for weights that were imported as they are, `origin` None for a
    model that began from none; `head_rows` is the class of each row of the head where a class has several or none.
    `national_scores` are those at the national classes, of a theme's model.
    """

    name: str
    version: str
    weights_path: Path
    architecture: str
    encoder: str
    bands: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    patch_px: int
    class_codes: tuple[str, ...]
    nomenclature_code: str
    nomenclature_version: str
    parameters: int
    framework_version: str
    licence: str
    training: TrainingSummary | None
    scores: HoldoutScores | None
    architecture_options: Mapping[str, object] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    runnable: RunnableRecord | None = None
    base_model: str | None = None
    temperature: float = 1.0
    origin: OriginRecord | None = None
    head_rows: tuple[str, ...] = ()
    national_scores: HoldoutScores | None = None
    code_commit: str = "unknown"
    software: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MapFile:
    """One piece of a prediction map: COGs already written, uint8, of classes and, if any, of entropy."""

    class_path: Path
    entropy_path: Path | None = None


@dataclass(frozen=True, slots=True)
class MapPolygons:
    """Polygons of a prediction map: files already written, the rule of minimum units they keep, and how many.

    `figures` are those of the job that made them (JSON-able).
    """

    parquet: Path
    gpkg: Path
    pmtiles: Path
    rule: Path
    rule_code: str
    rule_version: str
    polygons: int
    figures: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SamplePlace:
    """A place, by its number in the random order of the draw.

    Args:
        row, col: upper-left pixel on the layer.
        mapped, seen: class that the map and people give it; "" where there is none: no imagery, could not tell.
        learnt_from: whether the map's model was trained on its ground.
    """

    number: int
    stratum: str
    row: int
    col: int
    inclusion_probability: float
    mapped: str
    seen: str
    learnt_from: bool


@dataclass(frozen=True, slots=True)
class MapStatistics:
    """Areas and accuracies with their intervals and all that they rest on (JSON-able), and the places of the sample,
    squares of `unit_px` pixels; none where whole blocks were labelled."""

    figures: Mapping[str, object]
    places: tuple[SamplePlace, ...] = ()
    unit_px: int = 1


@dataclass(frozen=True, slots=True)
class MapRecord:
    """A prediction map.

    `class_values` gives the value of each class in the class rasters (those of the model that made it); None
    means the nomenclature's raster values. `renumbered` is the published value of each value of the files, where
    these are a model's own and are renumbered on the way; None means that they are as they are published.
    `polygons` is None where the map has none, for the reason that `no_polygons` gives. Entropy in nats = stored
    value x `entropy_scale` + `entropy_offset`. `core_px` is the side of the windows it was computed by, None where that
    is not known. `statistics` are the design-based estimates of areas; None publishes "not assessed".
    """

    prediction_id: str
    model_name: str
    model_version: str
    predicted_on: date
    files: tuple[MapFile, ...]
    class_values: Mapping[str, int] | None = None
    class_nodata: int = 0
    entropy_scale: float | None = None
    entropy_offset: float = 0.0
    entropy_nodata: int | None = None
    core_px: int | None = None
    statistics: MapStatistics | None = None
    renumbered: Mapping[int, int] | None = None
    polygons: MapPolygons | None = None
    no_polygons: str = "no polygons were made of this map"
    scores: HoldoutScores | None = None  # where the release does not hold the model


@dataclass(frozen=True, slots=True)
class PatchRecord:
    """A place where an earlier vintage was labelled or mapped wrongly: no change of the ground.

    Args:
        layer, vintage: the imagery that was labelled wrongly; `compared_with` is the vintage it was compared with.
        campaign: whose questions it came of. contributors: public ids of those whose answers say so.
        geometry: WKB of a polygon, in the CRS of the release's layer.
    """

    patch_id: int
    layer: str
    vintage: int
    compared_with: int
    wrong_code: str
    right_code: str
    campaign: str
    contributors: tuple[str, ...]
    reviewed: bool
    decided_on: date
    area_m2: float
    licence: str
    geometry: bytes


@dataclass(frozen=True, slots=True)
class PreviousRelease:
    """The release before: its version, the address of its root seen from this root, its collections."""

    version: str
    root_href: str
    collections: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Accepted labels that are not published: how many, by licence ("" = none), and how many go on from somebody else's
    work that was not given under a licence which the release may carry. `patches` counts those of patches.
    """

    by_licence: Mapping[str, int] = field(default_factory=dict)
    built_on_others: int = 0
    patches: int = 0

    @property
    def total(self) -> int:
        """All of them but the patches, which are no labels."""
        return sum(self.by_licence.values()) + self.built_on_others


@dataclass(frozen=True, slots=True)
class ReleaseContents:
    """Everything `bundle.stage_release` writes.

    `annotations` come in batches of `annotation_rows.ROWS`, in the order that `vectors.write_annotations` asks for,
    `history` likewise, each annotation's earlier revisions before the one published; `tiles` by (row, col); all may be
    generators and are read once. `published_on` carries a time zone.
    `account_names` are never written: a contributor id that is one of them is refused.
    """

    version: str
    title: Mapping[str, str]
    description: Mapping[str, str]
    published_on: datetime
    licence: str
    attribution: str
    campaign: CampaignInfo
    layer: LayerInfo
    nomenclature: NomenclatureInfo
    annotations: Iterable[pa.RecordBatch]
    tiles: Iterable[DatasetTile]
    software_version: str
    code_commit: str
    code_url: str | None
    model: ModelRecord | None = None
    maps: MapRecord | None = None
    previous: PreviousRelease | None = None
    left_out: LeftOut = field(default_factory=LeftOut)
    notes: Mapping[str, str] = field(default_factory=dict)  # a maintainer's words by language; else told from `changes`
    changes: ReleaseChanges | None = None
    credits: tuple[str, ...] = ()  # names of people who asked to be named
    patches: tuple[PatchRecord, ...] = ()  # by patch_id
    publisher: str = "Solcommun"
    change: tuple[ChangeStatistics, ...] = ()
    ground: ArtificialisedGround | None = None
    history: Iterable[pa.RecordBatch] = ()
    coarsened: NomenclatureInfo | None = None  # the theme whose classes `nomenclature`, a national tree, has
    account_names: frozenset[str] = field(default_factory=frozenset, repr=False)

    @property
    def dataset_licence(self) -> str:
        """Licence of masks and images together: an SPDX expression or "other"."""
        return dataset_licence(contributions=self.licence, imagery=self.layer.licence)
