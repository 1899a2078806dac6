"""Places of a sample: how they are drawn, who answers them, and what the answers come to."""

from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError, transaction
from map_rows import map_of_vintage
from sample_rows import BUILT, COUNTED, GRASS, change_sample, interpreters, say, two_vintages
from scenes import person

from annotation.errors import ConsentRequired, OperationMismatch
from annotation.models import Campaign, Contributor
from learning.errors import InvalidAnswer, NoPrediction, NoSuchPlace, NotDisputed, SampleClosed, SampleOpen
from learning.models import ReferenceSample, SampleAnswer
from learning.services.sample_draw import draw_area_sample, draw_change_sample
from learning.services.sample_windows import layers_of, window_on
from learning.services.samples import (
    Seen,
    agreement,
    answer_unit,
    close_sample,
    disputed_for,
    open_for,
    resolve,
    sample_for,
)

pytestmark = pytest.mark.django_db


def test_a_sample_of_change_has_its_strata_counted_and_its_places_drawn_in_them() -> None:
    sample = change_sample()
    # 1,024 px in places of 4: 256 × 256, half of them built at both dates, half lost
    assert [(one["name"], one["places"], one["drawn"]) for one in sample.strata] == [
        ("stable_in", 32768, 6), ("stable_out", 0, 0), ("gain", 0, 0), ("loss", 32768, 6), ("other_change", 0, 0),
    ]  # fmt: skip
    gsd = sample.campaign.layer.gsd_m
    assert sample.strata[0]["area_m2"] == pytest.approx(512 * 1024 * gsd**2)
    assert sample.outside_m2 == pytest.approx(0, abs=1e-6)
    units = list(sample.units.all())
    assert [unit.number for unit in units] == list(range(1, 13))
    assert all((unit.col >= 512) == (unit.stratum == 3) for unit in units)
    assert {unit.inclusion_probability for unit in units} == {6 / 32768}
    assert {(unit.first_mapped, unit.second_mapped, unit.stratum) for unit in units} == {
        (BUILT, BUILT, 0), (BUILT, GRASS, 3),
    }  # fmt: skip
    west, south, east, north = sample.campaign.layer.pixel_grid.bounds_wgs84
    assert all(west < unit.location.x < east and south < unit.location.y < north for unit in units)


def test_the_same_seed_draws_the_same_places() -> None:
    pair = two_vintages()
    places = []
    for seed in (1, 1, 2):
        sample = change_sample(pair, seed=seed)
        places.append([(unit.row, unit.col) for unit in sample.units.all()])
        close_sample(sample=sample, closed_by=None, as_it_is=True)
    assert places[0] == places[1] != places[2]


def test_a_sample_at_one_date_has_a_stratum_a_class() -> None:
    campaign = map_of_vintage("newer", vintage=2022, east=2).model.campaign
    sample = draw_area_sample(campaign=campaign, drawn_by=None, total=10, fewest=4, unit_px=4)
    assert [(one["codes"], one["drawn"]) for one in sample.strata] == [([BUILT], 5), ([GRASS], 5)]
    assert layers_of(sample) == [campaign.layer]


def test_only_one_sample_of_a_kind_is_open_and_it_stays_as_drawn() -> None:
    pair = two_vintages()
    sample = change_sample(pair)
    with pytest.raises(SampleOpen, match="close it"):
        change_sample(pair)
    with pytest.raises(IntegrityError, match="sample_is_drawn"), transaction.atomic():
        ReferenceSample.objects.filter(pk=sample.pk).update(seed=2)
    with pytest.raises(IntegrityError), transaction.atomic():
        sample.units.update(stratum=0)


def test_without_a_published_map_of_either_date_nothing_is_drawn() -> None:
    from annotation.models import VintagePair

    older = map_of_vintage("older", vintage=2019, east=1, state="rejected")
    newer = map_of_vintage("newer", vintage=2022, east=2)
    pair = VintagePair.objects.create(first=older.layer, second=newer.layer)
    campaign = newer.model.campaign
    with pytest.raises(NoPrediction, match=older.layer.slug):
        draw_change_sample(pair=pair, campaign=campaign, counted=COUNTED, drawn_by=None)
    with pytest.raises(NoPrediction, match="older"):
        draw_change_sample(pair=pair, campaign=older.model.campaign, counted=COUNTED, drawn_by=None)


