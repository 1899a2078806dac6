"""Which drawing a person judges next: the rank, one person at a time, never a tile kept from help."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import scenes
from django.db import IntegrityError, connections, transaction
from django.db.models.functions import Now
from validation_rows import ranked_round

from annotation.errors import CampaignClosed, LeaseLost
from annotation.models import Campaign, Lease, Ticket, Tile, ValidationBatch
from annotation.services.annotations import save_annotation
from annotation.services.clock import database_now
from annotation.services.leases import heartbeat_lease, release_lease
from annotation.services.queue import claim_next_tile
from annotation.services.tiles import is_blind_tile
from annotation.services.validation_queue import claim_tile_to_validate

BUILT = scenes.TWO_CLASSES[0]


def judged_campaign(count: int, **options: Any) -> tuple[Any, list[Any]]:
    campaign = scenes.campaign(tile_px=128, **options)
    return campaign, ranked_round(campaign, count, model_version="m1")


def claim(campaign: Any, who: Any, *, version: str = "m1", ahead: bool = False) -> Lease | None:
    return claim_tile_to_validate(campaign=campaign, annotator=who, model_version=version, ahead=ahead)


def finish(lease: Lease, *, version: str = "m1") -> None:
    """What a last verdict does to the queue."""
    ValidationBatch.objects.create(
        id=uuid.uuid4(), tile=lease.tile, annotator=lease.annotator, model_version=version, finished=True, answer={}
    )
    Lease.objects.filter(pk=lease.pk).update(state="done")


@pytest.mark.django_db
def test_drawings_are_given_in_the_order_of_the_rounds_scores_each_once() -> None:
    campaign, tiles = judged_campaign(5)
    ana = scenes.person("ana")
    seen = []
    while (lease := claim(campaign, ana)) is not None:
        seen.append(lease.tile_id)
        assert lease.ticket_id is None and lease.purpose == "validate"
        finish(lease)
    assert seen == [tile.pk for tile in tiles]
    assert not Ticket.objects.filter(state="leased").exists(), "judging takes nobody's right to draw"


@pytest.mark.django_db
def test_without_a_models_round_or_in_a_closed_campaign_there_is_nothing_to_judge() -> None:
    campaign = scenes.campaign(tile_px=128)
    ana = scenes.person("ana")
    assert claim(campaign, ana) is None, "the first round was drawn without a model"
    Campaign.objects.filter(pk=campaign.pk).update(state="closed")
    campaign.refresh_from_db()
    with pytest.raises(CampaignClosed):
        claim(campaign, ana)


@pytest.mark.django_db
def test_asking_again_gives_the_same_tile_and_ahead_a_second_but_never_a_third() -> None:
    campaign, tiles = judged_campaign(5)
    ana = scenes.person("ana")
    given = [claim(campaign, ana, ahead=ahead) for ahead in (False, False, True, True)]
    assert [lease.tile_id for lease in given if lease] == [tiles[0].pk, tiles[0].pk, tiles[1].pk, tiles[1].pk]


@pytest.mark.django_db
def test_holding_tiles_to_draw_takes_nothing_from_holding_tiles_to_judge_and_the_other_way_round() -> None:
    campaign, tiles = judged_campaign(6)
    ana = scenes.person("ana")
    drawn = [claim_next_tile(campaign=campaign, annotator=ana, ahead=ahead) for ahead in (False, True)]
    judged = [claim(campaign, ana, ahead=ahead) for ahead in (False, True)]
    assert [lease.tile_id for lease in judged if lease] == [tiles[0].pk, tiles[1].pk]
    assert [lease.tile_id for lease in drawn if lease] == [tiles[0].pk, tiles[1].pk]
    assert Counter(Lease.objects.values_list("purpose", flat=True)) == {"draw": 2, "validate": 2}
    again = claim_next_tile(campaign=campaign, annotator=ana)
    assert again is not None and drawn[0] is not None and again.pk == drawn[0].pk


@pytest.mark.django_db
def test_a_lease_to_judge_gives_no_right_to_draw() -> None:
    from annotation.errors import NotClaimed

    campaign, _tiles = judged_campaign(1)
    ana = scenes.person("ana")
    lease = claim(campaign, ana)
    assert lease is not None
    with pytest.raises(NotClaimed):
        save_annotation(
            tile=lease.tile, annotator=ana, features=[], operation_id=uuid.uuid4(), expected_version=0
        )  # fmt: skip


@pytest.mark.django_db
def test_control_blind_accepted_unusable_and_own_tiles_are_passed_over() -> None:
    campaign, tiles = judged_campaign(20)
    ana = scenes.person("ana")
    Tile.objects.filter(pk=tiles[0].pk).update(state="accepted")
    Tile.objects.filter(pk=tiles[1].pk).update(state="unusable")
    own = claim_next_tile(campaign=campaign, annotator=ana)
    assert own is not None
    Lease.objects.filter(pk=own.pk).update(tile=tiles[2])
    save_annotation(
        tile=tiles[2], annotator=ana, features=[scenes.square(BUILT, 0, 0, 8)], operation_id=uuid.uuid4(),
        expected_version=0,
    )  # fmt: skip
    control = campaign.tiles.filter(role="holdout").first()
    Ticket.objects.create(
        campaign=campaign, round=campaign.rounds.get(closed_at=None), rank=999, tile=control, slot=0, slots=1,
        kind="control",
    )  # fmt: skip
    Campaign.objects.filter(pk=campaign.pk).update(blind_share=0.5)
    campaign.refresh_from_db()
    now = [Tile.objects.select_related("campaign").get(pk=tile.pk) for tile in tiles[3:]]
    expected = [tile.pk for tile in now if not is_blind_tile(tile)]
    assert 0 < len(expected) < 17, "the share makes some of them blind"
    seen = []
    while (lease := claim(campaign, ana)) is not None:
        seen.append(lease.tile_id)
        finish(lease)
    assert seen == expected


@pytest.mark.django_db
@pytest.mark.parametrize(("policy", "redundancy", "people"), [("review", 1, 2), ("none", 1, 1), ("review", 3, 3)])
def test_a_drawing_is_given_to_as_many_people_as_the_campaign_wants(policy: str, redundancy: int, people: int) -> None:
    campaign, _tiles = judged_campaign(1, review_policy=policy, redundancy=redundancy)
    given = 0
    for number in range(5):
        lease = claim(campaign, scenes.person(f"p{number}"))
        if lease is not None:
            finish(lease)
            given += 1
    assert given == people


@pytest.mark.django_db
def test_what_a_newer_model_drew_is_judged_anew() -> None:
    campaign, tiles = judged_campaign(1, review_policy="none")
    ana = scenes.person("ana")
    lease = claim(campaign, ana)
    assert lease is not None
    finish(lease)
    assert claim(campaign, ana) is None
    again = claim(campaign, ana, version="m2")
    assert again is not None and again.tile_id == tiles[0].pk and again.pk == lease.pk


@pytest.mark.django_db
def test_a_tile_is_judged_by_one_person_at_a_time_until_they_go_silent() -> None:
    campaign, tiles = judged_campaign(1)
    ana, ben = scenes.person("ana"), scenes.person("ben")
    lease = claim(campaign, ana)
    assert lease is not None and claim(campaign, ben) is None
    heartbeat_lease(token=str(lease.token), annotator=ana)
    Lease.objects.filter(pk=lease.pk).update(expires_at=Now() - timedelta(seconds=1))
    taken = claim(campaign, ben)
    assert taken is not None and taken.tile_id == tiles[0].pk
    with pytest.raises(LeaseLost):
        heartbeat_lease(token=str(lease.token), annotator=ana)


@pytest.mark.django_db
def test_a_tile_one_left_comes_back_and_one_that_was_skipped_does_not() -> None:
    campaign, tiles = judged_campaign(2)
    ana = scenes.person("ana")
    for reason, expected in (("left", tiles[0]), ("skip", tiles[0]), ("left", tiles[1])):
        lease = claim(campaign, ana)
        assert lease is not None and lease.tile_id == expected.pk
        release_lease(token=str(lease.token), annotator=ana, reason=reason)


@pytest.mark.django_db
def test_one_person_who_calls_imagery_unusable_twice_retires_nothing() -> None:
    campaign, tiles = judged_campaign(1)
    ana = scenes.person("ana")
    for lease in (claim(campaign, ana), claim_next_tile(campaign=campaign, annotator=ana)):
        assert lease is not None and lease.tile_id == tiles[0].pk
        release_lease(token=str(lease.token), annotator=ana, reason="bad_imagery")
    assert Tile.objects.get(pk=tiles[0].pk).state == "open"


@pytest.mark.django_db
def test_the_database_refuses_two_people_judging_one_tile_and_a_ticket_to_judge() -> None:
    campaign, tiles = judged_campaign(1)
    lease = claim(campaign, scenes.person("ana"))
    assert lease is not None
    ben = scenes.person("ben")
    row = {"tile": tiles[0], "annotator": ben, "granted_at": database_now(), "expires_at": database_now()}
    with pytest.raises(IntegrityError, match="lease_one_validates_a_tile"), transaction.atomic():
        Lease.objects.create(**row, purpose="validate")
    with pytest.raises(IntegrityError, match="lease_ticket_to_draw"), transaction.atomic():
        Lease.objects.create(**row, purpose="validate", state="done", ticket=Ticket.objects.first())


THREADS, TILES = 16, 60


@pytest.mark.django_db(transaction=True)
def test_sixteen_people_judging_sixty_tiles_are_never_two_on_one_and_stop_at_two_a_tile() -> None:
    campaign, _tiles = judged_campaign(TILES)
    people = [scenes.person(f"p{number}") for number in range(THREADS)]
    guard, barrier = threading.Lock(), threading.Barrier(THREADS)
    at_work: set[int] = set()
    grants: list[tuple[int, int]] = []
    failures: list[str] = []

    def work(someone: Any) -> None:
        try:
            barrier.wait()
            while (lease := claim(campaign, someone)) is not None:
                with guard:
                    if lease.tile_id in at_work:
                        failures.append(f"two people on tile {lease.tile_id}")
                    at_work.add(lease.tile_id)
                    grants.append((lease.tile_id, someone.pk))
                time.sleep(0.003)  # long enough for others to be given it too, if that could be
                with guard:
                    at_work.discard(lease.tile_id)
                finish(lease)
        except BaseException as error:
            failures.append(f"{type(error).__name__}: {error}")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(someone,)) for someone in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not failures, failures[:3]
    assert len(set(grants)) == len(grants), "nobody twice on a tile"
    left = scenes.person("last")
    while (lease := claim(campaign, left)) is not None:  # tiles that were being looked at when the others gave up
        grants.append((lease.tile_id, left.pk))
        finish(lease)
    assert Counter(tile for tile, _who in grants) == dict.fromkeys(Counter(tile for tile, _who in grants), 2)
    assert len(grants) == 2 * TILES


@pytest.mark.django_db
def test_a_gold_tile_is_not_given_to_judge() -> None:
    from annotation.services.gold import mark_gold
    from annotation.services.people import set_role

    campaign, tiles = judged_campaign(3)
    maintainer, author = scenes.person("maintainer"), scenes.person("author")
    set_role(campaign=campaign, user=maintainer, role="maintainer")
    label = scenes.accepted(campaign, tiles[0], author, scenes.person("reviewer"), [scenes.square(BUILT, 0, 0, 9)])
    mark_gold(campaign=campaign, annotation_id=label.pk, actor=maintainer)
    lease = claim(campaign, scenes.person("ana"))
    assert lease is not None and lease.tile_id == tiles[1].pk
