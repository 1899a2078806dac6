"""What a label teaches: mean IoU on a hold-out by labelled ground, as different strategies have a pool labelled.

    python bench/learning_curve.py [--data dubai] [--seeds 5] [--strategies …] [--keep] [--workers 2]

Real imagery with real labels (the shared data; nothing runs without it). In each round a fresh model learns from what
is labelled so far, says what it doubts, and a strategy names what is labelled next; the first tiles of a seed are the
same for all strategies, as are the model's start weights. The hold-out is other ground of the same scenes and is never
asked about. The ceiling is the whole pool, trained for four times as long.

Every curve is a part of its own: with `--keep` it is written to bench/results/ as soon as it is there, and a later run
goes on with what is missing. Without it (the quick form) results go to var/bench and are as resumable.

    labels_ratio_95   tiles that ours needs to reach 95 % of the ceiling ÷ tiles that random needs (means over seeds)
    region_ratio_95   ground that regions need as a round asks for them ÷ ground that random whole tiles need
    auc               mean IoU over the logarithm of the labelled tiles, by strategy
    seeds             paired seeds that every figure is of
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from _learning_data import DATASETS
from _learning_head import RECIPE, prepare
from _learning_plot import write_figure
from _learning_strategies import STRATEGIES, ceiling, curve
from _platform import REPOSITORY

SCRATCH = REPOSITORY / "var" / "bench" / "learning"
RESULTS = REPOSITORY / "bench" / "results"
CEILING = "whole pool"
CLOSE = 0.95
SEEDS_KEPT, SEEDS_QUICK = 5, 2


def one(data_name: str, strategy: str, seed: int) -> Any:
    """One curve, or the ceiling, in a process of its own."""
    import torch

    torch.set_num_threads(1)
    data = DATASETS[data_name]()
    world = prepare(data, SCRATCH)
    if strategy == CEILING:
        return ceiling(world, seed=seed)
    of = STRATEGIES[strategy]
    budgets = data.budgets if of.parts == 1 else data.region_budgets
    return curve(world, of, budgets=budgets, seed=seed, opened_once=data.opened_once)


def measure(arguments: argparse.Namespace, path: Path) -> dict[str, Any]:
    """Every curve asked for, those kept from before as they are."""
    kept = read(path)
    names = [CEILING, *arguments.strategies]
    wanted = [(name, seed) for seed in range(1, arguments.seeds + 1) for name in names]
    missing = [(name, seed) for name, seed in wanted if str(seed) not in kept["curves"].get(name, {})]
    print(f"{len(wanted) - len(missing)} of {len(wanted)} curves are there", flush=True)
    if missing:
        prepare(DATASETS[arguments.data](), SCRATCH)
    context = multiprocessing.get_context("spawn")
    began = time.monotonic()
    with ProcessPoolExecutor(arguments.workers, mp_context=context) as pool:
        jobs = {pool.submit(one, arguments.data, name, seed): (name, seed) for name, seed in missing}
        for number, job in enumerate(as_completed(jobs), start=1):
            name, seed = jobs[job]
            result = job.result()
            kept["curves"].setdefault(name, {})[str(seed)] = result
            write(path, kept)
            last = result if isinstance(result, float) else list(result.values())[-1]
            left = (time.monotonic() - began) / number * (len(missing) - number)
            print(f"{name}, seed {seed}: {last:.3f} at the end; about {left / 60:.0f} min left", flush=True)
    return kept


def read(path: Path) -> dict[str, Any]:
    """Results kept; curves of another recipe are not gone on with."""
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text())
        if kept["recipe"] == RECIPE:
            return kept
        raise SystemExit(f"{path} was made by another recipe ({kept['recipe']}): move it away first.")
    return {"recipe": RECIPE, "curves": {}}


def write(path: Path, kept: dict[str, Any]) -> None:
    """As a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    partial.replace(path)


def seeds_of(kept: dict[str, Any], names: list[str]) -> list[str]:
    """Seeds that all of these have."""
    common = set.intersection(*(set(kept["curves"].get(name, {})) for name in names))
    return sorted(common, key=int)


def mean_curve(kept: dict[str, Any], name: str, seeds: list[str]) -> dict[int, float]:
    """Means over seeds by budget."""
    curves = [kept["curves"][name][seed] for seed in seeds]
    return {int(budget): statistics.mean(c[budget] for c in curves) for budget in sorted(curves[0], key=int)}


def ground_to(curve_: dict[int, float], level: float) -> float | None:
    """Labelled tiles at which a curve reaches a level for good, between budgets by their logarithm; None = never."""
    budgets = list(curve_)
    below = [number for number, budget in enumerate(budgets) if curve_[budget] < level]
    if not below:
        return float(budgets[0])
    last = below[-1]
    if last == len(budgets) - 1:
        return None
    low, high = budgets[last], budgets[last + 1]
    share = (level - curve_[low]) / (curve_[high] - curve_[low])
    return float(np.exp(np.log(low) + share * (np.log(high) - np.log(low))))


