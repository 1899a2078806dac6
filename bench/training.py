"""What training and choosing tiles cost beside the least they could.

    python bench/training.py [--steps 120] [--rounds 3] [--only train entropy select]

Each section measures ours and its rival by turns (A B B A) in one process on the same data, checks that both compute
the same, and gives ratios of medians; absolute times depend on the machine and its load.

    train_ratio     fit()'s steps a second, with drawing, augmentation, weights and checkpoints ÷ those of a bare
                    PyTorch loop (forward, cross-entropy, backward, AdamW) over the same batches, resident in memory
                    as network input
    entropy_share   time of class and entropy from logits, as prediction computes them, within the margins ÷ the
                    forward pass before it, with the same network; heavier ones and more classes are in the table
    select_…        picking a varied batch among 600,000 tiles beside the full traversal (_training_selection.py)
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "bench"), str(REPOSITORY)]

import _training_selection  # noqa: E402 (the path must be set first)

from learning.core.augment import augmented, normalised  # noqa: E402
from learning.core.dataset import LabelledTile, class_weights, draw_augmentation, draw_batch, summarise  # noqa: E402
from learning.core.entropy import classes_and_entropy  # noqa: E402
from learning.core.fit import fit, learning_rate_at  # noqa: E402
from learning.core.network import NetworkSpec, build_network  # noqa: E402
from learning.core.precision import autocast, on_device, resolve_precision, training_precision  # noqa: E402
from learning.core.train_config import TrainConfig  # noqa: E402

CLASSES = tuple(f"c{number}" for number in range(1, 9))
SPEC = NetworkSpec(bands=("R", "G", "B"), class_codes=CLASSES)
WARM = 5  # steps left out: allocations, first-time choices of kernels
MARGIN_PX = 64
WINDOW_PX = 1024 + 2 * MARGIN_PX  # as prediction cuts the imagery on a CPU
CORE = slice(MARGIN_PX, -MARGIN_PX)  # what it keeps

Section = Callable[[argparse.Namespace], dict[str, float]]


def scene(seed: int, *, side: int = 256) -> LabelledTile:
    """Rectangles of eight classes, each with its colour, in noise; a strip unlabelled."""
    rng = np.random.default_rng(seed)
    labels = np.full((side, side), 1, np.uint8)
    for _ in range(24):
        row, col = rng.integers(0, side - 16, 2)
        labels[row : row + rng.integers(16, 96), col : col + rng.integers(16, 96)] = rng.integers(1, 9)
    colours = np.random.default_rng(0).integers(40, 215, (9, 3))
    image = np.clip(colours[labels] + rng.normal(0, 14, (side, side, 3)), 0, 255).astype(np.uint8)
    labels[:12] = 0
    return LabelledTile(np.ascontiguousarray(np.moveaxis(image, 2, 0)), labels)


def train(arguments: argparse.Namespace) -> dict[str, float]:
    """The training loop beside a bare one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tiles = [scene(seed) for seed in range(32)]
    steps = arguments.steps
    config = TrainConfig(steps=steps, seed=7)
    batches, weight = resident_batches(tiles, config, device)
    speeds: dict[str, list[float]] = {"ours": [], "bare": []}
    losses: dict[str, list[float]] = {}
    precision = training_precision("auto", torch.device(device), encoder=SPEC.encoder)
    print(f"\ntraining: {SPEC.architecture}, {SPEC.encoder}, {config.batch_size} patches of {config.crop_px} px")
    print(f"  {precision} on {device}, {torch.get_num_threads()} threads, {steps} steps a turn")
    for name in ("ours", "bare", "bare", "ours") * arguments.rounds:
        times, losses[name] = ours(tiles, config, device) if name == "ours" else bare(batches, config, weight, device)
        speeds[name].append((len(times) - WARM) / (times[-1] - times[WARM - 1]))
    # Two ways to the same first loss: the same patches, weights and start.
    assert math.isclose(losses["ours"][0], losses["bare"][0], rel_tol=0.02), losses
    found = {name: statistics.median(values) for name, values in speeds.items()}
    for name, values in speeds.items():
        print(f"  {name:<6}{found[name]:8.2f} steps/s   of {len(values)}: " + " ".join(f"{v:.2f}" for v in values))
    return {"train_ratio": round(found["ours"] / found["bare"], 3)}


