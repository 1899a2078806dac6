"""What a save may hold: clients of other versions send members that this one does not know."""

from __future__ import annotations

import uuid

import scenes
from rest_framework.test import APIClient

from annotation.api.serializers import SaveSerializer
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
    assert set(SaveSerializer().fields) == {"operation_id", "features", "seconds_spent", "draft_model", "views_seen"}
