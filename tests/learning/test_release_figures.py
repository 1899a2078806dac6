"""What a release's page says of its model is what was published, whatever was measured since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from learning_rows import labelled_campaign, model_row
from scenes import TWO_CLASSES

from learning.models import Evaluation, Release, TrainedModel
from learning.release.contents import ModelRecord
from learning.release.records import to_json
from learning.release_figures import published_figures
from learning.services.release_freeze import freeze_release, frozen_inputs
from learning.services.release_model import holdout_scores
from learning.services.releases import start_release

pytestmark = pytest.mark.django_db(transaction=True)
BUILT, GRASS = TWO_CLASSES


def judged(model: TrainedModel, miou: float) -> Evaluation:
    """An evaluation in which grass does not occur."""
    by_class: dict[str, Any] = {
        BUILT: {"iou": miou, "iou_low": miou - 0.1, "iou_high": miou + 0.1, "f1": 0.6, "support_px": 90},
        GRASS: {"iou": None, "iou_low": None, "iou_high": None, "f1": None, "support_px": 0},
    }
    return Evaluation.objects.create(
        model=model, holdout_sha256="a" * 64, n_tiles=12, class_codes=list(TWO_CLASSES), confusion=[[9, 1], [0, 0]],
        tile_confusions={"1": [[9, 1], [0, 0]]}, miou=miou, miou_low=miou - 0.1, miou_high=miou + 0.1,
        overall_accuracy=0.9, per_class=by_class,
    )  # fmt: skip


def frozen_with(evaluation: Evaluation) -> Release:
    """A published release whose record has these figures."""
    campaign = evaluation.model.campaign
    start_release(campaign=campaign, actor=None)
    release = freeze_release(release=campaign.releases.get())
    model = ModelRecord(
        name="camp", version="m1", weights_path=Path("w"), architecture="unet", encoder="resnet18", bands=("red",),
        mean=(1.0,), std=(1.0,), patch_px=64, class_codes=TWO_CLASSES, nomenclature_code="n", nomenclature_version="1",
        parameters=7, framework_version="2", licence="etalab-2.0", training=None, scores=holdout_scores(evaluation),
    )  # fmt: skip
    frozen = to_json(replace(frozen_inputs(release), model=model))
    Release.objects.update(state="failed", frozen=frozen)
    Release.objects.update(
        state="published", manifest_sha256="a" * 64, published_at=release.created_at, trained_model=evaluation.model
    )
    return Release.objects.get()


def test_figures_measured_after_the_freezing_are_not_those_of_the_release() -> None:
    model = model_row(labelled_campaign("camp", pool=2).campaign)
    first = judged(model, 0.5)
    release = frozen_with(first)
    judged(model, 0.9)
    shown = published_figures(release)
    assert shown is not None
    assert (shown.miou, shown.miou_low, shown.miou_high, shown.n_tiles) == (0.5, 0.4, 0.6, 12)
    assert shown.class_codes == TWO_CLASSES
    assert {code: dict(row) for code, row in shown.per_class.items()} == first.per_class


def test_a_release_of_before_there_was_a_record_shows_the_last_figures_of_its_time() -> None:
    model = model_row(labelled_campaign("camp", pool=2).campaign)
    judged(model, 0.5)
    release = frozen_with(judged(model, 0.6))
    Release.objects.update(state="failed", frozen={})
    Release.objects.update(state="published", published_at=Evaluation.objects.first().created_at)
    judged(model, 0.9)
    shown = published_figures(Release.objects.get())
    assert shown is not None and shown.miou == 0.6
    Evaluation.objects.all().delete()
    assert published_figures(release) is not None, "what was frozen needs no row"
    assert published_figures(Release.objects.get()) is None
