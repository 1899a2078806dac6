"""Gold tiles in rounds that ask for parts: given as the tiles around them are, compared where they were asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scenes
from asked_rows import accept, asking_round, body_of, hand_in, held, in_parts
from gold_rows import GREEN, GREY, gold_campaign, halves, rectangle
from gold_rows import hand_in as hand_in_gold
from numpy.typing import NDArray
from queue_rows import pool_places

from annotation.models import GoldLease, Lease, Ticket, Tile
from annotation.services.asked import asked_of
from annotation.services.gold import mark_gold
from annotation.services.leases import release_lease
from annotation.services.queue import claim_next_tile
from annotation.services.queue_pick import pick_tile
from annotation.services.rounds import QueuedTile, open_queue_round
from annotation.services.splitting import split_tile
from annotation.services.tiles import is_blind_tile

pytestmark = pytest.mark.django_db

CELL = 16  # px, of tiles of 64: sixteen parts
Kinds = tuple[str, ...]


def drawn_windows(rng: np.random.Generator, count: int = 4) -> tuple[tuple[int, int, int, int], ...]:
    """Parts of a tile, as a round might ask for them."""
    cells = rng.permutation(16)[:count].tolist()
    return tuple((CELL * (cell % 4), CELL * (cell // 4), CELL, CELL) for cell in cells)


def round_of(campaign: Any, kinds: Kinds, *, random_share: float, seed: int = 0, **more: Any) -> None:
    """A round with a tile for each of these kinds, each asked for other parts."""
    rng = np.random.default_rng(seed)
    tickets = [
        QueuedTile(row=row, col=col, kind=kind, regions=drawn_windows(rng),
                   probability=0.1 if kind == "random" else None)
        for (row, col), kind in zip(pool_places(campaign, len(kinds) + 8)[8:], kinds, strict=True)
    ]  # fmt: skip
    open_queue_round(
        campaign=campaign, function="doubt_and_diversity", model_version="m1", tickets=tickets,
        random_share=random_share, scores=scores_of(campaign, rng),
        **{"control_share": 0.0, "pixel_score": "margin", **more},
    )  # fmt: skip


def scores_of(campaign: Any, rng: np.random.Generator) -> NDArray[np.float32]:
    """Another score for each tile."""
    return rng.random((campaign.n_rows, campaign.n_cols), np.float32)


def shown_to(campaign: Any, someone: Any, count: int) -> list[tuple[bool, list[list[int]]]]:
    """Of each tile that somebody is given, the next one always claimed ahead: whether it is gold, and what is asked."""
    shown, seen = [], set()
    while len(shown) < count:
        for ahead in (False, True):
            lease = claim_next_tile(campaign=campaign, annotator=someone, ahead=ahead)
            assert lease is not None
            if lease.pk not in seen:
                seen.add(lease.pk)
                shown.append((GoldLease.objects.filter(lease=lease).exists(), body_of(lease)["asked"]))
        for lease in Lease.objects.filter(annotator=someone, state="active", ahead=False):
            release_lease(token=str(lease.token), annotator=someone, reason="skip")
    return shown


def gold_lease(campaign: Any, someone: Any, *, within: int = 24) -> Lease:
    """The first gold tile that somebody is given; the others they skip."""
    for _claim in range(within):
        lease = held(campaign, someone)
        if GoldLease.objects.filter(lease=lease).exists():
            return lease
        release_lease(token=str(lease.token), annotator=someone, reason="skip")
    raise AssertionError("no gold tile was given")


# --- that nobody can tell -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "share"), [(("uncertainty",) * 4, 0.0), (("uncertainty", "uncertainty", "random", "uncertainty"), 0.25)]
)
def test_no_two_tiles_of_a_person_are_asked_for_the_same_parts_though_some_are_gold(kinds: Kinds, share: float) -> None:
    scene, _maintainer, _golds = gold_campaign(golds=6, gold_share=0.5)
    round_of(scene.campaign, kinds * 6, random_share=share)
    tries = (shown_to(scene.campaign, scenes.person(name), 20) for name in ("ana", "bo", "cleo"))
    enough = (tiles for tiles in tries if sum(is_gold for is_gold, _asked in tiles) >= 4)  # it is by chance
    shown = next(enough, None)
    assert shown is not None, "three people were given hardly any gold"
    asked = [sorted(map(tuple, windows)) for _is_gold, windows in shown]
    assert all(len(windows) == 4 for windows in asked), "a tile that is asked for whole is gold"
    # Of 1,820 ways to choose 4 of 16 parts, two tiles may have the same by chance; three such chances are no chance.
    assert len({tuple(windows) for windows in asked}) >= len(asked) - 2, "the parts of tiles came a second time"
    tickets = Ticket.objects.filter(tile__campaign=scene.campaign).exclude(regions=[])
    of_tickets = {tuple(sorted(map(tuple, regions))) for regions in tickets.values_list("regions", flat=True)}
    of_gold = [tuple(windows) for (is_gold, _asked), windows in zip(shown, asked, strict=True) if is_gold]
    assert sum(windows in of_tickets for windows in of_gold) <= 2, "gold borrows the parts of tickets"


def test_two_people_with_one_gold_tile_are_asked_for_the_same_parts_as_with_any_tile() -> None:
    scene, _maintainer, [_gold] = gold_campaign(gold_share=0.5, redundancy=2)
    round_of(scene.campaign, ("random", "uncertainty") * 8, random_share=0.5)
    ana, bo = (body_of(gold_lease(scene.campaign, scenes.person(name)))["asked"] for name in ("ana", "bo"))
    assert ana == bo
    later = []
    for seed, name in ((1, "cleo"), (2, "dan")):
        round_of(scene.campaign, ("random", "uncertainty") * 8, random_share=0.5, seed=seed)
        later.append(body_of(gold_lease(scene.campaign, scenes.person(name)))["asked"])
    # One round may draw what another drew, of 1,820 ways; not two of them.
    assert later != [ana, ana] and {len(asked) for asked in later} == {len(ana)}


@pytest.mark.parametrize("comes", ["a blind tile", "a quarter"])
def test_a_gold_tile_is_asked_for_by_parts_unless_it_is_blind_whatever_comes_next(comes: str) -> None:
    scene, maintainer, _golds = gold_campaign(golds=6, gold_share=0.5, blind_share=0.5)
    round_of(scene.campaign, ("random",) * 20, random_share=1.0)
    tickets = Ticket.objects.filter(round__number=1)
    waiting = list(tickets.select_related("tile__campaign").order_by("rank"))
    if comes == "a quarter":
        split = next(ticket.tile for ticket in waiting if ticket.regions)
        split_tile(tile=split, actor=maintainer, expected_version=0)
        tickets.filter(part=0).update(state="void")
    else:
        tickets.exclude(tile__in=[one.tile_id for one in waiting if is_blind_tile(one.tile)]).update(state="void")
    shown = {True: set[int](), False: set[int]()}
    for nth in range(200):  # who is given which gold tile is by chance
        if nth >= 12 and all(shown.values()):
            break
        lease = held(scene.campaign, scenes.person(f"someone-{nth}"))
        if GoldLease.objects.filter(lease=lease).exists():
            shown[is_blind_tile(lease.tile)].add(len(body_of(lease)["asked"]))
        else:
            release_lease(token=str(lease.token), annotator=lease.annotator, reason="left")
    assert shown == {True: {0}, False: {4}}


def test_a_gold_tile_is_shown_for_no_reason_that_only_other_tiles_can_have() -> None:
    scene, _maintainer, _golds = gold_campaign(golds=4, gold_share=0.5, holdout=0)
    Tile.objects.filter(campaign=scene.campaign, role="holdout").update(state="open")
    round_of(scene.campaign, ("area", "uncertainty", "suspect") * 4, random_share=0.0, control_share=0.5)
    first = Ticket.objects.filter(round__number=1).order_by("rank").values_list("kind", flat=True)[:4]
    assert "control" in first and "area" in first
    for nth in range(8):
        gold_lease(scene.campaign, scenes.person(f"someone-{nth}"))
    assert set(GoldLease.objects.values_list("why__kind", flat=True)) <= {"uncertainty", "suspect"}


def test_a_gold_tile_of_which_fewer_parts_are_known_than_are_asked_for_is_passed_over() -> None:
    known = [rectangle(GREY, 0, 0, 48, 16)]  # three of its sixteen parts
    scene, maintainer, [gold] = gold_campaign(gold_share=0.5)
    label = scenes.accepted(scene.campaign, scene.pool_tiles()[1], scene.author, scene.reviewer, known)
    little = mark_gold(campaign=scene.campaign, annotation_id=label.pk, actor=maintainer)
    just_enough = [rectangle(GREY, 0, 0, 48, 16), rectangle(GREEN, 48, 0, 16, 8)]  # of the fourth, one half
    label = scenes.accepted(scene.campaign, scene.pool_tiles()[2], scene.author, scene.reviewer, just_enough)
    enough = mark_gold(campaign=scene.campaign, annotation_id=label.pk, actor=maintainer)
    round_of(scene.campaign, ("random",) * 24, random_share=1.0)
    for nth in range(6):
        shown_to(scene.campaign, scenes.person(f"someone-{nth}"), 12)
    given = {one.gold_id: one.lease.asked for one in GoldLease.objects.select_related("lease")}
    assert set(given) == {gold.pk, enough.pk} and little.pk not in given
    assert sorted(given[enough.pk]) == [[0, 0, 16, 16], [16, 0, 16, 16], [32, 0, 16, 16], [48, 0, 16, 16]]


# --- what is compared -------------------------------------------------------------------------------------------


def gold_given(asked: Any) -> Lease:
    """A gold tile as it comes in a round whose tickets ask for windows of this size."""
    scene, _maintainer, [_gold] = gold_campaign(gold_share=0.5)
    asking_round(scene.campaign, 24, asked=asked)
    someone = scenes.person("ana")
    for _claim in range(24):  # every other time at random
        lease = held(scene.campaign, someone)
        if GoldLease.objects.filter(lease=lease).exists():
            return lease
        hand_in(lease, in_parts((0, 0, 8, 8)))
    raise AssertionError("no gold tile was given")


def test_a_gold_tile_is_asked_for_by_parts_as_its_neighbours_are_and_compared_there_alone() -> None:
    lease = gold_given(((0, 0, 64, 16),))  # one of four bands across both halves
    body = body_of(lease)
    [[col, top, *size]] = body["asked"]
    assert (col, size) == (0, [64, 16]) and body["why"]["pixel_score"] == "margin" and "asked" not in body["why"]
    # Right in the part, wrong beside it, nothing on the rest.
    beside = (top + 16) % 64
    drawn = [*in_band(top), rectangle(GREEN, 0, beside, 32, 16)]
    annotation = hand_in_gold(lease.tile, lease.annotator, drawn)
    outcome = annotation.annotator.gold_outcomes.get()
    assert outcome.passed and outcome.agreement == 1.0
    assert outcome.confusion == {GREY: {GREY: 512}, GREEN: {GREEN: 512}}
    assert asked_of(annotation) == [[0, top, 64, 16]]


def in_band(top: int) -> list[dict[str, Any]]:
    """What the gold tile's labels say of a band of 16 px."""
    return [rectangle(GREY, 0, top, 32, 16), rectangle(GREEN, 32, top, 32, 16)]


