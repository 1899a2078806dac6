"""What changed between two moments, or two releases: labels as releases hold them, reports, maps.

Labels are told of by releases alone: what is not published does not show. Everything lies in the window from `since`
(not included) to `until` (included), and `until` is never later than the settled moment: whatever is in the window is
final, so that pages read while people work neither skip nor repeat anything (docs/adr/0047).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery

from annotation.models import AnnotatedFeature, Campaign, PlaceReport, ReportEvent, Territory
from annotation.services.clock import settled_moment
from learning.models import Prediction, Release, ReleasedLabel, TrainedModel
from learning.querysets import campaigns_at

LABELS, REPORTS, MAPS = KINDS = ("labels", "reports", "maps")
_Event = ReportEvent.Kind
#: Of what happens to a report, what others may want to act on.
TOLD = {
    _Event.REPORTED: "opened",
    _Event.FIXED: "fixed",
    _Event.NOT_A_FAULT: "closed",
    _Event.DUPLICATE: "closed",
    _Event.CANNOT_TELL: "closed",
    _Event.REOPENED: "reopened",
    _Event.RELEASED: "released",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """A campaign's releases at the window's two ends; None = it had none.

    Args: is_kept: whether both say which labels they hold; those from before that was kept do not.
    """

    campaign: Campaign
    before: Release | None
    after: Release | None
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked for, settled. Args: compared: releases that differ, by campaign."""

    since: datetime
    until: datetime
    kinds: tuple[str, ...]
    compared: tuple[Compared, ...]
    campaign: Campaign | None = None
    territory: Territory | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Args: at: when it happened, or was published. facts: of its kind. place: where a page after it begins.
    """

    kind: str
    what: str
    campaign: str
    at: datetime
    facts: dict[str, Any]
    place: tuple[str, ...]


@dataclass(slots=True)
class _Page:
    left: int
    changes: list[Change] = field(default_factory=list)

    def take(self, found: Iterable[Change]) -> None:
        """Add what there is room for."""
        for change in found:
            self.changes.append(change)
            self.left -= 1


def window_between(
    *,
    since: datetime | Release,
    until: datetime | Release | None,
    kinds: Sequence[str] = KINDS,
    campaign: Campaign | None = None,
    territory: Territory | None = None,
) -> Window:
    """The window between two moments, or two releases of a campaign; without an end, up to the settled moment."""
    settled = settled_moment(margin_s=settings.CHANGES_MARGIN_S)
    start, end = (_moment(each) for each in (since, until or settled))
    compared = _compared(since, until or settled, campaign) if LABELS in kinds else ()
    return Window(
        since=start,
        until=min(end, settled),
        kinds=tuple(kind for kind in KINDS if kind in kinds),
        compared=tuple(compared),
        campaign=campaign,
        territory=territory,
    )


def changes_page(window: Window, *, after: tuple[str, ...] = (), limit: int) -> tuple[list[Change], bool]:
    """The first changes after a place, labels first, then reports, then maps; and whether there are more.

    Args: after: of the last change of the page before; empty: from the beginning.
    """
    page = _Page(left=limit + 1)
    readers = {LABELS: _labels, REPORTS: _reports, MAPS: _maps}
    kinds = window.kinds[window.kinds.index(after[0]) :] if after else window.kinds
    for kind in kinds:
        if page.left > 0:
            page.take(readers[kind](window, after[1:] if after and after[0] == kind else (), page.left))
    return page.changes[:limit], len(page.changes) > limit


def _moment(each: datetime | Release) -> datetime:
    if isinstance(each, datetime):
        return each
    return each.published_at or each.created_at


def _compared(since: datetime | Release, until: datetime | Release, campaign: Campaign | None) -> Iterator[Compared]:
    kept = Exists(ReleasedLabel.objects.filter(release=OuterRef("pk")))
    of = Release.objects.public().select_related("campaign").annotate(is_kept=kept)
    of = of.filter(campaign=campaign) if campaign else of
    ends: list[dict[int, Any]] = []
    for end in (since, until):
        chosen = of.filter(pk=end.pk) if isinstance(end, Release) else _standing_at(of, end)
        ends.append({release.campaign_id: release for release in chosen})
    for pk in sorted(ends[0].keys() | ends[1].keys()):
        before, after = ends[0].get(pk), ends[1].get(pk)
        if before != after:
            both = [release for release in (before, after) if release is not None]
            is_kept = all(getattr(release, "is_kept", False) for release in both)
            yield Compared(both[0].campaign, before, after, is_kept)


def _standing_at(releases: QuerySet[Release], moment: datetime) -> QuerySet[Release]:
    """Each campaign's latest release at a moment, with all of its classes: one withdrawn by then stood no longer."""
    stood = releases.filter(
        Q(yanked_at__isnull=True) | Q(yanked_at__gt=moment), published_at__lte=moment, view=Release.View.OWN
    )
    return stood.order_by("campaign_id", "-published_at", "-pk").distinct("campaign_id")


# --- labels -------------------------------------------------------------------------------------------------


def _labels(window: Window, after: tuple[str, ...], most: int) -> Iterator[Change]:
    first, last_annotation = (int(after[0]), int(after[1])) if after else (0, 0)
    for compared in window.compared:
        if compared.campaign.pk >= first and compared.is_kept and most > 0:
            start = last_annotation if compared.campaign.pk == first else 0
            found = _labels_of(compared, window, start, most)
            yield from found
            most -= len(found)


