"""Accuracy and area where strata are not the map's classes."""

from __future__ import annotations

import numpy as np
import pytest

from learning.core.area import Z_95, stratified_estimates
from learning.core.area_strata import strata_estimates
from learning.errors import InvalidSample

A, B, C, D = range(4)
# The example of Stehman 2014 (tables 1 and 2): 10 places in each of four strata.
STRATUM = np.repeat(np.arange(4), 10)
MAPPED = np.array([A] * 7 + [B] * 3 + [A] + [B] * 11 + [C] * 6 + [B] * 2 + [D] * 10)
REFERENCE = np.array(
    [A] * 5 + [C, B, A, B, C, A] + [B] * 5 + [A, A, B, B] + [C] * 5 + [D, D, B, B, A] + [D] * 7 + [C, C, B]
)
PLACES = [40_000, 30_000, 20_000, 10_000]


def of_the_paper():
    return strata_estimates(
        places=PLACES, stratum=STRATUM, mapped=MAPPED, reference=REFERENCE, mapped_area=[1.0] * 4, place_area=1e-5
    )  # areas as shares: there are 100,000 places


def test_the_example_of_the_paper_is_reproduced_to_the_digits_it_prints():
    found = of_the_paper()
    assert (found.overall.value, found.overall.half_width / Z_95) == pytest.approx((0.63, 0.085), abs=5e-4)
    areas = [(one.value, one.half_width / Z_95) for one in found.area]
    assert areas[A] == pytest.approx((0.35, 0.082), abs=5e-4)
    assert areas[C] == pytest.approx((0.20, 0.064), abs=5e-4)
    user, producer = found.user[B], found.producer[B]
    assert user is not None and producer is not None
    assert (user.value, user.half_width / Z_95) == pytest.approx((0.574, 0.125), abs=5e-4)
    assert (producer.value, producer.half_width / Z_95) == pytest.approx((0.794, 0.116), abs=6e-4)
    assert found.proportions[B][C] == pytest.approx(0.08)
    assert np.sum(found.proportions) == pytest.approx(1)


def test_every_accuracy_of_the_example_agrees_with_sums_done_place_by_place():
    found, stratum = of_the_paper(), STRATUM
    for k in range(4):
        for told, below in ((found.user[k], np.equal(MAPPED, k)), (found.producer[k], np.equal(REFERENCE, k))):
            assert told is not None
            y, x = (below & (MAPPED == REFERENCE)).astype(float), below.astype(float)
            y_sum = sum(N * y[stratum == h].mean() for h, N in enumerate(PLACES))
            x_sum = sum(N * x[stratum == h].mean() for h, N in enumerate(PLACES))
            ratio = y_sum / x_sum
            spread = 0.0
            for h, size in enumerate(PLACES):
                here = stratum == h
                cov = np.cov(y[here], x[here])
                within = cov[0, 0] + ratio**2 * cov[1, 1] - 2 * ratio * cov[0, 1]
                spread += size**2 * (1 - 10 / size) * within / 10
            assert told.value == pytest.approx(ratio)
            assert told.half_width == pytest.approx(Z_95 * spread**0.5 / x_sum)


def test_where_strata_are_the_classes_of_the_map_it_is_the_estimate_for_map_classes():
    rng = np.random.default_rng(5)
    counts = rng.integers(1, 40, (4, 4))
    size = np.array([3e8, 5e8, 1e8, 9e8])
    cells = [(i, j) for i in range(4) for j in range(4) for _ in range(counts[i, j])]
    mapped, reference = (np.array(column) for column in zip(*cells, strict=True))
    found = strata_estimates(
        places=size.astype(int).tolist(), stratum=mapped, mapped=mapped, reference=reference,
        mapped_area=size.tolist(), place_area=1.0,
    )  # fmt: skip
    known = stratified_estimates(counts, mapped_area=size.tolist())
    for kind in ("user", "producer", "area"):
        for one, other in zip(getattr(found, kind), getattr(known, kind), strict=True):
            assert (one.value, one.half_width) == pytest.approx((other.value, other.half_width), rel=1e-6)
    assert found.overall.half_width == pytest.approx(known.overall.half_width, rel=1e-6)
    assert np.array(found.proportions) == pytest.approx(np.array(known.proportions))


def test_a_class_that_the_map_never_has_at_a_place_has_no_users_accuracy():
    found = strata_estimates(
        places=[10, 10], stratum=np.array([0, 0, 1, 1]), mapped=np.zeros(4, int), reference=np.array([0, 1, 0, 0]),
        mapped_area=[20.0, 0.0], place_area=1.0,
    )  # fmt: skip
    assert found.user[1] is None
    assert found.producer[1] is not None and found.producer[1].value == 0
    assert found.area[1].value == pytest.approx(5)  # one of two in a stratum of ten


@pytest.mark.parametrize(
    ("places", "stratum", "mapped", "told"),
    [
        ([10, 10], [0, 0, 1], [0, 0, 0], "takes at least 2"),
        ([10], [0, 0, 1], [0, 0, 0], "there are 1"),
        ([10], [0, 0, 0], [0, 0], "one of each"),
        ([-1, 10], [1, 1, 1], [0, 0, 0], "none negative"),
    ],
)
def test_a_sample_that_carries_no_estimate_is_refused(places, stratum, mapped, told):
    with pytest.raises(InvalidSample, match=told):
        strata_estimates(
            places=places, stratum=np.array(stratum), mapped=np.array(mapped), reference=np.zeros(3, int),
            mapped_area=[1.0, 1.0], place_area=1.0,
        )  # fmt: skip
