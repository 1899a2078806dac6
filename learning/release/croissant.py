"""The dataset described for machines that train: Croissant 1.1 with the fields of GeoCroissant 1.0.

Paths are relative to `dataset/croissant.json`, so that it is read from a disk and from the site alike. Each image and
mask has its digest in the index, whose own digest is here, as are those of the shards.
Source: mlcommons/croissant, croissant-spec-1.1.md and croissant-geo-spec.md.
"""

from __future__ import annotations

from pathlib import Path

from learning.release import geodesy, layout
from learning.release.contents import ReleaseContents
from learning.release.licences import licence_href, licence_name
from learning.release.manifest import file_sha256
from learning.release.text import canonical_json, write_text

Json = dict[str, object]
CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/geo/1.0"]
_TERMS = (
    "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileProperty",
    "fileObject", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5", "parentField",
    "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator", "source",
    "subField", "transform",
)  # fmt: skip
CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "geocr": "http://mlcommons.org/croissant/geo/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "wd": "https://www.wikidata.org/wiki/",
    **{name: f"cr:{name}" for name in _TERMS},
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
}
_SAMPLING = (
    "Tiles of the train and val subsets were chosen by active learning: where a model doubted, spread over the ground, "
    "with a share drawn at random. Tiles of the test subset are a hold-out of whole spatial blocks drawn at random "
    "before the first label, with a buffer of tiles that belong to no subset."
)
_BIAS = (
    "The train and val subsets are not a probability sample: hard cases and rare classes are over-represented, and no "
    "area or error rate may be estimated from them. One territory and one vintage."
)
_PARQUET = "application/x-parquet"  # the name that Croissant's reader knows
_COLUMNS: dict[str, tuple[str, str]] = {
    "id": ("sc:Text", "Name of the image, and key of the record."),
    "split": ("sc:Text", "Folder of the tile: train or test."),
    "zone": ("sc:Text", "Spatial block of the tile; subsets hold whole blocks."),
    "image": ("sc:Text", "Path of the image from this file."),
    "image_sha256": ("sc:Text", "SHA-256 of the image."),
    "mask": ("sc:Text", "Path of the mask from this file."),
    "mask_sha256": ("sc:Text", "SHA-256 of the mask."),
    "date": ("sc:Date", "Day of the imagery."),
    "labelled_px": ("sc:Integer", "Pixels with a label."),
}


def write_croissant(root: Path, contents: ReleaseContents) -> None:
    """Write `dataset/croissant.json` over the dataset already under `root`."""
    write_text(root / layout.CROISSANT, canonical_json(croissant_json(root, contents)))


def croissant_json(root: Path, contents: ReleaseContents) -> Json:
    """The description, with sizes and digests of the index, the classes and the shards as they lie under `root`."""
    layer, day = contents.layer, contents.published_on.date().isoformat()
    title = f"{contents.title['en']} {contents.version}: dataset"
    licences = dict.fromkeys([contents.licence, layer.licence])  # of masks, of images
    west, south, east, north = geodesy.bounds_wgs84(
        geodesy.window_bounds(layer.transform, x_px=0, y_px=0, width=layer.width, height=layer.height), layer.crs
    )
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": f"{contents.campaign.slug}-{contents.version}",
        "alternateName": title,
        "description": contents.description["en"],
        "version": contents.version,
        "license": [licence_href(name) or licence_name(name) for name in licences],
        "url": contents.code_url or "README.md",
        "creator": {"@type": "sc:Organization", "name": contents.publisher},
        "publisher": {"@type": "sc:Organization", "name": contents.publisher},
        "datePublished": day,
        "citeAs": f"{contents.publisher} ({contents.published_on.year}). {title}. {contents.attribution}",
        "isLiveDataset": False,
        "keywords": ["land cover", "aerial imagery", "semantic segmentation"],
        "temporalCoverage": layer.acquired_on.isoformat() if layer.acquired_on else str(layer.vintage),
        "spatialCoverage": {
            "@type": "sc:Place",
            "geo": {"@type": "sc:GeoShape", "box": f"{south} {west} {north} {east}"},
        },
        "geocr:coordinateReferenceSystem": geodesy.crs_code(layer.crs) or layer.crs,
        "geocr:spatialResolution": {"@type": "sc:QuantitativeValue", "value": layer.gsd_m, "unitText": "m"},
        "geocr:bandConfiguration": {
            "@type": "geocr:BandConfiguration",
            "geocr:totalBands": len(layer.bands),
            "geocr:bandNameList": list(layer.bands),
        },
        "geocr:samplingStrategy": _SAMPLING,
        "geocr:spatialBias": _BIAS,
        "rai:dataCollection": "Polygons drawn by volunteers over aerial imagery, reviewed, and rasterised by tile.",
        "rai:dataBiases": _BIAS,
        "rai:personalSensitiveInformation": "None: volunteers are known by random identifiers only.",
        "distribution": _distribution(root, contents),
        "recordSet": [_subsets(), _classes(contents), _tiles(), _pixels()],
    }


