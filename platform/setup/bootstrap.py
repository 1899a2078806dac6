"""Everything `make setup` does, in order; each step is skipped when it is done already.

    bootstrap.py [--browser]

Runs on a bare system with any Python 3.11 or newer. Standard library only.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from setup import machine, packages, services, toolchain
from setup.machine import SetupError


def main() -> int:
    """Prepare this checkout to run the site and its tests."""
    parser = argparse.ArgumentParser(description="Everything `make setup` does.")
    parser.add_argument("--browser", action="store_true", help="also install what the browser tests need")
    arguments = parser.parse_args()
    toolchain.check_python()
    start = time.monotonic()
    with _one_at_a_time():
        packages.install_missing(with_browser=arguments.browser)
        toolchain.install_python_packages()
        toolchain.provide_node()
        toolchain.install_node_packages()
        toolchain.build_front_end()
        toolchain.compile_messages()
        services.up()
        toolchain.migrate()
    print(f"  set up in {time.monotonic() - start:.1f} s", flush=True)
    return 0


class _one_at_a_time:  # noqa: N801 reads as a statement
    """Two set-ups of one checkout at once would undo each other: the second one waits."""

    def __enter__(self) -> None:
        machine.VAR.mkdir(parents=True, exist_ok=True)
        if not os.access(machine.VAR, os.W_OK):
            raise SetupError(f"{machine.VAR} belongs to another account: go on, or `make clean`, as that one.")
        self._file = (machine.VAR / "setup.lock").open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            machine.announce("another set-up is under way in this checkout: waiting for it")
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


if __name__ == "__main__":
    machine.main_guard(main)
