"""Newcomers' work waits until a reviewer accepted their first tiles; levels are earned and lost, and private."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.test import Client
from queue_rows import at_once
from scenes import person
from trust_rows import correct, review, reviewer_of, trusted_state, world

from annotation.errors import NotThere
from annotation.jobs.registry import run_job
from annotation.models import Standing, Tile
from annotation.services import reviews, standing
from annotation.services.jobs import enqueue_job
from annotation.services.people import set_role
from annotation.services.reverts import revert_user, undo_revert
from annotation.services.standing import level_in, standings_of, vouch_for


def test_without_review_a_newcomers_tiles_wait_and_count_once_three_were_accepted(
    db: None, django_capture_on_commit_callbacks: Any
) -> None:
    here = world(review_policy="none")
    ana = person("ana")
    tiles = [here.label(ana, place, verdict="") for place in here.places()[:5]]
    assert {annotation.state for annotation in tiles} == {"submitted"}
    assert trusted_state(here.campaign)["labels"] == []
    for annotation in tiles[:2]:
        review(annotation, here.reviewer)
    assert len(trusted_state(here.campaign)["labels"]) == 2 and level_in(campaign=here.campaign, user=ana) == 0
    with django_capture_on_commit_callbacks(execute=True):
        review(tiles[2], here.reviewer)
    assert len(trusted_state(here.campaign)["labels"]) == 5, "those that waited count with the third one"
    assert {tile.state for tile in Tile.objects.filter(annotations__in=tiles)} == {"accepted"}
    later = here.label(ana, here.places()[6], verdict="")
    assert later.state == "accepted" and later.decided_at is not None
    assert Standing.objects.get(user=ana).accepted == 3, "what nobody looked at earns nothing"


def test_what_is_sent_back_costs_a_level_and_the_next_tiles_wait_again(db: None) -> None:
    here = world(review_policy="none")
    ana = person("ana")
    for place in here.places()[:3]:
        here.label(ana, place)
    sent_back = here.label(ana, here.places()[3], verdict="")
    assert sent_back.state == "accepted"
    waiting = here.label(ana, here.places()[4], verdict="")
    waiting.state, waiting.decided_at = "submitted", None
    waiting.save(update_fields=["state", "decided_at"])
    review(waiting, here.reviewer, "send_back")
    assert level_in(campaign=here.campaign, user=ana) == 0
    assert here.label(ana, here.places()[5], verdict="").state == "submitted"


def test_in_a_campaign_that_reviews_everything_each_accepted_tile_counts_by_itself(db: None) -> None:
    here = world()
    ana = person("ana")
    here.label(ana, here.places()[0])
    assert len(trusted_state(here.campaign)["labels"]) == 1 and level_in(campaign=here.campaign, user=ana) == 0


def test_a_level_is_of_one_campaign_and_roles_are_above_it(db: None) -> None:
    here, there = world("here"), world("there")
    ana = person("ana")
    for place in here.places()[:3]:
        here.label(ana, place)
    assert (level_in(campaign=here.campaign, user=ana), level_in(campaign=there.campaign, user=ana)) == (1, 0)
    set_role(campaign=there.campaign, user=ana, role="reviewer")
    assert level_in(campaign=there.campaign, user=ana) == 2


def test_reviews_by_a_blocked_reviewer_earn_nothing_until_they_are_brought_back(db: None) -> None:
    here = world(review_policy="none")
    ana = person("ana")
    for place in here.places()[:3]:
        here.label(ana, place)
    assert level_in(campaign=here.campaign, user=ana) == 1
    done = revert_user(account=here.reviewer, actor=None, reason="accepts anything")
    assert level_in(campaign=here.campaign, user=ana) == 0 and done.revert is not None
    assert trusted_state(here.campaign)["labels"] == []
    undo_revert(revert_id=done.revert.pk, actor=None, reason="no")
    assert level_in(campaign=here.campaign, user=ana) == 1 and len(trusted_state(here.campaign)["labels"]) == 3


def test_a_maintainer_vouches_for_people_known_elsewhere_and_nobody_else_may(
    db: None, django_capture_on_commit_callbacks: Any
) -> None:
    boss = person("boss")
    here = world(created_by=boss, review_policy="none")
    ana, eve = person("ana"), person("eve")
    waits = here.label(ana, here.places()[0], verdict="")
    with pytest.raises(NotThere):
        vouch_for(campaign=here.campaign, user=eve, level=2, actor=here.reviewer)
    with django_capture_on_commit_callbacks(execute=True):
        assert vouch_for(campaign=here.campaign, user=ana, level=1, actor=boss).level == 1
    waits.refresh_from_db()
    assert waits.state == "accepted"


def test_what_a_process_did_not_live_to_accept_the_job_that_looks_at_the_campaign_accepts(db: None) -> None:
    here = world(review_policy="none")
    ana = person("ana")
    waits = here.label(ana, here.places()[3], verdict="")
    corrected = here.label(ana, here.places()[4], verdict="")
    for place in here.places()[:3]:
        here.label(ana, place)
    other = reviewer_of(here.campaign, "other")
    correct(corrected, other)
    revert_user(account=other, actor=None, reason="corrects what is right")
    job = enqueue_job(kind="look_for_alarms", payload={"campaign": here.campaign.pk}, campaign=here.campaign)
    waits.refresh_from_db()
    assert waits.state == "submitted", "nothing was committed here"
    run_job(str(job.id))
    for annotation in (waits, corrected):
        annotation.refresh_from_db()
    assert waits.state == "accepted" and Tile.objects.get(pk=waits.tile_id).state == "accepted"
    assert corrected.state == "submitted", "another reviewer looks at it"


@pytest.mark.django_db(transaction=True)
def test_two_people_rise_at_once_and_what_waited_of_each_lies_on_the_others_tile(monkeypatch: Any) -> None:
    here = world(review_policy="none", redundancy=2)
    ana, bo, other = person("ana"), person("bo"), reviewer_of(here.campaign, "other")
    first, second = here.places()[8:10]
    third = {who: here.label(who, place, verdict="") for who, place in ((ana, first), (bo, second))}
    waits = [here.label(ana, second, verdict=""), here.label(bo, first, verdict="", at=4)]
    for who, places in ((ana, here.places()[:2]), (bo, here.places()[2:4])):
        for place in places:
            here.label(who, place)
    both, refresh = threading.Barrier(2), standing.refresh_standing

    def meeting(**more: Any) -> None:
        both.wait(30)  # each holds the tile on which the other's labels wait
        refresh(**more)

    monkeypatch.setattr(reviews, "refresh_standing", meeting)
    assert at_once(lambda: review(third[ana], here.reviewer), lambda: review(third[bo], other)) == []
    for annotation in (*third.values(), *waits):
        annotation.refresh_from_db()
        assert annotation.state == "accepted"
    assert {tile.state for tile in Tile.objects.filter(annotations__in=waits)} == {"accepted"}


def test_people_are_told_what_is_missing_and_only_about_themselves(
    db: None, django_assert_max_num_queries: Any
) -> None:
    here = world(review_policy="none")
    ana, eve = person("ana"), person("eve")
    here.label(ana, here.places()[0])
    here.label(ana, here.places()[1], verdict="")
    with django_assert_max_num_queries(4):
        (standing,) = standings_of(ana)
    assert (standing.level, standing.missing, standing.waiting) == (0, 2, 1)
    browser = Client()
    browser.force_login(ana, backend="django.contrib.auth.backends.ModelBackend")
    page = browser.get("/me/").content.decode()
    assert "2 more accepted tiles, and what you hand in counts at once." in page
    assert "1 tile of yours waits for that." in page
    browser.force_login(eve, backend="django.contrib.auth.backends.ModelBackend")
    for path in ("/me/", "/campaigns/camp/", "/api/v1/campaigns/camp/", "/"):
        assert "newcomer" not in browser.get(path).content.decode()
