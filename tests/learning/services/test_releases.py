from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db.models import F
from django.test import Client
from learning_rows import labelled_campaign, without_licence, worker_environment
from scenes import labelled_scene

from annotation.jobs.registry import run_job
from annotation.models import Job
from learning.errors import InvalidVersion, NothingToPublish, ReleaseOnDisk, VersionTaken
from learning.jobs import releases as job_module
from learning.models import Release
from learning.release.manifest import verify
from learning.services.releases import next_version, staging_dir, start_release, sweep_releases

REPOSITORY = Path(__file__).resolve().parents[3]


def published(campaign: Any, **options: Any) -> Release:
    job = start_release(campaign=campaign, actor=None, **options)
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return Release.objects.get(pk=job.result["release"])


@pytest.mark.django_db(transaction=True)
def test_a_release_is_whole_listed_and_verifies(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=3)
    release = published(scene.campaign, notes="First labels.")
    assert (release.version, release.state) == ("0.1.0", "published")
    report = verify(release.path, expected_manifest_sha256=release.manifest_sha256)
    assert not report.faults and report.artefacts == release.artefacts > 5
    holdout = scene.campaign.holdout.n_tiles
    assert release.summary["counts"]["annotations"] == holdout + 3
    assert release.summary["counts"]["tiles"] == {"train": 3, "test": holdout}
    assert list(Release.objects.public()) == [release]
    assert not list(Path(settings.RELEASES_DIR).glob("*.staging"))


