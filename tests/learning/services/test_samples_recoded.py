"""Samples, and what people answered at their places, when the campaign's classes change under them."""

from __future__ import annotations

from typing import Any

import pytest
from area_rows import answered, area_sample, as_mapped, counted
from class_rows import apply_plan, merge_plan, new_class, rename_plan, split_plan, take_back
from sample_rows import BUILT, GRASS, change_sample, interpreters, say

from annotation.models import Campaign
from learning.errors import InvalidAnswer
from learning.models import SampleAnswer
from learning.services.area_figures import area_figures
from learning.services.change_figures import change_figures
from learning.services.class_changes import preview
from learning.services.samples import close_sample, open_for, resolve
from learning.services.statistics_export import sample_places

pytestmark = pytest.mark.django_db
HALF_HA = 512 * 1024 * 0.2**2 / 10_000  # each half of the layer: 2.097 ha


def fresh(sample: Any) -> Any:
    """The sample as a page reads it."""
    return type(sample).objects.select_related("campaign__layer", "second_map__model").get(pk=sample.pk)


def states(sample: Any) -> list[str]:
    return [place.state for place in resolve(fresh(sample))]


def test_answers_from_before_and_after_a_rename_agree_and_both_rows_stay_as_they_were() -> None:
    sample = change_sample(total=6)
    unit, (one, other) = sample.units.first(), interpreters(sample.campaign)
    say(unit, one, GRASS, BUILT)
    apply_plan(sample.campaign, rename_plan())
    say(unit, other, GRASS, "renamed")
    place = resolve(fresh(sample))[0]
    assert (place.state, place.codes) == ("agreed", (GRASS, "renamed"))
    assert sorted(SampleAnswer.objects.values_list("second_code", flat=True)) == sorted([BUILT, "renamed"])


def test_an_answer_that_was_given_before_a_rename_and_is_sent_since_is_taken() -> None:
    sample = change_sample(total=6)
    unit, (one, _other) = sample.units.first(), interpreters(sample.campaign)
    apply_plan(sample.campaign, rename_plan())
    assert say(unit, one, GRASS, BUILT).second_code == "renamed"
    with pytest.raises(InvalidAnswer, match="not one of this campaign's"):
        say(unit, one, GRASS, "never")


def test_who_saw_a_class_that_is_split_is_asked_again_and_not_once_it_is_taken_back() -> None:
    sample = change_sample(total=6)
    units, (one, other) = list(sample.units.all()[:2]), interpreters(sample.campaign)
    for who in (one, other):
        say(units[0], who, GRASS, BUILT)
        say(units[1], who, GRASS, GRASS)
    say(units[1], other, BUILT, GRASS)
    say(units[1], other, GRASS, BUILT)  # the last counts, and is of the class that is split
    assert states(sample)[:2] == ["agreed", "disputed"]
    assert preview(campaign=sample.campaign, plan=split_plan())["touched"]["places_again"] == 2
    change = apply_plan(sample.campaign, split_plan())
    assert states(sample)[:2] == ["open", "open"], "an earlier answer of theirs does not come back"
    places = resolve(fresh(sample))
    assert units[0] in open_for(places, one) and units[1] not in open_for(places, one)
    assert units[1] in open_for(places, other)
    with pytest.raises(InvalidAnswer):
        say(units[0], one, GRASS, BUILT)
    say(units[0], one, GRASS, "new.2")
    take_back(change)
    place = resolve(fresh(sample))[0]
    assert (place.state, place.codes) == ("agreed", (GRASS, BUILT))
    assert states(sample)[1] == "disputed"


def test_of_a_merge_two_answers_that_differed_are_one() -> None:
    sample = change_sample(total=6)
    unit, (one, other) = sample.units.first(), interpreters(sample.campaign)
    say(unit, one, BUILT, GRASS)
    say(unit, other, GRASS, GRASS)
    assert states(sample)[0] == "disputed"
    change = apply_plan(sample.campaign, [{"kind": "merge", "codes": [BUILT, GRASS], "into": new_class(GRASS)}])
    assert resolve(fresh(sample))[0].codes == (GRASS, GRASS)
    take_back(change)
    assert states(sample)[0] == "disputed"


