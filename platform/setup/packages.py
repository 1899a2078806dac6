"""The few programs that come from the system: PostgreSQL, PostGIS, Redis, gettext, and the tests' browser."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from setup import machine
from setup.machine import SetupError

# The names are Debian 12's; the Dockerfile installs the same ones (tests/config/test_setup_containers.py).
VENV_PACKAGES = ("python3-venv",)
RUNTIME_PACKAGES = ("libexpat1",)  # rasterio's wheel expects the system's
BUILD_PACKAGES = ("gettext",)
DATABASE_PACKAGES = ("postgresql-15", "postgresql-15-postgis-3")
BROKER_PACKAGES = ("redis-server",)
BROWSER_PACKAGES = ("chromium", "fonts-dejavu-core")

_DEJAVU = ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/dejavu-sans-fonts", "/Library/Fonts")


def postgres_bin() -> Path | None:
    """Folder of the newest PostgreSQL that has PostGIS, or None. `PG_BIN` in the environment overrides."""
    if os.environ.get("PG_BIN"):
        return Path(os.environ["PG_BIN"])
    candidates = [
        *Path("/usr/lib/postgresql").glob("*/bin"),  # Debian
        *Path("/opt/homebrew/opt").glob("postgresql@*/bin"),
        *Path("/usr/local/opt").glob("postgresql@*/bin"),
        *Path("/usr").glob("pgsql-*/bin"),
    ]
    on_path = shutil.which("postgres")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    fit = [folder for folder in candidates if (folder / "initdb").exists() and _has_postgis(folder)]
    return max(fit, key=_major_version, default=None)


def _has_postgis(folder: Path) -> bool:
    debian = Path("/usr/share/postgresql") / folder.parent.name
    if (debian / "extension" / "postgis.control").exists():
        return True
    pg_config = folder / "pg_config"
    if not pg_config.exists():
        return False
    shared = machine.attempt([pg_config, "--sharedir"]).stdout.strip()
    return (Path(shared) / "extension" / "postgis.control").exists()


def _major_version(folder: Path) -> int:
    words = machine.attempt([folder / "postgres", "--version"]).stdout.split()  # postgres (PostgreSQL) 15.18
    return next((int(word.split(".")[0]) for word in words if word[0].isdigit()), 0)


def browser() -> str | None:
    """The Chromium that the browser tests drive."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def missing_packages(*, with_browser: bool) -> list[str]:
    """Debian names of what this machine lacks; what runs elsewhere (by URL) is not asked for."""
    missing: list[str] = []
    # An environment that exists needs no tool to make one.
    if not machine.PYTHON.exists() and not _can_make_venv():
        missing += VENV_PACKAGES
    if not _has_expat():
        missing += RUNTIME_PACKAGES
    if not shutil.which("msgfmt"):
        missing += BUILD_PACKAGES
    if not os.environ.get("DATABASE_URL") and postgres_bin() is None:
        missing += DATABASE_PACKAGES
    if not os.environ.get("CELERY_BROKER_URL") and not shutil.which("redis-server"):
        missing += BROKER_PACKAGES
    if with_browser:
        if not browser():
            missing.append(BROWSER_PACKAGES[0])
        if not any(Path(folder).exists() for folder in _DEJAVU):
            missing.append(BROWSER_PACKAGES[1])
    return missing


def _can_make_venv() -> bool:
    probe = [sys.executable, "-c", "import ensurepip, venv"]
    return subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0


def _has_expat() -> bool:
    if sys.platform != "linux":
        return True
    try:
        ctypes.CDLL("libexpat.so.1")
    except OSError:
        return False
    return True


def install_missing(*, with_browser: bool) -> None:
    """Install what is missing with apt, as root or by sudo; else say what to run, and stop."""
    with machine.step("system packages") as step:
        missing = missing_packages(with_browser=with_browser)
        if not missing:
            step.note = "present"
            return
        if not shutil.which("apt-get"):
            raise SetupError(
                f"Missing, by their Debian names: {' '.join(missing)}. This system has no apt-get: "
                "docs/operate/install.md names them for other systems."
            )
        sudo = _privilege(missing)
        machine.announce(f"apt-get install {' '.join(missing)}")
        if DATABASE_PACKAGES[0] in missing:
            _no_system_cluster(sudo)
        apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-o", "Acquire::Retries=3"]
        machine.run([*apt, "update"])
        # Keeps the createcluster.conf written above when the package brings its own.
        keep = ["-o", "Dpkg::Options::=--force-confold", "--no-install-recommends"]
        machine.run([*apt, *keep, "install", *missing])
        still = missing_packages(with_browser=with_browser)
        if still:
            raise SetupError(f"apt-get ended well, but these are still not found: {' '.join(still)}.")
        step.note = f"installed {len(missing)}"


def _privilege(missing: list[str]) -> list[str]:
    """Words to put before a command that needs root."""
    if machine.AS_ROOT:
        return []
    sudo = shutil.which("sudo")
    can_type = sys.stdin is not None and sys.stdin.isatty()
    if sudo and (can_type or machine.attempt([sudo, "-n", "true"]).returncode == 0):
        return [sudo]
    raise SetupError(
        "System packages are missing and this account may not install them. Run as root, then try again:\n\n"
        f"    apt-get update && apt-get install -y --no-install-recommends {' '.join(missing)}\n"
    )


def _no_system_cluster(sudo: list[str]) -> None:
    """Debian's package would make and start a cluster on port 5432 that nobody asked for."""
    file = Path("/etc/postgresql-common/createcluster.conf")
    if file.exists() and re.search(r"^\s*create_main_cluster\s*=\s*(false|off|no)", file.read_text(), re.M):
        return
    script = f"mkdir -p {file.parent} && echo 'create_main_cluster = false' >> {file}"
    machine.run([*sudo, "sh", "-c", script])
