"""Vector tiles of reviewed labels: what is in them, who sees it, and that an edit is seen by the next reader."""

from __future__ import annotations

import gzip
import threading
import uuid
from typing import Any

import pytest
import scenes
from django.db import close_old_connections, connection, transaction
from django.db.models import F
from django.test import Client
from learning_rows import Labelled, labelled_campaign, maintained, without_licence
from vector_tiles import Feature, layers

from annotation.core.grid import web_transformer
from annotation.models import AnnotatedFeature, Annotation, Lease, TileAgreement, VectorTile
from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.clock import database_now
from annotation.services.gold import mark_gold
from annotation.services.vector_tiles import HALF_WORLD_M, VectorTileContent, vector_tile

pytestmark = pytest.mark.django_db
FIRST, SECOND = scenes.TWO_CLASSES


def place_of(tile: Any, z: int = 16) -> tuple[int, int, int]:
    """The vector tile under the middle of a labelled tile."""
    x, y = (float(value) for value in web_xy(tile))
    span = 2 * HALF_WORLD_M / 2**z
    return z, int((x + HALF_WORLD_M) // span), int((HALF_WORLD_M - y) // span)


def web_xy(tile: Any) -> tuple[float, float]:
    centre = tile.footprint.centroid
    return web_transformer("EPSG:4326").transform(centre.x, centre.y)


def read(scene: Labelled, z: int, x: int, y: int) -> dict[str, list[Feature]]:
    content = vector_tile(campaign=scene.campaign, z=z, x=x, y=y).compressed
    return layers(gzip.decompress(content)) if content else {}


def labels(scene: Labelled, place: tuple[int, int, int]) -> list[Feature]:
    return read(scene, *place).get("labels", [])


def hand_in(tile: Any, author: Any) -> None:
    """One square, waiting for review."""
    now = database_now()
    Lease.objects.create(tile=tile, annotator=author, granted_at=now, expires_at=now)
    saved = save_annotation(
        tile=tile, annotator=author, features=[scenes.square(FIRST, 0, 0, 8)], operation_id=uuid.uuid4(),
        expected_version=0,
    )  # fmt: skip
    submit_annotation(tile=tile, annotator=author, operation_id=uuid.uuid4(), expected_version=saved.version)


def test_reviewed_labels_are_in_the_tile_with_class_area_and_place() -> None:
    scene = labelled_campaign()
    annotation = scene.label(scene.pool_tiles()[0])
    place = place_of(annotation.tile)
    found = {feature.properties["class"]: feature for feature in labels(scene, place)}
    stored = {feature.class_code: feature for feature in annotation.head.polygons.all()}
    assert set(found) == {FIRST, SECOND} == set(stored)
    z, x, y = place
    span = 2 * HALF_WORLD_M / 2**z
    for code, feature in found.items():
        assert feature.properties["area_m2"] == 2.6  # 8 x 8 px of 0.2 m are 2.56 m2
        assert feature.id == stored[code].pk
        left, bottom, right, top = stored[code].ground_web.extent
        expected = [(left + HALF_WORLD_M) / span - x, (HALF_WORLD_M - top) / span - y]
        assert feature.box[:2] == pytest.approx([4096 * value for value in expected], abs=1.1)
        assert right > left and top > bottom


def test_only_what_is_accepted_of_pool_tiles_is_shown() -> None:
    scene = labelled_campaign()
    tile = scene.pool_tiles()[0]
    hand_in(tile, scene.author)
    assert labels(scene, place_of(tile)) == []
    control = scene.label(scene.holdout_tiles()[0])
    assert labels(scene, place_of(control.tile)) == []
    type(scene.campaign).objects.update(state="closed")
    assert labels(scene, place_of(control.tile)) == []


def test_gold_and_unlicensed_labels_are_not_shown() -> None:
    scene, maintainer = maintained()
    gold, bare = scene.label(scene.pool_tiles()[0]), scene.label(scene.pool_tiles()[1])
    assert len(labels(scene, place_of(gold.tile))) >= 2
    mark_gold(campaign=scene.campaign, annotation_id=gold.pk, actor=maintainer)
    without_licence(bare)
    shown = {feature.id for place in {place_of(gold.tile), place_of(bare.tile)} for feature in labels(scene, place)}
    hidden = set(AnnotatedFeature.objects.filter(revision__annotation__in=[gold, bare]).values_list("pk", flat=True))
    assert hidden and not shown & hidden


def test_a_tile_that_waits_for_a_second_person_is_not_shown_and_then_once() -> None:
    scene = labelled_campaign(redundancy=2)
    first = scene.label(scene.pool_tiles()[0], FIRST)
    assert labels(scene, place_of(first.tile)) == []
    scene.author = scenes.person("second")
    second = scene.label(first.tile, SECOND)
    assert second.tile_id == first.tile_id
    assert [feature.properties["class"] for feature in labels(scene, place_of(first.tile))] == [SECOND]


def test_a_kept_tile_is_read_as_it_was_made() -> None:
    scene = labelled_campaign(pool=3)
    place = place_of(scene.pool_tiles()[0])
    made = vector_tile(campaign=scene.campaign, z=place[0], x=place[1], y=place[2])
    kept = VectorTile.objects.get()
    assert (kept.etag, bytes(kept.content)) == (made.etag, made.compressed)
    VectorTile.objects.update(content=b"kept")
    assert vector_tile(campaign=scene.campaign, z=place[0], x=place[1], y=place[2]).compressed == b"kept"


@pytest.mark.parametrize("z", [13, 14, 15, 16])
def test_each_change_of_what_is_shown_forgets_the_tiles_that_show_it(z: int) -> None:
    scene = labelled_campaign()
    tiles = scene.pool_tiles()
    place = place_of(tiles[0], z)
    assert labels(scene, place) == []
    annotation = scene.label(tiles[0])
    smallest = 13 if z == 13 else 0  # at zoom 13 these squares are smaller than a pixel
    shown = 0 if smallest else 2
    assert len(labels(scene, place)) == shown
    before = VectorTile.objects.get(z=z).made_at
    for change in (
        {"state": "reverted"}, {"state": "accepted"}, {"is_extra": True}, {"is_extra": False}, {"superseded_by": None},
    ):  # fmt: skip
        Annotation.objects.filter(pk=annotation.pk).update(**change)
        labels(scene, place)
        after = VectorTile.objects.get(z=z).made_at
        assert (after > before) == ("superseded_by" not in change), change
        before = after
    type(tiles[0]).objects.filter(pk=tiles[0].pk).update(state="open")
    assert not VectorTile.objects.filter(z=z).exists()


def test_a_draft_forgets_nothing() -> None:
    scene = labelled_campaign(pool=1)
    place = place_of(scene.pool_tiles()[0])
    labels(scene, place)
    kept = VectorTile.objects.get().made_at
    other = scene.pool_tiles()[1]
    hand_in(other, scene.author)
    labels(scene, place)
    assert VectorTile.objects.get().made_at == kept


def test_the_change_of_a_tile_forgets_its_neighbours_margin_and_no_more() -> None:
    scene = labelled_campaign(pool=1)
    z, x, y = place_of(scene.pool_tiles()[0])
    for dx in (-2, 0, 2):
        VectorTile.objects.update_or_create(
            campaign=scene.campaign, z=z, x=x + dx, y=y, defaults={"etag": "e", "content": b""}
        )
    Annotation.objects.update(state="reverted")
    assert set(VectorTile.objects.values_list("x", flat=True)) == {x - 2, x + 2}


def test_what_one_change_forgets_is_estimated_at_little_enough_for_no_query_to_be_compiled() -> None:
    tile = labelled_campaign(pool=1).pool_tiles()[0]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) SELECT * FROM annotation_vector_tiles_of(%s)", [[tile.pk]])
        [[planned]] = cursor.fetchone()
        cursor.execute("SELECT current_setting('jit_above_cost')::float8")
        [compiled_above] = cursor.fetchone()
    assert planned["Plan"]["Total Cost"] < compiled_above / 100


