"""A training in several processes: torchrun is started, listened to, stopped, and never outlives the job.

The job's own process may be a fork of Celery's, where neither CUDA nor a process group may begin; each rank is a
process of its own.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

import learning.errors
from learning.errors import InvalidTrainConfig, LearningError, TrainingProcessFailed

if TYPE_CHECKING:
    from learning.core.dataset import LabelledTile
    from learning.core.fit import FittedModel, StepReport
    from learning.core.frozen_run import TrainRequest

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_END = 10.0

log = logging.getLogger(__name__)


def processes_of(options: Mapping[str, Any], *, device: str, batch_size: int) -> int:
    """How many processes train: as many as `devices` says, else one for each GPU where no single one was named.

    Raises: InvalidTrainConfig: more than there are GPUs, or patches in a batch.
    """
    import torch

    gpus = torch.cuda.device_count() if device == "cuda" else 0
    asked = options.get("devices")
    if asked is None:
        return max(1, min(gpus, batch_size))
    if asked > 1 and device not in {"cpu", "cuda"}:
        raise InvalidTrainConfig(f"devices = {asked} and device = {device!r}: name no single GPU, or give devices=1.")
    if device == "cuda" and asked > gpus:
        raise InvalidTrainConfig(f"devices = {asked}, and this worker has {gpus} GPU(s); give at most so many.")
    if asked > batch_size:
        raise InvalidTrainConfig(
            f"devices = {asked} share a batch_size of {batch_size}; give at least as many patches."
        )
    return int(asked)


def fit_in_processes(
    tiles: Sequence[LabelledTile],
    request: TrainRequest,
    *,
    processes: int,
    folder: Path,
    made_of: str,
    on_step: Callable[[StepReport], None],
    should_stop: Callable[[], bool],
) -> FittedModel:
    """learning.core.fit.fit in several processes; the same arguments, results and errors.

    Args:
        folder: the processes' own, kept for an attempt that goes on.
        made_of: says the same of the same tiles.

    Raises: as fit; TrainingProcessFailed: a process ended without having said why.
    """
    from learning.core.fit import StepReport
    from learning.core.frozen_run import freeze_tiles, read_fitted, write_request
    from learning.core.train_process import MARK

    freeze_tiles(folder / "tiles", tiles, made_of=made_of)
    write_request(folder, request)
    reasons: list[dict[str, Any]] = []
    with _started(processes, folder) as process:
        for line in _lines(process, waiting=lambda: _pass_on(should_stop, folder)):
            if not line.startswith(MARK):
                log.info("training: %s", line.rstrip())
                continue
            said = json.loads(line.removeprefix(MARK))
            if "error" in said:
                reasons.append(said)
            else:
                on_step(StepReport(**said))
        status = process.wait()
    if reasons:
        first = reasons[0]  # the others lost it
        if first["error"] != TrainingProcessFailed.__name__:
            raise getattr(learning.errors, first["error"], LearningError)(first["message"])
        reason = f"process {first['rank']} said: {first['message']}"
    elif status != 0:
        reason = f"status {status}, and none said why; was one killed, or the memory full?"
    else:
        return read_fitted(folder, request.spec)
    raise TrainingProcessFailed(
        f"Training in {processes} processes failed: {reason} Start it again to go on from its last checkpoint."
    )


@contextlib.contextmanager
def _started(processes: int, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """torchrun with its ranks; whatever happens here, none of them is left behind."""
    threads = str(max(1, (os.cpu_count() or 1) // processes))
    environment = {
        "OMP_NUM_THREADS": threads,
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")])),
    }
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}",
        "-m", "learning.core.train_process", str(folder), "--follow",
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.PIPE,  # its end says that this process is gone
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _lines(process: subprocess.Popen[str], *, waiting: Callable[[], None]) -> Iterator[str]:
    """Lines as they come, with `waiting` called before each and while none comes."""
    found: Queue[str | None] = Queue()

    def read() -> None:
        for line in process.stdout or ():
            found.put(line)
        found.put(None)

    Thread(target=read, daemon=True).start()
    while True:
        waiting()
        try:
            line = found.get(timeout=SECONDS_BETWEEN_LOOKS)
        except Empty:
            continue
        if line is None:
            return
        yield line


def _pass_on(should_stop: Callable[[], bool], folder: Path) -> None:
    if should_stop():
        (folder / "stop").touch()
