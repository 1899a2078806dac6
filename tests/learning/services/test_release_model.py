from __future__ import annotations

import pytest
import segmentation_models_pytorch as smp
import torch

from learning.core.network import NetworkSpec, build_network
from learning.services.release_model import architecture_options


@pytest.mark.parametrize("architecture", ["unet", "unetplusplus", "deeplabv3plus", "segformer", "upernet"])
def test_a_released_models_options_build_its_network_by_the_lines_of_its_card(architecture: str) -> None:
    spec = NetworkSpec(
        bands=("R", "NIR"), class_codes=("a", "b", "c"), architecture=architecture, encoder="resnet18", pretrained=False
    )
    said = {"architecture": architecture, "decoder_channels": list(spec.decoder_channels)}
    with torch.device("meta"):
        ours = build_network(spec).state_dict()
        shape = {"in_channels": 2, "classes": 3}
        theirs = smp.create_model(architecture, "resnet18", None, **shape, **architecture_options(said)).state_dict()
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}
