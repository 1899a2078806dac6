"""The private PostgreSQL and Redis: real ones, in folders of their own."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import environ
import psycopg
import pytest
import redis

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "platform" / "setup" / "services.py"

Services = Callable[..., subprocess.CompletedProcess[str]]


def services_in(var: Path) -> Services:
    """A function that runs services.py with `var` as var/, as `make` does: by path, with nothing else set."""
    clean = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "CELERY_BROKER_URL", "SECRET_KEY"}}

    def call(verb: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(SCRIPT), verb],
            env={**clean, "SOLCOMMUN_VAR_DIR": str(var), **extra},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return call


def read_env(var: Path) -> dict[str, str]:
    lines = (var / "services.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def connect(values: dict[str, str], database: str | None = None) -> psycopg.Connection:
    """Connect with what django-environ makes of the address, as the settings do."""
    config = environ.Env.db_url_config(values["DATABASE_URL"])
    return psycopg.connect(dbname=database or config["NAME"], user=config["USER"], **config["OPTIONS"], autocommit=True)


@pytest.fixture(scope="module")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Services]]:
    """Running services in a closed folder whose path is too long for a socket and holds a space."""
    closed = tmp_path_factory.mktemp("closed")
    closed.chmod(0o700)
    var = closed / ("a long name " * 8).strip() / "var"
    call = services_in(var)
    started = call("up")
    assert started.returncode == 0, started.stderr
    yield var, call
    removed = call("remove")
    assert removed.returncode == 0, removed.stderr


def test_the_written_addresses_reach_postgis_and_redis(awkward: tuple[Path, Services]) -> None:
    values = read_env(awkward[0])
    with connect(values) as connection:
        assert connection.execute("SELECT ST_Area(ST_GeomFromText('POLYGON((0 0,2 0,2 3,0 3,0 0))'))").fetchone() == (
            6.0,
        )
    socket = values["CELERY_BROKER_URL"].removeprefix("redis+socket://")
    assert redis.Redis(unix_socket_path=socket).ping() is True


def test_the_application_role_makes_databases_with_postgis_but_is_no_superuser(
    awkward: tuple[Path, Services],
) -> None:
    values = read_env(awkward[0])
    with connect(values) as connection:
        row = connection.execute("SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user").fetchone()
        assert row == (False, True)
        connection.execute("CREATE DATABASE test_made_by_role")
    with connect(values, "test_made_by_role") as connection:
        assert connection.execute("SELECT count(*) FROM pg_extension WHERE extname = 'postgis'").fetchone() == (1,)


def test_an_acknowledged_write_is_on_disk(awkward: tuple[Path, Services]) -> None:
    with connect(read_env(awkward[0])) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert connection.execute("SELECT current_setting(%s)", [setting]).fetchone() == ("on",), setting
    socket = read_env(awkward[0])["CELERY_BROKER_URL"].removeprefix("redis+socket://")
    assert redis.Redis(unix_socket_path=socket).config_get("appendonly") == {"appendonly": "yes"}


def test_nothing_listens_on_the_network_and_no_other_account_reaches_the_sockets(
    awkward: tuple[Path, Services],
) -> None:
    values = read_env(awkward[0])
    with connect(values) as connection:
        assert connection.execute("SELECT current_setting('listen_addresses')").fetchone() == ("",)
    socket = Path(values["CELERY_BROKER_URL"].removeprefix("redis+socket://"))
    assert redis.Redis(unix_socket_path=str(socket)).config_get("port") == {"port": "0"}
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((awkward[0] / "services.env").stat().st_mode) == 0o600


def test_a_second_up_changes_nothing_and_a_restart_keeps_rows_messages_and_key(
    awkward: tuple[Path, Services],
) -> None:
    var, call = awkward
    before = read_env(var)
    assert len(before["SECRET_KEY"]) >= 50
    socket = before["CELERY_BROKER_URL"].removeprefix("redis+socket://")
    with connect(before) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (41)")
    redis.Redis(unix_socket_path=socket).rpush("queue", "message")
    again = call("up")
    assert again.stdout.count("already running") == 2
    assert call("down").returncode == 0
    assert call("status").returncode == 3
    assert call("up").returncode == 0
    assert call("status").returncode == 0
    assert read_env(var) == before
    with connect(before) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (41,)
    assert redis.Redis(unix_socket_path=socket).lrange("queue", 0, -1) == [b"message"]


def test_a_cluster_left_half_made_by_an_interrupted_run_is_made_anew(tmp_path: Path) -> None:
    var = tmp_path / "var"
    call = services_in(var)
    assert call("up").returncode == 0
    assert call("down").returncode == 0
    server = var / (var / "services.home").read_text() / "postgresql"
    (server / "data").rename(server / "data.partial")
    (server / "data.partial" / "postgresql.conf").unlink()
    again = call("up")
    assert "made and started" in again.stdout, again.stderr
    with connect(read_env(var)) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("solcommun",)
    assert call("remove").returncode == 0


def test_servers_named_in_the_environment_are_not_started_here(tmp_path: Path) -> None:
    var = tmp_path / "var"
    call = services_in(var)
    elsewhere = {
        "DATABASE_URL": "postgis://u@db.invalid/d",
        "CELERY_BROKER_URL": "redis://broker.invalid:6379/0",
    }
    assert call("up", **elsewhere).returncode == 0
    assert sorted(read_env(var)) == ["SECRET_KEY"]
    assert not (var / "postgresql").exists()


def test_a_folder_that_this_set_up_did_not_make_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years")
    refused = services_in(tmp_path)("remove")
    assert refused.returncode == 1
    assert "was not made by this set-up" in refused.stderr
    assert (tmp_path / "thesis.txt").exists()
