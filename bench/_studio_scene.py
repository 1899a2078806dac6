"""A tile covered by very many polygons that share their vertices, from a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

Point = tuple[int, int]
CORNER_JITTER, EDGE_JITTER = 0.18, 0.10  # shares of a cell's side
#: Between two corners of a cell. Shapes made of segments, which follow pixels, have as many, and a tile of 5,000 such
#: shapes has 180,000 corners: nearly the 200,000 that the studio promises to hold.
POINTS_AN_EDGE = 8


def _corners(side: int, n: int, rng: random.Random) -> list[list[Point]]:
    step = side / n

    def place(i: int) -> int:
        inner = 0 < i < n
        return round(i * step + (rng.uniform(-CORNER_JITTER, CORNER_JITTER) * step if inner else 0))

    return [[(place(column), place(row)) for column in range(n + 1)] for row in range(n + 1)]


def _edge(a: Point, b: Point, bend: float, rng: random.Random, *, straight: bool) -> list[Point]:
    """From a, without b: points between them, off the line unless it is the tile's side, less near its ends."""
    (ax, ay), (bx, by) = a, b
    length = math.hypot(bx - ax, by - ay)
    points = [a]
    for number in range(1, POINTS_AN_EDGE + 1):
        share = number / (POINTS_AN_EDGE + 1)
        off = 0.0 if straight else rng.uniform(-bend, bend) * 4 * share * (1 - share) / length
        along = ax + (bx - ax) * share, ay + (by - ay) * share
        points.append((round(along[0] - (by - ay) * off), round(along[1] + (bx - ax) * off)))
    return points


def coverage(*, side: int, count: int, codes: Sequence[str], seed: int = 7) -> list[dict[str, Any]]:
    """`count` polygons of about 36 vertices that cover a tile of `side` units without gap or overlap.

    A jittered grid of n × n cells, n² the first square from `count` on; the cells too many are joined to a neighbour.
    """
    rng = random.Random(seed)  # noqa: S311 a scene, not a secret
    n = next(n for n in range(1, count + 1) if n * n >= count)
    bend = EDGE_JITTER * side / n
    at = _corners(side, n, rng)
    across = [[_edge(at[r][c], at[r][c + 1], bend, rng, straight=r in (0, n)) for c in range(n)] for r in range(n + 1)]
    down = [[_edge(at[r][c], at[r + 1][c], bend, rng, straight=c in (0, n)) for c in range(n + 1)] for r in range(n)]

    def ring(r: int, c: int, width: int) -> list[Point]:
        """Clockwise on the screen, over `width` cells side by side."""
        top = [p for k in range(width) for p in across[r][c + k]]
        right = down[r][c + width]
        bottom = [at[r + 1][c + width]] + [p for k in reversed(range(width)) for p in _backwards(r + 1, c + k)]
        left = [at[r + 1][c], *reversed(down[r][c][1:])]
        return [*top, *right, *bottom[:-1], *left]

    def _backwards(r: int, c: int) -> list[Point]:
        return [*reversed(across[r][c][1:]), at[r][c]]

    joined = set(rng.sample([(r, c) for r in range(n) for c in range(0, n - 1, 2)], n * n - count))
    features = []
    for r in range(n):
        for c in range(n):
            if (r, c - 1) in joined:
                continue
            points = ring(r, c, 2 if (r, c) in joined else 1)
            features.append(
                {
                    "id": f"s{r}-{c}",
                    "class_code": codes[rng.randrange(len(codes))],
                    "rings": [[list(p) for p in points]],
                    "provenance": "drawn",
                }
            )
    return features
