"""Ground that goes first, and labelling where one chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import scenes
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.test import Client
from html_checks import faults_of
from report_rows import report, territory
from rest_framework.test import APIClient

from annotation.errors import CampaignClosed, NameTaken, NotThere, OutsideCampaign
from annotation.models import Lease, QueueMark, Ticket, TileOffer
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.queue_front import add_priority_area, end_priority_area, priority_mask, put_first
from annotation.services.rounds import QueuedTile, open_queue_round
from annotation.services.tiles import pool_mask

pytestmark = pytest.mark.django_db


@pytest.fixture
def camp(db: None) -> Any:
    """A campaign whose round asks for twelve pool tiles, row by row, best first."""
    campaign = scenes.campaign(control_share=0.0)
    mask = pool_mask(campaign)
    places = [(row, col) for row in range(campaign.n_rows) for col in range(campaign.n_cols) if mask[row, col]]
    open_queue_round(
        campaign=campaign, function="entropy", model_version="m1", control_share=0.0,
        tickets=[
            QueuedTile(row=row, col=col, kind="random" if nth == 1 else "uncertainty", score=1.0 - nth / 12)
            for nth, (row, col) in enumerate(places[:12])
        ],
    )  # fmt: skip
    return campaign


@pytest.fixture
def mia(camp: Any) -> Any:
    maintainer = scenes.person("mia")
    set_role(campaign=camp, user=maintainer, role="maintainer")
    return maintainer


def order(campaign: Any) -> list[tuple[int, int]]:
    """Places in the order in which they would be asked for."""
    open_ones = Ticket.objects.filter(campaign=campaign, state="open").order_by("rank")
    return list(open_ones.values_list("tile__row", "tile__col"))


def ground(campaign: Any, row: int, col: int) -> MultiPolygon:
    return MultiPolygon(Polygon(campaign.tile_grid.polygon_wgs84(row, col)), srid=4326)


def test_what_is_put_first_goes_before_all_others_in_the_order_given_and_the_rest_stays(camp: Any) -> None:
    before = order(camp)
    assert put_first(campaign=camp, places=[before[7], before[5]], kind="area") == 2
    assert order(camp) == [before[7], before[5], *[place for place in before if place not in (before[7], before[5])]]
    assert put_first(campaign=camp, places=[before[9]], kind="area") == 1
    assert order(camp)[:3] == [before[9], before[7], before[5]]
    ana = scenes.person("ana")
    lease = claim_next_tile(campaign=camp, annotator=ana)
    assert lease is not None and (lease.tile.row, lease.tile.col) == before[9]


def test_the_mark_is_brought_down_to_what_goes_first(camp: Any) -> None:
    before = order(camp)
    QueueMark.objects.filter(campaign=camp).update(open_rank=6)
    Ticket.objects.filter(campaign=camp, rank__lt=6, state="open").update(state="done")
    put_first(campaign=camp, places=[before[10]], kind="area")
    assert QueueMark.objects.get(campaign=camp).open_rank == -1
    lease = claim_next_tile(campaign=camp, annotator=scenes.person("ana"))
    assert lease is not None and (lease.tile.row, lease.tile.col) == before[10]


def test_a_tile_drawn_at_random_and_one_in_hand_keep_their_place(camp: Any) -> None:
    before = order(camp)
    lease = claim_next_tile(campaign=camp, annotator=scenes.person("ana"))
    assert lease is not None and (lease.tile.row, lease.tile.col) == before[0]
    assert put_first(campaign=camp, places=[before[0], before[1], before[4]], kind="area") == 1
    assert order(camp) == [before[4], before[1], before[2], before[3], *before[5:]]


def test_a_tile_nobody_was_asked_about_gets_a_ticket(camp: Any) -> None:
    asked = set(order(camp))
    mask = pool_mask(camp)
    new = next((r, c) for r in range(camp.n_rows) for c in range(camp.n_cols) if mask[r, c] and (r, c) not in asked)
    assert put_first(campaign=camp, places=[new], kind="area") == 1
    assert order(camp)[0] == new and Ticket.objects.get(tile__row=new[0], tile__col=new[1]).kind == "area"
    camp.state = "closed"
    camp.save()
    with pytest.raises(CampaignClosed):
        put_first(campaign=camp, places=[new], kind="area")


def test_a_priority_area_brings_its_tiles_forward_and_is_ended_by_a_maintainer(camp: Any, mia: Any) -> None:
    before = order(camp)
    row, col = before[8]
    with pytest.raises(NotThere):
        add_priority_area(campaign=camp, actor=scenes.person("eve"), name="Auch", ground=ground(camp, row, col))
    area, moved = add_priority_area(campaign=camp, actor=mia, name="Auch", ground=ground(camp, row, col))
    assert moved == 1 and order(camp)[0] == (row, col)
    mask = priority_mask(camp)
    assert mask.sum() == 1 and mask[row, col]
    with pytest.raises(NameTaken):
        add_priority_area(campaign=camp, actor=mia, name="Auch", ground=ground(camp, row, col))
    end_priority_area(campaign=camp, actor=mia, area_id=area.pk)
    assert not priority_mask(camp).any()
    with pytest.raises(NotThere):
        end_priority_area(campaign=camp, actor=mia, area_id=area.pk)


def test_an_area_without_a_tile_to_label_is_refused(camp: Any, mia: Any) -> None:
    far = MultiPolygon(Polygon.from_bbox((-61.0, 14.0, -60.9, 14.1)), srid=4326)
    with pytest.raises(OutsideCampaign, match="holds no tile to label"):
        add_priority_area(campaign=camp, actor=mia, name="Martinique", ground=far)


def test_the_page_of_what_goes_first_is_for_maintainers_and_adds_and_ends_areas(
    camp: Any, mia: Any, tmp_path: Path
) -> None:
    before = order(camp)
    address = f"/campaigns/{camp.slug}/areas/"
    client = Client()
    client.force_login(scenes.person("eve"))
    assert client.get(address).status_code == 404
    client.force_login(mia)
    assert "import_territories" in client.get(address).content.decode()
    row = before[-1][0]
    commune = territory(camp, tmp_path, "32013", (row, 0, row + 1, camp.n_cols))
    page = client.post(address, {"territory": commune.pk}, follow=True).content.decode()
    assert "goes first" in page and faults_of(page) == []
    assert order(camp)[0][0] == row
    area = camp.priority_areas.get()
    assert client.post(address, {"territory": commune.pk}).status_code == 400
    page = client.post(address, {"end": area.pk}, follow=True).content.decode()
    assert "like the rest from the next round on" in page and "tiles follow their rank alone" in page
    assert client.post(address, {"end": "²"}).status_code == 400


def test_whoever_labels_in_a_territory_gets_its_best_tiles_and_gives_back_what_they_had_not_begun_elsewhere(
    camp: Any, tmp_path: Path
) -> None:
    before = order(camp)
    row, col = before[-1]
    inside = [place for place in before if place[1] >= col - 1]  # the one beside it touches its border
    territory(camp, tmp_path, "32013", (row, col, row + 1, col + 1))
    ana = scenes.person("ana")
    elsewhere = claim_next_tile(campaign=camp, annotator=ana)
    assert elsewhere is not None and (elsewhere.tile.row, elsewhere.tile.col) == before[0]
    client = APIClient()
    client.force_login(ana)
    answer = client.post(f"/api/v1/campaigns/{camp.slug}/claim/", {"territory": "commune:32013"})
    tile = answer.json()["tile"]
    assert (tile["row"], tile["col"]) == inside[0]
    assert Lease.objects.get(pk=elsewhere.pk).state == "released"
    assert TileOffer.objects.latest("pk").way == "territory"
    assert client.post(f"/api/v1/campaigns/{camp.slug}/claim/", {"territory": "commune:1"}).status_code == 404
    assert client.post(f"/api/v1/campaigns/{camp.slug}/claim/", {"territory": "x y"}).status_code == 400


def test_a_report_after_an_area_goes_before_it_and_a_second_area_finds_its_ranks_free(camp: Any, mia: Any) -> None:
    before = order(camp)
    add_priority_area(campaign=camp, actor=mia, name="first", ground=ground(camp, *before[8]))
    tile = Ticket.objects.get(tile__row=before[5][0], tile__col=before[5][1], state="open").tile
    report(tile)
    assert order(camp)[:2] == [before[5], before[8]]
    Ticket.objects.filter(campaign=camp, rank=-1).update(state="void")  # the imagery was called unusable, say
    add_priority_area(campaign=camp, actor=mia, name="second", ground=ground(camp, *before[10]))
    assert order(camp)[:2] == [before[5], before[10]]
