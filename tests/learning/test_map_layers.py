"""What a campaign's public map offers, and its layer of changes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import rasterio
from django.test import Client
from learning_rows import labelled_campaign
from map_rows import drawn_map, halved_map
from PIL import Image
from pyproj import Transformer
from scenes import TWO_CLASSES, campaign, virtual_layer

from annotation.models import Campaign
from annotation.served_tiles import forget_all
from learning.map_layers import map_layers
from learning.services.other_vintage import other_vintages_map

pytestmark = pytest.mark.django_db
HALF_WORLD = 20037508.342789244


@pytest.fixture
def two_vintages() -> tuple[Any, Any]:
    """Maps of 2022 and 2019, of one ground: all the first class in 2019, its right half the second class in 2022."""
    made = []
    for year in (2022, 2019):
        layer = virtual_layer(f"layer-{year}", width=1024, height=1024)
        layer.vintage = year
        layer.save()
        camp = campaign(f"camp-{year}", layer=layer, tile_px=64, seed=5)
        classes = np.ones((1024, 1024), np.uint8)
        if year == 2022:
            classes[:, 512:] = 2
        made.append(drawn_map(camp, classes, np.ones_like(classes)))
    Campaign.objects.update(state="closed")
    return made[0], made[1]


def web_pixel(prediction: Any, col: int, row: int, z: int = 19) -> tuple[int, int]:
    """Pixel of the web grid over the middle of a pixel of the imagery."""
    a, _, c, _, e, f = prediction.layer.transform
    to_web = Transformer.from_crs("EPSG:2154", "EPSG:3857", always_xy=True)
    x, y = to_web.transform(c + (col + 0.5) * a, f + (row + 0.5) * e)
    scale = 256 * 2**z / (2 * HALF_WORLD)
    return int((x + HALF_WORLD) * scale), int((HALF_WORLD - y) * scale)


def colour_at(client: Client, url: str, place: tuple[int, int], z: int = 19) -> tuple[int, ...]:
    """Red, green, blue, alpha at a pixel of the web grid."""
    x, y = place
    answer = client.get(url.format(z=z, x=x // 256, y=y // 256))
    if answer.status_code == 204:
        return (0, 0, 0, 0)
    assert answer.status_code == 200
    return Image.open(io.BytesIO(answer.content)).convert("RGBA").getpixel((x % 256, y % 256))


def test_a_campaign_without_a_model_offers_its_imagery_and_says_what_is_labelled(client: Client) -> None:
    scene = labelled_campaign(pool=2, holdout=1)
    offered = client.get("/api/v1/campaigns/camp/map/").json()
    layer = scene.campaign.layer
    assert [one["layer"] for one in offered["imagery"]] == [layer.slug]
    assert offered["imagery"][0]["url"] == f"/imagery/{layer.slug}/web/{{z}}/{{x}}/{{y}}.jpg?v={layer.map_version}"
    assert offered["maps"] == [] and offered["change"] is None
    assert offered["labels"]["tiles"] == 2, "control tiles are not shown"
    assert offered["labels"]["compared_tiles"] == 0


def test_the_addresses_offered_may_be_kept_for_ever(client: Client) -> None:
    halved_map()
    maps = client.get("/api/v1/campaigns/camp/map/").json()["maps"]
    assert [one["kind"] for one in maps] == ["class", "entropy"]
    for one in maps:
        answer = client.get(one["url"].format(z=13, x=0, y=0))
        assert answer.status_code == 204 and "immutable" in answer["Cache-Control"]


def test_a_map_that_must_not_be_seen_is_not_offered(client: Client) -> None:
    _scene, prediction = halved_map()
    files = {name: digest for name, digest in prediction.files.items() if "public" not in name}
    type(prediction).objects.update(files=files)
    assert client.get("/api/v1/campaigns/camp/map/").json()["maps"] == []


def test_with_another_vintage_both_imageries_both_maps_and_the_change_are_offered(
    client: Client, two_vintages: tuple[Any, Any]
) -> None:
    now, before = two_vintages
    assert other_vintages_map(now) == before
    offered = client.get("/api/v1/campaigns/camp-2022/map/").json()
    assert [one["vintage"] for one in offered["imagery"]] == [2022, 2019]
    assert [(one["kind"], one["vintage"]) for one in offered["maps"]] == [
        ("class", 2022), ("entropy", 2022), ("class", 2019), ("entropy", 2019),
    ]  # fmt: skip
    assert (offered["change"]["from"], offered["change"]["to"]) == (2019, 2022)


def test_the_map_of_the_earlier_vintage_offers_the_disagreement_and_no_later_class(
    client: Client, two_vintages: tuple[Any, Any]
) -> None:
    now, before = two_vintages
    assert other_vintages_map(before) == now
    offered = client.get("/api/v1/campaigns/camp-2019/map/").json()
    assert offered["change"] is None, "in the colours of 2019 it would show what was there, not what is"
    assert (offered["disagreement"]["from"], offered["disagreement"]["to"]) == (2019, 2022)


def test_change_has_the_colour_of_what_is_there_now_and_nothing_where_nothing_changed(
    client: Client, two_vintages: tuple[Any, Any]
) -> None:
    now, _before = two_vintages
    url = map_layers(now.model.campaign)["change"]["url"]
    colour = now.model.campaign.nomenclature.classes.get(code=TWO_CLASSES[1]).colour
    expected = (*(int(colour[at : at + 2], 16) for at in (1, 3, 5)), 255)
    assert colour_at(client, url, web_pixel(now, 900, 500)) == expected
    assert colour_at(client, url, web_pixel(now, 100, 500))[3] == 0


def test_what_a_map_doubts_is_no_change(client: Client, two_vintages: tuple[Any, Any]) -> None:
    now, before = two_vintages
    with rasterio.open(before.path("entropy.tif"), "r+", driver="GTiff") as doubt:
        doubt.write(np.full((1024, 1024), 200, np.uint8), 1)
    url = map_layers(now.model.campaign)["change"]["url"]
    assert colour_at(client, url, web_pixel(now, 900, 500))[3] == 0


def test_where_maps_disagree_the_colour_says_whether_both_are_sure(
    client: Client, two_vintages: tuple[Any, Any]
) -> None:
    now, before = two_vintages
    url = map_layers(now.model.campaign)["disagreement"]["url"]
    assert colour_at(client, url, web_pixel(now, 900, 500)) == (0xD5, 0x5E, 0x00, 255)
    assert colour_at(client, url, web_pixel(now, 100, 500))[3] == 0
    with rasterio.open(before.path("entropy.tif"), "r+", driver="GTiff") as doubt:
        doubt.write(np.full((1024, 1024), 200, np.uint8), 1)
    forget_all()
    assert colour_at(client, url, web_pixel(now, 900, 500)) == (0x56, 0xB4, 0xE9, 255)
    x, y = (value // 256 for value in web_pixel(now, 900, 500))
    assert client.get(f"/predictions/{now.pk}/against/999/web/19/{x}/{y}.png").status_code == 404


def test_maps_that_cannot_be_compared_have_no_change(client: Client, two_vintages: tuple[Any, Any]) -> None:
    now, before = two_vintages
    x, y = (value // 256 for value in web_pixel(now, 900, 500))
    assert client.get(f"/predictions/{now.pk}/since/{before.pk}/web/19/{x}/{y}.png").status_code == 200
    for one, other in [(now.pk, now.pk), (now.pk, 999), (999, before.pk)]:
        assert client.get(f"/predictions/{one}/since/{other}/web/19/{x}/{y}.png").status_code == 404
    assert client.get(f"/predictions/{now.pk}/since/{before.pk}/web/2/9/0.png").status_code == 404
    Campaign.objects.filter(slug="camp-2019").update(state="open")
    files = {name: digest for name, digest in before.files.items() if "public" not in name}
    type(before).objects.filter(pk=before.pk).update(files=files)
    hidden = client.get(f"/predictions/{now.pk}/since/{before.pk}/web/19/{x}/{y}.png")
    assert hidden.status_code == 404, "an open campaign's map is seen without its control tiles or not at all"
