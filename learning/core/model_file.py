"""Model files: safetensors that carry their own preprocessing, and a strict reader for files from anywhere.

All metadata is one JSON document under the key `solcommun`, so that the same model gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from learning.core.dataset import Normalisation
from learning.core.durable import write_durably
from learning.core.network import NetworkSpec, build_network
from learning.errors import InvalidModelFile, ModelCannotUseImagery, UnsupportedNetwork

FORMAT_VERSION = 1
MAX_HEADER_BYTES = 1 << 20
MAX_TENSORS = 5_000
MAX_FILE_BYTES = 1 << 31
MAX_GSD_RATIO = 1.5  # beyond it textures and object sizes are no longer those of training
_KEY = "solcommun"
_DTYPES = {torch.float32: "F32", torch.int64: "I64"}


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """What a model must say of itself to be used.

    Args:
        normalisation: data type, mean and standard deviation of the raw values, per band.
        nomenclature_code, nomenclature_version: where the class codes are defined.
        gsd_m: ground size of a training pixel, in metres.
        margin_px: context a prediction window needs on each side, a multiple of 32.
        training_set_sha256: digest of the frozen training set.
        steps: optimiser steps since this run began.
        notes: free text by key (run, code version, licence, attribution).
    """

    spec: NetworkSpec
    normalisation: Normalisation
    nomenclature_code: str
    nomenclature_version: str
    gsd_m: float
    training_set_sha256: str
    margin_px: int = 64
    steps: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A network in evaluation mode, its metadata, and the SHA-256 of the file it came from.

    Args:
        temperature: what its outputs are divided by before they are read as probabilities (learning.core.calibration);
            fitted after the file was written, hence not in it.
    """

    network: nn.Module
    metadata: ModelMetadata
    sha256: str
    temperature: float = 1.0


