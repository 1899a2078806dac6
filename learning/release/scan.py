"""Search of the finished files for what must never be published: e-mail addresses and given names."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import rasterio

from learning.release.errors import UnusableArtefact
from learning.release.faults import Fault
from learning.release.packed_texts import onnx_texts, pmtiles_texts, tar_texts
from learning.release.rules import EMAIL
from learning.release.weights import read_weights_header

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
    """Every text of a file; one of a kind that is not known is read as text, so that nothing passes unseen."""
    read = _READERS.get(path.suffix)
    if read is None:
        with path.open(encoding="utf-8", errors="replace") as handle:
            yield from handle
    else:
        yield from read(path)


def _tiff_texts(path: Path) -> Iterator[str]:
    with rasterio.open(path, driver="GTiff") as source:
        for band in range(source.count + 1):
            for domain in (None, *source.tag_namespaces(band)):
                yield from source.tags(band, ns=domain).values()
        yield from (text for text in source.descriptions if text)


def _weights_texts(path: Path) -> Iterator[str]:
    try:
        header = read_weights_header(path)
    except UnusableArtefact:
        return
    yield from (*header.metadata, *header.metadata.values(), *header.shapes)


def _parquet_texts(path: Path) -> Iterator[str]:
    parquet = pq.ParquetFile(path, pre_buffer=False)
    yield from (value.decode("utf-8", "replace") for value in (parquet.metadata.metadata or {}).values())
    yield from parquet.schema_arrow.names
    for batch in parquet.iter_batches():
        for column in batch.columns:
            yield from _column_texts(column)


def _column_texts(column: pa.Array) -> Iterator[str]:
    """Texts of a column, in lists, structs, maps and dictionaries too."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        yield from _column_texts(column.dictionary)
    elif pa.types.is_struct(kind):
        for field in column.flatten():
            yield from _column_texts(field)
    elif pa.types.is_map(kind):
        yield from _column_texts(column.keys)
        yield from _column_texts(column.items)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from _column_texts(column.flatten())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield from (value for value in column.unique().to_pylist() if value is not None)


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


_READERS: dict[str, Callable[[Path], Iterator[str]]] = {
    ".parquet": _parquet_texts,
    ".gpkg": _gpkg_texts,
    ".tif": _tiff_texts,
    ".safetensors": _weights_texts,
    ".onnx": onnx_texts,
    ".pmtiles": pmtiles_texts,
    ".tar": partial(tar_texts, texts_of=_texts),
}
