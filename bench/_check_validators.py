"""Programs that others wrote, each run on what a release holds of its kind.

A validator is given the release's folder and yields one `Seen` a thing it looked at. What it cannot look at for want of
a published schema it says as a `Seen` without a thing, so that the table shows it.
"""

from __future__ import annotations

import json
import logging
import math
import sqlite3
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geoparquet_validator
import jsonschema
import onnx
import pyarrow.parquet as pq
import pyogrio
import pyshacl
import pystac
import rdflib
import shapely
from _check_published import DCAT_AP, GEOPARQUET, PROJJSON, SHA256, STAC, NotPublished, Published
from pmtiles.reader import MmapSource, Reader, all_tiles
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from referencing import Registry, Resource
from rio_cogeo.cogeo import cog_validate
from safetensors import safe_open
from stac_model.schema import MLModelProperties

Json = dict[str, Any]
AS_SERVED = "https://maps.example.org/releases/NAME/files/dcat.jsonld"
logging.getLogger("pystac").setLevel(logging.CRITICAL)  # its findings are told as such
# MLM 1.4.0 refers to this one, whatever classification a document declares.
_CLASSES_OF_MLM = f"{STAC}/classification/v1.1.0/schema.json"
_MLM = f"{STAC}/mlm/v1.4.0/schema.json"
_KINDS = {
    "Catalog": pystac.STACObjectType.CATALOG,
    "Collection": pystac.STACObjectType.COLLECTION,
    "Feature": pystac.STACObjectType.ITEM,
}


@dataclass(frozen=True)
class Seen:
    """One thing that a validator looked at, with what it found wrong; `thing` is None for why it could not look."""

    validator: str
    thing: str | None
    errors: tuple[str, ...] = ()


def problems(call: Callable[..., object], *args: Any, **options: Any) -> tuple[str, ...]:
    """What a validator that raises says, shortened; nothing when it is content."""
    try:
        call(*args, **options)
    except Exception as error:  # validators raise what they like, and each of it is a finding
        return (f"{type(error).__name__}: {error}"[:400],)
    return ()


def files(release: Path, *patterns: str) -> list[Path]:
    """Files of a release by glob patterns, in order."""
    return sorted({path for pattern in patterns for path in release.glob(pattern)})


def sha256sum(release: Path, _: Published) -> Iterator[Seen]:
    """coreutils' sha256sum over SHA256SUMS."""
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=release, capture_output=True, text=True, check=False
    )
    for line in done.stdout.splitlines():
        name, said = line.rsplit(": ", 1)
        yield Seen("sha256sum", name, () if said == "OK" else (said,))


def stac(release: Path, published: Published) -> Iterator[Seen]:
    """pystac over every document of the catalogue of a release."""
    documents = [release / "catalog.json", *files(release, "stac/**/*.json")]
    yield from stac_documents(((str(p.relative_to(release)), json.loads(p.read_text())) for p in documents), published)


def stac_documents(documents: Iterable[tuple[str, Json]], published: Published, *, label: str = "") -> Iterator[Seen]:
    """pystac's core schemas, then the published schema of each extension that a document declares."""
    validator, missing = JsonSchemaSTACValidator(), {}
    for address in SHA256:
        if address.startswith(STAC) or address == PROJJSON:
            try:
                validator.schema_cache[address] = published.json(address)
            except NotPublished as why:
                missing[address] = str(why)
    if PROJJSON not in missing:
        validator.schema_cache[PROJJSON.replace("/en/latest", "")] = validator.schema_cache[PROJJSON]
    if _CLASSES_OF_MLM in missing:  # all of MLM but the form of its classes can be looked at
        anything = {"definitions": {"fields": {"properties": {"classification:classes": True}}}}
        validator.schema_cache[_CLASSES_OF_MLM] = {"$schema": "http://json-schema.org/draft-07/schema#", **anything}
    told = set()
    for name, thing in documents:
        kind = _KINDS[thing["type"]]
        yield Seen(f"pystac core{label}", name, problems(validator.validate_core, thing, kind, "1.1.0", href=name))
        for extension in thing.get("stac_extensions", []):
            row = f"pystac {extension.removeprefix(f'{STAC}/').removesuffix('/schema.json').replace('/v', ' ')}{label}"
            if extension == _MLM and _CLASSES_OF_MLM in missing and _CLASSES_OF_MLM not in told:
                yield Seen(f"pystac mlm 1.4.0 (its classes){label}", None, (missing[_CLASSES_OF_MLM],))
                told.add(_CLASSES_OF_MLM)
            if extension in missing or extension not in validator.schema_cache:
                if row not in told:
                    yield Seen(row, None, (missing.get(extension, f"{extension} is not known here"),))
                told.add(row)
                continue
            found = problems(validator.validate_extension, thing, kind, "1.1.0", extension, href=name)
            yield Seen(row, name, found)


