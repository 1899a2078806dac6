"""Training: one straight loop, the same on CPU and GPU, that resumes to the same bits.

Every step draws, patches and dropout alike, from generators seeded by (seed, step): the sampler's position
is the step, and nothing but weights, moments and the loss scale must be restored.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from learning.core import checkpoint as checkpoints
from learning.core.dataset import (
    LabelledTile,
    Normalisation,
    PatchOptions,
    TrainingSummary,
    class_weights,
    draw_batch,
    summarise,
)
from learning.core.model_file import TrainedModel
from learning.core.network import STRIDE, NetworkSpec, build_network, warm_network
from learning.core.precision import PRECISIONS, autocast, on_device, resolve_precision
from learning.errors import (
    CheckpointMismatch,
    InvalidTrainConfig,
    TrainingDiverged,
    TrainingStopped,
)

Batch = tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How long and how to train.

    Args:
        steps: optimiser steps in all.
        crop_px: side of a training patch, a multiple of 32, at least 64.
        warmup_share: share of the steps over which the rate rises linearly, before the cosine.
        class_weight_power: 0 = natural frequencies, 1 = classes equal; see dataset.class_weights.
        dice_share: share of the soft Dice loss in the sum, 0 = cross-entropy alone.
        ema_decay: decay of the running average of the weights that is returned, 0 = the last weights.
        checkpoint_every: steps between checkpoints.
        precision: "auto" = fp32 on a CPU; on a GPU bf16 where it is native, else fp16 with loss scaling.

    Raises: InvalidTrainConfig: with the value met.
    """

    steps: int = 400
    batch_size: int = 8
    crop_px: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    warmup_share: float = 0.1
    class_weight_power: float = 0.5
    dice_share: float = 0.0
    ema_decay: float = 0.0
    gradient_clip: float = 5.0
    seed: int = 2022
    checkpoint_every: int = 100
    precision: str = "auto"
    augment: bool = True

    def __post_init__(self) -> None:
        """Refuse what the loop cannot honour."""
        bounds = {
            "steps": self.steps >= 1,
            "batch_size": self.batch_size >= 1,
            "crop_px": self.crop_px >= 64 and self.crop_px % STRIDE == 0,
            "learning_rate": 0 < self.learning_rate < 1,
            "weight_decay": 0 <= self.weight_decay < 1,
            "warmup_share": 0 <= self.warmup_share < 1,
            "class_weight_power": 0 <= self.class_weight_power <= 1,
            "dice_share": 0 <= self.dice_share <= 1,
            "ema_decay": 0 <= self.ema_decay < 1,
            "gradient_clip": self.gradient_clip > 0,
            "seed": self.seed >= 0,
            "checkpoint_every": self.checkpoint_every >= 1,
            "precision": self.precision in PRECISIONS,
        }
        for name, good in bounds.items():
            if not good:
                raise InvalidTrainConfig(f"{name} = {getattr(self, name)!r} cannot be used; see TrainConfig.")


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step did; speed is labelled or not, input pixels per second since the previous step."""

    step: int
    steps: int
    loss: float
    learning_rate: float
    pixels_per_second: float


@dataclass(frozen=True, slots=True)
class FittedModel:
    """Result of a run: a network on the CPU in evaluation mode, and what belongs beside it.

    Args:
        class_pixels: labelled pixels seen per class, in the order of spec.class_codes.
        losses: loss of every step of this run since step 0.
        precision: the arithmetic used ("fp32", "bf16" or "fp16").
    """

    network: nn.Module
    spec: NetworkSpec
    normalisation: Normalisation
    class_pixels: tuple[int, ...]
    class_weights: tuple[float, ...]
    training_set_sha256: str
    losses: tuple[float, ...]
    precision: str


def fit(
    tiles: Sequence[LabelledTile],
    spec: NetworkSpec,
    config: TrainConfig,
    *,
    checkpoint_dir: Path,
    device: str = "cpu",
    resume: bool = True,
    initial: TrainedModel | None = None,
    on_step: Callable[[StepReport], None] = lambda report: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> FittedModel:
    """Train a network on labelled tiles.

    On CPU in fp32 with a fixed number of threads the result depends on the arguments alone: a run stopped or
    killed anywhere and resumed ends with the same bits as one that was not.

    Args:
        tiles: any sequence; items may be read lazily, and from another thread.
        checkpoint_dir: belongs to this run; resumed from when it holds a checkpoint of the same run.
        initial: a previous model to start from; head rows are copied by class code, bands by name.

    Raises:
        NothingToLearn, InvalidTrainingTile: see dataset.summarise.
        IncompatibleInitialWeights: `initial` has another architecture, encoder or decoder.
        CheckpointMismatch: the folder's checkpoint belongs to another run.
        TrainingStopped: `should_stop` said so; the step reached is in a checkpoint.
        TrainingDiverged: the loss is no longer finite.
    """
    summary = summarise(tiles, n_bands=len(spec.bands), n_classes=len(spec.class_codes))
    normalisation = _normalisation_for(summary, spec, initial)
    run = _Run(spec, config, summary, device=device, initial=initial)
    fingerprint = checkpoints.as_json(
        {
            "spec": asdict(spec),
            "config": {k: v for k, v in asdict(config).items() if k != "checkpoint_every"},
            "training_set": summary.sha256,
            "initial": None if initial is None else initial.sha256,
            "precision": run.precision,
        }
    )
    if resume:
        run.restore(checkpoints.load_latest(checkpoint_dir), fingerprint)
    else:
        checkpoints.clear(checkpoint_dir)

    options = PatchOptions(config.crop_px, augment=config.augment)

    def batch_for(step: int) -> Batch:
        return draw_batch(
            tiles,
            labelled_tiles=summary.labelled_tiles,
            batch_size=config.batch_size,
            normalisation=normalisation,
            options=options,
            rng=np.random.default_rng([config.seed, step]),
        )

    saved = run.step
    for batch in _prefetched(batch_for, start=run.step, stop=config.steps):
        stopping = should_stop()
        if run.step > saved and (stopping or run.step % config.checkpoint_every == 0):
            checkpoints.save_checkpoint(checkpoint_dir, run.snapshot(fingerprint))
            saved = run.step
        if stopping:
            raise TrainingStopped(f"Stopped after step {run.step} of {config.steps}; start it again to go on.")
        on_step(run.advance(batch))
    if run.step > saved:
        checkpoints.save_checkpoint(checkpoint_dir, run.snapshot(fingerprint))
    return FittedModel(
        network=run.finished_network(),
        spec=spec,
        normalisation=normalisation,
        class_pixels=tuple(summary.class_pixels.tolist()),
        class_weights=tuple(run.weights.tolist()),
        training_set_sha256=summary.sha256,
        losses=tuple(run.losses),
        precision=run.precision,
    )


def segmentation_loss(
    logits: Tensor, labels: Tensor, *, class_weight: Tensor, tile_weight: Tensor, dice_share: float = 0.0
) -> Tensor:
    """Weighted cross-entropy over labelled pixels, optionally mixed with soft Dice.

    Args:
        logits: float32 (batch, class, row, col).
        labels: int64 (batch, row, col), 0 = unlabelled, k = class k - 1. Unlabelled pixels carry no gradient.
        class_weight: float32 (class,). tile_weight: float32 (batch,).
    Returns: scalar; 0 with zero gradient when nothing is labelled.
    """
    target = labels - 1
    pixel_weight = class_weight[target.clamp(min=0)] * tile_weight[:, None, None] * (target >= 0)
    losses = functional.cross_entropy(logits, target, reduction="none", ignore_index=-1)
    loss = (losses * pixel_weight).sum() / pixel_weight.sum().clamp(min=1e-12)
    if dice_share == 0:
        return loss
    return (1 - dice_share) * loss + dice_share * _soft_dice(logits, target)


def learning_rate_at(step: int, config: TrainConfig) -> float:
    """Rate of step `step` (from 0): linear warm-up, then half a cosine down to 1 % of the peak."""
    warmup = max(1, round(config.steps * config.warmup_share))
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, config.steps - warmup)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


class _Run:
    """Mutable state of one training run."""

    def __init__(
        self,
        spec: NetworkSpec,
        config: TrainConfig,
        summary: TrainingSummary,
        *,
        device: str,
        initial: TrainedModel | None,
    ) -> None:
        self.config = config
        self.device = torch.device(device)
        self.precision = resolve_precision(config.precision, self.device, training=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = _start_network(spec, initial)
        self.network = on_device(network, self.device).train()
        self.optimiser = torch.optim.AdamW(
            _parameter_groups(self.network, config.weight_decay), lr=config.learning_rate
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")
        self.weights = torch.from_numpy(class_weights(summary.class_pixels, power=config.class_weight_power))
        self.average = {k: v.detach().clone() for k, v in self._averaged().items()} if config.ema_decay else {}
        self.step = 0
        self.losses: list[float] = []
        self._clock = time.monotonic()

    def advance(self, batch: Batch) -> StepReport:
        """One optimiser step."""
        images, labels, tile_weight = (torch.from_numpy(a).to(self.device, non_blocking=True) for a in batch)
        images = images.contiguous(memory_format=torch.channels_last)
        rate = learning_rate_at(self.step, self.config)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with self._seeded(), autocast(self.precision, self.device):
            logits = self.network(images)
        loss = segmentation_loss(
            logits.float(),
            labels.long(),
            class_weight=self.weights.to(self.device),
            tile_weight=tile_weight,
            dice_share=self.config.dice_share,
        )
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingDiverged(
                f"The loss is {value} at step {self.step + 1}; lower learning_rate ({self.config.learning_rate:g})."
            )
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimiser)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.gradient_clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self._update_average()
        self.step += 1
        self.losses.append(value)
        now = time.monotonic()
        speed, self._clock = labels.numel() / max(now - self._clock, 1e-9), now
        return StepReport(self.step, self.config.steps, value, rate, speed)

    def snapshot(self, fingerprint: dict[str, Any]) -> checkpoints.Checkpoint:
        """Everything needed to go on from here."""
        tensors = {f"network/{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in self.average.items()}
        for index, entry in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{index}/{k}": v for k, v in entry.items()}
        state = {"fingerprint": fingerprint, "losses": self.losses, "scaler": self.scaler.state_dict()}
        return checkpoints.Checkpoint(self.step, tensors, state)

    def restore(self, checkpoint: checkpoints.Checkpoint | None, fingerprint: dict[str, Any]) -> None:
        """Go back to a snapshot of the same run; None = start."""
        if checkpoint is None:
            return
        theirs = checkpoint.state["fingerprint"]
        if theirs != fingerprint:
            odd = sorted(k for k in fingerprint if fingerprint[k] != theirs.get(k))
            raise CheckpointMismatch(
                f"The checkpoint at step {checkpoint.step} differs in {', '.join(odd)}; "
                "use another folder or start with resume=False."
            )
        groups: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "optimiser": {}}
        for key, value in checkpoint.tensors.items():
            group, _, name = key.partition("/")
            groups[group][name] = value
        self.network.load_state_dict(groups["network"], strict=True)
        self.average = {k: v.to(self.device) for k, v in groups["average"].items()}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in groups["optimiser"].items():
            index, _, slot = name.partition("/")
            moments.setdefault(int(index), {})[slot] = value
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": moments})
        self.scaler.load_state_dict(checkpoint.state["scaler"])
        self.step, self.losses = checkpoint.step, list(checkpoint.state["losses"])

    def finished_network(self) -> nn.Module:
        """The network to publish, on the CPU."""
        if self.average:
            self.network.load_state_dict(self.average, strict=False)
        network: nn.Module = self.network.to("cpu").requires_grad_(False).eval()
        return network

    @contextlib.contextmanager
    def _seeded(self) -> Iterator[None]:
        """Give layers that draw at random (dropout) the generator of this step, and leave the caller's
        alone."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self.config.seed * 1_000_003 + self.step)
            yield

    def _averaged(self) -> dict[str, Tensor]:
        return {k: v for k, v in self.network.state_dict().items() if v.is_floating_point()}

    @torch.no_grad()
    def _update_average(self) -> None:
        # Early on the average follows closely, else it would remember the start weights.
        decay = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
        current = self._averaged() if self.average else {}
        for name, value in self.average.items():
            value.lerp_(current[name], 1 - decay)


