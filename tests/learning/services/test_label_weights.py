"""Gold never trains, by rule of the database; weights are frozen with a training set and make the same tiles again."""

from __future__ import annotations

import re
import threading
import zlib
from contextlib import suppress
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, connection, connections, transaction
from gold_rows import GREEN, GREY, gold_campaign, halves, hand_in, rectangle
from learning_rows import labelled_campaign
from scenes import accepted, person

from annotation.errors import TileHasTrained
from annotation.models import Annotation, GoldTile
from annotation.services.gold import mark_gold, retire_gold
from annotation.services.people import set_role
from learning.jobs.tiles import training_tiles
from learning.models import Release, TrainingSet, TrainingSetItem
from learning.services.release_freeze import freeze_labels
from learning.services.training_sets import freeze_training_set, newly_accepted, training_set_sha256


@pytest.mark.django_db
def test_gold_tiles_are_left_out_of_a_training_set_and_the_database_refuses_them_there() -> None:
    scene, _maintainer, [gold] = gold_campaign(pool=0, golds=1)
    for tile in scene.pool_tiles()[1:4]:
        scene.label(tile)
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    assert frozen.items.count() == 3 and not frozen.items.filter(tile=gold.tile).exists()
    with pytest.raises(IntegrityError, match="gold_in_training"), transaction.atomic():
        TrainingSetItem.objects.create(training_set=frozen, tile=gold.tile, revision=gold.revision)


@pytest.mark.django_db
def test_gold_labels_are_neither_published_nor_counted_as_news_and_stay_so_when_retired() -> None:
    scene, maintainer, [gold] = gold_campaign(golds=1)
    hand_in(gold.tile, person("ana"), halves())
    scene.label(scene.pool_tiles()[1])
    for when in ("in use", "retired"):
        release = Release.objects.create(
            campaign=scene.campaign, version="1.0.0", folder=f"camp {when}", state="failed"
        )
        freeze_labels(release=release)
        assert set(release.labels.values_list("tile_id", flat=True)) == {scene.pool_tiles()[1].pk}
        assert newly_accepted(scene.campaign) == 1
        retire_gold(gold_id=gold.pk, actor=maintainer)


@pytest.mark.django_db
def test_a_tile_that_has_trained_cannot_become_gold() -> None:
    scene = labelled_campaign(pool=3)
    maintainer = person("maintainer")
    set_role(campaign=scene.campaign, user=maintainer, role="maintainer")
    freeze_training_set(campaign=scene.campaign, actor=None)
    label = Annotation.objects.first()
    assert label is not None
    with pytest.raises(TileHasTrained, match="no model has learnt from"):
        mark_gold(campaign=scene.campaign, annotation_id=label.pk, actor=maintainer)
    with pytest.raises(IntegrityError, match="trained_tile_as_gold"), transaction.atomic():
        GoldTile.objects.create(tile=label.tile, revision=label.head)
    assert not GoldTile.objects.exists()


