"""Whether the process of this container does its work: exit 0 or 1. `healthcheck.py web | worker | beat`."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

# Beat writes its schedule every three minutes at the latest.
BEAT_SILENCE_SECONDS = 420


def web(port: int = 8000) -> bool:
    """The site says it is ready (database, disk), asked as the reverse proxy would."""
    host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=8)
    try:
        connection.request("GET", "/readyz", headers={"Host": host, "X-Forwarded-Proto": "https"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def worker() -> bool:
    """The worker on this host answers through the broker."""
    name = f"worker@{socket.gethostname()}"
    ping = ["celery", "-A", "config.celery_app", "inspect", "ping", "-d", name, "--timeout", "8"]
    return subprocess.run(ping, stdout=subprocess.DEVNULL, check=False).returncode == 0


def beat(folder: Path = Path("/tmp")) -> bool:  # noqa: S108 a container's own
    """The schedule was written lately."""
    times = [file.stat().st_mtime for file in folder.glob("beat-schedule*")]
    return bool(times) and time.time() - max(times) < BEAT_SILENCE_SECONDS


if __name__ == "__main__":
    sys.exit(0 if {"web": web, "worker": worker, "beat": beat}[sys.argv[1]]() else 1)
