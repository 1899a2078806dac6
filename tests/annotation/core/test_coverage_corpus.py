"""The browser and the server apply one rule: the corpus that the browser's tests make, judged by the server.

`frontend/tests/domain/corpus/coverage.json` is written by the browser's tests, which fail when it is stale.
"""

import json
from pathlib import Path

import pytest
import shapely

from annotation.core.tile_geometry import check_coverage, parse_features
from annotation.errors import InvalidFeature, OverlappingFeatures

CORPUS = Path(__file__).parents[3] / "frontend/tests/domain/corpus/coverage.json"
CODES = ["A", "B", "C", "D"]
CASES = json.loads(CORPUS.read_text(encoding="utf-8"))


def verdict(case):
    """The server's answer and, of what it accepts, twice the area of each feature."""
    try:
        features = parse_features(case["features"], tile_px=case["side"] // 8, class_codes=CODES)
        check_coverage(features)
    except (InvalidFeature, OverlappingFeatures):
        return "refuse", []
    return "accept", [2 * shapely.Polygon(f.rings[0], f.rings[1:]).area for f in features]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_browser_and_server_agree(case):
    assert verdict(case) == (case["expected"], case["doubled_areas"])


def test_the_corpus_is_large_and_holds_both_answers():
    answers = [case["expected"] for case in CASES]
    assert len(answers) >= 300
    assert min(answers.count("accept"), answers.count("refuse")) >= 100
