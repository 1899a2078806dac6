"""The map of tiles: what the rows say, cheap to make, cheap to ask again, honest about what it leaves out."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
import scenes
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from annotation.api import tile_map
from annotation.models import Tile
from annotation.services.tiles import materialise_tiles

URL = "/api/v1/campaigns/camp/tiles.geojson"


@pytest.fixture
def campaign(db: None) -> Any:
    caches["tile_maps"].clear()
    made = scenes.campaign("camp", tile_px=256)  # 16 × 16 tiles
    places = [(row, col) for row in range(made.n_rows) for col in range(made.n_cols)]
    materialise_tiles(campaign=made, places=places)
    return made


def a_pool_tile(campaign: Any) -> Tile:
    """One outside the hold-out and its buffer, wherever these were drawn."""
    return Tile.objects.filter(campaign=campaign, role="pool").order_by("pk")[0]


def features(answer: Any) -> dict[int, dict[str, Any]]:
    assert answer.status_code == 200, answer.content[:300]
    return {feature["id"]: feature for feature in json.loads(answer.content)["features"]}


def test_every_tile_but_the_buffer_has_its_outline_and_its_facts(campaign: Any) -> None:
    Tile.objects.filter(pk=a_pool_tile(campaign).pk).update(priority=0.123456, state="submitted")
    answer = APIClient().get(URL)
    assert answer.headers["Content-Type"] == "application/geo+json"
    assert json.loads(answer.content)["truncated"] is False
    tiles = {tile.pk: tile for tile in Tile.objects.exclude(role="buffer")}
    found = features(answer)
    assert found.keys() == tiles.keys()
    for pk, feature in found.items():
        tile = tiles[pk]
        assert feature["properties"] == {
            "id": pk, "row": tile.row, "col": tile.col, "state": tile.state,
            "priority": None if tile.priority is None else pytest.approx(tile.priority, abs=5e-5),
            "role": "control" if tile.role == "holdout" else "pool",
        }  # fmt: skip
        (ring,) = feature["geometry"]["coordinates"]
        wanted = campaign.tile_grid.polygon_wgs84(tile.row, tile.col)
        assert [tuple(point) for point in ring] == [pytest.approx(point, abs=6e-7) for point in wanted]


def test_neighbours_meet_without_gap_after_rounding(campaign: Any) -> None:
    by_place = {
        (tile["properties"]["row"], tile["properties"]["col"]): tile["geometry"]["coordinates"][0]
        for tile in features(APIClient().get(URL)).values()
    }
    pairs = [(ring, by_place[row, col + 1]) for (row, col), ring in by_place.items() if (row, col + 1) in by_place]
    assert len(pairs) > 50
    for left, right in pairs:
        assert left[1] == right[0] and left[2] == right[3]  # right side of one, left side of the other


def test_no_outline_is_read_from_the_database(campaign: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        APIClient().get(URL)
    (sql,) = [query["sql"] for query in queries if 'FROM "annotation_tile"' in query["sql"]]
    assert "footprint" not in sql.split("FROM")[0]


def test_an_answer_is_made_once_in_a_while_for_everyone(campaign: Any) -> None:
    first = APIClient().get(URL)
    with CaptureQueriesContext(connection) as queries:
        second = APIClient().get(URL)
    assert len(queries) == 1  # the campaign alone
    assert second.content == first.content
    caches["tile_maps"].clear()
    assert APIClient().get(URL).headers["ETag"] == first.headers["ETag"]
    Tile.objects.filter(pk=a_pool_tile(campaign).pk).update(state="accepted")
    caches["tile_maps"].clear()
    assert APIClient().get(URL).headers["ETag"] != first.headers["ETag"]


def test_parts_of_the_map_are_kept_apart(campaign: Any) -> None:
    tile = a_pool_tile(campaign)
    west, south, east, north = campaign.tile_grid.bounds_wgs84(tile.row, tile.col)
    inner = (west + (east - west) * 0.1, south + (north - south) * 0.1, east - (east - west) * 0.1, (south + north) / 2)
    whole = features(APIClient().get(URL))
    part = features(APIClient().get(URL, {"bbox": ",".join(str(degrees) for degrees in inner)}))
    assert list(part) == [tile.pk] and part[tile.pk] == whole[tile.pk]
    assert features(APIClient().get(URL)) == whole


def test_a_browser_that_has_the_answer_is_told_so_in_a_few_bytes(campaign: Any) -> None:
    first = APIClient().get(URL)
    assert first.headers["Cache-Control"] == "no-cache"
    again = APIClient().get(URL, headers={"if-none-match": first.headers["ETag"]})
    assert again.status_code == 304 and again.content == b""
    assert again.headers["ETag"] == first.headers["ETag"]
    assert APIClient().get(URL, headers={"if-none-match": 'W/"other"'}).status_code == 200


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.8", "gzip, deflate"])
def test_it_travels_compressed_to_whom_accepts_it(campaign: Any, accepted: str) -> None:
    plain = APIClient().get(URL)
    small = APIClient().get(URL, headers={"accept-encoding": accepted})
    assert "Content-Encoding" not in plain.headers and small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.content) == plain.content
    assert len(small.content) * 4 < len(plain.content)
    assert "Accept-Encoding" in small.headers["Vary"] and "Accept-Encoding" in plain.headers["Vary"]


@pytest.mark.parametrize("refused", ["identity", "br", "gzip;q=0", "gzip; q=0.0, identity"])
def test_it_travels_plain_to_whom_does_not(campaign: Any, refused: str) -> None:
    answer = APIClient().get(URL, headers={"accept-encoding": refused})
    assert "Content-Encoding" not in answer.headers
    assert features(answer)


def test_of_too_many_tiles_the_most_urgent_are_shown_and_the_answer_says_so(
    campaign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = list(Tile.objects.filter(campaign=campaign, role="pool").order_by("pk"))
    scores = {pool[-1].pk: 0.9, pool[-2].pk: 0.2, pool[-3].pk: 0.5}
    for pk, score in scores.items():
        Tile.objects.filter(pk=pk).update(priority=score)
    Tile.objects.filter(pk=pool[-4].pk).update(state="sent_back")
    Tile.objects.filter(pk=pool[0].pk).update(state="accepted", priority=5.0)  # done: nobody's next step
    monkeypatch.setattr(tile_map, "MOST_TILES", 3)
    answer = APIClient().get(URL)
    assert json.loads(answer.content)["truncated"] is True
    assert list(features(answer)) == [pool[-4].pk, pool[-1].pk, pool[-3].pk]
    monkeypatch.setattr(tile_map, "MOST_TILES", Tile.objects.exclude(role="buffer").count())
    caches["tile_maps"].clear()
    assert json.loads(APIClient().get(URL).content)["truncated"] is False


def test_a_score_that_json_cannot_write_is_left_out(campaign: Any) -> None:
    tile = Tile.objects.filter(campaign=campaign, role="pool").first()
    assert tile is not None
    Tile.objects.filter(pk=tile.pk).update(priority=float("nan"))
    answer = APIClient().get(URL)
    assert features(answer)[tile.pk]["properties"]["priority"] is None


@pytest.mark.parametrize("bbox", ["1,2,3", "a,b,c,d", "2,44,1,45", "0,44,181,45", "0,nan,1,45", "0,44,inf,45"])
def test_a_bbox_that_is_none_is_refused_with_what_to_send(campaign: Any, bbox: str) -> None:
    answer = APIClient().get(URL, {"bbox": bbox})
    assert answer.status_code == 400
    assert bbox in answer.json()["error"]["message"]


def test_a_campaign_without_tiles_is_an_empty_collection(db: None) -> None:
    caches["tile_maps"].clear()
    made = scenes.campaign("camp", tile_px=256)
    Tile.objects.filter(campaign=made).delete()
    assert json.loads(APIClient().get(URL).content) == {
        "type": "FeatureCollection", "truncated": False, "features": [],
    }  # fmt: skip


def test_what_callers_ask_cannot_fill_the_memory(settings: Any) -> None:
    kept = settings.CACHES["tile_maps"]
    assert kept["OPTIONS"]["MAX_ENTRIES"] <= 32 and kept["TIMEOUT"] <= 10
    assert kept["LOCATION"] != settings.CACHES["default"].get("LOCATION", "")
