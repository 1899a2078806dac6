from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from annotation.raster.errors import NotALocalFile, UnusableStacItem
from annotation.raster.source_lists import NamedFile, files_of


def item(folder: Path, assets: dict[str, Any], **properties: Any) -> Path:
    path = folder / "item.json"
    path.write_text(
        json.dumps({"type": "Feature", "stac_version": "1.0.0", "properties": properties, "assets": assets})
    )
    return path


TIFF = "image/tiff; application=geotiff; profile=cloud-optimized"


def test_a_folder_stands_for_its_tiffs_by_name(tmp_path):
    for name in ("b.tif", "a.TIFF", "notes.txt", "c.tif.aux.xml"):
        (tmp_path / name).touch()
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "d.tif").touch()
    assert files_of([tmp_path]) == [NamedFile(tmp_path / "a.TIFF", None), NamedFile(tmp_path / "b.tif", None)]
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotALocalFile, match="holds no file"):
        files_of([tmp_path / "empty"])


def test_an_item_stands_for_its_images_with_its_day(tmp_path):
    path = item(
        tmp_path,
        {
            "image": {"href": "./images/rgb.tif", "type": TIFF, "roles": ["data"]},
            "preview": {"href": "small.tif", "type": TIFF, "roles": ["overview"]},
            "text": {"href": "notes.txt", "type": "text/plain"},
        },
        datetime="2022-06-14T10:11:12Z",
    )
    assert files_of([path]) == [NamedFile(tmp_path / "images" / "rgb.tif", date(2022, 6, 14))]


def test_an_interval_is_a_day_only_within_one(tmp_path):
    assets = {"image": {"href": "rgb.tif", "type": TIFF}}
    within = {"start_datetime": "2022-06-14T08:00:00Z", "end_datetime": "2022-06-14T12:00:00Z"}
    assert files_of([item(tmp_path, assets, datetime=None, **within)])[0].acquired_on == date(2022, 6, 14)
    assert (
        files_of([item(tmp_path, assets, **{**within, "end_datetime": "2022-07-01T00:00:00Z"})])[0].acquired_on is None
    )
    assert files_of([item(tmp_path, assets)])[0].acquired_on is None


@pytest.mark.parametrize(
    "href",
    [
        "https://example.org/a.tif",
        "s3://bucket/a.tif",
        "/vsicurl/a.tif",
        "/etc/passwd",
        "../a.tif",
        "a/../../b.tif",
        "",
    ],
)
def test_an_item_cannot_reach_beyond_its_folder(tmp_path, href):
    with pytest.raises(UnusableStacItem, match="beside the item or below"):
        files_of([item(tmp_path, {"image": {"href": href, "type": TIFF}})])


@pytest.mark.parametrize(
    ("content", "met"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"type": "FeatureCollection", "features": []}', "FeatureCollection"),
        ("[]", "list"),
        ('{"type": "Feature", "assets": {}}', "no asset of type image/tiff"),
        (
            '{"type": "Feature", "assets": {"a": {"href": "a.tif", "type": "image/tiff"}}, '
            '"properties": {"datetime": "soon"}}',
            "soon",
        ),
    ],
)
def test_what_is_no_item_of_images_is_refused_with_what_was_met(tmp_path, content, met):
    path = tmp_path / "item.json"
    path.write_text(content)
    with pytest.raises(UnusableStacItem, match=met):
        files_of([path])


def test_an_item_that_is_too_large_is_not_parsed(tmp_path):
    path = tmp_path / "item.json"
    path.write_bytes(b" " * (4 * 2**20 + 1))
    with pytest.raises(UnusableStacItem, match="4,194,305 bytes"):
        files_of([path])


def test_files_keep_their_order_and_what_they_are_is_the_gates_to_say(tmp_path):
    paths = [tmp_path / "b.tif", tmp_path / "a.tif"]
    assert [named.path for named in files_of(paths)] == paths