def resident_batches(
    tiles: list[LabelledTile], config: TrainConfig, device: str
) -> tuple[list[tuple[torch.Tensor, torch.Tensor]], torch.Tensor]:
    """What fit() draws at each step, as network input on the device; and the weights of the classes."""
    summary = summarise(tiles, n_bands=3, n_classes=len(CLASSES))
    found = []
    for step in range(config.steps):
        *rngs, last = np.random.default_rng([config.seed, step]).spawn(config.batch_size + 1)
        drawn = draw_augmentation(config.batch_size, options=config.augmentation, rng=last)
        cut = draw_batch(tiles, labelled_tiles=summary.labelled_tiles, crop_px=config.crop_px, rngs=rngs)
        images, valid = torch.from_numpy(cut.images), torch.from_numpy(cut.valid)
        inputs = normalised(images, valid, summary.normalisation)
        inputs, labels, _weights = augmented(inputs, torch.from_numpy(cut.labels), torch.from_numpy(cut.weights), drawn)
        inputs = inputs.to(device).contiguous(memory_format=torch.channels_last)
        found.append((inputs, labels.to(device).long() - 1))
    weights = class_weights(summary.class_pixels, power=config.class_weight_power)
    return found, torch.from_numpy(weights).to(device)


def ours(tiles: list[LabelledTile], config: TrainConfig, device: str) -> tuple[list[float], list[float]]:
    """When each step of fit() ended, and its loss."""
    times, losses = [], []

    def note(report: Any) -> None:
        times.append(time.perf_counter())
        losses.append(report.loss)

    with tempfile.TemporaryDirectory() as folder:
        fit(tiles, SPEC, config, checkpoint_dir=Path(folder), device=device, on_step=note)
    return times, losses


def bare(
    batches: list[tuple[torch.Tensor, torch.Tensor]], config: TrainConfig, weight: torch.Tensor, device: str
) -> tuple[list[float], list[float]]:
    """The same by a loop with nothing in it but the network."""
    torch.manual_seed(config.seed)
    place = torch.device(device)
    network = on_device(build_network(SPEC), place).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    precision = training_precision(config.precision, place, encoder=SPEC.encoder)
    times, losses = [], []
    for step, (inputs, target) in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate_at(step, config)
        optimiser.zero_grad(set_to_none=True)
        with autocast(precision, place):
            logits = network(inputs)
        loss = functional.cross_entropy(logits.float(), target, weight=weight, ignore_index=-1)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
        times.append(time.perf_counter())
    return times, losses


def entropy(arguments: argparse.Namespace) -> dict[str, float]:
    """Class and entropy of each pixel beside the forward pass that gave its logits."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = resolve_precision("auto", device)
    print(f"\nentropy and argmax, {WINDOW_PX} px, {precision} on {device.type}, {torch.get_num_threads()} threads")
    shares = []
    for encoder, classes in ((SPEC.encoder, len(CLASSES)), (SPEC.encoder, 13), (SPEC.encoder, 19), ("resnet34", 13)):
        codes = tuple(f"c{number}" for number in range(classes))
        spec = NetworkSpec(bands=SPEC.bands, class_codes=codes, encoder=encoder, pretrained=encoder == SPEC.encoder)
        network = on_device(build_network(spec), device).eval()
        image = torch.from_numpy(scene(99, side=WINDOW_PX).image).to(device).float()
        inputs = ((image - 127) / 50)[None].contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            times: dict[str, list[float]] = {"forward": [], "entropy": []}
            for _ in range(3 * arguments.rounds):
                with autocast(precision, device):
                    logits = timed(lambda network=network, inputs=inputs: network(inputs), times["forward"], device)
                kept = logits[:, :, CORE, CORE]
                result = timed(lambda kept=kept: classes_and_entropy(kept), times["entropy"], device)
            check(kept, *result)
        found = {name: statistics.median(values[1:]) for name, values in times.items()}
        shares.append(found["entropy"] / found["forward"])
        print(
            f"  {encoder:<25}{classes:>2} classes: forward {1e3 * found['forward']:7.0f} ms, entropy and class "
            f"{1e3 * found['entropy']:6.1f} ms = {100 * shares[-1]:.1f} %"
        )
    return {"entropy_share": round(shares[0], 4)}


def timed(work: Callable[[], Any], times: list[float], device: torch.device) -> Any:
    """Do it and note how long it took."""
    begin = time.perf_counter()
    result = work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    times.append(time.perf_counter() - begin)
    return result


def check(logits: torch.Tensor, classes: torch.Tensor, nats: torch.Tensor) -> None:
    """The definition, in double precision, gives the same."""
    wide = logits.double()
    assert torch.equal(classes.long(), wide.argmax(dim=1)), "another class than argmax"
    direct = -(wide.softmax(dim=1) * wide.log_softmax(dim=1)).sum(dim=1)
    assert (nats - direct).abs().max() < 1e-3, "another entropy than by its definition"


def select(arguments: argparse.Namespace) -> dict[str, float]:
    """Picking tiles, without torch."""
    return _training_selection.measure()


SECTIONS: dict[str, Section] = {"train": train, "entropy": entropy, "select": select}


def main() -> None:
    """Measure, print the tables and the line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=120, help="of a training, checkpoints as far apart as in any")
    parser.add_argument("--rounds", type=int, default=3, help="turns there and back")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    for name in arguments.only:
        figures |= SECTIONS[name](arguments)
    print("FIGURES " + json.dumps(figures))


if __name__ == "__main__":
    main()
