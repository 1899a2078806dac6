"""The parts of a map, shared out: each shard is a job that any worker takes; one that is lost is taken again.

Parts are rows of windows (rows.py) or blocks of polygons (blocks.py). The job that makes the map opens the shards, does
them itself where nobody else does, and waits for those that somebody has. A part has the same bytes whoever computes
it, and one that is there is not computed again. Where the operator has not said that there are workers to share with
(MAP_SHARED), the job computes the parts by itself: on a machine with one processor for everybody, a second worker at
the same map would only be in the way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.conf import settings

from annotation.errors import JobAlreadyRunning, JobLost
from annotation.models import Job
from annotation.services.jobs import JobContext, cancel_job, claim_job, enqueue_job, run_claimed_job
from learning.errors import PolygonsStopped, PredictionStopped, ShardFailed

SHARDS = 64  # of a map at most: more than workers, so that none waits long for the last one
POLL_S = 1.0


class Parts(Protocol):
    """What is shared out."""

    @property
    def kind(self) -> str:
        """The kind of its shards' jobs."""

    @property
    def queue(self) -> str:
        """The queue of the workers that may take them."""

    @property
    def key(self) -> str:
        """Tells these parts from those of other maps."""

    @property
    def payload(self) -> dict[str, Any]:
        """What a shard's job is given, beside the first of its parts and the one after its last."""

    @property
    def named(self) -> str:
        """What several of them are called, at the beginning of a sentence."""

    @property
    def count(self) -> int:
        """How many there are."""

    def is_done(self, part: int) -> bool:
        """Whether one is there."""

    def compute(
        self,
        parts: Sequence[int],
        *,
        on_progress: Callable[[float], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Compute some that are not there. `on_progress` is told how many this came to, with a part of one.

        Raises: PredictionStopped, PolygonsStopped: `should_stop` said so.
        """


def do_shard(
    context: JobContext,
    parts: Parts,
    *,
    told: Callable[[], None] = lambda: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """The work of a shard's job: those of its parts that are not there yet."""
    shard = range(context.payload["first"], context.payload["stop"])

    def on_progress(done: float) -> None:
        context.progress(min(done / len(shard), 1.0))
        told()

    return {"done": _compute(context, parts, shard, on_progress=on_progress, should_stop=should_stop)}


def _compute(
    context: JobContext,
    parts: Parts,
    among: Sequence[int],
    *,
    on_progress: Callable[[float], None],
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Those that are not there; how many these were."""
    missing = [part for part in among if not parts.is_done(part)]
    if not missing:
        return 0
    try:
        parts.compute(missing, on_progress=on_progress, should_stop=lambda: context.should_stop() or should_stop())
    except (PredictionStopped, PolygonsStopped):
        on_progress(0.0)  # says why: cancelled, or taken over by another worker
        context.progress(0.0)
        raise
    return len(missing)


@dataclass(slots=True)
class SharedOut:
    """The shards of one map, from the side of the job that makes it.

    Args: report: told the share of the map that is there.
    """

    context: JobContext
    parts: Parts
    report: Callable[[float], None]
    _missing: list[int] = field(init=False)
    _looked_at: float = field(init=False, default=0.0)

    def complete(self) -> None:
        """Return once every part is there.

        Raises: ShardFailed: one cannot be computed; JobCancelled, JobLost: what `report` raises.
        """
        self._missing = list(range(self.parts.count))
        there, count = self._there(), self.parts.count
        if not settings.MAP_SHARED:
            _compute(self.context, self.parts, range(count), on_progress=lambda done: self.report(there + done / count))
            return
        shards = self._open()
        try:
            while self._there() < 1:
                self._tell()
                if not self._do_one(shards):
                    if self._ended_without_parts(shards):
                        shards = self._open()
                    time.sleep(POLL_S)
        except JobLost:
            raise  # whoever has taken the map over goes on with the same shards
        except BaseException:
            for shard in Job.objects.filter(pk__in=shards):
                cancel_job(job=shard)
            raise

    def _tell(self) -> None:
        """Report; who does it often makes nobody look at the disk more than once in a while."""
        recent = time.monotonic() - self._looked_at < POLL_S
        self.report(1 - len(self._missing) / self.parts.count if recent else self._there())

    def _there(self) -> float:
        self._missing = [part for part in self._missing if not self.parts.is_done(part)]
        self._looked_at = time.monotonic()
        return 1 - len(self._missing) / self.parts.count

    def _open(self) -> list[str]:
        """Ids of the jobs of all parts that are not there; those of an attempt before are gone on with."""
        count = self.parts.count
        size = -(-count // SHARDS)
        found = []
        for first in range(0, count, size):
            stop = min(first + size, count)
            if all(map(self.parts.is_done, range(first, stop))):
                continue
            try:
                shard = enqueue_job(
                    kind=self.parts.kind,
                    payload={**self.parts.payload, "first": first, "stop": stop},
                    queue=self.parts.queue,
                    key=f"{self.parts.key}:{first}",
                )
                found.append(str(shard.pk))
            except JobAlreadyRunning as running:
                found.append(str(running.details["job"]))
        return found

    def _do_one(self, shards: list[str]) -> bool:
        """Do the first shard that nobody has; False when there is none."""
        for shard in shards:
            claimed = claim_job(shard)
            if claimed is not None:
                run_claimed_job(
                    claimed,
                    lambda context: do_shard(
                        context, self.parts, told=self._tell, should_stop=self.context.should_stop
                    ),
                )
                return True
        return False

    def _ended_without_parts(self, shards: list[str]) -> bool:
        """Whether a job was cancelled before its parts were there. Raises ShardFailed: one failed."""
        ended = Job.objects.filter(pk__in=shards).exclude(state__in=["queued", "running"]).order_by("created_at")
        without = []
        for shard in ended:
            first, stop = shard.payload["first"], shard.payload["stop"]
            if not all(map(self.parts.is_done, range(first, stop))):
                without.append(shard)
                if shard.state == Job.State.FAILED:
                    raise ShardFailed(f"{self.parts.named} {first} to {stop - 1} could not be computed: {shard.error}")
        return bool(without)
