"""What a sample says of change: worked out by hand, told apart from what only a map got wrong, or not told at all."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
import scenes
from change_rows import TwoDates, answer, claimed
from report_rows import territory
from sample_rows import BUILT, COUNTED, GRASS, change_sample, interpreters, say, two_vintages

from annotation.models import Campaign, ChangeCell
from annotation.services.change_answers import Given
from annotation.services.tiles import materialise_tiles, pool_mask
from learning.core.change_area import change_estimates
from learning.models import ReferenceSample
from learning.sample_seen import seen_by_readers
from learning.services.change_figures import change_figures
from learning.services.samples import close_sample

pytestmark = pytest.mark.django_db
HALF_HA = 512 * 1024 * 0.2**2 / 10_000  # each half of the layer: 2.097 ha
SOIL = "CS1.2.1"


@pytest.fixture
def pair() -> Any:
    pair = two_vintages()
    for layer, day in ((pair.first, date(2019, 7, 1)), (pair.second, date(2022, 7, 1))):
        layer.acquired_on = day
        layer.save()
    return pair


def answered(pair: Any, west: list[tuple[str, str] | None], east: list[tuple[str, str] | None], **options: Any) -> Any:
    """A closed sample with these answers in the stratum of built ground and in that of mapped loss."""
    wanted = {"total": len(west) + len(east), "fewest": len(west), "answers_wanted": 1, **options}
    sample = change_sample(pair, **wanted)
    [who] = interpreters(sample.campaign, count=1)
    for name, said in (("stable_in", west), ("loss", east)):
        at = [stratum["name"] for stratum in sample.strata].index(name)
        for unit, codes in zip(sample.units.filter(stratum=at), said, strict=True):
            say(unit, who, *(codes or (None,)))
    return close_sample(sample=sample, closed_by=who)


WEST: list[tuple[str, str] | None] = [(BUILT, BUILT)] * 5 + [(GRASS, BUILT)]
# Three lost, two of which only the first map was wrong, one of which the second was.
EAST: list[tuple[str, str] | None] = [(BUILT, GRASS)] * 3 + [(GRASS, GRASS)] * 2 + [(BUILT, BUILT)]


def test_what_readers_see_of_a_sample_of_change_is_said_of_each(pair: Any) -> None:
    first = answered(pair, WEST, EAST)
    assert (
        seen_by_readers(first, change_figures(pair=first.pair))
        == "Flow, return flow and net, each with its interval, as below."
    )
    nobody = change_sample(pair, seed=9)
    close_sample(sample=nobody, closed_by=None, as_it_is=True)
    nobody.refresh_from_db()
    assert seen_by_readers(first, change_figures(pair=first.pair)) == "The figures of a newer sample."
    assert seen_by_readers(nobody, change_figures(pair=nobody.pair)).startswith(
        "“Not assessed”: One part of the ground has no answer"
    )
    ReferenceSample.objects.filter(pk=first.pk).update(closed_at=nobody.closed_at + timedelta(days=1))
    first.refresh_from_db()
    assert seen_by_readers(nobody, change_figures(pair=nobody.pair)) == "The figures of a newer sample.", (
        "what counts is when it was closed"
    )
    assert seen_by_readers(first, change_figures(pair=first.pair)).startswith("Flow")


def test_flow_return_flow_and_net_are_those_worked_by_hand_and_a_wrong_first_map_is_in_none(pair: Any) -> None:
    answered(pair, WEST, EAST)
    figures = change_figures(pair=pair)
    assert (figures.status, figures.reason) == ("assessed", "")
    found = figures.found
    assert found is not None and found.kind == "figure"
    assert found.gain.ha.lower.value == pytest.approx(HALF_HA / 6)
    assert found.loss.ha.lower.value == pytest.approx(HALF_HA * 3 / 6)
    assert found.net.ha.lower.value == pytest.approx(-HALF_HA * 2 / 6)
    assert (found.first_wrong.value, found.first_wrong.units) == (pytest.approx(HALF_HA * 2 / 6), 2)
    assert (found.second_wrong.value, found.second_wrong.units) == (pytest.approx(HALF_HA / 6), 1)
    # What subtracting the maps says: all of the east
    assert (found.mapped_gain_ha, found.mapped_loss_ha) == (0.0, pytest.approx(HALF_HA))
    assert [(one.first_code, one.second_code, one.ha.units) for one in found.classes] == [
        (BUILT, GRASS, 3), (GRASS, BUILT, 1),
    ]  # fmt: skip


def test_each_year_has_its_part_by_the_days_of_the_photographs(pair: Any) -> None:
    answered(pair, WEST, EAST)
    figures = change_figures(pair=pair)
    assert figures.period is not None and figures.found is not None
    assert figures.period.exact
    assert figures.period.first == (date(2019, 7, 1),) * 2
    assert figures.period.years == pytest.approx(1096 / 365.25)
    assert figures.found.loss.ha_per_year is not None
    assert figures.found.loss.ha_per_year.lower.value == pytest.approx(HALF_HA / 2 / (1096 / 365.25))


def test_without_days_the_vintages_tell_the_time_and_that_is_said(pair: Any) -> None:
    pair.first.acquired_on = None
    pair.first.save()
    answered(pair, WEST, EAST)
    period = change_figures(pair=pair).period
    assert period is not None
    assert (period.exact, period.years, period.first, period.second) == (False, 3.0, (2019, 2019), (2022, 2022))


def test_places_that_nobody_could_tell_are_left_out_and_counted(pair: Any) -> None:
    answered(pair, [*WEST[:5], None], EAST)
    found = change_figures(pair=pair).found
    assert found is not None
    assert (found.places, found.used, found.cannot_tell, found.unresolved) == (12, 11, 1, 0)
    assert [(one.name, one.drawn, one.used) for one in found.strata if one.drawn] == [
        ("stable_in", 6, 5),
        ("loss", 6, 6),
    ]
    assert found.gain.ha.lower.value == 0
    assert found.gain.ha.lower.upper > 0.3 * HALF_HA, "five places without a case leave much that may be"


def test_a_class_that_does_not_tell_whether_it_counts_makes_a_bracket(pair: Any) -> None:
    lawns = {BUILT: True, GRASS: None, SOIL: False}
    answered(pair, [(BUILT, BUILT)] * 6, [(BUILT, GRASS)] * 2 + [(BUILT, SOIL)] + [(GRASS, GRASS)] * 3, counted=lawns)
    found = change_figures(pair=pair).found
    assert found is not None and found.kind == "bracket"
    assert found.loss.ha.lower.value == pytest.approx(HALF_HA / 6)
    assert found.loss.ha.upper.value == pytest.approx(HALF_HA * 3 / 6)


def test_without_a_closed_sample_nothing_is_told_but_why(pair: Any) -> None:
    none = change_figures(pair=pair)
    assert (none.status, none.reason, none.found, none.sample) == ("not_assessed", "no_sample", None, None)
    change_sample(pair)
    assert change_figures(pair=pair).reason == "sample_open"


def test_a_part_of_the_ground_without_answers_is_not_assessed(pair: Any) -> None:
    answered(pair, [None] * 5 + [(BUILT, BUILT)], EAST)
    figures = change_figures(pair=pair)
    assert (figures.status, figures.reason, figures.found) == ("not_assessed", "stratum_unanswered", None)


def test_within_a_territory_only_its_places_show_change_and_few_are_not_enough(pair: Any, tmp_path: Any) -> None:
    sample = answered(pair, [(BUILT, BUILT)] * 60, [(BUILT, GRASS)] * 30 + [(GRASS, GRASS)] * 30)
    campaign = sample.campaign
    east = territory(campaign, tmp_path, "32001", (0, 8, 16, 16))
    corner = territory(campaign, tmp_path, "32002", (0, 0, 4, 4))
    inside = change_figures(pair=pair, territory=east)
    assert inside.found is not None
    # Places lie in the east by their centre, and all of the mapped loss does
    assert (inside.found.places, inside.found.loss.ha.lower.units) == (60, 30)
    assert inside.found.loss.ha.lower.value == pytest.approx(HALF_HA / 2)
    assert inside.found.mapped_loss_ha == pytest.approx(HALF_HA)
    whole = change_figures(pair=pair).found
    assert whole is not None and whole.loss.ha.lower == inside.found.loss.ha.lower
    assert change_figures(pair=pair, territory=corner).reason == "few_places"


def test_patches_are_told_apart_and_ground_that_nobody_looked_at_is_told(pair: Any) -> None:
    answered(pair, WEST, EAST)
    campaign = Campaign.objects.get(layer=pair.second)
    Campaign.objects.filter(pk=campaign.pk).update(review_policy="none", first_reviewed=0)
    campaign.refresh_from_db()
    before = change_figures(pair=pair)
    labelled = set(campaign.tiles.filter(state="accepted").values_list("row", "col"))
    pool = [(int(row), int(col)) for row, col in zip(*pool_mask(campaign).nonzero(), strict=True)]
    row, col = next(place for place in pool if place not in labelled)
    tile = materialise_tiles(campaign=campaign, places=[(row, col)])[(row, col)]
    scene = TwoDates(pair.first, pair.second, pair, campaign, [tile])
    scene.open([scene.cell(tile, BUILT, GRASS)])
    ana = scenes.person("ana")
    [ticket] = claimed(scene, ana)
    answer(ticket, ana, Given(ChangeCell.objects.get().pk, "first_wrong"))
    after = change_figures(pair=pair)
    assert (before.patches, before.patches_ha) == (0, 0.0)
    assert (after.patches, after.patches_ha) == (1, pytest.approx(16**2 * 0.2**2 / 10_000))
    assert before.found == after.found, "a patch is no flow"
    # One tile was labelled before, and one is answered now.
    assert before.never_reviewed == pytest.approx(1 - 1 / campaign.n_usable)
    assert after.never_reviewed == pytest.approx(1 - 2 / campaign.n_usable)


def test_the_service_gives_what_the_estimator_does(pair: Any) -> None:
    answered(pair, WEST, EAST)
    found = change_figures(pair=pair).found
    by_hand = change_estimates(
        areas=[HALF_HA, HALF_HA], stratum=np.repeat([0, 1], 6),
        first=[pair[0] for pair in WEST + EAST if pair], second=[pair[1] for pair in WEST + EAST if pair],
        counted=COUNTED,
    )  # fmt: skip
    assert found is not None
    for mine, theirs in ((found.net.ha.lower, by_hand.net.lower), (found.gain.ha.lower, by_hand.gain.lower)):
        assert (mine.lower, mine.upper) == pytest.approx((theirs.lower, theirs.upper))


def test_the_page_of_samples_shows_a_closed_samples_figures_in_both_languages(pair: Any) -> None:
    from learning_rows import signed_in

    sample = answered(pair, WEST, EAST)
    [who] = interpreters(sample.campaign, count=1)
    address = f"/campaigns/{sample.campaign.slug}/sample/"
    page = signed_in(who).get(address).content.decode()
    # Half of 2.097 ha, over three years, to the digits that the interval leaves
    assert "given back (return flow)" in page and "<td>1.05</td>" in page and "<td>0.35</td>" in page
    assert "only the earlier map was wrong" in page and "0.7 ha" in page
    assert "rendu (flux de retour)" in signed_in(who, "fr").get(address).content.decode()
