"""OGC API Features: what is published is served by page and box, as the standard and GDAL want it."""

from __future__ import annotations

import json
import shutil
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import shapely
from django.test import Client
from feature_rows import CODES, LEFT, TOP, blobs, release_with
from learning_rows import labelled_campaign
from ogc_checks import checked, faults
from ogcapi_registry import validate_ogc_api
from openapi_spec_validator import validate as validate_openapi

from learning import feature_views
from learning.models import Release
from learning.services.withdrawal import withdraw_release

pytestmark = pytest.mark.django_db
LAMBERT_93 = "http://www.opengis.net/def/crs/EPSG/0/2154"
BOX = f"{LEFT - 15},{TOP - 35},{LEFT + 35},{TOP + 15}"


@pytest.fixture
def release() -> Release:
    return release_with(labelled_campaign("camp").campaign, "1.0.0", blobs(100), with_map=True, rows_per_group=30)


def get(path: str, **parameters: Any) -> Any:
    names = {name.replace("_crs", "-crs"): value for name, value in parameters.items()}
    return Client().get(f"/ogc/{path}", names)


def hrefs(body: dict[str, Any], rel: str) -> list[str]:
    return [link["href"] for link in body["links"] if link["rel"] == rel]


def follow(address: str) -> Any:
    parts = urlsplit(address)
    return Client().get(f"{parts.path}?{parts.query}")


def test_from_the_landing_page_everything_is_reached_and_follows_the_official_schemas(release: Release) -> None:
    landing = checked(get(""), "landingPage")
    for rel, name in (("self", "landingPage"), ("conformance", "confClasses"), ("data", "collections")):
        [address] = hrefs(landing, rel)
        checked(follow(address), name)
    listed = checked(follow(hrefs(landing, "data")[0]), "collections")["collections"]
    names = ["camp.annotations", "camp.map", "camp-1.0.0.annotations", "camp-1.0.0.map"]
    assert [item["id"] for item in listed] == names
    for item in listed:
        [own], [items] = hrefs(item, "self"), hrefs(item, "items")
        assert checked(follow(own), "collection") == item
        features = checked(follow(items), "featureCollectionGeoJSON")
        one = checked(get(f"collections/{item['id']}/items/{features['features'][7]['id']}"), "featureGeoJSON")
        assert one["properties"] == features["features"][7]["properties"]
        assert checked(follow(hrefs(one, "self")[0]), "featureGeoJSON") == one
        for rel in ("describedby", "license"):
            assert follow(hrefs(item, rel)[0]).status_code == 200, rel


def test_the_description_of_the_api_is_valid_and_that_of_features(release: Release) -> None:
    answer = get("api")
    body = json.loads(answer.content)
    assert answer.headers["Content-Type"] == "application/vnd.oai.openapi+json;version=3.0"
    validate_openapi(body)
    classes = checked(get("conformance"), "confClasses")
    found = validate_ogc_api(body, classes)
    assert found.is_valid and not found.errors, found.errors


def test_pages_lead_to_all_features_once(release: Release) -> None:
    answer = get("collections/camp.annotations/items", limit=30)
    ids, pages = [], 0
    while True:
        body = checked(answer, "featureCollectionGeoJSON")
        assert body["numberMatched"] == 100 and body["numberReturned"] == len(body["features"])
        ids += [feature["id"] for feature in body["features"]]
        pages += 1
        following = hrefs(body, "next")
        if not following:
            break
        answer = follow(following[0])
    assert pages == 4 and ids == [f"{1000 + n // 5}.f{n % 5}" for n in range(100)]


def test_coordinates_are_those_of_the_file_or_in_degrees(release: Release) -> None:
    polygons = blobs(100)
    answer = get("collections/camp.annotations/items", crs=LAMBERT_93, limit=100)
    assert answer.headers["Content-Crs"] == f"<{LAMBERT_93}>"
    own = [shapely.from_geojson(json.dumps(item["geometry"])) for item in json.loads(answer.content)["features"]]
    assert all(shapely.equals_exact(own, polygons, tolerance=0)), "to the last bit"
    answer = get("collections/camp.annotations/items", limit=100)
    assert answer.headers["Content-Crs"] == "<http://www.opengis.net/def/crs/OGC/1.3/CRS84>"
    [ring] = json.loads(answer.content)["features"][0]["geometry"]["coordinates"]
    assert ring[0] == pytest.approx([0.5161154, 43.7707077], abs=2e-7)


