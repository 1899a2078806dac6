"""Setting work aside: what others trust is as if the account had never been there, and all of it can come back."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.gis.geos import Polygon
from django.db import DatabaseError, connections, transaction
from django.test import Client
from django.utils import timezone
from scenes import person
from trust_rows import BUILT, GRASS, World, correct, hand_in, labels, review, reviewer_of, trusted_state, world
from validation_rows import drawn_campaign, judges

from annotation.errors import (
    AccountBlocked,
    AlreadyUndone,
    NoFreeSlot,
    NotAllowed,
    NothingToRevert,
    ReasonRequired,
    SetAside,
)
from annotation.models import Annotation, Contributor, Lease, Revert, RevertItem, Tile, Validation
from annotation.services import limits
from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.leases import heartbeat_lease, release_lease
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.queue_pick import pick_tile
from annotation.services.reverts import Scope, revert_batch, revert_user, undo_for_maintainer, undo_revert
from learning.services.validations import validated_labels


@pytest.fixture
def attacked(db: None) -> World:
    return world(redundancy=2)


def a_day_of_work(here: World, *, hostile: list[Any] = (), honest: list[Any] = ()) -> None:
    """Two honest people and hostile ones by turns, on the same tiles and on tiles of their own."""
    places = here.places()
    ana, ben = honest
    for turn, place in enumerate(places[:6]):
        here.label(ana, place, at=1)
        for number, account in enumerate(hostile):
            here.label(
                account, places[10 + 6 * number + turn], code=GRASS, at=3, verdict=("accept", "", "send_back")[turn % 3]
            )
    for place in places[3:6]:
        here.label(ben, place, at=2)
    for number, account in enumerate(hostile):
        here.label(account, places[number], code=GRASS, at=4)
    here.label(ben, places[7], at=2, verdict="send_back")


def people(here: World) -> list[Any]:
    return [person(f"{here.campaign.slug}-{name}") for name in ("ana", "ben")]


def test_after_a_revert_what_is_trusted_equals_a_twin_that_was_never_attacked(attacked: World) -> None:
    twin = world("twin", redundancy=2)
    mallory, eve = person("mallory"), person("eve")
    a_day_of_work(attacked, honest=people(attacked), hostile=[mallory, eve])
    a_day_of_work(twin, honest=people(twin))
    assert trusted_state(attacked.campaign) != trusted_state(twin.campaign), "the attack shows"
    for account in (mallory, eve):
        revert_user(account=account, actor=None, reason="vandalism")
    assert trusted_state(attacked.campaign) == trusted_state(twin.campaign)
    assert Annotation.objects.filter(annotator__in=[mallory, eve]).count() == 14, "nothing is deleted"


def test_a_dry_run_lists_exactly_what_the_run_does_and_changes_nothing(attacked: World) -> None:
    mallory = person("mallory")
    a_day_of_work(attacked, honest=people(attacked), hostile=[mallory])
    before = trusted_state(attacked.campaign)
    dry = revert_user(account=mallory, actor=None, reason="vandalism", dry_run=True)
    assert dry.revert is None and not Revert.objects.exists() and mallory.is_active
    assert not Contributor.objects.filter(blocked_at__isnull=False).exists()
    assert trusted_state(attacked.campaign) == before
    done = revert_user(account=mallory, actor=None, reason="vandalism")
    assert dry.lines == done.lines and dry.tickets_open == done.tickets_open
    assert done.counts == {"labels": 7} and {line.after for line in done.lines} == {"set aside"}


def test_a_second_run_finds_nothing_and_changes_nothing(attacked: World) -> None:
    mallory = person("mallory")
    a_day_of_work(attacked, honest=people(attacked), hostile=[mallory])
    revert_user(account=mallory, actor=None, reason="vandalism")
    state = trusted_state(attacked.campaign)
    with pytest.raises(NothingToRevert):
        revert_user(account=mallory, actor=None, reason="vandalism")
    assert trusted_state(attacked.campaign) == state and Revert.objects.count() == 1


def test_undoing_a_revert_brings_everything_back_once(attacked: World) -> None:
    mallory = person("mallory")
    a_day_of_work(attacked, honest=people(attacked), hostile=[mallory])
    before = trusted_state(attacked.campaign)
    done = revert_user(account=mallory, actor=None, reason="vandalism")
    assert done.revert is not None
    undo_revert(revert_id=done.revert.pk, actor=None, reason="a mistake")
    assert trusted_state(attacked.campaign) == before
    mallory.refresh_from_db()
    assert mallory.is_active and Contributor.objects.get(user=mallory).blocked_at is None
    with pytest.raises(AlreadyUndone):
        undo_revert(revert_id=done.revert.pk, actor=None, reason="again")
    revert_user(account=mallory, actor=None, reason="vandalism after all")
    assert not Annotation.objects.of(mallory).exclude(state="reverted").exists()


def test_no_undo_brings_back_what_another_revert_holds(attacked: World) -> None:
    mallory = person("mallory")
    annotation = attacked.label(mallory, attacked.places()[0])
    batch = revert_batch(scope=Scope(campaign=attacked.campaign), actor=None, reason="wrong imagery")
    account = revert_user(account=mallory, actor=None, reason="vandalism")
    assert batch.revert is not None and account.revert is not None
    undo_revert(revert_id=batch.revert.pk, actor=None, reason="the imagery was right")
    annotation.refresh_from_db()
    assert annotation.state == "reverted", "the account's work stays set aside"
    assert attacked.campaign.tickets.filter(tile=annotation.tile, state="done").count() == 0
    undo_revert(revert_id=account.revert.pk, actor=None, reason="a mistake")
    annotation.refresh_from_db()
    assert annotation.state == "accepted" and annotation.decided_at is not None
    assert attacked.campaign.tickets.filter(tile=annotation.tile, state="done").count() == 1


def test_labels_accepted_by_a_blocked_reviewer_wait_for_another_one_and_no_review_is_lost(attacked: World) -> None:
    ana = person("ana")
    crook = reviewer_of(attacked.campaign, "crook")
    by_crook = attacked.label(ana, attacked.places()[0], verdict="")
    sent_back = attacked.label(ana, attacked.places()[1], verdict="")
    honest = attacked.label(ana, attacked.places()[2])
    review(by_crook, crook)
    review(sent_back, crook, "send_back")
    done = revert_user(account=crook, actor=None, reason="accepts anything")
    assert done.counts == {"review": 2} and done.revert is not None
    for annotation in (by_crook, sent_back, honest):
        annotation.refresh_from_db()
    assert (by_crook.state, sent_back.state, honest.state) == ("submitted", "submitted", "accepted")
    assert by_crook.decided_at is None
    assert Tile.objects.get(pk=by_crook.tile_id).state == "submitted"
    review(by_crook, attacked.reviewer, "accept")
    assert by_crook.state == "accepted" and by_crook.reviews.count() == 2
    undo_revert(revert_id=done.revert.pk, actor=None, reason="a mistake")
    by_crook.refresh_from_db()
    sent_back.refresh_from_db()
    assert (by_crook.state, sent_back.state) == ("accepted", "sent_back"), "the latest review that counts decides"


def test_what_a_blocked_reviewer_corrected_stands_as_its_author_left_it_and_comes_back_with_the_undoing(
    attacked: World,
) -> None:
    crook = reviewer_of(attacked.campaign, "crook")
    annotation = attacked.label(person("ana"), attacked.places()[0], verdict="")
    by_author = annotation.head.sha256
    correct(annotation, crook)
    by_crook = annotation.head.sha256
    assert annotation.state == "accepted" and by_crook != by_author
    done = revert_user(account=crook, actor=None, reason="paints everything green")
    annotation.refresh_from_db()
    assert (annotation.state, annotation.head.sha256) == ("submitted", by_author)
    assert annotation.head.author == annotation.annotator and annotation.revisions.count() == 3, "nothing is rewritten"
    assert done.revert is not None
    undo_revert(revert_id=done.revert.pk, actor=None, reason="a mistake")
    annotation.refresh_from_db()
    assert (annotation.state, annotation.head.sha256) == ("accepted", by_crook)


def test_a_correction_is_not_brought_back_over_what_somebody_has_decided_since(attacked: World) -> None:
    crook = reviewer_of(attacked.campaign, "crook")
    annotation = attacked.label(person("ana"), attacked.places()[0], verdict="")
    by_author = annotation.head.sha256
    correct(annotation, crook)
    done = revert_user(account=crook, actor=None, reason="paints everything green")
    annotation.refresh_from_db()
    review(annotation, attacked.reviewer)
    assert done.revert is not None
    undo_revert(revert_id=done.revert.pk, actor=None, reason="a mistake")
    annotation.refresh_from_db()
    assert (annotation.state, annotation.head.sha256) == ("accepted", by_author)


def test_a_maintainer_brings_back_what_a_maintainer_set_aside_but_not_the_operators_and_not_their_own(
    attacked: World,
) -> None:
    keeper, mallory = person("keeper"), person("mallory")
    other, operator = person("other"), person("operator")
    for someone in (keeper, other):
        set_role(campaign=attacked.campaign, user=someone, role="maintainer")
    operator.is_superuser = True
    operator.save(update_fields=["is_superuser"])
    annotation = attacked.label(mallory, attacked.places()[0])
    attacked.label(keeper, attacked.places()[1])

    def refused(batch: Any, reason: str = "fine after all") -> None:
        before = trusted_state(attacked.campaign)
        with pytest.raises((NotAllowed, ReasonRequired)):
            undo_for_maintainer(revert_id=batch.revert.pk, actor=keeper, reason=reason)
        assert trusted_state(attacked.campaign) == before

    everything = revert_batch(scope=Scope(campaign=attacked.campaign), actor=other, reason="wrong imagery")
    refused(everything)  # theirs is among it
    assert everything.revert is not None
    undo_revert(revert_id=everything.revert.pk, actor=operator, reason="the imagery was right")
    for decided_by in (operator, None):
        theirs = revert_batch(
            scope=Scope(campaign=attacked.campaign, account=mallory), actor=decided_by, reason="vandalism"
        )
        refused(theirs)
        assert theirs.revert is not None
        undo_revert(revert_id=theirs.revert.pk, actor=operator, reason="a mistake")
    among = revert_batch(scope=Scope(campaign=attacked.campaign, account=mallory), actor=other, reason="vandalism")
    refused(among, reason="  ")
    assert among.revert is not None
    undo_for_maintainer(revert_id=among.revert.pk, actor=keeper, reason="they were right")
    annotation.refresh_from_db()
    assert annotation.state == "accepted"


def test_whichever_of_author_and_reviewer_is_reverted_first_their_undoing_gives_the_same(attacked: World) -> None:
    for number, order in enumerate([("author", "reviewer"), ("reviewer", "author")]):
        author, crook = person(f"author-{number}"), reviewer_of(attacked.campaign, f"crook-{number}")
        annotation = attacked.label(author, attacked.places()[number], verdict="")
        review(annotation, crook)
        accounts = {"author": author, "reviewer": crook}
        done = {name: revert_user(account=accounts[name], actor=None, reason="both") for name in order}
        states = []
        for name in ("author", "reviewer"):
            revert = done[name].revert
            assert revert is not None
            undo_revert(revert_id=revert.pk, actor=None, reason="no")
            annotation.refresh_from_db()
            states.append(annotation.state)
        assert states == ["submitted", "accepted"], order


def test_only_what_was_done_since_a_moment_is_set_aside(attacked: World) -> None:
    mallory = person("mallory")
    before, after = (attacked.label(mallory, place) for place in attacked.places()[:2])
    Annotation.objects.filter(pk=before.pk).update(submitted_at=timezone.now() - timedelta(days=9))
    revert_user(account=mallory, actor=None, reason="account stolen", since=timezone.now() - timedelta(days=1))
    before.refresh_from_db()
    after.refresh_from_db()
    assert (before.state, after.state) == ("accepted", "reverted")


def test_a_batch_is_one_campaign_an_area_and_a_time_and_blocks_nobody(attacked: World) -> None:
    other = world("other", redundancy=2)
    ana = person("ana")
    inside = attacked.label(ana, attacked.places()[0])
    outside = attacked.label(ana, attacked.places()[-1])
    elsewhere = other.label(ana, other.places()[0])
    box = Polygon.from_bbox(inside.tile.footprint.buffer(-1e-6).extent)
    box.srid = 4326
    scope = Scope(campaign=attacked.campaign, area=box, since=timezone.now() - timedelta(hours=1))
    done = revert_batch(scope=scope, actor=None, reason="wrong imagery there")
    assert [line.place for line in done.lines] == [inside.tile.words]
    for annotation in (inside, outside, elsewhere):
        annotation.refresh_from_db()
    assert (inside.state, outside.state, elsewhere.state) == ("reverted", "accepted", "accepted")
    ana.refresh_from_db()
    assert ana.is_active
    with pytest.raises(NothingToRevert):
        revert_batch(scope=scope, actor=None, reason="again")
    with pytest.raises(SetAside):
        save_annotation(
            tile=inside.tile, annotator=ana, features=labels(), operation_id=uuid.uuid4(), expected_version=1
        )
    with pytest.raises(NoFreeSlot, match="set aside"):
        pick_tile(campaign=attacked.campaign, annotator=ana, row=inside.tile.row, col=inside.tile.col)


def test_tiles_of_a_blocked_account_are_given_out_again_at_their_rank_and_not_to_it(attacked: World) -> None:
    mallory, ana = person("mallory"), person("ana")
    first = claim_next_tile(campaign=attacked.campaign, annotator=mallory)
    assert first is not None
    hand_in(first.tile, mallory, labels())
    held = claim_next_tile(campaign=attacked.campaign, annotator=mallory)
    assert held is not None
    attacked.campaign.queue_mark.__class__.objects.update(open_rank=30)
    done = revert_user(account=mallory, actor=None, reason="vandalism")
    assert done.tickets_open == 1
    assert attacked.campaign.tickets.exclude(state="open").count() == 0, "the tile that was only held comes back too"
    again = claim_next_tile(campaign=attacked.campaign, annotator=ana)
    assert again is not None and again.tile_id == first.tile_id and again.ticket == first.ticket
    assert Lease.objects.filter(annotator=mallory).exclude(state="released").count() == 0


def test_a_blocked_account_is_told_so_whatever_it_tries_and_its_sessions_end(attacked: World) -> None:
    mallory = person("mallory")
    crook = reviewer_of(attacked.campaign, "crook")
    waiting = attacked.label(person("ana"), attacked.places()[3], verdict="")
    browser = Client()
    browser.force_login(mallory, backend="django.contrib.auth.backends.ModelBackend")
    lease = claim_next_tile(campaign=attacked.campaign, annotator=mallory)
    assert lease is not None and browser.get("/api/v1/me/").status_code == 200
    attacked.label(mallory, attacked.places()[9])
    for account in (mallory, crook):
        revert_user(account=account, actor=None, reason="sock puppet")
    assert browser.get("/api/v1/me/").status_code == 401
    assert Client().login(username="mallory", password="a-long-passphrase") is False
    place = attacked.places()[8]
    tries: list[Any] = [
        lambda: claim_next_tile(campaign=attacked.campaign, annotator=mallory),
        lambda: pick_tile(campaign=attacked.campaign, annotator=mallory, row=place[0], col=place[1]),
        lambda: save_annotation(
            tile=lease.tile, annotator=mallory, features=labels(), operation_id=uuid.uuid4(), expected_version=0
        ),
        lambda: submit_annotation(tile=lease.tile, annotator=mallory, operation_id=uuid.uuid4(), expected_version=1),
        lambda: review(waiting, crook),
    ]
    for attempt in tries:
        with pytest.raises(AccountBlocked, match="sock puppet"):
            attempt()
    with pytest.raises(Exception, match="given to someone else"):
        heartbeat_lease(token=str(lease.token), annotator=mallory)


def test_verdicts_of_a_blocked_account_make_and_unmake_no_label_and_earlier_ones_of_a_batch_count_again(
    db: None,
) -> None:
    scene = drawn_campaign(tiles=3)
    ana, ben, mallory = judges(3)
    one, two, _three = scene.tiles
    for who in (ana, ben):
        scene.agree(one, who)
    scene.judge(one, mallory, {"region-1": "disagree"})
    for who in (ana, mallory):
        scene.agree(two, who)
    assert [(tile.tile_id, len(tile.polygons)) for tile in validated_labels(scene.campaign)] == [
        (one.pk, 2),
        (two.pk, 3),
    ]
    done = revert_user(account=mallory, actor=None, reason="vandalism")
    assert done.counts == {"verdicts": 2} and Validation.objects.of(mallory).count() == 4
    assert [(tile.tile_id, len(tile.polygons)) for tile in validated_labels(scene.campaign)] == [(one.pk, 3)]
    begun = timezone.now()
    scene.judge(one, ana, {"region-1": "disagree"})
    assert [len(tile.polygons) for tile in validated_labels(scene.campaign)] == [2]
    revert_batch(scope=Scope(campaign=scene.campaign, account=ana, since=begun), actor=None, reason="slipped")
    assert [len(tile.polygons) for tile in validated_labels(scene.campaign)] == [3], "her word before counts again"


def test_a_tile_retired_on_a_blocked_accounts_word_is_open_again(attacked: World) -> None:
    row, col = attacked.places()[0]
    mallory, ana = person("mallory"), person("ana")
    for who in (mallory, ana):
        lease = pick_tile(campaign=attacked.campaign, annotator=who, row=row, col=col)
        release_lease(token=str(lease.token), annotator=who, reason="bad_imagery")
    tile = Tile.objects.get(campaign=attacked.campaign, row=row, col=col)
    assert tile.state == "unusable"
    done = revert_user(account=mallory, actor=None, reason="vandalism")
    tile.refresh_from_db()
    assert tile.state == "open" and done.counts == {"report": 1} and done.revert is not None
    undo_revert(revert_id=done.revert.pk, actor=None, reason="a mistake")
    tile.refresh_from_db()
    assert tile.state == "unusable"


def test_the_database_keeps_what_was_set_aside_and_lets_a_revert_be_undone_once(attacked: World) -> None:
    mallory = person("mallory")
    attacked.label(mallory, attacked.places()[0])
    done = revert_user(account=mallory, actor=None, reason="vandalism")
    assert done.revert is not None
    undo_revert(revert_id=done.revert.pk, actor=None, reason="no")
    for change in (
        lambda: RevertItem.objects.update(state_before="draft"),
        lambda: RevertItem.objects.all().delete(),
        lambda: Revert.objects.update(reason="nothing"),
        lambda: Revert.objects.update(undone_at=None),
        lambda: Revert.objects.update(undo_reason="x"),
    ):
        with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
            change()


def block_while_somebody_writes() -> tuple[bool, str]:
    """Block an account whose submission is not committed yet: whether the block waited, and what became of the work."""
    here = world(redundancy=2)
    mallory = person("mallory")
    lease = claim_next_tile(campaign=here.campaign, annotator=mallory)
    assert lease is not None
    written, go_on = threading.Event(), threading.Event()

    def write_slowly() -> None:
        try:
            with transaction.atomic():
                hand_in(lease.tile, mallory, labels(BUILT))
                written.set()
                go_on.wait(timeout=20)
        finally:
            connections.close_all()

    def block() -> None:
        try:
            revert_user(account=mallory, actor=None, reason="vandalism")
        finally:
            connections.close_all()

    writing, blocking = threading.Thread(target=write_slowly), threading.Thread(target=block)
    writing.start()
    assert written.wait(timeout=20)
    blocking.start()
    blocking.join(timeout=2.0)
    waited = blocking.is_alive()
    go_on.set()
    for thread in (writing, blocking):
        thread.join(timeout=30)
    return waited, Annotation.objects.get(annotator=mallory).state


@pytest.mark.django_db(transaction=True)
def test_what_an_account_is_handing_in_at_the_moment_of_its_block_is_set_aside_too() -> None:
    assert block_while_somebody_writes() == (True, "reverted")


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_that_a_write_holds_it_would_slip_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SPEND", limits.SPEND.replace("FOR SHARE OF c", ""))
    _waited, state = block_while_somebody_writes()
    assert state == "submitted"
