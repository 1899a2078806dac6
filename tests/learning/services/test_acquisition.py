from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from learning_rows import Labelled, labelled_campaign, model_row, ready_map

from annotation.models import Ticket
from annotation.services.tiles import pool_mask
from learning.models import AcquisitionRound, RetrainingPolicy
from learning.services.acquisition import latest_round_number, open_acquisition_round

pytestmark = pytest.mark.django_db


def scored(scene: Labelled, **options: Any) -> tuple[Any, Any]:
    """A published model whose map doubts every tile differently: the scores, and the round opened from them."""
    camp = scene.campaign
    scores = np.random.default_rng(1).permutation(256).reshape(16, 16).astype(np.float32) / 256
    prediction = ready_map(model_row(camp, state="promoted"), scores)
    return scores, open_acquisition_round(campaign=camp, prediction=prediction, **options)


def pool_tickets(opened: AcquisitionRound) -> list[Ticket]:
    return list(opened.queue_round.tickets.exclude(kind="control").select_related("tile").order_by("rank"))


def test_without_a_random_share_the_queue_is_the_order_of_the_scores() -> None:
    scene = labelled_campaign(pool=4, holdout=2, random_share=0.0)
    scores, opened = scored(scene)
    wanted = np.where(pool_mask(scene.campaign), scores, -1)
    for tile in scene.pool_tiles()[:4]:
        wanted[tile.row, tile.col] = -1  # labelled: not asked for again
    order = [(int(i) // 16, int(i) % 16) for i in np.argsort(-wanted.ravel()) if wanted.ravel()[i] >= 0]
    tickets = pool_tickets(opened)
    assert [(t.tile.row, t.tile.col) for t in tickets] == order[:200]
    assert [t.score for t in tickets] == sorted((t.score for t in tickets), reverse=True)
    assert {t.kind for t in tickets} == {"uncertainty"}
    assert tickets[0].tile.priority == tickets[0].score


def test_a_fixed_share_is_random_with_its_probability_logged() -> None:
    scene = labelled_campaign(pool=4, random_share=0.25)
    RetrainingPolicy.objects.create(campaign=scene.campaign, round_size=20)
    _scores, opened = scored(scene)
    tickets = pool_tickets(opened)
    drawn = [t for t in tickets if t.kind == "random"]
    eligible = int(pool_mask(scene.campaign).sum()) - 4
    assert len(tickets) == 20 and len(drawn) == 5
    assert {t.probability for t in drawn} == {5 / eligible}


def test_control_tiles_are_asked_for_and_never_scored() -> None:
    scene = labelled_campaign(pool=4)
    _scores, opened = scored(scene)
    controls = opened.queue_round.tickets.filter(kind="control").select_related("tile")
    assert controls and {t.tile.role for t in controls} == {"holdout"}
    assert {t.score for t in controls} == {None}
    assert {t.tile.role for t in pool_tickets(opened)} == {"pool"}


def test_a_round_is_opened_once_however_often_its_job_runs() -> None:
    scene = labelled_campaign(pool=4)
    before = latest_round_number(scene.campaign)
    _scores, opened = scored(scene, after_round=before)
    again = open_acquisition_round(campaign=scene.campaign, prediction=opened.prediction, after_round=before)
    assert again == opened and latest_round_number(scene.campaign) == before + 1
    run = opened.prediction.model.run
    by_run = open_acquisition_round(campaign=scene.campaign, prediction=opened.prediction, training_run=run)
    assert by_run == open_acquisition_round(campaign=scene.campaign, prediction=opened.prediction, training_run=run)
    assert latest_round_number(scene.campaign) == before + 2


def test_the_round_remembers_the_loop_as_it_was() -> None:
    scene = labelled_campaign(pool=4)
    scores, opened = scored(scene)
    assert opened.labelled_tiles == 8, "of the training set behind the map"
    expected = scores[pool_mask(scene.campaign)].mean(dtype=np.float64)
    assert opened.mean_entropy_nats == pytest.approx(float(expected))
    assert opened.queue_round.model_version == "camp-m1"
