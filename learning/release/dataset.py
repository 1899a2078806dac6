"""The deep-learning dataset in FLAIR's layout, plus an index with one row a tile.

FLAIR names its folders by département and year; a campaign is not a département, so here the *domain* is the
campaign's slug and the imagery's year, and the *zone* is the spatial block of tiles that hold-out and buffer
are drawn by. The hold-out is the test split. Of the pool, whose images all lie in the training folders, a fifth of the
blocks is for validation (`layout.subset_of`).
Source: IGNF/FLAIR-1 (`flair_aerial_train/<domain>/<zone>/img/IMG_n.tif` beside `.../msk/MSK_n.tif`, CSV of
         pairs).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.windows import Window

from annotation.core.themes import national_code
from annotation.raster.reader import open_layer
from learning.release import geodesy, layout
from learning.release.contents import CampaignInfo, ClassInfo, DatasetTile, LayerInfo, NomenclatureInfo
from learning.release.dataset_loader import write_loader
from learning.release.errors import InvalidContents, UnorderedRecords
from learning.release.polygon_files import geo_metadata, geometry_columns, with_geometry
from learning.release.rules import check_tile
from learning.release.shards import write_shards
from learning.release.text import compact_json, csv_cell, write_csv

ROWS_PER_GROUP = 2_000

_ATTRIBUTES = pa.schema(
    [
        ("id", pa.string()),
        ("tile_id", pa.string()),
        ("split", pa.string()),
        ("subset", pa.string()),
        ("role", pa.string()),
        ("row", pa.int32()),
        ("col", pa.int32()),
        ("domain", pa.string()),
        ("zone", pa.string()),
        ("image", pa.string()),
        ("mask", pa.string()),
        ("centroid_x", pa.float64()),
        ("centroid_y", pa.float64()),
        ("date", pa.date32()),
        ("labelled_px", pa.int64()),
        ("class_px", pa.map_(pa.string(), pa.int64())),
        ("revision_ids", pa.list_(pa.string())),
        ("image_size", pa.int64()),
        ("image_sha256", pa.string()),
        ("mask_size", pa.int64()),
        ("mask_sha256", pa.string()),
    ]
)
TILES_SCHEMA = with_geometry(_ATTRIBUTES)


@dataclass(slots=True)
class DatasetSummary:
    """Tiles a split, tiles a subset, and labelled pixels a class over all."""

    tiles: dict[str, int] = field(default_factory=dict)
    subsets: dict[str, int] = field(default_factory=dict)
    class_px: dict[str, int] = field(default_factory=dict)


def write_dataset(
    root: Path,
    tiles: Iterable[DatasetTile],
    *,
    campaign: CampaignInfo,
    layer: LayerInfo,
    nomenclature: NomenclatureInfo,
) -> DatasetSummary:
    """Write images, masks, CSV lists, metadata and index under `root`/dataset.

    Args:    tiles: sorted by (row, col), each once; masks hold raster values of `nomenclature`, 0 = not
             labelled.
    Raises:  InvalidContents: a tile or mask breaks a rule, or the layer's file does not match its record.
             UnorderedRecords: order or repeated tile.
    """
    folder = root / layout.DATASET_DIR
    folder.mkdir(parents=True, exist_ok=True)
    pixels: Counter[str] = Counter()
    counts = Counter({"train": 0, "test": 0})
    subsets = Counter(dict.fromkeys(layout.SUBSETS, 0))
    bounds: geodesy.Bounds | None = None
    with (
        open_layer(layer.analysis_path) as source,
        _Lists(root, campaign.slug) as lists,
        pq.ParquetWriter(root / layout.TILES_PARQUET, TILES_SCHEMA, compression="zstd", version="2.6") as index,
    ):
        check_layer_file(source, layer)
        pending: list[dict[str, Any]] = []
        for tile in _in_order(tiles, campaign=campaign, layer=layer, nomenclature=nomenclature):
            row = _write_tile(folder, tile, source=source, campaign=campaign, layer=layer, nomenclature=nomenclature)
            lists.add(row)
            counts[row["split"]] += 1
            subsets[row["subset"]] += 1
            bounds = _around(row["bounds"], bounds or row["bounds"])
            pixels.update(dict(row["class_px"]))
            pending.append(row)
            if len(pending) == ROWS_PER_GROUP:
                index.write_table(_index_table(pending))
                pending = []
        if pending:
            index.write_table(_index_table(pending))
        if bounds is not None:
            geo = geo_metadata(crs=layer.crs, bounds_crs=bounds)
            index.add_key_value_metadata({"geo": compact_json(geo)})
    _write_classes(root, nomenclature)
    write_loader(root)
    write_shards(root, tiles=counts.total())
    return DatasetSummary(
        tiles=dict(sorted(counts.items())), subsets=dict(subsets), class_px=dict(sorted(pixels.items()))
    )


def _around(one: geodesy.Bounds, other: geodesy.Bounds) -> geodesy.Bounds:
    return (min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]))


def _index_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows of the index, with the tiles' outlines."""
    bounds = np.array([row["bounds"] for row in rows], np.float64)
    outlines = geometry_columns(np.asarray(shapely.box(*bounds.T), dtype=object), bounds)
    attributes = pa.Table.from_pylist(rows, schema=_ATTRIBUTES)
    return pa.Table.from_arrays([*attributes.columns, *outlines], schema=TILES_SCHEMA)


