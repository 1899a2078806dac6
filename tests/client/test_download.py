from __future__ import annotations

import hashlib
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from release_site import ReleaseSite, write_release

from solcommun_client import Refused, Unreachable, download, verify
from solcommun_client.download import PARTS, files_address
from solcommun_client.web import Web, seconds_of

GPKG = "annotations/annotations.gpkg"


def test_a_whole_release_arrives_and_verifies(site: ReleaseSite, release: Path, tmp_path: Path, web: Web) -> None:
    got = download(site.url, tmp_path / "mine", web=web)
    assert (got.fetched, got.kept) == (6, 0)
    assert verify(got.folder, manifest_sha256=got.manifest_sha256).faults == ()
    for path in release.rglob("*"):
        if path.is_file():
            assert (got.folder / path.relative_to(release)).read_bytes() == path.read_bytes()
    assert not (got.folder / PARTS).exists()


def test_only_what_was_asked_for_is_fetched_and_the_rest_later(site: ReleaseSite, tmp_path: Path, web: Web) -> None:
    got = download(site.url, tmp_path / "mine", only=["dataset/"], web=web)
    assert got.fetched == 2 and not (got.folder / "maps").exists()
    assert not verify(got.folder, only=["dataset/"]).faults
    again = download(site.url, tmp_path / "mine", web=web)
    assert (again.fetched, again.kept) == (4, 2)
    assert not verify(got.folder).faults


def test_a_connection_cut_twice_goes_on_from_the_byte_it_reached(site: ReleaseSite, tmp_path: Path, web: Web) -> None:
    site.faults[GPKG] = [{"cut_after": 300_000}, {"cut_after": 200_000}]
    got = download(site.url, tmp_path / "mine", web=web)
    assert not verify(got.folder).faults
    first, second, third = site.asked_for(GPKG)
    etag = f'"{hashlib.sha256((site.root / GPKG).read_bytes()).hexdigest()[:20]}"'
    assert first == (None, None, 200)
    assert second == ("bytes=300000-", etag, 206)
    assert third == ("bytes=500000-", etag, 206)


def test_a_download_stopped_by_a_site_that_is_gone_goes_on_when_it_is_back(
    site: ReleaseSite, tmp_path: Path, web: Web
) -> None:
    site.faults[GPKG] = [{"cut_after": 400_000}, *[{"status": 503}] * 6]
    with pytest.raises(Unreachable, match="503"):
        download(site.url, tmp_path / "mine", web=web)
    assert not (tmp_path / "mine" / GPKG).exists(), "a file is whole or absent"
    site.asked.clear()
    got = download(site.url, tmp_path / "mine", web=Web(allow_http=True, first_wait_s=0.01))
    assert not verify(got.folder).faults
    assert site.asked_for(GPKG) == [("bytes=400000-", site.asked_for(GPKG)[0][1], 206)]


def test_a_file_that_changed_on_the_site_meanwhile_is_not_patched_together(
    site: ReleaseSite, tmp_path: Path, web: Web
) -> None:
    """A stale ETag gets the whole file; its digest is then wrong, and it is fetched anew."""
    right = (site.root / GPKG).read_bytes()
    site.faults[GPKG] = [{"body": b"\0" * len(right), "cut_after": 1000}]
    got = download(site.url, tmp_path / "mine", only=[GPKG], web=web)
    assert (got.folder / GPKG).read_bytes() == right
    assert [status for _, _, status in site.asked_for(GPKG)] == [200, 200]


def test_wrong_bytes_are_fetched_once_more_and_never_put_in_place(site: ReleaseSite, tmp_path: Path, web: Web) -> None:
    wrong = {"body": b"b" * 4}
    site.faults["dataset/train.csv"] = [dict(wrong)]
    assert download(site.url, tmp_path / "one", only=["dataset/train.csv"], web=web).fetched == 1
    site.faults["dataset/train.csv"] = [dict(wrong), dict(wrong)]
    with pytest.raises(Refused, match=r"dataset/train\.csv arrived twice with another sha256"):
        download(site.url, tmp_path / "two", only=["dataset/train.csv"], web=web)
    assert not (tmp_path / "two" / "dataset" / "train.csv").exists()


def test_more_bytes_than_listed_are_refused(site: ReleaseSite, tmp_path: Path, web: Web) -> None:
    site.faults["README.md"] = [{"body": b"x" * 50}]
    with pytest.raises(Refused, match="more than 12 bytes"):
        download(site.url, tmp_path / "mine", only=["README.md"], web=web)


def test_a_site_that_asks_to_wait_is_waited_for_by_every_thread(site: ReleaseSite, tmp_path: Path) -> None:
    web = Web(allow_http=True, first_wait_s=0.01)
    site.faults["README.md"] = [{"status": 429, "headers": {"Retry-After": "1"}}]
    began = time.monotonic()
    got = download(site.url, tmp_path / "mine", web=web, at_once=1)
    assert time.monotonic() - began >= 1.0, "as long as it asked"
    assert not verify(got.folder).faults
    assert [status for _, _, status in site.asked_for("README.md")] == [429, 200]


