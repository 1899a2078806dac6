"""The tables that the page of a territory offers as CSV: every number unrounded, with its unit in the column's name."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from annotation.views import in_words
from learning.release.text import csv_cell

Document = Mapping[str, Any]
Row = list[object]


def table_csv(document: Document, name: str) -> str:
    """A table as CSV with a head. Raises: KeyError: there is no table of this name."""
    make = TABLES[name]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    for row in make(document):
        writer.writerow([csv_cell(_plain(cell)) for cell in row])
    return out.getvalue()


def _areas(document: Document) -> Iterator[Row]:
    area = document["area"]
    yield [
        "code", "name", "mapped_ha", "estimate_ha", "lower_95_ha", "upper_95_ha", "users_accuracy",
        "users_accuracy_half_width_95", "producers_accuracy", "producers_accuracy_half_width_95", "places",
        "few_places", "status", "reason", "estimator", "model", "vintage",
    ]  # fmt: skip
    for one in area["classes"]:
        named = document["classes"].get(one["code"], {"name": {"en": one["code"]}})
        yield [
            one["code"], in_words(named["name"]), one["mapped_ha"], one["estimate_ha"], one["lower_ha"],
            one["upper_ha"], *_accuracy(one["user"]), *_accuracy(one["producer"]), one["places"], one["few"],
            area["status"], area["reason"], area["estimator"], area["model"], area["vintage"],
        ]  # fmt: skip


def _accuracy(estimate: Mapping[str, float] | None) -> Row:
    return [estimate["value"], estimate["half_width"]] if estimate else [None, None]


def _change(document: Document) -> Iterator[Row]:
    yield [
        "first_layer", "second_layer", "first_vintage", "second_vintage", "what", "bound", "from_code", "to_code", "ha",
        "lower_95_ha", "upper_95_ha", "ha_per_year", "lower_95_ha_per_year", "upper_95_ha_per_year", "places",
        "status", "reason",
    ]  # fmt: skip
    for one in document["changes"]:
        start: Row = [*(one[side][key] for key in ("layer", "vintage") for side in ("first", "second"))]
        end: Row = [one["status"], one["reason"]]
        found = one["found"]
        if found is None:
            yield [*start, "", "", "", "", *[None] * 7, *end]
            continue
        for name in ("gain", "loss", "net"):
            flow = found[name]
            is_figure = flow["ha"]["lower"] == flow["ha"]["upper"]
            for bound in ("lower",) if is_figure else ("lower", "upper"):
                ha = flow["ha"][bound]
                yearly = flow["ha_per_year"][bound] if flow["ha_per_year"] else {}
                yield [
                    *start, name, "figure" if is_figure else bound, "", "", ha["value"], ha["lower"], ha["upper"],
                    yearly.get("value"), yearly.get("lower"), yearly.get("upper"), ha["units"], *end,
                ]  # fmt: skip
        for name in ("first_wrong", "second_wrong"):
            ha = found[name]
            yield [
                *start,
                name,
                "figure",
                "",
                "",
                ha["value"],
                ha["lower"],
                ha["upper"],
                *[None] * 3,
                ha["units"],
                *end,
            ]
        for change in found["classes"]:
            ha = change["ha"]
            yield [
                *start, "class", "figure", change["first_code"], change["second_code"], ha["value"], ha["lower"],
                ha["upper"], *[None] * 3, ha["units"], *end,
            ]  # fmt: skip


def _artificialisation(document: Document) -> Iterator[Row]:
    yield ["what", "kind", "ha", "lower_ha", "upper_ha", "criterion", "rule"]
    found = document["artificialisation"]
    if found["kind"] == "none":
        yield [found["reason"], "none", None, None, None, "", ""]
        return
    rests = found["rests_on"]
    if found["kind"] == "bracket":
        yield ["artificialised", "bracket", None, found["lower_ha"], found["upper_ha"], "", rests["rule"]]
    else:
        yield ["artificialised as mapped", "figure", found["artificialised_ha"], None, None, "", rests["rule"]]
        if found["estimate_ha"] is not None:
            value, half = found["estimate_ha"], found["half_width_ha"]
            yield ["artificialised", "estimate_95", value, max(0.0, value - half), value + half, "", rests["rule"]]
    yield from _before_thresholds(rests.get("before_thresholds"), rests["rule"])
    for what in ("mapped", "ground", "without_usage", "usage_declared_unknown", "sealed"):
        yield [what, "counted", rests[f"{what}_ha"], None, None, "", rests["rule"]]
    for one in rests["by_criterion"]:
        for what, key in (("artificialised", "artificialised_ha"), ("not artificialised", "not_artificialised_ha")):
            yield [what, "counted", one[key], None, None, one["criterion"], rests["rule"]]


def _before_thresholds(found: Mapping[str, Any] | None, rule: str) -> Iterator[Row]:
    """What cover and usage count before any threshold: as mapped, and as places have it."""
    if found is None:
        return
    low, high = found["lower_ha"], found["upper_ha"]
    what = "before thresholds"
    if low == high:
        yield [f"{what} as mapped", "figure", low, None, None, "", rule]
    else:
        yield [f"{what} as mapped", "bracket", None, low, high, "", rule]
    if found["lower_estimate_ha"] == found["upper_estimate_ha"]:
        ends = [("", found["lower_estimate_ha"])]
    else:
        ends = [(", at least", found["lower_estimate_ha"]), (", at most", found["upper_estimate_ha"])]
    for end, estimate in ends:
        if estimate is None:
            yield [what, "not_assessed", None, None, None, "", rule]
        else:
            yield [f"{what}{end}", "estimate_95", *estimate, "", rule]


def _review(document: Document) -> Iterator[Row]:
    yield ["what", "tiles"]
    for what, tiles in (document["review"] or {}).items():
        yield [what, tiles]


def _plain(cell: object) -> object:
    return {True: "yes", False: "no"}[cell] if isinstance(cell, bool) else cell


TABLES: dict[str, Callable[[Document], Iterator[Row]]] = {
    "areas": _areas,
    "change": _change,
    "artificialisation": _artificialisation,
    "review": _review,
}
