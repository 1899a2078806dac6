"""Questions about change against a real database: rounds, the queue, answers and what they make."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from change_rows import GREEN, GREY, SOIL, TwoDates, answer, claimed, labelled, two_dates
from django.db import IntegrityError, connections, transaction
from django.db.models import F
from scenes import person, square

from annotation.core.change import FoundCell
from annotation.errors import (
    AlreadyJudged,
    AnswerUsed,
    CellAnswered,
    InvalidChangeAnswer,
    NotClaimed,
    NothingToAsk,
    NotThere,
    OperationMismatch,
    OwnWork,
    PairDoesNotFit,
    UnknownClass,
)
from annotation.models import (
    Annotation,
    ChangeAnswer,
    ChangeCell,
    ChangeOffer,
    ChangeReview,
    ChangeTicket,
    Lease,
    Patch,
    Tile,
)
from annotation.services.change_answers import Given, cells_for, take_back_answer
from annotation.services.change_outcomes import cells_to_review, review_change_cell, round_counts
from annotation.services.change_rounds import cells_of_labels, open_change_round
from annotation.services.people import set_role
from annotation.services.reverts import revert_user, undo_revert

pytestmark = pytest.mark.django_db


def one_cell(scene: TwoDates, first: str = GREY, second: str = GREEN, *, tile: int = 0) -> ChangeCell:
    """A round that asks about one square of one tile."""
    return scene.open([scene.cell(scene.tiles[tile], first, second)]).cells.get()


def labels_of(who: Any) -> dict[str, str]:
    """Class of each feature of a person's only labels, by provenance."""
    head = Annotation.objects.select_related("head").get(annotator=who).head
    assert head is not None
    return {item["provenance"]: item["class_code"] for item in head.features}


# --- rounds -------------------------------------------------------------------------------------------------


def test_a_round_asks_the_highest_score_first_and_says_why() -> None:
    scene = two_dates()
    low, high, control, *_ = scene.tiles
    opened = scene.open(
        [
            scene.cell(low, GREY, GREEN, score=0.2),
            scene.cell(high, GREY, GREEN, score=0.9, doubt=0.6),
            scene.cell(high, GREEN, SOIL, score=0.1, at=32),
            scene.cell(control, GREY, GREY, score=0.0, is_control=True, probability=0.25),
        ],
        first_map="m1",
        second_map="m2",
        seed=4,
    )
    tickets = [(ticket.tile_id, ticket.score, ticket.is_control, ticket.probability) for ticket in opened.tickets.all()]
    assert tickets == [(high.pk, 0.9, False, 1.0), (low.pk, 0.2, False, 1.0), (control.pk, 0.0, True, 0.25)]
    assert (opened.first_map, opened.second_map, opened.seed, opened.control_share) == ("m1", "m2", 4, 0.0)
    cell = opened.cells.get(tile=high, score=0.9)
    assert (cell.area_m2, cell.doubt) == (pytest.approx(16 * 16 * 0.04), 0.6)


def test_ground_that_people_must_not_see_labels_of_is_not_asked_about() -> None:
    scene = two_dates()
    control = scene.campaign.tiles.filter(role=Tile.Role.HOLDOUT).first()
    found = open_change_round(
        campaign=scene.campaign,
        pair=scene.pair,
        cells=[scene.cell(control, GREY, GREEN), scene.cell(scene.tiles[0], GREY, GREEN)],
    )
    assert (found.cells, found.left_out) == (1, 1)
    with pytest.raises(IntegrityError, match="change_on_control_tile"), transaction.atomic():
        ChangeTicket.objects.create(
            round=found.round, tile=control, slot=0, rank=9, score=1, is_control=False, probability=1
        )
    with pytest.raises(NothingToAsk):
        scene.open([scene.cell(control, GREY, GREEN)])


