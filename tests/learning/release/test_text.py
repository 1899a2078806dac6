from __future__ import annotations

from pathlib import Path

import pytest

from learning.release.text import canonical_json, csv_cell, write_csv


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_is_prefixed(start: str) -> None:
    assert csv_cell(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize(("value", "cell"), [("Eau", "Eau"), (-3, "-3"), (None, ""), ("a=b", "a=b")])
def test_other_cells_pass_unchanged(value: object, cell: str) -> None:
    assert csv_cell(value) == cell


def test_csv_has_unix_line_ends_and_quotes_commas(tmp_path: Path) -> None:
    write_csv(tmp_path / "x.csv", [("a", "b,c"), ("=d", 2)])
    assert (tmp_path / "x.csv").read_bytes() == b'a,"b,c"\n\'=d,2\n'


def test_json_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical_json({"b": 1, "a": "é"}) == canonical_json({"a": "é", "b": 1}) == '{\n  "a": "é",\n  "b": 1\n}\n'


def test_json_refuses_what_json_does_not_have() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})
