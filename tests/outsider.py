"""What somebody runs who has a release, torch and rasterio, and nothing of the platform."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PLATFORM = ("segmentation_models_pytorch", "timm", "safetensors", "learning", "annotation", "django", "onnxruntime")


def in_a_fresh_process(script: Path, *arguments: object) -> str:
    """Run a published script in its folder, where nothing of the platform can be imported; what it printed."""
    hidden = f"import sys; sys.modules.update(dict.fromkeys({PLATFORM!r})); "
    run = f"import runpy; sys.argv = {[script.name, *map(str, arguments)]!r}; "
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", f"{hidden}{run}runpy.run_path({script.name!r}, run_name='__main__')"],
        cwd=script.parent, env=environment | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
