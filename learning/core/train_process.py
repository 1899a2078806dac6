"""One of the processes of a training: `torchrun --standalone --nproc_per_node=2 -m learning.core.train_process FOLDER`.

The folder holds the request and the tiles (learning.core.frozen_run). The first process writes a line of JSON a step,
behind a mark, to its standard output, and the result at the end; each says in such a line why it failed. On several
machines the same command is given on each with torchrun's own options, and the folder lies where all of them see it.

    --follow   end when standard input ends: whoever started this is then gone, and another may go on in the folder
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import traceback
from dataclasses import asdict
from pathlib import Path

import torch
import torch.distributed as dist

from learning.core.fit import StepReport, fit
from learning.core.frozen_run import FrozenTiles, read_request, write_fitted
from learning.core.model_file import load_model
from learning.core.ranks import Ranks
from learning.errors import LearningError

MARK = "solcommun-training "
ORPHANED = 143


def main(arguments: list[str] | None = None) -> int:
    """Train; the exit status is 0, or 1 after an error that was said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--follow", action="store_true")
    options = parser.parse_args(arguments)
    if options.follow:
        threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        _train(options.folder)
    except LearningError as error:
        return _said({"error": type(error).__name__, "message": str(error)})
    except Exception as error:
        traceback.print_exc()
        return _said({"error": "TrainingProcessFailed", "message": f"{type(error).__name__}: {error}"})
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
    return 0


def _train(folder: Path) -> None:
    request = read_request(folder)
    device = request.device
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    initial = None if request.initial is None else load_model(request.initial[0], sha256=request.initial[1])
    fitted = fit(
        FrozenTiles(folder / "tiles"),
        request.spec,
        request.config,
        broader=request.broader,
        checkpoint_dir=request.checkpoint_dir,
        device=device,
        initial=initial,
        weights_dir=request.weights_dir,
        on_step=_say_step,
        should_stop=(folder / "stop").exists,
    )
    if Ranks.current().leads:
        write_fitted(folder, fitted)


def _said(what: dict[str, object]) -> int:
    """Every rank says why it ends: the others then only say that they lost it."""
    _say({**what, "rank": Ranks.current().rank})
    return 1


def _say_step(report: StepReport) -> None:
    _say(asdict(report))


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(f"{MARK}{json.dumps(what)}\n")
    sys.stdout.flush()


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(ORPHANED)


if __name__ == "__main__":
    sys.exit(main())
