"""Names in a release's credits: they go with the account, and what was published stays as it is."""

from __future__ import annotations

import contextlib
import json
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from scenes import labelled_scene

from annotation.jobs.registry import run_job
from annotation.models import Contributor
from annotation.services.erasure import erase_person
from annotation.services.people import set_credit_name
from learning.jobs import releases as job_module
from learning.models import Release, ReleasedCredit
from learning.release.manifest import verify
from learning.release.notes import credited_in_document, credits_document
from learning.services.release_credits import standing_credits
from learning.services.releases import start_release, sweep_releases
from tests.learning.services.test_releases import published

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "Zoé de l’Herm"


def rebuilt(release: Release) -> dict[str, Any]:
    out = StringIO()
    with contextlib.suppress(SystemExit):
        call_command("rebuild_release", release.folder, "--json", stdout=out)
    return json.loads(out.getvalue())  # type: ignore[no-any-return]


def test_a_name_goes_with_the_account_and_a_rebuild_takes_it_from_the_published_file(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    author = scene.annotators[0]
    set_credit_name(user=author, name=NAME)
    release = published(scene.campaign)
    assert rebuilt(release)["identical"]
    set_credit_name(user=author, name="Another name by now")
    erase_person(user=author, actor=author)
    assert not ReleasedCredit.objects.exists()
    assert NAME not in json.dumps(Release.objects.values("frozen", "summary", "notes", "texts").get())
    assert NAME in (release.path / "CREDITS.md").read_text(encoding="utf-8")
    assert rebuilt(release)["identical"]
    named = (release.path / "CREDITS.md").rename(tmp_path / "CREDITS.md")
    told = rebuilt(release)
    assert not told["identical"] and "CREDITS.md" in {one["path"] for one in told["differences"]}
    named.rename(release.path / "CREDITS.md")
    assert not verify(release.path, expected_manifest_sha256=release.manifest_sha256).faults
    shutil.rmtree(release.path)
    assert not rebuilt(release)["identical"], "the name is nowhere any more"


@pytest.mark.parametrize("step", ["release:frozen", "release:synced"])
def test_who_leaves_while_a_release_is_made_is_not_named_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    author = scene.annotators[0]
    set_credit_name(user=author, name=NAME)
    staged = []

    def leave(point: str) -> None:
        staged.append(point)
        if point == step and Contributor.objects.filter(user=author, erased_at__isnull=True).exists():
            erase_person(user=author, actor=author)

    monkeypatch.setattr(job_module, "faultpoint", leave)
    job = start_release(campaign=scene.campaign, actor=None)
    assert run_job(str(job.id))
    release = Release.objects.public().get()
    assert not (release.path / "CREDITS.md").exists()
    assert NAME.encode() not in b"".join(path.read_bytes() for path in release.path.rglob("*.md"))
    assert not verify(release.path, expected_manifest_sha256=release.manifest_sha256).faults
    assert staged.count("release:synced") == (2 if step == "release:synced" else 1)
    assert standing_credits(release) == () and rebuilt(release)["identical"]


def test_a_name_that_was_frozen_while_its_account_went_is_never_written_and_is_swept_away(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    author = scene.annotators[0]
    erase_person(user=author, actor=author)
    release = published(scene.campaign)
    ReleasedCredit.objects.create(release=release, person=author, name=NAME)
    assert standing_credits(release) == () and rebuilt(release)["identical"]
    sweep_releases()
    assert not ReleasedCredit.objects.exists()


def test_the_names_of_a_document_are_read_back_as_they_were_written() -> None:
    names = ("Ana - the elder", "Émile", NAME)
    assert credited_in_document(credits_document(names)) == names
