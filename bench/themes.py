"""What labels at the parent level teach about the classes under it, on real tiles.

    python bench/themes.py [--tiles 48] [--steps 300] [--seeds 3] [--no-ceiling]

Half of the labelled tiles name the finest classes; of the others, people only said the class above. Four arms with the
same network for each seed, judged at the level of the finest classes on images of other parts:

    half      the half with the finest classes alone, for --steps
    longer    the same tiles, for twice the steps: as many patches in all as the next arm sees
    mixed     that half, and the other one at the parent level (the loss is -log of the summed probability), for twice
              the steps: as many patches with the finest classes as `half` sees
    all       every tile with the finest classes, for twice the steps: what the mixed arm could reach at most

The mixed arm is compared with the better of the first two in each seed, so that neither more steps nor fewer of them
can be what makes it better.

    child_miou_gain   mIoU of the finest classes, mixed - the better of half and longer, mean over the seeds
    seeds_better      in how many seeds mixed is above both
    share_of_ceiling  what of the way from there to all the parent labels go
    parent_miou_gain  the same as the first at the parent level
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "bench"), str(REPOSITORY)]

import _learning_data  # noqa: E402 (the path must be set first)

from annotation.core.label_table import LabelTable, label_table  # noqa: E402
from learning.core.dataset import LabelledTile  # noqa: E402
from learning.core.evaluate import mean_iou, merge_classes, tile_confusion  # noqa: E402
from learning.core.fit import fit  # noqa: E402
from learning.core.model_file import ModelMetadata, TrainedModel  # noqa: E402
from learning.core.network import NetworkSpec  # noqa: E402
from learning.core.predict import window_logits  # noqa: E402
from learning.core.train_config import TrainConfig  # noqa: E402

PARENTS = {"building": "sealed", "road": "sealed", "land_unpaved": "open", "vegetation": "open", "water": None}
"""Of the classes of the scenes of Dubai; water has nothing beside it."""
ARMS = ("half", "longer", "mixed", "all")
FINEST_ALONE = ("half", "longer")


def tree() -> tuple[LabelTable, list[int]]:
    """The table of labels, and the parent group of each class."""
    parents: dict[str, str | None] = {**PARENTS, "sealed": None, "open": None}
    table = label_table([*PARENTS, "sealed", "open"], parents=parents)
    groups = list(dict.fromkeys(PARENTS[code] or code for code in table.class_codes))
    return table, [groups.index(PARENTS[code] or code) for code in table.class_codes]


def in_order(data: _learning_data.Tiles, names: tuple[str, ...], table: LabelTable) -> _learning_data.Tiles:
    """The same tiles, their labels in the order of the table."""
    to = np.array([0, *(table.values[name] for name in names)], np.uint8)
    return _learning_data.Tiles(data.images, to[data.labels])


def coarse(labels: np.ndarray, table: LabelTable) -> np.ndarray:
    """Labels as somebody gives them who only knows the class above."""
    to = np.arange(len(table.values) + 1, dtype=np.uint8)
    for code, under in table.broader.items():
        to[[table.values[one] for one in under]] = table.values[code]
    return to[labels]


def trained(tiles: list[LabelledTile], table: LabelTable, *, steps: int, seed: int) -> TrainedModel:
    """A network that learnt from these tiles."""
    spec = NetworkSpec(bands=("R", "G", "B"), class_codes=table.class_codes)
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit(
            tiles, spec, TrainConfig(steps=steps, batch_size=8, crop_px=128, seed=seed, checkpoint_every=steps),
            checkpoint_dir=Path(folder), broader=table.places,
        )  # fmt: skip
    metadata = ModelMetadata(
        spec=fitted.spec, normalisation=fitted.normalisation, nomenclature_code="dubai_5", nomenclature_version="1",
        gsd_m=1.0, training_set_sha256=fitted.training_set_sha256,
    )  # fmt: skip
    return TrainedModel(fitted.network, metadata, sha256="0" * 64)


def judged(model: TrainedModel, test: _learning_data.Tiles, n_classes: int) -> np.ndarray:
    """int64 (class, class) over all images of the test part, truth in rows."""
    total = np.zeros((n_classes, n_classes), np.int64)
    for image, truth in zip(test.images, test.labels, strict=True):
        found = window_logits(model, image, valid=np.ones(truth.shape, bool), margin_px=0, device="cpu")
        total += tile_confusion(truth, (found.argmax(axis=0) + 1).astype(np.uint8), n_classes=n_classes)
    return total


def main() -> None:
    """Train, judge, print the table and the line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, default=48, help="labelled tiles in all, of 128 px")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--no-ceiling", action="store_true", help="leave out the arm with every tile's finest classes")
    arguments = parser.parse_args()
    data = _learning_data.dubai()
    table, groups = tree()
    pool, test = in_order(data.pool, data.classes, table), in_order(data.test, data.classes, table)
    scores: dict[str, list[tuple[float, float]]] = {arm: [] for arm in ARMS if arm != "all" or not arguments.no_ceiling}
    print(
        f"{arguments.tiles} tiles of {len(pool.labels)}, {arguments.steps} steps; judged on {len(test.labels)} images"
    )
    for seed in range(1, arguments.seeds + 1):
        drawn = np.random.default_rng(seed).permutation(len(pool.labels))[: arguments.tiles].tolist()
        finest, other = drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :]
        known = {number: LabelledTile(pool.images[number], pool.labels[number]) for number in drawn}
        broad = {number: LabelledTile(pool.images[number], coarse(pool.labels[number], table)) for number in other}
        half = [known[number] for number in finest]
        arms = {
            "half": half,
            "longer": half,
            "mixed": half + [broad[number] for number in other],
            "all": [known[number] for number in drawn],
        }
        for arm in scores:
            start = time.perf_counter()
            tiles, steps = arms[arm], arguments.steps * (1 if arm == "half" else 2)
            confusion = judged(trained(tiles, table, steps=steps, seed=seed), test, len(table.class_codes))
            child = float(mean_iou(confusion))
            parent = float(mean_iou(merge_classes(confusion, group_of=groups)))
            scores[arm].append((child, parent))
            print(
                f"  seed {seed} {arm:6} {len(tiles):3} tiles: mIoU {child:.3f} of the finest classes, {parent:.3f} of "
                f"their parents  ({time.perf_counter() - start:.0f} s)",
                flush=True,
            )
    report(scores)


