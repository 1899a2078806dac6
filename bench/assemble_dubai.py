"""Assemble scenes of the Dubai aerial set side by side: one image and one label raster for the demonstration.

    python bench/assemble_dubai.py [--data ../shared/data/dubai-aerial] [--scenes 1 2] [--out var/bench/dubai]

The parts of a scene join edge to edge (index.csv gives their offsets). The set has no georeferencing: none is
written, and the line printed at the end gives a nominal one, so areas in square metres are nominal too.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import rasterio

GAP_PX = 96
#: The set does not publish its ground sample distance, and it differs between scenes; 0.3 m is nominal.
NOMINAL_CRS = "EPSG:32640"
NOMINAL_TRANSFORM = "0.3 0 325000 0 -0.3 2785000"
NOMENCLATURE = "dubai_5"


def read_scene(data: Path, scene: int) -> tuple[np.ndarray, np.ndarray]:
    """One scene: image uint8 (3, h, w) with no pixel at 0 (kept for nodata), labels uint8 (h, w)."""
    with (data / "index.csv").open(newline="", encoding="utf-8") as file:
        parts = [row for row in csv.DictReader(file) if int(row["scene"]) == scene]
    if not parts:
        raise SystemExit(f"{data / 'index.csv'} has no scene {scene}: choose among 1, 2, 4, 5, 6, 7")
    width = max(int(row["x_off"]) + int(row["width"]) for row in parts)
    height = max(int(row["y_off"]) + int(row["height"]) for row in parts)
    image = np.zeros((3, height, width), dtype=np.uint8)
    labels = np.zeros((height, width), dtype=np.uint8)
    for row in parts:
        x, y, w, h = (int(row[name]) for name in ("x_off", "y_off", "width", "height"))
        with rasterio.open(data / "images" / f"{row['name']}.jpg", driver="JPEG") as file:
            image[:, y : y + h, x : x + w] = np.maximum(file.read((1, 2, 3))[:, :h, :w], 1)
        with rasterio.open(data / "labels" / f"{row['name']}.png", driver="PNG") as file:
            labels[y : y + h, x : x + w] = file.read(1)[:h, :w]
    return image, labels


def assemble(data: Path, *, scenes: list[int], out: Path) -> tuple[Path, Path]:
    """Write image.tif (3 bands, nodata 0) and labels.tif (0 = unlabelled) and return their paths."""
    read = [read_scene(data, scene) for scene in scenes]
    height = max(labels.shape[0] for _, labels in read)
    width = sum(labels.shape[1] for _, labels in read) + GAP_PX * (len(read) - 1)
    image = np.zeros((3, height, width), dtype=np.uint8)
    labels = np.zeros((height, width), dtype=np.uint8)
    x = 0
    for pixels, classes in read:
        h, w = classes.shape
        image[:, :h, x : x + w] = pixels
        labels[:h, x : x + w] = classes
        x += w + GAP_PX
    out.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "GTiff", "width": width, "height": height, "dtype": "uint8", "tiled": True,
        "blockxsize": 256, "blockysize": 256, "compress": "deflate", "predictor": 2,
    }  # fmt: skip
    with rasterio.open(out / "image.tif", "w", count=3, nodata=0, photometric="rgb", **profile) as file:
        file.write(image)
    with rasterio.open(out / "labels.tif", "w", count=1, **profile) as file:
        file.write(labels, 1)
    return out / "image.tif", out / "labels.tif"


def main() -> None:
    """Assemble, then print the demonstration to run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/dubai-aerial"))
    parser.add_argument("--scenes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, default=Path("var/bench/dubai"))
    arguments = parser.parse_args()
    image, labels = assemble(arguments.data, scenes=arguments.scenes, out=arguments.out)
    with rasterio.open(image, driver="GTiff") as file:
        size = {"width": file.width, "height": file.height}
        print(f"{image}: {file.width} x {file.height} px, scenes {arguments.scenes}, {GAP_PX} px apart")
    print(
        f'make demo IMAGERY="{image}" LABELS="{labels}" NOMENCLATURE={NOMENCLATURE} '
        f'CRS={NOMINAL_CRS} TRANSFORM="{NOMINAL_TRANSFORM}"'
    )
    print("FIGURES " + json.dumps({"scenes": arguments.scenes, **size}))


if __name__ == "__main__":
    main()
