"""Patches of earlier vintages that a release holds: which, fixed with its labels, and as they are written."""

from __future__ import annotations

from datetime import UTC

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from annotation.models import Campaign, ChangeAnswer, Contributor, Patch
from annotation.services.patch_list import answers_behind
from annotation.services.people import contributor_of
from learning.models import Release, ReleasedPatch
from learning.release.contents import PatchRecord
from learning.release.licences import carried_licences


def patches_to_release(campaign: Campaign) -> QuerySet[Patch]:
    """Standing patches of the campaign's imagery, whoever found them, and those that its own questions came to."""
    of_campaign = Q(layer=campaign.layer) | Q(cell__round__campaign=campaign)
    return Patch.objects.standing().filter(of_campaign).order_by("pk")


def freeze_patches(*, release: Release, licence: str) -> int:
    """Write down which patches a release holds; how many are left out, for their licence is not carried by `licence`.

    Called in the transaction that freezes the release.
    """
    every = patches_to_release(release.campaign)
    kept = list(every.filter(licence__in=carried_licences(licence)))
    answers = answers_behind(kept)
    ReleasedPatch.objects.bulk_create(
        ReleasedPatch(
            release=release,
            patch=patch,
            wrong_code=patch.wrong_code,
            right_code=patch.right_code,
            answer_ids=[answer.pk for answer in answers[patch.pk]],
        )
        for patch in kept
    )
    people = {answer.annotator_id: answer for found in answers.values() for answer in found}
    for answer in people.values():
        contributor_of(answer.annotator)
    return every.count() - len(kept)


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
