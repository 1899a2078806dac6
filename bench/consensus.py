"""What several people's labels are worth together: the best of them alone, a vote, a weighted vote, STAPLE.

    python bench/consensus.py [--data ../shared/data/dubai-aerial] [--seeds 1 2 … 12] [--gold 20] [--scored 60]

Truth: tiles of 256 px cut from the Dubai aerial set, whose labels are dense (five classes; at least 90 % labelled and
two classes on the tile); a generated scene where the set is absent. Each seed draws three people, the gold tiles and,
among the others, the tiles scored. bench/_consensus_people.py says how people err; nothing there is chosen by what
comes out.

Weights are learnt from the gold tiles by the platform's own functions (annotation/core/reliability.py), then used on
the tiles scored, none of which is gold. STAPLE is run tile by tile, as the platform does.

IoU: one confusion matrix over all pixels scored that the truth labels; ground left unlabelled counts against the class
it has. mIoU is the mean over the classes of the truth; each figure is the mean over the seeds. The best single is the
person with the highest mIoU on the tiles scored, chosen for each seed with hindsight.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from _consensus_people import Person, generated_tiles  # noqa: E402 (beside this file)

from annotation.core.agreement import confusion_counts  # noqa: E402 (the path must be set first)
from annotation.core.consensus import majority_vote, staple, weighted_vote  # noqa: E402
from annotation.core.reliability import (  # noqa: E402
    add_evidence,
    campaign_means,
    class_reliability,
    label_weight,
    tile_evidence,
)

UInt8Array = NDArray[np.uint8]
TILE_PX = 256
N_CLASSES = 5
N_PEOPLE = 3
LEAST_LABELLED = 0.9
CODES = {value: str(value) for value in range(1, N_CLASSES + 1)}


def real_tiles(data: Path) -> list[UInt8Array]:
    """Label tiles that are dense and hold two classes or more, in the order of the files."""
    tiles = []
    for path in sorted((data / "labels").glob("*.png")):
        with rasterio.open(path, driver="PNG") as file:
            labels = file.read(1)
        for top in range(0, labels.shape[0] - TILE_PX + 1, TILE_PX):
            for left in range(0, labels.shape[1] - TILE_PX + 1, TILE_PX):
                tile = labels[top : top + TILE_PX, left : left + TILE_PX]
                if (tile > 0).mean() >= LEAST_LABELLED and len(np.unique(tile[tile > 0])) > 1:
                    tiles.append(np.ascontiguousarray(tile))
    return tiles


def learnt_weights(truths: Sequence[UInt8Array], drawn: Sequence[Sequence[UInt8Array]]) -> list[dict[int, float]]:
    """Weights by person and raster value from gold tiles; drawn[tile][person]."""
    evidence = [
        add_evidence(
            tile_evidence(confusion_counts(truth, of_tile[person], class_codes=CODES))
            for truth, of_tile in zip(truths, drawn, strict=True)
        )
        for person in range(N_PEOPLE)
    ]
    means = campaign_means(evidence, class_codes=CODES.values())
    found = [class_reliability(one, means=means) for one in evidence]
    return [{value: label_weight(one, code) for value, code in CODES.items()} for one in found]


def mean_iou(truths: Sequence[UInt8Array], labels: Sequence[UInt8Array]) -> float:
    """See above."""
    confusion = np.zeros((N_CLASSES + 1, N_CLASSES + 1), np.int64)
    for truth, label in zip(truths, labels, strict=True):
        known = truth > 0
        pairs = truth[known].astype(np.int64) * (N_CLASSES + 1) + label[known]
        confusion += np.bincount(pairs, minlength=confusion.size).reshape(confusion.shape)
    same = np.diagonal(confusion)[1:]
    union = confusion[1:].sum(axis=1) + confusion[:, 1:].sum(axis=0) - same
    present = confusion[1:].sum(axis=1) > 0
    return float((same[present] / union[present]).mean())


def run(tiles: Sequence[UInt8Array], *, seed: int, n_gold: int, n_scored: int) -> dict[str, float]:
    """One seed: three people, gold tiles, tiles scored."""
    rng = np.random.default_rng([seed, 22])
    people = [Person.drawn(rng, n_classes=N_CLASSES) for _ in range(N_PEOPLE)]
    chosen = rng.permutation(len(tiles))[: n_gold + n_scored]
    drawn = [[person.label(tiles[number], rng) for person in people] for number in chosen]
    truths = [tiles[number] for number in chosen]
    weights = learnt_weights(truths[:n_gold], drawn[:n_gold])
    truths, drawn = truths[n_gold:], drawn[n_gold:]
    merges: dict[str, Callable[[list[UInt8Array]], UInt8Array]] = {
        "vote_iou": majority_vote,
        "weighted_iou": lambda rasters: weighted_vote(rasters, weights=weights),
        "staple_iou": staple,
    }
    single = [mean_iou(truths, [of_tile[person] for of_tile in drawn]) for person in range(N_PEOPLE)]
    return {
        "best_single_iou": max(single),
        "worst_single_iou": min(single),
        **{name: mean_iou(truths, [merge(of_tile) for of_tile in drawn]) for name, merge in merges.items()},
    }


def main() -> None:
    """Print a table by seed, then the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/dubai-aerial"))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(1, 13)))
    parser.add_argument("--gold", type=int, default=20)
    parser.add_argument("--scored", type=int, default=60)
    options = parser.parse_args()
    tiles = real_tiles(options.data) if (options.data / "labels").is_dir() else []
    source = f"{len(tiles)} real tiles of {options.data.name}"
    if not tiles:
        tiles = generated_tiles(np.random.default_rng(9), count=200, n_classes=N_CLASSES, tile_px=TILE_PX)
        source = f"{len(tiles)} generated tiles ({options.data} is not there)"
    print(f"{source}, {options.gold} gold and {options.scored} scored for each seed, {N_PEOPLE} people, mIoU")
    names = ("worst_single_iou", "best_single_iou", "vote_iou", "weighted_iou", "staple_iou")
    print("seed  " + "".join(f"{name.removesuffix('_iou'):>14}" for name in names))
    rows = []
    for seed in options.seeds:
        rows.append(run(tiles, seed=seed, n_gold=options.gold, n_scored=options.scored))
        print(f"{seed:<6}" + "".join(f"{rows[-1][name]:>14.4f}" for name in names), flush=True)
    means = {name: round(float(np.mean([row[name] for row in rows])), 4) for name in names}
    print("mean  " + "".join(f"{means[name]:>14.4f}" for name in names))
    ordered = [row["weighted_iou"] >= row["vote_iou"] >= row["best_single_iou"] for row in rows]
    print(f"weighted >= vote >= best single: {sum(ordered)} of {len(rows)} seeds")
    print("FIGURES " + json.dumps({**means, "seeds": len(rows), "ordered_seeds": sum(ordered)}))


if __name__ == "__main__":
    main()
