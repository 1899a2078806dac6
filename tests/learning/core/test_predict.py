from __future__ import annotations

import copy
import dataclasses
import hashlib
import itertools
import math
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
import torch
from rasterio.windows import Window
from rio_cogeo.cogeo import cog_validate

from annotation.raster.cell_import import Workers, import_cells
from annotation.raster.ingest import rewrite_as_layer
from annotation.raster.plans import plan_import
from learning.core import map_files, map_tables, windows
from learning.core.dataset import LabelledTile, Normalisation
from learning.core.edges import EdgeCount
from learning.core.embedding import decoded_and_features
from learning.core.fit import fit
from learning.core.forward import Networks
from learning.core.map_area import pixels_within
from learning.core.map_plan import MapPaths, claim_work_dir, planned
from learning.core.model_file import ModelMetadata, TrainedModel, load_model, save_model
from learning.core.network import NetworkSpec, build_network
from learning.core.pixel_doubt import channel_masks
from learning.core.predict import plan_prediction, predict_core_rows, predict_raster, predict_window, window_logits
from learning.core.train_config import TrainConfig
from learning.core.uncertainty import PIXEL_SCORES, predictive_entropy
from learning.core.windows import batches
from learning.errors import (
    InvalidPredictionGrid,
    ModelCannotUseImagery,
    NoSecondOpinion,
    PredictionStopped,
    UnknownAcquisition,
)

torch.set_num_threads(1)
COLOURS = {"field": "#80FF00", "roof": "#FF377A", "water": "#00CCF2"}
BANDS = ("B", "R")
SIZE = (330, 270)  # width, height: not multiples of anything
OUT = (
    "class.tif", "entropy.tif", "scores.npy", "histogram.npy", "doubt.npy", "embedding.npy", "tile_entropy.npy",
    "edges.npy",
)  # fmt: skip


