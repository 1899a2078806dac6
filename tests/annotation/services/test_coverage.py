"""Coverage of a territory: what people looked at, what nobody has, counted by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import scenes
from django.core.management import CommandError, call_command
from django.test import Client
from report_rows import accept, boundary, collection, draw, report, territory

from annotation.models import Lease, Stewardship, Territory, Ticket, ValidationBatch
from annotation.services.clock import database_now
from annotation.services.coverage import communes_in, coverage_of, seen_tiles, small_map
from annotation.services.tiles import materialise_tiles, pool_mask

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign() -> Any:
    layer = scenes.virtual_layer(width=1024, height=1024)
    return scenes.campaign(layer=layer, tile_px=128, first_round=1)  # 8 × 8 tiles


def test_labelled_judged_and_reported_tiles_are_counted_and_silence_is_not_validation(
    campaign: Any, tmp_path: Path
) -> None:
    mask = pool_mask(campaign)
    inside = [(r, c) for r in range(8) for c in range(4) if mask[r, c]][:3]
    tiles = materialise_tiles(campaign=campaign, places=inside)
    labelled, both, reported = (tiles[place] for place in inside)
    for tile in tiles.values():
        tile.campaign = campaign
    ana, rene = scenes.person("ana"), scenes.person("rene")
    now = database_now()
    for tile in (labelled, both):
        Lease.objects.create(tile=tile, annotator=ana, granted_at=now, expires_at=now)
        accept(draw(tile, ana), rene)
    batch = {"annotator": rene, "model_version": "m1", "answer": {"stored": 1, "remaining": 0}}
    ValidationBatch.objects.create(id="00000000-0000-4000-8000-000000000001", tile=both, finished=True, **batch)
    ValidationBatch.objects.create(id="00000000-0000-4000-8000-000000000002", tile=reported, finished=False, **batch)
    report(reported)
    west = territory(campaign, tmp_path, "32001", (0, 0, 8, 4))
    east = territory(campaign, tmp_path, "32002", (0, 4, 8, 8))
    far = Territory.objects.create(
        kind="commune", code="75056", name="Paris", source="x", as_of="2026-01-01",
        boundary="SRID=4326;MULTIPOLYGON(((2.2 48.8,2.4 48.8,2.4 48.9,2.2 48.8)))",
    )  # fmt: skip
    seen = seen_tiles(campaign)
    found = coverage_of(campaign, [west, east, far], seen)
    assert [(c.territory.code, c.tiles, c.labelled, c.judged, c.reported, c.seen, c.unseen) for c in found] == [
        ("32001", 32, 2, 1, 1, 2, 30),
        ("32002", 32, 0, 0, 0, 0, 32),
    ]
    assert found[0].seen_percent == pytest.approx(6.25)
    width, height, cells = small_map(campaign, west, seen)
    assert (width, height, len(cells)) == (4, 8, 32)
    assert sum(cell.seen for cell in cells) == 2 and sum(cell.reported for cell in cells) == 1


def test_tiles_labelled_in_part_are_neither_seen_nor_never_seen(campaign: Any, tmp_path: Path, client: Client) -> None:
    mask = pool_mask(campaign)
    inside = [(r, c) for r in range(8) for c in range(4) if mask[r, c]][:2]
    tiles = materialise_tiles(campaign=campaign, places=inside)
    ana, rene = scenes.person("ana"), scenes.person("rene")
    asking = campaign.rounds.get().tickets.first()
    now = database_now()
    for nth, tile in enumerate(tiles.values()):
        tile.campaign = campaign
        ticket = Ticket.objects.create(
            campaign=campaign, round=asking.round, rank=10_000 + nth, tile=tile, slot=0, slots=1, kind="uncertainty",
            regions=[[0, 0, 32, 32]],
        )  # fmt: skip
        Lease.objects.create(
            tile=tile, annotator=ana, granted_at=now, expires_at=now, ticket=ticket, asked=ticket.regions
        )
        accept(draw(tile, ana), rene)
    judged = tiles[inside[1]]
    ValidationBatch.objects.create(
        id="00000000-0000-4000-8000-000000000003", tile=judged, finished=True, annotator=rene, model_version="m1",
        answer={"stored": 1, "remaining": 0},
    )  # fmt: skip
    west = territory(campaign, tmp_path, "32001", (0, 0, 8, 4))
    [found] = coverage_of(campaign, [west], seen_tiles(campaign))
    assert (found.tiles, found.labelled, found.judged, found.in_part, found.seen, found.unseen) == (32, 0, 1, 1, 1, 30)
    Stewardship.objects.create(territory=west, user=ana)
    client.force_login(ana)
    page = client.get("/steward/coverage/commune/32001/camp/").content.decode()
    figures = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", page))
    assert figures["tiles labelled in part"] == "1" and figures["tiles that nobody has looked at"] == "30"
    assert re.findall(r'<td class="number">([^<]+)</td>', page) == ["32", "0", "1", "0", "1", "30", "3.1 %"]
    assert "neither as seen nor as never seen" in page


def test_a_larger_territory_is_counted_commune_by_commune(campaign: Any, tmp_path: Path) -> None:
    west = territory(campaign, tmp_path, "32001", (0, 0, 8, 4))
    east = territory(campaign, tmp_path, "32002", (0, 4, 8, 8))
    outside = territory(campaign, tmp_path, "32003", (8, 0, 12, 8))
    whole = territory(campaign, tmp_path, "200066926", (0, 0, 8, 8), kind="epci")
    assert communes_in(whole) == [west, east] and communes_in(outside) == [outside]


def test_boundaries_imported_again_are_replaced_and_their_stewards_stay(
    campaign: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    territory(campaign, tmp_path, "32001", (0, 0, 8, 4))
    ana = scenes.person("ana")
    call_command("set_steward", "ana", "commune", "32001")
    wider = boundary(campaign, 0, 0, 8, 6)
    file = tmp_path / "again.geojson"
    file.write_text(
        json.dumps(collection(("32001", "New name", wider), ("32009", "Other", boundary(campaign, 0, 6, 8, 8))))
    )
    options = ["--kind", "commune", "--code-field", "INSEE_COM", "--name-field", "NOM", "--source", "x"]
    call_command("import_territories", str(file), *options, "--date", "2026-06-01")
    assert "1 territories are new, 1 have their boundary of 2026-06-01" in capsys.readouterr().out
    found = Territory.objects.get(code="32001")
    assert found.name == "New name" and Stewardship.objects.get(territory=found).user == ana
    file.write_text('{"type": "FeatureCollection", "features": [')
    with pytest.raises(CommandError, match="nor JSON"):
        call_command("import_territories", str(file), *options, "--date", "2026-06-01")
    call_command("set_steward", "ana", "commune", "32001", "--remove")
    with pytest.raises(CommandError, match="does not look after"):
        call_command("set_steward", "ana", "commune", "32001", "--remove")
    with pytest.raises(CommandError, match="import its boundary first"):
        call_command("set_steward", "ana", "commune", "99999")
