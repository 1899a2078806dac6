"""Alarms: what in a campaign's work a maintainer should look at, found by figures and decided by people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import connection, transaction
from django.db.models import F, Max, Q, Sum

from annotation.core import alarms as core
from annotation.core.stored_labels import class_index, label_rasters
from annotation.errors import AlreadyResolved, JobAlreadyRunning, NotAllowed, NotThere, ReasonRequired
from annotation.models import (
    AnnotatedFeature,
    Annotation,
    AnnotationRevision,
    Campaign,
    Contributor,
    GoldOutcome,
    Job,
    LabelComparison,
    Lease,
    Revert,
    Tile,
    TrustAlarm,
)
from annotation.services.annotations import class_codes
from annotation.services.clock import database_now
from annotation.services.jobs import enqueue_job
from annotation.services.reverts import Reverted, revert_user
from annotation.services.standing import count_gold, has_role, refresh_standing

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Kind = TrustAlarm.Kind
JOB_KIND = "look_for_alarms"
COMPARISONS_A_RUN = 5_000
HANDED_IN = [Annotation.State.SUBMITTED, Annotation.State.SENT_BACK, Annotation.State.ACCEPTED]

# Pairs of people's latest labels of a tile that were not compared yet; two who both took the model's draft are no pair.
TO_COMPARE = """
SELECT t.id, LEAST(a.head_id, b.head_id), GREATEST(a.head_id, b.head_id)
FROM annotation_annotation a
JOIN annotation_annotation b ON b.tile_id = a.tile_id AND b.annotator_id > a.annotator_id
JOIN annotation_tile t ON t.id = a.tile_id
JOIN annotation_annotationrevision ra ON ra.id = a.head_id
JOIN annotation_annotationrevision rb ON rb.id = b.head_id
WHERE t.campaign_id = %s AND a.state = ANY(%s) AND b.state = ANY(%s)
  AND ra.author_id = a.annotator_id AND rb.author_id = b.annotator_id  -- not what a reviewer made of them
  AND NOT (ra.draft_model <> '' AND rb.draft_model <> '')
  AND NOT EXISTS (
      SELECT 1 FROM annotation_labelcomparison c
      WHERE c.first_id = LEAST(a.head_id, b.head_id) AND c.second_id = GREATEST(a.head_id, b.head_id)
  )
ORDER BY GREATEST(a.head_id, b.head_id) DESC
LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the figures say of one person."""

    subject: int
    kind: str
    evidence: dict[str, Any]


def enqueue_looks() -> int:
    """Queue a look at each open campaign where work was handed in since the last one; returns how many."""
    looked = dict(
        Job.objects.filter(kind=JOB_KIND, state=Job.State.SUCCEEDED)
        .values_list("campaign")
        .annotate(at=Max("started_at"))
    )
    handed_in = (
        Campaign.objects.open().annotate(last=Max("tiles__annotations__submitted_at")).filter(last__isnull=False)
    )
    count = 0
    for campaign in handed_in:
        if looked.get(campaign.pk) is not None and looked[campaign.pk] >= campaign.last:
            continue
        try:
            enqueue_job(kind=JOB_KIND, payload={"campaign": campaign.pk}, campaign=campaign, key=campaign.slug)
        except JobAlreadyRunning:
            continue
        count += 1
    return count


def compare_labels_of(campaign: Campaign) -> int:
    """Compare the pairs of labels that were not compared yet, newest first; returns how many, at most a run's worth."""
    with connection.cursor() as cursor:
        cursor.execute(TO_COMPARE, [campaign.pk, HANDED_IN, HANDED_IN, COMPARISONS_A_RUN])
        wanted: list[tuple[int, int, int]] = cursor.fetchall()
    values = class_index(sorted(class_codes(campaign)))
    by_tile: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for tile, first, second in wanted:
        by_tile[tile].append((first, second))
    sides = {tile.pk: tile.px for tile in Tile.objects.filter(pk__in=by_tile).select_related("campaign")}
    for tile, pairs in by_tile.items():
        revisions = AnnotationRevision.objects.filter(pk__in={number for pair in pairs for number in pair})
        stored = dict(revisions.values_list("pk", "features"))
        rasters = dict(zip(stored, label_rasters(stored.values(), tile_px=sides[tile], values=values), strict=True))
        rows = [_compared(tile, first, second, rasters) for first, second in pairs]
        LabelComparison.objects.bulk_create(rows, ignore_conflicts=True)
    return len(wanted)