def test_a_place_lies_on_each_layer_where_its_ground_does() -> None:
    pair = two_vintages()
    first = pair.first
    # The older imagery is half as fine and begins 100 m further west and north.
    first.transform = [
        2 * first.gsd_m,
        0.0,
        first.transform[2] - 100.0,
        0.0,
        -2 * first.gsd_m,
        first.transform[5] + 100.0,
    ]
    first.gsd_m *= 2
    first.save()
    sample = change_sample(pair)
    unit = sample.units.first()
    shift = 100.0 / first.gsd_m
    assert window_on(pair.second, unit, sample)["origin_px"] == [unit.col, unit.row]
    there = window_on(first, unit, sample)
    assert there["origin_px"] == [round(unit.col / 2 + shift), round(unit.row / 2 + shift)]
    assert there["side_px"] == 2


def test_two_people_answer_each_place_and_where_they_differ_a_third_settles_it() -> None:
    sample = change_sample()
    ana, ben, eve = interpreters(sample.campaign, count=3)
    first, second, third = list(sample.units.all())[:3]
    say(first, ana, BUILT, GRASS)
    assert resolve(sample)[0].state == "open"
    say(first, ben, BUILT, GRASS)
    say(second, ana, BUILT, GRASS)
    say(second, ben, BUILT, BUILT)
    say(third, ana, None)
    say(third, ben, None)
    places = resolve(sample)
    assert [(place.state, place.codes) for place in places[:3]] == [
        ("agreed", (BUILT, GRASS)), ("disputed", None), ("agreed", None),
    ]  # fmt: skip
    assert len(open_for(places, ana)) == len(open_for(places, ben)) == 9
    assert [place.unit for place in disputed_for(places, eve)] == [second]
    assert disputed_for(places, ana) == []
    say(second, eve, GRASS, GRASS, settles=True)
    settled = resolve(sample)[1]
    assert (settled.state, settled.codes) == ("agreed", (GRASS, GRASS))
    assert len(settled.answers) == 2


def test_nobody_settles_what_is_agreed_nor_what_they_answered() -> None:
    sample = change_sample()
    ana, ben, eve = interpreters(sample.campaign, count=3)
    unit = sample.units.first()
    with pytest.raises(NotDisputed, match="is open"):
        say(unit, eve, BUILT, GRASS, settles=True)
    say(unit, ana, BUILT, GRASS)
    say(unit, ben, BUILT, BUILT)
    with pytest.raises(NotDisputed, match="yourself"):
        say(unit, ana, BUILT, GRASS, settles=True)


def test_of_several_answers_of_one_person_the_last_counts_and_none_is_changed() -> None:
    sample = change_sample(answers_wanted=1)
    [ana] = interpreters(sample.campaign, count=1)
    unit = sample.units.first()
    say(unit, ana, BUILT, GRASS)
    kept = say(unit, ana, BUILT, BUILT)
    assert resolve(sample)[0].codes == (BUILT, BUILT)
    with pytest.raises(IntegrityError, match="append_only"), transaction.atomic():
        SampleAnswer.objects.filter(pk=kept.pk).update(second_code=GRASS)


def test_an_answer_sent_twice_is_kept_once() -> None:
    sample = change_sample()
    ana, ben = interpreters(sample.campaign)
    unit, other = list(sample.units.all())[:2]
    operation, seen = uuid.uuid4(), Seen((BUILT, GRASS), "sure")
    once = answer_unit(unit=unit, person=ana, operation_id=operation, seen=seen)
    assert answer_unit(unit=unit, person=ana, operation_id=operation, seen=seen) == once
    assert unit.answers.count() == 1
    for where, who in ((other, ana), (unit, ben)):
        with pytest.raises(OperationMismatch):
            answer_unit(unit=where, person=who, operation_id=operation, seen=seen)


def test_what_cannot_be_an_answer_is_refused() -> None:
    sample = change_sample()
    [ana] = interpreters(sample.campaign, count=1)
    unit = sample.units.first()
    with pytest.raises(InvalidAnswer, match="'CS9'"):
        say(unit, ana, BUILT, "CS9")
    Contributor.objects.filter(user=ana).update(licence_accepted_at=None)
    with pytest.raises(ConsentRequired):
        say(unit, ana, BUILT, BUILT)


