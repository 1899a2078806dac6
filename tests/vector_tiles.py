"""A reader of Mapbox Vector Tiles 2.1 for tests, written from the specification: layers, properties, polygons."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Feature:
    """A feature; rings are in tile units (4096 a side), x right and y down, not closed."""

    id: int | None
    properties: dict[str, Any]
    rings: list[list[tuple[int, int]]] = field(default_factory=list)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom."""
        xs, ys = zip(*[corner for ring in self.rings for corner in ring], strict=True)
        return min(xs), min(ys), max(xs), max(ys)


def layers(tile: bytes) -> dict[str, list[Feature]]:
    """Features of each layer by its name."""
    return dict(_layer(body) for number, body in _fields(tile) if number == 3)


def _layer(body: bytes) -> tuple[str, list[Feature]]:
    fields = list(_fields(body))
    name = next(value for number, value in fields if number == 1).decode()
    keys = [value.decode() for number, value in fields if number == 3]
    values = [_value(value) for number, value in fields if number == 4]
    return name, [_feature(value, keys, values) for number, value in fields if number == 2]


def _feature(body: bytes, keys: list[str], values: list[Any]) -> Feature:
    fields = dict(_fields(body))
    tags = _numbers(fields.get(2, b""))
    pairs = zip(tags[::2], tags[1::2], strict=True)
    return Feature(fields.get(1), {keys[k]: values[v] for k, v in pairs}, _rings(_numbers(fields.get(4, b""))))


def _rings(commands: list[int]) -> list[list[tuple[int, int]]]:
    rings: list[list[tuple[int, int]]] = []
    x = y = at = 0
    while at < len(commands):
        command, count = commands[at] & 7, commands[at] >> 3
        at += 1
        if command == 7:
            continue
        if command == 1:
            rings.append([])
        for _ in range(count):
            x, y = x + _signed(commands[at]), y + _signed(commands[at + 1])
            rings[-1].append((x, y))
            at += 2
    return rings


def _value(body: bytes) -> Any:
    ((number, value),) = _fields(body)
    if number == 1:
        return value.decode()
    if number in (2, 3):
        return struct.unpack("<f" if number == 2 else "<d", value)[0]
    return _signed(value) if number == 6 else bool(value) if number == 7 else value


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def _numbers(body: bytes) -> list[int]:
    found, at = [], 0
    while at < len(body):
        value, at = _varint(body, at)
        found.append(value)
    return found


def _fields(body: bytes) -> Any:
    at = 0
    while at < len(body):
        key, at = _varint(body, at)
        if key & 7 == 0:
            value, at = _varint(body, at)
            yield key >> 3, value
            continue
        size, at = ({1: 8, 5: 4}[key & 7], at) if key & 7 in (1, 5) else _varint(body, at)
        yield key >> 3, body[at : at + size]
        at += size


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (body[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if body[at - 1] < 0x80:
            return value, at
