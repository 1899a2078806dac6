"""A private PostgreSQL + PostGIS cluster and a private Redis under var/, on Unix sockets only.

    services.py up | down | status | env | remove

Neither listens on the network. Invoked by root, both run as the account `postgres`, which its package made.
What is set in the environment (DATABASE_URL, CELERY_BROKER_URL) is taken from there and not started here.
Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pwd
import secrets
import shutil
import socket
import stat
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from setup import machine, packages
from setup.machine import AS_ROOT, VAR, SetupError, step

NAME = "solcommun"
ENV_FILE = VAR / "services.env"
HOME_FILE = VAR / "services.home"
SERVER_ACCOUNT = "postgres" if AS_ROOT else None
# A Unix socket's address holds 107 bytes; "/.s.PGSQL.5432.lock" and the like need the rest.
LONGEST_SOCKET_FOLDER = 85

_REDIS_SECONDS = 20


@dataclass(frozen=True)
class Home:
    """Where the services keep their files, and the folder of their sockets."""

    folder: Path

    @property
    def data(self) -> Path:
        """The cluster's data directory."""
        return self.folder / "postgresql" / "data"

    @property
    def postgres_log(self) -> Path:
        """What the database server says."""
        return self.folder / "postgresql" / "server.log"

    @property
    def redis(self) -> Path:
        """Redis's append-only file, log and pid file."""
        return self.folder / "redis"

    @property
    def sockets(self) -> Path:
        """Short enough for a socket's address whatever the length of var/'s path."""
        folder = self.folder / "run"
        if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER:
            return folder
        return Path("/tmp") / f"{NAME}-{_short_hash(self.folder)}"  # noqa: S108 its owner is checked: _private_folder

    @property
    def redis_socket(self) -> Path:
        """Address of the broker."""
        return self.sockets / "redis.sock"


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:8]


def uses_private_database() -> bool:
    """False when the environment names another server."""
    return os.environ.get("DATABASE_URL", "") in {"", _recorded("DATABASE_URL")}


def uses_private_broker() -> bool:
    """False when the environment names another broker."""
    return os.environ.get("CELERY_BROKER_URL", "") in {"", _recorded("CELERY_BROKER_URL")}


# --- places ---


def home(*, create: bool) -> Home | None:
    """The recorded place of the services; with `create`, chosen and recorded the first time."""
    if HOME_FILE.exists():
        return Home(VAR / HOME_FILE.read_text().strip())  # "." or an absolute path
    if not create:
        return None
    VAR.mkdir(parents=True, exist_ok=True)
    folder = VAR
    if AS_ROOT and not _server_account_reaches(VAR):
        # Root's own folder is closed to others (0700). The random part keeps a new checkout at the same path
        # from finding the database of an older one.
        folder = Path("/var/lib") / f"{NAME}-{_short_hash(VAR)}-{secrets.token_hex(2)}"
    HOME_FILE.write_text("." if folder == VAR else str(folder))
    return Home(folder)


def _server_account_reaches(folder: Path) -> bool:
    return machine.attempt(["test", "-x", folder], user=SERVER_ACCOUNT).returncode == 0


