"""Figures of one model as rows of drawn tables; places of bars and marks are in BAR_UNITS, shares in percent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format

from annotation.models import Campaign
from annotation.views import BAR_UNITS, in_words
from learning.models import Evaluation, ModelOrigin, TrainedModel
from learning.services.class_changes import classes_ever

#: A difference is drawn on an axis that reaches at least so far to both sides.
LEAST_REACH = 0.05
#: Shades of the confusion matrix, one a tenth of the row.
SHADES = 10
GREY = "#808080"


@dataclass(frozen=True, slots=True)
class NamedClass:
    """A class as people read it."""

    code: str
    name: str
    colour: str


def named_classes(campaign: Campaign) -> dict[str, NamedClass]:
    """Every class of the nomenclature by its code, those above the selectable ones too, in its order, then
    those it had before they changed.
    """
    return {
        item.code: NamedClass(item.code, in_words(item.name), item.colour) for item in classes_ever(campaign).values()
    }


def named(classes: Mapping[str, NamedClass], code: str) -> NamedClass:
    """A class; one that the nomenclature does not have goes by its code."""
    return classes.get(code) or NamedClass(code, code, GREY)


def in_order(codes: Iterable[str], classes: Mapping[str, NamedClass]) -> list[str]:
    """Codes in the nomenclature's order, unknown ones last."""
    places = {code: place for place, code in enumerate(classes)}
    return sorted(codes, key=lambda code: (places.get(code, len(places)), code))


def score_rows(per_class: Mapping[str, Mapping[str, Any]], classes: Mapping[str, NamedClass]) -> list[dict[str, Any]]:
    """One row a class that the truth or the prediction holds, in the nomenclature's order."""
    total = sum(figures.get("support_px") or 0 for figures in per_class.values())
    rows = []
    for code in in_order(per_class, classes):
        figures = per_class[code]
        if figures.get("iou") is None:
            continue
        support = figures.get("support_px") or 0
        rows.append(
            {
                "item": named(classes, code),
                **{name: figures.get(name) for name in ("iou", "f1", "user_accuracy", "producer_accuracy")},
                "low": figures.get("iou_low"),
                "high": figures.get("iou_high"),
                "support": 100 * support / total if total else 0.0,
                "support_px": support,
                "support_tiles": figures.get("support_tiles"),
                "bar": round(BAR_UNITS * figures["iou"]),
                "bar_low": _placed(figures.get("iou_low")),
                "bar_high": _placed(figures.get("iou_high")),
            }
        )
    return rows


def unmet_classes(per_class: Mapping[str, Mapping[str, Any]], classes: Mapping[str, NamedClass]) -> list[NamedClass]:
    """Classes that the model knows and neither the control tiles nor its answers hold."""
    return [named(classes, code) for code in in_order(per_class, classes) if per_class[code].get("iou") is None]


def confusion_rows(
    confusion: Sequence[Sequence[int]], codes: Sequence[str], classes: Mapping[str, NamedClass]
) -> dict[str, Any]:
    """The matrix of the classes met, each row normalised to its truth: {columns, rows: [{item, total, cells}]}.

    A cell is (class predicted, pixels, percent or None, shade from 0 to SHADES, whether it is right).
    """
    if len(confusion) != len(codes):
        return {"columns": [], "rows": []}
    met = [k for k in range(len(codes)) if sum(confusion[k]) or sum(row[k] for row in confusion)]
    places = {code: place for place, code in enumerate(in_order((codes[k] for k in met), classes))}
    met.sort(key=lambda k: places[codes[k]])
    rows = []
    for k in met:
        total = sum(confusion[k])
        cells = []
        for j in met:
            share = confusion[k][j] / total if total else 0.0
            percent = 100 * share if total else None
            cells.append((named(classes, codes[j]), confusion[k][j], percent, _shade(share), j == k))
        rows.append({"item": named(classes, codes[k]), "total": total, "cells": cells})
    return {"columns": [named(classes, codes[k]) for k in met], "rows": rows}


def said_wrongly(
    confusion: Sequence[Sequence[int]], codes: Sequence[str], classes: Mapping[str, NamedClass]
) -> list[NamedClass]:
    """Classes that the model gives to some ground of another one."""
    said = {codes[j] for k, row in enumerate(confusion) for j, pixels in enumerate(row) if pixels and j != k}
    return [named(classes, code) for code in in_order(said, classes)]


