"""Figures of a territory as lines for people: numbers to the digits that their interval leaves, always with units."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from solcommun_client.territory import Figures
from solcommun_client.words import in_french, say

MOST_DECIMALS, SIGNIFICANT, SIGNIFICANT_COUNTED = 4, 2, 3
Document = Mapping[str, Any]
REASONS = {
    "no_map": "no map is published yet",
    "no_sample": "nobody has checked places drawn at random",
    "sample_open": "places drawn at random are still being answered",
    "not_counted": "the map has not been counted here yet",
    "few_places": "too few of the checked places lie here",
    "few_blocks": "too few blocks of control tiles are labelled",
    "holdout_unfinished": "control tiles are still being labelled",
    "outside": "the imagery shows nothing of it",
    "stratum_unanswered": "a part of the ground has no answer that counts",
    "classes_changed": "part of a class went to another one since people answered",
    "thresholds": "places cannot tell what the thresholds changed",
    "not_computed": "it has not been computed",
    "territory_unknown": "the territory was not counted then",
}


def interval_words(one: Mapping[str, float]) -> tuple[str, str]:
    """An estimate and its interval, "12.3" and "8.1 to 19.7": rounded as on the site's page, outwards at both ends."""
    value, lower, upper = one["value"], one["lower"], one["upper"]
    reaches = [reach for reach in (value - lower, upper - value) if reach > 0]
    if not reaches:
        return counted_words(value), f"{counted_words(lower)} {say('to')} {counted_words(upper)}"
    place = min(MOST_DECIMALS, SIGNIFICANT - 1 - math.floor(math.log10(min(reaches))))
    step = 10.0**-place
    low, high = math.floor(lower / step + 1e-9) * step, math.ceil(upper / step - 1e-9) * step
    decimals = max(0, place)
    return _number(round(value, place), decimals), f"{_number(low, decimals)} {say('to')} {_number(high, decimals)}"


def counted_words(value: float | None) -> str:
    """What was counted, to three digits."""
    if value is None:
        return "-"
    if value == 0 or not math.isfinite(value):
        return "0"
    return _number(value, min(MOST_DECIMALS, max(0, SIGNIFICANT_COUNTED - 1 - math.floor(math.log10(abs(value))))))


def _why(reason: str) -> str:
    """The reason in words; a code that this version does not know, as it is."""
    return say(REASONS[reason]) if reason in REASONS else reason


def _number(value: float, decimals: int) -> str:
    text = f"{value + 0.0:,.{decimals}f}"
    return text.replace(",", "\u202f").replace(".", ",") if in_french() else text


def territory_lines(figures: Figures, document: Document) -> Iterator[str]:
    """Head, areas by class, artificialised ground, what was reviewed, where to read on."""
    yield _head(figures, document)
    ground, review = document["ground"], document["review"]
    yield say("{ha} ha, of which the imagery shows {seen} ha", ha=counted_words(ground["territory_ha"]),
              seen=counted_words(ground["imagery_ha"]))  # fmt: skip
    if review is not None:
        text = "{seen} of {tiles} tiles were looked at by people, {part} in part, {never} never"
        yield say(text, seen=review["seen"], tiles=review["tiles"], part=review["in_part"], never=review["never"])
    yield ""
    yield from _area_lines(document)
    yield ""
    yield from _artificialised_lines(document["artificialisation"])
    yield ""
    yield f"{say('page')}  {figures.page}"
    yield f"{say('method')}  {figures.method}"


def _head(figures: Figures, document: Document) -> str:
    imagery, shown = document["imagery"], document["map"]
    model = f", {shown['model']}" if shown else ""
    return f"{figures.name} ({figures.kind} {figures.code}), {imagery['title']} {imagery['vintage']}{model}"