@pytest.mark.django_db(transaction=True)
def test_a_release_names_people_by_their_random_id_only(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    scene = labelled_scene(tmp_path, pool_tiles=2)
    release = published(scene.campaign)
    table = pq.read_table(release.path / "annotations" / "annotations.parquet")
    author = scene.annotators[0]
    assert set(table.column("contributor_id").to_pylist()) == {author.contributor.public_id}
    for path in release.path.rglob("*"):
        if path.is_file():
            assert author.username.encode() not in path.read_bytes(), path.name


@pytest.mark.django_db(transaction=True)
def test_a_version_is_published_once(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    release = published(scene.campaign, version="1.0.0")
    before = {path: path.stat().st_mtime_ns for path in release.path.rglob("*")}
    with pytest.raises(VersionTaken, match=r"the next is 1\.1\.0"):
        start_release(campaign=scene.campaign, actor=None, version="1.0.0")
    with pytest.raises(CommandError, match="published files never change"):
        call_command("publish_release", "--campaign", scene.campaign.slug, "--version", "1.0.0")
    assert {path: path.stat().st_mtime_ns for path in release.path.rglob("*")} == before
    second = published(scene.campaign)
    assert second.version == "1.0.1" and Release.objects.public().count() == 2
    assert not verify(second.path).faults


@pytest.mark.django_db(transaction=True)
def test_the_public_page_of_what_was_just_published_shows_it_and_its_files(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    release = published(scene.campaign, version="1.0.0")
    page = Client().get(f"/releases/{release.folder}/")
    assert page.status_code == 200
    text = page.content.decode()
    assert release.manifest_sha256 in text and "annotations/annotations.gpkg" in text
    assert Client().get("/releases/").status_code == 200


@pytest.mark.django_db
def test_a_version_is_three_numbers_above_the_last() -> None:
    scene = labelled_campaign(pool=2)
    with pytest.raises(InvalidVersion, match=r"MAJOR\.MINOR\.PATCH, such as 0\.1\.0"):
        start_release(campaign=scene.campaign, actor=None, version="v1")
    start_release(campaign=scene.campaign, actor=None, version="2.3.4")
    assert next_version(scene.campaign) == "2.4.0"
    with pytest.raises(InvalidVersion, match=r"below 2\.3\.4"):
        start_release(campaign=scene.campaign, actor=None, version="2.3.3")


@pytest.mark.django_db
def test_nothing_accepted_is_nothing_to_publish() -> None:
    with pytest.raises(NothingToPublish, match="no accepted label"):
        start_release(campaign=labelled_campaign().campaign, actor=None)
    assert not Release.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_files_of_a_release_that_the_database_lost_are_not_removed(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    release = published(scene.campaign, version="1.0.0")
    before = {path: path.stat().st_mtime_ns for path in release.path.rglob("*")}
    Release.objects.all().delete()  # as a restored backup from the day before would have it
    with pytest.raises(ReleaseOnDisk, match="on disk but not in the database: restore the database") as refused:
        start_release(campaign=scene.campaign, actor=None, version="1.0.0")
    assert isinstance(refused.value, VersionTaken) and not Release.objects.exists(), "the version is not taken either"
    assert {path: path.stat().st_mtime_ns for path in release.path.rglob("*")} == before
    assert published(scene.campaign, version="1.0.1").version == "1.0.1"


@pytest.mark.django_db(transaction=True)
def test_a_finished_folder_of_a_row_that_says_unfinished_is_moved_aside_never_removed(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    release = published(scene.campaign, version="1.0.0")
    # A backup taken while it was being made: the row waits, its job has failed.
    Release.objects.update(state="staging", manifest_sha256="", published_at=None)
    Job.objects.filter(kind="release").update(state="failed")
    assert sweep_releases() == 1
    assert not release.path.exists()
    [aside] = Path(settings.RELEASES_DIR).glob("scene-1.0.0.failed-*")
    assert not verify(aside).faults
    start_release(campaign=scene.campaign, actor=None, version="1.0.0")


@pytest.mark.django_db(transaction=True)
def test_a_passing_fault_of_the_database_delays_a_release_and_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)

    def fall(point: str) -> None:
        if point == "release:before-row":
            monkeypatch.setattr(job_module, "faultpoint", job_module.no_fault)
            raise OperationalError("terminating connection due to administrator command")

    monkeypatch.setattr(job_module, "faultpoint", fall)
    job = start_release(campaign=scene.campaign, actor=None, version="1.0.0")
    run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "queued" and Release.objects.get().state == "staging"
    run_job(str(job.id))
    release = Release.objects.public().get()
    assert release.path.name == "scene-1.0.0" and not verify(release.path).faults


@pytest.mark.django_db(transaction=True)
def test_labels_given_without_a_licence_are_in_no_release(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    scene = labelled_scene(tmp_path, pool_tiles=3)
    kept, left_out = scene.campaign.tiles.filter(role="pool").order_by("pk")[:2]
    without_licence(left_out.annotations.get())
    release = published(scene.campaign)
    annotations = pq.read_table(release.path / "annotations" / "annotations.parquet")
    tiles = pq.read_table(release.path / "dataset" / "tiles.parquet")
    for table in (annotations, tiles):
        assert str(left_out.pk) not in table.column("tile_id").to_pylist()
        assert str(kept.pk) in table.column("tile_id").to_pylist()
    assert set(annotations.column("licence").to_pylist()) == {"etalab-2.0"}


@pytest.mark.django_db
def test_labels_given_without_a_licence_alone_are_nothing_to_publish() -> None:
    scene = labelled_campaign(pool=1)
    without_licence(scene.pool_tiles()[0].annotations.get())
    with pytest.raises(NothingToPublish):
        start_release(campaign=scene.campaign, actor=None)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_lost_its_job_fails_without_taking_the_release_from_the_one_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)

    def taken_over(point: str) -> None:
        if point == "release:dataset":
            Job.objects.update(fence=F("fence") + 1)
            raise FileNotFoundError("the other worker began anew")

    monkeypatch.setattr(job_module, "faultpoint", taken_over)
    job = start_release(campaign=scene.campaign, actor=None)
    run_job(str(job.id))
    release = Release.objects.get()
    assert release.state == "staging" and release.is_frozen and release.labels.exists()
    assert staging_dir(release).exists()
    monkeypatch.setattr(job_module, "faultpoint", job_module.no_fault)
    Job.objects.update(leased_until=None, state="queued")
    run_job(str(job.id))
    assert not verify(Release.objects.public().get().path).faults


KILLED = """
import os, signal, sys
sys.path.insert(1, "platform")
import django
django.setup()
from annotation.jobs.registry import run_job
from learning.jobs import releases
point, job = sys.argv[1:]
def die(reached):
    if reached == point:
        os.kill(os.getpid(), signal.SIGKILL)
releases.faultpoint = die
run_job(job)
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_command_goes_on_with_what_a_killed_publisher_left(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    job = start_release(campaign=scene.campaign, actor=None, version="1.0.0")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, "release:dataset", str(job.id)],
        cwd=REPOSITORY,
        env=worker_environment(lease_seconds=1),
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not Release.objects.public().exists() and Job.objects.get(pk=job.pk).state == "running"
    time.sleep(1.2)
    call_command("publish_release", "--campaign", scene.campaign.slug, "--version", "1.0.0")
    release = Release.objects.public().get()
    assert release.version == "1.0.0" and not verify(release.path).faults
    assert Job.objects.get(pk=job.pk).state == "succeeded"


@pytest.mark.django_db
def test_what_a_dead_job_left_is_swept_and_its_version_is_free_again() -> None:
    scene = labelled_campaign(pool=2)
    job = start_release(campaign=scene.campaign, actor=None, version="1.0.0")
    dead, orphan = staging_dir(Release.objects.get()), Path(settings.RELEASES_DIR) / "gone-1.0.0.staging"
    for folder in (dead, orphan):
        folder.mkdir(parents=True)
        (folder / "half.txt").write_text("half")
    assert sweep_releases() == 0 and dead.exists() and not orphan.exists(), "its job still waits"
    Job.objects.filter(pk=job.pk).update(state="failed")
    assert sweep_releases() == 1 and not dead.exists()
    assert Release.objects.get().state == "failed"
    start_release(campaign=scene.campaign, actor=None, version="1.0.0")


@pytest.mark.django_db(transaction=True)
def test_a_deleted_account_changes_no_count_of_a_release(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    from annotation.services.erasure import erase_person

    scene = labelled_scene(tmp_path, pool_tiles=2)
    author = scene.annotators[0]
    public_id, name = author.contributor.public_id, author.username
    before = published(scene.campaign, version="1.0.0")
    digest = before.manifest_sha256
    erase_person(user=author, actor=author)
    after = published(scene.campaign, version="1.0.1")
    assert after.summary["counts"] == before.summary["counts"]
    assert not verify(before.path, expected_manifest_sha256=digest).faults  # what is published stays as it was
    table = pq.read_table(after.path / "annotations" / "annotations.parquet")
    assert set(table.column("contributor_id").to_pylist()) == {public_id}
    for path in after.path.rglob("*"):
        assert not path.is_file() or name.encode() not in path.read_bytes(), path.name
