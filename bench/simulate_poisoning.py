"""Two hundred people, a tenth of them hostile: who is found, how soon, whom it hits wrongly, and what a model learns.

    python bench/simulate_poisoning.py [--tiles 4800] [--people 200] [--seed 7] [--hasty] [--trainings 0] [--steps 300]
                                       [--data ../shared/data/dubai-aerial]

People label real tiles (the Dubai aerial set's dense masks, 64 px; a generated scene where the set is not at hand),
three a tile, one claim in ten a tile whose labels are known. Honest people err (outlines, areas mistaken, tiles
misread: nine gold tiles in ten are passed). Hostile ones give random classes, flip two classes, give one class to
everything, hand in one clique's drawing from five accounts that choose the same tiles, or work well and then turn. They
take as long as others; with --hasty those who need not look at a tile do not, and the alarm on speed names them first.

What decides is the platform's own code: levels (annotation.core.trust), the sequential test and weights
(annotation.core.reliability), alarms (annotation.core.alarms), the vote (annotation.core.consensus), the cap
(learning.core.shares), the network (learning.core.network, learning.core.fit). Simulated beside it: a reviewer of
newcomers' tiles who errs one time in twenty; a maintainer who blocks and reverts whoever the gold tiles flag, and
after other alarms looks at the last ten tiles first, and again twenty later if they were good.

Beside it run a twin without hostile people, and the same attack without any defence: plain majority, no gold, no
reviews. What was merged in each teaches a model that is judged on tiles nobody labelled: a linear classifier on the
features of the platform's own encoder (see _poisoning_probe.py), which the same labels always give the same. With
--trainings N the platform's whole network is trained as well, with N seeds; a training's own luck is then in the table.

    spammer_median_submissions  of hostile people, when the first alarm names them, since they began to harm; those
                                never named count as more than all others
    honest_flagged_share        honest people whom any alarm named
    miou_delta_points           100 × (mIoU of the attacked campaign's model - its twin's)
    clique_tiles                tiles where most counted votes are the clique's, at the end
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _platform import REPOSITORY
from _poisoning_people import HONEST, HOSTILE, Person, UInt8Array, crowd
from _poisoning_world import Campaign, Run, share_right

TILE_PX = 64
GOLD_TILES = 200
TEST_TILES = 60
CODES = ("building", "land_unpaved", "road", "vegetation", "water")


def real_tiles(data: Path, *, wanted: int, seed: int) -> tuple[UInt8Array, UInt8Array, list[Any]]:
    """Images uint8 (tile, 3, 64, 64) and truth of tiles of the set's pool parts, and its test places of 256 px."""
    from _gestures_model import Scenes

    scenes = Scenes(data)
    cuts = []
    for place in scenes.places("pool"):
        image, labels = scenes.image(place), scenes.labels(place)
        for row in range(0, image.shape[1], TILE_PX):
            for col in range(0, image.shape[2], TILE_PX):
                cuts.append(
                    (
                        image[:, row : row + TILE_PX, col : col + TILE_PX],
                        labels[row : row + TILE_PX, col : col + TILE_PX],
                    )
                )
    rng = np.random.default_rng([seed, 1])
    chosen = rng.permutation(len(cuts))[:wanted]
    if len(chosen) < wanted:
        raise SystemExit(f"{data} gives {len(cuts)} tiles of {TILE_PX} px: ask for fewer than {wanted}.")
    test = [(scenes.image(place), scenes.labels(place)) for place in scenes.places("test")]
    test = [test[int(nth)] for nth in rng.permutation(len(test))[:TEST_TILES]]
    return np.stack([cuts[nth][0] for nth in chosen]), np.stack([cuts[nth][1] for nth in chosen]), test


