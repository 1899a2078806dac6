from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from onnx import helper

from learning.release.bundle import stage_release
from learning.release.cards import model_card
from learning.release.contents import ReleaseContents, RunnableRecord
from learning.release.errors import UnusableArtefact
from learning.release.manifest import verify

FOLDER = "models/gers-unet-3"


@pytest.fixture
def runnable(contents: ReleaseContents, tmp_path: Path) -> ReleaseContents:
    """The contents with code and graph of their model; what these hold is no matter here."""
    assert contents.model is not None
    (tmp_path / "made.py").write_text("def scores(weights, image): ...\n")
    graph = helper.make_model(helper.make_graph([], "network", [], []))
    (tmp_path / "made.onnx").write_bytes(graph.SerializeToString())
    golden = np.full((32, 32), 2, np.uint8)
    [tile, *_] = contents.tiles
    record = RunnableRecord(
        network_path=tmp_path / "made.py", onnx_path=tmp_path / "made.onnx", onnx_opset=18, onnx_free_sides=True,
        onnx_difference=2.5e-5, onnx_other_px=3, code_difference=0.0, largest_score=12.0, tiles=2, pixels=2048,
        core_px=512, margin_px=64, golden_tile=tile, golden=golden,
    )  # fmt: skip
    return replace(contents, model=replace(contents.model, runnable=record))


def test_the_model_s_folder_holds_what_runs_it_elsewhere(runnable: ReleaseContents, tmp_path: Path) -> None:
    root = tmp_path / "r.staging"
    stage_release(runnable, root)
    assert not verify(root).faults
    names = {path.name for path in (root / FOLDER).iterdir()}
    assert {"network.py", "model.onnx", "predict.py", "golden.tif", "weights.safetensors"} <= names
    assert (root / "README.md").read_text().count("`predict.py`") == 2  # in French and in English
    config = json.loads((root / FOLDER / "config.json").read_text())["run"]
    assert config["code"]["core_px"] == 512 and config["onnx"]["free_dimensions"] == ["batch", "height", "width"]
    export = json.loads((root / FOLDER / "metrics.json").read_text())["export"]
    assert export["onnx_max_abs_difference"] == 2.5e-5 and export["onnx_pixels_of_another_class"] == 3
    with rasterio.open(root / FOLDER / "golden.tif") as golden, rasterio.open(root / export["golden"]["image"]) as tile:
        assert (golden.transform, golden.crs, golden.shape) == (tile.transform, tile.crs, tile.shape)
        assert (golden.read(1) == 2).all() and golden.colormap(1)[2] == (0, 204, 242, 255)


def test_the_item_of_the_model_names_code_graph_and_golden_tile(runnable: ReleaseContents, tmp_path: Path) -> None:
    root = tmp_path / "r.staging"
    stage_release(runnable, root)
    assets = json.loads((root / "stac/models/gers-unet-3.json").read_text())["assets"]
    assert assets["onnx"]["roles"] == ["mlm:model"] and assets["onnx"]["mlm:artifact_type"] == "torch.onnx.export"
    assert "mlm:source_code" in assets["network"]["roles"]
    assert assets["predict"]["href"] == "../../models/gers-unet-3/predict.py" and "golden" in assets


def test_the_card_says_how_near_they_are_and_shows_the_ten_lines(runnable: ReleaseContents) -> None:
    assert runnable.model is not None
    card = model_card(runnable.model, runnable)
    assert "2.5e-05 at most in ONNX (3 pixels of another class)" in card
    code = card.split("```python\n")[1].split("```")[0]
    compile(code, "card", "exec")
    assert len(code.splitlines()) == 10
    assert "Energy: not measured" in card and "Time of the training: not recorded" in card
    assert runnable.model.training is not None
    timed = replace(runnable.model, training=replace(runnable.model.training, seconds=7200.0))
    assert "took 2.00 h" in model_card(timed, runnable) and "0.2 to 1.4 kWh" in model_card(timed, runnable)


@pytest.mark.parametrize("name", ["made.py", "made.onnx"])
def test_code_or_graph_that_are_empty_stop_the_release(runnable: ReleaseContents, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(UnusableArtefact, match="is empty"):
        stage_release(runnable, tmp_path / "r.staging")
