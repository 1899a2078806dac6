"""A batch's way through the networks: what one says of it, and how much it is doubted. Imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from learning.core.embedding import decoded_and_features
from learning.core.map_plan import PredictionPlan
from learning.core.model_file import TrainedModel
from learning.core.pixel_doubt import channel_masks, mutual_information, one_models_doubt
from learning.core.precision import autocast, on_device


@dataclass(frozen=True, slots=True)
class Seen:
    """What a network made of a batch, on the device, in the arithmetic it was computed in.

    Args:
        logits: (batch, class, row, col), before any temperature.
        decoded: (batch, channel, …), what the head reads. cells: see embedding.decoded_and_features.
    """

    logits: Tensor
    decoded: Tensor
    cells: Tensor


@torch.inference_mode()
def see(network: nn.Module, images: Tensor, valid: Tensor, model: TrainedModel, *, precision: str) -> Seen:
    """One pass of a model's network, which is on the device of the images.

    Args: images: (batch, band, row, col), raw values. valid: bool (batch, row, col).
    """
    parts: Any = network
    norm = model.metadata.normalisation
    mean, std = (
        torch.tensor(v, dtype=torch.float32, device=images.device)[:, None, None] for v in (norm.mean, norm.std)
    )
    inputs = ((images.to(torch.float32) - mean) / std) * valid[:, None]
    with autocast(precision, images.device):
        decoded, cells = decoded_and_features(network, inputs.contiguous(memory_format=torch.channels_last))
        return Seen(parts.segmentation_head(decoded), decoded, cells)


def doubt_beside_entropy(
    plan: PredictionPlan,
    model: TrainedModel,
    others: Sequence[TrainedModel],
    seen: Seen,
    images: Tensor,
    valid: Tensor,
    *,
    core: tuple[slice, ...],
) -> Tensor:
    """The plan's pixel score, where it is not the entropy: float32 (batch, row, col), `core` of logits alone.

    With opinions by dropout only the head is run again, once for each.
    """
    if plan.pixel_score != "bald":
        return one_models_doubt(plan.pixel_score, seen.logits[core], temperature=model.temperature)
    if model.metadata.spec.dropout > 0:
        return mutual_information(_opinions_by_dropout(plan, model, seen, core=core))
    return mutual_information(_opinions_of_models(plan, model, others, seen, images, valid, core=core))


@torch.inference_mode()
def _opinions_by_dropout(
    plan: PredictionPlan, model: TrainedModel, seen: Seen, *, core: tuple[slice, ...]
) -> Iterator[tuple[Tensor, float]]:
    parts: Any = model.network
    rate, channels = model.metadata.spec.dropout, seen.decoded.shape[1]
    masks = channel_masks(channels, opinions=plan.opinions, rate=rate).to(seen.decoded.device)
    for mask in masks:
        with autocast(plan.precision, seen.decoded.device):
            logits = parts.segmentation_head(seen.decoded * mask[:, None, None].to(seen.decoded.dtype))
        yield logits[core], model.temperature


@torch.inference_mode()
def _opinions_of_models(
    plan: PredictionPlan,
    model: TrainedModel,
    others: Sequence[TrainedModel],
    seen: Seen,
    images: Tensor,
    valid: Tensor,
    *,
    core: tuple[slice, ...],
) -> Iterator[tuple[Tensor, float]]:
    yield seen.logits[core], model.temperature
    for other in others:
        network = on_device(other.network, images.device)
        logits = see(network, images, valid, other, precision=plan.precision).logits
        yield logits[core], other.temperature
