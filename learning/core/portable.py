"""A trained model as files that run without this platform: Python code over PyTorch alone, and ONNX. Imports torch.

Both come from one pass that torch.export follows, for any number of images whose sides are multiples of 32 px, and are
held against the network itself on golden tiles before anything is published. The same model gives the same bytes.
"""

from __future__ import annotations

import copy
import importlib.util
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from timm.layers import Conv2dSame
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn import functional

from learning.core.dataset import mirror
from learning.core.exported import has_onnx_runtime
from learning.core.model_file import TrainedModel
from learning.core.network import NEVER, STRIDE
from learning.core.network_source import network_function
from learning.core.portable_text import network_module
from learning.core.windows import Pixels, round_up
from learning.errors import ModelNotPortable

OPSET = 18
TOLERANCE = 1e-3  # of the largest score, in float32
NETWORK, ONNX = "network.py", "model.onnx"
_TRIAL = (2, 2 * STRIDE, 3 * STRIDE)  # images, rows, columns of another shape than the tiles'
_INPUT, _OUTPUT = "image", "scores"


@dataclass(frozen=True, slots=True)
class PortableModel:
    """What was written and how near to PyTorch it is.

    Args:
        golden: class values uint8 (row, col) that the code gives the first golden tile, 0 = no imagery.
        onnx_free_sides: whether rows and columns are free in the ONNX graph; else they are the tiles'.
        onnx_difference, onnx_scale: largest difference of a score from PyTorch's on the golden tiles, and the largest
            score; onnx_other_px: pixels of another class. code_difference: as the first, of the Python code.
    """

    golden: NDArray[np.uint8]
    onnx_free_sides: bool
    onnx_difference: float
    onnx_scale: float
    onnx_other_px: int
    code_difference: float
    tiles: int
    pixels: int


def write_portable(
    model: TrainedModel,
    folder: Path,
    *,
    title: str,
    weights_name: str,
    values: Mapping[str, int],
    colours: Mapping[int, tuple[int, int, int, int]],
    core_px: int,
    tiles: Sequence[Pixels],
    masks: Sequence[NDArray[np.bool_]],
) -> PortableModel:
    """Write NETWORK and ONNX into `folder`, and hold them against the network.

    Args:
        title: first words of the code. weights_name: file beside it that it reads.
        values: value of each class in masks and maps, 1 … 255, by code; colours: RGBA by value.
        core_px: kept side of a window of the published map.
        tiles: uint8 or uint16 (band, row, col) of one shape, bands in the model's order; masks: where there is imagery,
            bool (row, col).

    Raises: ModelNotPortable: what was exported does not compute what the network does, or ONNX Runtime is not
            installed. UnsupportedNetwork: it cannot be written as code.
    """
    if not has_onnx_runtime():
        raise ModelNotPortable(
            "A release holds its model as ONNX too, and this worker has none: install requirements/worker.txt."
        )
    network = _plain(model.network)
    bands = len(model.metadata.spec.bands)
    images = [_normalised(model, tile, mask) for tile, mask in zip(tiles, masks, strict=True)]
    with torch.inference_mode(False), torch.no_grad():
        program = _program(network, bands=bands, sides=None)
        code = network_module(
            model.metadata, network_function(program), title=title, weights_name=weights_name, values=values,
            colours=colours, core_px=core_px, temperature=model.temperature,
        )  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        (folder / NETWORK).write_text(code, encoding="utf-8", newline="\n")
        graph, free = _onnx(program, network, bands=bands, side=images[0].shape[-1])
        (folder / ONNX).write_bytes(graph)
        with _one_thread():
            return _compared(model.network, _loaded(folder / NETWORK), _session(graph), images, tiles, masks, free=free)


