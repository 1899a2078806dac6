"""What a save may hold: clients of other versions send members that this one does not know."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
import scenes
from django.conf import settings
from rest_framework.test import APIClient

from annotation.api.serializers import SaveSerializer
from annotation.core.features import MAX_FEATURES, MAX_TILE_VERTICES
from annotation.core.grid import SUBPIXELS
from annotation.services.queue import claim_next_tile


def test_members_that_are_not_known_are_ignored(db: None) -> None:
    campaign, ana = scenes.campaign("camp", tile_px=256), scenes.person("ana")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    client = APIClient()
    client.force_login(ana)
    body = {
        "operation_id": str(uuid.uuid4()),
        "features": [scenes.square(scenes.TWO_CLASSES[0], 0, 0, 10)],
        "seconds_spent": 4,
        "lease": "not even a lease's name",
        "of_a_later_version": {"any": ["thing"]},
    }
    url = f"/api/v1/tiles/{lease.tile_id}/annotation/"
    answer = client.put(url, body, format="json", headers={"If-Match": '"0"'})
    assert answer.status_code == 200, answer.content
    assert answer.json()["version"] == 1


def test_a_save_declares_only_what_it_uses() -> None:
    used = {"operation_id", "features", "seconds_spent", "draft_model", "views_seen", "classes"}
    assert set(SaveSerializer().fields) == used


def test_a_tile_that_is_as_full_as_may_be_fits_a_body() -> None:
    """As a browser writes it, with the longest names and corners far from the origin of a tile of 2,048 px."""
    far = 2048 * SUBPIXELS
    ring = [[far, far]] * (MAX_TILE_VERTICES // MAX_FEATURES)
    feature = {"id": "f" * 40, "class_code": "CS1.1.2.1", "rings": [ring], "provenance": "corrected"}
    body = {
        "operation_id": str(uuid.uuid4()),
        "features": [feature] * MAX_FEATURES,
        "seconds_spent": 86_399.999,
        "draft_model": "m" * 64,
        "views_seen": ["rgb", "irc", "ndvi", "band-height"],
    }
    assert len(json.dumps(body, separators=(",", ":"))) < settings.API_MAX_BODY_BYTES


@pytest.mark.parametrize("beyond", [1, 10_000])
def test_a_larger_body_is_refused_with_its_limit_in_the_apis_own_words(db: None, beyond: int) -> None:
    client = APIClient()
    client.force_login(scenes.person("ana"))
    body = b" " * (settings.API_MAX_BODY_BYTES + beyond)
    refused: Any = client.post("/api/v1/campaigns/any/claim/", body, content_type="application/json")
    assert refused.status_code == 413
    assert refused.json()["error"]["code"] == "body_too_large"
    assert str(settings.API_MAX_BODY_BYTES) in refused.json()["error"]["message"]
