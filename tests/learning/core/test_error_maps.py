from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from learning.core.error_maps import error_map, read_error_map, write_error_maps
from learning.errors import InvalidEvaluation


def test_a_map_says_right_or_what_was_said_instead() -> None:
    truth = np.array([[1, 1, 2, 0, 2]], np.uint8)
    prediction = np.array([[1, 2, 1, 2, 0]], np.uint8)
    assert error_map(truth, prediction).tolist() == [[1, 3, 2, 0, 0]]
    assert error_map(np.array([[1]], np.uint8), np.array([[254]], np.uint8)).tolist() == [[255]]
    with pytest.raises(InvalidEvaluation, match="254"):
        error_map(np.array([[1]], np.uint8), np.array([[255]], np.uint8))


def test_maps_come_back_tile_by_tile_and_the_same_maps_give_the_same_bytes(tmp_path: Path) -> None:
    maps = [(7, np.eye(4, dtype=np.uint8)), (12, np.zeros((2, 3), np.uint8))]
    for name in ("a.zip", "b.zip"):
        write_error_maps(tmp_path / name, iter(maps))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert not list(tmp_path.glob("*.partial"))
    assert read_error_map(tmp_path / "a.zip", 7).tolist() == np.eye(4).tolist()
    assert read_error_map(tmp_path / "a.zip", 12).shape == (2, 3)


def test_a_tile_or_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    write_error_maps(tmp_path / "a.zip", [(7, np.eye(4, dtype=np.uint8))])
    with pytest.raises(InvalidEvaluation, match=r"tile 8 in a\.zip"):
        read_error_map(tmp_path / "a.zip", 8)
    with pytest.raises(InvalidEvaluation, match=r"tile 7 in b\.zip"):
        read_error_map(tmp_path / "b.zip", 7)
