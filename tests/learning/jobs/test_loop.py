"""From labels to a published release through the jobs, on one small real layer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from django.contrib.auth import get_user_model
from learning_rows import TINY_TRAINING
from outsider import in_a_fresh_process
from scenes import LabelledScene, labelled_scene

from annotation.core.labels import rasterize_features
from annotation.core.tile_geometry import check_coverage, parse_features
from annotation.errors import BlindTile
from annotation.jobs.registry import run_job
from annotation.models import Job
from annotation.services.people import set_credit_name
from annotation.services.tiles import pool_mask
from learning.errors import NoDraft
from learning.jobs.prediction import FILES, file_sha256
from learning.models import AcquisitionRound, PolygonMap, Prediction, Release, TrainedModel
from learning.release.manifest import verify
from learning.release.scan import scan_personal_data
from learning.services.drafts import draft_of
from learning.services.polygons import whole_polygons
from learning.services.predictions import start_prediction
from learning.services.releases import start_release
from learning.services.training import start_training_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),  # the heartbeat has a connection of its own
]
GOOD_TRAINING = {**TINY_TRAINING, "steps": 60, "batch_size": 4, "decoder_channels": [32, 32, 24, 16, 16]}


def run_queued(kind: str) -> Job:
    job = Job.objects.get(kind=kind, state="queued")
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


def trained(folder: Path) -> tuple[LabelledScene, TrainedModel]:
    """A scene whose first model was good enough to be published."""
    scene = labelled_scene(folder, pool_tiles=10)
    tile = scene.campaign.tiles.filter(role="pool").first()
    with pytest.raises(NoDraft):
        draft_of(tile=tile, user=scene.annotators[0])
    start_training_run(campaign=scene.campaign, actor=scene.maintainer, config=GOOD_TRAINING)
    job = run_queued("train")
    model = TrainedModel.objects.get()
    assert model.state == "promoted", job.result["reason"]
    return scene, model


def test_a_promoted_model_maps_the_layer_and_its_doubts_order_the_next_round(tmp_path: Path) -> None:
    scene, model = trained(tmp_path)
    job = run_queued("predict")
    prediction = Prediction.objects.get(model=model)
    assert prediction.state == "ready" and prediction.job == job
    names = [*FILES, "class_public.tif", "entropy_public.tif"]
    assert prediction.files == {name: file_sha256(prediction.path(name)) for name in names}

    with rasterio.open(prediction.path("class.tif"), driver="GTiff") as classes:
        codes = model.run.training_set.class_codes
        grey, green = codes.index("CS1.1.1.1") + 1, codes.index("CS2.2.1") + 1
        truth = np.where(scene.truth == 1, grey, green)
        assert (classes.read(1) == truth).mean() > 0.8

    check_public_copies(scene, prediction)
    polygons = PolygonMap.objects.get(pk=run_queued("vectorise").result["polygon_map"])
    assert polygons.prediction == prediction and polygons.figures["polygons"] > 0
    scores = np.load(prediction.path("scores.npy"))
    pool = pool_mask(scene.campaign)
    assert prediction.mean_entropy_nats == pytest.approx(float(scores[pool].mean(dtype=np.float64)))
    opened = AcquisitionRound.objects.get(training_run=model.run)
    assert opened.queue_round.number == job.result["round"] == 1 and opened.promoted
    tickets = opened.queue_round.tickets.filter(kind="uncertainty").select_related("tile").order_by("rank")
    assert opened.queue_round.function == "doubt_and_diversity"
    looks = np.load(prediction.path("embedding.npy")).astype(np.float32)
    assert len(np.unique(looks.reshape(-1, looks.shape[2]), axis=0)) > 1, "tiles look different to the network"
    assert tickets and all(t.score == pytest.approx(float(scores[t.tile.row, t.tile.col])) for t in tickets)

    # Delivered again, the job finds everything done.
    before = prediction.finished_at
    again = start_prediction(model=model, training_run=model.run)
    assert run_job(str(again.id))
    prediction.refresh_from_db()
    assert prediction.finished_at == before and AcquisitionRound.objects.count() == 1

    check_drafts(scene, prediction)
    check_release(scene, model)


def check_public_copies(scene: LabelledScene, prediction: Prediction) -> None:
    """What is shown holds nothing on the control tiles and everything elsewhere."""
    control = np.zeros(scene.truth.shape, bool)
    for tile in scene.campaign.tiles.filter(role="holdout"):
        control[tile.row * 64 : (tile.row + 1) * 64, tile.col * 64 : (tile.col + 1) * 64] = True
    assert control.sum() == scene.campaign.holdout.n_tiles * 64 * 64
    for name in ("class", "entropy"):
        with (
            rasterio.open(prediction.path(f"{name}_public.tif"), driver="GTiff") as shown,
            rasterio.open(prediction.path(f"{name}.tif"), driver="GTiff") as made,
        ):
            assert (shown.read(1) == np.where(control, 0, made.read(1))).all()
            assert made.read(1)[control].all(), "the map itself is whole"


def check_drafts(scene: LabelledScene, prediction: Prediction) -> None:
    camp = scene.campaign
    tile = camp.tiles.filter(role="pool", state="open").first()
    draft = draft_of(tile=tile, user=scene.annotators[0])
    assert draft.model_version == prediction.model.version
    bare = [{k: v for k, v in feature.items() if k != "confidence"} for feature in draft.features]
    codes = prediction.model.run.training_set.class_codes
    features = parse_features(bare, tile_px=64, class_codes=codes)
    check_coverage(features)
    assert all(0 <= feature["confidence"] <= 1 for feature in draft.features)
    drawn = rasterize_features(features, tile_px=64, class_index={c: n for n, c in enumerate(codes, 1)})
    with rasterio.open(prediction.path("class.tif"), driver="GTiff") as source:
        window = source.read(1)[tile.row * 64 : (tile.row + 1) * 64, tile.col * 64 : (tile.col + 1) * 64]
    assert (drawn == window).mean() > 0.9, "what is offered is what the map says, outlines smoothed"
    assert draft_of(tile=tile, user=scene.annotators[0]) == draft, "kept and given again"
    with pytest.raises(BlindTile):
        draft_of(tile=camp.tiles.filter(role="holdout").first(), user=scene.maintainer)


def check_names_nobody(release: Release) -> None:
    """No name and no address of any account in any file, whatever its kind; the name that somebody asked for once."""
    accounts = get_user_model().objects.values_list("username", "email", "first_name", "last_name")
    names = {word for account in accounts for word in account if word}
    assert {"zoe@maison.example", "Zephyrine", "Kermadec", "scene-author", "scene-maintainer"} <= names
    assert scan_personal_data(release.path, names=names) == []
    kinds = {path.suffix for path in release.path.rglob("*") if path.is_file()}
    assert {".parquet", ".gpkg", ".geojson", ".tif", ".safetensors", ".json", ".jsonld", ".md", ".txt", ".csv"} <= kinds
    named = scan_personal_data(release.path, names={"Bocage"})
    assert [fault.path for fault in named] == ["CREDITS.md"]


def check_release(scene: LabelledScene, model: TrainedModel) -> None:
    author = scene.annotators[0]
    author.email, author.first_name, author.last_name = "zoe@maison.example", "Zephyrine", "Kermadec"
    author.save()
    set_credit_name(user=author, name="Bocage")
    job = start_release(campaign=scene.campaign, actor=scene.maintainer)
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    release = Release.objects.get()
    assert not verify(release.path).faults
    check_names_nobody(release)
    assert release.summary["model"] == model.version
    assert release.summary["miou"] == pytest.approx(model.evaluations.get().miou)
    weights = release.path / "models" / "scene-m1" / "weights.safetensors"
    assert file_sha256(weights) == model.sha256
    maps = [release.path / name for name in release.summary["maps"]]
    assert [path.name.split("_")[2] for path in maps] == ["CLASS", "ENTROPY", "REVIEWED"]
    made_first = whole_polygons(model.predictions.get())
    assert made_first is not None, "polygons of all of the map are made before a release is written"
    told = json.loads((release.path / "release.json").read_text())["maps"]["polygons"]
    assert (told["status"], told["polygons"]) == ("published", made_first.figures["polygons"])
    [table_of_polygons] = (release.path / "maps/vectors").glob("*.parquet")
    assert file_sha256(table_of_polygons) == made_first.files["polygons_whole.parquet"]["sha256"]
    codes = model.run.training_set.class_codes
    values = {item["code"]: item["raster_value"] for item in json.loads(
        (release.path / "nomenclature.json").read_text())["classes"]}  # fmt: skip
    with (
        rasterio.open(maps[0], driver="GTiff") as shown,
        rasterio.open(model.predictions.get().path("class.tif"), driver="GTiff") as made,
    ):
        table = np.array([0, *(values[code] for code in codes)], np.uint8)
        assert (shown.read(1) == table[made.read(1)]).all()
    check_model_elsewhere(release, scene, weights.parent, maps[0])


def check_model_elsewhere(release: Release, scene: LabelledScene, folder: Path, shown: Path) -> None:
    """The released model draws the released map where there is no platform, and says how near its forms are."""
    copy = scene.campaign.layer.analysis_path.parent / "classes.tif"
    in_a_fresh_process(folder / "predict.py", scene.campaign.layer.analysis_path, copy)
    with rasterio.open(shown) as theirs, rasterio.open(copy) as ours:
        assert (theirs.read(1) != ours.read(1)).mean() < 2e-3, "the map may have been computed in bf16"
    export = json.loads((folder / "metrics.json").read_text())["export"]
    assert export["code_max_abs_difference"] == 0 and export["onnx_max_abs_difference"] < 1e-3
    golden = release.path / export["golden"]["image"]
    in_a_fresh_process(folder / "predict.py", golden, copy)
    with rasterio.open(folder / export["golden"]["classes"]) as said, rasterio.open(copy) as ours:
        assert (said.read(1) == ours.read(1)).all() and said.transform == ours.transform
    item = json.loads((release.path / "stac" / "models" / "scene-m1.json").read_text())
    roles = {name: asset["roles"] for name, asset in item["assets"].items()}
    assert "mlm:source_code" in roles["network"] and "mlm:model" in roles["onnx"] and "golden" in roles


def test_a_rejected_model_leaves_the_published_one_and_a_round_is_opened_from_its_map(tmp_path: Path) -> None:
    scene, published = trained(tmp_path)
    run_queued("predict")
    # Two steps from scratch know nothing.
    weak = {**TINY_TRAINING, "steps": 2, "warm_start": False}
    start_training_run(campaign=scene.campaign, actor=None, config=weak, force=True)
    job = run_queued("train")
    candidate = TrainedModel.objects.get(number=2)
    published.refresh_from_db()
    assert (candidate.state, published.state) == ("rejected", "promoted")
    assert candidate.gate["against"] == published.version and candidate.gate["delta"] < 0
    opened = AcquisitionRound.objects.get(training_run=candidate.run)
    assert job.result["round"] == opened.queue_round.number == 2 and not opened.promoted
    assert opened.prediction.model == published and opened.candidate == candidate
    assert opened.holdout_miou < opened.published_miou
    assert not Job.objects.filter(kind="predict", state="queued").exists()
