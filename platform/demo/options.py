"""What a demonstration is asked to do, and the figures it ends with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Options read from a variable of the same name in capitals.
NUMBERS = (
    "tile_px", "rounds", "first_tiles", "round_tiles", "training_steps", "vintage", "seed", "size_px", "port",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What a demonstration works on; without imagery it draws its own territory.

    imagery and labels hold paths or glob patterns; transform is six numbers (a b c d e f), given with crs for
    imagery that has no georeferencing of its own. first_tiles and round_tiles are pool tiles: the first round
    asks for the whole hold-out beside them.
    """

    root: Path
    imagery: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    nomenclature: str = "ocsge_cover"
    crs: str = ""
    transform: str = ""
    attribution: str = ""
    vintage: int = 2024
    tile_px: int = 128
    rounds: int = 3
    first_tiles: int = 24
    round_tiles: int = 16
    training_steps: int = 200
    contributors: int = 3
    seed: int = 7
    size_px: int = 2560
    port: int = 8000

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, root: Path) -> DemoOptions:
        """Read IMAGERY, LABELS, NOMENCLATURE, CRS, TRANSFORM, ATTRIBUTION and the whole numbers of `NUMBERS`.

        Raises ValueError for a number that is none, or for a variable that lacks the one it goes with.
        """
        numbers = {name: environ.get(name.upper(), "") for name in NUMBERS}
        for name, text in numbers.items():
            if text and not (text.isdecimal() and int(text) > 0):
                raise ValueError(f"{name.upper()}={text!r} is not a whole number above 0")
        imagery, labels = (tuple(environ.get(name, "").split()) for name in ("IMAGERY", "LABELS"))
        if bool(imagery) != bool(labels):
            raise ValueError("give IMAGERY and LABELS together: the simulated people label from LABELS")
        if imagery and not environ.get("NOMENCLATURE"):
            raise ValueError("give NOMENCLATURE with IMAGERY: the code whose raster values LABELS holds")
        if bool(environ.get("CRS")) != bool(environ.get("TRANSFORM")):
            raise ValueError("give CRS and TRANSFORM together: a place needs both")
        return cls(
            root=root,
            imagery=imagery,
            labels=labels,
            nomenclature=environ.get("NOMENCLATURE") or "ocsge_cover",
            crs=environ.get("CRS", ""),
            transform=environ.get("TRANSFORM", ""),
            attribution=environ.get("ATTRIBUTION", ""),
            **{name: int(text) for name, text in numbers.items() if text},
        )


@dataclass(frozen=True, slots=True)
class RoundFigures:
    """One line of the table: what the model trained after a round was worth."""

    labelled_tiles: int
    holdout_miou: float | None
    mean_entropy_nats: float | None
    promoted: bool | None


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The figures of the last line."""

    rounds: tuple[RoundFigures, ...]
    release_artefacts: int
    release_faults: int
    loop_seconds: float
    url: str

    def as_line(self) -> str:
        """`FIGURES {json}`."""
        return "FIGURES " + json.dumps(asdict(self))


def table(lines: Sequence[RoundFigures]) -> str:
    """The rounds as text: round, labelled tiles, hold-out mIoU, mean entropy, promoted or not."""
    head = f"{'round':>5}  {'labelled tiles':>14}  {'hold-out mIoU':>13}  {'mean entropy (nats)':>19}  promoted"
    rows = [
        f"{number:>5}  {line.labelled_tiles:>14}  {_figure(line.holdout_miou):>13}  "
        f"{_figure(line.mean_entropy_nats):>19}  {'yes' if line.promoted else 'no'}"
        for number, line in enumerate(lines, start=1)
    ]
    return "\n".join(["", head, *rows, ""])


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
