"""Pages beside the review desk: what waits, what became of one's labels, and the queue's record."""

from __future__ import annotations

import csv
import io
import uuid
from typing import Any

import pytest
import scenes
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from html_checks import faults_of

from annotation.models import Annotation, Lease, Review
from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.reviews import record_review, save_correction

BUILT, GRASS = scenes.TWO_CLASSES
pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(db: None) -> Any:
    return scenes.campaign(tile_px=256)


@pytest.fixture
def reviewer(campaign: Any) -> Any:
    rene = scenes.person("rene")
    set_role(campaign=campaign, user=rene, role="reviewer")
    return rene


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def submission(campaign: Any, author: Any) -> Annotation:
    lease = claim_next_tile(campaign=campaign, annotator=author)
    assert lease is not None
    square = scenes.square(BUILT, 0, 0, 10, "a")
    save_annotation(tile=lease.tile, annotator=author, features=[square], operation_id=uuid.uuid4(), expected_version=0)
    submit_annotation(tile=lease.tile, annotator=author, operation_id=uuid.uuid4(), expected_version=1)
    return Annotation.objects.get(tile=lease.tile, annotator=author)


def judge(one: Annotation, reviewer: Any, verdict: str, **more: Any) -> Review:
    return record_review(
        annotation_id=one.pk, reviewer=reviewer, verdict=verdict, operation_id=uuid.uuid4(), expected_version=1, **more
    )


def test_what_waits_is_for_reviewers_and_leaves_out_their_own_work(campaign: Any, reviewer: Any) -> None:
    ana = scenes.person("ana")
    theirs, own = submission(campaign, ana), submission(campaign, reviewer)
    assert signed_in(ana).get("/campaigns/camp/submissions/").status_code == 404
    assert Client().get("/campaigns/camp/submissions/").status_code == 302
    page = signed_in(reviewer).get("/campaigns/camp/submissions/").content.decode()
    assert f'value="{theirs.pk}:1"' in page and f'value="{own.pk}:1"' not in page
    assert faults_of(page) == []


def test_the_list_borders_the_parts_that_were_asked_for_and_says_so(
    campaign: Any, reviewer: Any, django_assert_num_queries: Any
) -> None:
    ana, url = scenes.person("ana"), "/campaigns/camp/submissions/"
    first, second = submission(campaign, ana), submission(campaign, ana)
    client = signed_in(reviewer)
    with CaptureQueriesContext(connection) as whole:
        page = client.get(url).content.decode()
    assert "label-part" not in page and "asked for the bordered parts only" not in page
    Lease.objects.filter(tile=first.tile).update(asked=[[64, 0, 64, 32], [0, 128, 64, 64]])
    # Lost to others, who had the same parts to do.
    Lease.objects.filter(tile=second.tile).update(asked=[[0, 0, 64, 64]], extra=True, ticket=None)
    with django_assert_num_queries(len(whole)):
        page = client.get(url).content.decode()
    assert page.count("asked for the bordered parts only") == 2 and page.count('class="label-part"') == 3
    # The view is the tile alone: its corner is the view's.
    assert '<rect class="label-part" x="64" y="0" width="64" height="32"></rect>' in page
    assert faults_of(page) == []


def test_the_page_of_an_outcome_borders_the_parts_that_one_was_asked_for(campaign: Any, reviewer: Any) -> None:
    ana = scenes.person("ana")
    one = submission(campaign, ana)
    address = f"/me/work/{one.pk}/"
    Lease.objects.filter(tile=one.tile).update(asked=[[64, 0, 64, 32]])
    judge(one, reviewer, "accept")
    page = signed_in(ana).get(address).content.decode()
    assert page.count('class="label-part"') == 1 and "asked for the bordered parts of this tile" in page


def test_many_are_accepted_at_once_by_author_and_a_form_sent_twice_is_one_verdict(campaign: Any, reviewer: Any) -> None:
    ana, ben = scenes.person("ana"), scenes.person("ben")
    first, second, other = submission(campaign, ana), submission(campaign, ana), submission(campaign, ben)
    client = signed_in(reviewer)
    address = f"/campaigns/camp/submissions/?author={ana.contributor.public_id}"
    page = client.get(address).content.decode()
    assert f'value="{first.pk}:1"' in page and f'value="{other.pk}:1"' not in page
    body = {"operation_id": str(uuid.uuid4()), "verdict": "accept", "chosen": [f"{first.pk}:1", f"{second.pk}:1"]}
    for _ in range(2):
        answer = client.post(address, body, follow=True)
        assert "2 verdicts were recorded" in answer.content.decode()
    assert Review.objects.count() == 2
    states = Annotation.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["accepted", "accepted", "submitted"]
    assert "No submission of this author" in client.get(address).content.decode()


