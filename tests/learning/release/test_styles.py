from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from learning.release.contents import ReleaseContents
from learning.release.formats import format_problems
from learning.release.styles import colour_file, legend_of, legend_of_all, polygon_qml, polygon_sld, raster_sld

SLD, OGC = "{http://www.opengis.net/sld}", "{http://www.opengis.net/ogc}"


def read(root: Path, path: str) -> ET.Element:
    return ET.parse(root / path).getroot()  # noqa: S314 (our own file)


def test_styles_of_a_release_have_the_nomenclature_s_colours(pristine: Path) -> None:
    entries = read(pristine, "maps/styles/class.qml").findall("pipe/rasterrenderer/colorPalette/paletteEntry")
    assert [(each.get("value"), each.get("color")) for each in entries] == [
        ("1", "#ff377a"), ("2", "#00ccf2"), ("3", "#ccf24d"),
    ]  # fmt: skip
    assert entries[1].get("label") == "CS1.2.2 Eau / Water"
    assert (pristine / "maps/styles/class.clr").read_text() == "1 255 55 122\n2 0 204 242\n3 204 242 77\n"
    table = read(pristine, "maps/styles/class.sld").iter(f"{SLD}ColorMapEntry")
    assert [(each.get("quantity"), each.get("color")) for each in table][2] == ("3", "#ccf24d")


def test_entropy_goes_from_no_doubt_to_the_most_that_is_stored(pristine: Path) -> None:
    items = list(read(pristine, "maps/styles/entropy.qml").iter("item"))
    assert [(each.get("value"), each.get("color"), each.get("label")) for each in (items[0], items[-1])] == [
        ("1", "#440154", "0%"), ("255", "#fde725", "100%"),
    ]  # fmt: skip


def test_annotations_have_a_style_of_their_name_with_every_class(pristine: Path, contents: ReleaseContents) -> None:
    style = read(pristine, "annotations/annotations.qml")
    categories = style.findall("renderer-v2/categories/category")
    assert [each.get("value") for each in categories] == [item.code for item in contents.nomenclature.classes]
    symbols = {each.get("name") for each in style.iter("symbol")}
    assert {each.get("symbol") for each in categories} == symbols
    [first] = style.findall("renderer-v2/symbols/symbol[@name='1']/layer/Option/Option[@name='color']")
    assert first.get("value") == "255,55,122,255"


def test_an_sld_of_polygons_draws_each_class_by_its_code(contents: ReleaseContents) -> None:
    root = ET.fromstring(polygon_sld("land_cover", legend_of(None, contents.nomenclature)))  # noqa: S314
    rules = list(root.iter(f"{SLD}Rule"))
    assert len(rules) == 3
    for rule, code, colour in zip(
        rules, ("CS1.1.1.1", "CS1.2.2", "CS2.2.1"), ("#ff377a", "#00ccf2", "#ccf24d"), strict=True
    ):
        equal = f"{OGC}Filter/{OGC}PropertyIsEqualTo/{OGC}"
        assert (rule.findtext(f"{equal}PropertyName"), rule.findtext(f"{equal}Literal")) == ("class_code", code)
        assert rule.findtext(f"{SLD}PolygonSymbolizer/{SLD}Fill/{SLD}CssParameter") == colour


def test_a_map_with_values_of_its_own_is_drawn_by_them(contents: ReleaseContents) -> None:
    from dataclasses import replace

    assert contents.maps is not None
    own = replace(contents.maps, class_values={"CS2.2.1": 1, "CS1.1.1.1": 2})
    legend = legend_of(own, contents.nomenclature)
    assert colour_file(legend) == "1 204 242 77\n2 255 55 122\n"
    assert 'quantity="1" label="CS2.2.1' in raster_sld("class", legend)


def test_names_with_markup_stay_text(contents: ReleaseContents) -> None:
    from dataclasses import replace

    names = {"fr": 'Bâti < 5 m & "serres"', "en": "Built-up"}
    first, *others = contents.nomenclature.classes
    tree = replace(contents.nomenclature, classes=(replace(first, name=names), *others))
    style = ET.fromstring(polygon_qml(legend_of_all(tree)))  # noqa: S314
    [label, *_] = [each.get("label") for each in style.iter("category")]
    assert label == 'CS1 Bâti < 5 m & "serres" / Built-up'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('<!DOCTYPE q [<!ENTITY a "b">]><q>&a;</q>', "declares a document type"),
        ("<q><open></q>", "mismatched tag"),
        ("", "no element"),
    ],
)
def test_a_style_that_is_not_plain_xml_is_a_fault(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "x.qml").write_text(text)
    [found] = format_problems(tmp_path, "x.qml")
    assert problem in found
