"""How long it takes to pick a varied batch among very many tiles, beside the full traversal of all of them."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from learning.core.acquisition import Candidates, DoubtAndDiversity, short_list, tile_worth
from learning.core.diversity import covering_radius, farthest_first
from learning.core.map_tables import EMBEDDING_SIZE

TILES, CLASSES, WANTED, CLUSTERS = 600_000, 12, 1_000, 400
RUNS = 5


def a_departement(seed: int) -> Candidates:
    """As many tiles as a département has: some hundred kinds of ground, most of it few kinds."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((CLUSTERS, EMBEDDING_SIZE)).astype(np.float32)
    kind = np.minimum(rng.geometric(0.02, TILES), CLUSTERS) - 1
    embedding = centres[kind] + 0.3 * rng.standard_normal((TILES, EMBEDDING_SIZE)).astype(np.float32)
    share = rng.dirichlet(np.full(CLASSES, 0.1), TILES).astype(np.float32)
    doubt = share * rng.gamma(2.0, 0.15, (TILES, 1)).astype(np.float32)
    places = np.arange(TILES)
    return Candidates(row=places // 800, col=places % 800, doubt=doubt, share=share, embedding=embedding)


def measure(seed: int = 2022) -> dict[str, Any]:
    """Figures `select_seconds_600k`, `select_speedup` and `select_radius`: ours ÷ the full one's, on the short list.

    A covering radius is a matter of the oddest tile, and our choice is told to leave odd tiles aside: its radius is
    printed, and the figure is that of the same choice without that (`typical=0`).
    """
    candidates = a_departement(seed)
    embedding = candidates.embedding
    if embedding is None:
        raise SystemExit("The tiles have no embedding.")
    ours, chosen = [], np.empty(0, np.intp)
    for _run in range(RUNS):
        before = time.perf_counter()
        chosen = DoubtAndDiversity()(candidates, count=WANTED, rng=np.random.default_rng(seed))
        ours.append(time.perf_counter() - before)
    before = time.perf_counter()
    full = farthest_first(embedding, count=WANTED)
    whole = time.perf_counter() - before
    ours_is = DoubtAndDiversity(typical=0)
    odd_too = ours_is(candidates, count=WANTED, rng=np.random.default_rng(seed))
    worth = tile_worth(candidates, rarity=ours_is.rarity, cost=ours_is.cost)
    short = short_list(worth, count=WANTED, rng=np.random.default_rng(seed))
    radii = [
        covering_radius(np.concatenate([embedding[short], embedding[of]]), np.arange(len(short), len(short) + len(of)))
        for of in (odd_too, full, chosen)
    ]
    seconds = statistics.median(ours)
    print(f"\n{WANTED:,} varied tiles of {TILES:,}, {EMBEDDING_SIZE} dimensions, medians of {RUNS}:")
    print(f"  ours {seconds:.2f} s; farthest first over all of them {whole:.1f} s, {whole / seconds:.0f} times as long")
    print(
        f"  largest distance on the short list: ours with odd tiles {radii[0]:.3f}, over all {radii[1]:.3f}, "
        f"ours {radii[2]:.3f}"
    )
    return {
        "select_seconds_600k": round(seconds, 2),
        "select_speedup": round(whole / seconds, 1),
        "select_radius": round(radii[0] / radii[1], 3),
    }
