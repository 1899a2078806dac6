"""Migrations pass on a filled database, back and forth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import scenes
from asked_rows import asking_round, held
from django.db import ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.expressions import RawSQL
from gold_rows import gold_campaign
from learning_rows import labelled_campaign
from report_rows import report
from validation_rows import ranked_round

from annotation.models import AnnotatedFeature, GoldLease, Lease, PlaceReport, QueueMark, Ticket
from annotation.services.queue import claim_next_tile
from annotation.services.queue_pick import pick_tile
from annotation.services.splitting import split_tile
from annotation.services.validation_queue import claim_tile_to_validate

BEFORE_VALIDATIONS = [("learning", "0003_round_without_map"), ("annotation", "0004_blind_tiles_and_imagery_seen")]


@contextmanager
def went_back(*targets: tuple[str, str]) -> Iterator[None]:
    """The database as these migrations leave it; as the last ones do when it is left, also after a refusal."""
    latest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    try:
        MigrationExecutor(connection).migrate(list(targets))
        yield
    finally:
        MigrationExecutor(connection).migrate(latest)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_leases_to_judge_go_back_with_the_verdicts_and_those_to_draw_stay() -> None:
    campaign = scenes.campaign(tile_px=128)
    ranked_round(campaign, 1, model_version="m1")
    ana = scenes.person("ana")
    judging = claim_tile_to_validate(campaign=campaign, annotator=ana, model_version="m1")
    drawing = claim_next_tile(campaign=campaign, annotator=ana)
    assert judging is not None and drawing is not None
    assert judging.tile_id == drawing.tile_id, "one person holds one tile twice, which the rule before forbids"
    with went_back(*BEFORE_VALIDATIONS), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM annotation_lease")
        assert cursor.fetchall() == [(drawing.pk,)]
    assert Lease.objects.get().purpose == Lease.Purpose.DRAW


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_reported_places_go_back_to_the_end_of_their_round_and_the_queue_goes_on() -> None:
    campaign = scenes.campaign(tile_px=128, first_round=10)
    tickets = campaign.tickets.select_related("tile__campaign__layer").filter(kind="initial").order_by("rank")
    for ticket in list(tickets)[3:5]:
        report(ticket.tile)
    before = list(campaign.tickets.filter(rank__lt=0).order_by("rank").values_list("tile", flat=True))
    with went_back(("annotation", "0007_queue_marks")):
        pass
    last = Ticket.objects.filter(campaign=campaign).order_by("-rank")
    assert [ticket.tile_id for ticket in last[:2]][::-1] == before and last.last().rank == 0  # type: ignore[union-attr]
    assert QueueMark.objects.get(campaign=campaign).open_rank == 0 and not PlaceReport.objects.exists()
    lease = claim_next_tile(campaign=campaign, annotator=scenes.person("ana"))
    assert lease is not None and lease.ticket is not None and lease.ticket.rank == 0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_tiles_and_tickets_stay_whole_through_the_migration_of_quarters_and_split_ones_hold_it_back() -> None:
    campaign = scenes.campaign(tile_px=128, first_round=10, first_reviewed=0)
    ana = scenes.person("ana")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    before = list(campaign.tickets.order_by("rank").values_list("pk", "rank", "tile", "state"))
    tiles = set(campaign.tiles.values_list("pk", "row", "col"))
    with went_back(("annotation", "0015_campaign_weeks")):
        pass
    assert list(campaign.tickets.order_by("rank").values_list("pk", "rank", "tile", "state")) == before
    assert set(campaign.tiles.values_list("pk", "row", "col")) == tiles
    assert not campaign.tiles.exclude(part=0, whole__isnull=True).exists()
    quarter = split_tile(tile=lease.tile, actor=ana, expected_version=0)
    assert quarter is not None and quarter.tile.part == 1
    with (
        pytest.raises(ProgrammingError, match="tiles were split in four"),
        went_back(("annotation", "0015_campaign_weeks")),
    ):
        raise AssertionError("it went back")
    assert campaign.tiles.filter(part__gt=0).count() == 4


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("table", "without", "others"),
    [
        ("annotation_queueround", "pixel_score", {"number": "7", "closed_at": "now()"}),
        ("annotation_ticket", "regions", {"slot": "1", "slots": "2", "rank": "1000"}),
        (
            "annotation_lease",
            "asked",
            {"token": "gen_random_uuid()", "annotator_id": "(SELECT max(id) FROM auth_user)"},
        ),
    ],
)
def test_a_process_of_the_version_before_goes_on_writing(table: str, without: str, others: dict[str, str]) -> None:
    """It knows nothing of the columns that came with parts of tiles, and runs until it is told to stop."""
    held(scenes.campaign(tile_px=128, first_round=2), scenes.person("ana"))
    scenes.person("bo")
    with connection.cursor() as cursor:
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
        columns = sorted({name for (name,) in cursor.fetchall()} - {"id", without})
        values = [others.get(name, name) for name in columns]
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608
            f"SELECT {', '.join(values)} FROM {table} ORDER BY id LIMIT 1 RETURNING {without}"
        )
        assert cursor.fetchone()[0] in ("[]", "entropy")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_what_leases_are_asked_for_is_taken_over_from_tickets_offers_and_gold() -> None:
    scene, _maintainer, [gold] = gold_campaign(gold_share=0.0)  # by chance, one of the two would have been given it
    asking_round(scene.campaign, 8, asked=((0, 0, 16, 16), (16, 32, 16, 16)))
    by_ticket, extra = (held(scene.campaign, scenes.person(name)) for name in ("ana", "bo"))
    picked = pick_tile(campaign=scene.campaign, annotator=extra.annotator, row=gold.tile.row, col=gold.tile.col)
    Lease.objects.filter(pk=extra.pk).update(ticket=None, extra=True)
    Lease.objects.filter(pk=picked.pk).update(asked=[[32, 32, 16, 16]])
    before = dict(Lease.objects.values_list("pk", "asked"))
    assert [before[lease.pk] for lease in (by_ticket, extra)] == [[[0, 0, 16, 16], [16, 32, 16, 16]]] * 2
    why = GoldLease.objects.get().why
    with went_back(("annotation", "0019_tickets_in_parts")), connection.cursor() as cursor:
        cursor.execute("SELECT why -> 'asked' FROM annotation_goldlease")
        assert json.loads(cursor.fetchone()[0]) == [[32, 32, 16, 16]]
    assert dict(Lease.objects.values_list("pk", "asked")) == before
    assert GoldLease.objects.get().why == why


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_models_that_were_not_promoted_become_held_unless_their_figures_show_them_to_be_worse() -> None:
    from learning_rows import model_row

    from learning.models import TrainedModel

    campaign = scenes.campaign(tile_px=128)
    figures = {"promote": False, "reason": "", "high": 0.01, "per_class": [{"code": "a", "dropped": False}]}
    told = {
        1: ("retired", {"promote": True, "reason": ""}),
        2: ("rejected", {**figures, "high": -0.002}),
        3: ("rejected", {**figures, "per_class": [{"code": "a", "dropped": True}]}),
        4: ("rejected", figures),
        5: ("rejected", {"promote": False, "reason": "no hold-out tile", "n_tiles": 0}),
        6: ("candidate", {}),
    }
    for number, (state, _gate) in told.items():
        model_row(campaign, number=number, state=state)
    with went_back(("learning", "0007_map_changes")), connection.cursor() as cursor:
        for number, (_state, gate) in told.items():
            cursor.execute("UPDATE learning_trainedmodel SET gate = %s WHERE number = %s", [json.dumps(gate), number])
    found = TrainedModel.objects.order_by("number").values_list("number", "state", "outcome")
    assert list(found) == [
        (1, "retired", "promote"),
        (2, "rejected", "reject"),
        (3, "rejected", "reject"),
        (4, "held", "hold"),
        (5, "held", "hold"),
        (6, "candidate", ""),
    ]
    with went_back(("learning", "0007_map_changes")), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM learning_trainedmodel WHERE state = 'rejected'")
        assert cursor.fetchall() == [(4,)]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_polygons_of_before_are_put_on_the_web_grid_whether_or_not_their_crs_has_a_number() -> None:
    scene = labelled_campaign(pool=2)
    numbered, local, newer = AnnotatedFeature.objects.order_by("pk").values_list("pk", flat=True)[:3]
    before = dict(AnnotatedFeature.objects.values_list("pk", "ground_web"))
    with went_back(("annotation", "0022_sources_and_versions")):
        AnnotatedFeature.objects.filter(pk=local).update(geometry=RawSQL("ST_SetSRID(geometry, 0)", []))
        # A number that PROJ knows and this PostGIS does not; the layer says where it lies all the same.
        AnnotatedFeature.objects.filter(pk=newer).update(geometry=RawSQL("ST_SetSRID(geometry, 9794)", []))
    for pk in (numbered, local, newer):
        now = AnnotatedFeature.objects.get(pk=pk).ground_web
        assert now.srid == 3857 and now.equals_exact(before[pk], 0.001), "to the millimetre, by PostGIS and by pyproj"
    assert not AnnotatedFeature.objects.filter(ground_web__isnull=True).exists()
    assert scene.campaign.vector_tiles.count() == 0
