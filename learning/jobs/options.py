"""Options of a training run: one flat mapping, as the policy stores it, for network and training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from learning.core.acquisition import acquisition_named
from learning.core.uncertainty import pixel_score
from learning.errors import InvalidTrainConfig

if TYPE_CHECKING:
    from learning.core.network import NetworkSpec
    from learning.core.train_config import TrainConfig

NETWORK_SHAPE = frozenset({"architecture", "encoder", "decoder_channels", "pretrained"})
NETWORK_OPTIONS = NETWORK_SHAPE | {"dropout"}
OTHER_OPTIONS = {
    "warm_start": bool, "device": str, "devices": int, "core_px": int, "validated_weight": float,
    "acquisition": str, "suspect_share": float, "suspect_by_looks": bool, "spread_tiles": int,
    "pixel_score": str, "opinions": int, "cost": float, "ask_for": str,
}  # fmt: skip
MAY_BE_NONE = frozenset({"suspect_share", "cost"})
EXPECTED = {
    bool: "true or false", str: "a text", int: "a whole number above 0", float: "a number above 0 and at most 1",
}  # fmt: skip
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
VALIDATED_WEIGHT = 0.5  # of a pixel whose label people agreed to, beside 1 for one they drew (docs/adr/0018)
CORE_PX = {"cpu": 1024, "cuda": 2048}  # side of a prediction window without its margin, by device


def read_options(
    options: Mapping[str, Any], *, bands: list[str], class_codes: list[str], seed: int
) -> tuple[NetworkSpec, TrainConfig]:
    """Build the network's description and the training configuration; defaults are learning.core's own.

    Raises: InvalidTrainConfig (an unknown option, or a value of another type), UnsupportedNetwork, UnknownAcquisition.
    """
    from learning.core.network import NetworkSpec
    from learning.core.train_config import TrainConfig

    training = [field.name for field in fields(TrainConfig)]
    known = {*training, *NETWORK_OPTIONS, *OTHER_OPTIONS}
    unknown = sorted(set(options) - known)
    if unknown:
        raise InvalidTrainConfig(f"Option {unknown[0]!r} does not exist; the options are {', '.join(sorted(known))}.")
    for name, kind in OTHER_OPTIONS.items():
        value = options.get(name, kind(1))
        if not _is_a(kind, value) and not (name in MAY_BE_NONE and value == 0):
            raise InvalidTrainConfig(f"{name} = {value!r} cannot be used: expected {EXPECTED[kind]}.")
    if "acquisition" in options:
        acquisition_named(options["acquisition"])
    if "pixel_score" in options:
        pixel_score(options["pixel_score"])
    network = {name: options[name] for name in NETWORK_OPTIONS if name in options}
    if isinstance(network.get("decoder_channels"), list):
        network["decoder_channels"] = tuple(network["decoder_channels"])
    for field in fields(TrainConfig):
        value, kind = options.get(field.name, field.default), type(field.default)
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise InvalidTrainConfig(f"{field.name} = {value!r} cannot be used: expected {KINDS[kind]}.")
    chosen = {name: options[name] for name in training if name in options and name != "seed"}
    try:
        spec = NetworkSpec(bands=tuple(bands), class_codes=tuple(class_codes), **network)
        return spec, TrainConfig(**chosen, seed=seed)
    except TypeError as error:
        raise InvalidTrainConfig(f"An option has a value of another type: {error}.") from None


def going_on_from(previous: NetworkSpec | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, with the network of the model that a run goes on from where they name none: weights that were
    imported have another one than what is trained here by default.
    """
    if previous is None or any(name in options for name in NETWORK_SHAPE):
        return dict(options)
    network = {name: getattr(previous, name) for name in NETWORK_OPTIONS}
    return {**network, "decoder_channels": list(previous.decoder_channels), **options}


def _is_a(kind: type, value: object) -> bool:
    """Whether an option's value is of its kind, as EXPECTED says it."""
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1
    return type(value) is kind and (not isinstance(value, int) or kind is bool or value >= 1)


def resolved_options(options: Mapping[str, Any], spec: NetworkSpec, config: TrainConfig) -> dict[str, Any]:
    """Every option with the value it has, defaults included: what must be kept to do the run again."""
    network = {name: value for name, value in asdict(spec).items() if name in NETWORK_OPTIONS}
    network["decoder_channels"] = list(spec.decoder_channels)
    return {"validated_weight": VALIDATED_WEIGHT, **options, **asdict(config), **network}


def device_of(options: Mapping[str, Any]) -> str:
    """The device asked for, else a GPU when this worker has one, else the CPU."""
    import torch

    return str(options.get("device") or ("cuda" if torch.cuda.is_available() else "cpu"))


def usual_core_px(device: str) -> int:
    """Side of a prediction window without its margin where nothing else was chosen."""
    return CORE_PX.get(device.partition(":")[0], CORE_PX["cpu"])
