"""How much work comes in and is decided, week by week, and what waits: of a campaign, and of one person.

Every figure is bounded: weeks that are over are counted once and kept, waiting work and tickets have indexes of their
own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Min, QuerySet
from django.db.models.functions import TruncWeek
from django.utils import timezone

from annotation.models import Annotation, Campaign, CampaignWeek, Review, Ticket, Tile

if TYPE_CHECKING:
    from django.contrib.auth.models import User

WEEKS = 12
_A_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Week:
    """What happened from one Monday, 0:00 in universal time, to before the next.

    Args:
        handed_in: tiles, each in the week it was handed in last; once for each person where several label a tile.
        accepted: tiles decided that week that are accepted.
        sent_back: verdicts, of one person's weeks only; a tile sent back twice counts twice.
        people: who handed something in.
    """

    monday: date
    handed_in: int = 0
    accepted: int = 0
    sent_back: int = 0
    people: int = 0


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in a campaign.

    Args:
        queued, in_progress: tickets nobody holds, and those someone does.
        waiting: submissions that no reviewer has decided on, the first of them handed in at `oldest`.
    """

    queued: int
    in_progress: int
    waiting: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class TileStates:
    """A campaign's tiles that show imagery, by what people have done there; a tile counts once."""

    total: int
    accepted: int
    submitted: int
    sent_back: int

    @property
    def labelled(self) -> int:
        """Tiles that somebody has handed in."""
        return self.accepted + self.submitted + self.sent_back

    @property
    def untouched(self) -> int:
        """Tiles that nobody has handed in. Gold tiles look like these whoever has labelled them."""
        return max(0, self.total - self.labelled)


def campaign_weeks(campaign: Campaign, *, now: datetime | None = None) -> list[Week]:
    """The campaign's last weeks, oldest first, the present one included.

    Weeks that are over are as `keep_weeks` counted them; only those it has not come to yet are counted here.
    """
    mondays = _mondays(now)
    kept = {
        week.monday: Week(week.monday, handed_in=week.handed_in, accepted=week.accepted, people=week.people)
        for week in campaign.weeks.filter(monday__gte=mondays[0])
    }
    missing = [monday for monday in mondays if monday not in kept and _was_open(campaign, monday)]
    counted = {week.monday: week for week in _count_campaign(campaign, missing)}
    return [kept.get(monday) or counted.get(monday) or Week(monday) for monday in mondays]


def keep_weeks(*, now: datetime | None = None) -> int:
    """Count the weeks that are over in every campaign and keep them; returns how many. A second call finds nothing to
    do.
    """
    *over, _present = _mondays(now)
    made = 0
    for campaign in Campaign.objects.all():
        kept = set(campaign.weeks.filter(monday__gte=over[0]).values_list("monday", flat=True))
        missing = [monday for monday in over if monday not in kept and _was_open(campaign, monday)]
        rows = [
            CampaignWeek(
                campaign=campaign,
                monday=week.monday,
                handed_in=week.handed_in,
                accepted=week.accepted,
                people=week.people,
            )
            for week in _count_campaign(campaign, missing)
        ]
        made += len(CampaignWeek.objects.bulk_create(rows, ignore_conflicts=True))
    return made


def own_weeks(user: User, *, now: datetime | None = None) -> list[Week]:
    """One person's last weeks, oldest first, the present one included; `people` says nothing there."""
    mondays = _mondays(now)
    since = _midnight(mondays[0])
    verdicts = Review.objects.filter(author=user, created_at__gte=since, verdict=Review.Verdict.SEND_BACK)
    work = Annotation.objects.of(user).exclude(state=Annotation.State.REVERTED)
    return _weeks(
        mondays,
        _handed_in(work, since),
        _accepted(work, since),
        _by_week(verdicts, "created_at", sent_back=Count("pk")),
    )


def backlog_of(campaign: Campaign) -> Backlog:
    """What waits in a campaign now."""
    waiting = Annotation.objects.filter(tile__campaign=campaign, state=Annotation.State.SUBMITTED).aggregate(
        count=Count("pk"), oldest=Min("submitted_at")
    )
    return Backlog(waiting=waiting["count"], oldest=waiting["oldest"], **tickets_waiting(campaign))


def tickets_waiting(campaign: Campaign) -> dict[str, int]:
    """Tickets nobody holds (`queued`) and those someone does (`in_progress`): each has an index of its own."""
    return {
        "queued": campaign.tickets.filter(state=Ticket.State.OPEN).count(),
        "in_progress": campaign.tickets.filter(state=Ticket.State.LEASED).count(),
    }


def tile_states(campaign: Campaign) -> TileStates:
    """How far the campaign's ground is labelled."""
    worked_on = campaign.tiles.filter(part=0).exclude(state=Tile.State.OPEN)  # a split tile is what its quarters are
    counts = dict(worked_on.values_list("state").annotate(n=Count("pk")).order_by())
    return TileStates(
        total=campaign.n_usable,
        accepted=counts.get(Tile.State.ACCEPTED, 0),
        submitted=counts.get(Tile.State.SUBMITTED, 0),
        sent_back=counts.get(Tile.State.SENT_BACK, 0),
    )


def _mondays(now: datetime | None) -> list[date]:
    today = (now or timezone.now()).astimezone(UTC).date()
    present = today - timedelta(days=today.weekday())
    return [present - number * _A_WEEK for number in reversed(range(WEEKS))]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _was_open(campaign: Campaign, monday: date) -> bool:
    """Whether the campaign was there before the week ended."""
    return campaign.created_at < _midnight(monday + _A_WEEK)


def _count_campaign(campaign: Campaign, mondays: list[date]) -> list[Week]:
    if not mondays:
        return []
    work = Annotation.objects.filter(tile__campaign=campaign).exclude(state=Annotation.State.REVERTED)
    since = _midnight(mondays[0])
    return _weeks(mondays, _handed_in(work, since), _accepted(work, since))


Counts = dict[date, dict[str, int]]


def _handed_in(work: QuerySet[Annotation], since: datetime) -> Counts:
    rows = work.filter(submitted_at__gte=since)
    return _by_week(rows, "submitted_at", handed_in=Count("pk"), people=Count("annotator", distinct=True))


def _accepted(work: QuerySet[Annotation], since: datetime) -> Counts:
    rows = work.filter(decided_at__gte=since, state=Annotation.State.ACCEPTED)
    return _by_week(rows, "decided_at", accepted=Count("pk"))


def _by_week(rows: QuerySet[Any], moment: str, **counts: Count) -> Counts:
    found = rows.annotate(week=TruncWeek(moment, tzinfo=UTC)).order_by().values("week").annotate(**counts)
    return {row["week"].date(): {name: row[name] for name in counts} for row in found}


def _weeks(mondays: list[date], *counts: Counts) -> list[Week]:
    return [
        Week(monday, **{name: n for found in counts for name, n in found.get(monday, {}).items()}) for monday in mondays
    ]
