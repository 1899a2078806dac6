from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from learning.core.dataset import LabelledTile, Normalisation
from learning.core.fit import fit, learning_rate_at
from learning.core.model_file import ModelMetadata, TrainedModel
from learning.core.network import NetworkSpec, build_network
from learning.core.precision import cpu_has_bf16, resolve_precision, training_precision
from learning.core.predict import predict_window
from learning.core.train_config import TrainConfig
from learning.errors import (
    CheckpointMismatch,
    IncompatibleInitialWeights,
    InvalidTrainConfig,
    NothingToLearn,
    TrainingDiverged,
    TrainingStopped,
)

torch.set_num_threads(1)
SPEC = NetworkSpec(bands=("R", "G", "B"), class_codes=("field", "roof"), decoder_channels=(32, 24, 16, 16, 8))
QUICK = TrainConfig(steps=6, batch_size=2, crop_px=64, checkpoint_every=2, precision="fp32", seed=3)


def two_class_scene(seed: int, *, size: int = 96) -> LabelledTile:
    """Green noise with red rectangles: class 2 where red, 1 elsewhere, a strip unlabelled."""
    rng = np.random.default_rng(seed)
    labels = np.ones((size, size), np.uint8)
    for _ in range(4):
        row, col = rng.integers(0, size - 24, 2)
        labels[row : row + 24, col : col + 20] = 2
    colours = np.array([[60, 140, 60], [170, 70, 60]])[labels - 1]
    image = np.clip(colours + rng.normal(0, 12, (size, size, 3)), 0, 255).astype(np.uint8)
    seen = labels.copy()
    seen[:8] = 0
    return LabelledTile(np.moveaxis(image, 2, 0).copy(), seen)


TILES = [two_class_scene(s) for s in range(3)]


def as_model(fitted) -> TrainedModel:
    metadata = ModelMetadata(
        spec=fitted.spec, normalisation=fitted.normalisation, nomenclature_code="demo",
        nomenclature_version="1",
        gsd_m=0.2, training_set_sha256=fitted.training_set_sha256,
    )  # fmt: skip
    return TrainedModel(fitted.network, metadata, sha256="0" * 64)


def as_model_metadata(spec: NetworkSpec) -> ModelMetadata:
    n = len(spec.bands)
    return ModelMetadata(
        spec=spec, normalisation=Normalisation("uint8", (100.0,) * n, (50.0,) * n), nomenclature_code="demo",
        nomenclature_version="1", gsd_m=0.2, training_set_sha256="",
    )  # fmt: skip


def states_equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    one, two = a.state_dict(), b.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


@pytest.fixture(scope="module")
def finished_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def uninterrupted(finished_folder):
    return fit(TILES, SPEC, QUICK, checkpoint_dir=finished_folder)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    config = TrainConfig(steps=30, batch_size=3, crop_px=64, learning_rate=4e-3, precision="fp32")
    return fit(TILES, SPEC, config, checkpoint_dir=tmp_path_factory.mktemp("learnt"))


def test_a_small_network_learns_a_two_class_scene_it_has_not_seen(learnt):
    assert np.mean(learnt.losses[-5:]) < 0.3 * learnt.losses[0]
    unseen = two_class_scene(77)
    classes, entropy = predict_window(as_model(learnt), unseen.image, precision="fp32")
    known = unseen.labels > 0
    assert (classes[known] == unseen.labels[known]).mean() > 0.95
    right = classes == unseen.labels
    assert entropy[known & ~right].mean() > entropy[known & right].mean()


@pytest.mark.parametrize("stop_at", [1, 3, 4])
def test_a_run_stopped_anywhere_and_resumed_ends_with_the_same_bits(tmp_path, uninterrupted, stop_at):
    steps = []
    with pytest.raises(TrainingStopped, match=f"step {stop_at} of 6"):
        fit(
            TILES, SPEC, QUICK, checkpoint_dir=tmp_path, on_step=steps.append,
            should_stop=lambda: len(steps) == stop_at,
        )  # fmt: skip
    resumed = fit(TILES, SPEC, QUICK, checkpoint_dir=tmp_path, on_step=steps.append)
    assert [r.step for r in steps] == [1, 2, 3, 4, 5, 6]
    assert states_equal(resumed.network, uninterrupted.network)
    assert resumed.losses == uninterrupted.losses


