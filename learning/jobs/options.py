"""Options of a training run: one flat mapping, as the policy stores it, for network and training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from learning.errors import InvalidTrainConfig

if TYPE_CHECKING:
    from learning.core.fit import TrainConfig
    from learning.core.network import NetworkSpec

NETWORK_OPTIONS = frozenset({"architecture", "encoder", "decoder_channels", "pretrained"})
OTHER_OPTIONS = {"warm_start": bool, "device": str, "core_px": int, "spread_tiles": int}
CORE_PX = 512  # side of a prediction window without its margin, on CPU


def read_options(
    options: Mapping[str, Any], *, bands: list[str], class_codes: list[str], seed: int
) -> tuple[NetworkSpec, TrainConfig]:
    """Build the network's description and the training configuration; defaults are learning.core's own.

    Raises: InvalidTrainConfig (an unknown option, or a value of another type), UnsupportedNetwork.
    """
    from learning.core.fit import TrainConfig
    from learning.core.network import NetworkSpec

    training = {field.name: field.type for field in fields(TrainConfig)}
    known = {*training, *NETWORK_OPTIONS, *OTHER_OPTIONS}
    unknown = sorted(set(options) - known)
    if unknown:
        raise InvalidTrainConfig(
            f"Option {unknown[0]!r} does not exist; the options are {', '.join(sorted(known))}."
        )
    for name, kind in OTHER_OPTIONS.items():
        if name in options and not (type(options[name]) is kind and options[name] != 0):
            if kind is bool and type(options[name]) is bool:
                continue
            raise InvalidTrainConfig(f"{name} = {options[name]!r} cannot be used: expected {kind.__name__}.")
    network = {name: options[name] for name in NETWORK_OPTIONS if name in options}
    if "decoder_channels" in network:
        network["decoder_channels"] = tuple(network["decoder_channels"])
    chosen = {name: options[name] for name in training if name in options and name != "seed"}
    try:
        spec = NetworkSpec(bands=tuple(bands), class_codes=tuple(class_codes), **network)
        return spec, TrainConfig(**chosen, seed=seed)
    except TypeError as error:
        raise InvalidTrainConfig(f"An option has a value of another type: {error}.") from None


def resolved_options(options: Mapping[str, Any], spec: NetworkSpec, config: TrainConfig) -> dict[str, Any]:
    """Every option with the value it has, defaults included: what must be kept to do the run again."""
    network = {name: value for name, value in asdict(spec).items() if name in NETWORK_OPTIONS}
    network["decoder_channels"] = list(spec.decoder_channels)
    return {**options, **asdict(config), **network}


def device_of(options: Mapping[str, Any]) -> str:
    """The device asked for, else a GPU when this worker has one, else the CPU."""
    import torch

    return str(options.get("device") or ("cuda" if torch.cuda.is_available() else "cpu"))