def reliability_rows(calibration: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row a bin of confidence in which some pixel falls: {from, to, before, after}, each {share, confidence,
    accuracy} or None."""
    before, after = calibration["before"], calibration.get("after")
    n_bins = calibration.get("n_bins") or len(before["pixels"])
    rows = []
    for place in range(n_bins):
        row = {
            "from": 100 * place / n_bins,
            "to": 100 * (place + 1) / n_bins,
            "before": _bin(before, place),
            "after": _bin(after, place) if after else None,
        }
        if row["before"] or row["after"]:
            rows.append(row)
    return rows


def gate_comparison(model: TrainedModel, classes: Mapping[str, NamedClass]) -> dict[str, Any] | None:
    """What the gate compared, class by class, with the intervals it kept; None where it kept none."""
    gate = model.gate
    changes = [one for one in gate.get("per_class") or [] if one.get("candidate_iou") is not None]
    if not changes or gate.get("delta") is None:
        return None
    by_code = {one["code"]: one for one in changes}
    rows = [
        {
            "item": named(classes, code),
            "ours": by_code[code]["candidate_iou"],
            "theirs": by_code[code].get("baseline_iou"),
            "low": by_code[code].get("low"),
            "high": by_code[code].get("high"),
            "watched": by_code[code].get("watched", False),
            "fell": by_code[code].get("dropped", False) or by_code[code].get("below_floor", False),
            "shown": by_code[code].get("shown", False),
        }
        for code in in_order(by_code, classes)
    ]
    return {
        "against": gate.get("against"),
        "is_majority": gate.get("baseline") == "majority",
        "n_tiles": gate.get("n_tiles"),
        "rows": _drawn_differences(rows, delta=gate["delta"], low=gate.get("low"), high=gate.get("high")),
        "has_intervals": True,
    }


def evaluation_comparison(
    ours: Evaluation, theirs: Evaluation, *, against: str, classes: Mapping[str, NamedClass]
) -> dict[str, Any]:
    """Two models' figures on the same control tiles, class by class; no interval of the difference was kept."""
    rows = [
        {
            "item": named(classes, code),
            "ours": ours.per_class[code].get("iou"),
            "theirs": theirs.per_class.get(code, {}).get("iou"),
            "low": None,
            "high": None,
            "watched": True,
            "fell": False,
            "shown": False,
        }
        for code in in_order(ours.per_class, classes)
        if ours.per_class[code].get("iou") is not None
    ]
    return {
        "against": against,
        "is_majority": False,
        "n_tiles": ours.n_tiles,
        "rows": _drawn_differences(rows, delta=ours.miou - theirs.miou, low=None, high=None),
        "has_intervals": False,
    }


def tile_rows(evaluation: Evaluation, classes: Mapping[str, NamedClass]) -> list[dict[str, Any]]:
    """One row a control tile, the most wrong first: {tile_id, right (percent), taken: (truth, said, percent) or None}.

    Tiles on which nothing was compared come last.
    """
    codes = evaluation.class_codes
    rows = []
    for tile_id, confusion in evaluation.tile_confusions.items():
        total = sum(map(sum, confusion))
        right = sum(confusion[k][k] for k in range(len(confusion)))
        pairs = [
            (confusion[k][j], k, j) for k in range(len(confusion)) for j in range(len(confusion)) if confusion[k][j]
        ]
        wrong = max((pair for pair in pairs if pair[1] != pair[2]), default=None)
        rows.append(
            {
                "tile_id": int(tile_id),
                "right": 100 * right / total if total else None,
                "taken": (named(classes, codes[wrong[1]]), named(classes, codes[wrong[2]]), 100 * wrong[0] / total)
                if wrong
                else None,
            }
        )
    return sorted(rows, key=lambda row: (101.0 if row["right"] is None else row["right"], row["tile_id"]))


def ground_rows(drawn_m2: Mapping[str, float], classes: Mapping[str, NamedClass]) -> list[dict[str, Any]]:
    """One row a class that was learnt from: its hectares, its share, its bar."""
    total, largest = sum(drawn_m2.values()), max(drawn_m2.values(), default=0.0)
    return [
        {
            "item": named(classes, code),
            "area_ha": drawn_m2[code] / 10_000,
            "share": 100 * drawn_m2[code] / total,
            "bar": round(BAR_UNITS * drawn_m2[code] / largest),
        }
        for code in in_order(drawn_m2, classes)
        if drawn_m2[code] > 0
    ]


def channel_rows(origin: ModelOrigin, classes: Mapping[str, NamedClass]) -> list[dict[str, Any]]:
    """One row a class, with the channels of the published network that say it; none: it is never said."""
    return [{"item": named(classes, code), "channels": origin.rows[code]} for code in in_order(origin.rows, classes)]


def signed_points(difference: float | None) -> str:
    """A difference of shares in points, with its sign; "" where there is none."""
    if difference is None:
        return ""
    points = round(100 * difference, 1)
    return f"{'+' if points > 0 else ''}{number_format(points, 1)}"


def _drawn_differences(
    rows: list[dict[str, Any]], *, delta: float, low: float | None, high: float | None
) -> list[dict[str, Any]]:
    """The mean's row, then the classes', with the difference in points and where it is drawn: 0 in the middle."""
    mean = {"item": None, "delta": delta, "low": low, "high": high, "watched": True, "fell": False, "shown": False}
    every = [mean, *rows]
    for row in rows:
        row["delta"] = None if row["theirs"] is None or row["ours"] is None else row["ours"] - row["theirs"]
    ends = [abs(row[name]) for row in every for name in ("delta", "low", "high") if row[name] is not None]
    reach = max([LEAST_REACH, *ends])
    for row in every:
        for name in ("delta", "low", "high"):
            value = row[name]
            row[f"at_{name}"] = None if value is None else round(BAR_UNITS / 2 * (1 + value / reach))
            row[f"{name}_points"] = signed_points(value)
    return every


def _bin(reliability: Mapping[str, Any], place: int) -> dict[str, float] | None:
    pixels, total = reliability["pixels"][place], sum(reliability["pixels"])
    if not pixels:
        return None
    return {
        "share": 100 * pixels / total,
        "confidence": reliability["confidence"][place],
        "accuracy": reliability["accuracy"][place],
    }


def _shade(share: float) -> int:
    """Anything above nothing is seen."""
    return max(1, round(SHADES * share)) if share > 0 else 0


def _placed(value: float | None) -> int | None:
    return None if value is None else round(BAR_UNITS * value)
