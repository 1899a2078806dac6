"""GDAL's own OGC API Features driver, which QGIS uses too, against the web process as it is run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from feature_rows import CODES, blobs, release_with
from learning_rows import labelled_campaign, worker_environment

from learning.release import layout

REPOSITORY = Path(__file__).resolve().parents[2]
COUNT = 100_000
BOX = (500_400.0, 6_297_000.0, 502_100.0, 6_298_500.0)


@pytest.fixture
def site(transactional_db: None) -> Iterator[str]:
    """The web process on this test's database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-c", "platform/setup/gunicorn.conf.py", "-b", f"127.0.0.1:{port}"]
    environment = worker_environment(lease_seconds=60) | {"PYTHONPATH": os.pathsep.join(["platform", "."])}
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"nobody answers at port {port}")


def read(site: str, collection: str, **options: Any) -> tuple[np.ndarray, dict[str, np.ndarray], str]:
    """Polygons, columns and CRS as GDAL has them."""
    found, _ids, geometry, columns = pyogrio.raw.read(f"OAPIF:{site}/ogc/collections/{collection}", **options)
    return shapely.from_wkb(geometry), dict(zip(found["fields"], columns, strict=True)), found["crs"]


@pytest.mark.slow
def test_gdal_pages_through_a_hundred_thousand_features_and_those_of_a_box(site: str) -> None:
    release = release_with(labelled_campaign("camp").campaign, "1.0.0", blobs(COUNT), with_map=True)
    table = pq.read_table(release.path / layout.ANNOTATIONS_PARQUET)
    polygons = shapely.from_wkb(table["geometry"].to_pylist())
    for collection in ("camp-1.0.0.annotations", "camp-1.0.0.map"):
        found, columns, crs = read(site, collection, CRS="EPSG:2154")
        assert len(found) == COUNT and crs == "EPSG:2154"
        # GDAL's own reading of JSON is exact to the last bit or two.
        assert np.all(shapely.equals_exact(found, polygons, tolerance=1e-8))
        assert columns["class_code"].tolist() == table["class_code"].to_pylist()
    assert columns["area_m2"].dtype == np.float64
    inside = shapely.intersects(polygons, shapely.box(*BOX))
    assert 3_000 < inside.sum() < 10_000
    found, columns, _crs = read(site, "camp-1.0.0.annotations", CRS="EPSG:2154", bbox=BOX)
    assert np.all(shapely.equals_exact(found, polygons[inside], tolerance=1e-8))
    ids = zip(*(table[name].filter(inside).to_pylist() for name in ("annotation_id", "feature_id")), strict=True)
    assert columns["id"].tolist() == [f"{annotation}.{feature}" for annotation, feature in ids]


@pytest.mark.slow
def test_gdal_reads_degrees_and_selects_by_class(site: str) -> None:
    release_with(labelled_campaign("camp").campaign, "1.0.0", blobs(COUNT // 10))
    box = (0.53, 43.75, 0.535, 43.76)
    found, columns, crs = read(site, "camp.annotations", CRS="OGC:CRS84", bbox=box, where=f"class_code = '{CODES[1]}'")
    assert 'AUTHORITY["OGC","CRS84"]' in crs and set(columns["class_code"]) == {CODES[1]}
    assert len(found) > 200 and np.all(shapely.intersects(found, shapely.box(*box)))
    _found, _columns, crs = read(site, "camp.annotations")
    assert crs == "EPSG:2154", "unless another is asked for, that of the file"
