"""Bodies of the STAC items and assets of a release. Asset hrefs are paths relative to the release's root."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Any

import pystac

from annotation.core.themes import national_code
from learning.release import cards, geodesy, layout, model_files
from learning.release.annotation_rows import NATIONAL, RowRules
from learning.release.contents import Affine6, ModelRecord, ReleaseContents
from learning.release.vectors import AnnotationSummary

EXTENSIONS = {
    name: f"https://stac-extensions.github.io/{name}/v{version}/schema.json"
    for name, version in {
        "classification": "2.0.0",
        "file": "2.1.0",
        "label": "1.0.1",
        "mlm": "1.4.0",  # the latest that pystac 1.15 reads; 1.5 adds mlm:entrypoint (in code.json here)
        "processing": "1.2.0",
        "projection": "2.0.0",
        "raster": "2.0.0",
        "scientific": "1.0.0",
        "table": "1.2.0",
        "version": "1.2.0",
    }.items()
}
PARQUET = "application/vnd.apache.parquet"
GPKG = "application/geopackage+sqlite3"
GEOJSON = "application/geo+json"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
GEOTIFF = "image/tiff; application=geotiff"
_METHODS = ["manual", "semi-automated"]
_LABEL = (
    "Land-cover polygons drawn or validated by contributors and reviewed. Training tiles are chosen by "
    "active learning: not a probability sample."
)


def classes_of(contents: ReleaseContents, codes: dict[str, int]) -> list[dict[str, object]]:
    """`classification:classes`, one entry a code of `codes` (value by code)."""
    by_code = {item.code: item for item in contents.nomenclature.classes}
    return [
        {
            "value": value,
            "name": re.sub(r"[^A-Za-z0-9_-]", "-", code),
            "title": f"{code} {by_code[code].name['en']}",
            "description": f"{by_code[code].name['fr']} / {by_code[code].name['en']}",
            "color_hint": by_code[code].colour[1:].upper(),
            **({"solcommun:national_code": national_code(code)} if contents.nomenclature.names_national else {}),
        }
        for code, value in codes.items()
    ]


def mask_classes(contents: ReleaseContents) -> list[dict[str, object]]:
    """Classes of the masks, with 0 = not labelled."""
    nothing: dict[str, object] = {"value": 0, "name": "unlabelled", "title": "Not labelled", "nodata": True}
    nothing["description"] = "Non étiqueté / Not labelled"
    return [nothing, *classes_of(contents, contents.nomenclature.raster_values)]


def layer_bounds(contents: ReleaseContents) -> geodesy.Bounds:
    """Bounds of the whole layer in its own CRS."""
    layer = contents.layer
    return geodesy.window_bounds(layer.transform, x_px=0, y_px=0, width=layer.width, height=layer.height)


def layer_bbox(contents: ReleaseContents) -> list[float]:
    """West, south, east, north of the whole layer."""
    return geodesy.bounds_wgs84(layer_bounds(contents), contents.layer.crs)


def relations(name: str, contents: ReleaseContents) -> list[tuple[str, str, str]]:
    """Links of every item of a collection to other items: (rel, path of the target, title)."""
    imagery = layout.item_path("imagery", contents.layer.slug)
    dataset = layout.collection_path("dataset")
    if name in ("change", "artificialisation"):
        return [("derived_from", imagery, contents.layer.title)]
    if name in ("annotations", "dataset"):
        return [("source", imagery, contents.layer.title), ("derived_from", imagery, contents.layer.title)]
    if name == "models":
        return [("derived_from", dataset, "Dataset published with the model")]
    if name == "predictions":
        links = [("derived_from", imagery, contents.layer.title)]
        if contents.model is not None:
            path = layout.item_path("models", _model_id(contents.model))
            links.append(("derived_from", path, f"{contents.model.name} {contents.model.version}"))
        links.append(("derived_from", dataset, "Masks that the reviewed coverage is made of"))
        return links
    return []


def item(
    item_id: str,
    contents: ReleaseContents,
    *,
    bounds: geodesy.Bounds,
    extensions: list[str],
    properties: dict[str, Any],
    day: date | None = None,
) -> pystac.Item:
    """An item over a rectangle of the layer; without a day, the vintage's year is its interval."""
    day = day or contents.layer.acquired_on
    year = contents.layer.vintage
    return pystac.Item(
        id=item_id,
        geometry=geodesy.polygon_wgs84(bounds, contents.layer.crs),
        bbox=geodesy.bounds_wgs84(bounds, contents.layer.crs),
        datetime=None if day is None else datetime.combine(day, time(), UTC),
        start_datetime=None if day else datetime(year, 1, 1, tzinfo=UTC),
        end_datetime=None if day else datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC),
        properties=properties,
        stac_extensions=[EXTENSIONS[name] for name in sorted(extensions)],
    )