def test_a_box_a_class_and_a_day_select(release: Release) -> None:
    box = {"bbox": BOX, "bbox_crs": LAMBERT_93}
    for kind, ids in (("annotations", ["1000.f0", "1000.f1", "1002.f0", "1002.f1"]), ("map", ["1", "2", "11", "12"])):
        body = checked(get(f"collections/camp.{kind}/items", **box), "featureCollectionGeoJSON")
        assert [item["id"] for item in body["features"]] == ids and body["numberMatched"] == 4
    body = checked(get("collections/camp.map/items", **box, class_code=CODES[1]), "featureCollectionGeoJSON")
    assert [item["id"] for item in body["features"]] == ["2", "12"]
    body = checked(get("collections/camp.annotations/items", **box, datetime="2023-06-01"), "featureCollectionGeoJSON")
    assert [item["properties"]["image_date"] for item in body["features"]] == ["2023-06-01", None]
    assert [item["id"] for item in body["features"]] == ["1000.f0", "1002.f1"]
    body = checked(get("collections/camp.map/items", bbox="100,10,101,11"), "featureCollectionGeoJSON")
    assert body["features"] == [] and body["numberMatched"] == 0


def test_reading_by_pages_stays_in_the_release_it_began_in(release: Release) -> None:
    first = json.loads(get("collections/camp.annotations/items", limit=60).content)
    release_with(release.campaign, "2.0.0", blobs(20, seed=9))
    second = json.loads(follow(hrefs(first, "next")[0]).content)
    assert [len(first["features"]), len(second["features"])] == [60, 40] and not hrefs(second, "next")
    anew = json.loads(get("collections/camp.annotations/items").content)
    assert anew["numberMatched"] == 20
    ids = [item["id"] for item in json.loads(get("collections").content)["collections"]]
    assert ids[0] == "camp.annotations" and "camp-2.0.0.annotations" in ids and "camp-1.0.0.annotations" in ids
    assert "camp.map" not in ids and get("collections/camp.map").status_code == 404, "the latest has no polygons"


def test_answers_of_a_named_release_are_kept_for_good_and_known_again(release: Release) -> None:
    named, latest = (f"collections/{name}.annotations/items" for name in ("camp-1.0.0", "camp"))
    answer = get(named)
    assert "immutable" in answer.headers["Cache-Control"] and "immutable" not in get(latest).headers["Cache-Control"]
    etag = answer.headers["ETag"]
    again = Client().get(f"/ogc/{named}", headers={"if-none-match": f'"other", {etag}'})
    assert again.status_code == 304 and not again.content and again.headers["ETag"] == etag
    assert get(named, limit=3).headers["ETag"] != etag
    for found in (answer, again, get("collections/none.map"), get("")):
        assert found.headers["Access-Control-Allow-Origin"] == "*"
        assert "Set-Cookie" not in found.headers and "Content-Security-Policy" in found.headers


