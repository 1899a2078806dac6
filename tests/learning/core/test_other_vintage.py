"""A map held against the map of another vintage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio import Affine

from learning.core import other_vintage
from learning.core.other_vintage import MapPair, contradicted_share
from learning.errors import InvalidPredictionGrid

CODES = ["water", "wood"]


def write_map(
    folder: Path,
    classes: Any,
    *,
    levels: Any = None,
    codes: list[str] | None = CODES,
    left: float = 0.0,
    top: float = 4.0,
    pixel: float = 1.0,
    crs: str = "EPSG:2154",
) -> MapPair:
    """A map in `folder`: sure everywhere (level 1) if nothing else is said."""
    folder.mkdir()
    values = np.array(classes, np.uint8)
    doubt = np.where(values > 0, 1, 0) if levels is None else levels
    pair = MapPair(folder / "class.tif", folder / "entropy.tif")
    for path, array in ((pair.classes, values), (pair.entropy, np.array(doubt, np.uint8))):
        with rasterio.open(
            path, "w", driver="GTiff", width=array.shape[1], height=array.shape[0], count=1, dtype="uint8", crs=crs,
            transform=Affine(pixel, 0, left, 0, -pixel, top),
        ) as out:  # fmt: skip
            out.write(array, 1)
            if codes is not None and path == pair.classes:
                out.update_tags(CLASS_CODES=json.dumps(codes))
    return pair


def test_a_map_shifted_by_a_pixel_is_compared_where_both_lie(tmp_path: Path) -> None:
    this = write_map(tmp_path / "a", [[1, 1, 2, 2], [1, 1, 2, 2], [1, 1, 1, 1], [1, 1, 1, 1]])
    # One pixel further east and south: its first pixel is this map's (1, 1), and it ends at (2, 3).
    other = write_map(tmp_path / "b", [[1, 2, 1], [2, 1, 1]], left=1.0, top=3.0)
    found = contradicted_share(this, other, tile_px=2, n_rows=2, n_cols=2)
    # (1,1) agrees | (1,2) agrees, (1,3) differs | (2,1) differs | (2,2) and (2,3) agree: each of a tile of four pixels.
    np.testing.assert_array_equal(found, np.array([[0.0, 0.25], [0.25, 0.0]], np.float32))
    assert found.dtype == np.float32


@pytest.mark.parametrize("repeat", [1, 2, 3])
def test_pixels_of_another_size_are_found_by_their_place(tmp_path: Path, repeat: int) -> None:
    this = write_map(tmp_path / "a", np.kron([[1, 1], [1, 2]], np.ones((2, 2))))
    coarse = np.kron([[1, 2], [2, 2]], np.ones((repeat, repeat)))
    other = write_map(tmp_path / "b", coarse, pixel=2 / repeat)
    found = contradicted_share(this, other, tile_px=2, n_rows=2, n_cols=2)
    np.testing.assert_array_equal(found, [[0, 1], [1, 0]])


def test_what_either_map_doubts_is_not_compared(tmp_path: Path) -> None:
    sure, doubted = 64, 65  # levels 1 … 255: a quarter of the largest entropy is 1 + 254 / 4 = 64.5
    this = write_map(tmp_path / "a", [[1, 1, 1, 1]], levels=[[sure, doubted, sure, sure]])
    other = write_map(tmp_path / "b", [[2, 2, 2, 1]], levels=[[sure, sure, doubted, sure]])
    # The second and third pixels are left out, the fourth agrees: one pixel of the tile's sixteen differs.
    assert contradicted_share(this, other, tile_px=4, n_rows=1, n_cols=1).item() == 1 / 16


def test_classes_are_compared_by_code_and_only_those_in_common(tmp_path: Path) -> None:
    this = write_map(tmp_path / "a", [[1, 2, 3, 0]], codes=["water", "wood", "vines"])
    other = write_map(tmp_path / "b", [[2, 1, 1, 1]], codes=["wood", "water"])
    # water = water and wood = wood whatever their numbers; nobody else has vines, and the last has no imagery.
    assert contradicted_share(this, other, tile_px=4, n_rows=1, n_cols=1).item() == 0.0


def test_tiles_with_nothing_to_compare_are_told_from_tiles_that_agree(tmp_path: Path) -> None:
    this = write_map(tmp_path / "a", [[1, 1, 1, 1]])
    other = write_map(tmp_path / "b", [[1, 1]])
    found = contradicted_share(this, other, tile_px=2, n_rows=1, n_cols=3)
    np.testing.assert_array_equal(found, [[0, np.nan, np.nan]])
    elsewhere = write_map(tmp_path / "c", [[1, 1]], left=1000.0)
    assert np.isnan(contradicted_share(this, elsewhere, tile_px=2, n_rows=1, n_cols=2)).all()


def test_tiles_beyond_the_first_strip_are_counted_alike(tmp_path: Path) -> None:
    values = np.ones((2, 2600), np.uint8)
    changed = values.copy()
    changed[0, 2598] = 2  # one of the four pixels of the last tile
    this, other = write_map(tmp_path / "a", values), write_map(tmp_path / "b", changed)
    found = contradicted_share(this, other, tile_px=2, n_rows=1, n_cols=1300)
    assert found[0, -1] == 0.25
    assert not found[0, :-1].any()


@pytest.mark.parametrize("pixel", [0.05, 0.4, 1.0, 2.5])
def test_no_more_than_a_block_of_either_map_is_read_at_once_and_it_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pixel: float
) -> None:
    rng = np.random.default_rng(1)
    ours, theirs = (23, 31), (int(23 / pixel), int(28 / pixel))
    this = write_map(tmp_path / "a", rng.integers(0, 3, ours), levels=rng.integers(0, 90, ours), top=23.0)
    other = write_map(tmp_path / "b", rng.integers(0, 3, theirs), levels=rng.integers(0, 90, theirs),
                      left=2.3, top=21.0, pixel=pixel)  # fmt: skip
    grid = {"tile_px": 6, "n_rows": 3, "n_cols": 5}
    whole = contradicted_share(this, other, **grid)
    assert np.nanmax(whole) > 0.1
    read, sides = other_vintage._sure_classes, []
    monkeypatch.setattr(other_vintage, "_BLOCK_PX", 50)
    monkeypatch.setattr(
        other_vintage, "_sure_classes", lambda *args: sides.extend([args[3].width, args[3].height]) or read(*args)
    )
    shares: list[float] = []
    np.testing.assert_array_equal(contradicted_share(this, other, **grid, on_progress=shares.append), whole)
    assert max(sides) <= 50 + 1, "a pixel more where the grids are not flush"
    assert shares == sorted(shares) and shares[-1] == 1.0


@pytest.mark.parametrize(
    ("fault", "says"),
    [({"crs": "EPSG:32631"}, "same CRS"), ({"codes": None}, "which classes"), ({"pixel": -1.0}, "up")],
)
def test_maps_that_cannot_be_compared_are_refused(tmp_path: Path, fault: Any, says: str) -> None:
    this, other = write_map(tmp_path / "a", [[1]]), write_map(tmp_path / "b", [[1]], **fault)
    with pytest.raises(InvalidPredictionGrid, match=says):
        contradicted_share(this, other, tile_px=1, n_rows=1, n_cols=1)
