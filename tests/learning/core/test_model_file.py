from __future__ import annotations

import dataclasses
import json
import pickle
import struct
from pathlib import Path

import pytest
import torch

from learning.core.dataset import Normalisation
from learning.core.model_file import ModelMetadata, load_model, match_imagery, read_metadata, save_model
from learning.core.network import NetworkSpec, build_network
from learning.errors import InvalidModelFile, ModelCannotUseImagery

SPEC = NetworkSpec(
    bands=("R", "NIR"), class_codes=("CS1.1.1.1", "CS2.2.1", "CS1.2.2"), decoder_channels=(8, 8, 8, 8, 8),
    pretrained=False,
)  # fmt: skip
METADATA = ModelMetadata(
    spec=SPEC,
    normalisation=Normalisation("uint8", (105.08, 106.38), (52.17, 39.69)),
    nomenclature_code="ocsge-cs",
    nomenclature_version="2.0",
    gsd_m=0.2,
    training_set_sha256="ab" * 32,
    steps=12,
    notes={"licence": "etalab-2.0"},
)


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_network(SPEC).eval()


@pytest.fixture(scope="module")
def blob(network, tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save_model(path, network, METADATA)
    return path.read_bytes()


def header_of(blob: bytes) -> dict:
    (length,) = struct.unpack("<Q", blob[:8])
    return json.loads(blob[8 : 8 + length])


def with_header(blob: bytes, header: dict) -> bytes:
    (length,) = struct.unpack("<Q", blob[:8])
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + blob[8 + length :]


def with_metadata(blob: bytes, change) -> bytes:
    header = header_of(blob)
    document = json.loads(header["__metadata__"]["solcommun"])
    change(document)
    header["__metadata__"]["solcommun"] = json.dumps(document)
    return with_header(blob, header)


def refused(tmp_path: Path, content: bytes, match: str) -> None:
    path = tmp_path / "received.safetensors"
    path.write_bytes(content)
    with pytest.raises(InvalidModelFile, match=match):
        load_model(path)


def test_a_model_comes_back_with_the_same_answers_and_metadata(network, tmp_path):
    path = tmp_path / "model.safetensors"
    digest = save_model(path, network, METADATA)
    model = load_model(path, sha256=digest)
    assert model.metadata == METADATA and model.sha256 == digest
    image = torch.rand(1, 2, 64, 64)
    with torch.inference_mode():
        assert torch.equal(model.network(image), network(image))
    assert not model.network.training
    assert not any(p.requires_grad for p in model.network.parameters())


def test_the_same_model_gives_the_same_bytes(network, tmp_path, blob):
    path = tmp_path / "again.safetensors"
    save_model(path, network, METADATA)
    assert path.read_bytes() == blob


def test_another_digest_than_expected_is_refused(tmp_path, blob):
    path = tmp_path / "model.safetensors"
    path.write_bytes(blob)
    with pytest.raises(InvalidModelFile, match="SHA-256"):
        load_model(path, sha256="0" * 64)


def test_the_weights_are_not_read_to_know_the_metadata(tmp_path, blob):
    (length,) = struct.unpack("<Q", blob[:8])
    path = tmp_path / "headless.safetensors"
    path.write_bytes(blob[: 8 + length])
    assert read_metadata(path) == METADATA
    refused(tmp_path, blob[: 8 + length], "damaged")


class Bomb:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return (Path.touch, (self.canary,))


def test_a_pickle_is_refused_and_never_run(tmp_path):
    canary = tmp_path / "canary"
    refused(tmp_path, pickle.dumps(Bomb(canary)), "received.safetensors")
    torch.save(Bomb(canary), tmp_path / "t.pt")
    refused(tmp_path, (tmp_path / "t.pt").read_bytes(), "received.safetensors")
    assert not canary.exists()


def test_a_header_above_one_mebibyte_is_refused(tmp_path, blob):
    header = header_of(blob)
    header["__metadata__"]["padding"] = "x" * (1 << 20)
    refused(tmp_path, with_header(blob, header), "1048576")
    refused(tmp_path, struct.pack("<Q", 1 << 62) + b"{}", "announces a header")


def test_more_than_five_thousand_tensors_are_refused(tmp_path, blob):
    header = header_of(blob)
    header |= {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(5000)}
    refused(tmp_path, with_header(blob, header), "at most 5000")


def test_a_header_that_is_not_an_object_or_repeats_a_key_is_refused(tmp_path):
    for text in (b"[1]", b"not json", b'{"a": 1, "a": 2}', b"[" * 100_000):
        refused(tmp_path, struct.pack("<Q", len(text)) + text, "header")


def test_an_empty_file_is_refused(tmp_path):
    refused(tmp_path, b"", "0 bytes")


def test_a_file_without_our_metadata_is_refused(tmp_path, blob):
    header = header_of(blob)
    del header["__metadata__"]
    refused(tmp_path, with_header(blob, header), "metadata")


def test_a_tensor_missing_renamed_reshaped_or_retyped_is_refused(tmp_path, blob):
    name = "segmentation_head.0.bias"

    def missing(header):
        del header[name]

    def renamed(header):
        header["other"] = header.pop(name)

    def reshaped(header):
        header[name]["shape"] = [3, 1]

    def retyped(header):
        header[name]["dtype"] = "I32"

    for change in (missing, renamed, reshaped, retyped):
        header = header_of(blob)
        change(header)
        refused(tmp_path, with_header(blob, header), "first 'other'" if change is renamed else name)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(tmp_path, blob, value):
    spoiled = bytearray(blob)
    offset = 8 + struct.unpack("<Q", blob[:8])[0] + header_of(blob)["segmentation_head.0.bias"]["data_offsets"][0]
    spoiled[offset : offset + 4] = struct.pack("<f", value)
    refused(tmp_path, bytes(spoiled), "segmentation_head.0.bias.*not finite")


def test_a_declared_network_other_than_the_tensors_is_refused(tmp_path, blob):
    refused(tmp_path, with_metadata(blob, lambda d: d["spec"]["class_codes"].append("CS9")), "tensors differ")
    refused(tmp_path, with_metadata(blob, lambda d: d["spec"].update(encoder="resnet34")), "tensors differ")


@pytest.mark.parametrize(
    ("change", "met"),
    [
        (lambda d: d["spec"].update(encoder="tu-eva_giant"), "eva_giant"),
        (lambda d: d["spec"].update(decoder_channels=[10**9] * 5), "1000000000"),
        (lambda d: d["spec"].update(surprise=1), "surprise"),
        (lambda d: d["normalisation"].update(std=[0.0, 1.0]), "std"),
        (lambda d: d["normalisation"].update(mean=[1.0]), "mean"),
        (lambda d: d["normalisation"].update(dtype="object"), "object"),
        (lambda d: d.update(gsd_m=-1), "gsd_m"),
        (lambda d: d.update(gsd_m="0.2"), "gsd_m"),
        (lambda d: d.update(margin_px=33), "margin_px"),
        (lambda d: d.update(notes={"a": 1}), "text"),
        (lambda d: d.update(format_version=2), "format 2"),
        (lambda d: d.pop("spec"), "spec"),
    ],
)
def test_metadata_that_cannot_be_used_is_refused_with_the_value_met(tmp_path, blob, change, met):
    refused(tmp_path, with_metadata(blob, change), met)


def test_a_network_that_does_not_match_its_metadata_is_not_saved(network, tmp_path):
    wrong = dataclasses.replace(METADATA, spec=dataclasses.replace(SPEC, class_codes=("a", "b")))
    with pytest.raises(InvalidModelFile, match=r"segmentation_head\.0"):
        save_model(tmp_path / "model.safetensors", network, wrong)
    assert list(tmp_path.iterdir()) == []


def test_bands_are_found_by_name_whatever_their_order():
    assert match_imagery(METADATA, bands=("nir", "G", "r"), dtype="uint8", gsd_m=0.2) == (2, 0)


@pytest.mark.parametrize(
    ("imagery", "met"),
    [
        ({"bands": ("R", "G", "B"), "dtype": "uint8"}, "needs band.*NIR"),
        ({"bands": (), "dtype": "uint8"}, "none named"),
        ({"bands": ("R", "NIR"), "dtype": "uint16"}, "uint16"),
        ({"bands": ("R", "NIR"), "dtype": "uint8", "gsd_m": 1.0}, "1 m"),
        ({"bands": ("R", "NIR"), "dtype": "uint8", "gsd_m": 0.1}, r"0\.1 m"),
    ],
)
def test_imagery_the_model_cannot_use_is_refused_with_what_is_missing(imagery, met):
    with pytest.raises(ModelCannotUseImagery, match=met):
        match_imagery(METADATA, **imagery)
