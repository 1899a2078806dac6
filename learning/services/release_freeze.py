"""What a release holds is fixed once, when its job first begins: its labels as rows, all else as one record.

From then on people go on labelling, campaigns are renamed, nomenclatures and models follow each other, and a second try
after a crash, or a rebuild years later, still makes the same release (docs/adr/0042).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Exists, F, OuterRef
from django.db.models.functions import Coalesce

from annotation.core.themes import national_code
from annotation.models import Annotation, AnnotationRevision, Campaign, Nomenclature, Tile, TileAgreement
from annotation.querysets import AnnotationQuerySet
from annotation.services.agreement import iou_of_pairs
from annotation.services.ground_dates import days_of_tiles
from annotation.services.people import contributor_of
from learning.errors import NoNationalView, NothingToPublish
from learning.models import Prediction, Release, TrainedModel
from learning.release.contents import CampaignInfo, ClassInfo, LayerInfo, LeftOut, NomenclatureInfo, PreviousRelease
from learning.release.errors import InvalidContents
from learning.release.frozen import Frozen, FrozenMap, FrozenPolygons
from learning.release.licences import carried_licences
from learning.release.national import NO_AREAS, NO_POLYGONS, published_values
from learning.release.records import NOWHERE, from_json, to_json
from learning.services.polygons import whole_polygons
from learning.services.predictions import ready_prediction
from learning.services.provenance import code_commit, software_version, writer_versions
from learning.services.release_changes import changes_since_previous, last_standing
from learning.services.release_credits import freeze_credits
from learning.services.release_model import model_record
from learning.services.released_change import released_change
from learning.services.released_ground import released_ground
from learning.services.released_patches import freeze_patches
from learning.services.statistics_export import map_statistics

DESCRIPTION = {
    "en": "Land cover labelled by volunteers on {layer} ({vintage}), with the dataset, the model and the "
    "maps made from it. {more}",
    "fr": "Couverture du sol annotée par des volontaires sur {layer} ({vintage}), avec le jeu de données, "
    "le modèle et les cartes qui en sont tirés. {more}",
}
CONTRIBUTORS = "contributors of Solcommun"
FREEZE_POINT = "release:labels"
MAP_FILES = ("class.tif", "entropy.tif")
_INSERT = """
INSERT INTO learning_releasedlabel
    (release_id, annotation_id, revision_id, tile_id, tile_row, tile_col, part, role, licence, decided_at, reviewed_on,
     image_date, agreement)
SELECT %s, annotation, revision, tile, tile_row, tile_col, part, role, licence, decided_at,
    (decided_at AT TIME ZONE 'UTC')::date, coalesce(day, %s), coalesce(agreement, '{{}}'::jsonb)
FROM ({labels}) AS label (annotation, revision, tile, tile_row, tile_col, part, role, decided_at, licence)
LEFT JOIN unnest(%s::int[], %s::int[], %s::date[]) AS days (tile_row, tile_col, day) USING (tile_row, tile_col)
LEFT JOIN unnest(%s::bigint[], %s::jsonb[]) AS agreed (revision, agreement) USING (revision)
ORDER BY tile_row, tile_col, annotation
"""


def no_fault(_point: str) -> None:
    """Nothing happens between two steps, except in tests."""


@transaction.atomic(durable=True)
def freeze_release(*, release: Release, no_polygons: str = "", faultpoint: Callable[[str], None] = no_fault) -> Release:
    """Fix what a release holds, all of it as of one moment; repeated, it changes nothing.

    Args:   no_polygons: why the map has no polygons, where it has none.
            faultpoint: called with FREEZE_POINT once the labels are written down and the rest is not.
    Raises: NothingToPublish (no accepted label was given under a licence that the release may carry), NoNationalView.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    release = (
        Release.objects.select_for_update(of=("self",))
        .select_related(
            "campaign__layer",
            "campaign__nomenclature",
            "campaign__holdout",
            "trained_model__run__training_set__campaign__layer",
            "trained_model__origin",
            "trained_model__campaign",
        )
        .get(pk=release.pk)
    )
    if release.is_frozen:
        return release
    labels, left_out = freeze_labels(release=release)
    left_out = replace(left_out, patches=freeze_patches(release=release, licence=settings.CONTRIBUTION_LICENCE))
    if not labels:
        raise NothingToPublish(
            f"{release.campaign.slug} has no accepted label that a release under {settings.CONTRIBUTION_LICENCE} may "
            f"carry; {left_out.total} were left out for their licence."
        )
    faultpoint(FREEZE_POINT)
    frozen = _inputs(release, labels=labels, left_out=left_out, no_polygons=no_polygons)
    Release.objects.filter(pk=release.pk).update(frozen=to_json(frozen))
    release.refresh_from_db(fields=["frozen"])
    return release


