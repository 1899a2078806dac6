"""What the page of a territory shows of its figures: numbers as texts with their unit, and where marks are drawn.

Each estimate is rounded to what its interval leaves; what was counted keeps three digits. Drawings are 1000 units wide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from annotation.views import BAR_UNITS, in_words
from learning.core.rounding import decimals_of_count, rounded_to_interval
from learning.difference_words import all_said, shift_shown
from learning.territory_words import ESTIMATORS, NO_ARTIFICIALISATION, NOT_ASSESSED

Document = Mapping[str, Any]
MINUS = "\N{MINUS SIGN}"  # a hyphen may end a line, and is read out as none


@dataclass(frozen=True, slots=True)
class Shown:
    """An estimate in words: "21,200", "15,000 to 27,400"; both without their unit."""

    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class Marks:
    """Where an estimate lies on a scale of BAR_UNITS: of its interval the ends, of the value and of zero the place."""

    low: int
    high: int
    at: int
    zero: int = 0


def counted(value: float | None) -> str:
    """An area that was counted, without its unit."""
    return "" if value is None else _text(value, decimals_of_count(value))


def estimated(value: float, lower: float, upper: float) -> Shown:
    """An estimate and its interval, to the digits that the interval leaves."""
    shown = rounded_to_interval(value, min(lower, value), max(upper, value))
    low, high = _text(shown.lower, shown.decimals), _text(shown.upper, shown.decimals)
    return Shown(_text(shown.value, shown.decimals), _("%(low)s to %(high)s") % {"low": low, "high": high})


def percent(share: float) -> str:
    """A share as percent with one decimal, without the sign."""
    return _text(100 * share, 1)


def areas_shown(document: Document) -> dict[str, Any]:
    """The section on classes: a row a class that is mapped or estimated, in the nomenclature's order."""
    area, classes = document["area"], document["classes"]
    by_code = {one["code"]: one for one in area["classes"]}
    met = [by_code[code] for code in classes if code in by_code and _is_there(by_code[code])]
    ground = document["ground"]["territory_ha"]
    top = max((one["upper_ha"] or one["mapped_ha"] or 0.0 for one in met), default=0.0)
    top = max([top, *(one["mapped_ha"] or 0.0 for one in met)])
    overall = area.get("overall")
    return {
        "assessed": area["status"] == "assessed",
        "why": NOT_ASSESSED.get(area["reason"], area["reason"]),
        "estimator": ESTIMATORS.get(area.get("estimator", ""), ""),
        "rows": [_class_row(one, classes[one["code"]], ground, top) for one in met],
        "few": any(one["few"] for one in met),
        "places": area.get("places", 0),
        "blocks": area.get("blocks", 0),
        "left_out": area.get("left_out", 0),
        "learnt_from": area.get("learnt_from"),
        "unassessed": counted(area.get("unassessed_ha") or None),
        "accuracy": _accuracy(overall) if overall else None,
    }


def _is_there(one: Mapping[str, Any]) -> bool:
    return bool(one["mapped_ha"]) or (bool(one["upper_ha"]) and one["estimate_ha"] is not None)


def _class_row(one: Mapping[str, Any], named: Mapping[str, Any], ground: float, top: float) -> dict[str, Any]:
    row: dict[str, Any] = {
        "code": one["code"],
        "name": in_words(named["name"]),
        "colour": named["colour"],
        "mapped": counted(one["mapped_ha"]),
        "mapped_at": _scaled(one["mapped_ha"], top) if one["mapped_ha"] is not None else None,
        "mapped_percent": percent(one["mapped_ha"] / ground) if one["mapped_ha"] is not None and ground else "",
        "few": one["few"],
        "user": _accuracy(one["user"]) if one["user"] else None,
        "producer": _accuracy(one["producer"]) if one["producer"] else None,
    }
    if one["estimate_ha"] is None:
        return row
    value, lower, upper = one["estimate_ha"], one["lower_ha"], one["upper_ha"]
    row["area"] = estimated(value, lower, upper)
    if ground:
        row["share"] = estimated(*(100 * number / ground for number in (value, lower, upper)))
    row["marks"] = Marks(_scaled(lower, top), _scaled(upper, top), _scaled(value, top))
    return row


def _accuracy(estimate: Mapping[str, float]) -> Shown:
    value, half = 100 * estimate["value"], 100 * estimate["half_width"]
    return estimated(value, max(0.0, value - half), min(100.0, value + half))


