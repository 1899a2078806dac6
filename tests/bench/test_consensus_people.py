"""The simulated annotators err as they are told to, and not otherwise."""

from __future__ import annotations

import numpy as np
from _consensus_people import Person, generated_tiles

RNG = [7, 22]


def truth() -> np.ndarray:
    """Two halves and a corner nobody knows."""
    labels = np.ones((64, 64), np.uint8)
    labels[:, 32:] = 2
    labels[:8, :8] = 0
    return labels


def person(outline_px: float = 0.0, confused: float = 0.0, omitted: float = 0.0) -> Person:
    return Person(outline_px, np.array([[0.0, confused], [0.0, 0.0]]), omitted)


def test_somebody_without_faults_gives_the_truth_and_leaves_what_is_unknown() -> None:
    assert (person().label(truth(), np.random.default_rng(RNG)) == truth()).all()


def test_a_whole_area_is_mistaken_or_left_out() -> None:
    seen = person(confused=1.0).label(truth(), np.random.default_rng(RNG))
    assert (seen == np.where(truth() > 0, 2, 0)).all()
    assert not person(omitted=1.0).label(truth(), np.random.default_rng(RNG)).any()


def test_a_wandering_outline_changes_ground_near_the_limit_only() -> None:
    seen = person(outline_px=2.0).label(truth(), np.random.default_rng(RNG))
    _rows, cols = np.nonzero((seen != truth()) & (seen > 0))
    assert len(cols) and (np.abs(cols - 32) < 10).all()


def test_people_and_scenes_are_the_same_for_the_same_seed_and_within_their_ranges() -> None:
    first, second = (Person.drawn(np.random.default_rng(RNG), n_classes=5) for _ in range(2))
    assert first.omitted == second.omitted and (first.confused == second.confused).all()
    assert 1 <= first.outline_px <= 3 and 0.02 <= first.omitted <= 0.08
    assert (first.confused.sum(axis=1) < 0.9).all() and (first.confused > 0.15).sum() == 2
    one, other = (generated_tiles(np.random.default_rng(3), count=2, n_classes=5, tile_px=32) for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, other, strict=True)) and one[0].min() >= 1
