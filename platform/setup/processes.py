"""The site's own processes on one machine: web, worker, worker-gpu where there is a GPU, beat.

    processes.py up [--port 8000] | down | status

Each runs in its own session with a pid file and a log under var/. Standard library only: what starts here
imports Django, this does not.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from setup import machine
from setup.machine import REPOSITORY, VAR, SetupError, step

PIDS = VAR / "pids"
LOGS = VAR / "log"
HOST = "127.0.0.1"

_ANSWER_SECONDS = 90
# A worker is given this long to end what it does; an interrupted job is resumed from its row in PostgreSQL.
_POLITE_SECONDS = 10.0


@dataclass(frozen=True)
class Process:
    """A long-running command with a name."""

    name: str
    command: tuple[str, ...]

    @property
    def pid_file(self) -> Path:
        """Number, birth and command of the running process."""
        return PIDS / f"{self.name}.json"

    @property
    def log(self) -> Path:
        """What it prints."""
        return LOGS / f"{self.name}.log"


def has_gpu() -> bool:
    """Whether an NVIDIA device is here, asked without loading torch."""
    return any(Path("/dev").glob("nvidia[0-9]*"))


def site_processes(*, port: int, gpu: bool) -> list[Process]:
    """The commands of a whole site; docker-compose.yml runs the same ones."""
    python = str(machine.PYTHON)
    celery = (python, "-m", "celery", "-A", "config.celery_app")
    worker = (*celery, "worker", "-l", "INFO")
    queues = "default,cpu" if gpu else "default,cpu,gpu"
    gunicorn = (python, "-m", "gunicorn", "-c", "platform/setup/gunicorn.conf.py")
    processes = [
        Process("web", (*gunicorn, "-b", f"{HOST}:{port}")),
        Process("worker", (*worker, "-n", "cpu@%h", "-Q", queues, "-c", "2")),
        Process("beat", (*celery, "beat", "--pidfile=", "-s", str(PIDS / "beat-schedule"), "-l", "INFO")),
    ]
    if gpu:
        processes.append(Process("worker-gpu", (*worker, "-n", "gpu@%h", "-Q", "gpu", "-c", "1")))
    return processes


def _environment() -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings.dev",
        **os.environ,
        "PYTHONPATH": f"{REPOSITORY / 'platform'}:{REPOSITORY}",
        "PYTHONUNBUFFERED": "1",
        # Numerical threads that wait by spinning would take the cores from whatever else runs here.
        "OMP_WAIT_POLICY": "passive",
        # Threads of a map or a training share the memory that is kept for them: learning/core/heap.py.
        "MALLOC_ARENA_MAX": "1",
    }


# --- one process ---


def birth(pid: int) -> str | None:
    """When a process began, in the system's own unit; None when there is none, or only its remains.

    A pid file that outlives a restart of the machine may name a stranger: number and birth together do not.
    """
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] == "Z" else fields[19]
    return machine.attempt(["ps", "-o", "lstart=", "-p", str(pid)]).stdout.strip() or None


def running_pid(process: Process) -> int | None:
    """Number of the process if it is alive and the one that was started here."""
    record = _record(process)
    alive = record.get("birth") is not None and birth(record["pid"]) == record["birth"]
    return int(record["pid"]) if alive else None


def _record(process: Process) -> dict[str, Any]:
    try:
        return dict(json.loads(process.pid_file.read_text()))
    except (OSError, ValueError):
        return {}


def code_stamp() -> str:
    """Names, sizes and times of what the processes load: a changed stamp means that they run old code."""
    digest = hashlib.sha256()
    folders = [REPOSITORY / name for name in ("annotation", "learning", "platform", "locale", "frontend/dist")]
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                status = path.stat()
                digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def start(process: Process) -> str:
    """Start a process in a session of its own, unless it runs on the present code; return what was done."""
    stamp = code_stamp()
    done = "started"
    if running_pid(process):
        if _record(process).get("code") == stamp:
            return "already running"
        stop(process)
        done = "restarted"
    for folder in (PIDS, LOGS):
        folder.mkdir(parents=True, exist_ok=True)
    with process.log.open("ab") as log:
        child = subprocess.Popen(
            process.command,
            cwd=REPOSITORY,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    record = {"pid": child.pid, "birth": birth(child.pid), "command": process.command, "code": stamp}
    process.pid_file.write_text(json.dumps(record))
    return done


def stop(process: Process) -> str:
    """Ask a process to end, then end its whole group; return what was done."""
    pid = running_pid(process)
    if pid is None:
        process.pid_file.unlink(missing_ok=True)
        return "not running"
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _POLITE_SECONDS
    while running_pid(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    polite = running_pid(process) is None
    # Its children share its group and may have outlived it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    process.pid_file.unlink(missing_ok=True)
    return "stopped" if polite else "killed"


def log_end(process: Process, lines: int = 12) -> str:
    """Where a process's log is, and its last lines."""
    text = process.log.read_text(errors="replace") if process.log.exists() else ""
    return "\n".join([f"{process.log} ends with:", *text.splitlines()[-lines:]])