@contextmanager
def _one_thread() -> Iterator[None]:
    """What is compared is published: it must not depend on how many threads shared the sums."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _plain(network: nn.Module) -> nn.Module:
    """A copy whose padding does not depend on the image's sides, as it cannot where they are multiples of 32.

    TensorFlow's "same" padding is computed from them, which takes an export of free sides minutes to follow.
    """
    plain = copy.deepcopy(network).float().eval()
    for module in plain.modules():
        if isinstance(module, Conv2dSame):
            module.forward = _padded(module)  # type: ignore[method-assign]
    return plain


def _padded(convolution: Conv2dSame) -> Any:
    reach = [
        (kernel - 1) * apart + 1 for kernel, apart in zip(convolution.kernel_size, convolution.dilation, strict=True)
    ]
    pads = [max(length - step, 0) for length, step in zip(reach, convolution.stride, strict=True)]
    sides = [end for pad in reversed(pads) for end in (pad // 2, pad - pad // 2)]

    def forward(image: Tensor) -> Tensor:
        return functional.conv2d(
            functional.pad(image, sides), convolution.weight, convolution.bias, convolution.stride, 0,
            convolution.dilation, convolution.groups,
        )  # fmt: skip

    return forward


def _program(network: nn.Module, *, bands: int, sides: int | None) -> ExportedProgram:
    """What a pass computes, for any number of images; of any sides, or of one."""
    shape: dict[int, Any] = {0: Dim("batch")}
    if sides is None:
        shape |= {2: STRIDE * Dim("rows"), 3: STRIDE * Dim("cols")}
    images, rows, cols = _TRIAL
    noise = torch.zeros((images, bands, sides or rows, sides or cols))
    return torch.export.export(network, (noise,), dynamic_shapes=(shape,), strict=False)


def _onnx(program: ExportedProgram, network: nn.Module, *, bands: int, side: int) -> tuple[bytes, bool]:
    """The graph, and whether images may have any sides: pooling to a number of cells is not exported for these."""
    images, rows, cols = _TRIAL
    trial = torch.rand((images + 1, bands, 2 * rows, cols), generator=torch.Generator().manual_seed(0))
    try:
        graph = _onnx_graph(program, free=True)
        found = _run(_session(graph), trial)
    except Exception:  # the exporter's and ONNX Runtime's own, of many kinds
        return _onnx_graph(_program(network, bands=bands, sides=side), free=False), False
    _same(found, network(trial), what="ONNX")
    return graph, True


def _onnx_graph(program: ExportedProgram, *, free: bool) -> bytes:
    """The graph as bytes, without what the exporter notes of this machine."""
    with redirect_stdout(io.StringIO()):
        made: Any = torch.onnx.export(
            program, dynamo=True, verbose=False, opset_version=OPSET, input_names=[_INPUT], output_names=[_OUTPUT],
            external_data=False,
        )  # fmt: skip
    proto = made.model_proto
    graph = proto.graph
    for part in (proto, graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output,
                 *proto.functions, *(node for function in proto.functions for node in function.node)):  # fmt: skip
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    del graph.value_info[:]  # shapes in the exporter's own words
    graph.name = "network"
    for value in (*graph.input, *graph.output):
        sizes = value.type.tensor_type.shape.dim
        for place, name in {0: "batch", **({2: "height", 3: "width"} if free else {})}.items():
            sizes[place].Clear()
            sizes[place].dim_param = name
    data: bytes = proto.SerializeToString(deterministic=True)
    return data


def _session(graph: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()  # one, as long as things are compared
    options.log_severity_level = 4  # what cannot be run is told by the error
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _run(session: Any, image: Tensor) -> Tensor:
    return torch.from_numpy(session.run([_OUTPUT], {_INPUT: image.numpy()})[0])


def _loaded(path: Path) -> ModuleType:
    """The code as a module, of its own: as anybody would import it."""
    spec = importlib.util.spec_from_file_location("portable_network", path)
    if spec is None or spec.loader is None:
        raise ModelNotPortable(f"{path.name} cannot be imported; report it.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _normalised(model: TrainedModel, tile: Pixels, mask: NDArray[np.bool_]) -> Tensor:
    norm = model.metadata.normalisation
    mean, std = (torch.tensor(values, dtype=torch.float32)[:, None, None] for values in (norm.mean, norm.std))
    rows, cols = (mirror(np.arange(round_up(length)), length) for length in mask.shape)
    image = (torch.from_numpy(tile[:, rows][:, :, cols].astype(np.float32)) - mean) / std
    return (image * torch.from_numpy(mask[rows][:, cols]))[None]


def _compared(
    network: nn.Module,
    code: Any,
    session: Any,
    images: Sequence[Tensor],
    tiles: Sequence[Pixels],
    masks: Sequence[NDArray[np.bool_]],
    *,
    free: bool,
) -> PortableModel:
    """Hold code and graph against the network on each tile. Raises ModelNotPortable."""
    weights = network.state_dict()
    of_onnx, of_code, largest, other, pixels = 0.0, 0.0, 0.0, 0, 0
    for image in images:
        expected = network(image)
        scores = _run(session, image)
        of_onnx = max(of_onnx, _same(scores, expected, what="ONNX"))
        of_code = max(of_code, _same(code.scores(weights, image.clone()), expected, what="The code"))
        largest = max(largest, _scale(expected))
        other += int((scores.argmax(1) != expected.argmax(1)).sum())
        pixels += image.shape[-1] * image.shape[-2]
    rows, cols = tiles[0].shape[1:]
    golden = np.zeros((rows, cols), np.uint8)
    for part in code.parts(rows, cols):
        (top, bottom), (left, right) = part.core
        (first, last), (begin, end) = part.read
        window = np.s_[first:last, begin:end]
        golden[top:bottom, left:right] = code.label(weights, tiles[0][:, *window], masks[0][window], part)
    return PortableModel(
        golden=golden, onnx_free_sides=free, onnx_difference=of_onnx, onnx_scale=largest, onnx_other_px=other,
        code_difference=of_code, tiles=len(images), pixels=pixels,
    )  # fmt: skip


def _scale(scores: Tensor) -> float:
    """The largest score, those of classes that are never said left aside."""
    said = scores[scores > NEVER / 2]
    return float(said.abs().max()) if said.numel() else 0.0


def _same(found: Tensor, expected: Tensor, *, what: str) -> float:
    """The largest difference of a score. Raises ModelNotPortable: it is above the tolerance."""
    difference = float((found - expected).abs().max())
    bound = TOLERANCE * max(1.0, _scale(expected))
    if not difference <= bound:
        raise ModelNotPortable(
            f"{what} gives scores that differ from PyTorch's by {difference:.2g} where {bound:.2g} is allowed: nothing "
            "is published; publish without this model, or report it."
        )
    return difference
