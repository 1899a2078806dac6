"""Migrations pass on a filled database, back and forth."""

from __future__ import annotations

import pytest
import scenes
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from validation_rows import ranked_round

from annotation.models import Lease
from annotation.services.queue import claim_next_tile
from annotation.services.validation_queue import claim_tile_to_validate

BEFORE_VALIDATIONS = [("learning", "0003_round_without_map"), ("annotation", "0004_blind_tiles_and_imagery_seen")]


@pytest.mark.django_db(transaction=True)
def test_leases_to_judge_go_back_with_the_verdicts_and_those_to_draw_stay() -> None:
    campaign = scenes.campaign(tile_px=128)
    ranked_round(campaign, 1, model_version="m1")
    ana = scenes.person("ana")
    judging = claim_tile_to_validate(campaign=campaign, annotator=ana, model_version="m1")
    drawing = claim_next_tile(campaign=campaign, annotator=ana)
    assert judging is not None and drawing is not None
    assert judging.tile_id == drawing.tile_id, "one person holds one tile twice, which the rule before forbids"
    latest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    try:
        MigrationExecutor(connection).migrate(BEFORE_VALIDATIONS)
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM annotation_lease")
            assert cursor.fetchall() == [(drawing.pk,)]
    finally:
        MigrationExecutor(connection).migrate(latest)
    assert Lease.objects.get().purpose == Lease.Purpose.DRAW
