"""A few trials of bench/resume.py; `make bench-resume` does fifty."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_trainings_killed_between_steps_and_while_writing_end_in_the_same_bits() -> None:
    # In a process of its own: it forks before any operation of torch has run.
    bench = subprocess.run(
        [sys.executable, "bench/resume.py", "--trials", "4", "--seed", "3"],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert bench.returncode == 0, bench.stdout + bench.stderr
    figures = json.loads(bench.stdout.splitlines()[-1].removeprefix("FIGURES "))
    assert figures["trials"] == figures["bit_equal"] == 4
    assert figures["kills"] >= 4 and figures["while_writing"] >= 1
