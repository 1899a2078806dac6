"""Several processes train one network; each test starts real ones."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from learning.core.dataset import LabelledTile
from learning.core.fit import FittedModel, StepReport, fit
from learning.core.frozen_run import FrozenTiles, TrainRequest, freeze_tiles, read_request, write_request
from learning.core.network import NetworkSpec
from learning.core.train_config import TrainConfig
from learning.errors import InvalidTrainConfig, NothingToLearn, TrainingProcessFailed, TrainingStopped
from learning.jobs.processes import fit_in_processes, processes_of

torch.set_num_threads(1)
SPEC = NetworkSpec(bands=("R", "G", "B"), class_codes=("field", "roof"), decoder_channels=(16, 16, 8, 8, 8))
CONFIG = TrainConfig(steps=6, batch_size=4, crop_px=64, checkpoint_every=2, precision="fp32", seed=3, dice_share=0.3)


def scene(seed: int) -> LabelledTile:
    rng = np.random.default_rng(seed)
    labels = np.ones((96, 96), np.uint8)
    row, col = rng.integers(0, 60, 2)
    labels[row : row + 30, col : col + 30] = 2
    image = np.clip(labels * 60 + rng.normal(0, 10, (3, 96, 96)), 0, 255).astype(np.uint8)
    labels[:9] = 0
    valid = np.ones((96, 96), np.bool_)
    valid[:, -5:] = False
    # Of one tile, pixels weigh differently: one process may draw it when the other does not.
    weight = np.where(np.arange(96) < 40, labels / 3, 1.5).astype(np.float32) if seed == 1 else 0.5 + seed
    return LabelledTile(image, labels, weight=weight, valid=valid)


TILES = [scene(number) for number in range(3)]


def in_processes(folder: Path, **changes: Any) -> FittedModel:
    tiles, config = changes.pop("tiles", TILES), changes.pop("config", CONFIG)
    given = {"on_step": lambda report: None, "should_stop": lambda: False, **changes}
    request = TrainRequest(SPEC, config, checkpoint_dir=folder)
    made_of = str(len(tiles))
    return fit_in_processes(tiles, request, processes=2, folder=folder / "processes", made_of=made_of, **given)


def running(folder: Path) -> list[int]:
    """Processes whose command names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(folder) in command and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def ended(folder: Path) -> bool:
    deadline = time.monotonic() + 30
    while running(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not running(folder)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> FittedModel:
    return fit(TILES, SPEC, CONFIG, checkpoint_dir=tmp_path_factory.mktemp("alone"))


@dataclass(frozen=True)
class Together:
    """A training by two processes that nothing disturbed, what it told, and its folder."""

    fitted: FittedModel
    reports: list[StepReport]
    folder: Path


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Together:
    folder, reports = tmp_path_factory.mktemp("together"), list[StepReport]()
    return Together(in_processes(folder, on_step=reports.append), reports, folder)


@pytest.mark.slow
def test_two_processes_train_as_one_does_and_write_one_set_of_checkpoints(
    together: Together, alone: FittedModel
) -> None:
    both, folder = together.fitted, together.folder
    assert [report.step for report in together.reports] == [1, 2, 3, 4, 5, 6]
    # The same patches, the same statistics, one loss: what differs is the order in which numbers are added.
    assert both.losses[0] == pytest.approx(alone.losses[0], rel=1e-5)
    assert both.losses == pytest.approx(alone.losses, rel=2e-2)
    assert both.training_set_sha256 == alone.training_set_sha256
    assert (both.normalisation, both.class_weights) == (alone.normalisation, alone.class_weights)
    for name, value in alone.network.state_dict().items():
        if "running" in name:
            torch.testing.assert_close(both.network.state_dict()[name], value, rtol=0.1, atol=0.05)
    assert sorted(path.name for path in folder.glob("step-*.json")) == ["step-000000004.json", "step-000000006.json"]
    assert ended(folder)


@pytest.mark.slow
def test_a_process_killed_fails_the_training_with_a_reason_and_the_next_attempt_goes_on(
    tmp_path: Path, together: Together
) -> None:
    def kill_one(report: StepReport) -> None:
        if report.step == 5:
            ranks = [pid for pid in running(tmp_path) if not is_launcher(pid)]
            os.kill(ranks[-1], signal.SIGKILL)

    with pytest.raises(TrainingProcessFailed, match="2 processes failed: "):
        in_processes(tmp_path, on_step=kill_one)
    assert ended(tmp_path)
    redone: list[StepReport] = []
    resumed = in_processes(tmp_path, on_step=redone.append)
    assert redone[0].step in {3, 5}, "from a checkpoint"
    ours, theirs = resumed.network.state_dict(), together.fitted.network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs), "to the same bits"


