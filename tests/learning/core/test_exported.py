from __future__ import annotations

import pytest
import torch

from learning.core import exported
from learning.core.exported import ExportedNetwork, fastest_way
from learning.core.network import NetworkSpec, build_network
from learning.errors import InvalidPredictionGrid

torch.set_num_threads(1)
CORE = (slice(32, 96), slice(32, 64))


def way_of(seconds: dict[tuple[str, int], float], *cores: int, **options: tuple[str, ...]) -> tuple[str, int]:
    """What is chosen where passes take so long; the first of each, which makes things ready, takes a minute."""
    now = 0.0

    def see(engine: str, core_px: int):
        is_ready = False

        def one_pass() -> None:
            nonlocal now, is_ready
            now += seconds[engine, core_px] if is_ready else 60
            is_ready = True

        return one_pass

    return fastest_way(see, cores, clock=lambda: now, **options)


@pytest.mark.parametrize(
    ("torch_s", "onnx_s", "expected"),
    [(1.0, 0.5, "onnx"), (1.0, 0.89, "onnx"), (1.0, 0.95, "torch"), (1.0, 1.5, "torch")],
)
def test_onnx_runtime_is_chosen_where_it_is_clearly_the_faster(torch_s, onnx_s, expected):
    assert way_of({("torch", 1024): torch_s, ("onnx", 1024): onnx_s}, 1024) == (expected, 1024)


def test_smaller_windows_are_chosen_where_a_pixel_clearly_takes_less_time_in_them():
    # A quarter of the pixels: 0.25 s would be as fast, 0.2 s is a fifth less for each.
    passes = {("torch", 1024): 1.0, ("torch", 512): 0.2, ("onnx", 512): 0.19}
    assert way_of(passes, 1024, 512) == ("torch", 512)
    assert way_of(passes | {("onnx", 512): 0.1}, 1024, 512) == ("onnx", 512)
    assert way_of(passes, 1024, 512, engines=("torch",)) == ("torch", 512)
    assert way_of({("torch", 1024): 1.0, ("torch", 512): 0.24, ("onnx", 1024): 2.0}, 1024, 512) == ("torch", 1024)


def test_windows_of_a_third_shape_take_the_place_of_the_first(monkeypatch):
    made = []

    class Session:
        def run(self, _wanted, given):
            return given["image"][:, :1], given["image"][:, :1]

    def session(_seeing, inputs):
        made.append(tuple(inputs.shape[2:]))
        return Session()

    monkeypatch.setattr(exported, "_session", session)
    run = ExportedNetwork(torch.nn.Identity())
    for side in (64, 32, 64, 96, 64, 32):
        run(torch.zeros(1, 3, side, side), (slice(0, 32), slice(0, 32)))
    assert made == [(64, 64), (32, 32), (96, 96), (32, 32)], "a row has windows of two shapes: those are kept"


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