def report(scores: dict[str, list[tuple[float, float]]]) -> None:
    """The table and the figures."""
    means = {arm: [statistics.mean(one[level] for one in found) for level in (0, 1)] for arm, found in scores.items()}
    print("arm     finest  (min to max)      parents")
    for arm, found in scores.items():
        child = [one[0] for one in found]
        print(f"{arm:6}  {means[arm][0]:.3f}   ({min(child):.3f} to {max(child):.3f})   {means[arm][1]:.3f}")
    alone = [
        [max(scores[arm][seed][level] for arm in FINEST_ALONE) for level in (0, 1)]
        for seed in range(len(scores["half"]))
    ]
    gains = [(mixed[0] - best[0], mixed[1] - best[1]) for mixed, best in zip(scores["mixed"], alone, strict=True)]
    gain = statistics.mean(one[0] for one in gains)
    room = (
        statistics.mean(found[0] - best[0] for found, best in zip(scores.get("all", []), alone, strict=False))
        if "all" in scores
        else 0.0
    )
    figures = {
        "child_miou_gain": round(gain, 4),
        "seeds_better": sum(one[0] > 0 for one in gains),
        "seeds": len(gains),
        "share_of_ceiling": round(gain / room, 2) if room > 0 else None,
        "parent_miou_gain": round(statistics.mean(one[1] for one in gains), 4),
    }
    print("FIGURES " + json.dumps(figures))


if __name__ == "__main__":
    main()
