"""Questions about change, and what people answered, when the campaign's classes change under them."""

from __future__ import annotations

from typing import Any

import pytest
from change_rows import GREEN, GREY, SOIL, TwoDates, answer, claimed, two_dates
from class_rows import apply_plan, new_class, rename_plan, split_plan, take_back
from scenes import person

from annotation.models import Annotation, ChangeAnswer, ChangeCell, Patch
from annotation.services.change_answers import Given, cells_for
from annotation.services.change_outcomes import refresh_cells
from annotation.services.patch_list import authors_of, patches_of

pytestmark = pytest.mark.django_db


def asked(scene: TwoDates, who: Any) -> Any:
    """The ticket that a person holds, read anew."""
    (ticket,) = claimed(scene, who)
    return type(ticket).objects.select_related("round__campaign__nomenclature", "tile__campaign__layer").get(
        pk=ticket.pk
    )  # fmt: skip


def state_of(cell: Any) -> tuple[str, str, str, str]:
    cell = ChangeCell.objects.get(pk=cell.pk)
    return cell.state, cell.verdict, cell.first_truth, cell.second_truth


def one_cell(first: str = GREEN, second: str = GREY, **options: Any) -> tuple[TwoDates, Any]:
    scene = two_dates(**options)
    scene.open([scene.cell(scene.tiles[0], first, second)])
    return scene, ChangeCell.objects.get()


def test_a_cell_asks_in_the_classes_of_today_and_in_those_of_before_once_it_is_taken_back() -> None:
    scene, _cell = one_cell()
    change = apply_plan(scene.campaign, rename_plan(GREY))
    ana = person("ana")
    ticket = asked(scene, ana)
    assert [(cell.first_code, cell.second_code) for cell in cells_for(ticket, ana)] == [(GREEN, "renamed")]
    take_back(change)
    ticket = asked(scene, ana)
    assert [(cell.first_code, cell.second_code) for cell in cells_for(ticket, ana)] == [(GREEN, GREY)]


def test_answers_from_before_and_after_a_rename_agree_and_label_the_class_of_today() -> None:
    scene, cell = one_cell(redundancy=2)
    ana, ben = person("ana"), person("ben")
    answer(asked(scene, ana), ana, Given(cell.pk, "changed"))
    apply_plan(scene.campaign, rename_plan(GREY))
    answer(asked(scene, ben), ben, Given(cell.pk, "changed"))
    assert state_of(cell) == ("settled", "changed", GREEN, "renamed")
    assert sorted(ChangeAnswer.objects.values_list("second_code", flat=True)) == sorted([GREY, "renamed"])
    drawn = {one.annotator.username: one.head.features[0]["class_code"] for one in Annotation.objects.all()}
    assert drawn == {"ana": "renamed", "ben": "renamed"}


def test_an_answer_in_a_class_of_before_that_is_sent_since_is_that_of_today() -> None:
    scene, cell = one_cell()
    ana = person("ana")
    ticket = asked(scene, ana)
    apply_plan(scene.campaign, rename_plan(GREY))
    ticket = asked(scene, ana)
    answer(ticket, ana, Given(cell.pk, "changed", GREEN, GREY))
    assert state_of(cell) == ("settled", "changed", GREEN, "renamed")


def test_where_both_classes_are_one_now_nothing_changed_until_it_is_taken_back() -> None:
    scene, cell = one_cell()
    ana = person("ana")
    answer(asked(scene, ana), ana, Given(cell.pk, "changed"))
    plan = [{"kind": "merge", "codes": [GREEN, GREY], "into": new_class("both")}]
    change = apply_plan(scene.campaign, plan)
    refresh_cells([cell.pk])  # as the next answer, or one that is set aside, does
    assert state_of(cell) == ("settled", "unchanged", "both", "both")
    take_back(change)
    refresh_cells([cell.pk])
    assert state_of(cell) == ("settled", "changed", GREEN, GREY)


def test_a_patch_stands_through_a_rename_and_keeps_those_who_said_so() -> None:
    scene, cell = one_cell()
    ana = person("ana")
    answer(asked(scene, ana), ana, Given(cell.pk, "first_wrong", SOIL, SOIL))
    if not Patch.objects.exists():  # a newcomer alone makes none: a reviewer says the same
        from annotation.services.change_outcomes import review_change_cell
        from annotation.services.people import set_role

        eve = person("eve")
        set_role(campaign=scene.campaign, user=eve, role="maintainer")
        read = ChangeCell.objects.select_related("round__campaign__nomenclature").get(pk=cell.pk)
        review_change_cell(cell=read, reviewer=eve, verdict="first_wrong", first_code=SOIL, second_code=SOIL)
    patch = Patch.objects.get()
    change = apply_plan(scene.campaign, rename_plan(SOIL))
    refresh_cells([cell.pk])
    assert list(Patch.objects.standing()) == [patch]
    assert state_of(cell) == ("settled", "first_wrong", "renamed", "renamed")
    assert authors_of(list(patches_of(scene.campaign))) == {patch.pk: [ana.contributor.public_id]}
    take_back(change)
    refresh_cells([cell.pk])
    assert list(Patch.objects.standing()) == [patch]


def test_a_split_class_stays_what_people_said_and_whoever_says_a_part_of_it_is_for_review() -> None:
    scene, cell = one_cell(redundancy=2)
    ana, ben = person("ana"), person("ben")
    answer(asked(scene, ana), ana, Given(cell.pk, "changed"))
    change = apply_plan(scene.campaign, split_plan(GREY))
    ticket = asked(scene, ben)
    assert [one.second_code for one in cells_for(ticket, ben)] == ["new.1"], "as the label is shown"
    answer(ticket, ben, Given(cell.pk, "changed", GREEN, "new.2"))
    assert state_of(cell)[0] == "review"
    take_back(change)
    refresh_cells([cell.pk])
    assert state_of(cell) == ("settled", "changed", GREEN, GREY)
