"""What a release holds, and of which moment.

Labels are those accepted when the job that makes the release begins to read; begun again after a crash, it reads anew.
What is accepted later waits for the next release: the list of revisions is read first, and a revision never changes.
The model is the one published when the release was asked for, with its map if that is ready when the job reads. The
date of publication is that of the request.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, cast

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models.functions import Coalesce

from annotation.core.quarters import on_whole
from annotation.core.stored_labels import class_index
from annotation.models import AnnotationRevision, Campaign, Contributor, Tile
from annotation.services.ground_dates import days_of_tiles
from annotation.services.people import contributor_of
from learning.core.map_copies import write_renumbered_copy
from learning.core.map_files import ENTROPY_LEVELS, NODATA
from learning.models import Prediction, Release
from learning.querysets import licensed_labels
from learning.release.contents import (
    CampaignInfo,
    ClassInfo,
    DatasetTile,
    LayerInfo,
    MapFile,
    MapRecord,
    ModelRecord,
    NomenclatureInfo,
    PreviousRelease,
    ReleaseContents,
)
from learning.release.dataset import colour_table
from learning.services.annotation_export import annotation_batches
from learning.services.labels import label_raster
from learning.services.predictions import ready_prediction
from learning.services.provenance import code_commit, software_version
from learning.services.release_model import model_record

DESCRIPTION = {
    "en": "Land cover labelled by volunteers on {layer} ({vintage}), with the dataset, the model and the "
    "maps made from it. {more}",
    "fr": "Couverture du sol annotée par des volontaires sur {layer} ({vintage}), avec le jeu de données, "
    "le modèle et les cartes qui en sont tirés. {more}",
}
CONTRIBUTORS = "contributors of Solcommun"
Role = Literal["pool", "holdout"]


@dataclass(frozen=True, slots=True)
class PublishedLabel:
    """An accepted annotation at the revision that is published; `tile_id` is the whole's where it is of a quarter."""

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


def release_contents(release: Release, *, work_dir: Path) -> ReleaseContents:
    """Everything the bundle writer needs; annotations and tiles are streamed, tile by tile.

    Args:   work_dir: for the map in its published form; the caller removes it.
    Raises: UnusableArtefact.
    """
    campaign, layer = release.campaign, release.campaign.layer
    labels = published_labels(campaign)
    tree = nomenclature_info(campaign)
    model = release.trained_model
    record = model_record(model) if model else None
    ready = ready_prediction(model) if model else None
    more = release.notes or campaign.description
    weights = [record.origin.attribution] if record and record.origin else []
    return ReleaseContents(
        version=release.version,
        title={"fr": release.title, "en": release.title},
        description={
            language: text.format(layer=layer.title, vintage=layer.vintage, more=more).strip()
            for language, text in DESCRIPTION.items()
        },
        published_on=release.created_at,
        licence=settings.CONTRIBUTION_LICENCE,
        attribution="; ".join([layer.attribution, CONTRIBUTORS, *weights]),
        campaign=campaign_info(campaign),
        layer=layer_info(campaign),
        nomenclature=tree,
        annotations=annotation_batches(labels, contributors=public_ids(labels)),
        tiles=dataset_tiles(campaign, labels, tree),
        software_version=software_version(),
        code_commit=code_commit(),
        code_url=settings.CODE_URL or None,
        model=record,
        maps=map_record(ready, record, tree, work_dir=work_dir) if ready and record else None,
        previous=previous_release(release),
        account_names=account_names(labels),
    )


def published_labels(campaign: Campaign) -> list[PublishedLabel]:
    """Accepted annotations given under a licence, by tile row, column and annotation."""
    rows = (
        licensed_labels(campaign)
        .filter(tile__role__in=[Tile.Role.POOL, Tile.Role.HOLDOUT])
        .order_by("tile__row", "tile__col", "pk")
        .annotate(whole=Coalesce("tile__whole", "tile"))
        .values_list(
            "pk", "head_id", "head__number", "whole", "tile__row", "tile__col", "tile__part", "tile__role",
            "annotator_id", "decided_at", "head__licence",
        )
    )  # fmt: skip
    days = days_of_tiles(campaign, ((row, col) for _, _, _, _, row, col, *_ in rows))
    return [
        PublishedLabel(
            annotation_id=annotation,
            revision_id=revision,
            revision_number=number,
            tile_id=tile,
            row=row,
            col=col,
            part=part,
            role=cast(Role, role),
            annotator_id=annotator,
            reviewed_on=decided.date() if decided else None,
            image_date=days[row, col],
            licence=licence,
        )
        for annotation, revision, number, tile, row, col, part, role, annotator, decided, licence in rows
        if revision is not None and number is not None and licence is not None
    ]


