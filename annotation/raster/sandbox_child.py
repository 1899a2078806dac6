"""The child side of the sandbox: give up every right first, then import and call the function."""

from __future__ import annotations

import ctypes
import importlib
import inspect
import json
import os
import resource
import sys
import traceback
from pathlib import Path
from typing import IO, Any

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_NO_NEW_PRIVS = 38


def limit_resources(limits: dict[str, Any]) -> None:
    """Set the limits that the kernel keeps: address space, processor time, file size, no core dump."""
    for what, value in (
        (resource.RLIMIT_AS, int(limits["memory_bytes"])),
        (resource.RLIMIT_CPU, int(limits["cpu_seconds"])),
        (resource.RLIMIT_FSIZE, int(limits["file_bytes"])),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (allowed, allowed))


def leave_the_network() -> str:
    """Enter an empty network namespace; returns "" or why the kernel refused. To run before any thread."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if not hasattr(libc, "unshare"):
        return "this system has no network namespaces"
    flags = CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWNET | CLONE_NEWUSER
    if libc.unshare(flags) != 0 and libc.unshare(CLONE_NEWNET | CLONE_NEWUSER) != 0:
        return f"unshare: {os.strerror(ctypes.get_errno())}"
    return ""


def say(out: IO[str], **message: object) -> None:
    """One JSON line to the parent."""
    out.write(json.dumps(message) + "\n")
    out.flush()


def call(request: dict[str, Any], out: IO[str]) -> dict[str, object]:
    """Import and call the function; the last word for the parent."""
    from annotation.errors import SolcommunError

    try:
        module_name, _, name = request["function"].rpartition(".")
        function = getattr(importlib.import_module(module_name), name)
        kwargs = dict(request["kwargs"])
        if "progress" in inspect.signature(function).parameters:
            kwargs["progress"] = lambda share: say(out, type="progress", share=float(share))
        value = function(**kwargs)
        value = value.as_json() if hasattr(value, "as_json") else value
        json.dumps(value)
    except SolcommunError as error:
        kind = type(error)
        return {
            "type": "error",
            "ours": True,
            "module": kind.__module__,
            "class": kind.__qualname__,
            "message": str(error),
            "details": error.details,
        }
    except MemoryError:
        return {"type": "memory", "limit": request["limits"]["memory_bytes"]}
    except Exception as error:
        return {
            "type": "error",
            "ours": False,
            "message": repr(error)[:2000],
            "traceback": traceback.format_exc()[-4000:],
        }
    return {"type": "result", "value": value}


def describe_rights() -> dict[str, Any]:
    """What this process may still do: for the platform's self-check, called through `run_in_sandbox`."""
    import socket

    import rasterio

    with rasterio.Env() as env:
        drivers = sorted(env.drivers())
    limits = {"memory": resource.RLIMIT_AS, "cpu": resource.RLIMIT_CPU, "file": resource.RLIMIT_FSIZE}
    return {
        "drivers": drivers,
        "interfaces": [name for _, name in socket.if_nameindex()],
        "environment": sorted(os.environ),
        "limits": {name: resource.getrlimit(what)[0] for name, what in limits.items()},
        "folder_is_empty": not any(Path.cwd().iterdir()),
    }


def main() -> None:
    """Read one request from standard input, answer on the descriptor named by the first argument."""
    with os.fdopen(int(sys.argv[1]), "w", encoding="utf-8") as out:
        request = json.loads(sys.stdin.read())
        reason = leave_the_network()
        limit_resources(request["limits"])
        if reason and request["require_isolation"]:
            say(out, type="unisolated", message=reason)
            return
        if reason:
            say(out, type="warning", message=f"running without network isolation: {reason}")
        say(out, **call(request, out))


if __name__ == "__main__":
    main()
