"""The locks, the Dockerfile and docker-compose.yml stay in step with the set-up and with each other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from setup import healthcheck, packages, processes

REPOSITORY = Path(__file__).resolve().parents[2]
LOCKS = ("web", "worker", "dev", "node")


def pins(name: str, suffix: str = "txt") -> dict[str, str]:
    """Package → version of a requirements file; extras and markers left out."""
    found = re.findall(
        r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==([^\s;\\]+)",
        (REPOSITORY / "requirements" / f"{name}.{suffix}").read_text(),
        re.M,
    )
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in found}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return YAML(typ="safe").load((REPOSITORY / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (REPOSITORY / "Dockerfile").read_text()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_and_hashes_every_package_and_names_no_address(name: str) -> None:
    text = (REPOSITORY / "requirements" / f"{name}.txt").read_text()
    entries = re.split(r"^(?=[A-Za-z0-9])", re.sub(r"^#.*\n", "", text, flags=re.M), flags=re.M)[1:]
    assert entries
    for entry in entries:
        assert re.match(r"[\w.-]+==[\w.]+( ; [^\\]+)? \\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n)+$", entry), entry[:80]
    assert "://" not in text
    assert "--index-url" not in text
    assert "--find-links" not in text


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_its_source_asks_for(name: str) -> None:
    assert pins(name, "in").items() <= pins(name).items()


def test_the_larger_locks_hold_the_smaller_ones_unchanged() -> None:
    assert pins("web").items() <= pins("worker").items() <= pins("dev").items()


def test_the_web_image_has_no_torch_and_the_worker_image_has() -> None:
    assert not {"torch", "torchvision", "timm", "segmentation-models-pytorch"} & pins("web").keys()
    assert "torch" in pins("worker")


def test_the_dockerfile_installs_the_system_packages_of_the_set_up(dockerfile: str) -> None:
    installed = re.findall(r"apt-get install -y --no-install-recommends ([^\\\n]+)", dockerfile)
    wanted = [packages.RUNTIME_PACKAGES, packages.BUILD_PACKAGES]
    assert [tuple(line.split()) for line in installed] == wanted


def test_the_images_run_as_an_ordinary_account(dockerfile: str) -> None:
    stages = dict(re.findall(r"^FROM \S+ AS (\w+)\n(.*?)(?=^FROM|\Z)", dockerfile, re.M | re.S))
    for stage in ("web", "worker"):
        assert "USER 10001\n" in stages[stage]
    assert "useradd --uid 10001" in stages["base"]


def test_the_images_python_is_the_oldest_that_the_project_declares(dockerfile: str) -> None:
    declared = re.search(r'requires-python = ">=(3\.\d+)"', (REPOSITORY / "pyproject.toml").read_text())
    assert declared is not None
    assert f"FROM python:{declared.group(1)}-slim-bookworm AS base" in dockerfile


def test_every_file_that_the_dockerfile_copies_is_let_through_to_the_build(dockerfile: str) -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.M)
    allowed = {
        line[1:].split("/")[0] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    for source in (word for line in copied for word in line.split()):
        assert source.split("/")[0] in allowed, source


def test_no_secret_is_written_in_the_containers_files() -> None:
    example = (REPOSITORY / ".env.example").read_text()
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD"):
        assert re.search(rf"^{name}=$", example, re.M), name
        compose = (REPOSITORY / "docker-compose.yml").read_text()
        assert set(re.findall(rf"\$\{{{name}([^}}]*)\}}", compose)) == {":?see .env.example"}


def test_every_variable_of_the_compose_file_is_explained_in_the_example() -> None:
    used = set(re.findall(r"\$\{(\w+)", (REPOSITORY / "docker-compose.yml").read_text()))
    explained = set(re.findall(r"^(\w+)=", (REPOSITORY / ".env.example").read_text(), re.M))
    assert used == explained


def test_every_lasting_service_has_a_health_check_and_starts_after_the_migrations(
    compose: dict[str, Any],
) -> None:
    services = compose["services"]
    assert set(services) == {"db", "broker", "migrate", "web", "worker", "worker-gpu", "beat"}
    for name, service in services.items():
        if name != "migrate":
            assert service["healthcheck"]["test"][0] == "CMD", name
    for name in ("web", "worker", "worker-gpu", "beat"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_compose_consumes_the_queues_that_the_machine_does(compose: dict[str, Any]) -> None:
    def queues(command: Any) -> set[str]:
        value = command[list(command).index("-Q") + 1]
        return set(re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", value).split(","))

    site = processes.site_processes(port=8000, gpu=False)
    local = next(process.command for process in site if process.name == "worker")
    assert queues(compose["services"]["worker"]["command"]) == queues(local)
    assert queues(compose["services"]["worker-gpu"]["command"]) == {"gpu"}


def test_workers_are_asked_by_the_name_they_are_given(compose: dict[str, Any]) -> None:
    source = Path(healthcheck.__file__).read_text()
    for name in ("worker", "worker-gpu"):
        command = compose["services"][name]["command"]
        assert command[command.index("-n") + 1] == "worker@%h"
    assert 'f"worker@{socket.gethostname()}"' in source


def test_the_web_container_is_told_of_its_proxy_and_its_mail(compose: dict[str, Any]) -> None:
    web = compose["services"]["web"]["environment"]
    assert web["NUM_PROXIES"] == "${NUM_PROXIES:-1}"
    assert web["EMAIL_URL"] == "${EMAIL_URL:-}" and web["DEFAULT_FROM_EMAIL"] == "${DEFAULT_FROM_EMAIL:-}"
    assert web["DATABASE_URL"] == compose["x-environment"]["DATABASE_URL"]
    for name in ("worker", "worker-gpu", "beat", "migrate"):  # the mail server's password is nobody else's
        assert "EMAIL_URL" not in compose["services"][name]["environment"], name


def test_only_containers_without_a_way_out_read_foreign_images_without_the_sandboxs_own_isolation(
    compose: dict[str, Any],
) -> None:
    closed = {name for name, network in compose["networks"].items() if (network or {}).get("internal") is True}
    assert closed == {"inside"}
    relaxed = {
        name for name, service in compose["services"].items() if "REQUIRE_SANDBOX" in service.get("environment", {})
    }
    assert relaxed == {"worker", "worker-gpu"}
    for name, service in compose["services"].items():
        assert set(service["networks"]) <= closed or name == "web", name
        assert "network_mode" not in service and "cap_add" not in service, name
    for name in ("web", "worker", "worker-gpu", "beat"):
        assert compose["services"][name]["cap_drop"] == ["ALL"]
        assert compose["services"][name]["security_opt"] == ["no-new-privileges:true"]


def test_the_line_of_the_dockerfile_that_collects_static_files_does(dockerfile: str, tmp_path: Path) -> None:
    found = re.search(r"&& (SECRET_KEY=.*manage\.py collectstatic[^\n]*)", dockerfile, re.S)
    assert found is not None
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{REPOSITORY / 'platform'}:{REPOSITORY}",
        "SOLCOMMUN_VAR_DIR": str(tmp_path),
    }
    command = found.group(1).replace("\\\n", " ")
    done = subprocess.run(
        ["sh", "-ec", command], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "static" / "css" / "tokens.css").exists()
    assert (tmp_path / "static" / "css" / "tokens.css.gz").exists()


def test_beat_is_well_only_while_it_writes_its_schedule(tmp_path: Path) -> None:
    assert healthcheck.beat(tmp_path) is False
    schedule = tmp_path / "beat-schedule.db"
    schedule.touch()
    assert healthcheck.beat(tmp_path) is True
    long_ago = time.time() - healthcheck.BEAT_SILENCE_SECONDS - 1
    os.utime(schedule, (long_ago, long_ago))
    assert healthcheck.beat(tmp_path) is False


def test_a_web_process_that_does_not_listen_is_not_well() -> None:
    assert healthcheck.web(port=1) is False
