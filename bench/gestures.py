"""Gestures a person needs to label real tiles: from scratch, from segments, from the model's draft.

    python bench/gestures.py [--tiles 20] [--agreement 0.90] [--data ../shared/data/dubai-aerial] [--seed 7] [--fresh]

1. Two rounds of learning on the set's pool parts: a first model from random tiles, a second one from those and the
   tiles whose mean entropy is highest under the first (a tenth of them random). Labels are the set's own masks.
2. Tiles of 256 px are drawn at random from the set's test parts, which neither model saw. Tiles that one class fills
   to the agreement asked for are left out: one gesture would be the whole work. The second model drafts each as the
   platform would, and the platform cuts each into segments at its five sizes.
3. Three simulated people (frontend/bench/gestures.ts) label each tile with the studio's own commands until the share of
   agreeing pixels reaches the threshold, choosing at each turn what gains most for its gestures. They know the truth:
   what is counted is the hand's work, not the eye's doubt. The first draws polygons and fills gaps; the second labels
   segments and fills gaps; the third shows the model's draft, takes all of it in a box and corrects with any tool.

What counts as one gesture: a click, a press on a key (tool, class, command), a drag in a straight line (each further
straight leg of a drag counts one more). A polygon of n corners is n clicks and one to close it.

Tiles differ much: of 20 the mean moves by a third with the draw. --tiles 80 says more and takes four times as long.

The result is checked here, outside the studio's code: each coverage by the server's own rule, its agreement by the
server's own rasteriser. The last line is FIGURES: mean gestures a tile and mean agreement of the three.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _platform import REPOSITORY
from assemble_dubai import read_scene

from annotation.core.labels import polygonize_labels, rasterize_features
from annotation.core.segments import SEGMENT_SIDE_PX, segment_tile
from annotation.core.tile_geometry import check_coverage, parse_features
from learning.core.acquisition import rank_tiles
from learning.core.dataset import LabelledTile
from learning.core.fit import StepReport, TrainConfig, fit
from learning.core.map_files import ENTROPY_LEVELS
from learning.core.model_file import ModelMetadata, TrainedModel, load_model, save_model
from learning.core.network import NetworkSpec
from learning.core.precision import cpu_has_bf16
from learning.core.predict import predict_window
from learning.services.drafts import MIN_AREA_PX, feature_confidences

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
WAYS = ("scratch", "segments", "draft")
#: A mask's ground without a class is no one's error; a tile mostly so says nothing.
MIN_LABELLED = 0.97


@dataclass(frozen=True, slots=True)
class Place:
    """A 256-px tile: scene, and its upper-left corner in the scene's pixels."""

    scene: int
    x: int
    y: int


def asks_for_work(labels: NDArray[np.uint8], *, agreement: float) -> bool:
    """Whether filling the whole tile with one class would leave something to do."""
    counts = np.bincount(labels.ravel(), minlength=2)[1:]
    return bool(counts.max() < agreement * counts.sum())


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


def two_rounds(scenes: Scenes, *, folder: Path, seed: int, fresh: bool) -> TrainedModel:
    """The model after two rounds; kept, unless asked afresh."""
    recipe = "-".join(str(value) for value in TRAINING.values())
    folder = folder / f"{ROUND_TILES}-tiles-seed-{seed}-{recipe}"
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    last = folder / "round-2" / "model.safetensors"
    if last.exists():
        print(f"model of {last}: --fresh trains it again")
        return load_model(last)
    rng = np.random.default_rng(seed)
    pool = scenes.places("pool")
    pool = [pool[i] for i in rng.choice(len(pool), min(POOL_TILES, len(pool)), replace=False)]
    began = time.monotonic()
    labelled = list(range(ROUND_TILES))
    first = train(scenes, [pool[i] for i in labelled], folder=folder / "round-1", initial=None, seed=seed)
    print(f"round 1: {len(labelled)} tiles, {time.monotonic() - began:.0f} s", flush=True)
    scores = np.array([[predict(first, scenes, place)[1].mean() for place in pool]])
    eligible = np.ones_like(scores, dtype=bool)
    eligible[0, labelled] = False
    chosen = rank_tiles(
        scores, eligible=eligible, batch_size=ROUND_TILES, random_share=0.1, spatial_cell_tiles=1, rng=rng
    )
    labelled += [tile.col for tile in chosen]
    second = train(scenes, [pool[i] for i in labelled], folder=folder / "round-2", initial=first, seed=seed + 1)
    print(f"round 2: {len(labelled)} tiles, {time.monotonic() - began:.0f} s", flush=True)
    return second


def draft(model: TrainedModel, scenes: Scenes, place: Place) -> list[dict[str, Any]]:
    """The model's polygons with their confidence, as the platform's draft."""
    classes, levels = predict(model, scenes, place)
    features = polygonize_labels(
        classes, class_codes=dict(enumerate(CODES, start=1)), min_area_px=MIN_AREA_PX, provenance="accepted"
    )
    confidences = feature_confidences(features, levels)
    return [
        {**feature.as_json(), "confidence": round(confidence, 3)}
        for feature, confidence in zip(features, confidences, strict=True)
    ]


