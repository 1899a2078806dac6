"""The review desk: the riskiest first, corrections, second opinions, disputes, and many at once."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest
import scenes

from annotation.errors import (
    AlreadyDisputed,
    AlreadyJudged,
    InvalidReview,
    NothingChanged,
    NotSubmitted,
    NotThere,
    OverlappingFeatures,
    OwnWork,
    ReasonRequired,
    StaleRevision,
)
from annotation.models import Annotation, Review, SubmissionCheck, Tile
from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.review_queue import dispute_review, leave_to_another, next_submission, waiting_for
from annotation.services.reviews import record_review, record_reviews, save_correction

BUILT, GRASS = scenes.TWO_CLASSES
SQUARE = scenes.square(BUILT, 0, 0, 10, "a")
LARGER = scenes.square(BUILT, 0, 0, 12, "a")

pytestmark = pytest.mark.django_db


@dataclass
class Desk:
    """A campaign with two reviewers and submissions of whoever is asked for."""

    campaign: Any
    rene: Any
    olga: Any

    def submission(self, author: Any) -> Annotation:
        lease = claim_next_tile(campaign=self.campaign, annotator=author)
        assert lease is not None
        values = {"tile": lease.tile, "annotator": author, "operation_id": uuid.uuid4()}
        saved = save_annotation(**values, features=[SQUARE], expected_version=0)
        submit_annotation(**values | {"operation_id": uuid.uuid4()}, expected_version=1)
        saved.annotation.refresh_from_db()
        return saved.annotation

    def judge(self, one: Annotation, reviewer: Any, verdict: str = "accept", **more: Any) -> Review:
        version = more.pop("version", one.version)
        return record_review(
            annotation_id=one.pk, reviewer=reviewer, verdict=verdict, operation_id=uuid.uuid4(),
            expected_version=version, **more,
        )  # fmt: skip

    def correct(self, one: Annotation, reviewer: Any, features: Any, *, version: int = 0) -> Any:
        return save_correction(
            annotation_id=one.pk, reviewer=reviewer, features=features, operation_id=uuid.uuid4(),
            expected_version=version,
        )  # fmt: skip


@pytest.fixture
def desk(db: None) -> Desk:
    campaign = scenes.campaign(tile_px=256)
    made = Desk(campaign, scenes.person("rene"), scenes.person("olga"))
    for reviewer in (made.rene, made.olga):
        set_role(campaign=campaign, user=reviewer, role="reviewer")
    return made


def test_disputed_work_comes_first_then_the_riskiest_then_the_oldest(desk: Desk) -> None:
    ana, ben = scenes.person("ana"), scenes.person("ben")
    for _ in range(3):
        desk.judge(desk.submission(ana), desk.rene)  # ana is known here now
    oldest, doubtful, calm = (desk.submission(ana) for _ in range(3))
    of_newcomer = desk.submission(ben)
    disputed = desk.submission(ana)
    SubmissionCheck.objects.create(revision=doubtful.head, against_map=0.2, against_people=0.7)
    SubmissionCheck.objects.create(revision=calm.head, against_map=0.05)
    leave_to_another(annotation_id=disputed.pk, reviewer=desk.olga, expected_version=1, comment="Roof or road?")
    waiting = waiting_for(desk.rene, desk.campaign)
    assert [one.pk for one in waiting] == [one.pk for one in (disputed, doubtful, of_newcomer, calm, oldest)]
    assert [one.risk for one in waiting] == [0.0, 0.7, 0.5, 0.05, 0.0]
    assert [one.is_new_author for one in waiting] == [False, False, True, False, False]
    assert [one.disagreement for one in waiting] == [None, 0.7, None, 0.05, None]
    found = next_submission(campaign=desk.campaign, reviewer=desk.rene)
    assert found is not None and found.pk == disputed.pk


def test_what_a_reviewer_left_to_another_comes_to_that_one_and_not_back(desk: Desk) -> None:
    one = desk.submission(scenes.person("ana"))
    assert next_submission(campaign=desk.campaign, reviewer=desk.rene) == one
    with pytest.raises(ReasonRequired):
        leave_to_another(annotation_id=one.pk, reviewer=desk.rene, expected_version=1, comment=" ")
    leave_to_another(annotation_id=one.pk, reviewer=desk.rene, expected_version=1, comment="Is this a pool?")
    assert next_submission(campaign=desk.campaign, reviewer=desk.rene) is None
    assert next_submission(campaign=desk.campaign, reviewer=desk.olga) == one
    assert one.second_opinions.get().comment == "Is this a pool?"


def test_a_correction_is_the_reviewers_revision_on_top_of_the_authors_and_is_accepted(desk: Desk) -> None:
    one = desk.submission(scenes.person("ana"))
    desk.correct(one, desk.rene, [LARGER])
    one.refresh_from_db()
    assert (one.state, one.version) == ("submitted", 1)  # of no effect yet
    review = desk.judge(one, desk.rene, "correct", reason="geometry", comment="The roof is larger.")
    one.refresh_from_db()
    assert (one.state, one.version, one.annotator.username) == ("accepted", 2, "ana")
    assert one.head is not None and one.head.author == desk.rene and one.head.features == [LARGER]
    assert review.revision.number == 1 and review.revision.features == [SQUARE] and review.corrected == one.head
    assert one.head.polygons.count() == 1 and Tile.objects.get(pk=one.tile_id).state == "accepted"


def test_a_correction_is_checked_as_labels_are_and_must_change_something(desk: Desk) -> None:
    one = desk.submission(scenes.person("ana"))
    with pytest.raises(OverlappingFeatures):
        desk.correct(one, desk.rene, [SQUARE, scenes.square(GRASS, 5, 5, 10, "b")])
    with pytest.raises(InvalidReview, match="leaves nothing to accept"):
        desk.correct(one, desk.rene, [])
    with pytest.raises(NothingChanged):
        desk.judge(one, desk.rene, "correct")
    desk.correct(one, desk.rene, [SQUARE])
    with pytest.raises(NothingChanged):
        desk.judge(one, desk.rene, "correct")
    one.refresh_from_db()
    assert (one.state, one.version, one.revisions.count()) == ("submitted", 1, 1)


def test_a_correction_is_not_overwritten_unseen_and_a_repeated_save_is_one(desk: Desk) -> None:
    one = desk.submission(scenes.person("ana"))
    operation = uuid.uuid4()
    values = {"annotation_id": one.pk, "reviewer": desk.rene, "operation_id": operation, "expected_version": 0}
    assert save_correction(**values, features=[LARGER]).version == 1
    assert save_correction(**values, features=[LARGER]).version == 1
    with pytest.raises(StaleRevision):
        desk.correct(one, desk.rene, [SQUARE])
    assert desk.correct(one, desk.rene, [SQUARE], version=1).version == 2
    assert desk.correct(one, desk.olga, [LARGER]).version == 1  # each reviewer has their own


def test_nobody_corrects_their_own_work_nor_what_they_may_not_review(desk: Desk) -> None:
    one = desk.submission(desk.rene)
    with pytest.raises(NotThere):
        desk.correct(one, desk.rene, [LARGER])
    with pytest.raises(NotThere):
        desk.correct(one, scenes.person("eve"), [LARGER])
    with pytest.raises(OwnWork):
        desk.judge(one, desk.rene, "correct")


def test_marks_keep_their_place_and_words_and_must_lie_on_the_tile(desk: Desk) -> None:
    one = desk.submission(scenes.person("ana"))
    marks = [{"at": [40, 80], "reason": "class", "comment": "This is a greenhouse."}]
    with pytest.raises(InvalidReview, match="outside the tile, which goes from 0 to 2048"):
        desk.judge(one, desk.rene, "send_back", reason="class", marks=[{**marks[0], "at": [40, 2049]}])
    with pytest.raises(InvalidReview, match="at most 20"):
        desk.judge(one, desk.rene, "send_back", reason="class", marks=marks * 21)
    assert desk.judge(one, desk.rene, "send_back", reason="class", marks=marks).marks == marks


def test_an_author_disputes_what_was_sent_back_and_another_reviewer_decides_on_it_as_it_is(desk: Desk) -> None:
    ana = scenes.person("ana")
    one = desk.submission(ana)
    dispute = {
        "annotation_id": one.pk,
        "author": ana,
        "expected_version": 1,
        "comment": "It is a roof: see its shadow.",
    }
    with pytest.raises(NotSubmitted):
        dispute_review(**dispute)
    verdict = desk.judge(one, desk.rene, "send_back", reason="class")
    with pytest.raises(NotThere):
        dispute_review(**dispute | {"author": desk.olga})
    with pytest.raises(ReasonRequired):
        dispute_review(**dispute | {"comment": ""})
    assert dispute_review(**dispute).disputes == verdict
    one.refresh_from_db()
    assert (one.state, one.version) == ("submitted", 1)
    assert next_submission(campaign=desk.campaign, reviewer=desk.rene) is None
    with pytest.raises(AlreadyJudged):
        desk.judge(one, desk.rene, "accept")
    assert next_submission(campaign=desk.campaign, reviewer=desk.olga) == one
    desk.judge(one, desk.olga, "send_back", reason="class")
    with pytest.raises(AlreadyDisputed):
        dispute_review(**dispute)


def test_one_verdict_on_many_is_recorded_for_each_and_what_cannot_be_is_named(desk: Desk) -> None:
    ana = scenes.person("ana")
    first, second, moved = (desk.submission(ana) for _ in range(3))
    own = desk.submission(desk.rene)
    save_annotation(tile=moved.tile, annotator=ana, features=[LARGER], operation_id=uuid.uuid4(), expected_version=1)
    operation = uuid.uuid4()
    chosen = [(one.pk, 1) for one in (first, own, second, moved)]
    for _ in range(2):  # delivered twice
        recorded, refused = record_reviews(
            submissions=chosen, reviewer=desk.rene, verdict="send_back", operation_id=operation, reason="incomplete"
        )
        assert [review.annotation_id for review in recorded] == [first.pk, second.pk]
        assert [one.annotation_id for one in refused] == [own.pk, moved.pk]
    assert "your own work" in refused[0].reason and "version 2" in refused[1].reason
    assert Review.objects.count() == 2
    with pytest.raises(InvalidReview, match="at most 200"):
        record_reviews(
            submissions=[(pk, 1) for pk in range(201)], reviewer=desk.rene, verdict="accept", operation_id=operation
        )
    with pytest.raises(ReasonRequired):
        record_reviews(submissions=chosen, reviewer=desk.rene, verdict="send_back", operation_id=operation)
