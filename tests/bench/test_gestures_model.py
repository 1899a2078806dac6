"""When gestures.py takes a model of an earlier run."""

from __future__ import annotations

from pathlib import Path

import _gestures_model
import pytest


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("index.csv", "images/part.jpg", "labels/part.png"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(name)
    return tmp_path


def test_the_recipe_is_the_same_for_the_same_and_another_one_for_other_data_settings_or_seed(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _gestures_model.recipe(data, seed=7)
    assert _gestures_model.recipe(data, seed=7) == first
    assert _gestures_model.recipe(data, seed=8) != first
    (data / "labels" / "part.png").write_text("redrawn")
    redrawn = _gestures_model.recipe(data, seed=7)
    assert redrawn["data"] != first["data"] and redrawn["code"] == first["code"]
    monkeypatch.setitem(_gestures_model.TRAINING, "steps", 401)
    assert _gestures_model.recipe(data, seed=7) != redrawn


def test_the_recipe_is_another_one_for_other_training_code(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    for name in ("bench/_gestures_model.py", "bench/assemble_dubai.py", "learning/errors.py", "learning/core/fit.py"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(name)
    monkeypatch.setattr(_gestures_model, "REPOSITORY", copy)
    monkeypatch.setattr(_gestures_model, "__file__", str(copy / "bench/_gestures_model.py"))
    first = _gestures_model.recipe(data, seed=7)
    (copy / "learning/core/fit.py").write_text("changed")
    assert _gestures_model.recipe(data, seed=7)["code"] != first["code"]