def test_a_run_killed_between_checkpoints_repeats_the_lost_steps_to_the_same_bits(tmp_path, uninterrupted):
    class Killed(BaseException):
        pass

    def die(report):
        if report.step == 5:
            raise Killed

    with pytest.raises(Killed):
        fit(TILES, SPEC, QUICK, checkpoint_dir=tmp_path, on_step=die)
    redone = []
    resumed = fit(TILES, SPEC, QUICK, checkpoint_dir=tmp_path, on_step=redone.append)
    assert redone[0].step == 5  # the checkpoint of step 4 was the last
    assert states_equal(resumed.network, uninterrupted.network)


def test_a_torn_last_checkpoint_falls_back_to_the_one_before(tmp_path, finished_folder, uninterrupted):
    shutil.copytree(finished_folder, tmp_path, dirs_exist_ok=True)
    last = sorted(tmp_path.glob("*.safetensors"))[-1]
    last.write_bytes(last.read_bytes()[:-100])
    redone = []
    resumed = fit(TILES, SPEC, QUICK, checkpoint_dir=tmp_path, on_step=redone.append)
    assert [r.step for r in redone] == [5, 6]
    assert states_equal(resumed.network, uninterrupted.network)


def weighed(tile: LabelledTile, **changes) -> LabelledTile:
    """The tile with a weight for each pixel: half at the left, none in the last columns."""
    weights = np.ones(tile.labels.shape, np.float32)
    weights[:, :40], weights[:, 80:] = 0.5, 0
    return replace(tile, weight=weights, **changes)


def test_a_run_with_weights_by_pixel_resumes_to_the_same_bits(tmp_path):
    tiles = [weighed(TILES[0]), *TILES[1:]]
    whole = fit(tiles, SPEC, QUICK, checkpoint_dir=tmp_path / "a")
    with pytest.raises(TrainingStopped):
        seen = []
        fit(
            tiles, SPEC, QUICK, checkpoint_dir=tmp_path / "b", on_step=seen.append,
            should_stop=lambda: len(seen) == 3,
        )  # fmt: skip
    resumed = fit(tiles, SPEC, QUICK, checkpoint_dir=tmp_path / "b")
    assert states_equal(whole.network, resumed.network) and whole.losses == resumed.losses


def test_a_run_with_labels_above_the_classes_resumes_to_the_same_bits_and_is_another_without_them(tmp_path):
    spec = NetworkSpec(
        bands=("R", "G", "B"), class_codes=("field", "roof", "road"), decoder_channels=(32, 24, 16, 16, 8)
    )
    of = {1: np.array([0, 1, 3], np.uint8), 2: np.array([0, 1, 4], np.uint8)}  # roads; roof or road
    tiles = [TILES[0], *(replace(TILES[nth], labels=values[TILES[nth].labels]) for nth, values in of.items())]
    broader, seen = ((1, 2),), []
    whole = fit(tiles, spec, QUICK, checkpoint_dir=tmp_path / "a", broader=broader)
    with pytest.raises(TrainingStopped):
        fit(
            tiles, spec, QUICK, checkpoint_dir=tmp_path / "b", broader=broader, on_step=seen.append,
            should_stop=lambda: len(seen) == 3,
        )  # fmt: skip
    resumed = fit(tiles, spec, QUICK, checkpoint_dir=tmp_path / "b", broader=broader)
    assert states_equal(whole.network, resumed.network) and whole.losses == resumed.losses
    unlabelled = [*tiles[:2], replace(tiles[2], labels=np.where(tiles[2].labels == 4, 0, tiles[2].labels))]
    without = fit(unlabelled, spec, QUICK, checkpoint_dir=tmp_path / "c")
    assert not states_equal(whole.network, without.network)


def test_weights_by_pixel_that_are_all_the_same_train_as_one_weight_does(tmp_path, uninterrupted):
    tiles = [replace(tile, weight=np.ones(tile.labels.shape, np.float32)) for tile in TILES]
    fitted = fit(tiles, SPEC, QUICK, checkpoint_dir=tmp_path)
    assert states_equal(fitted.network, uninterrupted.network)
    assert fitted.losses == uninterrupted.losses


def test_what_pixels_of_weight_zero_are_called_has_no_influence_and_that_of_others_has(tmp_path):
    def fitted(name, changed_columns):
        tiles = []
        for tile in TILES:
            labels = tile.labels.copy()
            labels[:, changed_columns] = 3 - labels[:, changed_columns]
            labels[tile.labels == 0] = 0
            tiles.append(weighed(replace(tile, labels=labels)))
        config = replace(QUICK, dice_share=0.3, lovasz_share=0.3, focal_share=0.2, rotation=20, zoom=0.2)
        return fit(tiles, SPEC, config, checkpoint_dir=tmp_path / name)

    one, same, other = fitted("one", np.s_[:0]), fitted("same", np.s_[80:]), fitted("other", np.s_[70:80])
    assert same.training_set_sha256 != one.training_set_sha256
    assert states_equal(same.network, one.network) and not states_equal(other.network, one.network)


