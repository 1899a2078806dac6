"""Pictures of imagery on pages: which map tiles, and where; worked out by hand."""

from __future__ import annotations

import pytest
import scenes
from learning_rows import labelled_campaign

from annotation.models import Tile
from annotation.pictures import labelled_view, outline_of, strip_of, svg_path, thumbnail_of

pytestmark = pytest.mark.django_db


def test_a_card_shows_two_neighbouring_map_tiles_of_the_middle() -> None:
    # 4096 px: maximum zoom 4. At zoom 2 a map tile is 1024 px: 4 columns and 4 rows.
    layer = scenes.virtual_layer("big", width=4096, height=4096)
    assert strip_of(layer) == [
        f"/imagery/big/native/2/1/2.jpg?v={layer.map_version}",
        f"/imagery/big/native/2/2/2.jpg?v={layer.map_version}",
    ]


def test_a_card_of_a_layer_too_small_for_two_map_tiles_shows_the_whole_of_it() -> None:
    layer = scenes.virtual_layer("small", width=300, height=200)
    assert strip_of(layer) == [f"/imagery/small/native/0/0/0.jpg?v={layer.map_version}"]


def test_a_thumbnail_is_the_map_tile_under_the_middle_of_the_tile() -> None:
    # Maximum zoom 4; a 512-px tile needs zoom 3, where a map tile is 512 px: row 5, column 2 is map tile 2, 5.
    campaign = scenes.campaign(layer=scenes.virtual_layer("big", width=4096, height=4096), tile_px=512)
    assert (
        thumbnail_of(Tile(campaign=campaign, row=5, col=2))
        == f"/imagery/big/native/3/2/5.jpg?v={campaign.layer.map_version}"
    )
    # Its fourth quarter is 256 px, at row 11 and column 5 of such.
    assert (
        thumbnail_of(Tile(campaign=campaign, row=5, col=2, part=4))
        == f"/imagery/big/native/4/5/11.jpg?v={campaign.layer.map_version}"
    )


def test_a_labelled_tile_is_drawn_with_ground_around_it_and_inside_the_layer() -> None:
    scene = labelled_campaign()
    annotation = scene.label(scene.pool_tiles()[0])
    tile = annotation.tile
    view = labelled_view(tile, annotation.head.features, colours={"CS1.1.1.1": "#ff0000"})
    # 64-px tiles: 128 × 96 px of ground; the layer is 1024 px wide.
    left = min(max(0, tile.col * 64 - 32), 1024 - 128)
    top = min(max(0, tile.row * 64 - 16), 1024 - 96)
    assert (view.width, view.height) == (128, 96)
    assert view.frame == (tile.col * 64 - left, tile.row * 64 - top, 64)
    assert view.areas == (("M0 0L64 0L64 64L0 64Z", "#ff0000"),)  # the class without a colour is left out
    for image in view.images:
        assert image.side == 256 and -256 < image.x < 128 and -256 < image.y < 96
    assert min(image.x for image in view.images) <= 0 and max(image.x + 256 for image in view.images) >= 128


def test_an_svg_path_closes_each_ring() -> None:
    assert svg_path([[[0, 0], [8, 0], [8, 8]], [[1, 1], [2, 1], [2, 2]]]) == "M0 0L8 0L8 8ZM1 1L2 1L2 2Z"


def test_the_outline_goes_round_the_layer_once_through_its_corners() -> None:
    columns, rows = outline_of(scenes.virtual_layer("wide", width=800, height=400))
    points = list(zip(columns, rows, strict=True))
    assert len(points) == 64 and [points[place] for place in (0, 16, 32, 48)] == [
        (0, 0),
        (800, 0),
        (800, 400),
        (0, 400),
    ]
