"""Patches of earlier vintages as GeoParquet 1.1 and GeoPackage: what was labelled wrongly, and what is right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from learning.release import layout
from learning.release.contents import NomenclatureInfo, PatchRecord
from learning.release.errors import InvalidContents, PersonalDataFound
from learning.release.polygon_files import ROWS_PER_GROUP, copy_to_gpkg, geo_metadata, geometry_columns, with_geometry
from learning.release.text import compact_json

_LANGUAGES = ("fr", "en")
ATTRIBUTES = pa.schema(
    [
        pa.field("patch_id", pa.int64(), nullable=False),
        pa.field("layer", pa.string(), nullable=False),
        pa.field("vintage", pa.int32(), nullable=False),
        pa.field("compared_with", pa.int32(), nullable=False),
        pa.field("wrong_code", pa.string(), nullable=False),
        pa.field("wrong_fr", pa.string()),  # names: empty where the release's classes lack the code
        pa.field("wrong_en", pa.string()),
        pa.field("right_code", pa.string(), nullable=False),
        pa.field("right_fr", pa.string()),
        pa.field("right_en", pa.string()),
        pa.field("area_m2", pa.float64(), nullable=False),
        pa.field("people", pa.int32(), nullable=False),
        pa.field("contributor_ids", pa.string(), nullable=False),  # separated by spaces, for GeoPackage has no lists
        pa.field("review", pa.string(), nullable=False),  # settled: by a reviewer; none: by people's answers alone
        pa.field("decided_on", pa.date32(), nullable=False),
        pa.field("campaign", pa.string(), nullable=False),
        pa.field("licence", pa.string(), nullable=False),
    ]
)
SCHEMA = with_geometry(ATTRIBUTES)


def write_patches(
    root: Path, patches: Sequence[PatchRecord], *, nomenclature: NomenclatureInfo, crs: str, published_on: datetime,
    account_names: frozenset[str] = frozenset(),
) -> None:  # fmt: skip
    """Write `patches/patches.parquet` (ZSTD) and `.gpkg` (layer `patches`) under `root`; nothing where there is none.

    Args:    patches: by patch_id, each once; their geometries are in `crs`.
    Raises:  InvalidContents: order, a patch that corrects nothing, a geometry that is not one valid polygon.
             PersonalDataFound: a contributor's id is an account's name.
    """
    if not patches:
        return
    geometry = _geometry(patches)
    _check(patches, account_names)
    bounds = shapely.bounds(geometry)
    west, south = bounds[:, :2].min(axis=0)
    east, north = bounds[:, 2:].max(axis=0)
    geo = compact_json(geo_metadata(crs=crs, bounds_crs=(float(west), float(south), float(east), float(north))))
    columns = [pa.array(values, type=each.type) for values, each in zip(_columns(patches, nomenclature), ATTRIBUTES,
                                                                        strict=True)]  # fmt: skip
    table = pa.Table.from_arrays([*columns, *geometry_columns(geometry, bounds)], schema=SCHEMA)
    path = root / layout.PATCHES_PARQUET
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        table.replace_schema_metadata({"geo": geo}), path, compression="zstd", version="2.6",
        row_group_size=ROWS_PER_GROUP,
    )  # fmt: skip
    copy_to_gpkg(path, root / layout.PATCHES_GPKG, layer=layout.PATCHES_LAYER, crs=crs, changed_at=published_on)


def _geometry(patches: Sequence[PatchRecord]) -> np.ndarray:
    """Polygons, object (patch,), exteriors counter-clockwise."""
    found = shapely.from_wkb([patch.geometry for patch in patches], on_invalid="ignore")
    for patch, polygon in zip(patches, found, strict=True):
        if polygon is None or polygon.geom_type != "Polygon" or polygon.is_empty or not polygon.is_valid:
            met = "no WKB" if polygon is None else f"{shapely.is_valid_reason(polygon)}, {polygon.geom_type}"
            raise InvalidContents(
                f"patch {patch.patch_id}: expected one valid polygon, met {met}; restore a backup, or ask about the "
                "place again"
            )
    return np.asarray(shapely.orient_polygons(found), np.object_)


def _check(patches: Sequence[PatchRecord], account_names: frozenset[str]) -> None:
    last = 0
    for patch in patches:
        if patch.patch_id <= last:
            raise InvalidContents(f"patch {patch.patch_id} comes after {last}; sort by patch_id, each once")
        last = patch.patch_id
        if patch.wrong_code == patch.right_code:
            raise InvalidContents(f"patch {patch.patch_id} corrects nothing: both classes are {patch.wrong_code!r}")
        if account_names.intersection(patch.contributors):
            raise PersonalDataFound(
                f"patch {patch.patch_id}: a contributor's id is an account's name; pass random public ids"
            )


def _columns(patches: Sequence[PatchRecord], nomenclature: NomenclatureInfo) -> list[list[object]]:
    names = {item.code: item.name for item in nomenclature.classes}

    def in_words(code: str) -> list[str | None]:
        return [names[code][language] if code in names else None for language in _LANGUAGES]

    rows: list[list[object]] = [
        [
            patch.patch_id, patch.layer, patch.vintage, patch.compared_with,
            patch.wrong_code, *in_words(patch.wrong_code), patch.right_code, *in_words(patch.right_code),
            patch.area_m2, len(patch.contributors), " ".join(patch.contributors),
            "settled" if patch.reviewed else "none", patch.decided_on, patch.campaign, patch.licence,
        ]
        for patch in patches
    ]  # fmt: skip
    return [list(column) for column in zip(*rows, strict=True)]
