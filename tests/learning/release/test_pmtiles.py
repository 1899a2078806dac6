"""PMTiles: places along the curve, directories worked by hand, files that GDAL reads too."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import numpy as np
import pytest

from learning.release.errors import InvalidContents
from learning.release.pmtiles import (
    Directory,
    Place,
    PmtilesWriter,
    decode_directory,
    encode_directory,
    read_archive,
    read_tile,
    tile_id,
)

PLACE = Place(0, 9, (-1.5, 43.25, 0.5, 44.75))


def test_tiles_are_numbered_as_in_the_specification() -> None:
    first = [(0, 0, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0), (2, 0, 0)]
    assert [tile_id(*place) for place in first] == [0, 1, 2, 3, 4, 5]
    assert tile_id(12, 3423, 1763) == 19_078_479


def test_each_zoom_is_one_walk_from_neighbour_to_neighbour() -> None:
    places = {tile_id(4, x, y): (x, y) for x in range(16) for y in range(16)}
    assert sorted(places) == list(range(85, 85 + 256))  # after 1 + 4 + 16 + 64
    for here, there in itertools.pairwise(places[number] for number in sorted(places)):
        assert abs(here[0] - there[0]) + abs(here[1] - there[1]) == 1


def test_a_directory_is_differences_runs_lengths_and_offsets() -> None:
    """The second tile follows the first one's bytes at once, the third one is where the first is."""
    entries = Directory([1, 3, 300], [1, 2, 1], [10, 20, 10], [0, 10, 0])
    assert list(gzip.decompress(encode_directory(entries))) == [3, 1, 2, 0b10101001, 2, 1, 2, 1, 10, 20, 10, 1, 0, 1]
    assert decode_directory(encode_directory(entries)) == entries
    with pytest.raises(InvalidContents, match="3 map tiles has 1 numbers"):
        decode_directory(gzip.compress(b"\x03\x01"))
    with pytest.raises(InvalidContents, match="cannot be read"):
        decode_directory(b"no gzip")


def written(path: Path, tiles: dict[int, bytes]) -> Path:
    with path.open("wb") as stream:
        writer = PmtilesWriter(stream)
        for number, tile in tiles.items():
            writer.add(number, tile)
        writer.finish(PLACE, {"name": "map"})
    return path


def test_a_file_gives_each_tile_back_and_nothing_for_others(tmp_path: Path) -> None:
    tiles = {tile_id(3, 1, 1): b"one", tile_id(3, 5, 6): b"other", tile_id(4, 0, 0): b"deep"}
    path = written(tmp_path / "a.pmtiles", dict(sorted(tiles.items())))
    archive = read_archive(path)
    assert archive.metadata == {"name": "map", "version": archive.version}
    assert (archive.min_zoom, archive.max_zoom) == (0, 9)
    read = {(z, x, y): read_tile(path, z, x, y, version=archive.version) for z, x, y in
            [(3, 1, 1), (3, 5, 6), (4, 0, 0), (3, 1, 2), (0, 0, 0), (9, 511, 0), (10, 0, 0)]}  # fmt: skip
    assert list(read.values()) == [b"one", b"other", b"deep", None, None, None, None]


def test_equal_tiles_in_a_row_are_stored_once(tmp_path: Path) -> None:
    path = written(tmp_path / "a.pmtiles", {7: b"ground", 8: b"ground", 9: b"water", 11: b"water", 12: b"ground"})
    assert read_archive(path).root == Directory([7, 9, 11, 12], [2, 1, 1, 1], [6, 5, 5, 6], [0, 6, 11, 16])


def test_a_file_with_more_tiles_than_a_root_holds_has_leaves(tmp_path: Path) -> None:
    """30,000 tiles of zoom 9, every other one, of sizes that no compression foresees."""
    numbers = [tile_id(9, 0, 0) + 2 * k for k in range(30_000)]
    sizes = np.random.default_rng(1).integers(7, 1000, 30_000).tolist()
    path = written(tmp_path / "a.pmtiles", {n: bytes([n % 251]) * size for n, size in zip(numbers, sizes, strict=True)})
    archive = read_archive(path)
    assert set(archive.root.runs) == {0} and len(archive.root.ids) == 8  # of 4,096 each
    for x, y in itertools.product(range(0, 512, 37), range(0, 512, 41)):
        number = tile_id(9, x, y)
        place, is_between = divmod(number - numbers[0], 2)
        expected = None if is_between or place >= 30_000 else bytes([number % 251]) * sizes[place]
        assert read_tile(path, 9, x, y, version=archive.version) == expected


def test_a_file_that_another_took_the_place_of_is_not_read_under_the_old_version(tmp_path: Path) -> None:
    path = written(tmp_path / "a.pmtiles", {5: b"old"})
    old = read_archive(path).version
    written(tmp_path / "b.pmtiles", {5: b"new"}).replace(path)
    with pytest.raises(FileNotFoundError, match=f"not {old}"):
        read_tile(path, 2, 0, 0, version=old)
    assert read_tile(path, 2, 0, 0, version=read_archive(path).version) == b"new"


def test_what_is_no_such_file_or_in_no_order_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pmtiles").write_bytes(b"PMTiles\x02" + bytes(200))
    with pytest.raises(InvalidContents, match="no PMTiles file of version 3"):
        read_archive(tmp_path / "a.pmtiles")
    with (tmp_path / "b.pmtiles").open("wb") as stream:
        writer = PmtilesWriter(stream)
        with pytest.raises(InvalidContents, match="no map tile"):
            writer.finish(PLACE, {})
        writer.add(5, b"")
        with pytest.raises(ValueError, match="tile 5 comes after tile 5"):
            writer.add(5, b"")