def write_tiles(scenes: Scenes, model: TrainedModel, places: list[Place], *, folder: Path) -> None:
    """What the simulated people are given, a folder a tile."""
    valid = np.ones((TILE_PX, TILE_PX), np.bool_)
    for number, place in enumerate(places):
        target = folder / f"tile-{number:02d}"
        target.mkdir(parents=True, exist_ok=True)
        scenes.labels(place).tofile(target / "truth.bin")
        (target / "suggestions.json").write_text(json.dumps(draft(model, scenes, place)), encoding="utf-8")
        for level, segments in segment_tile(np.moveaxis(scenes.image(place), 0, -1), valid).items():
            segments.astype("<u2").tofile(target / f"segments-{level}.bin")
    job = {"tile_px": TILE_PX, "codes": CODES, "levels": list(SEGMENT_SIDE_PX), "tiles": len(places)}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")


def simulate(folder: Path, *, agreement: float) -> None:
    """Let the simulated people work, with the studio's own commands."""
    built = folder / "people"
    subprocess.run(
        ["npx", "vite", "build", "--logLevel", "warn", "--ssr", "bench/gestures.ts", "--outDir", str(built)],
        cwd=REPOSITORY / "frontend",
        check=True,
    )
    subprocess.run(["node", str(built / "gestures.js"), str(folder), str(agreement)], check=True)


def checked(folder: Path, *, number: int, way: str) -> tuple[int, float]:
    """Gestures and agreement of one tile, labelled one way, by the server's own rule and rasteriser.

    Raises: InvalidFeature, OverlappingFeatures: the server would refuse what the person made.
    """
    target = folder / f"tile-{number:02d}"
    truth = np.fromfile(target / "truth.bin", np.uint8).reshape(TILE_PX, TILE_PX)
    done = json.loads((target / f"{way}.json").read_text(encoding="utf-8"))
    features = parse_features(done["features"], tile_px=TILE_PX, class_codes=CODES)
    check_coverage(features)
    values = {code: value for value, code in enumerate(CODES, start=1)}
    labels = rasterize_features(features, tile_px=TILE_PX, class_index=values)
    known = truth > 0
    return int(done["gestures"]), float((labels[known] == truth[known]).mean())


def report(folder: Path, *, n_tiles: int) -> dict[str, float]:
    """Print a row a tile and return the figures."""
    table = np.array([[checked(folder, number=n, way=way) for way in WAYS] for n in range(n_tiles)])
    print(f"{'tile':>4}" + "".join(f"{way:>12}{'agreement':>11}" for way in WAYS))
    for number, row in enumerate(table):
        print(f"{number:>4}" + "".join(f"{gestures:>12.0f}{share:>11.3f}" for gestures, share in row))
    mean = table.mean(axis=0)
    print("mean" + "".join(f"{gestures:>12.1f}{share:>11.3f}" for gestures, share in mean))
    print("median" + "".join(f"{gestures:>10.1f}{share:>13.3f}" for gestures, share in np.median(table, axis=0)))
    by_way = dict(zip(WAYS, mean, strict=True))
    return {way: round(float(by_way[way][0]), 1) for way in WAYS} | {
        f"agreement_{way}": round(float(by_way[way][1]), 4) for way in WAYS
    }


def main() -> None:
    """Train, draft, label three ways, check, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared/data/dubai-aerial")
    parser.add_argument("--tiles", type=int, default=20)
    parser.add_argument("--agreement", type=float, default=0.90)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "var/bench/gestures")
    parser.add_argument("--fresh", action="store_true", help="train the models again")
    arguments = parser.parse_args()
    if not (arguments.data / "index.csv").exists():
        raise SystemExit(f"{arguments.data} does not hold the Dubai aerial set: give its folder with --data")
    scenes = Scenes(arguments.data)
    model = two_rounds(scenes, folder=arguments.out, seed=arguments.seed, fresh=arguments.fresh)
    test = [
        place for place in scenes.places("test") if asks_for_work(scenes.labels(place), agreement=arguments.agreement)
    ]
    drawn = np.random.default_rng(arguments.seed).choice(len(test), arguments.tiles, replace=False)
    places = [test[i] for i in drawn]
    write_tiles(scenes, model, places, folder=arguments.out)
    simulate(arguments.out, agreement=arguments.agreement)
    figures = report(arguments.out, n_tiles=arguments.tiles)
    ratio = figures["draft"] / figures["scratch"]
    print(f"draft / scratch = {ratio:.2f}; segments / scratch = {figures['segments'] / figures['scratch']:.2f}")
    print("FIGURES " + json.dumps(figures))


if __name__ == "__main__":
    main()