def _server_owned(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if SERVER_ACCOUNT:
        shutil.chown(folder, SERVER_ACCOUNT, SERVER_ACCOUNT)
    folder.chmod(0o700)


def _private_folder(folder: Path) -> None:
    """Make the sockets' folder: 0700, because whoever reaches the socket is let in as any database role."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    seen = folder.lstat()
    ours = {os.geteuid(), pwd.getpwnam(SERVER_ACCOUNT).pw_uid if SERVER_ACCOUNT else os.geteuid()}
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid not in ours:
        raise SetupError(f"{folder} belongs to account {seen.st_uid}: remove it, or use a shorter path.")
    _server_owned(folder)


# --- PostgreSQL ---


def _postgres_bin() -> Path:
    folder = packages.postgres_bin()
    if folder is None:
        raise SetupError("PostgreSQL with PostGIS is not found: `make setup`, or set DATABASE_URL or PG_BIN.")
    return folder


def postgres_answers(place: Home) -> bool:
    """Whether the cluster accepts connections."""
    probe = [_postgres_bin() / "pg_isready", "-q", "-h", place.sockets, "-d", "postgres", "-t", "3"]
    return place.sockets.exists() and machine.attempt(probe, user=SERVER_ACCOUNT).returncode == 0


def start_postgres(place: Home) -> str:
    """Make the cluster if there is none, start it if it does not answer; return what was done."""
    if postgres_answers(place):
        return "already running"
    binaries = _postgres_bin()
    _server_owned(place.data.parent)
    if place.folder != VAR:
        place.folder.chmod(0o755)
    _private_folder(place.sockets)
    new = not place.data.exists()
    if new:
        _make_cluster(place, binaries)
    options = f"-c listen_addresses='' -c unix_socket_directories='{place.sockets}'"
    server = [
        binaries / "pg_ctl",
        "-D",
        place.data,
        "-l",
        place.postgres_log,
        "-w",
        "-t",
        "60",
        "-o",
        options,
    ]
    started = machine.attempt([*server, "start"], user=SERVER_ACCOUNT)
    if started.returncode != 0:
        log = place.postgres_log
        said = log.read_text(errors="replace").splitlines()[-12:] if log.exists() else [started.stderr]
        raise SetupError("\n".join([f"PostgreSQL did not start; {log} ends with:", *said]))
    _make_role_and_database(place, binaries)
    return "made and started" if new else "started"


def _make_cluster(place: Home, binaries: Path) -> None:
    # Made aside and renamed: what an interrupted run leaves is never taken for a cluster.
    partial = place.data.with_name("data.partial")
    shutil.rmtree(partial, ignore_errors=True)
    initdb = [binaries / "initdb", "-D", partial, "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
    machine.run([*initdb, "--locale=C.UTF-8", "--data-checksums", "--no-instructions"], user=SERVER_ACCOUNT)
    # fsync and synchronous_commit keep their default, on: what was acknowledged survives a crash.
    with (partial / "postgresql.conf").open("a") as settings:
        settings.write("\nmax_connections = 100\ntimezone = 'UTC'\nlog_timezone = 'UTC'\n")
    partial.rename(place.data)


def _make_role_and_database(place: Home, binaries: Path) -> None:
    """PostGIS in template1, so that a role without superuser may create databases that have it."""
    done = place.data / f"{NAME}-database-made"
    if done.exists():
        return

    def ask(database: str, sql: str) -> str:
        psql = [binaries / "psql", "-X", "-q", "-A", "-t", "-h", place.sockets, "-U", "postgres"]
        return machine.run([*psql, "-d", database, "-c", sql], user=SERVER_ACCOUNT).strip()

    ask("template1", "SET client_min_messages = error; CREATE EXTENSION IF NOT EXISTS postgis")
    if not ask("postgres", f"SELECT 1 FROM pg_roles WHERE rolname = '{NAME}'"):  # noqa: S608 NAME is a constant
        ask("postgres", f"CREATE ROLE {NAME} LOGIN CREATEDB")
    if not ask("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{NAME}'"):  # noqa: S608
        ask("postgres", f"CREATE DATABASE {NAME} OWNER {NAME}")
    done.touch()


def stop_postgres(place: Home) -> str:
    """Stop the cluster; connections are closed, transactions in flight rolled back."""
    if not (place.data / "postmaster.pid").exists():
        return "not running"
    stop = [_postgres_bin() / "pg_ctl", "-D", place.data, "-w", "-t", "60", "-m", "fast", "stop"]
    machine.attempt(stop, user=SERVER_ACCOUNT)
    if postgres_answers(place):
        raise SetupError(f"PostgreSQL did not stop within 60 s; see {place.postgres_log}.")
    return "stopped"


# --- Redis ---


def ask_redis(place: Home, *words: str) -> str:
    """Send one command to the private Redis; its one-line answer, or "" when it does not answer."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(place.redis_socket))
            connection.sendall(" ".join(words).encode() + b"\r\n")
            return connection.recv(4096).decode(errors="replace").strip()
    except OSError:
        return ""


def start_redis(place: Home) -> str:
    """Start Redis if it does not answer; return what was done."""
    if ask_redis(place, "PING") == "+PONG":
        return "already running"
    program = shutil.which("redis-server")
    if not program:
        raise SetupError("redis-server is not found: run `make setup`, or set CELERY_BROKER_URL.")
    _server_owned(place.redis)
    if place.folder != VAR:
        place.folder.chmod(0o755)
    _private_folder(place.sockets)
    options = {
        "--port": "0",
        "--unixsocket": str(place.redis_socket),
        "--unixsocketperm": "700",
        "--dir": str(place.redis),
        "--appendonly": "yes",
        "--maxmemory-policy": "noeviction",
        "--daemonize": "yes",
        "--pidfile": str(place.redis / "redis.pid"),
        "--logfile": str(place.redis / "server.log"),
    }
    words = [word for option in options.items() for word in option]
    machine.run([program, *words, "--save", ""], user=SERVER_ACCOUNT)
    deadline = time.monotonic() + _REDIS_SECONDS
    while ask_redis(place, "PING") != "+PONG":
        if time.monotonic() > deadline:
            raise SetupError(f"Redis does not answer after {_REDIS_SECONDS} s; see {place.redis}/server.log.")
        time.sleep(0.05)
    return "started"


def stop_redis(place: Home) -> str:
    """Stop Redis once its append-only file is on disk."""
    if not ask_redis(place, "PING"):
        return "not running"
    ask_redis(place, "SHUTDOWN")
    deadline = time.monotonic() + _REDIS_SECONDS
    while ask_redis(place, "PING"):
        if time.monotonic() > deadline:
            raise SetupError(f"Redis did not stop within {_REDIS_SECONDS} s; see {place.redis}/server.log.")
        time.sleep(0.05)
    return "stopped"


# --- var/services.env ---


def _recorded(name: str) -> str:
    """A value of var/services.env, or ""."""
    if not ENV_FILE.exists():
        return ""
    lines = (line.partition("=") for line in ENV_FILE.read_text().splitlines())
    return next((value for key, _, value in lines if key == name), "")


def write_env(place: Home | None) -> dict[str, str]:
    """Write what the settings need and the environment lacks; the secret key is drawn once and kept."""
    values: dict[str, str] = {}
    if place and uses_private_database():
        values["DATABASE_URL"] = f"postgis://{NAME}@/{NAME}?host={quote(str(place.sockets), safe='')}"
    if place and uses_private_broker():
        values["CELERY_BROKER_URL"] = f"redis+socket://{place.redis_socket}"
    values["SECRET_KEY"] = _recorded("SECRET_KEY") or secrets.token_urlsafe(50)
    VAR.mkdir(parents=True, exist_ok=True)
    partial = ENV_FILE.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    partial.replace(ENV_FILE)
    return values


# --- verbs ---


def up() -> int:
    """Start what is not running, and write var/services.env."""
    database, broker = uses_private_database(), uses_private_broker()
    place = home(create=True) if database or broker else None
    with step("database") as line:
        line.note = start_postgres(place) if place and database else "another server, by DATABASE_URL"
    with step("broker") as line:
        line.note = start_redis(place) if place and broker else "another server, by CELERY_BROKER_URL"
    write_env(place)
    return 0


def down() -> int:
    """Stop both; what they keep stays."""
    place = home(create=False)
    for title, stop in (("broker", stop_redis), ("database", stop_postgres)):
        with step(title) as line:
            line.note = stop(place) if place else "not running"
    return 0


def status() -> int:
    """Say what runs; 3 when something does not."""
    place = home(create=False)
    database = place is not None and postgres_answers(place)
    broker = place is not None and ask_redis(place, "PING") == "+PONG"
    print(f"  database  {'running' if database else 'stopped'}  {place.data if place else ''}")
    print(f"  broker    {'running' if broker else 'stopped'}  {place.redis if place else ''}")
    return 0 if database and broker else 3


def env() -> int:
    """Write var/services.env and print it."""
    for name, value in write_env(home(create=False)).items():
        print(f"{name}={value}")
    return 0


def remove() -> int:
    """Stop both and remove var/ with everything in it: database, imagery, models, releases."""
    place = home(create=False)
    if place is None and VAR != machine.REPOSITORY / "var":
        raise SetupError(f"{VAR} was not made by this set-up: remove it by hand if that is what you want.")
    down()
    if place:
        shutil.rmtree(place.sockets, ignore_errors=True)
        if place.folder != VAR:
            shutil.rmtree(place.folder, ignore_errors=True)
    with step("remove var/") as line:
        if VAR.exists():
            shutil.rmtree(VAR)
        line.note = "removed"
    return 0


def main() -> int:
    """Run one verb."""
    verbs = {"up": up, "down": down, "status": status, "env": env, "remove": remove}
    parser = argparse.ArgumentParser(description="The private PostgreSQL and Redis under var/.")
    parser.add_argument("verb", choices=verbs)
    return verbs[parser.parse_args().verb]()


if __name__ == "__main__":
    machine.main_guard(main)
