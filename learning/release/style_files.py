"""The style files of a release: of its maps under `maps/styles`, of its annotations beside them."""

from __future__ import annotations

from pathlib import Path

from annotation.raster.colours import UNCERTAINTY_ANCHORS
from learning.release import layout
from learning.release.contents import ReleaseContents
from learning.release.styles import (
    colour_file,
    legend_of,
    legend_of_all,
    polygon_qml,
    polygon_sld,
    ramp_qml,
    raster_qml,
    raster_sld,
)
from learning.release.text import write_text

QML = "application/xml"
CLASS_STYLE = f"{layout.MAP_STYLES_DIR}/class.qml"
POLYGON_STYLE = f"{layout.MAP_STYLES_DIR}/polygons.qml"
_ENTROPY_LEVELS = (1, 255)  # stored for no doubt, and for the most that the classes allow


def write_styles(root: Path, contents: ReleaseContents, *, with_polygons: bool) -> None:
    """Write them: of the annotations always, of maps where there are some."""
    of_labels = legend_of_all(contents.nomenclature)
    files = {
        Path(layout.ANNOTATIONS_GPKG).with_suffix(".qml").as_posix(): polygon_qml(of_labels),
        Path(layout.ANNOTATIONS_GPKG).with_suffix(".sld").as_posix(): polygon_sld(layout.ANNOTATIONS_LAYER, of_labels),
    }
    if contents.maps is not None:
        of_map, reviewed = legend_of(contents.maps, contents.nomenclature), legend_of(None, contents.nomenclature)
        styles = {
            "class.qml": raster_qml(of_map),
            "class.sld": raster_sld("class", of_map),
            "class.clr": colour_file(of_map),
            "entropy.qml": ramp_qml(UNCERTAINTY_ANCHORS, low=_ENTROPY_LEVELS[0], high=_ENTROPY_LEVELS[1]),
            "reviewed.qml": raster_qml(reviewed),
            "reviewed.sld": raster_sld("reviewed", reviewed),
        }
        if contents.coarsened is not None:
            del styles["entropy.qml"]
        if with_polygons:
            styles |= {"polygons.qml": polygon_qml(of_map), "polygons.sld": polygon_sld("land_cover", of_map)}
        files |= {f"{layout.MAP_STYLES_DIR}/{name}": text for name, text in styles.items()}
    for path, text in files.items():
        write_text(root / path, text)
