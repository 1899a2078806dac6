"""Who may call what: every route of the API × every kind of caller, on what belongs to Ana (SECURITY.md, T5).

A route without a row here fails: access is decided when a route is written, not later.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import scenes
from django.urls import get_resolver
from report_rows import report
from rest_framework.test import APIClient

from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.jobs import enqueue_job
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile

CALLERS = ("anonymous", "stranger", "author", "reviewer", "maintainer")
PUBLIC = (200, 200, 200, 200, 200)
SIGNED_IN = (401, 200, 200, 200, 200)

# Route name → (method, body, status by caller). 404 is "not for you to know"; 4xx above it is a refusal of content.
EXPECTED: dict[str, tuple[str, Any, tuple[int, ...]]] = {
    "api-me": ("get", None, SIGNED_IN),
    "api-my-annotations": ("get", None, SIGNED_IN),
    "api-campaigns": ("get", None, PUBLIC),
    "api-campaign": ("get", None, PUBLIC),
    "api-campaign-tiles": ("get", None, PUBLIC),
    "api-campaign-reports": ("get", None, PUBLIC),
    "api-report": ("get", None, PUBLIC),
    "api-reports": (  # off the map
        "post",
        {"place": {"type": "Point", "coordinates": [0, 0]}},
        (422, 422, 422, 422, 422),
    ),
    "api-claim": ("post", {}, SIGNED_IN),
    "api-pick": ("post", {"row": 999_999, "col": 0}, (401, 400, 400, 400, 400)),
    "api-next-review": ("get", None, (401, 404, 404, 200, 200)),
    "api-tile": ("get", None, SIGNED_IN),
    "api-tile-pick": ("post", {}, (401, 409, 200, 409, 409)),  # Ana's tile has its one person
    "api-annotation": ("get", None, SIGNED_IN),  # one's own: empty for everyone but Ana
    "api-submit": ("post", {"operation_id": "new"}, (401, 428, 428, 428, 428)),
    "api-geojson": ("post", {"operation_id": "new", "collection": {}}, (401, 422, 422, 422, 422)),
    "api-segments": ("get", None, (401, 400, 400, 400, 400)),  # no level of detail asked for
    "api-other-vintages": ("get", None, SIGNED_IN),
    "api-review": ("post", {"operation_id": "new", "verdict": "accept"}, (401, 404, 403, 428, 428)),
    "api-heartbeat": ("post", {}, (401, 404, 409, 404, 404)),  # Ana's lease is done
    "api-release-lease": ("post", {"reason": "left"}, (401, 404, 204, 404, 404)),
    "api-job": ("get", None, (401, 404, 200, 404, 200)),
    "api-job-cancel": ("post", {}, (401, 404, 200, 404, 200)),
    "api-draft": ("get", None, (401, 404, 404, 404, 404)),  # no model yet
    "api-doubt": ("get", None, (401, 404, 404, 404, 404)),  # no model yet
    "api-validate": ("post", {}, (401, 409, 409, 409, 409)),  # no model yet
    "api-validations": (  # nobody was given its drawing to judge
        "post",
        {"operation_id": "new", "model_version": "m1", "verdicts": [], "done": True},
        (401, 409, 409, 409, 409),
    ),
    "api-training-runs": ("post", {}, (401, 404, 404, 404, 409)),  # too little to learn from
    "api-rounds": ("get", None, PUBLIC),
    "api-models": ("get", None, PUBLIC),
}


def api_routes() -> Iterator[str]:
    for resolver in get_resolver().url_patterns:
        if str(getattr(resolver, "pattern", "")) == "api/v1/":
            yield from (pattern.name for pattern in resolver.url_patterns)


@pytest.fixture
def world(db: None) -> dict[str, Any]:
    people = {name: scenes.person(name) for name in CALLERS if name != "anonymous"}
    campaign = scenes.campaign("camp", tile_px=256)
    set_role(campaign=campaign, user=people["reviewer"], role="reviewer")
    set_role(campaign=campaign, user=people["maintainer"], role="maintainer")
    lease = claim_next_tile(campaign=campaign, annotator=people["author"])
    assert lease is not None
    features = [scenes.square(scenes.TWO_CLASSES[0], 0, 0, 10)]
    saved = save_annotation(
        tile=lease.tile, annotator=people["author"], features=features, operation_id=uuid.uuid4(), expected_version=0
    )
    submit_annotation(tile=lease.tile, annotator=people["author"], operation_id=uuid.uuid4(), expected_version=1)
    job = enqueue_job(kind="count", payload={}, owner=people["author"], campaign=campaign)
    return {
        "people": people,
        "arguments": {
            "slug": "camp",
            "tile_id": lease.tile_id,
            "annotation_id": saved.annotation.pk,
            "token": lease.token,
            "job_id": job.id,
            "report_id": report(lease.tile, reporter=people["author"]).public_id,
        },
    }


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert set(api_routes()) == set(EXPECTED)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("route", EXPECTED)
def test_access(world: dict[str, Any], route: str, caller: str) -> None:
    method, body, statuses = EXPECTED[route]
    client = APIClient()
    if caller != "anonymous":
        client.force_login(world["people"][caller])
    if body and body.get("operation_id") == "new":
        body = {**body, "operation_id": str(uuid.uuid4())}
    answer = getattr(client, method)(path_of(route, world["arguments"]), body, format="json")
    assert answer.status_code == statuses[CALLERS.index(caller)], answer.content[:300]
    if answer.status_code >= 400:
        assert set(answer.json()["error"]) == {"code", "message", "details"}


def path_of(route: str, arguments: dict[str, Any]) -> str:
    for resolver in get_resolver().url_patterns:
        if str(getattr(resolver, "pattern", "")) != "api/v1/":
            continue
        for pattern in resolver.url_patterns:
            if pattern.name == route:
                text = str(pattern.pattern)
                for name, value in arguments.items():
                    for converter in ("slug", "int", "uuid"):
                        text = text.replace(f"<{converter}:{name}>", str(value))
                return "/api/v1/" + text
    raise LookupError(route)
