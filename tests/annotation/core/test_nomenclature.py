"""Nomenclatures and mappings: the files that ship, and what the reader refuses."""

import copy
import json

import pytest

from annotation.core.nomenclature import (
    NOMENCLATURES_DIR,
    check_mapping,
    load_mapping,
    load_nomenclature,
    parse_mapping,
    parse_nomenclature,
)
from annotation.errors import NotAMapping, NotANomenclature

FILES = sorted(NOMENCLATURES_DIR.glob("*.json"))
MAPPINGS = sorted((NOMENCLATURES_DIR / "mappings").glob("*.json"))


def shipped(code):
    return load_nomenclature(NOMENCLATURES_DIR / f"{code}.json")


def a_class(code, parent=None, **change):
    text = {"fr": "é", "en": "e"}
    return {
        "code": code,
        "parent": parent,
        "name": text,
        "definition": text,
        "colour": "#A1b2C3",
        "selectable": True,
        "raster_value": None,
        **change,
    }


def a_tree(*classes, **change):
    return {
        "code": "tiny",
        "version": "1",
        "title": {"fr": "é", "en": "e"},
        "source": "test",
        "classes": list(classes),
        **change,
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_that_ships_is_a_nomenclature_named_after_its_code(path):
    assert load_nomenclature(path).code == path.stem


def test_the_files_that_ship_are_those_promised():
    assert {path.stem for path in FILES} == {
        "ocsge_cover", "ocsge_usage", "flair_19", "flair_15", "flair_12", "cosia_15", "dubai_5", "korea_5",
    }  # fmt: skip


@pytest.mark.parametrize("path", MAPPINGS, ids=lambda path: path.stem)
def test_each_mapping_that_ships_speaks_of_every_class_of_its_source(path):
    mapping = load_mapping(path)
    assert path.stem == f"{mapping.source}__{mapping.target}"
    check_mapping(mapping, source=shipped(mapping.source), target=shipped(mapping.target))


def test_ocs_ge_cover_has_14_classes_to_label_with_and_they_are_its_leaves():
    cover = shipped("ocsge_cover")
    assert len(cover.selectable) == 14
    assert cover.selectable == cover.leaves
    assert cover.get("CS2.1.3").colour == "#E68000"
    assert cover.ancestors("CS1.1.1.2") == ("CS1.1.1", "CS1.1", "CS1")


def test_ocs_ge_usage_has_20_leaves_of_which_the_old_mixed_one_is_not_offered():
    usage = shipped("ocsge_usage")
    assert len(usage.leaves) == 20
    assert {item.code for item in usage.leaves} - {item.code for item in usage.selectable} == {"US235"}
    assert usage.ancestors("US4.1.1") == ("US4.1", "US4")


def test_flair_masks_keep_their_values_in_the_three_lists():
    lists = ("flair_12", "flair_15", "flair_19")
    values = {code: {c.raster_value: c.code for c in shipped(code).classes} for code in lists}
    assert sorted(values["flair_19"]) == list(range(1, 20))
    assert sorted(values["flair_15"]) == [*range(1, 15), 18]
    assert sorted(values["flair_12"]) == list(range(1, 13))
    assert values["flair_19"][7] == "deciduous"
    assert values["flair_12"].items() <= values["flair_15"].items() <= values["flair_19"].items()


def test_cosia_numbers_follow_its_own_order_and_map_to_flair_by_name():
    cosia = {c.raster_value: c.code for c in shipped("cosia_15").classes}
    assert (cosia[4], cosia[8], cosia[15]) == ("piscine", "conifere", "serre")
    mapping = load_mapping(NOMENCLATURES_DIR / "mappings" / "flair_19__cosia_15.json")
    assert mapping.default("swimming_pool") == "piscine"
    assert mapping.default("coniferous") == "conifere"
    assert mapping.default("mixed") is None
    assert mapping.targets("mixed") == ("conifere", "feuillu")


def test_cosia_to_ocs_ge_is_many_to_many_with_a_default_and_pools_have_no_class():
    mapping = load_mapping(NOMENCLATURES_DIR / "mappings" / "cosia_15__ocsge_cover.json")
    assert mapping.targets("feuillu") == ("CS2.1.1.1", "CS2.1.1.3", "CS2.1.2", "CS2.1.3")
    assert mapping.default("vigne") == "CS2.1.3"
    assert mapping.targets("piscine") == ()
    assert mapping.default("serre") is None


def test_the_sample_nomenclatures_carry_the_mask_values_of_their_data():
    assert [(c.raster_value, c.code) for c in shipped("dubai_5").classes] == [
        (1, "building"), (2, "land_unpaved"), (3, "road"), (4, "vegetation"), (5, "water")]  # fmt: skip
    assert [(c.raster_value, c.code) for c in shipped("korea_5").classes] == [
        (1, "building"), (2, "road"), (3, "cropland"), (4, "forest"), (5, "background")]  # fmt: skip


def test_a_refined_class_scores_at_every_coarser_level():
    tree = parse_nomenclature(a_tree(a_class("CS2"), a_class("CS2.1", "CS2"), a_class("vine", "CS2.1")))
    assert tree.coarsen("vine", to={"CS2.1", "CS2"}) == "CS2.1"
    assert tree.coarsen("vine", to={"CS2"}) == "CS2"
    assert tree.coarsen("CS2", to={"CS2.1"}) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"classes": [a_class("a", "b")]}, "parent b, which does not exist"),
        ({"classes": [a_class("a", "b"), a_class("b", "a")]}, "under itself"),
        ({"classes": [a_class("a", "a")]}, "under itself"),
        ({"classes": [a_class("a"), a_class("a")]}, "Two classes have the code a"),
        ({"classes": [a_class("a", raster_value=1), a_class("b", raster_value=1)]}, "share the raster value 1"),
        ({"classes": [a_class("a", raster_value=True)]}, "not True"),
        ({"classes": [a_class("a", raster_value=0)]}, "not 0"),
        ({"classes": [a_class("a", raster_value=256)]}, "not 256"),
        ({"classes": [a_class("a", colour="red")]}, "'red'"),
        ({"classes": [a_class("a", selectable=1)]}, "not 1"),
        ({"classes": [a_class("a b")]}, "'a b'"),
        ({"classes": [a_class("a", name={"fr": "é"})]}, "lacks 'en'"),
        ({"classes": [a_class("a", definition={"fr": "é", "en": " "})]}, "1 to 2000"),
        ({"classes": [a_class("a", extra=1)]}, "unknown member 'extra'"),
        ({"classes": []}, "1 to 1000"),
        ({"classes": "a"}, "'a'"),
        ({"classes": ["a"]}, "class number 0 must be an object"),
        ({"version": 2}, "version"),
        ({"title": "t"}, "title must be an object"),
    ],
)
def test_a_file_that_breaks_a_rule_is_refused_with_the_value_met(change, words):
    with pytest.raises(NotANomenclature, match=words):
        parse_nomenclature(a_tree(a_class("a")) | change)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe{}",
        b'{"a": NaN',
        b"[" * 100_000,
        b'{"code": 1, "code": 2}',
        b"[]",
        b" " * (1 << 20) + b"{}",
    ],
)
def test_a_file_that_is_not_one_plain_json_object_is_refused(tmp_path, content):
    path = tmp_path / "n.json"
    path.write_bytes(content)
    with pytest.raises(NotANomenclature):
        load_nomenclature(path)
    with pytest.raises(NotAMapping):
        load_mapping(path)


