"""The page of samples for a maintainer: a plan, the draw, and what readers see."""

from __future__ import annotations

from typing import Any

import pytest
from html_checks import assert_strict
from learning_rows import signed_in
from map_rows import map_of_vintage
from sample_rows import BUILT, interpreters, two_vintages

from annotation.jobs.registry import run_job
from annotation.models import Campaign, Job
from learning.models import Prediction, ReferenceSample
from learning.services.map_areas import start_map_areas

pytestmark = pytest.mark.django_db(transaction=True)
TYPED = {"overall": "5", "fewest": "10", "answers": "2", "unit_m": "0.8"}


@pytest.fixture
def two() -> Any:
    """A campaign of two vintages whose map is counted, and somebody who maintains it."""
    pair = two_vintages()
    campaign = Campaign.objects.get(layer=pair.second)
    prediction = Prediction.objects.get(layer=campaign.layer)
    assert run_job(str(start_map_areas(prediction=prediction).pk))
    return campaign, pair, interpreters(campaign, count=1, role="maintainer")[0]


def url(campaign: Campaign) -> str:
    return f"/campaigns/{campaign.slug}/sample/"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_maintainer_sees_a_plan_with_what_it_rests_on(two: Any, language: str) -> None:
    campaign, pair, keeper = two
    page = signed_in(keeper, language).get(url(campaign))
    assert_strict(page)
    plan = page.context["plan"]
    assert [row["code"] for row in plan["rows"]] == list(Prediction.objects.get(layer=campaign.layer).model.class_codes)
    assert plan["total"]["places"] > 0
    assert all(row["counted"] and row["places"] for row in plan["rows"])
    change = signed_in(keeper, language).get(url(campaign), {"pair": pair.pk})
    assert_strict(change)
    assert [row["code"] for row in change.context["plan"]["rows"]][:2] == ["stable_in", "stable_out"]
    assert change.context["plan"]["can_count"]


def test_reviewers_see_samples_and_no_plan(two: Any) -> None:
    campaign, _pair, _keeper = two
    reviewer = interpreters(campaign, count=1)[0]
    page = signed_in(reviewer).get(url(campaign))
    assert "plan" not in page.context
    assert signed_in(reviewer).post(url(campaign), {"draw": "1", **TYPED}).status_code == 404


def test_a_button_draws_the_sample_of_the_plan(two: Any) -> None:
    campaign, _pair, keeper = two
    client = signed_in(keeper)
    planned = client.post(url(campaign), {"plan": "1", **TYPED}).context["plan"]["total"]["places"]
    assert client.post(url(campaign), {"draw": "1", **TYPED}).status_code == 302
    job = Job.objects.get(kind="draw_sample")
    assert client.get(url(campaign)).context["plan"]["boot"]["job"] == str(job.pk)
    Job.objects.update(state="failed", error="The disk is full.")
    assert "The last draw or count stopped: The disk is full." in client.get(url(campaign)).content.decode()
    Job.objects.update(state="queued", error="")
    assert run_job(str(job.pk))
    sample = ReferenceSample.objects.get(campaign=campaign)
    assert sample.units.count() == planned
    assert (sample.drawn_by, sample.unit_px) == (keeper, round(0.8 / campaign.layer.gsd_m))
    page = client.get(url(campaign))
    assert page.context["rows"][0]["seen"] == "Nothing of this sample before it is closed."
    assert "close it below" in page.context["plan"]["cannot_draw"]
    again = client.post(url(campaign), {"draw": "1", **TYPED})
    assert again.status_code == 400
    assert "close it below" in again.context["plan"]["refusal"]


