from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from learning_rows import Labelled, imported_row, labelled_campaign, model_row, ready_map
from scenes import TWO_CLASSES

from annotation.models import Annotation, AnnotationRevision, Lease
from annotation.services.tiles import pool_mask
from learning.core import acquisition
from learning.errors import UnknownAcquisition
from learning.models import RetrainingPolicy, TrainingSetItem
from learning.services.acquisition import open_acquisition_round
from learning.services.candidates import candidates_of, drawn_shares

pytestmark = pytest.mark.django_db


def scene_code(position: int) -> str:
    """A class code, as training sets order them."""
    return list(TWO_CLASSES)[position]


def learnt(scene: Labelled) -> Any:
    """A published model of everything accepted in the scene."""
    model = model_row(scene.campaign, state="promoted")
    for annotation in Annotation.objects.filter(state="accepted", tile__role="pool"):
        TrainingSetItem.objects.create(
            training_set=model.run.training_set, tile=annotation.tile, revision=annotation.head
        )
    return model


def mapped(model: Any, *, look: np.ndarray, doubt: np.ndarray, share: np.ndarray) -> Any:
    """A ready map that also tells doubt by class, and what the tiles look like in two of the embedding's numbers."""
    prediction = ready_map(model, doubt.sum(axis=2).astype(np.float32))
    embedding = np.zeros((*look.shape[:2], 64), np.float16)
    embedding[..., :2] = look
    np.save(prediction.path("doubt.npy"), doubt.astype(np.float32))
    np.save(prediction.path("embedding.npy"), embedding)
    np.save(prediction.path("histogram.npy"), np.round(share * 4096).astype(np.int64))
    return prediction


def took(annotation: Any, *seconds: float) -> None:
    """The label's saves, each with the seconds since the one before; revisions never change."""
    head = annotation.head
    for one in seconds:
        head = AnnotationRevision.objects.create(
            annotation=annotation, number=head.number + 1, parent=head, author=head.author, features=head.features,
            sha256=head.sha256, licence=head.licence, seconds_spent=one,
        )  # fmt: skip


def two_looks(scene: Labelled, model: Any) -> Any:
    """A map sure of the first class in the west, of the second in the east; all tiles look the same but five."""
    look = np.random.default_rng(3).normal(0, 0.01, (16, 16, 2))
    look[0:1, 11:16] = 5
    share = np.zeros((16, 16, 2))
    share[:, :8, 0], share[:, 8:, 1] = 1, 1
    doubt = np.full((16, 16, 2), 0.01)
    doubt[8:, :, 0] = 0.4
    return mapped(model, look=look, doubt=doubt, share=share)


def test_what_was_drawn_is_told_by_tile_and_class_in_the_sets_order() -> None:
    scene = labelled_campaign(pool=2)
    third = scene.pool_tiles()[2]
    scene.label(third, scene_code(0))
    places, shares = drawn_shares(learnt(scene).run.training_set)
    tiles = sorted((tile.row, tile.col) for tile in scene.pool_tiles()[:3])
    assert places.tolist() == [list(place) for place in tiles]
    only = tiles.index((third.row, third.col))
    assert sorted(shares[only].tolist()) == [0, 1]
    assert all(shares[n] == pytest.approx([0.5, 0.5]) for n in range(3) if n != only)


def test_candidates_are_the_eligible_tiles_beside_those_learnt_from() -> None:
    scene = labelled_campaign(pool=3)
    prediction = two_looks(scene, learnt(scene))
    eligible = pool_mask(scene.campaign)
    candidates = candidates_of(prediction, eligible)
    assert len(candidates) == eligible.sum()
    assert candidates.embedding is not None and candidates.embedding.shape[1] == 64
    assert candidates.known_embedding is not None and len(candidates.known_embedding) == 3
    west = candidates.col < 8
    assert candidates.share[west].tolist() == [[1, 0]] * int(west.sum())
    south = candidates.row >= 8
    assert candidates.mean_doubt[south] == pytest.approx(0.41) and candidates.mean_doubt[~south] == pytest.approx(0.02)


def test_an_imported_models_map_opens_a_round_from_its_doubt_though_it_has_learnt_from_no_tile() -> None:
    scene = labelled_campaign(pool=3, random_share=0.0)
    prediction = two_looks(scene, imported_row(scene.campaign, state="promoted"))
    candidates = candidates_of(prediction, pool_mask(scene.campaign))
    assert candidates.known_embedding is not None and candidates.known_share is not None
    assert candidates.known_embedding.shape == (0, 64) and candidates.known_share.shape == (0, 2)
    RetrainingPolicy.objects.create(campaign=scene.campaign, round_size=20)
    opened = open_acquisition_round(campaign=scene.campaign, prediction=prediction, candidate=prediction.model)
    assert opened is not None
    assert (opened.labelled_tiles, opened.candidate, opened.promoted) == (0, prediction.model, True)
    tickets = opened.queue_round.tickets.exclude(kind="control").select_related("tile")
    assert len(tickets) == 20 and {ticket.kind for ticket in tickets} == {"uncertainty"}, "nothing to suspect it by"
    assert sum(ticket.tile.row >= 8 for ticket in tickets) >= 15, "where it doubts, but for what looks otherwise"
    labelled = {tile.pk for tile in scene.pool_tiles()[:3]}
    assert not labelled & {ticket.tile_id for ticket in tickets}


def test_a_map_made_before_tiles_had_an_embedding_gives_its_mean_doubt() -> None:
    scene = labelled_campaign(pool=3)
    scores = np.random.default_rng(1).random((16, 16)).astype(np.float32)
    candidates = candidates_of(ready_map(learnt(scene), scores), pool_mask(scene.campaign))
    assert candidates.embedding is None
    assert candidates.mean_doubt == pytest.approx(scores[candidates.row, candidates.col])


