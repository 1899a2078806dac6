"""What a release says of the ground beside its map: how much of it changed, and what of it is artificialised.

Plain records. Nothing here reads a clock, a database or a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ChangePlace:
    """A place that people looked at on two dates, by its number in the random order of the draw.

    Args:
        row, col: upper-left pixel on the campaign's layer.
        first_mapped, second_mapped: class that each date's map gives it; "" where it is not known.
        first_seen, second_seen: class that people agreed on; "" where they could not tell or did not agree.
        first_day, second_day: when its ground was photographed.
    """

    number: int
    stratum: str
    row: int
    col: int
    inclusion_probability: float
    first_mapped: str
    second_mapped: str
    first_seen: str
    second_seen: str
    first_day: date | None
    second_day: date | None


@dataclass(frozen=True, slots=True)
class ChangeStatistics:
    """Change since an earlier layer, with its error and all that it rests on.

    Args:
        first: slug of the earlier layer.
        figures: JSON-able, see `learning.services.released_change`; "status" says whether it is assessed.
        places: of the sample, squares of `unit_px` pixels; none where nothing is assessed.
    """

    first: str
    figures: Mapping[str, object]
    places: tuple[ChangePlace, ...] = ()
    unit_px: int = 1


@dataclass(frozen=True, slots=True)
class ArtificialisedGround:
    """Polygons of artificialised ground: files already written, or why they are not published.

    Args:
        figures: JSON-able, see `learning.services.released_ground`; empty where they are not published.
        reason: "", or one of "not_computed", "licence", "made_again". about: the source of usage that it is about.
        parquet, gpkg, rule: the files; None where they are not published.
    """

    figures: Mapping[str, object]
    reason: str = ""
    about: str = ""
    parquet: Path | None = None
    gpkg: Path | None = None
    rule: Path | None = None
