"""The generated territory: repeatable, georeferenced, with every cover in a believable share."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

from demo.parcels import LANE, Zones, divide, smooth_noise
from demo.sunlight import cast_shadow
from demo.territory import CLASS_CODES, draw_territory, generate_territory

SIZE_PX = 1024


@pytest.fixture(scope="module")
def territory(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return generate_territory(tmp_path_factory.mktemp("territory"), seed=7, size_px=SIZE_PX)


def _read(path: Path) -> np.ndarray:
    with rasterio.open(path, driver="GTiff") as file:
        return file.read()


def test_the_image_lies_in_lambert_93_with_four_named_bands_of_twenty_centimetres(
    territory: tuple[Path, Path],
) -> None:
    with rasterio.open(territory[0], driver="GTiff") as file:
        assert file.crs.to_epsg() == 2154
        assert file.transform[:6] == (0.2, 0.0, 500000.0, 0.0, -0.2, 6290000.0)
        assert (file.count, file.dtypes[0], file.shape) == (4, "uint8", (SIZE_PX, SIZE_PX))
        assert file.descriptions == ("red", "green", "blue", "nir")


def test_image_and_truth_share_one_grid_and_the_table_stands_beside(territory: tuple[Path, Path]) -> None:
    with (
        rasterio.open(territory[0], driver="GTiff") as image,
        rasterio.open(territory[1], driver="GTiff") as truth,
    ):
        assert (image.transform, image.shape, image.crs) == (truth.transform, truth.shape, truth.crs)
        tag = json.loads(truth.tags()["classes"])
    beside = json.loads((territory[1].parent / "truth.json").read_text(encoding="utf-8"))
    assert tag == beside == {str(value): code for value, code in CLASS_CODES.items()}


def test_every_cover_is_there_and_none_drowns_the_others(territory: tuple[Path, Path]) -> None:
    values, counts = np.unique(_read(territory[1]), return_counts=True)
    shares = dict(zip((CLASS_CODES[int(value)] for value in values), counts / counts.sum(), strict=True))
    assert set(shares) == set(CLASS_CODES.values())
    assert min(shares.values()) > 0.003
    assert 0.3 < shares["CS2.2.1"] < 0.75
    assert shares["CS1.2.2"] < 0.12


def test_vineyards_gather_on_one_slope(territory: tuple[Path, Path]) -> None:
    vines = _read(territory[1])[0] == 12
    half = SIZE_PX // 2
    assert vines[:half, half:].sum() > 0.6 * vines.sum()


def test_the_same_seed_gives_the_same_pixels_and_another_seed_other_ones() -> None:
    image, truth = draw_territory(seed=3, size_px=520, gsd_m=0.2)
    again, truth_again = draw_territory(seed=3, size_px=520, gsd_m=0.2)
    other, truth_other = draw_territory(seed=4, size_px=520, gsd_m=0.2)
    np.testing.assert_array_equal(image, again)
    np.testing.assert_array_equal(truth, truth_again)
    assert (truth != truth_other).mean() > 0.2
    assert (image != other).mean() > 0.9


def test_ploughed_land_and_bare_soil_cannot_be_told_apart_by_colour_alone(
    territory: tuple[Path, Path],
) -> None:
    image, truth = _read(territory[0])[:3].astype(float), _read(territory[1])[0]
    soil = image[:, truth == 5]
    low, high = np.quantile(soil, 0.25, axis=1), np.quantile(soil, 0.75, axis=1)
    herbaceous = image[:, truth == 13]
    alike = ((herbaceous >= low[:, None]) & (herbaceous <= high[:, None])).all(axis=0)
    assert alike.sum() > 0.1 * soil.shape[1]


def test_a_territory_too_small_for_a_village_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a territory of 51 m is too small"):
        generate_territory(tmp_path, seed=1, size_px=256)


def test_noise_has_no_mean_and_unit_variance() -> None:
    noise = smooth_noise(np.random.default_rng(1), size_px=128, wavelength_px=8)
    assert noise.shape == (128, 128)
    assert noise.mean() == pytest.approx(0.0, abs=1e-4)
    assert noise.std() == pytest.approx(1.0, abs=1e-3)


def test_every_pixel_is_in_one_parcel_and_the_main_road_goes_through_the_village() -> None:
    side = 60
    rows, cols = np.divmod(np.arange(side * side), side)
    u_m, v_m = cols.astype(np.float32) * 5, rows.astype(np.float32) * 5
    zones = Zones(
        village=(120.0, 130.0),
        village_radius_m=50.0,
        vineyard=(250.0, 70.0),
        vineyard_radius_m=60.0,
        parcel_m=60.0,
        plot_m=30.0,
    )
    division = divide(u_m=u_m, v_m=v_m, extent_m=300.0, zones=zones, rng=np.random.default_rng(5))
    held = np.sort(np.concatenate([parcel.pixels for parcel in division.parcels]))
    np.testing.assert_array_equal(held, np.arange(side * side))
    village = 26 * side + 24
    assert division.edge_kind[village] <= LANE
    assert division.edge_axis_m[village] < 0.5


def test_a_wall_shades_the_ground_away_from_the_sun_and_only_there() -> None:
    # The sun stands in the south-south-east, 50° high: a 10 m wall shades 10 / tan 50° = 8.4 m of ground,
    # of which 8.4 × 0.866 = 7.3 m northwards, 36 px of 0.2 m; south of the wall there is no shadow.
    height = np.zeros((120, 120), dtype=np.float32)
    height[80:84, :] = 10.0
    shadow = cast_shadow(height, gsd_m=0.2)
    assert shadow[50, 40] > 0.9
    assert shadow[40, 40] < 0.1
    assert shadow[90, 40] < 0.1
