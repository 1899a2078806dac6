"""The published model's doubt over a tile, in bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scenes
from learning_rows import labelled_campaign, model_row, ready_map

from annotation.models import Campaign

pytestmark = pytest.mark.django_db


@pytest.fixture
def doubted(api_client: Any) -> Any:
    """A signed-in client, two pool tiles of a campaign with a published map, and that map's doubt."""
    scene = labelled_campaign(pool=1)
    levels = np.random.default_rng(2).integers(0, 256, (1, 1024, 1024), dtype=np.uint8)
    shown, bare = scene.pool_tiles()[1:3]
    levels[0, bare.row * 64 : (bare.row + 1) * 64, bare.col * 64 : (bare.col + 1) * 64] = 0
    prediction = ready_map(model_row(scene.campaign, state="promoted"), np.full((16, 16), 0.5, np.float32))
    scenes.write_geotiff(prediction.path("entropy.tif"), levels)
    api_client.force_authenticate(scene.author)
    return api_client, shown, bare, levels[0]


def test_doubt_is_the_maps_entropy_on_the_tiles_own_pixels(doubted: Any) -> None:
    client, tile, _bare, levels = doubted
    answer = client.get(f"/api/v1/tiles/{tile.pk}/doubt/", headers={"Accept": "application/octet-stream"})
    assert answer.status_code == 200 and answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Model-Version"] == "camp-m1"
    found = np.frombuffer(answer.content, dtype=np.uint8).reshape(64, 64)
    assert np.array_equal(found, levels[tile.row * 64 : (tile.row + 1) * 64, tile.col * 64 : (tile.col + 1) * 64])


def test_a_tile_without_imagery_has_no_doubt_to_show(doubted: Any) -> None:
    client, _tile, bare, _levels = doubted
    answer = client.get(f"/api/v1/tiles/{bare.pk}/doubt/")
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "no_draft"


@pytest.mark.parametrize("what", ["doubt", "draft"])
def test_a_blind_tile_shows_nothing_of_a_model_that_has_mapped_it(doubted: Any, what: str) -> None:
    client, tile, _bare, _levels = doubted
    Campaign.objects.update(blind_share=1.0)
    for blind in (tile, tile.campaign.tiles.filter(role="holdout").first()):
        answer = client.get(f"/api/v1/tiles/{blind.pk}/{what}/")
        assert answer.status_code == 404 and answer.json()["error"]["code"] == "blind_tile"
        assert "X-Model-Version" not in answer


def test_before_a_map_there_is_no_doubt(api_client: Any) -> None:
    scene = labelled_campaign()
    api_client.force_authenticate(scene.author)
    answer = api_client.get(f"/api/v1/tiles/{scene.pool_tiles()[0].pk}/doubt/")
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "no_draft"
