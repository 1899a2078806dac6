"""Polygons to raster and back, hand-worked and by property."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from annotation.core.labels import polygonize_labels, rasterize_features
from annotation.core.tile_geometry import Feature, check_coverage, parse_features
from annotation.errors import LabelsTooDetailed, UnknownClass, UnusableLabels

CODES = {1: "a", 2: "b", 3: "c"}
INDEX = {"a": 1, "b": 2, "c": 3}

small_labels = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12), elements=st.integers(0, 4)
)


def square(feature_id, code, x0, y0, x1, y1, *holes):
    return Feature(feature_id, code, (((x0, y0), (x1, y0), (x1, y1), (x0, y1)), *holes))


def with_classes(labels):
    """Raster values outside CODES mean unlabelled."""
    return np.where(np.isin(labels, list(CODES)), labels, 0)


# --- polygons → raster -------------------------------------------------------------------------------------


def test_a_pixel_belongs_to_the_feature_that_holds_its_centre():
    # Pixel centres are at 4, 12, 20, 28. From x = 5 to 20: only 12 is inside; 20 is on the right edge.
    labels = rasterize_features([square("f", "a", 5, 0, 20, 32)], tile_px=4, class_index=INDEX)
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[0, 1, 0, 0]] * 4


def test_a_centre_on_a_shared_edge_goes_to_the_right_and_to_the_feature_below():
    left, right = square("l", "a", 0, 0, 12, 16), square("r", "b", 12, 0, 16, 16)
    assert rasterize_features([left, right], tile_px=2, class_index=INDEX).tolist() == [[1, 2], [1, 2]]
    upper, lower = square("u", "a", 0, 0, 16, 12), square("d", "b", 0, 12, 16, 16)
    assert rasterize_features([upper, lower], tile_px=2, class_index=INDEX).tolist() == [[1, 1], [2, 2]]


def test_a_diagonal_through_centres_splits_the_square_without_gap_or_double():
    # The diagonal of a 3-px tile passes through the centres (4, 4), (12, 12), (20, 20): they go to its right.
    below = Feature("l", "a", (((0, 0), (24, 24), (0, 24)),))
    above = Feature("u", "b", (((0, 0), (24, 0), (24, 24)),))
    labels = rasterize_features([below, above], tile_px=3, class_index=INDEX)
    assert labels.tolist() == [[2, 2, 2], [1, 2, 2], [1, 1, 2]]


def test_a_hole_is_unlabelled_whatever_the_direction_of_its_ring():
    hole = ((8, 8), (16, 8), (16, 16), (8, 16))
    for ring in (hole, hole[::-1]):
        labels = rasterize_features([square("f", "c", 0, 0, 24, 24, ring)], tile_px=3, class_index=INDEX)
        assert labels.tolist() == [[3, 3, 3], [3, 0, 3], [3, 3, 3]]


def test_an_empty_tile_is_all_unlabelled_with_the_value_asked_for():
    assert rasterize_features([], tile_px=2, class_index={}, unlabelled=255).tolist() == [[255, 255]] * 2
    labels = rasterize_features([square("f", "a", 0, 0, 8, 16)], tile_px=2, class_index={"a": 0}, unlabelled=255)
    assert labels.tolist() == [[0, 255], [0, 255]]


def test_features_that_are_not_a_coverage_are_refused_with_the_pixel():
    pair = [square("a", "a", 0, 0, 16, 16), square("b", "b", 8, 0, 16, 16)]
    with pytest.raises(UnusableLabels, match=r"column 1, row 0\) is covered 2 times"):
        rasterize_features(pair, tile_px=2, class_index=INDEX)


def test_a_class_without_value_a_value_over_255_and_a_vertex_outside_are_refused():
    feature = square("f", "a", 0, 0, 16, 16)
    with pytest.raises(UnknownClass, match="'a'"):
        rasterize_features([feature], tile_px=2, class_index={})
    with pytest.raises(UnusableLabels, match="256"):
        rasterize_features([feature], tile_px=2, class_index={"a": 256})
    with pytest.raises(UnusableLabels, match="outside the tile"):
        rasterize_features([feature], tile_px=1, class_index=INDEX)


# --- raster → polygons -------------------------------------------------------------------------------------


def test_one_pixel_in_a_corner_becomes_its_square():
    labels = np.array([[0, 0], [0, 2]], dtype=np.uint8)
    (feature,) = polygonize_labels(labels, class_codes=CODES, min_area_px=0, simplify_px=0)
    assert feature.class_code == "b"
    assert set(feature.rings[0]) == {(8, 8), (16, 8), (16, 16), (8, 16)}
    assert len(feature.rings) == 1


def test_a_ring_that_meets_itself_at_a_corner_is_a_valid_polygon_with_a_hole():
    # The hole (row 1, col 1) touches the outside (row 0, col 0) at the corner (8, 8).
    labels = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=np.uint8)
    (feature,) = polygonize_labels(labels, class_codes=CODES, min_area_px=0, simplify_px=0)
    check_coverage([feature])
    assert len(feature.rings) == 2
    assert rasterize_features([feature], tile_px=3, class_index=INDEX).tolist() == labels.tolist()


def test_diagonal_neighbours_of_one_class_are_two_features():
    labels = np.array([[1, 2], [2, 1]], dtype=np.uint8)
    features = polygonize_labels(labels, class_codes=CODES, min_area_px=0, simplify_px=0)
    assert [f.class_code for f in features] == ["a", "b", "b", "a"]


@settings(max_examples=150, deadline=None)
@given(small_labels)
def test_pixel_outlines_give_back_exactly_the_raster(labels):
    features = polygonize_labels(labels, class_codes=CODES, min_area_px=0, simplify_px=0)
    check_coverage(features)
    side = max(labels.shape)
    back = rasterize_features(features, tile_px=side, class_index=INDEX)
    assert (back[: labels.shape[0], : labels.shape[1]] == with_classes(labels)).all()


@settings(max_examples=150, deadline=None)
@given(small_labels, st.sampled_from([0.3, 1.0, 2.5, 8.0]), st.sampled_from([0, 4, 16]))
def test_simplified_outlines_are_always_a_coverage_that_could_be_saved(labels, simplify_px, min_area_px):
    features = polygonize_labels(
        labels, class_codes=CODES, min_area_px=min_area_px, simplify_px=simplify_px, provenance="accepted"
    )
    check_coverage(features)
    sent = [feature.as_json() for feature in features]
    assert parse_features(sent, tile_px=max(labels.shape), class_codes=set(CODES.values())) == features


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.uint8, (10, 10), elements=st.integers(1, 3)), st.sampled_from([1.0, 3.0]))
def test_a_fully_labelled_raster_stays_fully_labelled_after_simplification(labels, simplify_px):
    features = polygonize_labels(labels, class_codes=CODES, min_area_px=4, simplify_px=simplify_px)
    # Sampled at pixel centres by an exact rasteriser that refuses doubles: no gap, no overlap.
    assert (rasterize_features(features, tile_px=10, class_index=INDEX) > 0).all()


def test_the_same_raster_gives_the_same_features():
    labels = np.random.default_rng(3).integers(0, 4, (40, 40)).astype(np.uint8)
    first = polygonize_labels(labels, class_codes=CODES)
    assert polygonize_labels(labels.copy(), class_codes=CODES) == first


def test_a_speck_goes_to_its_neighbour_and_a_small_gap_stays_unlabelled():
    labels = np.full((10, 10), 1, dtype=np.uint8)
    labels[2, 2] = 2
    labels[6, 6] = 0
    features = polygonize_labels(labels, class_codes=CODES, min_area_px=4, simplify_px=0)
    expected = np.where(labels == 2, 1, labels)
    assert (rasterize_features(features, tile_px=10, class_index=INDEX) == expected).all()


def test_a_staircase_becomes_a_slope_and_the_border_of_the_tile_stays_straight():
    labels = (np.tri(32, 32, dtype=np.uint8) + 1).astype(np.uint8)
    features = polygonize_labels(labels, class_codes=CODES, simplify_px=1.0)
    assert len(features) == 2
    assert max(len(f.rings[0]) for f in features) < 12  # the exact outline has 66 vertices
    vertices = {v for f in features for v in f.rings[0]}
    assert {(0, 0), (256, 0), (256, 256), (0, 256)} <= vertices


def test_neighbours_share_every_vertex_of_their_common_edge():
    labels = np.array([[1, 1, 2, 2], [1, 1, 2, 2], [1, 1, 3, 3], [1, 1, 3, 3]], dtype=np.uint8)
    features = polygonize_labels(labels, class_codes=CODES, min_area_px=0, simplify_px=0)
    # Where b and c meet the edge of a, a has a vertex too, although its own outline is straight there.
    assert (16, 16) in features[0].rings[0]
    assert sum(len(f.rings[0]) for f in features) == 5 + 4 + 4


def test_more_specks_than_a_tile_may_hold_are_merged_until_they_fit():
    rng = np.random.default_rng(5)
    labels = np.where(rng.random((256, 256)) < 0.12, 2, 1).astype(np.uint8)
    features = polygonize_labels(labels, class_codes=CODES, min_area_px=0, simplify_px=0)
    assert 1 <= len(features) <= 5000


def test_a_raster_of_nothing_but_specks_is_refused():
    checkerboard = (np.indices((80, 80)).sum(axis=0) % 2 + 1).astype(np.uint8)
    with pytest.raises(LabelsTooDetailed, match="6400 separate regions"):
        polygonize_labels(checkerboard, class_codes=CODES)


@pytest.mark.parametrize(
    ("labels", "options"),
    [(np.zeros((2, 2), np.int64), {}), (np.zeros(4, np.uint8), {}), (np.zeros((0, 4), np.uint8), {}),
     (np.zeros((2, 2), np.uint8), {"simplify_px": -1.0}), (np.zeros((2, 2), np.uint8), {"simplify_px": float("nan")}),
     (np.zeros((2, 2), np.uint8), {"provenance": "guessed"})],
)  # fmt: skip
def test_unusable_input_is_refused(labels, options):
    with pytest.raises(UnusableLabels):
        polygonize_labels(labels, class_codes=CODES, **options)


def test_a_raster_with_no_class_gives_no_feature():
    assert polygonize_labels(np.zeros((4, 4), np.uint8), class_codes=CODES) == ()
