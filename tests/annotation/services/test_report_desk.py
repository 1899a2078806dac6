"""The steward's desk: who may handle what, what each answer does, and what follows the labels by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import scenes
from django.contrib.auth.models import AnonymousUser
from queue_rows import at_once
from report_rows import accept, draw, report, steward_of, territory

from annotation.errors import AnswerNotTrue, CannotAssign, NotThere, ReasonRequired, ReportClosed
from annotation.models import Annotation, PlaceReport
from annotation.services import report_following
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.report_desk import answer_report, assign_report, hide_words, person_named, take_up_again
from annotation.services.report_following import mark_released
from annotation.services.rounds import QueuedTile, open_queue_round

pytestmark = pytest.mark.django_db
HALVES = {"west": (0, 0, 32, 16), "east": (0, 16, 32, 32)}


@pytest.fixture
def campaign() -> Any:
    return scenes.campaign(tile_px=128, first_round=200)


@pytest.fixture
def tiles(campaign: Any) -> dict[str, Any]:
    """One queued tile in the west of the campaign and one in the east."""
    found = [t.tile for t in campaign.tickets.filter(kind="initial").select_related("tile__campaign__layer")]
    return {
        "west": next(tile for tile in found if tile.col < 14),
        "east": next(tile for tile in found if tile.col > 18),
    }


@pytest.fixture
def stewards(campaign: Any, tmp_path: Path) -> dict[str, Any]:
    return {name: steward_of(territory(campaign, tmp_path, name, place), name) for name, place in HALVES.items()}


@pytest.fixture
def boss(campaign: Any) -> Any:
    user = scenes.person("boss")
    set_role(campaign=campaign, user=user, role="maintainer")
    return user


def kinds(made: PlaceReport) -> list[str]:
    return list(made.events.values_list("kind", flat=True))


def test_a_steward_handles_the_reports_of_their_territory_and_a_maintainer_all_of_the_campaign(
    campaign: Any, tiles: dict[str, Any], stewards: dict[str, Any], boss: Any
) -> None:
    made = {name: report(tile) for name, tile in tiles.items()}
    control = report(campaign.tiles.filter(role="holdout").select_related("campaign__layer").first())
    rene, other = scenes.person("rene"), scenes.person("other")
    set_role(campaign=campaign, user=rene, role="reviewer")
    set_role(campaign=scenes.campaign("elsewhere"), user=other, role="maintainer")

    def handled(user: Any) -> set[str]:
        return set(PlaceReport.objects.handled_by(user).values_list("public_id", flat=True))

    everything = {made["west"].public_id, made["east"].public_id, control.public_id}
    for name in HALVES:
        assert handled(stewards[name]) - {control.public_id} == {made[name].public_id}
    assert handled(boss) == everything
    assert handled(rene) == {control.public_id}, "reviewers answer what is on control tiles"
    assert handled(other) == handled(scenes.person("eve")) == handled(AnonymousUser()) == set()
    with pytest.raises(NotThere):
        answer_report(report_id=made["east"].public_id, actor=stewards["west"], answer="not_a_fault", words="No.")
    with pytest.raises(NotThere):
        assign_report(report_id=made["east"].public_id, actor=rene)
    with pytest.raises(NotThere):
        hide_words(report_id=made["west"].public_id, actor=other)


def test_an_answer_needs_words_and_closes_the_report_until_it_is_taken_up_again(
    tiles: dict[str, Any], stewards: dict[str, Any]
) -> None:
    steward, made = stewards["west"], report(tiles["west"])
    with pytest.raises(ReasonRequired):
        answer_report(report_id=made.public_id, actor=steward, answer="not_a_fault", words="  ")
    with pytest.raises(AnswerNotTrue, match="'nonsense'"):
        answer_report(report_id=made.public_id, actor=steward, answer="nonsense", words="No.")
    answer_report(report_id=made.public_id, actor=steward, answer="not_a_fault", words="It is a glass roof.")
    with pytest.raises(ReportClosed, match="take it up again first"):
        assign_report(report_id=made.public_id, actor=steward)
    with pytest.raises(ReasonRequired):
        take_up_again(report_id=made.public_id, actor=steward, words="")
    again = take_up_again(report_id=made.public_id, actor=steward, words="I looked at another roof.")
    assert (again.state, again.answer) == ("new", "")
    assert kinds(again) == ["reported", "queued", "not_a_fault", "reopened"]
    with pytest.raises(ReportClosed):
        take_up_again(report_id=made.public_id, actor=steward, words="Twice.")


def test_corrected_is_said_only_where_labels_were_accepted_since(tiles: dict[str, Any], boss: Any) -> None:
    made = report(tiles["west"])
    with pytest.raises(AnswerNotTrue, match="Nothing was accepted on this tile since"):
        answer_report(report_id=made.public_id, actor=boss, answer="fixed")


def test_a_report_follows_its_tile_from_drawing_to_accepted_to_released(
    campaign: Any, tiles: dict[str, Any], boss: Any
) -> None:
    made, ana = report(tiles["west"]), scenes.person("ana")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None and lease.tile_id == tiles["west"].pk
    annotation = draw(lease.tile, ana)
    made.refresh_from_db()
    assert made.state == "drawing"
    accept(annotation, scenes.person("rene"))
    made.refresh_from_db()
    assert (made.state, made.answer, made.fix) == ("answered", "fixed", annotation)
    others = {annotation.head_id + 1000}
    assert mark_released(campaign=campaign, release="camp-0.1.0", revision_ids=others) == 0
    assert mark_released(campaign=campaign, release="camp-0.2.0", revision_ids={annotation.head_id}) == 1
    assert mark_released(campaign=campaign, release="camp-0.3.0", revision_ids={annotation.head_id}) == 0
    made.refresh_from_db()
    assert (made.state, made.release) == ("released", "camp-0.2.0")
    assert kinds(made) == ["reported", "queued", "drawing", "fixed", "released"]


def test_labels_drawn_before_the_report_do_not_correct_it_by_themselves(
    campaign: Any, tiles: dict[str, Any], boss: Any
) -> None:
    ana = scenes.person("ana")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    annotation = draw(lease.tile, ana)
    made = report(lease.tile)
    accept(annotation, scenes.person("rene"))
    made.refresh_from_db()
    assert made.state == "new", "what was complained of is not its own correction"
    said = answer_report(report_id=made.public_id, actor=boss, answer="fixed", words="They had drawn it already.")
    assert said.fix == annotation and said.events.last().words == "They had drawn it already."  # type: ignore[union-attr]


def reopened(campaign: Any, boss: Any) -> tuple[Any, Any, Any]:
    """An accepted tile, reported, opened again and corrected by somebody else: both annotations and the report."""
    ana, berta, rene = (scenes.person(name) for name in ("ana", "berta", "rene"))
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    old = accept(draw(lease.tile, ana), rene)
    made = report(lease.tile)
    with pytest.raises(CannotAssign, match="drew this tile before"):
        assign_report(report_id=made.public_id, actor=boss, to=ana)
    assign_report(report_id=made.public_id, actor=boss)
    again = claim_next_tile(campaign=campaign, annotator=berta)
    assert again is not None and again.tile_id == lease.tile_id
    new = accept(draw(again.tile, berta), rene)
    made.refresh_from_db()
    return old, new, made


def test_a_correction_of_an_accepted_tile_counts_in_place_of_the_labels_it_corrects(campaign: Any, boss: Any) -> None:
    old, new, made = reopened(campaign, boss)
    assert made.answer == "fixed" and made.fix == new
    assert list(Annotation.objects.usable_as_labels()) == [new]
    old.refresh_from_db()
    assert old.state == "accepted" and old.superseded_by == new, "kept, and no longer counted"


def test_a_correction_that_is_undone_brings_the_old_labels_and_the_report_back(campaign: Any, boss: Any) -> None:
    old, new, made = reopened(campaign, boss)
    Annotation.objects.filter(pk=new.pk).update(state="submitted")
    report_following.follow_reports([new.tile_id])
    made.refresh_from_db()
    assert (made.state, made.answer, made.fix) == ("assigned", "", None)
    assert list(Annotation.objects.usable_as_labels()) == [old]


def test_a_correction_that_was_none_does_not_correct_the_report_taken_up_again(campaign: Any, boss: Any) -> None:
    _old, new, made = reopened(campaign, boss)
    take_up_again(report_id=made.public_id, actor=boss, words="The barn is still missing.")
    report_following.follow_reports([new.tile_id])
    made.refresh_from_db()
    assert made.state == "new", "what was taken up again is not its own correction"
    assign_report(report_id=made.public_id, actor=boss)
    carl = scenes.person("carl")
    lease = claim_next_tile(campaign=campaign, annotator=carl)
    assert lease is not None and lease.tile_id == new.tile_id
    newest = accept(draw(lease.tile, carl), scenes.person("rita"))
    made.refresh_from_db()
    assert made.fix == newest and list(Annotation.objects.usable_as_labels()) == [newest]
    Annotation.objects.filter(pk=newest.pk).update(state="submitted")
    assert list(Annotation.objects.usable_as_labels()) == [new], "one step back, not two"


def test_duplicates_are_merged_into_one_report_and_follow_it(tiles: dict[str, Any], boss: Any) -> None:
    first, second, third = (report(tiles["west"]) for _ in range(3))
    answer_report(report_id=third.public_id, actor=boss, answer="duplicate", duplicate_of=second.public_id)
    answer_report(report_id=second.public_id, actor=boss, answer="duplicate", duplicate_of=first.public_id)
    third.refresh_from_db()
    assert third.duplicate_of == first, "never a chain"
    with pytest.raises(AnswerNotTrue, match="no other report"):
        answer_report(report_id=first.public_id, actor=boss, answer="duplicate", duplicate_of=first.public_id)
    with pytest.raises(AnswerNotTrue, match="no other report"):
        answer_report(report_id=first.public_id, actor=boss, answer="duplicate", duplicate_of=second.public_id)
    assert not third.is_over
    answer_report(report_id=first.public_id, actor=boss, answer="not_a_fault", words="It is right.")
    third.refresh_from_db()
    assert third.is_over


def test_words_that_name_somebody_are_hidden_from_everybody(tiles: dict[str, Any], stewards: dict[str, Any]) -> None:
    made = report(tiles["west"], comment="My neighbour Jo built this without a permit.")
    hidden = hide_words(report_id=made.public_id, actor=stewards["west"])
    assert hidden.words == "" and kinds(hidden)[-1] == "words_hidden"
    hide_words(report_id=made.public_id, actor=stewards["west"])
    assert kinds(hidden).count("words_hidden") == 1


def test_a_place_is_given_to_people_who_may_draw_it(tiles: dict[str, Any], boss: Any) -> None:
    from django.contrib.auth import get_user_model

    new = get_user_model().objects.create_user("without-licence")
    made = report(tiles["west"])
    with pytest.raises(CannotAssign, match="has not agreed to the licence"):
        assign_report(report_id=made.public_id, actor=boss, to=new)
    ana = scenes.person("ana")
    assert person_named("ana") == person_named(ana.contributor.public_id) == ana
    with pytest.raises(NotThere, match="Nobody is called 'nobody'"):
        person_named("nobody")


@pytest.mark.django_db(transaction=True)
def test_stewards_and_annotators_at_once_on_the_same_tiles_meet_no_deadlock() -> None:
    campaign = scenes.campaign(tile_px=128, first_round=20)
    boss, people = scenes.person("boss"), [scenes.person(f"p{n}") for n in range(6)]
    set_role(campaign=campaign, user=boss, role="maintainer")
    leases = [claim_next_tile(campaign=campaign, annotator=someone) for someone in people]
    made = [report(lease.tile) for lease in leases if lease is not None]
    extra = [report(lease.tile) for lease in leases if lease is not None]
    places = [QueuedTile(row=0, col=0, kind="uncertainty", score=1.0)]
    actions: list[Any] = [
        lambda: open_queue_round(campaign=campaign, function="entropy", tickets=places, control_share=0.0)
    ]
    for lease, someone, one, other in zip(leases, people, made, extra, strict=True):
        assert lease is not None
        actions += [
            lambda tile=lease.tile, someone=someone: draw(tile, someone),
            lambda one=one: assign_report(report_id=one.public_id, actor=boss),
            lambda other=other: answer_report(
                report_id=other.public_id, actor=boss, answer="not_a_fault", words="It is right."
            ),
        ]
    failures = at_once(*actions)
    assert [failure for failure in failures if "CannotAssign" not in failure and "ReportClosed" not in failure] == []
    states = set(PlaceReport.objects.filter(pk__in=[one.pk for one in made]).values_list("state", flat=True))
    assert states == {"drawing"}, "each was drawn, whatever came first"
