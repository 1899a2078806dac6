from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from learning_rows import labelled_campaign, model_row, without_licence
from scenes import TWO_CLASSES, person, square

from annotation.core.stored_labels import class_index
from annotation.services.nomenclatures import selectable_codes
from learning.errors import NothingToTrain, SuspectBatch
from learning.models import TrainingRun, TrainingSet, TrainingSetItem
from learning.services.labels import label_raster
from learning.services.training_sets import freeze_training_set, newly_accepted

pytestmark = pytest.mark.django_db
GREY, GREEN = TWO_CLASSES


@pytest.mark.parametrize("role", ["holdout", "buffer"])
def test_the_database_itself_refuses_a_tile_kept_from_training(role: str) -> None:
    scene = labelled_campaign(pool=1)
    inside = scene.label(scene.holdout_tiles()[0])
    tile = inside.tile
    if role == "buffer":
        # The role of a row never changes, so a buffer tile is one that was written as such.
        from annotation.services.tiles import materialise_tiles, role_of_tile

        places = [(r, c) for r in range(16) for c in range(16) if role_of_tile(scene.campaign, r, c) == "buffer"]
        tile = next(iter(materialise_tiles(campaign=scene.campaign, places=places[:1]).values()))
    frozen = TrainingSet.objects.create(
        campaign=scene.campaign, number=1, class_codes=[GREY, GREEN], sha256="0" * 64, n_tiles=1
    )
    with pytest.raises(IntegrityError, match="holdout_in_training"), transaction.atomic():
        TrainingSetItem.objects.create(training_set=frozen, tile=tile, revision=inside.head)
    assert not frozen.items.exists()


def test_a_training_set_holds_the_accepted_heads_of_pool_tiles_and_nothing_else() -> None:
    scene = labelled_campaign(pool=3, holdout=2)
    accepted_heads = {annotation.head_id for tile in scene.pool_tiles()[:3] for annotation in tile.annotations.all()}
    frozen = freeze_training_set(campaign=scene.campaign, actor=scene.reviewer)
    assert frozen.number == 1 and frozen.n_tiles == 3
    assert set(frozen.items.values_list("revision_id", flat=True)) == accepted_heads
    assert set(frozen.items.values_list("tile__role", flat=True)) == {"pool"}
    assert frozen.class_codes == selectable_codes(scene.campaign)
    assert {GREY, GREEN} < set(frozen.class_codes), "classes nobody drew yet keep their output channel"


def test_the_same_labels_give_the_same_set_and_new_ones_another() -> None:
    scene = labelled_campaign(pool=2)
    first = freeze_training_set(campaign=scene.campaign, actor=None)
    assert freeze_training_set(campaign=scene.campaign, actor=None) == first
    scene.label(scene.pool_tiles()[2])
    second = freeze_training_set(campaign=scene.campaign, actor=None)
    assert second.number == 2 and second.sha256 != first.sha256 and second.n_tiles == 3


def test_labels_are_new_until_a_judged_model_has_learnt_from_them() -> None:
    scene = labelled_campaign(pool=3)
    assert newly_accepted(scene.campaign) == 3
    first = freeze_training_set(campaign=scene.campaign, actor=None)
    assert newly_accepted(scene.campaign) == 3, "its training may fail"
    model = model_row(scene.campaign)
    TrainingRun.objects.filter(pk=model.run_id).update(training_set=first)
    assert newly_accepted(scene.campaign) == 3, "its evaluation may fail"
    model.state, model.gate = "rejected", {"promote": False, "reason": "not shown to be better", "n_tiles": 12}
    model.save()
    assert newly_accepted(scene.campaign) == 0
    scene.label(scene.pool_tiles()[3])
    assert newly_accepted(scene.campaign) == 1
    freeze_training_set(campaign=scene.campaign, actor=None)
    assert newly_accepted(scene.campaign) == 1


def test_labels_given_without_a_licence_train_nothing() -> None:
    scene = labelled_campaign(pool=3)
    unlicensed = without_licence(scene.pool_tiles()[0].annotations.get())
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    assert frozen.n_tiles == 2 and newly_accepted(scene.campaign) == 2
    assert unlicensed.tile_id not in set(frozen.items.values_list("tile_id", flat=True))


def test_too_few_tiles_or_classes_are_refused_with_the_count() -> None:
    scene = labelled_campaign(pool=1, holdout=3)
    with pytest.raises(NothingToTrain, match=r"1 accepted tile\(s\) outside the hold-out; at least 2"):
        freeze_training_set(campaign=scene.campaign, actor=None)
    alone = labelled_campaign("alone")
    for tile in alone.pool_tiles()[:2]:
        alone.label(tile, GREY)
    with pytest.raises(NothingToTrain, match=r"hold 1 class\(es\) \(CS1"):
        freeze_training_set(campaign=alone.campaign, actor=None)
    assert not TrainingSet.objects.exists()


def test_ten_new_tiles_of_one_class_are_suspect_until_forced() -> None:
    scene = labelled_campaign(pool=2)
    freeze_training_set(campaign=scene.campaign, actor=None)
    for tile in scene.pool_tiles()[2:11]:
        scene.label(tile, GREEN)
    assert freeze_training_set(campaign=scene.campaign, actor=None).n_tiles == 11, "nine may be chance"
    for tile in scene.pool_tiles()[11:21]:
        scene.label(tile, GREEN)
    with pytest.raises(SuspectBatch, match="The 10 tiles accepted since"):
        freeze_training_set(campaign=scene.campaign, actor=None)
    assert freeze_training_set(campaign=scene.campaign, actor=None, force=True).n_tiles == 21


def test_several_people_on_one_tile_are_one_tile_of_the_set() -> None:
    from scenes import accepted

    scene = labelled_campaign(pool=2, redundancy=2)
    second = person("second")
    accepted(scene.campaign, scene.pool_tiles()[0], second, scene.reviewer, [square(GREY, 0, 0, 16)])
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    assert frozen.n_tiles == 2 and frozen.items.count() == 3


def test_stored_features_become_a_raster_by_class_code() -> None:
    values = class_index([GREEN, GREY])
    raster = label_raster([[square(GREY, 0, 0, 2), square(GREEN, 2, 0, 1)]], tile_px=4, values=values)
    assert raster.tolist() == [[2, 2, 1, 0], [2, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
