"""The feed of changes: what releases differ by, as their own files have it; nothing is skipped while people work."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow.parquet as pq
import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from feature_rows import blobs, release_with
from learning_rows import labelled_campaign, model_row, ready_map
from report_rows import report, territory
from scenes import LabelledScene, labelled_scene, person
from trust_rows import GRASS, World, correct, hand_in, labels, review, reviewer_of

from annotation.jobs.registry import run_job
from annotation.services.annotations import save_annotation
from annotation.services.clock import database_now, settled_moment
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.queue_pick import pick_tile
from annotation.services.report_desk import answer_report, assign_report, take_up_again
from annotation.services.reverts import revert_user
from learning.models import Release
from learning.services.releases import start_release
from learning.services.withdrawal import withdraw_release


@pytest.fixture(autouse=True)
def one_clock(settings: Any) -> None:
    settings.CHANGES_MARGIN_S = 0


def publish(campaign: Any, version: str) -> Release:
    job = start_release(campaign=campaign, actor=None, version=version)
    run_job(str(job.id))
    return Release.objects.public().get(campaign=campaign, version=version)


def ask(**parameters: Any) -> dict[str, Any]:
    answer = Client().get("/api/v1/changes/", parameters)
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content)  # type: ignore[no-any-return]


def all_pages(**parameters: Any) -> list[dict[str, Any]]:
    """Changes of every page, each page as small as asked."""
    body = ask(**parameters)
    found = body["changes"]
    while body["next"]:
        assert len(body["changes"]) == int(parameters.get("limit", 500))
        parts = urlsplit(body["next"])
        body = json.loads(Client().get(f"{parts.path}?{parts.query}").content)
        found += body["changes"]
    return found  # type: ignore[no-any-return]


def labels_in(release: Release) -> dict[str, tuple[str, Counter[str]]]:
    """Revision and polygons by class of each annotation, from the release's own file."""
    names = ["annotation_id", "revision_id", "class_code"]
    found: dict[str, tuple[str, Counter[str]]] = {}
    for row in pq.read_table(release.path / "annotations" / "annotations.parquet", columns=names).to_pylist():
        revision, counts = found.setdefault(row["annotation_id"], (row["revision_id"], Counter()))
        assert revision == row["revision_id"]
        counts[row["class_code"]] += 1
    return found


def difference(before: Release | None, after: Release) -> dict[str, tuple[Any, Any, Any]]:
    """What each annotation that differs was and is, from two files alone."""
    old, new = labels_in(before) if before else {}, labels_in(after)
    found = {}
    for annotation in old.keys() | new.keys():
        was, now = old.get(annotation), new.get(annotation)
        if was is None or now is None or was[0] != now[0]:
            what = "added" if was is None else "removed" if now is None else "changed"
            found[annotation] = (what, was, now)
    return found


def as_difference(changes: list[dict[str, Any]]) -> dict[str, tuple[Any, Any, Any]]:
    """Label changes of the feed in the same form; none comes twice."""
    sides = [
        (
            change["annotation"],
            (
                change["what"],
                *(
                    None if side is None else (side["revision"], Counter(side["classes"]))
                    for side in (change["before"], change["after"])
                ),
            ),
        )
        for change in changes
        if change["kind"] == "label"
    ]
    assert len(dict(sides)) == len(sides)
    return dict(sides)


@dataclass
class Two:
    """Two releases of a campaign, and what was done between them."""

    first: Release
    second: Release
    expected: dict[str, str]
    hidden: list[str]
    moment: datetime  # before the first


