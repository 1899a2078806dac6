"""Reviews: by someone else, with a reason, seen by the author."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
import scenes
from django.db import IntegrityError, connections, transaction

from annotation.errors import NothingChanged, NotSubmitted, NotThere, OwnWork, ReasonRequired, StaleRevision
from annotation.models import Review
from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.queue_pick import pick_tile
from annotation.services.review_queue import next_submission
from annotation.services.reviews import record_review

BUILT, _GRASS = scenes.TWO_CLASSES


@pytest.fixture
def submitted(db: None) -> dict[str, Any]:
    campaign = scenes.campaign(tile_px=256)
    ana, rene = scenes.person("ana"), scenes.person("rene")
    set_role(campaign=campaign, user=rene, role="reviewer")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    saved = save_annotation(
        tile=lease.tile,
        annotator=ana,
        features=[scenes.square(BUILT, 0, 0, 10)],
        operation_id=uuid.uuid4(),
        expected_version=0,
    )
    submit_annotation(tile=lease.tile, annotator=ana, operation_id=uuid.uuid4(), expected_version=1)
    return {"campaign": campaign, "ana": ana, "rene": rene, "annotation": saved.annotation, "tile": lease.tile}


def review(submitted: dict[str, Any], reviewer: Any, verdict: str = "accept", **more: Any) -> Review:
    return record_review(
        annotation_id=submitted["annotation"].pk,
        reviewer=reviewer,
        verdict=verdict,
        operation_id=more.pop("operation_id", uuid.uuid4()),
        expected_version=more.pop("version", 1),
        **more,
    )


def test_an_accepted_submission_closes_the_tile(submitted: dict[str, Any]) -> None:
    review(submitted, submitted["rene"])
    submitted["annotation"].refresh_from_db()
    submitted["tile"].refresh_from_db()
    assert (submitted["annotation"].state, submitted["tile"].state) == ("accepted", "accepted")


def test_nobody_reviews_their_own_work_not_even_a_maintainer_and_the_database_says_so_too(
    submitted: dict[str, Any],
) -> None:
    set_role(campaign=submitted["campaign"], user=submitted["ana"], role="maintainer")
    with pytest.raises(OwnWork):
        review(submitted, submitted["ana"])
    assert next_submission(campaign=submitted["campaign"], reviewer=submitted["ana"]) is None
    with pytest.raises(IntegrityError, match="review_never_of_ones_own_work"), transaction.atomic():
        Review.objects.create(
            annotation=submitted["annotation"],
            revision=submitted["annotation"].revisions.get(),
            author=submitted["ana"],
            reviewer=submitted["ana"],
            verdict="accept",
        )


def test_someone_without_the_role_sees_no_submission(submitted: dict[str, Any]) -> None:
    eve = scenes.person("eve")
    assert next_submission(campaign=submitted["campaign"], reviewer=eve) is None
    with pytest.raises(NotThere):
        review(submitted, eve)


def test_sending_back_needs_a_reason_and_another_reason_needs_words(submitted: dict[str, Any]) -> None:
    with pytest.raises(ReasonRequired):
        review(submitted, submitted["rene"], "send_back")
    with pytest.raises(ReasonRequired):
        review(submitted, submitted["rene"], "send_back", reason="other", comment="  ")


def test_work_sent_back_returns_to_its_author_first_and_can_be_submitted_again(submitted: dict[str, Any]) -> None:
    review(submitted, submitted["rene"], "send_back", reason="geometry", comment="The roof is larger.")
    lease = claim_next_tile(campaign=submitted["campaign"], annotator=submitted["ana"])
    assert lease is not None and lease.tile_id == submitted["tile"].pk
    save_annotation(
        tile=lease.tile,
        annotator=submitted["ana"],
        features=[scenes.square(BUILT, 0, 0, 12)],
        operation_id=uuid.uuid4(),
        expected_version=1,
    )
    submit_annotation(tile=lease.tile, annotator=submitted["ana"], operation_id=uuid.uuid4(), expected_version=2)
    found = next_submission(campaign=submitted["campaign"], reviewer=submitted["rene"])
    assert found is not None and found.version == 2
    review(submitted, submitted["rene"], version=2)
    assert list(Review.objects.values_list("verdict", flat=True)) == ["accept", "send_back"]


def test_a_verdict_on_a_version_the_author_has_since_replaced_is_refused(submitted: dict[str, Any]) -> None:
    save_annotation(
        tile=submitted["tile"],
        annotator=submitted["ana"],
        features=[scenes.square(BUILT, 0, 0, 11)],
        operation_id=uuid.uuid4(),
        expected_version=1,
    )
    with pytest.raises(StaleRevision):
        review(submitted, submitted["rene"], version=1)
    with pytest.raises(NotSubmitted):
        review(submitted, submitted["rene"], version=2)


def test_the_same_verdict_sent_twice_is_one_review(submitted: dict[str, Any]) -> None:
    operation = uuid.uuid4()
    first = review(submitted, submitted["rene"], operation_id=operation)
    again = review(submitted, submitted["rene"], operation_id=operation)
    assert first.pk == again.pk and Review.objects.count() == 1


def test_a_submission_shown_to_one_reviewer_is_not_shown_to_another(submitted: dict[str, Any]) -> None:
    olga = scenes.person("olga")
    set_role(campaign=submitted["campaign"], user=olga, role="reviewer")
    assert next_submission(campaign=submitted["campaign"], reviewer=submitted["rene"]) is not None
    assert next_submission(campaign=submitted["campaign"], reviewer=olga) is None
    assert next_submission(campaign=submitted["campaign"], reviewer=submitted["rene"]) is not None


def test_work_sent_back_is_not_submitted_again_as_it_was(submitted: dict[str, Any]) -> None:
    review(submitted, submitted["rene"], "send_back", reason="class")
    with pytest.raises(NothingChanged, match="change what the reviewer named"):
        submit_annotation(
            tile=submitted["tile"], annotator=submitted["ana"], operation_id=uuid.uuid4(), expected_version=1
        )


@pytest.mark.django_db(transaction=True)
def test_two_verdicts_at_once_on_the_two_labels_of_a_tile_close_it() -> None:
    campaign = scenes.campaign(tile_px=256, redundancy=2, control_share=0.0)
    judges = [scenes.person("rene"), scenes.person("olga")]
    for judge in judges:
        set_role(campaign=campaign, user=judge, role="reviewer")
    authors = [scenes.person("ana"), scenes.person("ben")]
    for turn in range(6):
        lease = claim_next_tile(campaign=campaign, annotator=authors[0])
        assert lease is not None
        tile = lease.tile
        pick_tile(campaign=campaign, annotator=authors[1], row=tile.row, col=tile.col)
        for author in authors:
            save_annotation(
                tile=tile,
                annotator=author,
                features=[scenes.square(BUILT, 0, 0, 10)],
                operation_id=uuid.uuid4(),
                expected_version=0,
            )
            submit_annotation(tile=tile, annotator=author, operation_id=uuid.uuid4(), expected_version=1)
        barrier = threading.Barrier(2)

        def judge_one(number: int, tile: Any = tile, barrier: threading.Barrier = barrier) -> None:
            try:
                annotation = tile.annotations.get(annotator=authors[number])
                barrier.wait()
                record_review(
                    annotation_id=annotation.pk,
                    reviewer=judges[number],
                    verdict="accept",
                    operation_id=uuid.uuid4(),
                    expected_version=1,
                )
            finally:
                connections.close_all()

        threads = [threading.Thread(target=judge_one, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        tile.refresh_from_db()
        assert tile.state == "accepted", turn
