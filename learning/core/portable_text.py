"""The text of a published network.py around the network's own function. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from learning.core.model_file import ModelMetadata
from learning.core.network import STRIDE

_HEAD = '''\
"""{title}, as plain PyTorch code: it needs torch, and nothing else.

    weights = read_weights()
    classes = label(weights, pixels, known, part)   # of each part of parts(height, width); see predict.py

`scores(weights, image)` is the network, written out operation by operation from the one that was trained; weights have
the names that they have in {weights_name}. Its input is (value - MEAN) / STD, band by band, 0 where there is no
imagery, sides multiples of {stride} px; its output has one channel a class, before softmax(scores / TEMPERATURE).
"""

import json
import math
from collections import namedtuple
from pathlib import Path

import torch

aten = torch.ops.aten
BANDS = {bands}
MEAN = {mean}
STD = {std}
CODES = {codes}  # class of each channel
VALUES = {values}  # its value in masks and maps; 0 = no imagery
COLOURS = {colours}  # red, green, blue, opacity of each value
TEMPERATURE = {temperature!r}
CORE_PX, MARGIN_PX, STRIDE_PX = {core_px}, {margin_px}, {stride}  # windows of the published map
WEIGHTS = Path(__file__).with_name("{weights_name}")
TYPES = {{
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}}

Part = namedtuple("Part", "core read rows cols")
Part.__doc__ = "Rows and columns that are labelled and that are read; places within what is read, mirrored at edges."


def read_weights(path=WEIGHTS):
    """Tensors by name. A safetensors file is the length of its header, the header in JSON, the tensors' bytes."""
    data = bytearray(Path(path).read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = {{}}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            kind, count, offset = TYPES[entry["dtype"]], math.prod(entry["shape"]), start + entry["data_offsets"][0]
            tensors[name] = torch.frombuffer(data, dtype=kind, count=count, offset=offset).reshape(entry["shape"])
    return tensors


def bands(descriptions):
    """Numbers from 1 of a file's bands, in the network's order; by name, where the file names them."""
    names = [name.lower() if name else None for name in descriptions]
    if not any(names) and len(names) == len(BANDS):
        return list(range(1, len(BANDS) + 1))
    missing = [name for name in BANDS if name.lower() not in names]
    if missing:
        raise ValueError(f"The network reads bands {{BANDS}}; the file has {{list(descriptions)}}.")
    return [names.index(name.lower()) + 1 for name in BANDS]


def parts(height, width):
    """The windows by which the published map was computed, of a raster of this size."""
    return [
        Part((rows[0], cols[0]), (rows[1], cols[1]), rows[2], cols[2])
        for rows in map(_side, range(0, height, CORE_PX), [height] * height)
        for cols in map(_side, range(0, width, CORE_PX), [width] * width)
    ]


def _side(start, length):
    """What is labelled from `start` on, what is read for it, and places within that."""
    stop = min(start + CORE_PX, length)
    span = math.ceil((stop - start + 2 * MARGIN_PX) / STRIDE_PX) * STRIDE_PX
    period = max(2 * (length - 1), 1)
    places = [abs(place) % period for place in range(start - MARGIN_PX, start - MARGIN_PX + span)]
    places = [min(place, period - place) if length > 1 else 0 for place in places]
    first = min(places)
    return (start, stop), (first, max(places) + 1), torch.tensor([place - first for place in places])


@torch.inference_mode()
def label(weights, pixels, known, part):
    """Class values, uint8 (row, col), of a part: pixels (band, row, col) and whether they are imagery, as read."""
    device = next(iter(weights.values())).device
    image = torch.as_tensor(pixels).to(device, torch.float32)[:, part.rows][:, :, part.cols]
    inside = (torch.as_tensor(known) > 0).to(device)[part.rows][:, part.cols]
    mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (MEAN, STD))
    found = scores(weights, ((image - mean) / std * inside)[None])[0]
    values = torch.tensor(VALUES, dtype=torch.uint8, device=device)[found.argmax(0)] * inside
    (top, bottom), (left, right) = part.core
    return values[MARGIN_PX : MARGIN_PX + bottom - top, MARGIN_PX : MARGIN_PX + right - left].cpu().numpy()


'''


def network_module(
    metadata: ModelMetadata,
    function: str,
    *,
    title: str,
    weights_name: str,
    values: Mapping[str, int],
    colours: Mapping[int, tuple[int, int, int, int]],
    core_px: int,
    temperature: float,
) -> str:
    """The whole module; the arguments are those of portable.write_portable, `function` network_function's."""
    spec, norm = metadata.spec, metadata.normalisation
    return (
        _HEAD.format(
            title=title,
            weights_name=weights_name,
            bands=list(spec.bands),
            mean=list(norm.mean),
            std=list(norm.std),
            codes=list(spec.class_codes),
            values=[values[code] for code in spec.class_codes],
            colours=dict(colours),
            temperature=temperature,
            core_px=core_px,
            margin_px=metadata.margin_px,
            stride=STRIDE,
        )
        + function
    )
