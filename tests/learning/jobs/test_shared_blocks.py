"""A map whose blocks several workers make into polygons; the others are real processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from learning_rows import worker_environment
from mapped_blocks import map_in_blocks

from annotation.jobs.registry import run_job
from annotation.models import Job
from annotation.services.jobs import cancel_job
from learning.jobs import blocks, shards
from learning.models import PolygonMap
from learning.services.polygons import start_polygons

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = """
import os, select, signal, sys, django
django.setup()
from annotation.jobs.registry import load_all, run_job
from annotation.models import Job
from learning.core.polygons import run
load_all()
if sys.argv[1] == "dies":
    run.survey_block = lambda plan, number: os.kill(os.getpid(), signal.SIGKILL)
print("ready", flush=True)
done = 0
while not select.select([sys.stdin], [], [], 0.02)[0]:  # until that is closed
    for job in Job.objects.filter(kind="vectorise_blocks", state="queued").order_by("-created_at"):
        done += run_job(str(job.pk))
print(done)
"""


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    settings.MAP_SHARED, settings.POLYGON_PROCESSES = True, 1
    monkeypatch.setattr(shards, "POLL_S", 0.1)
    return map_in_blocks(monkeypatch)


@contextmanager
def workers(count: int, *, how: str = "lives") -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that take blocks as they come."""
    environment = worker_environment(lease_seconds=1) | {"POLYGON_PROCESSES": "1"}
    found = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, how], env=environment, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _each in range(count)
    ]  # fmt: skip
    try:
        for process in found:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield found
    finally:
        for process in found:
            process.kill()
            process.wait()


def done_by(process: subprocess.Popen[str]) -> int:
    """End a worker; how many shards it did."""
    told, _errors = process.communicate(timeout=60)
    assert process.returncode == 0
    return int(told)


def made(prediction: Any) -> dict[str, bytes]:
    """Its polygons, made anew: the files."""
    job = start_polygons(prediction=prediction)
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    found = PolygonMap.objects.get(pk=job.result["polygon_map"])
    return {name: found.path(name).read_bytes() for name in found.files}


def until(holds: Callable[[], bool]) -> None:
    for _each in range(1500):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("half a minute went by")


def test_polygons_have_the_same_bytes_with_one_two_and_five_workers(
    mapped: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAP_SHARED = False
    alone = made(mapped)
    assert not Job.objects.filter(kind=blocks.KIND).exists()
    settings.MAP_SHARED = True
    assert made(mapped) == alone, "one worker does all shards itself"
    assert Job.objects.filter(kind=blocks.KIND, state="succeeded").count() == 9 + 9
    real = shards.SharedOut._do_one

    def once_others_have_begun(self: Any, *given: Any) -> bool:
        mine = Job.objects.filter(kind=blocks.KIND, pk__in=given[0])
        until(lambda: mine.exclude(state="queued").exists())
        return real(self, *given)

    monkeypatch.setattr(shards.SharedOut, "_do_one", once_others_have_begun)
    for others in (1, 4):
        with workers(others) as processes:
            assert made(mapped) == alone
            assert sum(map(done_by, processes)) >= 2


def test_blocks_of_a_worker_that_is_killed_are_done_again(
    mapped: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAP_SHARED = False
    alone = made(mapped)
    settings.MAP_SHARED = True
    real = shards.SharedOut._do_one
    with workers(1, how="dies") as [process]:

        def once_it_is_dead(self: Any, *given: Any) -> bool:
            until(lambda: process.poll() is not None)
            return real(self, *given)

        monkeypatch.setattr(shards.SharedOut, "_do_one", once_it_is_dead)
        assert made(mapped) == alone
        assert process.returncode == -9
    assert Job.objects.filter(kind=blocks.KIND, attempts=2, state="succeeded").count() == 1


def test_cancelled_its_shards_are_too_and_the_next_attempt_goes_on_with_the_blocks_there_are(
    mapped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = shards.SharedOut._do_one, []

    def and_cancel_after_two(self: Any, *given: Any) -> bool:
        done = real(self, *given)
        asked.append(done)
        if len(asked) == 2:
            cancel_job(job=self.context.job)
            self.context.renew()  # as the heartbeat does
        return done

    with monkeypatch.context() as patch:
        patch.setattr(shards.SharedOut, "_do_one", and_cancel_after_two)
        job = start_polygons(prediction=mapped)
        assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "cancelled"
    states = list(Job.objects.filter(kind=blocks.KIND).values_list("state", flat=True))
    assert sorted(states) == ["cancelled"] * 7 + ["succeeded"] * 2
    made(mapped)
    assert Job.objects.filter(kind=blocks.KIND, state="succeeded").count() == 9 + 9


def test_a_block_that_cannot_be_done_fails_the_polygons_with_its_reason(mapped: Any) -> None:
    def broken(*_given: Any) -> None:
        raise OSError("No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("learning.core.polygons.run.survey_block", broken)
        job = start_polygons(prediction=mapped)
        assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "failed" and "Blocks 0 to 0" in job.error and "No space left" in job.error
    assert not Job.objects.filter(kind=blocks.KIND, state__in=["queued", "running"]).exists()