def _start_network(spec: NetworkSpec, initial: TrainedModel | None) -> nn.Module:
    if initial is None:
        return build_network(spec)
    return warm_network(spec, previous=initial.network, previous_spec=initial.metadata.spec)


def _normalisation_for(summary: TrainingSummary, spec: NetworkSpec, initial: TrainedModel | None) -> Normalisation:
    """A warm start keeps the statistics its weights were trained with, when they fit."""
    if initial is not None and initial.metadata.spec.bands == spec.bands:
        previous = initial.metadata.normalisation
        if previous.dtype == summary.normalisation.dtype:
            return previous
    return summary.normalisation


def _parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Decay kernels only: shrinking biases and normalisation scales has no regularising meaning."""
    kernels = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _soft_dice(logits: Tensor, target: Tensor) -> Tensor:
    """1 - mean soft Dice over the classes present, labelled pixels only (Milletari et al. 2016)."""
    known = (target >= 0).unsqueeze(1)
    probabilities = logits.softmax(dim=1) * known
    truth = functional.one_hot(target.clamp(min=0), logits.shape[1]).movedim(-1, 1) * known
    axes = (0, 2, 3)
    support = truth.sum(axes)
    overlap = (probabilities * truth).sum(axes)
    dice = (2 * overlap + 1) / (probabilities.sum(axes) + support + 1)
    present = support > 0
    return 1 - (dice * present).sum() / present.sum().clamp(min=1)


def _prefetched(batch_for: Callable[[int], Batch], *, start: int, stop: int) -> Iterator[Batch]:
    """Batches of the steps start … stop - 1, the next one drawn while the current one trains."""
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        coming: Future[Batch] | None = pool.submit(batch_for, start) if start < stop else None
        for step in range(start, stop):
            if coming is None:
                return
            batch = coming.result()
            coming = pool.submit(batch_for, step + 1) if step + 1 < stop else None
            yield batch