def test_the_campaign_must_be_over_the_later_layer() -> None:
    scene = two_dates()
    other = two_dates("other")
    with pytest.raises(PairDoesNotFit, match="now-2022"):
        open_change_round(campaign=scene.campaign, pair=other.pair, cells=[])


def test_the_next_round_closes_the_one_before_and_keeps_what_was_answered() -> None:
    scene, ana = two_dates(), person("ana")
    cell = one_cell(scene)
    [ticket] = claimed(scene, ana)
    answer(ticket, ana, Given(cell.pk, "unchanged"))
    scene.open([scene.cell(scene.tiles[1], GREY, GREEN)])
    assert scene.campaign.change_rounds.filter(closed_at__isnull=True).count() == 1
    assert ChangeAnswer.objects.get().cell_id == cell.pk
    assert [ticket.tile_id for ticket in claimed(scene, ana)] == [scene.tiles[1].pk]


def test_labels_of_both_dates_say_what_is_asked_and_controls_are_drawn_from_those_that_agree() -> None:
    scene = two_dates()
    differs, bare, *alike = scene.tiles[:5]
    for number, tile in enumerate([differs, bare, *alike]):
        labelled(scene.first, tile, [square(GREY, 0, 0, 32)], name=f"then{number}")
    labelled_here(scene, differs, GREEN, name="now0")
    for number, tile in enumerate(alike):
        labelled_here(scene, tile, GREY, name=f"now{number + 1}")
    cells = list(cells_of_labels(campaign=scene.campaign, pair=scene.pair, control_share=0.4, seed=1))
    said = {
        (cell.row, cell.col): (cell.first_code, cell.second_code, cell.score) for cell in cells if not cell.is_control
    }
    assert said == {(differs.row, differs.col): (GREY, GREEN, 1.0), (bare.row, bare.col): (GREY, "", 0.5)}
    # Two are asked about; a share of 0.4 makes that one control of the three tiles that agree.
    [control] = [cell for cell in cells if cell.is_control]
    assert (control.first_code, control.second_code, control.probability) == (GREY, GREY, pytest.approx(1 / 3))


def labelled_here(scene: TwoDates, tile: Any, code: str, *, name: str) -> None:
    """Accepted labels of the campaign's own tile: a square of 32 px."""
    from annotation.services.annotations import save_annotation, submit_annotation
    from annotation.services.queue_pick import pick_tile

    who = person(name)
    pick_tile(campaign=scene.campaign, annotator=who, row=tile.row, col=tile.col)
    save_annotation(
        tile=tile, annotator=who, features=[square(code, 0, 0, 32)], operation_id=uuid.uuid4(), expected_version=0
    )
    submit_annotation(tile=tile, annotator=who, operation_id=uuid.uuid4(), expected_version=1)


# --- queue --------------------------------------------------------------------------------------------------


def test_two_people_never_hold_one_place_and_asking_again_gives_the_same() -> None:
    scene, ana, bo = two_dates(), person("ana"), person("bo")
    scene.open([scene.cell(tile, GREY, GREEN, score=1 - n / 10) for n, tile in enumerate(scene.tiles[:3])])
    first = claimed(scene, ana, wanted=2)
    assert [ticket.tile_id for ticket in first] == [tile.pk for tile in scene.tiles[:2]]
    assert [ticket.pk for ticket in claimed(scene, ana, wanted=2)] == [ticket.pk for ticket in first]
    assert [ticket.tile_id for ticket in claimed(scene, bo, wanted=2)] == [scene.tiles[2].pk]
    assert claimed(scene, person("cy")) == []
    assert ChangeOffer.objects.count() == 3


