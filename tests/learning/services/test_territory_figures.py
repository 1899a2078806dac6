"""Figures of territories: what the job puts together and keeps."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.gis.geos import Polygon
from django.core.management import call_command
from learning_rows import labelled_campaign
from scenes import virtual_layer
from territory_rows import commune, counted

from annotation.errors import JobAlreadyRunning
from annotation.models import VintagePair
from annotation.services.jobs import JobContext, claim_job
from learning.models import TerritoryFigures
from learning.services.territory_figures import area_ha, campaigns_with_territories, start_territory_figures
from learning.tasks import count_territories

pytestmark = pytest.mark.django_db


def document_of(territory: Any) -> dict[str, Any]:
    found: dict[str, Any] = TerritoryFigures.objects.get(territory=territory).document
    return found


def test_the_area_of_a_boundary_is_that_on_the_ground() -> None:
    # A hundredth of a degree at 45° north: 1,111.4 m of a meridian (111.13 km a degree there, 1 % of it) by 788.5 m of
    # the parallel (78.85 km a degree): 87.6 ha.
    side = Polygon.from_bbox((0.0, 45.0, 0.01, 45.01))
    side.srid = 4326
    assert area_ha(side) == pytest.approx(87.6, rel=0.002)


def test_a_territory_has_what_its_ground_holds_and_nothing_is_assessed_without_a_sample() -> None:
    scene = labelled_campaign(pool=6)
    here = commune(scene.campaign)
    counted(scene.campaign)
    found = document_of(here)
    # 8 × 8 tiles of 64 px of 0.2 m: 12.8 m a tile, 102.4 m a side, 1.0486 ha. Lambert-93 is not quite to scale here.
    assert found["ground"]["territory_ha"] == pytest.approx(1.0486, rel=0.003)
    assert found["ground"]["imagery_ha"] == pytest.approx(found["ground"]["territory_ha"], rel=1e-6)
    labelled = scene.campaign.tiles.filter(state="accepted", row__lt=8, col__lt=8).count()
    assert found["review"]["tiles"] == 64
    assert (found["review"]["seen"], found["review"]["never"]) == (labelled, 64 - labelled)
    assert found["map"] is None and found["changes"] == []
    assert found["area"]["status"] == "not_assessed"
    assert found["artificialisation"] == {"reason": "no_map", "kind": "none"}


def test_imagery_that_covers_a_part_of_a_territory_says_how_much() -> None:
    camp = labelled_campaign().campaign
    # Columns 8 to 24, and the layer ends at 16.
    half = commune(camp, tiles=(0, 8, 16, 24))
    counted(camp)
    ground = document_of(half)["ground"]
    assert ground["imagery_ha"] / ground["territory_ha"] == pytest.approx(0.5, abs=0.001)


def test_a_pair_of_vintages_is_told_as_not_assessed_until_somebody_drew_a_sample() -> None:
    camp = labelled_campaign().campaign
    before = virtual_layer("before", width=1024, height=1024)
    VintagePair.objects.create(first=before, second=camp.layer)
    here = commune(camp)
    counted(camp)
    (change,) = document_of(here)["changes"]
    assert (change["status"], change["reason"], change["found"]) == ("not_assessed", "no_sample", None)
    assert (change["first"]["layer"], change["second"]["layer"]) == ("before", camp.layer.slug)


def test_counting_again_replaces_what_was_there_and_forgets_territories_that_lie_elsewhere_now() -> None:
    camp = labelled_campaign().campaign
    stays, goes = commune(camp), commune(camp, code="32014", name="Elsewhere")
    counted(camp)
    first = TerritoryFigures.objects.get(territory=stays).computed_at
    goes.boundary = commune(camp, code="x", tiles=(400, 400, 410, 410)).boundary
    goes.save()
    assert counted(camp).result == {"territories": 1}
    assert TerritoryFigures.objects.get().territory == stays
    assert TerritoryFigures.objects.get().computed_at > first


def test_a_worker_that_takes_over_counts_only_what_is_left() -> None:
    from learning.jobs import territory_figures as work

    camp = labelled_campaign().campaign
    commune(camp)
    commune(camp, code="32014", name="Second")
    job = start_territory_figures(campaign=camp)
    TerritoryFigures.objects.create(
        territory=commune(camp, code="32015", name="Done"), campaign=camp, document={"kept": True},
        computed_at=job.created_at + timedelta(seconds=1),
    )  # fmt: skip
    claimed = claim_job(str(job.id))
    assert claimed is not None
    work.count_territories(JobContext(claimed))
    assert TerritoryFigures.objects.get(territory__code="32015").document == {"kept": True}
    assert TerritoryFigures.objects.count() == 3


def test_campaigns_of_no_territory_are_not_counted_and_one_that_is_under_way_is_not_begun_twice() -> None:
    near, far = labelled_campaign("near").campaign, labelled_campaign("far").campaign
    commune(near)
    assert {camp.slug for camp in campaigns_with_territories()} == {"near", "far"}, "both lie on the same ground"
    far.layer.footprint = Polygon.from_bbox((5, 45, 5.01, 45.01))
    far.layer.footprint.srid = 4326
    far.layer.save()
    assert [camp.slug for camp in campaigns_with_territories()] == ["near"]
    count_territories()
    with pytest.raises(JobAlreadyRunning):
        start_territory_figures(campaign=near)
    count_territories()  # nothing is wrong with that
    assert near.jobs.filter(kind="territory_figures").count() == 1


def test_the_command_counts_here_and_now(capsys: pytest.CaptureFixture[str]) -> None:
    camp = labelled_campaign().campaign
    commune(camp)
    call_command("territory_figures", "--json")
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"territories": {"camp": 1}}