def mark_and_freeze_at_once() -> list[str]:
    """Two transactions that both have written before either commits; what became of each."""
    scene = labelled_campaign(pool=1)
    label = Annotation.objects.get()
    frozen = TrainingSet.objects.create(
        campaign=scene.campaign, number=1, class_codes=[GREY, GREEN], sha256="0" * 64, n_tiles=1
    )
    both_wrote = threading.Barrier(2, timeout=2)
    outcomes: list[str] = []

    def write(make: Any) -> None:
        try:
            with transaction.atomic():
                make()
                with suppress(threading.BrokenBarrierError):
                    both_wrote.wait()
            outcomes.append("kept")
        except IntegrityError as error:
            outcomes.append(str(error).split(":")[0])
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=write, args=(make,))
        for make in (
            lambda: GoldTile.objects.create(tile=label.tile, revision=label.head),
            lambda: TrainingSetItem.objects.create(training_set=frozen, tile=label.tile, revision=label.head),
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return sorted(outcomes)


@pytest.mark.django_db(transaction=True)
def test_of_a_tile_marked_and_frozen_at_the_same_moment_only_one_happens() -> None:
    outcomes = mark_and_freeze_at_once()
    assert len(outcomes) == 2 and outcomes.count("kept") == 1
    assert set(outcomes) - {"kept"} <= {"gold_in_training", "trained_tile_as_gold"}
    assert GoldTile.objects.count() + TrainingSetItem.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_both_would_happen() -> None:
    rules = import_module("learning.migrations.0005_gold_never_trains").FORWARD
    functions = [
        part.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
        for part in re.findall(r"CREATE FUNCTION .*?END \$\$;", rules, re.DOTALL)
    ]
    unlocked = [re.sub(r"PERFORM [^;]*;", "", part) for part in functions]
    assert len(functions) == 2 and unlocked != functions

    def put(parts: list[str]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("\n".join(parts))

    put(unlocked)
    try:
        assert mark_and_freeze_at_once() == ["kept", "kept"]
    finally:
        put(functions)


@pytest.mark.django_db
def test_a_set_without_gold_outcomes_keeps_the_identity_it_had_and_weights_give_another() -> None:
    scene = labelled_campaign(pool=2)
    items = [(3, 30, "c" * 64), (1, 10, "a" * 64)]
    asked = {"campaign": scene.campaign, "class_codes": [GREY, GREEN], "items": items}
    plain = training_set_sha256(**asked)
    assert training_set_sha256(**asked, weights={}) == plain
    assert training_set_sha256(**asked, weights={30: {}, 10: {}}) == plain
    weighted = training_set_sha256(**asked, weights={30: {GREY: 0.5, GREEN: 1.2}})
    assert weighted != plain
    assert training_set_sha256(**asked, weights={10: {}, 30: {GREEN: 1.2, GREY: 0.5}}) == weighted
    assert training_set_sha256(**asked, weights={30: {GREY: 0.501, GREEN: 1.2}}) != weighted


@pytest.mark.django_db
def test_weights_are_frozen_with_the_set_and_decide_the_merged_labels_whatever_is_learnt_of_people_later() -> None:
    scene, _maintainer, golds = gold_campaign(golds=8, redundancy=2)
    good, poor = person("good"), person("poor")
    for gold in golds[:6]:
        hand_in(gold.tile, good, halves())
        hand_in(gold.tile, poor, halves(GREEN, GREY))
    contested, plain = scene.pool_tiles()[8:10]
    accepted(scene.campaign, contested, good, scene.reviewer, halves())
    accepted(scene.campaign, contested, poor, scene.reviewer, halves(GREEN, GREEN))
    accepted(scene.campaign, plain, scene.author, scene.reviewer, halves())
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    weights = {item.revision.author_id: item.weights for item in frozen.items.select_related("revision")}
    assert weights[good.pk][GREY] > 1 > weights[poor.pk][GREEN]
    assert weights[scene.author.pk] == {}

    def labels_now() -> list[Any]:
        tiles = training_tiles(frozen, on_progress=lambda _share: None)
        return [(one.row, one.col, one.deflated, one.weight) for one in tiles._labels]

    first = labels_now()
    by_place = {(row, col): (deflated, weight) for row, col, deflated, weight in first}
    merged = np.frombuffer(zlib.decompress(by_place[contested.row, contested.col][0]), np.uint8).reshape(64, 64)
    expected = np.where(np.arange(64) < 32, frozen.class_codes.index(GREY) + 1, frozen.class_codes.index(GREEN) + 1)
    assert (merged == expected).all(), "where the two differ, the one who is right on gold decides"
    assert by_place[contested.row, contested.col][1] == 1.0
    for gold in golds[6:]:
        hand_in(gold.tile, poor, halves())
    assert labels_now() == first
    again = freeze_training_set(campaign=scene.campaign, actor=None, force=True)
    assert again.sha256 != frozen.sha256 and again.number == frozen.number + 1


@pytest.mark.django_db
def test_one_persons_tile_weighs_as_much_as_they_are_believed() -> None:
    scene, _maintainer, golds = gold_campaign(golds=6)
    poor, good = person("poor"), person("good")
    for gold in golds:
        hand_in(gold.tile, poor, halves(GREY, GREY))
        hand_in(gold.tile, good, halves())
    first, second = scene.pool_tiles()[6:8]
    accepted(scene.campaign, first, poor, scene.reviewer, halves(GREY, GREY))
    accepted(scene.campaign, second, good, scene.reviewer, halves())
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    believed = frozen.items.get(tile=first).weights[GREY]
    assert 0 < believed < 1
    tiles = training_tiles(frozen, on_progress=lambda _share: None)
    found = {(one.row, one.col): one.weight for one in tiles._labels}
    assert found == {(first.row, first.col): believed, (second.row, second.col): 1.0}


@pytest.mark.django_db
def test_what_one_person_calls_two_classes_weighs_as_much_as_they_are_believed_in_each() -> None:
    scene, _maintainer, golds = gold_campaign(golds=6)
    poor, good = person("poor"), person("good")
    for gold in golds:
        # Of what they call grey half is, of what they call green all is.
        hand_in(gold.tile, poor, [rectangle(GREY, 0, 0, 48, 64), rectangle(GREEN, 48, 0, 16, 64)])
        hand_in(gold.tile, good, halves())
    tile, other = scene.pool_tiles()[6:8]
    accepted(scene.campaign, other, good, scene.reviewer, halves())
    accepted(scene.campaign, tile, poor, scene.reviewer, halves())
    frozen = freeze_training_set(campaign=scene.campaign, actor=None, force=True)
    believed = frozen.items.get(tile=tile).weights
    by_class = [min(1.0, believed[code]) for code in (GREY, GREEN)]
    assert 0 < by_class[0] < by_class[1]
    tiles = training_tiles(frozen, on_progress=lambda _share: None)
    [placed] = [one for one in tiles._labels if (one.row, one.col) == (tile.row, tile.col)]
    _labels, weights = placed.unpacked(64)
    assert np.array_equal(weights, np.broadcast_to(np.repeat(np.float32(by_class), 32), (64, 64)))
