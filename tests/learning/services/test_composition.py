"""What a training set is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from learning_rows import labelled_campaign
from scenes import TWO_CLASSES, accepted, person, square

from learning.services.composition import composition_of
from learning.services.training_sets import freeze_training_set

pytestmark = pytest.mark.django_db

BUILT, GRASS = TWO_CLASSES
SQUARE_M2 = (8 * 0.2) ** 2  # squares of 8 px of 0.2 m


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    """Ids come again from test to test."""
    cache.clear()
    yield
    cache.clear()


def test_labels_people_and_ground_are_counted_by_class_and_by_how_shapes_came_to_be() -> None:
    scene = labelled_campaign(pool=2)
    third, other = scene.pool_tiles()[2], person("other")
    taken: dict[str, Any] = {**square(GRASS, 0, 0, 16), "provenance": "accepted"}
    accepted(scene.campaign, third, other, scene.reviewer, [taken, square(BUILT, 32, 0, 8)])
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    found = composition_of(frozen)
    assert (found.n_labels, found.n_people, found.n_weighted, found.n_judged, found.n_left_out) == (3, 2, 0, 0, 0)
    # Two tiles with a square of each class, and one with one square and one of four times its ground.
    assert found.drawn_m2 == pytest.approx({BUILT: 3 * SQUARE_M2, GRASS: 6 * SQUARE_M2})
    assert found.provenance_m2 == pytest.approx({"drawn": 5 * SQUARE_M2, "accepted": 4 * SQUARE_M2})


def test_what_is_weighted_or_left_out_is_counted() -> None:
    scene = labelled_campaign(pool=3)
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    frozen.items.filter(pk=frozen.items.first().pk).update(weights={BUILT: 0.5})
    frozen.left_out = {"revisions": [4, 5], "why": []}
    found = composition_of(frozen)
    assert (found.n_weighted, found.n_left_out) == (1, 2)


def test_shapes_are_added_up_once_for_a_set() -> None:
    scene = labelled_campaign(pool=2)
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    first = composition_of(frozen)
    with CaptureQueriesContext(connection) as queries:
        assert composition_of(frozen) == first
    assert not any("annotatedfeature" in query["sql"] for query in queries.captured_queries)
