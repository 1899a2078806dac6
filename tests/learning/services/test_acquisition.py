from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from gold_rows import gold_campaign
from learning_rows import Labelled, labelled_campaign, model_row, ready_map
from queue_rows import at_once
from scenes import person

from annotation.models import GoldLease, Ticket, Tile
from annotation.services.leases import release_lease
from annotation.services.queue import claim_next_tile
from annotation.services.queue_pick import pick_tile
from annotation.services.tiles import pool_mask
from learning.models import AcquisitionRound, RetrainingPolicy
from learning.services import acquisition
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


def test_a_gold_tile_shows_the_score_that_the_round_s_map_has_of_it_in_the_unit_of_the_round() -> None:
    scene, _maintainer, [gold] = gold_campaign(gold_share=0.5)
    camp, ana = scene.campaign, person("ana")
    by_entropy = np.full((16, 16), 1.312, np.float32)
    open_acquisition_round(campaign=camp, prediction=ready_map(model_row(camp, state="promoted"), by_entropy))
    gold.tile.refresh_from_db()
    assert gold.tile.priority == pytest.approx(1.312)
    by_margin = np.random.default_rng(1).random((16, 16)).astype(np.float32)
    prediction = ready_map(model_row(camp, number=2), by_margin)
    prediction.pixel_score = "margin"
    prediction.save()
    open_acquisition_round(campaign=camp, prediction=prediction)
    given = GoldLease.objects.none()
    while not given.exists():
        lease = claim_next_tile(campaign=camp, annotator=ana)
        assert lease is not None
        release_lease(token=str(lease.token), annotator=ana, reason="skip")
        given = GoldLease.objects.filter(lease=lease)
    gold.tile.refresh_from_db()
    why = given.get().why
    assert why["pixel_score"] == "margin" and why["score"] == gold.tile.priority
    assert why["score"] == float(by_margin[gold.tile.row, gold.tile.col]) <= 1
    tickets = camp.tickets.filter(round__closed_at__isnull=True, score__isnull=False).select_related("tile")
    assert tickets and all(t.score == float(by_margin[t.tile.row, t.tile.col]) for t in tickets), "nor is it rounded"


def test_a_gold_tile_without_a_score_is_not_given_in_a_round_of_scores() -> None:
    scene, _maintainer, [gold] = gold_campaign(gold_share=0.5)
    scored(scene)
    Tile.objects.filter(pk=gold.tile_id).update(priority=None)  # its row is newer than the round
    for nth in range(12):
        lease = claim_next_tile(campaign=scene.campaign, annotator=person(f"someone-{nth}"))
        assert lease is not None and lease.tile_id != gold.tile_id


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


@pytest.mark.django_db(transaction=True)
def test_while_a_round_is_ranked_tiles_can_be_picked_and_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = labelled_campaign(pool=4, random_share=0.0)
    real, picked = acquisition.rank_tiles, []

    def ranked(*given: Any, **named: Any) -> Any:
        """Somebody picks the tile that comes first, on a connection of their own, before anything is opened."""
        found = real(*given, **named)
        row, col = found[0].row, found[0].col
        failed = at_once(
            lambda: picked.append(pick_tile(campaign=scene.campaign, annotator=scene.author, row=row, col=col))
        )
        assert failed == []
        return found

    monkeypatch.setattr(acquisition, "rank_tiles", ranked)
    _scores, opened = scored(scene)
    tickets = pool_tickets(opened)
    assert tickets and picked[0].tile_id not in {ticket.tile_id for ticket in tickets}


def test_the_round_remembers_the_loop_as_it_was() -> None:
    scene = labelled_campaign(pool=4)
    scores, opened = scored(scene)
    assert opened.labelled_tiles == 8, "of the training set behind the map"
    expected = scores[pool_mask(scene.campaign)].mean(dtype=np.float64)
    assert opened.mean_entropy_nats == pytest.approx(float(expected))
    assert opened.queue_round.model_version == "camp-m1"


def test_while_no_model_is_published_a_round_is_drawn_at_random_with_its_probability_logged() -> None:
    scene = labelled_campaign(pool=4, random_share=0.1)
    RetrainingPolicy.objects.create(campaign=scene.campaign, round_size=20)
    rejected = model_row(scene.campaign, state="rejected")
    opened = open_acquisition_round(
        campaign=scene.campaign, prediction=None, training_run=rejected.run, candidate=rejected
    )
    assert opened is not None and opened.queue_round.function == "random" and opened.queue_round.random_share == 1.0
    assert (opened.prediction, opened.mean_entropy_nats, opened.promoted) == (None, None, False)
    assert opened.candidate == rejected and opened.labelled_tiles == 8
    tickets = pool_tickets(opened)
    assert len(tickets) == 20 and {t.kind for t in tickets} == {"random"}
    eligible = int(pool_mask(scene.campaign).sum()) - 4
    assert {t.probability for t in tickets} == {20 / eligible} and {t.score for t in tickets} == {None}
    labelled = {tile.pk for tile in scene.pool_tiles()[:4]}
    assert not labelled & {t.tile_id for t in tickets}
    assert opened.queue_round.tickets.filter(kind="control").exists(), "the next model needs tiles to be judged by"
    again = open_acquisition_round(
        campaign=scene.campaign, prediction=None, training_run=rejected.run, candidate=rejected
    )
    assert again == opened


def test_with_every_pool_tile_labelled_a_random_round_asks_for_the_control_tiles_that_are_left() -> None:
    from annotation.models import Tile
    from annotation.services.tiles import materialise_tiles

    scene = labelled_campaign(pool=2)
    places = [(int(row), int(col)) for row, col in np.argwhere(pool_mask(scene.campaign))]
    materialise_tiles(campaign=scene.campaign, places=places)
    scene.campaign.tiles.filter(role="pool").update(state=Tile.State.ACCEPTED)
    opened = open_acquisition_round(campaign=scene.campaign, prediction=None)
    assert opened is not None and {t.kind for t in opened.queue_round.tickets.all()} == {"control"}
    assert opened.labelled_tiles == 0


@pytest.mark.parametrize("with_map", [False, True])
def test_the_database_refuses_a_mean_entropy_without_a_map_and_a_map_without_one(with_map: bool) -> None:
    scene = labelled_campaign(pool=2)
    prediction = ready_map(model_row(scene.campaign, state="promoted"), np.zeros((16, 16), np.float32))
    with pytest.raises(IntegrityError, match="acquisition_round_entropy_of_its_map"), transaction.atomic():
        AcquisitionRound.objects.create(
            queue_round=scene.campaign.rounds.get(), labelled_tiles=0, promoted=False,
            prediction=prediction if with_map else None, mean_entropy_nats=None if with_map else 0.5,
        )  # fmt: skip