def test_weights_by_pixel_stay_with_their_pixels_through_the_augmentation_of_a_run(tmp_path):
    config = replace(QUICK, steps=1, batch_size=8, class_weight_power=0.0)

    def first_loss(name, half):
        tiles = []
        for tile in TILES:
            weights = np.ones(tile.labels.shape, np.float32)
            weights[:, :48] = 1e-6  # labelled, and next to nothing
            labels = tile.labels.copy()
            labels[:, half] = np.where(labels[:, half] > 0, 3 - labels[:, half], 0)
            tiles.append(replace(tile, labels=labels, weight=weights))
        return fit(tiles, SPEC, config, checkpoint_dir=tmp_path / name).losses[0]

    one = first_loss("one", np.s_[:0])
    assert first_loss("light", np.s_[:48]) == pytest.approx(one, rel=1e-4)
    assert first_loss("heavy", np.s_[48:]) != pytest.approx(one, rel=1e-2)


def test_a_finished_run_started_again_takes_no_step(finished_folder, uninterrupted):
    again = []
    result = fit(TILES, SPEC, QUICK, checkpoint_dir=finished_folder, on_step=again.append)
    assert again == []
    assert states_equal(result.network, uninterrupted.network)


def test_another_seed_draws_another_first_batch(tmp_path, uninterrupted):
    other = fit(TILES, SPEC, replace(QUICK, seed=4, steps=1), checkpoint_dir=tmp_path)
    assert other.losses[0] != uninterrupted.losses[0]


def test_training_leaves_the_callers_random_generators_alone(tmp_path):
    torch.manual_seed(11)
    before = torch.get_rng_state()
    fit(TILES, SPEC, replace(QUICK, steps=1), checkpoint_dir=tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_checkpoints_of_another_training_set_are_refused_unless_started_anew(tmp_path):
    short = replace(QUICK, steps=1)
    fit(TILES, SPEC, short, checkpoint_dir=tmp_path)
    with pytest.raises(CheckpointMismatch, match="training_set"):
        fit(TILES[:2], SPEC, short, checkpoint_dir=tmp_path)
    fit(TILES[:2], SPEC, short, checkpoint_dir=tmp_path, resume=False)


def test_a_set_with_a_single_class_is_refused_before_anything_is_written(tmp_path):
    tile = TILES[0]
    with pytest.raises(NothingToLearn, match="one class"):
        fit(
            [LabelledTile(tile.image, np.minimum(tile.labels, 1))],
            SPEC,
            QUICK,
            checkpoint_dir=tmp_path / "run",
        )
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    config = replace(QUICK, learning_rate=0.9, gradient_clip=1e30, steps=40)
    broken = build_network(replace(SPEC, pretrained=False))
    with torch.no_grad():
        broken.segmentation_head[0].bias.fill_(float("nan"))
    initial = TrainedModel(broken, as_model_metadata(SPEC), sha256="1")
    with pytest.raises(TrainingDiverged, match="nan at step 1"):
        fit(TILES, SPEC, config, checkpoint_dir=tmp_path, initial=initial)


def test_a_warm_start_begins_where_the_previous_model_ended(tmp_path, learnt, uninterrupted):
    one = replace(QUICK, steps=1)
    warm = fit(TILES, SPEC, one, checkpoint_dir=tmp_path, initial=as_model(learnt))
    assert warm.losses[0] < 0.5 * uninterrupted.losses[0]  # same seed, so the same first batch
    assert warm.normalisation == learnt.normalisation


def test_a_warm_start_from_another_architecture_is_refused(tmp_path):
    other = replace(SPEC, decoder_channels=(16, 16, 16, 16, 16), pretrained=False)
    initial = TrainedModel(build_network(other), as_model_metadata(other), sha256="1")
    with pytest.raises(IncompatibleInitialWeights, match="decoder_channels"):
        fit(TILES, SPEC, QUICK, checkpoint_dir=tmp_path, initial=initial)


def test_the_running_average_resumes_to_the_same_bits_and_differs_from_the_last_weights(tmp_path, uninterrupted):
    config = replace(QUICK, ema_decay=0.9, steps=3)
    whole = fit(TILES, SPEC, config, checkpoint_dir=tmp_path / "a")
    steps = []
    with pytest.raises(TrainingStopped):
        fit(
            TILES, SPEC, config, checkpoint_dir=tmp_path / "b", on_step=steps.append,
            should_stop=lambda: len(steps) == 2,
        )  # fmt: skip
    resumed = fit(TILES, SPEC, config, checkpoint_dir=tmp_path / "b")
    assert states_equal(whole.network, resumed.network)
    plain = fit(TILES, SPEC, replace(config, ema_decay=0.0), checkpoint_dir=tmp_path / "c")
    assert plain.losses == whole.losses and not states_equal(whole.network, plain.network)


def test_the_rate_rises_to_its_peak_then_falls_to_a_hundredth():
    config = TrainConfig(steps=100, warmup_share=0.1, learning_rate=0.01)
    rates = [learning_rate_at(s, config) for s in range(101)]
    assert rates[0] == pytest.approx(0.001) and rates[9] == rates[10] == pytest.approx(0.01)
    assert rates[55] == pytest.approx(0.01 * (0.01 + 0.99 * 0.5))
    assert rates[100] == pytest.approx(0.0001)
    assert rates[10:] == sorted(rates[10:], reverse=True)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"crop_px": 100},
        {"crop_px": 32},
        {"precision": "int8"},
        {"learning_rate": 0.0},
        {"dice_share": 0.6, "lovasz_share": 0.6},
        {"focal_gamma": -1.0},
        {"zoom": 2.0},
        {"rotation": 90.0},
    ],
)
def test_a_configuration_that_cannot_be_honoured_is_refused(change):
    with pytest.raises(InvalidTrainConfig, match=next(iter(change))):
        TrainConfig(**change)