def scene(seed: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Three classes in smooth patches: image uint8 (2, h, w) in band order R, B, and labels 1 … 3."""
    rng = np.random.default_rng(seed)
    field = np.kron(rng.normal(size=(height // 30 + 2, width // 30 + 2)), np.ones((30, 30)))[:height, :width]
    labels = (1 + (field > -0.4) + (field > 0.4)).astype(np.uint8)
    colours = np.array([[90, 60], [170, 70], [40, 160]])[labels - 1]
    image = np.clip(colours + rng.normal(0, 30, (height, width, 2)), 1, 255).astype(np.uint8)
    return np.moveaxis(image, 2, 0).copy(), labels


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> TrainedModel:
    """Lightly trained: an untrained model answers one class everywhere, and any comparison would pass."""
    spec = NetworkSpec(bands=BANDS, class_codes=tuple(COLOURS), decoder_channels=(24, 16, 16, 8, 8))
    image, labels = scene(1, 160, 160)
    config = TrainConfig(steps=25, batch_size=3, crop_px=64, learning_rate=4e-3, precision="fp32")
    fitted = fit([LabelledTile(image[::-1].copy(), labels)], spec, config,
                 checkpoint_dir=tmp_path_factory.mktemp("run"))  # fmt: skip
    metadata = ModelMetadata(
        spec=spec, normalisation=fitted.normalisation, nomenclature_code="demo", nomenclature_version="1",
        gsd_m=0.2, training_set_sha256=fitted.training_set_sha256, margin_px=64,
    )  # fmt: skip
    return TrainedModel(fitted.network, metadata, sha256="c0ffee")


@pytest.fixture(scope="module")
def raster(tmp_path_factory) -> Path:
    """R, B, G imagery in Lambert-93 with a corner without data."""
    image, _ = scene(2, *SIZE)
    image = np.concatenate([image, image[:1]])
    image[:, :40, :50] = 0
    path = tmp_path_factory.mktemp("imagery") / "layer.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=SIZE[0], height=SIZE[1], count=3, dtype="uint8", nodata=0,
        crs="EPSG:2154", transform=(0.2, 0, 650_000, 0, -0.2, 6_860_000),
        tiled=True, blockxsize=128, blockysize=128,
    ) as target:  # fmt: skip
        target.write(image)
        target.descriptions = ("R", "B", "G")
    return path


def predict(model, raster, folder, **options):
    defaults = {"tile_px": 50, "colours": COLOURS, "core_px": 96, "precision": "fp32"}
    return predict_raster(model, raster, out=MapPaths.in_folder(folder), **{**defaults, **options})


def digests(folder: Path) -> list[str]:
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in OUT]


def read(path: Path) -> np.ndarray:
    with rasterio.open(path, driver="GTiff") as dataset:
        return dataset.read(1)


@pytest.fixture(scope="module")
def predicted(model, raster, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("map")
    predict(model, raster, folder)
    return folder


def test_rows_whose_blocks_are_copied_give_the_map_that_rows_packed_again_give(model, raster, tmp_path, monkeypatch):
    predict(model, raster, tmp_path / "copied", core_px=512)
    monkeypatch.setattr(map_files, "stored_rows", lambda path, *, band: itertools.repeat(None))
    predict(model, raster, tmp_path / "packed", core_px=512)
    for name in ("class.tif", "entropy.tif"):
        assert np.array_equal(read(tmp_path / "copied" / name), read(tmp_path / "packed" / name)), name
        assert cog_validate(tmp_path / "copied" / name)[0]
    assert (tmp_path / "copied" / "edges.npy").read_bytes() == (tmp_path / "packed" / "edges.npy").read_bytes()


def test_two_workers_at_the_same_row_leave_one_row_and_nothing_else(model, raster, tmp_path):
    plan = plan_prediction(model, raster, tile_px=50, work_dir=tmp_path / "rows", core_px=96, precision="fp32")
    claim_work_dir(plan)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _worker: predict_core_rows(model, plan, [1]), range(2)))
    names = {"plan.json", "row-000001.tif", "row-000001.entropy.tif", "row-000001.npz"}
    assert {path.name for path in plan.work_dir.iterdir()} == names


def test_the_model_tells_several_classes_apart_on_the_test_raster(predicted):
    counts = np.bincount(read(predicted / "class.tif").ravel(), minlength=4)
    assert (counts[1:] > 0.1 * counts.sum()).all()


def test_both_maps_are_valid_cogs_on_the_grid_of_the_imagery(predicted, raster):
    with rasterio.open(raster, driver="GTiff") as source:
        grid = (source.crs, source.transform, source.width, source.height)
    for name in OUT[:2]:
        valid, errors, _ = cog_validate(predicted / name, strict=True)
        assert valid, errors
        with rasterio.open(predicted / name, driver="GTiff") as dataset:
            assert (dataset.crs, dataset.transform, dataset.width, dataset.height) == grid
            assert dataset.dtypes == ("uint8",) and dataset.nodata == 0
            assert dataset.compression.name == "deflate"
            assert dataset.tags()["MODEL_SHA256"] == "c0ffee"
    with rasterio.open(predicted / "class.tif", driver="GTiff") as dataset:
        assert dataset.colormap(1)[2] == (0xFF, 0x37, 0x7A, 255)
        assert dataset.tags()["CLASS_CODES"] == '["field", "roof", "water"]'


def test_overviews_hold_the_most_frequent_class_and_the_mean_entropy(model, tmp_path):
    image, _ = scene(5, 640, 600)
    path = tmp_path / "large.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=640, height=600, count=2, dtype="uint8", crs="EPSG:2154",
        transform=(0.2, 0, 650_000, 0, -0.2, 6_860_000),
    ) as target:  # fmt: skip
        target.write(image)
    predict(model, path, tmp_path, bands=("R", "B"), core_px=640, margin_px=0, tile_px=100, precision="auto")
    for name in OUT[:2]:
        assert cog_validate(tmp_path / name, strict=True)[0]
    classes, levels = (read(tmp_path / name).reshape(300, 2, 320, 2) for name in OUT[:2])
    with rasterio.open(tmp_path / "class.tif", driver="GTiff", overview_level=0) as dataset:
        halved = dataset.read(1)
    counts = np.stack([(classes == k).sum(axis=(1, 3)) for k in range(4)])
    chosen = np.take_along_axis(counts, halved[None].astype(int), axis=0)[0]
    assert halved.shape == (300, 320) and (chosen == counts.max(axis=0)).all()
    with rasterio.open(tmp_path / "entropy.tif", driver="GTiff", overview_level=0) as dataset:
        assert np.abs(dataset.read(1) - levels.mean(axis=(1, 3))).max() <= 1


def test_nothing_but_the_files_remains(predicted):
    assert sorted(p.name for p in predicted.iterdir()) == sorted(OUT)


def test_pixels_without_imagery_are_zero_in_both_maps_and_no_other_pixel_is(predicted, raster):
    with rasterio.open(raster, driver="GTiff") as source:
        valid = source.dataset_mask() > 0
    assert not valid[:40, :50].any() and valid.mean() > 0.95
    assert np.array_equal(read(predicted / "class.tif") > 0, valid)
    assert np.array_equal(read(predicted / "entropy.tif") > 0, valid)


def test_rows_computed_in_any_order_and_place_give_the_same_bytes(model, raster, predicted, tmp_path):
    plan = plan_prediction(model, raster, tile_px=50, work_dir=tmp_path / "rows", core_px=96, precision="fp32")
    claim_work_dir(plan)
    assert plan.n_core_rows == 3
    for core_row in (2, 0, 1):
        predict_core_rows(model, plan, [core_row])
    map_files.assemble(plan, MapPaths.in_folder(tmp_path), colours=COLOURS, tags={"MODEL_SHA256": model.sha256})
    assert digests(tmp_path) == digests(predicted)


def test_a_prediction_stopped_half_way_goes_on_to_the_same_bytes(model, raster, predicted, tmp_path):
    shares = []
    with pytest.raises(PredictionStopped, match="row 1 of 3"):
        predict(
            model,
            raster,
            tmp_path,
            on_progress=shares.append,
            should_stop=lambda: max(shares, default=0) > 0.4,
        )
    assert not (tmp_path / "class.tif").exists()
    done = sorted(p.name for p in (tmp_path / "class.tif.rows").iterdir())
    assert done == ["plan.json", "row-000000.entropy.tif", "row-000000.npz", "row-000000.tif"]
    again = []
    predict(model, raster, tmp_path, on_progress=again.append)
    assert again[0] == pytest.approx(1 / 3)  # the first row was not computed again
    assert again == sorted(again) and again[-1] == 1
    assert digests(tmp_path) == digests(predicted)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [2, 3])
def test_two_windows_side_by_side_have_the_bytes_of_one_after_the_other(
    model, raster, predicted, tmp_path, threads, count
):
    threads(count)  # one for each of two
    predict(model, raster, tmp_path)
    assert digests(tmp_path) == digests(predicted)


def test_with_several_threads_rows_have_the_same_bytes_however_they_are_shared_out(model, raster, tmp_path, threads):
    threads(4)
    for place, shares in (("at once", [[0, 1, 2]]), ("one by one", [[2], [0], [1]])):
        plan = plan_prediction(model, raster, tile_px=50, work_dir=tmp_path / "rows", core_px=128, precision="fp32")
        assert (plan.n_core_rows, -(-plan.width // 128) % 2) == (3, 1)  # a last window has nobody beside it
        claim_work_dir(plan)
        for rows in shares:
            predict_core_rows(model, plan, rows)
        out = MapPaths.in_folder(tmp_path / place)
        map_files.assemble(plan, out, colours=COLOURS, tags={"MODEL_SHA256": model.sha256})
    assert digests(tmp_path / "at once") == digests(tmp_path / "one by one")


def test_a_stop_keeps_the_rows_whose_windows_were_begun(model, raster, predicted, tmp_path):
    torch.set_num_threads(2)
    asked = []
    try:
        with pytest.raises(PredictionStopped):
            predict(model, raster, tmp_path, should_stop=lambda: bool(asked.append(1)) or len(asked) > 6)
    finally:
        torch.set_num_threads(1)
    windows = 6  # those that nobody asked to stop
    per_row = -(-read(predicted / "class.tif").shape[1] // 96)
    rows = sorted((tmp_path / "class.tif.rows").glob("*.npz"))
    assert len(rows) == windows // per_row
    assert not list((tmp_path / "class.tif.rows").glob("*.partial"))
    predict(model, raster, tmp_path)
    assert digests(tmp_path) == digests(predicted)


def test_rows_of_another_model_are_not_reused(model, raster, predicted, tmp_path):
    def after_first_row():
        return len(list((tmp_path / "class.tif.rows").glob("*.npz"))) == 1

    other = TrainedModel(model.network, model.metadata, sha256="another")
    with pytest.raises(PredictionStopped):
        predict(other, raster, tmp_path, should_stop=after_first_row)
    shares = []
    predict(model, raster, tmp_path, on_progress=shares.append)
    assert shares[0] < 1 / 3
    assert digests(tmp_path) == digests(predicted)


def test_small_windows_agree_with_one_window_over_everything(model, raster, predicted, tmp_path):
    predict(model, raster, tmp_path, core_px=352)
    small, whole = read(predicted / "class.tif"), read(tmp_path / "class.tif")
    valid = whole > 0
    assert (small != whole)[valid].mean() < 0.01
    seams = np.zeros_like(valid)
    seams[94:98], seams[:, 94:98], seams[:, 190:194] = True, True, True
    assert (small != whole)[valid & seams].mean() < 0.02
    entropy = [read(f / "entropy.tif").astype(int) for f in (predicted, tmp_path)]
    assert np.abs(entropy[0] - entropy[1])[valid].mean() < 2


def test_without_a_margin_seams_would_show(model, raster, predicted, tmp_path):
    predict(model, raster, tmp_path / "none", margin_px=0)
    predict(model, raster, tmp_path / "whole", core_px=352)
    whole = read(tmp_path / "whole" / "class.tif")
    without, with_margin = read(tmp_path / "none" / "class.tif"), read(predicted / "class.tif")
    assert (without != whole).sum() > 2 * (with_margin != whole).sum()


def test_tile_scores_are_the_mean_entropy_of_the_tiles_valid_pixels(model, raster, predicted):
    scores, histogram = np.load(predicted / "scores.npy"), np.load(predicted / "histogram.npy")
    assert scores.shape == (5, 6) and scores.dtype == np.float32
    assert histogram.shape == (5, 6, 3)
    classes, levels = read(predicted / "class.tif"), read(predicted / "entropy.tif").astype(float)
    nats = (levels - 1) / 254 * math.log(3)
    for row, col in ((0, 0), (2, 3), (4, 5)):  # the first tile has 10 valid rows of 50
        here = np.s_[row * 50 : (row + 1) * 50, col * 50 : (col + 1) * 50]
        known = classes[here] > 0
        expected = [(classes[here] == k).sum() for k in (1, 2, 3)]
        assert histogram[row, col].tolist() == expected
        # stored entropy is rounded to 1/254 of ln 3
        assert scores[row, col] == pytest.approx(nats[here][known].mean(), abs=math.log(3) / 508)
    assert histogram[0, 0].sum() == 10 * 50


def test_the_doubt_of_a_tile_is_told_apart_by_predicted_class(model, raster, predicted):
    doubt, scores = np.load(predicted / "doubt.npy"), np.load(predicted / "scores.npy")
    assert doubt.shape == (5, 6, 3) and doubt.dtype == np.float32
    assert doubt.sum(axis=2) == pytest.approx(scores, abs=1e-6)
    classes, levels = read(predicted / "class.tif"), read(predicted / "entropy.tif").astype(float)
    nats = (levels - 1) / 254 * math.log(3)
    here = np.s_[100:150, 150:200]
    for value in (1, 2, 3):
        of_class = nats[here][classes[here] == value].sum() / (classes[here] > 0).sum()
        assert doubt[2, 3, value - 1] == pytest.approx(of_class, abs=math.log(3) / 508)


def test_a_tiles_embedding_is_what_the_encoder_saw_there_among_the_tiles(model, raster, tmp_path):
    predict(model, raster, tmp_path, tile_px=64, core_px=352, margin_px=0)
    embedding = np.load(tmp_path / "embedding.npy")
    assert embedding.shape == (4, 5, 64) and embedding.dtype == np.float16
    assert not embedding[~np.isfinite(np.load(tmp_path / "scores.npy"))].any()
    with rasterio.open(raster, driver="GTiff") as source:
        image, valid = source.read((2, 1)), source.dataset_mask() > 0
    norm = model.metadata.normalisation
    mean, std = (np.array(v, np.float32)[:, None, None] for v in (norm.mean, norm.std))
    rows, cols = (-(-n // 32) * 32 - n for n in valid.shape)
    inputs = np.pad((image - mean) / std * valid, ((0, 0), (0, rows), (0, cols)), mode="reflect")
    with torch.inference_mode():
        _decoded, cells = decoded_and_features(model.network, torch.from_numpy(inputs.astype(np.float32))[None])
    tiles = cells[0, :, :8, :10].reshape(-1, 4, 2, 5, 2).numpy()
    known = valid[16:256:32, 16:320:32].reshape(4, 2, 5, 2)
    seen = (tiles * known).sum((2, 4)) / known.sum((1, 3))
    standard = (seen - seen.mean((1, 2), keepdims=True)) / seen.std((1, 2), keepdims=True) / len(seen) ** 0.5
    expected = standard.transpose(1, 2, 0) @ map_tables.random_projection(len(seen), 64)
    assert embedding == pytest.approx(expected, abs=0.05)
    assert np.corrcoef(embedding.ravel(), expected.ravel())[0, 1] > 0.999


def test_a_tile_without_imagery_has_no_score(model, raster, tmp_path):
    result = predict(model, raster, tmp_path, tile_px=20)
    scores = np.load(tmp_path / "scores.npy")
    assert np.isnan(scores[0, 0]) and np.isnan(scores[1, 1])
    assert np.isfinite(scores[2, 0])
    assert sum(result.class_pixels) == SIZE[0] * SIZE[1] - 40 * 50
    assert result.mean_entropy_nats == pytest.approx(np.nanmean(scores), abs=0.05)


def test_a_window_in_memory_gives_what_the_map_holds(model, raster, predicted):
    with rasterio.open(raster, driver="GTiff") as source:
        context = source.read((2, 1), window=Window(96 - 64, 96 - 64, 96 + 128, 96 + 128))
        valid = source.dataset_mask(window=Window(96 - 64, 96 - 64, 96 + 128, 96 + 128)) > 0
    classes, entropy = predict_window(model, context, valid=valid, margin_px=64, precision="fp32")
    window = np.s_[96:192, 96:192]
    assert classes.dtype == np.uint8 and entropy.dtype == np.float32
    assert np.array_equal(classes, read(predicted / "class.tif")[window])
    levels = 1 + np.round(entropy / math.log(3) * 254)
    assert np.abs(levels - read(predicted / "entropy.tif")[window]).max() <= 1


def test_entropy_in_one_pass_equals_the_textbook_formula(model):
    image, _ = scene(3, 64, 64)
    _, entropy = predict_window(model, image[::-1].copy(), precision="fp32")
    mean, std = (
        np.array(v)[:, None, None] for v in (model.metadata.normalisation.mean, model.metadata.normalisation.std)
    )
    inputs = torch.from_numpy(((image[::-1] - mean) / std).astype(np.float32))[None]
    with torch.inference_mode():
        probabilities = model.network(inputs).softmax(dim=1).numpy()
    assert entropy == pytest.approx(predictive_entropy(probabilities)[0], abs=2e-4)


def test_an_image_of_any_size_can_be_predicted(model):
    classes, _ = predict_window(model, np.full((2, 5, 33), 90, np.uint8))
    assert classes.shape == (5, 33)


def test_a_raster_smaller_than_the_margin_is_predicted(model, tmp_path):
    path = tmp_path / "tiny.tif"
    place = {"crs": "EPSG:2154", "transform": (0.2, 0, 650_000, 0, -0.2, 6_860_000)}
    with rasterio.open(path, "w", driver="GTiff", width=7, height=3, count=2, dtype="uint8", **place) as target:
        target.write(np.full((2, 3, 7), 80, np.uint8))
    result = predict(model, path, tmp_path / "out", bands=("R", "B"), tile_px=4)
    assert (result.n_rows, result.n_cols) == (0, 1)
    assert sum(result.class_pixels) == 21
    assert np.load(tmp_path / "out" / "scores.npy").shape == (0, 1)


def test_windows_in_batches_cover_the_same_pixels(model, raster, predicted, tmp_path):
    predict(model, raster, tmp_path, batch_size=2)
    assert (read(tmp_path / "class.tif") != read(predicted / "class.tif")).mean() < 1e-3


def test_imagery_without_the_models_bands_is_refused_before_anything_is_written(model, raster, tmp_path):
    with pytest.raises(ModelCannotUseImagery, match=r"needs band.*B"):
        predict(model, raster, tmp_path / "out", bands=("R", "G", "NIR"))
    with pytest.raises(ModelCannotUseImagery, match="2 band names"):
        predict(model, raster, tmp_path / "out", bands=("R", "B"))
    with pytest.raises(ModelCannotUseImagery, match="1 m"):
        predict(model, raster, tmp_path / "out", gsd_m=1.0)
    with pytest.raises(ModelCannotUseImagery, match="uint16"):
        predict_window(model, np.zeros((2, 32, 32), np.uint16))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("change", [{"core_px": 100}, {"margin_px": 10}, {"tile_px": 0}, {"batch_size": 0}])
def test_sizes_that_cannot_cut_windows_are_refused(model, raster, tmp_path, change):
    with pytest.raises(InvalidPredictionGrid, match=next(iter(change))):
        predict(model, raster, tmp_path, **change)


def test_a_class_without_a_colour_is_refused_by_name():
    with pytest.raises(InvalidPredictionGrid, match="water"):
        map_files.colour_table(("field", "water"), {"field": "#000000"})


def test_assembling_an_unfinished_prediction_is_refused(model, raster, tmp_path):
    plan = plan_prediction(model, raster, tile_px=50, work_dir=tmp_path / "rows", core_px=96)
    claim_work_dir(plan)
    with pytest.raises(InvalidPredictionGrid, match="3 rows"):
        map_files.assemble(plan, MapPaths.in_folder(tmp_path), colours=COLOURS, tags={})


def test_normalisation_travels_with_the_model_and_changes_its_answers(model):
    image, _ = scene(4, 64, 64)
    raw = dataclasses.replace(model.metadata, normalisation=Normalisation("uint8", (0.0, 0.0), (1.0, 1.0)))
    shifted = TrainedModel(model.network, raw, sha256="x")
    one, two = (predict_window(m, image[::-1].copy())[0] for m in (model, shifted))
    assert (one != two).mean() > 0.05


def test_a_temperature_changes_the_entropy_and_no_class(model):
    image, _ = scene(4, 64, 64)
    outputs = window_logits(model, image)
    classes, nats = predict_window(model, image)
    assert outputs.shape == (3, 64, 64) and ((outputs.argmax(axis=0) + 1) == classes).all()
    hot = dataclasses.replace(model, temperature=2.5)
    warm_classes, warm_nats = predict_window(hot, image)
    assert (warm_classes == classes).all() and (warm_nats > nats).all()
    scaled = outputs.astype(np.float64) / 2.5
    p = np.exp(scaled - scaled.max(axis=0)) / np.exp(scaled - scaled.max(axis=0)).sum(axis=0)
    assert np.allclose(warm_nats, predictive_entropy(p[None].astype(np.float32))[0], atol=1e-5)


def test_rows_of_windows_made_at_another_temperature_are_not_taken_up(model, raster, tmp_path):
    plans = [
        plan_prediction(dataclasses.replace(model, temperature=t), raster, tile_px=64, work_dir=tmp_path)
        for t in (1.0, 2.0)
    ]
    assert plans[0].fingerprint != plans[1].fingerprint


@pytest.mark.parametrize(
    ("architecture", "encoder"),
    [
        ("unetplusplus", "resnet18"),
        ("deeplabv3plus", "resnet18"),
        ("segformer", "mit_b0"),
        ("upernet", "tu-convnext_tiny"),
    ],
)
def test_every_architecture_maps_a_raster_and_says_what_its_encoder_saw(tmp_path, raster, architecture, encoder):
    spec = NetworkSpec(
        bands=BANDS, class_codes=tuple(COLOURS), architecture=architecture, encoder=encoder, pretrained=False,
        decoder_channels=(8,) * (5 if architecture == "unetplusplus" else 1),
    )  # fmt: skip
    file = tmp_path / "model.safetensors"
    norm = Normalisation("uint8", (100.0,) * len(BANDS), (50.0,) * len(BANDS))
    save_model(file, build_network(spec).eval(), ModelMetadata(spec, norm, "demo", "1", 0.2, ""))
    predict(load_model(file), raster, tmp_path)
    with rasterio.open(tmp_path / "class.tif", driver="GTiff") as found:
        assert set(np.unique(found.read(1))) <= set(range(len(COLOURS) + 1))


def with_dropout(model: TrainedModel, rate: float = 0.5) -> TrainedModel:
    """The same weights as if they had been trained with it."""
    spec = dataclasses.replace(model.metadata.spec, dropout=rate)
    return dataclasses.replace(model, metadata=dataclasses.replace(model.metadata, spec=spec))


@pytest.fixture(scope="module")
def elder(model) -> TrainedModel:
    """Another model of the same classes, with a temperature of its own."""
    network = build_network(model.metadata.spec)
    network.load_state_dict(model.network.state_dict())
    with torch.no_grad():
        weight = network.segmentation_head[0].weight
        weight += torch.randn(weight.shape, generator=torch.Generator().manual_seed(5)) * weight.std()
    return dataclasses.replace(model, network=network.eval(), sha256="e1de4", temperature=1.7)


def probabilities(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    scaled = logits.astype(np.float64) / temperature
    exponential = np.exp(scaled - scaled.max(axis=0))
    return exponential / exponential.sum(axis=0)


def tile_means(values: np.ndarray, known: np.ndarray, side: int = 50) -> np.ndarray:
    rows, cols = (n // side for n in known.shape)
    cut = [np.where(known, a, 0)[: rows * side, : cols * side] for a in (values, known)]
    total, count = (a.reshape(rows, side, cols, side).sum(axis=(1, 3)) for a in cut)
    return total / count


def whole_raster(model: TrainedModel, raster: Path) -> tuple[np.ndarray, np.ndarray]:
    """Logits of one window over everything, and where there is imagery."""
    with rasterio.open(raster, driver="GTiff") as source:
        image, valid = source.read((2, 1)), source.dataset_mask() > 0
    return window_logits(model, image, valid=valid, precision="fp32"), valid


@pytest.mark.parametrize("score", ["margin", "least_confidence", "bald"])
def test_the_score_a_plan_names_is_summed_over_the_tiles_and_the_entropy_map_stays_as_it_is(
    model, elder, raster, predicted, tmp_path, score
):
    result = predict(model, raster, tmp_path / "small", pixel_score=score, others=(elder,))
    for name in ("class.tif", "entropy.tif", "histogram.npy", "embedding.npy", "tile_entropy.npy"):
        assert (tmp_path / "small" / name).read_bytes() == (predicted / name).read_bytes(), name
    assert np.array_equal(np.load(predicted / "scores.npy"), np.load(predicted / "tile_entropy.npy"), equal_nan=True)
    predict(model, raster, tmp_path, pixel_score=score, others=(elder,), core_px=352, margin_px=0)
    scores, doubt = np.load(tmp_path / "scores.npy"), np.load(tmp_path / "doubt.npy")
    logits, valid = whole_raster(model, raster)
    members = [probabilities(logits)]
    if score == "bald":
        members.append(probabilities(whole_raster(elder, raster)[0], elder.temperature))
    expected = PIXEL_SCORES[score].function(np.stack(members)[:, None])[0]
    assert scores == pytest.approx(tile_means(expected, valid), abs=2e-5)
    assert doubt.sum(axis=2) == pytest.approx(scores, abs=1e-6)
    classes = read(tmp_path / "class.tif")
    assert doubt[2, 3, 1] == pytest.approx((expected * (classes == 2))[100:150, 150:200].mean(), abs=2e-5)
    small = np.load(tmp_path / "small" / "scores.npy")
    assert np.corrcoef(small.ravel(), scores.ravel())[0, 1] > 0.95
    assert result.mean_entropy_nats == pytest.approx(np.nanmean(np.load(predicted / "tile_entropy.npy")), abs=0.05)


def test_opinions_by_dropout_are_the_heads_without_some_channels(model, raster, tmp_path):
    dropped = with_dropout(model)
    predict(dropped, raster, tmp_path, pixel_score="bald", opinions=3, core_px=352, margin_px=0)
    with rasterio.open(raster, driver="GTiff") as source:
        image, valid = source.read((2, 1)), source.dataset_mask() > 0
    members = []
    for mask in channel_masks(8, opinions=3, rate=0.5):
        network = copy.deepcopy(model.network)
        with torch.no_grad():
            network.segmentation_head[0].weight *= mask[None, :, None, None]  # what is not read cannot be said
        logits = window_logits(dataclasses.replace(model, network=network), image, valid=valid, precision="fp32")
        members.append(probabilities(logits))
    expected = PIXEL_SCORES["bald"].function(np.stack(members)[:, None])[0]
    scores = np.load(tmp_path / "scores.npy")
    assert expected.mean() > 0.01 and scores == pytest.approx(tile_means(expected, valid), abs=1e-4)


def test_scores_of_several_opinions_have_the_same_bytes_however_the_rows_are_shared_out(model, elder, raster, tmp_path):
    for name, one, others in (("dropout", with_dropout(model), ()), ("models", model, (elder,))):
        whole = tmp_path / name
        predict(one, raster, whole, pixel_score="bald", others=others)
        for again, order in enumerate(((2, 0, 1), (1, 2, 0))):
            plan = plan_prediction(
                one, raster, tile_px=50, work_dir=whole / "rows", core_px=96, precision="fp32", pixel_score="bald",
                others=others,
            )  # fmt: skip
            claim_work_dir(plan)
            for core_row in order:
                predict_core_rows(one, plan, [core_row], others=others)
            shared = whole / f"{again}"
            map_files.assemble(plan, MapPaths.in_folder(shared), colours=COLOURS, tags={"MODEL_SHA256": model.sha256})
            assert digests(shared) == digests(whole)


def test_a_score_of_several_opinions_is_refused_before_the_map_is_begun_where_there_is_one(
    model, elder, raster, tmp_path
):
    with pytest.raises(NoSecondOpinion, match="Train with dropout"):
        predict(model, raster, tmp_path / "out", pixel_score="bald")
    spec = dataclasses.replace(model.metadata.spec, class_codes=("field", "roof", "pond"))
    stranger = dataclasses.replace(elder, metadata=dataclasses.replace(elder.metadata, spec=spec))
    with pytest.raises(NoSecondOpinion, match="other classes"):
        predict(model, raster, tmp_path / "out", pixel_score="bald", others=(stranger,))
    with pytest.raises(InvalidPredictionGrid, match="opinions = 9"):
        predict(with_dropout(model), raster, tmp_path / "out", pixel_score="bald", opinions=9)
    with pytest.raises(UnknownAcquisition, match="least_confidence"):
        predict(model, raster, tmp_path / "out", pixel_score="doubt")
    assert not (tmp_path / "out").exists()


def test_rows_of_another_score_or_of_other_opinions_are_not_taken_up(model, elder, raster, tmp_path):
    def card(one: TrainedModel, **options: object) -> str:
        plan = plan_prediction(one, raster, tile_px=64, work_dir=tmp_path / "rows", **options)
        claim_work_dir(plan)
        return (tmp_path / "rows" / "plan.json").read_text()

    cards = [
        card(model), card(model, pixel_score="margin"), card(model, pixel_score="bald", others=(elder,)),
        card(model, pixel_score="bald", others=(dataclasses.replace(elder, sha256="0"),)),
        card(with_dropout(model), pixel_score="bald"), card(with_dropout(model), pixel_score="bald", opinions=3),
    ]  # fmt: skip
    assert len(set(cards)) == len(cards)
    assert card(model) == card(model, others=(elder,)), "nobody is asked who is not heard"


def test_borders_between_classes_are_counted_tile_by_tile(predicted):
    edges, classes = np.load(predicted / "edges.npy"), read(predicted / "class.tif").astype(int)
    assert edges.shape == (5, 6) and edges.dtype == np.int32
    for row, col in ((0, 0), (1, 1), (4, 5)):  # rows of windows end at 96 and 192, within tiles 1 and 3
        tile = classes[row * 50 : (row + 1) * 50, col * 50 : (col + 1) * 50]
        pairs = ((tile[:, 1:], tile[:, :-1]), (tile[1:], tile[:-1]))
        assert edges[row, col] == sum(((a != b) & (a > 0) & (b > 0)).sum() for a, b in pairs)


@pytest.fixture(scope="module")
def in_parts(model, raster, tmp_path_factory) -> tuple[Path, Path]:
    """Tiles of 128 px: a map that tells 16 parts of each apart, and one that tells none."""
    folders = tmp_path_factory.mktemp("parts"), tmp_path_factory.mktemp("whole")
    for folder, parts in zip(folders, (4, 1), strict=True):
        predict(model, raster, folder, tile_px=128, parts=parts)
    return folders


def test_a_map_that_tells_parts_apart_has_the_same_bytes_for_its_tiles(in_parts):
    with_parts, whole = in_parts
    assert digests(with_parts) == digests(whole)
    own = {"parts_doubt.npy", "parts_histogram.npy", "parts_embedding.npy"}
    assert {p.name for p in with_parts.iterdir()} - {p.name for p in whole.iterdir()} == own
    assert {p.name for p in whole.iterdir()} == set(OUT) == set(MapPaths.in_folder(whole).names())
    assert set(MapPaths.in_folder(whole).names(parts=4)) == set(OUT) | own


def test_parts_say_of_themselves_what_tiles_do(in_parts, model, raster, tmp_path):
    folder, _whole = in_parts
    doubt, histogram, embedding = (np.load(folder / f"parts_{n}.npy") for n in ("doubt", "histogram", "embedding"))
    assert doubt.shape == histogram.shape == (8, 8, 3) and embedding.shape == (8, 8, 64)
    assert (doubt.dtype, histogram.dtype, embedding.dtype) == (np.float16, np.int32, np.float16)
    # Tiles as small as those parts, of the same windows: there are two columns more of them in the raster.
    predict(model, raster, tmp_path, tile_px=32)
    small = {name: np.load(tmp_path / f"{name}.npy")[:8, :8] for name in ("scores", "doubt", "histogram", "embedding")}
    assert np.array_equal(histogram, small["histogram"])
    known = np.isfinite(small["scores"])
    assert not known[0, 0] and np.isnan(doubt[0, 0]).all() and np.isfinite(doubt[known]).all()
    assert doubt[known] == pytest.approx(small["doubt"][known], rel=2e-3, abs=1e-6)
    assert not embedding[0, 0].any()
    assert np.corrcoef(embedding[known].ravel(), small["embedding"][known].ravel())[0, 1] > 0.98
    tiles = np.load(folder / "histogram.npy")
    assert np.array_equal(histogram.reshape(2, 4, 2, 4, 3).sum(axis=(1, 3)), tiles)


def test_parts_have_the_same_bytes_however_the_rows_are_shared_out(model, raster, in_parts, tmp_path):
    plan = plan_prediction(
        model, raster, tile_px=128, work_dir=tmp_path / "rows", core_px=96, precision="fp32", parts=4
    )
    claim_work_dir(plan)
    for core_row in (1, 2, 0):
        predict_core_rows(model, plan, [core_row])
    out = MapPaths.in_folder(tmp_path)
    map_files.assemble(plan, out, colours=COLOURS, tags={"MODEL_SHA256": model.sha256})
    for name in out.names(parts=4):
        assert (tmp_path / name).read_bytes() == (in_parts[0] / name).read_bytes(), name


def test_tiles_whose_parts_would_be_too_small_are_refused_before_the_map_is_begun(model, raster, tmp_path):
    with pytest.raises(InvalidPredictionGrid, match="4 × 4 parts"):
        predict(model, raster, tmp_path / "out", tile_px=96, parts=4)
    assert not (tmp_path / "out").exists()


def test_a_layer_of_cells_is_predicted_to_the_same_bytes_as_the_same_layer_in_one_file(model, tmp_path):
    image, _ = scene(6, 640, 600)
    path = tmp_path / "source.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=640, height=600, count=2, dtype="uint8", crs="EPSG:2154", nodata=0,
        transform=(0.2, 0, 650_000, 0, -0.2, 6_860_000), tiled=True,
    ) as target:  # fmt: skip
        target.write(image)
        target.descriptions = ("R", "B")
    cells = import_cells(
        plan_import([path]), out_dir=tmp_path / "cells", cell_px=512, workers=Workers(require_isolation=False)
    )
    one = rewrite_as_layer([path], out_dir=tmp_path / "one")
    for layer, folder in ((cells, tmp_path / "a"), (one, tmp_path / "b")):
        folder.mkdir()
        predict(model, layer.analysis_path, folder, core_px=192, margin_px=32)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_the_room_that_sums_need_on_the_disk_is_taken_before_they_are_written(tmp_path):
    path = tmp_path / "sums"
    sums = map_tables._room_on_disk(path, (300, 200, 9))
    assert sums.shape == (300, 200, 9) and not sums.any()
    assert 512 * path.stat().st_blocks >= sums.nbytes  # a file with holes has fewer blocks


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_batches_of_another_size_give_the_same_classes_and_all_but_the_same_entropy(model, raster, tmp_path, precision):
    for size in (1, 3):
        predict(model, raster, tmp_path / f"{size}", batch_size=size, precision=precision)
    one, three = (tmp_path / f"{size}" for size in (1, 3))
    assert np.array_equal(read(one / "class.tif"), read(three / "class.tif"))
    levels = [read(folder / "entropy.tif").astype(int) for folder in (one, three)]
    assert np.abs(levels[0] - levels[1]).max() <= 1  # of 254: a kernel may add up in another order


def test_a_map_by_onnx_runtime_has_the_classes_of_one_by_pytorch_and_the_same_bytes_in_any_order(
    model, raster, predicted, tmp_path
):
    plan = plan_prediction(
        model, raster, tile_px=50, work_dir=tmp_path / "rows", core_px=96, precision="fp32", engine="onnx"
    )
    for place, order in (("a", (0, 1, 2)), ("b", (2, 0, 1))):
        claim_work_dir(plan)
        for core_row in order:
            predict_core_rows(model, plan, [core_row])
        out = MapPaths.in_folder(tmp_path / place)
        map_files.assemble(plan, out, colours=COLOURS, tags={"MODEL_SHA256": model.sha256})
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert np.array_equal(read(tmp_path / "a" / "class.tif"), read(predicted / "class.tif"))
    levels = [read(folder / "entropy.tif").astype(int) for folder in (tmp_path / "a", predicted)]
    assert np.abs(levels[0] - levels[1]).max() <= 1  # of 254


def test_rows_of_one_engine_are_not_taken_up_by_another(model, raster, tmp_path):
    plans = [
        plan_prediction(model, raster, tile_px=50, work_dir=tmp_path / "rows", core_px=96, engine=engine)
        for engine in ("torch", "onnx")
    ]
    claim_work_dir(plans[0])
    predict_core_rows(model, plans[0], [0])
    assert plans[1].is_done(0)
    claim_work_dir(plans[1])
    assert not plans[1].is_done(0)


def test_an_engine_that_there_is_not_is_refused_with_those_there_are(model, raster, tmp_path):
    with pytest.raises(InvalidPredictionGrid, match=r"'tensorrt'.*torch, onnx"):
        plan_prediction(model, raster, tile_px=50, work_dir=tmp_path, core_px=96, engine="tensorrt")


@pytest.mark.parametrize("ahead", [True, False])
def test_windows_over_the_edge_are_mirrored_whatever_their_place(model, tmp_path, ahead):
    image, _labels = scene(5, 70, 100)
    path = tmp_path / "small.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=70, height=100, count=3, dtype="uint8", nodata=0, tiled=True, blockxsize=64,
        blockysize=64, crs="EPSG:2154", transform=(0.2, 0, 650_000, 0, -0.2, 6_860_000),
    ) as target:  # fmt: skip
        target.write(np.concatenate([image, image[:1]]))
        target.descriptions = ("R", "B", "G")
    plan = plan_prediction(model, path, tile_px=50, work_dir=tmp_path, core_px=32, margin_px=32, precision="fp32")
    whole = np.concatenate([image, image[:1]])[[i - 1 for i in plan.band_indexes]]
    seen = 0
    for core_row in range(plan.n_core_rows):
        for [patch] in batches(plan, core_row, ahead=ahead):
            rows = np.arange(32 * core_row - 32, 32 * core_row - 32 + patch.image.shape[1])
            cols = np.arange(patch.left - 32, patch.left - 32 + patch.image.shape[2])
            fold = [np.pad(np.arange(n), 200, mode="reflect")[200 + at] for n, at in ((100, rows), (70, cols))]
            assert np.array_equal(patch.image, whole[np.ix_([0, 1], *fold)])
            assert patch.valid.shape == patch.image.shape[1:]
            seen += 1
    assert seen == 4 * 3


def killed_at(share: float, file: Path, raster: Path, folder: Path) -> None:
    """In a process of its own: map, and die without a word once so much is done."""
    torch.set_num_threads(1)

    def on_progress(done: float) -> None:
        if done >= share:
            os.kill(os.getpid(), signal.SIGKILL)

    predict(load_model(file), raster, folder, on_progress=on_progress)


def test_a_map_killed_three_times_ends_with_the_bytes_of_one_that_was_not(model, raster, tmp_path):
    file = tmp_path / "model.safetensors"
    save_model(file, model.network, model.metadata)
    predict(load_model(file), raster, tmp_path / "whole")
    rows = set()
    for share in (0.2, 0.5, 0.9):
        process = multiprocessing.get_context("spawn").Process(
            target=killed_at, args=(share, file, raster, tmp_path / "killed")
        )
        process.start()
        process.join(120)
        assert process.exitcode == -signal.SIGKILL
        rows.add(len(list((tmp_path / "killed" / "class.tif.rows").glob("row-*.npz"))))
    assert len(rows) > 1  # each attempt went on from where the one before was
    predict(load_model(file), raster, tmp_path / "killed")
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")
    assert not list((tmp_path / "killed").glob("*.rows*"))


def polygon_of(*corners: tuple[float, float]) -> str:
    return shapely.to_wkb(shapely.Polygon(corners), hex=True)


AREAS = {  # windows are 96 px, tiles 50, the raster 330 × 270
    "a triangle": polygon_of((120, 110), (300, 130), (140, 185)),
    "in one window": polygon_of((10, 200), (60, 200), (60, 260), (10, 260)),
    "over a row of windows that it does not touch": shapely.to_wkb(
        shapely.MultiPolygon([shapely.box(40, 60, 90, 90), shapely.box(200, 200, 320, 260)]), hex=True
    ),
    "everything": polygon_of((0, 0), (330, 0), (330, 270), (0, 270)),
}


@pytest.mark.parametrize("name", AREAS)
def test_a_map_of_an_area_has_the_whole_maps_values_there_and_none_outside(model, raster, predicted, tmp_path, name):
    predict(model, raster, tmp_path, area=AREAS[name])
    inside = pixels_within(AREAS[name], left=0, top=0, width=330, height=270)
    assert inside.any()
    for file in ("class.tif", "entropy.tif"):
        assert np.array_equal(read(tmp_path / file), np.where(inside, read(predicted / file), 0))
        assert cog_validate(tmp_path / file)[0]
    classes = read(tmp_path / "class.tif")
    tiles = classes[:250, :300].reshape(5, 50, 6, 50).swapaxes(1, 2).reshape(5, 6, -1)
    counted = np.stack([(tiles == value).sum(axis=2) for value in (1, 2, 3)], axis=2)
    assert np.array_equal(np.load(tmp_path / "histogram.npy"), counted)
    without = counted.sum(axis=2) == 0
    assert np.array_equal(np.isnan(np.load(tmp_path / "scores.npy")), without)
    assert (np.load(tmp_path / "embedding.npy")[without] == 0).all()
    edges = EdgeCount(width=330, tile_px=50, n_rows=5, n_cols=6)
    edges.add(classes, top=0, left=0)
    assert np.array_equal(np.load(tmp_path / "edges.npy"), edges.counts)
    full = inside[:250, :300].reshape(5, 50, 6, 50).all(axis=(1, 3))
    for table in ("scores.npy", "tile_entropy.npy", "histogram.npy", "doubt.npy"):
        assert np.array_equal(
            np.load(tmp_path / table)[full], np.load(predicted / table)[full], equal_nan=table != "histogram.npy"
        )


def test_a_map_of_an_area_of_the_whole_raster_has_the_whole_maps_bytes(model, raster, predicted, tmp_path):
    predict(model, raster, tmp_path, area=AREAS["everything"])
    assert digests(tmp_path) == digests(predicted)


def test_only_windows_that_touch_the_area_are_read_and_computed(model, raster, tmp_path, monkeypatch):
    seen: list[tuple[int, int]] = []
    read_patch = windows._read_patch

    def watched(dataset, plan, core_row, left):
        seen.append((core_row, left))
        return read_patch(dataset, plan, core_row, left)

    monkeypatch.setattr(windows, "_read_patch", watched)
    told: list[float] = []
    predict(
        model, raster, tmp_path, area=AREAS["over a row of windows that it does not touch"], on_progress=told.append
    )
    # Windows begin at columns 0, 96, 192, 288; rows of windows at 0, 96, 192. The second row is not touched.
    assert sorted(seen) == [(0, 0), (2, 192), (2, 288)]
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.5 * 96 / 330, 1.0)


def test_batches_of_an_area_are_those_of_the_whole_map(model, raster, tmp_path):
    predict(model, raster, tmp_path / "whole", batch_size=3)
    area = AREAS["in one window"]
    predict(model, raster, tmp_path / "part", batch_size=3, area=area)
    inside = pixels_within(area, left=0, top=0, width=330, height=270)
    for file in ("class.tif", "entropy.tif"):
        assert np.array_equal(read(tmp_path / "part" / file), np.where(inside, read(tmp_path / "whole" / file), 0))


def test_rows_of_another_area_are_not_taken_for_those_of_this_one(model, raster, tmp_path):
    options = {"tile_px": 50, "core_px": 96, "precision": "fp32", "work_dir": tmp_path / "rows"}
    plan = plan_prediction(model, raster, area=AREAS["a triangle"], **options)
    claim_work_dir(plan)
    assert planned(tmp_path / "rows") == plan
    for row in plan.core_rows:
        predict_core_rows(model, plan, [row])
    assert all(map(plan.is_done, range(plan.n_core_rows)))
    other = plan_prediction(model, raster, area=AREAS["in one window"], **options)
    claim_work_dir(other)
    assert [row for row in range(other.n_core_rows) if not other.is_done(row)] == [2]


@pytest.mark.parametrize("core_px", [96, 512])
def test_probabilities_are_kept_where_asked_and_all_else_has_the_same_bytes(model, raster, tmp_path, core_px):
    predict(model, raster, tmp_path / "without", core_px=core_px)
    predict(model, raster, tmp_path / "with", core_px=core_px, probabilities=True)
    assert digests(tmp_path / "with") == digests(tmp_path / "without")
    assert not (tmp_path / "without" / "probabilities.tif").exists()
    path = tmp_path / "with" / "probabilities.tif"
    assert cog_validate(path) == (True, [], [])
    with rasterio.open(path, driver="GTiff") as found:
        levels = found.read().astype(int)
        assert found.descriptions == ("field", "roof", "water")
        assert (found.nodatavals, found.scales, found.offsets) == ((0,) * 3, (1 / 254,) * 3, (-1 / 254,) * 3)
        assert found.tags()["MODEL_SHA256"] == "c0ffee"
    classes, entropy = (read(tmp_path / "with" / name) for name in ("class.tif", "entropy.tif"))
    assert np.array_equal(levels.min(axis=0) == 0, classes == 0)
    assert np.array_equal(levels.max(axis=0) == 0, classes == 0)
    mapped = classes > 0
    own = np.take_along_axis(levels, (classes.astype(int) - 1).clip(0)[None], axis=0)[0]
    assert (own == levels.max(axis=0))[mapped].all()
    shares = (levels[:, mapped] - 1) / 254
    nats = -np.where(shares > 0, shares * np.log(shares, where=shares > 0, out=np.zeros_like(shares)), 0).sum(axis=0)
    assert np.abs(nats / math.log(3) - (entropy[mapped].astype(float) - 1) / 254).max() < 0.02


def test_probabilities_cost_no_second_pass_and_one_map_of_an_area_may_have_them(model, raster, tmp_path, monkeypatch):
    passes: list[int] = []
    see = Networks.see

    def counted(self, images, valid, *, core):
        passes.append(len(images))
        return see(self, images, valid, core=core)

    monkeypatch.setattr(Networks, "see", counted)
    area = AREAS["over a row of windows that it does not touch"]
    predict(model, raster, tmp_path / "part", area=area, probabilities=True)
    assert sum(passes) == 3  # windows that touch the area
    predict(model, raster, tmp_path / "whole", probabilities=True)
    inside = pixels_within(area, left=0, top=0, width=330, height=270)
    with (
        rasterio.open(tmp_path / "part" / "probabilities.tif", driver="GTiff") as part,
        rasterio.open(tmp_path / "whole" / "probabilities.tif", driver="GTiff") as whole,
    ):
        assert np.array_equal(part.read(), np.where(inside, whole.read(), 0))


def test_rows_without_probabilities_are_not_taken_for_rows_with_them(model, raster, tmp_path):
    options = {"tile_px": 50, "core_px": 96, "precision": "fp32", "work_dir": tmp_path / "rows"}
    plan = plan_prediction(model, raster, probabilities=True, **options)
    claim_work_dir(plan)
    predict_core_rows(model, plan, [1])
    assert [plan.is_done(row) for row in range(3)] == [False, True, False]
    plan.probabilities_path(1).unlink()
    assert not plan.is_done(1)
