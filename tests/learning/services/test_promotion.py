from __future__ import annotations

from functools import partial

import pytest
from django.db import IntegrityError, transaction
from learning_rows import Labelled, confusions, labelled_campaign, model_row, with_weights, without_licence
from queue_rows import at_once
from scenes import TWO_CLASSES

from annotation.models import Campaign, Job
from learning.errors import CannotJudge, NotEvaluated
from learning.models import RetrainingPolicy, TrainedModel
from learning.services import promotion
from learning.services.evaluations import record_evaluation
from learning.services.holdout import holdout_reference
from learning.services.promotion import can_now_be_judged, promote_or_reject, published_model, start_judging

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
    assert (decided.state, decided.outcome) == ("rejected", "reject") and decided.gate["high"] < 0
    assert decided.gate["reasons"][0]["code"] == "shown_worse"
    assert decided.gate["against"] == published.version
    assert decided.gate["holdout_sha256"] == reference.sha256
    assert published_model(scene.campaign) == published

    decided = promote_or_reject(candidate=equal, reference=reference)
    assert (decided.state, decided.outcome) == ("promoted", "promote") and decided.gate["delta"] == 0
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
    assert (decided.state, decided.outcome) == ("held", "hold") and "Label control tiles" in decided.gate["reason"]


def test_a_model_is_not_published_on_nine_control_tiles_and_the_reason_says_how_many_are_needed() -> None:
    scene = labelled_campaign(pool=2, holdout=9)
    reference = holdout_reference(scene.campaign)
    model = model_row(scene.campaign)
    record_evaluation(model=model, reference=reference, confusions=confusions(reference, 0.99), class_codes=CODES)
    decided = promote_or_reject(candidate=model, reference=reference)
    assert (decided.state, decided.outcome) == ("held", "hold") and decided.gate["n_tiles"] == 9
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
    assert decided.state == "held"
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


def test_the_database_holds_one_published_model_a_campaign() -> None:
    scene = labelled_campaign()
    model_row(scene.campaign, state="promoted")
    with pytest.raises(IntegrityError, match="trained_model_one_promoted"), transaction.atomic():
        model_row(scene.campaign, state="promoted", number=2)


def compared(scene: Labelled, *, better: float = 0.0) -> tuple[TrainedModel, TrainedModel]:
    """A published model and a candidate, judged by chance alone or better by so much, both with figures."""
    reference = holdout_reference(scene.campaign)
    published = model_row(scene.campaign, state="promoted")
    candidate = model_row(scene.campaign, number=2)
    for model, accuracy, seed in ((published, 0.8, 1), (candidate, 0.8 + better, 2)):
        found = confusions(reference, accuracy, seed=seed, pixels=60)
        record_evaluation(model=model, reference=reference, confusions=found, class_codes=CODES)
    return published, candidate


