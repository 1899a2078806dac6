"""Where two maps name another class, worked by hand: values, counts, and the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio import Affine

from learning.core.map_disagreement import DOUBTED, NOT_COMPARED, SAME, SURE, disagreement, write_disagreement
from learning.core.other_vintage import MapPair
from learning.errors import InvalidPredictionGrid

SURELY, HARDLY = 1, 200  # levels of entropy as stored: 0 nats, and most of what there can be


def raster(*rows: list[int]) -> NDArray[np.uint8]:
    return np.array(rows, np.uint8)


def written(
    folder: Path, name: str, classes: NDArray[np.uint8], entropy: NDArray[np.uint8], codes: list[str], **place: Any
) -> MapPair:
    """Two files of a map; `px` is the ground of a pixel in metres, the corner is at (0, 100)."""
    paths = MapPair(folder / f"{name}-class.tif", folder / f"{name}-entropy.tif")
    transform = Affine.translation(0, 100) * Affine.scale(place.get("px", 1.0), -place.get("px", 1.0))
    for path, values in ((paths.classes, classes), (paths.entropy, entropy)):
        with rasterio.open(
            path, "w", driver="GTiff", width=values.shape[1], height=values.shape[0], count=1, dtype="uint8",
            crs=place.get("crs", "EPSG:2154"), transform=transform,
        ) as out:  # fmt: skip
            out.write(values, 1)
            out.update_tags(CLASS_CODES=json.dumps(codes))
    return paths


def test_each_pixel_is_the_same_or_another_class_surely_or_in_doubt_or_not_compared() -> None:
    now, before = raster([1, 2, 2, 0, 3, 1]), raster([2, 1, 1, 1, 1, 0])
    doubts = [raster([SURELY, SURELY, HARDLY, 0, SURELY, SURELY]), raster([SURELY] * 5 + [0])]
    # Value 1 is a for the one and b for the other: by code, the first pixel is a on both.
    found = disagreement([now, before], doubts, [["a", "b", "c"], ["b", "a"]])
    assert found.tolist() == [[SAME, SAME, SAME, NOT_COMPARED, NOT_COMPARED, NOT_COMPARED]]
    found = disagreement([now, before], doubts, [["a", "b", "c"], ["a", "b"]])
    assert found.tolist() == [[SURE, SURE, DOUBTED, NOT_COMPARED, NOT_COMPARED, NOT_COMPARED]]


def test_the_file_and_the_counts_say_the_same_on_the_later_maps_grid(tmp_path: Path) -> None:
    later = written(
        tmp_path, "later", raster([1, 1, 2, 2], [1, 2, 2, 1]), np.full((2, 4), SURELY, np.uint8), ["a", "b"]
    )
    # One pixel of the earlier map is two by two of the later one; its right half is in doubt.
    earlier = written(tmp_path, "earlier", raster([1, 1]), raster([SURELY, HARDLY]), ["a", "b"], px=2.0)
    target, shares = tmp_path / "out.tif", list[float]()
    found = write_disagreement(later, earlier, target, tags={"FIRST_MAP": "m1"}, on_progress=shares.append)
    assert found.codes == ("a", "b") and found.px.tolist() == [[4, 4], [0, 0]]
    assert (found.compared_px, found.differing_px, found.doubted_px) == (8, 4, 3) and shares == [1.0]
    with rasterio.open(target) as made:
        assert made.read(1).tolist() == [[SAME, SAME, DOUBTED, DOUBTED], [SAME, SURE, DOUBTED, SAME]]
        assert made.tags()["FIRST_MAP"] == "m1" and json.loads(made.tags()["VALUES"])["2"] == "other class, both sure"
        assert made.colormap(1)[SURE][:3] == (0xD5, 0x5E, 0x00) and made.crs.to_epsg() == 2154


def test_large_maps_are_compared_in_parts_that_join(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    now, before = (rng.integers(1, 3, (700, 2600)).astype(np.uint8) for _ in range(2))
    sure = np.full(now.shape, SURELY, np.uint8)
    later = written(tmp_path, "later", now, sure, ["a", "b"])
    earlier = written(tmp_path, "earlier", before, sure, ["a", "b"])
    found = write_disagreement(later, earlier, tmp_path / "out.tif", tags={})
    assert found.differing_px == int(np.count_nonzero(now != before)) and found.compared_px == now.size
    with rasterio.open(tmp_path / "out.tif") as made:
        assert np.array_equal(made.read(1), np.where(now != before, SURE, SAME))


def test_maps_in_two_systems_are_refused_and_no_file_stays(tmp_path: Path) -> None:
    one = written(tmp_path, "one", raster([1]), raster([SURELY]), ["a"])
    other = written(tmp_path, "other", raster([1]), raster([SURELY]), ["a"], crs="EPSG:32631")
    with pytest.raises(InvalidPredictionGrid, match="same CRS"):
        write_disagreement(one, other, tmp_path / "out.tif", tags={})
    assert not (tmp_path / "out.tif").exists()
