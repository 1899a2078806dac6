"""Themes: local classes under national ones."""

from __future__ import annotations

import copy

import pytest

from annotation.core.nomenclature import NOMENCLATURES_DIR, load_nomenclature
from annotation.core.themes import is_theme, national_code, parse_theme, refine
from annotation.errors import NotANomenclature

TEXT = {"fr": "é", "en": "e"}


def ocsge():
    return load_nomenclature(NOMENCLATURES_DIR / "ocsge_cover.json")


def local(code, parent, **change):
    return {
        "code": code, "parent": parent, "name": TEXT, "definition": TEXT, "colour": "#AA5500", "selectable": True,
        "raster_value": None, **change,
    }  # fmt: skip


def a_theme(*classes, **change):
    return {
        "code": "vines_34", "version": "1", "extends": {"code": "ocsge_cover", "version": "2.0"}, "title": TEXT,
        "source": "test", "still_selectable": [],
        "classes": list(classes) or [local("CS2.1.3/vine", "CS2.1.3"), local("CS2.1.3/orchard", "CS2.1.3")],
        **change,
    }  # fmt: skip


def test_local_classes_stand_after_their_parent_and_what_people_chose_before_is_a_heading_now():
    base = ocsge()
    tree = refine(base, parse_theme(a_theme()))
    place = tree.codes.index("CS2.1.3")
    assert tree.codes[place + 1 : place + 3] == ("CS2.1.3/vine", "CS2.1.3/orchard")
    assert base.get("CS2.1.3").selectable and not tree.get("CS2.1.3").selectable
    assert (tree.code, tree.version) == ("vines_34", "1")


def test_every_national_class_stays_as_it_is_but_for_whether_it_is_chosen():
    base = ocsge()
    tree = refine(base, parse_theme(a_theme(still_selectable=["CS2.1.3"])))
    assert [item for item in tree.classes if "/" not in item.code] == list(base.classes)


def test_a_local_class_may_refine_a_local_one_and_coarsens_to_each_above_it():
    tree = refine(
        ocsge(),
        parse_theme(
            a_theme(
                local("CS2.1.3/vine", "CS2.1.3"),
                local("CS2.1.3/orchard", "CS2.1.3"),
                local("CS2.1.3/vine/trained", "CS2.1.3/vine"),
            )
        ),
    )
    place = tree.codes.index("CS2.1.3")
    assert tree.codes[place + 1 : place + 4] == ("CS2.1.3/vine", "CS2.1.3/vine/trained", "CS2.1.3/orchard")
    assert tree.coarsen("CS2.1.3/vine/trained", to=ocsge().codes) == "CS2.1.3"
    assert tree.coarsen("CS2.1.3/vine/trained", to={"CS2.1.3/vine", "CS2.1.3"}) == "CS2.1.3/vine"


def test_the_national_class_is_read_off_a_local_code():
    assert national_code("CS2.1.3/vine/trained") == "CS2.1.3"
    assert national_code("CS2.1.3") == "CS2.1.3"


def test_a_nomenclature_of_its_own_is_no_theme():
    assert is_theme(a_theme()) and not is_theme({"code": "x"}) and not is_theme([])


def test_no_national_code_has_the_slash_of_local_ones():
    codes = [code for path in NOMENCLATURES_DIR.glob("*.json") for code in load_nomenclature(path).codes]
    assert len(codes) > 60 and not any("/" in code for code in codes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extends": {"code": "ocsge_cover"}}, "extends must be an object with code and version"),
        ({"extends": {"code": "ocsge_cover", "version": 2}}, "must name a code and a version by texts"),
        ({"still_selectable": "CS2.1.3"}, "still_selectable must be a list"),
        ({"classes": []}, "must be a list of the theme's own classes"),
        ({"classes": ["vine"]}, "class number 0 must be an object with a code and a parent"),
        ({"classes": [local("vine", "CS2.1.3")]}, "must be that of its parent, a slash, and a name"),
        ({"classes": [local("CS2.1.3/Vine", "CS2.1.3")]}, "a name of a-z 0-9 _ -"),
        ({"classes": [local("CS2.1.3/vine", "CS2.1.2")]}, "must be that of its parent"),
        ({"classes": [local("CS2.1.3/" + "v" * 30 + "ine", "CS2.1.3")]}, "a name of a-z 0-9 _ -"),
        ({"classes": [local("CS2.1.3/vine", "CS2.1.3")] * 2}, "Two classes have the code CS2.1.3/vine"),
        ({"classes": [local("CS2.1.3/vine", "CS2.1.3", colour="red")]}, "must be written #RRGGBB"),
        ({"surplus": 1}, "A theme has the members"),
    ],
)
def test_a_file_that_is_not_a_theme_is_refused_with_what_it_says(change, message):
    with pytest.raises(NotANomenclature, match=message):
        parse_theme(copy.deepcopy(a_theme(**change)))


@pytest.mark.parametrize(
    ("theme", "message"),
    [
        (a_theme(extends={"code": "ocsge_cover", "version": "9"}), "extends ocsge_cover 9, not ocsge_cover 2.0"),
        (a_theme(local("CS9/vine", "CS9")), "refines CS9, which is neither in ocsge_cover 2.0 nor before it"),
        (a_theme(still_selectable=["CS2.1.1.1"]), "name classes that the theme refines"),
        (a_theme(local("CS2.1.1/pine", "CS2.1.1"), still_selectable=["CS2.1.1"]), "could choose before it"),
        (
            a_theme(local("CS2.1.3/a", "CS2.1.3", raster_value=99), local("CS2.1.3/b", "CS2.1.3", raster_value=99)),
            "share the raster value 99",
        ),
    ],
)
def test_a_theme_that_does_not_fit_its_nomenclature_is_refused(theme, message):
    with pytest.raises(NotANomenclature, match=message):
        refine(ocsge(), parse_theme(theme))