def mlm(release: Path, _: Published) -> Iterator[Seen]:
    """stac-model, the package of the MLM extension's authors, on the model's properties."""
    for path in files(release, "stac/models/*.json"):
        if path.name != "collection.json":
            properties = json.loads(path.read_text())["properties"]
            fields = {name: value for name, value in properties.items() if name.startswith("mlm:")}
            yield Seen("stac-model", path.name, problems(MLModelProperties.model_validate, fields))


def croissant(release: Path, _: Published) -> Iterator[Seen]:
    """mlcroissant, the package of MLCommons."""
    import mlcroissant

    for path in files(release, "dataset/croissant.json"):
        yield Seen("mlcroissant", path.name, problems(mlcroissant.Dataset, jsonld=str(path)))


def geoparquet(release: Path, published: Published) -> Iterator[Seen]:
    """GeoParquet: geoparquet-validator, the schema of GeoParquet 1.1.0 on `geo`, pyarrow and shapely on the rows."""
    try:
        registry = Registry().with_resource(
            PROJJSON.replace("/en/latest", ""), Resource.from_contents(published.json(PROJJSON))
        )
        schema = jsonschema.Draft7Validator(published.json(GEOPARQUET), registry=registry)
    except NotPublished as why:
        schema = None
        yield Seen("GeoParquet 1.1 schema", None, (str(why),))
    for path in files(release, "**/*.parquet"):
        name = str(path.relative_to(release))
        unreadable = problems(pq.read_table, path)
        yield Seen("pyarrow (Parquet)", name, unreadable)
        geo = None if unreadable else (pq.read_metadata(path).metadata or {}).get(b"geo")
        if geo is None:
            continue
        report = geoparquet_validator.check(str(path))
        wrong = tuple(f"{o['id']}: {o['message']}" for o in report["outcomes"] if o["status"] == "fail")
        yield Seen("geoparquet-validator", name, wrong)
        if schema is not None:
            found = tuple(error.message[:300] for error in schema.iter_errors(json.loads(geo)))
            yield Seen("GeoParquet 1.1 schema", name, found)
        yield Seen("shapely (GeoParquet rows)", name, _invalid_rows(path, json.loads(geo)["primary_column"]))


def _invalid_rows(path: Path, column: str) -> tuple[str, ...]:
    try:
        shapes = shapely.from_wkb(pq.read_table(path, columns=[column]).column(column).to_pylist())
    except (shapely.errors.GEOSException, KeyError, TypeError) as error:
        return (f"{type(error).__name__}: {error}",)
    wrong = int((~shapely.is_valid(shapes)).sum())
    return (f"{wrong} geometries are not valid",) if wrong else ()


def cog(release: Path, _: Published) -> Iterator[Seen]:
    """rio-cogeo, strictly, on each map."""
    for path in files(release, "maps/*.tif"):
        _, errors, warnings = cog_validate(path, strict=True, quiet=True)
        yield Seen("rio-cogeo (strict)", path.name, (*errors, *warnings))


def geopackage(release: Path, _: Published) -> Iterator[Seen]:
    """GDAL on every layer and row, SQLite's own checks, and what the standard asks of the file's head."""
    for path in files(release, "**/*.gpkg"):
        name = str(path.relative_to(release))
        yield Seen("GDAL (GeoPackage)", name, problems(_read_layers, path))
        yield Seen("SQLite (GeoPackage)", name, _sqlite_faults(path))


def geojson(release: Path, _: Published) -> Iterator[Seen]:
    """GDAL on every feature."""
    for path in files(release, "**/*.geojson"):
        yield Seen("GDAL (GeoJSON)", str(path.relative_to(release)), problems(_read_layers, path))


def _read_layers(path: Path) -> None:
    layers = pyogrio.list_layers(path)
    if not len(layers):
        raise ValueError("no layer")
    for name, _ in layers:
        said = pyogrio.read_info(path, layer=name, force_feature_count=True)["features"]
        _, _, shapes, _ = pyogrio.raw.read(path, layer=name)
        if shapes is not None and (len(shapes) != said or None in shapely.from_wkb(shapes)):
            raise ValueError(f"layer {name}: {said} features are told, {len(shapes)} read, or one has no geometry")


def _sqlite_faults(path: Path) -> tuple[str, ...]:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            faults = [row[0] for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]
            faults += [f"foreign key: {row}" for row in database.execute("PRAGMA foreign_key_check")]
            if database.execute("PRAGMA application_id").fetchone()[0] != 0x47504B47:
                faults.append("application_id is not GPKG (OGC 12-128r19, requirement 2)")
    except sqlite3.DatabaseError as error:
        return (f"{type(error).__name__}: {error}",)
    return tuple(faults)


def onnx_checker(release: Path, _: Published) -> Iterator[Seen]:
    """onnx.checker with shapes inferred."""
    for path in files(release, "models/*/*.onnx"):
        yield Seen("onnx.checker", path.name, problems(onnx.checker.check_model, str(path), full_check=True))


def safetensors(release: Path, _: Published) -> Iterator[Seen]:
    """The safetensors package on every tensor."""
    for path in files(release, "models/*/*.safetensors"):
        yield Seen("safetensors", path.name, problems(_read_tensors, path))


