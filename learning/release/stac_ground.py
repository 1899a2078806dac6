"""Bodies of the STAC items and assets of what a release says of the ground beside its map."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pystac

from learning.release import geodesy
from learning.release.change_files import SCHEMA, ChangeArtefact
from learning.release.contents import ReleaseContents
from learning.release.stac_items import PARQUET, item, layer_bounds

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
        **_table(SCHEMA, since.n_places, contents),
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


def _table(schema: pa.Schema, rows: int, contents: ReleaseContents) -> dict[str, Any]:
    """Columns and rows of a table of polygons in the layer's CRS."""
    code = geodesy.crs_code(contents.layer.crs)
    fields: dict[str, Any] = {
        "table:columns": [{"name": field.name, "type": str(field.type)} for field in schema],
        "table:primary_geometry": "geometry",
        "table:row_count": rows,
        "proj:code": code,
    }
    return fields if code is not None else {**fields, "proj:projjson": geodesy.projjson(contents.layer.crs)}
