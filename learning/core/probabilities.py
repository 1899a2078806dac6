"""Probabilities of the classes of each pixel, as whole levels. Imports torch.

A level is 0 where nothing is known, else 1 + round(254 p), as the entropy map has it: one value means "no data" in all
of a map's files, so that overviews leave it out and ground without data takes no room.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from learning.core.entropy import PARTS_PER_THREAD, PIXELS_AT_A_TIME, on_host, put_float32
from learning.core.map_plan import PROBABILITY_LEVELS

Levels = NDArray[np.uint8]


@torch.inference_mode()
def probability_levels(logits: Tensor, known: Tensor, *, temperature: float = 1.0) -> Levels:
    """Levels of the softmax of each pixel.

    Args:    logits: any float (batch, class, row, col). known: bool (batch, row, col). temperature: as the entropy's.
    Returns: uint8 (batch, class, row, col), on the host. Halves are rounded to the even level.
    """
    return (_on_host if logits.device.type == "cpu" else _on_device)(logits, known, temperature)


def _on_device(logits: Tensor, known: Tensor, temperature: float) -> Levels:
    shares = torch.softmax(logits.float() / temperature, dim=1)
    levels = ((shares * PROBABILITY_LEVELS).round() + 1) * known[:, None]
    found: Levels = levels.to(torch.uint8).cpu().numpy()
    return found


def _on_host(logits: Tensor, known: Tensor, temperature: float) -> Levels:
    """By numpy in threads, as the entropy is: torch's own have the next windows to compute."""
    values, mask = on_host(logits), known.numpy()
    out = np.empty(values.shape, np.uint8)
    threads, height = torch.get_num_threads(), values.shape[2]
    share = max(1, -(-height // (threads * PARTS_PER_THREAD)))
    parts = [
        (values[image, :, rows], mask[image, rows], out[image, :, rows])
        for image in range(len(values))
        for rows in (slice(start, start + share) for start in range(0, height, share))
    ]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: _part(part[0], part[1], part[2], temperature), parts))
    return out


def _part(values: NDArray[Any], known: NDArray[np.bool_], out: Levels, temperature: float) -> None:
    """Logits (class, row, col), as on_host has them, into levels of the same shape."""
    step = max(1, PIXELS_AT_A_TIME // values.shape[2])
    room = np.empty((len(values), min(values.shape[1], step), values.shape[2]), np.float32)
    for start in range(0, values.shape[1], step):
        some = slice(start, start + step)
        shares = room[:, : len(known[some])]
        put_float32(values[:, some], shares)
        shares -= shares.max(axis=0)
        if temperature != 1:
            shares /= np.float32(temperature)
        np.exp(shares, out=shares)
        shares *= PROBABILITY_LEVELS / shares.sum(axis=0)
        np.rint(shares, out=shares)
        shares += 1
        np.multiply(shares, known[some], out=out[:, some], casting="unsafe")
