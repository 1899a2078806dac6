"""A map whose rows several workers compute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch
from django.db import connections
from django.db.models.functions import Now
from map_models import mapped_layer

from annotation.jobs.registry import run_job
from annotation.models import Job
from annotation.services.jobs import cancel_job, claim_job
from learning.core.map_plan import MapPaths
from learning.jobs import rows, shards
from learning.jobs.options import CORE_PX
from learning.models import Prediction
from learning.services.predictions import start_prediction

torch.set_num_threads(1)  # workers are threads here: several pools of torch's own would wait for each other
pytestmark = pytest.mark.django_db(transaction=True)
NAMES = MapPaths.in_folder(Path()).names()


@pytest.fixture(autouse=True)
def many_rows(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """512 px are six rows of windows."""
    monkeypatch.setitem(CORE_PX, "cpu", 96)
    settings.MAP_SHARED = True


def mapped(model: Any) -> Any:
    job = start_prediction(model=model)
    assert run_job(str(job.id))
    job.refresh_from_db()
    return job


def contents(model: Any) -> dict[str, bytes]:
    made = Prediction.objects.get(model=model)
    return {name: made.path(name).read_bytes() for name in NAMES}


def again(model: Any) -> None:
    """Forget the map, so that it is made once more."""
    Prediction.objects.filter(model=model).update(state="running", folder=f"again-{uuid4().hex}")


def until(holds: Callable[[], bool]) -> None:
    for _ in range(1500):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("half a minute went by")


class Worker(threading.Thread):
    """Takes shards as they come, on a connection of its own, until it is told to end."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.done, self.ends = 0, threading.Event()
        self.failed = ""

    def run(self) -> None:
        try:
            while not self.ends.wait(0.02):
                for job in Job.objects.filter(kind=rows.KIND, state="queued").order_by("-created_at"):
                    self.done += run_job(str(job.pk))
        except BaseException as error:
            self.failed = f"{type(error).__name__}: {error}"
        finally:
            connections.close_all()


@pytest.mark.parametrize("workers", [1, 4])
def test_a_map_has_the_same_bytes_however_many_workers_share_its_rows(
    tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    model = mapped_layer(tmp_path)
    assert mapped(model).state == "succeeded"
    assert Job.objects.filter(kind=rows.KIND, state="succeeded").count() == 6
    shared_with_nobody = contents(model)
    again(model)
    settings.MAP_SHARED = False
    assert mapped(model).state == "succeeded"
    assert Job.objects.filter(kind=rows.KIND).count() == 6
    alone = contents(model)
    assert alone == shared_with_nobody
    settings.MAP_SHARED = True
    again(model)
    others, real = [Worker() for _ in range(workers)], shards.SharedOut._do_one

    def once_all_have_begun(self: Any, *given: Any) -> bool:
        until(lambda: Job.objects.filter(kind=rows.KIND).exclude(state="queued").count() >= 6 + workers)
        return real(self, *given)

    monkeypatch.setattr(shards.SharedOut, "_do_one", once_all_have_begun)
    job = start_prediction(model=model)
    for worker in others:
        worker.start()
    try:
        assert run_job(str(job.id))
        job.refresh_from_db()
    finally:
        for worker in others:
            worker.ends.set()
            worker.join(120)
    assert job.state == "succeeded", job.error
    assert [worker.failed for worker in others if worker.failed] == []
    assert sum(worker.done for worker in others) > 0
    assert contents(model) == alone


def test_a_shard_whose_worker_died_is_done_by_somebody_else(tmp_path: Path, monkeypatch: Any) -> None:
    model = mapped_layer(tmp_path)
    real, dead = shards.enqueue_job, []

    def taken_by_one_who_dies(**given: Any) -> Job:
        job = real(**given)
        if given["kind"] == rows.KIND and not dead:
            dead.append(claim_job(str(job.pk)))
            Job.objects.filter(pk=job.pk).update(leased_until=Now() - timedelta(seconds=1))
        return job

    monkeypatch.setattr(shards, "enqueue_job", taken_by_one_who_dies)
    job = mapped(model)
    assert job.state == "succeeded", job.error
    [shard] = Job.objects.filter(pk=dead[0].pk)
    assert (shard.state, shard.attempts, shard.fence) == ("succeeded", 2, dead[0].fence + 1)


def test_cancelling_a_map_cancels_its_shards_and_the_next_attempt_goes_on_from_the_rows_there_are(
    tmp_path: Path, monkeypatch: Any
) -> None:
    model = mapped_layer(tmp_path)
    real = shards.SharedOut._do_one
    asked = []

    def and_cancel_after_two(self: Any, *given: Any) -> bool:
        done = real(self, *given)
        asked.append(done)
        if len(asked) == 2:
            cancel_job(job=self.context.job)
        return done

    with monkeypatch.context() as patch:
        patch.setattr(shards.SharedOut, "_do_one", and_cancel_after_two)
        job = mapped(model)
    assert job.state == "cancelled"
    states = list(Job.objects.filter(kind=rows.KIND).values_list("state", flat=True))
    assert set(states) == {"succeeded", "cancelled"} and states.count("succeeded") >= 2
    before = states.count("succeeded")
    assert mapped(model).state == "succeeded"
    assert Job.objects.filter(kind=rows.KIND, state="succeeded").count() == len(states), before


def test_a_shard_that_cannot_be_computed_fails_the_map_with_its_reason(tmp_path: Path, monkeypatch: Any) -> None:
    model = mapped_layer(tmp_path)

    def broken(*_given: Any, **_named: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("learning.core.predict.predict_core_rows", broken)
    job = mapped(model)
    assert job.state == "failed" and "Rows of windows 0 to 0" in job.error and "No space left" in job.error
    assert not Job.objects.filter(kind=rows.KIND, state__in=["queued", "running"]).exists()
