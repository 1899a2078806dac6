"""A theme for tests: vines and orchards, which a territory tells apart within one national class."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scenes import nomenclature

TEXT = {"fr": "é", "en": "e"}
PARENT, VINE, ORCHARD = "CS2.1.3", "CS2.1.3/vine", "CS2.1.3/orchard"


def theme_file(folder: Path, **change: Any) -> Path:
    classes = [
        {
            "code": code, "parent": "CS2.1.3", "name": TEXT, "definition": TEXT, "colour": "#AA5500",
            "selectable": True, "raster_value": None,
        }
        for code in (VINE, ORCHARD)
    ]  # fmt: skip
    theme = {
        "code": "vines_34", "version": "1", "extends": {"code": "ocsge_cover", "version": "2.0"}, "title": TEXT,
        "source": "test", "classes": classes, "still_selectable": ["CS2.1.3"], **change,
    }  # fmt: skip
    path = folder / "theme.json"
    path.write_text(json.dumps(theme))
    return path


def vines(folder: Path) -> Any:
    """The theme, loaded beside the national nomenclature that it refines."""
    from annotation.services.nomenclatures import load_nomenclature_file

    nomenclature()
    return load_nomenclature_file(path=theme_file(folder))