@pytest.mark.parametrize(
    ("chosen", "verdict", "words"),
    [
        ([], "accept", "Choose at least one submission"),
        (["nonsense", "1:2:3", "²:1"], "accept", "Choose at least one submission"),
        (["1:1"], "send_back", "choose a reason the author can act on"),
    ],
)
def test_what_cannot_be_recorded_is_said_on_the_page(
    campaign: Any, reviewer: Any, chosen: list[str], verdict: str, words: str
) -> None:
    submission(campaign, scenes.person("ana"))
    body = {"operation_id": str(uuid.uuid4()), "verdict": verdict, "chosen": chosen}
    answer = signed_in(reviewer).post("/campaigns/camp/submissions/", body)
    assert answer.status_code == 400 and words in answer.content.decode()
    assert not Review.objects.exists()


def test_with_nothing_waiting_the_page_says_so(campaign: Any, reviewer: Any) -> None:
    page = signed_in(reviewer).get("/campaigns/camp/submissions/?author=nobody&top=x").content.decode()
    assert "Nothing waits" in page and faults_of(page) == []


def test_an_author_sees_what_a_reviewer_changed_and_nobody_else_does(campaign: Any, reviewer: Any) -> None:
    ana = scenes.person("ana")
    one = submission(campaign, ana)
    save_correction(
        annotation_id=one.pk, reviewer=reviewer, features=[scenes.square(GRASS, 0, 0, 10, "a")],
        operation_id=uuid.uuid4(), expected_version=0,
    )  # fmt: skip
    judge(one, reviewer, "correct", reason="class", comment="<b>A lawn.</b>")
    address = f"/me/work/{one.pk}/"
    assert signed_in(reviewer).get(address).status_code == 404
    page = signed_in(ana).get(address).content.decode()
    assert "Accepted with corrections" in page and "&lt;b&gt;A lawn.&lt;/b&gt;" in page
    assert page.count("label-change") == 1
    assert f"{100 * 100 / 256**2:.1f} %" in page  # 10 × 10 pixels of 256 × 256
    assert faults_of(page) == []


def test_an_author_disputes_once_and_is_told_when_it_cannot_be(campaign: Any, reviewer: Any) -> None:
    ana = scenes.person("ana")
    one = submission(campaign, ana)
    client, address = signed_in(ana), f"/me/work/{one.pk}/"
    assert "I do not agree" not in client.get(address).content.decode()
    judge(one, reviewer, "send_back", reason="class")
    assert "I do not agree" in client.get(address).content.decode()
    assert client.post(address, {"version": 1, "comment": ""}).status_code == 400
    stale = client.post(address, {"version": 7, "comment": "It is a roof."})
    assert stale.status_code == 400 and "version 1 now" in stale.content.decode()
    done = client.post(address, {"version": 1, "comment": "It is a roof."}, follow=True).content.decode()
    assert "Another reviewer will decide" in done and "It is a roof." in done
    assert Annotation.objects.get(pk=one.pk).state == "submitted"


def test_the_queues_record_shows_every_offer_to_maintainers_and_can_be_taken_away_as_a_table(
    campaign: Any, reviewer: Any
) -> None:
    ana, mia = scenes.person("ana"), scenes.person("mia")
    set_role(campaign=campaign, user=mia, role="maintainer")
    for _ in range(3):
        submission(campaign, ana)
    for other in (ana, reviewer):  # a reviewer labels too, and must not learn which tiles are gold
        assert signed_in(other).get("/campaigns/camp/queue/").status_code == 404
        assert signed_in(other).get("/campaigns/camp/queue.csv").status_code == 404
    client = signed_in(mia)
    page = client.get("/campaigns/camp/queue/").content.decode()
    assert page.count(f"<code>{ana.contributor.public_id}</code>") == 3 and page.count("<circle") == 3
    assert "1.0000" in page and faults_of(page) == []
    answer = client.get("/campaigns/camp/queue.csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [(row["rank"], row["passed_over"], row["way"]) for row in rows] == [(str(n), "0", "queue") for n in range(3)]


def test_the_queues_record_of_another_period_says_when_the_first_tile_was_given(campaign: Any) -> None:
    mia = scenes.person("mia")
    set_role(campaign=campaign, user=mia, role="maintainer")
    client = signed_in(mia)
    assert "Nobody has asked for a tile" in client.get("/campaigns/camp/queue/").content.decode()
    submission(campaign, scenes.person("ana"))
    page = client.get("/campaigns/camp/queue/?since=2001-01-01&until=2001-02-01").content.decode()
    assert "The first tile of this campaign was given on" in page
    wrong = client.get("/campaigns/camp/queue/?since=2001-02-01&until=2001-01-01").content.decode()
    assert "swap them" in wrong and faults_of(wrong) == []
    assert client.get("/campaigns/camp/queue.csv?since=x").status_code == 404
