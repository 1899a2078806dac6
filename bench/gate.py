"""How often does the gate let a worse model through, and how often does it turn an equal one away?

For several sizes of the hold-out, models whose mean IoU is truly 1 to 15 points lower (log-uniformly), models that are
truly equal, and models that are better by as much are judged against the published one, each on a hold-out of its own
(bench/_gate_models.py says how models and ground differ). A worse model must never be promoted, an equal one should not
be rejected, and a better one not be held for long.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter

import _platform  # noqa: F401
import numpy as np
from _gate_models import ACCURACY, CODES, DROPS, Holdout, worse_by

from learning.core.gate import GateRule, decide

SIZES = (12, 24, 48, 96, 200)
KINDS = ("worse", "equal", "better")


def outcomes(*, n_tiles: int, repeats: int, kind: str, n_resamples: int, seed: int = 0) -> Counter[str]:
    """How many of `repeats` candidates were promoted, held and rejected."""
    found: Counter[str] = Counter()
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, n_tiles, repeat, KINDS.index(kind)])
        holdout = Holdout(n_tiles, seed=int(rng.integers(2**31)))
        good, other = np.array(ACCURACY), np.array(ACCURACY)
        if kind != "equal":
            other = worse_by(math.exp(rng.uniform(*map(math.log, DROPS))), rng=rng)
        candidate, published = (good, other) if kind == "better" else (other, good)
        decision = decide(
            holdout.confusions(candidate, rng=rng),
            holdout.confusions(published, rng=rng),
            class_codes=CODES,
            blocks=holdout.blocks,
            rng=rng,
            rule=GateRule(n_resamples=n_resamples),
        )
        found[decision.outcome] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=100, help="candidates of each kind, at each size")
    parser.add_argument("--resamples", type=int, default=GateRule().n_resamples)
    options = parser.parse_args()
    print(f"{'tiles':>6}  {'candidates':<10}  {'promoted':>8}  {'held':>6}  {'rejected':>8}")
    counted: dict[tuple[int, str], Counter[str]] = {}
    for n_tiles in SIZES:
        for kind in KINDS:
            found = outcomes(n_tiles=n_tiles, repeats=options.repeats, kind=kind, n_resamples=options.resamples)
            counted[n_tiles, kind] = found
            print(
                f"{n_tiles:>6}  {kind:<10}  {found['promote']:>8}  {found['hold']:>6}  {found['reject']:>8}", flush=True
            )

    def share(kind: str, outcome: str) -> dict[int, float]:
        return {n_tiles: round(counted[n_tiles, kind][outcome] / options.repeats, 3) for n_tiles in SIZES}

    figures = {
        "worse_promoted": sum(counted[n_tiles, "worse"]["promote"] for n_tiles in SIZES),
        "worse_candidates": options.repeats * len(SIZES),
        # Of a hundred, at the size of the hold-out where most were turned away.
        "equal_not_rejected": round(100 * (1 - max(share("equal", "reject").values())), 1),
        "worse_rejected_share": share("worse", "reject"),
        "equal_promoted_share": share("equal", "promote"),
        "better_promoted_share": share("better", "promote"),
        "differences_points": [100 * drop for drop in DROPS],
        "holdout_tiles": list(SIZES),
    }
    print("FIGURES " + json.dumps(figures))


if __name__ == "__main__":
    main()
