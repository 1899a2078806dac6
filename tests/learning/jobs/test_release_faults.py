"""Invariant R12: at every step, killed, failing or out of disk, the public sees the old or the new release, never a
part, and a second run succeeds.

The suite meets one fault at each step; `make chaos-release` meets all three.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from release_faults import FAULTS, Outcome, meet_fault, public_catalogue, worker
from scenes import labelled_scene

from learning.jobs.releases import JOB_POINTS
from learning.services.releases import start_release

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ALL = bool(os.environ.get("RELEASE_FAULTS"))
#: Each step with one fault in turn, or with all.
CASES = [
    (point, fault)
    for number, point in enumerate(JOB_POINTS)
    for kind, fault in enumerate(FAULTS)
    if ALL or kind == number % len(FAULTS)
]


@pytest.fixture
def releases_dir() -> Iterator[str]:
    """A small file system of their own for the releases where one may be mounted; which fault a full disk then is."""
    folder = Path(settings.RELEASES_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    mounted = ALL and not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], capture_output=True, check=False
    ).returncode  # fmt: skip
    yield "ENOSPC of a file system of 64 MiB" if mounted else "EFBIG of a file-size limit"
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


def check(point: str, fault: str, met: Outcome) -> None:
    """The fault was really met, and what was shown at once is what it must be."""
    step = JOB_POINTS.index(point)
    last = point == JOB_POINTS[-1]
    if fault == "kill":
        assert met.status == -signal.SIGKILL and met.reached == list(JOB_POINTS[: step + 1])
        assert met.shown_at_once == last
    if fault == "exception":
        assert met.status == 0 and met.reached == list(JOB_POINTS[: step + 1])
        assert met.shown_at_once == last
    if fault == "full":
        assert met.status == 0 and point in met.reached
        assert met.shown_at_once == (met.reached == list(JOB_POINTS)), "it failed, or had written all before"
        assert met.shown_at_once or step < JOB_POINTS.index("release:manifest"), "from there on nothing is written"


def test_r12_whatever_happens_at_any_step_the_public_sees_the_old_or_the_new_release(
    tmp_path: Path, releases_dir: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    with worker() as made_by:
        first = start_release(campaign=scene.campaign, actor=None, version="1.0.0")
        assert made_by.make(first) == {"status": 0, "reached": list(JOB_POINTS)}, "every step is really passed"
        assert public_catalogue() == {"scene-1.0.0"}
        for point, fault in CASES:
            met = meet_fault(scene.campaign, made_by, point=point, fault=fault)
            check(point, fault, met)
            if ALL:
                with capsys.disabled():
                    print(f"{point:<28}{fault:<11}{'new' if met.shown_at_once else 'old':<5}then new")
    assert len(JOB_POINTS) >= 12
    if ALL:
        with capsys.disabled():
            print(f"a full disk is {releases_dir}")
            figures = {"steps": len(JOB_POINTS), "faults": len(FAULTS), "cases": len(CASES), "parts_shown": 0}
            print(f"FIGURES {json.dumps(figures)}")


@pytest.mark.parametrize(
    ("plant", "point", "told"),
    [
        ("in_place", "release:dataset", r"run again, scene-1\.0\.1 is failed: .*manifest\.json cannot be read"),
        ("row_first", "release:before-rename", r"scene-1\.0\.1 is listed and has no manifest"),
    ],
)
def test_r12_a_release_made_the_wrong_way_is_found_out(plant: str, point: str, told: str, tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    with worker() as made_by:
        made_by.make(start_release(campaign=scene.campaign, actor=None, version="1.0.0"))
        with pytest.raises(AssertionError, match=told):
            meet_fault(scene.campaign, made_by, point=point, fault="kill", plant=plant)
