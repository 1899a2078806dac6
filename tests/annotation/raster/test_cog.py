from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rio_cogeo.cogeo import cog_validate

from annotation.raster import cog

PLACE = {"crs": "EPSG:2154", "transform": rasterio.Affine(0.2, 0, 500_000, 0, -0.2, 6_300_000)}
COLOURS = {0: (0, 0, 0, 0), 1: (255, 55, 122, 255), 2: (128, 255, 0, 255), 3: (0, 204, 242, 255)}


def patches(height: int, width: int, seed: int = 1) -> np.ndarray:
    """Classes 1 to 3 in squares of 17 px, a corner without data."""
    rng = np.random.default_rng(seed)
    small = rng.integers(1, 4, (height // 17 + 1, width // 17 + 1), np.uint8)
    values = np.kron(small, np.ones((17, 17), np.uint8))[:height, :width]
    values[: height // 3, : width // 4] = 0
    return values


def written(path: Path, values: np.ndarray, *, at_a_time: int = 300, **options: object) -> Path:
    height, width = values.shape
    with cog.CogWriter(path, width=width, height=height, **PLACE, **{"overviews": "MODE", **options}) as out:
        for top in range(0, height, at_a_time):
            out.write(values[top : top + at_a_time])
    return path


@pytest.mark.parametrize("big", [False, True])
def test_a_map_reads_as_it_was_written_and_is_a_valid_cog(tmp_path, monkeypatch, big):
    if big:
        monkeypatch.setattr(cog, "BIG_FROM_BYTES", 1)
    values = patches(1501, 2047)
    path = written(tmp_path / "classes.tif", values, colours=COLOURS, tags={"CLASS_CODES": '["a", "b"]'})
    assert path.read_bytes()[2] == (43 if big else 42)
    valid, errors, warnings = cog_validate(path)
    assert (valid, errors, warnings) == (True, [], [])
    with rasterio.open(path, driver="GTiff") as found:
        assert np.array_equal(found.read(1), values)
        assert (found.crs.to_epsg(), found.transform, found.nodata) == (2154, PLACE["transform"], 0)
        assert {value: found.colormap(1)[value] for value in COLOURS} == COLOURS
        assert found.tags()["CLASS_CODES"] == '["a", "b"]'
        assert (found.overviews(1), found.block_shapes) == ([2, 4], [(512, 512)])
    assert [one.name for one in tmp_path.iterdir()] == ["classes.tif"]


def test_overviews_of_classes_hold_classes_and_no_mixture_and_keep_what_has_no_data(tmp_path):
    values = patches(1501, 2047)
    path = written(tmp_path / "classes.tif", values, colours=COLOURS)
    expected = values
    for level in (0, 1):
        rows, cols = (n % 2 for n in expected.shape)
        expected = cog.majority(np.pad(expected, ((0, rows), (0, cols))))
        with rasterio.open(path, driver="GTiff", overview_level=level) as found:
            assert np.array_equal(found.read(1), expected)
            assert set(np.unique(expected)) == {0, 1, 2, 3}
            assert found.colormap(1)[3] == COLOURS[3]


def test_a_smooth_map_is_stored_by_differences_and_its_overviews_are_means(tmp_path):
    across, down = np.meshgrid(np.arange(1300), np.arange(700))
    noise = np.random.default_rng(0).integers(0, 3, across.shape)
    values = ((across // 9 + down // 7) % 250 + 1 + noise).astype(np.uint8)
    values[:100, :200] = 0
    path = written(tmp_path / "entropy.tif", values, overviews="AVERAGE", smooth=True)
    assert cog_validate(path)[0]
    with rasterio.open(path, driver="GTiff") as found:
        assert np.array_equal(found.read(1), values)
    with rasterio.open(path, driver="GTiff", overview_level=0) as found:
        assert np.array_equal(found.read(1), cog.average(values))
    plain = written(tmp_path / "plain.tif", values, overviews="AVERAGE")
    assert path.stat().st_size < 0.9 * plain.stat().st_size, "though it is packed with less effort"


def test_of_four_values_the_one_met_most_is_kept_and_of_equals_the_first():
    squares = {
        ((1, 1), (2, 3)): 1, ((1, 2), (2, 3)): 2, ((1, 2), (3, 3)): 3, ((1, 2), (1, 2)): 1, ((1, 2), (2, 1)): 1,
        ((1, 2), (3, 4)): 1, ((0, 2), (3, 4)): 2, ((0, 0), (0, 4)): 4, ((0, 2), (3, 3)): 3, ((0, 0), (0, 0)): 0,
        ((0, 0), (5, 0)): 5,
    }  # fmt: skip
    for square, expected in squares.items():
        assert cog.majority(np.array(square, np.uint8)).tolist() == [[expected]], square


def test_the_mean_is_of_what_has_data_and_rounds_halves_upwards():
    for square, expected in ((((1, 2), (0, 0)), 2), (((0, 0), (0, 0)), 0), (((255, 255), (255, 255)), 255)):
        assert cog.average(np.array(square, np.uint8)).tolist() == [[expected]], square


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 1100), st.integers(1, 1100), st.integers(1, 700), st.integers(0, 5))
def test_any_size_in_any_portions_has_the_same_bytes(tmp_path_factory, height, width, at_a_time, seed):
    folder = tmp_path_factory.mktemp("cog")
    values = patches(height, width, seed)
    path = written(folder / "a.tif", values, at_a_time=at_a_time)
    with rasterio.open(path, driver="GTiff") as found:
        assert np.array_equal(found.read(1), values)
    assert path.read_bytes() == written(folder / "b.tif", values, at_a_time=height).read_bytes()


def test_a_map_with_rows_missing_or_too_many_is_not_put_in_place(tmp_path):
    for rows, words in ((9, "9 of 10 rows were written"), (11, "after 9 of 10")):
        with (
            pytest.raises(ValueError, match=words),
            cog.CogWriter(tmp_path / "a.tif", width=8, height=10, overviews="MODE", **PLACE) as out,
        ):
            out.write(np.ones((9, 8), np.uint8))
            if rows > 9:
                out.write(np.ones((rows - 9, 8), np.uint8))
        assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_a_map_whose_writing_was_given_up(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"the map before")
    with (
        pytest.raises(RuntimeError, match="power"),
        cog.CogWriter(tmp_path / "a.tif", width=900, height=900, overviews="MODE", **PLACE) as out,
    ):
        out.write(np.ones((600, 900), np.uint8))
        raise RuntimeError("power cut")
    assert [one.name for one in tmp_path.iterdir()] == ["a.tif"]
    assert (tmp_path / "a.tif").read_bytes() == b"the map before"


@pytest.mark.parametrize("smooth", [False, True])
def test_blocks_that_are_packed_already_are_copied_as_they_are(tmp_path, smooth):
    values = patches(1301, 1100)
    source = tmp_path / "source.tif"
    with rasterio.open(
        source, "w", driver="GTiff", width=1100, height=1301, count=1, dtype="uint8", tiled=True, blockxsize=512,
        blockysize=512, compress="deflate", predictor=2 if smooth else 1, **PLACE,
    ) as out:  # fmt: skip
        out.write(values, 1)
    path = tmp_path / "copy.tif"
    stored = list(cog.stored_rows(source))
    with cog.CogWriter(path, width=1100, height=1301, overviews="MODE", smooth=smooth, **PLACE) as out:
        for top, packed in zip(range(0, 1301, 512), stored, strict=True):
            out.write(values[top : top + 512], packed=packed)
    assert cog_validate(path)[0]
    assert path.read_bytes().endswith(b"".join(block for row in stored for block in row))
    plain = written(tmp_path / "plain.tif", values, smooth=smooth)
    for options in ({}, {"overview_level": 0}, {"overview_level": 1}):
        with rasterio.open(path, **options) as one, rasterio.open(plain, **options) as other:
            assert np.array_equal(one.read(1), other.read(1))


def test_packed_blocks_that_are_not_one_row_of_blocks_are_refused(tmp_path):
    with (
        pytest.raises(ValueError, match="give one row of blocks"),
        cog.CogWriter(tmp_path / "a.tif", width=600, height=1000, overviews="MODE", **PLACE) as out,
    ):
        out.write(np.ones((512, 600), np.uint8), packed=[b"only one"])


@pytest.mark.parametrize("first", [512, 300])
def test_rows_that_are_left_out_have_no_data_and_take_no_room(tmp_path, first):
    values = patches(2100, 1500)
    values[first:1800] = 0
    path = tmp_path / "part.tif"
    with cog.CogWriter(path, width=1500, height=2100, **PLACE, overviews="MODE", colours=COLOURS) as out:
        out.write(values[:first])
        out.skip(1800 - first)
        out.write(values[1800:])
    assert cog_validate(path) == (True, [], [])
    whole = written(tmp_path / "whole.tif", values, colours=COLOURS)
    for level in ({}, {"overview_level": 0}, {"overview_level": 1}):
        with (
            rasterio.open(path, driver="GTiff", **level) as part,
            rasterio.open(whole, driver="GTiff", **level) as all_,
        ):
            assert np.array_equal(part.read(1), all_.read(1))
    with rasterio.open(path, driver="GTiff") as part:
        # From row 512 on, and up to row 1536, no block has a row with data.
        stored = [part.get_tag_item(f"BLOCK_OFFSET_0_{row}", "TIFF", bidx=1) is not None for row in range(5)]
    assert stored == [True, False, False, True, True]


def test_more_rows_left_out_than_there_are_is_refused(tmp_path):
    with (
        pytest.raises(ValueError, match="2001 rows left out after 100 of 2100"),
        cog.CogWriter(tmp_path / "part.tif", width=1500, height=2100, **PLACE, overviews="MODE") as out,
    ):
        out.write(patches(100, 1500))
        out.skip(2001)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("big", [False, True])
def test_several_bands_are_written_one_after_the_other_and_read_by_their_names(tmp_path, monkeypatch, big):
    if big:
        monkeypatch.setattr(cog, "BIG_FROM_BYTES", 1)
    bands = np.stack([patches(1100, 700, seed) * factor for seed, factor in ((1, 20), (2, 50), (3, 80))])
    path = tmp_path / "shares.tif"
    options = {"overviews": "AVERAGE", "smooth": True, "bands": ("road", "field", "roof"), "scale": 0.5, "offset": -0.5}
    with cog.CogWriter(path, width=700, height=1100, **PLACE, **options) as out:
        for number, values in enumerate(bands):
            if number:
                out.next_band()
            out.write(values)
    assert cog_validate(path) == (True, [], [])
    with rasterio.open(path, driver="GTiff") as found:
        assert np.array_equal(found.read(), bands)
        assert (found.descriptions, found.nodatavals) == (("road", "field", "roof"), (0, 0, 0))
        assert (found.scales, found.offsets) == ((0.5,) * 3, (-0.5,) * 3)
        assert [one.name for one in found.colorinterp] == ["gray", "undefined", "undefined"]
    with rasterio.open(path, driver="GTiff", overview_level=0) as found:
        assert np.array_equal(found.read(), [cog.average(values) for values in bands])
    assert [one.name for one in tmp_path.iterdir()] == ["shares.tif"]


def test_a_map_without_its_last_band_is_not_put_in_place(tmp_path):
    with (
        pytest.raises(ValueError, match="1 of 2 bands were written"),
        cog.CogWriter(tmp_path / "a.tif", width=70, height=90, **PLACE, overviews="AVERAGE", bands=("a", "b")) as out,
    ):
        out.write(patches(90, 70))
    assert list(tmp_path.iterdir()) == []


def test_blocks_of_each_band_are_had_as_they_are_stored(tmp_path):
    bands = np.stack([patches(1024, 1100, seed) for seed in (1, 2)])
    path, copy = tmp_path / "rows.tif", tmp_path / "copy.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=1100, height=1024, count=2, dtype="uint8", tiled=True, blockxsize=512,
        blockysize=512, compress="deflate", predictor=2, interleave="band", photometric="MINISBLACK", **PLACE,
    ) as file:  # fmt: skip
        file.write(bands)
    options = {"overviews": "AVERAGE", "smooth": True, "bands": ("a", "b")}
    with cog.CogWriter(copy, width=1100, height=1024, **PLACE, **options) as out:
        for band in (1, 2):
            if band > 1:
                out.next_band()
            for top, packed in zip((0, 512), cog.stored_rows(path, band=band), strict=True):
                out.write(bands[band - 1, top : top + 512], packed=packed)
    with rasterio.open(copy, driver="GTiff") as found:
        assert np.array_equal(found.read(), bands)