@pytest.fixture
def two(transactional_db: None, tmp_path: Path) -> Two:
    moment = database_now()
    scene: LabelledScene = labelled_scene(tmp_path, pool_tiles=3)
    camp = scene.campaign
    everyday = World(camp, scene.reviewer)
    ana, berta, vandal = (person(name) for name in ("ana", "berta", "vandal"))
    careless = reviewer_of(camp, "careless")
    taken = set(camp.tiles.values_list("row", "col"))
    places = iter([place for place in everyday.places() if place not in taken])
    everyday.label(ana, next(places))
    to_correct = everyday.label(ana, next(places), verdict="")
    correct(to_correct, careless)
    wrong = everyday.label(ana, next(places))
    bad = everyday.label(vandal, next(places))
    first = publish(camp, "1.0.0")

    revert_user(account=careless, actor=scene.maintainer, reason="Corrects what was right.")
    to_correct.refresh_from_db()
    review(to_correct, scene.reviewer)
    revert_user(account=vandal, actor=scene.maintainer, reason="Vandalism.")
    made = report(wrong.tile)
    assign_report(report_id=made.public_id, actor=scene.maintainer)
    lease = claim_next_tile(campaign=camp, annotator=berta)
    assert lease is not None and lease.tile_id == wrong.tile_id
    better = hand_in(lease.tile, berta, labels(GRASS, at=3))
    review(better, scene.reviewer)
    new = everyday.label(ana, next(places))
    row, col = next(places)
    draft = pick_tile(campaign=camp, annotator=ana, row=row, col=col)
    saved = save_annotation(
        tile=draft.tile, annotator=ana, features=labels(), operation_id=uuid.uuid4(), expected_version=0
    )
    waiting = everyday.label(berta, next(places), verdict="")
    second = publish(camp, "2.0.0")
    review(waiting, scene.reviewer)  # accepted, in no release yet
    expected = {
        str(to_correct.pk): "changed", str(bad.pk): "removed", str(wrong.pk): "removed",
        str(better.pk): "added", str(new.pk): "added",
    }  # fmt: skip
    return Two(first, second, expected, [str(saved.annotation.pk), str(waiting.pk)], moment)


@pytest.mark.slow
def test_labels_between_two_releases_are_those_their_files_differ_by(two: Two, tmp_path: Path) -> None:
    expected = difference(two.first, two.second)
    assert {annotation: what for annotation, (what, *_sides) in expected.items()} == two.expected
    named = {"since": "scene-1.0.0", "until": "scene-2.0.0", "kind": "labels"}
    for limit in (1, 2, 500):
        assert as_difference(all_pages(**named, limit=limit)) == expected
    by_version = {"since": "1.0.0", "until": "2.0.0", "campaign": "scene", "kind": "labels"}
    assert as_difference(all_pages(**by_version)) == expected
    by_moment = {"since": two.first.published_at.isoformat(), "until": two.second.published_at.isoformat()}  # type: ignore[union-attr]
    assert as_difference(all_pages(**by_moment)) == expected
    body = ask(since="scene-1.0.0")
    assert as_difference(body["changes"]) == expected, "the latest, where no end is given"
    [compared] = body["releases"]
    assert compared == {"campaign": "scene", "before": "scene-1.0.0", "after": "scene-2.0.0", "labels": True}

    from_nothing = as_difference(all_pages(since=two.moment.isoformat(), kind="labels", limit=7))
    assert from_nothing == difference(None, two.second)
    assert as_difference(all_pages(since=two.moment.isoformat(), until="1.0.0", campaign="scene")) == difference(
        None, two.first
    )
    assert not set(two.hidden) & set(from_nothing), "neither a draft nor what no release holds"
    assert all_pages(since="scene-2.0.0", kind="labels") == []

    # Each label's polygons are at its address, as the release has them.
    for change in ask(**named)["changes"]:
        parts = urlsplit(change["address"])
        features = json.loads(Client().get(f"{parts.path}?{parts.query}").content)["features"]
        counts = Counter(feature["properties"]["class_code"] for feature in features)
        assert counts == (change["after"] or change["before"])["classes"]

    # A territory around one of the tiles.
    chosen = ask(**named)["changes"][0]
    row, col = chosen["tile"]["row"], chosen["tile"]["col"]
    territory(two.first.campaign, tmp_path, "32013", (row, col, row + 1, col + 1))
    there = ask(**named, territory="commune:32013")["changes"]
    assert chosen in there and len(there) < len(two.expected)
    assert all(abs(each["tile"]["row"] - row) <= 1 and abs(each["tile"]["col"] - col) <= 1 for each in there)

    reports = [(each["what"], each["event"]) for each in all_pages(since="scene-1.0.0", kind="reports")]
    assert reports == [("opened", "reported"), ("fixed", "fixed"), ("released", "released")]

    # A withdrawal takes back what the release changed.
    stood = database_now()
    withdraw_release(release=two.second, actor=None, reason="Wrong imagery.")
    back = as_difference(all_pages(since=stood.isoformat(), kind="labels"))
    opposite = {"added": "removed", "removed": "added", "changed": "changed"}
    assert back == {key: (opposite[what], now, was) for key, (what, was, now) in expected.items()}