def test_a_nomenclature_is_read_back_as_written(tmp_path):
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(a_tree(a_class("a", raster_value=3))), encoding="utf-8")
    (item,) = load_nomenclature(path).classes
    assert (item.code, item.name["fr"], item.raster_value, item.parent) == ("a", "é", 3, None)


MAPPING = {
    "source": "one",
    "target": "two",
    "reference": "test",
    "entries": [
        {"source": "a", "target": "x", "note": "", "default": True},
        {"source": "a", "target": "y", "note": "", "default": False},
    ],
}


@pytest.mark.parametrize(
    ("position", "change", "words"),
    [
        (1, {"default": True}, "two defaults"),
        (1, {"target": "x"}, "appears twice"),
        (1, {"target": None}, "note must say why"),
        (1, {"target": None, "note": "none"}, "has a counterpart and is said to have none"),
        (0, {"target": None, "note": "none"}, "no default"),
        (0, {"default": 1}, "true or false"),
        (0, {"source": ""}, "a code is"),
    ],
)
def test_a_mapping_that_contradicts_itself_is_refused(position, change, words):
    payload = copy.deepcopy(MAPPING)
    payload["entries"][position].update(change)
    with pytest.raises(NotAMapping, match=words):
        parse_mapping(payload)


def test_a_mapping_must_fit_its_two_nomenclatures():
    one, two = (
        parse_nomenclature(a_tree(a_class("a"), code="one")),
        parse_nomenclature(a_tree(a_class("x"), code="two")),
    )
    with pytest.raises(NotAMapping, match="class y is not in two"):
        check_mapping(parse_mapping(MAPPING), source=one, target=two)
    with pytest.raises(NotAMapping, match="not from two to one"):
        check_mapping(parse_mapping(MAPPING), source=two, target=one)
    wider = parse_nomenclature(a_tree(a_class("a"), a_class("b"), code="one"))
    both = parse_nomenclature(a_tree(a_class("x"), a_class("y"), code="two"))
    with pytest.raises(NotAMapping, match="class b has no entry"):
        check_mapping(parse_mapping(MAPPING), source=wider, target=both)
