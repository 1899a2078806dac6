"""The model whose drafts gestures.py measures: two rounds of learning on the Dubai aerial set, kept for later runs."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _platform import REPOSITORY
from assemble_dubai import read_scene

from learning.core.acquisition import Candidates, Doubt
from learning.core.dataset import LabelledTile
from learning.core.fit import StepReport, fit
from learning.core.map_files import ENTROPY_LEVELS
from learning.core.model_file import ModelMetadata, TrainedModel, load_model, save_model
from learning.core.network import NetworkSpec
from learning.core.precision import cpu_has_bf16
from learning.core.predict import predict_window
from learning.core.rounds import Mix, rank_tiles
from learning.core.train_config import TrainConfig

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCENES = (1, 2, 4, 5, 6, 7)
TILE_PX = 256
MARGIN_PX = 64
CODES = ("building", "land_unpaved", "road", "vegetation", "water")
POOL_TILES = 320  # of the set's 595: enough to choose from, and scored in a minute
ROUND_TILES = 100
#: As a campaign sets it (`training` of its learning settings): whole tiles at once, and every pixel alike, since
#: agreement counts pixels.
TRAINING: dict[str, Any] = {
    "steps": 400,
    "crop_px": TILE_PX,
    "class_weight_power": 0.0,
    "ema_decay": 0.99,
    "precision": "bf16" if cpu_has_bf16() else "fp32",
}
#: A mask's ground without a class is no one's error; a tile mostly so says nothing.
MIN_LABELLED = 0.97


@dataclass(frozen=True, slots=True)
class Place:
    """A 256-px tile: scene, and its upper-left corner in the scene's pixels."""

    scene: int
    x: int
    y: int


