from __future__ import annotations

import itertools

import pytest
import torch

from learning.core import exported
from learning.core.exported import ExportedNetwork, faster_engine
from learning.core.network import NetworkSpec, build_network
from learning.errors import InvalidPredictionGrid

torch.set_num_threads(1)
CORE = (slice(32, 96), slice(32, 64))


def engine_of(seconds: dict[str, float], **options: float) -> str:
    """What is chosen where passes take so long; the first of each, which makes things ready, takes a minute."""
    now = 0.0
    firsts = set(seconds)

    def see(engine: str):
        def one_pass() -> None:
            nonlocal now
            now += 60 if engine in firsts else seconds[engine]
            firsts.discard(engine)

        return one_pass

    return faster_engine(see, clock=lambda: now, **options)


@pytest.mark.parametrize(
    ("torch_s", "onnx_s", "expected"),
    [(1.0, 0.5, "onnx"), (1.0, 0.89, "onnx"), (1.0, 0.95, "torch"), (1.0, 1.5, "torch")],
)
def test_onnx_runtime_is_chosen_where_it_is_clearly_the_faster(torch_s, onnx_s, expected):
    assert engine_of({"torch": torch_s, "onnx": onnx_s}) == expected


@pytest.mark.parametrize("encoder", ["resnet18", "tu-tf_efficientnet_lite0"])
def test_an_exported_network_gives_the_outputs_of_the_network(encoder):
    torch.manual_seed(3)
    spec = NetworkSpec(bands=("R", "G", "B"), class_codes=("a", "b", "c"), encoder=encoder, pretrained=False)
    network = build_network(spec).eval().requires_grad_(False)
    run = ExportedNetwork(network)
    images = torch.randn((2, 3, 128, 128), generator=torch.Generator().manual_seed(1))
    for batch in (images, images[:1]):  # another shape is exported anew
        logits, cells = run(batch, CORE)
        with torch.inference_mode():
            torch.testing.assert_close(logits, network(batch)[..., *CORE], rtol=1e-3, atol=1e-4)
        assert cells.shape == (len(batch), cells.shape[1], 4, 4) and cells.std() > 0


def test_a_worker_without_onnx_runtime_says_what_to_install(monkeypatch):
    monkeypatch.setattr(exported, "_NEEDED", ("a_package_that_nobody_has",))
    with pytest.raises(InvalidPredictionGrid, match=r"install requirements/worker\.txt"):
        ExportedNetwork(torch.nn.Identity())


def test_turns_are_taken_so_that_neither_engine_has_the_quieter_minute():
    order = []

    def see(engine: str):
        return lambda: order.append(engine)

    faster_engine(see, clock=itertools.count().__next__)
    assert order == ["torch", "onnx", "torch", "onnx", "torch", "onnx"]
