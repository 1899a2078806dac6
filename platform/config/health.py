"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

import shutil

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse


def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """The database answers durably and there is room on the disk; 503 names what is missing."""
    problems = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
            fsync, synchronous_commit = cursor.fetchone()
        if fsync != "on" or synchronous_commit == "off":
            problems.append(f"database: fsync is {fsync}, synchronous_commit is {synchronous_commit}; both must be on")
    except DatabaseError:
        problems.append("database: does not answer")
    folder = settings.DATA_DIR if settings.DATA_DIR.exists() else settings.VAR_DIR.parent
    usage = shutil.disk_usage(folder)
    if usage.free < 0.05 * usage.total:
        problems.append(f"disk: {usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.0f} GB")
    return JsonResponse(
        {"status": "ready" if not problems else "not ready", "problems": problems}, status=503 if problems else 200
    )
