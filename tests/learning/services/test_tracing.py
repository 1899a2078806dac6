"""From anything published, one command names the revisions, images, code, configuration and seed."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from learning_rows import imported_row, labelled_campaign, model_row
from map_models import mapped_layer
from scenes import TWO_CLASSES, accepted, labelled_scene, person, square

from annotation.jobs.registry import run_job
from annotation.models import Campaign, SourceFile
from learning.models import Prediction, Release, TrainingRun, TrainingSetItem
from learning.services.predictions import start_prediction
from learning.services.releases import start_release
from learning.services.tracing import model_trace, trace

pytestmark = pytest.mark.django_db(transaction=True)


def done(job: Any) -> Any:
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


def told(artefact: object, *options: str) -> Any:
    out = StringIO()
    call_command("trace", str(artefact), *options, stdout=out)
    return json.loads(out.getvalue()) if "--json" in options else out.getvalue()


def released_with_map(folder: Path) -> Release:
    model = mapped_layer(folder)
    camp, author, reviewer = model.campaign, person("author"), person("reviewer")
    for ticket in camp.tickets.filter(kind="initial").select_related("tile__campaign__nomenclature"):
        squares = [square(code, 8 + 16 * n, 8, 16) for n, code in enumerate(TWO_CLASSES)]
        label = accepted(camp, ticket.tile, author, reviewer, squares)
        TrainingSetItem.objects.create(training_set=model.run.training_set, tile=ticket.tile, revision=label.head)
    TrainingRun.objects.update(seed=41, code_commit="abc123", config={"steps": 8})
    done(start_prediction(model=model))
    return Release.objects.get(pk=done(start_release(campaign=Campaign.objects.get(), actor=None)).result["release"])


def test_a_published_map_names_what_its_model_learnt_from_and_the_image_it_saw(tmp_path: Path) -> None:
    release = released_with_map(tmp_path)
    model, prediction, source = release.trained_model, Prediction.objects.get(), SourceFile.objects.get()
    heads = sorted(release.labels.values_list("revision_id", flat=True))
    [path] = [
        path for path in (release.path / "maps").rglob("*.tif") if "ENTROPY" not in path.name.upper()
    ][:1]  # fmt: skip
    name = f"{release.folder}/{path.relative_to(release.path).as_posix()}"
    found = told(name, "--json")
    assert found["release"] == release.folder and found["labels"] == []
    [training] = found["model"]["trainings"]
    assert training["revisions"] == heads and len(heads) == 4
    assert (training["seed"], training["code_commit"], training["config"]) == (41, "abc123", {"steps": 8})
    assert (training["model"], training["training_set"]) == (model.version, "camp-set-1")
    assert found["model"]["sha256"] == model.sha256
    assert found["map"]["prediction"] == prediction.pk
    assert found["map"]["files"]["class.tif"] == prediction.files["class.tif"]
    assert found["imagery"]["sources"] == [{"name": source.name, "sha256": source.sha256}]
    assert found["imagery"]["sha256"] == release.campaign.layer.analysis_sha256
    assert found["nomenclature"].startswith("ocsge_cover ") and found["software"]["rasterio"]
    # The same file wherever it lies, and by its digest alone.
    copy = tmp_path / "downloaded.tif"
    shutil.copy(path, copy)
    for artefact in (path, copy, found["sha256"]):
        assert told(artefact, "--json") | {"artefact": name} == found
    text = told(copy, "--all")
    assert f"learnt from   4 revisions: {', '.join(map(str, heads))}\n" in text and "seed 41; commit abc123" in text
    # The platform's own files are traced as well.
    assert told(prediction.path("entropy.tif"), "--json")["map"]["prediction"] == prediction.pk
    assert told(tmp_path / "scene.tif", "--json")["found"] == "scene.tif, a source of the imagery scene"


def test_labels_and_images_name_their_revisions_an_image_those_of_its_tile(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=3)
    job = done(start_release(campaign=scene.campaign, actor=None))
    release = Release.objects.get(pk=job.result["release"])
    every = list(release.labels.order_by("tile_row", "tile_col").values_list("revision_id", flat=True))
    for artefact in ("scene-0.1.0", "scene-0.1.0/annotations/annotations.parquet", "scene-0.1.0/README.md"):
        assert trace(artefact).labels == tuple(every)
    assert trace("scene-0.1.0").model is None
    mask = next((release.path / "dataset").rglob("MSK_*.tif"))
    number = int(mask.stem.removeprefix("MSK_")) - 1
    row, col = divmod(number, scene.campaign.tile_grid.n_cols)
    [head] = scene.campaign.tiles.get(row=row, col=col).annotations.values_list("head_id", flat=True)
    assert trace(str(mask)).labels == (head,) and len(every) > 1
    said = told("scene-0.1.0")
    assert f"labels        {len(every)} revisions: {every[0]}, " in said
    assert ("--all lists the other" in said) == (len(every) > 10)


def test_a_model_that_began_from_others_names_every_training() -> None:
    scene = labelled_campaign(pool=2)
    origin = imported_row(scene.campaign, state="retired", number=1)
    first = model_row(scene.campaign, state="retired", number=2)
    second = model_row(scene.campaign, state="retired", number=3)
    TrainingRun.objects.filter(pk=first.run_id).update(initial_model=origin, seed=7)
    TrainingRun.objects.filter(pk=second.run_id).update(initial_model=first, seed=8)
    second.refresh_from_db()
    found = model_trace(second)
    assert [(one.model, one.seed) for one in found.trainings] == [("camp-m3", 8), ("camp-m2", 7)]
    assert found.origin is not None and "7" * 64 in found.origin


def test_what_is_not_known_is_told_with_what_to_give(tmp_path: Path) -> None:
    stray = tmp_path / "stray.bin"
    stray.write_bytes(b"stray")
    with pytest.raises(CommandError, match="No release, model, map or imagery here has a file of SHA-256"):
        told(stray)
    with pytest.raises(CommandError, match="give CAMPAIGN-VERSION, CAMPAIGN-VERSION/PATH, a file, or a SHA-256"):
        told("nothing-1.0.0")
    scene = labelled_scene(tmp_path, pool_tiles=2)
    release = Release.objects.get(pk=done(start_release(campaign=scene.campaign, actor=None)).result["release"])
    with pytest.raises(CommandError, match=r"has no file 'maps/none\.tif': its manifest.json lists those it has"):
        told("scene-0.1.0/maps/none.tif")
    Release.objects.update(state="failed", frozen={})
    Release.objects.update(state="published")
    with pytest.raises(CommandError, match="was published before what a release holds was frozen"):
        told(release.folder)