def test_what_somebody_let_lapse_is_given_out_again_and_their_answers_are_handed_in() -> None:
    scene, ana, bo = two_dates(), person("ana"), person("bo")
    tile = scene.tiles[0]
    scene.open([scene.cell(tile, GREY, GREEN, score=0.9), scene.cell(tile, GREEN, SOIL, score=0.8, at=32)])
    [ticket] = claimed(scene, ana)
    answered, left = cells_for(ticket, ana)
    answer(ticket, ana, Given(answered.pk, "changed"))
    ChangeTicket.objects.update(held_until=F("held_until") - timedelta(days=1))
    [taken] = claimed(scene, bo)
    assert [cell.pk for cell in cells_for(taken, bo)] == [left.pk]
    assert labels_of(ana) == {"drawn": GREEN}
    late = answer(ticket, ana, Given(left.pk, "unchanged"))
    assert (late.handed_in, ChangeAnswer.objects.get(cell=left).is_extra) == (False, True)
    assert answer(taken, bo, Given(left.pk, "changed")).handed_in
    left.refresh_from_db()
    assert (left.state, left.verdict) == ("settled", "changed")


def test_a_place_wanted_by_two_people_is_given_to_two_different_ones() -> None:
    scene, ana, bo = two_dates(redundancy=2), person("ana"), person("bo")
    one_cell(scene)
    [mine] = claimed(scene, ana, wanted=2)
    [theirs] = claimed(scene, bo, wanted=2)
    assert (mine.tile_id, mine.slot, theirs.slot) == (theirs.tile_id, 0, 1)
    assert claimed(scene, person("cy")) == []


@pytest.mark.django_db(transaction=True)
def test_a_crowd_answers_every_place_once_in_the_order_of_the_scores() -> None:
    scene = two_dates(n_tiles=60)
    scene.open([scene.cell(tile, GREY, GREEN, score=1 - n / 100) for n, tile in enumerate(scene.tiles)])
    people = [person(f"p{n}") for n in range(6)]
    given: list[tuple[int, int]] = []
    failures: list[str] = []
    guard, barrier = threading.Lock(), threading.Barrier(len(people))

    def work(who: Any) -> None:
        try:
            barrier.wait()
            while tickets := claimed(scene, who, wanted=1):
                [ticket] = tickets
                with guard:
                    given.append((ticket.rank, who.pk))
                for cell in cells_for(ticket, who):
                    answer(ticket, who, Given(cell.pk, "unchanged"))
        except Exception as error:
            failures.append(repr(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(one,)) for one in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert failures == []
    ranks = [rank for rank, _who in given]
    assert sorted(ranks) == list(range(60))
    assert max(abs(rank - place) for place, rank in enumerate(ranks)) < 2 * len(people)
    assert len({who for _rank, who in given}) > 1
    assert ChangeAnswer.objects.count() == ChangeAnswer.objects.values("cell").distinct().count() == 60


# --- answers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "first", "second", "provenance"),
    [
        ({"verdict": "unchanged"}, GREY, GREY, "copied"),
        ({"verdict": "changed"}, GREY, GREEN, "drawn"),
        ({"verdict": "changed", "second_code": SOIL}, GREY, SOIL, "drawn"),
        ({"verdict": "first_wrong"}, GREEN, GREEN, "accepted"),
        ({"verdict": "second_wrong", "second_code": SOIL}, GREY, SOIL, "corrected"),
    ],
)
def test_each_key_settles_the_cell_and_labels_the_later_date(
    given: dict[str, str], first: str, second: str, provenance: str
) -> None:
    scene, ana = two_dates(), person("ana")
    cell = one_cell(scene)
    [ticket] = claimed(scene, ana)
    done = answer(ticket, ana, Given(cell.pk, **given))
    assert (done.stored, done.remaining, done.handed_in) == (1, 0, True)
    cell.refresh_from_db()
    assert (cell.state, cell.verdict) == ("settled", given["verdict"])
    assert (cell.first_truth, cell.second_truth) == (first, second)
    labels = Annotation.objects.select_related("head").get(annotator=ana)
    assert labels.state == Annotation.State.ACCEPTED
    assert labels_of(ana) == {provenance: second}
    assert labels.head is not None
    assert labels.head.imagery_seen["first_layer"] == "now-2019"
    assert labels.head.features[0]["rings"] == cell.rings
    assert Lease.objects.get(annotator=ana).asked == [[0, 0, 16, 16]]


