"""Weights as FLAIR-INC publishes them, made here: names, shapes and layout of its files, numbers from a seed."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

PREFIX = "model.seg_model."
REWARDED_15 = (*range(14), 17)  # channels that the 15-class files were rewarded for


def published_state(*, bands: int = 4, seed: int = 0, prefix: str = PREFIX) -> OrderedDict[str, Any]:
    """A state dict of 19 channels with FLAIR-INC's keys: an smp U-Net on resnet34 under a prefix, and the loss's."""
    import segmentation_models_pytorch as smp
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = smp.Unet("resnet34", encoder_weights=None, in_channels=bands, classes=19)
    state = OrderedDict((f"{prefix}{name}", value) for name, value in network.state_dict().items())
    weights = torch.zeros(19)
    weights[list(REWARDED_15)] = 1.0
    state["criterion.weight"] = weights
    return state


def saved_safely(path: Path, state: dict[str, Any]) -> Path:
    """The state dict as safetensors."""
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    return path
