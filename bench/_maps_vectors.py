"""A class map becomes polygons: ours, with minimum units and shared edges, beside GDAL's polygonize of the same map.

GDAL's raw polygons are every region of the map as it is, without minimum units, unsimplified, and no coverage. It is
called as `gdal_polygonize` calls it, in one transaction, by the C interface of the library that pyogrio ships; where
the machine's own library is another, its time without a transaction, as its program of that name works, is told too.
Both are compared by the time of processors that they take, which other programs on the machine have little part in.

The figure is that of a network trained until hundreds of polygons a km² are left of its map, as of what people draw.
One that has hardly begun to learn says many more specks, which merge into few polygons: it is told beside.
"""

from __future__ import annotations

import ctypes
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import _maps_world as world
import numpy as np
import pyogrio
import pyogrio.raw
import rasterio
import shapely
from numpy.typing import NDArray

from learning.core.map_plan import MapPaths
from learning.core.polygons.join import joined
from learning.core.polygons.plan import PolygonPlan
from learning.core.polygons.rule import shipped_rule, tree_distances
from learning.core.polygons.run import draw_blocks
from learning.core.predict import predict_raster
from learning.release.map_polygons import ClassText, MapFacts, PolygonCount, write_map_gpkg, write_map_parquet

SIDE, MAPPED_SIDE, PIECE_PX = 4096, 2048, 512
STEPS, FEW_STEPS = 240, 60  # of training
MOST_OF_SYSTEM = 100_000  # polygons; of more, the machine's own library takes half a minute
GSD_M = 0.2
SYSTEM_GDAL = Path("/usr/lib/x86_64-linux-gnu/libgdal.so.32")
RULE = shipped_rule("ocsge")
_RASTER, _POLYGON, _INTEGER = 2, 3, 0  # GDAL_OF_RASTER, wkbPolygon, OFTInteger


