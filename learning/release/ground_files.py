"""Artificialised ground in a release: copies of the polygons that the platform made, their rule, and the figures."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from learning.release import layout
from learning.release.contents import ReleaseContents
from learning.release.errors import UnusableArtefact
from learning.release.formats import geoparquet_problems, gpkg_problems
from learning.release.geodesy import Bounds
from learning.release.text import canonical_json, write_text


@dataclass(frozen=True, slots=True)
class GroundArtefact:
    """The published polygons: columns (name, type), number, and bounds in the layer's CRS."""

    columns: tuple[tuple[str, str], ...]
    polygons: int
    bounds_crs: Bounds


def write_ground(root: Path, contents: ReleaseContents) -> GroundArtefact | None:
    """Write the polygons under `root`/artificialisation; None where none are published.

    Raises: UnusableArtefact: a file is not what its name says.
    """
    ground = contents.ground
    if ground is None or ground.parquet is None or ground.gpkg is None or ground.rule is None:
        return None
    for problem in (*geoparquet_problems(ground.parquet), *gpkg_problems(ground.gpkg)):
        raise UnusableArtefact(f"the artificialised ground cannot be published ({problem}); compute it again")
    (root / layout.GROUND_DIR).mkdir(parents=True)
    for source, name in (
        (ground.parquet, layout.GROUND_PARQUET),
        (ground.gpkg, layout.GROUND_GPKG),
        (ground.rule, layout.GROUND_RULE),
    ):
        shutil.copyfile(source, root / name)
    write_text(root / layout.GROUND_FIGURES, canonical_json({**ground.figures, "file": layout.GROUND_PARQUET}))
    file = pq.ParquetFile(root / layout.GROUND_PARQUET, pre_buffer=False)
    west, south, east, north = json.loads(file.metadata.metadata[b"geo"])["columns"]["geometry"]["bbox"]
    return GroundArtefact(
        columns=tuple((field.name, str(field.type)) for field in file.schema_arrow),
        polygons=file.metadata.num_rows,
        bounds_crs=(west, south, east, north),
    )


def ground_json(contents: ReleaseContents) -> dict[str, object]:
    """What `release.json` says: where the polygons are, or why they are not published."""
    ground = contents.ground
    if ground is None or ground.parquet is None:
        reason, about = (ground.reason, ground.about) if ground else ("", "")
        return {"status": "not published", "reason": reason, "about": about or None}
    return {"status": "published", "kind": ground.figures["kind"], "file": layout.GROUND_FIGURES}
