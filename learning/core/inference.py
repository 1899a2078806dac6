"""A network as it computes maps: on its device, in the fewest operations, in one arithmetic. Imports torch.

Batch norms are folded into the convolutions before them, whose weights are then kept in the arithmetic itself. The
outputs are those of the network as it was trained but for rounding: `folded` compares them and gives the network back
as it is where they are not. Stages of a decoder are replaced by what their form says is the same (doubled.py).
"""

from __future__ import annotations

import copy
import logging
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from learning.core.dataset import Normalisation
from learning.core.doubled import doubled_blocks
from learning.core.embedding import cells_of
from learning.core.exported import ENGINES, ExportedNetwork, fastest_way, has_onnx_runtime
from learning.core.model_file import TrainedModel
from learning.core.network import STRIDE
from learning.core.precision import autocast, cpu_has_bf16, on_device, resolve_precision
from learning.core.trimmed import Core, can_be_trimmed, decoded_core
from learning.errors import InvalidPredictionGrid

# How outputs follow from weights. It is part of a map's plan: rows computed in another way are not mixed with these.
WAY = "folded, trimmed, doubled"
TOLERANCE = 1e-3  # of the largest output, in float32
_TRIAL_PX = 2 * STRIDE
log = logging.getLogger(__name__)
NO_HEAD = "ONNX Runtime gives one opinion; make this map with engine = 'torch'."


@dataclass(frozen=True, slots=True)
class Seen:
    """What a network made of a batch, on the device, in the arithmetic it was computed in.

    Args:
        logits: (batch, class, row, col) of the core, before any temperature.
        cells: see embedding.decoded_and_features.
        decoded, within: what the head reads, and where the core lies in it, as trimmed.decoded_core; None from ONNX
            Runtime.
    """

    logits: Tensor
    cells: Tensor
    decoded: Tensor | None = None
    within: Core | None = None


class PreparedNetwork:
    """A model's network, ready to compute on a device in one arithmetic. Made by `prepared`."""

    def __init__(self, model: TrainedModel, *, device: torch.device, precision: str, engine: str) -> None:
        norm = model.metadata.normalisation
        precision = "fp32" if engine == "onnx" else precision
        self._network: Any = on_device(folded(model.network, bands=len(model.metadata.spec.bands)), device)
        self._blocks: nn.ModuleList | None = None
        decoder: Any = self._network.decoder
        if device.type == "cpu" and engine == "torch" and can_be_trimmed(decoder):
            self._blocks = doubled_blocks(self._network)
            on_device(self._blocks, device)
        self._device, self._precision = device, precision
        # Converted at each pass otherwise. Layers that autocast would keep in float32 are left to it.
        self._dtype = torch.bfloat16 if precision == "bf16" and _only_convolutions(self._network) else None
        if self._dtype is not None:
            self._network.to(self._dtype)
            if self._blocks is not None:
                self._blocks.to(self._dtype)
        self._mean, self._std = (
            torch.tensor(values, dtype=torch.float32, device=device)[:, None, None] for values in (norm.mean, norm.std)
        )
        self._exported = None
        if engine == "onnx":
            self._exported = ExportedNetwork(self._network)

    @torch.inference_mode()
    def see(self, images: Tensor, valid: Tensor, *, core: Core) -> Seen:
        """One pass over what is on the device: raw values (batch, band, row, col), validity bool (batch, row, col)."""
        inputs = images.to(torch.float32).sub_(self._mean).div_(self._std)
        if valid.device.type != "cpu" or not valid.all():  # to ask a GPU would mean to wait for it
            inputs.mul_(valid[:, None])
        if self._exported is not None:
            return Seen(*self._exported(inputs, core))
        inputs = inputs.to(dtype=self._dtype, memory_format=torch.channels_last)
        with self._arithmetic():
            stages = self._network.encoder(inputs)
            decoded, within = decoded_core(self._network, stages, core, blocks=self._blocks)
            return Seen(self._network.segmentation_head(decoded)[..., *within], cells_of(stages), decoded, within)

    @torch.inference_mode()
    def head(self, seen: Seen, mask: Tensor) -> Tensor:
        """Logits of the core when the head is told only some channels of what it reads: mask (channel,)."""
        if seen.decoded is None or seen.within is None:
            raise InvalidPredictionGrid(NO_HEAD)
        with self._arithmetic():
            told = seen.decoded * mask[:, None, None].to(seen.decoded)
            logits: Tensor = self._network.segmentation_head(told)[..., *seen.within]
        return logits

    def _arithmetic(self) -> Any:
        return autocast("fp32" if self._dtype is not None else self._precision, self._device)


# Of each network, which is never changed once it is loaded, by device, arithmetic, engine and statistics.
_Way = tuple[torch.device, str, str, Normalisation]
_ready: weakref.WeakKeyDictionary[nn.Module, dict[_Way, PreparedNetwork]]
_ready = weakref.WeakKeyDictionary()


def prepared(model: TrainedModel, *, device: torch.device, precision: str, engine: str = "torch") -> PreparedNetwork:
    """The model's network for a device, a resolved arithmetic and one of exported.ENGINES; made once.

    Raises: InvalidPredictionGrid: ONNX Runtime is not installed.
    """
    ways = _ready.setdefault(model.network, {})
    way = _way(model, device=device, precision=precision, engine=engine)
    if way not in ways:
        with torch.inference_mode(False), torch.no_grad():  # tensors made in inference mode are good for nothing else
            ways[way] = PreparedNetwork(model, device=device, precision=precision, engine=engine)
    return ways[way]


