"""What an hour takes of one person: counted beside the write, whoever else writes at that moment."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone
from scenes import person
from trust_rows import labels, world

from annotation.errors import StaleRevision, TooManyThisHour
from annotation.models import Annotation, HourlyUse, Lease, Standing
from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.clock import database_now
from annotation.services.limits import spend
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.queue_pick import pick_tile
from annotation.services.tiles import materialise_tiles

THREADS = 8


def limit(settings: Any, **given: tuple[int, int, int]) -> None:
    settings.HOURLY_LIMITS = {**settings.HOURLY_LIMITS, **given}


def test_the_limit_follows_the_highest_level_earned_anywhere_and_roles(db: None, settings: Any) -> None:
    limit(settings, save=(1, 2, 3))
    here, there = world("here"), world("there")
    new, known, trusted, boss = (person(name) for name in ("new", "known", "trusted", "boss"))
    Standing.objects.create(campaign=here.campaign, user=known, level=1)
    Standing.objects.create(campaign=here.campaign, user=trusted, level=1)
    Standing.objects.create(campaign=there.campaign, user=trusted, level=2)
    set_role(campaign=there.campaign, user=boss, role="maintainer")
    for who, most in ((new, 1), (known, 2), (trusted, 3), (boss, 3)):
        for _ in range(most):
            spend(user=who, action="save")
        with pytest.raises(TooManyThisHour, match=f"Saves: {most} in this hour, of {most}") as refusal:
            spend(user=who, action="save")
        assert refusal.value.details["limit"] == most


def test_an_hour_begins_with_its_first_write_and_the_refusal_says_when_it_ends(db: None, settings: Any) -> None:
    limit(settings, submit=(2, 2, 2))
    ana, ben = person("ana"), person("ben")
    spend(user=ana, action="submit", amount=2)
    HourlyUse.objects.update(since=timezone.now() - timedelta(minutes=50))
    with pytest.raises(TooManyThisHour, match="begins in 10 min") as refusal:
        spend(user=ana, action="submit")
    assert 590 <= int(str(refusal.value.details["retry_after_s"])) <= 600
    spend(user=ana, action="claim")
    spend(user=ben, action="submit")
    HourlyUse.objects.filter(user=ana).update(since=timezone.now() - timedelta(minutes=61))
    spend(user=ana, action="submit")
    assert HourlyUse.objects.get(user=ana, action="submit").used == 1
    with pytest.raises(TooManyThisHour):
        spend(user=person("eve"), action="submit", amount=3)


def test_what_is_refused_or_rolled_back_is_not_counted(db: None, settings: Any) -> None:
    limit(settings, save=(2, 2, 2))
    here, ana = world(), person("ana")
    row, col = here.places()[0]
    tile = pick_tile(campaign=here.campaign, annotator=ana, row=row, col=col).tile
    with pytest.raises(StaleRevision):
        save_annotation(tile=tile, annotator=ana, features=labels(), operation_id=uuid.uuid4(), expected_version=7)
    operation = uuid.uuid4()
    for _ in range(2):  # sent twice, it is one save
        save_annotation(tile=tile, annotator=ana, features=labels(), operation_id=operation, expected_version=0)
    assert HourlyUse.objects.get(user=ana, action="save").used == 1


def test_asking_in_vain_uses_nothing(db: None, settings: Any) -> None:
    limit(settings, claim=(1, 1, 1))
    here, ana = world(first_round=1, control_share=0.0), person("ana")
    here.campaign.tickets.update(state="void")
    assert [claim_next_tile(campaign=here.campaign, annotator=ana) for _ in range(3)] == [None] * 3
    here.campaign.tickets.update(state="open")
    assert claim_next_tile(campaign=here.campaign, annotator=ana) is not None


def test_one_statement_counts_and_refuses(db: None, django_assert_num_queries: Any) -> None:
    ana = person("ana")
    with django_assert_num_queries(1):
        spend(user=ana, action="save")


def test_the_api_answers_429_with_the_time_to_come_back(db: None, settings: Any) -> None:
    limit(settings, claim=(1, 1, 1))
    here = world()
    browser = Client()
    browser.force_login(person("ana"), backend="django.contrib.auth.backends.ModelBackend")
    (first, second) = here.places()[:2]
    for (row, col), status in ((first, 200), (second, 429)):
        answer = browser.post(
            f"/api/v1/campaigns/{here.campaign.slug}/pick/", {"row": row, "col": col}, content_type="application/json"
        )
        assert answer.status_code == status, answer.content
    assert answer.json()["error"]["code"] == "too_many_this_hour"
    assert 3500 < int(answer["Retry-After"]) <= 3600


def eight_at_once(write: Any) -> tuple[int, int]:
    """How many of eight requests that begin together were let through, and refused."""
    barrier = threading.Barrier(THREADS)
    passed: list[int] = []
    refused: list[int] = []

    def run(number: int) -> None:
        try:
            barrier.wait(timeout=30)
            with transaction.atomic():
                write(number)
            passed.append(number)
        except TooManyThisHour:
            refused.append(number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return len(passed), len(refused)


@pytest.mark.django_db(transaction=True)
def test_eight_submissions_at_once_do_not_pass_the_limit_together(settings: Any) -> None:
    here, ana = world(), person("ana")
    tiles = [pick_and_save(here, ana, place) for place in here.places()[:THREADS]]
    limit(settings, submit=(5, 5, 5))
    assert eight_at_once(
        lambda number: submit_annotation(
            tile=tiles[number], annotator=ana, operation_id=uuid.uuid4(), expected_version=1
        )
    ) == (5, 3)
    assert Annotation.objects.filter(state="submitted").count() == 5
    assert HourlyUse.objects.get(action="submit").used == 5


def pick_and_save(here: Any, who: Any, place: tuple[int, int]) -> Any:
    tile = materialise_tiles(campaign=here.campaign, places=[place])[place]
    Lease.objects.create(tile=tile, annotator=who, granted_at=database_now(), expires_at=database_now())
    save_annotation(tile=tile, annotator=who, features=labels(), operation_id=uuid.uuid4(), expected_version=0)
    return tile


def count_then_insert(ana: Any, barrier: threading.Barrier, most: int) -> None:
    """The fault: what is there is counted first, and nothing keeps others from doing so at the same moment."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT used FROM annotation_hourlyuse WHERE user_id = %s AND action = 'submit'", [ana.pk])
        used = cursor.fetchone()[0]
        barrier.wait(timeout=30)
        if used >= most:
            raise TooManyThisHour("full")
        cursor.execute("UPDATE annotation_hourlyuse SET used = used + 1 WHERE user_id = %s", [ana.pk])


@pytest.mark.django_db(transaction=True)
def test_counting_first_and_writing_then_would_let_all_eight_pass() -> None:
    ana = person("ana")
    spend(user=ana, action="submit")
    barrier = threading.Barrier(THREADS)
    assert eight_at_once(lambda _number: count_then_insert(ana, barrier, 2)) == (THREADS, 0)
    assert HourlyUse.objects.get().used == 1 + THREADS


@pytest.mark.django_db(transaction=True)
def test_eight_people_at_once_do_not_wait_for_each_others_limit(settings: Any) -> None:
    limit(settings, claim=(1, 1, 1))
    people = [person(f"p-{number}") for number in range(THREADS)]
    assert eight_at_once(lambda number: spend(user=people[number], action="claim")) == (THREADS, 0)
