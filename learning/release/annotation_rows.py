"""Rows of annotations as Arrow batches: what is read of them, the rules they obey, and what is written of them.

A batch is checked and completed by itself, so that several can be at work on at once; order and repeats between batches
are the writer's to see.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from annotation.core.grid import SUBPIXELS
from annotation.core.themes import national_code
from learning.release.contents import Affine6, ReleaseContents
from learning.release.errors import InvalidContents, PersonalDataFound, UnorderedRecords
from learning.release.frozen import Frozen
from learning.release.layout import SPLIT_OF_ROLE
from learning.release.outlines import NotAPolygon, proven_simple, read_outlines
from learning.release.polygon_files import bbox_column, with_geometry, wkb_column

_OF_LABEL = (
    ("annotation_id", pa.string()),
    ("revision_id", pa.string()),
    ("revision_number", pa.int32()),
    ("tile_id", pa.string()),
    ("tile_row", pa.int32()),
    ("tile_col", pa.int32()),
    ("role", pa.string()),
    ("saved_on", pa.date32()),
    ("state", pa.string()),
    ("review", pa.string()),
    ("reviews", pa.int32()),
    ("contributor_id", pa.string()),
    ("reviewed_on", pa.date32()),
    ("image_date", pa.date32()),
    ("licence", pa.string()),
)
_OF_FEATURE = (
    ("feature_id", pa.string()),
    ("class_code", pa.string()),
    ("provenance", pa.string()),
    ("agreement", pa.float64()),
)
LABELS = pa.schema(_OF_LABEL)
#: What a source of annotations gives: a row a feature of a published revision, `geometry` as WKB in the layer's CRS.
ROWS = pa.schema([*_OF_LABEL, *_OF_FEATURE, ("geometry", pa.binary())])
_TYPES = dict([*_OF_LABEL, *_OF_FEATURE])
_COMMON = ("class_fr", "class_en", "nomenclature", "nomenclature_version", "vintage")
ATTRIBUTES = pa.schema(
    [(name, _TYPES[name]) for name in ("annotation_id", "revision_id", "revision_number", "tile_id", "tile_row")]
    + [(name, _TYPES[name]) for name in ("tile_col", "role", "feature_id", "class_code")]
    + [("class_fr", pa.string()), ("class_en", pa.string())]
    + [("nomenclature", pa.string()), ("nomenclature_version", pa.string()), ("vintage", pa.int32())]
    + [(name, _TYPES[name]) for name in ("image_date", "provenance", "saved_on", "state", "review")]
    + [(name, _TYPES[name]) for name in ("reviews", "reviewed_on", "agreement", "contributor_id", "licence")]
)
#: What is written: attributes, `bbox`, `geometry`.
SCHEMA = with_geometry(ATTRIBUTES)
#: Of a theme also the national class of each row, behind its own.
NATIONAL = "national_code"
THEME_ATTRIBUTES = ATTRIBUTES.insert(ATTRIBUTES.get_field_index("class_code") + 1, pa.field(NATIONAL, pa.string()))
#: Columns that say the same of all rows, or of all of a class: they are in `nomenclature.json` and `release.json` too.
COMMON = frozenset(_COMMON)
#: Of a batch and of a row group: what is held in memory is a few of these.
ROWS_PER_GROUP = 5_000
_POLYGONS_AT_ONCE = 2_000  # their corners stay in a processor's cache: a third faster than a batch at once
_IDENTIFIERS = ("annotation_id", "revision_id", "tile_id", "feature_id", "contributor_id")

_ORDER = ("tile_row", "tile_col", "annotation_id", "revision_number", "feature_id")
Key = tuple[int, int, str, int, str]


@dataclass(frozen=True, slots=True)
class RowRules:
    """What rows are held against, and what completes them.

    `names` are French and English by class code; `transform` and `tile_px` are the grid on which labels lie; `theme`:
    the classes refine national ones, and rows name both.
    """

    names: dict[str, tuple[str, str]]
    nomenclature: str
    nomenclature_version: str
    vintage: int
    transform: Affine6
    tile_px: int
    account_names: frozenset[str] = field(default_factory=frozenset, repr=False)
    theme: bool = False

    @classmethod
    def of(cls, contents: ReleaseContents | Frozen, *, account_names: frozenset[str]) -> RowRules:
        """The rules of one release."""
        tree = contents.nomenclature
        return cls(
            names={item.code: (item.name["fr"], item.name["en"]) for item in tree.classes},
            nomenclature=tree.code,
            nomenclature_version=tree.version,
            vintage=contents.layer.vintage,
            transform=contents.layer.transform,
            tile_px=contents.campaign.tile_px,
            account_names=account_names,
            theme=tree.names_national,
        )

    @property
    def attributes(self) -> pa.Schema:
        """Columns that are written, but the geometry's."""
        return THEME_ATTRIBUTES if self.theme else ATTRIBUTES

    @property
    def schema(self) -> pa.Schema:
        """Columns that are written."""
        return with_geometry(self.attributes)


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """Rows ready to be written (`RowRules.schema`), their places in the order, bounds (left, bottom, right, top)."""

    batch: pa.RecordBatch
    first: Key
    last: Key
    bounds_crs: NDArray[np.float64]


