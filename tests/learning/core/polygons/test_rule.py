from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from annotation.core.nomenclature import NOMENCLATURES_DIR, load_nomenclature
from learning.core.polygons.rule import known_rules, parse_rule, shipped_rule, tree_distances
from learning.errors import InvalidPolygonRule


def test_the_shipped_rule_has_the_units_of_ocs_ge() -> None:
    rule = shipped_rule("ocsge")
    built = rule.unit("CS1.1.1.1", nomenclature="ocsge_cover")
    herbs = rule.unit("CS2.2.1", nomenclature="ocsge_cover")
    assert dict(built.minimum_m2) == {"built_zone": 200, "elsewhere": 200}
    assert dict(herbs.minimum_m2) == {"built_zone": 500, "elsewhere": 2500}
    assert rule.without_zones == "built_zone"
    widths = [rule.unit(code, nomenclature="ocsge_usage").width_m for code in ("US4.1.1", "US2", "US1.2")]
    assert widths == [5, 10, 20]


def test_every_class_a_shipped_rule_names_exists() -> None:
    for code in known_rules():
        for by_nomenclature, _unit in shipped_rule(code).classes:
            for nomenclature, codes in by_nomenclature.items():
                assert set(codes) <= set(load_nomenclature(NOMENCLATURES_DIR / f"{nomenclature}.json").codes)


def test_a_unit_holds_for_the_classes_below_too() -> None:
    rule = shipped_rule("ocsge")
    unit = rule.unit("fine", nomenclature="ocsge_cover", ancestors=["CS1.1.1.1", "CS1.1.1"])
    assert unit.minimum_m2["built_zone"] == 200


def test_minimum_pixels_are_rounded_up_and_where_no_zone_is_said_the_rule_names_one() -> None:
    """200 m² of 0.04 m² are 5,000 px; of 0.3 m², 666.7: 667."""
    rule = shipped_rule("ocsge")
    units = [rule.unit(code, nomenclature="dubai_5") for code in ("building", "water")]
    assert rule.minimum_px(units, pixel_area_m2=0.04).tolist() == [
        [1, 5000, 12500], [1, 5000, 12500], [1, 5000, 62500],
    ]  # fmt: skip
    assert rule.minimum_px(units, pixel_area_m2=0.3)[0, 1] == 667


def test_steps_in_the_tree_go_up_to_the_common_ancestor_and_down() -> None:
    parents = {"a": None, "b": None, "b1": "b", "b2": "b", "b2x": "b2"}
    table = tree_distances(parents, ["a", "b1", "b2", "b2x"])
    assert table[0].tolist() == [0, 0, 0, 0, 0]
    assert table[1:, 1:].tolist() == [[0, 3, 3, 4], [3, 0, 2, 3], [3, 2, 0, 1], [4, 3, 1, 0]]


def _rule() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shipped_rule("ocsge").text)
    return found


@pytest.mark.parametrize(
    ("alter", "told"),
    [
        (lambda rule: rule.pop("source"), "must have"),
        (lambda rule: rule.update(simplify_m=-1), "at least 0"),
        (lambda rule: rule.update(zones=[]), "list of 1 to"),
        (lambda rule: rule["zones"].append(rule["zones"][0]), "twice"),
        (lambda rule: rule.update(without_zones="sea"), "must be one of built_zone"),
        (lambda rule: rule["others"]["minimum_m2"].pop("elsewhere"), "elsewhere"),
        (lambda rule: rule["others"].update(width_m="wide"), "number"),
        (lambda rule: rule["title"].update(fr=""), "text in each"),
        (lambda rule: rule["classes"][0].update(codes=["building"]), "by nomenclature"),
        (lambda rule: rule["classes"][0]["codes"].update(flair_15=["<b>"]), "'<b>'"),
    ],
)
def test_a_broken_rule_is_told(alter: Callable[[dict[str, Any]], object], told: str) -> None:
    rule = _rule()
    parse_rule(json.dumps(rule))
    alter(rule)
    with pytest.raises(InvalidPolygonRule, match=told):
        parse_rule(json.dumps(rule))


def test_an_unknown_rule_is_told_with_those_there_are() -> None:
    with pytest.raises(InvalidPolygonRule, match="ocsge"):
        shipped_rule("other")
