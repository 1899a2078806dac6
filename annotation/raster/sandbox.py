"""Foreign files are only ever opened in a child process that can harm nothing.

The child has no network, limits on memory, processor time and file size, a bare environment, and a GDAL that
knows GeoTIFF only.
Arguments and the result travel as JSON, progress and errors as JSON lines: nothing is unpickled.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import rasterio

from annotation.errors import SolcommunError
from annotation.raster.errors import SandboxFailed, SandboxLimitReached, SandboxUnavailable

logger = logging.getLogger(__name__)

KEPT_DRIVERS = frozenset({"GTiff", "COG", "MEM"})
OUR_PACKAGES = ("annotation.", "learning.")
PACKAGE_ROOT = Path(__file__).resolve().parents[2]
ERROR_TAIL_BYTES = 4000
MAX_LINE = 16 * 2**20


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What a child may use: address space and largest file in bytes, processor and wall time in seconds."""

    memory_bytes: int = 2 * 2**30
    cpu_seconds: int = 6 * 3600
    file_bytes: int = 256 * 2**30
    wall_seconds: float = 12 * 3600.0


DEFAULT_LIMITS = SandboxLimits()


def run_in_sandbox(
    function_path: str,
    kwargs: Mapping[str, Any],
    *,
    on_progress: Callable[[float], None] | None = None,
    limits: SandboxLimits = DEFAULT_LIMITS,
    require_isolation: bool = True,
) -> Any:
    """Call a function of ours in a sandboxed child and return its result.

    Args:
        function_path: "annotation.raster.ingest.rewrite_as_layer"; a module-level function of this project.
        When it takes a
            `progress` argument, what it reports there reaches `on_progress`, which may raise: the child is
            then stopped.
        kwargs: keyword arguments, JSON types only.
        require_isolation: refuse to run where the kernel grants no empty network namespace; False runs with a
        warning.

    Returns: the function's result, or its `as_json()`, through JSON.
    Raises: the function's own SolcommunError, as its class; SandboxLimitReached, SandboxUnavailable,
    SandboxFailed.
    """
    if not function_path.startswith(OUR_PACKAGES):
        raise SandboxFailed(
            f"{function_path!r} is not a function of this project; pass one that begins with annotation."
        )
    request = json.dumps(
        {
            "function": function_path,
            "kwargs": dict(kwargs),
            "limits": asdict(limits),
            "require_isolation": require_isolation,
        }
    )
    answer = _run_child(request, function_path, limits=limits, on_progress=on_progress)
    return _result(answer, function_path)


def _run_child(
    request: str, function_path: str, *, limits: SandboxLimits, on_progress: Callable[[float], None] | None
) -> dict[str, Any]:
    """Start a child, send it the request and return its last word; it is dead and reaped afterwards, come what may."""
    read_end, write_end = os.pipe()
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryDirectory(prefix="solcommun-sandbox-") as scratch:
        child = subprocess.Popen(
            [sys.executable, "-m", "annotation.raster.sandbox_child", str(write_end)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=(write_end,),
            cwd=scratch,
            env=_environment(scratch),
            start_new_session=True,
        )
        os.close(write_end)
        overtime = threading.Event()
        timer = threading.Timer(limits.wall_seconds, _stop, args=(child, overtime))
        timer.start()
        try:
            with os.fdopen(read_end, "rb") as lines:
                answer = _converse(child, lines, request=request, on_progress=on_progress)
            child.wait()
        finally:
            timer.cancel()
            _stop(child)
            child.wait()
        if answer is None:
            raise _death(child.returncode, function_path, _tail(errors), overtime=overtime.is_set(), limits=limits)
    return answer


@lru_cache(maxsize=1)
def _drivers_to_skip() -> str:
    with rasterio.Env() as env:
        return ",".join(sorted(set(env.drivers()) - KEPT_DRIVERS))


def _environment(scratch: str) -> dict[str, str]:
    """A bare environment: no PROJ_LIB or GDAL_DATA that fits another library, no secrets, no proxies."""
    return {
        "PATH": os.defpath,
        "PYTHONPATH": str(PACKAGE_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
        "TMPDIR": scratch,
        "GDAL_SKIP": _drivers_to_skip(),
        "GDAL_DRIVER_PATH": "disable",
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_PAM_ENABLED": "NO",
        "PROJ_NETWORK": "OFF",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _stop(child: subprocess.Popen[bytes], overtime: threading.Event | None = None) -> None:
    """Kill a child that still runs; the event remembers that its time was over."""
    if child.poll() is None:
        if overtime is not None:
            overtime.set()
        child.kill()


def _converse(
    child: subprocess.Popen[bytes],
    lines: IO[bytes],
    *,
    request: str,
    on_progress: Callable[[float], None] | None,
) -> dict[str, Any] | None:
    """Send the request, follow the progress, return the last word (a result or an error) or None."""
    assert child.stdin is not None  # noqa: S101 (opened as a pipe above)
    try:
        child.stdin.write(request.encode())
        child.stdin.close()
    except BrokenPipeError:
        return None
    while line := lines.readline(MAX_LINE):
        try:
            message = json.loads(line)
        except ValueError:
            return None
        if message["type"] == "progress":
            if on_progress is not None:
                on_progress(float(message["share"]))
        elif message["type"] == "warning":
            logger.warning("sandbox: %s", message["message"])
        else:
            return dict(message)
    return None


def _tail(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - ERROR_TAIL_BYTES))
    return errors.read().decode("utf-8", "replace")


def _death(code: int, function_path: str, tail: str, *, overtime: bool, limits: SandboxLimits) -> SolcommunError:
    """Why a child that said no last word is gone."""
    advice = "The file may be damaged or made to do harm; export it again, in smaller pieces if it is very large."
    if overtime:
        return SandboxLimitReached(f"The work ran past {limits.wall_seconds:g} s and was stopped. {advice}")
    if code < 0:
        return SandboxLimitReached(
            f"The work was ended by {signal.Signals(-code).name} (limits: {limits.memory_bytes / 2**30:g} "
            f"GiB of memory, {limits.cpu_seconds} s of processor time, {limits.file_bytes / 2**30:g} GiB a "
            f"file). {advice}"
        )
    return SandboxFailed(f"{function_path} left with status {code} and no answer; its last words: {tail}")


def _result(answer: dict[str, Any], function_path: str) -> Any:
    match answer["type"]:
        case "result":
            return answer["value"]
        case "unisolated":
            raise SandboxUnavailable(
                f"No network isolation: {answer['message']}. Allow user namespaces for the worker, or set "
                "the named setting that lets imports run without isolation."
            )
        case "memory":
            raise SandboxLimitReached(
                f"The work needed more memory than the {answer['limit'] / 2**30:g} GiB it may use. Store the "
                "image in smaller blocks (gdal_translate -co TILED=YES) and try again."
            )
        case "error" if answer["ours"]:
            raise _rebuild(answer)
        case _:
            raise SandboxFailed(f"{function_path} failed: {answer.get('message')}\n{answer.get('traceback', '')}")


def _rebuild(answer: dict[str, Any]) -> SolcommunError:
    """The child's error as an instance of its own class; only our own error classes are ever looked up."""
    module, name = str(answer["module"]), str(answer["class"])
    found: Any = None
    if module.startswith(OUR_PACKAGES):
        found = getattr(importlib.import_module(module), name, None)
    if not (isinstance(found, type) and issubclass(found, SolcommunError)):
        return SandboxFailed(f"{module}.{name}: {answer['message']}")
    error = found.__new__(found)
    SolcommunError.__init__(error, str(answer["message"]), details=answer["details"])
    return error
