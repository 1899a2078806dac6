from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from learning_rows import confusions, labelled_campaign, model_row
from report_rows import territory
from scenes import TWO_CLASSES
from theme_rows import ORCHARD, PARENT, VINE, vines

from learning.core.calibration import tile_calibration
from learning.services.evaluations import record_evaluation, reference_blocks
from learning.services.holdout import holdout_reference
from learning.services.release_model import holdout_scores, national_scores

pytestmark = pytest.mark.django_db
CODES = list(TWO_CLASSES)


def test_figures_of_an_evaluation_are_those_worked_out_by_hand() -> None:
    scene = labelled_campaign(pool=2, holdout=1)
    reference = holdout_reference(scene.campaign)
    matrix = np.array([[6, 2], [1, 3]])  # IoU 6 / 9 and 3 / 6, nine of twelve pixels right
    figures = record_evaluation(
        model=model_row(scene.campaign), reference=reference,
        confusions={reference.tiles[0].tile_id: matrix}, class_codes=CODES,
    )  # fmt: skip
    assert figures.miou == pytest.approx((6 / 9 + 3 / 6) / 2)
    assert figures.overall_accuracy == pytest.approx(9 / 12)
    assert figures.per_class[CODES[0]]["support_px"] == 8
    assert figures.confusion == [[6, 2], [1, 3]]