def test_a_model_that_cannot_be_told_is_held_with_what_would_settle_it() -> None:
    scene = labelled_campaign(pool=2, holdout=12)
    published, candidate = compared(scene)
    held = promote_or_reject(candidate=candidate, reference=holdout_reference(scene.campaign))
    assert (held.state, held.outcome) == ("held", "hold") and published_model(scene.campaign) == published
    assert held.gate["low"] < -0.005 and held.gate["high"] > 0
    assert held.gate["reasons"][0]["code"] == "cannot_tell"
    assert held.gate["n_units"] == len({(tile.row // 2, tile.col // 2) for tile in scene.holdout_tiles()[:12]}) < 12


def test_a_held_model_is_judged_anew_on_another_reference_and_on_the_same_one_as_before() -> None:
    scene = labelled_campaign(pool=2, holdout=9)
    reference = holdout_reference(scene.campaign)
    model = model_row(scene.campaign)
    record_evaluation(model=model, reference=reference, confusions=confusions(reference, 0.9), class_codes=CODES)
    held = promote_or_reject(candidate=model, reference=reference)
    assert promote_or_reject(candidate=held, reference=reference).decided_at == held.decided_at
    for tile in scene.holdout_tiles()[9:24]:
        scene.label(tile)
    more = holdout_reference(scene.campaign)
    record_evaluation(model=model, reference=more, confusions=confusions(more, 0.9), class_codes=CODES)
    assert promote_or_reject(candidate=held, reference=more).state == "promoted"


def test_another_look_is_queued_for_a_held_model_alone_and_once() -> None:
    from annotation.errors import JobAlreadyRunning

    scene = labelled_campaign()
    held = with_weights(model_row(scene.campaign, state="held"))
    job = start_judging(model=held, actor=scene.reviewer)
    assert (job.kind, job.key, job.payload) == ("judge", held.version, {"model": held.pk})
    with pytest.raises(JobAlreadyRunning):
        start_judging(model=held, actor=scene.reviewer)
    with pytest.raises(CannotJudge, match="only a model held back"):
        start_judging(model=model_row(scene.campaign, state="rejected", number=2), actor=None)
    Job.objects.update(state="succeeded")
    held.path.unlink()
    with pytest.raises(CannotJudge, match="is gone"):
        start_judging(model=held, actor=None)


def test_in_shadow_mode_a_good_model_is_judged_and_not_published() -> None:
    scene = labelled_campaign(pool=2, holdout=24)
    RetrainingPolicy.objects.create(campaign=scene.campaign, shadow=True)
    published, candidate = compared(scene, better=0.15)
    decided = promote_or_reject(candidate=candidate, reference=holdout_reference(scene.campaign))
    assert (decided.state, decided.outcome) == ("held", "promote") and decided.gate["shadow"] is True
    assert published_model(scene.campaign) == published


def test_a_floor_that_a_campaign_sets_keeps_a_model_below_it_from_being_published() -> None:
    scene = labelled_campaign(pool=2, holdout=24)
    RetrainingPolicy.objects.create(campaign=scene.campaign, class_floors={CODES[0]: 0.95})
    reference = holdout_reference(scene.campaign)
    model = model_row(scene.campaign)
    record_evaluation(model=model, reference=reference, confusions=confusions(reference, 0.9), class_codes=CODES)
    decided = promote_or_reject(candidate=model, reference=reference)
    assert (decided.state, decided.gate["reasons"][0]["code"]) == ("rejected", "below_floor")


def two_good_candidates(scene: Labelled) -> list[TrainedModel]:
    """Two candidates that the gate would promote against the published model, one better than the other."""
    reference = holdout_reference(scene.campaign)
    published = model_row(scene.campaign, state="promoted")
    found = []
    for number, accuracy in ((1, 0.6), (2, 0.99), (3, 0.8)):
        model = published if number == 1 else model_row(scene.campaign, number=number)
        record_evaluation(
            model=model, reference=reference, confusions=confusions(reference, accuracy), class_codes=CODES
        )
        found.append(model)
    return found[1:]


@pytest.mark.django_db(transaction=True)
def test_of_two_promotions_at_once_one_waits_and_is_judged_against_the_other() -> None:
    for nth in range(3):
        scene = labelled_campaign(f"race-{nth}", pool=2, holdout=24)
        reference, models = holdout_reference(scene.campaign), two_good_candidates(scene)
        deciding = [partial(promote_or_reject, candidate=one, reference=reference) for one in models]
        assert at_once(*deciding) == []
        better, good = (TrainedModel.objects.get(pk=model.pk) for model in models)
        assert [model.pk for model in scene.campaign.trained_models.filter(state="promoted")] == [better.pk]
        # Whoever came second was held against the first, not against the model that both were trained to replace.
        assert (good.state, good.gate["against"]) in {("rejected", better.version), ("retired", f"race-{nth}-m1")}


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_two_promotions_at_once_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    scene = labelled_campaign(pool=2, holdout=24)
    reference, models = holdout_reference(scene.campaign), two_good_candidates(scene)
    met = threading.Barrier(2, timeout=20)

    def meets(campaign: Campaign) -> TrainedModel | None:
        found = campaign.trained_models.filter(state="promoted").first()
        met.wait()  # both have looked before either writes
        return found

    monkeypatch.setattr(promotion, "locked_campaign", lambda campaign_id: Campaign.objects.get(pk=campaign_id))
    monkeypatch.setattr(promotion, "published_model", meets)
    failures = at_once(*[partial(promote_or_reject, candidate=one, reference=reference) for one in models])
    assert len(failures) == 1 and "trained_model_one_promoted" in failures[0], "the database's own rule is what is left"
