"""The notebook of the pure core: its cells run as a script, in a process that never meets Django."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "learning_core.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


def run(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )


def test_its_outputs_are_not_kept() -> None:
    code = [cell for cell in CELLS if cell["cell_type"] == "code"]
    assert len(code) > 10 and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_without_matplotlib_every_plot_is_skipped_and_it_says_so() -> None:
    answer = run(f"import sys; sys.modules['matplotlib'] = None\n{CODE[0]}\nassert plt is None")
    assert answer.returncode == 0 and "matplotlib is not installed: plots are skipped" in answer.stdout, answer.stderr
    drawing = [cell for cell in CODE[1:] if "plt." in cell]
    assert len(drawing) >= 5 and all(cell.startswith("if plt is not None:\n    ") for cell in drawing)
    after = [line for cell in drawing for line in cell.splitlines()[1:]]
    assert all(line.startswith("    ") for line in after if line), "a plotting cell does nothing else"


@pytest.mark.parametrize("told", ["mIoU", "calibration error", "98 % interval"])
def test_its_cells_run_from_the_first_to_the_last(answer: str, told: str) -> None:
    assert told in answer


@pytest.fixture(scope="module")
def answer() -> str:
    """What the whole notebook prints, with its plots where matplotlib is there."""
    done = run("\n\n".join([*CODE, "print('django' in sys.modules)"]))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False", "django was imported"
    return done.stdout
