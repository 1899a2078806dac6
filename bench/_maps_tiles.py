"""Map tiles: imagery as stored bytes beside TiTiler on the same COG, labels as kept vector tiles beside ST_AsMVT.

Both sites run in two processes on this machine, as each one's documentation has it for production; one client asks both
by turns for the same map tiles in the same order, a twentieth of them where there is no imagery. No cache of answers
stands before either. A database of its own is made in the running PostgreSQL and removed.

    raster_tile_speedup  requests a second of ours ÷ of TiTiler, at the zooms that the COG has
    vector_tile_speedup  a vector tile of zoom 14 made by ST_AsMVT from polygons stored on the web grid ÷ read as kept

Checked, or there is no figure: our JPEGs show what GDAL reads of the COG (PSNR of 40 dB or more), a kept vector tile
has as many polygons as the database, and an edit is seen by a reader within a second.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
SIDE_PX = 6144
SECONDS, CONNECTIONS = 4.0, 8
LEAST_PSNR_DB, SEEN_WITHIN_S = 40.0, 1.0
OUTSIDE = 0.05
# As TiTiler's documentation advises for COGs.
GDAL_FOR_TITILER = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_CACHEMAX": "200", "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    "VSI_CACHE": "TRUE", "VSI_CACHE_SIZE": "5000000",
}  # fmt: skip


def measure(rounds: int = 3) -> dict[str, float]:
    """Figures `raster_tile_speedup` and `vector_tile_speedup`."""
    folder = Path(tempfile.mkdtemp(prefix="solcommun-map-tiles-"))
    os.environ["SOLCOMMUN_TEST_DATA_DIR"] = str(folder)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "_next_tile_settings")
    sys.path[:0] = [str(REPOSITORY / name) for name in ("platform", "tests", "bench", ".")]
    try:
        with database():
            from _next_tile_world import site

            layer = _layer(folder)
            figures = {}
            with site("config.wsgi:application", folder) as ours, _titiler(folder) as theirs:
                figures |= _raster(layer, ours, theirs, rounds)
                figures |= _vector(ours, rounds)
            return figures
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database() -> Iterator[None]:
    """A database of our own, migrated; gone afterwards."""
    import django

    django.setup()
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    old = setup_databases(verbosity=0, interactive=False)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            )
        teardown_databases(old, verbosity=0)


def _layer(folder: Path) -> Any:
    """Imagery of 0.2 m in Lambert-93, imported as any is."""
    import _maps_world as world
    import scenes

    from annotation.jobs.imagery import import_imagery
    from annotation.models import ImageryLayer
    from annotation.services.imagery import start_import
    from annotation.services.jobs import claim_job, run_claimed_job

    source = scenes.write_geotiff(folder / "ortho.tif", world.laid_out(world.pieces()[0], SIDE_PX))
    before = time.perf_counter()
    job = start_import(
        paths=[str(source)], slug="ortho", title="ortho", vintage=2022, licence="etalab-2.0", attribution="bench"
    )
    claimed = claim_job(str(job.id))
    assert claimed is not None
    run_claimed_job(claimed, import_imagery)
    claimed.refresh_from_db()
    if claimed.state != "succeeded":
        raise SystemExit(f"The imagery was not imported: {claimed.error}")
    print(f"\nMap tiles: {SIDE_PX} × {SIDE_PX} px imported in {time.perf_counter() - before:.0f} s")
    return ImageryLayer.objects.get(slug="ortho")


@contextmanager
def _titiler(folder: Path) -> Iterator[int]:
    from _next_tile_world import _free_port

    port = _free_port()
    environment = os.environ | GDAL_FOR_TITILER
    command = [
        sys.executable, "-m", "uvicorn", "--app-dir", str(REPOSITORY / "bench"), "--workers", "2", "--port", str(port),
        "--no-access-log", "--log-level", "warning", "_maps_tiles_rival:application",
    ]  # fmt: skip
    with (folder / "titiler.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            for _ in range(240):
                if server.poll() is not None:
                    break
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.25)
            if server.poll() is not None:
                raise SystemExit(f"TiTiler did not start: {Path(log.name).read_text()[-600:]}")
            yield port
        finally:
            server.terminate()
            server.wait(timeout=30)


def _places(path: Path) -> list[tuple[int, int, int]]:
    """Map tiles of every zoom that the copy has, and some beside it, in one random order."""
    import rasterio

    from annotation.raster.stored_tiles import web_zooms
    from annotation.raster.web_grid import HALF_WORLD_M

    with rasterio.open(path, driver="GTiff") as dataset:
        left, bottom, right, top = dataset.bounds
    coarsest, deepest = web_zooms(path)
    drawn = random.Random(7)  # noqa: S311 an order, not a secret
    inside: list[tuple[int, int, int]] = []
    for z in range(coarsest, deepest + 1):
        span = 2 * HALF_WORLD_M / 2**z
        columns = range(round((left + HALF_WORLD_M) / span), round((right + HALF_WORLD_M) / span))
        rows = range(round((HALF_WORLD_M - top) / span), round((HALF_WORLD_M - bottom) / span))
        inside += [(z, x, y) for x in columns for y in rows]
    shown = [place for place in inside if _stored(path, *place)]
    beside = [(deepest, x + 4096, y) for z, x, y in drawn.sample(shown, int(len(shown) * OUTSIDE)) if z == deepest]
    found = [*shown, *beside]
    drawn.shuffle(found)
    return found


def _stored(path: Path, z: int, x: int, y: int) -> bytes | None:
    from annotation.raster.stored_tiles import stored_web_tile

    return stored_web_tile(path, z, x, y)[0]


def ask(port: int, paths: list[str], seconds: float = SECONDS) -> dict[str, float]:
    """What a server answers to these addresses: `rate` a second, `answers`, of which `pictures`, and `bytes`."""
    command = [
        sys.executable,
        str(REPOSITORY / "bench/_maps_tiles_client.py"),
        str(port),
        str(seconds),
        str(CONNECTIONS),
    ]
    done = subprocess.run(command, input="\n".join(paths), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"The client failed: {done.stderr[-500:]}")
    answered: dict[str, float] = json.loads(done.stdout)
    return answered


def _raster(layer: Any, ours: int, theirs: int, rounds: int) -> dict[str, float]:
    path = layer.path("web.tif").resolve()
    places = _places(path)
    version = layer.map_version
    paths = {
        "ours": [f"/imagery/ortho/web/{z}/{x}/{y}.jpg?v={version}" for z, x, y in places],
        "titiler": [f"/tiles/WebMercatorQuad/{z}/{x}/{y}.jpg?url={path}&tilesize=256" for z, x, y in places],
    }
    ports = {"ours": ours, "titiler": theirs}
    worst = {name: _fidelity(ports[name], paths[name], places, path) for name in ports}
    for name in ports:
        ask(ports[name], paths[name], 1.0)
    rates: dict[str, list[float]] = {name: [] for name in ports}
    for name in ("ours", "titiler", "titiler", "ours") * rounds:
        rates[name].append(ask(ports[name], paths[name])["rate"])
    rate = {name: statistics.median(found) for name, found in rates.items()}
    ratio = rate["ours"] / rate["titiler"]
    print(
        f"  {len(places)} map tiles, {CONNECTIONS} connections: ours {rate['ours']:.0f} a second, "
        f"TiTiler {rate['titiler']:.0f}"
    )
    print(
        f"  least PSNR against GDAL: ours {worst['ours']:.1f} dB, TiTiler {worst['titiler']:.1f} dB (it encodes anew)"
    )
    _print_rest(layer, places, ports, path)
    if worst["ours"] < LEAST_PSNR_DB:
        raise SystemExit(f"Our map tiles differ from what GDAL reads: {worst['ours']:.1f} dB.")
    return {"raster_tile_speedup": round(ratio, 1)}


def _print_rest(layer: Any, places: list[tuple[int, int, int]], ports: dict[str, int], path: Path) -> None:
    """What is not stored: one zoom closer than the copy goes, warped by both; not part of the figure."""
    deepest = max(z for z, _x, _y in places)
    closer = [(z + 1, 2 * x, 2 * y) for z, x, y in places if z == deepest and _stored(path, z, x, y)][:200]
    ours = [f"/imagery/ortho/web/{z}/{x}/{y}.jpg" for z, x, y in closer]
    theirs = [f"/tiles/WebMercatorQuad/{z}/{x}/{y}.jpg?url={path}&tilesize=256" for z, x, y in closer]
    rates = [ask(ports["ours"], ours)["rate"], ask(ports["titiler"], theirs)["rate"]]
    print(f"  a zoom that is not stored, warped from the lossless copy: {rates[0]:.0f} and {rates[1]:.0f} a second")


def _fidelity(port: int, paths: list[str], places: list[tuple[int, int, int]], cog: Path) -> float:
    """The least PSNR, in dB, of some answers against what GDAL reads of the COG at that overview."""
    import numpy as np
    import rasterio
    from PIL import Image
    from rasterio.windows import from_bounds

    from annotation.raster.web_grid import HALF_WORLD_M

    worst = math.inf
    with rasterio.open(cog, driver="GTiff") as dataset:
        for path, (z, x, y) in [*zip(paths, places, strict=True)][:60]:
            if _stored(cog, z, x, y) is None:
                continue
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
                body = answer.read()
            span = 2 * HALF_WORLD_M / 2**z
            left, top = x * span - HALF_WORLD_M, HALF_WORLD_M - y * span
            window = from_bounds(left, top - span, left + span, top, dataset.transform)
            expected = dataset.read(window=window, out_shape=(3, 256, 256)).transpose(1, 2, 0).astype(float)
            seen = np.asarray(Image.open(io.BytesIO(body)).convert("RGB")).astype(float)
            error = float(np.mean((seen - expected) ** 2))
            worst = min(worst, math.inf if error == 0 else 10 * math.log10(255**2 / error))
    return worst


def _vector(port: int, rounds: int) -> dict[str, float]:
    import _maps_tiles_labels as labels

    before = time.perf_counter()
    campaign = labels.write()
    print(f"  {labels.POLYGONS} polygons of {labels.CORNERS} corners written in {time.perf_counter() - before:.0f} s")
    place = labels.middle(campaign)
    counted, made = labels.count(campaign, *place), labels.made_by_postgis(campaign, *place)
    kept = labels.kept(campaign, *place)
    in_kept, in_made = labels.polygons_in(gzip.decompress(kept)), labels.polygons_in(made)
    if not in_kept == in_made == counted > 1000:
        raise SystemExit(f"{in_kept} polygons are in the kept tile, {in_made} in PostGIS's, {counted} in the database.")
    times: dict[str, list[float]] = {"kept": [], "postgis": []}
    for name in ("kept", "postgis", "postgis", "kept") * (2 * rounds):
        call = labels.kept if name == "kept" else labels.made_by_postgis
        start = time.perf_counter()
        call(campaign, *place)
        times[name].append(time.perf_counter() - start)
    middle = {name: statistics.median(found) for name, found in times.items()}
    cold = labels.cold(campaign, *place)
    seen = labels.edit_seen_after(campaign, place, port)
    print(
        f"  vector tile {place} of {counted} polygons, {len(kept) / 1024:.0f} KiB: kept {1000 * middle['kept']:.2f} "
        f"ms, ST_AsMVT {1000 * middle['postgis']:.1f} ms, made and kept {1000 * cold:.1f} ms"
    )
    print(f"  an edit is seen over HTTP {1000 * seen:.0f} ms after its commit")
    print(f"  a tile of zoom 10 that nobody asked for in the last minute: {labels.coarse(campaign)}")
    if seen > SEEN_WITHIN_S:
        raise SystemExit(f"An edit was seen only after {seen:.1f} s.")
    return {"vector_tile_speedup": round(middle["postgis"] / middle["kept"], 1)}


if __name__ == "__main__":
    print("FIGURES " + json.dumps(measure()))
