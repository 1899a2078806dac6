"""Imagery and a model for the benchmarks of maps: real ground where it is at hand, else generated."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from PIL import Image

from learning.core.dataset import LabelledTile
from learning.core.fit import fit
from learning.core.model_file import ModelMetadata, TrainedModel
from learning.core.network import NetworkSpec
from learning.core.train_config import TrainConfig

REPOSITORY = Path(__file__).resolve().parents[1]
REAL = REPOSITORY.parent / "shared/data/dubai-aerial"
BANDS = ("R", "G", "B")
CLASSES = tuple(f"c{number}" for number in range(1, 7))
COLOURS = {code: f"#{40 * n:02X}{255 - 40 * n:02X}80" for n, code in enumerate(CLASSES, start=1)}
PLACE = {"crs": "EPSG:2154", "transform": rasterio.Affine(0.2, 0, 500_000, 0, -0.2, 6_300_000)}
PIECE_PX = 512


def pieces() -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """Pictures uint8 (3, 512, 512) and their labels uint8 (512, 512), 0 = none."""
    found = sorted((REAL / "images").glob("*")) if REAL.exists() else []
    images, labels = [], []
    for path in found:
        picture = np.asarray(Image.open(path).convert("RGB"))
        drawn = np.asarray(Image.open(next((REAL / "labels").glob(path.stem + ".*"))))
        if min(picture.shape[:2]) >= PIECE_PX and drawn.ndim == 2:
            images.append(np.ascontiguousarray(np.moveaxis(picture[:PIECE_PX, :PIECE_PX], 2, 0)))
            labels.append(np.minimum(drawn[:PIECE_PX, :PIECE_PX], len(CLASSES)).astype(np.uint8))
        if len(images) == 24:
            break
    return (images, labels) if len(images) >= 8 else _generated()


def _generated() -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    images, labels = [], []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        drawn = np.kron(rng.integers(1, len(CLASSES) + 1, (16, 16)), np.ones((32, 32))).astype(np.uint8)
        colours = np.random.default_rng(99).integers(40, 215, (len(CLASSES) + 1, 3))
        picture = np.clip(colours[drawn] + rng.normal(0, 14, (PIECE_PX, PIECE_PX, 3)), 1, 255).astype(np.uint8)
        images.append(np.ascontiguousarray(np.moveaxis(picture, 2, 0)))
        labels.append(drawn)
    return images, labels


def laid_out(of: list[NDArray[np.uint8]], side: int, *, seed: int = 1) -> NDArray[np.uint8]:
    """Pieces turned and mirrored at random, side by side until a square of `side` px is full: the last two axes."""
    rng = np.random.default_rng(seed)
    out = np.zeros((*of[0].shape[:-2], side, side), np.uint8)
    for top in range(0, side, PIECE_PX):
        for left in range(0, side, PIECE_PX):
            piece = np.rot90(of[rng.integers(len(of))], rng.integers(4), axes=(-2, -1))
            height, width = min(PIECE_PX, side - top), min(PIECE_PX, side - left)
            out[..., top : top + height, left : left + width] = piece[..., :height, :width]
    return out


def layer(folder: Path, side: int, images: list[NDArray[np.uint8]], *, height: int | None = None) -> Path:
    """A lossless COG as imports write it: a square, or as much of it as `height` says."""
    path, flat = folder / f"layer-{side}.tif", folder / "flat.tif"
    height = height or side
    profile = {
        "driver": "GTiff", "width": side, "height": height, "count": 3, "dtype": "uint8", "tiled": True,
        "blockxsize": 512, "blockysize": 512, "photometric": "MINISBLACK",
    }  # fmt: skip
    with rasterio.open(flat, "w", **profile, **PLACE) as target:
        target.write(laid_out(images, side)[:, :height])
        target.descriptions = BANDS
    rasterio.shutil.copy(flat, path, driver="COG", compress="DEFLATE", predictor="STANDARD", blocksize=512)
    flat.unlink()
    return path


def lightly_trained(
    encoder: str, *, steps: int, margin_px: int = 64, class_codes: tuple[str, ...] = CLASSES
) -> TrainedModel:
    """A model that tells classes apart a little: an untrained one says one class, and all comparisons pass."""
    images, labels = pieces()
    spec = NetworkSpec(bands=BANDS, class_codes=class_codes, encoder=encoder, pretrained=encoder.startswith("tu-tf"))
    tiles = [LabelledTile(image, drawn) for image, drawn in zip(images, labels, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit(tiles, spec, TrainConfig(steps=steps, seed=3), checkpoint_dir=Path(folder))
    metadata = ModelMetadata(
        spec=spec, normalisation=fitted.normalisation, nomenclature_code="bench", nomenclature_version="1", gsd_m=0.2,
        training_set_sha256=fitted.training_set_sha256, margin_px=margin_px,
    )  # fmt: skip
    return TrainedModel(fitted.network, metadata, sha256=encoder)
