"""What simulated people send: valid coverages close to the truth, judged as a reviewer would."""

from __future__ import annotations

import numpy as np
import pytest

from annotation.core.features import parse_features
from annotation.core.labels import polygonize_labels, rasterize_features
from annotation.core.tile_geometry import check_coverage
from demo.contributors import Board, reason_to_send_back
from demo.territory import CLASS_CODES, draw_territory
from demo.truth import Hand

TILE_PX = 128


@pytest.fixture(scope="module")
def ground() -> np.ndarray:
    return draw_territory(seed=7, size_px=768, gsd_m=0.2)[1]


def _features(labels: np.ndarray) -> list[dict[str, object]]:
    drawn = polygonize_labels(labels, class_codes=CLASS_CODES, min_area_px=12, simplify_px=1.0)
    return [feature.as_json() for feature in drawn]


def _drawn(seen: np.ndarray, *, name: str, place: tuple[int, int], attempt: int) -> np.ndarray:
    """What reaches the server, back on pixels; refused here as the server would refuse it."""
    labels = Hand.of(name, seed=7).draw(seen, class_codes=CLASS_CODES, place=place, attempt=attempt)
    features = parse_features(_features(labels), tile_px=TILE_PX, class_codes=set(CLASS_CODES.values()))
    check_coverage(features)
    values = {code: value for value, code in CLASS_CODES.items()}
    return rasterize_features(features, tile_px=TILE_PX, class_index=values)


def test_contributors_send_valid_coverages_that_agree_with_the_truth_but_are_not_it(
    ground: np.ndarray,
) -> None:
    labelled, right = 0, 0
    for row, col in np.ndindex(6, 6):
        seen = ground[row * TILE_PX : (row + 1) * TILE_PX, col * TILE_PX : (col + 1) * TILE_PX]
        drawn = _drawn(seen, name=f"contributor{col % 3 + 1}", place=(row, col), attempt=0)
        labelled += int((drawn > 0).sum())
        right += int(((drawn > 0) & (drawn == seen)).sum())
    assert 0.8 < right / labelled < 0.985
    assert 0.9 < labelled / ground.size < 1.0


def test_a_corrected_tile_is_one_the_reviewer_accepts(ground: np.ndarray) -> None:
    for row, col in [(0, 0), (2, 2), (3, 5), (5, 1)]:
        seen = ground[row * TILE_PX : (row + 1) * TILE_PX, col * TILE_PX : (col + 1) * TILE_PX]
        drawn = _drawn(seen, name="contributor2", place=(row, col), attempt=1)
        assert (drawn == seen).mean() > 0.9
        assert reason_to_send_back(_features(drawn), seen, class_codes=CLASS_CODES) == ""


def test_the_reviewer_accepts_the_truth_itself(ground: np.ndarray) -> None:
    seen = ground[256:384, 256:384]
    assert reason_to_send_back(_features(seen), seen, class_codes=CLASS_CODES) == ""


def test_the_reviewer_sends_back_a_tile_with_a_fifth_of_the_ground_missing(ground: np.ndarray) -> None:
    seen = ground[256:384, 256:384]
    partial = seen.copy()
    partial[:26] = 0
    assert reason_to_send_back(_features(partial), seen, class_codes=CLASS_CODES) == "incomplete"


def test_the_reviewer_sends_back_a_tile_with_a_quarter_of_the_ground_under_another_class() -> None:
    seen = np.full((64, 64), 13, dtype=np.uint8)
    wrong = seen.copy()
    wrong[:16] = 5
    assert reason_to_send_back(_features(wrong), seen, class_codes=CLASS_CODES) == "class"


def test_ground_whose_truth_is_unknown_is_not_asked_for() -> None:
    seen = np.zeros((64, 64), dtype=np.uint8)
    seen[:, 32:] = 13
    assert reason_to_send_back(_features(seen), seen, class_codes=CLASS_CODES) == ""


def test_a_round_is_done_when_every_tile_begun_is_accepted_and_no_more_are_wanted() -> None:
    board = Board(wanted=2)
    assert board.may_start()
    assert board.may_start()
    assert not board.may_start()
    board.count("submitted")
    board.count("accepted")
    assert not board.done
    board.count("sent_back")
    board.count("accepted")
    assert board.done


def test_an_empty_queue_ends_a_round_that_wanted_more() -> None:
    board = Board(wanted=5)
    assert board.may_start()
    board.count("accepted")
    assert board.may_start()
    board.give_back(nothing_left=True)
    assert board.done
    assert not board.may_start()
