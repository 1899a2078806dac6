"""Saving and submitting: one effect a request, no silent overwrite, history only grows."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
import scenes
from django.db import IntegrityError, connection, connections, transaction

from annotation.errors import (
    AlreadyAccepted,
    CampaignClosed,
    ConsentRequired,
    NotClaimed,
    NothingToSubmit,
    OperationMismatch,
    OverlappingFeatures,
    StaleRevision,
    UnknownClass,
    VersionRequired,
)
from annotation.models import AnnotatedFeature, Annotation, AnnotationRevision, Ticket
from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.leases import release_lease
from annotation.services.queue import claim_next_tile

BUILT, GRASS = scenes.TWO_CLASSES


@pytest.fixture
def desk(db: None) -> dict[str, Any]:
    campaign = scenes.campaign(tile_px=256)
    ana = scenes.person("ana")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    return {"campaign": campaign, "ana": ana, "tile": lease.tile, "lease": lease}


def save(desk: dict[str, Any], features: Any, version: int | None, operation: uuid.UUID | None = None) -> Any:
    return save_annotation(
        tile=desk["tile"],
        annotator=desk["ana"],
        features=features,
        operation_id=operation or uuid.uuid4(),
        expected_version=version,
    )


def test_each_save_is_a_new_revision_whose_parent_is_the_one_before(desk: dict[str, Any]) -> None:
    save(desk, [scenes.square(BUILT, 0, 0, 10)], 0)
    saved = save(desk, [scenes.square(BUILT, 0, 0, 10), scenes.square(GRASS, 10, 0, 10)], 1)
    revisions = list(AnnotationRevision.objects.filter(annotation=saved.annotation).order_by("number"))
    assert [revision.number for revision in revisions] == [1, 2]
    assert revisions[1].parent == revisions[0]
    assert len(revisions[0].features) == 1 and len(revisions[1].features) == 2
    assert revisions[1].licence == "etalab-2.0"


def test_the_same_operation_id_again_answers_as_the_first_time_and_changes_nothing(desk: dict[str, Any]) -> None:
    operation = uuid.uuid4()
    first = save(desk, [scenes.square(BUILT, 0, 0, 10)], 0, operation)
    again = save(desk, [scenes.square(BUILT, 0, 0, 10)], 0, operation)  # the version is stale by now: still not a 412
    assert (first.version, again.version, again.repeated) == (1, 1, True)
    assert AnnotationRevision.objects.count() == 1


def test_an_operation_id_used_for_something_else_is_refused(desk: dict[str, Any]) -> None:
    operation = uuid.uuid4()
    save(desk, [scenes.square(BUILT, 0, 0, 10)], 0, operation)
    with pytest.raises(OperationMismatch):
        submit_annotation(tile=desk["tile"], annotator=desk["ana"], operation_id=operation, expected_version=1)


def test_a_save_that_names_no_version_is_refused(desk: dict[str, Any]) -> None:
    with pytest.raises(VersionRequired):
        save(desk, [], None)


def test_a_save_made_from_an_old_version_is_refused_and_nothing_changes(desk: dict[str, Any]) -> None:
    save(desk, [scenes.square(BUILT, 0, 0, 10)], 0)
    with pytest.raises(StaleRevision) as refused:
        save(desk, [scenes.square(GRASS, 0, 0, 10)], 0)
    assert refused.value.details["current_version"] == 1
    assert Annotation.objects.get().head.features[0]["class_code"] == BUILT  # type: ignore[union-attr]


def test_overlapping_features_and_unknown_classes_are_refused_never_repaired(desk: dict[str, Any]) -> None:
    with pytest.raises(OverlappingFeatures):
        save(desk, [scenes.square(BUILT, 0, 0, 10), scenes.square(GRASS, 5, 5, 10)], 0)
    with pytest.raises(UnknownClass):
        save(desk, [scenes.square("CS9", 0, 0, 10)], 0)
    assert not AnnotationRevision.objects.exists()


def test_nobody_saves_on_a_tile_they_never_took(desk: dict[str, Any]) -> None:
    with pytest.raises(NotClaimed):
        save_annotation(
            tile=desk["tile"],
            annotator=scenes.person("eve"),
            features=[],
            operation_id=uuid.uuid4(),
            expected_version=0,
        )


def test_a_closed_campaign_takes_no_save(desk: dict[str, Any]) -> None:
    desk["campaign"].state = "closed"
    desk["campaign"].save()
    desk["tile"].refresh_from_db()
    with pytest.raises(CampaignClosed):
        save(desk, [scenes.square(BUILT, 0, 0, 10)], 0)


def test_an_empty_tile_cannot_be_submitted(desk: dict[str, Any]) -> None:
    saved = save(desk, [], 0)
    with pytest.raises(NothingToSubmit):
        submit_annotation(
            tile=desk["tile"], annotator=desk["ana"], operation_id=uuid.uuid4(), expected_version=saved.version
        )


def test_submitting_stores_polygons_in_the_imagerys_own_crs_with_their_area(desk: dict[str, Any]) -> None:
    saved = save(desk, [scenes.square(BUILT, 0, 0, 10)], 0)
    submit_annotation(
        tile=desk["tile"], annotator=desk["ana"], operation_id=uuid.uuid4(), expected_version=saved.version
    )
    feature = AnnotatedFeature.objects.get()
    assert feature.geometry.srid == 2154
    assert feature.area_m2 == pytest.approx(4.0)  # 10 × 10 pixels of 0.20 m
    left = 500_000 + desk["tile"].col * 256 * 0.2
    top = 6_290_000 - desk["tile"].row * 256 * 0.2
    assert feature.geometry.extent == pytest.approx((left, top - 2, left + 2, top), abs=1e-6)
    assert Ticket.objects.get(pk=desk["lease"].ticket_id).state == "done"
    assert Annotation.objects.get().state == "submitted"


def test_without_review_a_submission_is_accepted_at_once_and_closed(db: None) -> None:
    campaign = scenes.campaign(tile_px=256, review_policy="none", first_reviewed=0)
    ana = scenes.person("ana")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    desk = {"tile": lease.tile, "ana": ana}
    saved = save(desk, [scenes.square(BUILT, 0, 0, 10)], 0)
    done = submit_annotation(tile=lease.tile, annotator=ana, operation_id=uuid.uuid4(), expected_version=saved.version)
    assert done.annotation.state == "accepted"
    with pytest.raises(AlreadyAccepted):
        save(desk, [scenes.square(GRASS, 0, 0, 10)], 1)


def test_work_saved_after_the_tile_was_given_to_someone_else_is_kept_as_an_extra_contribution(
    desk: dict[str, Any],
) -> None:
    Ticket.objects.filter(pk=desk["lease"].ticket_id).update(leased_until="2020-01-01T00:00:00Z")
    ben = scenes.person("ben")
    taken = claim_next_tile(campaign=desk["campaign"], annotator=ben)
    assert taken is not None and taken.tile_id == desk["tile"].pk
    save(desk, [scenes.square(BUILT, 0, 0, 10)], 0)
    late = submit_annotation(tile=desk["tile"], annotator=desk["ana"], operation_id=uuid.uuid4(), expected_version=1)
    assert late.annotation.is_extra
    assert Ticket.objects.get(pk=taken.ticket_id).state == "leased"  # Ben's turn is untouched


def test_an_extra_contribution_neither_closes_the_tile_nor_counts_as_a_label(db: None) -> None:
    campaign = scenes.campaign(tile_px=256, review_policy="none")
    ana, ben = scenes.person("ana"), scenes.person("ben")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    Ticket.objects.filter(pk=lease.ticket_id).update(leased_until="2020-01-01T00:00:00Z")
    assert claim_next_tile(campaign=campaign, annotator=ben) is not None
    save({"tile": lease.tile, "ana": ana}, [scenes.square(BUILT, 0, 0, 10)], 0)
    submit_annotation(tile=lease.tile, annotator=ana, operation_id=uuid.uuid4(), expected_version=1)
    lease.tile.refresh_from_db()
    assert lease.tile.state == "open"
    assert not Annotation.objects.usable_as_labels().exists()


def test_work_saved_just_after_leaving_is_kept(desk: dict[str, Any]) -> None:
    release_lease(token=str(desk["lease"].token), annotator=desk["ana"], reason="left")
    assert save(desk, [scenes.square(BUILT, 0, 0, 10)], 0).version == 1


def test_nothing_is_kept_of_someone_who_has_not_agreed_to_the_licence(desk: dict[str, Any]) -> None:
    desk["ana"].contributor.licence_accepted_at = None
    desk["ana"].contributor.save()
    with pytest.raises(ConsentRequired, match="My work"):
        save(desk, [scenes.square(BUILT, 0, 0, 10)], 0)
    assert not AnnotationRevision.objects.exists()


def test_revisions_are_only_ever_added(desk: dict[str, Any]) -> None:
    save(desk, [scenes.square(BUILT, 0, 0, 10)], 0)
    with pytest.raises(IntegrityError, match="append_only"), transaction.atomic():
        AnnotationRevision.objects.update(seconds_spent=3)
    with pytest.raises(IntegrityError, match="append_only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM annotation_annotationrevision")


def test_polygons_of_a_revision_are_only_ever_added(desk: dict[str, Any]) -> None:
    saved = save(desk, [scenes.square(BUILT, 0, 0, 10)], 0)
    submit_annotation(
        tile=desk["tile"], annotator=desk["ana"], operation_id=uuid.uuid4(), expected_version=saved.version
    )
    assert AnnotatedFeature.objects.count() == 1
    with pytest.raises(IntegrityError, match="append_only"), transaction.atomic():
        AnnotatedFeature.objects.update(class_code="CS1.1.1.2")
    with pytest.raises(IntegrityError, match="append_only"), transaction.atomic():
        AnnotatedFeature.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_a_save_sent_many_times_at_once_has_one_effect() -> None:
    """R2: eight operations, each sent four times concurrently and in order, leave eight revisions."""
    campaign = scenes.campaign(tile_px=256)
    ana = scenes.person("ana")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    for version in range(8):
        operation, barrier, answers = uuid.uuid4(), threading.Barrier(4), list[int]()

        def send(
            version: int = version,
            operation: uuid.UUID = operation,
            barrier: threading.Barrier = barrier,
            answers: list[int] = answers,
        ) -> None:
            try:
                barrier.wait()
                answers.append(
                    save_annotation(
                        tile=lease.tile,
                        annotator=ana,
                        features=[scenes.square(BUILT, 0, 0, 10 + version)],
                        operation_id=operation,
                        expected_version=version,
                    ).version
                )
            finally:
                connections.close_all()

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert answers == [version + 1] * 4
    assert AnnotationRevision.objects.count() == 8


@pytest.mark.django_db(transaction=True)
def test_of_many_different_saves_from_one_version_exactly_one_wins() -> None:
    """R3: sixteen writers of one version leave one revision and fifteen refusals."""
    campaign = scenes.campaign(tile_px=256)
    ana = scenes.person("ana")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    barrier, outcomes = threading.Barrier(16), []

    def send(side: int) -> None:
        try:
            barrier.wait()
            save_annotation(
                tile=lease.tile,
                annotator=ana,
                features=[scenes.square(BUILT, 0, 0, side)],
                operation_id=uuid.uuid4(),
                expected_version=0,
            )
            outcomes.append("saved")
        except StaleRevision:
            outcomes.append("stale")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=(side,)) for side in range(1, 17)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(outcomes) == ["saved"] + ["stale"] * 15
