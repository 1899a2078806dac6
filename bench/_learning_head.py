"""What learns in learning_curve.py: a small head on the features of a frozen encoder, trained to the end in seconds.

A U-Net that learns whole takes minutes a round on two cores, and a curve needs hundreds of rounds: the encoder stays as
ImageNet left it, its five stages are brought to one grid of cells of 4 px and to 96 dimensions (principal components of
the pool, no label is used), and two hidden layers with dropout tell the classes apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _learning_data import Dataset, Tiles
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from learning.core.dataset import class_weights
from learning.core.map_tables import EMBEDDING_SIZE, random_projection
from learning.core.network import NetworkSpec, build_network

CELL_PX = 4
DIMENSIONS = 96
STEPS, BATCH = 250, 2048
RECIPE = "lite0-imagenet frozen; 96 principal components; 192 + 64 hidden, dropout 0.4; 250 steps of 2048 cells"
_MEAN, _STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # ImageNet's, by which the encoder was trained


@dataclass(frozen=True)
class Cells:
    """Features float16 (tile, cell, dimension) and labels (tile, cell), 0 = not labelled; `side` cells a side."""

    features: Tensor
    labels: Tensor
    side: int


@dataclass(frozen=True)
class World:
    """A data set as the head sees it; `embedding` float32 (pool tile, EMBEDDING_SIZE), as a map's pass makes it."""

    pool: Cells
    test: Cells
    embedding: NDArray[np.float32]
    n_classes: int


