"""Losses over labelled pixels. Each ignores unlabelled pixels exactly: they have neither a share nor a gradient.

Every loss is a quotient of sums, or is made of such, so that several processes that each hold a part of a batch
compute what one with all of it would: `total` adds a sum over the processes (see ranks.Ranks.total).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

Total = Callable[[Tensor], Tensor]
_SMALL = 1e-12


@dataclass(frozen=True, slots=True)
class LossMix:
    """Shares of the losses in the sum; cross-entropy has what the others leave."""

    dice: float = 0.0
    lovasz: float = 0.0
    focal: float = 0.0
    focal_gamma: float = 2.0

    @property
    def cross_entropy(self) -> float:
        """The share that is left."""
        return max(0.0, 1 - self.dice - self.lovasz - self.focal)


def alone(value: Tensor) -> Tensor:
    """The total of a sum where there is one process."""
    return value


def segmentation_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    class_weight: Tensor,
    pixel_weight: Tensor,
    mix: LossMix | None = None,
    members: Tensor | None = None,
    total: Total = alone,
) -> Tensor:
    """Weighted sum of losses over labelled pixels.

    A label that leaves several classes open (`members`) is as surprising as the sum of their probabilities is small:
    -log Σ p. Its gradient raises all of them by the shares they have, and says nothing of which it is; with one class
    it is cross-entropy. Dice and Lovász, which count the ground of one class, leave such pixels out.

    Args:
        logits: float32 (batch, class, row, col).
        labels: int64 (batch, row, col), 0 = unlabelled, k = class k - 1, above the number of classes as `members` says.
        class_weight: float32 (class,), or (value,) where there are `members`.
        pixel_weight: float32 (batch,), a weight for each tile, or (batch, row, col), one for each pixel.
        mix: None = cross-entropy alone.
        members: bool (value, class), the classes that each label value leaves open, see levels.membership; None =
            every label names its class.

    Returns: scalar; 0 with zero gradient when nothing is labelled.
    """
    mix = mix or LossMix()
    target = labels - 1
    weight = pixel_weight if pixel_weight.ndim == 3 else pixel_weight[:, None, None]
    weight = weight * (target >= 0)
    loss = logits.new_zeros(())
    if mix.cross_entropy > 0 or mix.focal > 0:
        if members is None:
            surprise = functional.cross_entropy(logits, target, reduction="none", ignore_index=-1)
        else:
            surprise = _surprise_at_one_of(logits, members[target.clamp(min=0)])
        by_class = class_weight[target.clamp(min=0)] * weight
        mass = total(by_class.sum()).clamp(min=_SMALL)
        if mix.cross_entropy > 0:
            loss = loss + mix.cross_entropy * total((surprise * by_class).sum()) / mass
        if mix.focal > 0:
            doubt = (1 - torch.exp(-surprise)).clamp(min=_SMALL)  # a power below 1 has no finite gradient at 0
            loss = loss + mix.focal * total((doubt**mix.focal_gamma * surprise * by_class).sum()) / mass
    if mix.dice > 0 or mix.lovasz > 0:
        weight, class_weight = weight * (target < logits.shape[1]), class_weight[: logits.shape[1]]
        probabilities = logits.softmax(dim=1)
        truth = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)[:, None, None]).float()
        if mix.dice > 0:
            loss = loss + mix.dice * _dice(probabilities, truth, weight, class_weight, total)
        if mix.lovasz > 0:
            loss = loss + mix.lovasz * _lovasz(probabilities, truth, weight, class_weight, total)
    return loss


def _surprise_at_one_of(logits: Tensor, is_open: Tensor) -> Tensor:
    """-log of the summed probability of the classes that are open: float32 (batch, row, col).

    Args: is_open: bool (batch, row, col, class), at least one for each pixel.
    """
    those = logits.masked_fill(~is_open.movedim(-1, 1), -torch.inf)
    return logits.logsumexp(dim=1) - those.logsumexp(dim=1)


def _dice(probabilities: Tensor, truth: Tensor, weight: Tensor, class_weight: Tensor, total: Total) -> Tensor:
    """1 - mean soft Dice of the classes present in the batch (Milletari, Navab & Ahmadi 2016), one pixel added to both
    sides of the quotient."""
    axes, weight = (0, 2, 3), weight[:, None]
    support = total((truth * weight).sum(axes))
    overlap = total((probabilities * truth * weight).sum(axes))
    dice = (2 * overlap + 1) / (total((probabilities * weight).sum(axes)) + support + 1)
    present = class_weight * (support > 0)
    return (present * (1 - dice)).sum() / present.sum().clamp(min=_SMALL)


def _lovasz(probabilities: Tensor, truth: Tensor, weight: Tensor, class_weight: Tensor, total: Total) -> Tensor:
    """Lovász extension of 1 - IoU of each class present in an image, averaged (Berman, Rannen Triki & Blaschko 2018,
    equations 8, 9 and 11, per image); pixels count by their weight, images by the mean weight of their labels."""
    batch, classes = probabilities.shape[:2]
    known = weight > 0
    # Zero times anything has gradient zero: an unlabelled pixel is out of it, wherever the sort may put it.
    errors = ((truth - probabilities).abs() * known[:, None]).reshape(batch * classes, -1)
    order = errors.detach().argsort(dim=1, descending=True)
    flat = weight[:, None].expand_as(truth).reshape(batch * classes, -1).gather(1, order)
    hit = truth.reshape(batch * classes, -1).gather(1, order) * flat
    support = hit.sum(dim=1, keepdim=True)
    left = support - hit.cumsum(dim=1)
    union = support + (flat - hit).cumsum(dim=1)
    distance = 1 - left / union.clamp(min=_SMALL)
    steps = torch.diff(distance, dim=1, prepend=torch.zeros_like(support))
    losses = (errors.gather(1, order) * steps).sum(dim=1).reshape(batch, classes)
    image = weight.sum(dim=(1, 2)) / known.sum(dim=(1, 2)).clamp(min=1)
    share = image[:, None] * class_weight * (support.reshape(batch, classes) > 0)
    return total((losses * share).sum()) / total(share.sum()).clamp(min=_SMALL)
