"""Weights published elsewhere, made into a model file of ours. Imports torch.

Meant to run in a child process that can harm nothing (annotation.raster.sandbox): a state dict that torch saved is a
pickle in a zip archive. It is read by torch's restricted reader, which builds tensors and plain containers and calls
nothing else, and only where the caller says so: what comes over the network is safetensors (docs/adr/0032).
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor

from learning.core.dataset import Normalisation
from learning.core.model_file import MAX_FILE_BYTES, MAX_TENSORS, ModelMetadata, read_header, save_model
from learning.core.network import NetworkSpec, build_network, first_convolution_name
from learning.core.weights_source import Recipe
from learning.errors import InvalidModelFile, UnusableWeights

HEAD, HEAD_BIAS = "segmentation_head.0.weight", "segmentation_head.0.bias"
LOSS = "criterion."  # what a training run keeps of its loss; its weight is 0 for classes that were never rewarded
_PICKLE, _ZIP = b"\x80", b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Converted:
    """What was made of a file.

    Args:
        rows: channel codes by class code, for every class of the campaign; a class without any is never said.
        left_out: by channel code, why no class has it.
    """

    sha256: str
    source_sha256: str
    rows: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]
    tensors: int
    parameters: int

    def as_json(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "sha256": self.sha256,
            "source_sha256": self.source_sha256,
            "rows": {code: list(channels) for code, channels in self.rows.items()},
            "left_out": dict(self.left_out),
            "tensors": self.tensors,
            "parameters": self.parameters,
        }


def convert_weights(
    path: str,
    out: str,
    *,
    recipe: Mapping[str, Any],
    archives: bool,
    progress: Callable[[float], None] = lambda share: None,
) -> Converted:
    """Make a model file from published weights; nothing is written unless all of it is right.

    Args:
        recipe: of a `Recipe`, as its as_json wrote it.
        archives: whether a torch archive (.pth, .ckpt) is read as well as safetensors.
    Raises: UnusableWeights: the file is not one of the two, is damaged, holds more than tensors, or its first tensor
            that differs from the architecture's in name, shape, type or finite values.
    """
    wanted, source = Recipe.from_json(recipe), Path(path)
    digest = _digest(source)
    progress(0.1)
    state, rewarded = network_tensors(read_tensors(source, archives=archives))
    published = NetworkSpec(bands=wanted.bands, class_codes=wanted.channels, **_network(wanted), pretrained=False)
    _check_head(state, wanted, published)
    _check_rewarded(rewarded, wanted)
    state = _checked(state, _expected(published))
    progress(0.5)
    rows = {
        code: tuple(c for c in wanted.channels if wanted.counterparts.get(c) == code) for code in wanted.class_codes
    }
    kept = [wanted.channels.index(channel) for channels in rows.values() for channel in channels]
    for name in (HEAD, HEAD_BIAS):
        state[name] = state[name][kept].contiguous()
    head_rows = tuple(code for code, channels in rows.items() for _channel in channels)
    spec = NetworkSpec(
        bands=wanted.bands,
        class_codes=wanted.class_codes,
        **_network(wanted),
        pretrained=False,
        head_rows=() if head_rows == wanted.class_codes else head_rows,
    )
    with torch.device("meta"):
        network = build_network(spec)
    network.load_state_dict(state, strict=True, assign=True)
    metadata = ModelMetadata(
        spec=spec,
        normalisation=Normalisation(wanted.dtype, wanted.mean, wanted.std),
        nomenclature_code=wanted.nomenclature_code,
        nomenclature_version=wanted.nomenclature_version,
        gsd_m=wanted.gsd_m,
        training_set_sha256="",
        margin_px=wanted.margin_px,
        notes={**wanted.notes, "source_sha256": digest},
    )
    try:
        sha256 = save_model(Path(out), network, metadata)
    except InvalidModelFile as error:
        raise UnusableWeights(f"{source.name} makes no usable model: {error}") from error
    progress(1.0)
    return Converted(
        sha256=sha256,
        source_sha256=digest,
        rows=rows,
        left_out=dict(wanted.why_left_out),
        tensors=len(state),
        parameters=sum(p.numel() for p in network.parameters()),
    )


def read_tensors(path: Path, *, archives: bool) -> dict[str, Tensor]:
    """Tensors by name from safetensors, or from a torch archive where `archives` says so; told apart by content.

    Raises: UnusableWeights.
    """
    size = path.stat().st_size
    if not 8 < size <= MAX_FILE_BYTES:
        raise UnusableWeights(f"{path.name} has {size} bytes; weights have 9 to {MAX_FILE_BYTES}.")
    with path.open("rb") as stream:
        start = stream.read(9)
    if start.startswith(_PICKLE):
        raise UnusableWeights(
            f"{path.name} is a bare pickle, which may hold code and is never read: save the state dict with a current "
            "torch (an archive), or better as safetensors."
        )
    if not start.startswith(_ZIP):
        return _from_safetensors(path)
    if not archives:
        raise UnusableWeights(
            f"{path.name} is a torch archive: only safetensors is taken here. Import it with manage.py import_model "
            "on the machine, or save the state dict as safetensors."
        )
    return _from_archive(path)


def network_tensors(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[bool, ...] | None]:
    """A network's tensors under their own names, and which channels its loss rewarded, where the file says so.

    The prefix (such as `model.seg_model.`) is what stands before the head's name; the loss's own tensors are dropped.

    Raises: UnusableWeights: no head, or a tensor that belongs to neither.
    """
    heads = [name for name in tensors if name == HEAD or name.endswith(f".{HEAD}")]
    if len(heads) != 1:
        met = ", ".join(sorted(heads)) or f"none among {len(tensors)} tensors, first {min(tensors, default='')!r}"
        raise UnusableWeights(f"One tensor {HEAD!r}, with or without a prefix, is needed; met: {met}.")
    prefix = heads[0].removesuffix(HEAD)
    others = sorted(name for name in tensors if not name.startswith(prefix) and not name.startswith(LOSS))
    if others:
        raise UnusableWeights(
            f"Tensor {others[0]!r} (of {len(others)}) is no part of the network under {prefix!r}: this is another "
            "architecture than the source's."
        )
    loss = tensors.get(f"{LOSS}weight")
    rewarded = None if loss is None or loss.ndim != 1 else tuple(bool(value > 0) for value in loss.tolist())
    state = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    return {name: value for name, value in state.items() if not name.startswith(LOSS)}, rewarded


def _from_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        header = read_header(path)
        if len(header) > MAX_TENSORS + 1:
            raise UnusableWeights(f"{path.name} lists {len(header)} tensors; at most {MAX_TENSORS} are accepted.")
        tensors: dict[str, Tensor] = load_safetensors(path.read_bytes())
    except UnusableWeights:
        raise
    except Exception as error:  # the parser is third-party: any failure of it means a bad file
        raise UnusableWeights(
            f"{path.name} is no whole safetensors file ({error}); it may be cut short: fetch it again."
        ) from error
    return tensors


def _from_archive(path: Path) -> dict[str, Tensor]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise UnusableWeights(f"{path.name} is no whole torch archive ({error}): fetch it again.") from error
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_FILE_BYTES or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise UnusableWeights(
            f"{path.name} unpacks to {unpacked} bytes or is compressed, as torch saves none; at most {MAX_FILE_BYTES} "
            "are read."
        )
    try:
        loaded: object = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        if type(error).__name__ == "UnpicklingError":
            raise UnusableWeights(
                f"{path.name} asks for more than tensors, which might run code and was refused: save its state dict "
                f"alone. {_first_line(error)}"
            ) from error
        raise UnusableWeights(f"{path.name} is damaged ({_first_line(error)}): fetch it again.") from error
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]  # as Lightning saves it
    if not isinstance(loaded, dict) or not loaded:
        raise UnusableWeights(f"{path.name} holds a {type(loaded).__name__}, not tensors by name: save the state dict.")
    for name, value in loaded.items():
        if not isinstance(name, str) or not isinstance(value, Tensor) or value.layout != torch.strided:
            raise UnusableWeights(f"{path.name} holds {name!r}, which is no plain tensor: save the state dict alone.")
    if len(loaded) > MAX_TENSORS:
        raise UnusableWeights(f"{path.name} lists {len(loaded)} tensors; at most {MAX_TENSORS} are accepted.")
    return loaded


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:300]


def _check_head(state: Mapping[str, Tensor], wanted: Recipe, published: NetworkSpec) -> None:
    """Channels and bands as the file has them, whatever its name says."""
    head = state[HEAD]
    if head.ndim != 4 or head.shape[0] != len(wanted.channels):
        raise UnusableWeights(
            f"Tensor {HEAD!r} is {tuple(head.shape)}: {len(wanted.channels)} output channels are needed, one a class "
            "of the source."
        )
    with torch.device("meta"):
        name = first_convolution_name(build_network(published))
    reader = state.get(name)
    if reader is not None and reader.ndim == 4 and reader.shape[1] != len(wanted.bands):
        raise UnusableWeights(
            f"Tensor {name!r} reads {reader.shape[1]} bands, and {len(wanted.bands)} are named "
            f"({', '.join(wanted.bands)}): choose the variant of this file."
        )


def _check_rewarded(found: tuple[bool, ...] | None, wanted: Recipe) -> None:
    """Where the file keeps its loss's weights, they say which channels were rewarded, and must agree."""
    if found is None:
        return
    said = tuple(channel in wanted.rewarded for channel in wanted.channels)
    if found != said:
        met = [c for c, yes in zip(wanted.channels, found, strict=False) if yes]
        raise UnusableWeights(
            f"Tensor '{LOSS}weight' says that {len(met)} classes were rewarded ({', '.join(met)}), the variant says "
            f"{sum(said)}: choose the variant of this file."
        )


def _checked(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as float32 or int64; names in the architecture's order, so that the first that differs is named."""
    for name in [*expected, *sorted(state.keys() - expected.keys())]:
        met = "absent" if name not in state else _described(state[name])
        needed = "absent" if name not in expected else _described(expected[name])
        fits = (
            name in state
            and name in expected
            and state[name].shape == expected[name].shape
            and state[name].is_floating_point() == expected[name].is_floating_point()
        )
        if not fits:
            raise UnusableWeights(f"Tensor {name!r} is {met}; needed: {needed}. This is no file of this source.")
    checked = {name: state[name].detach().to(expected[name].dtype).contiguous() for name in expected}
    for name, value in checked.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise UnusableWeights(f"Tensor {name!r} holds values that are not finite: fetch the file again.")
    return checked


def _described(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _expected(spec: NetworkSpec) -> dict[str, Tensor]:
    with torch.device("meta"):
        return build_network(spec).state_dict()


def _network(wanted: Recipe) -> dict[str, Any]:
    return {**wanted.network, "decoder_channels": tuple(wanted.network["decoder_channels"])}


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
