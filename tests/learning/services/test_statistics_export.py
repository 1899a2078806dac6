"""What ships with figures of areas."""

from __future__ import annotations

import pytest
from area_rows import answered, area_sample, as_mapped, counted, territory_of
from sample_rows import BUILT, GRASS

from learning.errors import NoSuchPlace
from learning.models import SampleAnswer
from learning.release.contents import MapStatistics
from learning.release.records import from_json, to_json
from learning.services.area_figures import figures_of_map
from learning.services.statistics_export import map_statistics, sample_places, statistics_document

pytestmark = pytest.mark.django_db

LICENCE = "etalab-2.0"


def test_a_document_holds_counts_weights_formulas_and_how_places_were_drawn():
    prediction, sample = area_sample()
    answered(sample, lambda unit: None if unit.number == 7 else as_mapped(unit))
    counted(prediction)
    told = statistics_document(prediction)
    assert (told["status"], told["codes"], told["estimator"]) == ("assessed", [BUILT, GRASS], "olofsson2014")
    assert sum(map(sum, told["n"])) == 59 and told["left_out"] == 1
    assert told["weights"] == pytest.approx([0.5, 0.5]) and sum(map(sum, told["p"])) == pytest.approx(1)
    assert "n_ij / n_i." in told["formulas"]["area"]
    assert (told["sample"]["seed"], told["sample"]["side_px"]) == (3, 4)
    assert told["sample"]["strata"][0]["drawn"] == 30
    assert told["independent_of_training"] is True


def test_what_is_not_assessed_says_why_and_ships_nothing():
    prediction, sample = area_sample()
    told = statistics_document(prediction)
    assert (told["status"], told["reason"]) == ("not assessed", "sample_open")
    assert "formulas" not in told
    assert map_statistics(prediction, licence=LICENCE) is None
    with pytest.raises(NoSuchPlace, match="not closed"):
        sample_places(sample, prediction)


def test_places_are_told_with_stratum_probability_and_both_classes():
    prediction, sample = area_sample()
    sample = answered(sample, lambda unit: None if unit.number == 1 else GRASS)
    counted(prediction)
    places = sample_places(sample, prediction)
    assert [place.number for place in places] == list(range(1, 61))
    assert places[0].seen == "" and {place.seen for place in places[1:]} == {GRASS}
    assert all(place.mapped == place.stratum == as_mapped(place) for place in places)
    assert {place.inclusion_probability for place in places} == {30 / 32768}


def test_what_a_release_keeps_is_read_back_to_the_bit_with_territories():
    prediction, sample = area_sample(total=200)
    answered(sample, as_mapped)
    north = territory_of(prediction, "32001", cols=(0, 1024), rows=(0, 512))
    counted(prediction)
    kept = map_statistics(prediction, licence=LICENCE)
    assert kept is not None and len(kept.places) == 200
    assert [one["code"] for one in kept.figures["territories"]] == ["32001"]
    figures = figures_of_map(prediction, territory=north)
    assert kept.figures["territories"][0]["classes"][0]["estimate_ha"] == figures.classes[0].estimate_ha
    assert from_json(MapStatistics, to_json(kept)) == kept


def test_answers_under_a_licence_that_the_release_may_not_carry_keep_the_sample_out():
    prediction, sample = area_sample()
    answered(sample, as_mapped)
    counted(prediction)
    assert SampleAnswer.objects.values_list("licence", flat=True).distinct().get() == LICENCE
    kept = map_statistics(prediction, licence="CC0-1.0")
    assert kept == MapStatistics(figures={"status": "not assessed", "reason": "licence"})
