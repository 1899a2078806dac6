"""A process that does jobs in children of its own, each of which may meet a fault at a named step.

Reads one JSON object a line ({"job": id, "module": of the job, "point": step, "fault": "kill", "exception", "full" or
"", "plant": name}), forks, and answers with the child's status and the steps it reached. Run by `release_faults`.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


def fill_the_disk(folder: Path) -> None:
    """From here on nothing can be written: the file system is filled if it is a small one of its own (ENOSPC), else
    the kernel refuses this process every longer file (EFBIG), for which no privilege is needed.
    """
    if not os.path.ismount(folder):
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        return
    with (folder / "filler").open("wb", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    filler.write(bytes(size))
            except OSError:
                continue


def plant(name: str, module: Any) -> None:
    """A mistake in the way a job is done, which the test of every step must find."""
    from learning.models import Release
    from learning.release import bundle

    if name == "in_place":  # written where it is to be read, without a rename
        bundle.discard_staged = lambda _folder: None
        module.releases.staging_dir = lambda release: release.path
        module.publish_staged = lambda *_args, **_more: None
    if name == "row_first":  # shown before it is in place
        really = module._is_published

        def shown_first(release: Release, staging: Path, names: tuple[str, ...]) -> bool:
            digest = bundle.verify(staging).manifest_sha256
            found = Release.objects.filter(pk=release.pk)
            found.update(state="published", manifest_sha256=digest, published_at="2026-01-01T00:00:00Z")
            return bool(really(release, staging, names))

        module._is_published = shown_first


def make(order: dict[str, str], told: int) -> None:
    """In the child: do the job, and meet the fault. A job's module calls its `faultpoint` at each step."""
    from django.conf import settings
    from django.db import connection

    from annotation.jobs.registry import run_job

    module = import_module(order["module"])

    def reached(point: str) -> None:
        os.write(told, f"{point}\n".encode())
        if point != order["point"]:
            return
        if order["plant"] == "in_parts":  # what was written so far shows
            connection.connection.commit()
        if order["fault"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if order["fault"] == "exception":
            raise RuntimeError(f"planted at {point}")
        if order["fault"] == "full":
            fill_the_disk(Path(settings.RELEASES_DIR))

    plant(order["plant"], module)
    module.faultpoint = reached
    run_job(order["job"])


def serve() -> None:
    """Fork for each order; everything slow to import is there already."""
    import django

    django.setup()
    import learning.jobs.class_changes
    import learning.jobs.releases  # noqa: F401
    from annotation.jobs.registry import load_all

    load_all()
    for line in sys.stdin:
        reading, told = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                make(json.loads(line), told)
            finally:
                os._exit(0)
        os.close(told)
        with os.fdopen(reading) as steps:
            reached = steps.read().split()
        _, status = os.waitpid(child, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status), "reached": reached}), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "platform"))
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    serve()
