"""Label rasters read on the layer's grid, and the errors a person's hand makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from demo.truth import Hand, TruthMosaic

CODES = {1: "CS1.1.1.1", 8: "CS2.1.1.1", 13: "CS2.2.1"}
ORIGIN = (0.2, 0.0, 1000.0, 0.0, -0.2, 2000.0)


def _write(path: Path, values: np.ndarray, *, x_m: float = 1000.0, y_m: float = 2000.0, placed: bool = True) -> Path:
    place = {"crs": "EPSG:2154", "transform": Affine(0.2, 0, x_m, 0, -0.2, y_m)} if placed else {}
    height, width = values.shape
    with rasterio.open(path, "w", driver="GTiff", dtype="uint8", count=1, width=width, height=height, **place) as file:
        file.write(values, 1)
    return path


def _tile() -> np.ndarray:
    """A meadow of 64 px, a house of 20 x 16 px, a wood on the right, a shed of 4 x 4 px."""
    tile = np.full((64, 64), 13, dtype=np.uint8)
    tile[10:26, 10:30] = 1
    tile[:, 50:] = 8
    tile[50:54, 10:14] = 1
    return tile


def test_a_window_is_read_at_the_place_of_its_file_and_unknown_ground_is_zero(tmp_path: Path) -> None:
    # 2 m to the right and 1 m down of the origin: 10 columns, 5 rows.
    path = _write(tmp_path / "labels.tif", np.full((8, 8), 13, dtype=np.uint8), x_m=1002.0, y_m=1999.0)
    truth = TruthMosaic([path], transform=ORIGIN, class_codes=CODES)
    window = truth.window(x_px=8, y_px=4, size_px=4)
    np.testing.assert_array_equal(window, [[0, 0, 0, 0], [0, 0, 13, 13], [0, 0, 13, 13], [0, 0, 13, 13]])


def test_where_two_files_overlap_the_first_one_wins(tmp_path: Path) -> None:
    first = _write(tmp_path / "a.tif", np.full((4, 4), 1, dtype=np.uint8))
    second = _write(tmp_path / "b.tif", np.full((4, 4), 8, dtype=np.uint8), x_m=1000.4)
    window = TruthMosaic([first, second], transform=ORIGIN, class_codes=CODES).window(x_px=0, y_px=0, size_px=8)
    np.testing.assert_array_equal(window[0], [1, 1, 1, 1, 8, 8, 0, 0])


def test_values_without_a_class_are_unknown_ground(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.tif", np.array([[1, 7], [255, 13]], dtype=np.uint8))
    window = TruthMosaic([path], transform=ORIGIN, class_codes=CODES).window(x_px=0, y_px=0, size_px=2)
    np.testing.assert_array_equal(window, [[1, 0], [0, 13]])


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_lone_raster_without_place_lies_at_the_origin_and_two_are_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.tif", np.full((4, 4), 13, dtype=np.uint8), placed=False)
    window = TruthMosaic([path], transform=ORIGIN, class_codes=CODES).window(x_px=2, y_px=0, size_px=4)
    np.testing.assert_array_equal(window[0], [13, 13, 0, 0])
    with pytest.raises(ValueError, match=r"a\.tif has no georeferencing"):
        TruthMosaic([path, path], transform=ORIGIN, class_codes=CODES)


def test_labels_of_another_pixel_size_are_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.tif", np.full((4, 4), 13, dtype=np.uint8))
    with pytest.raises(ValueError, match="resample the labels first"):
        TruthMosaic([path], transform=(0.5, 0.0, 1000.0, 0.0, -0.5, 2000.0), class_codes=CODES)


@pytest.mark.parametrize("name", ["contributor1", "contributor2", "contributor3"])
def test_a_hand_errs_on_outlines_but_agrees_with_most_of_the_ground(name: str) -> None:
    tile = _tile()
    labels = Hand.of(name, seed=7).draw(tile, class_codes=CODES, place=(2, 3))
    labelled = labels > 0
    agreement = (labels[labelled] == tile[labelled]).mean()
    assert 0.8 < agreement < 1.0
    assert labelled.mean() > 0.85
    assert set(np.unique(labels)) <= {0, *CODES}


def test_a_person_repeats_their_errors_and_two_people_differ() -> None:
    tile, one, two = _tile(), Hand.of("contributor1", seed=7), Hand.of("contributor2", seed=7)
    drawn = one.draw(tile, class_codes=CODES, place=(2, 3))
    np.testing.assert_array_equal(drawn, Hand.of("contributor1", seed=7).draw(tile, class_codes=CODES, place=(2, 3)))
    assert (drawn != two.draw(tile, class_codes=CODES, place=(2, 3))).any()
    assert (drawn != one.draw(tile, class_codes=CODES, place=(3, 2))).any()


def test_a_second_attempt_is_complete_and_closer_to_the_truth() -> None:
    hand = Hand(
        "careless",
        1,
        jitter_px=2.5,
        missed_below_px=50,
        missed_share=0.0,
        confused_share=1.0,
        unlabelled_share=0.0,
    )
    tile = _tile()
    first = hand.draw(tile, class_codes=CODES, place=(0, 0))
    second = hand.draw(tile, class_codes=CODES, place=(0, 0), attempt=1)
    assert (first == tile).mean() < 0.7
    assert (second == tile).mean() > 0.93
    assert (second > 0).all()


def test_small_things_can_be_missed_and_the_ground_around_takes_their_place() -> None:
    blind = Hand(
        "blind",
        1,
        jitter_px=0.0,
        missed_below_px=50,
        missed_share=1.0,
        confused_share=0.0,
        unlabelled_share=0.0,
    )
    labels = blind.draw(_tile(), class_codes=CODES, place=(0, 0))
    assert (labels[48:56, 8:16] == 13).all()
    assert (labels[14:22, 14:26] == 1).all()


def test_ground_nobody_knows_stays_without_label() -> None:
    tile = _tile()
    tile[:, :6] = 0
    labels = Hand.of("contributor1", seed=7).draw(tile, class_codes=CODES, place=(0, 0))
    assert (labels[:, :6] == 0).all()