def checked_rows(batch: pa.RecordBatch, rules: RowRules) -> CheckedRows:
    """Check a batch of `ROWS` and complete it.

    Raises: InvalidContents (a role, class or identifier that may not be, a geometry that is not one valid polygon on
            the grid of its tile), UnorderedRecords, PersonalDataFound (a contributor's id is an account's name).
    """
    _check_values(batch, rules)
    _check_order(batch)
    parts = [batch.slice(start, _POLYGONS_AT_ONCE) for start in range(0, batch.num_rows, _POLYGONS_AT_ONCE)]
    checked = [_checked_polygons(part, rules) for part in parts]
    bounds, encoded = np.concatenate([one for one, _ in checked]), batch["geometry"]
    if any(turned is not None for _, turned in checked):
        encoded = pa.concat_arrays(
            [part["geometry"] if turned is None else turned for part, (_, turned) in zip(parts, checked, strict=True)]
        )
    codes = list(rules.names)
    of_class = pc.index_in(batch["class_code"], pa.array(codes))
    count = batch.num_rows
    completed = {
        NATIONAL: pa.array([national_code(code) for code in codes]).take(of_class),
        "class_fr": pa.array([rules.names[code][0] for code in codes]).take(of_class),
        "class_en": pa.array([rules.names[code][1] for code in codes]).take(of_class),
        "nomenclature": pa.repeat(rules.nomenclature, count),
        "nomenclature_version": pa.repeat(rules.nomenclature_version, count),
        "vintage": pa.repeat(pa.scalar(rules.vintage, pa.int32()), count),
    }
    columns = [completed[name] if name in completed else batch[name] for name in rules.attributes.names]
    rows = pa.RecordBatch.from_arrays([*columns, bbox_column(bounds), encoded], schema=rules.schema)
    both = [bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)]
    return CheckedRows(rows, key_at(batch, 0), key_at(batch, count - 1), np.concatenate(both))


def key_at(batch: pa.RecordBatch, position: int) -> Key:
    """Place of a row in the order: tile row, tile column, annotation, revision, feature (texts by code point)."""
    row, col, annotation, number, feature = (batch[name][position].as_py() for name in _ORDER)
    return row, col, annotation, number, feature


def refuse_order(key: Key, after: Key) -> None:
    """Raise UnorderedRecords unless a row's place is behind another's."""
    if key <= after:
        raise UnorderedRecords(
            f"annotation record {key} comes after {after}; sort by tile row, tile column, annotation id, revision "
            "number, feature id (by code point), each once"
        )


def _where(batch: pa.RecordBatch, position: int) -> str:
    return f"annotation {batch['annotation_id'][position]}, feature {batch['feature_id'][position]}"


def _first_false(mask: pa.BooleanArray | NDArray[np.bool_]) -> int | None:
    values = mask if isinstance(mask, np.ndarray) else mask.fill_null(False).to_numpy(zero_copy_only=False)
    return None if values.all() else int(np.argmin(values))


def _check_values(batch: pa.RecordBatch, rules: RowRules) -> None:
    allowed = (
        ("role", list(SPLIT_OF_ROLE), "only pool and holdout tiles are published"),
        ("class_code", list(rules.names), "it is not in the nomenclature"),
    )
    for name, values, why in allowed:
        at = _first_false(pc.is_in(batch[name], pa.array(values, pa.string())))
        if at is not None:
            raise InvalidContents(f"{_where(batch, at)}: {name} is {batch[name][at].as_py()!r}; {why}")
    for name in _IDENTIFIERS:
        found = batch[name].unique()  # most are repeated
        wrong = _first_false(pc.match_substring_regex(found, r"\A[A-Za-z0-9_-]{1,80}\z"))
        if wrong is not None:
            at = pc.index(batch[name], found[wrong]).as_py()
            raise InvalidContents(
                f"{_where(batch, at)}: {name} is {batch[name][at].as_py()!r}; expected 1 to 80 letters, digits, - and _"
            )
    named = rules.account_names.intersection(batch["contributor_id"].unique().to_pylist())
    if named:
        at = batch["contributor_id"].to_pylist().index(min(named))
        raise PersonalDataFound(f"{_where(batch, at)}: contributor_id is an account's name; pass its random public id")