@pytest.mark.parametrize("is_closed", [False, True])
def test_what_was_said_of_a_class_while_another_was_merged_into_it_does_not_count_once_that_is_taken_back(
    is_closed: bool,
) -> None:
    sample = change_sample(total=6)
    units, (one, other) = list(sample.units.all()[:2]), interpreters(sample.campaign)
    for who in (one, other):
        say(units[0], who, GRASS, GRASS)
    say(units[1], one, BUILT, BUILT)
    change = apply_plan(sample.campaign, [{"kind": "merge", "codes": [BUILT, GRASS], "into": new_class(GRASS)}])
    say(units[1], one, GRASS, GRASS)
    say(units[1], other, GRASS, GRASS)
    places = resolve(fresh(sample))
    assert [(place.state, place.codes) for place in places[:2]] == [("agreed", (GRASS, GRASS))] * 2
    if is_closed:
        close_sample(sample=sample, closed_by=None, as_it_is=True)
    take_back(change)
    places = resolve(fresh(sample))
    assert (places[0].state, places[0].codes) == ("agreed", (GRASS, GRASS)), "said of the narrow class"
    assert (places[1].state, places[1].codes, places[1].answers) == ("open", None, ())
    if not is_closed:
        assert [unit.number for unit in open_for(places, one)] == [unit.number for unit in sample.units.all()[1:]]
        say(units[1], one, GRASS, GRASS)
        say(units[1], other, GRASS, GRASS)
        assert states(sample)[1] == "agreed"


def test_flows_of_a_closed_sample_are_the_same_after_a_rename_and_after_a_split() -> None:
    sample = change_sample(total=40, fewest=8, answers_wanted=1)
    (one,) = interpreters(sample.campaign, count=1)
    for unit in sample.units.all():
        say(unit, one, unit.first_mapped, unit.second_mapped)
    close_sample(sample=sample, closed_by=None)
    before = change_figures(pair=sample.pair).found
    assert before is not None and before.loss.ha.lower.value > 0
    renamed = apply_plan(sample.campaign, rename_plan())
    after = change_figures(pair=sample.pair).found
    assert after is not None
    assert (after.kind, after.gain, after.loss, after.second_wrong) == (
        before.kind, before.gain, before.loss, before.second_wrong,
    )  # fmt: skip
    assert {one.first_code for one in after.classes} == {"renamed" if code == BUILT else code for code in
                                                         {one.first_code for one in before.classes}}  # fmt: skip
    take_back(renamed)
    sample.campaign.refresh_from_db()
    apply_plan(sample.campaign, split_plan())
    assert change_figures(pair=sample.pair).found == before, "people saw the whole class, and it is told as that"


def test_a_sample_drawn_after_a_split_on_maps_of_the_class_before_has_its_flow() -> None:
    first = change_sample(total=40, fewest=8, answers_wanted=1)
    close_sample(sample=first, closed_by=None, as_it_is=True)
    apply_plan(first.campaign, split_plan())
    sample = change_sample(
        first.pair, total=40, fewest=8, answers_wanted=1, counted={"new.1": True, "new.2": True, GRASS: False}
    )
    (one,) = interpreters(sample.campaign, count=1)
    parts = {BUILT: "new.1", GRASS: GRASS}
    for unit in sample.units.all():
        say(unit, one, parts[unit.first_mapped], parts[unit.second_mapped])
    close_sample(sample=sample, closed_by=None)
    found = change_figures(pair=sample.pair).found
    assert found is not None and found.kind == "figure"
    # People say what the maps do: all of the east was built and is grass.
    assert found.loss.ha.lower.value == found.loss.ha.upper.value == pytest.approx(HALF_HA)
    assert [(one.first_code, one.second_code) for one in found.classes] == [("new.1", GRASS)]
    assert (found.first_wrong.units, found.second_wrong.units) == (0, 0), "a part is what a map of the whole says"
    assert found.mapped_loss_ha == pytest.approx(HALF_HA)


