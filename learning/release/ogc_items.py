"""Polygons of a published file as the GeoJSON of OGC API Features."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from learning.release import geodesy
from learning.release.feature_files import FeatureFile, FoundRows
from learning.release.ogc_query import CRS84, is_north_first

Link = dict[str, str]


def feature_ids(found: FoundRows) -> list[str]:
    """What features are called: annotations by their own ids, other polygons by their number in the file, from 1."""
    names = found.table.schema.names
    if "feature_id" not in names:
        return [str(number + 1) for number in found.numbers.tolist()]
    pairs = zip(found.table["annotation_id"].to_pylist(), found.table["feature_id"].to_pylist(), strict=True)
    return [f"{annotation}.{feature}" for annotation, feature in pairs]


def features_json(source: FeatureFile, found: FoundRows, *, crs: str) -> list[str]:
    """Each row as a GeoJSON feature, on one line.

    Args: crs: URI. Longitudes and latitudes have 7 decimals; coordinates in the file's own CRS are those of the file,
          in the order of axes that the CRS's authority defines.
    """
    outlines = _outlines(source, found.table, crs)
    rows = found.table.drop_columns(["geometry"]).to_pylist()
    answer = []
    for name, row, outline in zip(feature_ids(found), rows, outlines.tolist(), strict=True):
        properties = json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=str)
        answer.append(f'{{"type":"Feature","id":{json.dumps(name)},"geometry":{outline},"properties":{properties}}}')
    return answer


def collection_json(features: Sequence[str], members: Mapping[str, Any]) -> bytes:
    """A FeatureCollection of features that are JSON already, with other members."""
    rest = "".join(f",{json.dumps(name)}:{json.dumps(value, ensure_ascii=False)}" for name, value in members.items())
    body = ",\n".join(features)
    return f'{{"type":"FeatureCollection","features":[\n{body}\n]{rest}}}\n'.encode()


def feature_json(feature: str, links: Sequence[Link]) -> bytes:
    """One feature that is JSON already, with links."""
    return f'{feature[:-1]},"links":{json.dumps(links, ensure_ascii=False)}}}\n'.encode()


def _outlines(source: FeatureFile, table: pa.Table, crs: str) -> NDArray[np.object_]:
    geometries = shapely.from_wkb(np.array(table["geometry"].to_pylist(), dtype=object))
    if crs == CRS84:
        geometries = geodesy.geometries_wgs84(geometries, source.crs)
    elif is_north_first(source.crs):
        geometries = shapely.transform(geometries, lambda xy: xy[:, ::-1])
    return np.asarray(shapely.to_geojson(geometries), dtype=object)