@pytest.mark.slow
def test_a_training_in_processes_stops_with_a_checkpoint_when_asked(tmp_path: Path) -> None:
    seen: list[int] = []
    with pytest.raises(TrainingStopped, match="Stopped after step"):
        in_processes(
            tmp_path,
            config=TrainConfig(steps=400, batch_size=2, crop_px=64, checkpoint_every=1000, precision="fp32"),
            on_step=lambda report: seen.append(report.step),
            should_stop=lambda: len(seen) >= 2,
        )
    assert len(list(tmp_path.glob("step-*.json"))) == 1
    assert ended(tmp_path)


@pytest.mark.slow
def test_an_error_of_the_training_arrives_as_itself_and_nothing_is_left_running(tmp_path: Path) -> None:
    one_class = [LabelledTile(TILES[0].image, np.minimum(TILES[0].labels, 1))]
    with pytest.raises(NothingToLearn, match="one class"):
        in_processes(tmp_path, tiles=one_class)

    def give_up(report: StepReport) -> None:
        raise KeyError("the job was taken over")

    with pytest.raises(KeyError, match="taken over"):
        in_processes(tmp_path, on_step=give_up)
    assert ended(tmp_path)


def is_launcher(pid: int) -> bool:
    return b"torch.distributed.run" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_frozen_tiles_read_back_as_they_were_and_are_written_once(tmp_path: Path) -> None:
    freeze_tiles(tmp_path, TILES, made_of="set 1")
    found = FrozenTiles(tmp_path)
    for ours, theirs in zip(found, TILES, strict=True):
        assert np.array_equal(ours.image, theirs.image) and np.array_equal(ours.labels, theirs.labels)
        assert ours.valid is not None and np.array_equal(ours.valid, theirs.valid)
        assert type(ours.weight) is type(theirs.weight) and np.array_equal(ours.weight, theirs.weight)
    first = tmp_path / "000000.npz"
    before = first.stat().st_mtime_ns
    freeze_tiles(tmp_path, TILES, made_of="set 1")
    assert first.stat().st_mtime_ns == before
    freeze_tiles(tmp_path, TILES[:2], made_of="set 2")
    assert first.stat().st_mtime_ns != before and len(FrozenTiles(tmp_path)) == 2


def test_a_request_reads_back_as_it_was(tmp_path: Path) -> None:
    request = TrainRequest(SPEC, CONFIG, tmp_path, "cuda", initial=(tmp_path / "m", "ab"), weights_dir=tmp_path)
    (tmp_path / "stop").touch()
    write_request(tmp_path, request)
    assert read_request(tmp_path) == request and not (tmp_path / "stop").exists()


def test_how_many_processes_follows_the_option_and_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert processes_of({}, device="cpu", batch_size=8) == 1
    assert processes_of({}, device="cuda", batch_size=8) == 4
    assert processes_of({}, device="cuda", batch_size=3) == 3
    assert processes_of({}, device="cuda:1", batch_size=8) == 1
    assert processes_of({"devices": 2}, device="cpu", batch_size=8) == 2
    for options, device, reason in (
        ({"devices": 5}, "cuda", "4 GPU"),
        ({"devices": 2}, "cuda:1", "name no single GPU"),
        ({"devices": 9}, "cpu", "batch_size of 8"),
    ):
        with pytest.raises(InvalidTrainConfig, match=reason):
            processes_of(options, device=device, batch_size=8)
