"""Work by week, and what waits."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from learning_rows import labelled_campaign
from scenes import person
from trust_rows import review, world

from annotation.models import Annotation, CampaignWeek, Ticket
from annotation.services.throughput import (
    Week,
    backlog_of,
    campaign_weeks,
    keep_weeks,
    own_weeks,
    tickets_waiting,
    tile_states,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)  # a Wednesday
MONDAY = date(2026, 3, 9)
LAST_MONDAY = date(2026, 3, 2)


def at(annotation: Any, *, handed_in: datetime, decided: datetime | None = None) -> Any:
    """The same work at another time."""
    Annotation.objects.filter(pk=annotation.pk).update(submitted_at=handed_in, decided_at=decided)
    return annotation


def opened_long_ago(camp: Any) -> Any:
    camp.created_at = NOW - timedelta(days=365)
    camp.save(update_fields=["created_at"])
    return camp


def busy() -> tuple[Any, Any, Any]:
    """Two people: one tile of Ana's in the last minute of last week, accepted in the first of this one; two of this
    week, one of each.
    """
    scene = world()
    opened_long_ago(scene.campaign)
    ana, bo = person("ana"), person("bo")
    places = scene.places()
    sunday = datetime(2026, 3, 8, 23, 59, tzinfo=UTC)
    at(scene.label(ana, places[0]), handed_in=sunday, decided=sunday + timedelta(minutes=2))
    at(scene.label(ana, places[1], verdict=""), handed_in=NOW)
    at(scene.label(bo, places[2]), handed_in=NOW, decided=NOW)
    return scene, ana, bo


def test_work_falls_into_the_week_of_its_moment_in_universal_time() -> None:
    scene, _ana, _bo = busy()
    weeks = campaign_weeks(scene.campaign, now=NOW)
    assert len(weeks) == 12 and weeks[0].monday == date(2025, 12, 22)
    assert weeks[-2:] == [
        Week(LAST_MONDAY, handed_in=1, accepted=0, people=1),
        Week(MONDAY, handed_in=2, accepted=2, people=2),
    ]
    assert all(week == Week(week.monday) for week in weeks[:-2])


def test_other_campaigns_and_work_that_was_set_aside_do_not_count() -> None:
    scene, _ana, bo = busy()
    other = world("other")
    at(other.label(bo, other.places()[0]), handed_in=NOW, decided=NOW)
    Annotation.objects.filter(tile__campaign=scene.campaign, annotator=bo).update(state="reverted")
    assert campaign_weeks(scene.campaign, now=NOW)[-1] == Week(MONDAY, handed_in=1, accepted=1, people=1)


def test_weeks_that_are_over_are_counted_once_and_kept() -> None:
    scene, ana, _bo = busy()
    assert keep_weeks(now=NOW) == 11
    assert keep_weeks(now=NOW) == 0
    kept = CampaignWeek.objects.get(campaign=scene.campaign, monday=LAST_MONDAY)
    assert (kept.handed_in, kept.accepted, kept.people) == (1, 0, 1)
    assert not CampaignWeek.objects.filter(monday=MONDAY).exists(), "this week is not over"
    Annotation.objects.filter(annotator=ana).update(state="reverted")
    weeks = campaign_weeks(scene.campaign, now=NOW)
    assert weeks[-2] == Week(LAST_MONDAY, handed_in=1, accepted=0, people=1), "as it was counted"
    assert weeks[-1] == Week(MONDAY, handed_in=1, accepted=1, people=1), "as it is now"


def test_weeks_before_the_campaign_are_neither_counted_nor_kept() -> None:
    scene, _ana, _bo = busy()
    scene.campaign.created_at = datetime(2026, 3, 3, tzinfo=UTC)
    scene.campaign.save(update_fields=["created_at"])
    assert keep_weeks(now=NOW) == 1
    assert [week.handed_in for week in campaign_weeks(scene.campaign, now=NOW)] == [0] * 10 + [1, 2]


def test_a_persons_weeks_hold_what_came_back_and_nobody_elses_work() -> None:
    scene, ana, bo = busy()
    scene.label(ana, scene.places()[3], verdict="send_back")  # today: verdicts keep their moment
    today = own_weeks(ana)[-1]
    assert today == Week(today.monday, handed_in=1, sent_back=1, people=1)
    assert own_weeks(ana, now=NOW)[-2:] == [
        Week(LAST_MONDAY, handed_in=1, people=1),
        Week(MONDAY, handed_in=1, accepted=1, people=1),
    ]
    assert own_weeks(bo, now=NOW)[-1] == Week(MONDAY, handed_in=1, accepted=1, people=1)
    assert own_weeks(person("idle"), now=NOW) == [Week(week.monday) for week in own_weeks(bo, now=NOW)]


def test_the_backlog_says_what_waits_and_since_when() -> None:
    scene, ana, _bo = busy()
    camp = scene.campaign
    oldest = NOW - timedelta(days=3)
    at(scene.label(ana, scene.places()[4], verdict=""), handed_in=oldest)
    tickets = camp.tickets.filter(state="open")
    Ticket.objects.filter(pk=tickets.first().pk).update(state="leased", leased_until=timezone.now())
    found = backlog_of(camp)
    assert (found.waiting, found.oldest) == (2, oldest)
    assert (found.queued, found.in_progress) == (tickets.count(), camp.tickets.filter(state="leased").count())
    assert tickets_waiting(camp) == {"queued": found.queued, "in_progress": found.in_progress}
    waiting = Annotation.objects.filter(tile__campaign=camp, state="submitted")
    for annotation in waiting:
        review(annotation, scene.reviewer)
    assert (backlog_of(camp).waiting, backlog_of(camp).oldest) == (0, None)


def test_every_tile_with_imagery_is_in_one_state() -> None:
    scene = labelled_campaign(pool=3)
    camp = scene.campaign
    [one, other, *_rest] = [tile for tile in scene.pool_tiles() if tile.state == "open"]
    camp.tiles.filter(pk=one.pk).update(state="submitted")
    camp.tiles.filter(pk=other.pk).update(state="sent_back")
    found = tile_states(camp)
    assert (found.total, found.accepted, found.submitted, found.sent_back) == (256, 3, 1, 1)
    assert (found.labelled, found.untouched) == (5, 251)
