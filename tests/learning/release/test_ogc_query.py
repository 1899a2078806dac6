"""Parameters of OGC API Features, read strictly."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
import shapely
from feature_rows import LEFT, TOP, blobs, write_polygons

from learning.release.feature_files import FeatureFile, find_rows, open_features
from learning.release.ogc_query import (
    CRS84,
    MOST_FEATURES,
    BadParameter,
    crs_uri,
    is_north_first,
    read_days,
    read_items_query,
    read_limit,
)

LAMBERT_93 = "http://www.opengis.net/def/crs/EPSG/0/2154"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> FeatureFile:
    path = tmp_path_factory.mktemp("features") / "a.parquet"
    write_polygons(path, blobs(100))
    return open_features(path, "1")


def read(source: FeatureFile, **parameters: str) -> object:
    given = {name.replace("_", "-") if name.endswith("_crs") else name: [value] for name, value in parameters.items()}
    return read_items_query(given, source=source, filters=["class_code"])


def numbers(source: FeatureFile, **parameters: str) -> list[int]:
    return find_rows(source, read(source, **parameters).wanted, limit=1_000).numbers.tolist()  # type: ignore[attr-defined]


def test_a_crs_is_named_by_its_authority() -> None:
    assert crs_uri("EPSG:2154") == LAMBERT_93 and crs_uri("OGC:CRS84") == CRS84
    assert not is_north_first("EPSG:2154") and is_north_first("EPSG:4326") and is_north_first("EPSG:3035")
    nameless = "+proj=tmerc +lat_0=3 +lon_0=7 +k=0.99 +x_0=5 +y_0=9 +ellps=GRS80"
    assert crs_uri(nameless) is None


def test_a_box_in_degrees_and_the_same_in_the_files_crs_give_the_same_polygons(source: FeatureFile) -> None:
    in_metres = f"{LEFT - 15},{TOP - 35},{LEFT + 35},{TOP + 15}"
    expected = [0, 1, 10, 11]
    assert numbers(source, bbox=in_metres, bbox_crs=LAMBERT_93) == expected
    from pyproj import Transformer

    west, south = Transformer.from_crs("EPSG:2154", 4326, always_xy=True).transform(LEFT - 15, TOP - 35)
    east, north = Transformer.from_crs("EPSG:2154", 4326, always_xy=True).transform(LEFT + 35, TOP + 15)
    assert numbers(source, bbox=f"{west},{south},{east},{north}") == expected
    assert numbers(source, bbox=f"{west},{south},-5,{east},{north},900") == expected, "heights are left out"


def test_a_box_of_the_world_leaves_nothing_out_and_one_elsewhere_everything(source: FeatureFile) -> None:
    assert read(source, bbox="-180,-90,180,90").wanted.is_everything  # type: ignore[attr-defined]
    assert numbers(source, bbox="-170,-80,-160,-70") == []
    assert numbers(source, bbox="170,-90,179,90") == []


def test_a_box_over_the_antimeridian_is_two(source: FeatureFile) -> None:
    assert read(source, bbox="-1,-90,-1.1,90").wanted.is_everything, "all but a strip"  # type: ignore[attr-defined]
    assert numbers(source, bbox="170,-90,-170,90") == []


def test_a_file_whose_crs_names_north_first_is_asked_north_first(tmp_path: Path) -> None:
    square = shapely.box(0.5, 43.0, 0.6, 43.1)
    write_polygons(tmp_path / "a.parquet", np.array([square]), crs="EPSG:4326")
    source = open_features(tmp_path / "a.parquet", "1")
    uri = "http://www.opengis.net/def/crs/EPSG/0/4326"
    assert numbers(source, bbox="43.01,0.51,43.02,0.52", bbox_crs=uri) == [0]
    assert numbers(source, bbox="0.51,43.01,0.52,43.02", bbox_crs=uri) == []
    assert numbers(source, bbox="0.51,43.01,0.52,43.02") == [0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-06-30", (date(2024, 6, 30), date(2024, 6, 30))),
        ("2024-06-30T23:30:00-02:00", (date(2024, 7, 1), date(2024, 7, 1))),
        ("2024-06-30T12:00:00Z/..", (date(2024, 6, 30), None)),
        ("/2024-07-01", (None, date(2024, 7, 1))),
        ("2024-06-30/2024-07-01", (date(2024, 6, 30), date(2024, 7, 1))),
    ],
)
def test_an_instant_or_an_interval_is_read_as_days(text: str, expected: object) -> None:
    assert read_days(text) == expected


@pytest.mark.parametrize(
    "text", ["", "..", "../..", "/", "2024", "2024-02-30", "2024-06-30T12:00:00", "2024-07-01/2024-06-30", "a/b/c"]
)
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(BadParameter, match="parameter datetime is"):
        read_days(text)


def test_a_page_has_at_most_so_many_features() -> None:
    assert (read_limit(None), read_limit("7"), read_limit("999999")) == (100, 7, MOST_FEATURES)
    for text in ("0", "-1", "1.5", "", "ten", "9" * 40):
        with pytest.raises(BadParameter, match="a number from 1 to 10000"):
            read_limit(text)


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"bbox": "1,2,3"}, "four numbers with commas"),
        ({"bbox": "1,2,nan,4"}, "four numbers with commas"),
        ({"bbox": "0,44,1,43"}, "first corner lies beyond"),
        ({"bbox": "0,43,181,44"}, "in degrees are expected"),
        ({"bbox": "9,1,8,2", "bbox_crs": LAMBERT_93}, "first corner lies beyond"),
        ({"bbox_crs": "EPSG:2154"}, "is offered"),
        ({"crs": "http://www.opengis.net/def/crs/EPSG/0/3857"}, "is offered"),
        ({"f": "html"}, "json is what this answers"),
        ({"classcode": "x"}, "those known are bbox"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_can(
    source: FeatureFile, parameters: dict[str, str], problem: str
) -> None:
    with pytest.raises(BadParameter, match=problem):
        read(source, **parameters)


def test_a_parameter_given_twice_is_refused(source: FeatureFile) -> None:
    with pytest.raises(BadParameter, match="given 2 times"):
        read_items_query({"limit": ["1", "2"]}, source=source, filters=[])
