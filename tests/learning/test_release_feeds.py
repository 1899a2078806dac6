"""Atom feeds of releases: valid, stable, and honest about what was withdrawn."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import feedparser
import pytest
from django.test import Client
from django.utils import timezone
from feature_rows import blobs, release_with
from learning_rows import labelled_campaign
from report_rows import territory

from learning import release_feeds
from learning.models import Release
from learning.services.withdrawal import withdraw_release

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"
TAG = re.compile(r"tag:[a-z0-9.-]+,\d{4}(-\d\d){0,2}:[A-Za-z0-9/:._-]+")  # RFC 4151
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")  # RFC 3339
CONSTRUCTS = {"id", "title", "updated", "link", "author", "published", "summary", "category", "rights", "subtitle"}


def fetch(path: str, **headers: str) -> Any:
    answer = Client(headers=headers).get(path)
    assert answer.status_code == 200, path
    return answer


def checked(answer: Any) -> Any:
    """The feed as feedparser has it, held to what RFC 4287 says must be (clauses 4.1.1 and 4.1.2)."""
    assert answer.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    root = ET.fromstring(answer.content)  # noqa: S314 our own answer
    assert root.tag == f"{ATOM}feed"
    ids = []
    for part in [root, *root.findall(f"{ATOM}entry")]:
        counts = Counter(child.tag.removeprefix(ATOM) for child in part if child.tag != f"{ATOM}entry")
        assert set(counts) <= CONSTRUCTS
        assert counts["id"] == counts["title"] == counts["updated"] == 1
        assert counts["published"] <= 1 and counts["summary"] <= 1 and counts["rights"] <= 1
        assert TAG.fullmatch(part.findtext(f"{ATOM}id"))
        for name in ("updated", "published"):
            assert all(MOMENT.fullmatch(found.text) for found in part.findall(f"{ATOM}{name}"))
        links = [link.attrib for link in part.findall(f"{ATOM}link")]
        assert all(urlsplit(link["href"]).scheme == "http" for link in links), "whole addresses"
        assert len([link for link in links if link["rel"] == "alternate"]) == 1
        ids.append(part.findtext(f"{ATOM}id"))
    assert len(set(ids)) == len(ids)
    assert root.find(f"{ATOM}author/{ATOM}name") is not None, "else each entry must have one"
    [own] = [link.get("href") for link in root.findall(f"{ATOM}link") if link.get("rel") == "self"]
    assert own == answer.wsgi_request.build_absolute_uri()
    parsed = feedparser.parse(answer.content)
    assert not parsed.bozo and parsed.version == "atom10"
    return parsed


def test_the_feed_has_the_releases_with_their_files_and_says_what_was_withdrawn() -> None:
    campaign = labelled_campaign("camp").campaign
    first = release_with(campaign, "1.0.0", blobs(10))
    Release.objects.filter(pk=first.pk).update(published_at=timezone.now() - timedelta(days=9))
    second = release_with(campaign, "1.1.0", blobs(20))
    Release.objects.filter(pk=second.pk).update(texts={"fr": "Des lacs < 1 ha.\n\n- détail", "en": "Lakes < 1 ha."})
    feed = checked(fetch("/releases/feed.atom"))
    assert [entry.title for entry in feed.entries] == ["Release of camp 1.1.0", "Release of camp 1.0.0"]
    entry = feed.entries[0]
    assert entry.summary == "Lakes &lt; 1 ha." and entry.link == "http://testserver/releases/camp-1.1.0/"
    assert entry.rights == "etalab-2.0. a" and [tag.term for tag in entry.tags] == ["camp"]
    files = {link.href.partition("/files/")[2]: link for link in entry.links if link.rel == "enclosure"}
    assert set(files) == {"annotations/annotations.parquet", "release.json", "manifest.json"}
    for link in [*files.values(), *(link for link in entry.links if link.rel == "license")]:
        assert Client().get(urlsplit(link.href).path).status_code == 200
    size = (second.path / "annotations/annotations.parquet").stat().st_size
    assert files["annotations/annotations.parquet"].length == str(size)
    french = checked(fetch("/releases/feed.atom", **{"accept-language": "fr"}))
    assert french.entries[0].summary == "Des lacs &lt; 1 ha." and french.feed.language == "fr"
    assert french.feed.title == "Données ouvertes\u00a0: versions" and french.feed.id == feed.feed.id

    withdraw_release(release=first, actor=None, reason="Wrong imagery.")
    after = checked(fetch("/releases/feed.atom"))
    gone = after.entries[0]
    assert gone.title == "Withdrawn: Release of camp 1.0.0" and gone.summary == "Wrong imagery."
    assert {tag.term for tag in gone.tags} == {"camp", "withdrawn"}
    assert [link.rel for link in gone.links] == ["alternate"], "no file is to be had"
    before = feed.entries[1]
    assert gone.id == before.id and gone.published == before.published and gone.updated > before.updated
    assert after.feed.updated == gone.updated


def test_feeds_are_of_a_campaign_or_a_territory(tmp_path: Path) -> None:
    for slug in ("camp", "other"):
        release_with(labelled_campaign(slug).campaign, "1.0.0", blobs(5))
    one = "/campaigns/camp/releases.atom"
    for path in (one, "/releases/feed.atom?campaign=camp"):
        feed = checked(fetch(path))
        assert [entry.link for entry in feed.entries] == ["http://testserver/releases/camp-1.0.0/"]
    assert "camp" in feed.feed.title
    campaign = Release.objects.get(folder="camp-1.0.0").campaign
    territory(campaign, tmp_path, "32013", (0, 0, 2, 2))
    there = checked(fetch("/releases/feed.atom?territory=commune:32013"))
    assert len(there.entries) == 2, "both lie on the same ground"
    assert there.feed.title == "Releases of Commune 32013" and there.feed.id.endswith("territory:commune:32013")
    for path in (
        "/campaigns/none/releases.atom",
        "/releases/feed.atom?territory=commune:1",
        "/releases/feed.atom?territory=x",
        "/releases/feed.atom?colour=red",
    ):
        assert Client().get(path).status_code == 404


def test_a_feed_is_known_again_and_open_to_other_sites() -> None:
    assert checked(fetch("/releases/feed.atom")).entries == []
    release_with(labelled_campaign("camp").campaign, "1.0.0", blobs(5))
    answer = fetch("/releases/feed.atom")
    assert answer.headers["Access-Control-Allow-Origin"] == "*" and "Set-Cookie" not in answer.headers
    again = Client(headers={"if-none-match": answer.headers["ETag"]}).get("/releases/feed.atom")
    assert again.status_code == 304 and not again.content
    assert Client().post("/releases/feed.atom").status_code == 405


def test_what_is_not_published_is_in_no_feed_and_lost_files_are_not_linked_to() -> None:
    release = release_with(labelled_campaign("camp").campaign, "1.0.0", blobs(5))
    shutil.rmtree(release.path)
    Release.objects.update(manifest_sha256="f" * 64)  # of which nothing is remembered
    [entry] = checked(fetch("/releases/feed.atom")).entries
    assert [link.rel for link in entry.links] == ["alternate"]
    Release.objects.update(state="staging")
    assert checked(fetch("/releases/feed.atom")).entries == []


def test_texts_with_characters_that_xml_cannot_hold_are_told_without_them() -> None:
    release_with(labelled_campaign("camp").campaign, "1.0.0", blobs(5))
    Release.objects.update(title="A\x01B & <C>", notes="one\x0btwo")
    [entry] = checked(fetch("/releases/feed.atom")).entries
    assert entry.title == "AB & <C> 1.0.0" and entry.summary == "onetwo"


def test_pages_name_their_feed_in_their_head() -> None:
    release_with(labelled_campaign("camp").campaign, "1.0.0", blobs(5))
    for page, feed in (
        ("/releases/", "/releases/feed.atom"),
        ("/releases/camp-1.0.0/", "/campaigns/camp/releases.atom"),
    ):
        head = fetch(page).content.decode().partition("</head>")[0]
        assert f'<link rel="alternate" type="application/atom+xml" href="{feed}"' in head


def test_a_feed_of_many_releases_reads_the_list_of_files_of_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = labelled_campaign("camp").campaign
    for minor in range(40):
        release_with(campaign, f"1.{minor}.0", blobs(1))
    read: list[Path] = []
    really = release_feeds.read_files

    def counted(root: Path) -> Any:
        read.append(root)
        return really(root)

    monkeypatch.setattr(release_feeds, "read_files", counted)
    release_feeds._linked.cache_clear()
    for _again in range(2):
        assert len(checked(fetch("/releases/feed.atom")).entries) == 40
    assert len(read) == len(set(read)) == 40


@pytest.mark.parametrize("asked", ["campaign=%00", "territory=commune:%00"])
def test_a_feed_of_what_cannot_be_does_not_exist(asked: str) -> None:
    assert Client().get(f"/releases/feed.atom?{asked}").status_code == 404
