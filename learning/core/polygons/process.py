"""One of several processes that do a map's blocks: `python -m learning.core.polygons.process FOLDER STEP`.

The folder was claimed for a plan (run.py). Numbers of blocks come on standard input, one a line; each is answered by a
line of JSON on standard output once it is done: {}, or the error and its message. It ends when its input does: whoever
started it has no more for it, or is gone.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

from learning.core.polygons.plan import PolygonPlan, planned
from learning.core.polygons.run import do_block
from learning.errors import LearningError


def main(arguments: list[str]) -> int:
    """Do blocks until there are no more; 2 where the folder is no longer there."""
    folder, step = arguments
    plan = planned(Path(folder))
    if plan is None:
        sys.stderr.write(f"{folder} holds no plan: it was removed meanwhile\n")
        return 2
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(plan, step, int(line))) + "\n")
        sys.stdout.flush()
    return 0


def _answer(plan: PolygonPlan, step: str, number: int) -> dict[str, str]:
    try:
        do_block(plan, step, number)
    except LearningError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except Exception as error:
        traceback.print_exc()
        return {"error": "BlockFailed", "message": f"Block {number}: {type(error).__name__}: {error}"}
    return {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
