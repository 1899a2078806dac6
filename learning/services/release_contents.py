"""What a release holds, read from what was frozen for it: rows of labels, and one record of everything else.

Revisions never change, so that features are read when they are written. Files (imagery, weights, maps) are looked up by
what is known of them now and compared with the digest that was frozen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, cast

from django.contrib.auth import get_user_model
from django.db.models.functions import TruncDate

from annotation.core.grid import PixelGrid, TileGrid
from annotation.core.quarters import on_whole
from annotation.core.stored_labels import class_index
from annotation.models import AnnotationRevision, Contributor
from learning.core.map_files import ENTROPY_LEVELS, NODATA
from learning.errors import ReleaseInputGone
from learning.models import Prediction, Release
from learning.release.contents import (
    DatasetTile,
    LayerInfo,
    MapFile,
    MapPolygons,
    MapRecord,
    ModelRecord,
    ReleaseContents,
)
from learning.release.frozen import Frozen, FrozenMap, FrozenPolygons
from learning.release.ground import ArtificialisedGround
from learning.release.manifest import file_sha256
from learning.release.national import as_national, published_values
from learning.services.annotation_export import annotation_batches
from learning.services.annotation_history import released_history
from learning.services.labels import label_raster
from learning.services.release_credits import credits_to_write
from learning.services.release_freeze import frozen_inputs
from learning.services.released_patches import names_behind_patches, patch_records

Role = Literal["pool", "holdout"]


@dataclass(frozen=True, slots=True)
class PublishedLabel:
    """An annotation at the revision that is published; `tile_id` is the whole's where it is of a quarter."""

    annotation_id: int
    revision_id: int
    revision_number: int
    tile_id: int
    row: int
    col: int
    part: int
    role: Role
    annotator_id: int
    reviewed_on: date | None
    image_date: date | None
    licence: str
    saved_on: date
    agreement: Mapping[str, float]
    state: str = "accepted"


def release_contents(release: Release) -> ReleaseContents:
    """Everything the bundle writer needs; annotations and tiles are streamed, tile by tile.

    Args:   release: frozen.
    Raises: InvalidContents (it was not frozen), ReleaseInputGone, UnusableArtefact.
    """
    frozen = frozen_inputs(release)
    labels = released_labels(release)
    labelled_with = frozen.coarsened or frozen.nomenclature
    codes = [item.code for item in labelled_with.classes if item.selectable]
    history = released_history(labels, licence=frozen.licence, codes=codes)
    contributors = public_ids([*labels, *history])
    model = model_with_weights(release, frozen)
    contents = ReleaseContents(
        version=release.version,
        title=frozen.title,
        description=frozen.description,
        published_on=frozen.published_on,
        licence=frozen.licence,
        attribution=frozen.attribution,
        campaign=frozen.campaign,
        layer=layer_with_pixels(release, frozen),
        nomenclature=frozen.nomenclature,
        annotations=annotation_batches(labels, contributors=contributors),
        history=annotation_batches(history, contributors=contributors),
        tiles=dataset_tiles(frozen, labels),
        software_version=frozen.software_version,
        code_commit=frozen.code_commit,
        code_url=frozen.code_url,
        model=model,
        maps=map_record(frozen.map, frozen) if frozen.map else None,
        previous=frozen.previous,
        account_names=account_names([*labels, *history]) | names_behind_patches(release),
        left_out=frozen.left_out,
        notes=frozen.notes,
        changes=frozen.changes,
        change=frozen.change,
        ground=ground_with_files(release, frozen),
        credits=credits_to_write(release, frozen),
        patches=patch_records(release),
    )
    return contents if frozen.coarsened is None else as_national(contents, theme=frozen.coarsened)


def released_labels(release: Release) -> list[PublishedLabel]:
    """The labels that were frozen, by tile row, column and annotation."""
    labels = release.labels.annotate(saved_on=TruncDate("revision__created_at", tzinfo=UTC))
    rows = labels.order_by("tile_row", "tile_col", "annotation_id").values_list(
        "annotation_id", "revision_id", "revision__number", "tile_id", "tile_row", "tile_col", "part", "role",
        "annotation__annotator_id", "reviewed_on", "image_date", "licence", "saved_on", "agreement",
    )  # fmt: skip
    return [PublishedLabel(*row) for row in cast(Iterator[Any], rows.iterator())]


