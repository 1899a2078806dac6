"""Blocks of a map's polygons in several processes of one worker: started, fed, listened to, and never left behind.

A worker may be a fork of Celery's, which may have no children of its own kind; these are programs.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, Queue
from threading import Thread
from typing import Any

import learning.errors
from learning.core.polygons.plan import PolygonPlan
from learning.errors import BlockFailed, LearningError, PolygonsStopped
from learning.jobs.processes import REPOSITORY

SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_TO_END = 10.0
TRIES = 2  # of a block whose process ended without a word: once may be the memory that another took

_Answers = Queue[tuple[int, dict[str, Any] | None]]


def do_blocks_in_processes(
    plan: PolygonPlan,
    step: str,
    numbers: Sequence[int],
    *,
    processes: int,
    on_blocks: Callable[[int], None],
    should_stop: Callable[[], bool],
) -> None:
    """run.do_blocks in several processes: the same files, whichever does a block.

    Raises: as do_blocks; BlockFailed: a process ended twice at the same block.
    """
    waiting, answers, tries = deque(numbers), _Answers(), Counter[int]()
    done = 0
    with _children() as start:
        for _process in range(processes):
            start(plan, step, waiting, answers)
        while done < len(numbers):
            if should_stop():
                raise PolygonsStopped(f"Stopped after {done} of {len(numbers)} blocks; start it again to go on.")
            try:
                number, answer = answers.get(timeout=SECONDS_BETWEEN_LOOKS)
            except Empty:
                continue
            if answer is None:
                tries[number] += 1
                if tries[number] == TRIES:
                    raise BlockFailed(
                        f"The process at block {number} ended {TRIES} times without a word: was it killed, or is the "
                        "memory full? Lower POLYGON_PROCESSES and start again; finished blocks are kept."
                    )
                waiting.append(number)
                start(plan, step, waiting, answers)
            elif "error" in answer:
                raise getattr(learning.errors, answer["error"], LearningError)(answer["message"])
            else:
                done += 1
                on_blocks(done)


@contextlib.contextmanager
def _children() -> Iterator[Callable[[PolygonPlan, str, deque[int], _Answers], None]]:
    """What starts a process, which takes blocks as they wait; at the end none is left. A block is whole or absent."""
    children: list[subprocess.Popen[str]] = []

    def start(plan: PolygonPlan, step: str, waiting: deque[int], answers: _Answers) -> None:
        child = _started(plan, step)
        children.append(child)
        Thread(target=_feed, args=(child, waiting, answers), daemon=True).start()

    try:
        yield start
    except BaseException:
        for child in children:
            child.kill()
        raise
    finally:
        for child in children:
            _ended(child)


def _started(plan: PolygonPlan, step: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")])),
    }
    command = [sys.executable, "-m", "learning.core.polygons.process", str(plan.work_dir), step]
    return subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _feed(child: subprocess.Popen[str], waiting: deque[int], answers: _Answers) -> None:
    """Give a process one block after the other; its end is told with the block that it was at."""
    while True:
        try:
            number = waiting.popleft()
        except IndexError:
            return
        answer = _asked(child, number)
        answers.put((number, answer))
        if answer is None:
            return


def _asked(child: subprocess.Popen[str], number: int) -> dict[str, Any] | None:
    if child.stdin is None or child.stdout is None:
        return None
    try:
        child.stdin.write(f"{number}\n")
        child.stdin.flush()
        answer: dict[str, Any] = json.loads(child.stdout.readline())
    except (OSError, ValueError):  # the pipe's other end is gone; half a line, or none
        return None
    return answer


def _ended(child: subprocess.Popen[str]) -> None:
    with contextlib.suppress(OSError):  # it may be gone with a line in the pipe
        child.stdin.close()  # type: ignore[union-attr]
    try:
        child.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    child.stdout.close()  # type: ignore[union-attr]
