"""A map's blocks from beginning to end; those that another process has done are found done."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from learning.core.map_plan import claim_folder
from learning.core.polygons.outline import outline_block
from learning.core.polygons.plan import PolygonPlan
from learning.core.polygons.seams import join_seams
from learning.core.polygons.survey import survey_block
from learning.errors import PolygonsStopped

SURVEY, OUTLINE = "survey", "outline"
SURVEY_SHARE, SEAMS_SHARE = 0.4, 0.05  # of the time that the blocks take

DoAll = Callable[[str, Callable[[float], None]], None]
"""Does a step of all blocks; its second argument is to be told the share of them that is done."""


def draw_blocks(
    plan: PolygonPlan,
    *,
    do_all: DoAll | None = None,
    on_progress: Callable[[float], None] = lambda share: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Write the polygons of every block into the work folder; killed, it goes on with the block it was at.

    Args: do_all: how the blocks of a step are done; here, one after the other, if it is left out.
    Raises: PolygonsStopped: `should_stop` said so. UnusableClassMap. Whatever `do_all` raises.
    """

    def do_all_here(step: str, told: Callable[[float], None]) -> None:
        do_blocks(
            plan, step, range(plan.n_blocks), on_blocks=lambda done: told(done / plan.n_blocks), should_stop=should_stop
        )

    claim_folder(plan.work_dir, plan.card())
    do_all = do_all or do_all_here
    do_all(SURVEY, lambda share: on_progress(SURVEY_SHARE * share))
    join_seams(plan)
    begin = SURVEY_SHARE + SEAMS_SHARE
    do_all(OUTLINE, lambda share: on_progress(begin + (1 - begin) * share))


def do_blocks(
    plan: PolygonPlan,
    step: str,
    numbers: Sequence[int],
    *,
    on_blocks: Callable[[int], None] = lambda done: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Do a step of some blocks, one after the other; `on_blocks` is told how many are done.

    Raises: PolygonsStopped, UnusableClassMap.
    """
    for done, number in enumerate(numbers):
        if should_stop():
            raise PolygonsStopped(f"Stopped at block {number} of {plan.n_blocks}; start it again to go on from there.")
        do_block(plan, step, number)
        on_blocks(done + 1)


def do_block(plan: PolygonPlan, step: str, number: int) -> None:
    """Do a step of a block, unless that was done. Raises: UnusableClassMap."""
    if step == SURVEY:
        survey_block(plan, number)
    else:
        outline_block(plan, number)


def is_done(plan: PolygonPlan, step: str, number: int) -> bool:
    """Whether a step of a block was done."""
    return (plan.survey_path(number) if step == SURVEY else plan.outline_path(number)).exists()
