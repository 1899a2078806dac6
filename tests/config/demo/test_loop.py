"""The demonstration's turn of the machine, over HTTP, on a site with a worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from learning_rows import TINY_TRAINING
from scenes import labelled_scene

from annotation.jobs.registry import run_job
from annotation.models import Annotation, Job, Tile
from demo.api import ApiSession
from demo.loop import _machine_works
from demo.options import DemoResult, table
from demo.site import Site
from learning.models import RetrainingPolicy


@contextmanager
def worker() -> Iterator[None]:
    """A thread that does queued jobs, as a worker would: not those by which a scene is made, which it would take."""
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.is_set():
                for job in Job.objects.filter(state="queued"):
                    run_job(str(job.id))
                time.sleep(0.1)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=60)


@pytest.mark.django_db(transaction=True)
def test_the_demonstration_goes_on_through_a_rejected_first_model(
    live_server: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = labelled_scene(tmp_path)
    # Nine control tiles judge no model.
    spare = list(Tile.objects.filter(campaign=scene.campaign, role="holdout").order_by("pk"))[9:]
    Annotation.objects.filter(tile__in=spare).update(state="submitted")
    RetrainingPolicy.objects.create(
        campaign=scene.campaign, enabled=False, round_size=5, training={**TINY_TRAINING, "steps": 2}
    )
    maintainer = ApiSession(live_server.url)
    maintainer.sign_in(scene.maintainer.username, "a-long-passphrase")
    site = Site(root=tmp_path, port=1)
    with worker():
        lines = [_machine_works(site, maintainer, slug=scene.campaign.slug) for _turn in range(2)]
    for line in lines:
        assert line.holdout_miou is not None and 0 <= line.holdout_miou <= 1
        assert (line.labelled_tiles, line.mean_entropy_nats, line.promoted) == (8, None, False)
    rounds = maintainer.call("GET", f"campaigns/{scene.campaign.slug}/rounds/").body
    assert [row["function"] for row in rounds] == ["initial", "random", "random"] and rounds[-1]["tickets"] > 0
    assert "scene-m1 is not published. Too few control tiles" in capsys.readouterr().out

    shown = table(lines).splitlines()[-2].split()
    assert shown[-2:] == ["-", "no"]
    result = DemoResult(rounds=tuple(lines), release_artefacts=1, release_faults=0, loop_seconds=1.0, url="")
    assert '"mean_entropy_nats": null, "promoted": false' in result.as_line()