def measure(rounds: int = 3) -> dict[str, float]:
    """Figures `vector_speedup` and `vector_invalid`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        maps = {
            "a network's map": _mapped(folder, steps=STEPS),
            "the map of a network that has hardly begun": _mapped(folder, steps=FEW_STEPS),
            "labels as drawn": world.laid_out(world.pieces()[1], SIDE),
        }
        speedup, invalid = 0.0, 0
        for number, (what, classes) in enumerate(maps.items()):
            source = _write(folder / f"map-{number}.tif", classes)
            ratio, faults = _one_map(what, source, classes, folder / f"made-{number}", rounds=rounds)
            speedup, invalid = (ratio if number == 0 else speedup), invalid + faults
    return {"vector_speedup": speedup, "vector_invalid": invalid}


def _one_map(what: str, source: Path, classes: NDArray[np.uint8], folder: Path, *, rounds: int) -> tuple[float, int]:
    folder.mkdir()
    ours, gdal = Ours(source), Gdal(_shipped_gdal())
    ours.make(folder / "warm")  # what is loaded at first need is loaded
    times: dict[str, list[float]] = {"ours": [], "gdal": []}
    on_the_clock: dict[str, list[float]] = {"ours": [], "gdal": []}
    for number, turn in enumerate(("ours", "gdal", "gdal", "ours") * rounds):
        target = folder / f"{turn}-{number}"
        before, begun = time.process_time(), time.perf_counter()
        if turn == "ours":
            count = ours.make(target)
        else:
            raw = gdal.polygonize(source, target.with_suffix(".gpkg"), transaction=True)
        times[turn].append(time.process_time() - before)
        on_the_clock[turn].append(time.perf_counter() - begun)
    invalid = _faults(folder / "warm" / "map.gpkg", classes, count)
    made, rival = (statistics.median(times[one]) for one in times)
    ours_took, gdal_took = (statistics.median(on_the_clock[one]) for one in times)
    print(f"\npolygons of {what}, {SIDE} × {SIDE} px: seconds of a processor (on the clock)")
    ours_told, gdal_told = f"{made:6.2f} ({ours_took:.2f}) s", f"{rival:6.2f} ({gdal_took:.2f}) s"
    print(f"  ours, to a valid coverage in GeoParquet and GeoPackage  {ours_told}  {count.polygons:>8,} polygons")
    print(f"  GDAL {gdal.version}, raw polygons to GeoPackage            {gdal_told}  {raw:>8,} polygons")
    print(f"  GDAL ÷ ours                                             {rival / made:6.2f}")
    if SYSTEM_GDAL.exists() and raw < MOST_OF_SYSTEM:
        system = Gdal(SYSTEM_GDAL)
        before = time.process_time()
        system.polygonize(source, folder / "system.gpkg", transaction=False)
        print(f"  GDAL {system.version}, the same as its program does it      {time.process_time() - before:6.2f} s")
    return round(rival / made, 2), invalid


class Ours:
    """The whole way of the job, without its database: class map to GeoParquet and GeoPackage."""

    def __init__(self, source: Path) -> None:
        self.source = source
        units = [RULE.unit("building", nomenclature="dubai_5"), *[RULE.others] * (len(world.CLASSES) - 1)]
        self.minimum_px = RULE.minimum_px(units, pixel_area_m2=GSD_M**2)
        texts = [ClassText(code, code, code, unit.width_m) for code, unit in zip(world.CLASSES, units, strict=True)]
        self.facts = MapFacts(
            crs=world.PLACE["crs"], classes=texts, m_per_unit=1.0, vintage=2020, model="bench",
        )  # fmt: skip

    def make(self, folder: Path) -> PolygonCount:
        plan = PolygonPlan(
            source=self.source, width=SIDE, height=SIDE, zones=None, class_codes=world.CLASSES,
            minimum_px=self.minimum_px, distance=tree_distances({}, world.CLASSES),
            tolerance_px=RULE.simplify_m / GSD_M, work_dir=folder / "blocks", fingerprint="bench",
        )  # fmt: skip
        draw_blocks(plan)
        parquet = folder / "map.parquet"
        count = write_map_parquet(parquet, joined(plan, transform=world.PLACE["transform"]), facts=self.facts)
        write_map_gpkg(parquet, folder / "map.gpkg", crs=self.facts.crs, changed_at=datetime(2020, 1, 1, tzinfo=UTC))
        return count


def _faults(gpkg: Path, classes: NDArray[np.uint8], count: PolygonCount) -> int:
    """Polygons that are invalid, overlap, leave a gap, or are below their minimum without a reason."""
    found = pyogrio.raw.read(gpkg, columns=["class_code", "reason"])
    geometry, (codes, reasons) = shapely.from_wkb(found[2]), found[3]
    least = np.where(codes == world.CLASSES[0], 200.0, 500.0)
    small = (shapely.area(geometry) < least - 1e-6) & (reasons == "")
    unmatched = shapely.coverage_invalid_edges(geometry)
    faults = int((~shapely.is_valid(geometry)).sum() + (~shapely.is_empty(unmatched)).sum() + small.sum())
    imagery = float((classes > 0).sum()) * GSD_M**2
    assert abs(shapely.area(geometry).sum() - imagery) < 1e-6 * imagery, "the areas are not those of the imagery"
    assert abs(shapely.area(shapely.union_all(geometry)) - imagery) < 1e-6 * imagery, "there are gaps or overlaps"
    assert abs(count.area_m2 - imagery) < 1e-6 * imagery
    return faults


class Gdal:
    """What `gdal_polygonize` does, in a GDAL of one's choice."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._call("GDALAllRegister", None)
        self.version = self._call("GDALVersionInfo", ctypes.c_char_p, b"RELEASE_NAME").decode()

    def polygonize(self, source: Path, target: Path, *, transaction: bool) -> int:
        """Raw polygons of a class map, 4-connected, as a layer of a GeoPackage; how many there are."""
        pointer = ctypes.c_void_p
        dataset = self._call("GDALOpenEx", pointer, str(source).encode(), _RASTER, None, None, None)
        band = pointer(self._call("GDALGetRasterBand", pointer, pointer(dataset), 1))
        mask = pointer(self._call("GDALGetMaskBand", pointer, band))
        driver = pointer(self._call("GDALGetDriverByName", pointer, b"GPKG"))
        out = pointer(self._call("GDALCreate", pointer, driver, str(target).encode(), 0, 0, 0, 0, None))
        place = pointer(self._call("GDALGetSpatialRef", pointer, pointer(dataset)))
        layer = pointer(self._call("GDALDatasetCreateLayer", pointer, out, b"out", place, _POLYGON, None))
        field = pointer(self._call("OGR_Fld_Create", pointer, b"DN", _INTEGER))
        self._call("OGR_L_CreateField", ctypes.c_int, layer, field, 1)
        if transaction:
            self._call("GDALDatasetStartTransaction", ctypes.c_int, out, 0)
        failed = self._call("GDALPolygonize", ctypes.c_int, band, mask, layer, 0, None, None, None)
        assert failed == 0, f"GDALPolygonize says {failed}"
        count: int = self._call("OGR_L_GetFeatureCount", ctypes.c_longlong, layer, 1)
        if transaction:
            self._call("GDALDatasetCommitTransaction", ctypes.c_int, out)
        self._call("GDALClose", None, out)
        self._call("GDALClose", None, pointer(dataset))
        return count

    def _call(self, name: str, result: Any, *arguments: Any) -> Any:
        function = getattr(self._library, name)
        function.restype = result
        return function(*arguments)


def _shipped_gdal() -> Path:
    return next((Path(pyogrio.__file__).parents[1] / "pyogrio.libs").glob("libgdal*"))


def _mapped(folder: Path, *, steps: int) -> NDArray[np.uint8]:
    """What a network says of real imagery, in pieces turned and laid side by side."""
    model = world.lightly_trained("tu-tf_efficientnet_lite0", steps=steps)
    layer = world.layer(folder, MAPPED_SIDE, world.pieces()[0])
    mapped = folder / f"mapped-{steps}"
    predict_raster(
        model, layer, out=MapPaths.in_folder(mapped), tile_px=512, colours=world.COLOURS, bands=world.BANDS,
        gsd_m=GSD_M, core_px=1024,
    )  # fmt: skip
    with rasterio.open(mapped / "class.tif", driver="GTiff") as dataset:
        classes = dataset.read(1)
    starts = range(0, MAPPED_SIDE, PIECE_PX)
    return world.laid_out(
        [np.ascontiguousarray(classes[r : r + PIECE_PX, c : c + PIECE_PX]) for r in starts for c in starts], SIDE
    )


def _write(path: Path, classes: NDArray[np.uint8]) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", width=SIDE, height=SIDE, count=1, dtype="uint8", nodata=0, tiled=True,
        blockxsize=512, blockysize=512, compress="deflate", **world.PLACE,
    ) as out:  # fmt: skip
        out.write(classes, 1)
    return path
