"""A release as DCAT-AP 3 datasets in JSON-LD, for portals of open data to harvest.

One `dcat:Dataset` a kind of artefact (annotations, dataset, models, maps), each of a `dcat:DatasetSeries` that goes on
from release to release. Everything is told from what the release itself says (`release.json`) and from its list of
files, so that older releases can be described too. Addresses are relative to `dcat.jsonld`, as the site serves it;
`resolved` makes them absolute for the catalogue of the whole site, and the two then name the same things.
Source: DCAT-AP 3.0.1 (SEMIC), W3C DCAT 3, OGC GeoSPARQL (WKT of outlines).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urljoin

from learning.release import geodesy, layout
from learning.release.contents import PreviousRelease
from learning.release.licences import OTHER, licence_href, licence_name
from learning.release.manifest import FileEntry, file_sha256
from learning.release.text import canonical_json, write_text

Json = dict[str, Any]
MOST_FILES = 200  # of one suffix in one group: beyond, the STAC collection lists them
CONTEXT: Json = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "geo": "http://www.opengis.net/ont/geosparql#",
    "hydra": "http://www.w3.org/ns/hydra/core#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
GROUPS = {
    "annotations": {"fr": "Annotations", "en": "Annotations"},
    "dataset": {"fr": "Jeu de données d'apprentissage", "en": "Deep-learning dataset"},
    "models": {"fr": "Modèle entraîné", "en": "Trained model"},
    "maps": {"fr": "Cartes de prédiction", "en": "Prediction maps"},
    "artificialisation": {"fr": "Sol artificialisé", "en": "Artificialised ground"},
    "change": {"fr": "Changement depuis une imagerie plus ancienne", "en": "Change since earlier imagery"},
}
_COLLECTION = {group: group for group in GROUPS} | {"maps": "predictions"}
_EU = "http://publications.europa.eu/resource/authority"
_TYPES = {  # suffix: (media type, the European Union's name of the file type if it has one)
    ".csv": ("text/csv", "CSV"),
    ".geojson": ("application/geo+json", "GEOJSON"),
    ".gpkg": ("application/geopackage+sqlite3", "GPKG"),
    ".json": ("application/json", "JSON"),
    ".onnx": ("application/octet-stream", None),
    ".parquet": ("application/vnd.apache.parquet", "PARQUET"),
    ".pmtiles": ("application/vnd.pmtiles", None),
    ".safetensors": ("application/octet-stream", None),
    ".sld": ("application/vnd.ogc.sld+xml", None),
    ".tar": ("application/x-tar", "TAR"),
    ".tif": ("image/tiff", "TIFF"),
}
_STANDARDS = {
    ".parquet": ("https://geoparquet.org/releases/v1.1.0/", "GeoParquet 1.1"),
    ".gpkg": ("http://www.opengis.net/doc/IS/geopkg", "OGC GeoPackage"),
    ".geojson": ("https://www.rfc-editor.org/rfc/rfc7946", "GeoJSON (RFC 7946)"),
    ".tif": ("http://www.opengis.net/doc/is/COG/1.0", "OGC Cloud Optimized GeoTIFF"),
}
_STAC = ("https://api.stacspec.org/v1.0.0/core", "STAC 1.1")
_KEYWORDS = {
    "fr": ["occupation du sol", "couverture du sol", "imagerie aérienne"],
    "en": ["land cover", "aerial imagery", "active learning"],
}


@dataclass(frozen=True, slots=True)
class Described:
    """A release to describe: its `release.json`, the files to name, the release before and what it held."""

    told: Mapping[str, Any]
    files: Sequence[FileEntry]
    previous: PreviousRelease | None = None


def write_dcat(root: Path, previous: PreviousRelease | None) -> None:
    """Write `dcat.jsonld` over the files already under `root`, `release.json` among them; those it names are hashed."""
    told = json.loads((root / layout.RELEASE).read_text(encoding="utf-8"))
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    files = [FileEntry(name, (root / name).stat().st_size, file_sha256(root / name)) for name in named_files(paths)]
    write_text(root / layout.DCAT, canonical_json(release_graph(Described(told, files, previous))))


def named_files(paths: Iterable[str]) -> list[str]:
    """Of a release's files, those that are distributions: images and masks of tiles are not, and of maps in very many
    pieces none is, since the STAC collection, which always is, lists them.
    """
    kept: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        place = PurePosixPath(path)
        group, suffix = place.parts[0], place.suffix
        deepest = 3 if group in (layout.MODELS_DIR, layout.MAPS_DIR, layout.CHANGE_DIR) or suffix == ".tar" else 2
        told = group in GROUPS and suffix in _TYPES and len(place.parts) <= deepest
        if told or path in {layout.collection_path(name) for name in _COLLECTION.values()}:
            kept.setdefault((group, suffix), []).append(path)
    return sorted(path for paths in kept.values() if len(paths) <= MOST_FILES for path in paths)


def release_graph(described: Described) -> Json:
    """The document of one release: a catalogue of its datasets, addresses relative."""
    told = described.told
    datasets = dataset_nodes(described)
    series = [series_node(told, group_of(node)) for node in datasets]
    named = {lang: f"{told['title'][lang]} {told['version']}" for lang in ("fr", "en")}
    catalogue = catalogue_node(f"{layout.DCAT}#catalogue", named, told["description"], told["publisher"], told["layer"])
    catalogue["foaf:homepage"] = {"@id": "../", "@type": "foaf:Document"}
    catalogue["dcat:dataset"] = [{"@id": node["@id"]} for node in datasets]
    return {"@context": CONTEXT, "@graph": [catalogue, *datasets, *series]}


def catalogue_node(
    iri: str, title: Mapping[str, str], description: Mapping[str, str], publisher: str, layer: Mapping[str, Any] | None
) -> Json:
    """A `dcat:Catalog` without its datasets; `layer` gives its extent when it has one."""
    node: Json = {
        "@id": iri,
        "@type": "dcat:Catalog",
        "dct:title": _texts(title),
        "dct:description": _texts(description),
        "dct:publisher": publisher_node(publisher),
        "dct:language": _languages(),
        "dct:conformsTo": {"@id": "http://data.europa.eu/r5r/", "@type": "dct:Standard", **_titled("DCAT-AP 3")},
    }
    return node if layer is None else {**node, "dct:spatial": _location(layer)}


def service_node(iri: str, title: Mapping[str, str], *, endpoint: str, description: str, page: str) -> Json:
    """An interface that a site offers beside its files: `dcat:DataService`, described where its schema stands."""
    return {
        "@id": iri,
        "@type": "dcat:DataService",
        "dct:title": _texts(title),
        "dcat:endpointURL": {"@id": endpoint, "@type": "rdfs:Resource"},
        "dcat:endpointDescription": {"@id": description, "@type": "rdfs:Resource"},
        "dcat:landingPage": {"@id": page, "@type": "foaf:Document"},
    }


def publisher_node(name: str) -> Json:
    """Who publishes: one agent of the site."""
    return {"@id": "../../dcat.jsonld#publisher", "@type": "foaf:Agent", "foaf:name": name}


def dataset_nodes(described: Described) -> list[Json]:
    """The datasets of a release, one a kind of artefact that it has files of."""
    nodes = []
    for group in GROUPS:
        collection = layout.collection_path(_COLLECTION[group])
        files = [entry for entry in described.files if entry.path.split("/")[0] == group or entry.path == collection]
        if any(entry.path != collection for entry in files):
            nodes.append(_dataset(described, group, files))
    return nodes


def group_of(node: Mapping[str, Any]) -> str:
    """The kind of artefact that a dataset's node is about."""
    return str(node["@id"]).rsplit("#", 1)[1]


