"""Judged polygons as labels: what they need, what freezes them, and what keeps them out."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from learning_rows import labelled_campaign, model_row
from scenes import accepted, person, square
from validation_rows import GREEN, GREY, THIRD, drawing, drawn_campaign, judges

from annotation.models import Validation
from learning.errors import NothingToTrain, SuspectBatch, TrainingSetChanged
from learning.models import TrainingRun, TrainingSet, TrainingSetValidation
from learning.services.training_sets import freeze_training_set, newly_accepted, training_set_sha256
from learning.services.validations import frozen_features, validated_labels

pytestmark = pytest.mark.django_db


def test_in_a_reviewed_campaign_two_people_must_say_the_same_and_elsewhere_one_is_enough() -> None:
    reviewed, open_ = drawn_campaign("reviewed"), drawn_campaign("open", review_policy="none")
    ana, ben = judges(2)
    for scene in (reviewed, open_):
        scene.judge(scene.tiles[0], ana, {"region-1": "agree", "region-2": THIRD, "region-3": "agree"})
    assert validated_labels(reviewed.campaign) == []
    (alone,) = validated_labels(open_.campaign)
    assert [(p.feature_id, p.class_code) for p in alone.polygons] == [
        ("region-1", GREY), ("region-2", THIRD), ("region-3", GREY),
    ]  # fmt: skip
    reviewed.judge(reviewed.tiles[0], ben, {"region-1": "agree", "region-2": "agree", "region-3": "unsure"})
    (together,) = validated_labels(reviewed.campaign)
    assert [(p.feature_id, p.class_code) for p in together.polygons] == [("region-1", GREY)]
    assert together.tile_id == reviewed.tiles[0].pk and len(together.validation_ids) == 2


def test_a_change_of_mind_takes_a_label_away_or_makes_it() -> None:
    scene = drawn_campaign()
    ana, ben = judges(2)
    tile = scene.tiles[0]
    for who in (ana, ben):
        scene.judge(tile, who, {"region-1": "agree", "region-2": "unsure"})
    scene.judge(tile, ben, {"region-1": "disagree", "region-2": "agree"})
    assert validated_labels(scene.campaign) == []
    scene.judge(tile, ana, {"region-2": "agree"})
    assert [p.feature_id for p in validated_labels(scene.campaign)[0].polygons] == ["region-2"]


def test_one_person_who_agrees_with_everything_teaches_a_reviewed_campaign_nothing() -> None:
    scene = drawn_campaign(tiles=12)
    (mallory,) = judges(1)
    for tile in scene.tiles:
        for _again in range(2):  # the same voice twice is one voice
            scene.agree(tile, mallory)
    assert Validation.objects.count() == 72
    assert validated_labels(scene.campaign) == [] and newly_accepted(scene.campaign) == 0
    with pytest.raises(NothingToTrain):
        freeze_training_set(campaign=scene.campaign, actor=None)


def test_a_set_freezes_judged_tiles_with_the_verdicts_that_say_so() -> None:
    scene = drawn_campaign()
    ana, ben = judges(2)
    for tile in scene.tiles[:3]:
        scene.agree(tile, ana)
        scene.agree(tile, ben)
    assert newly_accepted(scene.campaign) == 3
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    assert frozen.n_tiles == 3 and not frozen.items.exists()
    row = frozen.validated.get(tile=scene.tiles[0])
    assert set(row.validation_ids) == set(scene.tiles[0].validations.values_list("pk", flat=True))
    (features,) = frozen_features(row)
    assert [(f["id"], f["class_code"], f["rings"]) for f in features] == [
        (f["id"], f["class_code"], f["rings"]) for f in drawing()
    ]
    assert freeze_training_set(campaign=scene.campaign, actor=None) == frozen
    # Another voice for the same labels is the same set; one against them is another one.
    (eve,) = [person("eve")]
    scene.agree(scene.tiles[0], eve)
    assert freeze_training_set(campaign=scene.campaign, actor=None) == frozen
    scene.judge(scene.tiles[0], eve, {"region-1": "disagree"})
    changed = freeze_training_set(campaign=scene.campaign, actor=None)
    assert changed.sha256 != frozen.sha256 and changed.number == frozen.number + 1
    assert len(frozen_features(row)[0]) == 3, "what was frozen stays"


def test_judged_tiles_are_new_until_a_judged_model_has_learnt_from_them() -> None:
    scene = drawn_campaign(review_policy="none")
    (ana,) = judges(1)
    for tile in scene.tiles[:2]:
        scene.agree(tile, ana)
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    assert newly_accepted(scene.campaign) == 2
    model = model_row(scene.campaign, number=2)
    TrainingRun.objects.filter(pk=model.run_id).update(training_set=frozen)
    model.state, model.gate = "rejected", {"promote": False, "reason": "set by the test"}
    model.save()
    assert newly_accepted(scene.campaign) == 0
    scene.agree(scene.tiles[2], ana)
    assert newly_accepted(scene.campaign) == 1
    scene.judge(scene.tiles[0], ana, {"region-1": THIRD})
    assert newly_accepted(scene.campaign) == 2, "what is said of a tile has changed"


def test_ten_judged_tiles_of_one_class_are_suspect_also_beside_drawn_tiles_of_two() -> None:
    scene = drawn_campaign(tiles=14, review_policy="none")
    (ana,) = judges(1)
    author, reviewer = person("author"), person("reviewer")
    for tile in scene.tiles[:2]:
        scene.agree(tile, ana)
    freeze_training_set(campaign=scene.campaign, actor=None)
    accepted(scene.campaign, scene.tiles[13], author, reviewer, [square(GREY, 0, 0, 8), square(GREEN, 8, 0, 8)])
    for tile in scene.tiles[2:12]:
        scene.judge(tile, ana, {"region-1": "agree"})
    with pytest.raises(SuspectBatch, match="The 10 tiles"):
        freeze_training_set(campaign=scene.campaign, actor=None)


@pytest.mark.parametrize("role", ["holdout", "buffer"])
def test_the_database_itself_refuses_a_judged_tile_kept_from_training(role: str) -> None:
    from annotation.services.tiles import materialise_tiles, role_of_tile

    scene = drawn_campaign(review_policy="none")
    (ana,) = judges(1)
    scene.agree(scene.tiles[0], ana)
    camp = scene.campaign
    places = [(r, c) for r in range(16) for c in range(16) if role_of_tile(camp, r, c) == role]
    kept = next(iter(materialise_tiles(campaign=camp, places=places[:1]).values()))
    frozen = TrainingSet.objects.create(campaign=camp, number=9, class_codes=[GREY], sha256="0" * 64, n_tiles=1)
    ids = list(Validation.objects.values_list("pk", flat=True))
    good = {"training_set": frozen, "sha256": "0" * 64}
    refused = [
        ("holdout_in_training", {"tile": kept, "validation_ids": ids}),
        ("validation_of_other_tile", {"tile": scene.tiles[1], "validation_ids": ids}),
        ("validation_of_other_tile", {"tile": scene.tiles[0], "validation_ids": [*ids, 999_999_999]}),
        ("validation_of_other_tile", {"tile": scene.tiles[0], "validation_ids": []}),
    ]
    for name, values in refused:
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            TrainingSetValidation.objects.create(**good, **values)
    row = TrainingSetValidation.objects.create(**good, tile=scene.tiles[0], validation_ids=ids)
    with pytest.raises(IntegrityError, match="holdout_in_training"), transaction.atomic():
        TrainingSetValidation.objects.filter(pk=row.pk).update(tile=kept)


def test_a_frozen_tile_whose_verdicts_no_longer_say_so_is_refused() -> None:
    scene = drawn_campaign(review_policy="none")
    (ana,) = judges(1)
    for tile in scene.tiles[:2]:
        scene.agree(tile, ana)
    row = freeze_training_set(campaign=scene.campaign, actor=None).validated.first()
    assert row is not None
    TrainingSetValidation.objects.filter(pk=row.pk).update(validation_ids=row.validation_ids[:2])
    row.refresh_from_db()
    with pytest.raises(TrainingSetChanged, match="frozen as"):
        frozen_features(row)


def test_sets_of_drawn_labels_alone_keep_the_identity_they_always_had() -> None:
    scene = labelled_campaign(pool=2)
    golden = "07f58d3a249cbf934f36e7d07d428351b454b11d884e05addab3385f4e350ac6"
    items = [(1, 10, "a" * 64), (2, 11, "b" * 64)]
    assert training_set_sha256(campaign=scene.campaign, class_codes=[GREY, GREEN], items=items) == golden
    assert training_set_sha256(campaign=scene.campaign, class_codes=[GREY, GREEN], items=items, judged=[]) == golden
    with_judged = training_set_sha256(
        campaign=scene.campaign, class_codes=[GREY, GREEN], items=items, judged=[(3, "c" * 64)]
    )
    assert with_judged != golden
    assert not freeze_training_set(campaign=scene.campaign, actor=None).validated.exists()
