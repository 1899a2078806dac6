"""The two drawings of a measured shift: of each window where it lies, and all of them around where none would be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

SIDE = 300  # of a drawing, in its own units
_ARROW = 26  # length of the longest arrow
_MARGIN = 24


def plot_of(shift: Mapping[str, Any], bounds_crs: Sequence[float]) -> dict[str, Any] | None:
    """Marks of both drawings as texts, y down; None where the places of the windows were not kept.

    Args:
        shift: as `pair_shown.shift_told`. bounds_crs: left, bottom, right, top of the ground that was looked at.
    """
    places = shift["places"]
    if not places:
        return None
    return {"side": SIDE, "arrows": _arrows(places, bounds_crs), "spread": _spread(shift)}


def _arrows(places: Sequence[Mapping[str, float]], bounds: Sequence[float]) -> dict[str, Any]:
    """An arrow a window, from its middle, the longest drawn `_ARROW` long: how many times larger than the ground is."""
    left, bottom, right, top = bounds
    inner = SIDE - 2 * _MARGIN
    scale = inner / max(right - left, top - bottom)
    longest = max(math.hypot(one["east_m"], one["south_m"]) for one in places)
    reach = _ARROW / longest if longest else 0.0
    marks = []
    for one in places:
        x, y = _MARGIN + (one["x"] - left) * scale, _MARGIN + (top - one["y"]) * scale
        marks.append(_texts(x=x, y=y, x2=x + one["east_m"] * reach, y2=y + one["south_m"] * reach))
    return {
        "marks": marks,
        "longest_m": longest,
        "box": _texts(x=_MARGIN, y=_MARGIN, width=(right - left) * scale, height=(top - bottom) * scale),
    }


def _spread(shift: Mapping[str, Any]) -> dict[str, Any]:
    """A point a window, the median, within what 95 % of them lie, and the rule: a pixel of the coarser layer."""
    ends = [max(abs(one["east_m"]), abs(one["south_m"])) for one in shift["places"]]
    far = max(shift["limit_m"], *ends) * 1.15
    scale = (SIDE / 2 - _MARGIN) / far
    middle = SIDE / 2

    def at(east: float, south: float) -> dict[str, str]:
        return _texts(x=middle + east * scale, y=middle + south * scale)

    return {
        "points": [at(one["east_m"], one["south_m"]) for one in shift["places"]],
        "median": at(shift["east_m"], shift["south_m"]),
        "reach": f"{shift['spread_m'] * scale:.1f}",
        "limit": f"{shift['limit_m'] * scale:.1f}",
        "middle": f"{middle:.1f}",
    }


def _texts(**numbers: float) -> dict[str, str]:
    """Numbers as SVG writes them, whatever the reader's language does with decimals."""
    return {name: f"{number:.1f}" for name, number in numbers.items()}
