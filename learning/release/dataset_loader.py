"""The short program that a dataset is published with: it loads the tiles for PyTorch."""

from __future__ import annotations

from pathlib import Path

from learning.release import layout
from learning.release.text import write_text

LOADER_TEXT = '''\
"""Tiles of this dataset for PyTorch: it needs torch and rasterio, and nothing else.

    from load_dataset import Tiles, Shards
    tiles = Tiles("train")              # from the folders; "val" and "test" as well
    image, mask = tiles[0]              # float32 (band, row, col), raw values; int64 (row, col), 0 = not labelled
    stream = Shards("train")            # the same from shards/*.tar, where the dataset has them

Run as a program it trains a tiny network for two epochs: python load_dataset.py
"""

import csv
from pathlib import Path
import tarfile

import rasterio
import torch
from rasterio.io import MemoryFile
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

HERE = Path(__file__).resolve().parent


def classes(folder=HERE):
    """Class code by value of the masks."""
    with open(folder / "classes.csv", newline="", encoding="utf-8") as lines:
        return {int(row["raster_value"]): row["code"] for row in csv.DictReader(lines)}


class Tiles(Dataset):
    """Images and masks of a subset: train, val or test."""

    def __init__(self, subset="train", folder=HERE):
        self.folder = Path(folder)
        with open(self.folder / f"{subset}.csv", newline="", encoding="utf-8") as lines:
            self.pairs = [tuple(row) for row in csv.reader(lines)]

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, number):
        image, mask = self.pairs[number]
        with rasterio.open(self.folder / image) as source, rasterio.open(self.folder / mask) as labels:
            return as_tensors(source, labels)


class Shards(IterableDataset):
    """The same in the shards' order; each worker of a DataLoader reads shards of its own."""

    def __init__(self, subset="train", folder=HERE):
        self.paths = sorted(Path(folder, "shards").glob(f"{subset}-*.tar"))

    def __iter__(self):
        worker = get_worker_info()
        mine = self.paths if worker is None else self.paths[worker.id :: worker.num_workers]
        for path in mine:
            with tarfile.open(path) as archive:
                files = {}
                for member in archive:
                    files[member.name.partition(".")[2]] = archive.extractfile(member).read()
                    if member.name.endswith(".json"):  # the last of a tile
                        with MemoryFile(files["image.tif"]) as one, MemoryFile(files["mask.tif"]) as other:
                            with one.open() as source, other.open() as labels:
                                yield as_tensors(source, labels)


def as_tensors(image, mask):
    """Pixels as the networks of PyTorch take them."""
    return torch.from_numpy(image.read().astype("float32")), torch.from_numpy(mask.read(1).astype("int64"))


def with_torchgeo(folder=HERE, split="train"):
    """The same tiles as one torchgeo dataset, to be sampled anywhere on the ground (needs torchgeo)."""
    from torchgeo.datasets import RasterDataset

    images = type("Images", (RasterDataset,), {"filename_glob": "IMG_*.tif", "filename_regex": "IMG_[0-9]+"})
    masks = type("Masks", (RasterDataset,), {"filename_glob": "MSK_*.tif", "filename_regex": "MSK_[0-9]+"})
    masks.is_image = False
    found = [[str(path) for path in Path(folder).glob(f"*_{kind}_{split}")] for kind in ("aerial", "labels")]
    return images(found[0]) & masks(found[1])


def train(tiles, epochs=2, batch_size=4):
    """A tiny network; returns the mean loss of each epoch."""
    torch.manual_seed(0)
    first, _ = next(iter(tiles))
    network = torch.nn.Sequential(
        torch.nn.BatchNorm2d(first.shape[0]), torch.nn.Conv2d(first.shape[0], 16, 3, padding=1), torch.nn.ReLU(),
        torch.nn.Conv2d(16, max(classes()) + 1, 1),
    )
    loss_of = torch.nn.CrossEntropyLoss(ignore_index=0)  # 0 is not labelled
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    means = []
    for _ in range(epochs):
        losses = []
        for images, masks in DataLoader(tiles, batch_size=batch_size):
            if (masks > 0).any():
                loss = loss_of(network(images), masks)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                losses.append(loss.item())
        means.append(sum(losses) / len(losses))
    return means


if __name__ == "__main__":
    print("mean loss of each epoch:", train(Tiles("train")))
'''


def write_loader(root: Path) -> None:
    """Write `dataset/load_dataset.py`."""
    write_text(root / layout.LOADER, LOADER_TEXT)
