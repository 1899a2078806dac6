"""Change and artificialised ground for tests of releases: records, and files of two polygons."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import shapely

from learning.core.artificialisation import ARTIFICIALISED, UNDECIDED
from learning.core.artificialised_kinds import Kind
from learning.core.polygons.join import Polygons
from learning.release.artificialisation_files import ArtificialisationFacts, write_artificialisation
from learning.release.ground import ArtificialisedGround, ChangePlace, ChangeStatistics
from learning.release.polygon_files import copy_to_gpkg

PLACES = (
    ChangePlace(1, "gain", 10, 20, 0.25, "grass", "built", "grass", "built", date(2019, 7, 1), date(2022, 7, 1)),
    ChangePlace(2, "stable_out", 0, 4, 0.5, "grass", "", "", "", None, None),
)
FIRST, SECOND = ({"layer": f"gers-{year}", "title": f"Gers {year}", "vintage": year} for year in (2016, 2019))
ASSESSED = ChangeStatistics(
    first="gers-2016",
    figures={"first": FIRST, "second": SECOND, "status": "assessed", "reason": "", "n": [[1]]},
    places=PLACES,
    unit_px=4,
)
OPEN = ChangeStatistics(
    first="gers-2013",
    figures={
        "first": {**FIRST, "layer": "gers-2013", "title": "Gers 2013", "vintage": 2013},
        "second": SECOND,
        "status": "not assessed",
        "reason": "sample_open",
    },
)

FIGURES = {"kind": "bracket", "lower_ha": 0.01, "upper_ha": 0.02, "rests_on": {"usage": [{"source": "OCS GE 2019"}]}}


def two_polygons() -> Iterator[Polygons]:
    squares = np.array([shapely.box(426_000 + x, 6_434_990, 426_010 + x, 6_435_000) for x in (0, 10)], np.object_)
    yield Polygons(
        region=np.array([1, 2]), value=np.array([1, 2], np.uint8), pixels=np.array([100, 100]),
        reason=np.array(["", ""], object), geometry=squares,
    )  # fmt: skip


def made_ground(folder: Path, *, source: str = "usage: OCS GE, 2019-01-01") -> ArtificialisedGround:
    """Ten metres of a house, and ten of grass whose usage nobody says."""
    facts = ArtificialisationFacts(
        crs="EPSG:2154",
        kinds=[
            ("CS1.1.1.1", "US5", Kind(1, 1, ARTIFICIALISED, "bati_50")), ("CS2.2.1", "", Kind(3, 0, UNDECIDED, "")),
        ],
        class_codes=["CS1.1.1.1", "CS1.2.2", "CS2.2.1"],
        m_per_unit=1.0, vintage=2019, source=source, criteria={"bati_50": {"fr": "bâtiment", "en": "building"}},
    )  # fmt: skip
    parquet, gpkg, rule = folder / "a.parquet", folder / "a.gpkg", folder / "a.json"
    write_artificialisation(parquet, two_polygons(), facts=facts)
    changed_at = datetime(2026, 1, 1, tzinfo=UTC)
    copy_to_gpkg(parquet, gpkg, layer="artificialisation", crs="EPSG:2154", changed_at=changed_at)
    rule.write_text('{"code": "decree"}')
    return ArtificialisedGround(figures=FIGURES, parquet=parquet, gpkg=gpkg, rule=rule)
