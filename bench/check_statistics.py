"""Are the platform's figures of area and change right, and their 95 % intervals as wide as they say?

Golden numbers of two papers; 200 random samples against a second implementation; 2,000 samples drawn from ground whose
truth is known, of which 93 to 97 in a hundred must have the truth in their interval; and a territory whose change is
known, sampled through the platform (_two_vintages.py, in a database of its own). Everything is seeded. Ends with a
line `FIGURES {json}`, and fails where a figure misses.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from _statistics_by_hand import olofsson, stehman
from _two_vintages import checked
from numpy.typing import NDArray

from learning.core.area import AreaAccuracy, stratified_estimates
from learning.core.area_blocks import block_estimates
from learning.core.area_strata import strata_estimates
from learning.core.change_area import area_showing, net_area
from learning.core.sample_frame import allocate

SAMPLES, MATRICES, SEED = 2_000, 200, 20_310_101
LEAST, MOST = 0.93, 0.97
IntArray = NDArray[np.int64]

# Olofsson 2014, table 8, 0.09 ha a pixel; the half-widths of producer's accuracy are those of equation 7.
TABLE_8 = [[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]
ROUNDED = 1.96 / 1.959963984540054  # the papers round the quantile
MAPPED_HA = [pixels * 0.09 for pixels in (200_000, 150_000, 3_200_000, 6_450_000)]
GOLDEN = {
    "area": ([21157.76, 11686.15, 285769.93, 581386.15], [6157.63, 3755.83, 15509.84, 16281.66], 0.005),
    "user": ([0.88, 0.7333, 0.9273, 0.9631], [0.0740, 0.1008, 0.0397, 0.0205], 5e-5),
    "producer": ([0.7487, 0.8472, 0.9345, 0.9616], [0.2133, 0.2544, 0.0343, 0.0184], 5e-5),
}
OVERALL = (0.94651, 0.01848)
# Stehman 2014: the numbers that its text prints, with standard errors.
STRATUM = [0] * 10 + [1] * 10 + [2] * 10 + [3] * 10
MAPPED = [0] * 7 + [1] * 3 + [0] + [1] * 11 + [2] * 6 + [1] * 2 + [3] * 10
REFERENCE = [0] * 5 + [2, 1, 0, 1, 2, 0] + [1] * 5 + [0, 0, 1, 1] + [2] * 5 + [3, 3, 1, 1, 0] + [3] * 7 + [2, 2, 1]
STEHMAN = {
    "overall": (0, 0.63, 0.085),
    "area": (0, 0.35, 0.082),
    "user": (1, 0.574, 0.125),
    "producer": (1, 0.794, 0.116),
}


def main() -> int:
    """Run every check, print what was found, fail where one misses."""
    figures: dict[str, bool | float] = {"golden_ok": golden() and agreement()}
    areas, overall = coverage_of_areas()
    figures |= {"coverage_area": areas, "coverage_oa": overall, "coverage_change": coverage_of_change()}
    coverage_where_a_class_is_rare()
    figures["coverage_blocks"] = coverage_of_blocks()
    print("\nA made territory at two dates, sampled through the platform:")
    figures |= checked()
    missed = [
        name for name, value in figures.items()
        if value is False or (not isinstance(value, bool) and not LEAST <= value <= MOST)
    ]  # fmt: skip
    if missed:
        print(f"\nMissed: {', '.join(missed)}.")
    print("FIGURES " + json.dumps(figures))
    return 1 if missed else 0


def golden() -> bool:
    """The papers' own examples."""
    found = stratified_estimates(np.array(TABLE_8), mapped_area=MAPPED_HA)
    told = [
        abs(found.overall.value - OVERALL[0]) < 5e-6 and abs(found.overall.half_width * ROUNDED - OVERALL[1]) < 1e-5
    ]
    for kind, (values, halves, within) in GOLDEN.items():
        pairs = zip(getattr(found, kind), values, halves, strict=True)
        told += [abs(one.value - v) <= within and abs(one.half_width * ROUNDED - h) <= within for one, v, h in pairs]
    other = strata_estimates(
        places=[40_000, 30_000, 20_000, 10_000], stratum=np.array(STRATUM), mapped=np.array(MAPPED),
        reference=np.array(REFERENCE), mapped_area=[1.0] * 4, place_area=1e-5,
    )  # fmt: skip
    for kind, (k, value, error) in STEHMAN.items():
        one = other.overall if kind == "overall" else getattr(other, kind)[k]
        told.append(abs(one.value - value) < 6e-4 and abs(one.half_width / 1.959964 - error) < 6e-4)
    print(f"Golden numbers: {sum(told)} of {len(told)} (Olofsson 2014 table 8, Stehman 2014).")
    return all(told)


