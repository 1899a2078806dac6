"""Segmentation networks by description, all of them segmentation-models-pytorch's.

Nothing here ever reaches for the network: `encoder_weights=None` everywhere; start weights come from
learning.core.encoder_weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from learning.core.encoder_weights import encoder_weights, fitted
from learning.errors import IncompatibleInitialWeights, UnsupportedNetwork

STRIDE = 32  # every encoder below halves five times: inputs are multiples of 32 px
MAX_BANDS = 16
MAX_CLASSES = 254  # a class map is uint8 with 0 = nodata
MAX_DECODER_WIDTH = 512
MAX_DROPOUT = 0.9
NEVER = -1e4  # score of a class that no row of the head says: its probability is exactly 0


@dataclass(frozen=True, slots=True)
class _Architecture:
    """One of the library's networks.

    Args:
        width: what the library calls the width of the decoder.
        default: decoder widths where none are given: five, or one where every part of the decoder has the same.
        unlike: beginnings of the names of encoders that it cannot use.
        pools: whether the decoder normalises averages over a whole image, of which one image has a single one.
        source: where it is described.
    """

    build: Callable[..., nn.Module]
    width: str
    default: tuple[int, ...]
    unlike: tuple[str, ...] = ()
    pools: bool = False
    source: str = ""


_HIERARCHICAL = ("mit_", "tu-convnext")  # they begin at a quarter of the resolution
_UNET = (96, 64, 48, 32, 16)
_ARCHITECTURES = {
    "unet": _Architecture(smp.Unet, "decoder_channels", _UNET, source="Ronneberger et al. 2015"),
    "unetplusplus": _Architecture(
        smp.UnetPlusPlus, "decoder_channels", _UNET, unlike=_HIERARCHICAL, source="Zhou et al. 2018"
    ),
    # Dilation takes the place of the last stride; a transformer has none to take.
    "deeplabv3plus": _Architecture(
        smp.DeepLabV3Plus, "decoder_channels", (128,), unlike=("mit_",), pools=True, source="Chen et al. 2018"
    ),
    "segformer": _Architecture(smp.Segformer, "decoder_segmentation_channels", (128,), source="Xie et al. 2021"),
    "upernet": _Architecture(smp.UPerNet, "decoder_channels", (128,), pools=True, source="Xiao et al. 2018"),
}
# A closed list: a model file names its encoder, and must not make us build anything at all.
ENCODERS = frozenset(
    {
        "tu-tf_efficientnet_lite0", "tu-tf_efficientnet_lite2", "tu-tf_efficientnet_lite4", "tu-mobilenetv3_large_100",
        "resnet18", "resnet34", "resnet50", "resnet101", "resnext50_32x4d",
        "mit_b0", "mit_b1", "mit_b2", "mit_b3", "mit_b4", "mit_b5",
        "tu-convnext_tiny", "tu-convnext_small", "tu-convnext_base",
    }
)  # fmt: skip
_COLOURS = {
    "r": 0, "red": 0, "rouge": 0, "g": 1, "green": 1, "vert": 1, "b": 2, "blue": 2, "bleu": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """Everything needed to build the same network again.

    Args:
        bands: input bands by name, in input order, such as ("R", "G", "B", "NIR").
        class_codes: classes by code; position i is output channel i, and raster value i + 1.
        decoder_channels: for "unet" and "unetplusplus" the widths of the five decoder stages, deepest first; for the
            others one width. Empty = the architecture's default, which then stands here.
        pretrained: whether training started from start weights of the encoder (see encoder_weights).
        head_rows: class code of each row of the head, where rows and classes are not one to one: a class's probability
            is the sum of its rows', a class without a row is never said. Empty = one row a class, in order.
        dropout: share of the channels that the head reads which a training step leaves out (0 to MAX_DROPOUT). What it
            then says without each of them are so many opinions (pixel_doubt.channel_masks).

    Raises: UnsupportedNetwork: with the value met.
    """

    bands: tuple[str, ...]
    class_codes: tuple[str, ...]
    architecture: str = "unet"
    encoder: str = "tu-tf_efficientnet_lite0"
    decoder_channels: tuple[int, ...] = ()
    pretrained: bool = True
    head_rows: tuple[str, ...] = ()
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.architecture not in _ARCHITECTURES:
            known = ", ".join(sorted(_ARCHITECTURES))
            raise UnsupportedNetwork(f"Architecture {self.architecture!r} is unknown; choose one of: {known}.")
        if self.encoder not in ENCODERS:
            known = ", ".join(sorted(ENCODERS))
            raise UnsupportedNetwork(f"Encoder {self.encoder!r} is not allowed; choose one of: {known}.")
        architecture = _ARCHITECTURES[self.architecture]
        if self.encoder.startswith(architecture.unlike):
            fit = ", ".join(sorted(name for name in ENCODERS if not name.startswith(architecture.unlike)))
            raise UnsupportedNetwork(
                f"Architecture {self.architecture!r} cannot use encoder {self.encoder!r}; choose one of: {fit}."
            )
        _check_names(self.bands, what="bands", least=1, most=MAX_BANDS)
        _check_names(self.class_codes, what="class codes", least=2, most=MAX_CLASSES)
        if self.decoder_channels == ():
            object.__setattr__(self, "decoder_channels", architecture.default)  # frozen for everybody else
        widths, count = self.decoder_channels, len(architecture.default)
        if len(widths) != count or not all(type(w) is int and 1 <= w <= MAX_DECODER_WIDTH for w in widths):
            number = "five whole numbers" if count == 5 else "one whole number"
            raise UnsupportedNetwork(
                f"Decoder channels {widths!r} of {self.architecture!r}: give {number} from 1 to {MAX_DECODER_WIDTH}."
            )
        if len(self.head_rows) > MAX_CLASSES or not set(self.head_rows) <= set(self.class_codes):
            odd = sorted(set(self.head_rows) - set(self.class_codes))[:3]
            raise UnsupportedNetwork(
                f"{len(self.head_rows)} rows of the head, codes that are no class: {odd}; give at most {MAX_CLASSES} "
                "rows of known classes."
            )
        if type(self.dropout) not in (int, float) or not 0 <= self.dropout <= MAX_DROPOUT:
            raise UnsupportedNetwork(f"Dropout {self.dropout!r}: give a number from 0 to {MAX_DROPOUT}.")

    @property
    def rows(self) -> tuple[str, ...]:
        """Class code of each row of the head."""
        return self.head_rows or self.class_codes

    @property
    def least_images(self) -> int:
        """Images that a training step needs at least: batch norm cannot be taught by a single value."""
        return 2 if _ARCHITECTURES[self.architecture].pools else 1


def build_network(spec: NetworkSpec, *, weights_dir: Path | None = None) -> nn.Module:
    """Build the network on the current default device, in training mode.

    Input: float32 (batch, band, row, col), normalised, sides multiples of 32. Output: logits float32
    (batch, class, row, col). What has no start weights is drawn from torch's global generator.

    Args:   weights_dir: the operator's folder of start weights, see encoder_weights.
    Raises: PretrainedWeightsUnavailable: no start weights for this encoder, or they do not fit.
    """
    architecture = _ARCHITECTURES[spec.architecture]
    widths = spec.decoder_channels
    with _NumbersOnCpu():
        network = architecture.build(
            spec.encoder,
            encoder_weights=None,
            in_channels=len(spec.bands),
            classes=len(spec.rows),
            **{architecture.width: widths if len(widths) > 1 else widths[0]},
        )
    if spec.head_rows:
        # Without weights of its own, so that the names of the others stay.
        network.get_submodule("segmentation_head").add_module("classes", RowsToClasses(spec))
    if spec.dropout > 0:
        _drop_before(network.get_submodule("segmentation_head"), spec.dropout)
    if spec.pretrained:
        _load_encoder(network, spec, weights_dir)
    return network


def _drop_before(head: nn.Module, rate: float) -> None:
    """Whole channels, since neighbouring pixels of one say the same (Tompson et al. 2015, arXiv:1411.4280).

    It comes first in the head, whose layers keep the names of their weights.
    """
    layers = list(head.named_children())
    for name, _layer in layers:
        delattr(head, name)
    head.add_module("dropout", nn.Dropout2d(rate))
    for name, layer in layers:
        head.add_module(name, layer)


class RowsToClasses(nn.Module):
    """Scores of the head's rows to scores of classes: the logarithm of the sum of exponentials over a class's rows.

    The softmax of the result is, for each class, the sum of its rows' probabilities.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self._rows_of = [[n for n, row in enumerate(spec.rows) if row == code] for code in spec.class_codes]

    def forward(self, rows: Tensor) -> Tensor:
        """Float (batch, row of the head, row, col) → float32 (batch, class, row, col)."""
        rows = rows.float()
        never = torch.full_like(rows[:, 0], NEVER)
        classes = [rows[:, found].logsumexp(dim=1) if found else never for found in self._rows_of]
        return torch.stack(classes, dim=1)


