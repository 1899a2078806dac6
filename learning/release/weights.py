"""The header of a safetensors file, read without loading a tensor.

Source: the safetensors format: 8 bytes little-endian length, a JSON header, then the tensors' bytes without
         gap.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path

from learning.release.errors import UnusableArtefact

MAX_HEADER_BYTES = 1 << 20
MAX_TENSORS = 5_000
_ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class WeightsHeader:
    """Tensor shapes by name, dtypes by name, the file's own metadata."""

    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, str]
    metadata: dict[str, str]


def read_weights_header(path: Path) -> WeightsHeader:
    """Read and check the header: size, JSON, tensors that tile the rest of the file exactly.

    Raises:  UnusableArtefact: the file is not a safetensors file that can be loaded.
    """
    size = path.stat().st_size
    with path.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        if size < 8 or not 2 <= length <= MAX_HEADER_BYTES or 8 + length > size:
            raise UnusableArtefact(f"{path.name}: header of {length} bytes in a file of {size}; not safetensors")
        raw = handle.read(length)
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UnusableArtefact(f"{path.name}: the safetensors header is not JSON ({error})") from error
    if not isinstance(header, dict):
        raise UnusableArtefact(f"{path.name}: the safetensors header is not an object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise UnusableArtefact(f"{path.name}: the safetensors metadata is not text by text")
    if not 1 <= len(header) <= MAX_TENSORS:
        raise UnusableArtefact(f"{path.name}: {len(header)} tensors; expected 1 to {MAX_TENSORS}")
    _check_tensors(path.name, header, body_bytes=size - 8 - length)
    return WeightsHeader(
        shapes={name: tuple(entry["shape"]) for name, entry in header.items()},
        dtypes={name: entry["dtype"] for name, entry in header.items()},
        metadata=metadata,
    )


def _check_tensors(file_name: str, header: dict[str, object], *, body_bytes: int) -> None:
    spans: list[tuple[int, int]] = []
    for name, entry in header.items():
        try:
            begin, end = entry["data_offsets"]  # type: ignore[index]
            expected = prod(entry["shape"]) * _ITEM_BYTES[entry["dtype"]]  # type: ignore[index]
        except (KeyError, TypeError, ValueError) as error:
            raise UnusableArtefact(f"{file_name}: tensor {name!r} is not described ({error})") from error
        if end - begin != expected:
            raise UnusableArtefact(
                f"{file_name}: tensor {name!r} spans {end - begin} bytes, its shape needs {expected}"
            )
        spans.append((begin, end))
    position = 0
    for begin, end in sorted(spans):
        if begin != position:
            raise UnusableArtefact(f"{file_name}: tensors leave a gap or overlap at byte {position}")
        position = end
    if position != body_bytes:
        raise UnusableArtefact(f"{file_name}: tensors cover {position} of {body_bytes} bytes")
