"""A query that is compiled once finds what the query itself finds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import scenes
from django.db import connection, connections
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from annotation.compiled import Compiled
from annotation.models import Campaign, Tile


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
