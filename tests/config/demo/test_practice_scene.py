"""The scene that newcomers practise on: its files are what the generator draws, and hold what the guide says."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation.core.segments import SEGMENT_SIDE_PX
from annotation.core.tile_geometry import check_coverage, parse_features
from demo import practice

SCENE = practice.REPOSITORY / "frontend" / "src" / "practice" / "scene.json"
FILES = practice.REPOSITORY / "frontend" / "public" / "practice"


@pytest.fixture(scope="module")
def scene() -> Any:
    return json.loads(SCENE.read_text("utf-8"))


def test_classes_are_the_national_nomenclatures_own(scene: Any) -> None:
    path = practice.REPOSITORY / "annotation" / "nomenclatures" / "ocsge_cover.json"
    national = json.loads(path.read_text("utf-8"))
    known = {item["code"]: item for item in national["classes"]}
    assert (scene["nomenclature"], scene["version"]) == (national["code"], national["version"])
    assert [item["code"] for item in scene["classes"]] == list(practice.CLASSES)
    assert all(item == known[item["code"]] and item["selectable"] for item in scene["classes"])


def test_the_models_draft_is_a_coverage_with_the_faults_that_the_guide_speaks_of(scene: Any) -> None:
    codes = set(practice.CLASSES)
    drawn = [{key: value for key, value in item.items() if key != "confidence"} for item in scene["draft"]]
    check_coverage(parse_features(drawn, tile_px=scene["tile_px"], class_codes=codes))
    answer = np.array([list(row) for row in scene["answer"]])
    under = []
    for item in scene["draft"]:
        half = scene["sample_px"] // 2
        letters = answer[practice._filled(item["rings"][0])[half :: 2 * half, half :: 2 * half]]
        values, counts = np.unique(letters, return_counts=True)
        under.append((str(values[counts.argmax()]), item["class_code"], item["confidence"] > 0.8))
    assert under == [
        ("r", practice.SEALED, True),
        ("h", practice.BUILT, True),
        ("h", practice.BUILT, True),
        ("b", practice.SEALED, True),
        (".", practice.WATER, False),
    ]


def test_the_generator_draws_the_same_answer_and_draft_again(scene: Any) -> None:
    truth = practice.draw_ground().truth.reshape(practice.PICTURE_PX, practice.PICTURE_PX)
    assert json.loads(json.dumps(practice.scene_of(practice.zones_of(practice._tile(truth))))) == scene


@pytest.mark.parametrize("level", SEGMENT_SIDE_PX)
def test_segments_are_numbered_in_the_order_they_are_met(level: str, scene: Any) -> None:
    ids = np.frombuffer(zlib.decompress((FILES / f"segments-{level}.zz").read_bytes()), dtype="<u2")
    assert ids.size == scene["tile_px"] ** 2
    values, first = np.unique(ids, return_index=True)
    assert values[-1] == values.size - 1 and (np.diff(first) > 0).all()


def test_all_of_it_is_light_enough_for_a_telephone() -> None:
    files = [path for path in [SCENE, *Path(FILES).rglob("*")] if path.is_file()]
    assert len(files) == 1 + 5 + 6
    assert sum(path.stat().st_size for path in files) < 250_000
