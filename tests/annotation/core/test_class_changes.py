"""Changes of a class tree: what each gives, and what becomes of every code. Trees and answers are worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.core.class_changes import apply_plan, merge, move, recode_features, rename, split, then, unchanged
from annotation.core.nomenclature import Nomenclature, NomenclatureClass
from annotation.errors import CannotChangeClasses, NotANomenclature


def a_class(code: str, parent: str | None = None, *, selectable: bool = True) -> NomenclatureClass:
    text = {"fr": code, "en": code}
    return NomenclatureClass(code, parent, text, text, "#112233", selectable, None)


def in_plan(code: str, **more: Any) -> dict[str, Any]:
    return {"code": code, "name": {"fr": code, "en": code}, "colour": "#445566", **more}


#   land (heading)      water
#   ├─ vine
#   ├─ wood
#   └─ built
TREE = Nomenclature(
    "demo",
    "1",
    {"fr": "d", "en": "d"},
    "made for the test",
    (a_class("land", selectable=False), a_class("vine", "land"), a_class("wood", "land"), a_class("built", "land"),
     a_class("water")),
)  # fmt: skip


def places(tree: Nomenclature) -> list[tuple[str, str | None, bool]]:
    return [(item.code, item.parent, item.selectable) for item in tree.classes]


def test_a_split_class_stays_as_the_parent_of_its_children() -> None:
    found = split(TREE, "vine", into=[a_class("white"), a_class("red")], default="red")
    assert places(found.tree) == [
        ("land", None, False), ("vine", "land", False), ("white", "vine", True), ("red", "vine", True),
        ("wood", "land", True), ("built", "land", True), ("water", None, True),
    ]  # fmt: skip
    assert found.targets["vine"] == ("white", "red")
    assert found.default["vine"] == "red"
    assert found.touched == {"vine"}
    assert (found.back["white"], found.back["red"], found.back["wood"]) == ("vine", "vine", "wood")


def test_a_merged_class_stands_where_the_first_stood_and_has_no_single_class_before() -> None:
    found = merge(TREE, ["built", "vine"], into=a_class("other"))
    assert places(found.tree) == [
        ("land", None, False), ("other", "land", True), ("wood", "land", True), ("water", None, True)
    ]  # fmt: skip
    assert (found.default["vine"], found.default["built"]) == ("other", "other")
    assert found.back["other"] is None


def test_a_merged_class_may_keep_the_code_of_one() -> None:
    found = merge(TREE, ["vine", "wood"], into=a_class("wood"))
    assert [item.code for item in found.tree.selectable] == ["wood", "built", "water"]
    assert found.touched == {"vine"}


def test_a_renamed_class_keeps_its_place_and_its_children_follow() -> None:
    found = rename(TREE, "land", new_code="soil")
    assert places(found.tree)[:2] == [("soil", None, False), ("vine", "soil", True)]
    assert found.default["land"] == "soil"
    only_words = rename(TREE, "vine", name={"fr": "Vigne", "en": "Vineyard"})
    assert only_words.tree.get("vine").name["en"] == "Vineyard"
    assert only_words.touched == frozenset()


def test_a_moved_class_keeps_its_code() -> None:
    found = move(TREE, "water", parent="land")
    assert found.tree.get("water").parent == "land"
    assert found.touched == frozenset()
    with pytest.raises(NotANomenclature, match="under itself"):
        move(TREE, "land", parent="vine")


def test_steps_compose_to_one_change() -> None:
    first = split(TREE, "vine", into=[a_class("white"), a_class("red")], default="white")
    both = then(first, merge(first.tree, ["red", "wood"], into=a_class("red")))
    # vine → white by default, or red; wood → red, which was vine or wood before.
    assert both.default["vine"] == "white"
    assert both.targets["vine"] == ("white", "red")
    assert both.default["wood"] == "red"
    assert both.back["red"] is None
    assert both.back["white"] == "vine"
    assert then(unchanged(TREE), first).default == first.default


def test_a_plan_is_read_and_applied_step_by_step() -> None:
    plan = [
        {"kind": "split", "code": "vine", "into": [in_plan("white"), in_plan("red")], "default": None},
        {"kind": "rename", "code": "red", "new_code": "rosé-1".replace("é", "e")},
        {"kind": "move", "code": "water", "parent": "land"},
    ]
    found = apply_plan(TREE, plan)
    assert found.default["vine"] is None
    assert found.targets["vine"] == ("white", "rose-1")
    assert found.tree.get("water").parent == "land"


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        ([], "1 to 20 steps"),
        ("split", "1 to 20 steps"),
        ([{"kind": "burn"}], "kind among"),
        ([{"kind": "split", "code": "vine"}], "lacks 'into'"),
        ([{"kind": "split", "code": "vine", "into": [in_plan("red")]}], "two classes or more"),
        ([{"kind": "split", "code": "land", "into": [in_plan("a"), in_plan("b")]}], "a heading"),
        (
            [{"kind": "split", "code": "vine", "into": [in_plan("a"), in_plan("b")], "default": "wood"}],
            "does not become",
        ),
        ([{"kind": "split", "code": "sea", "into": [in_plan("a"), in_plan("b")]}], "no class 'sea'"),
        (
            [{"kind": "split", "code": "vine", "into": [{**in_plan("a"), "code": 5}, in_plan("b")]}],
            "code and parent are texts, not",
        ),
        ([{"kind": "merge", "codes": ["vine"], "into": in_plan("a")}], "two classes or more"),
        ([{"kind": "merge", "codes": ["vine", "land"], "into": in_plan("a")}], "a heading"),
        ([{"kind": "rename", "code": "vine"}], "stays as it is"),
        ([{"kind": "move", "code": "vine", "parent": "land"}], "already"),
        ([{"kind": "move", "code": "vine", "parent": None, "why": 1}], "unknown member"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused_with_what_to_do(plan: object, says: str) -> None:
    with pytest.raises(CannotChangeClasses, match=says):
        apply_plan(TREE, plan)


@pytest.mark.parametrize("code", ["Z/ <b>x", "Q/../..", "vine/", "/red", "n" * 39 + "/red", "vine/Red"])
def test_a_code_with_a_slash_has_the_form_of_a_local_one_or_is_refused(code: str) -> None:
    with pytest.raises(NotANomenclature, match="code"):
        apply_plan(TREE, [{"kind": "split", "code": "vine", "into": [in_plan(code), in_plan("b")]}])


def test_a_code_that_another_class_has_is_refused() -> None:
    with pytest.raises(NotANomenclature, match="Two classes have the code wood"):
        rename(TREE, "vine", new_code="wood")


def feature(name: str, code: str) -> dict[str, Any]:
    return {"id": name, "class_code": code, "rings": [[[0, 0], [8, 0], [8, 8]]], "provenance": "drawn"}


def test_features_change_their_class_in_place_and_lost_ones_are_told_apart() -> None:
    before = [feature("a", "vine"), feature("b", "wood"), feature("c", "built")]
    kept, lost = recode_features(before, default={"vine": "red", "built": None})
    assert [(one["id"], one["class_code"]) for one in kept] == [("a", "red"), ("b", "wood")]
    assert lost == [before[2]]
    assert before[0]["class_code"] == "vine"
    by_ground, none = recode_features(
        before, default={"vine": "red", "built": None}, class_of=lambda one: "white" if one["id"] == "c" else None
    )
    assert [one["class_code"] for one in by_ground] == ["red", "wood", "white"]
    assert none == []
