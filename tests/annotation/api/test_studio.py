"""What the studio asks for beside the tile: segments, other vintages, and no help where work is done blind."""

from __future__ import annotations

import gzip
import threading
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scenes
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from learning_rows import without_licence
from rest_framework.test import APIClient

from annotation.core.segments import SEGMENT_SIDE_PX, connected_pieces
from annotation.core.tile_geometry import check_coverage, parse_features
from annotation.models import AnnotationRevision, Campaign
from annotation.services import segments
from annotation.services.tiles import is_blind_tile, materialise_tiles, role_of_tile

pytestmark = pytest.mark.django_db

BUILT, GRASS = scenes.TWO_CLASSES
V1 = "/api/v1"


def signed_in(user: Any) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


def pool_tile(campaign: Any, *, number: int = 0) -> Any:
    """A pool tile, the `number`th in reading order."""
    places = ((r, c) for r in range(campaign.n_rows) for c in range(campaign.n_cols))
    pool = [place for place in places if role_of_tile(campaign, *place) == "pool"]
    return materialise_tiles(campaign=campaign, places=[pool[number]])[pool[number]]


def control_tile(campaign: Any) -> Any:
    return campaign.tiles.filter(role="holdout").first()


# --- segments -------------------------------------------------------------------------------------------------


@pytest.fixture
def seen(tmp_path: Path, settings: Any) -> Any:
    """A tile of real pixels, of which no segments are kept yet."""
    settings.SEGMENTS_DIR = tmp_path / "segments"
    layer, _truth = scenes.real_layer(tmp_path, size_px=768)
    return pool_tile(scenes.campaign("seen", layer=layer, tile_px=64, first_round=3))


def segments_url(tile: Any, level: str = "medium") -> str:
    return f"{V1}/tiles/{tile.pk}/segments/?level={level}"


def kept_files() -> set[Path]:
    """Everything in the folder of segments."""
    return {path for path in Path(settings.SEGMENTS_DIR).rglob("*") if path.is_file()}


@pytest.mark.parametrize("level", SEGMENT_SIDE_PX)
def test_segments_come_as_one_number_a_pixel_with_their_count(seen: Any, level: str) -> None:
    answer = signed_in(scenes.person("ana")).get(segments_url(seen, level))
    assert answer.status_code == 200 and answer["Content-Type"] == "application/octet-stream"
    ids = np.frombuffer(answer.content, dtype="<u2").reshape(64, 64)
    assert int(answer["X-Segment-Count"]) == int(ids.max()) + 1
    assert np.array_equal(connected_pieces(ids.astype(np.int64)), ids)
    assert answer["Cache-Control"] == "private, no-cache"


def test_finer_levels_have_more_segments(seen: Any) -> None:
    client = signed_in(scenes.person("ana"))
    counts = [int(client.get(segments_url(seen, level))["X-Segment-Count"]) for level in SEGMENT_SIDE_PX]
    assert counts == sorted(set(counts))


def test_who_accepts_gzip_gets_the_same_segments_compressed(seen: Any) -> None:
    client = signed_in(scenes.person("ana"))
    plain = client.get(segments_url(seen))
    packed = client.get(segments_url(seen), headers={"Accept-Encoding": "br, gzip"})
    refused = client.get(segments_url(seen), headers={"Accept-Encoding": "gzip;q=0"})
    assert packed["Content-Encoding"] == "gzip" and gzip.decompress(packed.content) == plain.content
    assert len(packed.content) < len(plain.content) / 4
    assert "Content-Encoding" not in plain and "Content-Encoding" not in refused
    assert plain["ETag"] == packed["ETag"] and "Accept-Encoding" in packed["Vary"]


