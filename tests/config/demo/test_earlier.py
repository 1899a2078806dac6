"""The earlier date of the generated territory: what changed is known, all else stayed, the later date is as ever."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from shapely.geometry import shape

from annotation.core.nomenclature import load_nomenclature
from demo import ground
from demo.earlier import COMMUNE, EXPOSURE, SHIFT_M, USAGES, generate_vintages
from demo.territory import generate_territory

SIZE_PX, GSD_M = 1024, 0.20
ARTIFICIAL = (ground.BUILT, ground.SEALED, ground.MINERAL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("vintages")
    generate_vintages(made / "later", made / "earlier", seed=7, size_px=SIZE_PX)
    return made


def read(path: Path) -> np.ndarray:
    with rasterio.open(path, driver="GTiff") as file:
        return file.read()


def test_the_later_date_is_the_territory_itself(folder: Path, tmp_path: Path) -> None:
    image, truth = generate_territory(tmp_path, seed=7, size_px=SIZE_PX)
    assert (read(image) == read(folder / "later" / "image.tif")).all()
    assert (read(truth) == read(folder / "later" / "truth.tif")).all()


def test_some_ground_was_built_on_a_little_was_given_back_and_nearly_all_stayed(folder: Path) -> None:
    then, now = (read(folder / name / "truth.tif")[0] for name in ("earlier", "later"))
    built = ~np.isin(then, ARTIFICIAL) & np.isin(now, ARTIFICIAL)
    given_back = np.isin(then, ARTIFICIAL) & ~np.isin(now, ARTIFICIAL)
    assert 0.003 < built.mean() < 0.1 and 0 < given_back.mean() < built.mean()
    assert (then != now).mean() < 0.2
    # Of vineyard it is certain that it did not count, whatever it was used for.
    assert (then[built] == ground.VINEYARD).mean() > 0.9 and (now[given_back] == ground.VINEYARD).mean() > 0.9


def test_where_nothing_changed_the_earlier_image_lies_where_it_was_flown(folder: Path) -> None:
    then, now = (read(folder / name / "image.tif")[0].astype(float) for name in ("earlier", "later"))
    same = (read(folder / "earlier" / "truth.tif") == read(folder / "later" / "truth.tif"))[0]
    rows, cols = np.mgrid[4 : SIZE_PX - 4, 4 : SIZE_PX - 4]
    kept = same[4:-4, 4:-4]

    def apart(right: int, down: int) -> float:
        """How much the later image differs from the earlier one, moved by whole pixels."""
        moved = then[rows - down, cols - right] / EXPOSURE[0]
        return float(np.abs(moved - now[4:-4, 4:-4])[kept].mean())

    # Half a pixel east and a third of one north: nothing beyond the nearest whole pixels fits better.
    assert SHIFT_M == (0.10, -0.06)
    best = min(((right, down) for right in (-2, -1, 0, 1, 2) for down in (-2, -1, 0, 1, 2)), key=lambda at: apart(*at))
    assert best[0] in (0, 1) and best[1] in (-1, 0)
    assert apart(1, 0) < apart(-1, 0) and apart(0, -1) < apart(0, 1)


def test_the_commune_lies_within_the_territory_and_the_usage_covers_it(folder: Path) -> None:
    (commune,) = json.loads((folder / "earlier" / "commune.geojson").read_text())["features"]
    outline = shape(commune["geometry"])
    assert outline.is_valid and len(COMMUNE) == len(outline.exterior.coords) - 1
    assert outline.exterior.is_ccw  # RFC 7946
    # A degree is 111.13 km of the meridian and, at 43.68° north, 80.6 km of the parallel.
    area_ha = outline.area * 111_130 * 80_600 / 10_000
    xs, ys = zip(*COMMUNE, strict=True)
    share = abs(sum(x * ys[at - 1] - xs[at - 1] * y for at, (x, y) in enumerate(COMMUNE))) / 2
    assert area_ha == pytest.approx(share * (SIZE_PX * GSD_M) ** 2 / 10_000, rel=0.01)
    usage = json.loads((folder / "earlier" / "usage.geojson").read_text())["features"]
    within = sum(shape(each["geometry"]).intersection(outline).area for each in usage)
    assert within == pytest.approx(outline.area, rel=1e-3)


def test_usage_is_told_in_codes_of_the_national_nomenclature(folder: Path) -> None:
    usage = json.loads((folder / "earlier" / "usage.geojson").read_text())["features"]
    known = {item.code for item in load_nomenclature(Path("annotation/nomenclatures/ocsge_usage.json")).classes}
    told = {each["properties"]["code"] for each in usage}
    assert told <= known and set(USAGES.values()) <= known
    assert {"US5", "US4.1.1", "US6.3", "US1.1"} <= told