# --- the site ---


def up(port: int) -> int:
    """Start what does not run and wait until the site answers."""
    processes = site_processes(port=port, gpu=has_gpu())
    web = processes[0]
    if running_pid(web):
        if _record(web)["command"] != [*web.command]:
            raise SetupError(f"The site runs already, and not on port {port}: `make stop` first.")
    elif _port_is_taken(port):
        raise SetupError(f"Port {port} is taken by another program: choose another, as in PORT={port + 1}.")
    for process in processes:
        with step(process.name) as line:
            line.note = start(process)
    with step("site") as line:
        wait_until_it_answers(processes, port)
        line.note = f"http://{HOST}:{port}/"
    return 0


def _port_is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def wait_until_it_answers(processes: Sequence[Process], port: int) -> None:
    """Return once the site has answered; raise when a process dies, an error comes, or the time is over."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    while True:
        for process in processes:
            if running_pid(process) is None:
                raise SetupError(f"{process.name} ended at once. {log_end(process)}")
        answer = _status_of(port)
        if answer and answer < 500:
            return
        if answer or time.monotonic() > deadline:
            said = f"answered {answer}" if answer else f"did not answer within {_ANSWER_SECONDS} s"
            raise SetupError(f"The site on port {port} {said}. {log_end(processes[0])}")
        time.sleep(0.2)


def _status_of(port: int) -> int | None:
    try:
        # No proxy: the address is this machine's.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{HOST}:{port}/", timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def _known() -> list[Process]:
    """What may run: every pid file, whatever the machine has now; web first."""
    names = sorted((file.stem for file in PIDS.glob("*.json")), key=lambda name: (name != "web", name))
    return [Process(name, ()) for name in names]


def down() -> int:
    """Stop all; web first, so that nobody meets a site without workers."""
    for process in _known():
        with step(process.name) as line:
            line.note = stop(process)
    return 0


def status() -> int:
    """Say what runs; 3 when something does not."""
    alive = {process.name: running_pid(process) for process in _known()}
    for name in sorted({"web", "worker", "beat", *alive}):
        state = f"running, process {alive[name]}" if alive.get(name) else "stopped"
        print(f"  {name:<10} {state:<24} {LOGS / name}.log")
    return 0 if {"web", "worker", "beat"} <= {name for name, pid in alive.items() if pid} else 3


def main() -> int:
    """Run one verb."""
    parser = argparse.ArgumentParser(description="The site's own processes on this machine.")
    parser.add_argument("verb", choices=("up", "down", "status"))
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    if arguments.verb == "up":
        return up(arguments.port)
    return down() if arguments.verb == "down" else status()


if __name__ == "__main__":
    machine.main_guard(main)
