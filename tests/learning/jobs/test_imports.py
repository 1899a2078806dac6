"""From a file of published weights to a fine-tuned model through the jobs, on one small real layer."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from django.core.management import CommandError, call_command
from flair_weights import published_state, saved_safely
from scenes import accepted, campaign, person, real_layer, truth_features

from annotation.jobs.registry import run_job
from annotation.models import Job
from learning.core.model_file import load_model
from learning.core.weights_source import shipped_source
from learning.models import AcquisitionRound, Prediction, Release, TrainedModel
from learning.release.manifest import verify
from learning.services import imports
from learning.services.drafts import draft_of
from learning.services.promotion import start_judging
from learning.services.releases import start_release
from learning.services.training import start_training_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),  # the heartbeat has a connection of its own
]
SOURCE = shipped_source("flair_inc")
# In two processes, which are told what network goes on from another.
FEW_STEPS = {"steps": 2, "batch_size": 2, "devices": 2, "device": "cpu", "crop_px": 64, "precision": "fp32"}


class Scene:
    """A campaign on a real layer with accepted pool tiles, and no control tile labelled."""

    def __init__(self, folder: Path) -> None:
        call_command("load_nomenclatures", verbosity=0, stdout=io.StringIO())
        layer, self.truth = real_layer(folder, "scene", size_px=768)
        self.maintainer, self.author, self.reviewer = (person(name) for name in ("maintainer", "author", "reviewer"))
        self.campaign = campaign("scene", layer=layer, tile_px=64, created_by=self.maintainer, first_round=8, seed=3)
        tickets = self.campaign.tickets.select_related("tile").filter(kind="initial")[:6]
        self.label([ticket.tile for ticket in tickets])

    def label(self, tiles: Any) -> None:
        for tile in tiles:
            accepted(self.campaign, tile, self.author, self.reviewer, truth_features(self.truth, tile))

    def importing(self, path: Path, **more: Any) -> Job:
        recipe = imports.recipe_for(campaign=self.campaign, source=SOURCE, variant="rgbi_15cl")
        job = imports.start_import(
            campaign=self.campaign, actor=self.maintainer, path=path, file_name=path.name, source=SOURCE,
            recipe=recipe, variant="rgbi_15cl", **{"uploaded": False, **more},
        )  # fmt: skip
        return done(job)


def done(job: Job) -> Job:
    assert run_job(str(job.id))
    job.refresh_from_db()
    return job


def run_queued(kind: str) -> Job:
    job = done(Job.objects.get(kind=kind, state="queued"))
    assert job.state == "succeeded", job.error
    return job


def test_published_weights_draft_map_are_released_fine_tuned_and_judged_once_they_can_be(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path)
    archive = tmp_path / "FLAIR-INC_rgbi_15cl_weights.pth"
    torch.save(published_state(), archive)
    job = scene.importing(archive, publish_unjudged=True, reason="people need a start", seen_here=None)
    assert job.state == "succeeded", job.error
    model = TrainedModel.objects.select_related("origin", "campaign").get()
    assert (model.version, model.state, model.is_judged) == ("scene-m1", "promoted", False)
    assert job.result["judged"] is False and "people need a start" in job.result["reason"]
    assert model.origin.imported_by == scene.maintainer
    assert model.gate["published_unjudged"]["by"] == scene.maintainer.pk
    assert model.origin.rows["CS2.2.1"] == ["herbaceous_vegetation", "agricultural_land", "plowed_land"]
    assert not model.evaluations.exists() and model.run is None

    check_it_maps_and_drafts(scene, model)
    check_release(scene, model)
    check_fine_tuning(scene, model)
    check_judging(scene, model)


def check_it_maps_and_drafts(scene: Scene, model: TrainedModel) -> None:
    run_queued("predict")
    prediction = Prediction.objects.get(model=model)
    assert prediction.state == "ready" and prediction.mean_entropy_nats > 0
    assert set(prediction.class_px) == set(model.class_codes)
    opened = AcquisitionRound.objects.get(prediction=prediction)
    assert opened.labelled_tiles == 0 and opened.published_miou is None
    assert opened.promoted and opened.candidate == model
    tile = scene.campaign.tiles.filter(role="pool", state="open").first()
    draft = draft_of(tile=tile, user=scene.author)
    assert draft.model_version == "scene-m1" and draft.features
    never_said = {"CS1.1.2.2", "CS2.1.1.3", "CS2.2.2"}
    assert not never_said & {feature["class_code"] for feature in draft.features}


def check_release(scene: Scene, model: TrainedModel) -> None:
    job = done(start_release(campaign=scene.campaign, actor=scene.maintainer))
    assert job.state == "succeeded", job.error
    release = Release.objects.get()
    assert not verify(release.path).faults
    assert release.summary["model"] == model.version and release.summary["judged"] is False
    folder = release.path / "models" / "scene-m1"
    card = (folder / "README.md").read_text()
    for said in (
        "FLAIR-INC weights, IGN",
        "etalab-2.0",
        "Not judged yet",
        "Gers (2019)",
        "Not trained here",
    ):
        assert said in card, said
    assert "people need a start" in card
    config = json.loads((folder / "config.json").read_text())
    assert config["training"] is None and config["origin"]["source_sha256"] == model.origin.source_sha256
    assert config["head_rows"].count("CS2.2.1") == 3
    assert "FLAIR-INC weights, IGN" in (release.path / "LICENSE.txt").read_text()
    assert "FLAIR-INC weights, IGN" in release.summary["attribution"]
    assert json.loads((folder / "metrics.json").read_text())["status"] == "not assessed"


def check_fine_tuning(scene: Scene, model: TrainedModel) -> None:
    start_training_run(campaign=scene.campaign, actor=scene.maintainer, config=FEW_STEPS)
    run_queued("train")
    tuned = TrainedModel.objects.select_related("run__initial_model__origin").get(number=2)
    assert tuned.run.initial_model == model and tuned.foreign_origin == model.origin
    assert tuned.run.config["encoder"] == "resnet34" and tuned.run.config["pretrained"] is False
    loaded = load_model(tuned.path, sha256=tuned.sha256)
    assert loaded.metadata.normalisation.mean == (105.08, 110.87, 101.82, 106.38)
    assert loaded.metadata.spec.head_rows.count("CS2.2.1") == 3 and "CS2.2.2" in loaded.metadata.spec.head_rows
    before = load_model(model.path).network.state_dict()
    name = "encoder.layer3.0.conv1.weight"
    moved = (loaded.network.state_dict()[name] - before[name]).abs().max()
    assert 0 < moved < 0.05, "it went on from the imported weights"
    model.refresh_from_db()
    assert tuned.state == "held" and "nothing to judge the model by" in tuned.gate["reason"]
    assert model.is_published_unjudged


def check_judging(scene: Scene, model: TrainedModel) -> None:
    scene.label(scene.campaign.tiles.filter(role="holdout").order_by("pk")[:10])
    job = done(start_judging(model=model, actor=scene.maintainer))
    assert job.state == "succeeded", job.error
    model.refresh_from_db()
    assert model.is_judged and model.evaluations.get().n_tiles == 10
    assert model.gate["baseline"] == "majority" and model.gate["published_unjudged"]["why"] == "people need a start"
    # Weights from a seed know nothing, so that the map people saw is withdrawn.
    assert (model.state, job.result["outcome"]) == ("rejected", "reject")


def test_an_upload_that_is_no_model_makes_none_and_is_removed(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    archive = tmp_path / "weights.safetensors"
    torch.save(dict(list(published_state().items())[:2]), archive)
    job = scene.importing(archive, uploaded=True)
    assert job.state == "failed" and "only safetensors is taken here" in job.error
    assert not archive.exists() and not TrainedModel.objects.exists()

    state = published_state()
    state["model.seg_model.decoder.blocks.0.conv1.0.weight"] = torch.zeros(256, 768, 1, 1)
    own = saved_safely(tmp_path / "own.safetensors", state)
    job = scene.importing(own)
    assert job.state == "failed" and "'decoder.blocks.0.conv1.0.weight' is float32 (256, 768, 1, 1)" in job.error
    assert own.exists(), "a file on the machine is somebody's own"


def test_the_command_says_what_it_would_make_and_makes_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    path = saved_safely(tmp_path / "w.safetensors", published_state())
    out = io.StringIO()
    call_command("import_model", str(path), campaign="scene", variant="rgbi_15cl", dry_run=True, stdout=out)
    said = out.getvalue()
    assert "CS2.2.1          herbaceous_vegetation + agricultural_land + plowed_land" in said
    assert "CS2.1.1.3        (no channel: never said)" in said and "left out: mixed (rgbi_15cl was never" in said
    assert "band NIR: mean 106.38, std 39.69" in said and "etalab-2.0" in said and "nothing was kept" in said
    assert not TrainedModel.objects.exists()

    with pytest.raises(CommandError, match="reads 4 bands, and 3 are named"):
        call_command("import_model", str(path), campaign="scene", variant="rgb_15cl", dry_run=True, stdout=out)

    out = io.StringIO()
    call_command("import_model", str(path), campaign="scene", variant="rgbi_15cl", json=True, by="maintainer",
                 seen_here=True, stdout=out)  # fmt: skip
    result = json.loads(out.getvalue())
    model = TrainedModel.objects.get()
    assert result["model"] == "scene-m1" and (result["state"], result["outcome"]) == ("held", "hold")
    assert "nothing to judge the model by" in result["reason"] and not Job.objects.filter(kind="predict").exists()
    assert model.origin.seen_here is True and model.origin.imported_by == scene.maintainer
