"""What is different from a campaign's previous release, and which version that calls for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Version = tuple[int, int, int]
FIRST_VERSION: Version = (0, 1, 0)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many came, are different, and went."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    @property
    def total(self) -> int:
        """All that are not as they were."""
        return self.added + self.changed + self.removed


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """A model by its version, with its mean IoU on the hold-out and the interval's ends; None where not assessed."""

    version: str
    miou: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class ReleaseChanges:
    """Facts about a release beside the one before, counted from what both hold.

    `labels` are annotations: one that has another revision now is changed. `polygons` are theirs by class code: a
    polygon is the same while it keeps its id, class and outline; a changed one counts under the class it has now.
    `tiles` and `contributors` are those of this release. Class codes are of classes that people may choose.
    """

    previous: str | None
    labels: Counts
    polygons: Mapping[str, Counts]
    tiles: int
    contributors: int
    new_contributors: int = 0
    classes_added: tuple[str, ...] = ()
    classes_retired: tuple[str, ...] = ()
    model: ModelFigures | None = None
    model_before: ModelFigures | None = None
    has_map: bool = False
    had_map: bool = False
    reports_fixed: int = 0
    licence: str = ""
    licence_before: str = ""
    tiles_before: int | None = None

    @property
    def has_other_model(self) -> bool:
        """Whether the model is another one than before, came or went."""
        before = self.model_before.version if self.model_before else None
        return before != (self.model.version if self.model else None)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A version, the step that leads to it ("first", "major", "minor", "patch"), and codes of the facts that ask for
    that step.
    """

    version: str
    step: str
    reasons: tuple[str, ...] = field(default=())


def suggested_version(highest: Version | None, changes: ReleaseChanges) -> Suggestion:
    """The version after the campaign's highest, by Semantic Versioning 2.0.0 applied to data.

    What a re-user's program relies on is the classes and the terms: a class that went or another licence is a new
    major version, before 1.0.0 a new minor one. More of the same (labels, a class, a model, a map) is a minor version.
    Corrections alone (labels changed or removed), or nothing, is a patch.
    """
    if highest is None:
        return Suggestion(as_text(FIRST_VERSION), "first")
    major, minor, patch = highest
    breaking = _holding(
        classes_retired=bool(changes.classes_retired),
        licence=bool(changes.licence_before) and changes.licence != changes.licence_before,
    )
    if breaking:
        return Suggestion(as_text((major + 1, 0, 0) if major else (0, minor + 1, 0)), "major", breaking)
    more = _holding(
        labels_added=changes.labels.added > 0,
        classes_added=bool(changes.classes_added),
        model=changes.has_other_model,
        map=changes.has_map != changes.had_map,
    )
    if more:
        return Suggestion(as_text((major, minor + 1, 0)), "minor", more)
    corrections = _holding(labels_corrected=changes.labels.total > 0)
    return Suggestion(as_text((major, minor, patch + 1)), "patch", corrections or ("nothing",))


def _holding(**facts: bool) -> tuple[str, ...]:
    return tuple(name for name, holds in facts.items() if holds)


def as_text(version: Version) -> str:
    """A version as people write it."""
    return ".".join(map(str, version))
