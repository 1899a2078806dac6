"""The site the demonstration runs on: its processes, its management commands, what the terminal shows."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from django.core.management import call_command

if TYPE_CHECKING:
    from pathlib import Path

_START_LIMIT_S = 120.0


class Site:
    """A running Solcommun on this machine, reached by HTTP and by `manage.py`."""

    def __init__(self, *, root: Path, port: int) -> None:
        """root is the repository; port is where the web process listens on the loop-back address."""
        self._root = root
        self._port = port
        self._shown = ""
        self._last_line = 0.0
        self.url = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        """Start what is not running and wait until the site answers; RuntimeError when it does not."""
        self.say(f"Starting the site on {self.url}")
        command = [sys.executable, "platform/setup/processes.py", "up", "--port", str(self._port)]
        ended = subprocess.run(command, cwd=self._root, check=False)
        if ended.returncode:
            raise RuntimeError(f"`{' '.join(command[1:])}` ended with {ended.returncode}; see var/log")
        began = time.monotonic()
        while not self._answers():
            if time.monotonic() - began > _START_LIMIT_S:
                raise RuntimeError(f"{self.url} does not answer after {_START_LIMIT_S:.0f} s; see var/log")
            self.progress("waiting for the site")
            time.sleep(0.5)
        self.progress_done()

    def manage(self, *arguments: str, allow_failure: bool = False) -> dict[str, Any]:
        """Run a management command and give back the JSON object of its last line; lines before it are shown.

        Without --json and without an object, an empty one. Raises RuntimeError when it fails (unless allowed)
        or breaks its word.
        """
        self.say(f"manage.py {arguments[0]}")
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments], cwd=self._root, stdout=subprocess.PIPE, text=True
        )
        last = ""
        for line in process.stdout or ():
            if last and not last.startswith("{"):
                self.progress(last)
            last = line.rstrip() or last
        code = process.wait()
        self.progress_done()
        if code and not allow_failure:
            raise RuntimeError(f"manage.py {arguments[0]} ended with {code}; its message is above. {last}")
        answer: dict[str, Any] = json.loads(last) if last.startswith("{") else {}
        if not answer and "--json" in arguments:
            raise RuntimeError(f"manage.py {arguments[0]} ended with {last[:200]!r}, not with a JSON object")
        return answer

    def manage_here(self, *arguments: str) -> dict[str, Any]:
        """The same for a command that ends at once, in this process: what it prints is kept to itself.

        Raises: CommandError: as the command says.
        """
        self.say(f"manage.py {arguments[0]}")
        out = io.StringIO()
        call_command(*arguments, stdout=out)
        last = out.getvalue().strip().rpartition("\n")[2]
        answer: dict[str, Any] = json.loads(last) if last.startswith("{") else {}
        return answer

    def say(self, text: str) -> None:
        """A line of its own."""
        print(f"» {text}", flush=True)

    def progress(self, text: str) -> None:
        """What is going on now: rewritten in place on a terminal, a line every ten seconds elsewhere."""
        if sys.stdout.isatty():
            print("\r  " + text[:110].ljust(110), end="", flush=True)
            self._shown = text
        elif text != self._shown and time.monotonic() - self._last_line > 10.0:
            print("  " + text, flush=True)
            self._shown, self._last_line = text, time.monotonic()

    def progress_done(self) -> None:
        """Leave the last progress line on the terminal."""
        if self._shown and sys.stdout.isatty():
            print(flush=True)
        self._shown = ""

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/accounts/login/", timeout=5):  # noqa: S310 - our own address
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