@pytest.mark.django_db
def test_reports_and_maps_are_told_by_moment_campaign_and_territory(tmp_path: Path) -> None:
    scene = labelled_campaign("camp")
    other = labelled_campaign("other")
    west, east = scene.pool_tiles()[0], scene.pool_tiles()[-1]
    before = database_now()
    first, second = report(west, comment="Ask ana@example.org"), report(east)
    report(other.pool_tiles()[0])
    boss = reviewer_of(scene.campaign, "boss")
    set_role(campaign=scene.campaign, user=boss, role="maintainer")
    answer_report(report_id=first.public_id, actor=boss, answer="not_a_fault", words="It is a glass roof.")
    take_up_again(report_id=first.public_id, actor=boss, words="I looked at another roof.")
    ready_map(model_row(scene.campaign, state="promoted", number=1), np.zeros((16, 16), np.float32))
    ready_map(model_row(scene.campaign, state="rejected", number=2), np.zeros((16, 16), np.float32))
    found = all_pages(since=before.isoformat(), campaign="camp", limit=2)
    assert [(each["kind"], each["what"]) for each in found] == [
        ("report", "opened"), ("report", "opened"), ("report", "closed"), ("report", "reopened"), ("map", "published"),
    ]  # fmt: skip
    assert found[-1]["model"] == "camp-m1" and found[-1]["address"].endswith("/campaigns/camp/models/camp-m1/")
    text = json.dumps(found)
    for private in ("ana@example.org", "glass roof", "boss"):
        assert private not in text
    assert len(all_pages(since=before.isoformat(), kind="reports")) == 5
    territory(scene.campaign, tmp_path, "32013", (east.row, east.col, east.row + 1, east.col + 1))
    there = all_pages(since=before.isoformat(), kind="reports", territory="commune:32013", campaign="camp")
    assert [each["report"] for each in there] == [second.public_id]
    assert [each["map"] for each in all_pages(since=before.isoformat(), kind="maps", territory="commune:32013")]
    body = ask(since=before.isoformat())
    assert ask(since=body["until"])["changes"] == []
    assert Client().get(urlsplit(found[0]["address"]).path).status_code == 200


