"""Withdrawing: files are refused with the reason, the row, the manifest and the checksums stay, nothing comes back."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from html_checks import assert_strict
from learning_rows import signed_in
from scenes import labelled_scene, person

from annotation.models import AuditEntry
from annotation.services.people import set_role
from learning.errors import CannotWithdraw
from learning.models import Release
from learning.services import withdrawal
from learning.services.release_freeze import frozen_inputs
from learning.services.releases import sweep_releases
from learning.services.withdrawal import replacement_of, withdraw_release
from tests.learning.services.test_releases import published

WHY = "Tile 12 was labelled on the wrong image."
HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
pytestmark = pytest.mark.django_db(transaction=True)


def two_versions(tmp_path: Path) -> tuple[Any, Release, Release]:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    return scene, published(scene.campaign, version="1.0.0"), published(scene.campaign, version="1.1.0")


def test_the_files_of_a_withdrawn_release_answer_410_and_say_why_when_and_what_to_take_instead(tmp_path: Path) -> None:
    _scene, first, second = two_versions(tmp_path)
    file = f"/releases/{first.folder}/files/annotations/annotations.parquet"
    assert Client().get(file).status_code == 200
    withdraw_release(release=first, actor=None, reason=WHY)
    answer = Client().get(file)
    assert (answer.status_code, answer["Content-Type"]) == (410, "application/problem+json")
    said = json.loads(answer.content)
    assert (said["reason"], said["code"], said["release"]) == (WHY, "release_withdrawn", "scene-1.0.0")
    assert said["replaced_by"]["page"] == f"http://testserver/releases/{second.folder}/"
    first.refresh_from_db()
    assert said["withdrawn_at"] == first.yanked_at.isoformat() and said["files_removed"] is False
    page = Client(headers={**HTML, "accept-language": "en"}).get(file)
    assert (
        page.status_code == 410
        and WHY in page.content.decode()
        and f"/releases/{second.folder}/" in page.content.decode()
    )
    assert_strict(page)
    assert Client(headers=HTML).get(f"/releases/{first.folder}/").status_code == 410
    assert Client().get(f"/releases/{second.folder}/files/annotations/annotations.parquet").status_code == 200


def test_manifest_and_checksums_of_a_withdrawn_release_stay_and_it_is_listed_as_withdrawn(tmp_path: Path) -> None:
    _scene, first, _second = two_versions(tmp_path)
    before = {name: b"".join(Client().get(f"/releases/{first.folder}/files/{name}").streaming_content)
              for name in ("manifest.json", "SHA256SUMS")}  # fmt: skip
    withdraw_release(release=first, actor=None, reason=WHY, remove_files=True)
    first.refresh_from_db()
    assert sorted(path.name for path in first.path.iterdir()) == ["SHA256SUMS", "manifest.json"]
    for name, bytes_before in before.items():
        answer = Client().get(f"/releases/{first.folder}/files/{name}")
        assert answer.status_code == 200 and b"".join(answer.streaming_content) == bytes_before
    listed = Client(headers={"accept-language": "en"}).get("/releases/").content.decode()
    assert WHY in listed and ">withdrawn</span>" in listed
    assert (
        Client(headers={"accept-language": "en", **HTML})
        .get(f"/releases/{first.folder}/")
        .content.decode()
        .count("Please delete it")
        == 1
    )


def test_a_withdrawn_folder_leaves_where_web_servers_look_and_a_crash_before_that_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _scene, first, _second = two_versions(tmp_path)
    shown = first.path
    monkeypatch.setattr(withdrawal, "settle_withdrawn", lambda release: None)  # the process died before
    withdraw_release(release=first, actor=None, reason=WHY)
    monkeypatch.undo()
    assert shown.is_dir()
    sweep_releases()
    first.refresh_from_db()
    assert not shown.exists() and first.path.is_dir() and first.path != shown
    sweep_releases()
    assert (first.path / "annotations" / "annotations.parquet").is_file()


def test_the_next_release_follows_the_last_that_stands_and_readers_are_sent_there(tmp_path: Path) -> None:
    scene, first, second = two_versions(tmp_path)
    withdraw_release(release=second, actor=None, reason=WHY)
    assert replacement_of(second) == first
    third = published(scene.campaign, version="1.2.0")
    third.refresh_from_db()
    assert frozen_inputs(third).previous.version == "1.0.0"
    assert frozen_inputs(third).changes.previous == "1.0.0"
    assert replacement_of(second) == third


def test_a_withdrawal_is_in_the_audit_log_and_is_not_undone_or_reworded(tmp_path: Path) -> None:
    _scene, first, _second = two_versions(tmp_path)
    maintainer = person("maintainer")
    withdraw_release(release=first, actor=maintainer, reason=WHY)
    with pytest.raises(CannotWithdraw, match="its reason does not change"):
        withdraw_release(release=first, actor=maintainer, reason="Another reason.")
    withdraw_release(release=first, actor=maintainer, reason="", remove_files=True)
    entries = AuditEntry.objects.filter(action="release_withdrawn").order_by("pk")
    assert [(entry.before, entry.after, entry.actor_id) for entry in entries] == [
        ("1.0.0", "files kept", maintainer.pk),
        ("1.0.0", "files removed", maintainer.pk),
    ]
    first.refresh_from_db()
    assert (first.yank_reason, first.state) == (WHY, "published")
    with pytest.raises(IntegrityError), transaction.atomic():
        Release.objects.filter(pk=first.pk).update(yank_reason="")


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("  ", "has 0 characters"),
        ("ask someone@example.org", "e-mail address"),
        ("a\u202eb", "U\\+202E"),
        ("x" * 501, "501"),
    ],
)
def test_a_reason_that_cannot_be_published_is_refused(reason: str, told: str, tmp_path: Path) -> None:
    release = published(labelled_scene(tmp_path, pool_tiles=2).campaign)
    with pytest.raises(CannotWithdraw, match=told):
        withdraw_release(release=release, actor=None, reason=reason)
    assert Release.objects.standing().count() == 1 and release.path.is_dir()


def test_the_command_withdraws_by_name_and_says_where_readers_go(tmp_path: Path) -> None:
    _scene, first, _second = two_versions(tmp_path)
    with pytest.raises(CommandError, match=r"there are: scene-1\.1\.0, scene-1\.0\.0"):
        call_command("yank_release", "9.9.9", "--reason", WHY)
    told = StringIO()
    call_command("yank_release", "1.0.0", "--reason", WHY, stdout=told)
    assert f"{first.folder} is withdrawn" in told.getvalue() and "readers are sent to scene-1.1.0" in told.getvalue()
    told = StringIO()
    call_command("yank_release", "scene-1.0.0", "--reason", WHY, "--remove-files", "--json", stdout=told)
    assert json.loads(told.getvalue())["files_removed"] is True


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_maintainer_withdraws_on_a_page_that_says_what_it_does_first(tmp_path: Path, language: str) -> None:
    scene, first, _second = two_versions(tmp_path)
    maintainer = person("maintainer")
    set_role(campaign=scene.campaign, user=maintainer, role="maintainer")
    client = signed_in(maintainer, language)
    desk = client.get("/campaigns/scene/releases/")
    assert_strict(desk)
    address = "/campaigns/scene/releases/scene-1.0.0/withdraw/"
    assert f'href="{address}"' in desk.content.decode()
    page = client.get(address)
    assert_strict(page)
    assert "1.1.0" in page.content.decode()
    refused = client.post(address, {"reason": "write to someone@example.org"})
    assert refused.status_code == 400 and Release.objects.standing().count() == 2
    assert client.post(address, {"reason": WHY}).status_code == 302
    first.refresh_from_db()
    assert first.yanked_by == maintainer and WHY in client.get("/campaigns/scene/releases/").content.decode()
    assert signed_in(person("other")).get(address).status_code == 404
