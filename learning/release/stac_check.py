"""Checks of a STAC catalogue on disk: required fields, links, checksums. No network, ever.

Required fields are those of STAC 1.1.0 and of the extensions' tables; a field whose prefix belongs to an
extension must come with that extension declared.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from learning.release import layout
from learning.release.faults import Fault

Json = dict[str, Any]
_ELSEWHERE = ("predecessor-version", "successor-version", "latest-version", "version-history")
_PREFIXES = {
    "mlm": "mlm",
    "label": "label",
    "classification": "classification",
    "file": "file",
    "raster": "raster",
    "proj": "projection",
    "table": "table",
    "processing": "processing",
}
_CHECKSUM = re.compile(r"1220[0-9a-f]{64}")
_LICENCE = re.compile(r"[\w.+-]+")
_CLASS_NAME = re.compile(r"[A-Za-z0-9_-]+")
_COLOUR_HINT = re.compile(r"[0-9A-F]{6}")
_PROJ_CODE = re.compile(r"[A-Z]+:[A-Za-z0-9]+")


def check_stac(root: Path, *, digests: Mapping[str, tuple[int, str]] | None = None) -> list[Fault]:
    """Follow `catalog.json` to every collection and item and check each.

    Args:    digests: (size, sha256) by path, when the files were hashed already; without it assets are hashed
             here.
    Returns: faults in order of path; empty when the catalogue is sound.
    """
    faults: list[Fault] = []
    seen: set[str] = set()
    waiting = [layout.CATALOG]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        thing = _read(root, path, faults)
        if thing is None:
            continue
        faults += [Fault(path, problem) for problem in _problems(thing)]
        waiting += _check_links(root, path, thing, faults)
        for key, asset in _assets(thing):
            faults += [Fault(path, problem) for problem in _asset_problems(root, path, key, asset, digests)]
    for found in sorted((root / layout.STAC_DIR).rglob("*.json")):
        relative = found.relative_to(root).as_posix()
        if relative not in seen:
            faults.append(Fault(relative, "no link of the catalogue leads here"))
    return sorted(faults)


def _read(root: Path, path: str, faults: list[Fault]) -> Json | None:
    try:
        thing = json.loads((root / path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        faults.append(Fault(path, f"not readable as STAC JSON ({type(error).__name__})"))
        return None
    if not isinstance(thing, dict):
        faults.append(Fault(path, "not a JSON object"))
        return None
    return thing


def _resolve(root: Path, path: str, href: str) -> str | None:
    """Path of a relative href in the release, None when it leaves the release or is not a file."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), href))
    return target if not target.startswith("..") and (root / target).is_file() else None


def _check_links(root: Path, path: str, thing: Json, faults: list[Fault]) -> list[str]:
    """Faults of the links are added; returns the children and items to visit."""
    following: list[str] = []
    rels = []
    for link in thing.get("links", []):
        rel, href = (link.get("rel"), link.get("href")) if isinstance(link, dict) else (None, None)
        if not isinstance(rel, str) or not isinstance(href, str):
            faults.append(Fault(path, "a link lacks rel or href"))
            continue
        rels.append(rel)
        if "://" in href or rel in _ELSEWHERE:
            continue
        target = _resolve(root, path, href)
        if target is None:
            faults.append(Fault(path, f"link {rel} leads to {href}, which is not a file of the release"))
        elif rel in ("child", "item"):
            following.append(target)
        elif rel == "root" and target != layout.CATALOG:
            faults.append(Fault(path, f"link root leads to {href}, not to {layout.CATALOG}"))
    wanted = {
        "Catalog": ["root"],
        "Collection": ["root", "parent"],
        "Feature": ["root", "parent", "collection"],
    }
    for rel in wanted.get(str(thing.get("type")), []):
        if rel not in rels:
            faults.append(Fault(path, f"no {rel} link"))
    return following


def _assets(thing: Json) -> Iterator[tuple[str, Json]]:
    assets = thing.get("assets", {})
    if isinstance(assets, dict):
        yield from ((key, asset) for key, asset in assets.items() if isinstance(asset, dict))


def _asset_problems(
    root: Path, path: str, key: str, asset: Json, digests: Mapping[str, tuple[int, str]] | None
) -> Iterator[str]:
    href = asset.get("href")
    if not isinstance(href, str):
        yield f"asset {key} has no href"
        return
    if "://" in href:
        return
    target = _resolve(root, path, href)
    if target is None:
        yield f"asset {key} is {href}, which is not a file of the release"
        return
    if digests is not None and target not in digests:
        yield f"asset {key} is {target}, which the manifest does not list"
        return
    if digests is not None:
        size, digest = digests[target]
    else:
        with (root / target).open("rb") as handle:
            size, digest = (root / target).stat().st_size, hashlib.file_digest(handle, "sha256").hexdigest()
    checksum = asset.get("file:checksum")
    if not isinstance(checksum, str) or not _CHECKSUM.fullmatch(checksum):
        yield f"asset {key} has file:checksum {checksum!r}; expected 1220 and 64 hexadecimal digits"
    elif checksum != f"1220{digest}":
        yield f"asset {key}: file:checksum is not that of {target}"
    if asset.get("file:size") != size:
        yield f"asset {key}: file:size is {asset.get('file:size')}, {target} has {size} bytes"


