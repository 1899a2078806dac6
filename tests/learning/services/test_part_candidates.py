"""A round that asks for parts of tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from learning_rows import labelled_campaign, model_row, ready_map
from scenes import TWO_CLASSES, accepted, square

from annotation.models import Annotation
from annotation.services.tiles import pool_mask
from learning.models import RetrainingPolicy, TrainingSetItem
from learning.services.acquisition import open_acquisition_round
from learning.services.part_candidates import known_parts, labelled_parts, part_candidates, told_apart

pytestmark = pytest.mark.django_db
FIRST, SECOND = TWO_CLASSES


def learnt(scene: Any) -> Any:
    model = model_row(scene.campaign, state="promoted")
    for annotation in Annotation.objects.filter(state="accepted", tile__role="pool"):
        TrainingSetItem.objects.create(
            training_set=model.run.training_set, tile=annotation.tile, revision=annotation.head
        )
    return model


def in_parts(model: Any, doubt: np.ndarray, look: np.ndarray) -> Any:
    """A ready map that tells 4 × 4 parts of its tiles apart, all of the first class."""
    prediction = ready_map(model, doubt.reshape(16, 4, 16, 4).mean(axis=(1, 3)).astype(np.float32))
    by_class = np.stack([doubt, np.zeros_like(doubt)], axis=2)
    histogram = np.zeros((64, 64, 2), np.int32)
    histogram[..., 0] = 256
    embedding = np.zeros((64, 64, 64), np.float16)
    embedding[..., :2] = look
    for name, array in (("doubt", by_class.astype(np.float16)), ("histogram", histogram), ("embedding", embedding)):
        np.save(prediction.path(f"parts_{name}.npy"), array)
    prediction.files |= {f"parts_{name}.npy": "0" * 64 for name in ("doubt", "histogram", "embedding")}
    prediction.save()
    return prediction


def looks() -> np.ndarray:
    return np.random.default_rng(4).normal(size=(64, 64, 2))


def test_a_part_is_known_once_half_of_its_ground_is_labelled_and_tells_what_lies_there() -> None:
    scene = labelled_campaign()
    tile, other = scene.pool_tiles()[:2]  # 64 px, parts of 16
    drawn = [square(FIRST, 0, 0, 24), square(SECOND, 32, 48, 16), square(FIRST, 50, 20, 8)]
    accepted(scene.campaign, tile, scene.author, scene.reviewer, drawn)
    accepted(scene.campaign, other, scene.author, scene.reviewer, [square(FIRST, 0, 0, 12), square(SECOND, 12, 0, 4)])
    places, shares = labelled_parts(learnt(scene).run.training_set)
    found = {tuple(place): share.tolist() for place, share in zip(places.tolist(), shares, strict=True)}
    # (0, 0) whole, (0, 1) and (1, 0) half, (1, 1) a quarter; the second square fills (3, 2); the third a quarter of one
    row, col = tile.row * 4, tile.col * 4
    expected = {(row, col): FIRST, (row, col + 1): FIRST, (row + 1, col): FIRST, (row + 3, col + 2): SECOND}
    codes = sorted(TWO_CLASSES)
    for place, code in expected.items():
        assert found.pop(place) == [float(code == one) for one in codes], place
    # 144 + 16 of 256 pixels of the other tile's first part
    [share] = found.values()
    assert list(found) == [(other.row * 4, other.col * 4)]
    assert dict(zip(codes, share, strict=True)) == pytest.approx({FIRST: 0.9, SECOND: 0.1})


def test_people_who_disagree_about_a_part_do_not_make_it_known_together() -> None:
    scene = labelled_campaign()
    tile = scene.pool_tiles()[0]
    # Each labels a third of the first part, the same third, and says otherwise.
    for author, code in ((scene.author, FIRST), (scene.reviewer, SECOND)):
        other = scene.reviewer if author == scene.author else scene.author
        accepted(scene.campaign, tile, author, other, [square(code, 0, 0, 9)])
    places, _shares = labelled_parts(learnt(scene).run.training_set)
    assert [tile.row * 4, tile.col * 4] not in places.tolist()


def test_candidates_are_the_parts_of_eligible_tiles_beside_the_labelled_parts() -> None:
    scene = labelled_campaign()
    tile = scene.pool_tiles()[0]
    accepted(scene.campaign, tile, scene.author, scene.reviewer, [square(FIRST, 16, 0, 16)])
    doubt, look = np.random.default_rng(1).random((64, 64)), looks()
    eligible = pool_mask(scene.campaign)
    prediction = in_parts(learnt(scene), doubt, look)
    candidates = part_candidates(prediction, eligible, known=known_parts(prediction))
    assert len(candidates) == 16 * eligible.sum()
    assert eligible[candidates.row // 4, candidates.col // 4].all()
    assert candidates.mean_doubt == pytest.approx(doubt[candidates.row, candidates.col], rel=1e-3)
    assert candidates.known_embedding is not None and candidates.known_share is not None
    assert candidates.known_embedding[:, :2] == pytest.approx(look[None, tile.row * 4, tile.col * 4 + 1], abs=2e-3)


def test_a_round_asks_for_the_parts_that_are_doubted_within_the_tiles_that_hold_them() -> None:
    scene = labelled_campaign(pool=3, random_share=0.2, blind_share=0.0)
    doubt = np.full((64, 64), 0.01)
    doubt[2::4, 1::4] = 0.9  # of every tile the part in its third row and second column
    prediction = in_parts(learnt(scene), doubt, looks())
    assert told_apart(prediction)
    RetrainingPolicy.objects.create(campaign=scene.campaign, round_size=20, training={"ask_for": "regions"})
    opened = open_acquisition_round(campaign=scene.campaign, prediction=prediction)
    assert opened is not None
    tickets = list(opened.queue_round.tickets.select_related("tile"))
    asked = [t for t in tickets if t.kind == "uncertainty"]
    assert len(asked) == 16 and all([16, 32, 16, 16] in t.regions and len(t.regions) <= 4 for t in asked)
    drawn = [t for t in tickets if t.kind == "random"]
    assert len(drawn) == 4 and {len(t.regions) for t in drawn} == {4}
    assert {t.probability for t in drawn} == {4 / (int(pool_mask(scene.campaign).sum()) - 3)}
    whole = float(doubt[:4, :4].mean(dtype=np.float32))
    assert all(t.score == pytest.approx(whole) for t in [*asked, *drawn]), "of tiles: gold tiles have no other"
    controls = [t for t in tickets if t.kind == "control"]
    assert controls and all(t.regions == [] for t in controls), "they are labelled whole: models are judged by them"
    for ticket in [*asked, *drawn]:
        for col, row, width, height in ticket.regions:
            assert col % 16 == row % 16 == 0 and (width, height) == (16, 16) and max(col, row) <= 48


@pytest.mark.parametrize("why", ["the policy asks for tiles", "the map tells no parts apart"])
def test_whole_tiles_are_asked_for_where_parts_are_not_wanted_or_not_known(why: str) -> None:
    scene = labelled_campaign(pool=3)
    prediction = in_parts(learnt(scene), np.full((64, 64), 0.5), looks())
    if why == "the policy asks for tiles":
        RetrainingPolicy.objects.create(campaign=scene.campaign, round_size=9)
    else:
        RetrainingPolicy.objects.create(campaign=scene.campaign, round_size=9, training={"ask_for": "regions"})
        prediction.files = {"class.tif": "0" * 64}
        prediction.save()
    opened = open_acquisition_round(campaign=scene.campaign, prediction=prediction)
    assert opened is not None and {len(t.regions) for t in opened.queue_round.tickets.all()} == {0}
