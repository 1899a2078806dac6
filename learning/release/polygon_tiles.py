"""A map's polygons as vector tiles in one PMTiles file, from its GeoParquet, in two passes and constant memory.

The first pass reads some rows at a time, cuts their polygons along the tiles of each zoom and appends what lies in
each tile to a file. The second one goes through the tiles in the order of their numbers, puts together what each of
them got, and writes it.

At the deepest zoom, the first whose units are at most 0.6 of the map's pixels, every polygon is there. Further out
a polygon below one pixel of the screen (a 256th of a tile's side, squared) is left out. What is left out of a class in
a tile adds up, and each time it makes a pixel of the screen, a square of that size stands for it where the last of
them lies: classes of many small polygons keep their share of the ground.
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from annotation.core.grid import lonlat_transformers, web_transformer
from learning.core.polygons.join import ALONE, CUT
from learning.release.map_polygons import MapFacts
from learning.release.mvt import Rings, doubled_areas, encode_geometry, encode_layer
from learning.release.pmtiles import MAX_ZOOM, Place, PmtilesWriter, tile_id

LAYER = "polygons"
HALF_WORLD_M = math.pi * 6378137.0
UNITS = 8192  # along a side of a tile at the deepest zoom
FAR_UNITS = 1024  # and further out: four to a pixel of the screen
SCREEN_PX = 256  # along a side of a tile
SQUARE_UNITS = FAR_UNITS // SCREEN_PX
MARGIN = 1 / 64  # of a tile's side, so that outlines along it are not seen
LARGEST_UNIT_PX = 0.6  # so that rounding neither loses nor twists a polygon of one pixel
ZOOMS_BEFORE = 2  # before the one at which the whole map is no larger than a tile
REASONS = ("", ALONE, CUT)
ROWS_AT_ONCE = 5_000
_COLUMNS = ["region_id", "class_code", "area_m2", "reason", "geometry"]
_HEAD = struct.Struct("<QQ")
_NUMBERS = np.dtype([("region", "<i8"), ("area", "<i8"), ("code", "<i4"), ("reason", "<i4"), ("bytes", "<i8")])
_NONE = -1  # area and region of a square


@dataclass(frozen=True, slots=True)
class TileZooms:
    """The zooms of a map's tiles, and where it lies.

    Args: bounds_web: west, south, east, north in metres of the web grid.
    """

    coarsest: int
    deepest: int
    bounds_web: tuple[float, float, float, float]

    @property
    def unit_m(self) -> float:
        """Metres of the web grid in a unit of the deepest zoom."""
        return 2 * HALF_WORLD_M / (UNITS << self.deepest)


def zooms_of(bounds_crs: tuple[float, float, float, float], *, crs: str, pixel_crs: float) -> TileZooms:
    """Zooms for a map of these bounds whose pixels have a side of `pixel_crs` units of its CRS."""
    to_web = web_transformer(crs)
    x, y = (bounds_crs[0] + bounds_crs[2]) / 2, (bounds_crs[1] + bounds_crs[3]) / 2
    web_x, web_y = to_web.transform([x, x + pixel_crs, x], [y, y, y + pixel_crs])
    across, down = np.diff([web_x, web_y], axis=1)[:, 0], np.subtract([web_x[2], web_y[2]], [web_x[0], web_y[0]])
    pixel_m = math.sqrt(abs(across[0] * down[1] - across[1] * down[0]))
    deepest = math.ceil(math.log2(2 * HALF_WORLD_M / (UNITS * LARGEST_UNIT_PX * pixel_m)))
    bounds = np.clip(to_web.transform_bounds(*bounds_crs), -HALF_WORLD_M, HALF_WORLD_M).tolist()
    side = max(bounds[2] - bounds[0], bounds[3] - bounds[1])
    one_tile = math.floor(math.log2(2 * HALF_WORLD_M / side))
    deepest = min(max(deepest, 0), MAX_ZOOM)
    return TileZooms(min(max(one_tile - ZOOMS_BEFORE, 0), deepest), deepest, tuple(bounds))


def write_polygon_tiles(
    parquet: Path,
    path: Path,
    *,
    facts: MapFacts,
    pixel_crs: float,
    on_progress: Callable[[float], None] = lambda share: None,
) -> TileZooms:
    """Write the tiles of a file of `write_map_parquet`; beside `path`, `.parts` is written and removed again.

    Properties are `class_code`, `area_m2` (whole square metres of the polygon, uncut), `region_id` and, where it is
    not empty, `reason`; squares that stand for small polygons have the class alone.

    Args:
        pixel_crs: side of the map's pixels in units of its CRS.
        on_progress: told the share done, 0 to 1; what it raises ends the work.
    Raises: InvalidContents.
    """
    source = pq.ParquetFile(parquet, pre_buffer=False)  # else all of the file is read ahead
    bounds = _bounds_of(source)
    zooms = zooms_of(bounds, crs=facts.crs, pixel_crs=pixel_crs)
    parts = path.with_name(f"{path.name}.parts")
    with parts.open("w+b") as stream:
        cutter = _Cutter(stream, zooms, [each.code for each in facts.classes])
        for number, batch in enumerate(source.iter_batches(batch_size=ROWS_AT_ONCE, columns=_COLUMNS)):
            cutter.add(batch, crs=facts.crs)
            on_progress(0.8 * min((number + 1) * ROWS_AT_ONCE / source.metadata.num_rows, 1.0))
        with path.open("wb") as out:
            writer = PmtilesWriter(out)
            for done, (tile, content) in enumerate(cutter.tiles()):
                writer.add(tile, gzip.compress(content, compresslevel=6, mtime=0))
                if done % 1000 == 999:
                    on_progress(0.8 + 0.2 * done / len(cutter.parts))
            writer.finish(_place(zooms, bounds, facts.crs), _metadata(facts, zooms))
    parts.unlink()
    return zooms


def _bounds_of(source: pq.ParquetFile) -> tuple[float, float, float, float]:
    west, south, east, north = json.loads(source.metadata.metadata[b"geo"])["columns"]["geometry"]["bbox"]
    return west, south, east, north


def _place(zooms: TileZooms, bounds_crs: tuple[float, float, float, float], crs: str) -> Place:
    west, south, east, north = lonlat_transformers(crs)[0].transform_bounds(*bounds_crs)
    return Place(zooms.coarsest, zooms.deepest, (west, south, east, north))


def _metadata(facts: MapFacts, zooms: TileZooms) -> dict[str, Any]:
    fields = {"class_code": "String", "area_m2": "Number", "region_id": "Number", "reason": "String"}
    layer = {"id": LAYER, "fields": fields, "minzoom": zooms.coarsest, "maxzoom": zooms.deepest}
    return {
        "name": facts.model,
        "type": "overlay",
        "vintage": facts.vintage,
        "vector_layers": [layer],
        "classes": {each.code: {"fr": each.label_fr, "en": each.label_en} for each in facts.classes},
    }


@dataclass(slots=True)
class _Cutter:
    """Cuts polygons along the tiles of all zooms, and keeps what lies in each."""

    stream: BinaryIO
    zooms: TileZooms
    codes: list[str]
    #: number of the tile, where in the stream a part of it is, units along its side
    parts: list[tuple[int, int, int]] = field(default_factory=list)
    #: square units left out of a tile since its last square, by class
    left_over: dict[tuple[int, int], float] = field(default_factory=dict)

    def add(self, batch: Any, *, crs: str) -> None:
        """Cut the polygons of some rows."""
        numbers = np.zeros(batch.num_rows, _NUMBERS)
        numbers["region"] = batch["region_id"].to_numpy()
        numbers["area"] = np.rint(batch["area_m2"].to_numpy())
        numbers["code"] = _index(batch["class_code"], self.codes)
        numbers["reason"] = _index(batch["reason"], list(REASONS))
        geometry = self._in_units(shapely.from_wkb(batch["geometry"].to_numpy(zero_copy_only=False)), crs)
        area, bounds = shapely.area(geometry), shapely.bounds(geometry)
        for z in range(self.zooms.deepest, self.zooms.coarsest - 1, -1):
            is_deepest = z == self.zooms.deepest
            units = UNITS if is_deepest else FAR_UNITS
            per_unit = (UNITS << self.zooms.deepest - z) / units  # units of the deepest zoom in one of this zoom's
            is_small = np.zeros(len(area), bool) if is_deepest else area < (per_unit * SQUARE_UNITS) ** 2
            squares = self._squares(z, numbers["code"][is_small], area[is_small], bounds[is_small])
            shown = np.flatnonzero(~is_small)
            for tile, which in _by_tile(bounds[shown], z, side=units * per_unit):
                rows = shown[which]
                pieces = _cut(geometry[rows], bounds[rows], tile, side=units * per_unit)
                self._keep(z, tile, units, *_encoded(pieces, tile, units, per_unit, is_deepest), numbers[rows])
            for tile, found in squares.items():
                self._keep(z, tile, units, *encode_geometry(_as_rings(found["place"]), len(found)), found["numbers"])

    def tiles(self) -> Iterator[tuple[int, bytes]]:
        """Number and vector tile of each tile that holds anything, in the order of the numbers."""
        self.parts.sort()
        for number, parts in itertools.groupby(self.parts, key=lambda part: part[0]):
            found = [(self._read(at), units) for _number, at, units in parts]
            rows = np.concatenate([numbers for (numbers, _data), _units in found])
            data = b"".join(data for (_numbers, data), _units in found)
            stops = np.cumsum(rows["bytes"]).tolist()
            yield (
                number,
                encode_layer(
                    LAYER,
                    extent=found[0][1],
                    geometries=[data[start:stop] for start, stop in zip([0, *stops], stops, strict=False)],
                    properties={
                        "class_code": [self.codes[code] for code in rows["code"].tolist()],
                        "area_m2": [None if area == _NONE else area for area in rows["area"].tolist()],
                        "region_id": [None if region == _NONE else region for region in rows["region"].tolist()],
                        "reason": [REASONS[reason] or None for reason in rows["reason"].tolist()],
                    },
                ),
            )

    def _in_units(self, polygons: NDArray[np.object_], crs: str) -> NDArray[np.object_]:
        """Polygons in units of the deepest zoom, from the north-west corner of the world, y down."""
        to_web, unit_m = web_transformer(crs), self.zooms.unit_m

        def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
            x, y = to_web.transform(points[:, 0], points[:, 1])
            web = np.clip(np.column_stack([x, y]), -HALF_WORLD_M, HALF_WORLD_M)
            return np.column_stack([web[:, 0] + HALF_WORLD_M, HALF_WORLD_M - web[:, 1]]) / unit_m

        placed: NDArray[np.object_] = shapely.transform(polygons, place)
        return placed

    def _squares(
        self, z: int, codes: NDArray[np.int32], area: NDArray[np.float64], bounds: NDArray[np.float64]
    ) -> dict[tuple[int, int], NDArray[Any]]:
        """Squares that stand for small polygons, by tile.

        Returns: rows of `place`, the corner in units of the tile, and `numbers`, as of other polygons.
        """
        square_m = (UNITS << self.zooms.deepest - z) / SCREEN_PX  # side, in units of the deepest zoom
        cells = ((bounds[:, :2] + bounds[:, 2:]) / 2 // square_m).astype(np.int64)
        tiles = cells // SCREEN_PX
        order = np.lexsort((codes, tiles[:, 1], tiles[:, 0]))
        keys = np.column_stack([tiles, codes])[order]
        found: dict[tuple[int, int], list[NDArray[Any]]] = {}
        if not len(area):
            return {}
        starts = np.flatnonzero(np.any(np.diff(keys, axis=0, prepend=-1), axis=1))
        for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
            x, y, code = keys[start].tolist()
            rows = order[start:stop]
            key = (tile_id(z, x, y), code)
            total = self.left_over.get(key, 0.0) + np.cumsum(area[rows]) / square_m**2
            self.left_over[key] = float(total[-1] % 1)
            full = np.floor(total)
            here = rows[np.diff(full, prepend=0.0) > 0]
            if len(here):
                made = np.zeros(len(here), np.dtype([("place", "<i8", 2), ("numbers", _NUMBERS)]))
                made["place"] = (cells[here] - np.array([x, y]) * SCREEN_PX) * SQUARE_UNITS
                made["numbers"]["code"] = code
                made["numbers"]["region"] = made["numbers"]["area"] = _NONE
                found.setdefault((x, y), []).append(made)
        return {tile: np.concatenate(made) for tile, made in found.items()}

    def _keep(
        self, z: int, tile: tuple[int, int], units: int, data: bytes, sizes: NDArray[np.int64], numbers: NDArray[Any]
    ) -> None:
        """Append what lies in a tile; polygons of which nothing is left there are passed over."""
        has = sizes > 0
        if not has.any():
            return
        kept = numbers[has].copy()
        kept["bytes"] = sizes[has]
        self.parts.append((tile_id(z, *tile), self.stream.seek(0, 2), units))
        self.stream.write(_HEAD.pack(len(kept), len(data)) + kept.tobytes() + data)

    def _read(self, at: int) -> tuple[NDArray[Any], bytes]:
        self.stream.seek(at)
        count, size = _HEAD.unpack(self.stream.read(_HEAD.size))
        numbers = np.frombuffer(self.stream.read(count * _NUMBERS.itemsize), _NUMBERS)
        return numbers, self.stream.read(size)


def _index(column: Any, names: list[str]) -> NDArray[np.int32]:
    """Place of each text among `names`."""
    place = {name: k for k, name in enumerate(names)}
    found = column.dictionary_encode()
    known = np.array([place[name] for name in found.dictionary.to_pylist()], np.int32)
    indexed: NDArray[np.int32] = known[found.indices.to_numpy()]
    return indexed


def _by_tile(
    bounds: NDArray[np.float64], z: int, *, side: float
) -> Iterator[tuple[tuple[int, int], NDArray[np.int64]]]:
    """Column and row of each tile that bounds touch, with its margin, and which of them do, in their order."""
    if not len(bounds):
        return
    low = np.maximum(np.floor(bounds[:, :2] / side - MARGIN), 0).astype(np.int64)
    high = np.minimum(np.floor(bounds[:, 2:] / side + MARGIN), (1 << z) - 1).astype(np.int64)
    across, down = (high - low + 1).T
    which = np.repeat(np.arange(len(bounds)), across * down)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(across * down) - across * down, across * down)
    x, y = low[which, 0] + nth % across[which], low[which, 1] + nth // across[which]
    order = np.lexsort((which, y, x))
    x, y, which = x[order], y[order], which[order]
    starts = np.flatnonzero((np.diff(x, prepend=-1) != 0) | (np.diff(y, prepend=-1) != 0))
    for start, stop in zip(starts, [*starts[1:], len(which)], strict=True):
        yield (int(x[start]), int(y[start])), which[start:stop]


def _cut(
    polygons: NDArray[np.object_], bounds: NDArray[np.float64], tile: tuple[int, int], *, side: float
) -> NDArray[np.object_]:
    """What of each polygon lies in a tile and its margin, shells with positive areas where y points down."""
    corner = np.array(tile) * side
    low, high = corner - side * MARGIN, corner + side * (1 + MARGIN)
    is_over = (bounds[:, :2] < low).any(axis=1) | (bounds[:, 2:] > high).any(axis=1)
    pieces = polygons.copy()
    pieces[is_over] = shapely.clip_by_rect(polygons[is_over], *low, *high)
    oriented: NDArray[np.object_] = shapely.orient_polygons(pieces)
    return oriented


def _encoded(
    pieces: NDArray[np.object_], tile: tuple[int, int], units: int, per_unit: float, keep_all: bool
) -> tuple[bytes, NDArray[np.int64]]:
    """Commands of pieces of polygons in units of their tile, and how many bytes each has."""
    parts, piece = shapely.get_parts(pieces, return_index=True)
    is_polygon = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    parts, piece = parts[is_polygon], piece[is_polygon]
    outlines, part = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(outlines, return_index=True)
    if not len(points):
        return b"", np.zeros(len(pieces), np.int64)
    # Rounded before the tile's corner is taken off: a corner is the same place in every tile.
    x, y = (np.rint(points / per_unit).astype(np.int64) - np.array(tile) * units).T
    is_shell = np.diff(part, prepend=-1) != 0
    rings, kept = _without_repeats(x, y, ring, piece[part])
    area = doubled_areas(rings)
    good = np.where(is_shell[kept], area > 0, area < 0) & (rings.sizes > 2)
    has_shell = np.zeros(len(parts), bool)
    has_shell[part[kept][good & is_shell[kept]]] = True
    good &= has_shell[part[kept]]
    rings = _chosen(rings, good)
    if keep_all:
        lost = np.setdiff1d(piece, rings.feature)
        rings = _with_specks(rings, lost, shapely.point_on_surface(pieces[lost]), np.array(tile) * units, units)
    return encode_geometry(rings, len(pieces))


def _without_repeats(
    x: NDArray[np.int64], y: NDArray[np.int64], ring: NDArray[np.int64], feature_of_ring: NDArray[np.int64]
) -> tuple[Rings, NDArray[np.int64]]:
    """Rings without their closing points and without points that fall on the one before; and which rings are left."""
    ends = np.diff(ring, append=-1) != 0
    x, y, ring = x[~ends], y[~ends], ring[~ends]
    moved = (np.diff(x, prepend=0) != 0) | (np.diff(y, prepend=0) != 0) | (np.diff(ring, prepend=-1) != 0)
    x, y, ring = x[moved], y[moved], ring[moved]
    first = np.flatnonzero(np.diff(ring, prepend=-1) != 0)
    last = np.append(first[1:], len(ring)) - 1
    comes_back = (x[first] == x[last]) & (y[first] == y[last]) & (first != last)
    keep = np.ones(len(ring), bool)
    keep[last[comes_back]] = False
    kept = ring[first]
    sizes = last - first + 1 - comes_back
    return Rings(x[keep], y[keep], sizes, feature_of_ring[kept]), kept


def _chosen(rings: Rings, good: NDArray[np.bool_]) -> Rings:
    points = np.repeat(good, rings.sizes)
    return Rings(rings.x[points], rings.y[points], rings.sizes[good], rings.feature[good])


def _with_specks(
    rings: Rings, lost: NDArray[np.int64], inside: NDArray[np.object_], corner: NDArray[np.int64], units: int
) -> Rings:
    """With a square of a unit for each polygon that is too thin to have an outline, where a point inside of it is."""
    places = np.floor(shapely.get_coordinates(inside)).astype(np.int64) - corner
    is_here = ((places >= 0) & (places < units)).all(axis=1)  # in the margin is nothing to be seen
    lost, specks = lost[is_here], _as_rings(places[is_here], side=1)
    if not len(lost):
        return rings
    sizes = np.concatenate([rings.sizes, specks.sizes])
    feature = np.concatenate([rings.feature, lost])
    order = np.argsort(feature, kind="stable")
    starts = np.cumsum(sizes) - sizes
    x, y = np.concatenate([rings.x, specks.x]), np.concatenate([rings.y, specks.y])
    points = np.concatenate([np.arange(starts[k], starts[k] + sizes[k]) for k in order])
    return Rings(x[points], y[points], sizes[order], feature[order])


def _as_rings(corners: NDArray[np.int64], *, side: int = SQUARE_UNITS) -> Rings:
    """Squares right and below of corners (square, 2), one a feature."""
    around = corners[:, None, :] + side * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    count = len(corners)
    return Rings(around[:, :, 0].ravel(), around[:, :, 1].ravel(), np.full(count, 4), np.arange(count))
