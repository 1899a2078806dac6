"""What a release's page says of the ground: change and artificialised ground as they were when it was published."""

from __future__ import annotations

from typing import Any

from learning.models import Release
from learning.release import layout
from learning.release.errors import InvalidContents
from learning.release.frozen import Frozen
from learning.services.release_freeze import frozen_inputs
from learning.territory_shown import changes_shown

_NOT_TOLD = {"period": None, "found": None, "patches": 0, "patches_ha": 0.0, "never_reviewed": None}


def ground_shown(release: Release) -> dict[str, Any]:
    """Sections as a territory's page has them, and the files they come from; empty where a release holds neither."""
    try:
        frozen = frozen_inputs(release) if release.is_frozen else None
    except InvalidContents:  # frozen by another version of the platform: its files still say it
        frozen = None
    if frozen is None or not frozen.change:
        return {}
    return {"changes": changes_shown(_changes(frozen)), "files": _files(frozen)}


def _changes(frozen: Frozen) -> dict[str, Any]:
    classes = {one.code: {"name": one.name, "colour": one.colour} for one in frozen.nomenclature.classes}
    return {"classes": classes, "changes": [{**_NOT_TOLD, **one.figures} for one in frozen.change]}


def _files(frozen: Frozen) -> list[str]:
    assessed = [one.first for one in frozen.change if one.places]
    return [path(first) for first in assessed for path in (layout.change_accuracy, layout.change_places)]