def test_further_out_cells_have_the_class_of_most_ground() -> None:
    scene = labelled_campaign()
    big, small = scenes.square(FIRST, 0, 0, 32), scenes.square(SECOND, 32, 0, 8)
    scenes.accepted(scene.campaign, scene.pool_tiles()[0], scene.author, scene.reviewer, [big, small])
    [cell] = read(scene, *place_of(scene.pool_tiles()[0], 10))["cells"]
    # 32 x 32 px and 8 x 8 px of 0.04 m2: 40.96 and 2.56 m2.
    assert cell.properties == {"class": FIRST, "tiles": 1, "labelled_m2": 44.0, "share": 94}
    left, top, right, bottom = cell.box
    assert (right - left, bottom - top) == (128, 128), "a 32nd of the tile"


def test_cells_are_made_anew_after_a_minute_and_not_before() -> None:
    scene = labelled_campaign()
    place = place_of(scene.pool_tiles()[0], 10)
    assert read(scene, *place) == {}
    scene.label(scene.pool_tiles()[0])
    assert read(scene, *place) == {}
    with connection.cursor() as cursor:
        cursor.execute("UPDATE annotation_vectortile SET made_at = made_at - interval '61 seconds'")
    assert read(scene, *place)["cells"]


def test_how_far_people_agree_is_shown_of_tiles_that_are_shown() -> None:
    scene = labelled_campaign()
    shown, control = scene.label(scene.pool_tiles()[0]), scene.label(scene.holdout_tiles()[0])
    for annotation in (shown, control):
        place = place_of(annotation.tile)
        assert "agreement" not in {name for name, found in read(scene, *place).items() if found}
        TileAgreement.objects.create(
            tile=annotation.tile, revision_ids=[1, 2], n_people=2, compared_px=400, differing_px=100, totals={},
            agreeing=0.0, pairs={}, people={}, staple_differs_px=0,
        )  # fmt: skip
    [feature] = read(scene, *place_of(shown.tile))["agreement"]
    assert feature.properties == {"people": 2, "agreement": 75.0}
    assert read(scene, *place_of(control.tile)).get("agreement", []) == []