def area_under(curve_: dict[str, float] | dict[int, float], budgets: list[int]) -> float:
    """Mean of a curve over the logarithm of the labelled tiles, between the first and the last of these budgets."""
    by_budget = {int(budget): value for budget, value in curve_.items()}
    at, values = np.log(budgets), [by_budget[budget] for budget in budgets]
    return float(np.trapezoid(values, at) / (at[-1] - at[0]))


def report(kept: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Print the tables; returns the figures."""
    seeds = seeds_of(kept, [CEILING, *names])
    full = statistics.mean(kept["curves"][CEILING][seed] for seed in seeds)
    level = CLOSE * full
    means = {name: mean_curve(kept, name, seeds) for name in names}
    needs = {name: ground_to(curve_, level) for name, curve_ in means.items()}
    print(f"\nwhole pool: mIoU {full:.3f}; 95 % of it: {level:.3f}; {len(seeds)} seeds")
    auc = {}
    for parts in sorted({STRATEGIES[name].parts for name in names}):
        alike = [name for name in names if STRATEGIES[name].parts == parts]
        budgets = list(means[alike[0]])
        head = "".join(f"{budget:>7}" for budget in budgets)
        print(f"\n{'mIoU at tiles' if parts == 1 else 'at tiles of ground':>30}{head}{'AUC':>8}{'±':>7}{'95 % at':>9}")
        for name in alike:
            areas = [area_under(kept["curves"][name][seed], budgets) for seed in seeds]
            auc[name] = round(statistics.mean(areas), 4)
            spread = statistics.stdev(areas) if len(areas) > 1 else float("nan")
            cells = "".join(f"{means[name][budget]:7.3f}" for budget in budgets)
            needed = needs[name]
            print(f"{name:>30}{cells}{auc[name]:8.4f}{spread:7.4f}{'never' if needed is None else f'{needed:.0f}':>9}")
    _print_differences(kept, seeds)
    return {
        "labels_ratio_95": _ratio(needs.get("ours"), needs.get("random")),
        "region_ratio_95": _ratio(needs.get("asked regions"), needs.get("random")),
        "auc": auc,
        "seeds": len(seeds),
    }


def _print_differences(kept: dict[str, Any], seeds: list[str]) -> None:
    """Ours less random, seed by seed, with the standard error of its mean."""
    if "ours" not in kept["curves"] or len(seeds) < 2:
        return
    print(f"\n{'ours - random':>30}", end="")
    lines = []
    for budget in mean_curve(kept, "ours", seeds):
        pairs = [kept["curves"]["ours"][s][str(budget)] - kept["curves"]["random"][s][str(budget)] for s in seeds]
        lines.append((statistics.mean(pairs), statistics.stdev(pairs) / len(pairs) ** 0.5))
    print("".join(f"{mean:+7.3f}" for mean, _error in lines))
    print(f"{'standard error':>30}" + "".join(f"{error:7.3f}" for _mean, error in lines))


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or theirs is None else round(ours / theirs, 3)


def strategies(text: str) -> Iterator[str]:
    """Names given with commas. Raises SystemExit with those there are."""
    for name in text.split(","):
        if name not in STRATEGIES:
            raise SystemExit(f"Strategy {name!r} is unknown; choose among: {', '.join(STRATEGIES)}.")
        yield name


def main() -> None:
    """Measure, print the tables, draw the figure, print the line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=sorted(DATASETS), default="dubai")
    parser.add_argument("--seeds", type=int, help=f"{SEEDS_KEPT} with --keep, else {SEEDS_QUICK}: 20 minutes")
    parser.add_argument("--strategies", type=lambda text: list(strategies(text)), default=list(STRATEGIES))
    parser.add_argument("--keep", action="store_true", help="the full form: results stay in bench/results")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--figure", type=Path, help="an SVG of the curves to write")
    arguments = parser.parse_args()
    arguments.seeds = arguments.seeds or (SEEDS_KEPT if arguments.keep else SEEDS_QUICK)
    path = (RESULTS if arguments.keep else SCRATCH) / f"learning-{arguments.data}.json"
    kept = json.loads(json.dumps(measure(arguments, path)))
    figures = report(kept, arguments.strategies)
    if arguments.figure:
        seeds = seeds_of(kept, [CEILING, *arguments.strategies])
        curves = {name: [kept["curves"][name][seed] for seed in seeds] for name in arguments.strategies}
        full = statistics.mean(kept["curves"][CEILING][seed] for seed in seeds)
        write_figure(arguments.figure, curves, ceiling=full, close=CLOSE)
    print("FIGURES " + json.dumps(figures))


if __name__ == "__main__":
    main()
