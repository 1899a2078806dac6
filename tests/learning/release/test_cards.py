from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from learning.release.bundle import stage_release
from learning.release.cards import model_card, model_config, scores_json
from learning.release.contents import CalibrationScores, Interval, OriginRecord, ReleaseContents
from learning.release.errors import UnusableArtefact


def front_matter(text: str) -> dict:
    _, head, _ = text.split("---\n", 2)
    return yaml.safe_load(head)


def test_the_model_card_s_front_matter_is_what_hugging_face_reads(pristine: Path) -> None:
    front = front_matter((pristine / "models/gers-unet-3/README.md").read_text())
    assert front["license"] == "etalab-2.0"
    assert front["pipeline_tag"] == "image-segmentation"
    metric = front["model-index"][0]["results"][0]["metrics"][0]
    assert metric == {"type": "mean_iou", "value": 0.61}


def test_the_model_card_gives_figures_with_interval_and_convention(pristine: Path) -> None:
    card = (pristine / "models/gers-unet-3/README.md").read_text()
    assert "Mean IoU: 0.610 (0.550 to 0.660)" in card
    assert "Rows are the truth; absent classes are left out of the mean." in card
    assert "95%, 200 bootstrap replicates over tiles" in card
    assert "Hold-out independent of training: yes" in card
    assert "| CS2.2.1 Herbaceous | absent | absent | 0 |" in card
    for heading in ("Intended use", "Training data", "Evaluation", "Limits", "Use", "Licence"):
        assert f"\n## {heading}\n" in card


def test_the_code_in_the_model_card_is_python_of_ten_lines(pristine: Path) -> None:
    card = (pristine / "models/gers-unet-3/README.md").read_text()
    code = card.split("```python\n")[1].split("```")[0]
    compile(code, "card", "exec")
    assert len(code.splitlines()) <= 11


def test_a_model_without_score_says_not_assessed(contents: ReleaseContents) -> None:
    assert contents.model is not None
    unscored = replace(contents.model, scores=None)
    card = model_card(unscored, contents)
    assert "Not assessed" in card
    assert "model-index" not in front_matter(card)
    assert scores_json(None)["status"] == "not assessed"


def test_the_config_gives_bands_scaling_and_the_class_of_each_channel(pristine: Path) -> None:
    config = json.loads((pristine / "models/gers-unet-3/config.json").read_text())
    assert config["input"]["bands"] == ["R", "G", "B", "NIR"]
    assert config["input"]["mean"] == [105.0, 110.0, 101.0, 106.0]
    assert config["output"] == [
        {"channel": 0, "code": "CS1.1.1.1", "raster_value": 1},
        {"channel": 1, "code": "CS1.2.2", "raster_value": 2},
        {"channel": 2, "code": "CS2.2.1", "raster_value": 3},
    ]
    code = json.loads((pristine / "models/gers-unet-3/code.json").read_text())
    assert code["commit"] == config["training"]["code_commit"] == "0123abc"


def test_a_map_without_probability_sample_publishes_no_area(pristine: Path) -> None:
    accuracy = json.loads((pristine / "maps/accuracy.json").read_text())
    assert accuracy["areas"]["status"] == "not assessed"
    assert accuracy["holdout"]["miou"] == {"estimate": 0.61, "low": 0.55, "high": 0.66}


def test_weights_that_cannot_be_read_stop_the_release(
    contents: ReleaseContents, changed: Callable[..., ReleaseContents], tmp_path: Path
) -> None:
    assert contents.model is not None
    (tmp_path / "w.safetensors").write_bytes(b"\x80\x04pickle")
    broken = changed(model=replace(contents.model, weights_path=tmp_path / "w.safetensors"))
    with pytest.raises(UnusableArtefact, match="not safetensors"):
        stage_release(broken, tmp_path / "r.staging")


def test_the_root_documents_speak_french_and_english_and_name_the_source(pristine: Path) -> None:
    readme, licence = (pristine / "README.md").read_text(), (pristine / "LICENSE.txt").read_text()
    for text in ("## Français", "## English", "Sols du Gers", "Soils of Gers", "© IGN, BD ORTHO 2019"):
        assert text in readme
    assert "2 tuiles d'entraînement et 1 de test" in readme
    assert "etalab-2.0" in licence
    assert "© IGN, BD ORTHO 2019" in licence


def test_r15_the_release_names_code_imagery_training_set_seed_and_revisions(pristine: Path) -> None:
    release = json.loads((pristine / "release.json").read_text())
    assert release["software"] == {"name": "solcommun", "version": "0.1.0", "commit": "0123abc"}
    assert len(release["layer"]["sha256"]) == 64
    assert release["campaign"]["holdout_seed"] == 5
    assert release["counts"]["features"] == 4
    training = json.loads((pristine / "models/gers-unet-3/config.json").read_text())["training"]
    assert (training["training_set_id"], training["seed"]) == ("ts-1", 11)


def test_a_release_of_annotations_alone_is_whole(changed: Callable[..., ReleaseContents], tmp_path: Path) -> None:
    stage_release(changed(model=None, maps=None, previous=None), tmp_path / "r.staging")
    names = {path.name for path in (tmp_path / "r.staging/stac").iterdir()}
    assert names == {"imagery", "annotations", "dataset"}


