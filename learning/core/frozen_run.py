"""A training as a folder: what one process writes down and others carry out (see learning.core.train_process).

    request.json            network, options, device, where checkpoints and start weights are
    tiles/index.json        how many tiles there are, and of what they were made
    tiles/000000.npz        image, labels, valid, weight of one
    fitted.safetensors      the result, and beside it
    fitted.json             what belongs to it
    stop                    appears when the training is to stop

Each JSON is written last: what it describes is whole once it is there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
from safetensors.torch import load_file, save

from annotation.core.label_table import Broader
from learning.core.dataset import LabelledTile, Normalisation
from learning.core.durable import write_durably
from learning.core.fit import FittedModel
from learning.core.network import NetworkSpec, build_network
from learning.core.train_config import TrainConfig


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """Arguments of fit as they are written down.

    Args:
        broader: labels above the classes, see levels.
        initial: path and SHA-256 of the model file to start from, or None.
        device: "cpu", or "cuda": each process then takes the GPU of its own number.
    """

    spec: NetworkSpec
    config: TrainConfig
    checkpoint_dir: Path
    device: str = "cpu"
    initial: tuple[Path, str] | None = None
    weights_dir: Path | None = None
    broader: Broader = ()


class FrozenTiles(Sequence[LabelledTile]):
    """The tiles of a folder, each read when asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = int(json.loads((folder / "index.json").read_bytes())["tiles"])

    def __len__(self) -> int:
        """Number of tiles."""
        return self._count

    @overload
    def __getitem__(self, index: int) -> LabelledTile: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[LabelledTile]: ...
    def __getitem__(self, index: int | slice) -> LabelledTile | Sequence[LabelledTile]:
        """One tile, or several."""
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        if not 0 <= index < self._count:
            raise IndexError(f"tile {index} of {self._count}")
        with np.load(self._folder / f"{index:06d}.npz", allow_pickle=False) as stored:
            weight = stored["weight"]
            return LabelledTile(
                stored["image"], stored["labels"], weight if weight.ndim else float(weight), stored.get("valid")
            )


def freeze_tiles(folder: Path, tiles: Sequence[LabelledTile], *, made_of: str) -> None:
    """Write tiles down, unless the folder holds them already.

    Args: made_of: says the same of the same tiles, such as a training set's digest.
    """
    index = folder / "index.json"
    said = {"tiles": len(tiles), "made_of": made_of}
    if index.exists() and json.loads(index.read_bytes()) == said:
        return
    index.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(len(tiles)):
        tile = tiles[number]
        arrays: dict[str, Any] = {"image": tile.image, "labels": tile.labels, "weight": np.asarray(tile.weight)}
        if tile.valid is not None:
            arrays["valid"] = tile.valid
        np.savez(folder / f"{number:06d}.npz", **arrays)
    write_durably(index, json.dumps(said).encode())


def write_request(folder: Path, request: TrainRequest) -> None:
    """Write down what is to be done, and take away what an earlier attempt said of its end."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("stop", "fitted.json"):
        (folder / name).unlink(missing_ok=True)
    write_durably(folder / "request.json", json.dumps(asdict(request), default=str).encode())


def read_request(folder: Path) -> TrainRequest:
    """What is to be done."""
    raw = json.loads((folder / "request.json").read_bytes())
    spec: dict[str, Any] = {name: _as_tuple(value) for name, value in raw["spec"].items()}
    initial, weights = raw["initial"], raw["weights_dir"]
    return TrainRequest(
        spec=NetworkSpec(**spec),
        config=TrainConfig(**raw["config"]),
        checkpoint_dir=Path(raw["checkpoint_dir"]),
        device=raw["device"],
        initial=None if initial is None else (Path(initial[0]), initial[1]),
        weights_dir=None if weights is None else Path(weights),
        broader=tuple(tuple(places) for places in raw["broader"]),
    )


def write_fitted(folder: Path, fitted: FittedModel) -> None:
    """Write the result down."""
    tensors = {name: value.contiguous() for name, value in fitted.network.state_dict().items()}
    write_durably(folder / "fitted.safetensors", save(tensors))
    said = {
        "normalisation": asdict(fitted.normalisation), "class_pixels": fitted.class_pixels,
        "class_weights": fitted.class_weights, "training_set_sha256": fitted.training_set_sha256,
        "losses": fitted.losses, "precision": fitted.precision,
    }  # fmt: skip
    write_durably(folder / "fitted.json", json.dumps(said).encode())


def read_fitted(folder: Path, spec: NetworkSpec) -> FittedModel:
    """The result, with its network in evaluation mode."""
    said = json.loads((folder / "fitted.json").read_bytes())
    network = build_network(replace(spec, pretrained=False))
    network.load_state_dict(load_file(folder / "fitted.safetensors"), strict=True)
    norm = said.pop("normalisation")
    normalisation = Normalisation(norm["dtype"], tuple(norm["mean"]), tuple(norm["std"]))
    lists: dict[str, Any] = {name: _as_tuple(value) for name, value in said.items()}
    return FittedModel(network=network.requires_grad_(False).eval(), spec=spec, normalisation=normalisation, **lists)


def _as_tuple(value: Any) -> Any:
    """JSON has lists where dataclasses have tuples."""
    return tuple(value) if isinstance(value, list) else value
