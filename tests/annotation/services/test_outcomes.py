"""What reviewers made of a person's labels, class by class."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from scenes import TWO_CLASSES, person, square
from trust_rows import review, world

from annotation.models import Review
from annotation.services import outcomes
from annotation.services.outcomes import ClassOutcome, outcomes_by_class
from annotation.services.reviews import record_review, save_correction

pytestmark = pytest.mark.django_db

BUILT, GRASS = TWO_CLASSES
WATER = "CS1.2.2"


def by_code(person: Any) -> dict[str, ClassOutcome]:
    return {code: found for (_nomenclature, code), found in outcomes_by_class(person).items()}


def correct(scene: Any, annotation: Any, features: list[dict[str, Any]]) -> None:
    """The reviewer changes it and accepts that."""
    save_correction(
        annotation_id=annotation.pk,
        reviewer=scene.reviewer,
        features=features,
        operation_id=uuid.uuid4(),
        expected_version=0,
    )
    record_review(
        annotation_id=annotation.pk,
        reviewer=scene.reviewer,
        verdict="correct",
        operation_id=uuid.uuid4(),
        expected_version=annotation.version,
    )


def test_a_class_that_no_verdict_touched_was_accepted_as_drawn() -> None:
    scene, ana = world(), person("ana")
    scene.label(ana, scene.places()[0])
    # `labels` of trust_rows: one square of BUILT, one of GRASS.
    assert by_code(ana) == {BUILT: ClassOutcome(1, 0, 0), GRASS: ClassOutcome(1, 0, 0)}


def test_a_tile_that_came_back_counts_for_every_class_on_it() -> None:
    scene, ana = world(), person("ana")
    scene.label(ana, scene.places()[0])
    scene.label(ana, scene.places()[1], verdict="send_back")
    found = by_code(ana)
    assert found == {BUILT: ClassOutcome(2, 0, 1), GRASS: ClassOutcome(2, 0, 1)}
    assert found[BUILT].as_drawn == 1


def test_a_correction_counts_for_the_classes_whose_shapes_it_changed_took_away_or_added() -> None:
    scene, ana = world(), person("ana")
    annotation = scene.label(ana, scene.places()[0], verdict="")
    kept, changed = annotation.head.features
    assert (kept["class_code"], changed["class_code"]) == (BUILT, GRASS)
    correct(scene, annotation, [kept, square(GRASS, 0, 20, 10, "two"), square(WATER, 40, 40, 8, "three")])
    assert by_code(ana) == {
        BUILT: ClassOutcome(1, 0, 0),
        GRASS: ClassOutcome(1, 1, 0),
        WATER: ClassOutcome(1, 1, 0),
    }


def test_a_shape_given_another_class_counts_for_both() -> None:
    scene, ana = world(), person("ana")
    annotation = scene.label(ana, scene.places()[0], verdict="")
    kept, changed = annotation.head.features
    correct(scene, annotation, [kept, changed | {"class_code": WATER}])
    found = by_code(ana)
    assert (found[BUILT].corrected, found[GRASS].corrected, found[WATER].corrected) == (0, 1, 1)


def test_work_that_waits_and_other_peoples_work_say_nothing() -> None:
    scene, ana, bo = world(), person("ana"), person("bo")
    scene.label(ana, scene.places()[0], verdict="")
    scene.label(bo, scene.places()[1], verdict="send_back")
    assert by_code(ana) == {}


def test_only_the_last_verdicts_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, ana = world(), person("ana")
    scene.label(ana, scene.places()[0], verdict="send_back")
    review(scene.label(ana, scene.places()[1], verdict=""), scene.reviewer)
    monkeypatch.setattr(outcomes, "MOST_VERDICTS", 1)
    assert Review.objects.filter(author=ana).count() == 2
    assert by_code(ana) == {BUILT: ClassOutcome(1, 0, 0), GRASS: ClassOutcome(1, 0, 0)}
