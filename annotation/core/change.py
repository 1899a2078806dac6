"""Change between two dates as people are asked about it: which ground, in which order, and what their answers say.

Classes are codes of one nomenclature; ground is integer rings in 1/8 pixel of the later layer's tile (docs/adr/0051).
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import shapely
from numpy.random import Generator

from annotation.core.features import Feature, Rings
from annotation.core.grid import SUBPIXELS
from annotation.core.transfer import faces_of, rings_of

Key = TypeVar("Key", bound=Hashable)

UNSURE = "unsure"
FIRST_WRONG = "first_wrong"


@dataclass(frozen=True, slots=True)
class FoundCell:
    """A piece of ground of one tile that people are to be asked about.

    Args:
        row, col: of the tile, in the campaign over the later layer.
        rings: exterior, then holes, in 1/8 pixel from the tile's upper-left corner.
        first_code, second_code: what the labels or the map of each date say; "": nothing.
        score: from 0; higher is asked sooner. Disagreement times doubt where maps are compared.
        doubt: the maps' mean doubt there, 0 to 1; None where nobody computed one.
        is_control: drawn at random, whatever the dates say, with `probability`; the others have 1.
    """

    row: int
    col: int
    rings: Rings
    first_code: str
    second_code: str
    score: float
    doubt: float | None = None
    is_control: bool = False
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict on a cell with the class that it gives each date."""

    verdict: str
    first_code: str = ""
    second_code: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a cell's answers come to: "open", "review" or "settled", and what it is settled as."""

    state: str
    said: Said | None = None


def outcome_of(answers: Sequence[Said], *, wanted: int, patch_needs: int, ruling: Said | None = None) -> Outcome:
    """What the answers on one cell come to.

    A maintainer's ruling settles it whatever was said. Without one, fewer answers than `wanted` leave it open; all the
    same settle it; different ones, or any that cannot tell, go to review. So does "the earlier label was wrong" by
    fewer people than `patch_needs`: it corrects what is published already.
    """
    if ruling is not None:
        return Outcome("settled", ruling)
    if len(answers) < max(1, wanted):
        return Outcome("open")
    first = answers[0]
    if first.verdict == UNSURE or any(said != first for said in answers):
        return Outcome("review")
    if first.verdict == FIRST_WRONG and len(answers) < patch_needs:
        return Outcome("review")
    return Outcome("settled", first)


def in_order(
    scored: Sequence[tuple[Key, float]], controls: Collection[Key], *, control_share: float, rng: Generator
) -> list[Key]:
    """Keys as they are given out: scored ones by falling score, with controls in between.

    Each place goes to a control with probability `control_share` for as long as both are left; controls come in random
    order. Of equal scores the one that was given first is first.

    Raises: ValueError: `control_share` is not in [0, 1).
    """
    if not 0 <= control_share < 1:
        raise ValueError(f"control_share is {control_share!r}: expected 0 to below 1.")
    by_score = [key for key, _ in sorted(scored, key=lambda item: -item[1])]
    drawn = list(controls)
    rng.shuffle(drawn)  # type: ignore[arg-type]
    ordered: list[Key] = []
    while by_score and drawn:
        ordered.append(drawn.pop() if rng.random() < control_share else by_score.pop(0))
    return ordered + by_score + drawn


def drawn_controls(of: Sequence[Key], *, scored: int, control_share: float, rng: Generator) -> tuple[list[Key], float]:
    """Controls drawn from `of`, as many as make them `control_share` of all, and the probability each had.

    At least one where the share is above 0 and there is any to draw. Returns ([], 1.0) where there is none.
    """
    if control_share <= 0 or not of:
        return [], 1.0
    wanted = max(1, round(scored * control_share / (1 - control_share)))
    count = min(wanted, len(of))
    chosen = sorted(rng.choice(len(of), size=count, replace=False).tolist())
    return [of[i] for i in chosen], count / len(of)


def most_telling(cells: Iterable[FoundCell], *, most: int | None, control_share: float, seed: int) -> list[FoundCell]:
    """The cells worth asking most, and as many control tiles as go with their tiles; all of them without `most`.

    Of control tiles that are too many some are drawn, which lowers the probability that each had.

    Args: most: cells that are no controls. control_share: of the tiles, 0 to below 1.
    """
    found = list(cells)
    asked = sorted((cell for cell in found if not cell.is_control), key=lambda cell: (-cell.score, cell.row, cell.col))
    if most is None or len(asked) <= most:
        return found
    asked = asked[:most]
    controls = [cell for cell in found if cell.is_control]
    places = sorted({(cell.row, cell.col) for cell in controls})
    tiles = len({(cell.row, cell.col) for cell in asked})
    rng = np.random.default_rng(seed)
    drawn, probability = drawn_controls(places, scored=tiles, control_share=control_share, rng=rng)
    kept = set(drawn)
    return asked + [
        replace(cell, probability=cell.probability * probability) for cell in controls if (cell.row, cell.col) in kept
    ]


def compared_labels(
    first: Sequence[Feature], second: Sequence[Feature], *, least_px: int
) -> list[tuple[str, str, Rings, float]]:
    """Pieces of a tile on which two coverages say something, with what each says.

    Args:
        first, second: coverages of one tile on the same integer grid; `second` may be empty.
        least_px: pieces smaller than this, in pixels, or nowhere a pixel wide are left out.

    Returns: (class of the first, class of the second or "", rings, area in pixels) of each connected piece that the
        first labels, by falling area.
    """
    if not first:
        return []
    pieces: list[tuple[str, str, Rings, float]] = []
    for (a, b), face in faces_of(first, second).items():
        for part in shapely.get_parts(face):
            area_px = float(shapely.area(part)) / SUBPIXELS**2
            if area_px >= least_px and not shapely.is_empty(shapely.buffer(part, -SUBPIXELS / 2)):
                pieces.append((a, b, rings_of(part), area_px))
    return sorted(pieces, key=lambda piece: (-piece[3], piece[2]))


def asked_window(rings: Rings) -> list[int]:
    """The pixels of a tile around a piece of ground: [col, row, width, height], whole pixels."""
    xy = np.array(rings[0])
    left, top = (xy.min(axis=0) // SUBPIXELS).tolist()
    right, bottom = (-(-xy.max(axis=0) // SUBPIXELS)).tolist()
    return [left, top, right - left, bottom - top]


def area_px(rings: Rings) -> float:
    """Pixels that rings enclose, holes left out."""
    return float(shapely.Polygon(rings[0], rings[1:]).area) / SUBPIXELS**2