def frozen_inputs(release: Release) -> Frozen:
    """What was fixed; where its files lie is not part of it.

    Raises: InvalidContents (it was kept by another version of the platform, or was not frozen).
    """
    return from_json(Frozen, release.frozen)


@transaction.atomic
def freeze_labels(*, release: Release) -> tuple[int, LeftOut]:
    """Write down which revisions a release holds: how many, and what is left out for want of a licence."""
    kept, left_out = publishable_labels(release.campaign)
    n_labels = _insert(release, kept)
    people = Annotation.objects.filter(releases__release=release, annotator__contributor__isnull=True)
    for annotation in people.select_related("annotator").distinct("annotator"):
        contributor_of(annotation.annotator)
    return n_labels, left_out


def publishable_labels(campaign: Campaign) -> tuple[AnnotationQuerySet, LeftOut]:
    """The labels that a release begun now would hold, and what it would leave out for want of a licence.

    Every label has an author who gave it under a licence that the release may carry; so has every earlier revision of
    it by somebody else, whose work it goes on from.
    """
    usable = _usable(campaign)
    carried = carried_licences(settings.CONTRIBUTION_LICENCE)
    given = usable.filter(head__licence__in=carried).annotate(built_on_others=_built_on_others(carried))
    kept = given.filter(built_on_others=False)
    refused = usable.exclude(head__licence__in=carried).order_by().values_list("head__licence")
    by_licence = dict(refused.annotate(n=Count("pk")))
    return kept, LeftOut(by_licence=by_licence, built_on_others=given.filter(built_on_others=True).count())


def _usable(campaign: Campaign) -> AnnotationQuerySet:
    return Annotation.objects.usable_as_labels().filter(
        tile__campaign=campaign, tile__role__in=[Tile.Role.POOL, Tile.Role.HOLDOUT]
    )


def _built_on_others(carried: list[str]) -> Exists:
    """Whether somebody else's earlier revision, which the label goes on from, may not be given on."""
    earlier = AnnotationRevision.objects.filter(annotation=OuterRef("pk"), number__lt=OuterRef("head__number"))
    return Exists(earlier.exclude(author=OuterRef("head__author")).exclude(licence__in=carried))


def _insert(release: Release, labels: AnnotationQuerySet) -> int:
    """One statement; a layer whose ground is dated by place gives the days beforehand, of the same snapshot."""
    campaign = release.campaign
    days: dict[tuple[int, int], date | None] = {}
    if campaign.layer.dated_by_ground:
        places = labels.order_by().values_list("tile__row", "tile__col").distinct()
        days = days_of_tiles(campaign, places)
    query = (
        labels.order_by()
        .annotate(whole=Coalesce("tile__whole", "tile"), of_role=F("tile__role"))
        .values_list(
            "pk", "head", "whole", "tile__row", "tile__col", "tile__part", "of_role", "decided_at", "head__licence"
        )
    )
    sql, values = query.query.sql_with_params()
    agreed = _agreement(campaign)
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT.format(labels=sql),
            [
                release.pk, campaign.layer.acquired_on, *values,
                [row for row, _ in days], [col for _, col in days], list(days.values()),
                list(agreed), list(agreed.values()),
            ],
        )  # fmt: skip
        return cursor.rowcount


def _agreement(campaign: Campaign) -> dict[int, str]:
    """By revision that was compared with other people's of its tile: {class: intersection over union}, as JSON."""
    counted = TileAgreement.objects.filter(tile__campaign=campaign).values_list("revision_ids", "pairs")
    found: dict[int, str] = {}
    for revisions, pairs in counted.iterator():
        ious = {code: round(iou, 4) for code, iou in iou_of_pairs(pairs).items()}
        found.update(dict.fromkeys(revisions, json.dumps(ious)))
    return found