def series_node(told: Mapping[str, Any], group: str) -> Json:
    """What goes on from release to release: the campaign's artefacts of one kind."""
    campaign = told["campaign"]["title"]
    return {
        "@id": _series_iri(told, group),
        "@type": "dcat:DatasetSeries",
        "dct:title": _texts({lang: f"{GROUPS[group][lang]}: {campaign}" for lang in ("fr", "en")}),
        "dct:description": _texts(
            {
                "fr": f"{GROUPS[group]['fr']} de la campagne « {campaign} », d'une publication à la suivante.",
                "en": f"{GROUPS[group]['en']} of the campaign “{campaign}”, from release to release.",
            }
        ),
        "dct:publisher": publisher_node(told["publisher"]),
        "dct:spatial": _location(told["layer"]),
        "dct:accrualPeriodicity": {"@id": f"{_EU}/frequency/IRREG", "@type": "dct:Frequency"},
    }


def resolved(value: Any, base: str) -> Any:
    """The same JSON-LD with each `@id` made absolute against `base` (RFC 3986), blank nodes left alone."""
    if isinstance(value, list):
        return [resolved(item, base) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: urljoin(base, item) if key == "@id" and isinstance(item, str) else resolved(item, base)
        for key, item in value.items()
        if key != "@context"
    }


def _series_iri(told: Mapping[str, Any], group: str) -> str:
    return f"../../dcat.jsonld#{told['campaign']['slug']}-{group}"


