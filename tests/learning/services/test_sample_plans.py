"""What a plan of a sample rests on, and what is drawn from it by a job."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from map_rows import evaluation, map_of_vintage
from sample_rows import BUILT, GRASS, interpreters, say, two_vintages
from scipy.stats import beta

from annotation.errors import CampaignClosed
from annotation.jobs.registry import run_job
from annotation.models import Campaign, Job
from learning.core.change_area import area_showing
from learning.errors import InvalidPlan, NoPrediction, SampleOpen
from learning.models import ReferenceSample, TrainedModel
from learning.services.map_areas import start_map_areas
from learning.services.sample_draw import draw_area_sample
from learning.services.sample_jobs import Draw, start_sample_draw, start_strata_count
from learning.services.sample_plans import Wishes, expectations, plan_sample
from learning.services.samples import close_sample, resolve

pytestmark = pytest.mark.django_db(transaction=True)  # jobs have a connection of their own
DRAW = Draw(total=12, fewest=3, answers_wanted=2, seed=5, unit_px=4)


def mapped() -> Campaign:
    """A campaign whose map is half the first class and half the second, counted."""
    prediction = map_of_vintage("newer", vintage=2022, east=2)
    assert run_job(str(start_map_areas(prediction=prediction).pk))
    return Campaign.objects.get(pk=prediction.model.campaign_id)


def maintainer(campaign: Campaign) -> object:
    return interpreters(campaign, count=1, role="maintainer")[0]


def test_shares_are_those_counted_on_the_map_and_nothing_else_is_known() -> None:
    known = expectations(campaign=mapped())
    assert [(one.code, one.share, one.share_from) for one in known.strata] == [
        (BUILT, 0.5, "counted"), (GRASS, 0.5, "counted"),
    ]  # fmt: skip
    assert {(one.accuracy, one.accuracy_from) for one in known.strata} == {(0.85, "assumed")}
    assert known.ground_ha == pytest.approx(1024**2 * known.campaign.layer.gsd_m**2 / 10_000)
    assert known.refusal == ""


def test_how_often_the_map_is_right_comes_of_control_tiles_and_then_of_the_last_sample() -> None:
    campaign = mapped()
    judged = evaluation(TrainedModel.objects.get(campaign=campaign), 0.9)
    judged.per_class = {BUILT: {"user_accuracy": 0.7}, GRASS: {"user_accuracy": None}}
    judged.save()
    told = {one.code: (one.accuracy, one.accuracy_from) for one in expectations(campaign=campaign).strata}
    assert told == {BUILT: (0.7, "holdout"), GRASS: (0.85, "assumed")}
    sample = draw_area_sample(campaign=campaign, drawn_by=None, total=40, fewest=20, unit_px=4)
    ana, ben = interpreters(campaign)
    for place in resolve(sample):
        wrong = place.unit.second_mapped == GRASS and place.unit.number % 2
        for who in (ana, ben):
            say(place.unit, who, "", BUILT if wrong else place.unit.second_mapped)
    close_sample(sample=sample, closed_by=None)
    assert run_job(str(Job.objects.filter(kind="count_map_areas", state="queued").latest("created_at").pk))
    found = {one.code: (one.accuracy, one.accuracy_from) for one in expectations(campaign=campaign).strata}
    odd = sum(place.unit.second_mapped == GRASS and place.unit.number % 2 for place in resolve(sample))
    assert found[BUILT] == (0.98, "earlier_sample"), "no wrong place in twenty is not never wrong"
    assert found[GRASS] == (pytest.approx(1 - odd / 20), "earlier_sample")


def test_before_there_is_a_map_every_class_has_as_much_ground_and_nothing_can_be_drawn() -> None:
    prediction = map_of_vintage("bare", vintage=2022, east=2, state="rejected")
    campaign = prediction.model.campaign
    known = expectations(campaign=campaign)
    assert known.refusal == "no_map"
    assert {(one.share_from, one.accuracy_from) for one in known.strata} == {("assumed", "assumed")}
    assert sum(one.share for one in known.strata) == pytest.approx(1)
    with pytest.raises(NoPrediction):
        start_sample_draw(campaign=campaign, pair=None, draw=DRAW, actor=maintainer(campaign))


def test_a_plan_has_the_places_of_the_formula_and_areas_in_hectares() -> None:
    # Half and half, each right 9 times in 10: 434 places each, as worked by hand for the core
    known = expectations(campaign=mapped())
    plan = plan_sample(known, Wishes(overall=0.02, fewest=2, accuracy={BUILT: 0.9, GRASS: 0.9}))
    assert [one.places for one in plan.strata] == [434, 434]
    assert plan.overall_half <= 0.02
    # The interval that is published: of 434 places 43.4 are off in each half, between Jeffreys' limits, whose longer
    # side in one class is the shorter one in the other.
    low, high = beta.ppf([0.025, 0.975], 43.4 + 0.5, 390.6 + 0.5)
    reach = 0.5 * ((0.1 - low) ** 2 + (high - 0.1) ** 2) ** 0.5
    assert plan.strata[0].area_half_ha == pytest.approx(reach * known.ground_ha)
    assert reach == pytest.approx(plan.overall_half, rel=0.01), "many places decide: the usual interval is as wide"
    assert [one.expected.accuracy_from for one in plan.strata] == ["given", "given"]


def test_a_plan_of_rare_change_promises_no_narrower_interval_than_is_published() -> None:
    pair = two_vintages()
    known = expectations(campaign=Campaign.objects.get(layer=pair.second), pair=pair)
    strata = [one.code for one in known.strata]
    wishes = Wishes(places=400, fewest=50, accuracy=dict.fromkeys({*strata} - {"gain"}, 1.0))
    plan = plan_sample(known, wishes)
    n = [one.places for one in plan.strata]
    weight = np.array([one.expected.share for one in plan.strata])
    # What such a sample gives: half of the mapped gain is one, and no other place.
    of_gain = strata.index("gain")
    shows = [np.zeros(count, bool) for count in n]
    shows[of_gain][: n[of_gain] // 2] = True
    found = area_showing(
        areas=(weight * known.ground_ha).tolist(), stratum=np.repeat(np.arange(len(n)), n), shows=np.concatenate(shows)
    )
    promised = plan.strata[of_gain].area_half_ha
    assert promised == pytest.approx(max(found.value - found.lower, found.upper - found.value), rel=0.02)
    usual = 1.96 * weight[of_gain] * (0.25 / (n[of_gain] - 1)) ** 0.5 * known.ground_ha
    assert promised > 2 * usual, "a large stratum without a case may hold some"
    wished = plan_sample(known, replace(wishes, places=None, area_of="gain", area_ha=promised / 2))
    assert wished.strata[of_gain].area_half_ha <= promised / 2


def test_a_share_that_was_counted_stands_whatever_is_typed() -> None:
    plan = plan_sample(expectations(campaign=mapped()), Wishes(overall=0.05, share={BUILT: 0.9}))
    assert plan.strata[0].expected.share == 0.5


@pytest.mark.parametrize("wishes", [Wishes(overall=1e-5), Wishes(), Wishes(area_of="water", area_ha=1.0)])
def test_a_plan_that_cannot_be_is_refused(wishes: Wishes) -> None:
    known = expectations(campaign=map_of_vintage("newer", vintage=2022, east=2).model.campaign)
    with pytest.raises(InvalidPlan):
        plan_sample(known, wishes)


def test_the_ground_of_each_kind_of_change_is_counted_by_a_job_and_then_known() -> None:
    pair = two_vintages()
    campaign = Campaign.objects.get(layer=pair.second)
    before = expectations(campaign=campaign, pair=pair)
    assert {one.share_from for one in before.strata} == {"assumed"}
    assert run_job(str(start_strata_count(campaign=campaign, pair=pair, actor=maintainer(campaign)).pk))
    known = expectations(campaign=campaign, pair=pair)
    # Built at both dates in the west; in the east built, then grass, which cover alone does not call artificialised
    shares = {one.code: one.share for one in known.strata}
    assert shares == {"stable_in": 0.5, "stable_out": 0.0, "gain": 0.0, "loss": 0.5, "other_change": 0.0}
    assert {one.share_from for one in known.strata} == {"counted"}


@pytest.mark.parametrize("is_change", [False, True])
def test_a_job_draws_what_was_asked_for_once(is_change: bool) -> None:
    pair = two_vintages()
    campaign = Campaign.objects.get(layer=pair.second)
    by = maintainer(campaign)
    job = start_sample_draw(campaign=campaign, pair=pair if is_change else None, draw=DRAW, actor=by)
    assert run_job(str(job.pk))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    sample = ReferenceSample.objects.get(pk=job.result["sample"])
    assert (sample.kind, sample.seed, sample.unit_px, sample.drawn_by) == ("change" if is_change else "area", 5, 4, by)
    assert sample.units.count() == job.result["places"] == 12
    Job.objects.filter(pk=job.pk).update(state="queued")
    assert run_job(str(job.pk)), "taken over after the draw, and before it was written down as done"
    job.refresh_from_db()
    assert (job.state, job.result["sample"]) == ("succeeded", sample.pk)
    with pytest.raises(SampleOpen):
        start_sample_draw(campaign=campaign, pair=pair if is_change else None, draw=DRAW, actor=by)


def test_nothing_is_drawn_in_a_closed_campaign() -> None:
    campaign = mapped()
    campaign.state = Campaign.State.CLOSED
    with pytest.raises(CampaignClosed):
        start_sample_draw(campaign=campaign, pair=None, draw=DRAW, actor=maintainer(campaign))
