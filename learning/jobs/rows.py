"""Rows of windows of a map, as parts that workers share (shards.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.conf import settings

from annotation.jobs.registry import job
from annotation.services.jobs import JobContext
from learning.core.map_plan import PredictionPlan, planned
from learning.jobs.made_with import made_with, other_models
from learning.jobs.options import device_of
from learning.jobs.shards import do_shard
from learning.jobs.weights import loaded_model
from learning.models import Prediction

if TYPE_CHECKING:
    from learning.core.model_file import TrainedModel as LoadedModel

KIND = "predict_rows"


@dataclass(frozen=True)
class Rows:
    """All rows of windows of one map that there is something to compute of, in order; see shards.Parts."""

    prediction: Prediction
    plan: PredictionPlan
    loaded: LoadedModel
    kind: str = KIND
    named: str = "Rows of windows"

    @property
    def queue(self) -> str:
        """They need what the map's own job needs."""
        return str(settings.JOB_GPU_QUEUE)

    @property
    def key(self) -> str:
        """The map."""
        return str(self.prediction.pk)

    @property
    def payload(self) -> dict[str, Any]:
        """The map; its plan lies in its folder."""
        return {"prediction": self.prediction.pk}

    @cached_property
    def rows(self) -> tuple[int, ...]:
        """Numbers of the rows: of a map of an area, those that it touches."""
        return self.plan.core_rows

    @property
    def count(self) -> int:
        """Rows in all."""
        return len(self.rows)

    def is_done(self, part: int) -> bool:
        """Whether a row is there."""
        return self.plan.is_done(self.rows[part])

    def compute(
        self,
        parts: Sequence[int],
        *,
        on_progress: Callable[[float], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Compute some rows. Raises: PredictionStopped."""
        from learning.core.predict import predict_core_rows

        others = other_models(made_with(self.prediction), self.loaded)
        predict_core_rows(
            self.loaded, self.plan, [self.rows[part] for part in parts], others=others,
            device=device_of(self.prediction.model.options), on_progress=on_progress, should_stop=should_stop,
        )  # fmt: skip


@job(KIND)
def predict_rows(context: JobContext) -> dict[str, Any]:
    """Compute some rows of windows of a map that is being made, those that are not there yet."""
    prediction = Prediction.objects.select_related("model__campaign__layer").get(pk=context.payload["prediction"])
    plan = planned(prediction.path("rows"))
    if plan is None:
        return {"done": 0}  # the map was finished, or given up
    return do_shard(context, Rows(prediction, plan, loaded_model(prediction.model)))