def artificialisation_shown(document: Document) -> dict[str, Any]:
    """The section on artificialised ground: a band between two bounds, or a figure; never a point within a band."""
    found = document["artificialisation"]
    if found["kind"] == "none":
        return {"kind": "none", "why": NO_ARTIFICIALISATION.get(found["reason"], found["reason"])}
    rests, mapped = found["rests_on"], found["rests_on"]["mapped_ha"]
    shown: dict[str, Any] = {
        "kind": found["kind"],
        "mapped": counted(mapped),
        "rule": rests["rule"],
        "usage": rests["usage"],
        "without_usage": counted(rests["without_usage_ha"]),
        "without_usage_percent": percent(rests["without_usage_ha"] / mapped) if mapped else "",
        "sealed": counted(rests["sealed_ha"]),
        "is_current": rests["is_current"],
        "before": _before_thresholds(rests.get("before_thresholds")),
        "criteria": [
            {
                "code": one["criterion"],
                "reason": in_words(one["reason"]),
                "yes": counted(one["artificialised_ha"]),
                "no": counted(one["not_artificialised_ha"]),
            }
            for one in rests["by_criterion"]
        ],
    }
    if found["kind"] == "bracket":
        low, high = found["lower_ha"], found["upper_ha"]
        decimals = max(decimals_of_count(low), decimals_of_count(high))
        shown |= {
            "low": _text(low, decimals), "high": _text(high, decimals),
            "low_percent": percent(low / mapped) if mapped else "",
            "high_percent": percent(high / mapped) if mapped else "",
            "band": (_scaled(low, mapped), max(2, _scaled(high - low, mapped))),
        }  # fmt: skip
        return shown
    shown |= {
        "counted": counted(found["artificialised_ha"]),
        "counted_percent": percent(found["artificialised_ha"] / mapped) if mapped else "",
        "at": _scaled(found["artificialised_ha"], mapped),
        "why": NOT_ASSESSED.get(found["not_assessed"], found["not_assessed"]),
    }
    if found["estimate_ha"] is not None:
        value, half = found["estimate_ha"], found["half_width_ha"]
        low, high = max(0.0, value - half), value + half
        shown["area"] = estimated(value, low, high)
        shown["marks"] = Marks(_scaled(low, mapped), _scaled(high, mapped), _scaled(value, mapped))
    return shown