def test_a_part_of_a_gold_tile_left_empty_counts_as_left_out() -> None:
    lease = gold_given(((0, 0, 64, 16),))
    [[_col, top, *_size]] = body_of(lease)["asked"]
    annotation = hand_in_gold(lease.tile, lease.annotator, [rectangle(GREY, 0, top, 16, 16)])
    assert annotation.annotator.gold_outcomes.get().confusion == {GREY: {GREY: 256, "": 256}, GREEN: {"": 512}}
    assert not annotation.annotator.gold_outcomes.get().passed


def test_who_was_asked_for_parts_of_a_tile_before_it_was_gold_is_compared_in_those_parts() -> None:
    scene, maintainer, _golds = gold_campaign(golds=0, redundancy=2)
    round_of(scene.campaign, ("uncertainty",), random_share=0.0)
    first, second = (held(scene.campaign, scenes.person(name)) for name in ("ana", "bo"))
    assert first.tile == second.tile
    accept(hand_in(first, halves()), scene.reviewer)  # all of the tile, where four parts were asked for
    mark_gold(campaign=scene.campaign, annotation_id=first.tile.annotations.get().pk, actor=maintainer)
    windows = body_of(second)["asked"]
    right = [rectangle(GREY if col < 32 else GREEN, col, row, CELL, CELL) for col, row, _width, _height in windows]
    annotation = hand_in(second, right)
    outcome = annotation.annotator.gold_outcomes.get()
    left = sum(CELL * CELL for col, *_rest in windows if col < 32)
    said = {code: {code: pixels} for code, pixels in ((GREY, left), (GREEN, 4 * CELL * CELL - left)) if pixels}
    assert len(windows) == 4 and outcome.confusion == said and outcome.passed
    assert asked_of(annotation) == windows


