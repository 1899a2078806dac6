"""What a release says of change: figures of closed samples with all that they rest on, and nothing of an open one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from area_rows import territory_of
from class_rows import apply_plan, rename_plan
from sample_rows import BUILT, GRASS, change_sample, interpreters, say, told_change, two_vintages
from scenes import labelled_scene

from annotation.jobs.registry import run_job
from annotation.models import Campaign, Territory
from learning.jobs.rebuilding import discard, rebuild_release
from learning.models import Release, SampleAnswer
from learning.release.ground import ChangeStatistics
from learning.release.records import from_json, to_json
from learning.services.change_figures import change_figures
from learning.services.released_change import released_change
from learning.services.releases import start_release
from learning.services.samples import close_sample

HALF_HA = 512 * 1024 * 0.2**2 / 10_000  # each half of the layer: 2.097 ha


def answered(pair: Any, *, fewest: int = 6, **options: Any) -> Any:
    """A closed sample: of six places mapped as built one was grass before; of six mapped as lost three were, two were
    grass at both dates, and nobody could tell the last."""
    sample = change_sample(pair, total=2 * fewest, fewest=fewest, answers_wanted=1, **options)
    [who] = interpreters(sample.campaign, count=1)
    west: list[Any] = [(GRASS, BUILT)] + [(BUILT, BUILT)] * (fewest - 1)
    east: list[Any] = [(BUILT, GRASS)] * 3 + [(GRASS, GRASS)] * (fewest - 4) + [(None,)]
    for name, said in (("stable_in", west), ("loss", east)):
        at = [stratum["name"] for stratum in sample.strata].index(name)
        for unit, codes in zip(sample.units.filter(stratum=at), said, strict=True):
            say(unit, who, *codes)
    return close_sample(sample=sample, closed_by=who)


def released(campaign: Any, licence: str = "etalab-2.0") -> list[ChangeStatistics]:
    return list(released_change(campaign, licence=licence))


@pytest.mark.django_db
def test_figures_come_out_of_the_counts_and_weights_that_ship_with_them() -> None:
    pair = two_vintages()
    sample = answered(pair)
    [told] = released(sample.campaign)
    figures: Any = told.figures
    assert (figures["status"], figures["first"]["layer"]) == ("assessed", pair.first.slug)
    assert figures["codes"] == [[BUILT, BUILT], [BUILT, GRASS], [GRASS, BUILT], [GRASS, GRASS]]
    by_stratum = dict(zip(figures["strata"], figures["n"], strict=True))
    assert by_stratum == {
        "stable_in": [5, 0, 1, 0], "stable_out": [0] * 4, "gain": [0] * 4, "loss": [0, 3, 0, 2],
        "other_change": [0] * 4,
    }  # fmt: skip
    assert figures["weights"] == pytest.approx([0.5, 0, 0, 0.5, 0])
    # By hand: a sixth of the west was gained, three fifths of the east were lost.
    assert figures["found"]["gain"]["ha"]["lower"]["value"] == pytest.approx(HALF_HA / 6)
    assert figures["found"]["loss"]["ha"]["lower"]["value"] == pytest.approx(HALF_HA * 3 / 5)
    lost = sum(row[1] for row in figures["p"]) * figures["ground_ha"]
    assert lost == pytest.approx(HALF_HA * 3 / 5)
    assert (figures["sample"]["id"], figures["sample"]["seed"], figures["sample"]["side_px"]) == (sample.pk, 1, 4)


@pytest.mark.django_db
def test_whether_ground_counts_is_told_of_every_code_of_the_counts_also_after_a_rename() -> None:
    sample = answered(two_vintages())
    before: Any = released(sample.campaign)[0].figures
    assert before["counted"] == before["counted_as_drawn"] == {BUILT: True, GRASS: False}
    apply_plan(sample.campaign, rename_plan())
    figures: Any = released(sample.campaign)[0].figures
    assert figures["counted"] == {"renamed": True, GRASS: False}
    assert figures["counted_as_drawn"] == {BUILT: True, GRASS: False}
    assert {code for pair in figures["codes"] for code in pair} == set(figures["counted"])
    # Gain and loss again, from what ships: a sixth of the west, three fifths of the east.
    shares = [sum(column) for column in zip(*figures["p"], strict=True)]
    flows = [tuple(figures["counted"][code] for code in pair) for pair in figures["codes"]]
    gain, loss = (
        figures["ground_ha"] * sum(share for share, flow in zip(shares, flows, strict=True) if flow == wanted)
        for wanted in ((False, True), (True, False))
    )
    assert (gain, loss) == (pytest.approx(HALF_HA / 6), pytest.approx(HALF_HA * 3 / 5))
    assert figures["found"]["loss"]["ha"]["lower"]["value"] == pytest.approx(loss)


@pytest.mark.django_db
def test_places_tell_what_was_mapped_and_seen_at_both_dates_and_come_back_to_the_bit() -> None:
    sample = answered(two_vintages())
    [told] = released(sample.campaign)
    assert [place.number for place in told.places] == list(range(1, 13)) and told.unit_px == 4
    lost = [place for place in told.places if place.stratum == "loss"]
    assert {(place.first_mapped, place.second_mapped) for place in lost} == {(BUILT, GRASS)}
    assert [(place.first_seen, place.second_seen) for place in lost][-2:] == [(GRASS, GRASS), ("", "")]
    assert from_json(ChangeStatistics, to_json(told)) == told


@pytest.mark.django_db
def test_an_open_sample_is_told_as_not_assessed_and_none_of_its_places_gets_out() -> None:
    sample = change_sample()
    [who] = interpreters(sample.campaign, count=1)
    say(sample.units.first(), who, BUILT, GRASS)
    [told] = released(sample.campaign)
    assert told.places == ()
    assert set(told.figures) == {"first", "second", "status", "reason"}
    assert (told.figures["status"], told.figures["reason"]) == ("not assessed", "sample_open")


@pytest.mark.django_db
def test_a_sample_drawn_since_stays_out_and_the_closed_one_is_told() -> None:
    pair = two_vintages()
    closed = answered(pair)
    later = change_sample(pair, seed=2)
    [told] = released(closed.campaign)
    assert told.figures["sample"]["id"] == closed.pk  # type: ignore[index]
    places = {(place.row, place.col) for place in told.places}
    assert places == set(closed.units.values_list("row", "col"))
    assert places != set(later.units.values_list("row", "col"))


@pytest.mark.django_db
def test_answers_under_a_licence_that_the_release_may_not_carry_keep_a_sample_out() -> None:
    sample = answered(two_vintages())
    assert SampleAnswer.objects.values_list("licence", flat=True).distinct().get() == "etalab-2.0"
    [told] = released(sample.campaign, licence="CC0-1.0")
    assert (told.figures["status"], told.figures["reason"], told.places) == ("not assessed", "licence", ())


@pytest.mark.django_db
def test_a_campaign_beside_the_one_that_drew_the_sample_ships_nothing_of_it() -> None:
    sample = answered(two_vintages())
    other = Campaign.objects.exclude(pk=sample.campaign_id).first()
    assert other is not None and released(other) == []


@pytest.mark.django_db
def test_a_territory_with_enough_places_is_told_and_one_with_few_is_not() -> None:
    pair = two_vintages()
    sample = answered(pair, fewest=30)
    territory_of(sample.second_map, "32013", cols=(0, 1024), rows=(0, 1024))
    territory_of(sample.second_map, "32001", cols=(0, 40), rows=(0, 1024))
    [told] = released(sample.campaign)
    figures: Any = told.figures
    [within] = figures["territories"]
    expected = change_figures(pair=pair, territory=Territory.objects.get(code="32013")).found
    assert expected is not None and within["code"] == "32013"
    assert within["found"]["loss"]["ha"]["lower"]["value"] == expected.loss.ha.lower.value


def done(job: Any) -> Any:
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


@pytest.mark.django_db(transaction=True)
def test_a_release_with_change_is_built_again_to_the_byte_though_another_sample_was_closed(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    sample = told_change(scene.campaign)
    release = Release.objects.get(pk=done(start_release(campaign=scene.campaign, actor=None)).result["release"])
    first = sample.pair.first.slug
    told = json.loads((release.path / f"change/{first}/accuracy.json").read_text())
    # Three of six places: half of the 0.5 ha was built before.
    assert told["found"]["loss"]["ha"]["lower"]["value"] == pytest.approx(0.25)
    assert pq.read_metadata(release.path / told["file"]).num_rows == 6
    assert "change" in release.summary["collections"]
    told_change(scene.campaign, first="much-before")
    sample.pair.first.title = "Renamed since"
    sample.pair.first.save()
    again = rebuild_release(release=release)
    assert again.identical and again.differences == ()
    discard(again)