def _problems(thing: Json) -> Iterator[str]:
    kind = thing.get("type")
    if thing.get("stac_version") != "1.1.0":
        yield f"stac_version is {thing.get('stac_version')!r}, expected '1.1.0'"
    required = {
        "Catalog": ("id", "description", "links"),
        "Collection": ("id", "description", "license", "extent", "links"),
        "Feature": ("id", "geometry", "bbox", "properties", "links", "assets", "collection"),
    }
    if kind not in required:
        yield f"type is {kind!r}; expected Catalog, Collection or Feature"
        return
    missing = [name for name in required[kind] if name not in thing]
    if missing:
        yield f"required fields are missing: {', '.join(missing)}"
        return
    if kind == "Collection":
        yield from _collection_problems(thing)
    if kind == "Feature":
        yield from _item_problems(thing)
    yield from _licence_problems(thing)
    yield from _extension_problems(thing)


def _licence_problems(thing: Json) -> Iterator[str]:
    fields = thing["properties"] if thing["type"] == "Feature" else thing
    licence = fields.get("license") if isinstance(fields, dict) else None
    if licence is None:
        return
    if not isinstance(licence, str) or not _LICENCE.fullmatch(licence):
        yield f"license is {licence!r}; expected one SPDX identifier, or other"
    elif licence == "other" and not any(link.get("rel") == "license" for link in thing["links"]):
        yield "license is other and no link leads to a notice"


def _collection_problems(thing: Json) -> Iterator[str]:
    try:
        boxes, intervals = thing["extent"]["spatial"]["bbox"], thing["extent"]["temporal"]["interval"]
    except (KeyError, TypeError):
        yield "extent lacks spatial.bbox or temporal.interval"
        return
    if not boxes or not all(_is_bbox(box) for box in boxes):
        yield f"extent.spatial.bbox is {boxes}; expected west, south, east, north in degrees"
    if not intervals or not all(isinstance(pair, list) and len(pair) == 2 for pair in intervals):
        yield f"extent.temporal.interval is {intervals}; expected pairs"
    if not all(provider.get("name") for provider in thing.get("providers", [])):
        yield "a provider has no name"


def _item_problems(thing: Json) -> Iterator[str]:
    properties = thing["properties"]
    if not isinstance(properties, dict) or "datetime" not in properties:
        yield "properties.datetime is missing"
        return
    if properties["datetime"] is None and not {"start_datetime", "end_datetime"} <= properties.keys():
        yield "datetime is null without start_datetime and end_datetime"
    if "bands" in properties and not any("bands" in asset for _, asset in _assets(thing)):
        yield "properties.bands is allowed only when an asset has bands too"
    if thing["geometry"] is not None and not _is_bbox(thing["bbox"]):
        yield f"bbox is {thing['bbox']}; expected west, south, east, north in degrees"


def _is_bbox(box: object) -> bool:
    if not isinstance(box, list) or len(box) != 4 or not all(isinstance(v, (int, float)) for v in box):
        return False
    west, south, east, north = box
    return bool(-180 <= west <= east <= 180 and -90 <= south <= north <= 90)


def _extension_problems(thing: Json) -> Iterator[str]:
    declared = {uri.split("/")[3] for uri in thing.get("stac_extensions", []) if uri.count("/") >= 5}
    fields = thing["properties"] if thing["type"] == "Feature" else thing
    places = [fields, *(asset for _, asset in _assets(thing)), *thing.get("item_assets", {}).values()]
    used = {_PREFIXES[key.split(":")[0]] for place in places for key in place if key.split(":")[0] in _PREFIXES}
    for name in sorted(used - declared):
        yield f"fields of the extension {name} are used, it is not declared"
    for name in sorted(declared & _EXTENSION_RULES.keys()):
        for problem in _EXTENSION_RULES[name](thing, fields, places):
            yield f"{name}: {problem}"


def _missing(fields: Json, names: tuple[str, ...]) -> Iterator[str]:
    yield from (f"{name} is required" for name in names if name not in fields)


