from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from learning.release.bundle import stage_release
from learning.release.contents import MapFile, ReleaseContents
from learning.release.errors import InvalidContents, UnusableArtefact
from learning.release.rasters import check_class_map, cog_fault, map_colours, map_values, tiff_fault

CLASS = "maps/SOLCOMMUN_1-0-0_CLASS_2019_COG_LAMB93_gers-0420-6440_2026-11-22.tif"


def test_maps_are_copied_byte_for_byte_under_ign_s_naming_scheme(contents: ReleaseContents, tmp_path: Path) -> None:
    stage_release(contents, tmp_path / "r.staging")
    assert contents.maps is not None
    assert (tmp_path / "r.staging" / CLASS).read_bytes() == contents.maps.files[0].class_path.read_bytes()
    assert (tmp_path / "r.staging" / CLASS.replace("CLASS", "ENTROPY")).is_file()


def test_a_published_map_is_a_valid_cog(pristine: Path) -> None:
    assert cog_fault(pristine / CLASS) is None


def plain_tiff(path: Path, size: int = 600) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", width=size, height=size, count=1, dtype="uint8", crs="EPSG:2154",
        transform=Affine(0.2, 0, 426000, 0, -0.2, 6435000),
    ) as target:  # fmt: skip
        target.write(np.ones((size, size), np.uint8), 1)
    return path


def test_a_plain_striped_tiff_is_not_a_cog(tmp_path: Path) -> None:
    assert "not tiled" in (cog_fault(plain_tiff(tmp_path / "plain.tif")) or "")


@pytest.mark.parametrize("head", [b"<VRTDataset rasterXSize='1'/>", b"", b"\x89PNG\r\n"])
def test_another_format_under_a_tif_name_never_reaches_gdal(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(head)
    assert "not a TIFF" in (tiff_fault(path) or "")


def test_a_map_with_other_colours_than_the_nomenclature_is_refused(
    contents: ReleaseContents, changed: Callable[..., ReleaseContents], tmp_path: Path
) -> None:
    classes = tuple(
        replace(item, colour="#000001") if item.code == "CS1.2.2" else item for item in contents.nomenclature.classes
    )
    with pytest.raises(UnusableArtefact, match=r"class\.tif shows 2 as"):
        stage_release(changed(nomenclature=replace(contents.nomenclature, classes=classes)), tmp_path / "r.staging")


def test_a_map_whose_values_are_the_model_s_own_is_checked_and_described_with_them(
    contents: ReleaseContents,
) -> None:
    assert contents.maps is not None
    maps = replace(contents.maps, class_values={"CS2.2.1": 1, "CS1.1.1.1": 2})
    assert map_values(maps, contents.nomenclature) == {"CS2.2.1": 1, "CS1.1.1.1": 2}
    colours = map_colours(maps, contents.nomenclature)
    assert colours == {1: (0xCC, 0xF2, 0x4D, 255), 2: (0xFF, 0x37, 0x7A, 255)}
    with pytest.raises(UnusableArtefact, match="shows 1 as"):
        check_class_map(maps.files[0].class_path, colours=colours, nodata=0)


def test_an_entropy_raster_on_another_grid_is_refused(
    contents: ReleaseContents, changed: Callable[..., ReleaseContents], tmp_path: Path
) -> None:
    assert contents.maps is not None
    plain = plain_tiff(tmp_path / "plain.tif", size=64)
    with rasterio.open(plain, driver="GTiff") as source:
        rasterio.shutil.copy(source, tmp_path / "entropy.tif", driver="COG")
    piece = MapFile(contents.maps.files[0].class_path, tmp_path / "entropy.tif")
    with pytest.raises(UnusableArtefact, match=r"entropy\.tif is on the grid"):
        stage_release(changed(maps=replace(contents.maps, files=(piece,))), tmp_path / "r.staging")


def test_two_pieces_with_the_same_corner_are_refused(
    contents: ReleaseContents, changed: Callable[..., ReleaseContents], tmp_path: Path
) -> None:
    assert contents.maps is not None
    with pytest.raises(InvalidContents, match="distinct corners"):
        stage_release(changed(maps=replace(contents.maps, files=contents.maps.files * 2)), tmp_path / "r.staging")


def test_entropy_without_scale_is_refused(
    contents: ReleaseContents, changed: Callable[..., ReleaseContents], tmp_path: Path
) -> None:
    assert contents.maps is not None
    with pytest.raises(InvalidContents, match="entropy_scale"):
        stage_release(changed(maps=replace(contents.maps, entropy_scale=None)), tmp_path / "r.staging")
