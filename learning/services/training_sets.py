"""Freezing what a model learns from: the accepted revisions of a moment and the polygons people agreed on, never a
hold-out or gold tile.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F, QuerySet, Sum

from annotation.core.label_table import LabelTable
from annotation.models import AnnotatedFeature, Annotation, Campaign, Contributor, Tile, TrustAlarm
from annotation.services.class_guard import hold_classes
from annotation.services.nomenclatures import label_table_of
from annotation.services.reliability import label_weights
from learning.core.shares import Capped, Contribution, cap_shares
from learning.errors import NothingToTrain, SuspectBatch
from learning.models import TrainedModel, TrainingSet, TrainingSetItem, TrainingSetValidation
from learning.querysets import licensed_labels
from learning.services.validations import ValidatedTile, validated_labels

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MIN_TILES = 2
MIN_CLASSES = 2
# Below this many new tiles, ground that holds one class only is chance; above, a mistake or an attack.
SINGLE_CLASS_BATCH = 10
# More than this share of the tiles left out for one person's sake is no cap any more: somebody should look first.
MOST_LEFT_OUT = 0.5
# More than this share of what is new made by people with an open alarm: the same.
MOST_ALARMING = 0.5

Item = tuple[int, int, str]  # tile, revision, the revision's SHA-256
JudgedItem = tuple[int, str]  # tile, the SHA-256 of what people agreed on there
Weights = Mapping[int, Mapping[str, float]]  # by revision, then class code; 1 is left out


@transaction.atomic
def freeze_training_set(*, campaign: Campaign, actor: User | None, force: bool = False) -> TrainingSet:
    """Write down the accepted revisions of the campaign's pool tiles, and the polygons of a model that people agreed
    on there, and what each author's labels weigh (docs/adr/0022); the same content gives the same set.

    Of what one person made too much of a class of, some tiles are left out (learning.core.shares), and named with the
    set; judged polygons are not, since several people stand behind each.

    Class codes are all selectable classes of the nomenclature that no other one refines, in its order, so that models
    of different rounds have the same output channels; labels with a class above them leave open which of these it is.

    Args:   force: skip the look at what was accepted since the last set and by whom, and at whether one person
            dominates it.
    Raises: NothingToTrain (fewer than two labelled tiles or two classes), SuspectBatch, ClassesChanging.
    """
    campaign = Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=campaign.pk)
    hold_classes(campaign)
    labels = _labels(campaign)
    areas = _areas(labels)
    capped = _capped(labels, areas)
    left_out = {key[1] for key in capped.left_out}
    items: list[Item] = [
        (tile, revision, sha256)
        for tile, revision, sha256 in labels.order_by("tile_id", "head_id").values_list(
            "tile_id", "head_id", "head__sha256"
        )
        if revision not in left_out
    ]
    judged = validated_labels(campaign)
    weights = _weights_of(campaign, labels)
    table = label_table_of(campaign)
    codes = list(table.class_codes)
    last = campaign.training_sets.order_by("-number").first()
    _refuse_too_little(campaign, items=items, labels=labels, judged=judged, codes=codes)
    if last is not None and not force:
        _refuse_single_class_batch(labels=labels, judged=judged, last=last)
        _refuse_alarming_batch(campaign, labels=labels, last=last)
    if not force:
        _refuse_one_persons_set(items=items, capped=capped)
    sha256 = training_set_sha256(
        campaign=campaign,
        class_codes=codes,
        items=items,
        judged=[(tile.tile_id, tile.sha256) for tile in judged],
        weights=weights,
        broader=_rows(table),
    )
    if last is not None and last.sha256 == sha256:
        return last
    frozen = TrainingSet.objects.create(
        campaign=campaign,
        number=last.number + 1 if last else 1,
        class_codes=codes,
        broader=_rows(table),
        sha256=sha256,
        n_tiles=_count_tiles(items, judged),
        left_out=_told(capped),
        drawn_m2=_total(areas[revision] for _tile, revision, _sha in items if revision in areas),
        frozen_by=actor,
    )
    TrainingSetItem.objects.bulk_create(
        [
            TrainingSetItem(training_set=frozen, tile_id=tile, revision_id=revision, weights=weights.get(revision, {}))
            for tile, revision, _sha in items
        ],
        batch_size=2_000,
    )
    TrainingSetValidation.objects.bulk_create(
        [
            TrainingSetValidation(
                training_set=frozen, tile_id=tile.tile_id, validation_ids=tile.validation_ids, sha256=tile.sha256
            )
            for tile in judged
        ],
        batch_size=2_000,
    )
    return frozen


def training_set_sha256(
    *,
    campaign: Campaign,
    class_codes: list[str],
    items: list[Item],
    judged: Sequence[JudgedItem] = (),
    weights: Weights | None = None,
    broader: Sequence[Sequence[object]] = (),
) -> str:
    """Identity of a training set: campaign, class codes, the sorted (tile, revision, revision SHA-256), the sorted
    (judged tile, its SHA-256) where there are any, the weights that are not 1 where there are any, and the codes above
    the classes where there are any, so that sets without these keep the identity they had.
    """
    content: dict[str, object] = {"campaign": campaign.slug, "class_codes": class_codes, "items": sorted(items)}
    if judged:
        content["judged"] = sorted(judged)
    heard = {revision: dict(by_class) for revision, by_class in (weights or {}).items() if by_class}
    if heard:
        content["weights"] = sorted((revision, sorted(by_class.items())) for revision, by_class in heard.items())
    if broader:
        content["broader"] = broader
    return hashlib.sha256(json.dumps(content, separators=(",", ":"), sort_keys=True).encode()).hexdigest()


def table_of(training_set: TrainingSet) -> LabelTable:
    """The codes that labels of a set may have, as they were when it was frozen."""
    return LabelTable(tuple(training_set.class_codes), {code: tuple(under) for code, under in training_set.broader})


def _rows(table: LabelTable) -> list[list[object]]:
    """The codes above the classes as a set keeps them, in their order."""
    return [[code, list(under)] for code, under in table.broader.items()]


def newly_accepted(campaign: Campaign) -> int:
    """Accepted pool annotations, and tiles whose polygons people agreed on, that no judged model was made of.

    A set whose training failed, or whose model was never judged, taught nobody anything: its labels still count.
    """
    learnt = _last_learnt(campaign)
    return _not_in(_labels(campaign), learnt).count() + len(_judged_not_in(validated_labels(campaign), learnt))


@dataclass(frozen=True, slots=True)
class NewGround:
    """Square metres by class, and tiles: of the last set that a judged model was made of, and accepted since."""

    learnt: Mapping[str, float]
    learnt_tiles: int
    new: Mapping[str, float]
    new_tiles: int


def ground_accepted_since(campaign: Campaign) -> NewGround | None:
    """What drawn labels hold of each class, before and since; None before the first judged model."""
    learnt = _last_learnt(campaign)
    if learnt is None:
        return None
    news = _not_in(_labels(campaign), learnt)
    return NewGround(
        learnt=learnt.drawn_m2 or {},
        learnt_tiles=learnt.n_tiles,
        new=_total(_areas(news).values()),
        new_tiles=news.values("tile_id").distinct().count(),
    )


def _last_learnt(campaign: Campaign) -> TrainingSet | None:
    trained = TrainedModel.objects.filter(run__isnull=False)
    decided = trained.exclude(state=TrainedModel.State.CANDIDATE).values("run__training_set")
    return campaign.training_sets.filter(pk__in=decided).order_by("-number").first()


def _labels(campaign: Campaign) -> QuerySet[Annotation]:
    return licensed_labels(campaign).filter(tile__role=Tile.Role.POOL)


def _weights_of(campaign: Campaign, labels: QuerySet[Annotation]) -> dict[int, dict[str, float]]:
    """What each label counts by its author's reliability in each class, by revision; only what is not 1."""
    by_person = label_weights(campaign)
    if not by_person:
        return {}
    # Whoever drew what stands: labels that a reviewer corrected weigh by the reviewer.
    authors = labels.filter(head__author__in=by_person).order_by("head_id").values_list("head_id", "head__author_id")
    return {head: by_person[author] for head, author in authors}


