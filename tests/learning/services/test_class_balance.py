"""What each class has of the labels and of the map."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from learning_rows import labelled_campaign, model_row, ready_map
from scenes import TWO_CLASSES

from learning.models import Prediction
from learning.services.class_balance import class_balance
from learning.services.predictions import finish_prediction, prediction_row
from learning.services.training_sets import freeze_training_set

pytestmark = pytest.mark.django_db

BUILT, GRASS = TWO_CLASSES
SQUARE_M2 = (8 * 0.2) ** 2  # `label` draws squares of 8 px


def mapped(model: Any, histogram: Any) -> Prediction:
    prediction = prediction_row(model)
    scores = np.zeros(histogram.shape[:2], np.float32)
    return finish_prediction(prediction=prediction, files={}, tile_entropy=scores, histogram=histogram, job=None)


def test_a_campaign_that_never_trained_has_no_balance() -> None:
    scene = labelled_campaign(pool=3)
    found = class_balance(scene.campaign)
    assert (found.labels, found.map, found.drawn, found.mapped) == (None, None, {}, {})


def test_a_training_set_remembers_the_ground_of_each_class() -> None:
    scene = labelled_campaign()
    first, second = scene.pool_tiles()[:2]
    scene.label(first, BUILT, BUILT, BUILT, GRASS)
    scene.label(second)
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    assert frozen.drawn_m2 == {BUILT: pytest.approx(4 * SQUARE_M2), GRASS: pytest.approx(2 * SQUARE_M2)}
    found = class_balance(scene.campaign)
    assert found.labels == frozen
    assert found.drawn == {BUILT: pytest.approx(2 / 3), GRASS: pytest.approx(1 / 3)}


def test_a_map_is_counted_when_it_is_made_and_only_the_one_that_is_shown_stands_beside_the_labels() -> None:
    scene = labelled_campaign()
    histogram = np.zeros((16, 16, 2), np.int64)
    histogram[0, 0] = (10, 30)
    histogram[5, 7] = (20, 20)
    shown = mapped(model_row(scene.campaign, state="promoted"), histogram)
    assert shown.class_px == {BUILT: 30, GRASS: 50}
    rejected = mapped(model_row(scene.campaign, state="rejected", number=2), histogram[:, :, ::-1])
    found = class_balance(scene.campaign)
    assert found.map == shown != rejected
    assert found.mapped == {BUILT: pytest.approx(3 / 8), GRASS: pytest.approx(5 / 8)}


def test_a_map_from_before_classes_were_counted_is_left_out() -> None:
    scene = labelled_campaign()
    old = ready_map(model_row(scene.campaign, state="promoted"), np.zeros((16, 16), np.float32))
    Prediction.objects.filter(pk=old.pk).update(class_px=None)
    assert class_balance(scene.campaign).map is None
