"""One release that meets a fault at a named step, and what the public sees of it then and afterwards."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models.functions import Now
from django.test import Client
from learning_rows import worker_environment

from annotation.models import Job
from learning.models import Release
from learning.release.manifest import verify
from learning.services.releases import start_release

FAULTS = ("kill", "exception", "full")
_LISTED = re.compile(r'href="/releases/([a-z0-9_-]+-\d+\.\d+\.\d+)/"')


def body(response: Any) -> bytes:
    """What was answered, streamed or not."""
    return b"".join(response.streaming_content) if response.streaming else response.content


def public_catalogue() -> set[str]:
    """The releases on the public list. Each is whole: its page, and every file of its manifest with its digest."""
    client = Client(raise_request_exception=False)
    names = set(_LISTED.findall(client.get("/releases/").content.decode()))
    for name in names:
        page = client.get(f"/releases/{name}/")
        assert page.status_code == 200, f"the page of {name} answers {page.status_code}"
        answer = client.get(f"/releases/{name}/files/manifest.json")
        assert answer.status_code == 200, f"{name} is listed and has no manifest"
        manifest = body(answer)
        assert hashlib.sha256(manifest).hexdigest() in page.content.decode()
        for entry in json.loads(manifest)["files"]:
            file = client.get(f"/releases/{name}/files/{entry['path']}")
            assert file.status_code == 200, f"{name} lacks {entry['path']}"
            assert hashlib.sha256(body(file)).hexdigest() == entry["sha256"], entry["path"]
    return names


def assert_not_shown(name: str) -> None:
    """Nobody is given anything of a release that is not on the list."""
    client = Client()
    for path in ("", "files/manifest.json", "files/README.md"):
        assert client.get(f"/releases/{name}/{path}").status_code == 404, f"{name}/{path} is given away"


class Worker:
    """The process that does jobs, and dies of their faults in its children."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def make(
        self, job: Job, *, point: str = "", fault: str = "", plant: str = "", module: str = "learning.jobs.releases"
    ) -> dict[str, Any]:
        """Have the job done in a process of its own: its exit status, and the steps it reached."""
        assert self._process.stdin is not None and self._process.stdout is not None
        order = {"job": str(job.id), "module": module, "point": point, "fault": fault, "plant": plant}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def worker() -> Iterator[Worker]:
    """A worker on this test's database and data."""
    place = Path(__file__).with_name("faulty_worker.py")
    process = subprocess.Popen(
        [sys.executable, str(place)],
        env=worker_environment(lease_seconds=60),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield Worker(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)


@dataclass(frozen=True)
class Outcome:
    """What became of one release: whether it was shown after the fault, and the steps that were reached then."""

    shown_at_once: bool
    reached: list[str]
    status: int


def meet_fault(campaign: Any, made_by: Worker, *, point: str, fault: str, plant: str = "") -> Outcome:
    """Begin a release, let it meet the fault, look; run it again, look again; then take it away.

    Raises: AssertionError (a part was shown, or it could not be run again).
    """
    old = public_catalogue()
    job = start_release(campaign=campaign, actor=None)
    new = Release.objects.get(pk=job.payload["release"]).folder
    met = made_by.make(job, point=point, fault=fault, plant=plant)
    (Path(settings.RELEASES_DIR) / "filler").unlink(missing_ok=True)
    shown = public_catalogue()
    assert shown in (old, old | {new}), f"{shown} after {fault} at {point}"
    if new not in shown:
        assert_not_shown(new)
    run_again(campaign, made_by, job, new, plant=plant)
    assert public_catalogue() == old | {new}
    release = Release.objects.public().get(folder=new)
    assert not verify(release.path, expected_manifest_sha256=release.manifest_sha256).faults
    for aside in Path(settings.RELEASES_DIR).glob(f"{new}.failed-*"):
        assert not verify(aside).faults, "what was in place is whole, and kept"
        shutil.rmtree(aside)
    left = {path.name for path in Path(settings.RELEASES_DIR).glob(f"{new}*")}
    assert left == {new}, left
    Release.objects.filter(pk=release.pk).delete()
    shutil.rmtree(release.path)  # the small disk is for one release at a time
    return Outcome(shown_at_once=new in shown, reached=met["reached"], status=met["status"])


def run_again(campaign: Any, made_by: Worker, job: Job, name: str, *, plant: str) -> None:
    """As the sweep or a person would: a dead worker's job is taken over, a release that failed is asked for anew."""
    job.refresh_from_db()
    if job.state == "running":  # nobody renews its lease any more
        Job.objects.filter(pk=job.pk).update(leased_until=Now() - timedelta(seconds=1))
    if job.state == "failed" and not Release.objects.public().filter(folder=name).exists():
        job = start_release(campaign=campaign, actor=None, version=name.rsplit("-", 1)[1])
    if job.state != "succeeded":
        made_by.make(job, plant=plant)
        job.refresh_from_db()
    public = Release.objects.public().filter(folder=name).exists()
    assert public, f"run again, {name} is {job.state}: {job.error[:300]}"
