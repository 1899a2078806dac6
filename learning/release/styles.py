"""Names and colours of the classes for map software: QGIS styles, SLD, colour files, and GDAL's own table of names.

QGIS loads `X.qml` by itself when it opens `X.gpkg` or `X.parquet`, and GDAL `X.tif.aux.xml` when it opens `X.tif`.
Sources: QGIS 3 style files (`rasterrenderer`, `renderer-v2`), OGC 02-070 (SLD 1.0.0; `type="values"` of a ColorMap is
what GeoServer, MapServer and QGIS add), GDAL's PAM format.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from learning.release.contents import MapRecord, NomenclatureInfo
from learning.release.rasters import map_values
from learning.release.text import write_text

QGIS_VERSION = "3.28"  # whose style format is written; later ones read it
CLASS_FIELD = "class_code"
_SLD, _OGC = "http://www.opengis.net/sld", "http://www.opengis.net/ogc"
# Fields of GDAL's table: name, type (0 integer, 2 text), use (2 name, 5 value, 6 to 9 red, green, blue, alpha).
_FIELDS = (
    ("Value", 0, 5), ("Name", 2, 2), ("Code", 2, 0), ("Red", 0, 6), ("Green", 0, 7), ("Blue", 0, 8), ("Alpha", 0, 9),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A class as it is drawn: `value` in rasters (0 where it has none), its words, and "#rrggbb"."""

    value: int
    code: str
    words: str
    colour: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green, blue, 0 to 255."""
        red, green, blue = bytes.fromhex(self.colour[1:])
        return red, green, blue


def legend_of(maps: MapRecord | None, nomenclature: NomenclatureInfo) -> list[LegendEntry]:
    """Classes that rasters hold, by value: a map's where it has values of its own, else the nomenclature's."""
    values = nomenclature.raster_values if maps is None else map_values(maps, nomenclature)
    by_code = {entry.code: entry for entry in legend_of_all(nomenclature)}
    return [
        LegendEntry(value, code, by_code[code].words, by_code[code].colour)
        for code, value in sorted(values.items(), key=lambda pair: pair[1])
    ]


def legend_of_all(nomenclature: NomenclatureInfo) -> list[LegendEntry]:
    """Every class of the nomenclature, in its order."""
    return [
        LegendEntry(
            value=item.raster_value or 0,
            code=item.code,
            words=f"{item.code} {item.name['fr']} / {item.name['en']}",
            colour=item.colour.lower(),
        )
        for item in nomenclature.classes
    ]


def without_imagery_words() -> str:
    """What a map's value without data means."""
    return "Pas d'imagerie / No imagery"


def unlabelled_words() -> str:
    """What 0 means where people labelled."""
    return "Non étiqueté / Not labelled"


def write_band_names(raster: Path, legend: Sequence[LegendEntry], *, nothing: tuple[int, str]) -> None:
    """Write the names and colours of a raster's values beside it, as GDAL reads them.

    Args: nothing: the value without data, and its words.
    """
    words = {entry.value: entry.words for entry in legend} | {nothing[0]: nothing[1]}
    root = ET.Element("PAMDataset")
    band = ET.SubElement(root, "PAMRasterBand", band="1")
    names = ET.SubElement(band, "CategoryNames")
    for value in range(max(words) + 1):
        ET.SubElement(names, "Category").text = words.get(value, "")
    table = ET.SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    for number, (name, kind, use) in enumerate(_FIELDS):
        field = ET.SubElement(table, "FieldDefn", index=str(number))
        ET.SubElement(field, "Name").text = name
        ET.SubElement(field, "Type").text = str(kind)
        ET.SubElement(field, "Usage").text = str(use)
    rows: dict[int, tuple[object, ...]] = {nothing[0]: (nothing[0], nothing[1], "", 0, 0, 0, 0)}
    rows |= {entry.value: (entry.value, entry.words, entry.code, *entry.rgb, 255) for entry in legend}
    for number, (_value, row) in enumerate(sorted(rows.items())):
        line = ET.SubElement(table, "Row", index=str(number))
        for cell in row:
            ET.SubElement(line, "F").text = str(cell)
    ET.indent(root)
    # GDAL reads no table that begins with an XML declaration.
    write_text(raster.with_name(f"{raster.name}.aux.xml"), ET.tostring(root, encoding="unicode") + "\n")


def raster_qml(legend: Sequence[LegendEntry]) -> str:
    """QGIS style of a raster of classes."""
    root, renderer = _raster_style("paletted")
    palette = ET.SubElement(renderer, "colorPalette")
    for entry in legend:
        ET.SubElement(
            palette, "paletteEntry", value=str(entry.value), color=entry.colour, label=entry.words, alpha="255"
        )
    return _xml(root)


def ramp_qml(anchors: Sequence[tuple[float, tuple[int, int, int]]], *, low: int, high: int) -> str:
    """QGIS style of a raster of quantities: colours between `low` and `high`, labelled as shares of the highest.

    Args: anchors: (place from 0 to 1, red, green, blue).
    """
    root, renderer = _raster_style("singlebandpseudocolor", classificationMin=str(low), classificationMax=str(high))
    shader = ET.SubElement(
        ET.SubElement(renderer, "rastershader"), "colorrampshader", colorRampType="INTERPOLATED",
        classificationMode="1", clip="0", minimumValue=str(low), maximumValue=str(high),
    )  # fmt: skip
    for share, colour in anchors:
        ET.SubElement(
            shader, "item", value=f"{low + share * (high - low):g}", color="#{:02x}{:02x}{:02x}".format(*colour),
            alpha="255", label=f"{share:.0%}",
        )  # fmt: skip
    return _xml(root)


