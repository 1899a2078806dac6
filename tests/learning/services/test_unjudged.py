"""Imported weights, published before they can be judged, and what becomes of them once they can."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from learning_rows import NO_REFERENCE, confusions, imported_row, labelled_campaign, model_row, with_weights
from scenes import TWO_CLASSES

from annotation.models import Job
from learning.errors import CannotJudge, CannotPublishUnjudged
from learning.services.evaluations import record_evaluation
from learning.services.holdout import holdout_reference
from learning.services.promotion import can_now_be_judged, promote_or_reject, published_model, start_judging
from learning.services.publishing import publish_unjudged
from learning.services.scheduling import consider_retraining, set_retraining_policy

pytestmark = pytest.mark.django_db
CODES = list(TWO_CLASSES)


def held(scene: Any, **more: Any) -> Any:
    """Imported weights that the gate held back, since no control tile is labelled."""
    return with_weights(imported_row(scene.campaign, state="held", **more))


def unjudged(scene: Any) -> Any:
    """Such weights, published by a maintainer."""
    return publish_unjudged(model=held(scene), actor=scene.reviewer, reason="people need a start")


def evaluated(scene: Any, *models: tuple[Any, float], tiles: int = 10) -> Any:
    """A reference of so many control tiles, and figures of models on it."""
    for tile in scene.holdout_tiles()[:tiles]:
        scene.label(tile)
    reference = holdout_reference(scene.campaign)
    for model, accuracy in models:
        figures = confusions(reference, accuracy)
        record_evaluation(model=model, reference=reference, confusions=figures, class_codes=CODES)
    return reference


def test_they_are_published_with_a_reason_and_who_decided_it_and_their_map_is_queued() -> None:
    scene = labelled_campaign(pool=2)
    model = unjudged(scene)
    assert model.state == "promoted" and not model.is_judged and model.is_published_unjudged
    assert "people need a start" in model.gate["reason"] and model.gate["reasons"][0]["code"] == "unjudged"
    assert model.gate["published_unjudged"]["by"] == scene.reviewer.pk
    assert Job.objects.get(kind="predict").payload["model"] == model.pk


def test_what_was_trained_here_what_can_be_judged_and_what_has_no_reason_is_not_published_so() -> None:
    scene = labelled_campaign(pool=2)
    model = held(scene)
    could_be = held(scene, number=3, gate={**NO_REFERENCE, "n_tiles": 10})
    for one, reason, why in [
        (with_weights(model_row(scene.campaign, number=2, state="held")), "why", "was trained here"),
        (could_be, "why", "only a model held back for want of control tiles"),
        (model, " ", "needs a reason"),
    ]:
        with pytest.raises(CannotPublishUnjudged, match=why):
            publish_unjudged(model=one, actor=None, reason=reason)
    model.path.unlink()
    with pytest.raises(CannotPublishUnjudged, match="has lost its file"):
        publish_unjudged(model=model, actor=None, reason="why")
    model_row(scene.campaign, state="promoted", number=4)
    with pytest.raises(CannotPublishUnjudged, match="camp-m4 is published"):
        publish_unjudged(model=with_weights(model), actor=None, reason="why")


def test_on_too_few_control_tiles_nothing_takes_the_place_of_an_unjudged_model_and_it_stays_unjudged() -> None:
    scene = labelled_campaign(pool=2)
    model, candidate = unjudged(scene), model_row(scene.campaign, number=2)
    reference = evaluated(scene, (model, 0.5), (candidate, 0.99), tiles=9)
    assert promote_or_reject(candidate=candidate, reference=reference).state == "held"
    model.refresh_from_db()
    assert model.is_published_unjudged and not can_now_be_judged(model, reference)


def test_an_unjudged_model_is_judged_first_and_one_that_passes_must_be_matched() -> None:
    scene = labelled_campaign(pool=2)
    model, candidate = unjudged(scene), model_row(scene.campaign, number=2)
    reference = evaluated(scene, (model, 0.9), (candidate, 0.8))
    assert can_now_be_judged(model, reference)
    decided = promote_or_reject(candidate=candidate, reference=reference)
    model.refresh_from_db()
    assert model.state == "promoted" and model.is_judged and model.gate["baseline"] == "majority"
    assert model.gate["published_unjudged"]["by"] == scene.reviewer.pk
    assert decided.state == "rejected" and decided.gate["against"] == model.version


def test_an_unjudged_model_that_fails_is_no_longer_published_and_the_next_must_beat_the_majority() -> None:
    scene = labelled_campaign(pool=2)
    model, candidate = unjudged(scene), model_row(scene.campaign, number=2)
    decided = promote_or_reject(candidate=candidate, reference=evaluated(scene, (model, 0.3), (candidate, 0.9)))
    model.refresh_from_db()
    assert model.state == "rejected" and model.gate["reasons"][0]["code"] == "first_worse"
    assert decided.state == "promoted" and decided.gate["baseline"] == "majority" and decided.gate["against"] is None


def test_nothing_is_published_when_both_are_worse_than_the_most_frequent_class() -> None:
    scene = labelled_campaign(pool=2)
    model, candidate = unjudged(scene), model_row(scene.campaign, number=2)
    decided = promote_or_reject(candidate=candidate, reference=evaluated(scene, (model, 0.3), (candidate, 0.3)))
    assert decided.state == "rejected" and published_model(scene.campaign) is None


def test_beside_an_unjudged_model_that_cannot_be_told_a_candidate_must_also_beat_the_majority() -> None:
    scene = labelled_campaign(pool=2)
    model, candidate = unjudged(scene), model_row(scene.campaign, number=2)
    # Of two equal classes, 0.4 right is 0.25 of IoU each: as much as one class everywhere gets on average.
    reference = evaluated(scene, (model, 0.4), (candidate, 0.4))
    decided = promote_or_reject(candidate=candidate, reference=reference)
    model.refresh_from_db()
    assert model.is_published_unjudged and model.gate["baseline"] == "majority" and model.gate["n_tiles"] == 10
    assert decided.state == "held" and decided.gate["baseline"] == "majority"
    assert decided.gate["against"] == model.version


def test_it_is_judged_alone_on_request_or_by_the_schedule() -> None:
    scene = labelled_campaign(pool=2)
    model = unjudged(scene)
    set_retraining_policy(campaign=scene.campaign, min_newly_accepted=50)
    Job.objects.filter(kind="predict").update(state="running")
    assert consider_retraining(scene.campaign) is None
    reference = evaluated(scene, (model, 0.9))
    job = consider_retraining(scene.campaign)
    assert job is not None and (job.kind, job.payload["model"]) == ("judge", model.pk)
    judged = promote_or_reject(candidate=model, reference=reference)
    assert judged.state == "promoted" and judged.is_judged
    with pytest.raises(CannotJudge, match="only a model held back"):
        start_judging(model=judged, actor=None)


def test_a_model_has_a_run_or_an_origin_and_never_both_nor_none() -> None:
    scene = labelled_campaign(pool=2)
    trained, imported = model_row(scene.campaign), imported_row(scene.campaign, number=2)
    spare = imported_row(scene.campaign, number=3)
    models = type(trained).objects
    with pytest.raises(IntegrityError, match="trained_model_has_run_or_origin"), transaction.atomic():
        models.filter(pk=imported.pk).update(origin=None)
    models.filter(pk=spare.pk).delete()
    with pytest.raises(IntegrityError, match="trained_model_has_run_or_origin"), transaction.atomic():
        models.filter(pk=trained.pk).update(origin=spare.origin)