def _area_lines(document: Document) -> Iterator[str]:
    area = document["area"]
    if area["status"] != "assessed":
        yield say("areas: not assessed ({reason})", reason=_why(area["reason"]))
    language = "fr" if in_french() else "en"
    rows: list[tuple[str, ...]] = [(say("class"), say("mapped, ha"), say("estimate, ha"), say("95 % interval"), "")]
    for one in area["classes"]:
        if not (one["mapped_ha"] or one["estimate_ha"]):
            continue
        name = document["classes"].get(one["code"], {"name": {}})["name"]
        estimate = ("-", "-")
        if one["estimate_ha"] is not None:
            estimate = interval_words({"value": one["estimate_ha"], "lower": one["lower_ha"], "upper": one["upper_ha"]})
        mark = "*" if one["few"] else ""
        rows.append((one["code"] + mark, counted_words(one["mapped_ha"]), *estimate, name.get(language, "")))
    yield from _table(rows)
    if any(row[0].endswith("*") for row in rows):
        yield say("* few places decide: the interval is wide, and rests on them")


def _artificialised_lines(found: Mapping[str, Any]) -> Iterator[str]:
    if found["kind"] == "none":
        yield say("artificialised ground: not computed ({reason})", reason=_why(found["reason"]))
    elif found["kind"] == "bracket":
        text = "artificialised ground: between {low} and {high} ha; usage is not known everywhere, so no single figure"
        yield say(text, low=counted_words(found["lower_ha"]), high=counted_words(found["upper_ha"]))
    elif found["estimate_ha"] is not None:
        value, half = found["estimate_ha"], found["half_width_ha"]
        words = interval_words({"value": value, "lower": max(0.0, value - half), "upper": value + half})
        yield say("artificialised ground: {ha} ha (95 % interval {span})", ha=words[0], span=words[1])
    else:
        text = "artificialised ground: {ha} ha as mapped; the error of that is not assessed ({reason})"
        yield say(text, ha=counted_words(found["artificialised_ha"]), reason=_why(found["not_assessed"]))


def change_lines(figures: Figures, document: Document) -> Iterator[str]:
    """One part for each earlier date: flows with their intervals, or why there are none."""
    yield _head(figures, document)
    if not document["changes"]:
        yield say("no earlier date is paired with this one: nothing is known of change")
    for change in document["changes"]:
        yield ""
        yield from _change_part(change)
    yield ""
    yield f"{say('page')}  {figures.page}"
    yield f"{say('method')}  {figures.method}"


def _change_part(change: Mapping[str, Any]) -> Iterator[str]:
    found, period = change["found"], change["period"]
    years = say("{years} years", years=_number(period["years"], 1)) if period else ""
    yield f"{change['first']['vintage']} → {change['second']['vintage']}  {years}".rstrip()
    if found is None:
        yield say("change: not assessed ({reason})", reason=_why(change["reason"]))
    else:
        yield from _table(_flow_rows(found))
        wrong, span = interval_words(found["first_wrong"])
        text = "only the earlier map was wrong on {ha} ha ({span}): in no flow"
        yield say(text, ha=wrong, span=span)
        text = "subtracting the two maps would have said {gain} ha of gain and {loss} ha of loss"
        yield say(text, gain=counted_words(found["mapped_gain_ha"]), loss=counted_words(found["mapped_loss_ha"]))
        yield say("{used} of {places} places told something", used=found["used"], places=found["places"])
    if change["patches"]:
        text = "{n} corrections of the earlier map stand apart ({ha} ha)"
        yield say(text, n=change["patches"], ha=counted_words(change["patches_ha"]))
    if change["never_reviewed"] is not None:
        yield say("nobody has looked at {share} % of the ground", share=_number(100 * change["never_reviewed"], 1))


def _flow_rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    names = {"gain": say("became artificialised"), "loss": say("no longer artificialised"), "net": say("balance")}
    rows: list[tuple[str, ...]] = [
        ("", "ha", say("95 % interval"), say("ha a year"), say("95 % interval")),
    ]
    for key, name in names.items():
        flow = found[key]
        ha, yearly = flow["ha"], flow["ha_per_year"]
        is_figure = ha["lower"] == ha["upper"]
        for bound in ("lower",) if is_figure else ("lower", "upper"):
            told = name if is_figure else f"{name}, {say('at least') if bound == 'lower' else say('at most')}"
            each = interval_words(yearly[bound]) if yearly else ("-", "-")
            rows.append((told, *interval_words(ha[bound]), *each))
    return rows


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Columns as wide as their widest cell: the first and, where it holds text, the last to the left."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    last_is_text = rows[0][-1] == ""
    for row in rows:
        cells = [
            cell.ljust(width) if at == 0 or (last_is_text and at == len(row) - 1) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
