"""From what a person names (files, a folder, a STAC Item) to the files of an import, each with its day.

Nothing is downloaded: a STAC Item names files of this machine, beside it or below it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from annotation.raster.errors import NotALocalFile, UnusableStacItem
from annotation.raster.gate import local_file

TIFF_ENDINGS = (".tif", ".tiff")
TIFF_TYPE = "image/tiff"
MAX_ITEM_BYTES = 4 * 2**20
MAX_FILES = 20_000
INTERVAL = ["start_datetime", "end_datetime"]
NOT_DATA = frozenset({"thumbnail", "overview", "metadata", "visual-overview"})


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file to import, and the day that a STAC Item says of it (None elsewhere)."""

    path: Path
    acquired_on: date | None


def files_of(named: Iterable[str | os.PathLike[str]]) -> list[NamedFile]:
    """The files that paths stand for, in the order given; those of a folder by name, without its subfolders.

    Raises: NotALocalFile (nothing of the kind there, or too many), UnusableStacItem.
    """
    found: list[NamedFile] = []
    for name in named:
        path = Path(name)
        if path.is_dir() and not path.is_symlink():
            found.extend(NamedFile(file, None) for file in _in_folder(path))
        elif path.suffix.lower() in (".json", ".geojson"):
            found.extend(_of_item(local_file(name)))
        else:
            found.append(NamedFile(path, None))
        if len(found) > MAX_FILES:
            raise NotALocalFile(f"More than {MAX_FILES:,} files were named. Import them as several layers.")
    return found


def _in_folder(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in TIFF_ENDINGS)
    if not files:
        raise NotALocalFile(f"{str(folder)[:200]!r} holds no file that ends in .tif. Give the folder of the images.")
    return files


def _of_item(path: Path) -> list[NamedFile]:
    item = _read_item(path)
    day = _day(item, path)
    found = [
        NamedFile(_file_of(asset, path, key), day)
        for key, asset in sorted(item["assets"].items())
        if isinstance(asset, dict) and _is_imagery(asset)
    ]
    if not found:
        raise UnusableStacItem(f"{path.name} has no asset of type {TIFF_TYPE}. Give the item of the images themselves.")
    return found


def _read_item(path: Path) -> Mapping[str, Any]:
    if path.stat().st_size > MAX_ITEM_BYTES:
        raise UnusableStacItem(
            f"{path.name} has {path.stat().st_size:,} bytes; an item has at most {MAX_ITEM_BYTES:,}."
        )
    try:
        item = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UnusableStacItem(
            f"{path.name} is not JSON in UTF-8 ({str(error)[:80]}). Download the item again."
        ) from error
    if not isinstance(item, dict) or item.get("type") != "Feature" or not isinstance(item.get("assets"), dict):
        met = item.get("type") if isinstance(item, dict) else type(item).__name__
        raise UnusableStacItem(f"{path.name} is {met!r}, not a STAC Item with assets. Give one item for each image.")
    return item


def _day(item: Mapping[str, Any], path: Path) -> date | None:
    """The day of an item; None where it says an interval longer than a day, or nothing."""
    properties = item.get("properties")
    given = properties if isinstance(properties, dict) else {}
    moments = (
        [given.get("datetime")] if given.get("datetime") else [given.get("start_datetime"), given.get("end_datetime")]
    )
    if not all(moments):
        return None
    try:
        days = {date.fromisoformat(str(moment)[:10]) for moment in moments}
    except ValueError as error:
        raise UnusableStacItem(f"{path.name} has the time {moments}, not one such as 2022-06-14T10:00:00Z.") from error
    return days.pop() if len(days) == 1 else None


def _is_imagery(asset: Mapping[str, Any]) -> bool:
    roles = asset.get("roles")
    wanted = not isinstance(roles, list) or not NOT_DATA.intersection(map(str, roles))
    return wanted and str(asset.get("type", "")).lower().startswith(TIFF_TYPE)


def _file_of(asset: Mapping[str, Any], item: Path, key: str) -> Path:
    """The file of an asset, below the item's folder."""
    href = str(asset.get("href", ""))
    relative = Path(href)
    if not href or "://" in href or "\0" in href or relative.is_absolute() or ".." in relative.parts:
        raise UnusableStacItem(
            f"{item.name} has the asset {key[:60]!r} at {href[:200]!r}; an import takes files beside the "
            "item or below it. Download the image and write its relative path there."
        )
    return item.parent / relative
