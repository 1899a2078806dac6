"""Pages, feeds and the API of reports: open to all without saying who, the desk to those who look after the ground."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import scenes
from django.test import Client
from html_checks import assert_strict
from learning_rows import labelled_campaign
from report_rows import area_in, point_in, report, steward_of, territory

from annotation.core.grid import SUBPIXELS
from annotation.models import PlaceReport, ReportContact
from annotation.services.people import set_role
from annotation.services.report_desk import answer_report, assign_report
from annotation.services.reports import Contact

pytestmark = pytest.mark.django_db
HOSTILE = '"><script>alert(1)</script>{{7*7}}<img src=x onerror=alert(1)>'
BUILT, GRASS = scenes.TWO_CLASSES


class Place:
    """A campaign in two communes, a report in each, and somebody in each role."""

    def __init__(self, folder: Path) -> None:
        scene = labelled_campaign(pool=1, holdout=1)
        self.campaign = scene.campaign
        tiles = [t for t in scene.pool_tiles()[1:] if t.col < 7 or t.col > 8]
        self.west, self.east = next(t for t in tiles if t.col < 7), next(t for t in tiles if t.col > 8)
        near = {(t.row + r, t.col + c) for t in (self.west, self.east) for r in range(-3, 4) for c in range(-3, 4)}
        self.elsewhere = next(t for t in tiles if (t.row, t.col) not in near)
        halves = {"32001": (0, 0, 16, 8), "32002": (0, 8, 16, 16)}
        communes = {code: territory(self.campaign, folder, code, place) for code, place in halves.items()}
        steward = steward_of(communes["32001"], "steward-west")
        maintainer = scenes.person("maintainer")
        set_role(campaign=self.campaign, user=maintainer, role="maintainer")
        self.people = {
            "annotator": scene.author, "reviewer": scene.reviewer, "steward": steward, "maintainer": maintainer,
        }  # fmt: skip
        self.reports = {
            "west": report(self.west, place=area_in(self.west, 0.2, 0.2, 0.6, 0.6), class_code=BUILT, comment=HOSTILE),
            "east": report(self.east, reporter=scene.author, contact=Contact("ana@x.org", "en", "https://x.org/")),
        }

    def client(self, who: str, language: str = "en") -> Client:
        client = Client(headers={"accept-language": language})
        if who != "anonymous":
            client.force_login(self.people[who])
        return client


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


ROLES = ("anonymous", "annotator", "reviewer", "steward", "maintainer")
EVERYBODY = (200, 200, 200, 200, 200)
EXPECTED = {
    "/campaigns/camp/": EVERYBODY,
    "/campaigns/camp/reports/": EVERYBODY,
    "/campaigns/camp/reports/?state=answered": EVERYBODY,
    "/campaigns/none/reports/": (404, 404, 404, 404, 404),
    "/reports/WEST/": EVERYBODY,
    "/reports/r-none/": (404, 404, 404, 404, 404),
    "/steward/": (302, 404, 200, 200, 200),
    "/steward/?state=all&class=CS1.1.1.1&campaign=camp": (302, 404, 200, 200, 200),
    "/steward/reports/WEST/": (302, 404, 404, 200, 200),
    "/steward/reports/EAST/": (302, 404, 404, 404, 200),
    "/steward/coverage/commune/32001/camp/": (302, 404, 404, 200, 200),
    "/steward/coverage/commune/32002/camp/": (302, 404, 404, 404, 200),
    "/steward/coverage/commune/99999/camp/": (302, 404, 404, 404, 404),
}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_each_page_answers_each_person_as_it_should_and_keeps_a_strict_policy(place: Place, language: str) -> None:
    found: dict[str, tuple[int, ...]] = {}
    for pattern in EXPECTED:
        path = pattern.replace("WEST", place.reports["west"].public_id).replace("EAST", place.reports["east"].public_id)
        answers = [place.client(who, language).get(path) for who in ROLES]
        found[pattern] = tuple(answer.status_code for answer in answers)
        for answer in answers:
            if answer.status_code == 200:
                assert_strict(answer)
                assert "<script>alert(1)" not in answer.content.decode() and "<img src=x" not in answer.content.decode()
    assert found == EXPECTED


def test_nothing_public_says_who_reported_or_who_acted(place: Place) -> None:
    steward = place.people["steward"]
    answer_report(report_id=place.reports["west"].public_id, actor=steward, answer="cannot_tell", words="A shadow.")
    east = place.reports["east"].public_id
    west = place.reports["west"].public_id
    secrets = ["ana@x.org", "steward-west", place.people["annotator"].username]
    secrets.append(str(ReportContact.objects.get().stop_token))
    for path in (
        f"/reports/{east}/", f"/reports/{west}/", "/campaigns/camp/reports/", f"/reports/{east}/feed/",
        f"/reports/{west}/feed/", "/territories/commune/32001/feed/", f"/api/v1/reports/{east}/",
        f"/api/v1/reports/{west}/", "/api/v1/campaigns/camp/reports.geojson",
    ):  # fmt: skip
        answer = Client().get(path)
        assert answer.status_code == 200, path
        assert [secret for secret in secrets if secret in answer.content.decode()] == [], path


def test_a_feed_of_a_report_and_of_a_territory_is_atom_with_what_happened(place: Place) -> None:
    atom = "{http://www.w3.org/2005/Atom}"
    west = place.reports["west"]
    for path in (f"/reports/{west.public_id}/feed/", "/territories/commune/32001/feed/"):
        answer = Client().get(path)
        assert answer.headers["Content-Type"].startswith("application/atom+xml")
        feed = ElementTree.fromstring(answer.content)  # noqa: S314 -- our own
        entries = feed.findall(f"{atom}entry")
        assert len(entries) == 2
        assert {e.findtext(f"{atom}title") for e in entries} == {
            "Reported (camp)", "First in the queue of places to draw (camp)",
        }  # fmt: skip
        assert all(west.public_id in (e.find(f"{atom}link").get("href") or "") for e in entries)  # type: ignore[union-attr]
    assert place.reports["east"].public_id not in Client().get("/territories/commune/32001/feed/").content.decode()


def test_words_in_a_feed_are_words_and_signs_that_xml_does_not_have_are_left_out(place: Place) -> None:
    report = place.reports["west"]
    report.comment = "a <b>meadow</b> & \x0ba \x07barn"
    report.save(update_fields=["comment"])
    answer = Client().get(f"/reports/{report.public_id}/feed/")
    feed = ElementTree.fromstring(answer.content)  # noqa: S314 -- our own
    assert "a &lt;b&gt;meadow&lt;/b&gt; &amp; a barn" in [
        entry.text for entry in feed.iter("{http://www.w3.org/2005/Atom}summary")
    ]


def send(client: Client, body: dict[str, Any]) -> Any:
    return client.post("/api/v1/campaigns/camp/reports/", json.dumps(body), content_type="application/json")


def test_anyone_reports_through_the_api_and_is_told_in_place_what_is_wrong(place: Place, settings: Any) -> None:
    tile, client = place.elsewhere, Client(REMOTE_ADDR="198.51.100.9")
    where = point_in(tile, 0.1, 0.9)
    made = send(client, {"place": where, "class_code": GRASS, "comment": "Grass.", "email": "me@example.org"})
    assert made.status_code == 201, made.content
    body = made.json()
    assert body["state"] == "new" and body["place"]["type"] == "Point" and "email" not in body
    kept = PlaceReport.objects.get(public_id=body["id"])
    assert kept.contact.site == "http://testserver/" and kept.reporter is None
    same = send(client, {"place": where})
    assert (same.status_code, same.json()["error"]["code"]) == (409, "same_place_reported")
    assert same.json()["error"]["details"]["reports"][0]["id"] == body["id"]
    assert send(client, {"place": where, "even_if_reported": True}).status_code == 201
    refused = {
        "invalid_place": {"place": {"type": "Point", "coordinates": [0, 0]}},
        "unknown_class": {"place": point_in(tile, 0.9), "class_code": "CS9"},
        "invalid_report": {"place": point_in(tile, 0.9), "email": "no address"},
        "looks_automatic": {"place": point_in(tile, 0.9), "website": "https://buy.example"},
    }
    for code, sent in refused.items():
        answer = send(client, sent)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
    settings.REPORTS_PER_HOUR = 2
    over = send(client, {"place": point_in(tile, 0.9, 0.1), "even_if_reported": True})
    assert (over.status_code, over.json()["error"]["code"]) == (429, "too_many_reports")
    assert int(over.headers["Retry-After"]) > 0
    settings.REPORTS_WITHOUT_ACCOUNT = False
    assert send(client, {"place": point_in(tile, 0.9, 0.1)}).status_code == 403
    page = client.get("/campaigns/camp/").content.decode()
    assert "report-form" not in page and "Sign in to report a wrong place" in page


def test_a_signed_in_reporter_is_protected_against_forged_requests(place: Place) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(place.people["annotator"])
    assert send(strict, {"place": point_in(place.east, 0.9)}).status_code == 403


def test_the_map_shows_reports_with_their_state_and_leaves_duplicates_out(place: Place) -> None:
    copy = report(place.west)
    answer_report(
        report_id=copy.public_id, actor=place.people["maintainer"], answer="duplicate",
        duplicate_of=place.reports["west"].public_id,
    )  # fmt: skip
    shown = Client().get("/api/v1/campaigns/camp/reports.geojson").json()
    assert {f["id"] for f in shown["features"]} == {r.public_id for r in place.reports.values()}
    west, south, east, north = place.campaign.tile_grid.bounds_wgs84(place.west.row, place.west.col)
    part = Client().get(f"/api/v1/campaigns/camp/reports.geojson?bbox={west},{south},{east},{north}").json()
    assert [f["id"] for f in part["features"]] == [place.reports["west"].public_id]
    assert part["features"][0]["geometry"]["type"] == "Polygon" and part["truncated"] is False


def test_the_desk_does_what_its_forms_say_and_shows_a_refusal_where_it_happened(place: Place) -> None:
    client, made = place.client("steward"), place.reports["west"]
    address = f"/steward/reports/{made.public_id}/"
    refused = client.post(address, {"do": "answer", "answer": "not_a_fault", "words": " "})
    assert refused.status_code == 422 and "Say why, in a sentence" in refused.content.decode()
    refused = client.post(address, {"do": "person", "person": "nobody-here"})
    assert refused.status_code == 404 and "Nobody is called &#x27;nobody-here&#x27;" in refused.content.decode()
    assert client.post(address, {"do": "person", "person": "maintainer"}).status_code == 302
    made.refresh_from_db()
    assert made.state == "assigned" and made.assigned_to == place.people["maintainer"]
    mine = place.client("maintainer").get("/me/").content.decode()
    assert f"/campaigns/camp/studio/?tile={made.tile_id}" in mine
    assert client.post(address, {"do": "queue"}).status_code == 302
    assert client.post(address, {"do": "hide"}).status_code == 302
    assert client.post(address, {"do": "answer", "answer": "cannot_tell", "words": "Shadow."}).status_code == 302
    assert client.post(address, {"do": "again", "words": "I was wrong."}).status_code == 302
    assert client.post(address, {"do": "merge", "original": place.reports["east"].public_id}).status_code == 302
    made.refresh_from_db()
    assert made.duplicate_of == place.reports["east"] and made.comment_hidden
    french = place.client("steward", "fr").post(address, {"do": "queue"})
    assert french.status_code == 409 and "réponse" in french.content.decode()
    assert place.client("steward").post(f"/steward/reports/{place.reports['east'].public_id}/").status_code == 404


def test_the_studio_says_what_the_reporter_said_but_not_on_a_blind_tile(place: Place) -> None:
    from annotation.services.queue import claim_next_tile

    assign_report(report_id=place.reports["west"].public_id, actor=place.people["steward"])
    client = place.client("maintainer")
    lease = claim_next_tile(campaign=place.campaign, annotator=place.people["maintainer"])
    assert lease is not None
    first = client.post(f"/api/v1/tiles/{lease.tile_id}/pick/").json()
    middle = [SUBPIXELS * place.campaign.tile_px // 2] * 2
    words = {
        place.west.pk: [{"class_code": BUILT, "comment": HOSTILE, "at": middle}],
        place.east.pk: [{"class_code": "", "comment": "", "at": middle}],
    }
    assert first["why"]["kind"] == "reported" and first["why"]["rank"] is None
    assert first["why"]["reports"] == words[lease.tile_id]
    place.campaign.blind_share = 1.0
    place.campaign.save()
    assert client.post(f"/api/v1/tiles/{lease.tile_id}/pick/").json()["why"]["reports"] == []


def test_lists_cost_the_same_however_many_reports_they_show(place: Place, django_assert_max_num_queries: Any) -> None:
    for n in range(10):
        report(place.west, place=point_in(place.west, 0.05 * n + 0.1))
    with django_assert_max_num_queries(8):
        Client().get("/campaigns/camp/reports/")
    client = place.client("steward")
    with django_assert_max_num_queries(16):
        client.get("/steward/")


def test_the_admin_shows_reports_and_territories_and_changes_no_history(place: Place) -> None:
    root = scenes.person("root", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(root)
    made = place.reports["west"]
    for path in ("placereport/", f"placereport/{made.pk}/change/", "territory/", "stewardship/add/"):
        assert client.get(f"/admin/annotation/{path}").status_code == 200, path
    assert client.get("/admin/annotation/placereport/add/").status_code == 403
    assert client.post(f"/admin/annotation/placereport/{made.pk}/delete/", {"post": "yes"}).status_code == 403