def _mlm(thing: Json, fields: Json, places: list[Json]) -> Iterator[str]:
    yield from _missing(fields, ("mlm:name", "mlm:architecture", "mlm:tasks", "mlm:input", "mlm:output"))
    for side, inner in (("mlm:input", "input"), ("mlm:output", "result")):
        for entry in fields.get(side, []):
            shaped = entry.get(inner, {})
            if "name" not in entry or not {"shape", "dim_order", "data_type"} <= shaped.keys():
                yield f"an entry of {side} lacks name or {inner} (shape, dim_order, data_type)"
            elif len(shaped["shape"]) != len(shaped["dim_order"]):
                sizes, dimensions = len(shaped["shape"]), len(shaped["dim_order"])
                yield f"an entry of {side} has {sizes} sizes for {dimensions} dimensions"
    for entry in fields.get("mlm:output", []):
        if not entry.get("tasks"):
            yield "an output names no task"
    if any(entry.get("bands") for entry in fields.get("mlm:input", [])) and "bands" not in fields:
        yield "properties.bands must describe the input's bands"
    models = [asset for _, asset in _assets(thing) if "mlm:model" in asset.get("roles", [])]
    if not models:
        yield "no asset has the role mlm:model"
    for asset in models:
        yield from _missing(asset, ("mlm:artifact_type",))
        names = {band.get("name") for band in asset.get("bands", [])}
        for entry in fields.get("mlm:input", []):
            absent = [band for band in entry.get("bands", []) if isinstance(band, str) and band not in names]
            if absent:
                yield f"input bands {absent} are not described by the model's asset"


def _label(thing: Json, fields: Json, places: list[Json]) -> Iterator[str]:
    yield from _missing(fields, ("label:properties", "label:classes", "label:description", "label:type"))
    kind, names = fields.get("label:type"), fields.get("label:properties")
    if kind not in ("vector", "raster"):
        yield f"label:type is {kind!r}"
    if (kind == "raster") != (names is None):
        yield f"label:properties is {names!r} for {kind} labels; null is for rasters, and for rasters only"
    for entry in fields.get("label:classes", []):
        if "name" not in entry or not isinstance(entry.get("classes"), list):
            yield "an entry of label:classes lacks name or classes"
    labels = [asset for _, asset in _assets(thing) if "labels" in asset.get("roles", [])]
    if not labels:
        yield "no asset has the role labels"
    if kind == "vector" and not any(asset.get("type") == "application/geo+json" for asset in labels):
        yield "vector labels need a GeoJSON asset"


def _classification(thing: Json, fields: Json, places: list[Json]) -> Iterator[str]:
    nested = [entry for entry in fields.get("mlm:output", []) if isinstance(entry, dict)]
    lists = [place["classification:classes"] for place in [*places, *nested] if "classification:classes" in place]
    if not lists:
        yield "no classification:classes anywhere"
    for entry in (entry for classes in lists for entry in classes):
        if not isinstance(entry.get("value"), int) or not _CLASS_NAME.fullmatch(str(entry.get("name", ""))):
            shown = f"class {entry.get('value')!r} {entry.get('name')!r}"
            yield f"{shown}: value must be an integer, name [A-Za-z0-9-_]"
        if not entry.get("description"):
            yield f"class {entry.get('value')!r} has no description"
        if "color_hint" in entry and not _COLOUR_HINT.fullmatch(str(entry["color_hint"])):
            yield f"color_hint {entry['color_hint']!r} is not six upper-case hexadecimal digits"


def _projection(thing: Json, fields: Json, places: list[Json]) -> Iterator[str]:
    if "proj:code" not in fields:
        yield "proj:code is required (null with proj:projjson when the CRS has no code)"
    elif fields["proj:code"] is None and "proj:projjson" not in fields:
        yield "proj:code is null without proj:projjson"
    for place in places:
        code = place.get("proj:code")
        if code is not None and not _PROJ_CODE.fullmatch(str(code)):
            yield f"proj:code is {code!r}; expected AUTHORITY:CODE"


def _version(thing: Json, fields: Json, places: list[Json]) -> Iterator[str]:
    if not isinstance(fields.get("version"), str):
        yield "version is required"


def _table(thing: Json, fields: Json, places: list[Json]) -> Iterator[str]:
    yield from _missing(fields, ("table:columns", "table:primary_geometry", "table:row_count"))
    if not all(column.get("name") for column in fields.get("table:columns", [])):
        yield "a column has no name"


def _processing(thing: Json, fields: Json, places: list[Json]) -> Iterator[str]:
    expression = fields.get("processing:expression")
    if expression is not None and not {"format", "expression"} <= expression.keys():
        yield "processing:expression needs format and expression"


_EXTENSION_RULES: dict[str, Callable[[Json, Json, list[Json]], Iterator[str]]] = {
    "mlm": _mlm,
    "label": _label,
    "classification": _classification,
    "projection": _projection,
    "version": _version,
    "table": _table,
    "processing": _processing,
}
