"""A query that is compiled once finds what the query itself finds."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import scenes
from django.db import connection, connections, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from annotation.compiled import Compiled
from annotation.models import Campaign, Ticket, Tile


def tiles_of(campaign: int, role: str) -> QuerySet[Tile]:
    return Tile.objects.select_related("campaign__layer").filter(campaign=campaign, role=role).order_by("row", "col")


def test_it_finds_the_same_rows_with_what_is_related_to_them_for_each_value(db: None) -> None:
    campaigns = [scenes.campaign("one"), scenes.campaign("two")]
    compiled = Compiled(tiles_of, campaign=int, role=str)
    found: list[list[int]] = []
    for campaign in campaigns:
        with CaptureQueriesContext(connection) as asked:
            rows = compiled.rows(campaign=campaign.pk, role="pool")
            assert {row.campaign.layer.slug for row in rows} == {campaign.layer.slug}
        assert len(asked) == 1
        assert rows == list(tiles_of(campaign.pk, "pool"))
        assert [row.footprint for row in rows] == [row.footprint for row in tiles_of(campaign.pk, "pool")]
        found.append([row.pk for row in rows])
    assert found[0]
    assert found[1]
    assert not set(found[0]) & set(found[1])
    assert compiled.first(campaign=campaigns[1].pk, role="pool") == tiles_of(campaigns[1].pk, "pool").first()
    assert compiled.first(campaign=campaigns[1].pk, role="nothing of the kind") is None


def test_rows_are_read_anew_each_time(db: None) -> None:
    campaign = scenes.campaign()
    compiled = Compiled(lambda slug: Campaign.objects.filter(slug=slug), slug=str)
    assert [row.state for row in compiled.rows(slug=campaign.slug)] == ["open"]
    Campaign.objects.filter(pk=campaign.pk).update(state="closed")
    assert [row.state for row in compiled.rows(slug=campaign.slug)] == ["closed"]


def test_each_thread_asks_over_its_own_connection(transactional_db: None) -> None:
    campaign = scenes.campaign()
    compiled = Compiled(tiles_of, campaign=int, role=str)
    here = compiled.rows(campaign=campaign.pk, role="pool")

    def there(_nth: int) -> tuple[bool, list[Any]]:
        try:
            before = connection.connection is None
            rows = compiled.rows(campaign=campaign.pk, role="pool")
            return before and connection.connection is not None, rows
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(there, 0).result() == (True, here)


def test_a_value_that_the_query_does_not_ask_for_is_refused(db: None) -> None:
    compiled = Compiled(lambda campaign, role: Tile.objects.filter(campaign=campaign), campaign=int, role=str)
    with pytest.raises(ValueError, match="does not ask for role"):
        compiled.rows(campaign=1, role="pool")


@pytest.mark.parametrize(
    "made",
    [
        lambda rank: Q(rank=rank) | Q(rank__lt=rank + 1),
        lambda rank: Q(rank=rank) | Q(rank__in=range(abs(rank) % 3, 5)),
    ],
)
def test_a_query_that_makes_something_of_a_number_is_refused_though_it_asks_for_it_elsewhere(
    db: None, made: Any
) -> None:
    compiled = Compiled(lambda rank: Ticket.objects.filter(made(rank)), rank=int)
    with pytest.raises(ValueError, match="makes something else of its values"):
        compiled.rows(rank=1)


def test_a_query_that_makes_a_pattern_of_a_word_is_refused_though_it_asks_for_it_elsewhere(db: None) -> None:
    words = Compiled(lambda slug: Campaign.objects.filter(Q(slug=slug) | Q(slug__icontains=slug)), slug=str)
    with pytest.raises(ValueError, match="makes something else of its values"):
        words.rows(slug="camp")


def test_a_value_may_be_asked_for_twice_and_beside_others_that_are_near_it(db: None) -> None:
    campaign = scenes.campaign()

    def build(first: int, last: int, name: str) -> QuerySet[Ticket]:
        tickets = Ticket.objects.filter(campaign__slug=name, rank__gte=first, rank__lte=last)
        asked = tickets.filter(Q(slot=0) | Q(rank=last)).filter(Exists(Tile.objects.filter(pk=OuterRef("tile"))))
        return asked.only("rank", "round").distinct().order_by("-rank")[1:4]

    compiled = Compiled(build, first=int, last=int, name=str)
    for first, last in ((0, 9), (3, 30), (7, 7)):
        expected = list(build(first, last, campaign.slug))
        assert compiled.rows(first=first, last=last, name=campaign.slug) == expected
    assert compiled.rows(first=0, last=9, name="elsewhere") == []


def test_values_are_given_by_their_names_and_none_is_null(db: None) -> None:
    compiled = Compiled(tiles_of, campaign=int, role=str)
    for given in ({"campaign": 1}, {"campaign": 1, "role": "pool", "part": 0}, {"campaign": None, "role": "pool"}):
        with pytest.raises(TypeError, match="asks for campaign, role"):
            compiled.rows(**given)


def test_a_query_that_locks_is_refused_outside_a_transaction_each_time(transactional_db: None) -> None:
    campaign = scenes.campaign()
    compiled = Compiled(lambda pk: Campaign.objects.select_for_update(no_key=True).filter(pk=pk), pk=int)
    for _time in range(2):
        with transaction.atomic():
            assert compiled.rows(pk=campaign.pk) == [campaign]
        with pytest.raises(TransactionManagementError):
            compiled.rows(pk=campaign.pk)


def test_the_connection_of_the_thread_that_compiled_it_is_let_go(transactional_db: None) -> None:
    campaign = scenes.campaign()
    compiled = Compiled(tiles_of, campaign=int, role=str)

    def there(_nth: int) -> weakref.ref[Any]:
        compiled.rows(campaign=campaign.pk, role="pool")
        kept = weakref.ref(connections["default"])
        connections.close_all()
        del connections["default"]
        return kept

    with ThreadPoolExecutor(1) as pool:
        kept = pool.submit(there, 0).result()
    gc.collect()
    assert kept() is None
    assert compiled.rows(campaign=campaign.pk, role="pool") == list(tiles_of(campaign.pk, "pool"))