def test_only_a_wrong_earlier_label_makes_a_patch_of_the_earlier_layer() -> None:
    scene, ana = two_dates(), person("ana")
    verdicts = ["unchanged", "changed", "first_wrong"]
    scene.open([scene.cell(tile, GREY, GREEN, score=1 - n / 10) for n, tile in enumerate(scene.tiles[:3])])
    for verdict in verdicts:
        [ticket] = claimed(scene, ana)
        answer(ticket, ana, Given(cells_for(ticket, ana)[0].pk, verdict))
    patch = Patch.objects.get()
    cell = patch.cell
    assert (cell.verdict, patch.layer, patch.wrong_code, patch.right_code) == ("first_wrong", scene.first, GREY, GREEN)
    assert (patch.answers, patch.area_m2, patch.review) == (1, pytest.approx(10.24), None)
    # 16 px of 0.2 m from the tile's corner, in the layers' CRS.
    left, _bottom, _right, top = scene.tiles[2].grid.bounds_crs(scene.tiles[2].row, scene.tiles[2].col)
    assert patch.geometry.extent == pytest.approx((left, top - 3.2, left + 3.2, top))
    assert patch.geometry.srid == 2154
    assert patch.footprint.within(scene.tiles[2].footprint.buffer(1e-9))


def test_ground_without_a_known_class_needs_one_to_be_copied() -> None:
    scene, ana = two_dates(), person("ana")
    cell = one_cell(scene, "", GREEN)
    [ticket] = claimed(scene, ana)
    with pytest.raises(InvalidChangeAnswer, match="needs the class of each date"):
        answer(ticket, ana, Given(cell.pk, "unchanged"))
    with pytest.raises(InvalidChangeAnswer, match="no wrong earlier label"):
        answer(ticket, ana, Given(cell.pk, "first_wrong"))
    answer(ticket, ana, Given(cell.pk, "unchanged", first_code=SOIL))
    assert labels_of(ana) == {"copied": SOIL}


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"verdict": "changed", "second_code": GREY}, InvalidChangeAnswer, "the same class"),
        ({"verdict": "unchanged", "first_code": GREY, "second_code": GREEN}, InvalidChangeAnswer, "say changed"),
        ({"verdict": "first_wrong", "first_code": GREY}, InvalidChangeAnswer, "no wrong earlier label"),
        ({"verdict": "second_wrong"}, InvalidChangeAnswer, "say which class is right"),
        ({"verdict": "second_wrong", "second_code": GREEN}, InvalidChangeAnswer, "say which class is right"),
        ({"verdict": "moved"}, InvalidChangeAnswer, "'moved'"),
        ({"verdict": "changed", "second_code": "CS9"}, UnknownClass, "CS9"),
        ({"verdict": "unchanged", "seconds": -1.0}, InvalidChangeAnswer, "seconds"),
    ],
)
def test_an_answer_that_does_not_hold_together_is_refused_with_its_place(
    given: dict[str, Any], error: type[Exception], words: str
) -> None:
    scene, ana = two_dates(), person("ana")
    cell = one_cell(scene)
    [ticket] = claimed(scene, ana)
    with pytest.raises(error, match=words) as refused:
        answer(ticket, ana, Given(cell.pk, **given))
    assert refused.value.details["refused"][0]["feature_id"] == str(cell.pk)  # type: ignore[attr-defined]
    assert not ChangeAnswer.objects.exists()


