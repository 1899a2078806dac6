"""What every part of the set-up shares: places, steps with their duration, stamps, child processes.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
VAR = Path(os.environ.get("SOLCOMMUN_VAR_DIR") or REPOSITORY / "var").absolute()
VENV = REPOSITORY / ".venv"
PYTHON = VENV / "bin" / "python"
AS_ROOT = os.geteuid() == 0

# A root shell started by `su` or a service may lack the folders of system programs.
os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/local/bin:/usr/bin:/usr/sbin:/sbin"


class SetupError(Exception):
    """Something on this machine stops the set-up; the message says what to do."""


@dataclass
class Step:
    """One line of the set-up's report; `note` says what happened."""

    title: str
    note: str = "done"


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Print one line with the duration of the block."""
    current = Step(title)
    start = time.monotonic()
    try:
        yield current
    except BaseException:
        current.note = "FAILED"
        raise
    finally:
        print(f"  {title:<24} {current.note:<44} {time.monotonic() - start:7.1f} s", flush=True)


def announce(text: str) -> None:
    """Say what a long step is doing, before it is done."""
    print(f"  … {text}", flush=True)


def run(
    command: Sequence[object],
    *,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    quiet: bool = True,
) -> str:
    """Run a program; return what it printed, or raise SetupError with the end of it.

    With `user` (only as root) it runs as that account. Not `quiet`: its output goes to the terminal.
    """
    result = attempt(command, user=user, env=env, cwd=cwd, quiet=quiet)
    if result.returncode != 0:
        said = "\n".join(((result.stdout or "") + (result.stderr or "")).strip().splitlines()[-15:])
        raise SetupError(f"`{' '.join(map(str, command))}` ended with {result.returncode}.\n{said}".rstrip())
    return result.stdout or ""


def attempt(
    command: Sequence[object],
    *,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    quiet: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Like `run`, but a failure is an answer."""
    account = pwd.getpwnam(user) if user else None
    environment = {**os.environ, **(env or {})}
    if account:
        environment["HOME"] = account.pw_dir
    sys.stdout.flush()
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd or ("/" if account else REPOSITORY),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.PIPE if quiet else None,
        text=True,
        check=False,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )


def fingerprint(files: Iterable[Path], *extra: str) -> str:
    """Hash of the files' names and contents, and of `extra`; independent of their order."""
    digest = hashlib.sha256("\0".join(extra).encode())
    for file in sorted(set(files)):
        name = file.relative_to(REPOSITORY) if file.is_relative_to(REPOSITORY) else file
        digest.update(f"\0{name}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def is_stamped(stamp: Path, value: str) -> bool:
    """Whether `stamp` was written for this very `value`."""
    return stamp.exists() and stamp.read_text() == value


def write_stamp(stamp: Path, value: str) -> None:
    """Remember that the work described by `value` is done."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(value)


def main_guard(main: object) -> None:
    """Run a command's `main()`; an expected failure is a message, not a traceback."""
    try:
        code = main()  # type: ignore[operator]
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        code = 1
    sys.exit(code or 0)
