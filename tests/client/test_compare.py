from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from release_site import release_site, write_release

from solcommun_client import Refused, compare, verify
from solcommun_client.compare import LABELS
from solcommun_client.web import Web

BEFORE = [
    ("a1", "f1", "CS1.1", b"square"),
    ("a1", "f2", "CS1.1", b"circle"),
    ("a2", "f1", "CS2.1", b"square"),
    ("a3", "f1", "CS2.2", b"square"),
    ("a3", "f2", "CS2.2", b"circle"),
]
AFTER = [
    ("a1", "f1", "CS1.1", b"square"),  # the same
    ("a1", "f2", "CS2.1", b"circle"),  # CS1.1 -> CS2.1
    ("a2", "f1", "CS2.1", b"larger"),  # another outline
    ("a4", "f1", "CS1.1", b"square"),  # added: an id of a feature counts within its annotation
    ("a4", "f2", "CS2.2", b"square"),  # added
]  # a3 is gone: two CS2.2


def labels_file(path: Path, rows: list[tuple[str, str, str, bytes]], **more: list[str]) -> bytes:
    columns = dict(zip(("annotation_id", "feature_id", "class_code", "geometry"), zip(*rows, strict=True), strict=True))
    pq.write_table(pa.table({**{name: list(values) for name, values in columns.items()}, **more}), path)
    return path.read_bytes()


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    before = labels_file(tmp_path / "before.parquet", BEFORE)
    after = labels_file(tmp_path / "after.parquet", AFTER, agreement=["high"] * 5)  # a newer layout has more columns
    for name, labels, more in (("one", before, {"NOTES.md": b"1"}), ("two", after, {"maps/a.tif": b"2"})):
        (tmp_path / name).mkdir()
        write_release(tmp_path / name, {LABELS: labels, "README.md": name.encode(), "LICENSE.txt": b"same", **more})
    return tmp_path / "one", tmp_path / "two"


def test_files_added_removed_and_changed_and_labels_by_class(two: tuple[Path, Path]) -> None:
    found = compare(*two)
    assert (found.added, found.removed) == (("maps/a.tif",), ("NOTES.md",))
    assert found.changed == ("README.md", LABELS)
    labels = found.labels
    assert labels is not None
    assert dict(labels.added) == {"CS1.1": 1, "CS2.2": 1}
    assert dict(labels.removed) == {"CS2.2": 2}
    assert dict(labels.reclassed) == {("CS1.1", "CS2.1"): 1}
    assert dict(labels.reshaped) == {"CS2.1": 1}


def test_a_release_does_not_differ_from_itself(two: tuple[Path, Path]) -> None:
    assert not compare(two[0], two[0])


def test_a_folder_is_compared_with_an_address(two: tuple[Path, Path]) -> None:
    with release_site(two[1]) as site:
        found = compare(two[0], site.url, web=Web(allow_http=True))
        assert found == compare(*two)
        assert {path for path, *_ in site.asked} == {"manifest.json", LABELS}, "nothing else is fetched"


def test_labels_that_cannot_be_read_are_named(two: tuple[Path, Path]) -> None:
    write_release(two[1], {LABELS: b"PAR1 no"})
    assert not [fault for fault in verify(two[1]).faults if fault.path == LABELS]
    with pytest.raises(Refused, match=r"annotations\.parquet: missing or unreadable"):
        compare(*two)
