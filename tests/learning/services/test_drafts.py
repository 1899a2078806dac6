from __future__ import annotations

import numpy as np
import pytest
from scenes import TWO_CLASSES, square

from annotation.core.tile_geometry import parse_features
from learning.services.drafts import FEATURES_A_PASS, feature_confidences


def test_confidence_is_one_minus_the_mean_share_of_entropy_under_the_feature() -> None:
    features = parse_features(
        [square(TWO_CLASSES[0], 0, 0, 2, "left"), square(TWO_CLASSES[1], 2, 0, 2, "right")],
        tile_px=4, class_codes=TWO_CLASSES,
    )  # fmt: skip
    levels = np.zeros((4, 4), np.uint8)
    levels[:2, :2] = [[1, 1], [255, 0]]  # shares 0, 0, 1; the last pixel has no imagery
    levels[:2, 2:] = 128  # share 127 / 254
    left, right = feature_confidences(features, levels)
    assert left == pytest.approx(2 / 3) and right == pytest.approx(0.5)


def test_more_features_than_a_byte_counts_keep_their_own_confidence() -> None:
    count = FEATURES_A_PASS + 3
    features = parse_features(
        [square(TWO_CLASSES[0], n % 32, n // 32, 1, f"f{n}") for n in range(count)],
        tile_px=32, class_codes=TWO_CLASSES,
    )  # fmt: skip
    levels = np.full((32, 32), 255, np.uint8)
    levels[(count - 1) // 32, (count - 1) % 32] = 1
    found = feature_confidences(features, levels)
    assert found[-1] == 1.0 and set(found[:-1]) == {0.0}