def _not_in(labels: QuerySet[Annotation], last: TrainingSet | None) -> QuerySet[Annotation]:
    if last is None:
        return labels
    # What was left out of a set is as known as what is in it: it must not call for a training by itself.
    known = labels.exclude(head_id__in=TrainingSetItem.objects.filter(training_set=last).values("revision_id"))
    return known.exclude(head_id__in=last.left_out.get("revisions", []))


def _judged_not_in(judged: Sequence[ValidatedTile], last: TrainingSet | None) -> list[ValidatedTile]:
    known = set(last.validated.values_list("tile_id", "sha256")) if last else set()
    return [tile for tile in judged if (tile.tile_id, tile.sha256) not in known]


def _areas(labels: QuerySet[Annotation]) -> dict[int, dict[str, float]]:
    """Square metres by class of each label's shapes, by revision."""
    areas: dict[int, dict[str, float]] = {}
    drawn = AnnotatedFeature.objects.filter(revision__in=labels.values("head_id"))
    for revision, code, area in drawn.values_list("revision_id", "class_code").annotate(area=Sum("area_m2")):
        areas.setdefault(revision, {})[code] = area
    return areas


def _total(areas: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for by_class in areas:
        for code, area in by_class.items():
            total[code] = total.get(code, 0.0) + area
    return total


def _capped(labels: QuerySet[Annotation], areas: Mapping[int, Mapping[str, float]]) -> Capped:
    """Which of these labels are left out, by tile and revision, and for whose sake."""
    return cap_shares(
        [
            Contribution(key=(tile, revision), person=author, area=areas.get(revision, {}))
            for tile, revision, author in labels.values_list("tile_id", "head_id", "head__author_id")
            if revision is not None
        ]
    )


def _told(capped: Capped) -> dict[str, object]:
    """What a set remembers of what was left out; empty where nothing was."""
    if not capped.left_out:
        return {}
    names = _public_ids(capped)
    why = [
        {"class_code": one.class_code, "contributor": names[one.person], "share": round(one.share, 3), "most": one.most}
        for one in capped.held_back
    ]
    return {"revisions": sorted(key[1] for key in capped.left_out), "why": why}


def _public_ids(capped: Capped) -> dict[int, str]:
    people = {one.person for one in capped.held_back}
    known = dict(Contributor.objects.filter(user__in=people).values_list("user_id", "public_id"))
    return {person: known.get(person, "somebody") for person in people}


def _count_tiles(items: Sequence[Item], judged: Sequence[ValidatedTile]) -> int:
    """How many tiles there are labels of; quarters of one tile are one."""
    named = {tile for tile, _revision, _sha in items} | {tile.tile_id for tile in judged}
    quarters = dict(Tile.objects.filter(pk__in=named, part__gt=0).values_list("pk", "whole_id"))
    return len({quarters.get(tile, tile) for tile in named})


def _judged_classes(judged: Sequence[ValidatedTile]) -> set[str]:
    return {code for tile in judged for code in tile.class_codes}


def _classes_of(labels: QuerySet[Annotation]) -> set[str]:
    features = AnnotatedFeature.objects.filter(
        revision=F("revision__annotation__head"), revision__annotation__in=labels
    )
    return set(features.values_list("class_code", flat=True).distinct())


def _refuse_too_little(
    campaign: Campaign,
    *,
    items: list[Item],
    labels: QuerySet[Annotation],
    judged: Sequence[ValidatedTile],
    codes: list[str],
) -> None:
    tiles = _count_tiles(items, judged)
    if tiles < MIN_TILES:
        raise NothingToTrain(
            f"{campaign.slug} has {tiles} accepted tile(s) outside the hold-out; "
            f"at least {MIN_TILES} are needed: label and review more tiles."
        )
    found = (_classes_of(labels) | _judged_classes(judged)) & set(codes)
    if len(found) < MIN_CLASSES:
        raise NothingToTrain(
            f"The accepted tiles of {campaign.slug} hold {len(found)} class(es) "
            f"({', '.join(sorted(found)) or 'none'}); at least {MIN_CLASSES} are needed: label another class."
        )


def _refuse_single_class_batch(
    *, labels: QuerySet[Annotation], judged: Sequence[ValidatedTile], last: TrainingSet
) -> None:
    """Look at drawn and at judged tiles apart: one kind must not hide what the other is."""
    drawn = _not_in(labels, last)
    news = _judged_not_in(judged, last)
    batches = [
        (drawn.values("tile_id").distinct().count(), _classes_of(drawn)),
        (len(news), _judged_classes(news)),
    ]
    for tiles, found in batches:
        if tiles >= SINGLE_CLASS_BATCH and len(found) < MIN_CLASSES:
            raise SuspectBatch(
                f"The {tiles} tiles accepted since {last} hold {len(found)} class(es) "
                f"({', '.join(sorted(found)) or 'none'}), where the set before had more: "
                "look at who made them, then start again with force."
            )


def _refuse_alarming_batch(campaign: Campaign, *, labels: QuerySet[Annotation], last: TrainingSet) -> None:
    """What is new and mostly by people of whom somebody should look at the work first."""
    suspects = TrustAlarm.objects.open().filter(campaign=campaign).values("subject")
    news = _not_in(labels, last)
    tiles = news.values("tile_id").distinct().count()
    alarming = news.filter(head__author__in=suspects).values("tile_id").distinct().count()
    if tiles >= SINGLE_CLASS_BATCH and alarming > MOST_ALARMING * tiles:
        raise SuspectBatch(
            f"Of the {tiles} tiles accepted since {last}, {alarming} are by people with an open alarm: decide the "
            "alarms on the page of trust, then start again, or start with force."
        )


def _refuse_one_persons_set(*, items: Sequence[Item], capped: Capped) -> None:
    """Where the cap would leave most out, one person makes the set, or others make them seem to."""
    left_out = len(capped.left_out)
    if left_out <= MOST_LEFT_OUT * (left_out + len(items)):
        return
    names = _public_ids(capped)
    worst = max(capped.held_back, key=lambda one: one.share)
    share, most = f"{100 * worst.share:.0f} %", f"{100 * worst.most:.0f} %"
    raise SuspectBatch(
        f"{names[worst.person]} labelled {share} of {worst.class_code!r}, where {most} is the most that one person may "
        f"teach: {left_out} of {left_out + len(items)} labelled tiles would be left out. Look at who made them, have "
        "others label that class, or start again with force."
    )
