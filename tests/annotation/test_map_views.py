"""Map tiles over HTTP: which answers may be kept, and what is answered before Django is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import scenes
from django.core.management import call_command
from django.test import Client, RequestFactory
from learning_rows import labelled_campaign
from map_rows import halved_map

from annotation import served_tiles
from annotation.models import ImageryLayer
from annotation.raster import stored_tiles
from annotation.served_tiles import KeptTiles, ServedTiles, StoredTiles

pytestmark = pytest.mark.django_db


@pytest.fixture
def layer(tmp_path: Path, settings: Any) -> ImageryLayer:
    settings.IMAGERY_DIR = tmp_path / "imagery"
    return scenes.real_layer(tmp_path, "scene", size_px=600)[0]


def web_place(layer: ImageryLayer) -> tuple[int, int, int]:
    """A map tile of the web copy's coarsest zoom that shows the layer."""
    path = layer.path("web.tif")
    z = stored_tiles.web_zooms(path)[0]
    pyramid = stored_tiles._pyramid(path, 0, 0, 0, True)
    return z, pyramid.x, pyramid.y


class Asked:
    """A request to the WSGI application in front of Django; `passed` counts those that went on."""

    def __init__(self) -> None:
        self.passed = 0

        def django(environ: Any, start: Callable[..., Any]) -> list[bytes]:
            self.passed += 1
            start("200 OK", [])
            return [b"from django"]

        self.application = StoredTiles(django)

    def get(self, path: str, query: str = "", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        environ = RequestFactory().generic(method, path, **headers).environ | {"QUERY_STRING": query}
        answer: list[Any] = []
        body = self.application(environ, lambda status, given: answer.extend([int(status[:3]), dict(given)]))
        return answer[0], answer[1], b"".join(body)


def test_an_address_that_names_the_version_may_be_kept_for_ever_and_others_ask_again(
    client: Client, layer: ImageryLayer
) -> None:
    for grid, (z, x, y) in {"native": (0, 0, 0), "web": web_place(layer)}.items():
        path = f"/imagery/scene/{grid}/{z}/{x}/{y}.jpg"
        named, bare, stale = (
            client.get(path, {"v": layer.map_version}),
            client.get(path),
            client.get(path, {"v": "0" * 12}),
        )
        assert named.status_code == bare.status_code == stale.status_code == 200
        assert named["Cache-Control"] == "public, max-age=31536000, immutable"
        assert bare["Cache-Control"] == stale["Cache-Control"] == "public, max-age=300"
        assert named["ETag"] == bare["ETag"] == f'"{layer.map_version}"'
        again = client.get(path, headers={"If-None-Match": named["ETag"]})
        assert again.status_code == 304 and not again.content


def test_a_view_has_a_mark_of_its_own(client: Client, layer: ImageryLayer) -> None:
    path, query = "/imagery/scene/native/0/0/0.jpg", {"v": layer.map_version, "view": "irc"}
    infrared = client.get(path, query)
    assert infrared["ETag"] == f'"{layer.map_version}-irc"' and "immutable" in infrared["Cache-Control"]
    assert client.get(path, query, headers={"If-None-Match": f'"{layer.map_version}"'}).status_code == 200
    assert client.get(path, query, headers={"If-None-Match": infrared["ETag"]}).status_code == 304


def test_nothing_there_is_204_and_a_place_that_no_grid_has_is_404(client: Client, layer: ImageryLayer) -> None:
    z, x, y = web_place(layer)
    beside = client.get(f"/imagery/scene/web/{z}/{x + 3}/{y}.jpg", {"v": layer.map_version})
    assert beside.status_code == 204 and "immutable" in beside["Cache-Control"]
    assert client.get("/imagery/scene/native/1/9/9.jpg").status_code == 204
    for place in ("2/4/0", "2/0/4", "31/0/0", "0/1/0"):
        assert client.get(f"/imagery/scene/web/{place}.jpg").status_code == 404, place
    assert client.get("/imagery/elsewhere/web/0/0/0.jpg").status_code == 404


def test_the_version_changes_with_any_of_the_layers_files(layer: ImageryLayer) -> None:
    before = layer.map_version
    layer.files = {**layer.files, "web.tif": "1" * 64}
    assert layer.map_version != before and len(layer.map_version) == 12


def test_what_django_has_looked_up_is_then_served_before_it(client: Client, layer: ImageryLayer) -> None:
    z, x, y = web_place(layer)
    path, asked = f"/imagery/scene/web/{z}/{x}/{y}.jpg", Asked()
    assert asked.get(path)[2] == b"from django"
    seen = client.get(path, {"v": layer.map_version})
    status, headers, body = asked.get(path, f"v={layer.map_version}")
    assert (status, body, asked.passed) == (200, seen.content, 1)
    assert {name: headers[name] for name in ("ETag", "Cache-Control", "Content-Type", "X-Content-Type-Options")} == {
        name: seen[name] for name in ("ETag", "Cache-Control", "Content-Type", "X-Content-Type-Options")
    }
    assert headers["Content-Length"] == str(len(body))
    assert asked.get(path)[1]["Cache-Control"] == "public, max-age=300"
    assert asked.get(path, HTTP_IF_NONE_MATCH=seen["ETag"])[0] == 304
    assert asked.get(f"/imagery/scene/web/{z}/{x + 3}/{y}.jpg")[0] == 204
    assert asked.passed == 1


def test_what_is_not_stored_goes_on_to_django(client: Client, layer: ImageryLayer) -> None:
    z, x, y = web_place(layer)
    path, asked = f"/imagery/scene/web/{z}/{x}/{y}.jpg", Asked()
    client.get(path)
    others = [
        (path, f"v={layer.map_version}&view=irc", "GET"),
        (path, "view=irc", "GET"),
        (path, "", "POST"),
        (path, "", "HEAD"),
        ("/imagery/scene/web/1/0/0.jpg", "", "GET"),  # a zoom the copy lacks is warped
        ("/imagery/other/web/1/0/0.jpg", "", "GET"),
        (f"{path}.html", "", "GET"),
        ("/campaigns/", "", "GET"),
    ]
    for other in others:
        assert asked.get(*other)[2] == b"from django", other
    assert asked.passed == len(others)


def test_files_that_went_away_and_sets_of_some_seconds_ago_are_looked_up_again(
    client: Client, layer: ImageryLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, asked = "/imagery/scene/native/0/0/0.jpg", Asked()
    client.get(path)
    assert asked.get(path)[0] == 200 and asked.passed == 0
    layer.path("display.tif").rename(layer.path("elsewhere.tif"))
    asked.get(path)
    assert asked.passed == 1
    layer.path("elsewhere.tif").rename(layer.path("display.tif"))
    monkeypatch.setattr(served_tiles, "KNOWN_S", -1.0)
    client.get(path)
    asked.get(path)
    assert asked.passed == 2


def test_the_tiles_used_longest_ago_go_first() -> None:
    tiles = KeptTiles(most_bytes=3 * 1200 + 200)
    for number in range(3):
        tiles.put(("v", number), bytes(1000))
    assert tiles.get(("v", 0)) == (bytes(1000), True)
    tiles.put(("v", 3), bytes(1000))
    assert [tiles.get(("v", number))[1] for number in range(4)] == [True, False, True, True]
    tiles.put(("v", 3), None)
    assert tiles.get(("v", 3)) == (None, True)
    tiles.put(("v", 4), bytes(1000))
    assert tiles.get(("v", 0))[1], "an empty one took the place of a full one"


def test_a_layer_of_before_gets_its_web_copy_and_with_it_another_version(client: Client, layer: ImageryLayer) -> None:
    z, x, y = web_place(layer)
    stored = client.get(f"/imagery/scene/web/{z}/{x}/{y}.jpg").content
    layer.path("web.tif").unlink()
    layer.files = {name: digest for name, digest in layer.files.items() if name != "web.tif"}
    layer.save()
    warped = client.get(f"/imagery/scene/web/{z}/{x}/{y}.jpg")
    assert warped.status_code == 200 and warped.content != stored
    call_command("write_web_copies", "scene")
    written = ImageryLayer.objects.get(slug="scene")
    assert client.get(f"/imagery/scene/web/{z}/{x}/{y}.jpg").content == stored
    assert written.map_version != layer.map_version and set(written.files) == {*layer.files, "web.tif"}
    assert not [entry.name for entry in written.path("").iterdir() if "partial" in entry.name]
    call_command("write_web_copies")  # there is nothing left to do


def test_a_models_map_is_drawn_once_and_then_served_before_django(client: Client) -> None:
    from learning.services.predictions import shown_file
    from learning.views import map_version

    _scene, prediction = halved_map()
    path, asked = f"/predictions/{prediction.pk}/class/native/0/0/0.png", Asked()
    seen = client.get(path)
    name = shown_file(prediction, "class")
    assert name == "class_public.tif" and seen["ETag"] == f'"{map_version(prediction, name)}"'
    prediction.path(name).unlink()
    status, _headers, body = asked.get(path)
    assert (status, body, asked.passed) == (200, seen.content, 0)
    asked.get(f"/predictions/{prediction.pk}/class/native/1/0/0.png")
    assert asked.passed == 1, "that one is not drawn yet"


def test_sets_are_told_apart_by_what_they_show() -> None:
    served_tiles.remember("/imagery/a/web", ServedTiles("1", "image/jpeg", lambda z, x, y: (b"a", True)))
    asked = Asked()
    assert asked.get("/imagery/a/web/0/0/0.jpg")[2] == b"a"
    assert asked.get("/imagery/a/native/0/0/0.jpg")[2] == b"from django"
    assert asked.get("/predictions/1/class/web/0/0/0.png")[2] == b"from django"


def test_campaigns_name_the_version_of_their_imagery() -> None:
    scene = labelled_campaign()
    answer = Client().get(f"/api/v1/campaigns/{scene.campaign.slug}/")
    if answer.status_code == 200:
        assert answer.json()["layer"]["map_version"] == scene.campaign.layer.map_version
