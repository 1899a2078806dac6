"""Alarms: found in what people handed in, once; decided by a maintainer, never by the figures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from gold_rows import gold_campaign, halves
from gold_rows import hand_in as gold_hand_in
from scenes import TWO_CLASSES, person, square
from trust_rows import World, hand_in, world

from annotation.errors import AlreadyResolved, NotAllowed, NotThere, ReasonRequired
from annotation.jobs.registry import run_job
from annotation.models import Annotation, Job, LabelComparison, Lease, Standing, Ticket, TrustAlarm
from annotation.services.alarms import (
    compare_labels_of,
    dismiss_alarm,
    enqueue_looks,
    raise_alarms,
    revert_for_alarm,
)
from annotation.services.clock import database_now
from annotation.services.people import contributor_of, set_role
from annotation.services.rounds import QueuedTile, open_queue_round
from annotation.services.standing import level_in, vouch_for
from annotation.services.tiles import materialise_tiles

BUILT, GRASS = TWO_CLASSES


@pytest.fixture
def boss(db: None) -> Any:
    return person("boss")


@pytest.fixture
def here(boss: Any) -> World:
    return world(redundancy=4, created_by=boss)


def drawn(here: World, who: Any, nth: int, *, wobble: int = 0, code: str = BUILT, seconds: float = 90.0) -> Annotation:
    """Labels of the nth tile whose edge lies `wobble` pixels from the truth, handed in `seconds` after it was given."""
    place = here.places()[nth]
    tile = materialise_tiles(campaign=here.campaign, places=[place])[place]
    Lease.objects.create(tile=tile, annotator=who, granted_at=database_now(), expires_at=database_now())
    features = [square(code, 0, 0, 30 + wobble, "one"), square(GRASS, 0, 40, 20, "two")]
    if code == "filled":
        features = [square(GRASS, 0, 0, 60, "one")]
    annotation = hand_in(tile, who, features)
    given = annotation.submitted_at - timedelta(seconds=seconds)
    Annotation.objects.filter(pk=annotation.pk).update(created_at=given)
    Lease.objects.filter(tile=tile, annotator=who).update(granted_at=given, state="done")
    return annotation


def honest_work(here: World, people: list[Any], *, tiles: int) -> None:
    """Each draws each tile a little differently."""
    rng = np.random.default_rng(3)
    for nth in range(tiles):
        for turn, who in enumerate(people):
            drawn(here, who, nth, wobble=2 * turn + 1, seconds=float(rng.uniform(60, 180)))


def test_a_copy_cat_is_found_with_whom_and_where_and_who_came_second(here: World) -> None:
    ana, ben, copy = person("ana"), person("ben"), person("copy")
    honest_work(here, [ana, ben, person("cleo"), person("dan")], tiles=12)
    for nth in range(8):
        drawn(here, copy, nth, wobble=3)  # as ben, to the pixel
    assert compare_labels_of(here.campaign) == 12 * 6 + 8 * 4
    opened = raise_alarms(campaign=here.campaign)
    assert {(alarm.subject, alarm.kind) for alarm in opened} == {(ben, "copy"), (copy, "copy")}
    evidence = next(alarm.evidence for alarm in opened if alarm.subject == copy)
    (one,) = evidence["with"]
    assert one["contributor"] == contributor_of(ben).public_id
    assert (one["nearly_equal"], one["handed_in_after_them"], len(one["tiles"])) == (8, 8, 8)
    assert next(a.evidence for a in opened if a.subject == ben)["with"][0]["handed_in_after_them"] == 0


def test_two_who_both_took_the_models_draft_are_not_compared(here: World) -> None:
    ana, ben = person("ana"), person("ben")
    one, other = drawn(here, ana, 0), drawn(here, ben, 0)
    from annotation.models import AnnotationRevision

    for annotation in (one, other):
        head = annotation.head
        annotation.head = AnnotationRevision.objects.create(
            annotation=annotation, number=2, parent=head, author=head.author, features=head.features,
            sha256=head.sha256, licence=head.licence, draft_model="camp-m1",
        )  # fmt: skip
        annotation.save(update_fields=["head"])
    assert compare_labels_of(here.campaign) == 0


def test_one_class_on_everything_and_haste_are_found_by_the_databases_clock(here: World) -> None:
    ana, ben, cleo, hasty = (person(name) for name in ("ana", "ben", "cleo", "hasty"))
    honest_work(here, [ana, ben, cleo], tiles=12)
    for nth in range(12):
        drawn(here, hasty, nth, code="filled", seconds=4.0)
    opened = raise_alarms(campaign=here.campaign)
    assert {(alarm.subject, alarm.kind) for alarm in opened} == {(hasty, "one_class"), (hasty, "speed")}
    evidence = {alarm.kind: alarm.evidence for alarm in opened}
    assert (evidence["one_class"]["class_code"], evidence["one_class"]["filled"]) == (GRASS, 12)
    assert evidence["speed"]["seconds"] == 4.0 and 60 < evidence["speed"]["others_seconds"] < 180


def test_work_on_parts_of_tiles_is_held_against_work_on_parts(here: World) -> None:
    honest_work(here, [person(name) for name in ("ana", "ben", "cleo")], tiles=12)
    asked = [QueuedTile(row=r, col=c, kind="uncertainty", regions=((0, 0, 16, 16),)) for r, c in here.places()[12:24]]
    open_queue_round(campaign=here.campaign, function="entropy", control_share=0.0, tickets=asked)
    careful, hasty = [person(name) for name in ("dan", "eve", "fay")], person("hasty")
    for nth in range(12, 24):
        for slot, who in enumerate([*careful, hasty]):
            annotation = drawn(here, who, nth, code="filled", seconds=1.0 if who == hasty else 9.0 + slot)
            ticket = Ticket.objects.get(tile=annotation.tile, slot=slot, round__number=1)
            Lease.objects.filter(tile=annotation.tile, annotator=who).update(ticket=ticket, asked=ticket.regions)
    opened = raise_alarms(campaign=here.campaign)
    assert {(alarm.subject, alarm.kind) for alarm in opened} == {(hasty, "speed")}


def test_gold_and_extra_work_on_parts_is_held_against_no_work_on_whole_tiles(here: World) -> None:
    people = [person(name) for name in ("ana", "ben", "cleo")]
    honest_work(here, people, tiles=12)
    joined = person("joined when parts were asked for")
    for nth in range(12):  # neither gold nor extra work has a ticket
        for who in (*people, joined):
            annotation = drawn(here, who, nth + 12, code="filled", seconds=9.0)
            is_extra = who == joined and nth % 2 == 1
            Annotation.objects.filter(pk=annotation.pk).update(is_extra=is_extra)
            Lease.objects.filter(tile=annotation.tile, annotator=who).update(extra=is_extra, asked=[[0, 0, 16, 16]])
    assert raise_alarms(campaign=here.campaign) == []


def test_work_on_parts_is_told_from_work_on_whole_tiles_by_joins_whose_cost_grows_with_the_labels(here: World) -> None:
    """A subquery looked through for every row is a hash no longer from some 250,000 labels on, and then quadratic."""
    honest_work(here, [person("ana")], tiles=2)
    with CaptureQueriesContext(connection) as asked:
        raise_alarms(campaign=here.campaign)
    looked = [query["sql"] for query in asked.captured_queries if '"asked"' in query["sql"]]
    assert len(looked) >= 4  # for haste and for one class, in each of two lots
    with connection.cursor() as cursor:
        for sql in looked:
            cursor.execute(f"EXPLAIN {sql}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "SubPlan" not in plan, plan


def filled_by(here: World, who: Any, *, tiles: range) -> None:
    for nth in tiles:
        drawn(here, who, nth, code="filled")


@pytest.fixture
def alarmed(here: World) -> tuple[World, Any, TrustAlarm]:
    ana, ben, mono = person("ana"), person("ben"), person("mono")
    honest_work(here, [ana, ben], tiles=12)
    filled_by(here, mono, tiles=range(12))
    (alarm,) = raise_alarms(campaign=here.campaign)
    return here, mono, alarm


def test_looking_again_opens_nothing_twice_and_brings_figures_up_to_date(
    alarmed: tuple[World, Any, TrustAlarm],
) -> None:
    here, mono, alarm = alarmed
    assert raise_alarms(campaign=here.campaign) == []
    filled_by(here, mono, tiles=range(12, 14))
    assert raise_alarms(campaign=here.campaign) == []
    alarm.refresh_from_db()
    assert TrustAlarm.objects.count() == 1 and alarm.evidence["tiles"] == 14


def test_what_was_dismissed_is_not_held_against_the_person_again_but_new_work_is(
    boss: Any, alarmed: tuple[World, Any, TrustAlarm]
) -> None:
    here, mono, alarm = alarmed
    with pytest.raises(ReasonRequired):
        dismiss_alarm(alarm_id=alarm.pk, actor=boss, note=" ")
    dismiss_alarm(alarm_id=alarm.pk, actor=boss, note="a lake")
    with pytest.raises(AlreadyResolved, match="a lake"):
        dismiss_alarm(alarm_id=alarm.pk, actor=boss, note="again")
    filled_by(here, mono, tiles=range(12, 18))
    assert raise_alarms(campaign=here.campaign) == []
    filled_by(here, mono, tiles=range(18, 24))
    assert [found.evidence["tiles"] for found in raise_alarms(campaign=here.campaign)] == [12]


def test_only_other_maintainers_decide_and_blocking_decides_every_alarm(
    boss: Any, alarmed: tuple[World, Any, TrustAlarm]
) -> None:
    here, mono, alarm = alarmed
    other = TrustAlarm.objects.create(campaign=here.campaign, subject=mono, kind="speed", evidence={})
    for stranger in (here.reviewer, person("eve"), mono):
        with pytest.raises(NotThere):
            dismiss_alarm(alarm_id=alarm.pk, actor=stranger, note="fine")
        with pytest.raises(NotThere):
            revert_for_alarm(alarm_id=alarm.pk, actor=stranger, reason="bad", dry_run=True)
    dry = revert_for_alarm(alarm_id=alarm.pk, actor=boss, reason="", dry_run=True)
    with pytest.raises(ReasonRequired):
        revert_for_alarm(alarm_id=alarm.pk, actor=boss, reason="", dry_run=False)
    assert TrustAlarm.objects.open().count() == 2
    done = revert_for_alarm(alarm_id=alarm.pk, actor=boss, reason="one class", dry_run=False)
    assert done.lines == dry.lines and len(done.lines) == 12
    for one in (alarm, other):
        one.refresh_from_db()
        assert (one.resolution, one.revert, one.resolved_by) == ("reverted", done.revert, boss)
    assert raise_alarms(campaign=here.campaign) == [], "work that was set aside raises nothing"


def test_a_maintainer_does_not_block_people_who_hold_a_role(boss: Any, alarmed: tuple[World, Any, TrustAlarm]) -> None:
    here, mono, alarm = alarmed
    set_role(campaign=here.campaign, user=mono, role="reviewer")
    with pytest.raises(NotAllowed, match="operator"):
        revert_for_alarm(alarm_id=alarm.pk, actor=boss, reason="bad", dry_run=True)
    operator = person("operator", is_superuser=True)
    assert revert_for_alarm(alarm_id=alarm.pk, actor=operator, reason="bad", dry_run=False).revert is not None


def test_a_look_is_queued_after_work_was_handed_in_and_done_once(here: World) -> None:
    ana, ben = person("ana"), person("ben")
    assert enqueue_looks() == 0
    drawn(here, ana, 0)
    drawn(here, ben, 0, wobble=2)
    assert (enqueue_looks(), enqueue_looks()) == (1, 0)
    job = Job.objects.get(kind="look_for_alarms")
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert (job.state, job.result) == ("succeeded", {"compared": 1, "opened": 0})
    assert LabelComparison.objects.count() == 1 and enqueue_looks() == 0
    Annotation.objects.filter(annotator=ana).update(submitted_at=timezone.now() + timedelta(seconds=1))
    assert enqueue_looks() == 1


def signed_in(who: Any) -> Client:
    browser = Client()
    browser.force_login(who, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def test_the_page_shows_evidence_a_dry_run_and_the_way_back(boss: Any, alarmed: tuple[World, Any, TrustAlarm]) -> None:
    here, mono, alarm = alarmed
    browser = signed_in(boss)
    base = f"/campaigns/{here.campaign.slug}/trust/"
    page = browser.get(base).content.decode()
    assert "fills 12 of 12 tiles" in page and contributor_of(mono).public_id in page
    assert "Trust (1 alarm)" in browser.get(f"/campaigns/{here.campaign.slug}/").content.decode()
    preview = browser.get(f"{base}alarms/{alarm.pk}/revert/").content.decode()
    assert "12 things would no longer count." in preview and "Nothing has been changed yet." in preview
    assert not Annotation.objects.filter(state="reverted").exists()
    refused = browser.post(f"{base}alarms/{alarm.pk}/revert/", {"reason": ""}, follow=True)
    assert "Nothing was set aside" in refused.content.decode()
    done = browser.post(f"{base}alarms/{alarm.pk}/revert/", {"reason": "one class"}, follow=True)
    assert "The account is blocked" in done.content.decode()
    assert Annotation.objects.filter(state="reverted").count() == 12
    path = done.redirect_chain[-1][0]
    back = browser.post(path, {"reason": "a lake"}, follow=True).content.decode()
    assert "The work counts again" in back and not Annotation.objects.filter(state="reverted").exists()
    assert "one class" in browser.get(base).content.decode()


def test_nobody_but_maintainers_finds_the_pages(boss: Any, alarmed: tuple[World, Any, TrustAlarm]) -> None:
    here, mono, alarm = alarmed
    base = f"/campaigns/{here.campaign.slug}/trust/"
    for path in (base, f"{base}alarms/{alarm.pk}/revert/"):
        assert Client().get(path).status_code == 302
        for who in (mono, here.reviewer):
            assert signed_in(who).get(path).status_code == 404
    elsewhere = world("elsewhere", created_by=person("chief"))
    chief = signed_in(elsewhere.campaign.created_by)
    assert chief.get(f"/campaigns/elsewhere/trust/alarms/{alarm.pk}/revert/").status_code == 404
    assert chief.post(f"/campaigns/elsewhere/trust/alarms/{alarm.pk}/dismiss/", {"note": "x"}).status_code == 404
    assert signed_in(boss).post(f"{base}alarms/{alarm.pk}/dismiss/", {"note": "a lake"}).status_code == 302
    alarm.refresh_from_db()
    assert alarm.note == "a lake"


def test_somebody_who_fails_known_tiles_is_found_loses_their_level_and_may_be_cleared(db: None) -> None:
    scene, maintainer, golds = gold_campaign(golds=9)
    mallory, ana = person("mallory"), person("ana")
    for gold in golds:
        gold_hand_in(gold.tile, mallory, halves(GRASS, BUILT))
        gold_hand_in(gold.tile, ana, halves())
    vouch_for(campaign=scene.campaign, user=mallory, level=2, actor=maintainer)
    opened = raise_alarms(campaign=scene.campaign)
    assert [(alarm.subject, alarm.kind, alarm.evidence) for alarm in opened] == [
        (mallory, "gold", {"tiles": 9, "failed": 9})
    ]
    assert level_in(campaign=scene.campaign, user=mallory) == 0, "vouched for or not"
    assert Standing.objects.get(user=ana).gold_passed == 9 and level_in(campaign=scene.campaign, user=ana) == 1
    dismiss_alarm(alarm_id=opened[0].pk, actor=maintainer, note="the reference was wrong")
    assert raise_alarms(campaign=scene.campaign) == []


def test_few_gold_tiles_do_not_move_a_level_and_so_do_not_give_themselves_away(db: None) -> None:
    scene, _maintainer, golds = gold_campaign(golds=4)
    ana = person("ana")
    for gold in golds:
        gold_hand_in(gold.tile, ana, halves())
    raise_alarms(campaign=scene.campaign)
    assert not Standing.objects.filter(user=ana, gold_passed__gt=0).exists()
    assert level_in(campaign=scene.campaign, user=ana) == 0
