"""A GeoPackage written by a process of its own, so that GDAL works while the next rows are read and checked.

    python -m learning.release.gpkg_process PATH LAYER CRS CHANGED_AT < ARROW

Its input is an Arrow stream of polygons (`geometry` as WKB), then the word WHOLE: a file of which less came than was to
is removed, whatever ended whoever wrote to it.
"""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from learning.release.errors import UnusableArtefact
from learning.release.polygon_files import write_gpkg

WHOLE = b"whole"
_PIPE_BYTES = 1 << 20  # what Linux lets anyone have, instead of 65,536
_REPOSITORY = Path(__file__).resolve().parents[2]
# pyogrio imports geopandas where it finds it: a third of a second and 45 MB, of which nothing is used here.
_CHILD = "import sys; sys.modules['geopandas'] = sys.modules['pandas'] = None; from {} import main; main()"


@contextlib.contextmanager
def gpkg_writer(
    path: Path, schema: pa.Schema, *, layer: str, crs: str, changed_at: datetime
) -> Iterator[pa.RecordBatchWriter]:
    """A writer of batches into a new GeoPackage, which is whole when the block ends, and absent when it raises.

    Raises: UnusableArtefact (the process ended early, with its last words).
    """
    name = f"{Path(__file__).parent.parent.name}.release.{Path(__file__).stem}"
    arguments = [str(path.resolve()), layer, crs, changed_at.astimezone(UTC).isoformat()]
    command = [sys.executable, "-c", _CHILD.format(name), *arguments]
    with tempfile.TemporaryFile() as said:
        # Not by a shell, and nothing in the command is a user's but the folder and the CRS.
        process = subprocess.Popen(command, cwd=_REPOSITORY, stdin=subprocess.PIPE, stderr=said)
        assert process.stdin is not None  # noqa: S101 (a pipe was asked for)
        _widen(process.stdin.fileno())
        try:
            with process.stdin as pipe:
                with pa.ipc.new_stream(pa.PythonFile(pipe, "w"), schema) as writer:
                    yield writer
                pipe.write(WHOLE)
            failed = process.wait() != 0
        except BrokenPipeError:
            failed = True
        except BaseException:
            process.kill()
            process.wait()
            path.unlink(missing_ok=True)
            raise
        process.wait()
        if failed:
            path.unlink(missing_ok=True)
            said.seek(0)
            last = said.read().decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise UnusableArtefact(f"{path.name} was not finished: {last[0]}; look for room on the disk and in memory")


def _widen(pipe: int) -> None:
    """Let a pipe hold a part of a batch that is worth a switch between processes, where the system lets it."""
    with contextlib.suppress(AttributeError, OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def main() -> None:
    """Write what comes in, or leave no file."""
    path, layer, crs, changed_at = sys.argv[1:]
    pa.set_memory_pool(pa.system_memory_pool())  # which gives back what a batch took
    try:
        with pa.ipc.open_stream(pa.PythonFile(sys.stdin.buffer, "r")) as reader:
            moment = datetime.fromisoformat(changed_at)
            # A release is flushed whole before it appears.
            write_gpkg(reader, Path(path), layer=layer, crs=crs, changed_at=moment, flushed=False)
        if sys.stdin.buffer.read() != WHOLE:
            raise EOFError("the rows ended early")
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    main()