def save_model(path: Path, network: nn.Module, metadata: ModelMetadata) -> str:
    """Write a model file durably; returns its SHA-256. What load_model would refuse is refused here.

    Raises: InvalidModelFile: the network does not match the metadata, or holds values that are not finite.
    """
    tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    _check_metadata(metadata)
    _check_tensors(tensors, _expected(metadata.spec))
    blob = save(tensors, metadata={_KEY: json.dumps(asdict(metadata), sort_keys=True)})
    if int.from_bytes(blob[:8], "little") > MAX_HEADER_BYTES:
        raise InvalidModelFile("Metadata and tensor names exceed 1 MiB; shorten the notes.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, blob)
    return hashlib.sha256(blob).hexdigest()


def load_model(path: Path, *, sha256: str | None = None) -> TrainedModel:
    """Read a model file that may come from anyone; nothing in it is ever executed.

    Args:    sha256: refuse the file when its digest differs.
    Raises:  InvalidModelFile: not safetensors, header above 1 MiB, more than 5,000 tensors, unknown
             architecture, names, shapes or types other than the architecture's, values not finite.
    """
    metadata = read_metadata(path)
    expected = _expected(metadata.spec)
    blob = path.read_bytes()
    digest = hashlib.sha256(blob).hexdigest()
    if sha256 is not None and digest != sha256:
        raise InvalidModelFile(f"{path.name} has SHA-256 {digest[:12]}…, expected {sha256[:12]}…; fetch it again.")
    try:
        tensors = load(blob)
    except Exception as error:  # the parser is third-party: any failure of it means a bad file
        raise InvalidModelFile(f"{path.name} is damaged ({error}); fetch it again.") from error
    _check_tensors(tensors, expected)
    with torch.device("meta"):
        network = build_network(_without_start_weights(metadata.spec))
    network.load_state_dict(tensors, strict=True, assign=True)
    network.requires_grad_(False)
    return TrainedModel(network.eval(), metadata, digest)


def read_metadata(path: Path) -> ModelMetadata:
    """Read and check the header alone: metadata, tensor count, names, shapes and types.

    Raises: InvalidModelFile.
    """
    header = read_header(path)
    document = header.pop("__metadata__", None)
    if not isinstance(document, dict) or not isinstance(document.get(_KEY), str):
        raise InvalidModelFile(f"{path.name} has no {_KEY!r} metadata; export it with save_model.")
    if len(header) > MAX_TENSORS:
        raise InvalidModelFile(f"{path.name} lists {len(header)} tensors; at most {MAX_TENSORS} are accepted.")
    metadata = _parse_metadata(document[_KEY])
    found = {name: _entry(name, value) for name, value in header.items()}
    wanted = {k: (_DTYPES[v.dtype], tuple(v.shape)) for k, v in _expected(metadata.spec).items()}
    if found != wanted:
        odd = sorted(k for k in found.keys() | wanted.keys() if found.get(k) != wanted.get(k))
        raise InvalidModelFile(
            f"{path.name} does not hold the declared network: {len(odd)} tensors differ, first {odd[0]!r}."
        )
    return metadata


def match_imagery(
    metadata: ModelMetadata, *, bands: Sequence[str], dtype: str, gsd_m: float | None = None
) -> tuple[int, ...]:
    """Positions (from 0) of the model's bands among the imagery's, compared by name without case.

    Raises: ModelCannotUseImagery: a band is missing, the type differs, or the ground size of a pixel differs
            by more than a factor of 1.5.
    """
    have = [b.lower() for b in bands]
    missing = [b for b in metadata.spec.bands if b.lower() not in have]
    if missing:
        raise ModelCannotUseImagery(
            f"The model needs band(s) {', '.join(missing)}; the imagery has "
            f"{', '.join(bands) or 'none named'}. "
            "Train a model on these bands or add the missing ones."
        )
    if dtype != metadata.normalisation.dtype:
        raise ModelCannotUseImagery(
            f"The model was trained on {metadata.normalisation.dtype}; the imagery is {dtype}. "
            "Convert the imagery or train a model on it."
        )
    if gsd_m is not None and not 1 / MAX_GSD_RATIO <= gsd_m / metadata.gsd_m <= MAX_GSD_RATIO:
        raise ModelCannotUseImagery(
            f"The model was trained at {metadata.gsd_m:g} m a pixel; the imagery has {gsd_m:g} m. "
            "Resample the imagery or train a model on it."
        )
    return tuple(have.index(b.lower()) for b in metadata.spec.bands)


def read_header(path: Path) -> dict[str, Any]:
    """A safetensors file's header, of at most 1 MiB. Raises: InvalidModelFile."""
    size = path.stat().st_size
    if not 8 < size <= MAX_FILE_BYTES:
        raise InvalidModelFile(f"{path.name} has {size} bytes; a model file has 9 to {MAX_FILE_BYTES}.")
    with path.open("rb") as stream:
        text = _header_text(stream, size=size, name=path.name)
    try:
        header = json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise InvalidModelFile(f"{path.name} has no readable header ({error}); is it safetensors?") from error
    if not isinstance(header, dict):
        raise InvalidModelFile(f"{path.name} has a header that is not an object; is it safetensors?")
    return header


def _header_text(stream: BinaryIO, *, size: int, name: str) -> bytes:
    length = int.from_bytes(stream.read(8), "little")
    if length > min(MAX_HEADER_BYTES, size - 8):
        raise InvalidModelFile(
            f"{name} announces a header of {length} bytes; at most {MAX_HEADER_BYTES} are accepted. "
            "Give a safetensors file."
        )
    return stream.read(length)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key appears twice")
    return result


def _entry(name: str, value: object) -> tuple[str, tuple[int, ...]]:
    if isinstance(value, dict):
        dtype, shape = value.get("dtype"), value.get("shape")
        if isinstance(dtype, str) and isinstance(shape, list) and all(type(n) is int for n in shape):
            return dtype, tuple(shape)
    raise InvalidModelFile(f"Tensor {name!r} has a malformed entry; export the model again.")


def _parse_metadata(text: str) -> ModelMetadata:
    try:
        raw = json.loads(text, object_pairs_hook=_without_duplicates)
        if raw["format_version"] != FORMAT_VERSION:
            raise InvalidModelFile(
                f"Model format {raw['format_version']!r} is unknown; this version reads {FORMAT_VERSION}."
            )
        spec, norm = dict(raw.pop("spec")), dict(raw.pop("normalisation"))
        for key in ("bands", "class_codes", "decoder_channels"):
            spec[key] = tuple(spec[key])
        spec["head_rows"] = tuple(spec.get("head_rows", ()))  # files written before had one row a class
        for key in ("mean", "std"):
            norm[key] = tuple(float(v) for v in norm[key])
        metadata = ModelMetadata(spec=NetworkSpec(**spec), normalisation=Normalisation(**norm), **raw)
    except (ValueError, KeyError, TypeError, RecursionError, UnsupportedNetwork) as error:
        raise InvalidModelFile(f"The model's metadata cannot be used: {error}") from error
    _check_metadata(metadata)
    return metadata


def _check_metadata(metadata: ModelMetadata) -> None:
    norm, n_bands = metadata.normalisation, len(metadata.spec.bands)
    problems = {
        f"data type {norm.dtype!r}": norm.dtype not in ("uint8", "uint16"),
        f"mean {norm.mean!r}": len(norm.mean) != n_bands or not all(map(math.isfinite, norm.mean)),
        f"std {norm.std!r}": len(norm.std) != n_bands or not all(math.isfinite(s) and s > 0 for s in norm.std),
        f"gsd_m {metadata.gsd_m!r}": not _is_number(metadata.gsd_m) or metadata.gsd_m <= 0,
        f"margin_px {metadata.margin_px!r}": type(metadata.margin_px) is not int
        or not 0 <= metadata.margin_px <= 1024
        or metadata.margin_px % 32 != 0,
        f"steps {metadata.steps!r}": type(metadata.steps) is not int or metadata.steps < 0,
        "a text that is not text": not all(isinstance(t, str) for t in _texts(metadata)),
    }
    for problem, present in problems.items():
        if present:
            raise InvalidModelFile(f"The model's metadata has {problem}, which cannot be used; export it again.")


def _texts(metadata: ModelMetadata) -> list[object]:
    return [
        metadata.nomenclature_code,
        metadata.nomenclature_version,
        metadata.training_set_sha256,
        *metadata.notes.keys(),
        *metadata.notes.values(),
    ]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _without_start_weights(spec: NetworkSpec) -> NetworkSpec:
    return NetworkSpec(**{**asdict(spec), "pretrained": False})


def _expected(spec: NetworkSpec) -> dict[str, Tensor]:
    # On the meta device shapes exist and memory does not: a hostile spec costs nothing to refuse.
    with torch.device("meta"):
        return build_network(_without_start_weights(spec)).state_dict()


def _check_tensors(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    if tensors.keys() != expected.keys():
        odd = sorted(tensors.keys() ^ expected.keys())[0]
        raise InvalidModelFile(f"The tensors are not those of the declared network, first difference {odd!r}.")
    for name, value in tensors.items():
        wanted = expected[name]
        if value.shape != wanted.shape or value.dtype != wanted.dtype:
            met, need = f"{value.dtype} {tuple(value.shape)}", f"{wanted.dtype} {tuple(wanted.shape)}"
            raise InvalidModelFile(f"Tensor {name!r} is {met}, not {need}; export the model again.")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise InvalidModelFile(f"Tensor {name!r} holds values that are not finite; train the model again.")
        if name.endswith("running_var") and bool((value < 0).any()):
            raise InvalidModelFile(f"Tensor {name!r} holds negative variances; export the model again.")
