"""A release built again is the same release, whoever builds it, where and when."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from learning_rows import worker_environment
from map_models import mapped_layer
from scenes import TWO_CLASSES, accepted, labelled_scene, person, square

from annotation.jobs.registry import run_job
from annotation.models import Campaign, Job
from learning.jobs import rebuilding
from learning.models import Prediction, Release
from learning.release import documents
from learning.release.manifest import file_sha256, verify
from learning.services.predictions import start_prediction
from learning.services.releases import start_release
from learning.services.withdrawal import withdraw_release

pytestmark = pytest.mark.django_db(transaction=True)
REPOSITORY = Path(__file__).resolve().parents[3]
ELSEWHERE = {
    "TZ": "Pacific/Kiritimati",
    "LC_ALL": "C.UTF-8",
    "LANG": "fr_FR.UTF-8",
    "OMP_NUM_THREADS": "3",
    "GDAL_NUM_THREADS": "4",
    "GDAL_CACHEMAX": "8",
    "POLYGON_PROCESSES": "3",
    "IMPORT_PROCESSES": "3",
    "PYTHONHASHSEED": "12345",
    "CODE_URL": "https://code.elsewhere.example/",
}


def done(job: Job) -> Job:
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


def published(campaign: Any, **options: Any) -> Release:
    return Release.objects.get(pk=done(start_release(campaign=campaign, actor=None, **options)).result["release"])


def with_model_and_map(folder: Path) -> Release:
    """A release of labels, a model and its map."""
    model = mapped_layer(folder)
    camp, author, reviewer = model.campaign, person("author"), person("reviewer")
    for ticket in camp.tickets.filter(kind="initial").select_related("tile__campaign__nomenclature"):
        squares = [square(code, 8 + 16 * n, 8, 16) for n, code in enumerate(TWO_CLASSES)]
        accepted(camp, ticket.tile, author, reviewer, squares)
    done(start_prediction(model=model))
    return published(Campaign.objects.get())


def digests(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in folder.rglob("*") if path.is_file()}


def rebuilt(release: Release, *options: str) -> tuple[int, dict[str, Any]]:
    """The command's exit status and what it says."""
    out = StringIO()
    try:
        call_command("rebuild_release", release.folder, "--json", *options, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def test_built_again_elsewhere_with_other_workers_every_file_is_the_same(tmp_path: Path) -> None:
    release = with_model_and_map(tmp_path)
    first = digests(release.path)
    assert {name.split("/")[0] for name in first} >= {"annotations", "dataset", "models", "maps", "stac"}
    status, told = rebuilt(release)
    assert (status, told["identical"], told["differences"]) == (0, True, [])
    assert told["files"] == len(first) and told["changed"] == {}
    other = tmp_path / "tmp of another"
    other.mkdir()
    run = subprocess.run(
        [sys.executable, REPOSITORY / "manage.py", "rebuild_release", release.folder, "--into", other / "place"],
        cwd=other,
        env=worker_environment(lease_seconds=60) | ELSEWHERE | {"TMPDIR": str(other)},
        umask=0o077,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert f"{release.folder}: {len(first)} files, identical" in run.stdout
    assert digests(other / "place" / release.folder) == first
    assert not list((Path(settings.RELEASES_DIR) / "rebuilds").iterdir())


def test_a_lost_folder_is_put_back_when_it_is_the_same(tmp_path: Path) -> None:
    release = published(labelled_scene(tmp_path, pool_tiles=2).campaign)
    with pytest.raises(CommandError, match="nothing is put back"):
        rebuilt(release, "--restore")
    first = digests(release.path)
    shutil.rmtree(release.path)
    out = StringIO()
    call_command("rebuild_release", "0.1.0", campaign="scene", stdout=out)
    assert "is lost: --restore puts it back" in out.getvalue() and not release.path.exists()
    status, told = rebuilt(release, "--restore")
    assert (status, told["restored"], told["differences"]) == (0, True, None)
    assert digests(release.path) == first
    assert not verify(release.path, expected_manifest_sha256=release.manifest_sha256).faults
    assert not list((Path(settings.RELEASES_DIR) / "rebuilds").iterdir())
    withdraw_release(release=release, actor=None, reason="Labels of a map that nobody may copy.", remove_files=True)
    with pytest.raises(CommandError, match="was withdrawn: its files are not put back"):
        rebuilt(release, "--restore")


def test_what_another_version_writes_otherwise_is_named_and_never_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = published(labelled_scene(tmp_path, pool_tiles=2).campaign)
    monkeypatch.setattr(documents, "_USE", "Other words.\n")
    monkeypatch.setattr(rebuilding, "code_commit", lambda: "another")
    status, told = rebuilt(release)
    assert status == 1 and not told["identical"]
    named = {one["path"] for one in told["differences"]}
    assert {"LICENSE.txt", "LICENSE-imagery.txt", "dataset/LICENSE.txt"} <= named and "README.md" not in named
    assert all(one["published"] != one["rebuilt"] for one in told["differences"])
    assert told["changed"]["commit"]["now"] == "another"
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("rebuild_release", release.folder, stdout=out)
    assert f"{len(named)} of {told['files']} files differ" in out.getvalue() and "another now" in out.getvalue()
    shutil.rmtree(release.path)
    with pytest.raises(CommandError, match=r"differs from what was published .* it was not put back"):
        rebuilt(release, "--restore")
    assert not release.path.exists()


def test_an_input_that_is_gone_or_another_is_named_and_nothing_is_left_behind(tmp_path: Path) -> None:
    release = with_model_and_map(tmp_path)
    prediction, weights = Prediction.objects.get(), release.trained_model.path
    for path, said in [(prediction.path("entropy.tif"), "The map"), (weights, "The model camp-m1")]:
        kept = path.read_bytes()
        path.unlink()
        with pytest.raises(CommandError, match=f"{said}.* lacks its file .*{path.name}: bring it back"):
            rebuilt(release)
        path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        with pytest.raises(CommandError, match=f"{said}.* has another file {path.name}"):
            rebuilt(release)
        path.write_bytes(kept)
    assert rebuilt(release)[0] == 0
    assert not list((Path(settings.RELEASES_DIR) / "rebuilds").iterdir())


def test_what_cannot_be_built_again_says_why(tmp_path: Path) -> None:
    release = published(labelled_scene(tmp_path, pool_tiles=2).campaign)
    taken = tmp_path / "place" / release.folder
    taken.mkdir(parents=True)
    with pytest.raises(CommandError, match=r"There is a .* already: give another folder"):
        rebuilt(release, "--into", str(taken.parent))
    with pytest.raises(CommandError, match=r"no published release '9\.9\.9' \(there are: scene-0\.1\.0\)"):
        call_command("rebuild_release", "9.9.9")
    # As those published before there was a record: only a release that failed loses its own.
    Release.objects.update(state="failed", frozen={})
    Release.objects.update(state="published")
    with pytest.raises(CommandError, match="was published before what a release holds was frozen"):
        rebuilt(release)
    assert not verify(release.path, expected_manifest_sha256=release.manifest_sha256).faults