def test_nobody_answers_a_cell_twice_and_a_request_sent_twice_counts_once() -> None:
    scene, ana = two_dates(), person("ana")
    tile = scene.tiles[0]
    scene.open([scene.cell(tile, GREY, GREEN), scene.cell(tile, GREEN, SOIL, score=0.5, at=32)])
    [ticket] = claimed(scene, ana)
    cell = cells_for(ticket, ana)[0]
    operation = uuid.uuid4()
    first = answer(ticket, ana, Given(cell.pk, "changed"), operation_id=operation)
    assert answer(ticket, ana, Given(cell.pk, "changed"), operation_id=operation) == first
    with pytest.raises(CellAnswered):
        answer(ticket, ana, Given(cell.pk, "unchanged"))
    row = ChangeAnswer.objects.get()
    with pytest.raises(IntegrityError, match="change_answer_once_a_person"), transaction.atomic():
        ChangeAnswer.objects.create(
            cell=cell, ticket=ticket, annotator=ana, operation_id=uuid.uuid4(), verdict="unsure", seconds=0, licence="x"
        )
    with pytest.raises(IntegrityError, match="append_only"), transaction.atomic():
        ChangeAnswer.objects.filter(pk=row.pk).update(verdict="unsure", first_code="", second_code="")


def test_a_place_of_somebody_else_takes_no_answer_and_an_operation_is_one_persons() -> None:
    scene, ana, bo = two_dates(), person("ana"), person("bo")
    scene.open([scene.cell(tile, GREY, GREEN, score=1 - n / 10) for n, tile in enumerate(scene.tiles[:2])])
    [mine] = claimed(scene, ana)
    [theirs] = claimed(scene, bo)
    with pytest.raises(NotClaimed):
        answer(mine, bo, Given(cells_for(mine, bo)[0].pk, "unchanged"))
    operation = uuid.uuid4()
    answer(mine, ana, Given(cells_for(mine, ana)[0].pk, "unchanged"), operation_id=operation)
    with pytest.raises(OperationMismatch):
        answer(theirs, bo, Given(cells_for(theirs, bo)[0].pk, "unchanged"), operation_id=operation)


def test_one_key_copies_the_earlier_labels_of_the_whole_tile() -> None:
    scene, ana = two_dates(), person("ana")
    tile = scene.tiles[0]
    then = [square(GREY, 0, 0, 32, "roof"), square(SOIL, 64, 64, 32, "soil")]
    labelled(scene.first, tile, then, name="then")
    cell = one_cell(scene)
    [ticket] = claimed(scene, ana)
    answer(ticket, ana, Given(cell.pk, "unchanged"), copies_all=True)
    head = Annotation.objects.get(annotator=ana).head
    assert head is not None
    found = sorted((item["class_code"], item["provenance"], len(item["rings"][0])) for item in head.features)
    # The roof's square less the cell at its corner is an L; the cell itself carries the same class.
    assert found == [(GREY, "copied", 4), (GREY, "copied", 6), (SOIL, "copied", 4)]
    assert Lease.objects.get(annotator=ana).asked == []


def test_answers_join_the_draft_of_somebody_who_is_drawing_the_tile() -> None:
    from annotation.services.annotations import save_annotation
    from annotation.services.queue_pick import pick_tile

    scene, ana = two_dates(), person("ana")
    tile = scene.tiles[0]
    pick_tile(campaign=scene.campaign, annotator=ana, row=tile.row, col=tile.col)
    mine = [square(SOIL, 0, 0, 16, "under"), square(SOIL, 64, 64, 16, "far")]
    save_annotation(tile=tile, annotator=ana, features=mine, operation_id=uuid.uuid4(), expected_version=0)
    cell = one_cell(scene)
    [ticket] = claimed(scene, ana)
    answer(ticket, ana, Given(cell.pk, "changed"))
    draft = Annotation.objects.select_related("head").get(annotator=ana)
    assert (draft.state, draft.version) == (Annotation.State.DRAFT, 2)
    assert draft.head is not None
    assert [(item["id"], item["class_code"]) for item in draft.head.features] == [
        (f"change-{cell.pk}", GREEN),
        ("far", SOIL),
    ]