class Scenes:
    """The set's scenes in memory."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.read = {scene: read_scene(data, scene) for scene in SCENES}

    def places(self, split: str) -> list[Place]:
        """Whole tiles of the parts of a split, mostly labelled, in the index's order."""
        found: list[Place] = []
        with (self.data / "index.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["split"] != split:
                    continue
                x0, y0 = int(row["x_off"]), int(row["y_off"])
                for y in range(y0, y0 + int(row["height"]) - TILE_PX + 1, TILE_PX):
                    for x in range(x0, x0 + int(row["width"]) - TILE_PX + 1, TILE_PX):
                        place = Place(int(row["scene"]), x, y)
                        if (self.labels(place) > 0).mean() >= MIN_LABELLED:
                            found.append(place)
        return found

    def labels(self, place: Place) -> NDArray[np.uint8]:
        """Truth uint8 (256, 256): 0 = none, k = CODES[k - 1]."""
        labels: NDArray[np.uint8] = self.read[place.scene][1]
        return np.ascontiguousarray(labels[place.y : place.y + TILE_PX, place.x : place.x + TILE_PX])

    def image(self, place: Place, margin_px: int = 0) -> NDArray[np.uint8]:
        """Pixels uint8 (3, side, side), mirrored beyond the scene."""
        image = self.read[place.scene][0]
        height, width = image.shape[1:]
        rows = np.arange(place.y - margin_px, place.y + TILE_PX + margin_px)
        cols = np.arange(place.x - margin_px, place.x + TILE_PX + margin_px)
        rows, cols = (np.minimum(np.abs(v), 2 * (n - 1) - np.abs(v)) for v, n in ((rows, height), (cols, width)))
        return np.ascontiguousarray(image[:, rows[:, None], cols[None, :]])


def train(
    scenes: Scenes, places: list[Place], *, folder: Path, initial: TrainedModel | None, seed: int
) -> TrainedModel:
    """One round's model, kept in its folder."""
    tiles = [LabelledTile(image=scenes.image(place), labels=scenes.labels(place)) for place in places]
    spec = NetworkSpec(bands=("R", "G", "B"), class_codes=CODES)
    config = TrainConfig(**TRAINING, seed=seed)
    fitted = fit(tiles, spec, config, checkpoint_dir=folder / "run", initial=initial, on_step=tell)
    metadata = ModelMetadata(
        spec=fitted.spec,
        normalisation=fitted.normalisation,
        nomenclature_code="dubai_5",
        nomenclature_version="1",
        gsd_m=0.3,
        training_set_sha256=fitted.training_set_sha256,
        margin_px=MARGIN_PX,
    )
    path = folder / "model.safetensors"
    save_model(path, fitted.network, metadata)
    return load_model(path)


def tell(report: StepReport) -> None:
    """A line every fifty steps."""
    if report.step % 50 == 0:
        print(f"  step {report.step} of {report.steps}, loss {report.loss:.2f}", flush=True)


def predict(model: TrainedModel, scenes: Scenes, place: Place) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Classes and entropy levels, uint8 (256, 256), as the platform's maps store them."""
    classes, nats = predict_window(model, scenes.image(place, MARGIN_PX), margin_px=MARGIN_PX)
    levels = 1 + np.rint(ENTROPY_LEVELS * nats / np.log(len(CODES)))
    return classes, np.clip(levels, 1, 1 + ENTROPY_LEVELS).astype(np.uint8)


def recipe(data: Path, *, seed: int) -> dict[str, str]:
    """What the model depends on, each as a SHA-256 or in words: code, settings, the set's files, libraries, seed."""
    learning = REPOSITORY / "learning"
    own = Path(__file__)
    code = sorted([own, own.with_name("assemble_dubai.py"), learning / "errors.py", *(learning / "core").glob("*.py")])
    files = [data / "index.csv", *sorted((data / "images").iterdir()), *sorted((data / "labels").iterdir())]
    libraries = ("torch", "torchvision", "numpy", "segmentation-models-pytorch")
    return {
        "code": _sha256_of(code, REPOSITORY),
        "data": _sha256_of(files, data),
        "libraries": " ".join(f"{name}-{version(name)}" for name in libraries),
        "training": json.dumps(TRAINING, sort_keys=True),
        "seed": str(seed),
    }


def _sha256_of(files: list[Path], folder: Path) -> str:
    """Of the files' names and contents."""
    whole = hashlib.sha256()
    for file in files:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        whole.update(f"{file.relative_to(folder).as_posix()} {content}\n".encode())
    return whole.hexdigest()


def two_rounds(scenes: Scenes, *, folder: Path, seed: int, fresh: bool) -> tuple[TrainedModel, str]:
    """The model after two rounds, and where it comes from, in words.

    It is kept in a folder named by what it depends on: a change of any of it trains another one.
    """
    wanted = recipe(scenes.data, seed=seed)
    folder = folder / f"model-{hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]}"
    last = folder / "round-2" / "model.safetensors"
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    if last.exists():
        trained_at = time.strftime("%Y-%m-%d %H:%M", time.localtime(last.stat().st_mtime))
        return load_model(last), f"taken from an earlier run, {trained_at}, same code and data: {last}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.json").write_text(json.dumps(wanted, indent=1), encoding="utf-8")
    rng = np.random.default_rng(seed)
    pool = scenes.places("pool")
    pool = [pool[i] for i in rng.choice(len(pool), min(POOL_TILES, len(pool)), replace=False)]
    began = time.monotonic()
    labelled = list(range(ROUND_TILES))
    first = train(scenes, [pool[i] for i in labelled], folder=folder / "round-1", initial=None, seed=seed)
    print(f"round 1: {len(labelled)} tiles, {time.monotonic() - began:.0f} s", flush=True)
    free = np.setdiff1d(np.arange(len(pool)), labelled)
    doubt = np.array([[predict(first, scenes, pool[i])[1].mean()] for i in free])
    candidates = Candidates(row=np.zeros_like(free), col=free, doubt=doubt, share=np.ones_like(doubt))
    mix = Mix(random=0.1, suspects=0.0)
    chosen = rank_tiles(candidates, acquisition=Doubt(), mix=mix, batch_size=ROUND_TILES, rng=rng)
    labelled += [tile.col for tile in chosen]
    second = train(scenes, [pool[i] for i in labelled], folder=folder / "round-2", initial=first, seed=seed + 1)
    print(f"round 2: {len(labelled)} tiles, {time.monotonic() - began:.0f} s", flush=True)
    return second, f"trained now, in {time.monotonic() - began:.0f} s: {last}"
