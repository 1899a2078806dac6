"""Lines of a release's README on the ground: what changed, and what is artificialised, in French and English."""

from __future__ import annotations

from learning.release.contents import ReleaseContents

_CHANGE = {
    "fr": "- `change/` : ce qui a changé depuis une imagerie plus ancienne ({since}), estimé sur des lieux tirés au "
    "sort que des personnes ont regardés aux deux dates, jamais par différence de deux cartes ; intervalles à 95 %, "
    "comptages, poids, formules, et les lieux.",
    "en": "- `change/`: what changed since earlier imagery ({since}), estimated from places drawn at random that "
    "people looked at on both dates, never the difference of two maps; 95% intervals, counts, weights, formulas, "
    "and the places.",
}


def ground_lines(contents: ReleaseContents, language: str) -> list[str]:
    """A line a folder that the release has."""
    lines = []
    since = [str(one.figures["first"]["title"]) for one in contents.change if one.places]  # type: ignore[index]
    if since:
        lines.append(_CHANGE[language].format(since=", ".join(since)))
    return lines