def test_ground_that_nobody_can_tell_goes_to_review_and_labels_nothing() -> None:
    scene, ana = two_dates(), person("ana")
    cell = one_cell(scene)
    [ticket] = claimed(scene, ana)
    assert answer(ticket, ana, Given(cell.pk, "unsure")).handed_in
    cell.refresh_from_db()
    assert cell.state == "review"
    assert not Annotation.objects.exists()


# --- taking back --------------------------------------------------------------------------------------------


def test_an_answer_is_taken_back_while_nobody_has_used_it() -> None:
    scene, ana = two_dates(review_policy="review"), person("ana")
    cell = one_cell(scene)
    [ticket] = claimed(scene, ana)
    answer(ticket, ana, Given(cell.pk, "unchanged"))
    assert Annotation.objects.get().state == Annotation.State.SUBMITTED
    take_back_answer(cell_id=cell.pk, annotator=ana)
    take_back_answer(cell_id=cell.pk, annotator=ana)
    cell.refresh_from_db()
    assert (cell.state, Annotation.objects.get().state) == ("open", Annotation.State.DRAFT)
    [again] = claimed(scene, ana)
    assert (again.pk, [one.pk for one in cells_for(again, ana)]) == (ticket.pk, [cell.pk])
    answer(again, ana, Given(cell.pk, "changed"))
    assert labels_of(ana) == {"drawn": GREEN}
    assert [bool(row.taken_back_at) for row in ChangeAnswer.objects.all()] == [True, False]


def test_an_answer_that_was_used_stays() -> None:
    scene, ana, bo, rev = two_dates(redundancy=2), person("ana"), person("bo"), person("rev")
    cell = one_cell(scene)
    for who, verdict in ((ana, "unchanged"), (bo, "changed")):
        [ticket] = claimed(scene, who)
        answer(ticket, who, Given(cell.pk, verdict))
    with pytest.raises(AnswerUsed, match="Somebody else has answered"):
        take_back_answer(cell_id=cell.pk, annotator=ana)
    with pytest.raises(NotThere):
        take_back_answer(cell_id=cell.pk, annotator=rev)


def test_an_answer_whose_labels_were_accepted_stays() -> None:
    scene, ana = two_dates(), person("ana")
    cell = one_cell(scene)
    [ticket] = claimed(scene, ana)
    answer(ticket, ana, Given(cell.pk, "unchanged"))
    with pytest.raises(AnswerUsed, match="accepted"):
        take_back_answer(cell_id=cell.pk, annotator=ana)


# --- review and reverts -------------------------------------------------------------------------------------


def disputed(scene: TwoDates) -> tuple[ChangeCell, Any, Any]:
    """A cell on which two people differ, and a maintainer who answered nothing."""
    ana, bo, rev = person("ana"), person("bo"), person("rev")
    set_role(campaign=scene.campaign, user=rev, role="maintainer")
    cell = one_cell(scene)
    for who, verdict in ((ana, "first_wrong"), (bo, "changed")):
        [ticket] = claimed(scene, who)
        answer(ticket, who, Given(cell.pk, verdict))
    cell.refresh_from_db()
    return cell, ana, rev


def test_a_maintainer_settles_what_two_people_say_differently() -> None:
    scene = two_dates(redundancy=2)
    cell, ana, rev = disputed(scene)
    assert (cell.state, Patch.objects.count()) == ("review", 0)
    assert list(cells_to_review(campaign=scene.campaign, reviewer=rev)) == [cell]
    review = review_change_cell(cell=cell, reviewer=rev, verdict="first_wrong", comment="It was grass in 2019 too.")
    assert review_change_cell(cell=cell, reviewer=rev, verdict="first_wrong").pk == review.pk
    cell.refresh_from_db()
    assert (cell.state, cell.verdict, cell.first_truth) == ("settled", "first_wrong", GREEN)
    patch = Patch.objects.get()
    assert (patch.review, patch.answers) == (review, 1)
    with pytest.raises(AlreadyJudged):
        review_change_cell(cell=cell, reviewer=rev, verdict="changed")
    assert round_counts(cell.round)["first_wrong"] == 1
    with pytest.raises(AnswerUsed):
        take_back_answer(cell_id=cell.pk, annotator=ana)