def test_a_tile_that_became_gold_after_it_was_left_is_shown_and_judged_as_a_whole_when_it_is_chosen_again() -> None:
    scene, maintainer, _golds = gold_campaign(golds=0)
    round_of(scene.campaign, ("uncertainty",), random_share=0.0)
    lease = held(scene.campaign, scenes.person("ana"))
    release_lease(token=str(lease.token), annotator=lease.annotator, reason="left")
    whole = hand_in(held(scene.campaign, scenes.person("bo")), halves())
    accept(whole, scene.reviewer)
    mark_gold(campaign=scene.campaign, annotation_id=whole.pk, actor=maintainer)
    again = pick_tile(campaign=scene.campaign, annotator=lease.annotator, row=lease.tile.row, col=lease.tile.col)
    assert again.pk == lease.pk and again.ticket is None
    body = body_of(again)
    assert body["asked"] == [] and body["why"]["kind"] == "picked"
    annotation = hand_in(again, [rectangle(GREY, 0, 0, 32, 64)])
    assert asked_of(annotation) == []
    assert annotation.annotator.gold_outcomes.get().confusion == {GREY: {GREY: 2048}, GREEN: {"": 2048}}


def test_a_gold_tile_is_given_whole_where_the_round_asks_for_whole_tiles() -> None:
    assert body_of(gold_given(()))["asked"] == []