def _compared(tile: int, first: int, second: int, rasters: Mapping[int, Any]) -> LabelComparison:
    one, other = rasters[first], rasters[second]
    n_labelled = int(((one > 0) | (other > 0)).sum())
    classes = np.union1d(np.unique(one[one > 0]), np.unique(other[other > 0])).size
    differing = float((one != other).sum()) / n_labelled if n_labelled else None
    return LabelComparison(tile_id=tile, first_id=first, second_id=second, differing=differing, classes=int(classes))


@transaction.atomic
def raise_alarms(*, campaign: Campaign) -> list[TrustAlarm]:
    """Look at the whole campaign and open an alarm for each thing found; one that is open is brought up to date.

    What was handed in before a maintainer dismissed an alarm is not held against the person again.
    """
    Campaign.objects.select_for_update(no_key=True).only("pk").get(pk=campaign.pk)
    forgiven = _forgiven(campaign)
    opened = []
    for finding in [
        *_copying(campaign, forgiven),
        *_one_class(campaign, forgiven),
        *_too_fast(campaign, forgiven),
        *_failing_gold(campaign, forgiven),
    ]:
        alarm, created = TrustAlarm.objects.get_or_create(
            campaign=campaign,
            subject_id=finding.subject,
            kind=finding.kind,
            resolved_at=None,
            defaults={"evidence": finding.evidence},
        )
        if created:
            opened.append(alarm)
        elif alarm.evidence != finding.evidence:
            alarm.evidence = finding.evidence
            alarm.save(update_fields=["evidence", "updated_at"])
    count_gold(campaign=campaign)
    refresh_standing(campaign=campaign, users=[alarm.subject_id for alarm in opened])
    return opened


Forgiven = Mapping[tuple[int, str], datetime]


def _forgiven(campaign: Campaign) -> dict[tuple[int, str], datetime]:
    dismissed = TrustAlarm.objects.filter(campaign=campaign, resolution=TrustAlarm.Resolution.DISMISSED)
    rows = dismissed.values_list("subject", "kind").annotate(at=Max("resolved_at"))
    return {(subject, kind): at for subject, kind, at in rows}


def _work(campaign: Campaign) -> Any:
    return Annotation.objects.filter(
        tile__campaign=campaign, state__in=HANDED_IN, head__isnull=False, submitted_at__isnull=False
    )


def _alike(campaign: Campaign) -> list[Any]:
    """The campaign's work in lots that compare: on whole tiles, and on parts of them, small and often of one class."""
    return [_work(campaign).of_whole_tiles(), _work(campaign).of_parts()]


def _counts(forgiven: Forgiven, subject: int, kind: str, at: datetime | None) -> bool:
    since = forgiven.get((subject, kind))
    return since is None or (at is not None and at > since)


def _copying(campaign: Campaign, forgiven: Forgiven) -> list[Finding]:
    rows = LabelComparison.objects.filter(
        tile__campaign=campaign,
        differing__isnull=False,
        first=F("first__annotation__head"),
        second=F("second__annotation__head"),
        first__annotation__state__in=HANDED_IN,
        second__annotation__state__in=HANDED_IN,
    ).values_list(
        "tile", "first__author", "second__author", "differing", "classes",
        "first__annotation__submitted_at", "second__annotation__submitted_at",
    )  # fmt: skip
    pairs = []
    later: dict[tuple[int, int], int] = {}  # who of two handed in second, and how often
    for tile, first, second, differing, classes, first_at, second_at in rows:
        if differing is None or not (
            _counts(forgiven, first, Kind.COPY, first_at) and _counts(forgiven, second, Kind.COPY, second_at)
        ):
            continue
        pairs.append(core.LabelPair(tile, first, second, differing, classes))
        if first_at is not None and second_at is not None and differing <= core.NEARLY_EQUAL:
            after, before = (second, first) if second_at > first_at else (first, second)
            later[after, before] = later.get((after, before), 0) + 1
    found = core.find_copying(pairs)
    groups = core.groups_of(found)
    names = _public_ids({person for group in groups for person in group})
    findings = []
    for group in groups:
        for subject in group:
            own = [one for one in found if subject in one.people]
            findings.append(Finding(subject, Kind.COPY, _copy_evidence(subject, group, own, names=names, later=later)))
    return findings


