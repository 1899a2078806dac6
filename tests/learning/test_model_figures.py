"""A model's figures as rows of drawn tables, worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from learning.model_figures import (
    NamedClass,
    confusion_rows,
    evaluation_comparison,
    gate_comparison,
    ground_rows,
    reliability_rows,
    said_wrongly,
    score_rows,
    signed_points,
    tile_rows,
    unmet_classes,
)

CLASSES = {code: NamedClass(code, code.lower(), "#000000") for code in "ABC"}


def scores(iou: float | None, support_px: int = 0) -> dict[str, Any]:
    return {"iou": iou, "iou_low": iou, "iou_high": None, "f1": iou, "support_px": support_px, "support_tiles": 1}


def test_classes_stand_in_the_nomenclatures_order_with_their_share_and_those_never_met_apart() -> None:
    per_class = {"Z": scores(0.5, 100), "B": scores(None), "C": scores(0.25, 300), "A": scores(0.0)}
    rows = score_rows(per_class, CLASSES)
    assert [(row["item"].code, row["bar"], row["support"]) for row in rows] == [
        ("A", 0, 0.0),
        ("C", 250, 75.0),
        ("Z", 500, 25.0),
    ]
    assert (rows[1]["bar_low"], rows[1]["bar_high"]) == (250, None)
    assert [item.code for item in unmet_classes(per_class, CLASSES)] == ["B"]


def test_the_matrix_shades_each_row_by_its_shares_and_leaves_out_classes_that_nobody_names() -> None:
    # Truth in rows: C 100 pixels, of which 96 right; A 10, of which 4; B is neither there nor said; D is only said.
    matrix = confusion_rows([[96, 3, 0, 1], [6, 4, 0, 0], [0] * 4, [0] * 4], ["C", "A", "B", "D"], CLASSES)
    assert [item.code for item in matrix["columns"]] == ["A", "C", "D"]
    assert [(row["item"].code, row["total"]) for row in matrix["rows"]] == [("A", 10), ("C", 100), ("D", 0)]
    found = [[(pixels, percent, shade, right) for _item, pixels, percent, shade, right in row["cells"]]
             for row in matrix["rows"]]  # fmt: skip
    assert found == [
        [(4, 40.0, 4, True), (6, 60.0, 6, False), (0, 0.0, 0, False)],
        [(3, 3.0, 1, False), (96, 96.0, 10, True), (1, 1.0, 1, False)],
        [(0, None, 0, False), (0, None, 0, False), (0, None, 0, True)],
    ]
    assert [item.code for item in said_wrongly([[96, 3, 0, 1], [6, 4, 0, 0], [0] * 4, [0] * 4], list("CABD"),
                                               CLASSES)] == ["A", "C", "D"]  # fmt: skip
    assert confusion_rows([], ["A"], CLASSES) == {"columns": [], "rows": []}


def test_bins_of_confidence_that_hold_nothing_have_no_row_and_no_figure() -> None:
    before = {"pixels": [0, 30, 10, 0], "confidence": [None, 0.4, 0.6, None], "accuracy": [None, 0.5, 0.7, None]}
    after = {"pixels": [0, 0, 20, 20], "confidence": [None, None, 0.6, 0.9], "accuracy": [None, None, 0.6, 0.9]}
    rows = reliability_rows({"n_bins": 4, "before": before, "after": after})
    assert [(row["from"], row["to"]) for row in rows] == [(25, 50), (50, 75), (75, 100)]
    assert rows[0]["before"] == {"share": 75.0, "confidence": 0.4, "accuracy": 0.5} and rows[0]["after"] is None
    assert rows[2]["before"] is None and rows[2]["after"]["share"] == 50.0
    assert [row["after"] for row in reliability_rows({"before": before, "after": None})] == [None, None]


def change(code: str, ours: float | None, theirs: float | None, **more: Any) -> dict[str, Any]:
    return {"code": code, "candidate_iou": ours, "baseline_iou": theirs, "low": None, "high": None, **more}


def test_differences_are_drawn_around_the_middle_on_an_axis_that_holds_them_all() -> None:
    gate = {
        "against": "camp-m1", "baseline": "published", "n_tiles": 30, "delta": 0.02, "low": -0.01, "high": 0.05,
        "per_class": [change("C", 0.5, 0.3, low=0.1, high=0.4, watched=True), change("B", None, None),
                      change("A", 0.2, 0.3, watched=True, dropped=True, shown=True)],
    }  # fmt: skip
    found = gate_comparison(SimpleNamespace(gate=gate), CLASSES)  # type: ignore[arg-type]
    assert found is not None and (found["against"], found["is_majority"]) == ("camp-m1", False)
    rows = [
        (row["item"].code if row["item"] else None, row["delta_points"], row["at_delta"], row["at_low"], row["at_high"])
        for row in found["rows"]
    ]
    # The farthest end is 0.4: it is drawn at 1000, 0 at 500.
    assert rows == [
        (None, "+2.0", 525, 488, 562),
        ("A", "-10.0", 375, None, None),
        ("C", "+20.0", 750, 625, 1000),
    ]
    assert (found["rows"][1]["fell"], found["rows"][1]["shown"], found["rows"][2]["fell"]) == (True, True, False)
    assert gate_comparison(SimpleNamespace(gate={"reason": "old"}), CLASSES) is None  # type: ignore[arg-type]


def test_two_models_on_the_same_tiles_are_set_side_by_side_without_an_interval() -> None:
    ours = SimpleNamespace(per_class={"A": scores(0.5), "B": scores(None)}, miou=0.5, n_tiles=12)
    theirs = SimpleNamespace(per_class={"A": scores(0.6)}, miou=0.6, n_tiles=12)
    found = evaluation_comparison(ours, theirs, against="camp-m2", classes=CLASSES)  # type: ignore[arg-type]
    assert [(row["delta_points"], row["at_delta"], row["low_points"]) for row in found["rows"]] == [
        ("-10.0", 0, ""),
        ("-10.0", 0, ""),
    ]
    assert not found["has_intervals"] and found["n_tiles"] == 12


def test_tiles_come_with_the_most_wrong_first_and_say_what_was_taken_for_what() -> None:
    evaluation = SimpleNamespace(
        class_codes=["A", "B"],
        tile_confusions={"7": [[8, 2], [0, 0]], "3": [[5, 1], [4, 0]], "9": [[0, 0], [0, 0]], "1": [[6, 0], [0, 4]]},
    )
    rows = tile_rows(evaluation, CLASSES)  # type: ignore[arg-type]
    assert [(row["tile_id"], row["right"]) for row in rows] == [(3, 50.0), (7, 80.0), (1, 100.0), (9, None)]
    truth, said, percent = rows[0]["taken"]
    assert (truth.code, said.code, percent) == ("B", "A", 40.0)
    assert rows[2]["taken"] is None and rows[3]["taken"] is None


def test_ground_is_in_hectares_with_bars_of_the_largest() -> None:
    rows = ground_rows({"B": 5_000.0, "A": 15_000.0, "C": 0.0}, CLASSES)
    assert [(row["item"].code, row["area_ha"], row["share"], row["bar"]) for row in rows] == [
        ("A", 1.5, 75.0, 1000),
        ("B", 0.5, 25.0, 333),
    ]
    assert ground_rows({}, CLASSES) == []


@pytest.mark.parametrize(("difference", "told"), [(0.0123, "+1.2"), (-0.0123, "-1.2"), (0.0, "0.0"), (None, "")])
def test_a_difference_carries_its_sign(difference: float | None, told: str) -> None:
    assert signed_points(difference) == told
