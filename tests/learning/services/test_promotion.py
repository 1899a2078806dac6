from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from learning_rows import confusions, labelled_campaign, model_row, without_licence
from scenes import TWO_CLASSES

from learning.errors import CannotRollBack, NotEvaluated
from learning.services.holdout import holdout_reference
from learning.services.promotion import (
    can_now_be_judged,
    promote_or_reject,
    published_model,
    record_evaluation,
    roll_back_model,
)

pytestmark = pytest.mark.django_db
CODES = list(TWO_CLASSES)


def test_a_worse_model_is_not_promoted_and_an_equal_one_is() -> None:
    scene = labelled_campaign(pool=2, holdout=12)
    reference = holdout_reference(scene.campaign)
    published = model_row(scene.campaign, state="promoted")
    worse, equal = (model_row(scene.campaign, number=n) for n in (2, 3))
    shared = confusions(reference, 0.9)
    record_evaluation(model=published, reference=reference, confusions=shared, class_codes=CODES)
    record_evaluation(model=worse, reference=reference, confusions=confusions(reference, 0.85), class_codes=CODES)
    record_evaluation(model=equal, reference=reference, confusions=shared, class_codes=CODES)

    decided = promote_or_reject(candidate=worse, reference=reference)
    assert decided.state == "rejected" and decided.gate["low"] < -0.005
    assert decided.gate["against"] == published.version
    assert decided.gate["holdout_sha256"] == reference.sha256
    assert published_model(scene.campaign) == published

    decided = promote_or_reject(candidate=equal, reference=reference)
    assert decided.state == "promoted" and decided.gate["delta"] == 0
    published.refresh_from_db()
    assert published.state == "retired" and published_model(scene.campaign) == equal


def test_a_decision_is_taken_once() -> None:
    scene = labelled_campaign(pool=2, holdout=12)
    reference = holdout_reference(scene.campaign)
    model = model_row(scene.campaign)
    record_evaluation(model=model, reference=reference, confusions=confusions(reference, 0.9), class_codes=CODES)
    first = promote_or_reject(candidate=model, reference=reference)
    again = promote_or_reject(candidate=model, reference=reference)
    assert first.state == again.state == "promoted" and first.decided_at == again.decided_at


def test_without_a_labelled_control_tile_a_first_model_is_not_published() -> None:
    scene = labelled_campaign(pool=2)
    decided = promote_or_reject(candidate=model_row(scene.campaign), reference=holdout_reference(scene.campaign))
    assert decided.state == "rejected" and "Label control tiles" in decided.gate["reason"]


def test_a_model_is_not_published_on_nine_control_tiles_and_the_reason_says_how_many_are_needed() -> None:
    scene = labelled_campaign(pool=2, holdout=9)
    reference = holdout_reference(scene.campaign)
    model = model_row(scene.campaign)
    record_evaluation(model=model, reference=reference, confusions=confusions(reference, 0.99), class_codes=CODES)
    decided = promote_or_reject(candidate=model, reference=reference)
    assert decided.state == "rejected" and decided.gate["n_tiles"] == 9
    assert "9 labelled, 10 needed. Label at least 1 more." in decided.gate["reason"]
    assert not can_now_be_judged(decided, reference)
    scene.label(scene.holdout_tiles()[9])
    assert can_now_be_judged(decided, holdout_reference(scene.campaign))


def test_a_hold_out_that_is_too_small_in_all_publishes_nothing_and_says_what_to_do() -> None:
    scene = labelled_campaign(pool=2, holdout_share=0.03)
    assert scene.campaign.holdout.n_tiles == 8
    for tile in scene.holdout_tiles():
        scene.label(tile)
    reference = holdout_reference(scene.campaign)
    model = model_row(scene.campaign)
    record_evaluation(model=model, reference=reference, confusions=confusions(reference, 0.99), class_codes=CODES)
    decided = promote_or_reject(candidate=model, reference=reference)
    assert decided.state == "rejected"
    assert "has 8 tiles in all, and 10 are needed" in decided.gate["reason"]
    assert "a larger --holdout-share" in decided.gate["reason"]


def test_labels_given_without_a_licence_judge_no_model() -> None:
    scene = labelled_campaign(pool=2, holdout=2)
    assert len(holdout_reference(scene.campaign).tiles) == 2
    without_licence(scene.holdout_tiles()[0].annotations.get())
    assert [tile.tile_id for tile in holdout_reference(scene.campaign).tiles] == [scene.holdout_tiles()[1].pk]


def test_a_model_without_figures_on_this_reference_is_not_judged() -> None:
    scene = labelled_campaign(pool=2, holdout=3)
    model = model_row(scene.campaign)
    with pytest.raises(NotEvaluated, match="camp-m1"):
        promote_or_reject(candidate=model, reference=holdout_reference(scene.campaign))
    model.refresh_from_db()
    assert model.state == "candidate"


def test_the_reference_changes_when_another_control_tile_is_accepted() -> None:
    scene = labelled_campaign(pool=2, holdout=3)
    before = holdout_reference(scene.campaign)
    assert [tile.tile_id for tile in before.tiles] == [tile.pk for tile in scene.holdout_tiles()[:3]]
    scene.label(scene.holdout_tiles()[3])
    assert holdout_reference(scene.campaign).sha256 != before.sha256


def test_figures_of_an_evaluation_are_those_worked_out_by_hand() -> None:
    import numpy as np

    scene = labelled_campaign(pool=2, holdout=1)
    reference = holdout_reference(scene.campaign)
    matrix = np.array([[6, 2], [1, 3]])  # IoU 6 / 9 and 3 / 6, nine of twelve pixels right
    figures = record_evaluation(
        model=model_row(scene.campaign), reference=reference,
        confusions={reference.tiles[0].tile_id: matrix}, class_codes=CODES,
    )  # fmt: skip
    assert figures.miou == pytest.approx((6 / 9 + 3 / 6) / 2)
    assert figures.overall_accuracy == pytest.approx(9 / 12)
    assert figures.per_class[CODES[0]]["support_px"] == 8
    assert figures.confusion == [[6, 2], [1, 3]]


def test_the_database_holds_one_published_model_a_campaign() -> None:
    scene = labelled_campaign()
    model_row(scene.campaign, state="promoted")
    with pytest.raises(IntegrityError, match="trained_model_one_promoted"), transaction.atomic():
        model_row(scene.campaign, state="promoted", number=2)


def test_rolling_back_publishes_the_earlier_model_and_says_so() -> None:
    scene = labelled_campaign()
    earlier = model_row(scene.campaign, state="retired")
    present = model_row(scene.campaign, state="promoted", number=2)
    restored = roll_back_model(campaign=scene.campaign, to_model=earlier, actor=scene.reviewer)
    present.refresh_from_db()
    assert restored.state == "promoted" and present.state == "retired"
    assert restored.gate["restored_from"] == present.version
    assert present.gate["rolled_back_to"] == earlier.version


@pytest.mark.parametrize("state", ["promoted", "rejected", "candidate"])
def test_only_a_model_that_was_published_before_can_be_restored(state: str) -> None:
    scene = labelled_campaign()
    model = model_row(scene.campaign, state=state)
    with pytest.raises(CannotRollBack, match="there is none"):
        roll_back_model(campaign=scene.campaign, to_model=model, actor=None)
