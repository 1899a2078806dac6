"""Downloads of releases and map tiles of predictions."""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from learning_rows import labelled_campaign
from map_rows import halved_map
from PIL import Image
from pyproj import Transformer
from scenes import TWO_CLASSES

from annotation.models import Campaign
from annotation.services.tiles import pool_mask
from learning.models import Release
from learning.release.manifest import write_manifest
from learning.services.releases import finish_release

pytestmark = pytest.mark.django_db


@pytest.fixture
def release() -> Release:
    """A published release of three files, put in place by hand."""
    from django.utils import timezone

    scene = labelled_campaign()
    row = Release.objects.create(campaign=scene.campaign, version="1.0.0", title="t", folder="camp-1.0.0")
    shutil.rmtree(row.path, ignore_errors=True)  # of the test before
    (row.path / "maps").mkdir(parents=True)
    (row.path / "README.md").write_text("0123456789")
    (row.path / "maps" / "page.html").write_text("<script>alert(1)</script>")
    (row.path / "release.json").write_text('{"counts": {}, "licence": "etalab-2.0", "attribution": "a"}')
    write_manifest(row.path, version="1.0.0")
    (row.path / "unlisted.txt").write_text("not for anyone")
    assert row.created_at <= timezone.now()
    return finish_release(release=row)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def test_a_listed_file_is_sent_whole_as_an_attachment_to_keep(client: Client, release: Release) -> None:
    answer = client.get("/releases/camp-1.0.0/files/README.md")
    assert answer.status_code == 200 and body(answer) == b"0123456789"
    assert answer["Content-Length"] == "10" and answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == 'attachment; filename="README.md"'
    assert "immutable" in answer["Cache-Control"]
    assert answer["ETag"] == f'"{hashlib.sha256(b"0123456789").hexdigest()}"'
    again = client.get("/releases/camp-1.0.0/files/README.md", headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304 and again.content == b""


@pytest.mark.parametrize(
    ("asked", "status", "sent", "content_range"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=5-100", 206, b"56789", "bytes 5-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("rows=0-1", 200, b"0123456789", None),
    ],
)
def test_one_range_of_a_file_can_be_asked_for(
    client: Client, release: Release, asked: str, status: int, sent: bytes, content_range: str | None
) -> None:
    answer = client.get("/releases/camp-1.0.0/files/README.md", headers={"Range": asked})
    assert answer.status_code == status and answer.get("Content-Range") == content_range
    assert (body(answer) if answer.streaming else answer.content) == sent


def test_a_range_of_another_version_of_the_file_gets_the_whole(client: Client, release: Release) -> None:
    headers = {"Range": "bytes=0-1", "If-Range": '"another"'}
    answer = client.get("/releases/camp-1.0.0/files/README.md", headers=headers)
    assert answer.status_code == 200 and body(answer) == b"0123456789"


@pytest.mark.parametrize(
    "path",
    ["unlisted.txt", "nothing.txt", "../camp-1.0.0/README.md", "maps/../README.md", "maps//page.html", "maps",
     "%2e%2e/camp-1.0.0/README.md", "/etc/passwd", "README.md%00", "./README.md"],
)  # fmt: skip
def test_what_the_manifest_does_not_list_is_not_there(client: Client, release: Release, path: str) -> None:
    assert client.get(f"/releases/camp-1.0.0/files/{path}").status_code == 404


def test_the_manifest_and_its_sums_are_served(client: Client, release: Release) -> None:
    answer = client.get("/releases/camp-1.0.0/files/manifest.json")
    assert hashlib.sha256(body(answer)).hexdigest() == release.manifest_sha256
    assert client.get("/releases/camp-1.0.0/files/SHA256SUMS").status_code == 200


def test_no_file_is_sent_as_something_a_browser_runs(client: Client, release: Release) -> None:
    answer = client.get("/releases/camp-1.0.0/files/maps/page.html")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"


def test_a_version_alone_names_a_release_while_one_campaign_has_it(client: Client, release: Release) -> None:
    assert client.get("/releases/1.0.0/files/README.md").status_code == 200
    other = labelled_campaign("other").campaign
    Release.objects.create(
        campaign=other, version="1.0.0", title="t", folder="other-1.0.0", state="published",
        manifest_sha256="0" * 64, published_at=release.published_at,
    )  # fmt: skip
    assert client.get("/releases/1.0.0/files/README.md").status_code == 404
    assert client.get("/releases/camp-1.0.0/files/README.md").status_code == 200


def test_a_release_being_made_is_not_there(client: Client) -> None:
    scene = labelled_campaign()
    row = Release.objects.create(campaign=scene.campaign, version="1.0.0", title="t", folder="camp-1.0.0-making")
    row.path.mkdir(parents=True, exist_ok=True)
    (row.path / "README.md").write_text("early")
    write_manifest(row.path, version="1.0.0")
    assert client.get("/releases/camp-1.0.0-making/files/README.md").status_code == 404


def test_a_head_request_tells_the_size_without_the_bytes(client: Client, release: Release) -> None:
    answer = client.head("/releases/camp-1.0.0/files/README.md")
    assert answer.status_code == 200 and answer["Content-Length"] == "10" and body(answer) == b""


def place_of(scene: Any, role: str) -> tuple[int, int]:
    """Pixel (x, y) of the middle of a tile of this role."""
    if role == "holdout":
        tile = scene.holdout_tiles()[0]
        return tile.col * 64 + 32, tile.row * 64 + 32
    mask = pool_mask(scene.campaign)
    row, col = np.argwhere(mask)[0]
    return int(col) * 64 + 32, int(row) * 64 + 32


def alpha_native(client: Client, prediction: Any, what: str, place: tuple[int, int]) -> int:
    """Opacity of the map at a pixel of the imagery, at full resolution (zoom 2: 1,024 = 4 map tiles)."""
    x, y = place
    answer = client.get(f"/predictions/{prediction.pk}/{what}/native/2/{x // 256}/{y // 256}.png")
    if answer.status_code == 204:
        return 0
    return Image.open(io.BytesIO(answer.content)).convert("RGBA").getpixel((x % 256, y % 256))[3]


def alpha_web(client: Client, scene: Any, prediction: Any, what: str, place: tuple[int, int], zoom: int = 19) -> int:
    """Opacity of the map on the web grid at a pixel of the imagery."""
    a, _, c, _, e, f = scene.campaign.layer.transform
    to_web = Transformer.from_crs("EPSG:2154", "EPSG:3857", always_xy=True)
    x_m, y_m = to_web.transform(c + (place[0] + 0.5) * a, f + (place[1] + 0.5) * e)
    half_world = 20037508.342789244
    pixels = 256 * 2**zoom / (2 * half_world)
    px, py = int((x_m + half_world) * pixels), int((half_world - y_m) * pixels)
    answer = client.get(f"/predictions/{prediction.pk}/{what}/web/{zoom}/{px // 256}/{py // 256}.png")
    if answer.status_code == 204:
        return 0
    return Image.open(io.BytesIO(answer.content)).convert("RGBA").getpixel((px % 256, py % 256))[3]


@pytest.mark.parametrize("what", ["class", "entropy"])
def test_control_tiles_are_left_out_of_the_map_for_as_long_as_the_campaign_is_open(
    client: Client, tmp_path: Path, what: str
) -> None:
    scene, prediction = halved_map()
    control, pool = place_of(scene, "holdout"), place_of(scene, "pool")
    assert alpha_native(client, prediction, what, control) == 0 == alpha_web(client, scene, prediction, what, control)
    assert alpha_native(client, prediction, what, pool) > 0 < alpha_web(client, scene, prediction, what, pool)
    assert alpha_web(client, scene, prediction, what, control, zoom=17) == 0, "from further away too"

    path = f"/predictions/{prediction.pk}/{what}/native/0/0/0.png"
    masked = client.get(path)
    assert masked["Cache-Control"] == "public, max-age=300", "it will change"
    version = masked["ETag"].strip('"')
    assert "immutable" in client.get(path, {"v": version})["Cache-Control"], "the masked map will not"
    Campaign.objects.update(state="closed")
    whole = client.get(path, {"v": version}, headers={"If-None-Match": masked["ETag"]})
    assert whole.status_code == 200 and whole["ETag"] != masked["ETag"]
    assert whole["Cache-Control"] == "public, max-age=300", "not under the address of the masked map"
    assert alpha_native(client, prediction, what, control) > 0 < alpha_web(client, scene, prediction, what, control)


def test_a_map_without_a_public_copy_is_not_shown_while_people_label(client: Client, tmp_path: Path) -> None:
    _scene, prediction = halved_map()
    files = {name: digest for name, digest in prediction.files.items() if "public" not in name}
    type(prediction).objects.filter(pk=prediction.pk).update(files=files)
    path = f"/predictions/{prediction.pk}/class/native/0/0/0.png"
    assert client.get(path).status_code == 404
    Campaign.objects.update(state="closed")
    assert client.get(path).status_code == 200


def test_a_class_map_is_seen_in_the_nomenclatures_colours(client: Client, tmp_path: Path) -> None:
    scene, prediction = halved_map()
    Campaign.objects.update(state="closed")  # all of it is shown
    answer = client.get(f"/predictions/{prediction.pk}/class/native/0/0/0.png")
    assert answer.status_code == 200 and answer["Content-Type"] == "image/png"
    picture = Image.open(io.BytesIO(answer.content)).convert("RGBA")
    for x, code in ((10, TWO_CLASSES[0]), (200, TWO_CLASSES[1])):
        colour = scene.campaign.nomenclature.classes.get(code=code).colour
        assert "#{:02X}{:02X}{:02X}".format(*picture.getpixel((x, 128))[:3]) == colour.upper()
    again = client.get(answer.wsgi_request.path, headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304


def test_doubt_is_opaque_and_certainty_clear(client: Client, tmp_path: Path) -> None:
    _scene, prediction = halved_map()
    Campaign.objects.update(state="closed")
    answer = client.get(f"/predictions/{prediction.pk}/entropy/native/2/1/3.png")
    doubtful = Image.open(io.BytesIO(answer.content)).convert("RGBA").getpixel((5, 5))
    answer = client.get(f"/predictions/{prediction.pk}/entropy/native/2/1/0.png")
    certain = Image.open(io.BytesIO(answer.content)).convert("RGBA").getpixel((5, 5))
    assert doubtful[3] > 200 > certain[3]


def test_a_map_that_is_not_ready_or_outside_is_not_shown(client: Client, tmp_path: Path) -> None:
    _scene, prediction = halved_map()
    assert client.get(f"/predictions/{prediction.pk}/class/native/2/9/0.png").status_code == 204
    assert client.get(f"/predictions/{prediction.pk + 1}/class/native/0/0/0.png").status_code == 404
    type(prediction).objects.filter(pk=prediction.pk).update(state="running")
    assert client.get(f"/predictions/{prediction.pk}/class/native/0/0/0.png").status_code == 404