def prepare(data: Dataset, folder: Path) -> World:
    """Features of a data set, kept in a folder since they take a minute or two."""
    path = folder / f"{data.name}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, **_features_of(data))
    with np.load(path, allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in ("pool", "test", "embedding")}
    pool, test = (
        Cells(torch.from_numpy(arrays[name]), torch.from_numpy(_cell_labels(tiles)), tiles.labels.shape[1] // CELL_PX)
        for name, tiles in (("pool", data.pool), ("test", data.test))
    )
    return World(pool, test, arrays["embedding"], len(data.classes))


class Head(nn.Module):
    """From a cell's features to the classes' logits."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(DIMENSIONS, 192), nn.ReLU(), nn.Dropout(0.4), nn.Linear(192, 64), nn.ReLU(),
            nn.Dropout(0.4), nn.Linear(64, n_classes),
        )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        """Logits float32 (..., class)."""
        logits: Tensor = self.layers(features)
        return logits


def train(world: World, labelled: NDArray[np.bool_], *, seed: int, steps: int = STEPS) -> Head:
    """Learn from the labelled cells, bool (tile, cell)."""
    tiles = np.flatnonzero(labelled.any(axis=1))
    known = torch.from_numpy(labelled[tiles]) & (world.pool.labels[tiles] > 0)
    features, labels = world.pool.features[tiles][known], world.pool.labels[tiles][known].long() - 1
    counts = np.bincount(labels.numpy(), minlength=world.n_classes)
    weights = torch.from_numpy(class_weights(counts, power=0.5))
    torch.manual_seed(seed)
    head = Head(world.n_classes).train()
    optimiser = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps, pct_start=0.1)
    for _step in range(steps):
        drawn = torch.randint(len(labels), (BATCH,))
        loss = functional.cross_entropy(head(features[drawn].float()), labels[drawn], weight=weights)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return head.eval()


@torch.inference_mode()
def miou(world: World, head: Head) -> float:
    """Mean IoU over the classes, all labelled cells of the hold-out together."""
    matrix = np.zeros(world.n_classes**2, np.int64)
    for start in range(0, len(world.test.features), 32):
        part = np.s_[start : start + 32]
        found = head(world.test.features[part].float()).argmax(-1)
        truth = world.test.labels[part].long()
        matrix += np.bincount(((truth - 1) * world.n_classes + found)[truth > 0].numpy(), minlength=world.n_classes**2)
    square = matrix.reshape(world.n_classes, -1)
    hits = np.diag(square)
    return float((hits / np.maximum(square.sum(0) + square.sum(1) - hits, 1)).mean())


@torch.inference_mode()
def doubts(world: World, head: Head, *, parts: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Doubt by predicted class and share of each, float32 (pool tile × parts², class), as learning.core.predict counts.

    Args: parts: regions a side of a tile; 1 = whole tiles. Regions of a tile follow each other, row by row.
    """
    doubt, share = [], []
    for start in range(0, len(world.pool.features), 64):
        logs = torch.log_softmax(head(world.pool.features[start : start + 64].float()), dim=-1)
        entropy = -(logs.exp() * logs).sum(-1)
        found = functional.one_hot(logs.argmax(-1), world.n_classes).float()
        share.append(_by_region(found, world.pool.side, parts))
        doubt.append(_by_region(found * entropy[..., None], world.pool.side, parts))
    return torch.cat(doubt).numpy(), torch.cat(share).numpy()


def region_embedding(world: World, parts: int) -> NDArray[np.float32]:
    """What each region looks like, float32 (pool tile × parts², EMBEDDING_SIZE), as `World.embedding` for tiles."""
    pieces = [
        _by_region(world.pool.features[start : start + 64].float(), world.pool.side, parts)
        for start in range(0, len(world.pool.features), 64)
    ]
    return _projected(torch.cat(pieces).numpy())


def _by_region(cells: Tensor, side: int, parts: int) -> Tensor:
    """Means over each region: (tile, cell, value) to (tile × parts², value)."""
    size = side // parts
    grid = cells.reshape(len(cells), parts, size, parts, size, -1)
    return grid.mean(dim=(2, 4)).reshape(len(cells) * parts**2, -1)


def _features_of(data: Dataset) -> dict[str, Any]:
    spec = NetworkSpec(bands=("R", "G", "B"), class_codes=data.classes)
    encoder: Any = build_network(spec).get_submodule("encoder")
    encoder = encoder.to(memory_format=torch.channels_last).eval()
    pool, stages = _cells(encoder, data.pool)
    sample = pool[::4].reshape(-1, pool.shape[-1])[::5].astype(np.float32)
    mean, deviation = sample.mean(axis=0), sample.std(axis=0) + 1e-6
    sample = (sample - mean) / deviation
    strength, axes = np.linalg.eigh(sample.T @ sample / len(sample))
    axes, strength = axes[:, -DIMENSIONS:], strength[-DIMENSIONS:]

    def components(cells: NDArray[np.float16]) -> NDArray[np.float16]:
        return np.stack(
            [(((c.astype(np.float32) - mean) / deviation) @ axes / np.sqrt(strength)) for c in cells]
        ).astype(np.float16)

    pooled = components(pool)
    del pool
    return {"pool": pooled, "test": components(_cells(encoder, data.test)[0]), "embedding": _projected(stages)}


def _projected(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """As learning.core.map_tables makes a map's embedding of its tiles' features."""
    standard = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6) / np.sqrt(features.shape[1])
    embedding: NDArray[np.float32] = (standard @ random_projection(features.shape[1], EMBEDDING_SIZE)).astype(
        np.float32
    )
    return embedding


@torch.inference_mode()
def _cells(encoder: Any, tiles: Tiles) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """Features of all stages on one grid, (tile, cell, feature), and their means over each tile, (tile, feature)."""
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (_MEAN, _STD))
    side = tiles.labels.shape[1] // CELL_PX
    cells, means = [], []
    for start in range(0, len(tiles.images), 32):
        images = (torch.from_numpy(tiles.images[start : start + 32]).float() - mean) / deviation
        stages = encoder(images.contiguous(memory_format=torch.channels_last))[1:]
        grids = [
            functional.adaptive_avg_pool2d(stage, (side, side))
            if stage.shape[2] >= side
            else functional.interpolate(stage, size=(side, side), mode="bilinear")
            for stage in stages
        ]
        joined = torch.cat(grids, dim=1)
        cells.append(joined.flatten(2).transpose(1, 2).half().numpy())
        means.append(torch.cat([stage.mean(dim=(2, 3)) for stage in stages], dim=1).numpy())
    return np.concatenate(cells), np.concatenate(means)


def _cell_labels(tiles: Tiles) -> NDArray[np.uint8]:
    """The label at each cell's middle."""
    middle = np.s_[:, CELL_PX // 2 :: CELL_PX, CELL_PX // 2 :: CELL_PX]
    return np.ascontiguousarray(tiles.labels[middle].reshape(len(tiles.labels), -1))