def test_a_round_asks_about_what_the_map_is_sure_of_and_people_labelled_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acquisition, "ENOUGH_KNOWN", 6)
    scene = labelled_campaign(random_share=0.1)
    for tile in scene.pool_tiles()[:6]:
        scene.label(tile, scene_code(0))
    by_looks = {"suspect_by_looks": True}
    RetrainingPolicy.objects.create(campaign=scene.campaign, round_size=20, training=by_looks)
    opened = open_acquisition_round(campaign=scene.campaign, prediction=two_looks(scene, learnt(scene)))
    assert opened is not None and opened.queue_round.function == "doubt_and_diversity"
    tickets = list(opened.queue_round.tickets.exclude(kind="control").select_related("tile").order_by("rank"))
    kinds = [ticket.kind for ticket in tickets]
    assert (kinds.count("suspect"), kinds.count("random"), kinds.count("uncertainty")) == (4, 2, 14)
    suspects = [ticket.tile for ticket in tickets if ticket.kind == "suspect"]
    assert all(tile.col >= 8 and tile.row < 8 for tile in suspects), "sure, and unlike the labels of what looks like it"


def test_a_policy_names_another_function_and_no_suspects() -> None:
    scene = labelled_campaign(pool=4, random_share=0.0)
    training = {"acquisition": "entropy", "suspect_share": 0.0}
    RetrainingPolicy.objects.create(campaign=scene.campaign, round_size=10, training=training)
    opened = open_acquisition_round(campaign=scene.campaign, prediction=two_looks(scene, learnt(scene)))
    assert opened is not None and opened.queue_round.function == "entropy"
    tickets = opened.queue_round.tickets.exclude(kind="control").select_related("tile")
    assert {ticket.kind for ticket in tickets} == {"uncertainty"} and all(ticket.tile.row >= 8 for ticket in tickets)


def test_a_policy_that_names_an_unknown_function_is_told_those_there_are() -> None:
    scene = labelled_campaign(pool=4)
    RetrainingPolicy.objects.create(campaign=scene.campaign, training={"acquisition": "badge"})
    with pytest.raises(UnknownAcquisition, match="doubt_and_diversity"):
        open_acquisition_round(campaign=scene.campaign, prediction=two_looks(scene, learnt(scene)))


def test_what_takes_people_long_is_put_off_where_the_policy_says_so() -> None:
    scene = labelled_campaign(pool=22, random_share=0.0)
    prediction = two_looks(scene, learnt(scene))
    edges = np.arange(256, dtype=np.int32).reshape(16, 16)
    np.save(prediction.path("edges.npy"), edges)
    tiles = scene.pool_tiles()
    for nth, tile in enumerate(tiles[:22]):
        annotation = Annotation.objects.get(tile=tile)
        seconds = 20.0 + 3 * float(edges[tile.row, tile.col])
        took(annotation, seconds / 4, seconds * 3 / 4 if nth else 9_000.0)  # saved twice; the first left open
    eligible = pool_mask(scene.campaign)
    found = candidates_of(prediction, eligible, timed=True)
    assert found.seconds == pytest.approx(20 + 3 * edges[found.row, found.col])
    assert candidates_of(prediction, eligible).seconds is None

    training = {"acquisition": "entropy", "cost": 1.0, "suspect_share": 0.0}
    RetrainingPolicy.objects.create(campaign=scene.campaign, round_size=10, training=training)
    opened = open_acquisition_round(campaign=scene.campaign, prediction=prediction)
    assert opened is not None
    first = opened.queue_round.tickets.exclude(kind="control").select_related("tile").order_by("rank").first()
    doubt = np.where(np.arange(16)[:, None] >= 8, 0.41, 0.02)
    worth = np.where(eligible, doubt / (20 + 3 * edges), 0)
    for tile in tiles[:22]:
        worth[tile.row, tile.col] = 0
    assert (first.tile.row, first.tile.col) == np.unravel_index(worth.argmax(), worth.shape)


def test_costs_do_not_count_before_enough_labels_say_what_they_are_or_on_a_map_without_borders() -> None:
    scene = labelled_campaign(pool=3)
    prediction = two_looks(scene, learnt(scene))
    eligible = pool_mask(scene.campaign)
    assert candidates_of(prediction, eligible, timed=True).seconds is None
    np.save(prediction.path("edges.npy"), np.arange(256, dtype=np.int32).reshape(16, 16))
    for annotation in Annotation.objects.filter(state="accepted"):
        took(annotation, 60.0)
    assert candidates_of(prediction, eligible, timed=True).seconds is None


def test_how_long_parts_of_a_tile_took_says_nothing_of_whole_tiles() -> None:
    scene = labelled_campaign(pool=24)
    prediction = two_looks(scene, learnt(scene))
    edges = np.arange(256, dtype=np.int32).reshape(16, 16)
    np.save(prediction.path("edges.npy"), edges)
    for nth, annotation in enumerate(Annotation.objects.filter(state="accepted")):
        took(annotation, 5.0 if nth < 3 else 20.0 + 3 * float(edges[annotation.tile.row, annotation.tile.col]))
        if nth < 3:
            annotation.tile.leases.update(asked=[[0, 0, 16, 16]])
    found = candidates_of(prediction, pool_mask(scene.campaign), timed=True)
    assert found.seconds == pytest.approx(20 + 3 * edges[found.row, found.col])
    Lease.objects.filter(tile__state="accepted").update(asked=[[0, 0, 16, 16]])
    assert candidates_of(prediction, pool_mask(scene.campaign), timed=True).seconds is None