def test_clients_that_accept_only_their_own_media_types_are_answered(release: Release) -> None:
    for accepted in ("application/geo+json", "application/vnd.ogc.fg+json", "text/html"):
        answer = Client().get("/ogc/collections/camp.map/items", headers={"accept": accepted})
        assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/geo+json"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("collections/camp.annotations/items?limit=0", 400),
        ("collections/camp.annotations/items?colour=red", 400),
        ("collections/camp.annotations/items?bbox=1,2,3", 400),
        ("collections/camp.annotations/items?cursor=5", 400),
        ("collections/camp.annotations/items?cursor=1.0.0~x", 400),
        ("collections/camp.annotations/items?cursor=9.0.0~0", 404),
        ("collections/camp.annotations/items?cursor=%00~0", 400),
        ("collections/camp.annotations/items/1000.f0?crs=EPSG:2154", 400),
        ("collections?limit=1", 400),
        ("collections/camp.annotations/items/1000.f9", 404),
        ("collections/camp.annotations/items/1000", 404),
        ("collections/camp.map/items/0", 404),
        ("collections/camp.map/items/101", 404),
        ("collections/camp.map/items/-1", 404),
        ("collections/camp.map/items/999999999999999999999", 404),
        ("collections/camp.history", 404),
        ("collections/none.map/items", 404),
        ("collections/%5Bnone%5D", 404),
        ("collections/%C3%A9t%C3%A9.map/items", 404),
        ("collections/camp.map/items/1/2", 404),
        ("queryables", 404),
        ("collections/a%0A", 404),
        ("collections/camp-1.0.1.map", 404),
    ],
)
def test_what_cannot_be_answered_is_told_by_the_standards_own_schema(release: Release, path: str, status: int) -> None:
    answer = Client().get(f"/ogc/{path}")
    assert answer.status_code == status, answer.content
    body = json.loads(answer.content)
    assert faults("exception", body) == [] and body["description"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_release_that_is_not_published_or_whose_files_are_away_shows_nothing(release: Release) -> None:
    path = release.path
    Release.objects.filter(pk=release.pk).update(state="staging")
    assert json.loads(get("collections").content)["collections"] == []
    assert get("collections/camp-1.0.0.annotations/items").status_code == 404
    Release.objects.filter(pk=release.pk).update(state="published")
    assert get("collections/camp.annotations/items").status_code == 200
    shutil.rmtree(path)
    assert get("collections/camp.annotations/items").status_code == 404
    assert json.loads(get("collections").content)["collections"] == []


def test_a_withdrawn_release_is_gone_and_the_one_before_is_the_latest_again(release: Release) -> None:
    second = release_with(release.campaign, "2.0.0", blobs(20, seed=9))
    first_page = json.loads(get("collections/camp.annotations/items", limit=5).content)
    withdraw_release(release=second, actor=None, reason="Wrong imagery.")
    for answer in (
        get("collections/camp-2.0.0.annotations/items"),
        get("collections/camp-2.0.0.annotations"),
        follow(hrefs(first_page, "next")[0]),
    ):
        assert answer.status_code == 410 and "Wrong imagery." in json.loads(answer.content)["description"]
        assert faults("exception", json.loads(answer.content)) == []
    assert json.loads(get("collections/camp.annotations/items").content)["numberMatched"] == 100
    names = [item["id"] for item in json.loads(get("collections").content)["collections"]]
    assert names == ["camp.annotations", "camp.map", "camp-1.0.0.annotations", "camp-1.0.0.map"]


def test_too_many_requests_are_told_when_to_come_back(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.cache import cache
    from rest_framework.throttling import ScopedRateThrottle

    monkeypatch.setattr(ScopedRateThrottle, "THROTTLE_RATES", {"features": "2/min"})
    cache.clear()
    answers = [get("collections/camp.map/items") for _ in range(3)]
    cache.clear()
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 61
    assert faults("exception", json.loads(answers[2].content)) == []


def test_who_finds_no_place_is_told_when_to_come_back_and_the_next_one_is_served(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_views, "SECONDS_FOR_A_PLACE", 0.05)
    with feature_views.a_place_among_pages(), feature_views.a_place_among_pages():
        refused = get("collections/camp.map/items")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "6")
    assert faults("exception", json.loads(refused.content)) == []
    assert refused.headers["Cache-Control"] == "no-store"
    assert get("collections/camp.map/items").status_code == 200


def test_collections_are_described_in_the_readers_language(release: Release) -> None:
    found = {}
    for language in ("en", "fr"):
        answer = Client().get("/ogc/collections/camp.map", headers={"accept-language": language})
        found[language] = json.loads(answer.content)["title"]
        assert "Accept-Language" in answer.headers["Vary"]
    assert found == {
        "en": "Release of camp: Polygons of the map (latest release)",
        "fr": "Release of camp\u00a0: Polygones de la carte (dernière version)",
    }


def test_reading_writes_nothing_and_asks_few_questions(release: Release, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(1):
        assert get("collections/camp-1.0.0.annotations/items", limit=5).status_code == 200
    for method in ("post", "put", "delete", "patch"):
        assert getattr(Client(), method)("/ogc/collections/camp.map/items").status_code == 405
    assert np.all([get("collections").status_code == 200 for _ in range(2)])


def test_a_damaged_file_takes_no_other_release_from_the_list(
    release: Release, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = release_with(labelled_campaign("tarn").campaign, "1.0.0", blobs(5))
    (damaged.path / "annotations" / "annotations.parquet").write_bytes(b"PAR1 and no more")
    Release.objects.filter(pk=damaged.pk).update(manifest_sha256="d" * 64)  # of which nothing is remembered
    listed = [item["id"] for item in json.loads(get("collections").content)["collections"]]
    assert listed == ["camp.annotations", "camp.map", "camp-1.0.0.annotations", "camp-1.0.0.map"]
    assert get("collections/tarn.annotations/items").status_code == 404
    assert "tarn-1.0.0 has no features to serve" in caplog.text