def test_nothing_is_asked_or_kept_of_places_without_imagery() -> None:
    scene = labelled_campaign(pool=1)
    z, x, y = place_of(scene.pool_tiles()[0])
    for place in [(z, x + 50, y), (17, x * 2, y * 2), (z, 0, 0)]:
        assert vector_tile(campaign=scene.campaign, z=place[0], x=place[1], y=place[2]).compressed == b""
    assert not VectorTile.objects.exists()


def test_over_http_an_edit_changes_the_mark_and_the_same_is_not_sent_twice(client: Client) -> None:
    scene = labelled_campaign()
    tile = scene.pool_tiles()[0]
    z, x, y = place_of(tile)
    path = f"/campaigns/camp/labels/{z}/{x}/{y}.mvt"
    empty = client.get(path)
    assert empty.status_code == 204 and empty["Cache-Control"] == "public, no-cache"
    annotation = scene.label(tile)
    full = client.get(path, headers={"If-None-Match": empty["ETag"], "Accept-Encoding": "gzip, br"})
    assert full.status_code == 200 and full["Content-Type"] == "application/vnd.mapbox-vector-tile"
    assert full["Content-Encoding"] == "gzip" and "Accept-Encoding" in full["Vary"]
    plain = client.get(path)
    assert plain.content == gzip.decompress(full.content) and "Content-Encoding" not in plain
    assert client.get(path, headers={"If-None-Match": full["ETag"]}).status_code == 304
    Annotation.objects.filter(pk=annotation.pk).update(state="reverted")
    assert client.get(path, headers={"If-None-Match": full["ETag"]}).status_code == 204
    for wrong in ("2/4/0", "17/0/0"):
        assert client.get(f"/campaigns/camp/labels/{wrong}.mvt").status_code == 404
    assert client.get("/campaigns/elsewhere/labels/0/0/0.mvt").status_code == 404


def test_nobody_is_named_in_a_tile() -> None:
    scene = labelled_campaign(pool=2)
    for feature in labels(scene, place_of(scene.pool_tiles()[0])):
        assert set(feature.properties) == {"class", "area_m2"}


@pytest.mark.django_db(transaction=True)
def test_a_tile_made_while_somebody_edits_is_not_kept() -> None:
    """The reader sees what was committed before; were it kept, the edit would stay unseen."""
    scene = labelled_campaign(pool=1)
    z, x, y = place_of(scene.pool_tiles()[0])
    made: list[VectorTileContent] = []

    def reader() -> None:
        try:
            made.append(vector_tile(campaign=scene.campaign, z=z, x=x, y=y))
        finally:
            close_old_connections()
            connection.close()

    with transaction.atomic():
        Annotation.objects.update(state="reverted")
        other = threading.Thread(target=reader)
        other.start()
        other.join(20)
    assert made and made[0].compressed, "what was there before the edit was committed"
    assert not VectorTile.objects.exists()
    assert read(scene, z, x, y) == {}


@pytest.mark.django_db(transaction=True)
def test_an_edit_waits_for_a_tile_that_is_being_kept_and_removes_it() -> None:
    scene = labelled_campaign(pool=1)
    z, x, y = place_of(scene.pool_tiles()[0])
    done = threading.Event()

    def editor() -> None:
        try:
            Annotation.objects.update(state="reverted", version=F("version"))
            done.set()
        finally:
            connection.close()

    with transaction.atomic():
        assert vector_tile(campaign=scene.campaign, z=z, x=x, y=y).compressed
        other = threading.Thread(target=editor)
        other.start()
        assert not done.wait(0.5), "the edit went through beside the tile that was made without it"
    other.join(20)
    assert done.is_set() and not VectorTile.objects.exists()