def _copy_evidence(
    subject: int,
    group: Iterable[int],
    own: Iterable[core.Copying],
    *,
    names: Mapping[int, str],
    later: Mapping[tuple[int, int], int],
) -> dict[str, Any]:
    return {
        "group": [names[person] for person in group],
        "with": [
            {
                "contributor": names[other],
                "nearly_equal": one.nearly_equal,
                "tiles": list(one.tiles),
                "handed_in_after_them": later.get((subject, other), 0),
                "chance": round(one.chance, 4),
                "p_value": float(f"{one.p_value:.2g}"),
            }
            for one in own
            for other in one.people
            if other != subject
        ],
    }


def _one_class(campaign: Campaign, forgiven: Forgiven) -> list[Finding]:
    found = {one.person: one for lot in _alike(campaign) for one in core.find_one_class(_areas(lot, forgiven))}
    return [
        Finding(
            one.person,
            Kind.ONE_CLASS,
            {
                "class_code": one.class_code,
                "tiles": one.tiles,
                "filled": one.filled,
                "chance": round(one.chance, 4),
                "p_value": float(f"{one.p_value:.2g}"),
            },
        )
        for one in found.values()
    ]


def _areas(lot: Any, forgiven: Forgiven) -> dict[int, list[dict[str, float]]]:
    """By person, the labelled area of each of their tiles by class."""
    work = {
        head: (annotator, at)
        for head, annotator, at in lot.values_list("head_id", "annotator_id", "submitted_at")
        if _counts(forgiven, annotator, Kind.ONE_CLASS, at)
    }
    areas: dict[int, dict[str, float]] = defaultdict(dict)
    drawn = AnnotatedFeature.objects.filter(revision__in=lot.values("head_id"))
    for revision, code, area in drawn.values_list("revision_id", "class_code").annotate(area=Sum("area_m2")):
        areas[revision][code] = area
    tiles: dict[int, list[dict[str, float]]] = defaultdict(list)
    for revision, (annotator, _at) in work.items():
        tiles[annotator].append(areas.get(revision, {}))
    return tiles


def _too_fast(campaign: Campaign, forgiven: Forgiven) -> list[Finding]:
    """By the database's clock, from the moment the tile was given: what a client says of its time proves nothing."""
    given = {
        (tile, annotator): at
        for tile, annotator, at in Lease.objects.filter(
            tile__campaign=campaign, purpose=Lease.Purpose.DRAW, state=Lease.State.DONE
        ).values_list("tile_id", "annotator_id", "granted_at")
    }
    found: dict[int, core.TooFast] = {}
    for lot in _alike(campaign):
        seconds: dict[int, list[float]] = defaultdict(list)
        for tile, annotator, created, at in lot.values_list("tile_id", "annotator_id", "created_at", "submitted_at"):
            if _counts(forgiven, annotator, Kind.SPEED, at):
                begun = min(created, given.get((tile, annotator), created))
                seconds[annotator].append(max(0.0, (at - begun).total_seconds()))
        found |= {one.person: one for one in core.find_too_fast(seconds)}
    return [
        Finding(
            one.person,
            Kind.SPEED,
            {"tiles": one.tiles, "seconds": round(one.seconds, 1), "others_seconds": round(one.others_seconds, 1)},
        )
        for one in found.values()
    ]


def _failing_gold(campaign: Campaign, forgiven: Forgiven) -> list[Finding]:
    outcomes: dict[int, list[tuple[int, bool]]] = defaultdict(list)
    given = GoldOutcome.objects.filter(gold__tile__campaign=campaign, annotator__is_active=True).that_count()
    for annotator, number, passed, at in given.values_list("annotator_id", "pk", "passed", "created_at"):
        if _counts(forgiven, annotator, Kind.GOLD, at):
            outcomes[annotator].append((number, passed))
    findings = []
    for annotator, found in outcomes.items():
        in_order = [passed for _number, passed in sorted(found)]
        if core.fails_gold(in_order):
            evidence = {"tiles": len(in_order), "failed": len(in_order) - sum(in_order)}
            findings.append(Finding(annotator, Kind.GOLD, evidence))
    return findings


