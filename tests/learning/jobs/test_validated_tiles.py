"""Judged polygons in training: on ground nobody drew, at half the weight, down to the loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from learning_rows import TINY_TRAINING, model_row, ready_map
from scenes import TWO_CLASSES, accepted, campaign, person, real_layer, square
from validation_rows import Drawn, drawing, judges, ranked_round

from annotation.core.grid import PixelWindow
from annotation.core.stored_labels import class_index
from annotation.raster.reader import read_window
from learning.core.dataset import draw_batch, summarise
from learning.core.losses import segmentation_loss
from learning.errors import HoldoutInTraining, InvalidTrainConfig, TrainingSetChanged
from learning.jobs.options import read_options, resolved_options
from learning.jobs.tiles import training_tiles
from learning.services.labels import undrawn_part
from learning.services.training_sets import freeze_training_set

GREY, GREEN = TWO_CLASSES


@pytest.fixture
def scene(tmp_path: Path, db: None) -> Drawn:
    """A campaign on real pixels: the first tile is drawn and judged, the second judged, the third drawn."""
    layer, _truth = real_layer(tmp_path, "judged", size_px=768)
    camp = campaign("judged", layer=layer, tile_px=64, seed=3, first_round=2, redundancy=2)
    prediction = ready_map(model_row(camp, state="promoted"), np.zeros((12, 12), np.float32))
    made = Drawn(camp, prediction)
    made.tiles = ranked_round(camp, 3, model_version=made.model_version)
    author, reviewer = person("author"), person("reviewer")
    ana, ben = judges(2)
    for tile in made.tiles[:2]:
        made.draw(tile, drawing())
        made.agree(tile, ana)
        made.agree(tile, ben)
    accepted(camp, made.tiles[0], author, reviewer, [square(GREEN, 0, 0, 24), square(GREY, 40, 40, 8)])
    accepted(camp, made.tiles[2], author, reviewer, [square(GREEN, 0, 0, 24)])
    return made


def read(scene: Drawn, **options: Any) -> Any:
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    return frozen, training_tiles(frozen, on_progress=lambda share: None, **options)


def test_drawn_labels_win_pixel_by_pixel_and_judged_ones_fill_the_rest_at_half_the_weight(scene: Drawn) -> None:
    frozen, tiles = read(scene)
    assert frozen.n_tiles == 3
    values = class_index(frozen.class_codes)
    drawn = np.zeros((64, 64), np.uint8)
    drawn[:24, :24] = values[GREEN]
    drawn[40:48, 40:48] = values[GREY]
    judged = np.zeros((64, 64), np.uint8)
    judged[:16, :16], judged[:16, 16:32], judged[:16, 32:48] = values[GREY], values[GREEN], values[GREY]
    rest = judged.copy()
    rest[:24, :24] = 0  # people drew here, whatever the model drew and others agreed to
    third = np.zeros((64, 64), np.uint8)
    third[:24, :24] = values[GREEN]
    expected = {
        scene.tiles[0].pk: [(drawn, 1.0), (rest, 0.5)],
        scene.tiles[1].pk: [(judged, 0.5)],
        scene.tiles[2].pk: [(third, 1.0)],
    }
    wanted = [(labels, weight) for pk in sorted(expected) for labels, weight in expected[pk]]
    assert len(tiles) == len(wanted) == 4
    for tile, (labels, weight) in zip(tiles, wanted, strict=True):
        assert (tile.labels == labels).all() and tile.weight == weight
    place = sorted(scene.tiles, key=lambda tile: tile.pk)[0]
    window = PixelWindow(place.col * 64, place.row * 64, 64, 64)
    pixels, _valid = read_window(scene.campaign.layer.path("analysis.tif"), window)
    assert (tiles[0].image == pixels).all() and (tiles[0].image.std() > 0)


def test_the_weight_is_an_option_of_the_run_and_is_kept_with_it() -> None:
    bands = ["R", "G", "B", "NIR"]
    spec, config = read_options({}, bands=bands, class_codes=[GREY, GREEN], seed=1)
    assert resolved_options({}, spec, config)["validated_weight"] == 0.5
    assert resolved_options({"validated_weight": 0.25}, spec, config)["validated_weight"] == 0.25
    for bad in (0, -1, 1.5, True, "0.5", float("nan")):
        with pytest.raises(InvalidTrainConfig, match="validated_weight"):
            read_options({"validated_weight": bad}, bands=bands, class_codes=[GREY, GREEN], seed=1)


def test_a_judged_pixel_counts_half_of_a_drawn_one_in_the_loss(scene: Drawn) -> None:
    frozen, tiles = read(scene)
    n_classes = len(frozen.class_codes)
    pair = [next(tile for tile in tiles if tile.weight == weight) for weight in (1.0, 0.5)]
    drawn = draw_batch(pair, labelled_tiles=(0, 1), crop_px=64, rngs=np.random.default_rng(0).spawn(16))
    labels, weights = drawn.labels, drawn.weights
    assert drawn.images.shape[0] == 16 and set(weights.tolist()) == {1.0, 0.5}
    logits = torch.from_numpy(np.random.default_rng(1).normal(size=(16, n_classes, 64, 64)).astype(np.float32))
    loss = segmentation_loss(
        logits,
        torch.from_numpy(labels).long(),
        class_weight=torch.ones(n_classes),
        pixel_weight=torch.from_numpy(weights),
    )
    # By hand: each labelled pixel's -log softmax, once where drawn and half where judged.
    total = pixels = 0.0
    scores = logits.numpy().astype(np.float64)
    for patch in range(16):
        share = np.exp(scores[patch]) / np.exp(scores[patch]).sum(axis=0)
        rows, cols = np.nonzero(labels[patch])
        own = -np.log(share[labels[patch, rows, cols].astype(int) - 1, rows, cols])
        total += weights[patch] * own.sum()
        pixels += weights[patch] * len(rows)
    assert float(loss) == pytest.approx(total / pixels, rel=1e-5)


def test_another_weight_is_another_training_set_to_a_checkpoint(scene: Drawn) -> None:
    _frozen, tiles = read(scene)
    _frozen, heavier = read(scene, validated_weight=1.0)
    options = {"n_bands": 4, "n_classes": len(_frozen.class_codes)}
    assert summarise(tiles, **options).sha256 != summarise(heavier, **options).sha256


def test_a_set_whose_judged_tiles_were_changed_or_lie_outside_the_pool_is_not_read(scene: Drawn) -> None:
    from django.db import connection

    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    row = frozen.validated.order_by("pk").first()
    assert row is not None
    type(row).objects.filter(pk=row.pk).update(sha256="0" * 64)
    with pytest.raises(TrainingSetChanged):
        training_tiles(frozen, on_progress=lambda share: None)
    control = scene.campaign.tiles.filter(role="holdout").first()
    with connection.cursor() as cursor:  # round the trigger, as a hand in the database might
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE learning_trainingsetvalidation DISABLE TRIGGER holdout_never_trains")
        cursor.execute("UPDATE learning_trainingsetvalidation SET tile_id = %s WHERE id = %s", [control.pk, row.pk])
    with pytest.raises(HoldoutInTraining):
        training_tiles(frozen, on_progress=lambda share: None)


def test_people_who_contradict_each_other_still_keep_a_judgement_off_their_ground() -> None:
    judged = np.array([[3, 3, 3, 0]], np.uint8)
    drawn = [np.array([[1, 0, 0, 0]], np.uint8), np.array([[2, 1, 0, 0]], np.uint8)]
    assert undrawn_part(judged, drawn).tolist() == [[0, 0, 3, 0]]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_training_job_learns_from_judged_tiles_and_the_release_says_so(tmp_path: Path) -> None:
    from scenes import labelled_scene

    from annotation.jobs.registry import run_job
    from annotation.models import Job
    from learning.models import TrainedModel
    from learning.services.release_model import model_record
    from learning.services.training import start_training_run

    base = labelled_scene(tmp_path, pool_tiles=3)
    prediction = ready_map(model_row(base.campaign, state="promoted"), np.zeros((12, 12), np.float32))
    made = Drawn(base.campaign, prediction)
    tile = ranked_round(base.campaign, 9, model_version=made.model_version)[-1]
    made.draw(tile, drawing())
    for who in judges(2):
        made.agree(tile, who)
    options = {**TINY_TRAINING, "warm_start": False}
    start_training_run(campaign=base.campaign, actor=None, config=options, force=True)
    job = Job.objects.get(kind="train")
    TrainedModel.objects.filter(number=1).update(state="retired")  # it has no weights to be judged by
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    model = TrainedModel.objects.get(number=2)
    assert model.run.training_set.n_tiles == 4 and model.run.config["validated_weight"] == 0.5
    training = model_record(model).training
    assert (training.tiles, training.validated_tiles) == (4, 1)