def test_segments_a_browser_has_already_are_not_sent_again(seen: Any) -> None:
    client = signed_in(scenes.person("ana"))
    first = client.get(segments_url(seen))
    again = client.get(segments_url(seen), headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304 and again.content == b"" and again["ETag"] == first["ETag"]
    other = client.get(segments_url(seen, "fine"), headers={"If-None-Match": first["ETag"]})
    assert other.status_code == 200


def test_segments_are_cut_once_and_read_from_disk_after(seen: Any) -> None:
    client = signed_in(scenes.person("ana"))
    first = client.get(segments_url(seen)).content
    moved = seen.campaign.layer.path("analysis.tif")
    moved.rename(moved.with_suffix(".away"))
    assert client.get(segments_url(seen)).content == first


def test_another_stretch_of_the_imagery_is_another_picture_to_cut(seen: Any) -> None:
    before = segments.segments_mark(seen, level="fine")
    layer = seen.campaign.layer
    layer.stretch = {**layer.stretch, "R": [0, 40]}
    assert segments.segments_mark(seen, level="fine") != before


@pytest.mark.parametrize(
    "level", ["", "finest", "../../secret", "%2e%2e%2fetc", "medium%00", "fine&level=../x", "é" * 500]
)
def test_a_level_that_is_none_is_refused_and_nothing_is_written(seen: Any, level: str) -> None:
    answer = signed_in(scenes.person("ana")).get(segments_url(seen, level))
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "bad_request"
    assert len(answer.json()["error"]["message"]) < 200
    assert kept_files() == set()


@pytest.mark.parametrize("what", ["segments/?level=fine", "other-vintages/", "doubt/", "draft/"])
@pytest.mark.parametrize("number", ["0", "999999999", "9" * 30])
def test_a_tile_that_is_not_there_is_404(number: str, what: str) -> None:
    answer = signed_in(scenes.person("ana")).get(f"{V1}/tiles/{number}/{what}")
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "not_found"


def test_whoever_accepts_bytes_only_gets_bytes_and_reads_errors_as_json(seen: Any) -> None:
    client = signed_in(scenes.person("ana"))
    headers = {"Accept": "application/octet-stream"}
    assert client.get(segments_url(seen), headers=headers).status_code == 200
    refused = client.get(segments_url(seen, "huge"), headers=headers)
    assert refused.status_code == 400 and refused.json()["error"]["code"] == "bad_request"


@pytest.mark.django_db(transaction=True)
def test_two_who_ask_for_the_same_segments_at_once_get_the_same_and_one_file_a_level_stays(seen: Any) -> None:
    people = [scenes.person("ana"), scenes.person("ben")]
    start = threading.Barrier(2)
    found: list[bytes] = []

    def ask_at_once(person: Any) -> None:
        client = signed_in(person)
        start.wait()
        try:
            found.append(client.get(segments_url(seen, "fine")).content)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask_at_once, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 and found[0] == found[1] and len(found[0]) == 2 * 64 * 64
    assert len(kept_files()) == len(SEGMENT_SIDE_PX)


def test_while_many_tiles_wait_to_be_cut_others_are_asked_to_come_again_and_what_is_kept_is_served(seen: Any) -> None:
    ana = signed_in(scenes.person("ana"))
    place = (seen.row, seen.col + (1 if seen.col == 0 else -1))
    beside = materialise_tiles(campaign=seen.campaign, places=[place])[place]
    assert ana.get(segments_url(seen, "coarse")).status_code == 200
    taken = 0
    while segments._places.acquire(blocking=False):
        taken += 1
    try:
        refused = ana.get(segments_url(beside, "fine"))
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_busy")
        assert ana.get(segments_url(seen, "coarse")).status_code == 200
    finally:
        for _ in range(taken):
            segments._places.release()
    assert 0 < taken < 8, "some threads of the web process stay free"
    assert ana.get(segments_url(beside, "fine")).status_code == 200


# --- other vintages -------------------------------------------------------------------------------------------


def vintage(slug: str, year: int, *, tile_px: int = 64, **options: Any) -> Any:
    layer = scenes.virtual_layer(f"layer-{slug}", width=1024, height=1024)
    layer.vintage = year
    layer.acquired_on = f"{year}-06-18"
    layer.save()
    return scenes.campaign(slug, layer=layer, tile_px=tile_px, first_round=5, seed=5, **options)


@pytest.fixture
def two_vintages() -> Any:
    """This campaign's tile, and another one's of an earlier year with the same hold-out, labelled on that ground."""
    tile, earlier = pool_tile(vintage("now", 2024)), pool_tile(vintage("then", 2019))
    ana, rene = scenes.person("ana"), scenes.person("rene")
    label(earlier, ana, rene, [scenes.square(BUILT, 0, 0, 10, "house"), scenes.square(GRASS, 10, 0, 20, "meadow")])
    return tile, earlier, ana, rene


def label(tile: Any, author: Any, reviewer: Any, features: list[dict[str, Any]]) -> Any:
    return scenes.accepted(tile.campaign, tile, author, reviewer, features)


def ask(tile: Any, user: Any) -> Any:
    return signed_in(user).get(f"{V1}/tiles/{tile.pk}/other-vintages/")


def test_labels_of_an_earlier_year_are_offered_on_this_tiles_grid(two_vintages: Any) -> None:
    tile, earlier, ana, _rene = two_vintages
    [found] = ask(tile, ana).json()["vintages"]
    features = found.pop("features")
    assert found == {
        "vintage": 2019, "acquired_on": "2019-06-18", "layer": "layer-then", "layer_title": "layer-then",
        "campaign": earlier.campaign.slug,
    }  # fmt: skip
    assert [f["class_code"] for f in features] == [BUILT, GRASS]
    assert {f["provenance"] for f in features} == {"copied"}
    assert sorted(map(tuple, features[0]["rings"][0])) == [(0, 0), (0, 80), (80, 0), (80, 80)]
    check_coverage(parse_features(features, tile_px=64, class_codes=scenes.TWO_CLASSES))
    assert signed_in(ana).get(f"{V1}/tiles/{tile.pk}/").json()["other_vintages"] is True


def test_a_copied_shape_can_be_saved_as_it_is(two_vintages: Any) -> None:
    tile, _earlier, ana, _rene = two_vintages
    client = signed_in(ana)
    features = ask(tile, ana).json()["vintages"][0]["features"]
    assert client.post(f"{V1}/tiles/{tile.pk}/pick/", {}, format="json").status_code == 200
    saved = put(client, tile.pk, features)
    assert saved.status_code == 200 and saved.json()["features"] == features


def test_only_accepted_and_licensed_labels_are_offered(two_vintages: Any) -> None:
    tile, earlier, ana, _rene = two_vintages
    annotation = earlier.annotations.get()
    without_licence(annotation)
    assert ask(tile, ana).json() == {"vintages": []}
    assert signed_in(ana).get(f"{V1}/tiles/{tile.pk}/").json()["other_vintages"] is False


def test_a_submission_that_waits_is_not_offered() -> None:
    tile, earlier = pool_tile(vintage("now", 2024)), pool_tile(vintage("then", 2019))
    ana = scenes.person("ana")
    client = signed_in(ana)
    client.post(f"{V1}/tiles/{earlier.pk}/pick/", {}, format="json")
    put(client, earlier.pk, [scenes.square(BUILT, 0, 0, 10)])
    assert ask(tile, ana).json() == {"vintages": []}


def test_the_same_imagery_in_another_campaign_is_not_another_vintage(two_vintages: Any) -> None:
    _tile, earlier, ana, _rene = two_vintages
    twin = scenes.campaign("twin", layer=earlier.campaign.layer, tile_px=64, first_round=5, seed=5)
    assert ask(pool_tile(twin), ana).json() == {"vintages": []}


def test_labels_in_another_crs_or_elsewhere_are_not_offered(two_vintages: Any) -> None:
    tile, earlier, ana, _rene = two_vintages
    neighbour = pool_tile(tile.campaign, number=1)
    assert ask(neighbour, ana).json() == {"vintages": []}
    layer = earlier.campaign.layer
    layer.crs = "EPSG:32631"
    layer.save()
    assert ask(tile, ana).json() == {"vintages": []}


def test_labels_of_a_control_tile_of_the_other_campaign_are_never_offered() -> None:
    then, ana, rene = vintage("then", 2019), scenes.person("ana"), scenes.person("rene")
    control = control_tile(then)
    label(control, ana, rene, [scenes.square(BUILT, 0, 0, 64)])
    now = vintage("now", 2024, tile_px=128)
    places = [(r, c) for r in range(now.n_rows) for c in range(now.n_cols) if role_of_tile(now, r, c) == "pool"]
    for tile in materialise_tiles(campaign=now, places=places).values():
        assert ask(tile, ana).json() == {"vintages": []}


def test_classes_that_this_campaign_lacks_are_left_out(two_vintages: Any) -> None:
    _tile, _earlier, ana, rene = two_vintages
    usage = vintage("usage", 2024, nomenclature=scenes.nomenclature("flair_12"))
    here = pool_tile(usage)
    assert ask(here, ana).json() == {"vintages": []}
    animal = vintage("flair", 2015, nomenclature=scenes.nomenclature("flair_15"))
    label(pool_tile(animal), ana, rene, [scenes.square("building", 0, 0, 9), scenes.square("swimming_pool", 20, 0, 9)])
    [found] = ask(here, ana).json()["vintages"]
    codes = {item.code for item in usage.nomenclature.classes.all()}
    assert {f["class_code"] for f in found["features"]} == {"building", "swimming_pool"} & codes


def test_many_source_tiles_cost_no_more_queries_than_one(two_vintages: Any) -> None:
    tile, _earlier, ana, rene = two_vintages
    client = signed_in(ana)
    url = f"{V1}/tiles/{tile.pk}/other-vintages/"
    with CaptureQueriesContext(connection) as one:
        assert len(client.get(url).json()["vintages"]) == 1
    for number, year in enumerate((2010, 2013, 2016)):
        small = vintage(f"more-{number}", year)
        source = materialise_tiles(campaign=small, places=[(tile.row, tile.col)])[(tile.row, tile.col)]
        label(source, ana, rene, [scenes.square(GRASS, 3, 3, 20)])
    with CaptureQueriesContext(connection) as many:
        years = [found["vintage"] for found in client.get(url).json()["vintages"]]
    assert years == [2019, 2016, 2013, 2010]
    assert len(many) == len(one)


# --- blind tiles ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["draft", "doubt", "other-vintages"])
def test_a_blind_tile_refuses_every_help_and_says_why(two_vintages: Any, what: str) -> None:
    tile, _earlier, ana, _rene = two_vintages
    Campaign.objects.filter(pk=tile.campaign_id).update(blind_share=1.0)
    for blind in (tile, control_tile(tile.campaign)):
        answer = signed_in(ana).get(f"{V1}/tiles/{blind.pk}/{what}/")
        assert answer.status_code == 404 and answer.json()["error"]["code"] == "blind_tile"
        assert "without help" in answer.json()["error"]["message"]


def test_an_assignment_says_that_its_tile_is_blind_and_offers_nothing(two_vintages: Any) -> None:
    tile, _earlier, ana, _rene = two_vintages
    client = signed_in(ana)
    shown = client.get(f"{V1}/tiles/{tile.pk}/").json()
    assert (shown["blind"], shown["other_vintages"], shown["draft_available"]) == (False, True, False)
    assert shown["tile"]["acquired_on"] == "2024-06-18"
    Campaign.objects.filter(pk=tile.campaign_id).update(blind_share=1.0)
    blind = client.get(f"{V1}/tiles/{tile.pk}/").json()
    control = client.get(f"{V1}/tiles/{control_tile(tile.campaign).pk}/").json()
    for given in (blind, control):
        assert (given["blind"], given["other_vintages"], given["draft_available"]) == (True, False, False)
    assert blind["tile"]["role_visible"] == "pool" and control["tile"]["role_visible"] == "control"
    assert blind.keys() == control.keys()


def test_a_campaigns_blind_share_draws_its_tiles_and_control_tiles_are_always_blind() -> None:
    campaign = scenes.campaign("camp", tile_px=128, blind_share=0.25)
    places = [(r, c) for r in range(campaign.n_rows) for c in range(campaign.n_cols)]
    found = materialise_tiles(campaign=campaign, places=places)
    pool = [tile for tile in found.values() if tile.role == "pool"]
    assert 0.15 < sum(map(is_blind_tile, pool)) / len(pool) < 0.35
    assert all(is_blind_tile(tile) for tile in found.values() if tile.role != "pool")


# --- what was looked at ---------------------------------------------------------------------------------------


def put(client: APIClient, tile: int, features: Any, **more: Any) -> Any:
    body = {"operation_id": str(uuid.uuid4()), "features": features} | more
    return client.put(f"{V1}/tiles/{tile}/annotation/", body, format="json", headers={"If-Match": '"0"'})


@pytest.fixture
def taken() -> Any:
    """A signed-in client and the tile it has claimed."""
    client = signed_in(scenes.person("ana"))
    scenes.campaign("camp", tile_px=256)
    return client, client.post(f"{V1}/campaigns/camp/claim/", {}, format="json").json()["tile"]["id"]


def test_a_revision_remembers_the_imagery_and_the_views_looked_at(taken: Any) -> None:
    client, tile = taken
    views = ["rgb", "irc", "rgb", "band-NIR"]
    assert put(client, tile, [], views_seen=views, draft_model="camp-m1").status_code == 200
    revision = AnnotationRevision.objects.get()
    assert revision.imagery_seen == {"layer": "layer-camp", "file": "0" * 64, "views": ["rgb", "irc", "band-NIR"]}
    assert revision.draft_model == "camp-m1"


def test_the_imagery_is_remembered_when_no_view_is_named(taken: Any) -> None:
    client, tile = taken
    assert put(client, tile, []).status_code == 200
    assert AnnotationRevision.objects.get().imagery_seen == {"layer": "layer-camp", "file": "0" * 64, "views": []}


@pytest.mark.parametrize(
    "views",
    ["rgb", [""], ["a" * 25], ["rgb/../irc"], ["<b>"], ["é"], [None], [["rgb"]], ["rgb"] * 17, {"rgb": 1}, None],
)
def test_views_that_are_no_names_are_refused_with_the_save(taken: Any, views: Any) -> None:
    client, tile = taken
    answer = put(client, tile, [], views_seen=views)
    assert answer.status_code == 400 and "views_seen" in answer.json()["error"]["details"]
    assert not AnnotationRevision.objects.exists()


def test_a_drafts_confidence_sent_back_with_a_shape_is_not_kept(taken: Any) -> None:
    client, tile = taken
    sent = scenes.square(BUILT, 0, 0, 10) | {"provenance": "accepted", "confidence": 0.8}
    saved = put(client, tile, [sent])
    assert saved.status_code == 200 and "confidence" not in saved.json()["features"][0]
    assert "confidence" not in AnnotationRevision.objects.get().features[0]