def dataset_tiles(campaign: Campaign, labels: list[PublishedLabel], tree: NomenclatureInfo) -> Iterator[DatasetTile]:
    """Labelled tiles with their merged masks, by row and column."""
    block, values = campaign.holdout.block_tiles, tree.raster_values
    days = days_of_tiles(campaign, ((label.row, label.col) for label in labels))
    for (row, col), group in groupby(labels, key=lambda label: (label.row, label.col)):
        tile_labels = list(group)
        contents = features_of(tile_labels, tile_px=campaign.tile_px)
        yield DatasetTile(
            tile_id=str(tile_labels[0].tile_id),
            row=row,
            col=col,
            block=(row // block, col // block),
            role=tile_labels[0].role,
            mask=label_raster(
                [contents[label.revision_id] for label in tile_labels],
                tile_px=campaign.tile_px,
                values=values,
            ),
            revision_ids=tuple(str(label.revision_id) for label in tile_labels),
            image_date=days[row, col],
        )


def features_of(labels: list[PublishedLabel], *, tile_px: int) -> dict[int, list[dict[str, Any]]]:
    """Stored features by revision, on the whole tile."""
    parts = {label.revision_id: label.part for label in labels}
    stored = AnnotationRevision.objects.filter(pk__in=parts).values_list("pk", "features")
    return {pk: on_whole(features, part=parts[pk], tile_px=tile_px) for pk, features in stored}


def public_ids(labels: list[PublishedLabel]) -> dict[int, str]:
    """Random contributor id by account: all that a release says of a person."""
    people = {label.annotator_id for label in labels}
    known = dict(Contributor.objects.filter(user_id__in=people).values_list("user_id", "public_id"))
    for user in get_user_model().objects.filter(pk__in=people - known.keys()):
        known[user.pk] = contributor_of(user).public_id
    return known


def account_names(labels: list[PublishedLabel]) -> frozenset[str]:
    """Names and addresses of the people whose work is published, which no file may hold."""
    people = get_user_model().objects.filter(pk__in={label.annotator_id for label in labels})
    return frozenset(word for pair in people.values_list("username", "email") for word in pair if word)


def campaign_info(campaign: Campaign) -> CampaignInfo:
    """The campaign and how its hold-out was drawn."""
    return CampaignInfo(
        slug=campaign.slug,
        title=campaign.title,
        description=campaign.description,
        tile_px=campaign.tile_px,
        holdout_seed=campaign.holdout.seed,
        holdout_inclusion_probability=campaign.holdout.inclusion_probability,
    )


def layer_info(campaign: Campaign) -> LayerInfo:
    """The imagery labelled."""
    layer = campaign.layer
    a, b, c, d, e, f = layer.transform
    return LayerInfo(
        slug=layer.slug,
        title=layer.title,
        crs=layer.crs,
        transform=(a, b, c, d, e, f),
        width=layer.width,
        height=layer.height,
        gsd_m=layer.gsd_m,
        vintage=layer.vintage,
        acquired_on=layer.acquired_on,
        bands=tuple(layer.bands),
        dtype=layer.dtype,
        nodata=layer.nodata,
        licence=layer.licence,
        attribution=layer.attribution,
        analysis_path=layer.analysis_path,
        sha256=layer.analysis_sha256,
    )


def nomenclature_info(campaign: Campaign) -> NomenclatureInfo:
    """The class tree in force, with a raster value for every class that can be in a mask.

    Values are the nomenclature's own; selectable classes that it gives none take the next ones, in its order.
    """
    tree = campaign.nomenclature
    items = list(tree.classes.order_by("position"))
    values = {item.code: item.raster_value for item in items if item.raster_value is not None}
    for item in items:
        if item.selectable and item.code not in values:
            values[item.code] = max(values.values(), default=0) + 1
    return NomenclatureInfo(
        code=tree.code,
        version=tree.version,
        title=tree.title,
        source=tree.source,
        classes=tuple(
            ClassInfo(
                code=item.code,
                parent=item.parent_code or None,
                name=item.name,
                definition=item.definition,
                colour=item.colour,
                selectable=item.selectable,
                raster_value=values.get(item.code),
            )
            for item in items
        ),
    )


def map_record(prediction: Prediction, model: ModelRecord, tree: NomenclatureInfo, *, work_dir: Path) -> MapRecord:
    """The published model's map, its classes written with the nomenclature's values and colours.

    It is complete, hold-out included, unlike the map shown while the campaign is open: a release is for re-users, whom
    a map with holes would not serve. Someone who labels could look a control tile up there: the price of publishing
    while people still label.
    """
    published = work_dir / "class.tif"
    values = {value: tree.raster_values[code] for code, value in class_index(model.class_codes).items()}
    write_renumbered_copy(prediction.path("class.tif"), published, values=values, colours=colour_table(tree.classes))
    finished = prediction.finished_at or prediction.created_at
    nats_a_level = math.log(len(model.class_codes)) / ENTROPY_LEVELS
    return MapRecord(
        prediction_id=str(prediction.pk),
        model_name=model.name,
        model_version=model.version,
        predicted_on=finished.date(),
        files=(MapFile(class_path=published, entropy_path=prediction.path("entropy.tif")),),
        # Stored: 0 without imagery, else 1 + 254 · H / ln K.
        entropy_scale=nats_a_level,
        entropy_offset=-nats_a_level,
        entropy_nodata=NODATA,
    )


def previous_release(release: Release) -> PreviousRelease | None:
    """The campaign's published release before this one."""
    earlier = release.campaign.releases.public().exclude(pk=release.pk).order_by("-published_at").first()
    if earlier is None:
        return None
    return PreviousRelease(
        version=earlier.version,
        root_href=f"../../{earlier.folder}/files/",
        collections=frozenset(earlier.summary.get("collections", [])),
    )
