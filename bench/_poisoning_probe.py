"""What labels teach, measured without a training's luck: a linear classifier on the platform's own encoder.

A whole training of the network moves by one or two points of mIoU with its seed alone, as much as is to be measured.
Here the encoder of learning.core.network keeps its start weights; on its features of a pixel (three scales, and the
colours) a multinomial logistic regression is fitted by L-BFGS. Its loss is convex: the same labels give the same
classifier, whatever the seed, and what moves is moved by the labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from learning.core.evaluate import mean_iou, tile_confusion
from learning.core.network import NetworkSpec, build_network

PIXELS_A_TILE = 48
STAGES = 4  # of the encoder: the image itself, and at half, a quarter and an eighth of its side
BATCH = 64
ITERATIONS = 60
L2 = 1e-4


class Probe:
    """Features of the pool's pixels, taken once; fitted anew for each set of labels."""

    def __init__(self, images: NDArray[np.uint8], *, class_codes: tuple[str, ...], seed: int) -> None:
        torch.manual_seed(0)
        self.n_classes = len(class_codes)
        network: Any = build_network(NetworkSpec(bands=("R", "G", "B"), class_codes=class_codes))
        self.encoder = network.encoder.eval()
        self.mean = torch.from_numpy(images.mean(axis=(0, 2, 3))).float().view(1, 3, 1, 1)
        self.std = torch.from_numpy(images.std(axis=(0, 2, 3))).float().view(1, 3, 1, 1)
        side = images.shape[-1]
        rng = np.random.default_rng([seed, 3])
        self.pixels = np.stack([rng.permutation(side * side)[:PIXELS_A_TILE] for _ in range(len(images))])
        parts = []
        for start in range(0, len(images), BATCH):
            flat = self._features(images[start : start + BATCH]).flatten(2)
            chosen = torch.from_numpy(self.pixels[start : start + BATCH])[:, None, :].expand(-1, flat.shape[1], -1)
            parts.append(flat.gather(2, chosen).permute(0, 2, 1))
        self.features = torch.cat(parts)
        flat = self.features.reshape(-1, self.features.shape[-1])
        self.centre, self.scale = flat.mean(0), flat.std(0).clamp_min(1e-3)
        self.features = (self.features - self.centre) / self.scale

    @torch.no_grad()
    def _features(self, images: NDArray[np.uint8]) -> Tensor:
        stages = self.encoder((torch.from_numpy(images).float() - self.mean) / self.std)[:STAGES]
        size = images.shape[-2:]
        return torch.cat(
            [nn.functional.interpolate(stage, size=size, mode="bilinear", align_corners=False) for stage in stages], 1
        )

    def miou(self, labels: NDArray[np.uint8], test: list[Any]) -> float:
        """Fit on the labels of the pool's pixels, uint8 (tile, row, col), and judge on the test tiles."""
        said = torch.from_numpy(
            np.take_along_axis(labels.reshape(len(labels), -1), self.pixels, axis=1).astype(np.int64)
        )
        known = said > 0
        inputs, wanted = self.features[known], said[known] - 1
        head = nn.Linear(inputs.shape[1], self.n_classes)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        solver = torch.optim.LBFGS(
            head.parameters(), max_iter=ITERATIONS, history_size=10, line_search_fn="strong_wolfe"
        )

        def loss() -> Tensor:
            solver.zero_grad()
            value = nn.functional.cross_entropy(head(inputs), wanted) + L2 * head.weight.square().sum()
            value.backward()
            return value

        solver.step(loss)
        total = sum(
            tile_confusion(truth, self._classes(head, image), n_classes=self.n_classes) for image, truth in test
        )
        return float(mean_iou(np.asarray(total)))

    @torch.no_grad()
    def _classes(self, head: nn.Linear, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        flat = self._features(image[None])[0].flatten(1).T
        scores = head((flat - self.centre) / self.scale)
        return (1 + scores.argmax(1)).to(torch.uint8).numpy().reshape(image.shape[-2:])
