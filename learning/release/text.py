"""Text that is the same on every machine: canonical JSON, safe CSV cells, LF line ends, UTF-8."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def canonical_json(value: object) -> str:
    """JSON with sorted keys, two-space indent, a final newline. Raises ValueError on NaN or infinity."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def compact_json(value: object) -> str:
    """JSON on one line with sorted keys; NaN and infinities are refused (ValueError)."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with LF line ends, making the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as handle:
        handle.write(text)


def csv_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula.

    Text starting with `= + - @ TAB CR` is prefixed by an apostrophe. Numbers pass unchanged: only text can
    carry a formula. Source: OWASP, "CSV injection".
    """
    if isinstance(value, (int, float)):
        return str(value)
    text = "" if value is None else str(value)
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def write_csv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write rows of cells, each made safe by `csv_cell`, LF line ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        for row in rows:
            writer.writerow([csv_cell(cell) for cell in row])
