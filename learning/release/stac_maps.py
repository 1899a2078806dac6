"""Bodies of the STAC items and assets of a release's maps: pieces of 10 km, and polygons."""

from __future__ import annotations

from typing import Any

import pystac

from learning.release import geodesy, layout
from learning.release.contents import MapRecord, ReleaseContents
from learning.release.map_vectors import RULE, WEB_CRS, VectorArtefact
from learning.release.rasters import MapArtefact, map_values
from learning.release.reviewed import REVIEWED_WORDS
from learning.release.stac_items import COG, GPKG, PARQUET, classes_of, item, mask_classes, projection
from learning.release.style_files import CLASS_STYLE, POLYGON_STYLE, QML

PMTILES = "application/vnd.pmtiles"


def map_item(contents: ReleaseContents, maps: MapRecord, piece: MapArtefact) -> pystac.Item:
    """One piece of the prediction map."""
    grid, by = piece.grid, f"{maps.model_name} {maps.model_version} (run {maps.prediction_id})"
    properties = {
        **_processing(contents, maps, f"Predicted by {by}."),
        **projection(contents, grid.transform, grid.width, grid.height),
    }
    bounds = geodesy.window_bounds(grid.transform, x_px=0, y_px=0, width=grid.width, height=grid.height)
    extensions = ["classification", "file", "processing", "projection", "raster", "version"]
    return item(piece.item_id, contents, bounds=bounds, extensions=extensions, properties=properties)


def map_assets(contents: ReleaseContents, maps: MapRecord, piece: MapArtefact) -> dict[str, pystac.Asset]:
    """Rasters of one piece with the names of their values and a style, and the accuracy statement of the whole map."""
    resolution = {"raster:spatial_resolution": contents.layer.gsd_m, "raster:sampling": "area"}
    nodata = {"value": maps.class_nodata, "name": "no-data", "description": "No imagery", "nodata": True}
    classes = [nodata, *classes_of(contents, map_values(maps, contents.nomenclature))]
    band: dict[str, object] = {"name": "entropy", "data_type": "uint8", "unit": "nat"}
    if maps.entropy_nodata is not None:
        band["nodata"] = maps.entropy_nodata
    assets = {
        "classes": pystac.Asset(
            piece.class_path,
            title="Most likely class",
            media_type=COG,
            roles=["data"],
            extra_fields={
                **resolution,
                "classification:classes": classes,
                "bands": [{"name": "class", "data_type": "uint8", "nodata": maps.class_nodata}],
            },
        ),
        "class_names": _names(piece.class_path),
        "class_style": pystac.Asset(CLASS_STYLE, title="Style for QGIS", media_type=QML, roles=["style"]),
        **_accuracy(),
    }
    if piece.entropy_path is not None and maps.entropy_scale is not None:
        assets["entropy"] = pystac.Asset(
            piece.entropy_path,
            title="Entropy of the prediction",
            media_type=COG,
            roles=["data"],
            extra_fields={
                **resolution,
                "raster:scale": maps.entropy_scale,
                "raster:offset": maps.entropy_offset,
                "bands": [band],
            },
        )
    if piece.reviewed_path is not None:
        assets["reviewed"] = pystac.Asset(
            piece.reviewed_path,
            title="Classes drawn by people",
            description=REVIEWED_WORDS,
            media_type=COG,
            roles=["data"],
            extra_fields={
                **resolution,
                "classification:classes": mask_classes(contents),
                "bands": [{"name": "class", "data_type": "uint8", "nodata": 0}],
            },
        )
        assets["reviewed_names"] = _names(piece.reviewed_path)
    return assets


def vector_item(contents: ReleaseContents, maps: MapRecord, vectors: VectorArtefact) -> pystac.Item:
    """The map as polygons."""
    by = f"{maps.model_name} {maps.model_version} (run {maps.prediction_id})"
    properties = {
        **_processing(contents, maps, f"Polygons of the map predicted by {by}, minimum units of rule {vectors.rule}."),
        "title": f"Map of {contents.title['en']} {contents.version} as polygons",
        "table:columns": [{"name": name, "type": kind} for name, kind in vectors.columns],
        "table:primary_geometry": "geometry",
        "table:row_count": vectors.polygons,
        "proj:code": geodesy.crs_code(contents.layer.crs),
        "proj:bbox": list(vectors.bounds_crs),
    }
    if properties["proj:code"] is None:
        properties["proj:projjson"] = geodesy.projjson(contents.layer.crs)
    extensions = ["file", "processing", "projection", "table", "version"]
    return item(vectors.item_id, contents, bounds=vectors.bounds_crs, extensions=extensions, properties=properties)


def vector_assets(contents: ReleaseContents, vectors: VectorArtefact) -> dict[str, pystac.Asset]:
    """The polygons in three forms, their rule of minimum units, and a style."""
    crs = {"proj:code": geodesy.crs_code(contents.layer.crs)}
    return {
        "parquet": pystac.Asset(
            vectors.parquet, title="Polygons (GeoParquet)", media_type=PARQUET, roles=["data"], extra_fields=dict(crs)
        ),
        "gpkg": pystac.Asset(
            vectors.gpkg, title="Polygons (GeoPackage)", media_type=GPKG, roles=["data"], extra_fields=dict(crs)
        ),
        "pmtiles": pystac.Asset(
            vectors.pmtiles, title="Polygons (vector tiles)", media_type=PMTILES, roles=["visual"],
            extra_fields={"proj:code": WEB_CRS},
        ),
        "rule": pystac.Asset(RULE, title="Minimum units", media_type="application/json", roles=["metadata"]),
        "style": pystac.Asset(POLYGON_STYLE, title="Style for QGIS", media_type=QML, roles=["style"]),
        **_accuracy(),
    }  # fmt: skip


def _processing(contents: ReleaseContents, maps: MapRecord, lineage: str) -> dict[str, Any]:
    """What every item of a map says of it, and how it was made."""
    model_path = layout.item_path("models", f"{maps.model_name}-{maps.model_version}")
    expression = {"processing:expression": {"format": "stac-mlm", "expression": model_path}}
    return {
        "version": contents.version,
        "gsd": contents.layer.gsd_m,
        "processing:level": "L4",
        "processing:datetime": f"{maps.predicted_on.isoformat()}T00:00:00Z",
        "processing:software": {"solcommun": contents.software_version, "commit": contents.code_commit},
        "processing:lineage": f"{lineage} Its classes are published as the national ones that they refine."
        if contents.coarsened
        else lineage,
        **({} if contents.coarsened else expression),
    }


def _names(raster: str) -> pystac.Asset:
    """The table of names and colours beside a raster of classes."""
    return pystac.Asset(
        f"{raster}.aux.xml", title="Names of the values", media_type="application/xml", roles=["metadata"]
    )


def _accuracy() -> dict[str, pystac.Asset]:
    words = "Accuracy and areas"
    return {"accuracy": pystac.Asset(layout.ACCURACY, title=words, media_type="application/json", roles=["metadata"])}