def test_the_interval_is_by_the_blocks_in_which_the_hold_out_was_drawn_and_that_by_tiles_is_kept() -> None:
    scene = labelled_campaign(pool=2, holdout=16)
    reference = holdout_reference(scene.campaign)
    side = scene.campaign.holdout.block_tiles
    assert side == 2
    drawn = [(tile.row // side, tile.col // side) for tile in reference.tiles]
    blocks = reference_blocks(scene.campaign, reference)
    assert len(set(drawn)) == blocks.max() + 1
    assert all((drawn[i] == drawn[j]) == (blocks[i] == blocks[j]) for i in range(16) for j in range(16))
    figures = record_evaluation(
        model=model_row(scene.campaign), reference=reference, confusions=confusions(reference, 0.8, pixels=40),
        class_codes=CODES,
    )  # fmt: skip
    assert figures.intervals["unit"] == "blocks" and figures.intervals["n_units"] == len(set(drawn))
    assert [figures.intervals["block_of"][str(tile.tile_id)] for tile in reference.tiles] == blocks.tolist()
    low, high = figures.intervals["miou_by_tiles"]
    assert low < figures.miou < high and (low, high) != (figures.miou_low, figures.miou_high)
    low, high = figures.intervals["overall_accuracy"]
    assert low < figures.overall_accuracy < high


def test_figures_are_given_for_each_territory_that_holds_the_middle_of_a_control_tile(tmp_path: Path) -> None:
    scene = labelled_campaign(pool=2, holdout=12)
    reference = holdout_reference(scene.campaign)
    first = reference.tiles[0]
    territory(scene.campaign, tmp_path, "all", (0, 0, 16, 16), kind="epci")
    territory(scene.campaign, tmp_path, "one", (first.row, first.col, first.row + 1, first.col + 1))
    wrong = np.array([[0, 10], [10, 0]])
    right = np.array([[10, 0], [0, 10]])
    found = {tile.tile_id: wrong if tile == first else right for tile in reference.tiles}
    figures = record_evaluation(
        model=model_row(scene.campaign), reference=reference, confusions=found, class_codes=CODES
    )
    everywhere, one = figures.territories
    assert (everywhere["code"], everywhere["n_tiles"], one["code"], one["n_tiles"]) == ("all", 12, "one", 1)
    assert everywhere["overall_accuracy"] == pytest.approx(11 / 12) and everywhere["confusion"] == figures.confusion
    assert (one["miou"], one["confusion"]) == (0.0, wrong.tolist())
    assert one["miou_low"] is None and everywhere["miou_low"] is not None, "one tile has no interval"
    assert set(one["per_class"]) == set(CODES)


def test_figures_are_given_at_every_level_of_the_nomenclature() -> None:
    scene = labelled_campaign(pool=2, holdout=2)
    tree = scene.campaign.nomenclature.classes
    codes = list(tree.filter(selectable=True).order_by("position").values_list("code", flat=True))
    parents = dict(tree.values_list("code", "parent_code"))
    reference, n = holdout_reference(scene.campaign), len(codes)
    matrix = np.eye(n, dtype=int) * 50 + 1
    found = {tile.tile_id: matrix for tile in reference.tiles}
    figures = record_evaluation(
        model=model_row(scene.campaign), reference=reference, confusions=found, class_codes=codes
    )
    assert figures.levels, "this nomenclature has more than one"
    for level in figures.levels:
        assert 1 < len(level["codes"]) < n and sum(map(sum, level["confusion"])) == sum(map(sum, figures.confusion))
        assert level["overall_accuracy"] > figures.overall_accuracy, "what is confused within a group is forgiven"
        assert set(level["codes"]) <= set(parents)
    assert [level["depth"] for level in figures.levels] == sorted(level["depth"] for level in figures.levels)


def test_a_theme_s_model_is_judged_at_the_national_classes_too_and_parents_labels_count_there(tmp_path: Path) -> None:
    scene = labelled_campaign(nomenclature=vines(tmp_path), pool=2, holdout=12)
    codes, reference = ["CS1.1.1.1", VINE, ORCHARD], holdout_reference(scene.campaign)
    found = {tile.tile_id: np.array([[10, 0, 0], [0, 10, 10], [0, 5, 15]]) for tile in reference.tiles}
    parents = {tile.tile_id: np.array([[5, 20, 15]]) for tile in reference.tiles}  # of labels that leave it open
    figures = record_evaluation(
        model=model_row(scene.campaign), reference=reference, confusions=found, class_codes=codes,
        broader=(((1, 2),), parents),
    )  # fmt: skip
    national = figures.levels[0]
    assert (national["depth"], national["codes"]) == (0, ["CS1.1.1.1", PARENT])
    assert national["confusion"] == [[120, 0], [60, 900]], "12 tiles of 10; 5 said wrongly, 40 of both and 35 right"
    assert national["per_class"][PARENT]["iou"] == 900 / 960 and figures.per_class[VINE]["iou"] == 10 / 25
    assert national["overall_accuracy_low"] <= national["overall_accuracy"] <= national["overall_accuracy_high"]
    assert len({tuple(level["codes"]) for level in figures.levels}) == len(figures.levels)
    told, finest = national_scores(figures), holdout_scores(figures)
    assert told is not None and told.confusion == ((120, 0), (60, 900)) and told.pixels == 1080 and finest.pixels == 600
    assert told.miou.estimate == national["miou"] and [one.code for one in told.classes] == ["CS1.1.1.1", PARENT]


def sure_and_right(odds: float, right: float) -> Any:
    """Sums of a tile whose hundred pixels are this sure and this often right."""
    logits = np.zeros((2, 1, 100), np.float32)
    logits[0] = np.log(odds)
    return tile_calibration(logits, np.array([[1] * round(100 * right) + [2] * round(100 - 100 * right)], np.uint8))


def test_the_first_temperature_becomes_the_model_s_and_stays() -> None:
    scene = labelled_campaign(pool=2, holdout=24)
    reference = holdout_reference(scene.campaign)
    model = model_row(scene.campaign)

    def evaluated(right: float) -> Any:
        now = holdout_reference(scene.campaign)
        return record_evaluation(
            model=model, reference=now, confusions=confusions(now, 0.8), class_codes=CODES,
            calibration={tile.tile_id: sure_and_right(9, right) for tile in now.tiles},
        )  # fmt: skip

    figures = evaluated(0.75)  # sure 0.9, right 0.75: T = 2, as worked out for the core
    model.refresh_from_db()
    assert model.temperature == figures.calibration["temperature"] == 2.0
    assert figures.calibration["before"]["ece"] == pytest.approx(0.15)
    assert figures.calibration["after"]["ece"] == pytest.approx(0, abs=1e-6)
    assert len(figures.calibration["before"]["pixels"]) == figures.calibration["n_bins"] == 15
    scene.label(scene.holdout_tiles()[24])
    later = evaluated(0.9)
    model.refresh_from_db()
    assert later.holdout_sha256 != reference.sha256 and later.calibration["temperature"] == 1.0
    assert model.temperature == 2.0, "its map was made with it"


def test_a_model_that_has_a_map_keeps_the_probabilities_that_it_was_made_with() -> None:
    from learning.services.predictions import prediction_row

    scene = labelled_campaign(pool=2, holdout=24)
    reference = holdout_reference(scene.campaign)
    model = model_row(scene.campaign, state="promoted")
    prediction_row(model)
    record_evaluation(
        model=model, reference=reference, confusions=confusions(reference, 0.8), class_codes=CODES,
        calibration={tile.tile_id: sure_and_right(9, 0.75) for tile in reference.tiles},
    )  # fmt: skip
    model.refresh_from_db()
    assert model.temperature is None


def test_a_map_on_request_does_not_keep_a_model_from_learning_how_sure_it_is() -> None:
    from learning.models import Prediction

    scene = labelled_campaign(pool=2, holdout=24)
    reference = holdout_reference(scene.campaign)
    model = model_row(scene.campaign, state="held")
    Prediction.objects.create(
        model=model, layer=scene.campaign.layer, folder="asked", request_sha256="a" * 64, probabilities=True
    )
    record_evaluation(
        model=model, reference=reference, confusions=confusions(reference, 0.8), class_codes=CODES,
        calibration={tile.tile_id: sure_and_right(9, 0.75) for tile in reference.tiles},
    )  # fmt: skip
    model.refresh_from_db()
    assert model.temperature is not None