def _read_tensors(path: Path) -> None:
    with safe_open(path, framework="numpy") as opened:
        for name in opened.keys():  # noqa: SIM118 (it is no dict)
            opened.get_tensor(name)


def pmtiles(release: Path, _: Published) -> Iterator[Seen]:
    """The pmtiles package on every tile: as many as the header says."""
    for path in files(release, "**/*.pmtiles"):
        yield Seen("pmtiles", str(path.relative_to(release)), problems(_read_tiles, path))


def _read_tiles(path: Path) -> None:
    with path.open("rb") as handle:
        source = MmapSource(handle)
        said = Reader(source).header()["addressed_tiles_count"]
        met = sum(1 for _ in all_tiles(source))
    if met != said:
        raise ValueError(f"the header tells {said} tiles, {met} are there")


def dcat(release: Path, published: Published) -> Iterator[Seen]:
    """pyshacl with the shapes of DCAT-AP 3 on the release's own document."""
    for path in files(release, "dcat.jsonld"):
        yield from dcat_document(path.name, path.read_text(), AS_SERVED, published)


def dcat_document(name: str, text: str, address: str, published: Published, *, label: str = "") -> Iterator[Seen]:
    """The same of a text that stands at an address; one thing is one node that the shapes are about."""
    row = f"pyshacl DCAT-AP 3{label}"
    try:
        shapes = rdflib.Graph().parse(data=published.raw(DCAT_AP).decode(), format="json-ld")
    except NotPublished as why:
        yield Seen(row, None, (str(why),))
        return
    data = rdflib.Graph().parse(data=text, format="json-ld", publicID=address)
    _, report, _ = pyshacl.validate(data, shacl_graph=shapes, inference="none")
    sh = rdflib.Namespace("http://www.w3.org/ns/shacl#")
    wrong: dict[str, list[str]] = {}
    for result in report.subjects(rdflib.RDF.type, sh.ValidationResult):
        said = f"{report.value(result, sh.resultPath)}: {report.value(result, sh.resultMessage)}"
        wrong.setdefault(str(report.value(result, sh.focusNode)), []).append(said)
    targets = set(shapes.objects(None, sh.targetClass))
    nodes = {str(node) for node, kind in data.subject_objects(rdflib.RDF.type) if kind in targets}
    for node in sorted(nodes | set(wrong)):
        yield Seen(row, f"{name} {node}", tuple(wrong.get(node, ())))


def change(release: Path, _: Published) -> Iterator[Seen]:
    """Figures of change worked out again from the places that ship with them, by the formulas in the file alone."""
    for path in files(release, "change/*/accuracy.json"):
        name = str(path.relative_to(release))
        try:
            told = json.loads(path.read_text())
            wrong = _change_faults(told, pq.read_table(release / told["file"]).to_pylist())
        except (ValueError, KeyError, TypeError, OSError) as error:
            wrong = [f"{type(error).__name__}: {error}"]
        yield Seen("change (worked out again)", name, tuple(wrong))


def _change_faults(told: Json, places: list[Json]) -> Iterator[str]:
    counts = {(row, *codes): 0 for row in told["strata"] for codes in told["codes"]}
    for place in places:
        if place["first_seen"] is not None:
            counts[place["stratum"], place["first_seen"], place["second_seen"]] += 1
    n = [[counts[row, *codes] for codes in told["codes"]] for row in told["strata"]]
    if n != told["n"]:
        yield f"n is {told['n']}, the places give {n}"
    shares = [sum(weight * row[k] / sum(row) for weight, row in zip(told["weights"], n, strict=True) if sum(row))
              for k in range(len(told["codes"]))]  # fmt: skip
    for flow, was, now in (("gain", False, True), ("loss", True, False)):
        kinds = [(told["counted"].get(first), told["counted"].get(second)) for first, second in told["codes"]]
        ha = told["ground_ha"] * sum(share for share, kind in zip(shares, kinds, strict=True) if kind == (was, now))
        said = told["found"][flow]["ha"]["lower"]["value"]
        if not math.isclose(ha, said, rel_tol=1e-9, abs_tol=1e-9):
            yield f"{flow} is {said} ha, the places give {ha}"


VALIDATORS: tuple[Callable[[Path, Published], Iterator[Seen]], ...] = (
    sha256sum, stac, mlm, croissant, geoparquet, cog, geopackage, geojson, onnx_checker, safetensors, pmtiles, dcat,
    change,
)  # fmt: skip


def validate(release: Path, published: Published) -> list[Seen]:
    """All validators on one release."""
    return [seen for validator in VALIDATORS for seen in validator(release, published)]


def figures(found: Iterable[Seen]) -> dict[str, list[int]]:
    """`{validator: [things looked at, errors]}`, in the order met; a validator that could not look has looked at 0."""
    table: dict[str, list[int]] = {}
    for seen in found:
        row = table.setdefault(seen.validator, [0, 0])
        if seen.thing is not None:
            row[0] += 1
            row[1] += len(seen.errors)
    return table
