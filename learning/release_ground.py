"""What a release's page says of the ground: change and artificialised ground as they were when it was published."""

from __future__ import annotations

from typing import Any

from learning.models import Release
from learning.release import layout
from learning.release.errors import InvalidContents
from learning.release.frozen import Frozen
from learning.services.release_freeze import frozen_inputs
from learning.territory_shown import artificialisation_shown, changes_shown
from learning.territory_words import NO_GROUND_RELEASED

_NOT_TOLD = {"period": None, "found": None, "patches": 0, "patches_ha": 0.0, "never_reviewed": None}


def ground_shown(release: Release) -> dict[str, Any]:
    """Sections as a territory's page has them, and the files they come from; empty where a release holds neither."""
    try:
        frozen = frozen_inputs(release) if release.is_frozen else None
    except InvalidContents:  # frozen by another version of the platform: its files still say it
        frozen = None
    if frozen is None or not (frozen.change or frozen.ground):
        return {}
    return {
        "changes": changes_shown(_changes(frozen)),
        "artificialisation": _artificialisation(frozen),
        "files": _files(frozen),
    }


def ground_files(release: Release) -> tuple[str, ...]:
    """The polygons of artificialised ground that a published release holds."""
    held = layout.GROUND_DIR in release.summary.get("collections", ())
    return (layout.GROUND_GPKG, layout.GROUND_PARQUET) if held else ()


def _changes(frozen: Frozen) -> dict[str, Any]:
    classes = {one.code: {"name": one.name, "colour": one.colour} for one in frozen.nomenclature.classes}
    return {"classes": classes, "changes": [{**_NOT_TOLD, **one.figures} for one in frozen.change]}


def _artificialisation(frozen: Frozen) -> dict[str, Any] | None:
    ground = frozen.ground
    if ground is None:
        return None
    if ground.reason:
        return {"kind": "none", "why": NO_GROUND_RELEASED[ground.reason] % {"about": ground.about}}
    told: dict[str, Any] = dict(ground.figures)
    # A release stays as it is: what became known of usage since changes nothing of it.
    told["rests_on"] = {**told["rests_on"], "is_current": True}
    return artificialisation_shown({"artificialisation": told})


def _files(frozen: Frozen) -> list[str]:
    assessed = [one.first for one in frozen.change if one.places]
    paths = [path(first) for first in assessed for path in (layout.change_accuracy, layout.change_places)]
    if frozen.ground is not None and frozen.ground.digests:
        paths += [layout.GROUND_GPKG, layout.GROUND_PARQUET, layout.GROUND_FIGURES]
    return paths