def _raster_style(kind: str, **attributes: str) -> tuple[ET.Element, ET.Element]:
    root = ET.Element("qgis", version=QGIS_VERSION, styleCategories="Symbology")
    fields = {"type": kind, "band": "1", "opacity": "1", "alphaBand": "-1", "nodataColor": "", **attributes}
    renderer = ET.SubElement(ET.SubElement(root, "pipe"), "rasterrenderer", attrib=fields)
    ET.SubElement(renderer, "rasterTransparency")
    return root, renderer


def polygon_qml(legend: Sequence[LegendEntry]) -> str:
    """QGIS style of polygons with a class code."""
    root = ET.Element("qgis", version=QGIS_VERSION, styleCategories="Symbology")
    renderer = ET.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr=CLASS_FIELD, symbollevels="0", enableorderby="0",
        forceraster="0",
    )  # fmt: skip
    categories, symbols = ET.SubElement(renderer, "categories"), ET.SubElement(renderer, "symbols")
    for number, entry in enumerate(legend):
        ET.SubElement(
            categories, "category", value=entry.code, symbol=str(number), label=entry.words, render="true",
            type="string",
        )  # fmt: skip
        symbol = ET.SubElement(
            symbols, "symbol", name=str(number), type="fill", alpha="1", clip_to_extent="1", force_rhr="0"
        )
        layer = ET.SubElement(symbol, "layer", attrib={"class": "SimpleFill"}, enabled="1", locked="0")
        options = ET.SubElement(layer, "Option", type="Map")
        fill = {
            "color": ",".join(map(str, (*entry.rgb, 255))), "style": "solid", "outline_color": "60,60,60,255",
            "outline_style": "solid", "outline_width": "0.06", "outline_width_unit": "MM",
        }  # fmt: skip
        for name, value in fill.items():
            ET.SubElement(options, "Option", name=name, type="QString", value=value)
        for name, value in fill.items():  # as QGIS before 3.26 reads it
            ET.SubElement(layer, "prop", k=name, v=value)
    return _xml(root)


def raster_sld(name: str, legend: Sequence[LegendEntry]) -> str:
    """SLD 1.0.0 of a raster of classes."""
    root, style = _sld(name)
    rule = ET.SubElement(style, f"{{{_SLD}}}Rule")
    symbolizer = ET.SubElement(rule, f"{{{_SLD}}}RasterSymbolizer")
    table = ET.SubElement(symbolizer, f"{{{_SLD}}}ColorMap", type="values")
    for entry in legend:
        ET.SubElement(
            table, f"{{{_SLD}}}ColorMapEntry", color=entry.colour, quantity=str(entry.value), label=entry.words,
            opacity="1",
        )  # fmt: skip
    return _xml(root)


def polygon_sld(name: str, legend: Sequence[LegendEntry]) -> str:
    """SLD 1.0.0 of polygons with a class code."""
    root, style = _sld(name)
    for entry in legend:
        rule = ET.SubElement(style, f"{{{_SLD}}}Rule")
        ET.SubElement(rule, f"{{{_SLD}}}Name").text = entry.code
        ET.SubElement(rule, f"{{{_SLD}}}Title").text = entry.words
        equal = ET.SubElement(ET.SubElement(rule, f"{{{_OGC}}}Filter"), f"{{{_OGC}}}PropertyIsEqualTo")
        ET.SubElement(equal, f"{{{_OGC}}}PropertyName").text = CLASS_FIELD
        ET.SubElement(equal, f"{{{_OGC}}}Literal").text = entry.code
        symbolizer = ET.SubElement(rule, f"{{{_SLD}}}PolygonSymbolizer")
        fill = ET.SubElement(symbolizer, f"{{{_SLD}}}Fill")
        ET.SubElement(fill, f"{{{_SLD}}}CssParameter", name="fill").text = entry.colour
    return _xml(root)


def _sld(name: str) -> tuple[ET.Element, ET.Element]:
    """The document, and the style that its rules belong to."""
    ET.register_namespace("sld", _SLD)
    ET.register_namespace("ogc", _OGC)
    root = ET.Element(f"{{{_SLD}}}StyledLayerDescriptor", version="1.0.0")
    layer = ET.SubElement(root, f"{{{_SLD}}}NamedLayer")
    ET.SubElement(layer, f"{{{_SLD}}}Name").text = name
    style = ET.SubElement(layer, f"{{{_SLD}}}UserStyle")
    ET.SubElement(style, f"{{{_SLD}}}Name").text = name
    return root, ET.SubElement(style, f"{{{_SLD}}}FeatureTypeStyle")


def colour_file(legend: Sequence[LegendEntry]) -> str:
    """Colours of a raster's values, "value red green blue" a line, as GDAL, GRASS and ArcGIS read them."""
    return "".join(f"{entry.value} {' '.join(map(str, entry.rgb))}\n" for entry in legend)


def _xml(root: ET.Element) -> str:
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'