def test_where_part_of_a_split_class_went_to_another_one_change_is_not_assessed() -> None:
    sample = change_sample(total=40, fewest=8, answers_wanted=1)
    (one,) = interpreters(sample.campaign, count=1)
    for unit in sample.units.all():
        say(unit, one, unit.first_mapped, unit.second_mapped)
    close_sample(sample=sample, closed_by=None)
    apply_plan(sample.campaign, split_plan())
    apply_plan(sample.campaign, [{"kind": "merge", "codes": ["new.2", GRASS], "into": new_class("both")}])
    figures = change_figures(pair=sample.pair)
    assert (figures.status, figures.reason, figures.found) == ("not_assessed", "classes_changed", None)


@pytest.mark.django_db(transaction=True)
def test_where_part_of_a_split_class_went_to_another_one_areas_are_not_assessed() -> None:
    prediction, sample = area_sample()
    answered(sample, as_mapped)
    counted(prediction)
    campaign = Campaign.objects.get(pk=sample.campaign_id)
    apply_plan(campaign, split_plan())
    assert area_figures(campaign=Campaign.objects.get(pk=campaign.pk)).status == "assessed"
    apply_plan(campaign, [{"kind": "merge", "codes": ["new.2", GRASS], "into": new_class("both")}])
    figures = area_figures(campaign=Campaign.objects.get(pk=campaign.pk))
    assert (figures.status, figures.reason, figures.overall) == ("not_assessed", "classes_changed", None)
    assert {area.estimate_ha for area in figures.classes} == {None}


@pytest.mark.django_db(transaction=True)
def test_areas_of_a_closed_sample_follow_a_rename_and_stay_whole_through_a_split() -> None:
    prediction, sample = area_sample()
    answered(sample, as_mapped)
    counted(prediction)
    campaign = Campaign.objects.get(pk=sample.campaign_id)
    before = area_figures(campaign=campaign)
    by_code = {area.code: area for area in before.classes}
    assert before.overall is not None and before.overall.value == 1.0
    apply_plan(campaign, rename_plan())
    after = area_figures(campaign=Campaign.objects.get(pk=campaign.pk))
    now = {area.code: area for area in after.classes}
    assert now["renamed"].estimate_ha == by_code[BUILT].estimate_ha
    assert now["renamed"].mapped_ha == by_code[BUILT].mapped_ha
    assert (after.overall, after.estimator) == (before.overall, "olofsson2014")
    places = sample_places(fresh(sample), prediction)
    assert all(place.mapped == place.seen for place in places)
    campaign.refresh_from_db()
    apply_plan(campaign, split_plan("renamed"))
    whole = area_figures(campaign=Campaign.objects.get(pk=campaign.pk))
    assert whole.overall == before.overall
    assert "new.1" not in {area.code for area in whole.classes}


@pytest.mark.django_db(transaction=True)
def test_of_merged_classes_strata_that_were_drawn_apart_are_not_put_together() -> None:
    prediction, sample = area_sample()
    answered(sample, as_mapped)
    counted(prediction)
    campaign = Campaign.objects.get(pk=sample.campaign_id)
    ground = sum(area.estimate_ha or 0.0 for area in area_figures(campaign=campaign).classes)
    apply_plan(campaign, merge_plan())
    figures = area_figures(campaign=Campaign.objects.get(pk=campaign.pk))
    (both,) = [area for area in figures.classes if area.estimate_ha]
    assert (figures.estimator, both.code) == ("stehman2014", "both")
    assert both.estimate_ha == pytest.approx(ground)
    assert both.mapped_ha == pytest.approx(ground)


def test_a_sample_of_change_that_is_drawn_from_maps_of_the_classes_before_has_the_same_strata() -> None:
    first = change_sample(total=12)
    strata = [(one["name"], one["places"]) for one in first.strata]
    close_sample(sample=first, closed_by=None, as_it_is=True)
    apply_plan(first.campaign, rename_plan())
    campaign = Campaign.objects.get(pk=first.campaign_id)
    second = change_sample(first.pair, counted={"renamed": True, GRASS: False})
    assert second.campaign == campaign
    assert [(one["name"], one["places"]) for one in second.strata] == strata
