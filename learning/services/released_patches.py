"""Patches of earlier vintages that a release holds: which, fixed with its labels, and as they are written."""

from __future__ import annotations

from datetime import UTC

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet

from annotation.models import Campaign, ChangeAnswer, Contributor, Patch, Tile
from annotation.services.class_lineage import lineage_of
from annotation.services.patch_list import answers_behind
from annotation.services.people import contributor_of
from learning.models import Release, ReleasedPatch
from learning.release.contents import PatchRecord
from learning.release.licences import carried_licences


def patches_to_release(campaign: Campaign) -> QuerySet[Patch]:
    """Standing patches of the campaign's imagery, whoever found them, and those that its own questions came to.

    Those on ground that is gold, or was, in a campaign on the corrected imagery or in the one that asked are left out:
    they would give the answers away.
    """
    of_campaign = Q(layer=campaign.layer) | Q(cell__round__campaign=campaign)
    on_gold = Tile.objects.filter(
        campaign__layer=OuterRef("layer"), golds__isnull=False, footprint__intersects=OuterRef("footprint")
    )
    standing = Patch.objects.standing().filter(of_campaign, cell__tile__golds__isnull=True)
    return standing.exclude(Exists(on_gold)).order_by("pk")


def freeze_patches(*, release: Release, licence: str) -> int:
    """Write down which patches a release holds, in today's classes; how many are left out, since their licence, or that
    of an answer or a ruling that they rest on, is not carried by `licence`.

    Called in the transaction that freezes the release.
    """
    every = list(patches_to_release(release.campaign).select_related("review", "cell__round__campaign"))
    answers, carried = answers_behind(every), set(carried_licences(licence))
    kept = [
        patch
        for patch in every
        if carried.issuperset(
            {patch.licence, *(answer.licence for answer in answers[patch.pk])}
            | ({patch.review.licence} if patch.review else set())
        )
    ]
    lineages = {campaign: lineage_of(campaign) for campaign in {patch.cell.round.campaign for patch in kept}}
    for patch in kept:
        now = lineages[patch.cell.round.campaign].now
        wrong, right = now(patch.wrong_code), now(patch.right_code)
        if wrong == right:  # merged since: nothing is wrong any more
            continue
        ReleasedPatch.objects.create(
            release=release, patch=patch, wrong_code=wrong, right_code=right,
            answer_ids=[answer.pk for answer in answers[patch.pk]],
        )  # fmt: skip
        for answer in answers[patch.pk]:
            contributor_of(answer.annotator)
    return len(every) - len(kept)


def patch_records(release: Release) -> tuple[PatchRecord, ...]:
    """The patches that were frozen, by id."""
    rows = list(
        release.patches.order_by("patch_id").select_related(
            "patch__layer", "patch__cell__round__campaign", "patch__cell__round__pair__second"
        )
    )
    people = _public_ids(rows)
    return tuple(
        PatchRecord(
            patch_id=row.patch_id,
            layer=row.patch.layer.slug,
            vintage=row.patch.layer.vintage,
            compared_with=row.patch.cell.round.pair.second.vintage,
            wrong_code=row.wrong_code,
            right_code=row.right_code,
            campaign=row.patch.cell.round.campaign.slug,
            contributors=tuple(sorted({people[pk] for pk in row.answer_ids})),
            reviewed=row.patch.review_id is not None,
            decided_on=row.patch.made_at.astimezone(UTC).date(),
            area_m2=row.patch.area_m2,
            licence=row.patch.licence,
            geometry=bytes(row.patch.geometry.wkb),
        )
        for row in rows
    )


def names_behind_patches(release: Release) -> frozenset[str]:
    """Account names and addresses of the people whose answers made the patches: what no file may hold."""
    pks = [pk for ids in release.patches.values_list("answer_ids", flat=True) for pk in ids]
    authors = ChangeAnswer.objects.filter(pk__in=pks).order_by().values("annotator")
    people = get_user_model().objects.filter(pk__in=authors)
    return frozenset(word for pair in people.values_list("username", "email") for word in pair if word)


def _public_ids(rows: list[ReleasedPatch]) -> dict[int, str]:
    """Random contributor id by answer: all that a release says of a person."""
    pks = [pk for row in rows for pk in row.answer_ids]
    by_answer = dict(ChangeAnswer.objects.filter(pk__in=pks).values_list("pk", "annotator"))
    ids = dict(Contributor.objects.filter(user__in=set(by_answer.values())).values_list("user_id", "public_id"))
    return {pk: ids[person] for pk, person in by_answer.items()}