def projection(contents: ReleaseContents, transform: Affine6, width: int, height: int) -> dict[str, Any]:
    """The projection extension's fields of a raster on the layer's CRS."""
    code = geodesy.crs_code(contents.layer.crs)
    bounds = geodesy.window_bounds(transform, x_px=0, y_px=0, width=width, height=height)
    fields: dict[str, Any] = {
        "proj:code": code,
        "proj:shape": [height, width],
        "proj:transform": list(transform),
        "proj:bbox": list(bounds),
    }
    if code is None:
        fields["proj:projjson"] = geodesy.projjson(contents.layer.crs)
    return fields


def imagery_item(contents: ReleaseContents) -> pystac.Item:
    """The layer that was labelled; its pixels are not copied, its digest identifies them."""
    layer = contents.layer
    properties = {
        "title": layer.title,
        "gsd": layer.gsd_m,
        "solcommun:bands": list(layer.bands),
        "solcommun:attribution": layer.attribution,
        "solcommun:sha256": layer.sha256,
        **projection(contents, layer.transform, layer.width, layer.height),
    }
    bounds = layer_bounds(contents)
    return item(layer.slug, contents, bounds=bounds, extensions=["projection"], properties=properties)


def annotation_item(contents: ReleaseContents, summary: AnnotationSummary) -> pystac.Item:
    """All annotations of the release as one labelled item."""
    codes = sorted(item.code for item in contents.nomenclature.classes)
    counts = [{"name": code, "count": count} for code, count in summary.class_counts.items()]
    named = {"class_code": codes}
    if contents.nomenclature.names_national:
        named[NATIONAL] = sorted({national_code(code) for code in codes})
    columns = RowRules.of(contents, account_names=frozenset()).schema
    properties = {
        "title": f"Annotations of {contents.title['en']} {contents.version}",
        "version": contents.version,
        "label:type": "vector",
        "label:properties": list(named),
        "label:classes": [{"name": name, "classes": known} for name, known in named.items()],
        "label:description": _LABEL,
        "label:tasks": ["segmentation"],
        "label:methods": _METHODS,
        "label:overviews": [{"property_key": "class_code", "counts": counts}],
        "table:columns": [{"name": field.name, "type": str(field.type)} for field in columns],
        "table:primary_geometry": "geometry",
        "table:row_count": summary.features,
        "proj:code": geodesy.crs_code(contents.layer.crs),
        "proj:bbox": list(summary.bounds_crs),
    }
    return item(
        f"{contents.campaign.slug}-annotations",
        contents,
        bounds=summary.bounds_crs,
        extensions=["file", "label", "projection", "table", "version"],
        properties=properties,
    )


def annotation_assets(contents: ReleaseContents) -> dict[str, pystac.Asset]:
    """GeoJSON (the label asset), GeoParquet and GeoPackage of the same rows."""
    crs = geodesy.crs_code(contents.layer.crs)
    patches = {
        key: pystac.Asset(
            path, title=f"Corrections of earlier vintages ({name})", media_type=media_type, roles=["data"],
            extra_fields={"proj:code": crs},
        )
        for key, path, name, media_type in (
            ("patches-parquet", layout.PATCHES_PARQUET, "GeoParquet", PARQUET),
            ("patches-gpkg", layout.PATCHES_GPKG, "GeoPackage", GPKG),
        )
        if contents.patches
    }  # fmt: skip
    return {
        **patches,
        "labels": pystac.Asset(
            layout.ANNOTATIONS_GEOJSON,
            title="Annotations (GeoJSON)",
            media_type=GEOJSON,
            roles=["labels"],
            extra_fields={"proj:code": "OGC:CRS84"},
        ),
        "parquet": pystac.Asset(
            layout.ANNOTATIONS_PARQUET,
            title="Annotations (GeoParquet)",
            media_type=PARQUET,
            roles=["data"],
            extra_fields={"proj:code": crs},
        ),
        "history": pystac.Asset(
            layout.ANNOTATIONS_HISTORY,
            title="Every revision that led to these annotations (GeoParquet)",
            media_type=PARQUET,
            roles=["metadata"],
            extra_fields={"proj:code": crs},
        ),
        "gpkg": pystac.Asset(
            layout.ANNOTATIONS_GPKG,
            title="Annotations (GeoPackage)",
            media_type=GPKG,
            roles=["data"],
            extra_fields={"proj:code": crs},
        ),
        "nomenclature": pystac.Asset(
            layout.NOMENCLATURE, title="Nomenclature", media_type="application/json", roles=["metadata"]
        ),
    }


