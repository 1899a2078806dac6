"""A map's rows of windows, shared out: each shard is a job that any worker takes; one that is lost is taken again.

The job that makes the map opens the shards, does them itself where nobody else does, and waits for those that somebody
has. Rows have the same bytes whoever computes them, and one that is there is not computed again. Where the operator
has not said that there are workers to share with (MAP_SHARED), the job computes the rows by itself: on a machine with
one processor for everybody, a second worker at the same map would only be in the way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings

from annotation.errors import JobAlreadyRunning, JobLost
from annotation.jobs.registry import job
from annotation.models import Job
from annotation.services.jobs import JobContext, cancel_job, claim_job, enqueue_job, run_claimed_job
from learning.core.map_plan import PredictionPlan, planned
from learning.errors import PredictionStopped, ShardFailed
from learning.jobs.made_with import made_with, other_models
from learning.jobs.options import device_of
from learning.jobs.weights import loaded_model
from learning.models import Prediction

if TYPE_CHECKING:
    from learning.core.model_file import TrainedModel as LoadedModel

KIND = "predict_rows"
SHARDS = 64  # of a map at most: more than workers, so that none waits long for the last one
POLL_S = 1.0
SECONDS_TO_JUDGE_BY = 5  # before that, nobody can say how long the rest takes


@job(KIND)
def predict_rows(context: JobContext) -> dict[str, Any]:
    """Compute some rows of windows of a map that is being made, those that are not there yet."""
    prediction = Prediction.objects.select_related("model__campaign__layer").get(pk=context.payload["prediction"])
    plan = planned(prediction.path("rows"))
    if plan is None:
        return {"rows": 0}  # the map was finished, or given up
    return _compute(context, prediction, plan, loaded_model(prediction.model))


def _compute(
    context: JobContext,
    prediction: Prediction,
    plan: PredictionPlan,
    loaded: LoadedModel,
    *,
    told: Callable[[], None] = lambda: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    rows = range(context.payload["first"], context.payload["stop"])

    def on_progress(done: float) -> None:
        context.progress(min(done / len(rows), 1.0))
        told()

    return _compute_rows(context, prediction, plan, loaded, rows, on_progress=on_progress, should_stop=should_stop)


def _compute_rows(
    context: JobContext,
    prediction: Prediction,
    plan: PredictionPlan,
    loaded: LoadedModel,
    rows: Iterable[int],
    *,
    on_progress: Callable[[float], None],
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Those of the rows that are not there. `on_progress` is told how many rows this came to, with a part of one."""
    from learning.core.predict import predict_core_row

    others = other_models(made_with(prediction), loaded)
    missing = [row for row in rows if not plan.is_done(row)]
    for number, row in enumerate(missing):

        def row_progress(share: float, number: int = number) -> None:
            on_progress(number + share)

        try:
            predict_core_row(
                loaded, plan, row, others=others, device=device_of(prediction.model.options),
                on_progress=row_progress, should_stop=lambda: context.should_stop() or should_stop(),
            )  # fmt: skip
        except PredictionStopped:
            row_progress(0.0)  # says why: cancelled, or taken over by another worker
            context.progress(0.0)
            raise
    return {"rows": len(missing)}


@dataclass(slots=True)
class SharedOut:
    """The shards of one map, from the side of the job that makes it.

    Args: report: told the share of the map that is there and the seconds left, None while nobody can tell.
    """

    context: JobContext
    prediction: Prediction
    plan: PredictionPlan
    loaded: LoadedModel
    report: Callable[[float, float | None], None]

    def complete(self) -> None:
        """Return once every row is there.

        Raises: ShardFailed: one cannot be computed; JobCancelled, JobLost: what `report` raises.
        """
        began, there = time.monotonic(), self._there()

        def told(share: float | None = None) -> None:
            share, since = self._there() if share is None else share, time.monotonic() - began
            left = since * (1 - share) / (share - there) if share > there and since > SECONDS_TO_JUDGE_BY else None
            self.report(share, left)

        if not settings.MAP_SHARED:
            every = self.plan.core_rows
            _compute_rows(
                self.context, self.prediction, self.plan, self.loaded, every,
                on_progress=lambda rows: told(there + rows / len(every)),
            )  # fmt: skip
            return
        shards = self._open()
        try:
            while self._there() < 1:
                told()
                if not self._do_one(shards, told):
                    if self._ended_without_rows(shards):
                        shards = self._open()
                    time.sleep(POLL_S)
        except JobLost:
            raise  # whoever has taken the map over goes on with the same shards
        except BaseException:
            for shard in Job.objects.filter(pk__in=shards):
                cancel_job(job=shard)
            raise

    def _there(self) -> float:
        rows = self.plan.core_rows
        return sum(map(self.plan.is_done, rows)) / len(rows)

    def _open(self) -> list[str]:
        """Ids of the jobs of all rows that are not there; those of an attempt before are gone on with."""
        rows = self.plan.core_rows
        size = -(-len(rows) // SHARDS)
        found = []
        for some in (rows[start : start + size] for start in range(0, len(rows), size)):
            first, stop = some[0], some[-1] + 1
            if all(map(self.plan.is_done, range(first, stop))):
                continue
            try:
                shard = enqueue_job(
                    kind=KIND,
                    payload={"prediction": self.prediction.pk, "first": first, "stop": stop},
                    queue=settings.JOB_GPU_QUEUE,
                    key=f"{self.prediction.pk}:{first}",
                )
                found.append(str(shard.pk))
            except JobAlreadyRunning as running:
                found.append(str(running.details["job"]))
        return found

    def _do_one(self, shards: list[str], told: Callable[[], None]) -> bool:
        """Do the first shard that nobody has; False when there is none."""
        for shard in shards:
            claimed = claim_job(shard)
            if claimed is not None:
                run_claimed_job(
                    claimed,
                    lambda context: _compute(
                        context, self.prediction, self.plan, self.loaded, told=told,
                        should_stop=self.context.should_stop,
                    ),
                )  # fmt: skip
                return True
        return False

    def _ended_without_rows(self, shards: list[str]) -> bool:
        """Whether a job was cancelled before its rows were there. Raises ShardFailed: one failed."""
        ended = Job.objects.filter(pk__in=shards).exclude(state__in=["queued", "running"]).order_by("created_at")
        without = []
        for shard in ended:
            first, stop = shard.payload["first"], shard.payload["stop"]
            if not all(map(self.plan.is_done, range(first, stop))):
                without.append(shard)
                if shard.state == Job.State.FAILED:
                    raise ShardFailed(f"Rows of windows {first} to {stop - 1} could not be computed: {shard.error}")
        return bool(without)