def check_layer_file(source: Any, layer: LayerInfo) -> None:
    """The opened analysis copy has the size, bands and transform of its record. Raises InvalidContents."""
    met = (source.width, source.height, source.count, tuple(source.transform)[:6])
    expected = (layer.width, layer.height, len(layer.bands), tuple(layer.transform))
    if met != expected:
        raise InvalidContents(
            f"{layer.analysis_path.name} is (width, height, bands, transform) {met}, its record says "
            f"{expected}; "
            "publish from the layer's own analysis copy"
        )


def _in_order(
    tiles: Iterable[DatasetTile], *, campaign: CampaignInfo, layer: LayerInfo, nomenclature: NomenclatureInfo
) -> Iterator[DatasetTile]:
    n_rows, n_cols = layer.height // campaign.tile_px, layer.width // campaign.tile_px
    values = frozenset(nomenclature.raster_values.values())
    previous: tuple[int, int] | None = None
    for tile in tiles:
        check_tile(tile, tile_px=campaign.tile_px, n_rows=n_rows, n_cols=n_cols, values=values)
        if previous is not None and (tile.row, tile.col) <= previous:
            raise UnorderedRecords(
                f"tile {(tile.row, tile.col)} comes after {previous}; sort by row, column, each once"
            )
        previous = (tile.row, tile.col)
        yield tile


