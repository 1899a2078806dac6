"""How unsure models are of each pixel, from their outputs on the device: the formulas of learning.core.uncertainty.

Imports torch. Everything is computed in float32 whatever the outputs are in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from learning.core.uncertainty import pixel_score
from learning.errors import NotProbabilities

MASKS_SEED = 1906


@torch.inference_mode()
def one_models_doubt(name: str, logits: Tensor, *, temperature: float) -> Tensor:
    """A score that one model can give.

    Args:    name: "margin" or "least_confidence". logits: any float (batch, class, row, col); temperature: what they
             are divided by.
    Returns: float32 (batch, row, col), from 0 to 1; see uncertainty.margin_uncertainty and least_confidence.
    """
    highest = logits.float().amax(dim=1, keepdim=True)
    distance = (logits.float() - highest) / temperature
    total = distance.exp().sum(dim=1)
    return _OF_ONE[name](distance, total).clamp(0, 1)


@torch.inference_mode()
def mutual_information(opinions: Iterable[tuple[Tensor, float]]) -> Tensor:
    """BALD: what several opinions disagree about, one after another, so that only two sums are kept.

    Args:    opinions: logits (batch, class, row, col) and their temperature; two at least.
    Returns: float32 (batch, row, col) in nats, from 0 to ln K; see uncertainty.bald.
    Raises:  NotProbabilities: fewer than two.
    """
    mean: Tensor | None = None
    entropies: Tensor | None = None
    count = 0
    for logits, temperature in opinions:
        logarithm = (logits.float() / temperature).log_softmax(dim=1)
        probabilities = logarithm.exp()
        entropy = -(probabilities * logarithm).sum(dim=1)
        mean = probabilities if mean is None else mean.add_(probabilities)
        entropies = entropy if entropies is None else entropies.add_(entropy)
        count += 1
    if mean is None or entropies is None or count < 2:
        raise NotProbabilities(f"{count} opinions: give two or more.")
    mean /= count
    return (-mean.xlogy(mean).sum(dim=1) - entropies / count).clamp(min=0)


def channel_masks(channels: int, *, opinions: int, rate: float) -> Tensor:
    """What dropout leaves of each channel in each opinion: float32 (opinion, channel), 0 or 1 / (1 - rate).

    The same for every window of every map, whoever computes it: no seam shows between two windows, and maps can be
    compared. In each opinion one channel is left at least.

    Source: Gal & Ghahramani 2016, arXiv:1506.02142; the masks kept for all inputs, Kirsch et al. 2019,
            arXiv:1906.08158 (consistent MC dropout).
    """
    drawn = np.random.default_rng([MASKS_SEED, channels]).random((opinions, channels))
    kept = (drawn >= rate) | (drawn == drawn.max(axis=1, keepdims=True))
    return torch.from_numpy((kept / (1 - rate)).astype(np.float32))


def as_share(doubt: Tensor, *, score: str, n_classes: int) -> Tensor:
    """A score as a share of its largest value, from 0 to 1."""
    return (doubt / pixel_score(score).upper_bound(n_classes)).clamp(max=1)


def _margin(distance: Tensor, total: Tensor) -> Tensor:
    """One minus the gap: the likeliest class has exp(0) / total."""
    if distance.device.type != "cpu":
        second = distance.topk(2, dim=1).values[:, 1]
    else:  # torch's own choice of two is slow there: the likeliest is put out of the way instead
        first = distance.argmax(dim=1, keepdim=True)
        second = distance.scatter(1, first, -math.inf).amax(dim=1)
    return 1 - (1 - second.exp()) / total


_OF_ONE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "margin": _margin,
    "least_confidence": lambda _distance, total: 1 - 1 / total,
}