def test_precision_follows_what_the_processor_says_of_itself(tmp_path: Path):
    cpu = torch.device("cpu")
    (tmp_path / "with").write_text("flags : fpu avx512f avx512_bf16 sse\n")
    (tmp_path / "without").write_text("flags : fpu avx512f sse\n")
    assert cpu_has_bf16(tmp_path / "with") and not cpu_has_bf16(tmp_path / "without")
    assert not cpu_has_bf16(tmp_path / "absent")
    assert resolve_precision("auto", cpu) == ("bf16" if cpu_has_bf16() else "fp32")
    assert training_precision("auto", cpu, encoder="resnet18") == resolve_precision("auto", cpu)
    assert training_precision("auto", cpu, encoder=SPEC.encoder) == "fp32"
    assert training_precision("bf16", cpu, encoder=SPEC.encoder) == "bf16"
    with pytest.raises(InvalidTrainConfig, match="GPU"):
        resolve_precision("fp16", cpu)


def test_a_run_in_bf16_resumes_to_the_same_bits_too(tmp_path):
    config = replace(QUICK, precision="bf16", steps=4)
    whole = fit(TILES, SPEC, config, checkpoint_dir=tmp_path / "a")
    steps = []
    with pytest.raises(TrainingStopped):
        fit(
            TILES, SPEC, config, checkpoint_dir=tmp_path / "b", on_step=steps.append,
            should_stop=lambda: len(steps) == 3,
        )  # fmt: skip
    assert states_equal(fit(TILES, SPEC, config, checkpoint_dir=tmp_path / "b").network, whole.network)


def test_a_network_that_normalises_an_average_over_the_image_is_refused_a_single_patch(tmp_path):
    spec = NetworkSpec(**{**asdict(SPEC), "architecture": "upernet", "decoder_channels": ()})
    with pytest.raises(InvalidTrainConfig, match="batch_size = 1 is too small for 'upernet'"):
        fit(TILES, spec, replace(QUICK, batch_size=1), checkpoint_dir=tmp_path)


def test_a_training_by_all_losses_with_every_augmentation_learns(tmp_path):
    config = TrainConfig(
        steps=25, batch_size=3, crop_px=64, learning_rate=4e-3, precision="fp32", dice_share=0.25, lovasz_share=0.25,
        focal_share=0.25, zoom=0.25, rotation=15.0,
    )  # fmt: skip
    fitted = fit(TILES, SPEC, config, checkpoint_dir=tmp_path)
    assert np.mean(fitted.losses[-5:]) < 0.5 * fitted.losses[0]


def test_training_in_bf16_lowers_the_loss_too(tmp_path):
    config = TrainConfig(steps=10, batch_size=2, crop_px=64, learning_rate=4e-3, precision="bf16")
    fitted = fit(TILES, SPEC, config, checkpoint_dir=tmp_path)
    assert fitted.precision == "bf16"
    assert np.mean(fitted.losses[-4:]) < 0.7 * fitted.losses[0]
    assert all(p.dtype == torch.float32 for p in fitted.network.parameters())