def tile_grid(frozen: Frozen) -> TileGrid:
    """The campaign's tiles, as they were frozen."""
    layer = frozen.layer
    pixels = PixelGrid(crs=layer.crs, transform=layer.transform, width=layer.width, height=layer.height)
    return TileGrid(pixels=pixels, tile_px=frozen.campaign.tile_px)


def dataset_tiles(frozen: Frozen, labels: list[PublishedLabel]) -> Iterator[DatasetTile]:
    """Labelled tiles with their merged masks, by row and column."""
    block, values, tile_px = frozen.block_tiles, values_to_write(frozen), frozen.campaign.tile_px
    for (row, col), group in groupby(labels, key=lambda label: (label.row, label.col)):
        tile_labels = list(group)
        contents = features_of(tile_labels, tile_px=tile_px)
        yield DatasetTile(
            tile_id=str(tile_labels[0].tile_id),
            row=row,
            col=col,
            block=(row // block, col // block),
            role=tile_labels[0].role,
            mask=label_raster(
                [contents[label.revision_id] for label in tile_labels],
                tile_px=tile_px,
                values=values,
            ),
            revision_ids=tuple(str(label.revision_id) for label in tile_labels),
            image_date=tile_labels[0].image_date,
        )


def values_to_write(frozen: Frozen) -> dict[str, int]:
    """Raster value by code that people label with and the model tells apart."""
    if frozen.coarsened is None:
        return frozen.nomenclature.raster_values
    return published_values(frozen.coarsened, frozen.nomenclature)


def features_of(labels: list[PublishedLabel], *, tile_px: int) -> dict[int, list[dict[str, Any]]]:
    """Stored features by revision, on the whole tile."""
    parts = {label.revision_id: label.part for label in labels}
    stored = AnnotationRevision.objects.filter(pk__in=parts).values_list("pk", "features")
    return {pk: on_whole(features, part=parts[pk], tile_px=tile_px) for pk, features in stored}


def public_ids(labels: list[PublishedLabel]) -> dict[int, str]:
    """Random contributor id by account: all that a release says of a person."""
    people = {label.annotator_id for label in labels}
    return dict(Contributor.objects.filter(user_id__in=people).values_list("user_id", "public_id"))


def account_names(labels: list[PublishedLabel]) -> frozenset[str]:
    """Names and addresses of the people whose work is published, which no file may hold."""
    people = get_user_model().objects.filter(pk__in={label.annotator_id for label in labels})
    return frozenset(word for pair in people.values_list("username", "email") for word in pair if word)


def layer_with_pixels(release: Release, frozen: Frozen) -> LayerInfo:
    """The imagery, with the file that images are cut from: the layer's own, or that of the version before if that is
    the one that was frozen. Raises ReleaseInputGone.
    """
    layer, known = release.campaign.layer, frozen.layer
    place = layer.analysis_path
    if layer.analysis_sha256 != known.sha256:
        place = layer.analysis_path.parents[1] / layer.earlier_folder / layer.analysis_path.name
        if not layer.earlier_folder or not place.is_file() or file_sha256(place) != known.sha256:
            raise ReleaseInputGone(
                f"The imagery {known.slug} is at version {layer.version}; {release.folder} was made of version "
                f"{frozen.layer_version} (SHA-256 {known.sha256[:16]}…), which is not kept: bring its folder and its "
                "row back from a backup, or the release's own files."
            )
    if not place.is_file():
        raise ReleaseInputGone(f"The imagery {known.slug} lacks its file {place}: bring it back from a backup.")
    return replace(known, analysis_path=place)


def model_with_weights(release: Release, frozen: Frozen) -> ModelRecord | None:
    """The model, with its weights. Raises ReleaseInputGone."""
    model = release.trained_model
    if model is None or frozen.model is None:
        return None
    _require(model.path, frozen.model_sha256, what=f"The model {model.version}")
    return replace(frozen.model, weights_path=model.path)


def map_record(known: FrozenMap, frozen: Frozen) -> MapRecord:
    """The published model's map, its classes to be written with the nomenclature's values and colours.

    It is complete, hold-out included, unlike the map shown while the campaign is open: a release is for re-users, whom
    a map with holes would not serve. Someone who labels could look a control tile up there: the price of publishing
    while people still label.

    Raises: ReleaseInputGone.
    """
    prediction = Prediction.objects.filter(pk=known.prediction_id).first()
    model, values = frozen.model, values_to_write(frozen)
    if prediction is None or model is None:
        raise ReleaseInputGone(f"The map {known.prediction_id} is not in the database any more: restore a backup.")
    for name, sha256 in known.digests.items():
        _require(prediction.path(name), sha256, what=f"The map {known.prediction_id}")
    nats_a_level = math.log(len(model.class_codes)) / ENTROPY_LEVELS
    return MapRecord(
        prediction_id=str(prediction.pk),
        model_name=model.name,
        model_version=model.version,
        predicted_on=known.predicted_on,
        files=(MapFile(class_path=prediction.path("class.tif"), entropy_path=prediction.path("entropy.tif")),),
        renumbered={value: values[code] for code, value in class_index(model.class_codes).items()},
        # Stored: 0 without imagery, else 1 + 254 · H / ln K.
        entropy_scale=nats_a_level,
        entropy_offset=-nats_a_level,
        entropy_nodata=NODATA,
        polygons=map_polygons(prediction, known.polygons) if known.polygons else None,
        no_polygons=known.no_polygons,
        core_px=known.core_px,
        statistics=known.statistics,
        scores=model.scores if frozen.coarsened else None,
    )


def ground_with_files(release: Release, frozen: Frozen) -> ArtificialisedGround | None:
    """The artificialised ground, with the files that were kept for it. Raises: ReleaseInputGone."""
    known = frozen.ground
    if known is None or not known.digests:
        return None if known is None else ArtificialisedGround(figures={}, reason=known.reason, about=known.about)
    prediction = Prediction.objects.filter(pk=frozen.map.prediction_id).first() if frozen.map else None
    if prediction is None:
        raise ReleaseInputGone(f"The map of {release.folder} is not in the database any more: restore a backup.")
    paths = {}
    for name, sha256 in known.digests.items():
        paths[Path(name).suffix] = prediction.path(name)
        _require(prediction.path(name), sha256, what=f"The artificialised ground of the map {prediction.pk}")
    return ArtificialisedGround(
        figures=known.figures, parquet=paths[".parquet"], gpkg=paths[".gpkg"], rule=paths[".json"]
    )


def map_polygons(prediction: Prediction, known: FrozenPolygons) -> MapPolygons:
    """The polygons of the map, where their files are those that were frozen. Raises: ReleaseInputGone."""
    paths = {}
    for name, sha256 in known.digests.items():
        path = prediction.path(name)
        _require(path, sha256, what=f"The polygons of the map {prediction.pk}")
        paths[path.suffix] = path
    return MapPolygons(
        parquet=paths[".parquet"],
        gpkg=paths[".gpkg"],
        pmtiles=paths[".pmtiles"],
        rule=paths[".json"],
        rule_code=known.rule_code,
        rule_version=known.rule_version,
        polygons=known.polygons,
        figures=known.figures,
    )


def _require(path: Path, sha256: str, *, what: str) -> None:
    """Refuse a file that is gone or is not the one that was frozen."""
    if not path.is_file():
        raise ReleaseInputGone(f"{what} lacks its file {path}: bring it back from a backup or from a release.")
    found = file_sha256(path)
    if found != sha256:
        raise ReleaseInputGone(
            f"{what} has another file {path.name} (SHA-256 {found[:16]}…) than was frozen ({sha256[:16]}…): bring that "
            "one back from a backup."
        )