def _labels_of(compared: Compared, window: Window, after: int, most: int) -> list[Change]:
    """The first labels that differ between two releases of a campaign, by annotation."""
    territory = window.territory
    until = _moment(compared.after) if compared.after is not None else window.until
    rows = [
        *_differing(compared.after, compared.before, territory, after, most),
        *((*row, None) for row in _gone(compared, territory, after, most)),
    ]
    rows = sorted(rows, key=lambda row: int(row[0]))[:most]
    counts = _class_counts({revision for row in rows for revision in row[4:] if revision is not None})
    return [_label_change(compared, row, counts, until) for row in rows]


def _differing(
    release: Release | None, other: Release | None, territory: Territory | None, after: int, most: int
) -> list[tuple[Any, ...]]:
    """Labels of a release that another holds at another revision, or does not hold: (annotation, tile, row, column,
    the other's revision, own revision).
    """
    if release is None:
        return []
    same = ReleasedLabel.objects.filter(release=other, annotation=OuterRef("annotation")).values("revision")[:1]
    labels = ReleasedLabel.objects.filter(release=release, annotation__gt=after)
    labels = labels.annotate(other=Subquery(same)).filter(Q(other__isnull=True) | ~Q(other=F("revision")))
    if territory is not None:
        labels = labels.filter(tile__footprint__intersects=territory.boundary)
    columns = ("annotation_id", "tile_id", "tile_row", "tile_col", "other", "revision_id")
    return list(labels.order_by("annotation_id").values_list(*columns)[:most])


def _gone(compared: Compared, territory: Territory | None, after: int, most: int) -> list[tuple[Any, ...]]:
    """Labels that only the earlier release holds: (annotation, tile, row, column, revision)."""
    if compared.before is None:
        return []
    stays = ReleasedLabel.objects.filter(release=compared.after, annotation=OuterRef("annotation"))
    labels = ReleasedLabel.objects.filter(release=compared.before, annotation__gt=after).exclude(Exists(stays))
    if territory is not None:
        labels = labels.filter(tile__footprint__intersects=territory.boundary)
    columns = ("annotation_id", "tile_id", "tile_row", "tile_col", "revision_id")
    return list(labels.order_by("annotation_id").values_list(*columns)[:most])


def _class_counts(revisions: set[int]) -> dict[int, dict[str, int]]:
    """Polygons of each class, by revision."""
    counted = AnnotatedFeature.objects.filter(revision__in=revisions).values_list("revision", "class_code")
    counts: dict[int, dict[str, int]] = {revision: {} for revision in revisions}
    for revision, code, n in counted.annotate(n=Count("pk")).order_by("revision", "class_code"):
        counts[revision][code] = n
    return counts


def _label_change(compared: Compared, row: tuple[Any, ...], counts: dict[int, dict[str, int]], at: datetime) -> Change:
    annotation, tile, tile_row, tile_col, before, after = row
    facts = {
        "annotation": str(annotation),
        "tile": {"id": str(tile), "row": tile_row, "col": tile_col},
        "before": _side(compared.before, before, counts),
        "after": _side(compared.after, after, counts),
    }
    what = "added" if before is None else "removed" if after is None else "changed"
    place = (LABELS, str(compared.campaign.pk), str(annotation))
    return Change("label", what, compared.campaign.slug, at, facts, place)


def _side(release: Release | None, revision: int | None, counts: dict[int, dict[str, int]]) -> dict[str, Any] | None:
    if release is None or revision is None:
        return None
    return {"release": release.folder, "revision": str(revision), "classes": counts[revision]}


# --- reports and maps ---------------------------------------------------------------------------------------


def _reports(window: Window, after: tuple[str, ...], most: int) -> Iterator[Change]:
    events = ReportEvent.objects.filter(kind__in=list(TOLD)).select_related("report__campaign")
    events = _in_window(events, "created_at", window, after)
    if window.campaign is not None:
        events = events.filter(report__campaign=window.campaign)
    if window.territory is not None:
        there = PlaceReport.objects.filter(place__intersects=window.territory.boundary)
        events = events.filter(report__in=there.values("pk"))
    for event in events.order_by("created_at", "pk")[:most]:
        facts = {"report": event.report.public_id, "event": event.kind}
        yield Change(
            "report", TOLD[_Event(event.kind)], event.report.campaign.slug, event.created_at, facts,
            (REPORTS, event.created_at.isoformat(), str(event.pk)),
        )  # fmt: skip


def _maps(window: Window, after: tuple[str, ...], most: int) -> Iterator[Change]:
    shown = [TrainedModel.State.PROMOTED, TrainedModel.State.RETIRED]
    ready = Prediction.objects.own().filter(state=Prediction.State.READY, model__state__in=shown)
    maps = _in_window(ready.select_related("model__campaign"), "finished_at", window, after)
    if window.campaign is not None:
        maps = maps.filter(model__campaign=window.campaign)
    if window.territory is not None:
        maps = maps.filter(model__campaign__in=campaigns_at(window.territory))
    for made in maps.order_by("finished_at", "pk")[:most]:
        finished = made.finished_at or made.created_at
        facts = {"map": made.pk, "model": made.model.version}
        yield Change(
            "map", "published", made.model.campaign.slug, finished, facts,
            (MAPS, finished.isoformat(), str(made.pk)),
        )  # fmt: skip


def _in_window(rows: QuerySet[Any], column: str, window: Window, after: tuple[str, ...]) -> QuerySet[Any]:
    rows = rows.filter(**{f"{column}__gt": window.since, f"{column}__lte": window.until})
    if not after:
        return rows
    moment, pk = datetime.fromisoformat(after[0]), int(after[1])
    return rows.filter(Q(**{f"{column}__gt": moment}) | Q(**{column: moment}, pk__gt=pk))
