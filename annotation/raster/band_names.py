"""Names of bands: what a network asks for and what a view shows is found by name, never by position."""

from __future__ import annotations

import re
from collections.abc import Sequence

from annotation.raster.errors import UnsupportedPixels

# The spellings met in files, brought to one letter each so that views and models find them.
KNOWN = {
    "R": ("r", "red", "rouge"),
    "G": ("g", "green", "vert"),
    "B": ("b", "blue", "bleu"),
    "NIR": ("nir", "ir", "pir", "infrared", "near infrared", "near-infrared", "proche infrarouge"),
    "gray": ("gray", "grey", "pan", "panchromatic"),
}
BY_SPELLING = {spelling: name for name, spellings in KNOWN.items() for spelling in spellings}
BY_COUNT = {1: ("gray",), 3: ("R", "G", "B"), 4: ("R", "G", "B", "NIR")}
VALID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,31}")


def choose(descriptions: Sequence[str | None], *, given: Sequence[str] | None = None) -> tuple[str, ...]:
    """One name a band: as given, else as described in the file (when all are usable), else as usual.

    Usual by count: gray; R, G, B; R, G, B, NIR; otherwise band_1, band_2, ... Raises UnsupportedPixels for
    unusable given names.
    """
    count = len(descriptions)
    if given is not None:
        names = tuple(BY_SPELLING.get(name.strip().lower(), name.strip()) for name in given)
        if len(names) != count or not _usable(names):
            raise UnsupportedPixels(
                f"The band names {list(given)} were given for {count} bands. Give {count} different names of "
                "letters, digits, dot, dash or underscore, beginning with a letter."
            )
        return names
    described = tuple(BY_SPELLING.get((text or "").strip().lower(), (text or "").strip()) for text in descriptions)
    if _usable(described):
        return described
    return BY_COUNT.get(count) or tuple(f"band_{index}" for index in range(1, count + 1))


def _usable(names: tuple[str, ...]) -> bool:
    return len(set(names)) == len(names) and all(VALID.fullmatch(name) for name in names)
