"""Search of the finished files for what must never be published: e-mail addresses and given names."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import rasterio

from learning.release.errors import UnusableArtefact
from learning.release.faults import Fault
from learning.release.rules import EMAIL
from learning.release.weights import read_weights_header

_TEXT = {"", ".json", ".geojson", ".md", ".txt", ".csv", ".qml", ".sld", ".xml", ".clr"}
_WORD = re.compile(r"[\w.+@-]+")


def scan_personal_data(root: Path, *, names: Collection[str] = ()) -> list[Fault]:
    """Look through every text of a release: documents, cells, tags, headers; not pixels, not weights.

    Args:    names: account names and the like; each counts when it stands as a whole word.
    Returns: one fault a file and finding, sorted by path.
    """
    wanted = frozenset(names)
    faults: set[Fault] = set()
    for path in sorted(root.rglob("*")):
        if path.is_dir():
            continue
        relative = path.relative_to(root).as_posix()
        for text in _texts(path):
            match = EMAIL.search(text) if "@" in text else None
            if match:
                faults.add(Fault(relative, f"holds the e-mail address {match.group()}"))
            if wanted:
                found = wanted.intersection([text, *_WORD.findall(text), *re.findall(r"\w+", text)])
                faults.update(Fault(relative, f"holds the name {name}") for name in found)
    return sorted(faults)


def _texts(path: Path) -> Iterator[str]:
    if path.suffix in _TEXT:
        with path.open(encoding="utf-8", errors="replace") as handle:
            yield from handle
    elif path.suffix == ".parquet":
        yield from _parquet_texts(path)
    elif path.suffix == ".gpkg":
        yield from _gpkg_texts(path)
    elif path.suffix == ".tif":
        with rasterio.open(path, driver="GTiff") as source:
            yield from (text for band in range(source.count + 1) for text in source.tags(band).values())
            yield from (text for text in source.descriptions if text)
    elif path.suffix == ".safetensors":
        try:
            header = read_weights_header(path)
        except UnusableArtefact:
            return
        yield from (*header.metadata, *header.metadata.values(), *header.shapes)


def _parquet_texts(path: Path) -> Iterator[str]:
    parquet = pq.ParquetFile(path, pre_buffer=False)
    yield from (value.decode("utf-8", "replace") for value in (parquet.metadata.metadata or {}).values())
    for batch in parquet.iter_batches():
        for column in batch.columns:
            values = column.flatten() if pa.types.is_list(column.type) else column
            if pa.types.is_string(values.type):
                yield from (value for value in values.unique().to_pylist() if value is not None)


def _gpkg_texts(path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            if table.startswith("rtree_"):
                continue
            quoted = table.replace('"', '""')
            query = f'SELECT * FROM "{quoted}"'  # noqa: S608 (a table's own name, quoted)
            for row in database.execute(query):
                yield from (value for value in row if isinstance(value, str))