def _dataset(described: Described, group: str, files: Sequence[FileEntry]) -> Json:
    told, previous = described.told, described.previous
    layer, slug = told["layer"], told["campaign"]["slug"]
    named = f"{told['title']['fr']} {told['version']}", f"{told['title']['en']} {told['version']}"
    node: Json = {
        "@id": f"{layout.DCAT}#{group}",
        "@type": "dcat:Dataset",
        "dct:identifier": f"{slug}-{told['version']}/{group}",
        "dct:title": _texts({"fr": f"{GROUPS[group]['fr']}: {named[0]}", "en": f"{GROUPS[group]['en']}: {named[1]}"}),
        "dct:description": _texts(told["description"]),
        "dct:publisher": publisher_node(told["publisher"]),
        "dct:issued": {"@type": "xsd:date", "@value": told["published_on"][:10]},
        "dct:language": _languages(),
        "dct:accessRights": {"@id": f"{_EU}/access-right/PUBLIC", "@type": "dct:RightsStatement"},
        "dct:spatial": _location(layer),
        "dct:temporal": _period(layer),
        "dct:conformsTo": _crs_standard(layer["crs"]),
        "dcat:theme": {
            "@id": f"{_EU}/data-theme/ENVI",
            "@type": "skos:Concept",
            "skos:prefLabel": _texts({"fr": "Environnement", "en": "Environment"}),
        },
        "dcat:keyword": [{"@language": lang, "@value": word} for lang, words in _KEYWORDS.items() for word in words],
        "dcat:version": told["version"],
        "dcat:inSeries": {"@id": _series_iri(told, group)},
        "dcat:landingPage": {"@id": "../", "@type": "foaf:Document"},
        "dcat:spatialResolutionInMeters": {"@type": "xsd:decimal", "@value": format(layer["gsd_m"], "f")},
        "dcat:distribution": [_distribution(told, group, entry) for entry in files],
    }
    if previous is not None and _COLLECTION[group] in previous.collections:
        before = {"@id": f"{previous.root_href.rstrip('/')}/{layout.DCAT}#{group}"}
        node |= {"dcat:prev": before, "dcat:previousVersion": before}
    return node


def _distribution(told: Mapping[str, Any], group: str, entry: FileEntry) -> Json:
    suffix = PurePosixPath(entry.path).suffix
    media, kind = _TYPES[suffix]
    standard = _STAC if entry.path.startswith(f"{layout.STAC_DIR}/") else _STANDARDS.get(suffix)
    node: Json = {
        "@id": f"{layout.DCAT}#{entry.path}",
        "@type": "dcat:Distribution",
        "dct:title": PurePosixPath(entry.path).name,
        "dcat:accessURL": {"@id": entry.path, "@type": "rdfs:Resource"},
        "dcat:downloadURL": {"@id": entry.path, "@type": "rdfs:Resource"},
        "dcat:byteSize": {"@type": "xsd:nonNegativeInteger", "@value": str(entry.size)},
        "dcat:mediaType": {
            "@id": f"https://www.iana.org/assignments/media-types/{media}",
            "@type": "dct:MediaType",
        },
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256", "@type": "spdx:ChecksumAlgorithm"},
            "spdx:checksumValue": {"@type": "xsd:hexBinary", "@value": entry.sha256},
        },
        **_terms(told, group),
    }
    if kind is not None:
        node["dct:format"] = {"@id": f"{_EU}/file-type/{kind}", "@type": "dct:MediaTypeOrExtent"}
    if standard is not None:
        node["dct:conformsTo"] = {"@id": standard[0], "@type": "dct:Standard", **_titled(standard[1])}
    return node


def _terms(told: Mapping[str, Any], group: str) -> Json:
    """Licence where one covers the whole file, else what the notice says."""
    licence = told["dataset_licence"] if group == "dataset" else told["licence"]
    rights: Json = {"@type": "dct:RightsStatement", "rdfs:label": told["attribution"]}
    href = None if " " in licence else licence_href(licence)
    if href is None:
        what = licence_name(OTHER) if licence == OTHER else licence
        rights["rdfs:label"] = f"{what} ({layout.LICENCE}); {told['attribution']}"
        return {"dct:rights": rights}
    document: Json = {"@id": href, "@type": "dct:LicenseDocument", "rdfs:label": licence_name(licence)}
    return {"dct:license": document, "dct:rights": rights}


def _location(layer: Mapping[str, Any]) -> Json:
    bounds = geodesy.window_bounds(
        tuple(layer["transform"]), x_px=0, y_px=0, width=layer["width"], height=layer["height"]
    )
    west, south, east, north = geodesy.bounds_wgs84(bounds, layer["crs"])
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    wkt = f"POLYGON(({', '.join(f'{x:.7f} {y:.7f}' for x, y in corners)}))"
    literal = {"@type": "geo:wktLiteral", "@value": wkt}
    return {"@type": "dct:Location", "dcat:bbox": literal}


def _period(layer: Mapping[str, Any]) -> Json:
    day = layer["acquired_on"]
    start, end = (day, day) if day else (date(layer["vintage"], 1, 1), date(layer["vintage"], 12, 31))
    return {
        "@type": "dct:PeriodOfTime",
        "dcat:startDate": {"@type": "xsd:date", "@value": str(start)},
        "dcat:endDate": {"@type": "xsd:date", "@value": str(end)},
    }


def _crs_standard(crs: str) -> Json | list[Json]:
    """The coordinate system as a standard, by its OGC address; nothing for one without a code."""
    code = geodesy.crs_code(crs)
    if code is None:
        return []
    authority, number = code.split(":", 1)
    return {
        "@id": f"http://www.opengis.net/def/crs/{authority}/0/{number}",
        "@type": "dct:Standard",
        **_titled(code),
    }


def _titled(name: str) -> Json:
    return {"dct:title": name}


def _texts(text: Mapping[str, str]) -> list[Json]:
    return [{"@language": language, "@value": text[language]} for language in ("fr", "en")]


def _languages() -> list[Json]:
    return [{"@id": f"{_EU}/language/{code}", "@type": "dct:LinguisticSystem"} for code in ("FRA", "ENG")]
