from __future__ import annotations

import dataclasses
import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from rasterio.windows import Window
from rio_cogeo.cogeo import cog_validate

from learning.core import map_files
from learning.core.dataset import LabelledTile, Normalisation
from learning.core.embedding import logits_and_features
from learning.core.fit import fit
from learning.core.map_files import MapPaths, claim_work_dir
from learning.core.model_file import ModelMetadata, TrainedModel, load_model, save_model
from learning.core.network import NetworkSpec, build_network
from learning.core.predict import plan_prediction, predict_core_row, predict_raster, predict_window, window_logits
from learning.core.train_config import TrainConfig
from learning.core.uncertainty import predictive_entropy
from learning.errors import InvalidPredictionGrid, ModelCannotUseImagery, PredictionStopped

torch.set_num_threads(1)
COLOURS = {"field": "#80FF00", "roof": "#FF377A", "water": "#00CCF2"}
BANDS = ("B", "R")
SIZE = (330, 270)  # width, height: not multiples of anything
OUT = ("class.tif", "entropy.tif", "scores.npy", "histogram.npy", "doubt.npy", "embedding.npy")


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


def test_nothing_but_the_four_files_remains(predicted):
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
        predict_core_row(model, plan, core_row)
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
    assert done == ["plan.json", "row-000000.npz", "row-000000.tif"]
    again = []
    predict(model, raster, tmp_path, on_progress=again.append)
    assert again[0] == pytest.approx(1 / 3)  # the first row was not computed again
    assert again == sorted(again) and again[-1] == 1
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
        _logits, cells = logits_and_features(model.network, torch.from_numpy(inputs.astype(np.float32))[None])
    tiles = cells[0, :, :8, :10].reshape(-1, 4, 2, 5, 2).numpy()
    known = valid[16:256:32, 16:320:32].reshape(4, 2, 5, 2)
    seen = (tiles * known).sum((2, 4)) / known.sum((1, 3))
    standard = (seen - seen.mean((1, 2), keepdims=True)) / seen.std((1, 2), keepdims=True) / len(seen) ** 0.5
    expected = standard.transpose(1, 2, 0) @ map_files.random_projection(len(seen), 64)
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
