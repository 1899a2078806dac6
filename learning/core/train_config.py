"""Options of a training and what they must be. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass

from learning.core.dataset import AugmentOptions
from learning.core.losses import LossMix
from learning.core.network import STRIDE
from learning.core.precision import PRECISIONS
from learning.errors import InvalidTrainConfig

NO_AUGMENTATION = AugmentOptions(turns=False, contrast=0.0, brightness=0.0)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How long and how to train.

    Args:
        steps: optimiser steps in all.
        batch_size: patches a step, of all processes together.
        crop_px: side of a training patch, a multiple of 32, at least 64.
        warmup_share: share of the steps over which the rate rises linearly, before the cosine.
        class_weight_power: 0 = natural frequencies, 1 = classes equal; see dataset.class_weights.
        dice_share, lovasz_share, focal_share: shares of these losses in the sum, which cross-entropy fills up to 1.
        focal_gamma: how much less the focal loss (Lin et al. 2017) makes of what is already right.
        ema_decay: decay of the running average of the weights that is returned, 0 = the last weights.
        checkpoint_every: steps between checkpoints.
        precision: "auto" = bf16 where it is native and pays, else fp16 with loss scaling on a GPU, fp32 on a CPU.
        augment: whether patches are turned and jittered; zoom, rotation: see dataset.AugmentOptions.
        compile: compile the network first (needs a C++ compiler on a CPU): a minute, then 10 to 20 % in fp32.

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
    lovasz_share: float = 0.0
    focal_share: float = 0.0
    focal_gamma: float = 2.0
    ema_decay: float = 0.0
    gradient_clip: float = 5.0
    seed: int = 2022
    checkpoint_every: int = 100
    precision: str = "auto"
    augment: bool = True
    zoom: float = 0.0
    rotation: float = 0.0
    compile: bool = False

    def __post_init__(self) -> None:
        """Refuse what the loop cannot honour."""
        shares = (self.dice_share, self.lovasz_share, self.focal_share)
        bounds = {
            "steps": self.steps >= 1,
            "batch_size": self.batch_size >= 1,
            "crop_px": self.crop_px >= 64 and self.crop_px % STRIDE == 0,
            "learning_rate": 0 < self.learning_rate < 1,
            "weight_decay": 0 <= self.weight_decay < 1,
            "warmup_share": 0 <= self.warmup_share < 1,
            "class_weight_power": 0 <= self.class_weight_power <= 1,
            "dice_share": 0 <= self.dice_share <= 1,
            "lovasz_share": 0 <= self.lovasz_share <= 1,
            "focal_share": 0 <= self.focal_share <= 1,
            "focal_gamma": 0 <= self.focal_gamma <= 10,
            "ema_decay": 0 <= self.ema_decay < 1,
            "gradient_clip": self.gradient_clip > 0,
            "seed": self.seed >= 0,
            "checkpoint_every": self.checkpoint_every >= 1,
            "precision": self.precision in PRECISIONS,
            "zoom": 0 <= self.zoom <= 1,
            "rotation": 0 <= self.rotation <= 45,
        }
        for name, good in bounds.items():
            if not good:
                raise InvalidTrainConfig(f"{name} = {getattr(self, name)!r} cannot be used; see TrainConfig.")
        if sum(shares) > 1 + 1e-9:
            raise InvalidTrainConfig(
                f"dice_share, lovasz_share and focal_share are {shares!r} and add up to {sum(shares):g}; "
                "at most 1 is possible, cross-entropy has the rest."
            )

    @property
    def losses(self) -> LossMix:
        """The losses' shares."""
        return LossMix(self.dice_share, self.lovasz_share, self.focal_share, self.focal_gamma)

    @property
    def augmentation(self) -> AugmentOptions:
        """What is done to patches."""
        return AugmentOptions(zoom=self.zoom, rotation=self.rotation) if self.augment else NO_AUGMENTATION
