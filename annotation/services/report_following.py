"""A report follows its tile: drawn anew, corrected once that is accepted, published once a release contains it.

Called where a tile's annotations change and where a release is shown, in the same transaction, so that a report never
says anything that the labels do not (docs/adr/0024).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q

from annotation.models import Annotation, Campaign, PlaceReport, ReportEvent
from annotation.services.report_events import record_event

State, Answer, Kind = PlaceReport.State, PlaceReport.Answer, ReportEvent.Kind


def lock_labels(annotation_ids: Collection[int]) -> None:
    """Lock labels that are about to be decided or written, and with them, where a report of their tile waits, the
    accepted ones that they may come to stand in for: in the order of their ids and before the tile, as everywhere
    (annotation.services.queue).
    """
    tiles = Annotation.objects.filter(pk__in=annotation_ids).values("tile")
    reported = PlaceReport.objects.waiting().filter(tile=OuterRef("tile"), duplicate_of__isnull=True)
    # Also where the tile was not opened again yet: that may be said between this and the tile's lock.
    older = Q(Exists(reported), state=Annotation.State.ACCEPTED, is_extra=False)
    rows = Annotation.objects.select_for_update(of=("self",)).filter(tile__in=tiles)
    list(rows.filter(Q(pk__in=annotation_ids) | older).order_by("pk").values_list("pk", flat=True))


def follow_reports(tile_ids: Sequence[int]) -> None:
    """Bring the reports of tiles up to their annotations. One look at an index where there are none."""
    reports = PlaceReport.objects.select_for_update(of=("self",)).filter(
        tile__in=list(tile_ids), duplicate_of__isnull=True
    )
    # Labels of gold tiles are never published: no new ones correct what a reader of the map sees.
    reports = reports.exclude(tile__golds__isnull=False)
    for report in reports.exclude(state=State.RELEASED).order_by("pk"):
        if report.state == State.ANSWERED:
            _take_up_again_if_undone(report)
        else:
            _follow(report)


def _follow(report: PlaceReport) -> None:
    # Labels drawn before are what it complains of.
    since = Annotation.objects.filter(
        tile=report.tile_id, is_extra=False, head__created_at__gt=complains_since(report)
    ).order_by("decided_at", "pk")
    accepted = since.filter(state=Annotation.State.ACCEPTED).last()
    if accepted is not None:
        close_as_fixed(report, fix=accepted)
    elif report.state != State.DRAWING and since.exists():
        report.state = State.DRAWING
        report.save(update_fields=["state"])
        record_event(report, Kind.DRAWING)


def complains_since(report: PlaceReport) -> datetime:
    """When somebody last said that the place is wrong: as the report was made, or as a person took it up again."""
    again = report.events.filter(kind=Kind.REOPENED).exclude(role=ReportEvent.Role.PLATFORM).last()
    return report.created_at if again is None else again.created_at


def close_as_fixed(report: PlaceReport, *, fix: Annotation, **said: Any) -> None:
    """New labels stand at the reported place; where the tile was accepted before, they take the place of the old.

    The caller has locked both before the tile and the report (lock_labels).

    Args:   said: role, actor and words, where a person says so.
    """
    report.state, report.answer, report.fix = State.ANSWERED, Answer.FIXED, fix
    report.save(update_fields=["state", "answer", "fix"])
    record_event(report, Kind.FIXED, **said)
    if report.reopened:
        older = Annotation.objects.filter(tile=fix.tile_id, state=Annotation.State.ACCEPTED, is_extra=False)
        # One that stood in for a correction which does not count any more is corrected anew.
        uncorrected = Q(superseded_by__isnull=True) | ~Q(superseded_by__state=Annotation.State.ACCEPTED)
        older = older.filter(uncorrected, head__created_at__lt=complains_since(report)).exclude(pk=fix.pk)
        Annotation.objects.filter(pk__in=list(older.values_list("pk", flat=True))).update(superseded_by=fix)


def _take_up_again_if_undone(report: PlaceReport) -> None:
    """What corrected the place is accepted no longer: it waits again."""
    if report.fix is None or report.fix.state == Annotation.State.ACCEPTED:
        return
    report.state, report.answer, report.fix = State.ASSIGNED, "", None
    report.save(update_fields=["state", "answer", "fix"])
    record_event(report, Kind.REOPENED)


def mark_released(*, campaign: Campaign, release: str, revision_ids: Collection[int]) -> int:
    """Say of reports whose fix a published release contains that it does. The second call changes nothing.

    Args:   release: the release's name, as in its page's address. revision_ids: those in its files.
    Returns: how many reports it was new to.
    """
    waiting = PlaceReport.objects.corrected().select_for_update(of=("self",)).filter(campaign=campaign)
    contained = set(revision_ids)
    count = 0
    for report in waiting.select_related("fix").order_by("pk"):
        if report.fix is None or report.fix.head_id not in contained:
            continue
        report.state, report.release = State.RELEASED, release
        report.save(update_fields=["state", "release"])
        record_event(report, Kind.RELEASED, words=release)
        count += 1
    return count
