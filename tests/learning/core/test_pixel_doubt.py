"""How unsure models are of a pixel, on the device: held to the formulas of learning.core.uncertainty."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from learning.core.dataset import Normalisation
from learning.core.model_file import ModelMetadata, load_model, save_model
from learning.core.network import NetworkSpec, build_network, warm_network
from learning.core.pixel_doubt import as_share, channel_masks, mutual_information, one_models_doubt
from learning.core.uncertainty import PIXEL_SCORES
from learning.errors import NotProbabilities, UnsupportedNetwork

torch.set_num_threads(1)
SPEC = NetworkSpec(
    bands=("R", "G", "B"), class_codes=("a", "b", "c"), encoder="resnet18", pretrained=False,
    decoder_channels=(8, 8, 8, 8, 8), dropout=0.5,
)  # fmt: skip


def outputs(seed: int, *, classes: int = 5, scale: float = 3.0) -> torch.Tensor:
    """Logits (2, class, 6, 7), with equals, sure pixels and large numbers among them."""
    values = np.random.default_rng(seed).normal(0, scale, (2, classes, 6, 7))
    values[0, :, 0, 0] = 1.5  # all equal
    values[0, 2, 0, 1] = 400.0  # sure
    values[1, :2, 3, 3] = values[1].max() + 1  # two likeliest
    return torch.from_numpy(values.astype(np.float32))


def probabilities(logits: torch.Tensor, temperature: float) -> np.ndarray:
    scaled = logits.numpy().astype(np.float64) / temperature
    exponential = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return exponential / exponential.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", ["margin", "least_confidence"])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("classes", [2, 5])
def test_a_score_of_one_model_equals_the_formula_at_any_temperature(name: str, temperature: float, classes: int):
    logits = outputs(3, classes=max(classes, 3))[:, :classes]
    found = one_models_doubt(name, logits, temperature=temperature)
    expected = PIXEL_SCORES[name].function(probabilities(logits, temperature)[None])
    assert found.dtype == torch.float32 and found.shape == (2, 6, 7)
    assert np.abs(found.numpy() - expected).max() < 1e-5
    assert found[0, 0, 0] == pytest.approx(1.0 if name == "margin" else 1 - 1 / classes, abs=1e-6)


@pytest.mark.parametrize("temperatures", [(1.0, 1.0, 1.0), (0.7, 2.0, 1.0)])
def test_mutual_information_one_opinion_after_another_equals_the_formula_over_all(temperatures: tuple[float, ...]):
    members = [outputs(seed) for seed in (1, 2, 3)]
    found = mutual_information(zip(members, temperatures, strict=True))
    given = np.stack([probabilities(m, t) for m, t in zip(members, temperatures, strict=True)])
    assert np.abs(found.numpy() - PIXEL_SCORES["bald"].function(given)).max() < 1e-5


def test_opinions_that_agree_tell_nothing_however_unsure_and_one_is_none():
    same = outputs(4)
    assert mutual_information([(same, 1.0), (same, 1.0)]).abs().max() < 1e-6
    with pytest.raises(NotProbabilities, match="1 opinions"):
        mutual_information([(same, 1.0)])


@pytest.mark.parametrize("name", sorted(PIXEL_SCORES))
def test_a_score_is_told_as_a_share_of_its_bound(name: str):
    bound = PIXEL_SCORES[name].upper_bound(4)
    assert as_share(torch.tensor([0.0, bound / 2, bound]), score=name, n_classes=4).tolist() == pytest.approx(
        [0, 0.5, 1]
    )


def test_masks_are_the_same_each_time_leave_a_channel_and_keep_the_mean():
    masks = channel_masks(16, opinions=8, rate=0.5)
    assert torch.equal(masks, channel_masks(16, opinions=8, rate=0.5))
    assert set(masks.unique().tolist()) == {0.0, 2.0} and len(masks.unique(dim=0)) == 8
    assert masks.mean() == pytest.approx(1.0, abs=0.15)
    assert (channel_masks(4, opinions=8, rate=0.9) > 0).any(dim=1).all()


def test_a_network_with_dropout_trains_with_it_keeps_its_weights_names_and_comes_back_from_a_file(tmp_path):
    torch.manual_seed(0)
    network = build_network(SPEC)
    plain = build_network(dataclasses.replace(SPEC, dropout=0.0))
    assert list(network.state_dict()) == list(plain.state_dict())
    plain.load_state_dict(network.state_dict())
    image = torch.randn(1, 3, 64, 64)
    network.eval(), plain.eval()
    with torch.inference_mode():
        assert torch.equal(network(image), plain(image))
        network.segmentation_head.train()
        assert not torch.equal(network(image), plain(image))
    network.eval()
    metadata = ModelMetadata(SPEC, Normalisation("uint8", (1.0,) * 3, (1.0,) * 3), "demo", "1", 0.2, "")
    save_model(tmp_path / "m.safetensors", network, metadata)
    again = load_model(tmp_path / "m.safetensors")
    assert again.metadata.spec.dropout == 0.5
    with torch.inference_mode():
        assert torch.equal(again.network(image), plain(image))


def test_a_run_may_add_dropout_to_the_model_that_it_goes_on_from():
    before = dataclasses.replace(SPEC, dropout=0.0)
    with torch.no_grad():
        previous = build_network(before)
        network = warm_network(SPEC, previous=previous, previous_spec=before)
    for name, value in previous.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name


@pytest.mark.parametrize("dropout", [-0.1, 0.95, "much", True])
def test_a_dropout_that_cannot_be_is_refused(dropout: object):
    with pytest.raises(UnsupportedNetwork, match=r"from 0 to 0\.9"):
        dataclasses.replace(SPEC, dropout=dropout)
