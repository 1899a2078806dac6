"""Reading polygons of a published file by page, place, day and value: against what reading all of it gives."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
import shapely
from feature_rows import CODES, LEFT, STEP_M, TOP, blobs, write_polygons

from learning.release.feature_files import FeatureFile, Wanted, find_row, find_rows, open_features, row_numbered

COUNT = 2_000  # 45 in a row; row groups of 300


@pytest.fixture(scope="module")
def polygons() -> np.ndarray:
    return blobs(COUNT)


@pytest.fixture(scope="module")
def source(polygons: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> FeatureFile:
    path = tmp_path_factory.mktemp("features") / "a.parquet"
    write_polygons(path, polygons, rows_per_group=300)
    return open_features(path, "1")


def every_page(source: FeatureFile, wanted: Wanted, *, limit: int) -> list[int]:
    numbers: list[int] = []
    first: int | None = 0
    while first is not None:
        found = find_rows(source, wanted, first=first, limit=limit)
        assert len(found.numbers) == found.table.num_rows <= limit
        numbers += found.numbers.tolist()
        first = found.following
    return numbers


def test_the_footer_says_where_the_polygons_lie_and_of_which_days_they_are(
    source: FeatureFile, polygons: np.ndarray
) -> None:
    assert source.rows == COUNT and len(source.group_bounds) == 7
    np.testing.assert_array_equal(source.group_bounds[0], shapely.total_bounds(polygons[:300]))
    assert source.bounds_crs == pytest.approx(shapely.total_bounds(polygons))
    assert source.days == (date(2023, 6, 1), date(2023, 6, 2))
    assert "geometry" not in source.columns and "bbox" not in source.columns and "class_code" in source.columns


@pytest.mark.parametrize("limit", [1, 299, 300, 301, 5_000])
def test_pages_follow_one_another_without_a_gap_or_a_repeat(source: FeatureFile, limit: int) -> None:
    if limit == 1:
        found = find_rows(source, Wanted(), first=COUNT - 1, limit=1)
        assert found.numbers.tolist() == [COUNT - 1] and found.following is None
    else:
        assert every_page(source, Wanted(), limit=limit) == list(range(COUNT))


@pytest.mark.parametrize(
    "area",
    [
        shapely.box(LEFT + 90, TOP - 260, LEFT + 310, TOP - 90),
        shapely.box(LEFT + 3, TOP - 3, LEFT + 4, TOP - 2),  # inside one polygon
        shapely.box(LEFT + STEP_M / 2 - 0.1, TOP - 13, LEFT + STEP_M / 2, TOP - 12.9),  # between four
        shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(LEFT, TOP - 500, LEFT + 20, TOP)]),
        shapely.MultiPolygon(),
    ],
)
@pytest.mark.parametrize("limit", [3, 1_000])
def test_an_area_gives_the_polygons_that_meet_it(
    source: FeatureFile, polygons: np.ndarray, area: shapely.Geometry, limit: int
) -> None:
    expected = np.flatnonzero(shapely.intersects(polygons, area)).tolist()
    assert every_page(source, Wanted(area=area), limit=limit) == expected


def test_a_box_that_meets_only_the_corner_of_a_polygons_bounds_does_not_meet_the_polygon(
    source: FeatureFile, polygons: np.ndarray
) -> None:
    left, bottom, _right, _top = shapely.bounds(polygons[46])
    corner = shapely.box(left, bottom, left + 0.2, bottom + 0.2)
    assert not shapely.intersects(polygons[46], corner), "else this shows nothing"
    assert every_page(source, Wanted(area=corner), limit=10) == []


def test_values_and_days_select_and_an_unknown_day_is_never_left_out(source: FeatureFile) -> None:
    odd = every_page(source, Wanted(equals={"class_code": CODES[1]}), limit=700)
    assert odd == list(range(1, COUNT, 2))
    days = (date(2023, 6, 2), None)
    assert every_page(source, Wanted(days=days), limit=700) == [n for n in range(COUNT) if n % 3]
    assert every_page(source, Wanted(days=(None, date(2022, 1, 1))), limit=700) == list(range(2, COUNT, 3))
    both = Wanted(days=days, equals={"class_code": CODES[0]}, area=shapely.box(LEFT, TOP - 10, LEFT + 130, TOP))
    assert every_page(source, both, limit=2) == [2, 4]


def test_one_row_is_found_by_its_ids_or_its_number(source: FeatureFile) -> None:
    assert find_row(source, {"annotation_id": "1399", "feature_id": "f4"}).numbers.tolist() == [1_999]
    assert find_row(source, {"annotation_id": "1399", "feature_id": "f5"}).table.num_rows == 0
    assert row_numbered(source, 1_234).table["annotation_id"].to_pylist() == ["1246"]
    for absent in (-1, COUNT):
        assert row_numbered(source, absent).table.num_rows == 0


def test_a_file_made_again_under_the_same_name_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_polygons(path, blobs(40))
    before = find_rows(open_features(path, "1"), Wanted(), limit=100)
    write_polygons(path, blobs(50, seed=2))
    after = find_rows(open_features(path, "2"), Wanted(), limit=100)
    assert (before.table.num_rows, after.table.num_rows) == (40, 50)
    assert before.table["geometry"][0] != after.table["geometry"][0]


def test_a_page_of_large_outlines_ends_before_its_limit_and_none_is_lost(
    source: FeatureFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    from learning.release import feature_files

    outline = len(find_rows(source, Wanted(), limit=1).table["geometry"][0].as_py())  # all have as many corners
    monkeypatch.setattr(feature_files, "PAGE_BYTES", 7 * outline)
    assert len(find_rows(source, Wanted(), first=295, limit=100).numbers) == 7, "over two row groups"
    assert every_page(source, Wanted(), limit=100) == list(range(COUNT))
    monkeypatch.setattr(feature_files, "PAGE_BYTES", outline - 1)
    found = find_rows(source, Wanted(), first=5, limit=100)
    assert found.numbers.tolist() == [5] and found.following == 6, "one is more than the room, and is given alone"


def test_a_row_group_larger_than_what_is_kept_is_read_all_the_same(
    source: FeatureFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    from learning.release import feature_files

    monkeypatch.setattr(feature_files, "_kept", feature_files._KeptGroups(most_bytes=10))
    assert every_page(source, Wanted(), limit=700) == list(range(COUNT))
    assert not feature_files._kept._groups