@pytest.mark.django_db
def test_a_release_that_does_not_say_which_labels_it_holds_is_told_of() -> None:
    before = database_now()
    release_with(labelled_campaign("camp").campaign, "1.0.0", blobs(4))
    body = ask(since=before.isoformat(), kind="labels")
    assert body["changes"] == []
    assert body["releases"] == [{"campaign": "camp", "before": None, "after": "camp-1.0.0", "labels": False}]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("parameters", "status", "words"),
    [
        ({}, 400, "since is missing"),
        ({"since": "yesterday"}, 400, "give a moment with its zone"),
        ({"since": "2026-06-30T12:00:00"}, 400, "give a moment with its zone"),
        ({"since": "2026-02-30"}, 400, "give a moment with its zone"),
        ({"since": "0001-01-01T00:00:00+14:00"}, 400, "give a moment with its zone"),
        ({"since": "9999-12-31T23:59:59-14:00"}, 400, "give a moment with its zone"),
        ({"since": "2026-06-30", "campaign": "a\x00"}, 400, "NUL"),
        ({"since": "2026-06-30", "territory": "commune:\x00"}, 400, "NUL"),
        ({"since": "1.0.0"}, 400, "say of which campaign"),
        ({"since": "camp-9.0.0"}, 404, "There is no release"),
        ({"since": "2026-06-30", "until": "2026-06-29"}, 400, "comes before since"),
        ({"since": "2026-06-30", "kind": "labels,people"}, 400, "labels, reports, maps"),
        ({"since": "2026-06-30", "campaign": "none"}, 404, "There is no campaign"),
        ({"since": "2026-06-30", "territory": "commune:00000"}, 404, "import its boundary"),
        ({"since": "2026-06-30", "limit": "0"}, 400, "a number from 1"),
        ({"since": "2026-06-30", "cursor": "labels~1"}, 400, "`next` of the page before"),
        ({"since": "2026-06-30", "cursor": "reports~2026-13-01T00:00:00Z~1"}, 400, "`next` of the page before"),
        ({"since": "2026-06-30", "kind": "maps", "cursor": "labels~1~1"}, 400, "`next` of the page before"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_next_step(parameters: dict[str, str], status: int, words: str) -> None:
    labelled_campaign("camp")
    answer = Client().get("/api/v1/changes/", parameters)
    error = json.loads(answer.content)["error"]
    assert answer.status_code == status and words in error["message"], error


@pytest.mark.django_db
def test_an_end_in_the_future_is_cut_to_what_is_settled() -> None:
    before = database_now()
    body = ask(since=before.isoformat(), until=(timezone.now() + timedelta(days=1)).isoformat())
    assert before < datetime.fromisoformat(body["until"]) <= database_now()


def in_another_session(work: Any) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_what_is_written_first_and_committed_last_is_not_skipped() -> None:
    tiles = [labelled_campaign(slug).pool_tiles()[0] for slug in ("camp", "other")]  # reports of one wait for another
    started = database_now()
    written, may_commit = threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            report(tiles[0])
            written.set()
            assert may_commit.wait(30)

    slow = in_another_session(slowly)
    assert written.wait(30)
    quick = report(tiles[1])
    body = ask(since=started.isoformat(), kind="reports")
    assert body["changes"] == [], "the quick one waits for the one before it"
    may_commit.set()
    slow.join()
    later = ask(since=body["until"], kind="reports")
    assert len(later["changes"]) == 2 and later["changes"][1]["report"] == quick.public_id
    assert ask(since=later["until"], kind="reports")["changes"] == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_follower_gets_everything_once_while_several_people_write() -> None:
    tiles = [labelled_campaign(f"camp-{number}").pool_tiles()[0] for number in range(4)]
    made: list[str] = []
    started = database_now()

    def write(number: int) -> None:
        rng = np.random.default_rng(number)
        for _ in range(15):
            with transaction.atomic():
                found = report(tiles[number])
                time.sleep(rng.uniform(0, 0.06))
            made.append(found.public_id)

    writers = [in_another_session(lambda number=number: write(number)) for number in range(4)]
    seen: list[str] = []
    since = started.isoformat()
    while True:
        is_last = not any(writer.is_alive() for writer in writers)
        body = ask(since=since, kind="reports", limit=3)
        until = body["until"]
        while True:
            seen += [each["report"] for each in body["changes"]]
            if not body["next"]:
                break
            parts = urlsplit(body["next"])
            body = json.loads(Client().get(f"{parts.path}?{parts.query}").content)
            assert body["until"] == until
        since = until
        if is_last:
            break
    assert len(made) == 60 and sorted(seen) == sorted(made)


@pytest.mark.django_db(transaction=True)
def test_the_settled_moment_is_that_before_which_every_transaction_has_ended() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def idle() -> None:
        with transaction.atomic():
            database_now()
            begun.set()
            assert may_end.wait(30)

    session = in_another_session(idle)
    assert begun.wait(30)
    after = database_now()
    assert settled_moment(margin_s=0) < after
    may_end.set()
    session.join()
    assert after < settled_moment(margin_s=0) <= database_now()
    assert settled_moment(margin_s=60) < datetime.now(UTC) - timedelta(seconds=50)
