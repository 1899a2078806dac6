"""The model of the loop is offered to the earlier date as weights published elsewhere."""

from __future__ import annotations

from pathlib import Path

import torch

from demo.vintages import told, weights_source
from learning.core.dataset import Normalisation
from learning.core.foreign_weights import convert_weights
from learning.core.model_file import ModelMetadata, read_metadata, save_model
from learning.core.network import NetworkSpec, build_network
from learning.core.weights_source import make_recipe, parse_source

CODES = ("CS1.1.1.1", "CS2.2.1")


def test_a_model_offered_as_weights_comes_out_as_the_same_network(tmp_path: Path) -> None:
    spec = NetworkSpec(bands=("red", "nir"), class_codes=CODES, pretrained=False)
    torch.manual_seed(1)
    norm = Normalisation("uint8", (80.0, 120.0), (20.0, 30.0))
    save_model(
        tmp_path / "a.safetensors",
        build_network(spec).eval(),
        ModelMetadata(spec, norm, "ocsge_cover", "1", 0.2, "5" * 64),
    )
    source = parse_source(weights_source(tmp_path / "a.safetensors", version="demo-m1"))
    recipe = make_recipe(
        source, source.variant("as-it-is"), bands=None, class_codes=CODES,
        counterparts={code: code for code in source.channels}, reasons={}, nomenclature_code="ocsge_cover",
        nomenclature_version="1", notes={},
    )  # fmt: skip
    convert_weights(
        str(tmp_path / "a.safetensors"), str(tmp_path / "b.safetensors"), recipe=recipe.as_json(), archives=False
    )
    made = read_metadata(tmp_path / "b.safetensors")
    assert (made.spec.bands, made.spec.class_codes, made.normalisation) == (spec.bands, CODES, norm)


def test_the_last_lines_tell_truth_maps_and_sample_side_by_side_and_where_to_look() -> None:
    def bracket(low: float, high: float) -> dict[str, dict[str, dict[str, float]]]:
        return {
            "ha": {
                "lower": {"value": low, "lower": 0.0, "upper": 1.0},
                "upper": {"value": high, "lower": 0.0, "upper": 2.0},
            }
        }

    found = {"gain": bracket(0.1, 0.5), "loss": bracket(0.0, 0.2), "mapped_gain_ha": 0.44, "mapped_loss_ha": 0.18}
    change = {"found": found, "patches": 3, "shift": {"east_m": 0.3, "south_m": -0.4}}
    lines = told(
        {"changes": [change]}, truth={"gain": (0.17, 0.6), "loss": (0.01, 0.1)}, url="http://a", campaign="demo"
    )
    assert "became artificialised, at least       0.17    0.44    0.10  0.00 to 1.00" in lines
    assert "became artificialised, at most        0.60            0.50  0.00 to 2.00" in lines
    text = "\n".join(lines)
    assert "0.50 m apart as measured, 0.12 m in truth" in text and "3 patches" in text
    assert "http://a/territories/commune/32999/" in text and "http://a/campaigns/demo/change/" in text