def test_a_site_that_asks_for_an_hour_is_left_alone(site: ReleaseSite, tmp_path: Path, web: Web) -> None:
    site.faults["README.md"] = [{"status": 503, "headers": {"Retry-After": "3600"}}]
    with pytest.raises(Unreachable, match="asks to wait 3600 s"):
        download(site.url, tmp_path / "mine", only=["README.md"], web=web)
    assert len(site.asked_for("README.md")) == 1


def test_retry_after_is_seconds_or_a_date() -> None:
    assert (seconds_of("7"), seconds_of(None), seconds_of("soon")) == (7.0, None, None)
    later = seconds_of(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert later is not None and 55 < later <= 60
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


def test_no_more_files_at_once_than_asked(site: ReleaseSite, tmp_path: Path, web: Web) -> None:
    files = {f"dataset/{n}.bin": os.urandom(200_000) for n in range(24)}
    write_release(site.root, files)
    assert download(site.url, tmp_path / "mine", at_once=3, web=web).fetched == 24
    assert 1 <= site.busiest <= 3


def test_an_address_that_is_not_https_is_refused_and_so_is_a_redirect_to_one(
    site: ReleaseSite, tmp_path: Path, web: Web
) -> None:
    with pytest.raises(Refused, match="not an https address"):
        download(site.url, tmp_path / "mine")
    for bad in ("file:///etc/passwd", "ftp://127.0.0.1/x", "https:///x", "releases/r-1.0.0"):
        with pytest.raises(Refused, match="not an https address"):
            web.check(bad)
    with pytest.raises(Refused, match="name or password"):
        web.check("https://me:secret@example.org/")
    site.faults["manifest.json"] = [{"status": 302, "headers": {"Location": "file:///etc/passwd"}}]
    with pytest.raises((Refused, Unreachable)):
        download(site.url, tmp_path / "mine", web=web)
    site.faults["manifest.json"] = [{"status": 302, "headers": {"Location": "ftp://127.0.0.1/manifest.json"}}]
    with pytest.raises(Refused, match="not an https address"):
        download(site.url, tmp_path / "mine", web=web)


def test_a_link_in_the_folder_leads_no_file_out_of_it(site: ReleaseSite, tmp_path: Path, web: Web) -> None:
    mine, outside = tmp_path / "mine", tmp_path / "outside"
    mine.mkdir()
    outside.mkdir()
    (mine / "dataset").symlink_to(outside)
    with pytest.raises(Refused, match=r"dataset/.* would be written outside"):
        download(site.url, mine, web=web)
    assert list(outside.iterdir()) == []


def test_a_folder_that_holds_another_release_is_left_alone(site: ReleaseSite, tmp_path: Path, web: Web) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    write_release(mine, {"README.md": b"older"}, version="0.9.0")
    with pytest.raises(Refused, match=r"holds release 0\.9\.0"):
        download(site.url, mine, web=web)
    assert (mine / "README.md").read_bytes() == b"older"


def test_a_release_that_is_not_the_expected_one_is_not_fetched(site: ReleaseSite, tmp_path: Path, web: Web) -> None:
    with pytest.raises(Refused, match="the published one is 00"):
        download(site.url, tmp_path / "mine", manifest_sha256="00" * 32, web=web)
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(("status", "words"), [(404, "answered 404: check the address"), (410, "was withdrawn")])
def test_what_is_not_there_is_said_at_once(
    site: ReleaseSite, tmp_path: Path, web: Web, status: int, words: str
) -> None:
    site.faults["manifest.json"] = [{"status": status}]
    with pytest.raises(Unreachable, match=words):
        download(site.url, tmp_path / "mine", web=web)
    assert len(site.asked) == 1


def test_the_first_fault_stops_the_other_threads(site: ReleaseSite, tmp_path: Path, web: Web) -> None:
    site.faults["README.md"] = [{"status": 404}]
    before = threading.active_count()
    with pytest.raises(Unreachable, match=r"README\.md answered 404"):
        download(site.url, tmp_path / "mine", at_once=2, web=web)
    assert threading.active_count() <= before + 2, "what is left are the site's own threads"
    assert not verify(download(site.url, tmp_path / "mine", web=Web(allow_http=True)).folder).faults


@pytest.mark.parametrize(
    "url",
    [
        "https://a.org/releases/r-1.0.0/",
        "https://a.org/releases/r-1.0.0",
        "https://a.org/releases/r-1.0.0/#files",
        "https://a.org/releases/r-1.0.0/files/manifest.json",
        "https://a.org/releases/r-1.0.0/files/",
    ],
)
def test_the_files_are_found_from_the_page_or_from_any_of_them(url: str) -> None:
    assert files_address(url) == "https://a.org/releases/r-1.0.0/files/"
