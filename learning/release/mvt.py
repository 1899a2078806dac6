"""Polygons as Mapbox Vector Tiles 2.1: many rings at once into commands, then features into a layer. Pure.

Source: https://github.com/mapbox/vector-tile-spec/tree/master/2.1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning.release.pmtiles import varint

MOVE_TO, LINE_TO, CLOSE_PATH = 1, 2, 7
_POLYGON = b"\x18\x03"  # field 3, type: 3
_SMALL = [varint(number) for number in range(1 << 14)]  # of one or two bytes, which most are


@dataclass(frozen=True, slots=True)
class Rings:
    """Rings of many polygons in tile units, x to the right and y down, not closed.

    Args:
        x, y: int64 (point,).
        sizes: int64 (ring,), how many points each has.
        feature: int64 (ring,), which polygon it is of: ascending from 0, its shell before its holes.
    """

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    sizes: NDArray[np.int64]
    feature: NDArray[np.int64]


def doubled_areas(rings: Rings) -> NDArray[np.int64]:
    """Twice the signed area of each ring in square units, positive for shells: int64 (ring,)."""
    if not len(rings.sizes):
        return np.zeros(0, np.int64)
    starts = np.cumsum(rings.sizes) - rings.sizes
    following = np.arange(1, len(rings.x) + 1)
    following[starts + rings.sizes - 1] = starts
    return np.add.reduceat(rings.x * rings.y[following] - rings.x[following] * rings.y, starts)


def encode_geometry(rings: Rings, n_features: int) -> tuple[bytes, NDArray[np.int64]]:
    """Commands of all polygons one after the other, and how many bytes each has: int64 (feature,)."""
    if not len(rings.sizes):
        return b"", np.zeros(n_features, np.int64)
    starts = np.cumsum(rings.sizes) - rings.sizes
    ring = np.repeat(np.arange(len(rings.sizes)), rings.sizes)
    # The cursor stays where it is between the rings of a polygon, and begins at 0, 0.
    begins = np.flatnonzero(np.diff(rings.feature, prepend=-1))
    deltas = []
    for values in (rings.x, rings.y):
        delta = np.diff(values, prepend=0)
        delta[starts[begins]] = values[starts[begins]]
        deltas.append(_zigzag(delta))
    words_each = 2 * rings.sizes + 3
    first = np.cumsum(words_each) - words_each
    words = np.empty(int(words_each.sum()), np.uint64)
    words[first] = MOVE_TO | 1 << 3
    words[first + 3] = LINE_TO | (rings.sizes - 1) << 3
    words[first + words_each - 1] = CLOSE_PATH | 1 << 3
    inside = np.arange(len(rings.x)) - starts[ring]
    place = first[ring] + 1 + 2 * inside + (inside > 0)
    words[place], words[place + 1] = deltas
    packed, sizes = varints(words)
    feature = np.repeat(rings.feature, words_each)
    return packed.tobytes(), np.bincount(feature, weights=sizes, minlength=n_features).astype(np.int64)


def _zigzag(values: NDArray[np.int64]) -> NDArray[np.uint64]:
    return ((values << 1) ^ (values >> 63)).astype(np.uint64)


def varints(numbers: NDArray[np.uint64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Unsigned numbers one after the other, seven bits a byte, uint8; and how many bytes each has, int64."""
    sizes = np.ones(len(numbers), np.int64)
    for bits in range(7, 64, 7):
        sizes += numbers >= np.uint64(1 << bits)
    starts = np.cumsum(sizes) - sizes
    packed = np.empty(int(sizes.sum()), np.uint8)
    for byte in range(int(sizes.max(initial=0))):
        has = np.flatnonzero(sizes > byte)
        seven = (numbers[has] >> np.uint64(7 * byte)) & np.uint64(127)
        more = (sizes[has] > byte + 1).astype(np.uint64) << np.uint64(7)
        packed[starts[has] + byte] = (seven | more).astype(np.uint8)
    return packed, sizes


def encode_layer(
    name: str, *, extent: int, geometries: Sequence[bytes], properties: dict[str, Sequence[str | int | None]]
) -> bytes:
    """A vector tile of one layer.

    Args:
        extent: units along a side of the tile.
        geometries: commands of each feature.
        properties: of each feature by key, None where it has none; whole numbers are 0 or more.
    """
    values: dict[str | int, int] = {}
    features = []
    for geometry, row in zip(geometries, zip(*properties.values(), strict=True), strict=True):
        tags = [
            _SMALL[key] + _varint(values.setdefault(value, len(values)))
            for key, value in enumerate(row)
            if value is not None
        ]
        features.append(_field(2, _field(2, b"".join(tags)) + _POLYGON + _field(4, geometry)))
    keys = [_field(3, key.encode()) for key in properties]
    table = [
        _field(4, _field(1, value.encode()) if isinstance(value, str) else b"\x28" + _varint(value)) for value in values
    ]
    body = [_field(1, name.encode()), *features, *keys, *table, b"\x28" + varint(extent), b"\x78\x02"]
    return _field(3, b"".join(body))


def _field(number: int, content: bytes) -> bytes:
    """A field with bytes in it."""
    return _SMALL[number << 3 | 2] + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    return _SMALL[number] if number < len(_SMALL) else varint(number)
