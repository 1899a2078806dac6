"""What the set-up decides before it installs: is it done already, is the machine's Node good enough."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo.options import NUMBERS
from setup import machine, packages, toolchain

REPOSITORY = Path(__file__).resolve().parents[2]


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def test_a_fingerprint_follows_contents_and_names_but_not_order(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("1")
    b.write_text("2")
    before = machine.fingerprint([a, b])
    assert machine.fingerprint([b, a]) == before
    a.write_text("2")
    b.write_text("1")
    assert machine.fingerprint([a, b]) != before
    assert machine.fingerprint([a, b], "3.11.2") != machine.fingerprint([a, b], "3.12.0")


def test_only_the_stamp_of_this_very_state_counts(tmp_path: Path) -> None:
    stamp = tmp_path / "deep" / "stamp"
    assert not machine.is_stamped(stamp, "one")
    machine.write_stamp(stamp, "one")
    assert machine.is_stamped(stamp, "one")
    assert not machine.is_stamped(stamp, "two")


@pytest.mark.parametrize(
    ("said", "version"),
    [("v20.20.2", (20, 20, 2)), ("v18.20.4", (18, 20, 4)), ("Segmentation fault", (0,))],
)
def test_a_node_says_its_version(tmp_path: Path, said: str, version: tuple[int, ...]) -> None:
    assert toolchain.node_version(str(program(tmp_path, "node", f"echo {said}"))) == version


def test_a_missing_or_broken_node_is_older_than_any(tmp_path: Path) -> None:
    assert toolchain.node_version(None) == (0,)
    assert toolchain.node_version(str(program(tmp_path, "node", "exit 1"))) == (0,)


@pytest.mark.parametrize(
    ("version", "with_npm", "fits"),
    [("v20.19.0", True, True), ("v18.20.4", True, False), ("v22.1.0", False, False)],
)
def test_the_systems_node_is_used_when_it_is_new_enough_and_has_npm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, with_npm: bool, fits: bool
) -> None:
    venv = tmp_path / "venv"
    # The environment's own link comes first on PATH and must not be taken for the system's.
    program(venv / "bin", "node", "echo v24.0.0")
    program(venv / "bin", "npm", "echo 11")
    program(tmp_path / "system", "node", f"echo {version}")
    if with_npm:
        program(tmp_path / "system", "npm", "echo 10")
    monkeypatch.setenv("PATH", f"{venv / 'bin'}{os.pathsep}{tmp_path / 'system'}")
    assert toolchain._system_node_fits(venv) is fits


def test_an_old_python_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(machine.SetupError, match=r"make setup PYTHON="):
        toolchain.check_python()


def test_a_machine_without_the_programs_misses_exactly_these(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(packages, "postgres_bin", lambda: None)
    monkeypatch.setattr(packages, "_DEJAVU", ())
    for name in ("DATABASE_URL", "CELERY_BROKER_URL"):
        monkeypatch.delenv(name, raising=False)
    services = ["gettext", "postgresql-15", "postgresql-15-postgis-3", "redis-server"]
    assert packages.missing_packages(with_browser=False) == services
    assert packages.missing_packages(with_browser=True) == [*services, "chromium", "fonts-dejavu-core"]
    monkeypatch.setenv("DATABASE_URL", "postgis://db.invalid/d")
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://broker.invalid/0")
    assert packages.missing_packages(with_browser=False) == ["gettext"]


def test_an_account_without_rights_is_told_the_one_line_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "AS_ROOT", False)
    monkeypatch.setattr("sys.stdin", (tmp_path / "empty").open("w+"))
    program(tmp_path / "bin", "sudo", "exit 1")  # a sudo that asks for a password nobody can type
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    with pytest.raises(machine.SetupError, match=r"apt-get install -y --no-install-recommends redis-server gettext"):
        packages._privilege(["redis-server", "gettext"])


def test_a_failing_program_is_quoted_with_its_last_words() -> None:
    with pytest.raises(machine.SetupError, match=r"ended with 7\.\nno such table"):
        machine.run(["sh", "-c", "echo no such table >&2; exit 7"])


def test_the_front_ends_fingerprint_sees_sources_and_nothing_that_is_made() -> None:
    sources = {file.relative_to(toolchain.FRONTEND).parts[0] for file in toolchain.front_end_sources()}
    assert {"src", "package.json", "package-lock.json", "vite.config.ts"} <= sources
    assert not {"node_modules", "dist"} & sources


def test_make_hands_the_demonstration_every_option_it_reads() -> None:
    exported = re.findall(r"^export ([A-Z_ ]+)$", (REPOSITORY / "Makefile").read_text(), re.M)
    words = {word for line in exported for word in line.split()}
    named = {"IMAGERY", "LABELS", "NOMENCLATURE", "CRS", "TRANSFORM", "ATTRIBUTION"}
    assert words == named | {name.upper() for name in NUMBERS}


def test_make_help_names_every_target() -> None:
    said = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for target in ("setup", "demo", "run", "stop", "status", "test", "check", "bench", "clean", "lock"):
        assert f"  make {target} " in said
