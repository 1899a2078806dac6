"""Blocks of a map in several processes of one worker; each test starts real ones."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from polygon_maps import plan_of

from learning.core.polygons.plan import PolygonPlan, planned
from learning.core.polygons.run import SURVEY, draw_blocks
from learning.errors import BlockFailed, PolygonsStopped, UnusableClassMap
from learning.jobs import block_processes
from learning.jobs.block_processes import do_blocks_in_processes


def ragged() -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    classes = np.kron(rng.integers(1, 5, (9, 9)), np.ones((8, 8), int)).astype(np.uint8)
    strewn = rng.random(classes.shape) < 0.2
    classes[strewn] = rng.integers(0, 5, int(strewn.sum()))
    return classes


def plan_in(folder: Path, classes: NDArray[np.uint8] | None = None) -> PolygonPlan:
    found = ragged() if classes is None else classes
    return plan_of(folder, found, block_px=24, minimum=20, tolerance_px=1.0, parents={"b": "a"})


def drawn(plan: PolygonPlan, **given: Any) -> list[int]:
    """Draw a plan in three processes; how many blocks were told of, time after time."""
    told: list[int] = []
    stop = given.get("should_stop", lambda told: False)

    def do_all(step: str, _told: Any) -> None:
        do_blocks_in_processes(
            plan, step, range(plan.n_blocks), processes=3, on_blocks=told.append, should_stop=lambda: stop(told)
        )

    draw_blocks(plan, do_all=do_all)
    return told


def digests(plan: PolygonPlan) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in plan.work_dir.glob("*-*")}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[str]]:
    """The processes, as they are started."""
    found: list[subprocess.Popen[str]] = []
    real = block_processes._started

    def noted(*given: Any) -> subprocess.Popen[str]:
        found.append(real(*given))
        return found[-1]

    monkeypatch.setattr(block_processes, "_started", noted)
    return found


def test_what_is_written_of_a_plan_is_read_as_it_was(tmp_path: Path) -> None:
    plan = plan_in(tmp_path)
    assert planned(plan.work_dir) is None
    draw_blocks(plan)
    found = planned(plan.work_dir)
    assert found is not None and found.card() == plan.card()
    assert found.minimum_px.dtype == np.int64 and found.distance.dtype == np.uint8
    assert np.array_equal(found.distance, plan.distance)


def test_three_processes_write_the_same_bytes_as_one(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    alone, shared = plan_in(tmp_path / "a"), plan_in(tmp_path / "b")
    draw_blocks(alone)
    assert drawn(shared) == [*range(1, 10), *range(1, 10)]
    assert digests(shared) == digests(alone) and len(digests(alone)) == 27
    assert [process.returncode for process in started] == [0] * 6


def test_a_process_that_is_killed_is_replaced_and_its_block_done_again(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    alone, shared = plan_in(tmp_path / "a"), plan_in(tmp_path / "b")
    draw_blocks(alone)

    def and_kill_one(told: list[int]) -> bool:
        if len(started) == 3 and not told:
            started[0].kill()
        return False

    drawn(shared, should_stop=and_kill_one)
    assert started[0].returncode == -9 and len(started) == 7
    assert digests(shared) == digests(alone)


def test_a_block_at_which_processes_end_twice_fails_with_its_number(tmp_path: Path, monkeypatch: Any) -> None:
    def ends_at_once(*_given: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.readline()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    monkeypatch.setattr(block_processes, "_started", ends_at_once)
    plan = plan_in(tmp_path)
    with pytest.raises(BlockFailed, match="ended 2 times"):
        do_blocks_in_processes(plan, SURVEY, [5], processes=1, on_blocks=lambda done: None, should_stop=lambda: False)


def test_what_a_process_says_is_wrong_is_raised_here(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    with pytest.raises(UnusableClassMap, match="holds the value 9"):
        drawn(plan_in(tmp_path, np.full((72, 72), 9, np.uint8)))
    assert all(process.returncode is not None for process in started)


def test_asked_to_stop_it_leaves_no_process_and_keeps_what_is_done(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    plan = plan_in(tmp_path)
    with pytest.raises(PolygonsStopped, match="start it again"):
        drawn(plan, should_stop=lambda told: len(told) >= 4)
    assert len(started) == 3 and all(process.returncode is not None for process in started)
    assert 4 <= len(digests(plan)) <= 9
