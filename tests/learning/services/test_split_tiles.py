"""What is drawn in quarters is learnt from, judged by and published as one tile."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import shapely
from learning_rows import Labelled, labelled_campaign
from numpy.typing import NDArray
from queue_rows import pool_places
from scenes import TWO_CLASSES, accepted, labelled_scene, person, square

from annotation.core.grid import PixelWindow
from annotation.models import AnnotatedFeature, Tile
from annotation.services.people import set_role
from annotation.services.splitting import split_tile
from annotation.services.standing import refresh_standing
from annotation.services.tiles import is_blind_tile, materialise_tiles
from learning.jobs.tiles import labels_of, training_tiles
from learning.services.annotation_export import annotation_batches
from learning.services.holdout import holdout_reference
from learning.services.release_contents import dataset_tiles, public_ids, released_labels
from learning.services.release_freeze import freeze_release, frozen_inputs
from learning.services.releases import start_release
from learning.services.training_sets import freeze_training_set

pytestmark = pytest.mark.django_db

GREY, GREEN = TWO_CLASSES
CORNERS = {1: (0, 0), 2: (32, 0), 3: (0, 32), 4: (32, 32)}  # of the quarters of a tile of 64 px


def in_quarters(campaign: Any, tile: Tile) -> list[Tile]:
    maintainer = person(f"maintainer-{tile.pk}")
    set_role(campaign=campaign, user=maintainer, role="maintainer")
    split_tile(tile=tile, actor=maintainer, expected_version=0)
    return list(Tile.objects.filter(whole=tile).select_related("campaign__layer").order_by("part"))


def label(scene: Labelled, quarter: Tile, code: str, author: Any = None) -> Any:
    """An accepted square of 8 pixels at 4, 2 of the quarter."""
    return accepted(scene.campaign, quarter, author or scene.author, scene.reviewer, [square(code, 4, 2, 8)])


def expected(codes: list[str], by_part: dict[int, str]) -> NDArray[np.uint8]:
    raster = np.zeros((64, 64), np.uint8)
    for part, code in by_part.items():
        x, y = CORNERS[part]
        raster[y + 2 : y + 10, x + 4 : x + 12] = codes.index(code) + 1
    return raster


def test_quarters_by_different_people_are_one_tile_of_a_training_set() -> None:
    scene = labelled_campaign(pool=2)
    whole = scene.pool_tiles()[2]
    said = dict(zip(CORNERS, (GREY, GREEN, GREEN, GREY), strict=True))
    for quarter in in_quarters(scene.campaign, whole):
        label(scene, quarter, said[quarter.part], person(f"author-{quarter.part}"))
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    assert frozen.n_tiles == 3 and frozen.items.count() == 6
    labels = training_tiles(frozen, on_progress=lambda _share: None)._labels
    assert len(labels) == 3
    [found] = [one for one in labels if (one.row, one.col) == (whole.row, whole.col)]
    raster = np.frombuffer(zlib.decompress(found.deflated), np.uint8).reshape(64, 64)
    assert (raster == expected(frozen.class_codes, said)).all() and found.weight == 1.0


def test_a_control_tile_judges_models_once_all_of_its_quarters_are_accepted() -> None:
    scene = labelled_campaign(holdout=1)
    whole = scene.holdout_tiles()[1]
    before = holdout_reference(scene.campaign)
    heads = []
    for quarter in in_quarters(scene.campaign, whole):
        assert is_blind_tile(quarter)
        assert holdout_reference(scene.campaign) == before
        heads.append(label(scene, quarter, GREY).head_id)
    reference = holdout_reference(scene.campaign)
    [found] = [tile for tile in reference.tiles if tile.tile_id == whole.pk]
    assert len(reference.tiles) == 2 and found.revision_ids == tuple(heads)
    assert (found.row, found.col) == (whole.row, whole.col)
    truth = labels_of(scene.campaign, found.revision_ids, values={GREY: 1, GREEN: 2})
    assert (truth == expected([GREY, GREEN], dict.fromkeys(CORNERS, GREY))).all()


@pytest.mark.django_db(transaction=True)
def test_a_release_holds_a_split_tile_once_with_its_shapes_where_they_lie(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    drawn = set(scene.campaign.tiles.filter(annotations__isnull=False).values_list("row", "col"))
    place = next(place for place in pool_places(scene.campaign, 400) if place not in drawn)
    whole, author = materialise_tiles(campaign=scene.campaign, places=[place])[place], scene.annotators[0]
    side = scene.campaign.tile_px
    for quarter in in_quarters(scene.campaign, whole):
        accepted(scene.campaign, quarter, author, scene.reviewer, [square(GREY, 4, 2, 8)])
    start_release(campaign=scene.campaign, actor=None)
    release = freeze_release(release=scene.campaign.releases.get())
    labels, frozen = released_labels(release), frozen_inputs(release)
    assert sum(label.tile_id == whole.pk for label in labels) == 4
    [tile] = [one for one in dataset_tiles(frozen, labels) if (one.row, one.col) == (whole.row, whole.col)]
    assert tile.tile_id == str(whole.pk) and len(tile.revision_ids) == 4 and tile.mask.shape == (side, side)
    rows, cols = np.nonzero(tile.mask)
    assert set(zip(*np.unique(rows // (side // 2), return_counts=True), strict=True)) == {(0, 128), (1, 128)}
    assert set((cols % (side // 2)).tolist()) == set(range(4, 12))
    found = pa.Table.from_batches(annotation_batches(labels, contributors=public_ids(labels)))
    of_whole = found.filter(pc.field("tile_id") == str(whole.pk))
    bounds = shapely.bounds(shapely.from_wkb(of_whole["geometry"].to_pylist()))
    stored = AnnotatedFeature.objects.filter(revision__annotation__tile__whole=whole)
    assert set(map(tuple, bounds.tolist())) == {one.geometry.extent for one in stored}
    window = PixelWindow(whole.col * side, whole.row * side, side, side)
    a, _, c, _, e, f = scene.campaign.layer.pixel_grid.transform
    left = {round((west - c) / a) - window.col_off for west in bounds[:, 0]}
    top = {round((north - f) / e) - window.row_off for north in bounds[:, 3]}
    assert (left, top) == ({4, 4 + side // 2}, {2, 2 + side // 2})


def test_four_accepted_quarters_earn_the_trust_of_one_tile() -> None:
    scene = labelled_campaign()
    for quarter in in_quarters(scene.campaign, scene.pool_tiles()[0]):
        label(scene, quarter, GREY)
    refresh_standing(campaign=scene.campaign, users=[scene.author.pk])
    assert scene.author.standings.get(campaign=scene.campaign).accepted == 1
