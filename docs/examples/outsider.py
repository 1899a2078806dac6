"""Use a release from the outside: nothing but its published files and packages that anyone installs.

    pip install pystac torch rasterio pyarrow
    python outsider.py https://maps.example.org/stac/catalog.json FOLDER [CAMPAIGN]

It finds the newest release of CAMPAIGN (else of the first one) in the site's STAC catalogue, downloads it into FOLDER
(new or empty) and checks each file against the manifest and against STAC, trains a small network of its own on the
dataset for two epochs, runs the published model by the published lines, and holds the answer against the published
map. The last line is `OUTSIDER {json}`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pystac
import rasterio
import torch
from rasterio.windows import from_bounds
from torch.utils.data import DataLoader, Dataset

EPOCHS = 2
EDGE_SHARE = 4  # of a tile's side that is left out along its edges: the map saw what lies beyond them


def newest_release(catalogue: str, campaign: str | None) -> tuple[pystac.Catalog, str]:
    """The own catalogue of the newest release that may be used, and the address of its files."""
    root = pystac.Catalog.from_file(catalogue)
    chosen = next((child for child in root.get_children() if campaign in (None, child.id)), None)
    if chosen is None:
        raise SystemExit(f"{catalogue} has no campaign {campaign or 'with a release'}")
    for release in chosen.get_children():
        if not release.extra_fields.get("deprecated"):
            own = next(iter(release.get_children()))
            return own, urllib.parse.urljoin(own.self_href, ".")
    raise SystemExit(f"{chosen.id} has no release that may be used")


def download(files: str, folder: Path) -> int:
    """Every file of the manifest, each of the size and SHA-256 that it tells. Returns how many."""
    listed = json.loads(fetch(f"{files}manifest.json"))["files"]
    for entry in listed:
        content = fetch(files + entry["path"])
        if (len(content), hashlib.sha256(content).hexdigest()) != (entry["size"], entry["sha256"]):
            raise SystemExit(f"{entry['path']} is not the file that the manifest tells of")
        target = folder / entry["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return len(listed)


def fetch(address: str) -> bytes:
    """What an address answers with."""
    with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - the address is your own choice
        return answer.read()


def assets_on_disk(folder: Path) -> int:
    """Assets of the downloaded catalogue whose `file:checksum` is that of the file. Returns how many."""
    checked = 0
    for item in pystac.Catalog.from_file(str(folder / "catalog.json")).get_items(recursive=True):
        for asset in item.assets.values():
            content = Path(asset.get_absolute_href()).read_bytes()
            if asset.extra_fields["file:checksum"] != f"1220{hashlib.sha256(content).hexdigest()}":
                raise SystemExit(f"{asset.href} is not the file that STAC tells of")
            checked += 1
    return checked


class Tiles(Dataset):
    """Images and masks of one split: float32 (bands, rows, columns), int64 (rows, columns), 0 = unlabelled."""

    def __init__(self, folder: Path, split: str) -> None:
        table = pq.read_table(folder / "dataset" / "tiles.parquet", columns=["image", "mask", "split"]).to_pylist()
        self.rows = [row for row in table if row["split"] == split]
        self.folder = folder / "dataset"

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        row = self.rows[number]
        with rasterio.open(self.folder / row["image"]) as image, rasterio.open(self.folder / row["mask"]) as mask:
            scale = 255.0 if image.dtypes[0] == "uint8" else 65535.0
            return torch.from_numpy(image.read().astype("float32") / scale), torch.from_numpy(
                mask.read(1).astype("int64")
            )


def train(tiles: Tiles, classes: int) -> list[float]:
    """A network of three layers, two epochs; returns the mean loss of each."""
    torch.manual_seed(0)
    bands = tiles[0][0].shape[0]
    network = torch.nn.Sequential(
        torch.nn.Conv2d(bands, 16, 3, padding=1), torch.nn.ReLU(),
        torch.nn.Conv2d(16, 16, 3, padding=1), torch.nn.ReLU(),
        torch.nn.Conv2d(16, classes, 1),
    )  # fmt: skip
    loss_of = torch.nn.CrossEntropyLoss(ignore_index=0)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    means = []
    for _ in range(EPOCHS):
        losses = []
        for images, masks in DataLoader(tiles, batch_size=4, shuffle=True):
            if not masks.any():
                continue
            loss = loss_of(network(images), masks)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        means.append(sum(losses) / len(losses))
    return means


def run_model(model: Path, image: Path, folder: Path) -> np.ndarray:
    """The published lines on one image, run elsewhere: uint8 (rows, columns)."""
    made = folder / "classes.tif"
    command = [sys.executable, "-E", "-s", str(model / "predict.py"), str(image), str(made)]
    subprocess.run(command, check=True, cwd=folder)
    with rasterio.open(made) as classes:
        return classes.read(1)


def shown_by_map(folder: Path, tile: Path) -> np.ndarray | None:
    """What the published map shows where a tile lies, which may be in several of its files; None where none reaches."""
    with rasterio.open(tile) as image:
        bounds, shape = image.bounds, image.shape
    shown = np.zeros(shape, np.uint8)
    for path in sorted((folder / "maps").glob("*CLASS*.tif")):
        with rasterio.open(path) as piece:
            window = from_bounds(*bounds, transform=piece.transform).round_offsets().round_lengths()
            part = piece.read(1, window=window, boundless=True, fill_value=0)
        shown = np.where(shown == 0, part, shown)
    return shown if shown.any() else None


def main() -> None:
    """Do it all and say what was found."""
    ours = [name for name in ("learning", "annotation", "config", "demo") if importlib.util.find_spec(name)]
    if len(sys.argv) not in (3, 4):
        raise SystemExit("usage: python outsider.py https://SITE/stac/catalog.json FOLDER [CAMPAIGN]")
    catalogue, folder = sys.argv[1], Path(sys.argv[2]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SystemExit(f"{folder} holds something already: name an empty or a new folder")
    own, files = newest_release(catalogue, sys.argv[3] if len(sys.argv) > 3 else None)
    found: dict[str, object] = {"release": own.id, "platform_packages": ours, "files": download(files, folder)}
    found["assets"] = assets_on_disk(folder)
    values = [item["raster_value"] or 0 for item in json.loads((folder / "nomenclature.json").read_text())["classes"]]
    tiles = Tiles(folder, "train")
    found |= {"tiles": len(tiles), "losses": train(tiles, max(values) + 1)}
    for model in sorted((folder / "models").glob("*/predict.py")):
        golden = json.loads((model.parent / "metrics.json").read_text())["export"]["golden"]
        image = folder / golden["image"]
        classes = run_model(model.parent, image, folder)
        with rasterio.open(model.parent / golden["classes"]) as told:
            found["golden_px_that_differ"] = int((told.read(1) != classes).sum())
        shown = shown_by_map(folder, image)
        if shown is not None:
            edge = classes.shape[0] // EDGE_SHARE
            inner = (slice(edge, -edge), slice(edge, -edge))
            mapped = shown[inner] > 0  # 0: the map says that there is no imagery
            found["map_agreement"] = round(float((shown[inner] == classes[inner])[mapped].mean()), 4)
    sys.stdout.write(f"OUTSIDER {json.dumps(found)}\n")


if __name__ == "__main__":
    main()