def _way(model: TrainedModel, *, device: torch.device, precision: str, engine: str) -> _Way:
    return device, precision, engine, model.metadata.normalisation


def chosen_way(model: TrainedModel, *, device: str, cores: Sequence[int]) -> tuple[str, int]:
    """What runs the network fastest on this machine, by a short trial on noise: one of exported.ENGINES, and the side
    of a window's core in pixels.

    Args: cores: sides to choose from, the usual one first.
    """
    target = torch.device(device)
    if target.type != "cpu":
        return ENGINES[0], cores[0]
    # Opinions by dropout are asked of the head alone; and where bf16 is native, PyTorch in it is the faster one.
    alone = model.metadata.spec.dropout > 0 or cpu_has_bf16() or not has_onnx_runtime()
    precision, margin_px = resolve_precision("auto", target), model.metadata.margin_px
    bands = len(model.metadata.spec.bands)

    def see(engine: str, core_px: int) -> Callable[[], Seen]:
        ready = prepared(model, device=target, precision=precision, engine=engine)
        side = core_px + 2 * margin_px
        noise = torch.rand((1, bands, side, side), generator=torch.Generator().manual_seed(0))
        valid = torch.ones((1, side, side), dtype=torch.bool)
        kept = slice(margin_px, margin_px + core_px)
        return lambda: ready.see(noise, valid, core=(kept, kept))

    if alone:
        return fastest_way(see, cores, engines=ENGINES[:1])
    try:
        _check_engine(see)
        chosen = fastest_way(see, cores)
    except Exception:  # an export that fails is no reason to make no map
        log.exception("ONNX Runtime was left out for model %s", model.sha256[:12])
        chosen = fastest_way(see, cores, engines=ENGINES[:1])
    if chosen[0] != "onnx":
        # It holds memory.
        _ready[model.network].pop(_way(model, device=target, precision=precision, engine="onnx"), None)
    return chosen


def _check_engine(see: Callable[[str, int], Callable[[], Seen]]) -> None:
    """Hold the outputs of ONNX Runtime against PyTorch's. Raises ArithmeticError: they are others."""
    expected, found = (see(engine, _TRIAL_PX)().logits for engine in ENGINES)
    difference = float((found - expected).abs().max())
    if not difference <= TOLERANCE * max(1.0, float(expected.abs().max())):
        raise ArithmeticError(f"outputs differ by {difference}")


@torch.no_grad()
def folded(network: nn.Module, *, bands: int) -> nn.Module:
    """A copy of a network in evaluation mode, each batch norm folded into the convolution that feeds it.

    Which one feeds it is seen in a pass over noise; a second pass holds the outputs against those of the original.
    """
    simple = copy.deepcopy(network).float().eval()
    noise = torch.randn((1, bands, _TRIAL_PX, _TRIAL_PX), generator=torch.Generator().manual_seed(0))
    noise = noise.to(next(simple.parameters()).device)
    outputs = simple(noise)
    pairs = _pairs(simple, noise)
    if not pairs:
        return simple
    by_name = dict(simple.named_modules())
    for convolution, norm in pairs.items():
        fused = fuse_conv_bn_eval(by_name[convolution], by_name[norm])  # type: ignore[type-var]
        _replace(simple, convolution, fused)
        _replace(simple, norm, _after(by_name[norm]))
    difference = (simple(noise) - outputs).abs().max()
    if difference <= TOLERANCE * outputs.abs().max().clamp(min=1):
        return simple
    return copy.deepcopy(network).float().eval()


def _pairs(network: nn.Module, noise: Tensor) -> dict[str, str]:
    """Names of convolutions and of the batch norms that read exactly what they write."""
    made: list[tuple[Tensor, str]] = []  # the tensors are kept, so that none takes the place of another
    fed: dict[str, list[str]] = {}
    used: dict[str, int] = {}

    def convolved(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            made.append((output, name))
            used[name] = used.get(name, 0) + 1

        return hook

    def normed(name: str) -> Any:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            fed.setdefault(name, []).extend(source for tensor, source in made if tensor is inputs[0])

        return hook

    hooks: list[Any] = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(convolved(name)))
        elif isinstance(module, nn.BatchNorm2d) and module.track_running_stats:
            hooks.append(module.register_forward_pre_hook(normed(name)))
    try:
        network(noise)
    finally:
        for hook in hooks:
            hook.remove()
    return {sources[0]: norm for norm, sources in fed.items() if len(sources) == 1 and used[sources[0]] == 1}


def _after(norm: nn.Module) -> nn.Module:
    """What a batch norm does beside its scale and shift: timm's carry their activation."""
    activation = getattr(norm, "act", None)
    return activation if isinstance(activation, nn.Module) else nn.Identity()


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)


def _only_convolutions(network: nn.Module) -> bool:
    """Whether all weights are those of convolutions."""
    return all(isinstance(module, nn.Conv2d) or not any(True for _ in module.parameters(recurse=False))
               for module in network.modules())  # fmt: skip