def agreement() -> bool:
    """Random samples, worked by the platform and by hand."""
    rng, furthest = np.random.default_rng(SEED), 0.0
    for _ in range(MATRICES):
        q = int(rng.integers(2, 8))
        counts = rng.integers(0, 60, (q, q)) + 2 * np.eye(q, dtype=np.int64)
        mapped = rng.uniform(1, 1e6, q)
        furthest = max(furthest, _apart(stratified_estimates(counts, mapped_area=mapped.tolist()),
                                        olofsson(counts.tolist(), mapped.tolist())))  # fmt: skip
        n, strata = int(rng.integers(40, 160)), int(rng.integers(2, 6))
        stratum = np.concatenate([np.repeat(np.arange(strata), 2), rng.integers(0, strata, n)])
        codes = [rng.integers(0, q, len(stratum)) for _ in range(2)]
        places = (np.bincount(stratum) + rng.integers(1, 100_000, strata)).tolist()
        found = strata_estimates(
            places=places, stratum=stratum, mapped=codes[0], reference=codes[1], mapped_area=[0.0] * q,
            place_area=1 / sum(places),
        )  # fmt: skip
        furthest = max(furthest, _apart(found, stehman(places, *(c.tolist() for c in (stratum, *codes)), q)))
    print(f"{MATRICES} random samples, each by both estimators: furthest apart {furthest:.1e} of the value.")
    return furthest < 1e-9


def _apart(found: AreaAccuracy, by_hand: dict) -> float:
    """How far both are apart, by the size of what they tell."""
    worst = 0.0
    for kind, told in by_hand.items():
        ours = [found.overall] if kind == "overall" else getattr(found, kind)
        for one, other in zip(ours, told, strict=True):
            if one is None or other is None:
                if one is not other:
                    return float("inf")
                continue
            for a, b in zip((one.value, one.half_width), other, strict=True):
                worst = max(worst, abs(a - b) / max(1.0, abs(b)) if abs(b) < 1e-6 else abs(a - b) / abs(b))
    return worst


@dataclass(frozen=True)
class Ground:
    """Places by stratum (of the map) and by what is there: int64 (stratum, class), all of them."""

    places: IntArray

    @classmethod
    def of(cls, shares: list[float], truth: list[list[float]]) -> Ground:
        """A million places."""
        return cls(np.rint(1_000_000 * np.array(shares)[:, None] * np.array(truth)).astype(np.int64))

    def draws(self, total: int, rng: np.random.Generator, *, fewest: int) -> Callable[[], IntArray]:
        """How to draw places in each stratum without putting any back: counts, int64 (stratum, class)."""
        sizes = {number: int(size) for number, size in enumerate(self.places.sum(axis=1))}
        wanted = allocate(sizes, total, fewest=fewest)
        return lambda: np.array([rng.multivariate_hypergeometric(row, wanted[i]) for i, row in enumerate(self.places)])


LAND = Ground.of(  # sealed, fields, grass, woods: shares and errors as of a good map of a département
    [0.08, 0.22, 0.45, 0.25],
    [[0.85, 0.06, 0.05, 0.04], [0.03, 0.88, 0.06, 0.03], [0.01, 0.04, 0.90, 0.05], [0.01, 0.03, 0.08, 0.88]],
)
RARE = Ground.of(  # the first class takes 1.2 % of the ground, a fifth of it beyond where the map has it
    [0.013, 0.237, 0.45, 0.30],
    [
        [0.75, 0.10, 0.10, 0.05],
        [0.004, 0.900, 0.060, 0.036],
        [0.002, 0.040, 0.900, 0.058],
        [0.001, 0.030, 0.080, 0.889],
    ],
)


def _inside(ground: Ground, counts: IntArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_], bool]:
    """Whether the usual interval, and the one that is published, hold each area; and that of the overall accuracy.

    Which of the two is published does not depend on the sample: chosen by how many places decide, the wide one is
    taken just where the estimate came out low, and the pair holds the truth too often (0.98).
    """
    size = ground.places.sum(axis=1)
    truth = ground.places.sum(axis=0)
    found = stratified_estimates(counts, mapped_area=size.tolist())
    usual = np.array([abs(one.value - t) <= one.half_width for one, t in zip(found.area, truth, strict=True)])
    stratum = np.repeat(np.arange(len(counts)), counts.sum(axis=1))
    reference = np.concatenate([np.repeat(np.arange(counts.shape[1]), row) for row in counts])
    wide = [area_showing(areas=size.tolist(), stratum=stratum, shows=np.equal(reference, j)) for j in range(len(truth))]
    published = np.array([one.lower <= t <= one.upper for one, t in zip(wide, truth, strict=True)])
    right = np.diagonal(ground.places).sum() / size.sum()
    return usual, published, bool(abs(found.overall.value - right) <= found.overall.half_width)


