"""Themes in what is published: the national code of every class, and nothing new where there is no theme."""

from __future__ import annotations

from dataclasses import replace

from learning.release.documents import nomenclature_json


def test_the_tree_of_a_theme_says_what_it_refines_and_the_national_code_of_each_class(contents):
    tree = contents.nomenclature
    vine = replace(tree.classes[-1], code="CS2.2.1/vine", parent="CS2.2.1", raster_value=4)
    theme = replace(tree, code="vines", classes=(*tree.classes, vine), extends=("ocsge-cover", "2"))
    found = nomenclature_json(replace(contents, nomenclature=theme))
    assert found["extends"] == {"code": "ocsge-cover", "version": "2"}
    assert {item["code"]: item["national_code"] for item in found["classes"]} == {
        "CS1": "CS1", "CS1.1.1.1": "CS1.1.1.1", "CS1.2.2": "CS1.2.2", "CS2.2.1": "CS2.2.1", "CS2.2.1/vine": "CS2.2.1",
    }  # fmt: skip


def test_a_national_tree_is_written_as_before(contents):
    found = nomenclature_json(contents)
    assert list(found) == ["code", "version", "title", "source", "classes", "unlabelled_raster_value"]
    assert list(found["classes"][0]) == [
        "code", "parent", "name", "definition", "colour", "selectable", "raster_value",
    ]  # fmt: skip
