"""Gestures a person needs to label real tiles: from scratch, from segments, from the model's draft.

    python bench/gestures.py [--tiles 20] [--agreement 0.90] [--data ../shared/data/dubai-aerial] [--seed 7] [--fresh]

1. Two rounds of learning on the set's pool parts: a first model from random tiles, a second one from those and the
   tiles whose mean entropy is highest under the first (a tenth of them random). Labels are the set's own masks.
2. Tiles of 256 px are drawn at random from the set's test parts, which neither model saw. Tiles that one class fills
   to the agreement asked for are left out: one gesture would be the whole work. The second model drafts each as the
   platform would, and the platform cuts each into segments at its five sizes.
3. Four simulated people (frontend/bench/gestures.ts) label each tile with the studio's own commands until the share of
   agreeing pixels reaches the threshold, choosing at each turn what gains most for its gestures. They know the truth:
   what is counted is the hand's work, not the eye's doubt. What each has in hand:

   scratch               polygons, filling of gaps
   segments              segments, filling of gaps
   draft                 the model's draft, all of it taken by two keys; then relabelling, polygons, filling of gaps,
                         brush and segments
   draft, polygons only  the model's draft, all of it taken by two keys; then polygons and filling of gaps, as scratch

   Scratch beside "draft, polygons only" says what the draft alone saves: all else is the same. Beside "draft" it says
   what the draft and the other tools save together.

What counts as one gesture: a click, a press on a key (tool, class, command), a drag in a straight line (each further
straight leg of a drag counts one more). A polygon of n corners is n clicks and one to close it.

Tiles differ much: of 20 the mean moves by a third with the draw. --tiles 80 says more and takes four times as long.

The model is kept and taken again by later runs as long as the code that trains it, its settings, the set's files, the
libraries and the seed are the same (their SHA-256 names its folder); which it was is printed with the table.

The result is checked here, outside the studio's code: each coverage by the server's own rule, its agreement by the
server's own rasteriser. The last line is FIGURES: mean gestures a tile and mean agreement of the four.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _gestures_model import CODES, TILE_PX, Place, Scenes, predict, two_rounds
from _platform import REPOSITORY

from annotation.core.labels import polygonize_labels, rasterize_features
from annotation.core.segments import SEGMENT_SIDE_PX, segment_tile
from annotation.core.tile_geometry import check_coverage, parse_features
from learning.core.model_file import TrainedModel
from learning.services.drafts import MIN_AREA_PX, feature_confidences

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: As in frontend/bench/gestures.ts, with what the table calls each.
WAYS = {
    "scratch": "scratch",
    "segments": "segments",
    "draft": "draft",
    "draft_polygons": "draft, polygons only",
}


def asks_for_work(labels: NDArray[np.uint8], *, agreement: float) -> bool:
    """Whether filling the whole tile with one class would leave something to do."""
    counts = np.bincount(labels.ravel(), minlength=2)[1:]
    return bool(counts.max() < agreement * counts.sum())


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
    widths = [max(10, len(head)) + 2 for head in WAYS.values()]
    heads = "".join(f"{head:>{width}}{'agreement':>11}" for head, width in zip(WAYS.values(), widths, strict=True))
    print(f"{'tile':>6}{heads}")

    def show(name: str, row: NDArray[np.float64], digits: int) -> None:
        cells = zip(row, widths, strict=True)
        print(f"{name:>6}" + "".join(f"{cell[0]:>{width}.{digits}f}{cell[1]:>11.3f}" for cell, width in cells))

    for number, row in enumerate(table):
        show(str(number), row, 0)
    mean = table.mean(axis=0)
    show("mean", mean, 1)
    show("median", np.median(table, axis=0), 1)
    by_way = dict(zip(WAYS, mean, strict=True))
    return {way: round(float(by_way[way][0]), 1) for way in WAYS} | {
        f"agreement_{way}": round(float(by_way[way][1]), 4) for way in WAYS
    }


def main() -> None:
    """Train, draft, label in each way, check, report."""
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
    model, origin = two_rounds(scenes, folder=arguments.out, seed=arguments.seed, fresh=arguments.fresh)
    print(f"model {origin}", flush=True)
    test = [
        place for place in scenes.places("test") if asks_for_work(scenes.labels(place), agreement=arguments.agreement)
    ]
    drawn = np.random.default_rng(arguments.seed).choice(len(test), arguments.tiles, replace=False)
    places = [test[i] for i in drawn]
    write_tiles(scenes, model, places, folder=arguments.out)
    simulate(arguments.out, agreement=arguments.agreement)
    figures = report(arguments.out, n_tiles=arguments.tiles)
    print(f"model {origin}")
    print("of scratch: " + "; ".join(f"{WAYS[way]} {figures[way] / figures['scratch']:.2f}" for way in list(WAYS)[1:]))
    print("FIGURES " + json.dumps(figures))


if __name__ == "__main__":
    main()
