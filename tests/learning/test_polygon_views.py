"""Vector tiles of a map's polygons: who gets which, as they are stored, and how long they may be kept."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import vector_tiles
from django.test import Client
from learning_rows import labelled_campaign
from map_rows import drawn_map
from pyproj import Transformer

from annotation.jobs.registry import run_job
from annotation.models import Campaign
from annotation.served_tiles import StoredTiles, forget_all
from learning.models import PolygonMap
from learning.release.pmtiles import read_archive, read_tile
from learning.services.polygons import start_polygons

pytestmark = pytest.mark.django_db(transaction=True)  # the job's heartbeat has a connection of its own
HALF_WORLD = 20037508.342789244


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    forget_all()
    yield
    forget_all()


@pytest.fixture
def mapped() -> Any:
    """A map of an open campaign: the first class in the west, the second in the east; its polygons are made."""
    scene = labelled_campaign()
    classes = np.ones((1024, 1024), np.uint8)
    classes[:, 512:] = 2
    prediction = drawn_map(scene.campaign, classes, np.ones_like(classes))
    make(prediction)
    return prediction


def make(prediction: Any) -> None:
    job = start_polygons(prediction=prediction)
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error


def place(prediction: Any, col: int = 300, row: int = 500) -> tuple[int, int, int]:
    """Zoom, column and row of the deepest tile over a pixel of the imagery."""
    a, _, c, _, e, f = prediction.layer.transform
    x, y = Transformer.from_crs("EPSG:2154", "EPSG:3857", always_xy=True).transform(c + col * a, f + row * e)
    zoom = read_archive(prediction.path("polygons_public.pmtiles")).max_zoom
    side = 2 * HALF_WORLD / (1 << zoom)
    return zoom, int((x + HALF_WORLD) // side), int((HALF_WORLD - y) // side)


def address(prediction: Any, z: int, x: int, y: int, version: str = "") -> str:
    query = f"?v={version}" if version else ""
    return f"/predictions/{prediction.pk}/polygons/tiles/{z}/{x}/{y}.mvt{query}"


def test_a_map_offers_its_polygons_and_their_tiles_may_be_kept_for_ever(mapped: Any) -> None:
    client = Client()
    offered = client.get("/api/v1/campaigns/camp/map/").json()["polygons"]
    path = mapped.path("polygons_public.pmtiles")
    archive = read_archive(path)
    assert offered == {
        "url": f"/predictions/{mapped.pk}/polygons/tiles/{{z}}/{{x}}/{{y}}.mvt?v={archive.version}",
        "max_zoom": 15, "polygons": PolygonMap.objects.get().figures["polygons"],
    }  # fmt: skip
    z, x, y = place(mapped)
    answer = client.get(offered["url"].format(z=z, x=x, y=y), headers={"accept-encoding": "gzip"})
    assert answer.status_code == 200 and "immutable" in answer["Cache-Control"]
    assert answer["Content-Type"] == "application/vnd.mapbox-vector-tile" and answer["Content-Encoding"] == "gzip"
    assert answer.content == read_tile(path, z, x, y, version=archive.version), "as it is stored"
    plain = client.get(offered["url"].format(z=z, x=x, y=y))
    assert plain.content == gzip.decompress(answer.content) and "Content-Encoding" not in plain
    assert all("Accept-Encoding" in one["Vary"] for one in (plain, answer))
    classes = {one.properties["class_code"] for one in vector_tiles.layers(plain.content)["polygons"]}
    assert classes == set(mapped.model.class_codes)
    again = client.get(address(mapped, z, x, y), headers={"if-none-match": plain["ETag"]})
    assert again.status_code == 304 and "immutable" not in again["Cache-Control"]


def test_where_nothing_is_it_is_204_and_beyond_the_grid_404(mapped: Any) -> None:
    z, x, y = place(mapped)
    client = Client()
    assert client.get(address(mapped, z, x + 30, y)).status_code == 204
    assert client.get(address(mapped, z + 1, 2 * x, 2 * y)).status_code == 204
    assert client.get(address(mapped, 3, 8, 0)).status_code == 404
    assert client.get(address(mapped, 31, 0, 0)).status_code == 404
    missing = client.get("/predictions/9999/polygons/tiles/3/0/0.mvt")
    assert missing.status_code == 404 and b"no polygons of map 9999" in missing.content


def areas(prediction: Any, answer: Any) -> float:
    """Square metres of polygons, each once."""
    found = vector_tiles.layers(answer.content)["polygons"]
    return sum({one.properties["region_id"]: one.properties["area_m2"] for one in found}.values())


def test_tiles_with_control_tiles_are_shown_once_the_campaign_is_closed(mapped: Any) -> None:
    where = place(mapped)
    public = Client().get(address(mapped, *where))
    Campaign.objects.update(state="closed")
    mapped.model.campaign.refresh_from_db()
    make(mapped)
    whole = Client().get(address(mapped, *where))
    hidden = mapped.model.campaign.tiles.filter(role="holdout").count() * (64 * 0.2) ** 2
    assert hidden > 0 and areas(mapped, public) == pytest.approx(204.8**2 - hidden, abs=3)
    assert areas(mapped, whole) == pytest.approx(204.8**2, abs=3) and whole["ETag"] != public["ETag"]
    Campaign.objects.update(state="open")
    assert Client().get(address(mapped, *where))["ETag"] == public["ETag"]


def test_polygons_made_before_there_were_tiles_or_whose_file_is_gone_offer_none(mapped: Any) -> None:
    where = place(mapped)
    mapped.path("polygons_public.pmtiles").unlink()
    client = Client()
    assert client.get("/api/v1/campaigns/camp/map/").json()["polygons"] is None
    assert client.get(address(mapped, *where)).status_code == 404
    row = PolygonMap.objects.get()
    row.files = {name: entry for name, entry in row.files.items() if not name.endswith(".pmtiles")}
    row.save()
    make_again = client.get("/api/v1/campaigns/camp/map/").json()
    assert make_again["polygons"] is None and len(make_again["maps"]) == 2


def through_wsgi(path: str, **headers: str) -> tuple[str, dict[str, str], bytes]:
    """An answer of `StoredTiles` alone: "handed on" where Django is asked."""
    told: list[Any] = []

    def django(environ: Any, start_response: Any) -> list[bytes]:
        start_response("handed on", [])
        return [b""]

    address, _, query = path.partition("?")
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": address, "QUERY_STRING": query, "wsgi.input": io.BytesIO()}
    body = b"".join(StoredTiles(django)({**environ, **headers}, lambda status, sent: told.extend([status, sent])))
    return told[0], dict(told[1]), body


def test_known_tiles_are_sent_before_django_until_another_file_takes_their_place(mapped: Any) -> None:
    z, x, y = place(mapped)
    path = mapped.path("polygons_public.pmtiles")
    version = read_archive(path).version
    url = address(mapped, z, x, y, version)
    assert through_wsgi(url)[0] == "handed on"
    first = Client().get(url)
    status, headers, body = through_wsgi(url, HTTP_ACCEPT_ENCODING="br, gzip")
    assert status == "200 OK" and gzip.decompress(body) == first.content and headers["Content-Encoding"] == "gzip"
    assert "immutable" in headers["Cache-Control"] and headers["Vary"] == "Accept-Encoding"
    status, headers, body = through_wsgi(url)
    assert body == first.content and headers["Content-Length"] == str(len(body)) and "Content-Encoding" not in headers
    assert through_wsgi(url, HTTP_IF_NONE_MATCH=headers["ETag"])[0] == "304 Not Modified"
    assert through_wsgi(address(mapped, z, x + 30, y, version))[0] == "204 No Content"
    assert through_wsgi(address(mapped, 3, 8, 0, version))[0] == "handed on"
    Campaign.objects.update(state="closed")
    mapped.model.campaign.refresh_from_db()
    make(mapped)
    mapped.path("polygons_whole.pmtiles").replace(path)
    assert through_wsgi(url)[0] == "handed on", "never another file's bytes under an address that is kept for ever"
