"""The pages of figures: a campaign's for its maintainers, and one's own work."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from html_checks import assert_strict
from learning_rows import Labelled, labelled_campaign, maintained, signed_in
from map_rows import evaluation, halves_at, judged_model, map_of, retire
from scenes import TWO_CLASSES, person

from annotation.models import Annotation
from annotation.services.throughput import TileStates
from learning.dashboard_pages import coverage_rows
from learning.services.map_changes import count_map_changes

pytestmark = pytest.mark.django_db

URL = "/campaigns/camp/dashboard/"
BUILT, GRASS = TWO_CLASSES


def learnt(scene: Labelled, labels: list[Any]) -> None:
    """Two models and their maps; the second is new to all labels but the first."""
    first = judged_model(scene.campaign, 1, labels[:1])
    map_of(first, {})
    evaluation(first, 0.70, miou=0.41)
    retire(first)
    second = judged_model(scene.campaign, 2, labels, against=first)
    after = map_of(second, {(one.tile.row, one.tile.col): halves_at(8) for one in labels})
    evaluation(second, 0.75, miou=0.57)
    list(count_map_changes(after))


def test_a_new_campaign_says_what_to_do_where_there_is_nothing_to_show() -> None:
    _scene, maintainer = maintained()
    answer = signed_in(maintainer).get(URL)
    assert_strict(answer)
    page = answer.content.decode()
    for told in (
        "Nothing has been handed in for twelve weeks.",
        "No tile has been compared yet",
        "Train it once some tiles are accepted.",
        "No model has been judged yet",
        "0 tiles of 256 have been handed in.",
    ):
        assert told in page, told
    assert "data-plot" not in page


def test_only_maintainers_find_the_page_and_the_way_to_it() -> None:
    scene, maintainer = maintained(pool=1)
    assert [signed_in(one).get(URL).status_code for one in (scene.author, scene.reviewer, maintainer)] == [
        404,
        404,
        200,
    ]
    ways = [URL in signed_in(one).get("/campaigns/camp/").content.decode() for one in (scene.reviewer, maintainer)]
    assert ways == [False, True]


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ["How it is going", "4 tiles of 256 have been handed in.", "0.57", "0.47 – 0.67", "3 days"]),
        ("fr", ["Où en est la campagne", "4 tuiles sur 256 ont été rendues.", "0,57", "0,47 – 0,67", "3 jours"]),
    ],
)
def test_a_campaign_at_work_shows_its_figures_with_a_table_for_each_plot(language: str, told: list[str]) -> None:
    scene, maintainer = maintained(pool=3)
    labels = list(Annotation.objects.filter(state="accepted").order_by("pk"))
    learnt(scene, labels)
    waiting = scene.label(scene.pool_tiles()[4])
    Annotation.objects.filter(pk=waiting.pk).update(
        state="submitted", decided_at=None, submitted_at=timezone.now() - timedelta(days=3, minutes=1)
    )
    waiting.tile.state = "submitted"
    waiting.tile.save(update_fields=["state"])
    answer = signed_in(maintainer, language).get(URL)
    assert_strict(answer)
    page = answer.content.decode().replace("\xa0", " ")
    for text in told:
        assert text in page, text
    assert page.count("data-plot=") == page.count('class="plot"') == 3
    assert 'data-y="0.57"' in page, "values for the plot are written as numbers, in every language"


def test_the_page_costs_the_same_whatever_has_been_done(django_assert_num_queries: Any) -> None:
    scene, maintainer = maintained(pool=2)
    learnt(scene, list(Annotation.objects.order_by("pk")))
    client = signed_in(maintainer)
    client.get(URL)
    with CaptureQueriesContext(connection) as first:
        client.get(URL)
    assert len(first) <= 22
    for tile in scene.pool_tiles()[2:8]:
        scene.label(tile)
    with django_assert_num_queries(len(first)):
        client.get(URL)


def test_the_parts_of_the_coverage_meet_and_fill_the_bar() -> None:
    scene = labelled_campaign()
    # 64 px of 0.2 m are 12.8 m a side: 163.84 m² a tile.
    rows = coverage_rows(scene.campaign, TileStates(total=300, accepted=100, submitted=50, sent_back=1))
    assert [(row["kind"], row["tiles"], row["bar"], row["width"]) for row in rows] == [
        ("accepted", 100, 0, 333),
        ("submitted", 50, 333, 167),
        ("sent_back", 1, 500, 3),
        ("untouched", 149, 503, 497),
    ]
    assert rows[0]["area_ha"] == pytest.approx(1.6384) and rows[0]["percent"] == pytest.approx(100 / 3)


def test_ones_own_page_says_what_ones_labels_changed_and_nobody_elses_does() -> None:
    scene, maintainer = maintained(pool=3)
    learnt(scene, list(Annotation.objects.order_by("pk")))
    page = signed_in(scene.author).get("/me/").content.decode()
    assert "camp-m2</a> · 2 tiles of yours" in page
    assert "2 moved towards your labels, 0 away, 0 stayed" in page
    assert "50% → 100%" in page and "70% → 75%" in page
    assert "What your labels changed" not in signed_in(maintainer).get("/me/").content.decode(), "nothing drawn yet"
    scene.label(scene.pool_tiles()[5])
    other = person("other")
    Annotation.objects.filter(tile=scene.pool_tiles()[5]).update(annotator=other)
    theirs = signed_in(other).get("/me/").content.decode()
    assert "Nothing yet: once a second map is made" in theirs and "50% → 100%" not in theirs


def test_a_class_that_a_reviewer_did_not_touch_is_not_listed_as_changed() -> None:
    scene, _maintainer = maintained(pool=2)
    assert "Classes that reviewers changed" not in signed_in(scene.author).get("/me/").content.decode()


def test_later_pages_of_ones_work_list_work_alone() -> None:
    scene, _maintainer = maintained(pool=31)
    first, second = (signed_in(scene.author).get(f"/me/?page={number}").content.decode() for number in (1, 2))
    assert "week by week" in first and "What your labels changed" in first
    assert "week by week" not in second and "What your labels changed" not in second
