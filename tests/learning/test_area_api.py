"""Areas with their error, as JSON and as a file of places."""

from __future__ import annotations

from io import BytesIO

import pyarrow.parquet as pq
import pytest
from area_rows import answered, area_sample, as_mapped, counted, territory_of
from learning_rows import labelled_campaign

pytestmark = pytest.mark.django_db


def test_anyone_reads_the_areas_of_a_campaign_and_of_a_territory(client):
    prediction, sample = area_sample(total=200)
    answered(sample, as_mapped)
    territory_of(prediction, "32001", cols=(0, 1024), rows=(0, 512))
    counted(prediction)
    address = f"/api/v1/campaigns/{sample.campaign.slug}/areas/"
    whole = client.get(address).json()
    north = client.get(address, {"kind": "commune", "code": "32001"}).json()
    assert (whole["status"], whole["places"]) == ("assessed", 200)
    assert north["status"] == "assessed" and 0 < north["places"] < 200
    assert north["classes"][0]["mapped_ha"] == pytest.approx(whole["classes"][0]["mapped_ha"] / 2, rel=0.01)
    assert client.get(address, {"kind": "commune", "code": "9"}).status_code == 404


def test_a_campaign_without_a_map_is_told_as_not_assessed(client):
    camp = labelled_campaign("empty").campaign
    told = client.get(f"/api/v1/campaigns/{camp.slug}/areas/").json()
    assert (told["status"], told["reason"], told["classes"]) == ("not assessed", "no_map", [])


def test_places_are_to_be_had_once_the_sample_is_closed_and_not_before(client):
    prediction, sample = area_sample()
    address = f"/api/v1/samples/{sample.pk}/places/"
    assert client.get(address).status_code == 404
    answered(sample, as_mapped)
    counted(prediction)
    answer = client.get(address)
    assert answer["Content-Type"] == "application/vnd.apache.parquet"
    assert pq.read_table(BytesIO(answer.content)).num_rows == 60
    assert client.get("/api/v1/samples/999999/places/").status_code == 404
