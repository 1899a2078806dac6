"""Prediction maps in a release, cut into files by 10 km tile: classes, entropy, and what people labelled there.

A map within one tile is one file, copied as it is unless its classes are renumbered. Ground without imagery has no
file. Pieces are written side by side by as many threads as there are processors, each in the memory of a few rows of
blocks; their bytes do not depend on how many these are.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from annotation.core.grid import PixelWindow
from learning.core.map_copies import write_cut
from learning.release import geodesy, layout
from learning.release.contents import LayerInfo, MapFile, MapRecord, ReleaseContents
from learning.release.dataset import colour_table
from learning.release.errors import InvalidContents, UnusableArtefact
from learning.release.map_grid import MapPlace, map_places
from learning.release.rasters import (
    MapArtefact,
    RasterGrid,
    check_class_map,
    check_cog,
    check_entropy_map,
    map_colours,
    map_name,
)
from learning.release.reviewed import ReviewedTiles
from learning.release.styles import legend_of, unlabelled_words, without_imagery_words, write_band_names

THREADS = 8  # of pieces at most: each packs its blocks in threads of its own, and holds rows of blocks in memory
_NOTHING = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece to be written. `whole`: it is all of its file."""

    source: MapFile
    place: MapPlace
    on_layer: PixelWindow
    whole: bool


def write_maps(
    root: Path, maps: MapRecord, contents: ReleaseContents, *, threads: int | None = None
) -> list[MapArtefact]:
    """Write the map's pieces under `root`/maps and return them from north-west to south-east, file by file.

    Args:    root: of the release; its dataset is written (what people labelled is read from there).
             threads: pieces written at a time; None is as many as there are processors.
    Raises:  UnusableArtefact: a file is not a valid COG, is not uint8, is not on the layer's pixels, its colours are
             not the nomenclature's, or no file has any ground.
             InvalidContents: two pieces would have the same name.
    """
    (root / layout.MAPS_DIR).mkdir(parents=True, exist_ok=True)
    pieces = list(_pieces(maps, contents))
    for place, times in Counter(piece.place.place for piece in pieces).items():
        if times > 1:
            raise InvalidContents(f"{times} pieces of the map would be named {place}; give them distinct corners")
    labels = ReviewedTiles(root, tile_px=contents.campaign.tile_px)

    def write(piece: _Piece) -> MapArtefact | None:
        return _write_piece(root, piece, maps, contents, labels)

    with ThreadPoolExecutor(threads or min(THREADS, len(os.sched_getaffinity(0)))) as pool:
        written = [made for made in pool.map(write, pieces) if made is not None]
    if not written:
        raise UnusableArtefact(f"the map {maps.prediction_id} has no class anywhere; make it again, or publish none")
    return written


def _pieces(maps: MapRecord, contents: ReleaseContents) -> Iterator[_Piece]:
    layer = contents.layer
    for number, source in enumerate(maps.files, start=1):
        grid = _checked(source, maps, contents)
        across, down = _offset(grid, layer, source.class_path.name)
        places = map_places(grid.transform, grid.width, grid.height, crs=layer.crs, number=number)
        if maps.class_nodata != 0 and len(places) > 1:
            raise UnusableArtefact(
                f"{source.class_path.name} declares nodata {maps.class_nodata}; only a map with 0 there can be cut"
            )
        for place in places:
            window = place.window
            on_layer = PixelWindow(window.col_off + across, window.row_off + down, window.width, window.height)
            yield _Piece(source, place, on_layer, whole=len(places) == 1)


def _checked(source: MapFile, maps: MapRecord, contents: ReleaseContents) -> RasterGrid:
    """The grid of a file that may be published."""
    if maps.renumbered is None:
        colours = map_colours(maps, contents.nomenclature)
        grid = check_class_map(source.class_path, colours=colours, nodata=maps.class_nodata)
    else:
        grid = check_cog(source.class_path)
    if geodesy.crs_code(grid.crs) != geodesy.crs_code(contents.layer.crs):
        raise UnusableArtefact(
            f"{source.class_path.name} is in {grid.crs}, the layer in {contents.layer.crs}; predict again"
        )
    if source.entropy_path is not None:
        check_entropy_map(source.entropy_path, grid=grid)
    return grid


def _offset(grid: RasterGrid, layer: LayerInfo, name: str) -> tuple[int, int]:
    """Columns and rows of the layer before the file's first pixel."""
    a, _, left, _, e, top = layer.transform
    across, down = (grid.transform[2] - left) / a, (grid.transform[5] - top) / e
    same = all(abs(met - own) < 1e-9 * abs(own) for met, own in ((grid.transform[0], a), (grid.transform[4], e)))
    if not same or max(abs(across - round(across)), abs(down - round(down))) > 1e-3:
        raise UnusableArtefact(f"{name} is on the grid {grid.transform}, the layer on {layer.transform}; predict again")
    return round(across), round(down)


def _write_piece(
    root: Path, piece: _Piece, maps: MapRecord, contents: ReleaseContents, labels: ReviewedTiles
) -> MapArtefact | None:
    """Write the files of a piece; None where the map has nothing."""
    place = f"{contents.campaign.slug}-{piece.place.place}"
    classes, entropy, reviewed = (
        f"{layout.MAPS_DIR}/{map_name(theme, place, contents)}" for theme in ("CLASS", "ENTROPY", "REVIEWED")
    )
    colours, source = map_colours(maps, contents.nomenclature), piece.source
    if piece.whole and maps.renumbered is None:
        shutil.copyfile(source.class_path, root / classes)
    elif not write_cut(
        source.class_path, root / classes, window=piece.place.window, overviews="MODE", values=maps.renumbered,
        colours={0: _NOTHING, **colours},
    ):  # fmt: skip
        return None
    grid = check_class_map(root / classes, colours=colours, nodata=maps.class_nodata)
    legend = legend_of(maps, contents.nomenclature)
    write_band_names(root / classes, legend, nothing=(maps.class_nodata, without_imagery_words()))
    with_entropy = source.entropy_path is not None and _write_entropy(source.entropy_path, root / entropy, piece)
    table = colour_table(contents.nomenclature.classes)
    with_reviewed = labels.write(root / reviewed, window=piece.on_layer, layer=contents.layer, colours=table)
    if with_reviewed:
        write_band_names(root / reviewed, legend_of(None, contents.nomenclature), nothing=(0, unlabelled_words()))
    return MapArtefact(
        item_id=f"{contents.campaign.slug}-{contents.layer.vintage}-{piece.place.place}",
        class_path=classes,
        entropy_path=entropy if with_entropy else None,
        reviewed_path=reviewed if with_reviewed else None,
        grid=grid,
    )


def _write_entropy(source: Path, target: Path, piece: _Piece) -> bool:
    """Copied where it is all of the file, else cut; whether there is any."""
    if piece.whole:
        shutil.copyfile(source, target)
        return True
    return write_cut(source, target, window=piece.place.window, overviews="AVERAGE")