def test_a_plan_of_change_is_counted_and_drawn(two: Any) -> None:
    campaign, pair, keeper = two
    client, there = signed_in(keeper), f"{url(campaign)}?pair={pair.pk}"
    assert client.post(there, {"count": "1", **TYPED}).status_code == 302
    assert run_job(str(Job.objects.get(kind="count_sample_strata").pk))
    assert {row["share"] for row in client.get(there).context["plan"]["rows"]} == {"50.0", "0.0"}
    assert client.post(there, {"draw": "1", **TYPED}).status_code == 302
    assert run_job(str(Job.objects.get(kind="draw_sample").pk))
    assert ReferenceSample.objects.get(campaign=campaign).pair == pair


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"overall": ""}, "overall"),
        ({"area_of": BUILT}, "area_ha"),
        ({"area_ha": "3"}, "area_of"),
        ({"fewest": "1"}, "fewest"),
        ({"accuracy_0": "101"}, "accuracy_0"),
    ],
)
def test_what_makes_no_plan_is_said_at_its_field_and_draws_nothing(two: Any, typed: Any, field: str) -> None:
    campaign, _pair, keeper = two
    answer = signed_in(keeper).post(url(campaign), {"draw": "1", **TYPED, **typed})
    assert answer.status_code == 400
    assert field in answer.context["plan"]["form"].errors
    assert not Job.objects.filter(kind="draw_sample").exists()


def test_a_wish_beyond_any_sample_is_refused_in_the_readers_language(two: Any) -> None:
    campaign, _pair, keeper = two
    answer = signed_in(keeper, "fr").post(url(campaign), {"plan": "1", **TYPED, "overall": "0.1"})
    assert answer.status_code == 400
    assert "20" in answer.context["plan"]["refusal"] and "intervalle" in answer.context["plan"]["refusal"]


@pytest.mark.parametrize(
    ("language", "wide", "few"),
    [
        ("en", "is known without a sample", "At least 10 places in each of 2 parts takes 20 places"),
        ("fr", "est connue sans échantillon", "Au moins 10 lieux dans chacune des 2 parts, cela fait 20 lieux"),
    ],
)
def test_a_wish_that_is_too_wide_or_for_too_few_places_is_said_to_be_that(
    two: Any, language: str, wide: str, few: str
) -> None:
    campaign, _pair, keeper = two
    client = signed_in(keeper, language)
    for typed, told in (({"area_of": BUILT, "area_ha": "100000"}, wide), ({"places": "19"}, few)):
        answer = client.post(url(campaign), {"draw": "1", **TYPED, **typed})
        assert answer.status_code == 400 and told in answer.context["plan"]["refusal"].replace("\xa0", " ")
    enough = client.post(url(campaign), {"plan": "1", **TYPED, "places": "20"})
    assert enough.context["plan"]["total"]["places"] == 20


def test_without_a_map_there_is_a_plan_and_no_button() -> None:
    campaign = map_of_vintage("bare", vintage=2022, east=2, state="rejected").model.campaign
    keeper = interpreters(campaign, count=1, role="maintainer")[0]
    page = signed_in(keeper).get(url(campaign))
    assert "Publish a model" in page.context["plan"]["cannot_draw"]
    assert 'name="draw"' not in page.content.decode()
    n_classes = len(page.context["plan"]["rows"])
    typed = {f"share_{number}": str(max(0, 90 - 80 * number)) for number in range(n_classes)}
    shares = signed_in(keeper).post(url(campaign), {"plan": "1", **TYPED, **typed}).context["plan"]["rows"]
    assert [row["share"] for row in shares][:2] == ["90.0", "10.0"]


def test_the_api_answers_the_same_plan_in_numbers(two: Any) -> None:
    campaign, pair, keeper = two
    client = signed_in(keeper)
    planned = client.post(url(campaign), {"plan": "1", **TYPED}).context["plan"]["total"]["places"]
    there = f"/api/v1/campaigns/{campaign.slug}/sample-plan/"
    body = client.get(there, TYPED).json()
    assert body["places"] == planned == sum(one["places"] for one in body["strata"])
    assert body["overall_half"] <= 0.05
    assert client.get(there).json()["overall_half"] <= 0.02, "without a wish the usual one"
    assert [one["code"] for one in client.get(there, {"pair": pair.pk}).json()["strata"]][2] == "gain"
    assert client.get(there, {"pair": "0"}).status_code == 404
    assert client.get(there, {**TYPED, "fewest": "1"}).status_code == 400
    assert client.get(there, {**TYPED, "overall": "0.1"}).status_code == 422
