"""Training checkpoints that survive a kill at any instant: safetensors + JSON, never pickle.

The JSON is written last and holds the SHA-256 of the tensors: a checkpoint exists once its JSON does. Two are
kept, so that a torn last one costs one interval and not the run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    name = f"step-{checkpoint.step:09d}"
    write_durably(folder / f"{name}.safetensors", blob)
    card = {"step": checkpoint.step, "sha256": hashlib.sha256(blob).hexdigest(), "state": checkpoint.state}
    path = folder / f"{name}.json"
    write_durably(path, json.dumps(card, sort_keys=True).encode())
    for old in _cards(folder)[KEPT:]:
        old.unlink()
        old.with_suffix(".safetensors").unlink(missing_ok=True)
    return path


def load_latest(folder: Path) -> Checkpoint | None:
    """Newest checkpoint whose tensors match their SHA-256, or None; damaged ones are passed over."""
    for path in _cards(folder):
        checkpoint = _read(path)
        if checkpoint is not None:
            return checkpoint
    return None


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
