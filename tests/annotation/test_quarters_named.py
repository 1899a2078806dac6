"""Wherever rows tell tiles apart, a quarter is told from its whole and from the other three."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

import pytest
import scenes
from django.core.cache import caches
from django.test import Client
from queue_rows import hand_in, scored_round
from rest_framework.test import APIClient

from annotation.models import Annotation, Tile
from annotation.services import personal_data
from annotation.services.agreement import count_agreement_of_tile, tiles_to_count
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.queue_pick import pick_tile
from annotation.services.reverts import Scope, revert_batch
from annotation.services.splitting import split_tile

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(db: None) -> Any:
    return scenes.person("ana")


@pytest.fixture
def handed_in(ana: Any) -> Annotation:
    """The second quarter of a tile that Ana took and split."""
    campaign = scenes.campaign("camp", tile_px=128, redundancy=2, first_reviewed=0)
    scored_round(campaign, 10)
    whole = claim_next_tile(campaign=campaign, annotator=ana)
    assert whole is not None
    first = split_tile(tile=whole.tile, actor=ana, expected_version=0)
    assert first is not None
    hand_in(first.tile, ana)
    second = claim_next_tile(campaign=campaign, annotator=ana)
    assert second is not None and second.tile.part == 2
    return hand_in(second.tile, ana)


@pytest.fixture
def maintainer(handed_in: Annotation) -> Any:
    someone = scenes.person("mia")
    set_role(campaign=handed_in.tile.campaign, user=someone, role="maintainer")
    client = Client()
    client.force_login(someone)
    return client


def test_in_a_person_s_own_data(ana: Any, handed_in: Annotation) -> None:
    file = io.BytesIO()
    personal_data.write_export(ana, file, progress=lambda _share: None)
    with zipfile.ZipFile(file) as archive:
        rows = {
            name: json.loads(archive.read(f"annotation.{name}.annotator.json"))
            for name in ("Annotation", "Lease", "TileOffer")
        }
    parts = {name: {row["tile__part"] for row in found} for name, found in rows.items()}
    assert set(map(frozenset, parts.values())) == {frozenset({0, 1, 2})}


def test_in_the_queue_s_record_and_its_table(maintainer: Client, handed_in: Annotation) -> None:
    row, col = handed_in.tile.row, handed_in.tile.col
    page = maintainer.get("/campaigns/camp/queue/").content.decode()
    assert f"<td>{row} · {col}, quarter 2</td>" in page and f"<td>{row} · {col}</td>" in page
    answer = maintainer.get("/campaigns/camp/queue.csv")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert [line["part"] for line in csv.DictReader(io.StringIO(text))] == ["0", "1", "2"]


def test_in_the_list_of_submissions(maintainer: Client, handed_in: Annotation) -> None:
    page = maintainer.get("/campaigns/camp/submissions/").content.decode()
    assert f"Labels of row {handed_in.tile.row}, column {handed_in.tile.col}, quarter 2" in page


def test_in_what_a_revert_sets_aside(handed_in: Annotation) -> None:
    done = revert_batch(scope=Scope(campaign=handed_in.tile.campaign), actor=None, reason="a test")
    where = f"row {handed_in.tile.row}, column {handed_in.tile.col}"
    assert {line.place for line in done.lines} == {f"{where}, quarter 1", f"{where}, quarter 2"}


def test_in_the_tiles_on_which_people_differ(maintainer: Client, handed_in: Annotation) -> None:
    campaign, ben = handed_in.tile.campaign, scenes.person("ben")
    pick_tile(campaign=campaign, annotator=ben, row=handed_in.tile.row, col=handed_in.tile.col, part=2)
    hand_in(handed_in.tile, ben)
    for tile, revisions in tiles_to_count(campaign):
        count_agreement_of_tile(campaign=campaign, tile_id=tile, revision_ids=revisions)
    found = maintainer.get("/api/v1/campaigns/camp/agreement/").json()["contested"]
    assert [one["part"] for one in found] == [2]
    page = maintainer.get("/campaigns/camp/quality/").content.decode()
    assert f"column {handed_in.tile.col}, quarter 2, coloured where people differ" in page


def test_the_map_says_which_tiles_are_given_out_in_quarters(handed_in: Annotation) -> None:
    caches["tile_maps"].clear()
    features = APIClient().get("/api/v1/campaigns/camp/tiles.geojson").json()["features"]
    split = [feature["id"] for feature in features if feature["properties"].get("split")]
    assert split == [Tile.objects.get(quarters=handed_in.tile).pk] and len(features) > 1
