"""The job that makes a map also says what the labels changed."""

from __future__ import annotations

import pytest
from learning_rows import labelled_campaign
from map_rows import halves_at, judged_model, map_of, retire

from annotation.jobs.registry import run_job
from learning.models import MapChange
from learning.services.predictions import start_prediction

pytestmark = pytest.mark.django_db(transaction=True)  # the heartbeat has a connection of its own


def test_a_map_is_held_against_the_labels_it_is_new_to_once_its_round_is_open() -> None:
    scene = labelled_campaign()
    label = scene.label(scene.pool_tiles()[0])
    first = judged_model(scene.campaign, 1, [])
    map_of(first, {})
    retire(first)
    second = judged_model(scene.campaign, 2, [label], against=first)
    after = map_of(second, {(label.tile.row, label.tile.col): halves_at(8)})
    for _again in range(2):  # a job delivered twice counts once
        job = start_prediction(model=second)
        assert run_job(str(job.id))
        job.refresh_from_db()
        assert job.state == "succeeded", job.error
    change = MapChange.objects.get()
    assert (change.after, change.agreed_before_px, change.agreed_after_px) == (after, 64, 128)
    assert scene.campaign.rounds.filter(number=1, model_version=second.version).exists()