def coverage_of_areas() -> tuple[float, float]:
    """Of each class's area (the class that is furthest from 0.95 counts) and of the overall accuracy."""
    draw = LAND.draws(800, np.random.default_rng(SEED), fewest=75)
    drawn = [_inside(LAND, draw()) for _ in range(SAMPLES)]
    by_class = np.mean([published for _, published, _ in drawn], axis=0)
    overall = float(np.mean([right for _, _, right in drawn]))
    usual = np.mean([one for one, _, _ in drawn], axis=0)
    print(f"\n{SAMPLES} samples of 800 places: areas {_listed(by_class)} (by the usual interval {_listed(usual)}), "
          f"overall accuracy {overall:.3f}.")  # fmt: skip
    return float(by_class[np.argmax(np.abs(by_class - 0.95))]), overall


def coverage_where_a_class_is_rare() -> None:
    """Told, not judged: how the usual interval fails where few places decide, and what is published instead."""
    print("\nA class of 1.2 % of the ground: samples of which the interval of its area holds the truth\n")
    print("| places | in its stratum | seen elsewhere, on average | usual interval | published interval |")
    print("|---|---|---|---|---|")
    for total, fewest in ((200, 30), (400, 75), (800, 75), (1600, 100), (3200, 200)):
        draw = RARE.draws(total, np.random.default_rng(SEED), fewest=fewest)
        counts = [draw() for _ in range(SAMPLES // 2)]
        drawn = [_inside(RARE, one) for one in counts]
        usual, published = (float(np.mean([one[k][0] for one in drawn])) for k in (0, 1))
        off = float(np.mean([one[1:, 0].sum() for one in counts]))
        print(f"| {total} | {counts[0][0].sum()} | {off:.1f} | {usual:.3f} | {published:.3f} |")


def coverage_of_change() -> float:
    """Of gain, loss and net (the one furthest from 0.95 counts): both maps err, so that strata do not show change."""
    # Strata stable in, stable out, gain, loss; what is there: no change, gain, loss.
    ground = Ground.of(
        [0.10, 0.87, 0.02, 0.01],
        [[0.990, 0.004, 0.006], [0.994, 0.004, 0.002], [0.45, 0.54, 0.01], [0.60, 0.02, 0.38]],
    )
    areas, (_, gain, loss) = ground.places.sum(axis=1), ground.places.sum(axis=0)
    draw = ground.draws(1_200, np.random.default_rng(SEED), fewest=150)
    held = []
    for _ in range(SAMPLES):
        counts = draw()
        stratum = np.repeat(np.arange(4), counts.sum(axis=1))
        change = np.concatenate([np.repeat(np.array([0, 1, -1], np.int8), row) for row in counts])
        found = [area_showing(areas=areas.tolist(), stratum=stratum, shows=change == sign) for sign in (1, -1)]
        found.append(net_area(areas=areas.tolist(), stratum=stratum, change=change))
        held.append([one.lower <= t <= one.upper for one, t in zip(found, (gain, loss, gain - loss), strict=True)])
    by_kind = np.mean(held, axis=0)
    print(f"\n{SAMPLES} samples of 1,200 places of change: gain, loss, net {_listed(by_kind)}.")
    return float(by_kind[np.argmax(np.abs(by_kind - 0.95))])


def coverage_of_blocks() -> float:
    """Of a class's area from 24 of 240 blocks, whose errors are alike within; pixels as units are told beside."""
    rng = np.random.default_rng(SEED)
    pixels = 10_000
    ours, naive = [], []
    for _ in range(SAMPLES):
        share, wrong = rng.beta(2, 6, 240), rng.beta(1.5, 12, (240, 2))  # of the class as mapped; of wrong pixels
        mapped = np.rint(share * pixels).astype(np.int64)
        out, back = np.rint(mapped * wrong[:, 0]).astype(int), np.rint((pixels - mapped) * wrong[:, 1]).astype(int)
        matrices = np.stack([np.stack([mapped - out, back], 1), np.stack([out, pixels - mapped - back], 1)], 1)
        totals = np.array([mapped.sum(), 240 * pixels - mapped.sum()], np.float64)
        truth = (mapped - out + back).sum()
        chosen = matrices[rng.choice(240, 24, replace=False)]
        one = block_estimates(chosen, mapped=totals, drawn_share=0.1).area[0]
        ours.append(abs(one.value - truth) <= one.half_width)
        other = stratified_estimates(chosen.sum(axis=0).T, mapped_area=totals.tolist()).area[0]
        naive.append(abs(other.value - truth) <= other.half_width)
    print(f"\n{SAMPLES} hold-outs of 24 blocks: {np.mean(ours):.3f}; pixels taken for places: {np.mean(naive):.3f}.")
    return float(np.mean(ours))


def _listed(values: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)


if __name__ == "__main__":
    sys.exit(main())
