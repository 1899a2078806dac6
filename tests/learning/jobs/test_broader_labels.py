"""Labels above the finest classes: in a frozen set, in what a network learns from, and where they are judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from learning_rows import labelled_campaign, model_row
from scenes import accepted, campaign, nomenclature, person, real_layer, square

from annotation.models import NomenclatureClass
from annotation.services.nomenclatures import finest_codes, selectable_codes
from learning.core.evaluate import broader_confusion
from learning.jobs.tiles import labels_of, training_tiles
from learning.services.evaluations import record_evaluation
from learning.services.holdout import holdout_reference
from learning.services.training_sets import freeze_training_set, table_of

pytestmark = pytest.mark.django_db
BUILT, LAWN, PLANTS, OTHER_PLANTS = "CS1.1.1.1", "CS2.2.1", "CS2.2", "CS2.2.2"


def choosable_parent() -> Any:
    """OCS GE, of which people may also choose vegetation that is not woody, whatever it is."""
    tree = nomenclature()
    NomenclatureClass.objects.filter(nomenclature=tree, code=PLANTS).update(selectable=True)
    return tree


def test_a_class_that_others_refine_is_no_class_of_the_model_and_its_labels_are_values_after_them() -> None:
    scene = labelled_campaign(nomenclature=choosable_parent())
    for tile, code in zip(scene.pool_tiles(), (LAWN, PLANTS, BUILT), strict=False):
        scene.label(tile, code)
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    assert PLANTS in selectable_codes(scene.campaign) and PLANTS not in frozen.class_codes
    assert frozen.class_codes == finest_codes(scene.campaign) and len(frozen.class_codes) == 14
    assert frozen.broader == [[PLANTS, [LAWN, OTHER_PLANTS]]]
    assert table_of(frozen).values[PLANTS] == 15
    NomenclatureClass.objects.filter(code=PLANTS).update(selectable=False)
    assert freeze_training_set(campaign=scene.campaign, actor=None).sha256 != frozen.sha256


def test_a_network_is_given_the_broader_value_where_somebody_labelled_the_parent(tmp_path: Path) -> None:
    layer, _truth = real_layer(tmp_path, "broad", size_px=768)
    camp = campaign("broad", layer=layer, tile_px=64, seed=3, first_round=3, nomenclature=choosable_parent())
    author, reviewer = person("author"), person("reviewer")
    tiles = [ticket.tile for ticket in camp.tickets.filter(kind="initial").order_by("rank")[:2]]
    accepted(camp, tiles[0], author, reviewer, [square(PLANTS, 0, 0, 24), square(BUILT, 40, 40, 8)])
    accepted(camp, tiles[1], author, reviewer, [square(LAWN, 0, 0, 24)])
    frozen = freeze_training_set(campaign=camp, actor=None)
    values = table_of(frozen).values
    found = {tuple(np.unique(tile.labels).tolist()) for tile in training_tiles(frozen, on_progress=lambda share: None)}
    assert found == {(0, values[BUILT], 15), (0, values[LAWN])}


def test_a_reference_at_the_parent_level_counts_there_and_says_nothing_of_the_classes_under_it() -> None:
    scene = labelled_campaign(nomenclature=choosable_parent(), pool=2)
    tile = scene.holdout_tiles()[0]
    scene.label(tile, PLANTS, BUILT)  # 8 × 8 pixels each
    reference = holdout_reference(scene.campaign)
    codes = [BUILT, LAWN, OTHER_PLANTS]
    values = {BUILT: 1, LAWN: 2, OTHER_PLANTS: 3, PLANTS: 4}
    labels = labels_of(scene.campaign, reference.tiles[0].revision_ids, values=values)
    predicted = np.full(labels.shape, 1, np.uint8)
    predicted[:, :6] = 2  # of the 64 pixels of plants 48 are called lawn, the other 16 built up; of the built ones none
    broader = broader_confusion(labels, predicted, n_classes=3, n_broader=1)
    assert broader.tolist() == [[16, 48, 0]]
    key = reference.tiles[0].tile_id
    figures = record_evaluation(
        model=model_row(scene.campaign), reference=reference, class_codes=codes,
        confusions={key: np.array([[64, 0, 0], [0, 0, 0], [0, 0, 0]])},
        broader=(((1, 2),), {key: broader}),
    )  # fmt: skip
    assert figures.per_class[LAWN]["support_px"] == 0 and figures.miou == 1.0
    [level] = [level for level in figures.levels if level["codes"] == ["CS1.1", PLANTS]]
    assert level["confusion"] == [[64, 0], [16, 48]]
    assert level["per_class"][PLANTS]["support_px"] == 64 and level["per_class"][PLANTS]["iou"] == 48 / 64
