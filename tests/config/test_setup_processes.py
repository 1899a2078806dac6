"""Supervision by pid files: real processes, started and stopped."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from setup import processes
from setup.machine import SetupError
from setup.processes import Process


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PIDS", tmp_path / "pids")
    monkeypatch.setattr(processes, "LOGS", tmp_path / "log")


def shell(name: str, script: str) -> Process:
    return Process(name, ("bash", "-c", script))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited 10 s in vain"
        time.sleep(0.02)


def test_a_started_process_is_found_again_and_not_started_twice() -> None:
    sleeper = shell("sleeper", "sleep 60")
    assert processes.start(sleeper) == "started"
    first = processes.running_pid(sleeper)
    assert processes.start(sleeper) == "already running"
    assert processes.running_pid(sleeper) == first
    assert processes.stop(sleeper) == "stopped"
    assert processes.running_pid(sleeper) is None
    assert processes.stop(sleeper) == "not running"


def test_a_process_that_runs_old_code_is_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    sleeper = shell("sleeper", "sleep 60")
    processes.start(sleeper)
    first = processes.running_pid(sleeper)
    monkeypatch.setattr(processes, "code_stamp", lambda: "another")
    assert processes.start(sleeper) == "restarted"
    assert processes.running_pid(sleeper) not in {None, first}
    processes.stop(sleeper)


def test_stopping_a_process_ends_children_that_outlive_it(tmp_path: Path) -> None:
    # The child ignores the polite signal, as a busy worker's child may.
    child = f"trap '' TERM; echo $BASHPID > {shlex.quote(str(tmp_path))}/child; while :; do sleep 0.1; done"
    parent = shell("parent", f"({child}) & sleep 60")
    processes.start(parent)
    wait_until(lambda: (tmp_path / "child").exists() and bool((tmp_path / "child").read_text()))
    child_pid = int((tmp_path / "child").read_text())
    assert processes.birth(child_pid) is not None
    processes.stop(parent)
    wait_until(lambda: processes.birth(child_pid) is None)


def test_a_process_that_ignores_the_polite_signal_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processes, "_POLITE_SECONDS", 0.3)
    stubborn = shell("stubborn", f"trap '' TERM; touch {tmp_path}/ready; while :; do sleep 0.1; done")
    processes.start(stubborn)
    wait_until((tmp_path / "ready").exists)
    assert processes.stop(stubborn) == "killed"
    wait_until(lambda: processes.running_pid(stubborn) is None)


def test_a_stranger_with_the_same_number_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        old = Process("web", ())
        old.pid_file.parent.mkdir(parents=True)
        old.pid_file.write_text(json.dumps({"pid": stranger.pid, "birth": "1"}))
        assert processes.running_pid(old) is None
        assert processes.stop(old) == "not running"
        assert stranger.poll() is None
        stranger.kill()


def test_a_torn_pid_file_means_not_running() -> None:
    torn = Process("web", ())
    torn.pid_file.parent.mkdir(parents=True)
    torn.pid_file.write_text('{"pid": ')
    assert processes.running_pid(torn) is None


def test_a_process_that_dies_at_once_is_reported_with_the_end_of_its_log() -> None:
    broken = shell("web", "echo cannot find the database; exit 1")
    processes.start(broken)
    wait_until(lambda: processes.running_pid(broken) is None)
    with pytest.raises(SetupError, match=r"web ended at once(?s:.)*cannot find the database"):
        processes.wait_until_it_answers([broken], 1)


def test_a_site_that_runs_on_another_port_is_not_waited_for_in_vain() -> None:
    processes.start(shell("web", "sleep 60"))
    with pytest.raises(SetupError, match=r"not on port 8123: `make stop` first"):
        processes.up(8123)
    assert processes.stop(shell("web", "")) == "stopped"


def test_a_taken_port_is_named_with_the_next_one() -> None:
    server = subprocess.Popen(
        [sys.executable, "-u", "-c", "import socket,time; s=socket.create_server(('127.0.0.1',0));"
         "print(s.getsockname()[1]); time.sleep(60)"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with pytest.raises(SetupError, match=f"Port {port} is taken by another program.*PORT={port + 1}"):
            processes.up(port)
        server.kill()


def test_every_queue_has_a_worker_with_and_without_a_gpu() -> None:
    for gpu in (False, True):
        commands = [p.command for p in processes.site_processes(port=8000, gpu=gpu) if "worker" in p.command]
        queues = [queue for command in commands for queue in command[command.index("-Q") + 1].split(",")]
        assert sorted(queues) == ["cpu", "default", "gpu"]
    assert [p.name for p in processes.site_processes(port=8000, gpu=True)] == [
        "web",
        "worker",
        "beat",
        "worker-gpu",
    ]


def test_what_starts_a_process_does_not_load_django() -> None:
    script = Path(processes.__file__)
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import runpy, sys; runpy.run_path(sys.argv[1]); print(*sys.modules)",
            str(script),
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": ""},
    ).stdout.split()
    assert "setup.machine" in loaded
    assert "django" not in loaded
