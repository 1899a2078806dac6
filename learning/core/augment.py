"""Patches become network input on the device: normalised, turned, jittered, a whole batch at a time. Imports torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from learning.core.dataset import Augmentation, Normalisation


def normalised(images: Tensor, valid: Tensor, normalisation: Normalisation) -> Tensor:
    """Raw values (batch, band, row, col) as float32 network input; pixels without data become 0, the mean."""
    mean, std = (
        torch.tensor(values, dtype=torch.float32, device=images.device)[:, None, None]
        for values in (normalisation.mean, normalisation.std)
    )
    return images.to(torch.float32).sub_(mean).div_(std).mul_(valid[:, None])


def augmented(images: Tensor, labels: Tensor, weights: Tensor, drawn: Augmentation) -> tuple[Tensor, Tensor, Tensor]:
    """Change each patch as it was drawn.

    Args:
        images: float32 (batch, band, side, side).
        labels: uint8 (batch, side, side), 0 = unlabelled.
        weights: float32 (batch,), which stays as it is, or (batch, side, side), which goes where the labels go.

    Returns: the same shapes. Ground from outside the patch is mirrored and unlabelled.
    """
    device, by_pixel = images.device, weights.ndim == 3
    # Labels are whole numbers up to 255, which float32 holds exactly.
    stack = torch.stack([labels.to(weights.dtype), weights], 1) if by_pixel else labels[:, None]
    for chosen, axes in ((drawn.transposed, None), (drawn.rows_flipped, 2), (drawn.cols_flipped, 3)):
        if chosen.any():
            which = torch.from_numpy(np.ascontiguousarray(chosen)).to(device)[:, None, None, None]
            images = torch.where(which, images.transpose(2, 3) if axes is None else images.flip(axes), images)
            stack = torch.where(which, stack.transpose(2, 3) if axes is None else stack.flip(axes), stack)
    if (drawn.zoom != 1).any() or (drawn.radians != 0).any():
        images, stack = _resampled(images, stack, drawn)
    gain, shift = (torch.from_numpy(values).to(device)[:, None, None, None] for values in (drawn.gain, drawn.shift))
    return images * gain + shift, stack[:, 0].to(labels.dtype), stack[:, 1] if by_pixel else weights


def _resampled(images: Tensor, labels: Tensor, drawn: Augmentation) -> tuple[Tensor, Tensor]:
    cosine, sine = np.cos(drawn.radians) / drawn.zoom, np.sin(drawn.radians) / drawn.zoom
    zero = np.zeros_like(cosine)
    matrices = np.stack([np.stack([cosine, -sine, zero], 1), np.stack([sine, cosine, zero], 1)], 1)
    grid = functional.affine_grid(
        torch.from_numpy(matrices.astype(np.float32)).to(images.device), list(images.shape), align_corners=False
    )
    smooth = functional.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    nearest = functional.grid_sample(labels.float(), grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return smooth, nearest.to(labels.dtype)
