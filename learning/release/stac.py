"""The release's STAC 1.1 catalogue: self-contained, every address relative.

`catalog.json` → `stac/<collection>/collection.json` → `stac/<collection>/<item>.json`. Collections: imagery
(what was labelled, described but not copied), annotations, dataset, models, predictions. Bodies of items are
in `stac_items`.
Source: STAC 1.1.0 and the extensions named in `stac_items.EXTENSIONS`.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pystac

from learning.release import layout, stac_ground, stac_items, stac_maps
from learning.release.change_files import ChangeArtefact
from learning.release.contents import ReleaseContents
from learning.release.ground_files import GroundArtefact
from learning.release.licences import licence_words, stac_licence
from learning.release.map_vectors import VectorArtefact
from learning.release.national import coarsened_json
from learning.release.rasters import MapArtefact
from learning.release.stac_items import EXTENSIONS
from learning.release.text import canonical_json, write_text
from learning.release.vectors import AnnotationSummary

_JSON = "application/json"
_COARSENED = "solcommun:coarsened_from"
_TITLES = {
    "imagery": "Imagery that was labelled",
    "annotations": "Annotations",
    "dataset": "Deep-learning dataset",
    "models": "Trained models",
    "predictions": "Prediction maps",
    "change": "Change since earlier imagery",
    "artificialisation": "Artificialised ground",
}


@dataclass(frozen=True, slots=True)
class Written:
    """What the other writers left on disk, for the catalogue to describe."""

    annotations: AnnotationSummary
    model_dir: str | None
    maps: tuple[MapArtefact, ...]
    vectors: VectorArtefact | None = None
    change: tuple[ChangeArtefact, ...] = ()
    ground: GroundArtefact | None = None


def relative(target: str, *, seen_from: str) -> str:
    """Address of a file seen from another, both relative to the root; begins with `./` or `../`."""
    path = posixpath.relpath(target, posixpath.dirname(seen_from) or ".")
    return path if path.startswith("../") else f"./{path}"


def file_fields(root: Path, path: str) -> dict[str, object]:
    """`file:size` and `file:checksum` (multihash: 1220 + sha2-256) of a file of the release."""
    with (root / path).open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return {"file:size": (root / path).stat().st_size, "file:checksum": f"1220{digest}"}


def write_stac(root: Path, contents: ReleaseContents, written: Written) -> None:
    """Write the catalogue over the files already under `root`."""
    present = ["imagery", "annotations", "dataset"]
    if written.model_dir is not None:
        present.append("models")
    if written.maps:
        present.append("predictions")
    if written.change:
        present.append("change")
    if written.ground is not None:
        present.append("artificialisation")
    catalog = pystac.Catalog(
        id=f"{contents.campaign.slug}-{contents.version}",
        title=f"{contents.title['en']} {contents.version}",
        description=contents.description["en"] + _coarsened_words(contents),
    )
    if contents.coarsened is not None:
        catalog.extra_fields[_COARSENED] = coarsened_json(contents.coarsened)
    catalog.clear_links()
    catalog.add_link(_link("root", layout.CATALOG, seen_from=layout.CATALOG, title=catalog.title))
    for name in present:
        target = layout.collection_path(name)
        catalog.add_link(_link("child", target, seen_from=layout.CATALOG, title=_TITLES[name]))
    _save(root, layout.CATALOG, catalog)
    for name in present:
        _write_collection(root, name, contents, _items(root, name, contents, written))


def _items(root: Path, name: str, contents: ReleaseContents, written: Written) -> Iterable[pystac.Item]:
    """The items of one collection, one at a time."""
    if name == "imagery":
        yield stac_items.imagery_item(contents)
    elif name == "annotations":
        assets = stac_items.annotation_assets(contents)
        yield _with_assets(root, name, stac_items.annotation_item(contents, written.annotations), assets)
    elif name == "dataset":
        for batch in pq.ParquetFile(root / layout.TILES_PARQUET).iter_batches(batch_size=1_000):
            for row in batch.to_pylist():
                item = stac_items.tile_item(contents, row)
                for key, asset in stac_items.tile_assets(contents, row).items():
                    asset.href = relative(asset.href, seen_from=layout.item_path(name, item.id))
                    item.add_asset(key, asset)
                yield item
    elif name == "models" and contents.model is not None and written.model_dir is not None:
        assets = stac_items.model_assets(contents.model, written.model_dir)
        yield _with_assets(root, name, stac_items.model_item(contents, contents.model), assets)
    elif name == "change":
        for since in written.change:
            assets = stac_ground.change_assets(contents, since)
            yield _with_assets(root, name, stac_ground.change_item(contents, since), assets)
    elif name == "artificialisation" and written.ground is not None:
        item = stac_ground.ground_item(contents, written.ground)
        yield _with_assets(root, name, item, stac_ground.ground_assets(contents))
    elif contents.maps is not None:
        for piece in written.maps:
            assets = stac_maps.map_assets(contents, contents.maps, piece)
            yield _with_assets(root, name, stac_maps.map_item(contents, contents.maps, piece), assets)
        if written.vectors is not None:
            assets = stac_maps.vector_assets(contents, written.vectors)
            yield _with_assets(root, name, stac_maps.vector_item(contents, contents.maps, written.vectors), assets)


def _with_assets(root: Path, collection: str, item: pystac.Item, assets: dict[str, pystac.Asset]) -> pystac.Item:
    """Add assets whose href is a path of the release: size and checksum are read, the href made relative."""
    for key, asset in assets.items():
        asset.extra_fields.update(file_fields(root, asset.href))
        asset.href = relative(asset.href, seen_from=layout.item_path(collection, item.id))
        item.add_asset(key, asset)
    return item


def _write_collection(root: Path, name: str, contents: ReleaseContents, items: Iterable[pystac.Item]) -> None:
    path = layout.collection_path(name)
    collection = _collection(name, contents)
    collection.clear_links()
    collection.add_link(_link("root", layout.CATALOG, seen_from=path))
    collection.add_link(_link("parent", layout.CATALOG, seen_from=path))
    for notice in layout.notices(name):
        collection.add_link(_link("license", notice, seen_from=path, media_type="text/plain"))
    previous = contents.previous
    if previous is not None and name in previous.collections:
        up = relative(".", seen_from=path)
        is_absolute = "://" in previous.root_href or previous.root_href.startswith("/")
        base = previous.root_href if is_absolute else posixpath.normpath(posixpath.join(up, previous.root_href))
        href = f"{base.rstrip('/')}/{path}"
        collection.add_link(pystac.Link("predecessor-version", href, media_type=_JSON, title=previous.version))
    for item in items:
        target = layout.item_path(name, item.id)
        item.add_link(_link("root", layout.CATALOG, seen_from=target))
        item.add_link(_link("parent", path, seen_from=target))
        item.add_link(_link("collection", path, seen_from=target))
        for rel, destination, title in stac_items.relations(name, contents):
            item.add_link(_link(rel, destination, seen_from=target, title=title))
        for notice in layout.notices(name):
            item.add_link(_link("license", notice, seen_from=target, media_type="text/plain"))
        item.properties["license"] = collection.license
        item.collection_id = collection.id
        _save(root, target, item)
        collection.add_link(_link("item", target, seen_from=path, media_type="application/geo+json"))
    _save(root, path, collection)


def _collection(name: str, contents: ReleaseContents) -> pystac.Collection:
    moment = datetime.combine(contents.layer.acquired_on, time(), UTC) if contents.layer.acquired_on else None
    year = contents.layer.vintage
    interval = [moment, moment] if moment else [datetime(year, 1, 1, tzinfo=UTC), datetime(year, 12, 31, tzinfo=UTC)]
    of_contents, of_imagery = licence_words(contents.licence), licence_words(contents.layer.licence)
    terms = {
        "imagery": f"{of_imagery}. {contents.layer.attribution}",
        "dataset": f"Masks: {of_contents}. Images: {of_imagery}. {contents.attribution}",
    }.get(name, f"{of_contents}. {contents.attribution}")
    extra: dict[str, Any] = {"version": contents.version}
    extensions = [EXTENSIONS["version"]]
    if contents.coarsened is not None and name != "imagery":
        extra[_COARSENED] = coarsened_json(contents.coarsened)
        terms = f"{_coarsened_words(contents).lstrip()} {terms}"
    if name == "dataset":
        extra["item_assets"] = stac_items.tile_item_assets(contents)
        extensions += [EXTENSIONS["classification"]]
    return pystac.Collection(
        id=f"{contents.campaign.slug}-{name}",
        title=_TITLES[name],
        description=f"{_TITLES[name]} of {contents.title['en']} {contents.version}. {terms}",
        extent=pystac.Extent(
            pystac.SpatialExtent([stac_items.layer_bbox(contents)]), pystac.TemporalExtent([interval])
        ),
        license=_licence_of(name, contents),
        keywords=["land cover", "aerial imagery", contents.campaign.slug],
        providers=[pystac.Provider(contents.publisher, roles=[pystac.ProviderRole.PRODUCER])],
        stac_extensions=extensions,
        extra_fields=extra,
    )


def _coarsened_words(contents: ReleaseContents) -> str:
    theme = contents.coarsened
    if theme is None:
        return ""
    return f" National view: classes of the theme {theme.code} {theme.version} as the national ones that they refine."


def _licence_of(name: str, contents: ReleaseContents) -> str:
    """`license` of a collection and its items."""
    if name == "imagery":
        return contents.layer.licence
    return stac_licence(contents.dataset_licence) if name == "dataset" else contents.licence


def _link(rel: str, target: str, *, seen_from: str, title: str | None = None, media_type: str = _JSON) -> pystac.Link:
    return pystac.Link(rel, relative(target, seen_from=seen_from), media_type=media_type, title=title)


def _save(root: Path, path: str, thing: pystac.STACObject) -> None:
    write_text(root / path, canonical_json(thing.to_dict(include_self_link=False, transform_hrefs=False)))
