"""A map's polygons in a release: copies of what the platform made of it, with its rule of minimum units beside."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from learning.release import layout
from learning.release.contents import MapPolygons, MapRecord, ReleaseContents
from learning.release.errors import UnusableArtefact
from learning.release.formats import geoparquet_problems, gpkg_problems
from learning.release.geodesy import Bounds
from learning.release.rasters import map_name
from learning.release.styles import legend_of, polygon_qml
from learning.release.text import write_text

RULE = f"{layout.MAP_VECTORS_DIR}/minimum_units.json"
WEB_CRS = "EPSG:3857"  # of vector tiles


@dataclass(frozen=True, slots=True)
class VectorArtefact:
    """The published polygons: their paths in the release, columns (name, type), number, and rule of minimum units."""

    item_id: str
    parquet: str
    gpkg: str
    pmtiles: str
    columns: tuple[tuple[str, str], ...]
    polygons: int
    rule: str
    bounds_crs: Bounds


def write_vectors(root: Path, maps: MapRecord, polygons: MapPolygons, contents: ReleaseContents) -> VectorArtefact:
    """Copy a map's polygons under `root`/maps/vectors, each with a style of its name that QGIS loads by itself.

    Raises: UnusableArtefact: a file is not what its name says, or holds another number of polygons than its record.
    """
    slug = contents.campaign.slug
    for problem in (*geoparquet_problems(polygons.parquet), *gpkg_problems(polygons.gpkg)):
        raise UnusableArtefact(f"the map's polygons cannot be published ({problem}); make them again")
    names = {
        "parquet": map_name("POLYGONS", slug, contents, form="PARQUET", suffix="parquet"),
        "gpkg": map_name("POLYGONS", slug, contents, form="GPKG", suffix="gpkg"),
        "pmtiles": map_name("POLYGONS", slug, contents, form="PMTILES", suffix="pmtiles", crs=WEB_CRS),
    }
    folder = root / layout.MAP_VECTORS_DIR
    folder.mkdir(parents=True, exist_ok=True)
    for kind, name in names.items():
        shutil.copyfile(getattr(polygons, kind), folder / name)
    shutil.copyfile(polygons.rule, root / RULE)
    style = polygon_qml(legend_of(maps, contents.nomenclature))
    for kind in ("parquet", "gpkg"):
        write_text((folder / names[kind]).with_suffix(".qml"), style)
    file = pq.ParquetFile(folder / names["parquet"], pre_buffer=False)
    if file.metadata.num_rows != polygons.polygons:
        raise UnusableArtefact(
            f"{polygons.parquet.name} has {file.metadata.num_rows} polygons, its record says {polygons.polygons}; "
            "make them again"
        )
    west, south, east, north = json.loads(file.metadata.metadata[b"geo"])["columns"]["geometry"]["bbox"]
    paths = {kind: f"{layout.MAP_VECTORS_DIR}/{name}" for kind, name in names.items()}
    return VectorArtefact(
        item_id=f"{slug}-{contents.layer.vintage}-polygons",
        **paths,
        columns=tuple((field.name, str(field.type)) for field in file.schema_arrow),
        polygons=polygons.polygons,
        rule=f"{polygons.rule_code} {polygons.rule_version}",
        bounds_crs=(west, south, east, north),
    )
