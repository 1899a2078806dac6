from __future__ import annotations

import numpy as np
import pytest
from learning_rows import Labelled, labelled_campaign, model_row, ready_map, with_weights

from annotation.jobs.registry import run_job
from annotation.models import Job
from learning.errors import CannotPublish, CannotRollBack
from learning.models import TrainedModel
from learning.services.predictions import shown_prediction
from learning.services.promotion import published_model
from learning.services.publishing import publish_model, roll_back_model

pytestmark = pytest.mark.django_db


def published_one_after_another(scene: Labelled, n: int = 3) -> list[TrainedModel]:
    """Models that were published in turn, each with a map; the last one is published."""
    found = []
    for number in range(1, n + 1):
        model = with_weights(model_row(scene.campaign, number=number, state="promoted" if number == n else "retired"))
        ready_map(model, np.full((16, 16), 0.1 * number, np.float32))
        found.append(model)
    return found


def test_rolling_back_changes_the_map_that_is_shown_the_next_round_and_what_a_release_names() -> None:
    scene = labelled_campaign()
    first, _second, third = published_one_after_another(scene)
    restored = roll_back_model(campaign=scene.campaign, to_model=first, actor=scene.reviewer)
    third.refresh_from_db()
    assert (restored.state, third.state) == ("promoted", "retired")
    assert restored.gate["restored_from"] == third.version and restored.gate["restored_by"] == scene.reviewer.pk
    assert third.gate["rolled_back_to"] == first.version
    shown = shown_prediction(scene.campaign)
    assert shown is not None and shown.model == first, "the map, and drafts, which come from it"
    assert published_model(scene.campaign) == first, "what the next release names"
    job = Job.objects.get(kind="predict")
    assert job.payload["model"] == first.pk
    assert run_job(str(job.id))
    opened = scene.campaign.rounds.order_by("-number").first()
    assert opened is not None and opened.model_version == first.version, "the queue"


def test_rolling_back_twice_in_a_row_goes_to_each_model_named() -> None:
    scene = labelled_campaign()
    first, second, third = published_one_after_another(scene)
    roll_back_model(campaign=scene.campaign, to_model=second, actor=None)
    roll_back_model(campaign=scene.campaign, to_model=first, actor=None)
    assert published_model(scene.campaign) == first
    with pytest.raises(CannotRollBack, match=r"camp-m1 is published: .*\(camp-m2, camp-m3\)"):
        roll_back_model(campaign=scene.campaign, to_model=first, actor=None)
    roll_back_model(campaign=scene.campaign, to_model=third, actor=None)
    assert published_model(scene.campaign) == third
    assert scene.campaign.trained_models.filter(state="promoted").count() == 1


def test_a_model_whose_file_is_gone_cannot_be_restored_and_nothing_changes() -> None:
    scene = labelled_campaign()
    first, _second, third = published_one_after_another(scene)
    first.path.unlink()
    with pytest.raises(CannotRollBack, match=r"camp-m1 is gone .*bring it back from a backup"):
        roll_back_model(campaign=scene.campaign, to_model=first, actor=None)
    assert published_model(scene.campaign) == third and not Job.objects.exists()


@pytest.mark.parametrize("state", ["promoted", "rejected", "held", "candidate"])
def test_only_a_model_that_was_published_before_can_be_restored(state: str) -> None:
    scene = labelled_campaign()
    model = model_row(scene.campaign, state=state)
    with pytest.raises(CannotRollBack, match="there is none"):
        roll_back_model(campaign=scene.campaign, to_model=model, actor=None)


def in_shadow(scene: Labelled, *, against: TrainedModel | None, number: int = 2) -> TrainedModel:
    """A model that the gate would promote, held for a maintainer to say so."""
    model = with_weights(model_row(scene.campaign, state="held", number=number))
    model.outcome = "promote"
    model.gate = {
        "outcome": "promote", "promote": True, "reason": "Not worse.", "against": against.version if against else None,
        "shadow": True,
    }  # fmt: skip
    model.save()
    return model


def test_a_maintainer_publishes_a_model_that_was_judged_in_shadow_mode() -> None:
    scene = labelled_campaign()
    before = model_row(scene.campaign, state="promoted")
    model = publish_model(model=in_shadow(scene, against=before), actor=scene.reviewer)
    before.refresh_from_db()
    assert (model.state, before.state) == ("promoted", "retired")
    assert model.gate["published_by"] == scene.reviewer.pk
    assert Job.objects.get(kind="predict").payload["model"] == model.pk
    with pytest.raises(CannotPublish, match="camp-m2 is published"):
        publish_model(model=model, actor=scene.reviewer)


def test_a_model_judged_against_another_one_than_is_published_now_must_be_judged_again() -> None:
    scene = labelled_campaign()
    model = in_shadow(scene, against=None)
    now = model_row(scene.campaign, state="promoted")
    with pytest.raises(CannotPublish, match="was judged against no model, and camp-m1 is published now"):
        publish_model(model=model, actor=None)
    assert published_model(scene.campaign) == now


def test_what_the_gate_did_not_promote_cannot_be_published_by_hand() -> None:
    scene = labelled_campaign()
    with pytest.raises(CannotPublish, match="camp-m1 is held back and cannot be published: set by the test"):
        publish_model(model=with_weights(model_row(scene.campaign, state="held")), actor=None)
    model = in_shadow(scene, against=None)
    model.path.unlink()
    with pytest.raises(CannotPublish, match="is gone"):
        publish_model(model=model, actor=None)
