"""A map's blocks from beginning to end in one process; those that another has done are found done."""

from __future__ import annotations

from collections.abc import Callable

from learning.core.map_plan import claim_folder
from learning.core.polygons.outline import outline_block
from learning.core.polygons.plan import PolygonPlan
from learning.core.polygons.seams import join_seams
from learning.core.polygons.survey import survey_block
from learning.errors import PolygonsStopped

SURVEY_SHARE, SEAMS_SHARE = 0.3, 0.05  # of the time that the blocks take


def draw_blocks(
    plan: PolygonPlan,
    *,
    on_progress: Callable[[float], None] = lambda share: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Write the polygons of every block into the work folder; killed, it goes on with the block it was at.

    Raises: PolygonsStopped: `should_stop` said so. UnusableClassMap.
    """
    claim_folder(plan.work_dir, plan.card())
    stages = (
        (survey_block, 0.0, SURVEY_SHARE),
        (outline_block, SURVEY_SHARE + SEAMS_SHARE, 1 - SURVEY_SHARE - SEAMS_SHARE),
    )
    for do_block, begin, share in stages:
        if do_block is outline_block:
            join_seams(plan)
        for number in range(plan.n_blocks):
            if should_stop():
                raise PolygonsStopped(
                    f"Stopped at block {number} of {plan.n_blocks}; start it again to go on from there."
                )
            do_block(plan, number)
            on_progress(begin + share * (number + 1) / plan.n_blocks)
