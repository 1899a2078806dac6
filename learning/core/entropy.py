"""Class and entropy of each pixel from a network's logits, in one pass over them. Imports torch.

Entropy needs no softmax: with d = (z - max z) / T and s = Σ exp d, H = ln s - Σ d · exp d / s. It is computed in
float32 whatever the logits are in.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PIXELS_AT_A_TIME = 1 << 13  # of so many, all that is computed stays in a core's cache
PARTS_PER_THREAD = 4


@torch.inference_mode()
def classes_and_entropy(logits: Tensor, *, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """The likeliest class of each pixel and the entropy of its softmax.

    Args:    logits: any float (batch, class, row, col), at most 255 classes. temperature: what they are divided by.
    Returns: class uint8 (batch, row, col), counted from 0, the first of equals; entropy float32 in nats, at least 0.
    """
    return (_on_host if logits.device.type == "cpu" else _on_device)(logits, temperature)


def _on_device(logits: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Logits (batch, class, row, col) on a GPU, all at once."""
    highest, index = logits.float().max(dim=1, keepdim=True)
    distance = (logits.float() - highest) / temperature
    exponential = distance.exp()
    total = exponential.sum(dim=1)
    entropy = total.log() - (exponential * distance).sum(dim=1) / total
    return index[:, 0].to(torch.uint8), entropy.clamp(min=0)


def _on_host(logits: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """The same on a CPU, by numpy in threads: torch's own would wait for each other after each operation, and an
    operation on so few pixels takes torch longer to begin than to do."""
    batch, _classes, height, width = logits.shape
    index, nats = np.empty((batch, height, width), np.uint8), np.empty((batch, height, width), np.float32)
    values = on_host(logits)
    threads = torch.get_num_threads()
    share = max(1, -(-height // (threads * PARTS_PER_THREAD)))
    parts = [
        (
            values[image, :, start : start + share],
            index[image, start : start + share],
            nats[image, start : start + share],
        )
        for image in range(batch)
        for start in range(0, height, share)
    ]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: _part(part[0], part[1], part[2], temperature), parts))
    return torch.from_numpy(index), torch.from_numpy(nats)


def on_host(logits: Tensor) -> NDArray[Any]:
    """Logits on a CPU for numpy, which has no bf16: of that, uint16, the upper halves of the bits of float32."""
    return logits.view(torch.int16).numpy().view(np.uint16) if logits.dtype == torch.bfloat16 else logits.numpy()


def put_float32(values: NDArray[Any], into: NDArray[np.float32]) -> None:
    """What on_host gave, as float32, into an array of the same shape."""
    if values.dtype == np.uint16:
        np.left_shift(values, np.uint32(16), out=into.view(np.uint32), dtype=np.uint32)
    else:
        np.copyto(into, values)


def _part(values: NDArray[Any], index: NDArray[np.uint8], nats: NDArray[np.float32], temperature: float) -> None:
    """Logits (class, row, col), or the upper halves of their bits, into index and nats (row, col)."""
    classes, rows, cols = values.shape
    step = max(1, PIXELS_AT_A_TIME // cols)
    # The first class has the largest number: of equals it wins.
    numbers = np.arange(classes, 0, -1, dtype=np.uint8)[:, None, None]
    rooms = np.empty((2, classes, min(rows, step), cols), np.float32)
    likeliest = np.empty((classes, min(rows, step), cols), np.uint8)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, rows, step):
            some = slice(start, start + step)
            distance, other = rooms[:, :, : len(index[some])]
            put_float32(values[:, some], distance)
            distance -= distance.max(axis=0)
            if temperature != 1:
                distance /= np.float32(temperature)
            # The likeliest are at distance 0 and keep their number.
            winners = likeliest[:, : len(index[some])]
            np.equal(distance, 0, out=winners.view(np.bool_))
            winners *= numbers
            # Where logits are not numbers nobody wins: that is the last class, and not one too many.
            np.subtract(classes, np.maximum(winners.max(axis=0), 1), out=index[some], casting="unsafe")
            np.exp(distance, out=other)
            total = other.sum(axis=0)
            other *= distance
            lost = other.sum(axis=0)
            lost /= total
            np.log(total, out=total)
            np.subtract(total, lost, out=nats[some])
            np.maximum(nats[some], 0, out=nats[some])