def tile_item(contents: ReleaseContents, row: dict[str, Any]) -> pystac.Item:
    """One tile of the dataset, from its row of the index."""
    size, layer = contents.campaign.tile_px, contents.layer
    bounds = geodesy.window_bounds(
        layer.transform, x_px=row["col"] * size, y_px=row["row"] * size, width=size, height=size
    )
    a, b, _, d, e, _ = layer.transform
    values = contents.nomenclature.raster_values
    counts = [{"name": str(values[code]), "count": count} for code, count in row["class_px"]]
    properties = {
        "gsd": layer.gsd_m,
        "label:type": "raster",
        "label:properties": None,
        "label:classes": [{"name": None, "classes": list(values.values())}],
        "label:description": _LABEL,
        "label:tasks": ["segmentation"],
        "label:methods": _METHODS,
        "label:overviews": [{"property_key": "labels", "counts": counts}],
        "solcommun:split": row["split"],
        "solcommun:revision_ids": row["revision_ids"],
        **projection(contents, (a, b, bounds[0], d, e, bounds[3]), size, size),
    }
    extensions = ["file", "label", "projection"]
    return item(row["id"], contents, bounds=bounds, extensions=extensions, properties=properties, day=row["date"])


def tile_assets(contents: ReleaseContents, row: dict[str, Any]) -> dict[str, pystac.Asset]:
    """Image and mask of one tile, with the digests of the index."""
    assets = {
        "image": pystac.Asset(f"{layout.DATASET_DIR}/{row['image']}", media_type=GEOTIFF, roles=["data"]),
        "labels": pystac.Asset(f"{layout.DATASET_DIR}/{row['mask']}", media_type=GEOTIFF, roles=["labels"]),
    }
    assets["image"].extra_fields["bands"] = [{"name": band} for band in contents.layer.bands]
    for key, name in (("image", "image"), ("labels", "mask")):
        assets[key].extra_fields["file:size"] = row[f"{name}_size"]
        assets[key].extra_fields["file:checksum"] = f"1220{row[f'{name}_sha256']}"
    return assets


def tile_item_assets(contents: ReleaseContents) -> dict[str, dict[str, object]]:
    """What every tile's assets have in common: the classes of the masks, the bands of the images."""
    bands = [{"name": band, "data_type": contents.layer.dtype} for band in contents.layer.bands]
    return {
        "image": {"title": "Image", "type": GEOTIFF, "roles": ["data"], "bands": bands},
        "labels": {
            "title": "Mask",
            "type": GEOTIFF,
            "roles": ["labels"],
            "classification:classes": mask_classes(contents),
        },
    }


def _model_id(model: ModelRecord) -> str:
    return f"{model.name}-{model.version}"


