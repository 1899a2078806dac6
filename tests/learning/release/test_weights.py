from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from learning.release.errors import UnusableArtefact
from learning.release.weights import read_weights_header


def raw_file(path: Path, header: object, body: bytes) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def tensor(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_the_header_is_read_as_the_library_wrote_it(tmp_path: Path) -> None:
    tensors = {"b": np.zeros((2, 3), np.float32), "a": np.zeros(5, np.float16), "n": np.array(7, np.int64)}
    save_file(tensors, tmp_path / "w.safetensors", metadata={"classes": "x"})
    header = read_weights_header(tmp_path / "w.safetensors")
    assert header.shapes == {"a": (5,), "b": (2, 3), "n": ()}
    assert header.dtypes == {"a": "F16", "b": "F32", "n": "I64"}
    assert header.metadata == {"classes": "x"}


@pytest.mark.parametrize(
    ("header", "body", "message"),
    [
        (b"{not json", b"", "not JSON"),
        ([1, 2], b"", "not an object"),
        ({}, b"", "0 tensors"),
        ({"a": tensor(0, 4, [2])}, b"\0" * 4, "spans 4 bytes, its shape needs 8"),
        ({"a": tensor(0, 4, [1]), "b": tensor(8, 12, [1])}, b"\0" * 12, "gap or overlap at byte 4"),
        ({"a": tensor(0, 4, [1]), "b": tensor(2, 6, [1])}, b"\0" * 6, "gap or overlap at byte 4"),
        ({"a": tensor(0, 4, [1])}, b"\0" * 5, "cover 4 of 5 bytes"),
        ({"a": tensor(0, 4, [1], "PICKLE")}, b"\0" * 4, "not described"),
        ({"a": tensor(0, 4, [1]), "__metadata__": {"x": 1}}, b"\0" * 4, "metadata"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, header: object, body: bytes, message: str) -> None:
    with pytest.raises(UnusableArtefact, match=message):
        read_weights_header(raw_file(tmp_path / "w.safetensors", header, body))


def test_a_pickle_under_a_safetensors_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"\x80\x04\x95" + b"\0" * 64)
    with pytest.raises(UnusableArtefact, match="not safetensors"):
        read_weights_header(tmp_path / "w.safetensors")