def spec_from(spec: NetworkSpec, previous: NetworkSpec) -> NetworkSpec:
    """The description of a network that goes on from a previous one: a class keeps the rows of the head it had there,
    so that before the first step both say the same. A class without one gets its own.
    """
    if not previous.head_rows or spec.head_rows:
        return spec
    rows = tuple(code for code in spec.class_codes for _row in range(max(1, previous.rows.count(code))))
    return replace(spec, head_rows=() if rows == spec.class_codes else rows)


class _NumbersOnCpu(TorchFunctionMode):
    """Built on the meta device, SegFormer's encoders would ask a tensor without memory for its numbers."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.linspace:
            kwargs["device"] = "cpu"
        return func(*args, **kwargs)


def first_convolution_for(bands: tuple[str, ...], rgb_weight: Tensor) -> Tensor:
    """Adapt the first convolution to bands by name.

    Args:    rgb_weight: float32 (out, 3, kernel, kernel), inputs in the order R, G, B.
    Returns: float32 (out, len(bands), kernel, kernel): R, G and B copied, any other band the mean of the
             three, all times 3 / len(bands), so that the sum of inputs drives the layer as before.
    """
    grey = rgb_weight.mean(dim=1)
    columns = [rgb_weight[:, _COLOURS[b.lower()]] if b.lower() in _COLOURS else grey for b in bands]
    return torch.stack(columns, dim=1) * (3.0 / len(bands))


def warm_network(
    spec: NetworkSpec, *, previous: nn.Module, previous_spec: NetworkSpec, weights_dir: Path | None = None
) -> nn.Module:
    """A network of `spec` that starts from a previous one: head rows by class code, input bands by name.

    A class or band the previous network did not know starts as it would in build_network.

    Raises: IncompatibleInitialWeights: architecture, encoder or decoder differ; PretrainedWeightsUnavailable: a band
            is new, and there are no start weights for it.
    """
    for part in ("architecture", "encoder", "decoder_channels"):
        if getattr(spec, part) != getattr(previous_spec, part):
            raise IncompatibleInitialWeights(
                f"The previous model has {part} {getattr(previous_spec, part)!r}, this run "
                f"{getattr(spec, part)!r}; use the same or start without it."
            )
    # Start weights serve bands that are new; all other weights of the encoder are the previous network's.
    new_bands = set(spec.bands) - set(previous_spec.bands)
    network = build_network(spec if new_bands else replace(spec, pretrained=False), weights_dir=weights_dir)
    old, new = previous.state_dict(), network.state_dict()
    reader = first_convolution_name(network)
    for name, value in new.items():
        if name.startswith("segmentation_head."):
            _copy_by_name(value, old[name], spec.rows, previous_spec.rows, axis=0)
        elif name == reader:
            _copy_by_name(value, old[name], spec.bands, previous_spec.bands, axis=1)
        else:
            value.copy_(old[name])
    return network


def _copy_by_name(new: Tensor, old: Tensor, names: tuple[str, ...], old_names: tuple[str, ...], *, axis: int) -> None:
    """Copy what has the same name; of a name that stands several times, the first to the first and so on."""
    for position, name in enumerate(names):
        same = [place for place, old_name in enumerate(old_names) if old_name == name]
        before = names[:position].count(name)
        if before < len(same):
            new.select(axis, position).copy_(old.select(axis, same[before]))


def first_convolution_name(network: nn.Module) -> str:
    """Name of the weight that reads the input bands."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            return f"{name}.weight"
    raise UnsupportedNetwork("The network has no convolution to read bands with.")


def _load_encoder(network: nn.Module, spec: NetworkSpec, weights_dir: Path | None) -> None:
    prefix = "encoder.model." if spec.encoder.startswith("tu-") else "encoder."
    own = {k.removeprefix(prefix): v for k, v in network.state_dict().items() if k.startswith(prefix)}
    reader = first_convolution_name(network).removeprefix(prefix)
    chosen = fitted(encoder_weights(spec.encoder, weights_dir), own, reader=reader)
    chosen[reader] = first_convolution_for(spec.bands, chosen[reader])
    for name, value in chosen.items():
        own[name].copy_(value)


def _check_names(names: tuple[str, ...], *, what: str, least: int, most: int) -> None:
    if not least <= len(names) <= most:
        raise UnsupportedNetwork(f"{len(names)} {what} given; between {least} and {most} are possible.")
    if len(set(names)) != len(names) or not all(isinstance(n, str) and 0 < len(n) <= 64 for n in names):
        raise UnsupportedNetwork(f"{what.capitalize()} {names!r} must be different, non-empty, 64 characters at most.")