def model_item(contents: ReleaseContents, model: ModelRecord) -> pystac.Item:
    """The model as an MLM item."""
    channels = {code: k for k, code in enumerate(model.class_codes)}
    training, origin = model.training, model.origin
    start = training.initial_weights if training else f"{origin.name} ({origin.published_as})" if origin else None
    patch = model.patch_px
    properties: dict[str, Any] = {
        "title": f"{model.name} {model.version}",
        "version": model.version,
        "bands": [{"name": band} for band in model.bands],
        "mlm:name": model.name,
        "mlm:architecture": f"{model.architecture} {model.encoder}",
        "mlm:tasks": ["semantic-segmentation"],
        "mlm:framework": "PyTorch",
        "mlm:framework_version": model.framework_version,
        "mlm:total_parameters": model.parameters,
        "mlm:pretrained": start is not None,
        "mlm:pretrained_source": start,
        "mlm:accelerator": "cuda",
        "mlm:accelerator_constrained": False,
        "mlm:hyperparameters": {**training.hyperparameters, "seed": training.seed} if training else {},
        "mlm:input": [_model_input(model)],
        "mlm:output": [
            {
                "name": "class scores",
                "tasks": ["semantic-segmentation"],
                "result": {
                    "shape": [-1, len(model.class_codes), patch, patch],
                    "dim_order": ["batch", "class", "height", "width"],
                    "data_type": "float32",
                },
                "classification:classes": _output_classes(contents, channels),
                "post_processing_function": None,
            }
        ],
    }
    extensions = ["classification", "file", "mlm", "version"]
    bounds = layer_bounds(contents)
    return item(_model_id(model), contents, bounds=bounds, extensions=extensions, properties=properties)


def _output_classes(contents: ReleaseContents, channels: dict[str, int]) -> list[dict[str, object]]:
    """Classes of the output's channels, without the title that stac-model, the extension's own package, refuses."""
    return [{k: v for k, v in entry.items() if k != "title"} for entry in classes_of(contents, channels)]


def _model_input(model: ModelRecord) -> dict[str, Any]:
    patch = model.patch_px
    scaling = [
        {"type": "z-score", "mean": mean, "stddev": std} for mean, std in zip(model.mean, model.std, strict=True)
    ]
    return {
        "name": "imagery",
        "bands": list(model.bands),
        "input": {
            "shape": [-1, len(model.bands), patch, patch],
            "dim_order": ["batch", "bands", "height", "width"],
            "data_type": "float32",
        },
        "value_scaling": scaling,
        "resize_type": None,
        "pre_processing_function": None,
    }


def model_assets(model: ModelRecord, folder: str) -> dict[str, pystac.Asset]:
    """Weights, config, code reference, figures and card of a model, ONNX when it was given."""
    bands = [{"name": band} for band in model.bands]
    weights_type = "application/octet-stream; framework=pytorch"
    runnable = model.runnable
    assets = {
        "weights": pystac.Asset(
            f"{folder}/{cards.WEIGHTS}",
            title="Weights (safetensors)",
            media_type=weights_type,
            roles=["mlm:model", "mlm:weights"],
            extra_fields={"mlm:artifact_type": "safetensors.torch.save_file", "bands": bands},
        ),
        "source_code": pystac.Asset(
            f"{folder}/{cards.CODE}",
            title="Repository and commit of the code",
            media_type="application/json",
            roles=["mlm:source_code", "metadata"],
        ),
    }
    for key, name, title in (
        ("config", cards.CONFIG, "Configuration"),
        ("metrics", cards.METRICS, "Hold-out figures"),
    ):
        assets[key] = pystac.Asset(f"{folder}/{name}", title=title, media_type="application/json", roles=["metadata"])
    assets["card"] = pystac.Asset(f"{folder}/README.md", title="Card", media_type="text/markdown", roles=["metadata"])
    if runnable is not None:
        assets |= _runnable_assets(folder, bands)
    return assets


def _runnable_assets(folder: str, bands: list[dict[str, str]]) -> dict[str, pystac.Asset]:
    """ONNX, the network as code, its use, and what it gives the golden tile."""
    return {
        "onnx": pystac.Asset(
            f"{folder}/{model_files.ONNX}",
            title="Model (ONNX)",
            media_type="application/octet-stream; framework=onnx",
            roles=["mlm:model"],
            extra_fields={"mlm:artifact_type": "torch.onnx.export", "bands": bands},
        ),
        "network": pystac.Asset(
            f"{folder}/{model_files.NETWORK}",
            title="Network (Python code over torch)",
            media_type="text/x-python",
            roles=["mlm:source_code", "code"],
        ),
        "predict": pystac.Asset(
            f"{folder}/{model_files.PREDICT}",
            title="Labels a GeoTIFF (Python, torch and rasterio)",
            media_type="text/x-python",
            roles=["mlm:inference-runtime", "code"],
        ),
        "golden": pystac.Asset(
            f"{folder}/{model_files.GOLDEN}",
            title="Classes that the code gives the golden tile",
            media_type=GEOTIFF,
            roles=["data", "example"],
        ),
    }