def test_an_answer_at_one_date_names_one_class() -> None:
    campaign = map_of_vintage("newer", vintage=2022, east=2).model.campaign
    sample = draw_area_sample(campaign=campaign, drawn_by=None, total=4, fewest=2, unit_px=4)
    [ana] = interpreters(campaign, count=1)
    unit = sample.units.first()
    with pytest.raises(InvalidAnswer, match="one date"):
        say(unit, ana, BUILT, BUILT)
    say(unit, ana, "", GRASS)
    assert unit.answers.get().second_code == GRASS


def test_a_sample_closes_once_each_place_has_its_answer_or_as_it_is_and_takes_no_more() -> None:
    sample = change_sample(answers_wanted=1)
    [ana] = interpreters(sample.campaign, count=1)
    units = list(sample.units.all())
    say(units[0], ana, BUILT, BUILT)
    with pytest.raises(SampleOpen) as refusal:
        close_sample(sample=sample, closed_by=ana)
    assert refusal.value.details == {"waiting": 11, "disputed": 0}
    closed = close_sample(sample=sample, closed_by=ana, as_it_is=True)
    assert closed.closed_by == ana
    with pytest.raises(SampleClosed):
        say(units[1], ana, BUILT, BUILT)
    with pytest.raises(SampleClosed):
        close_sample(sample=sample, closed_by=ana)


def test_a_sample_is_there_for_its_campaigns_reviewers_alone() -> None:
    sample = change_sample()
    [ana] = interpreters(sample.campaign, count=1)
    assert sample_for(sample_id=sample.pk, user=ana) == sample
    with pytest.raises(NoSuchPlace):
        sample_for(sample_id=sample.pk, user=person("stranger"))


def test_agreement_is_that_of_two_people_before_anything_is_settled() -> None:
    sample = change_sample()
    ana, ben = interpreters(sample.campaign)
    units = list(sample.units.all())
    for unit, mine, yours in zip(units, "BBBBGGGGGG", "BBBGGGGGGB", strict=False):
        for who, said in ((ana, mine), (ben, yours)):
            say(unit, who, BUILT, BUILT if said == "B" else GRASS)
    say(units[10], ana, None)
    say(units[10], ben, BUILT, BUILT)
    # 10 pairs, 8 agree; values: 8 of one and 12 of the other, o_cc = 16: (19 · 16 - 188) / (20 · 19 - 188)
    assert agreement(resolve(sample)) == pytest.approx((19 * 16 - 188) / (380 - 188))


def test_a_campaign_that_is_closed_takes_no_answer() -> None:
    from annotation.errors import CampaignClosed

    sample = change_sample()
    [ana] = interpreters(sample.campaign, count=1)
    Campaign.objects.filter(pk=sample.campaign_id).update(state="closed")
    with pytest.raises(CampaignClosed):
        say(sample.units.first(), ana, BUILT, BUILT)


def test_places_know_the_day_of_their_ground_at_each_date() -> None:
    from datetime import date

    pair = two_vintages()
    pair.second.acquired_on = date(2022, 6, 3)
    pair.second.save()
    days = change_sample(pair).units.values_list("first_acquired_on", "second_acquired_on").distinct()
    assert list(days.order_by()) == [(None, date(2022, 6, 3))]


def test_a_sample_is_drawn_by_a_command_that_names_what_there_is_to_pair(capsys: pytest.CaptureFixture[str]) -> None:
    from django.core.management import CommandError, call_command

    pair = two_vintages()
    slug = Campaign.objects.get(layer=pair.second).slug
    with pytest.raises(CommandError, match=f"paired with the later one: {pair.first.slug}"):
        call_command("draw_change_sample", campaign=slug, earlier="nothing")
    call_command("draw_change_sample", campaign=slug, earlier=pair.first.slug, places=20, fewest=5, unit_px=4, seed=3)
    sample = ReferenceSample.objects.get()
    told = capsys.readouterr().out
    assert f"/campaigns/{slug}/sample/{sample.pk}/" in told and "2.10 ha" in told
    assert sample.counted[BUILT] is True and sample.counted[GRASS] is None, "as the decree's rule says"