def test_nobody_settles_what_they_answered_and_only_reviewers_settle() -> None:
    scene = two_dates(redundancy=2)
    cell, ana, rev = disputed(scene)
    with pytest.raises(NotThere):
        review_change_cell(cell=cell, reviewer=ana, verdict="changed")
    set_role(campaign=scene.campaign, user=ana, role="reviewer")
    with pytest.raises(OwnWork):
        review_change_cell(cell=cell, reviewer=ana, verdict="changed")
    assert list(cells_to_review(campaign=scene.campaign, reviewer=ana)) == []
    with pytest.raises(IntegrityError, match="change_review_of_own"), transaction.atomic():
        ChangeReview.objects.create(
            cell=cell, reviewer=ana, verdict="unchanged", first_code=GREY, second_code=GREY, licence="x"
        )
    assert rev.change_reviews.count() == 0


def test_where_every_submission_is_reviewed_one_person_makes_no_patch_alone() -> None:
    scene, ana = two_dates(review_policy="review"), person("ana")
    cell = one_cell(scene)
    [ticket] = claimed(scene, ana)
    answer(ticket, ana, Given(cell.pk, "first_wrong"))
    cell.refresh_from_db()
    assert (cell.state, Patch.objects.count()) == ("review", 0)


def test_work_set_aside_asks_again_and_withdraws_its_patch_until_it_is_brought_back() -> None:
    scene, ana, bo = two_dates(), person("ana"), person("bo")
    cell = one_cell(scene)
    [ticket] = claimed(scene, ana)
    answer(ticket, ana, Given(cell.pk, "first_wrong"))
    assert Patch.objects.standing().count() == 1
    reverted = revert_user(account=ana, actor=None, reason="answers without looking")
    assert reverted.counts == {"labels": 1, "change": 1}
    cell.refresh_from_db()
    assert (cell.state, Patch.objects.standing().count(), Patch.objects.count()) == ("open", 0, 1)
    [again] = claimed(scene, bo)
    assert again.pk == ticket.pk
    assert reverted.revert is not None
    undo_revert(revert_id=reverted.revert.pk, actor=None, reason="a mistake")
    cell.refresh_from_db()
    assert (cell.state, cell.verdict, Patch.objects.standing().count()) == ("settled", "first_wrong", 1)


def test_a_patch_is_never_changed_or_removed() -> None:
    scene, ana = two_dates(), person("ana")
    cell = one_cell(scene)
    [ticket] = claimed(scene, ana)
    answer(ticket, ana, Given(cell.pk, "first_wrong"))
    for change in (lambda: Patch.objects.update(right_code=SOIL), lambda: Patch.objects.all().delete()):
        with pytest.raises(IntegrityError, match="append_only"), transaction.atomic():
            change()
    with pytest.raises(IntegrityError, match="change_cell_is_final"), transaction.atomic():
        ChangeCell.objects.update(first_code=SOIL)


def test_a_found_cell_is_what_the_round_writes() -> None:
    """The form that whoever compares two maps writes."""
    scene = two_dates()
    rings = (((0, 0), (80, 0), (80, 80), (0, 80)), ((16, 16), (16, 32), (32, 32), (32, 16)))
    scene.open([FoundCell(scene.tiles[0].row, scene.tiles[0].col, rings, GREY, GREEN, 0.5)])
    cell = ChangeCell.objects.get()
    assert cell.rings == [[list(corner) for corner in ring] for ring in rings]
    assert cell.area_m2 == pytest.approx((100 - 4) * 0.04)