def _public_ids(people: Iterable[int]) -> dict[int, str]:
    wanted = set(people)
    known = dict(Contributor.objects.filter(user__in=wanted).values_list("user_id", "public_id"))
    return {person: known.get(person, "somebody") for person in wanted}


# --- deciding -----------------------------------------------------------------------------------------------


def alarm_for(*, alarm_id: int, actor: User) -> TrustAlarm:
    """An alarm of a campaign that one maintains, about somebody else. Raises: NotThere."""
    found = (
        TrustAlarm.objects.visible_to(actor)
        .select_related("campaign", "subject__contributor", "revert")
        .filter(pk=alarm_id)
        .first()
    )
    if found is None:
        raise NotThere(f"There is no alarm {alarm_id} for you to decide.")
    return found


@transaction.atomic
def dismiss_alarm(*, alarm_id: int, actor: User, note: str) -> TrustAlarm:
    """Say that nothing is wrong, and why. What was handed in until now raises no alarm of this kind again.

    Raises: NotThere, ReasonRequired, AlreadyResolved.
    """
    if not note.strip():
        raise ReasonRequired("Say why nothing is wrong: the next maintainer reads it.")
    return _resolve(alarm_id, actor, TrustAlarm.Resolution.DISMISSED, note=note)


@transaction.atomic
def revert_for_alarm(
    *,
    alarm_id: int,
    actor: User,
    reason: str,
    dry_run: bool,
    look: Callable[[Revert], Any] | None = None,
) -> Reverted:
    """Block the person an alarm is about and set all of their work aside; every open alarm about them is then decided.

    A maintainer may do this to people who hold no role; to others only the operator of the site may.

    Raises: NotThere, ReasonRequired, AlreadyResolved, NotAllowed, NothingToRevert.
    """
    alarm = alarm_for(alarm_id=alarm_id, actor=actor)
    if alarm.resolved_at is not None:
        raise AlreadyResolved(f"This alarm was decided on {alarm.resolved_at:%Y-%m-%d}: {alarm.note or 'no note'}.")
    if not dry_run and not reason.strip():
        raise ReasonRequired("Say why: the reason is kept, and the person is told it.")
    subject = alarm.subject
    if not actor.is_superuser and (subject.is_staff or subject.is_superuser or has_role(subject)):
        raise NotAllowed("This person reviews or maintains a campaign: ask the operator of the site to decide.")
    found = revert_user(account=subject, actor=actor, reason=reason.strip()[:500], dry_run=dry_run, look=look)
    if found.revert is not None:
        TrustAlarm.objects.open().filter(subject=subject).update(
            resolution=TrustAlarm.Resolution.REVERTED,
            resolved_at=database_now(),
            resolved_by=actor,
            note=found.revert.reason,
            revert=found.revert,
        )
    return found


def _resolve(alarm_id: int, actor: User, resolution: str, *, note: str) -> TrustAlarm:
    visible = alarm_for(alarm_id=alarm_id, actor=actor)
    alarm = TrustAlarm.objects.select_for_update(of=("self",)).get(pk=visible.pk)
    if alarm.resolved_at is not None:
        raise AlreadyResolved(f"This alarm was decided on {alarm.resolved_at:%Y-%m-%d}: {alarm.note or 'no note'}.")
    alarm.resolution, alarm.note = resolution, note.strip()[:500]
    alarm.resolved_at, alarm.resolved_by = database_now(), actor
    alarm.save(update_fields=["resolution", "note", "resolved_at", "resolved_by"])
    refresh_standing(campaign=alarm.campaign, users=[alarm.subject_id])
    return alarm


def tiles_named(alarm: TrustAlarm) -> list[Tile]:
    """Tiles to look at: those the evidence names, else the person's latest."""
    named = {tile for one in alarm.evidence.get("with", []) for tile in one.get("tiles", [])}
    tiles = Tile.objects.filter(campaign=alarm.campaign)
    if named:
        return list(tiles.filter(pk__in=named).order_by("pk")[:24])
    own = Q(annotations__annotator=alarm.subject, annotations__submitted_at__isnull=False)
    return list(tiles.filter(own).order_by("-annotations__submitted_at")[:24])