def _check_order(batch: pa.RecordBatch) -> None:
    """Every row behind the one before it; texts are compared as their UTF-8 is, which is by code point."""
    behind: NDArray[np.bool_] = np.zeros(batch.num_rows - 1, bool)
    same = ~behind
    for name in _ORDER:
        earlier, later = batch[name].slice(0, batch.num_rows - 1), batch[name].slice(1)
        behind |= same & pc.greater(later, earlier).to_numpy(zero_copy_only=False)
        same &= pc.equal(later, earlier).to_numpy(zero_copy_only=False)
    at = _first_false(behind)
    if at is not None:
        refuse_order(key_at(batch, at + 1), key_at(batch, at))


def _checked_polygons(batch: pa.RecordBatch, rules: RowRules) -> tuple[NDArray[np.float64], pa.BinaryArray | None]:
    """Bounds, float64 (polygon, 4), of valid polygons on the grid of their tiles; their WKB where rings were turned."""
    try:
        outlines = read_outlines(batch["geometry"])
    except NotAPolygon as error:
        raise _not_valid(batch, error.position) from error
    a, _, c, _, e, f = rules.transform
    x, off_x = _places(outlines.x, c, a)
    y, off_y = _places(outlines.y, f, e)
    off = outlines.with_any(off_x | off_y)
    simple, turned_well = proven_simple(outlines, np.copysign(1.0, a) * x, np.copysign(1.0, e) * y)
    doubtful = ~simple | off
    valid = shapely.is_valid(outlines.geometries(doubtful))
    if not valid.all():
        raise _not_valid(batch, int(np.flatnonzero(doubtful)[np.argmin(valid)]))
    bounds, within = np.empty((len(off), 4)), ~off
    for nth, (places, axis, origin, step) in enumerate(((x, "tile_col", c, a), (y, "tile_row", f, e))):
        low, high = outlines.ranges(places)
        first = batch[axis].to_numpy() * float(rules.tile_px * SUBPIXELS)
        within &= (low >= first) & (high <= first + rules.tile_px * SUBPIXELS)
        ends = (_positions(low, origin, step), _positions(high, origin, step))
        bounds[:, nth], bounds[:, nth + 2] = ends if step > 0 else ends[::-1]
    at = _first_false(within)
    if at is not None:
        row, col = batch["tile_row"][at].as_py(), batch["tile_col"][at].as_py()
        met = shapely.bounds(shapely.from_wkb(batch["geometry"][at].as_py())).tolist()
        raise InvalidContents(
            f"{_where(batch, at)}: its corners within {met} are not on the grid of the tile in row {row}, column "
            f"{col}; it was drawn on another layer or changed since"
        )
    if turned_well.all():
        return bounds, None
    return bounds, wkb_column(shapely.orient_polygons(outlines.geometries(np.ones(len(off), bool))))


def _places(corners: NDArray[np.float64], origin: float, step: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Nearest place in subpixels of each corner, and whether the corner is, to the bit, not there."""
    places = corners - origin
    places *= SUBPIXELS / step
    np.rint(places, out=places)
    return places, _positions(places, origin, step) != corners


def _positions(places: NDArray[np.float64], origin: float, step: float) -> NDArray[np.float64]:
    """Where `annotation.core.tile_geometry.to_crs` puts places, to the bit."""
    found = places / SUBPIXELS
    found *= step
    found += origin
    return found


def _not_valid(batch: pa.RecordBatch, at: int) -> InvalidContents:
    met, stored = "nothing", batch["geometry"][at].as_py()
    if stored is not None:
        found = shapely.from_wkb(stored, on_invalid="ignore")
        met = "no WKB" if found is None else f"{shapely.is_valid_reason(found)}, {found.geom_type}"
    return InvalidContents(f"{_where(batch, at)}: expected one valid polygon, met {met}; restore a backup")