def test_the_model_card_and_config_name_the_temperature_and_what_it_mends(contents: ReleaseContents) -> None:
    assert contents.model is not None and contents.model.scores is not None
    found = CalibrationScores(before=Interval(0.15, 0.1, 0.2), after=Interval(0.02, 0.01, 0.04), bins=15)
    model = replace(contents.model, temperature=2.0, scores=replace(contents.model.scores, calibration=found))
    card = model_card(model, contents)
    assert "Expected calibration error (15 bins): 0.150 (0.100 to 0.200), 0.020 (0.010 to 0.040) once" in card
    assert "divided by the temperature 2.000" in card
    assert model_config(model, contents)["probabilities"] == {
        "temperature": 2.0, "formula": "softmax(outputs / temperature)",
    }  # fmt: skip
    assert scores_json(model.scores)["calibration"]["after_temperature"]["estimate"] == 0.02
    unmended = replace(model.scores, calibration=replace(found, after=None))
    assert "no temperature was fitted" in model_card(replace(model, scores=unmended), contents)


def imported(contents: ReleaseContents, **changes: object) -> ReleaseContents:
    """The contents with weights that others trained, of which two rows say one class and none says another."""
    assert contents.model is not None
    origin = OriginRecord(
        name="FLAIR-INC (IGN) rgbi_15cl", published_as="IGNF/FLAIR-INC_rgbi_15cl_resnet34-unet",
        address="https://huggingface.co/IGNF", licence="etalab-2.0", attribution="FLAIR-INC weights, IGN",
        seen="Among them Gers (2019).", file_name="w.pth", source_sha256="7" * 64,
        imported_on=datetime(2026, 11, 3, tzinfo=UTC), rows={"CS1.1.1.1": ("building",)}, left_out={"mixed": "never"},
    )  # fmt: skip
    rows = ("CS1.1.1.1", "CS2.2.1", "CS2.2.1")
    return replace(contents, model=replace(contents.model, **{"origin": origin, "head_rows": rows, **changes}))


def test_a_release_of_imported_weights_names_them_and_claims_no_training(
    contents: ReleaseContents, tmp_path: Path
) -> None:
    released = imported(contents, training=None, scores=None, base_model="IGNF/FLAIR-INC_rgbi_15cl_resnet34-unet")
    root = tmp_path / "gers-1.0.0.staging"
    stage_release(released, root)
    folder = root / "models/gers-unet-3"
    card = (folder / "README.md").read_text()
    assert front_matter(card)["base_model"] == "IGNF/FLAIR-INC_rgbi_15cl_resnet34-unet"
    assert "Not trained here: these are the weights FLAIR-INC (IGN) rgbi_15cl" in card
    assert "FLAIR-INC weights, IGN" in card and "Among them Gers (2019)." in card and "drawn by volunteers" not in card
    config = json.loads((folder / "config.json").read_text())
    assert config["training"] is None and config["head_rows"] == ["CS1.1.1.1", "CS2.2.1", "CS2.2.1"]
    assert config["origin"]["rows"] == {"CS1.1.1.1": ["building"]} and config["origin"]["left_out"]["mixed"] == "never"


def test_a_model_trained_from_imported_weights_names_both(contents: ReleaseContents) -> None:
    released = imported(contents)
    assert released.model is not None
    card = model_card(released.model, released)
    assert "drawn by volunteers" in card and "It goes back to the weights FLAIR-INC (IGN) rgbi_15cl" in card


def test_the_code_in_the_card_sums_the_rows_of_a_class_and_never_says_one_without(
    contents: ReleaseContents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import segmentation_models_pytorch as smp
    import torch
    from safetensors.torch import save_file

    released = imported(contents)
    assert released.model is not None
    network = smp.create_model("unet", "resnet34", None, in_channels=4, classes=3)
    state = network.state_dict()
    state["segmentation_head.0.weight"].zero_()
    # No row is above the first, and yet ln(2 exp 0.5) = 1.19 is above 1.
    state["segmentation_head.0.bias"].copy_(torch.tensor([1.0, 0.5, 0.5]))
    save_file(state, tmp_path / "weights.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(model_config(released.model, released)))
    monkeypatch.chdir(tmp_path)
    code = model_card(released.model, released).split("```python\n")[1].split("```")[0]
    told = {"pixels": torch.zeros(4, 32, 32)}
    exec(code, told)  # noqa: S102 (the card's own ten lines)
    assert told["channel"].unique().tolist() == [2]  # type: ignore[attr-defined]


def test_an_estimate_of_too_few_blocks_has_no_interval_on_the_card_nor_in_the_figures(
    contents: ReleaseContents,
) -> None:
    assert contents.model is not None and contents.model.scores is not None
    score = replace(contents.model.scores.classes[0], iou=Interval(0.4321, None, None))
    scores = replace(contents.model.scores, classes=(score,))
    card = model_card(replace(contents.model, scores=scores), contents)
    assert "| 0.432 (no interval: too few blocks) | 0.757 |" in card
    assert scores_json(scores)["classes"][0]["iou"] == {"estimate": 0.4321, "low": None, "high": None}
