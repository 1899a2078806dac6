from __future__ import annotations

import math

import numpy as np
import pytest

from learning.core.change_area import area_showing, change_estimates, change_of, expected_reach, net_area
from learning.errors import InvalidSample

BUILT = {"built": True, "grass": False}
# Stable built, stable grass, mapped gain, mapped loss: hectares
AREAS = [100.0, 800.0, 60.0, 40.0]


def sample(*parts):
    """Units as (stratum, first, second, how many)."""
    stratum = np.array([s for s, _, _, n in parts for _ in range(n)])
    return {
        "areas": AREAS,
        "stratum": stratum,
        "first": [first for _, first, _, n in parts for _ in range(n)],
        "second": [second for _, _, second, n in parts for _ in range(n)],
    }


EXAMPLE = sample(
    (0, "built", "built", 10),
    (1, "grass", "grass", 39), (1, "grass", "built", 1),
    (2, "grass", "built", 12), (2, "built", "built", 6), (2, "grass", "grass", 2),
    (3, "built", "grass", 5), (3, "grass", "grass", 5),
)  # fmt: skip


def test_how_far_an_interval_is_expected_to_reach_is_how_far_it_does_with_such_places():
    # 2 of 10 in one stratum, none of 20 in a larger one, nothing drawn where there is no ground
    shows = np.array([True] * 2 + [False] * 28)
    found = area_showing(areas=[10.0, 90.0, 0.0], stratum=np.repeat([0, 1], [10, 20]), shows=shows)
    told = expected_reach(areas=[10.0, 90.0, 0.0], drawn=[10, 20, 0], shares=[0.2, 0.0, 0.3])
    assert told == pytest.approx(found.upper - found.value) and found.upper - found.value > found.value - found.lower
    # Jeffreys by hand: Beta(0.5, 20.5) ends at 0.1166, Beta(2.5, 8.5) at 0.5028
    assert told == pytest.approx(((90 * 0.1166) ** 2 + (10 * 0.3028) ** 2) ** 0.5, rel=1e-3)


def test_gain_loss_and_net_are_those_worked_by_hand():
    found = change_estimates(**EXAMPLE, counted=BUILT)
    # 800 · 1/40 + 60 · 12/20 = 20 + 36; 40 · 5/10 = 20
    assert found.gain.is_figure and found.loss.is_figure and found.net.is_figure
    gain, loss, net = found.gain.lower, found.loss.lower, found.net.lower
    assert (gain.value, loss.value, net.value) == pytest.approx((56.0, 20.0, 36.0))
    assert (gain.units, loss.units, net.units) == (13, 5, 18)


def test_a_place_where_only_the_first_map_was_wrong_is_no_flow():
    # The six units of mapped gain that were built all along
    assert [side.tolist() for side in change_of(["built"] * 6, ["built"] * 6, counted=BUILT)] == [[0] * 6] * 2
    # Counted as gain, as the first map has them: 20 + 60 · 18/20
    wrong = EXAMPLE | {"first": [f if not (s == 2 and f == "built") else "grass"
                                 for s, f in zip(EXAMPLE["stratum"], EXAMPLE["first"], strict=True)]}  # fmt: skip
    assert change_estimates(**wrong, counted=BUILT).gain.lower.value == pytest.approx(74.0)


def test_the_interval_of_one_stratum_is_the_published_one_of_a_share():
    # Brown, Cai, DasGupta 2001: limits of x = 1 of n = 10 are quantiles of Beta(1.5, 9.5), 0.011 and 0.381
    found = area_showing(areas=[1.0], stratum=np.zeros(10, int), shows=np.arange(10) < 1)
    assert (found.value, found.lower, found.upper) == pytest.approx((0.1, 0.011, 0.381), abs=5e-4)


def test_limits_of_strata_add_up_as_lengths_at_right_angles():
    one = [area_showing(areas=[a], stratum=np.zeros(n, int), shows=np.arange(n) < x)
           for a, n, x in ((100.0, 20, 3), (800.0, 40, 1))]  # fmt: skip
    both = area_showing(
        areas=[100.0, 800.0],
        stratum=np.repeat([0, 1], [20, 40]),
        shows=np.concatenate([np.arange(20) < 3, np.arange(40) < 1]),
    )
    assert both.value == pytest.approx(sum(part.value for part in one))
    assert both.value - both.lower == pytest.approx(math.hypot(*(part.value - part.lower for part in one)))
    assert both.upper - both.value == pytest.approx(math.hypot(*(part.upper - part.value for part in one)))


def test_a_large_stratum_without_a_case_still_widens_the_interval():
    cases = np.concatenate([np.zeros(40, bool), np.arange(20) < 12])
    alone = area_showing(areas=[60.0], stratum=np.zeros(20, int), shows=cases[40:])
    beside = area_showing(areas=[800.0, 60.0], stratum=np.repeat([0, 1], [40, 20]), shows=cases)
    assert beside.value == alone.value
    # Nought of 40 units: up to a share of 0.06 of 800 ha
    assert beside.upper > alone.upper + 20
    assert beside.lower == alone.lower


