"""Texts inside the binary files of a release: protocol buffers (ONNX, vector tiles), PMTiles, tar.

Numbers and pixels are skipped by what the formats say they are, not guessed at: among random bytes, some look like an
address. Sources: protobuf.dev/programming-guides/encoding; onnx.proto3 of ONNX 1.x; vector_tile.proto 2.1.
"""

from __future__ import annotations

import gzip
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from learning.release.errors import UnusableArtefact
from learning.release.pmtiles import all_tiles, read_archive

#: What a message holds, by field number: TEXT, or another message's fields. Other fields are not texts.
Fields: TypeAlias = "Mapping[int, str | Callable[[], Fields]]"
TEXT = "text"
_DEEPEST = 100


def onnx_texts(path: Path) -> Iterator[str]:
    """Names, documentation, operators, attributes and metadata of an ONNX file; not its weights.

    Raises: UnusableArtefact: it is no such file.
    """
    yield from _texts_in(memoryview(path.read_bytes()), _MODEL, path.name)


def pmtiles_texts(path: Path) -> Iterator[str]:
    """The metadata of a PMTiles file, and names and values of all its vector tiles; each tile once."""
    yield json.dumps(read_archive(path).metadata, ensure_ascii=False)
    seen: set[str] = set()
    for packed in all_tiles(path):
        try:
            tile = gzip.decompress(packed)
        except (OSError, EOFError, zlib.error) as error:
            raise UnusableArtefact(f"{path.name} holds a tile that is no gzip; make the polygons again") from error
        for text in _texts_in(memoryview(tile), _TILE, path.name):
            if text not in seen:
                seen.add(text)
                yield text


def tar_texts(path: Path, texts_of: Callable[[Path], Iterator[str]]) -> Iterator[str]:
    """Names and owners in a tar, and the texts of each of its files, read as a file of that name would be.

    Raises: UnusableArtefact: it holds something else than plain files and folders, or is no tar.
    """
    with TemporaryDirectory() as folder, _opened(path) as archive:
        for number, member in enumerate(archive):
            yield from (member.name, member.uname, member.gname, *map(str, member.pax_headers.values()))
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is None:
                if not member.isdir():
                    raise UnusableArtefact(f"{path.name} holds {member.name!r}, which is no plain file")
                continue
            # A name of our own: a member's may lead anywhere.
            place = Path(folder, f"{number}{Path(member.name).suffix}")
            with place.open("wb") as target:
                while piece := stream.read(1 << 20):
                    target.write(piece)
            yield from texts_of(place)
            place.unlink()


def _opened(path: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(path, "r:")
    except tarfile.TarError as error:
        raise UnusableArtefact(f"{path.name} is no tar file ({error}); make it again") from error


def _texts_in(data: memoryview, fields: Fields, name: str, depth: int = 0) -> Iterator[str]:
    """Texts of one message."""
    if depth > _DEEPEST:
        raise UnusableArtefact(f"{name} is nested more than {_DEEPEST} deep; make it again")
    at = 0
    while at < len(data):
        key, at = _varint(data, at, name)
        kind, number = key & 7, key >> 3
        if kind == 0:
            _, at = _varint(data, at, name)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        elif kind == 2:
            size, at = _varint(data, at, name)
            content, at = data[at : at + size], at + size
            held = fields.get(number)
            if held == TEXT:
                yield bytes(content).decode("utf-8", "replace")
            elif callable(held):
                yield from _texts_in(content, held(), name, depth + 1)
        else:
            raise UnusableArtefact(f"{name} is cut or is of another format (field of kind {kind}); make it again")
    if at != len(data):
        raise UnusableArtefact(f"{name} is cut; make it again")


def _varint(data: memoryview, at: int, name: str) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise UnusableArtefact(f"{name} is cut or is of another format; make it again")


_PAIR: Fields = {1: TEXT, 2: TEXT}
_TENSOR: Fields = {6: TEXT, 8: TEXT, 12: TEXT, 13: lambda: _PAIR, 16: lambda: _PAIR}
_SPARSE: Fields = {1: lambda: _TENSOR, 2: lambda: _TENSOR}
_DIMENSION: Fields = {2: TEXT, 3: TEXT}
_SHAPE: Fields = {1: lambda: _DIMENSION}
_TENSOR_TYPE: Fields = {2: lambda: _SHAPE}
_TYPE: Fields = {
    1: lambda: _TENSOR_TYPE, 4: lambda: {1: lambda: _TYPE}, 5: lambda: {2: lambda: _TYPE}, 6: TEXT,
    7: lambda: _PAIR, 8: lambda: _TENSOR_TYPE, 9: lambda: {1: lambda: _TYPE},
}  # fmt: skip
_VALUE: Fields = {1: TEXT, 2: lambda: _TYPE, 3: TEXT, 4: lambda: _PAIR}
_ATTRIBUTE: Fields = {
    1: TEXT, 4: TEXT, 5: lambda: _TENSOR, 6: lambda: _GRAPH, 9: TEXT, 10: lambda: _TENSOR, 11: lambda: _GRAPH, 13: TEXT,
    14: lambda: _TYPE, 15: lambda: _TYPE, 21: TEXT, 22: lambda: _SPARSE, 23: lambda: _SPARSE,
}  # fmt: skip
_NODE: Fields = {
    1: TEXT, 2: TEXT, 3: TEXT, 4: TEXT, 5: lambda: _ATTRIBUTE, 6: TEXT, 7: TEXT, 8: TEXT, 9: lambda: _PAIR,
    10: lambda: {1: TEXT, 2: lambda: _SHARDED},
}  # fmt: skip
_ANNOTATION: Fields = {1: TEXT, 2: lambda: _PAIR}
_DEVICES: Fields = {1: TEXT, 3: TEXT}
_SHARDED: Fields = {1: TEXT}
_GRAPH: Fields = {
    1: lambda: _NODE, 2: TEXT, 5: lambda: _TENSOR, 10: TEXT, 11: lambda: _VALUE, 12: lambda: _VALUE, 13: lambda: _VALUE,
    14: lambda: _ANNOTATION, 15: lambda: _SPARSE, 16: lambda: _PAIR,
}  # fmt: skip
_OPERATORS: Fields = {1: TEXT}
_FUNCTION: Fields = {
    1: TEXT, 4: TEXT, 5: TEXT, 6: TEXT, 7: lambda: _NODE, 8: TEXT, 9: lambda: _OPERATORS, 10: TEXT,
    11: lambda: _ATTRIBUTE, 12: lambda: _VALUE, 13: TEXT, 14: lambda: _PAIR,
}  # fmt: skip
_TRAINING: Fields = {1: lambda: _GRAPH, 2: lambda: _GRAPH, 3: lambda: _PAIR, 4: lambda: _PAIR}
_MODEL: Fields = {
    2: TEXT, 3: TEXT, 4: TEXT, 6: TEXT, 7: lambda: _GRAPH, 8: lambda: _OPERATORS, 14: lambda: _PAIR,
    20: lambda: _TRAINING, 25: lambda: _FUNCTION, 26: lambda: _DEVICES,
}  # fmt: skip

_LAYER: Fields = {1: TEXT, 3: TEXT, 4: lambda: {1: TEXT}}
_TILE: Fields = {3: lambda: _LAYER}
