"""Whether a training that is killed at any moment ends in the same weights as one that is not.

    python bench/resume.py [--trials 50] [--seed 1]

A real training in a process of its own is killed by SIGKILL: in half of the trials a random while after a random step,
in the other half while a checkpoint is being written, a random while after its file has appeared. In a fifth of
the trials the newest file on the disk is then torn as well, as by a power cut. The training is started again on what is
left, killed again at times, and its last weights are compared bit for bit with those of an undisturbed run.

    trials          trainings killed at least once
    kills           how often in all
    while_writing   of these, kills while a checkpoint was being written
    torn            trials in which a file was torn after the kill
    bit_equal       trainings that ended in the same weights
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from learning.core.dataset import LabelledTile  # noqa: E402 (the path must be set first)
from learning.core.fit import StepReport, fit  # noqa: E402
from learning.core.network import NetworkSpec  # noqa: E402
from learning.core.train_config import TrainConfig  # noqa: E402

# Every part of a checkpoint has something in it: moments, a running average, drop-out by steps, two losses.
SPEC = NetworkSpec(
    bands=("R", "G", "B"), class_codes=("a", "b"), architecture="segformer", encoder="mit_b0",
    decoder_channels=(16,), pretrained=False,
)  # fmt: skip
CONFIG = TrainConfig(
    steps=10, batch_size=2, crop_px=64, checkpoint_every=2, precision="fp32", seed=5, ema_decay=0.9, dice_share=0.3
)
LIMIT_S = 300.0


def scene(seed: int) -> LabelledTile:
    """Two classes, a strip unlabelled."""
    rng = np.random.default_rng(seed)
    labels = np.ones((96, 96), np.uint8)
    labels[20:70, 10 : 40 + 5 * seed] = 2
    image = np.clip(60 * labels + rng.normal(0, 12, (3, 96, 96)), 0, 255).astype(np.uint8)
    labels[:8] = 0
    return LabelledTile(image, labels)


TILES = [scene(seed) for seed in range(3)]


@dataclass(frozen=True)
class Training:
    """A training in a process of its own; its folder, and the pipe by which it says each step."""

    folder: Path
    pid: int
    said: int

    @classmethod
    def started(cls, folder: Path) -> Training:
        """Fork one: what takes long to import is there, and no operation of torch has run in this process."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            status = 1
            try:
                _run(folder, writing)
                status = 0
            finally:
                os._exit(status)
        os.close(writing)
        return cls(folder, pid, reading)

    def step(self) -> int | None:
        """Wait for the next step; None once it has ended."""
        said = os.read(self.said, 1)
        return said[0] if said else None

    def kill(self) -> None:
        """Kill it, at once."""
        os.kill(self.pid, signal.SIGKILL)
        self.over()

    def over(self) -> int:
        """Its exit status, once it has ended."""
        os.close(self.said)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _run(folder: Path, pipe: int) -> None:
    torch.set_num_threads(1)

    def say(report: StepReport) -> None:
        os.write(pipe, bytes([report.step]))

    fitted = fit(TILES, SPEC, CONFIG, checkpoint_dir=folder / "checkpoints", on_step=say)
    digest = hashlib.sha256()
    for name, value in sorted(fitted.network.state_dict().items()):
        digest.update(name.encode() + value.numpy().tobytes())
    (folder / "weights").write_text(digest.hexdigest())


def weights(folder: Path) -> str:
    """What a training that nobody disturbs ends in."""
    training = Training.started(folder)
    while training.step() is not None:
        pass
    if training.over() != 0:
        raise SystemExit("an undisturbed training failed")
    return (folder / "weights").read_text()


def kill_after_a_step(training: Training, rng: np.random.Generator) -> bool:
    """Kill it a random while after a random one of the steps that are left; False when it ended before."""
    for _step in range(rng.integers(CONFIG.steps - 1)):
        if training.step() is None:
            training.over()
            return False
    time.sleep(rng.uniform(0, 0.15))
    training.kill()
    return True


def kill_while_writing(training: Training, rng: np.random.Generator) -> bool:
    """Kill it while the file of a checkpoint is on its way to the disk; False when it ended before."""
    passed, after = rng.integers(5), rng.uniform(0, 0.02)
    deadline, there = time.monotonic() + LIMIT_S, False
    while time.monotonic() < deadline:
        writing = any(training.folder.glob("checkpoints/*.partial"))
        if writing and not there:
            passed -= 1
        there = writing
        if writing and passed < 0:
            time.sleep(after)
            training.kill()
            return True
        if (training.folder / "weights").exists():
            training.over()
            return False
        time.sleep(0.0005)
    raise SystemExit("no checkpoint was written in time")


def tear_newest(folder: Path, rng: np.random.Generator) -> bool:
    """Cut or change the newest tensor file, where one before it is left to fall back to."""
    files = sorted(folder.glob("checkpoints/step-*.safetensors"))
    if len(files) < 2:
        return False
    blob = bytearray(files[-1].read_bytes())
    if rng.random() < 0.5:
        blob = blob[: int(rng.integers(len(blob)))]
    else:
        blob[int(rng.integers(len(blob)))] ^= 1 << int(rng.integers(8))
    files[-1].write_bytes(blob)
    return True


def trial(number: int, folder: Path, rng: np.random.Generator) -> dict[str, int]:
    """One training, killed once or more, to its end; counts of what was done to it."""
    counts = {"kills": 0, "while_writing": 0, "torn": 0}
    while True:
        by_file = (number + counts["kills"]) % 2 == 1
        training = Training.started(folder)
        if counts["kills"] and rng.random() < 0.7:
            while training.step() is not None:
                pass
            if training.over() != 0:
                raise SystemExit(f"trial {number}: a resumed training failed")
            return counts
        if (kill_while_writing if by_file else kill_after_a_step)(training, rng):
            counts["kills"] += 1
            counts["while_writing"] += by_file
            if number % 5 == 0 and not counts["torn"]:
                counts["torn"] += tear_newest(folder, rng)
        elif counts["kills"]:
            return counts
        else:  # it was quicker: once more from the beginning
            (folder / "weights").unlink()
            for file in (folder / "checkpoints").iterdir():
                file.unlink()


def main() -> int:
    """Run the trials, print what came out and the line of figures; 1 when weights differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    figures = {"trials": arguments.trials, "kills": 0, "while_writing": 0, "torn": 0, "bit_equal": 0}
    with tempfile.TemporaryDirectory() as root:
        whole = Path(root) / "whole"
        whole.mkdir()
        expected = weights(whole)
        for number in range(arguments.trials):
            folder = Path(root) / f"trial-{number}"
            folder.mkdir()
            counts = trial(number, folder, rng)
            same = (folder / "weights").read_text() == expected
            for name, count in counts.items():
                figures[name] += count
            figures["bit_equal"] += same
            print(f"trial {number + 1:>3}: {counts} {'same bits' if same else 'OTHER WEIGHTS'}", flush=True)
            for file in (folder / "checkpoints").iterdir():
                file.unlink()
    print("FIGURES " + json.dumps(figures))
    return 0 if figures["bit_equal"] == arguments.trials else 1


if __name__ == "__main__":
    sys.exit(main())