def test_gain_and_loss_in_one_stratum_make_the_net_less_certain_than_if_they_were_drawn_apart():
    change = np.repeat([1, -1, 0], [40, 40, 20]).astype(np.int8)
    stratum = np.zeros(100, int)
    net = net_area(areas=[1.0], stratum=stratum, change=change)
    gain = area_showing(areas=[1.0], stratum=stratum, shows=change == 1)
    loss = area_showing(areas=[1.0], stratum=stratum, shows=change == -1)
    apart = math.hypot(gain.value - gain.lower, loss.upper - loss.value)
    assert net.value == 0
    # Each 0.4, correlation -0.4 / 0.6: variance 2 (0.4 · 0.6 + 0.4 · 0.4) in place of 2 · 0.4 · 0.6
    assert (net.value - net.lower) / apart == pytest.approx(math.sqrt(0.8 / 0.48), rel=0.01)


def test_every_change_of_class_is_told_whatever_is_counted():
    found = change_estimates(**EXAMPLE, counted={"built": False, "grass": False})
    assert found.gain.upper.value == found.loss.upper.value == 0
    assert {pair: area.value for pair, area in found.pairs.items()} == pytest.approx(
        {("grass", "built"): 56.0, ("built", "grass"): 20.0}
    )


def test_a_class_that_does_not_tell_whether_it_counts_makes_a_bracket():
    counted = {"built": True, "lawn": None, "field": False}
    parts = sample(
        (0, "built", "built", 2),
        (1, "lawn", "lawn", 6), (1, "field", "lawn", 1), (1, "lawn", "built", 1),
        (2, "field", "built", 3), (2, "lawn", "built", 1),
        (3, "built", "field", 1), (3, "built", "lawn", 1), (3, "lawn", "field", 2),
    )  # fmt: skip
    found = change_estimates(**parts, counted=counted)
    # Gain: certain 60 · 3/4; possible as well 800 · 2/8 and 60 · 1/4. A lawn that stays one is no change.
    assert (found.gain.lower.value, found.gain.upper.value) == pytest.approx((45.0, 260.0))
    # Loss: certain 40 · 1/4, possible 40 · 4/4
    assert (found.loss.lower.value, found.loss.upper.value) == pytest.approx((10.0, 40.0))
    # Net: at least the certain gain less the possible loss, at most the possible gain less the certain loss
    assert (found.net.lower.value, found.net.upper.value) == pytest.approx((45.0 - 40.0, 260.0 - 10.0))
    assert not found.net.is_figure


def test_between_two_classes_that_do_not_tell_there_may_be_gain_as_well_as_loss():
    least, most = change_of(["lawn"], ["shrubs"], counted={"lawn": None, "shrubs": None})
    assert (least.tolist(), most.tolist()) == ([-1], [1])


def test_a_class_of_which_nothing_is_said_is_refused():
    with pytest.raises(InvalidSample, match="'sand'"):
        change_of(["sand"], ["built"], counted=BUILT)


def test_a_year_has_its_part_of_the_change():
    gain = change_estimates(**EXAMPLE, counted=BUILT).gain.lower
    yearly = gain.per(3.5)
    assert (yearly.value, yearly.lower, yearly.upper) == pytest.approx((16.0, gain.lower / 3.5, gain.upper / 3.5))
    with pytest.raises(InvalidSample, match="0 years"):
        gain.per(0)


def test_a_stratum_with_one_unit_is_refused_and_one_without_area_is_not_asked_for():
    parts = {"stratum": np.array([0, 0, 1]), "shows": np.array([True, False, False])}
    with pytest.raises(InvalidSample, match="Stratum 1 has 1 units"):
        area_showing(areas=[1.0, 2.0], **parts)
    assert area_showing(areas=[1.0, 0.0], **parts).value == 0.5


@pytest.mark.parametrize(
    ("areas", "stratum", "shows"),
    [([1.0], [0, 0], [1]), ([1.0], [0, 1], [1, 1]), ([-1.0], [0, 0], [1, 1]), ([0.0], [0, 0], [1, 1])],
)  # fmt: skip
def test_what_cannot_be_a_sample_is_refused(areas, stratum, shows):
    with pytest.raises(InvalidSample):
        area_showing(areas=areas, stratum=np.array(stratum), shows=np.array(shows, bool))


@pytest.mark.parametrize("omitted", [0.002, 0.01, 0.03])
def test_intervals_hold_the_truth_in_about_95_of_100_samples_also_where_change_is_rare(omitted):
    rng = np.random.default_rng(7)
    areas, drawn = np.array([800.0, 9000.0, 150.0, 50.0]), [200, 400, 200, 150]
    gains, losses = np.array([0, omitted, 0.55, 0.02]), np.array([omitted, 0, 0.02, 0.4])
    stratum = np.repeat(np.arange(4), drawn)
    truth = (areas * gains).sum(), (areas * (gains - losses)).sum()
    held = np.zeros(2)
    for _ in range(1000):
        u = rng.random(len(stratum))
        change = (u < gains[stratum]).astype(np.int8) - (u > 1 - losses[stratum]).astype(np.int8)
        gain = area_showing(areas=areas.tolist(), stratum=stratum, shows=change == 1)
        net = net_area(areas=areas.tolist(), stratum=stratum, change=change)
        held += [one.lower <= true <= one.upper for one, true in zip((gain, net), truth, strict=True)]
    # The usual interval holds the flow in 59, 90 and 95 of 100 of the same samples
    assert 930 <= held[0] <= 985
    assert held[1] >= 930
