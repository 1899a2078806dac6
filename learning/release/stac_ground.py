"""Bodies of the STAC items and assets of what a release says of the ground beside its map."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pystac

from learning.release import geodesy, layout
from learning.release.change_files import SCHEMA, ChangeArtefact
from learning.release.contents import ReleaseContents
from learning.release.ground_files import GroundArtefact
from learning.release.stac_items import GPKG, PARQUET, item, layer_bounds

_JSON = "application/json"


def change_item(contents: ReleaseContents, since: ChangeArtefact) -> pystac.Item:
    """Change since an earlier layer: figures, and the places that they were estimated from."""
    properties = {
        "version": contents.version,
        "title": f"Change from {since.vintage} to {contents.layer.vintage}, {contents.title['en']} {contents.version}",
        "description": f"Estimated with 95 % intervals from {since.n_places} places, drawn at random, that people "
        "looked at on both dates; never the difference of two maps.",
        "solcommun:first": {"layer": since.first, "title": since.title, "vintage": since.vintage},
        "solcommun:second": {"layer": contents.layer.slug, "vintage": contents.layer.vintage},
        **_table([(field.name, str(field.type)) for field in SCHEMA], since.n_places, contents),
    }
    bounds, extensions = layer_bounds(contents), ["file", "projection", "table", "version"]
    item_id = f"{contents.campaign.slug}-change-since-{since.first}"
    return item(item_id, contents, bounds=bounds, extensions=extensions, properties=properties)


def change_assets(contents: ReleaseContents, since: ChangeArtefact) -> dict[str, pystac.Asset]:
    """Figures and places."""
    crs = {"proj:code": geodesy.crs_code(contents.layer.crs)}
    return {
        "accuracy": pystac.Asset(
            since.accuracy, title="Change with its error", media_type=_JSON, roles=["data", "metadata"]
        ),
        "places": pystac.Asset(
            since.places, title="Places of the sample (GeoParquet)", media_type=PARQUET, roles=["data"],
            extra_fields=dict(crs),
        ),
    }  # fmt: skip


def ground_item(contents: ReleaseContents, ground: GroundArtefact) -> pystac.Item:
    """Polygons of artificialised ground."""
    properties = {
        "version": contents.version,
        "title": f"Artificialised ground of {contents.title['en']} {contents.version}",
        "description": "Cover as mapped and usage as far as it is known, by the rule of the decree and its thresholds; "
        "each polygon has the criterion that decided it. Sources of usage with their dates are in figures.json.",
        **_table(ground.columns, ground.polygons, contents),
        "proj:bbox": list(ground.bounds_crs),
    }
    item_id = f"{contents.campaign.slug}-{contents.layer.vintage}-artificialisation"
    extensions = ["file", "projection", "table", "version"]
    return item(item_id, contents, bounds=ground.bounds_crs, extensions=extensions, properties=properties)


def ground_assets(contents: ReleaseContents) -> dict[str, pystac.Asset]:
    """The polygons in two forms, their rule, and the figures with what they rest on."""
    crs = {"proj:code": geodesy.crs_code(contents.layer.crs)}
    return {
        "parquet": pystac.Asset(
            layout.GROUND_PARQUET, title="Polygons (GeoParquet)", media_type=PARQUET, roles=["data"],
            extra_fields=dict(crs),
        ),
        "gpkg": pystac.Asset(
            layout.GROUND_GPKG, title="Polygons (GeoPackage)", media_type=GPKG, roles=["data"], extra_fields=dict(crs)
        ),
        "rule": pystac.Asset(layout.GROUND_RULE, title="Rule", media_type=_JSON, roles=["metadata"]),
        "figures": pystac.Asset(
            layout.GROUND_FIGURES, title="Areas and sources of usage", media_type=_JSON, roles=["metadata"]
        ),
    }  # fmt: skip


def _table(columns: Iterable[tuple[str, str]], rows: int, contents: ReleaseContents) -> dict[str, Any]:
    """Columns and rows of a table of polygons in the layer's CRS."""
    code = geodesy.crs_code(contents.layer.crs)
    fields: dict[str, Any] = {
        "table:columns": [{"name": name, "type": kind} for name, kind in columns],
        "table:primary_geometry": "geometry",
        "table:row_count": rows,
        "proj:code": code,
    }
    return fields if code is not None else {**fields, "proj:projjson": geodesy.projjson(contents.layer.crs)}
