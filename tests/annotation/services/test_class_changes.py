"""Changing the classes of a running campaign: every label follows, nothing else moves, and it can all be taken back."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from class_rows import (
    BUILT,
    GRASS,
    apply_plan,
    codes_of,
    heads,
    merge_plan,
    new_class,
    polygons,
    rename_plan,
    split_plan,
    take_back,
)
from django.db import DatabaseError, connections, transaction
from gold_rows import gold_campaign
from scenes import person, square
from trust_rows import World, correct, hand_in, labels, review, reviewer_of, world

from annotation.core.tile_geometry import parse_features
from annotation.errors import (
    AlreadyJudged,
    CannotChangeClasses,
    CannotReverse,
    ClassesChanged,
    ClassesChanging,
    NothingChanged,
    ReasonRequired,
    StaleRevision,
    UnknownClass,
)
from annotation.models import (
    AnnotatedFeature,
    Annotation,
    AnnotationRevision,
    AuditEntry,
    ClassChange,
    Correction,
    Lease,
    Nomenclature,
)
from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.class_changes import apply_change, plan_change, preview_change, reverse_change
from annotation.services.class_guard import codes_now, hold_classes
from annotation.services.nomenclatures import latest_nomenclature
from annotation.services.queue_pick import pick_tile
from annotation.services.reverts import revert_user
from annotation.services.reviews import save_correction

# A square of 16 px at 0.2 m is 3.2 m × 3.2 m; one of 12 px is 2.4 m × 2.4 m.
ONE_M2, TWO_M2 = 10.24, 5.76


@pytest.fixture
def here(db: None) -> World:
    return world()


def draft(here: World, who: Any, place: tuple[int, int], features: list[dict[str, Any]]) -> Annotation:
    lease = pick_tile(campaign=here.campaign, annotator=who, row=place[0], col=place[1])
    return save_annotation(
        tile=lease.tile, annotator=who, features=features, operation_id=uuid.uuid4(), expected_version=0
    ).annotation


def a_week(here: World) -> dict[str, Annotation]:
    """Labels in each state: accepted, submitted, sent back, draft, and one without the class."""
    ana, places = person("ana"), here.places()
    found = {
        "accepted": here.label(ana, places[0]),
        "submitted": here.label(ana, places[1], verdict=""),
        "sent_back": here.label(ana, places[2], verdict="send_back"),
        "draft": draft(here, ana, places[3], labels()),
        "without": here.label(ana, places[4], code=GRASS),
    }
    return found


def test_a_split_gives_every_label_its_default_child_and_draws_nothing(here: World) -> None:
    found = a_week(here)
    before = {name: (one.head_id, one.version, one.state) for name, one in found.items()}
    areas = {row[:2]: row[4] for row in polygons(here.campaign)}
    change = apply_plan(here.campaign, split_plan())
    for name in ("accepted", "submitted", "sent_back", "draft"):
        assert codes_of(found[name]) == {"one": "new.1", "two": GRASS}, name
        assert found[name].state == before[name][2]
        assert found[name].version == before[name][1] + 1
        head, drawn = found[name].head, AnnotationRevision.objects.get(pk=before[name][0])
        assert (head.parent_id, head.stands_for_id) == (drawn.pk, drawn.pk)
        assert (head.author_id, head.licence, head.created_at) == (drawn.author_id, drawn.licence, drawn.created_at)
        assert head.seconds_spent == 0.0
        assert [one["rings"] for one in head.features] == [one["rings"] for one in drawn.features]
    found["without"].refresh_from_db()
    assert (found["without"].head_id, found["without"].version) == before["without"][:2]
    assert {row[:2]: row[4] for row in polygons(here.campaign)} == areas
    assert {row[2] for row in polygons(here.campaign)} == {"new.1", GRASS}
    assert change.report["annotations"] == 4
    assert change.report["features"] == 4
    assert change.report["area_m2"] == pytest.approx(4 * ONE_M2)
    rows = {row["state"]: (row["from"], row["to"], row["features"]) for row in change.report["rows"]}
    assert rows == dict.fromkeys(("accepted", "submitted", "sent_back", "draft"), (BUILT, "new.1", 1))


def test_the_campaign_has_a_version_of_its_own_and_other_campaigns_none_of_it(here: World) -> None:
    before = here.campaign.nomenclature
    change = apply_plan(here.campaign, split_plan())
    now = here.campaign.nomenclature
    assert (now.code, now.version) == (before.code, f"{before.version}+{here.campaign.pk}.1")
    assert now.classes.get(code="new.2").parent_code == BUILT
    assert not now.classes.get(code=BUILT).selectable
    assert before.classes.get(code=BUILT).selectable
    assert latest_nomenclature(before.code) == before
    entries = change.before.mappings_from.get(target=now).entries.filter(source_code=BUILT)
    assert sorted(entries.values_list("target_code", "is_default")) == [("new.1", True), ("new.2", False)]
    entry = AuditEntry.objects.get(action="classes_changed")
    assert (entry.before, entry.after) == (before.version, now.version)


def test_a_preview_counts_what_the_migration_then_does_and_writes_nothing(here: World) -> None:
    a_week(here)
    before, rows = heads(here.campaign), (AnnotationRevision.objects.count(), Nomenclature.objects.count())
    said = preview_change(campaign=here.campaign, plan=split_plan(default=None))
    assert heads(here.campaign) == before
    assert (AnnotationRevision.objects.count(), Nomenclature.objects.count()) == rows
    done = apply_plan(here.campaign, split_plan(default=None)).report
    assert {key: done[key] for key in said} == said
    assert said["unlabelled_features"] == 4
    assert said["unlabelled_m2"] == pytest.approx(4 * ONE_M2)
    assert len(said["places"]) == 4


def test_without_a_default_shapes_become_unlabelled_and_what_is_left_still_counts(here: World) -> None:
    found = a_week(here)
    apply_plan(here.campaign, split_plan(default=None))
    assert codes_of(found["accepted"]) == {"two": GRASS}
    assert found["accepted"].state == "accepted"
    assert {row[1] for row in polygons(here.campaign) if row[0] == found["accepted"].pk} == {"two"}


def test_labels_of_which_nothing_is_left_are_their_authors_draft_until_it_is_taken_back(here: World) -> None:
    ana = person("ana")
    lease = pick_tile(campaign=here.campaign, annotator=ana, row=here.places()[0][0], col=here.places()[0][1])
    only = hand_in(lease.tile, ana, [square(BUILT, 0, 0, 16, "one")])
    review(only, here.reviewer)
    before = heads(here.campaign)
    change = apply_plan(here.campaign, split_plan(default=None))
    only.refresh_from_db()
    assert (only.state, only.head.features) == ("draft", [])
    assert only.tile.state == "open"
    assert change.report["emptied"] == 1
    take_back(change)
    assert heads(here.campaign) == before


def test_merged_classes_become_one(here: World) -> None:
    found = a_week(here)
    change = apply_plan(here.campaign, merge_plan())
    assert codes_of(found["accepted"]) == {"one": "both", "two": "both"}
    assert codes_of(found["without"]) == {"one": "both", "two": "both"}
    assert change.report["features"] == 10
    assert change.report["area_m2"] == pytest.approx(5 * (ONE_M2 + TWO_M2))


def test_a_move_or_new_names_touch_no_label(here: World) -> None:
    a_week(here)
    before = heads(here.campaign)
    parent = here.campaign.nomenclature.classes.get(code=BUILT).parent_code
    other = here.campaign.nomenclature.classes.filter(selectable=False).exclude(code=parent).first()
    plan = [
        {"kind": "rename", "code": BUILT, "name": {"fr": "Bâti dur", "en": "Solid building"}},
        {"kind": "move", "code": GRASS, "parent": other.code},
    ]
    change = apply_plan(here.campaign, plan)
    assert heads(here.campaign) == before
    assert change.report["annotations"] == 0
    assert here.campaign.nomenclature.classes.get(code=BUILT).name["fr"] == "Bâti dur"
    assert here.campaign.nomenclature.classes.get(code=GRASS).parent_code == other.code


def test_ground_decides_where_areas_were_given_and_the_default_elsewhere(here: World) -> None:
    ana, places = person("ana"), here.places()
    one, two = here.label(ana, places[0]), here.label(ana, places[1])
    west, south, east, north = one.tile.grid.bounds_wgs84(*one.tile.place)
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    area = {
        "type": "Feature",
        "properties": {"class_code": "new.2"},
        "geometry": {
            "type": "Polygon",
            "coordinates": [corners],
        },
    }
    areas = {"type": "FeatureCollection", "features": [area]}
    apply_plan(here.campaign, split_plan(areas=areas))
    # The box in degrees leans a little against the tile, and the squares lie well inside.
    assert codes_of(one) == {"one": "new.2", "two": GRASS}
    assert codes_of(two) == {"one": "new.1", "two": GRASS}
    assert ("one", "new.2") in {row[1:3] for row in polygons(here.campaign) if row[0] == one.pk}


@pytest.mark.parametrize("plan", [split_plan(), split_plan(default=None), merge_plan(), rename_plan()])
def test_taking_it_back_gives_exactly_the_earlier_heads(here: World, plan: Any) -> None:
    a_week(here)
    before, shapes = heads(here.campaign), polygons(here.campaign)
    change = apply_plan(here.campaign, plan)
    assert heads(here.campaign) != before
    back = take_back(change)
    here.campaign.refresh_from_db()
    assert heads(here.campaign) == before
    assert polygons(here.campaign) == shapes
    assert here.campaign.nomenclature == change.before
    assert (back.state, back.reversal["work_since"]) == ("reversed", 0)
    assert take_back(change).reversed_at == back.reversed_at


def test_work_done_since_is_kept_and_gets_its_classes_of_before(here: World) -> None:
    found, ana = a_week(here), person("eve")
    change = apply_plan(here.campaign, split_plan())
    mine = found["draft"]
    mine.refresh_from_db()
    shapes = [*mine.head.features, square("new.2", 40, 40, 8, "three")]
    shapes[0] = {**shapes[0], "class_code": "new.2"}
    save_annotation(
        tile=mine.tile, annotator=mine.annotator, features=shapes, operation_id=uuid.uuid4(),
        expected_version=mine.version,
    )  # fmt: skip
    fresh = here.label(ana, here.places()[6], code="new.1")
    back = take_back(change)
    assert codes_of(mine) == {"one": BUILT, "two": GRASS, "three": BUILT}
    assert codes_of(fresh) == {"one": BUILT, "two": GRASS}
    assert fresh.state == "accepted"
    assert back.reversal["work_since"] == 1
    assert back.reversal["features"] == 3  # two of the draft's, one of the fresh label's


def test_of_a_merge_taken_back_known_shapes_have_their_own_class_and_new_ones_are_for_somebody_to_look_at(
    here: World,
) -> None:
    found = a_week(here)
    change = apply_plan(here.campaign, merge_plan())
    mine = found["draft"]
    mine.refresh_from_db()
    shapes = [*mine.head.features, square("both", 40, 40, 8, "three")]
    save_annotation(
        tile=mine.tile, annotator=mine.annotator, features=shapes, operation_id=uuid.uuid4(),
        expected_version=mine.version,
    )  # fmt: skip
    back = take_back(change)
    assert codes_of(mine) == {"one": BUILT, "two": GRASS}
    assert back.reversal["unlabelled_features"] == 1


def test_of_a_merge_into_one_of_them_the_others_shapes_come_back_as_they_were(here: World) -> None:
    found = a_week(here)
    change = apply_plan(here.campaign, merge_plan(into=GRASS))
    mine = found["draft"]
    mine.refresh_from_db()
    assert codes_of(mine) == {"one": GRASS, "two": GRASS}
    shapes = [*mine.head.features, square(GRASS, 40, 40, 8, "three")]
    save_annotation(
        tile=mine.tile, annotator=mine.annotator, features=shapes, operation_id=uuid.uuid4(),
        expected_version=mine.version,
    )  # fmt: skip
    take_back(change)
    assert codes_of(mine) == {"one": BUILT, "two": GRASS, "three": GRASS}
    assert codes_of(found["without"]) == {"one": GRASS, "two": GRASS}


def test_saves_go_on_after_a_change_was_taken_back(here: World) -> None:
    mine = a_week(here)["draft"]
    take_back(apply_plan(here.campaign, split_plan()))
    saved = save_annotation(
        tile=mine.tile, annotator=mine.annotator, features=labels(GRASS), operation_id=uuid.uuid4(), expected_version=1
    )
    mine.refresh_from_db()
    assert (saved.version, mine.version) == (3, 3)
    assert mine.head.parent.number == 1


def test_only_the_latest_change_is_taken_back(here: World) -> None:
    a_week(here)
    first = apply_plan(here.campaign, split_plan())
    second = apply_plan(here.campaign, rename_plan("new.1", "new.3"))
    with pytest.raises(CannotReverse):
        take_back(first)
    take_back(second)
    take_back(first)
    with pytest.raises(CannotReverse):
        take_back(plan_change(campaign=here.campaign, plan=rename_plan(), actor=None, reason="not applied"))


def test_each_code_that_is_no_more_is_known_by_what_became_of_it(here: World) -> None:
    assert codes_now(here.campaign) == {}
    first = apply_plan(here.campaign, split_plan())
    assert codes_now(here.campaign) == {BUILT: "new.1"}
    second = apply_plan(here.campaign, rename_plan("new.1", "new.3"))
    assert codes_now(here.campaign) == {BUILT: "new.3", "new.1": "new.3"}
    take_back(second)
    take_back(first)
    assert codes_now(here.campaign) == {"new.1": BUILT, "new.2": BUILT, "new.3": BUILT}
    take_back(apply_plan(here.campaign, merge_plan()))
    assert codes_now(here.campaign) == {"new.1": BUILT, "new.2": BUILT, "new.3": BUILT, "both": None}
    apply_plan(here.campaign, split_plan(default=None))
    assert codes_now(here.campaign) == {BUILT: None, "new.3": None, "both": None}


def test_a_code_does_not_come_back_with_another_meaning(here: World) -> None:
    a_week(here)
    apply_plan(here.campaign, rename_plan(BUILT, "new.9"))
    here.campaign.refresh_from_db()
    with pytest.raises(CannotChangeClasses, match="meant another class"):
        plan_change(campaign=here.campaign, plan=rename_plan(GRASS, BUILT), actor=None, reason="swap")
    apply_plan(here.campaign, rename_plan("new.9", BUILT))
    assert codes_now(here.campaign) == {"new.9": BUILT}


def test_a_plan_needs_a_reason_and_the_classes_it_was_made_for(here: World) -> None:
    with pytest.raises(ReasonRequired):
        plan_change(campaign=here.campaign, plan=split_plan(), actor=None, reason=" ")
    late = plan_change(campaign=here.campaign, plan=rename_plan(), actor=None, reason="late")
    apply_plan(here.campaign, split_plan())
    with pytest.raises(CannotChangeClasses, match="since this was planned"):
        apply_change(change_id=late.pk, actor=None)


# --- what else speaks of labels -----------------------------------------------------------------------------


def test_what_was_sent_back_is_not_handed_in_again_as_it_was(here: World) -> None:
    mine = a_week(here)["sent_back"]
    apply_plan(here.campaign, split_plan())
    mine.refresh_from_db()
    with pytest.raises(NothingChanged):
        submit_annotation(
            tile=mine.tile, annotator=mine.annotator, operation_id=uuid.uuid4(), expected_version=mine.version
        )


def test_whoever_judged_a_submission_before_does_not_judge_it_again_in_other_classes(here: World) -> None:
    from annotation.services.review_queue import dispute_review, waiting_for

    mine = a_week(here)["sent_back"]
    dispute_review(annotation_id=mine.pk, author=mine.annotator, expected_version=mine.version, comment="it is right")
    apply_plan(here.campaign, split_plan())
    mine.refresh_from_db()
    with pytest.raises(AlreadyJudged):
        review(mine, here.reviewer)
    other = reviewer_of(here.campaign, "other")
    assert waiting_for(other, here.campaign).get(pk=mine.pk).is_disputed
    assert not waiting_for(here.reviewer, here.campaign).filter(pk=mine.pk).exists()


def test_labels_accepted_by_an_account_that_is_set_aside_wait_for_a_review_again(here: World) -> None:
    mine = a_week(here)["accepted"]
    apply_plan(here.campaign, split_plan())
    revert_user(account=here.reviewer, actor=None, reason="not to be trusted")
    mine.refresh_from_db()
    assert mine.state == "submitted"
    assert codes_of(mine) == {"one": "new.1", "two": GRASS}


def test_a_correction_set_aside_gives_back_the_authors_labels_in_todays_classes(here: World) -> None:
    mine = a_week(here)["submitted"]
    correct(mine, here.reviewer)
    apply_plan(here.campaign, split_plan())
    revert_user(account=here.reviewer, actor=None, reason="not to be trusted")
    assert codes_of(mine) == {"one": "new.1", "two": GRASS}
    assert mine.state == "submitted"


def test_a_correction_under_way_goes_on_in_the_new_classes(here: World) -> None:
    mine = a_week(here)["submitted"]
    save_correction(
        annotation_id=mine.pk,
        reviewer=here.reviewer,
        features=labels(at=5),
        operation_id=uuid.uuid4(),
        expected_version=0,
    )
    apply_plan(here.campaign, split_plan())
    kept = Correction.objects.get()
    mine.refresh_from_db()
    assert (kept.revision_id, kept.version) == (mine.head_id, 2)
    assert [one["class_code"] for one in kept.features] == ["new.1", GRASS]
    assert review(mine, here.reviewer, "correct").corrected.features[0]["class_code"] == "new.1"


def test_gold_follows_and_people_are_compared_in_the_new_classes(db: None) -> None:
    from gold_rows import hand_in as hand_in_gold

    scene, _maintainer, [gold] = gold_campaign()
    drawn = gold.revision_id
    change = apply_plan(scene.campaign, split_plan())
    gold.refresh_from_db()
    assert gold.retired_at is not None
    gold = gold.tile.golds.get(retired_at__isnull=True)
    assert gold.revision.stands_for_id == drawn
    tile = scene.campaign.tiles.select_related("campaign__nomenclature", "campaign__layer").get(pk=gold.tile_id)
    ben = person("ben")
    hand_in_gold(tile, ben, gold.revision.features)
    assert gold.outcomes.get(annotator=ben).passed
    take_back(change)
    assert gold.tile.golds.get(retired_at__isnull=True).revision_id == drawn


def test_gold_of_which_nothing_is_left_rests_until_the_change_is_taken_back(db: None) -> None:
    scene, _maintainer, [gold] = gold_campaign()
    first = apply_plan(scene.campaign, split_plan(default=None))
    second = apply_plan(scene.campaign, split_plan(GRASS, default=None, into=[new_class("g.1"), new_class("g.2")]))
    assert not gold.tile.golds.filter(retired_at__isnull=True).exists()
    take_back(second)
    take_back(first)
    again = gold.tile.golds.get(retired_at__isnull=True)
    assert again.revision_id == gold.revision_id


# --- at the same time ---------------------------------------------------------------------------------------


def test_a_save_that_speaks_of_the_classes_before_is_told_so(here: World) -> None:
    mine = a_week(here)["draft"]
    before = here.campaign.nomenclature.version
    apply_plan(here.campaign, split_plan())
    tile = type(mine.tile).objects.select_related("campaign__nomenclature", "campaign__layer").get(pk=mine.tile_id)
    send = {"tile": tile, "annotator": mine.annotator, "operation_id": uuid.uuid4(), "expected_version": mine.version}
    with pytest.raises(ClassesChanged):
        save_annotation(**send, features=labels(), classes=before)
    with pytest.raises(UnknownClass):
        save_annotation(**send, features=labels())
    with pytest.raises(StaleRevision):
        save_annotation(**send, features=labels("new.1"), classes=here.campaign.nomenclature.version)


@pytest.mark.django_db(transaction=True)
def test_whoever_saves_while_classes_change_is_told_to_come_again() -> None:
    here = world()
    mine = a_week(here)["draft"]
    change = plan_change(campaign=here.campaign, plan=split_plan(), actor=None, reason="race")
    heard: list[Any] = []

    def save() -> None:
        try:
            save_annotation(
                tile=mine.tile, annotator=mine.annotator, features=labels(GRASS), operation_id=uuid.uuid4(),
                expected_version=1,
            )  # fmt: skip
        except ClassesChanging as told:
            heard.append(told)
        finally:
            connections.close_all()

    def in_the_middle(_share: float, message: str) -> None:
        if "outlines" in message:
            other = threading.Thread(target=save)
            other.start()
            other.join(timeout=20)
            assert not other.is_alive()

    apply_change(change_id=change.pk, actor=None, progress=in_the_middle)
    assert len(heard) == 1
    assert codes_of(mine) == {"one": "new.1", "two": GRASS}


@pytest.mark.django_db(transaction=True)
def test_a_change_waits_for_a_save_and_takes_what_it_wrote() -> None:
    here = world()
    mine = a_week(here)["draft"]
    change = plan_change(campaign=here.campaign, plan=split_plan(), actor=None, reason="race")
    done = threading.Event()

    def migrate() -> None:
        try:
            apply_change(change_id=change.pk, actor=None)
            done.set()
        finally:
            connections.close_all()

    with transaction.atomic():
        save_annotation(
            tile=mine.tile, annotator=mine.annotator, features=[*labels(), square(BUILT, 40, 40, 8, "three")],
            operation_id=uuid.uuid4(), expected_version=1,
        )  # fmt: skip
        other = threading.Thread(target=migrate)
        other.start()
        assert not done.wait(0.5)
    other.join(timeout=20)
    assert done.is_set()
    assert codes_of(mine) == {"one": "new.1", "two": GRASS, "three": "new.1"}


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_at_once_one_is_told_that_the_classes_are_others_now() -> None:
    here = world()
    a_week(here)
    plans = [
        plan_change(campaign=here.campaign, plan=plan, actor=None, reason="race")
        for plan in (split_plan(), rename_plan())
    ]
    heard: list[str] = []

    def migrate(change: ClassChange) -> None:
        try:
            heard.append(apply_change(change_id=change.pk, actor=None).state)
        except CannotChangeClasses:
            heard.append("told")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=migrate, args=(change,)) for change in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(heard) == ["applied", "told"]
    assert ClassChange.objects.filter(state="applied").count() == 1


def all_of(campaign: Any) -> tuple[Any, ...]:
    counts = (AnnotationRevision.objects.count(), AnnotatedFeature.objects.count())
    return heads(campaign), polygons(campaign), *counts


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moment", ["new classes", "outlines", "the last step"])
def test_a_change_that_ends_in_the_middle_leaves_nothing_and_may_be_done_again(moment: str) -> None:
    here = world()
    found = a_week(here)
    before = all_of(here.campaign)
    change = plan_change(campaign=here.campaign, plan=split_plan(), actor=None, reason="killed")

    def ends(_share: float, message: str) -> None:
        if moment in message:
            raise DatabaseError("the connection is gone")

    with pytest.raises(DatabaseError):
        apply_change(change_id=change.pk, actor=None, progress=ends)
    assert before == all_of(here.campaign)
    apply_change(change_id=change.pk, actor=None)
    assert codes_of(found["accepted"]) == {"one": "new.1", "two": GRASS}
    with pytest.raises(DatabaseError):
        reverse_change(change_id=change.pk, actor=None, progress=ends)
    take_back(change)
    assert (heads(here.campaign), polygons(here.campaign)) == before[:2]


@pytest.mark.django_db(transaction=True)
def test_classes_are_held_by_many_who_write_and_by_one_who_changes_them() -> None:
    here = world()
    heard: list[str] = []

    def hold() -> None:
        try:
            with transaction.atomic():
                hold_classes(here.campaign)
                heard.append("held")
        finally:
            connections.close_all()

    with transaction.atomic():
        hold_classes(here.campaign)
        other = threading.Thread(target=hold)
        other.start()
        other.join(timeout=20)
    assert heard == ["held"]


def test_stored_shapes_are_read_by_the_classes_of_today(here: World) -> None:
    found = a_week(here)
    apply_plan(here.campaign, split_plan())
    codes = set(here.campaign.nomenclature.classes.filter(selectable=True).values_list("code", flat=True))
    for annotation in Annotation.objects.filter(tile__campaign=here.campaign).select_related("head"):
        assert parse_features(annotation.head.features, tile_px=64, class_codes=codes)
    assert Lease.objects.filter(tile=found["draft"].tile).exists()