def _distribution(root: Path, contents: ReleaseContents) -> list[Json]:
    slug = contents.campaign.slug
    files = [("index", layout.TILES_PARQUET, _PARQUET), ("class-table", layout.CLASSES_CSV, "text/csv")]
    shards = sorted(path.relative_to(root).as_posix() for path in (root / layout.SHARDS_DIR).glob("*.tar"))
    files += [(Path(path).name, path, "application/x-tar") for path in shards]
    objects = [_file(root, name, path, kind) for name, path, kind in files]
    sets: list[Json] = [
        {"@type": "cr:FileSet", "@id": name, "name": name, "encodingFormat": "image/tiff", "includes": pattern}
        for name, pattern in (
            ("images", f"{slug}_aerial_*/*/*/img/IMG_*.tif"),
            ("masks", f"{slug}_labels_*/*/*/msk/MSK_*.tif"),
        )
    ]
    return [*objects, *sets]


def _file(root: Path, name: str, path: str, kind: str) -> Json:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": path.removeprefix(f"{layout.DATASET_DIR}/"),
        "contentSize": f"{(root / path).stat().st_size} B",
        "encodingFormat": kind,
        "sha256": file_sha256(root / path),
    }


def _set(name: str, description: str, fields: list[Json], **more: object) -> Json:
    return {
        "@type": "cr:RecordSet", "@id": name, "name": name, "description": description, "field": fields, **more,
    }  # fmt: skip


def _field(name: str, kind: object, source: Json | None = None, **more: object) -> Json:
    field = {"@type": "cr:Field", "@id": name, "name": name.rpartition("/")[2], "dataType": kind}
    return {**field, **({} if source is None else {"source": source}), **more}


def _subsets() -> Json:
    """Train, val and test, by the names that Croissant gives them."""
    kinds = {"train": "cr:TrainingSplit", "val": "cr:ValidationSplit", "test": "cr:TestSplit"}
    return _set(
        "subsets",
        "What a tile is for.",
        [_field("subsets/name", "sc:Text"), _field("subsets/url", ["sc:URL", "wd:Q985144"])],
        dataType="cr:Split",
        key={"@id": "subsets/name"},
        data=[
            {"subsets/name": name, "subsets/url": kinds[name].replace("cr:", str(CONTEXT["cr"]))}
            for name in layout.SUBSETS
        ],
    )


def _classes(contents: ReleaseContents) -> Json:
    """Classes by their value in the masks."""
    names = {item.code: item.name["en"] for item in contents.nomenclature.classes}
    values = contents.nomenclature.raster_values
    return _set(
        "classes",
        "Classes by their value in the masks; 0 is not labelled, to be ignored.",
        [
            _field("classes/value", "sc:Integer"),
            _field("classes/code", "sc:Text"),
            _field("classes/name", ["sc:Text", "sc:name"]),
        ],
        dataType="sc:Enumeration",
        key={"@id": "classes/value"},
        data=[
            {"classes/value": value, "classes/code": code, "classes/name": names[code]}
            for code, value in values.items()
        ],
    )


def _tiles() -> Json:
    """The index: a record a tile."""

    def column(name: str) -> Json:
        return {"fileObject": {"@id": "index"}, "extract": {"column": name}}

    subset = _field("tiles/subset", "sc:Text", column("subset"), references={"field": {"@id": "subsets/name"}})
    plain = [_field(f"tiles/{name}", kind, column(name), description=told) for name, (kind, told) in _COLUMNS.items()]
    return _set("tiles", "One record a tile.", [*plain, subset], key={"@id": "tiles/id"})


def _pixels() -> Json:
    """Image and mask of a tile, joined by the number in their names."""

    def of(files: str, prop: str) -> Json:
        return {"fileSet": {"@id": files}, "extract": {"fileProperty": prop}}

    def number(files: str, name: str) -> Json:
        return {**of(files, "filename"), "transform": {"regex": rf"{name}_([0-9]+)\.tif"}}

    return _set(
        "pixels",
        "Image and mask of a tile, joined by their number; `tiles` says which subset each belongs to.",
        [
            _field("pixels/number", "sc:Text", number("images", "IMG")),
            _field("pixels/image", "sc:ImageObject", of("images", "content")),
            _field("pixels/mask_number", "sc:Text", number("masks", "MSK"), references=number("images", "IMG")),
            _field("pixels/mask", ["sc:ImageObject", "cr:SegmentationMask"], of("masks", "content")),
        ],
        key={"@id": "pixels/number"},
    )
