"""Maps cut by 10 km tile: pixels, what people labelled, names, and the same bytes however many write them."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from learning.release import dataset
from learning.release.contents import MapFile, ReleaseContents
from learning.release.errors import InvalidContents, UnusableArtefact
from learning.release.maps import write_maps
from learning.release.rasters import MapArtefact, cog_fault

SIDE, TILE_PX = 1400, 64  # three rows of blocks
GSD = 0.2
# The lines x = 430 km and y = 6440 km are 137.4 m and 95.4 m from the corner: 687 and 477 pixels.
PLACE = (GSD, 0.0, 429_862.6, 0.0, -GSD, 6_440_095.4)
LEFT, TOP = 687, 477
COLOURS = {1: (255, 55, 122, 255), 2: (0, 204, 242, 255), 3: (204, 242, 77, 255)}
RENUMBERED = {1: 3, 2: 1, 3: 2}
Written = Callable[..., tuple[Path, list[MapArtefact]]]


def raster(path: Path, values: np.ndarray, *, transform: tuple[float, ...] = PLACE, crs: str = "EPSG:2154") -> Path:
    """A COG as the platform writes them."""
    from annotation.raster.cog import CogWriter

    palette = {0: (0, 0, 0, 0), **COLOURS} if path.name.startswith("class") else None
    with CogWriter(
        path, width=values.shape[1], height=values.shape[0], crs=crs, transform=Affine(*transform), smooth=not palette,
        overviews="MODE" if palette else "AVERAGE", colours=palette, tags={"ENTROPY_LEVELS": "254"},
    ) as target:  # fmt: skip
        target.write(values)
    return path


@pytest.fixture
def classes() -> np.ndarray:
    """Regions of three classes; no imagery in the north-east and along the west edge."""
    coarse = np.random.default_rng(2).integers(1, 4, (SIDE // 50, SIDE // 50), dtype=np.uint8)
    values = coarse.repeat(50, axis=0).repeat(50, axis=1)
    values[: TOP + 3, LEFT - 5 :] = 0
    values[:, :9] = 0
    return values


@pytest.fixture
def mask() -> np.ndarray:
    """What people drew on one tile."""
    return np.random.default_rng(4).integers(0, 4, (TILE_PX, TILE_PX), dtype=np.uint8)


@pytest.fixture
def written(contents: ReleaseContents, classes: np.ndarray, mask: np.ndarray, tmp_path: Path) -> Written:
    """What writes the map of a layer over a corner of the grid, in a folder of the name given."""
    entropy = np.where(classes > 0, np.arange(SIDE) % 255 + 1, 0).astype(np.uint8)
    layer_path = tmp_path / "layer.tif"
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 4, "dtype": "uint8", "crs": "EPSG:2154"}
    with rasterio.open(layer_path, "w", **profile, transform=Affine(*PLACE), photometric="minisblack"):
        pass
    layer = replace(contents.layer, analysis_path=layer_path, transform=PLACE, width=SIDE, height=SIDE)
    # Tiles (7, 10) and (7, 11) lie over the corner: rows 448 to 511, columns 640 to 767.
    tiles = [
        replace(next(iter(contents.tiles)), row=7, col=col, block=(7, col), mask=mask, tile_id=f"t{col}")
        for col in (10, 11)
    ]
    assert contents.maps is not None
    files = (MapFile(raster(tmp_path / "class.tif", classes), raster(tmp_path / "entropy.tif", entropy)),)
    maps = replace(contents.maps, files=files, renumbered=RENUMBERED)
    campaign = replace(contents.campaign, tile_px=TILE_PX)

    def write(name: str, *, threads: int = 2, **changes: object) -> tuple[Path, list[MapArtefact]]:
        root = tmp_path / name
        now = replace(contents, layer=layer, tiles=tiles, maps=replace(maps, **changes), campaign=campaign)
        dataset.write_dataset(root, now.tiles, campaign=campaign, layer=layer, nomenclature=now.nomenclature)
        assert now.maps is not None
        return root, write_maps(root, now.maps, now, threads=threads)

    return write


def pixels(root: Path, path: str | None) -> np.ndarray:
    assert path is not None
    assert cog_fault(root / path) is None
    with rasterio.open(root / path, driver="GTiff") as source:
        return source.read(1)


def test_pieces_are_the_map_s_own_pixels_renumbered_and_ground_without_imagery_has_no_file(
    written: Written, classes: np.ndarray
) -> None:
    root, pieces = written("a")
    assert [piece.item_id for piece in pieces] == ["gers-2019-0420-6450", "gers-2019-0420-6440", "gers-2019-0430-6440"]
    table = np.array([0, *RENUMBERED.values()], np.uint8)
    parts = [(slice(0, TOP), slice(0, LEFT)), (slice(TOP, None), slice(0, LEFT)), (slice(TOP, None), slice(LEFT, None))]
    for piece, part in zip(pieces, parts, strict=True):
        assert (pixels(root, piece.class_path) == table[classes][part]).all()
        with rasterio.open(root / piece.class_path, driver="GTiff") as source:
            assert source.nodata == 0 and source.colormap(1)[2] == COLOURS[2]
            assert source.transform == Affine(
                GSD, 0, PLACE[2] + GSD * part[1].start, 0, -GSD, PLACE[5] - GSD * part[0].start
            )
            assert set(source.dtypes) == {"uint8"} and source.shape == classes[part].shape


def test_entropy_is_cut_as_the_classes_are_and_keeps_its_tags(written: Written, tmp_path: Path) -> None:
    root, pieces = written("a")
    with rasterio.open(tmp_path / "entropy.tif", driver="GTiff") as source:
        whole = source.read(1)
    last = pieces[-1]
    assert (pixels(root, last.entropy_path) == whole[TOP:, LEFT:]).all()
    with rasterio.open(root / (last.entropy_path or ""), driver="GTiff") as source:
        assert source.tags()["ENTROPY_LEVELS"] == "254" and source.colorinterp[0].name == "gray"


def test_overviews_of_a_piece_hold_class_codes_only(written: Written) -> None:
    root, pieces = written("a")
    for piece in pieces:
        known = set(np.unique(pixels(root, piece.class_path)))
        with rasterio.open(root / piece.class_path, driver="GTiff", OVERVIEW_LEVEL=0) as coarse:
            assert set(np.unique(coarse.read(1))) <= known


def test_reviewed_coverage_is_what_people_drew_where_they_did_and_nothing_elsewhere(
    written: Written, mask: np.ndarray
) -> None:
    root, pieces = written("a")
    expected = np.zeros((SIDE, SIDE), np.uint8)
    expected[448:512, 640:704] = mask
    expected[448:512, 704:768] = mask
    north_west, south_west, south_east = pieces
    assert (pixels(root, north_west.reviewed_path) == expected[:TOP, :LEFT]).all()
    assert (pixels(root, south_west.reviewed_path) == expected[TOP:, :LEFT]).all()
    assert (pixels(root, south_east.reviewed_path) == expected[TOP:, LEFT:]).all()


def test_a_piece_where_nobody_labelled_has_no_reviewed_coverage(written: Written, mask: np.ndarray) -> None:
    mask[:] = 0
    root, pieces = written("a")
    assert [piece.reviewed_path for piece in pieces] == [None, None, None]
    assert not list((root / "maps").glob("*REVIEWED*"))


def test_the_bytes_do_not_depend_on_how_many_pieces_are_written_at_a_time(written: Written) -> None:
    def digests(name: str, threads: int) -> dict[str, str]:
        root, _ = written(name, threads=threads)
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (root / "maps").iterdir()}

    alone = digests("a", 1)
    assert len(alone) == 3 * 3 + 2 * 3 and alone == digests("b", 3)


def test_a_map_that_needs_no_renumbering_is_cut_as_it_is(written: Written, classes: np.ndarray) -> None:
    root, pieces = written("a", renumbered=None)
    assert (pixels(root, pieces[-1].class_path) == classes[TOP:, LEFT:]).all()


def test_a_map_in_pixels_that_are_not_the_layer_s_is_refused(
    written: Written, classes: np.ndarray, tmp_path: Path
) -> None:
    aside = (PLACE[0], 0.0, PLACE[2] + GSD / 2, 0.0, PLACE[4], PLACE[5])
    moved = raster(tmp_path / "class_moved.tif", classes, transform=aside)
    with pytest.raises(UnusableArtefact, match=r"class_moved\.tif is on the grid .* the layer on .* predict again"):
        written("a", files=(MapFile(moved),))


def test_a_file_of_a_part_of_the_layer_has_what_was_labelled_on_that_part(
    written: Written, classes: np.ndarray, mask: np.ndarray, tmp_path: Path
) -> None:
    part = (PLACE[0], 0.0, PLACE[2] + 650 * GSD, 0.0, PLACE[4], PLACE[5] - 480 * GSD)  # south of the line, over x
    root, pieces = written("a", files=(MapFile(raster(tmp_path / "class_p.tif", classes[480:, 650:], transform=part)),))
    expected = np.zeros((SIDE, SIDE), np.uint8)
    expected[448:512, 640:704] = mask
    expected[448:512, 704:768] = mask
    south_west, south_east = pieces
    assert (pixels(root, south_west.reviewed_path) == expected[480:, 650:LEFT]).all()
    assert (pixels(root, south_east.reviewed_path) == expected[480:, LEFT:]).all()
    assert (south_west.grid.transform[2], south_east.grid.transform[2]) == pytest.approx((429_992.6, 430_000))


def test_a_map_without_any_class_is_refused(written: Written, classes: np.ndarray, tmp_path: Path) -> None:
    empty = raster(tmp_path / "class_empty.tif", np.zeros_like(classes))
    with pytest.raises(UnusableArtefact, match="no class anywhere"):
        written("a", files=(MapFile(empty),))


def test_two_files_with_ground_in_one_tile_are_refused(written: Written, classes: np.ndarray, tmp_path: Path) -> None:
    south = (PLACE[0], 0.0, PLACE[2], 0.0, PLACE[4], PLACE[5] - 600 * GSD)
    files = (
        MapFile(raster(tmp_path / "class_1.tif", classes[:600])),
        MapFile(raster(tmp_path / "class_2.tif", classes[600:], transform=south)),
    )
    with pytest.raises(InvalidContents, match="2 pieces of the map would be named 0420-6440"):
        written("a", files=files)


def test_gdal_reads_the_classes_names_and_colours_from_the_file_beside_a_piece(written: Written) -> None:
    root, pieces = written("a")
    names, table = gdal_names(root / pieces[-1].class_path)
    assert names == [
        "Pas d'imagerie / No imagery", "CS1.1.1.1 Zones bâties / Built-up areas", "CS1.2.2 Eau / Water",
        "CS2.2.1 Formations herbacées / Herbaceous",
    ]  # fmt: skip
    assert table[2] == ["2", "CS1.2.2 Eau / Water", "CS1.2.2", "0", "204", "242", "255"]
    reviewed, _ = gdal_names(root / (pieces[-1].reviewed_path or ""))
    assert reviewed[0] == "Non étiqueté / Not labelled" and reviewed[1:] == names[1:]


def gdal_names(path: Path) -> tuple[list[str], list[list[str]]]:
    """Category names and attribute table of a raster's band, asked of GDAL itself: rasterio has no call for them."""
    [library] = Path(rasterio.__file__).parent.parent.glob("rasterio.libs/libgdal*")
    gdal = ctypes.CDLL(str(library))
    for name in ("GDALOpen", "GDALGetRasterBand", "GDALGetDefaultRAT"):
        getattr(gdal, name).restype = ctypes.c_void_p
    gdal.GDALGetRasterCategoryNames.restype = ctypes.POINTER(ctypes.c_char_p)
    gdal.GDALRATGetValueAsString.restype = ctypes.c_char_p
    dataset_ = ctypes.c_void_p(gdal.GDALOpen(str(path).encode(), 0))
    try:
        band = ctypes.c_void_p(gdal.GDALGetRasterBand(dataset_, 1))
        rat = ctypes.c_void_p(gdal.GDALGetDefaultRAT(band))
        shape = range(gdal.GDALRATGetRowCount(rat)), range(gdal.GDALRATGetColumnCount(rat))
        table = [[gdal.GDALRATGetValueAsString(rat, row, col).decode() for col in shape[1]] for row in shape[0]]
        names, listed = [], gdal.GDALGetRasterCategoryNames(band)  # known once the file beside was asked for
        while listed[len(names)] is not None:
            names.append(listed[len(names)].decode())
    finally:
        gdal.GDALClose(dataset_)
    return names, table