def generated_tiles(*, wanted: int, seed: int) -> tuple[UInt8Array, UInt8Array, list[Any]]:
    """Areas around random seeds in colours of their own, with noise: where the real set is not at hand."""
    rng = np.random.default_rng([seed, 1])
    colours = rng.integers(40, 215, size=(len(CODES) + 1, 3))

    def one(side: int) -> tuple[UInt8Array, UInt8Array]:
        seeds = rng.uniform(0, side, (max(4, side // 12), 2))
        classes = rng.choice(len(CODES), size=len(seeds), p=np.array([5, 5, 3, 2, 1]) / 16) + 1
        rows, cols = np.mgrid[0:side, 0:side]
        truth = classes[((rows[..., None] - seeds[:, 0]) ** 2 + (cols[..., None] - seeds[:, 1]) ** 2).argmin(-1)]
        image = colours[truth].transpose(2, 0, 1) + rng.normal(0, 25, size=(3, side, side))
        return np.clip(image, 1, 255).astype(np.uint8), truth.astype(np.uint8)

    cuts = [one(TILE_PX) for _ in range(wanted)]
    return np.stack([cut[0] for cut in cuts]), np.stack([cut[1] for cut in cuts]), [one(256) for _ in range(TEST_TILES)]


def miou_of(images: UInt8Array, merged: UInt8Array, test: list[Any], *, steps: int, seeds: list[int]) -> list[float]:
    """Train the platform's network on merged labels and judge it on the test tiles, once a seed."""
    from learning.core.dataset import LabelledTile
    from learning.core.evaluate import mean_iou, tile_confusion
    from learning.core.fit import fit
    from learning.core.model_file import ModelMetadata, load_model, save_model
    from learning.core.network import NetworkSpec
    from learning.core.precision import cpu_has_bf16
    from learning.core.predict import predict_window
    from learning.core.train_config import TrainConfig

    tiles = [
        LabelledTile(image=image, labels=labels) for image, labels in zip(images, merged, strict=True) if labels.any()
    ]
    spec = NetworkSpec(bands=("R", "G", "B"), class_codes=CODES)
    found = []
    for seed in seeds:
        config = TrainConfig(
            steps=steps, batch_size=16, crop_px=TILE_PX, ema_decay=0.99, seed=seed, checkpoint_every=steps,
            precision="bf16" if cpu_has_bf16() else "fp32",
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            fitted = fit(tiles, spec, config, checkpoint_dir=Path(folder) / "run")
            metadata = ModelMetadata(
                spec=fitted.spec, normalisation=fitted.normalisation, nomenclature_code="dubai_5",
                nomenclature_version="1", gsd_m=0.3, training_set_sha256=fitted.training_set_sha256, margin_px=0,
            )  # fmt: skip
            save_model(Path(folder) / "model.safetensors", fitted.network, metadata)
            model = load_model(Path(folder) / "model.safetensors")
        total = sum(
            tile_confusion(truth, predict_window(model, image, margin_px=0)[0], n_classes=len(CODES))
            for image, truth in test
        )
        found.append(float(mean_iou(np.asarray(total))))
    return found


def first_alarm(person: Person) -> float:
    """Submissions until an alarm named them; infinite for those never named."""
    return min((float(at) for _kind, at in person.alarms), default=float("inf"))


def print_people(run: Run) -> None:
    """One line a behaviour."""
    print(f"\n{'':>14}{'people':>8}{'named':>7}{'median':>8}{'last':>6}{'gold passed':>13}  named by")
    for kind in (HONEST, *HOSTILE):
        people = [person for person in run.people if person.behaviour == kind]
        named = sorted(first_alarm(person) for person in people if person.alarms)
        gold = [outcome for person in people for outcome in person.outcomes]
        kinds = {name: sum(person.alarms[:1] != [] and person.alarms[0][0] == name for person in people)
                 for name in ("gold", "copy", "one class", "speed")}  # fmt: skip
        by = ", ".join(f"{name} {count}" for name, count in kinds.items() if count)
        median = statistics.median(first_alarm(person) for person in people)
        print(
            f"{kind:>14}{len(people):>8}{len(named):>7}{median:>8.0f}{named[-1] if named else float('nan'):>6.0f}"
            f"{100 * sum(gold) / max(1, len(gold)):>11.0f} %  {by}"
        )


def main() -> None:
    """Run the three campaigns, train, print the tables and the line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, default=4_800)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--hasty", action="store_true", help="hostile people who need not look are quick")
    parser.add_argument("--trainings", type=int, default=0, help="whole trainings, one a seed, of each")
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data" / "dubai-aerial")
    options = parser.parse_args()
    began = time.monotonic()
    wanted, real = options.tiles + GOLD_TILES, (options.data / "index.csv").exists()
    images, truth, test = (
        real_tiles(options.data, wanted=wanted, seed=options.seed)
        if real
        else generated_tiles(wanted=wanted, seed=options.seed)
    )
    source = options.data.name if real else "a generated scene"
    print(f"{options.tiles} tiles of {TILE_PX} px from {source}, {GOLD_TILES} more are gold")
    hostile = sum(HOSTILE.values())
    runs = {}
    for name, with_hostile, defended in (
        ("attacked", True, True),
        ("clean twin", False, True),
        ("undefended", True, False),
    ):
        people = crowd(honest=options.people - hostile, seed=options.seed, with_hostile=with_hostile)
        campaign = Campaign(
            truth[GOLD_TILES:], truth[:GOLD_TILES], CODES, people, options.seed, defended, options.hasty
        )
        runs[name] = campaign.run()
        print(f"{name}: {runs[name].submissions} submissions, {time.monotonic() - began:.0f} s", flush=True)
    print_people(runs["attacked"])
    from _poisoning_probe import Probe

    probe = Probe(images[GOLD_TILES:], class_codes=CODES, seed=options.seed)
    seeds = [options.seed + nth for nth in range(options.trainings)]
    trained = "  whole trainings" if seeds else ""
    print(f"\n{'':>12}{'labels right':>14}{'hostile votes':>15}{'clique tiles':>14}{'mIoU':>8}{trained}")
    mious = {"the truth": probe.miou(truth[GOLD_TILES:], test)}
    for name, run in runs.items():
        mious[name] = probe.miou(run.merged, test)
        whole = miou_of(images[GOLD_TILES:], run.merged, test, steps=options.steps, seeds=seeds)
        right = f"{100 * share_right(run.merged, truth[GOLD_TILES:]):.2f} %"
        shown = ", ".join(f"{100 * value:.2f}" for value in whole)
        print(
            f"{name:>12}{right:>14}{run.votes_of_hostile:>15}{run.clique_tiles:>14}{100 * mious[name]:>8.2f}  {shown}",
            flush=True,
        )
    print(f"{'the truth':>12}{'':>43}{100 * mious['the truth']:>8.2f}")
    attacked = runs["attacked"]
    spammers = [person for person in attacked.people if person.is_hostile]
    honest = [person for person in attacked.people if not person.is_hostile]
    median = statistics.median(first_alarm(person) for person in spammers)
    delta = 100 * (mious["attacked"] - mious["clean twin"])
    print(f"{time.monotonic() - began:.0f} s in all")
    figures = {
        "spammer_median_submissions": median if np.isfinite(median) else None,
        "honest_flagged_share": round(sum(bool(person.alarms) for person in honest) / len(honest), 4),
        "miou_delta_points": round(delta, 2),
        "clique_tiles": attacked.clique_tiles,
    }
    print("FIGURES " + json.dumps(figures))


if __name__ == "__main__":
    main()
