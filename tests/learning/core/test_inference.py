from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from learning.core import inference
from learning.core.dataset import Normalisation
from learning.core.doubled import DoubledBlock
from learning.core.inference import PreparedNetwork, chosen_way, folded, prepared
from learning.core.model_file import ModelMetadata, TrainedModel
from learning.core.network import NetworkSpec, build_network

torch.set_num_threads(1)
BANDS = ("R", "G", "B")
NORM = Normalisation("uint8", (100.0, 110.0, 90.0), (50.0, 40.0, 60.0))


def network(architecture: str = "unet", encoder: str = "resnet18") -> nn.Module:
    """With statistics as after a training: those of a new network would fold into nothing."""
    torch.manual_seed(3)
    spec = NetworkSpec(
        bands=BANDS, class_codes=("a", "b", "c"), architecture=architecture, encoder=encoder, pretrained=False
    )
    made = build_network(spec).eval()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.7, 1.3)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    return made.requires_grad_(False)


def count(module: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(one, kind) for one in module.modules())


@pytest.mark.parametrize(
    ("architecture", "encoder"),
    [
        ("unet", "tu-tf_efficientnet_lite0"),
        ("unet", "resnet18"),
        ("deeplabv3plus", "resnet18"),
        ("segformer", "mit_b0"),
    ],
)
def test_batch_norms_are_folded_away_and_the_outputs_stay(architecture, encoder):
    original = network(architecture, encoder)
    before = copy.deepcopy(original.state_dict())
    simple = folded(original, bands=3)
    assert count(original, nn.BatchNorm2d) > 0
    assert count(simple, nn.BatchNorm2d) == 0
    image = torch.randn((1, 3, 96, 64), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(simple(image), original(image), rtol=1e-3, atol=1e-3)
    assert all(torch.equal(value, before[name]) for name, value in original.state_dict().items())


class Twice(nn.Module):
    """A convolution whose output is also used as it is: folding would change that use."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 1)
        self.norm = nn.BatchNorm2d(3)
        self.norm.running_var.fill_(9.0)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found = self.convolution(image)
        return found + self.norm(found)


def test_a_network_that_would_answer_otherwise_is_left_as_it_is():
    original = Twice().eval()
    simple = folded(original, bands=3)
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(simple(image), original(image))


def model(made: nn.Module, norm: Normalisation = NORM) -> TrainedModel:
    spec = NetworkSpec(bands=BANDS, class_codes=("a", "b", "c"), encoder="resnet18", pretrained=False)
    return TrainedModel(made, ModelMetadata(spec, norm, "demo", "1", 0.2, ""), sha256="x")


def test_in_bf16_the_classes_are_those_of_float32_wherever_these_are_not_close():
    ready = {way: prepared(model(network()), device=torch.device("cpu"), precision=way) for way in ("fp32", "bf16")}
    image = torch.randint(0, 255, (1, 3, 96, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    valid = torch.ones((1, 96, 96), dtype=torch.bool)
    whole = (slice(0, 96), slice(0, 96))
    logits = {way: one.see(image, valid, core=whole).logits.float() for way, one in ready.items()}
    best, second = logits["fp32"].topk(2, dim=1).values.unbind(dim=1)
    clear = best - second > 0.05 * (best - logits["fp32"].mean(dim=1)).abs().mean()
    assert clear.float().mean() > 0.5
    same = logits["fp32"].argmax(dim=1) == logits["bf16"].argmax(dim=1)
    assert same[clear].float().mean() > 0.999


@pytest.mark.parametrize(
    ("architecture", "engine", "expected"),
    [("unet", "torch", True), ("unet", "onnx", False), ("deeplabv3plus", "torch", False)],
)
def test_a_u_nets_doubled_stages_are_computed_on_pixels_as_they_were(architecture, engine, expected, monkeypatch):
    passed = []
    forward = DoubledBlock.forward
    monkeypatch.setattr(DoubledBlock, "forward", lambda *given, **named: passed.append(1) or forward(*given, **named))
    ready = prepared(model(network(architecture)), device=torch.device("cpu"), precision="fp32", engine=engine)
    whole = (slice(0, 96), slice(0, 96))
    ready.see(torch.zeros((1, 3, 96, 96), dtype=torch.uint8), torch.ones((1, 96, 96), dtype=torch.bool), core=whole)
    assert bool(passed) is expected


def test_in_autocast_doubled_stages_say_what_float32_says_but_for_rounding():
    seen = {}
    image = torch.randint(0, 255, (1, 3, 96, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    for precision in ("fp32", "bf16"):
        ready = prepared(model(network(encoder="mit_b0")), device=torch.device("cpu"), precision=precision)
        valid = torch.ones((1, 96, 96), dtype=torch.bool)
        seen[precision] = ready.see(image, valid, core=(slice(32, 64), slice(0, 96))).logits.float()
    spread = seen["fp32"].std()
    assert spread > 0 and (seen["bf16"] - seen["fp32"]).abs().mean() < 0.05 * spread


def test_networks_are_prepared_once_for_each_device_arithmetic_and_statistics():
    made = network()
    first = prepared(model(made), device=torch.device("cpu"), precision="fp32")
    assert prepared(model(made), device=torch.device("cpu"), precision="fp32") is first
    other = Normalisation("uint8", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert prepared(model(made, other), device=torch.device("cpu"), precision="fp32") is not first
    assert prepared(model(copy.deepcopy(made)), device=torch.device("cpu"), precision="fp32") is not first


@pytest.mark.parametrize(("has_bf16", "tried"), [(True, {"torch"}), (False, {"torch", "onnx"})])
def test_engines_are_tried_where_the_processor_lacks_bf16_and_what_is_not_taken_is_not_kept(
    monkeypatch, has_bf16, tried
):
    seen: set[str] = set()
    see = PreparedNetwork.see

    def watched(self: PreparedNetwork, *given, **named):
        seen.add("onnx" if self._exported is not None else "torch")
        return see(self, *given, **named)

    monkeypatch.setattr(PreparedNetwork, "see", watched)
    monkeypatch.setattr(inference, "cpu_has_bf16", lambda: has_bf16)
    one = model(network())
    engine, core_px = chosen_way(one, device="cpu", cores=[64, 32])
    assert seen == tried and engine in tried and core_px in {64, 32}
    assert {way[2] for way in inference._ready[one.network]} == {"torch", engine}


@pytest.mark.parametrize("fault", ["raises", "differs"])
def test_where_an_export_fails_or_gives_other_outputs_pytorch_makes_the_map(monkeypatch, fault):
    def faulty(_self, inputs, core):
        if fault == "raises":
            raise RuntimeError("no such operator")
        rows, cols = (side.stop - side.start for side in core)
        return torch.zeros(len(inputs), 3, rows, cols), torch.zeros(len(inputs), 4, 1, 1)

    monkeypatch.setattr(inference.ExportedNetwork, "__call__", faulty)
    monkeypatch.setattr(inference, "cpu_has_bf16", lambda: False)
    one = model(network())
    engine, core_px = chosen_way(one, device="cpu", cores=[64, 32])
    assert engine == "torch" and core_px in {64, 32}
    assert {way[2] for way in inference._ready[one.network]} == {"torch"}
