"""Training checkpoints that survive a kill at any instant: safetensors + JSON, never pickle.

The JSON is written last and holds the SHA-256 of the tensors: a checkpoint exists once its JSON does. Two are
kept, so that a torn last one costs one interval and not the run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from learning.core.durable import publish, write_durably

KEPT = 2
DTYPES = {  # as safetensors names them
    torch.float64: "F64", torch.int64: "I64", torch.float32: "F32", torch.int32: "I32", torch.bfloat16: "BF16",
    torch.float16: "F16", torch.int16: "I16", torch.uint8: "U8", torch.int8: "I8", torch.bool: "BOOL",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """State of a run after `step` steps; `state` is JSON."""

    step: int
    tensors: dict[str, Tensor]
    state: dict[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint durably and drop all but the last two; returns the JSON's path."""
    folder.mkdir(parents=True, exist_ok=True)
    name = _name(checkpoint.step)
    sha256 = _write_tensors(folder / f"{name}.safetensors", checkpoint.tensors)
    card = {"step": checkpoint.step, "sha256": sha256, "state": checkpoint.state}
    path = folder / f"{name}.json"
    write_durably(path, json.dumps(card, sort_keys=True).encode())
    for old in _cards(folder)[KEPT:]:
        old.unlink()
        old.with_suffix(".safetensors").unlink(missing_ok=True)
    return path


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write a safetensors file durably, tensor by tensor; returns its SHA-256.

    The library's own writer first copies everything into one string, and keeps the interpreter from the training
    meanwhile. Format: length of the header, header in JSON, bytes in its order; wider types first keeps them aligned.
    """
    arrays = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    order = sorted(arrays, key=lambda name: (-arrays[name].element_size(), name))
    header: dict[str, Any] = {}
    end = 0
    for name in order:
        start, end = end, end + arrays[name].nbytes
        header[name] = {
            "dtype": DTYPES[arrays[name].dtype], "shape": list(arrays[name].shape), "data_offsets": [start, end]
        }  # fmt: skip
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    digest = hashlib.sha256()
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        head: list[bytes | memoryview] = [len(text).to_bytes(8, "little"), text]
        for part in head + [_bytes_of(arrays[name]) for name in order]:
            digest.update(part)
            stream.write(part)
    publish(partial, path)
    return digest.hexdigest()


def _bytes_of(tensor: Tensor) -> memoryview:
    """A contiguous tensor's memory, without copying it."""
    flat: memoryview = tensor.reshape(-1).view(torch.uint8).numpy().data
    return flat


class Writer:
    """Writes checkpoints beside the training, one at a time; leaving its context waits for the last one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._under_way: Future[Path] | None = None

    def __enter__(self) -> Writer:
        """Ready to write."""
        return self

    def save(self, checkpoint: Checkpoint) -> None:
        """Begin to write, once the one before is written; raises what that one met. The tensors are copied first."""
        self._wait()
        # As they will be written: rearranged by the writing thread, they would make OpenMP start a pool of threads for
        # it, beside which every later step of the training is a third slower.
        copied = {
            name: value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
            for name, value in checkpoint.tensors.items()
        }
        self._under_way = self._pool.submit(save_checkpoint, self._folder, replace(checkpoint, tensors=copied))

    def __exit__(self, *_error: object) -> None:
        """Wait for the last one."""
        try:
            self._wait()
        finally:
            self._pool.shutdown()

    def _wait(self) -> None:
        if self._under_way is not None:
            done, self._under_way = self._under_way, None
            done.result()


def load_latest(folder: Path) -> Checkpoint | None:
    """Newest checkpoint whose tensors match their SHA-256, or None; damaged ones are passed over."""
    for path in _cards(folder):
        checkpoint = _read(path)
        if checkpoint is not None:
            return checkpoint
    return None


def load_step(folder: Path, step: int) -> Checkpoint | None:
    """The checkpoint of one step, or None where it is missing or damaged."""
    return _read(folder / f"{_name(step)}.json")


def clear(folder: Path) -> None:
    """Remove every checkpoint of the folder."""
    for path in _cards(folder):
        path.unlink()
    for path in folder.glob("step-*.safetensors"):
        path.unlink()


def as_json(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping as it will read back from JSON (tuples become lists), to compare fingerprints."""
    plain: dict[str, Any] = json.loads(json.dumps(mapping))
    return plain


def _name(step: int) -> str:
    return f"step-{step:09d}"


def _cards(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.json"), reverse=True)


def _read(path: Path) -> Checkpoint | None:
    try:
        card = json.loads(path.read_bytes())
        blob = path.with_suffix(".safetensors").read_bytes()
        if hashlib.sha256(blob).hexdigest() != card["sha256"]:
            return None
        return Checkpoint(int(card["step"]), load(blob), dict(card["state"]))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return None
