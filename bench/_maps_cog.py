"""A map's rows of windows become one COG: ours beside GDAL's COG driver over the same rows."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import _maps_world as world
import numpy as np
import rasterio
import rasterio.shutil
from rio_cogeo.cogeo import cog_validate

from annotation.raster.cog import ZLEVEL, CogWriter, stored_rows

SIDE, ROW_PX, BLOCK_PX = 8192, 1024, 512
TABLE = {0: (0, 0, 0, 0)} | {n: (40 * n, 255 - 40 * n, 128, 255) for n in range(1, 7)}


def measure(rounds: int = 3) -> dict[str, float]:
    """Figure `cog_speedup`."""
    _images, labels = world.pieces()
    values = world.laid_out(labels, SIDE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [_row(folder / f"row-{n}.tif", values[n * ROW_PX : (n + 1) * ROW_PX]) for n in range(SIDE // ROW_PX)]
        (folder / "rows.vrt").write_text(_vrt(rows))
        times: dict[str, list[float]] = {"ours": [], "gdal": []}
        for turn in ("ours", "gdal", "gdal", "ours") * rounds:
            before = time.perf_counter()
            (_ours if turn == "ours" else _gdal)(folder, rows)
            times[turn].append(time.perf_counter() - before)
        _check(folder, values)
        sizes = [(folder / f"{turn}.tif").stat().st_size for turn in times]
    ours, gdal = (statistics.median(times[one]) for one in times)
    print(
        f"\nCOG of a class map, {SIDE} × {SIDE} px from {len(rows)} rows: ours {ours:.2f} s, GDAL's driver {gdal:.2f} s"
    )
    print(f"  {sizes[0] / 1e6:.1f} and {sizes[1] / 1e6:.1f} MB")
    return {"cog_speedup": round(gdal / ours, 2)}


def _row(path: Path, values: np.ndarray) -> Path:
    height, width = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=1, dtype="uint8", nodata=0, tiled=True,
        blockxsize=BLOCK_PX, blockysize=BLOCK_PX, compress="deflate", zlevel=ZLEVEL, **world.PLACE,
    ) as out:  # fmt: skip
        out.write(values, 1)
    return path


def _vrt(rows: list[Path]) -> str:
    sources = "".join(
        f'<SimpleSource><SourceFilename relativeToVRT="1">{path.name}</SourceFilename><SourceBand>1</SourceBand>'
        f'<SrcRect xOff="0" yOff="0" xSize="{SIDE}" ySize="{ROW_PX}"/>'
        f'<DstRect xOff="0" yOff="{number * ROW_PX}" xSize="{SIDE}" ySize="{ROW_PX}"/></SimpleSource>'
        for number, path in enumerate(rows)
    )
    a, b, c, d, e, f = world.PLACE["transform"][:6]
    colours = "".join(f'<Entry c1="{r}" c2="{g}" c3="{b}" c4="{a}"/>' for r, g, b, a in TABLE.values())
    return (
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><SRS>{world.PLACE["crs"]}</SRS>'
        f"<GeoTransform>{c}, {a}, {b}, {f}, {d}, {e}</GeoTransform>"
        '<VRTRasterBand dataType="Byte" band="1"><NoDataValue>0</NoDataValue><ColorInterp>Palette</ColorInterp>'
        f"<ColorTable>{colours}</ColorTable>{sources}</VRTRasterBand></VRTDataset>"
    )


def _ours(folder: Path, rows: list[Path]) -> None:
    with CogWriter(folder / "ours.tif", width=SIDE, height=SIDE, colours=TABLE, overviews="MODE", **world.PLACE) as out:
        for path in rows:
            with rasterio.open(path, driver="GTiff") as row:
                for top, packed in zip(range(0, ROW_PX, BLOCK_PX), stored_rows(path), strict=True):
                    out.write(row.read(1, window=((top, top + BLOCK_PX), (0, SIDE))), packed=packed)


def _gdal(folder: Path, _rows: list[Path]) -> None:
    with rasterio.open(folder / "rows.vrt", driver="VRT") as source:
        rasterio.shutil.copy(
            source, folder / "gdal.tif", driver="COG", COMPRESS="DEFLATE", BLOCKSIZE="512", OVERVIEW_RESAMPLING="MODE",
            NUM_THREADS="ALL_CPUS",
        )  # fmt: skip


def _check(folder: Path, values: np.ndarray) -> None:
    assert cog_validate(folder / "ours.tif")[0]
    for turn in ("ours", "gdal"):
        with rasterio.open(folder / f"{turn}.tif", driver="GTiff") as found:
            assert np.array_equal(found.read(1), values), f"{turn}: other pixels"
            levels = len(found.overviews(1))
    for level in range(levels):
        with rasterio.open(folder / "ours.tif", driver="GTiff", overview_level=level) as found:
            assert set(np.unique(found.read(1))) <= set(np.unique(values)), "an overview holds what is no class"
