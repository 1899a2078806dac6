from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from learning_rows import labelled_campaign, model_row, without_licence
from scenes import TWO_CLASSES, accepted, person, square

from annotation.core.stored_labels import class_index
from annotation.services.nomenclatures import selectable_codes
from annotation.services.people import contributor_of
from learning.errors import NothingToTrain, SuspectBatch
from learning.models import TrainingRun, TrainingSet, TrainingSetItem
from learning.services.labels import label_raster
from learning.services.training_sets import freeze_training_set, newly_accepted, training_set_sha256

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


def dominated(*, first: int, others: int) -> tuple[Any, Any]:
    """`first` tiles by one person and `others` by each of three more, all with the same two squares."""
    scene = labelled_campaign()
    tiles = iter(scene.pool_tiles())
    people = [scene.author, *(person(f"other-{nth}") for nth in range(3))]
    for who, count in zip(people, (first, others, others, others), strict=True):
        for _ in range(count):
            features = [square(GREY, 0, 0, 8), square(GREEN, 8, 0, 8)]
            accepted(scene.campaign, next(tiles), who, scene.reviewer, features)
    return scene, contributor_of(scene.author).public_id


def test_of_what_one_person_made_too_much_of_tiles_are_left_out_and_named_with_the_set() -> None:
    scene, name = dominated(first=8, others=2)
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    # Four people, so one may teach half: 6 tiles by the others, 6 of the first person's 8.
    assert frozen.items.count() == 12 and frozen.items.filter(revision__author=scene.author).count() == 6
    # Without two tiles for the sake of the one class they are not above in the other one either.
    assert len(frozen.left_out["revisions"]) == 2
    assert frozen.left_out["why"] == [{"class_code": GREY, "contributor": name, "share": round(8 / 14, 3), "most": 0.5}]
    assert freeze_training_set(campaign=scene.campaign, actor=None) == frozen, "the same tiles are left out again"
    model_row_of(frozen)
    assert newly_accepted(scene.campaign) == 0, "what was left out calls for no training by itself"


def model_row_of(frozen: TrainingSet) -> None:
    """A model that was judged, of this set."""
    model = model_row(frozen.campaign, state="rejected")
    TrainingRun.objects.filter(pk=model.run_id).update(training_set=frozen)


def test_where_the_cap_does_not_bite_a_set_keeps_the_identity_it_had() -> None:
    scene, _name = dominated(first=3, others=2)
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    assert frozen.left_out == {} and frozen.items.count() == 9
    rows = list(frozen.items.order_by("tile_id").values_list("tile_id", "revision_id", "revision__sha256"))
    assert frozen.sha256 == training_set_sha256(
        campaign=scene.campaign, class_codes=selectable_codes(scene.campaign), items=rows
    )


def test_one_person_who_would_be_most_of_a_set_stops_it_until_somebody_looked() -> None:
    scene, name = dominated(first=17, others=1)
    with pytest.raises(SuspectBatch, match=f"{name} labelled 85 % .* where 50 % is the most .* 14 of 20"):
        freeze_training_set(campaign=scene.campaign, actor=None)
    forced = freeze_training_set(campaign=scene.campaign, actor=None, force=True)
    assert forced.items.count() == 6, "the cap holds all the same"