def _before_thresholds(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What cover and usage count before any threshold, which places can tell; documents of before have none.

    A figure, or where usage that decides is not known two bounds, each with its own interval.
    """
    if found is None:
        return None
    low, high = found["lower_ha"], found["upper_ha"]
    shown: dict[str, Any] = {"is_figure": low == high, "low": counted(low), "high": counted(high), "least": None}
    if found["lower_estimate_ha"] and found["upper_estimate_ha"]:
        shown |= {
            "least": estimated(*found["lower_estimate_ha"]), "most": estimated(*found["upper_estimate_ha"]),
            "one": found["lower_estimate_ha"] == found["upper_estimate_ha"], "places": found["places"],
        }  # fmt: skip
    return shown


def changes_shown(document: Document) -> list[dict[str, Any]]:
    """The section on change: one part a pair of dates."""
    return [_change(one, document["classes"]) for one in document["changes"]]


def _change(one: Mapping[str, Any], classes: Document) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "first": one["first"],
        "second": one["second"],
        "assessed": one["status"] == "assessed",
        "why": NOT_ASSESSED.get(one["reason"], one["reason"]),
        "pair": one.get("pair"),
        "shift": shift_shown(one.get("shift")),
        "shift_is_stale": one.get("shift_is_stale", False),
        "differences": all_said(one.get("differences", [])),
        "patches": one["patches"],
        "patches_ha": counted(one["patches_ha"]),
        "never_reviewed": None if one["never_reviewed"] is None else percent(one["never_reviewed"]),
        "period": _period(one["period"]) if one["period"] else None,
    }
    found = one["found"]
    if found is None:
        return shown
    flows = [(name, found[name]) for name in ("gain", "loss", "net")]
    ends = [end for _name, flow in flows for end in _reach(flow["ha"])]
    low, high = min(0.0, *ends), max(0.0, *ends)
    return shown | {
        "kind": found["kind"],
        "flows": [_flow_row(name, flow, low, high) for name, flow in flows],
        "classes": [_class_change(change, classes) for change in found["classes"]],
        "first_wrong": _interval(found["first_wrong"]),
        "second_wrong": _interval(found["second_wrong"]),
        "mapped_gain": counted(found["mapped_gain_ha"]),
        "mapped_loss": counted(found["mapped_loss_ha"]),
        "places": found["places"],
        "used": found["used"],
        "alpha": None if found["alpha"] is None else _text(found["alpha"], 2),
    }


def _flow_row(name: str, flow: Mapping[str, Any], low: float, high: float) -> dict[str, Any]:
    """A row of the table and the drawing. Of a bracket the band goes from one end of both intervals to the other."""
    names = {
        "gain": _("ground that became artificialised"),
        "loss": _("ground that is no longer artificialised"),
        "net": _("balance: gain less loss"),
    }
    start, end = _reach(flow["ha"])
    is_figure = flow["ha"]["lower"] == flow["ha"]["upper"]
    value = flow["ha"]["lower"]["value"]
    span = (high - low) or 1.0
    return {
        "key": name,
        "name": names[name],
        "ha": _bracket(flow["ha"]),
        "per_year": _bracket(flow["ha_per_year"]) if flow["ha_per_year"] else None,
        "marks": Marks(
            _scaled(start - low, span), _scaled(end - low, span),
            _scaled(value - low, span) if is_figure else -1, _scaled(-low, span),
        ),
    }  # fmt: skip


def _bracket(both: Mapping[str, Any]) -> dict[str, Any]:
    """A figure with its interval, or two bounds each with its own."""
    if both["lower"] == both["upper"]:
        return {"figure": _interval(both["lower"])}
    return {"least": _interval(both["lower"]), "most": _interval(both["upper"])}


def _interval(one: Mapping[str, float]) -> Shown:
    return estimated(one["value"], one["lower"], one["upper"])


def _reach(both: Mapping[str, Any]) -> tuple[float, float]:
    return both["lower"]["lower"], both["upper"]["upper"]


def _class_change(one: Mapping[str, Any], classes: Document) -> dict[str, Any]:
    named = [classes.get(one[code], {"name": {"en": one[code]}}) for code in ("first_code", "second_code")]
    return {"first": in_words(named[0]["name"]), "second": in_words(named[1]["name"]), "ha": _interval(one["ha"])}


def _period(period: Mapping[str, Any]) -> dict[str, str]:
    return {"first": _days(period["first"]), "second": _days(period["second"]), "years": _text(period["years"], 1)}


def _days(ends: Iterable[str | int]) -> str:
    first, last = (_day(end) if isinstance(end, str) else str(end) for end in ends)
    return first if first == last else _("%(low)s to %(high)s") % {"low": first, "high": last}


def days_shown(first: str | None, last: str | None) -> str:
    """The days of imagery in words; empty where nothing says them."""
    return _days((first, last)) if first and last else ""


def _day(text: str) -> str:
    return date_format(date.fromisoformat(text), "DATE_FORMAT")


def review_shown(document: Document) -> dict[str, Any] | None:
    """The section on what people looked at: shares of the tiles, which add up."""
    found = document["review"]
    if found is None or not found["tiles"]:
        return None
    parts = [
        ("good", _("labelled by people and accepted, or judged by them"), found["seen"]),
        ("warn", _("labelled in part"), found["in_part"]),
        ("calm", _("by the model alone: nobody has looked"), found["never"]),
    ]
    rows, start = [], 0
    for tone, name, tiles in parts:
        wide = _scaled(tiles, found["tiles"])
        rows.append(
            {
                "tone": tone, "name": name, "tiles": _text(tiles, 0), "percent": percent(tiles / found["tiles"]),
                "x": start, "wide": wide,
            }
        )  # fmt: skip
        start += wide
    return {"rows": rows, "tiles": _text(found["tiles"], 0), "reported": found["reported"]}


def _text(value: float, decimals: int) -> str:
    # Rounded here: `number_format` cuts off what does not fit.
    shown = str(number_format(Decimal(f"{abs(value):.{decimals}f}"), decimals, force_grouping=True))
    return f"{MINUS}{shown}" if value < 0 else shown


def _scaled(value: float, top: float) -> int:
    return round(BAR_UNITS * min(1.0, max(0.0, value / top))) if top else 0