def _write_tile(
    folder: Path,
    tile: DatasetTile,
    *,
    source: Any,
    campaign: CampaignInfo,
    layer: LayerInfo,
    nomenclature: NomenclatureInfo,
) -> dict[str, Any]:
    """Write one image and its mask; return its row of the index."""
    size = campaign.tile_px
    split = layout.SPLIT_OF_ROLE[tile.role]
    number = layout.tile_number(row=tile.row, col=tile.col, n_cols=layer.width // size)
    domain, zone = layout.domain(campaign.slug, layer.vintage), layout.zone(*tile.block)
    image = layout.image_path(campaign.slug, split, domain, zone, number)
    mask = layout.mask_path(campaign.slug, split, domain, zone, number)
    bounds = geodesy.window_bounds(layer.transform, x_px=tile.col * size, y_px=tile.row * size, width=size, height=size)
    window = Window(tile.col * size, tile.row * size, size, size)
    a, b, _, d, e, _ = layer.transform
    transform = Affine(a, b, bounds[0], d, e, bounds[3])
    write_image(folder / image, source.read(window=window), layer=layer, transform=transform)
    write_mask(folder / mask, tile.mask, crs=layer.crs, transform=transform, classes=nomenclature.classes)
    values, counts = np.unique(tile.mask[tile.mask > 0], return_counts=True)
    by_value = dict(zip(values.tolist(), counts.tolist(), strict=True))
    class_px = [(code, by_value[v]) for code, v in sorted(nomenclature.raster_values.items()) if v in by_value]
    row: dict[str, Any] = {"id": f"IMG_{number}", "tile_id": tile.tile_id, "split": split, "role": tile.role}
    row["subset"] = layout.subset_of(split, campaign.slug, *tile.block)
    row["bounds"] = bounds
    row |= {"row": tile.row, "col": tile.col, "domain": domain, "zone": zone, "image": image, "mask": mask}
    row |= {"centroid_x": (bounds[0] + bounds[2]) / 2, "centroid_y": (bounds[1] + bounds[3]) / 2}
    row |= {
        "date": tile.image_date or layer.acquired_on,
        "labelled_px": int(counts.sum()),
        "class_px": class_px,
    }
    row["revision_ids"] = sorted(tile.revision_ids)
    for name, path in (("image", folder / image), ("mask", folder / mask)):
        row[f"{name}_size"] = path.stat().st_size
        row[f"{name}_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return row


def write_image(path: Path, pixels: NDArray[Any], *, layer: LayerInfo, transform: Any) -> None:
    """Write one image of the dataset, bands named as the layer names them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands, height, width = pixels.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=width,
        height=height,
        count=bands,
        dtype=pixels.dtype,
        crs=layer.crs,
        transform=transform,
        nodata=layer.nodata,
        compress="deflate",
        num_threads=1,  # whatever GDAL_NUM_THREADS says: threads write strips in another order
        predictor=2,
        interleave="pixel",
    ) as target:
        target.write(pixels)
        target.descriptions = layer.bands


def write_mask(
    path: Path, mask: NDArray[np.uint8], *, crs: str, transform: Any, classes: tuple[ClassInfo, ...]
) -> None:
    """Write one uint8 mask with the nomenclature's colours; 0 is not labelled and transparent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = mask.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=width,
        height=height,
        count=1,
        dtype="uint8",
        crs=crs,
        transform=transform,
        nodata=0,
        compress="deflate",
        num_threads=1,
    ) as target:
        target.write(mask, 1)
        target.write_colormap(1, colour_table(classes))


def colour_table(classes: tuple[ClassInfo, ...]) -> dict[int, tuple[int, int, int, int]]:
    """Red, green, blue, alpha (0..255) by raster value; 0 = not labelled, transparent."""
    table = {0: (0, 0, 0, 0)}
    for item in classes:
        if item.raster_value is not None:
            red, green, blue = bytes.fromhex(item.colour[1:])
            table[item.raster_value] = (red, green, blue, 255)
    return table


def _write_classes(root: Path, nomenclature: NomenclatureInfo) -> None:
    header: tuple[str, ...] = ("raster_value", "code", "parent", "name_fr", "name_en", "colour")
    valued = sorted((c for c in nomenclature.classes if c.raster_value is not None), key=lambda c: c.raster_value or 0)
    rows: list[tuple[object, ...]] = [
        (c.raster_value, c.code, c.parent, c.name["fr"], c.name["en"], c.colour) for c in valued
    ]
    if nomenclature.names_national:
        header = (*header, "national_code")
        rows = [(*row, national_code(c.code)) for row, c in zip(rows, valued, strict=True)]
    write_csv(root / layout.CLASSES_CSV, [header, *rows])


class _Lists:
    """The three CSV lists (`image,mask`, no header, as FLAIR) and the metadata, written tile by tile."""

    def __init__(self, root: Path, slug: str) -> None:
        self._csv = {
            subset: (root / path).open("w", encoding="utf-8", newline="")
            for subset, path in zip(layout.SUBSETS, (layout.TRAIN_CSV, layout.VAL_CSV, layout.TEST_CSV), strict=True)
        }
        self._json = (root / layout.metadata_json(slug)).open("w", encoding="utf-8", newline="\n")
        self._separator = "\n"
        self._json.write("{")

    def __enter__(self) -> _Lists:
        return self

    def __exit__(self, *_: object) -> None:
        self._json.write("\n}\n")
        for handle in (*self._csv.values(), self._json):
            handle.close()

    def add(self, row: dict[str, Any]) -> None:
        """Append one tile to its subset's list and to the metadata."""
        self._csv[row["subset"]].write(f"{csv_cell(row['image'])},{csv_cell(row['mask'])}\n")
        entry = {
            "patch_centroid_x": row["centroid_x"],
            "patch_centroid_y": row["centroid_y"],
            "date": None if row["date"] is None else row["date"].isoformat(),
            "domain": row["domain"],
            "zone": row["zone"],
            "split": row["split"],
            "subset": row["subset"],
        }
        self._json.write(f'{self._separator}"{row["id"]}": {compact_json(entry)}')
        self._separator = ",\n"
