"""Blocks of a map's polygons, as parts that workers share (shards.py) and, within one, processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from annotation.jobs.registry import job
from annotation.services.jobs import JobContext
from learning.core.polygons.plan import PolygonPlan, planned
from learning.core.polygons.run import OUTLINE, do_blocks, is_done
from learning.jobs.block_processes import do_blocks_in_processes
from learning.jobs.shards import do_shard
from learning.models import Prediction

KIND = "vectorise_blocks"
BLOCKS_A_PROCESS = 2  # fewer are done before a process has begun


@dataclass(frozen=True, slots=True)
class Blocks:
    """A step of all blocks of one map; see shards.Parts."""

    prediction: Prediction
    plan: PolygonPlan
    step: str
    kind: str = KIND
    queue: str = "default"  # where the job is that makes the polygons
    named: str = "Blocks"

    @property
    def key(self) -> str:
        """The map, which of its copies, and the step."""
        return f"{self.prediction.folder}-{self.plan.work_dir.name}-{self.step}"

    @property
    def payload(self) -> dict[str, Any]:
        """The map, the folder in which its plan lies, and the step."""
        return {"prediction": self.prediction.pk, "folder": self.plan.work_dir.name, "step": self.step}

    @property
    def count(self) -> int:
        """Blocks in all."""
        return self.plan.n_blocks

    def is_done(self, part: int) -> bool:
        """Whether the step of a block was done."""
        return is_done(self.plan, self.step, part)

    def compute(
        self,
        parts: Sequence[int],
        *,
        on_progress: Callable[[float], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Do the step of some blocks. Raises: PolygonsStopped, UnusableClassMap, BlockFailed."""
        processes = min(settings.POLYGON_PROCESSES, len(parts) // BLOCKS_A_PROCESS)
        if processes > 1:
            do_blocks_in_processes(
                self.plan, self.step, parts, processes=processes, on_blocks=on_progress, should_stop=should_stop
            )
        else:
            do_blocks(self.plan, self.step, parts, on_blocks=on_progress, should_stop=should_stop)


@job(KIND)
def vectorise_blocks(context: JobContext) -> dict[str, Any]:
    """Do a step of some blocks of a map whose polygons are being made, of those where it was not done."""
    prediction = Prediction.objects.get(pk=context.payload["prediction"])
    plan, step = planned(prediction.path(Path(context.payload["folder"]).name)), context.payload["step"]
    if plan is None or (step == OUTLINE and not plan.seams_done_path.exists()):
        return {"done": 0}  # the polygons were finished, or given up, or begun anew
    return do_shard(context, Blocks(prediction, plan, step))
