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
from safetensors.torch import load, save
from torch import Tensor

from learning.core.durable import write_durably

KEPT = 2


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """State of a run after `step` steps; `state` is JSON."""

    step: int
    tensors: dict[str, Tensor]
    state: dict[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint durably and drop all but the last two; returns the JSON's path."""
    folder.mkdir(parents=True, exist_ok=True)
    blob = save({k: v.detach().cpu().contiguous() for k, v in checkpoint.tensors.items()})
    name = _name(checkpoint.step)
    write_durably(folder / f"{name}.safetensors", blob)
    card = {"step": checkpoint.step, "sha256": hashlib.sha256(blob).hexdigest(), "state": checkpoint.state}
    path = folder / f"{name}.json"
    write_durably(path, json.dumps(card, sort_keys=True).encode())
    for old in _cards(folder)[KEPT:]:
        old.unlink()
        old.with_suffix(".safetensors").unlink(missing_ok=True)
    return path


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