def _inputs(release: Release, *, labels: int, left_out: LeftOut, no_polygons: str) -> Frozen:
    campaign, model = release.campaign, release.trained_model
    layer = campaign.layer
    record = model_record(model) if model else None
    tree, national = nomenclature_info(campaign), None
    if record is not None and record.nomenclature_code == tree.code:
        # It has all of today's classes and no other: a version that only names or places them otherwise is its own.
        record = replace(record, nomenclature_version=tree.version)
    if release.view == Release.View.NATIONAL:
        national = national_info(campaign)
        record = record and replace(record, scores=record.national_scores, national_scores=None)
    weights = [record.origin.attribution] if record and record.origin else []
    more = release.notes or campaign.description
    kept = Annotation.objects.filter(releases__release=release)
    before = last_standing(campaign, view=release.view)
    kept_map = frozen_map(model, no_polygons=no_polygons) if model else None
    if national and kept_map:
        kept_map = replace(kept_map, polygons=None, no_polygons=NO_POLYGONS, statistics=NO_AREAS)
    # What is said of change and of usage is said by the theme's own classes, too.
    ground = released_ground(model, licence=settings.CONTRIBUTION_LICENCE) if model and not national else None
    return Frozen(
        title={"fr": release.title, "en": release.title},
        description={
            language: text.format(layer=layer.title, vintage=layer.vintage, more=more).strip()
            for language, text in DESCRIPTION.items()
        },
        published_on=release.created_at,
        licence=settings.CONTRIBUTION_LICENCE,
        attribution="; ".join([layer.attribution, CONTRIBUTORS, *weights, *(ground.sources if ground else ())]),
        campaign=campaign_info(campaign),
        block_tiles=campaign.holdout.block_tiles,
        layer=layer_info(campaign),
        layer_version=layer.version,
        nomenclature=national or tree,
        coarsened=tree if national else None,
        software_version=software_version(),
        code_commit=code_commit(),
        code_url=settings.CODE_URL or None,
        software=writer_versions(),
        labels=labels,
        left_out=left_out,
        model=record,
        model_sha256=model.sha256 if model else "",
        map=kept_map,
        previous=previous_release(before),
        notes=release.texts,
        changes=changes_since_previous(
            campaign=campaign, labels=kept, model=model, before=before, national=national is not None
        ),
        change=() if national else released_change(campaign, licence=settings.CONTRIBUTION_LICENCE),
        ground=ground,
        credited=freeze_credits(release=release, labels=kept),
    )


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
    """The imagery labelled, without the place of its files, which move."""
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
        analysis_path=NOWHERE,
        sha256=layer.analysis_sha256,
    )


def nomenclature_info(campaign: Campaign) -> NomenclatureInfo:
    """The class tree in force, with a raster value for every class that can be in a mask.

    Values are the nomenclature's own; selectable classes that it gives none take the next ones, in its order.
    """
    return _tree_info(campaign.nomenclature)


def national_info(campaign: Campaign) -> NomenclatureInfo:
    """The national tree that the campaign's theme refines, with a value for each class that its labels come to.

    Raises: NoNationalView (it has no theme, or a class of it refines no national one).
    """
    national = campaign.nomenclature.extends
    if national is None:
        raise NoNationalView(
            f"{campaign.slug} labels with {campaign.nomenclature}, which refines no national nomenclature: publish it "
            "as it is."
        )
    theme = nomenclature_info(campaign)
    info = _tree_info(national, also={national_code(code) for code in theme.raster_values})
    try:
        published_values(theme, info)
    except InvalidContents as error:
        raise NoNationalView(f"No national view: {error}.") from error
    return info


def _tree_info(tree: Nomenclature, *, also: Collection[str] = ()) -> NomenclatureInfo:
    items = list(tree.classes.order_by("position"))
    values = {item.code: item.raster_value for item in items if item.raster_value is not None}
    for item in items:
        if (item.selectable or item.code in also) and item.code not in values:
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
        extends=None if tree.extends is None else (tree.extends.code, tree.extends.version),
        names_national=tree.extends is not None,
    )


def frozen_map(model: TrainedModel, *, no_polygons: str) -> FrozenMap | None:
    """The model's own map, if it is ready, and its polygons."""
    prediction = ready_prediction(model)
    if prediction is None:
        return None
    finished = prediction.finished_at or prediction.created_at
    return FrozenMap(
        prediction_id=prediction.pk,
        digests={name: prediction.files[name] for name in MAP_FILES},
        predicted_on=finished.date(),
        core_px=prediction.core_px,
        polygons=frozen_polygons(prediction),
        no_polygons=no_polygons or "they were not there yet when the release was begun",
        statistics=map_statistics(prediction, licence=settings.CONTRIBUTION_LICENCE),
    )


def frozen_polygons(prediction: Prediction) -> FrozenPolygons | None:
    """The polygons of all of a map, if they were made."""
    made = whole_polygons(prediction)
    if made is None:
        return None
    return FrozenPolygons(
        digests={name: file["sha256"] for name, file in made.files.items()},
        rule_code=made.rule,
        rule_version=made.rule_version,
        polygons=made.figures["polygons"],
        figures=made.figures,
    )


def previous_release(earlier: Release | None) -> PreviousRelease | None:
    """The release that this one follows, as its catalogue links to it."""
    if earlier is None:
        return None
    return PreviousRelease(
        version=earlier.version,
        root_href=f"../../{earlier.folder}/files/",
        collections=frozenset(earlier.summary.get("collections", [])),
    )
