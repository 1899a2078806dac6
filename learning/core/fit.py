"""Training: one straight loop, the same on CPU and GPU, in one process or several, that resumes to the same bits.

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
from torch.nn.parallel import DistributedDataParallel

from annotation.core.label_table import Broader
from learning.core import checkpoint as checkpoints
from learning.core.augment import augmented, normalised
from learning.core.dataset import (
    Augmentation,
    LabelledTile,
    Normalisation,
    PatchBatch,
    TrainingSummary,
    class_weights,
    draw_augmentation,
    draw_batch,
    summarise,
)
from learning.core.heap import kept_memory
from learning.core.levels import membership, weights_of_values
from learning.core.losses import segmentation_loss
from learning.core.model_file import TrainedModel
from learning.core.network import NetworkSpec, build_network, spec_from, warm_network
from learning.core.precision import autocast, on_device, training_precision
from learning.core.ranks import Ranks
from learning.core.train_config import TrainConfig
from learning.errors import (
    CheckpointMismatch,
    InvalidTrainConfig,
    TrainingDiverged,
    TrainingStopped,
)

# How a step's draws follow from (seed, step). Checkpoints of another way are refused: resumed, they would fit neither.
DRAWS = 2


@dataclass(frozen=True, slots=True)
class Batch:
    """One rank's part of a step's patches, in tensors on the host, and what is done to them on the device."""

    images: Tensor
    labels: Tensor
    valid: Tensor
    weights: Tensor
    augmentation: Augmentation


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
    broader: Broader = (),
    initial: TrainedModel | None = None,
    weights_dir: Path | None = None,
    on_step: Callable[[StepReport], None] = lambda report: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> FittedModel:
    """Train a network on labelled tiles.

    On CPU with a fixed number of threads the result depends on the arguments alone: a run stopped or
    killed anywhere and resumed ends with the same bits as one that was not.

    Where torch.distributed has a process group, every process calls this with the same arguments and takes its part
    of each batch; the first one reports, decides when to stop and writes checkpoints, which all must be able to read.

    Args:
        tiles: any sequence; items may be read lazily, and from another thread.
        checkpoint_dir: belongs to this run; resumed from when it holds a checkpoint of the same run.
        broader: labels above the classes, which leave several of them open: see levels.
        initial: a previous model to start from; head rows are copied by class code, bands by name.
        weights_dir: the operator's folder of encoder weights, see encoder_weights.

    Raises:
        NothingToLearn, InvalidTrainingTile: see dataset.summarise.
        IncompatibleInitialWeights: `initial` has another architecture, encoder or decoder.
        CheckpointMismatch: the folder's checkpoint belongs to another run.
        TrainingStopped: `should_stop` said so; the step reached is in a checkpoint.
        TrainingDiverged: the loss is no longer finite.
    """
    spec = spec if initial is None else spec_from(spec, initial.metadata.spec)
    ranks = Ranks.current()
    least = max(spec.least_images, ranks.world)
    if config.batch_size < least:
        raise InvalidTrainConfig(
            f"batch_size = {config.batch_size} is too small for {spec.architecture!r} in {ranks.world} process(es): "
            f"give at least {least}."
        )
    summary = summarise(tiles, n_bands=len(spec.bands), n_classes=len(spec.class_codes), n_broader=len(broader))
    normalisation = _normalisation_for(summary, spec, initial)
    run = _Run(
        spec, config, summary, normalisation, broader=broader, device=device, initial=initial,
        weights_dir=weights_dir, ranks=ranks,
    )  # fmt: skip
    fingerprint = checkpoints.as_json(
        {
            "spec": asdict(spec),
            "config": {k: v for k, v in asdict(config).items() if k != "checkpoint_every"},
            "training_set": summary.sha256,
            "initial": None if initial is None else initial.sha256,
            "precision": run.precision,
            "draws": DRAWS,
            **({"broader": broader} if broader else {}),  # without it, runs of before go on
        }
    )
    if resume:
        run.restore(_latest(checkpoint_dir, ranks, run.device), fingerprint)
    elif ranks.leads:
        checkpoints.clear(checkpoint_dir)
    mine = ranks.share(config.batch_size)

    def batch_for(step: int) -> Batch:
        *rngs, last = np.random.default_rng([config.seed, step]).spawn(config.batch_size + 1)
        drawn = draw_augmentation(config.batch_size, options=config.augmentation, rng=last)
        patches = draw_batch(tiles, labelled_tiles=summary.labelled_tiles, crop_px=config.crop_px, rngs=rngs[mine])
        return _as_tensors(patches, drawn, mine, pinned=run.device.type == "cuda")

    saved = run.step
    with kept_memory(run.device.type), checkpoints.Writer(checkpoint_dir) as writer:
        for batch in _prefetched(batch_for, start=run.step, stop=config.steps):
            stopping = bool(ranks.agreed(ranks.leads and should_stop(), run.device))
            if run.step > saved and (stopping or run.step % config.checkpoint_every == 0):
                if ranks.leads:
                    writer.save(run.snapshot(fingerprint))
                saved = run.step
            if stopping:
                break
            report = run.advance(batch)
            if ranks.leads:
                on_step(report)
        else:
            stopping = False
            if run.step > saved and ranks.leads:
                writer.save(run.snapshot(fingerprint))
    ranks.wait()
    if stopping:
        raise TrainingStopped(f"Stopped after step {run.step} of {config.steps}; start it again to go on.")
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


def _latest(folder: Path, ranks: Ranks, device: torch.device) -> checkpoints.Checkpoint | None:
    """The newest whole checkpoint, the same one on every rank."""
    found = checkpoints.load_latest(folder) if ranks.leads else None
    step = ranks.agreed(-1 if found is None else found.step, device)
    if step < 0 or ranks.leads:
        return found
    theirs = checkpoints.load_step(folder, step)
    if theirs is None:
        raise CheckpointMismatch(
            f"Process {ranks.rank} cannot read the checkpoint of step {step} in {folder}, which the first one read; "
            "all of them need the same folder."
        )
    return theirs


def _as_tensors(patches: PatchBatch, drawn: Augmentation, part: slice, *, pinned: bool) -> Batch:
    def tensor(array: NDArray[Any]) -> Tensor:
        found = torch.from_numpy(array)
        return found.pin_memory() if pinned else found  # pinned, it goes to the GPU beside the previous step

    return Batch(
        tensor(patches.images), tensor(patches.labels), tensor(patches.valid), tensor(patches.weights),
        drawn.part(part),
    )  # fmt: skip


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
        normalisation: Normalisation,
        *,
        broader: Broader,
        device: str,
        initial: TrainedModel | None,
        weights_dir: Path | None,
        ranks: Ranks,
    ) -> None:
        self.config, self.normalisation, self.ranks = config, normalisation, ranks
        self.device = torch.device(device)
        self.precision = training_precision(config.precision, self.device, encoder=spec.encoder)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = _start_network(spec, initial, weights_dir)
        self.network = on_device(network, self.device).train()
        self.forward = self._forward_of(self.network)
        self.optimiser = torch.optim.AdamW(
            _parameter_groups(self.network, config.weight_decay), lr=config.learning_rate, fused=True
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")
        self.weights = torch.from_numpy(class_weights(summary.class_pixels, power=config.class_weight_power))
        of_values = weights_of_values(self.weights.numpy(), summary.class_pixels, broader)
        self.weights_there = torch.from_numpy(of_values).to(self.device)
        open_classes = membership(broader, n_classes=len(spec.class_codes))
        self.members = torch.from_numpy(open_classes).to(self.device) if broader else None
        self.average = {k: v.detach().clone() for k, v in self._averaged().items()} if config.ema_decay else {}
        self.step = 0
        self.losses: list[float] = []
        self._clock = time.monotonic()

    def _forward_of(self, network: nn.Module) -> Callable[[Tensor], Tensor]:
        """The network as called in a step: as it is, compiled, or one of several whose gradients are added up."""
        if self.ranks.world > 1:
            if self.config.compile:
                raise InvalidTrainConfig("compile = True cannot be used in several processes; leave it out.")
            devices = None if self.device.type == "cpu" else [self.device]
            return DistributedDataParallel(
                network, device_ids=devices, forward_sync_buffers=False, gradient_as_bucket_view=True
            )
        if self.config.compile:
            compiled: Callable[[Tensor], Tensor] = torch.compile(network)
            return compiled
        return network

    def advance(self, batch: Batch) -> StepReport:
        """One optimiser step."""
        rate = learning_rate_at(self.step, self.config)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        loss = self._loss(batch)
        self.optimiser.zero_grad(set_to_none=True)
        # The ranks' gradients are averaged, and must be summed: the loss is of the whole batch on each.
        self.scaler.scale(loss * self.ranks.world).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimiser)
        self._clip()
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self._update_average()
        self.step += 1
        value = float(loss.detach())  # waits for the device: nothing is left to queue
        if not math.isfinite(value):
            raise TrainingDiverged(
                f"The loss is {value} at step {self.step}; lower learning_rate ({self.config.learning_rate:g})."
            )
        self.losses.append(value)
        now = time.monotonic()
        pixels = self.config.batch_size * self.config.crop_px**2
        speed, self._clock = pixels / max(now - self._clock, 1e-9), now
        return StepReport(self.step, self.config.steps, value, rate, speed)

    def _clip(self) -> None:
        """Gradients longer than gradient_clip are shortened to it."""
        weights = [weight for weight in self.network.parameters() if weight.grad is not None]
        norm = nn.utils.get_total_norm([weight.grad for weight in weights if weight.grad is not None])
        # On a CPU the norm is at hand: gradients that are short enough need not be gone through again.
        if self.device.type != "cpu" or norm > self.config.gradient_clip:
            nn.utils.clip_grads_with_norm_(weights, self.config.gradient_clip, norm)

    def _loss(self, batch: Batch) -> Tensor:
        """Of the whole batch; its gradient is this rank's part."""
        images, labels, valid, weights = (
            tensor.to(self.device, non_blocking=True)
            for tensor in (batch.images, batch.labels, batch.valid, batch.weights)
        )
        inputs = normalised(images, valid, self.normalisation)
        inputs, labels, weights = augmented(inputs, labels, weights, batch.augmentation)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        with self._seeded(), self.ranks.batch_norm(), autocast(self.precision, self.device):
            logits = self._logits(inputs)
        return segmentation_loss(
            logits.float(),
            labels.long(),
            class_weight=self.weights_there,
            pixel_weight=weights,
            mix=self.config.losses,
            members=self.members,
            total=self.ranks.total,
        )

    def _logits(self, inputs: Tensor) -> Tensor:
        try:
            return self.forward(inputs)
        except Exception as error:
            if self.config.compile and type(error).__module__.startswith("torch._"):
                raise InvalidTrainConfig(
                    f"compile = True cannot be used here: {str(error).splitlines()[0]}. Leave it out."
                ) from error
            raise

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
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in groups["optimiser"].items():
            index, _, slot = name.partition("/")
            # In the order in memory of its weight: the fused step goes through both as they lie there.
            like = weights[int(index)]
            laid_out = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
            moments.setdefault(int(index), {})[slot] = laid_out
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
            torch.manual_seed((self.config.seed * 1_000_003 + self.step) * self.ranks.world + self.ranks.rank)
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


def _start_network(spec: NetworkSpec, initial: TrainedModel | None, weights_dir: Path | None) -> nn.Module:
    if initial is None:
        return build_network(spec, weights_dir=weights_dir)
    return warm_network(spec, previous=initial.network, previous_spec=initial.metadata.spec, weights_dir=weights_dir)


def _normalisation_for(summary: TrainingSummary, spec: NetworkSpec, initial: TrainedModel | None) -> Normalisation:
    """A warm start keeps the statistics its weights were trained with, band by band by name, as the weights are."""
    own = summary.normalisation
    if initial is None or initial.metadata.normalisation.dtype != own.dtype:
        return own
    before = initial.metadata.normalisation
    known = dict(zip(initial.metadata.spec.bands, zip(before.mean, before.std, strict=True), strict=True))
    kept = [known.get(band, (own.mean[n], own.std[n])) for n, band in enumerate(spec.bands)]
    return Normalisation(own.dtype, tuple(mean for mean, _std in kept), tuple(std for _mean, std in kept))


def _parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Decay kernels only: shrinking biases and normalisation scales has no regularising meaning."""
    kernels = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


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
