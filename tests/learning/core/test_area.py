from __future__ import annotations

import numpy as np
import pytest

from learning.core.area import stratified_estimates
from learning.errors import InvalidSample

# Olofsson et al. 2014, table 8: rows map, columns reference;
# deforestation, gain, stable forest, stable non-forest
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
MAPPED_HA = [pixels * 0.09 for pixels in (200_000, 150_000, 3_200_000, 6_450_000)]


def test_areas_and_accuracies_of_the_paper_are_reproduced():
    result = stratified_estimates(COUNTS, mapped_area=MAPPED_HA)
    assert [a.value for a in result.area] == pytest.approx([21157.76, 11686.15, 285769.93, 581386.15], abs=0.01)
    assert [a.half_width for a in result.area] == pytest.approx([6157.63, 3755.83, 15509.84, 16281.66], abs=0.5)
    assert (result.overall.value, result.overall.half_width) == pytest.approx((0.94651, 0.01848), abs=1e-5)
    assert [u.value for u in result.user] == pytest.approx([0.88, 0.7333, 0.9273, 0.9631], abs=5e-5)
    assert [u.half_width for u in result.user] == pytest.approx([0.0740, 0.1008, 0.0397, 0.0205], abs=5e-5)
    assert [p.value for p in result.producer] == pytest.approx([0.7487, 0.8472, 0.9345, 0.9616], abs=5e-5)
    assert [p.half_width for p in result.producer] == pytest.approx([0.2133, 0.2544, 0.0343, 0.0184], abs=5e-5)


def test_the_estimated_areas_add_up_to_the_mapped_total():
    result = stratified_estimates(COUNTS, mapped_area=MAPPED_HA)
    assert sum(a.value for a in result.area) == pytest.approx(sum(MAPPED_HA))
    assert np.sum(result.proportions) == pytest.approx(1)


def test_a_perfect_sample_gives_the_mapped_areas_without_doubt():
    result = stratified_estimates(np.diag([10, 20]), mapped_area=[300.0, 700.0])
    assert [(a.value, a.half_width) for a in result.area] == [(300.0, 0.0), (700.0, 0.0)]


def test_a_class_never_met_in_the_reference_has_no_producer_accuracy():
    result = stratified_estimates(np.array([[5, 0], [5, 0]]), mapped_area=[1.0, 1.0])
    assert result.producer[1] is None
    assert result.area[1].value == 0


@pytest.mark.parametrize(
    ("counts", "areas"),
    [
        ([[5, 0], [1, 0]], [1.0, 1.0]),
        ([[5, 0]], [1.0]),
        ([[5, 0], [0, 5]], [0.0, 0.0]),
        ([[-1, 3], [0, 5]], [1.0, 1.0]),
    ],
)
def test_a_sample_that_cannot_support_an_estimate_is_refused(counts, areas):
    with pytest.raises(InvalidSample):
        stratified_estimates(np.array(counts), mapped_area=areas)
