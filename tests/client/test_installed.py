"""The client as a stranger has it: a wheel in an environment of its own, and a site that runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from scenes import labelled_scene

from annotation.jobs.registry import run_job
from learning.models import Release
from learning.release.manifest import verify
from learning.services.releases import start_release

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def solcommun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, installed from a wheel built of client/, where nothing else is installed."""
    folder = tmp_path_factory.mktemp("client")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    built = ["wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*pip, *built, str(REPOSITORY / "client")], check=True)
    [wheel] = folder.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "solcommun_client/py.typed" in names and any(name.endswith("licenses/LICENSE") for name in names)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True)
    there = ["--python", str(folder / "env" / "bin" / "python")]
    subprocess.run([*pip, *there, "install", "--no-index", "--no-deps", str(wheel)], check=True)
    return folder / "env" / "bin" / "solcommun"


@pytest.fixture
def releases(tmp_path: Path) -> Any:
    """Two releases of one campaign; in the second a reviewed label more."""
    shutil.rmtree(settings.RELEASES_DIR, ignore_errors=True)
    scene = labelled_scene(tmp_path, pool_tiles=2)
    made = []
    for version in ("1.0.0", "1.1.0"):
        job = start_release(campaign=scene.campaign, actor=None, version=version)
        assert run_job(str(job.id))
        made.append(Release.objects.get(version=version, state="published"))
    yield made
    shutil.rmtree(settings.RELEASES_DIR, ignore_errors=True)


def run(command: Path, *arguments: str, folder: Path, language: str = "C.UTF-8") -> tuple[int, str]:
    """Run the command as somebody who has nothing of the platform: no PYTHONPATH, another folder."""
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    done = subprocess.run(
        [str(command), *arguments], cwd=folder, env={**environment, "LC_ALL": language}, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_each_command_works_against_a_site_that_runs(
    solcommun: Path, releases: Any, live_server: Any, tmp_path: Path
) -> None:
    first, second = releases
    address = f"{live_server.url}/releases/{first.folder}/"
    digest = ["--manifest-sha256", first.manifest_sha256]

    status, out = run(solcommun, "list", live_server.url, "--allow-http", folder=tmp_path)
    pages = [f"{live_server.url}/releases/{release.folder}/" for release in (second, first)]
    assert status == 0 and [line.split("  ")[0] for line in out.splitlines()[:-1]] == pages, out
    status, out = run(solcommun, "list", address, "--allow-http", folder=tmp_path)
    assert status == 0 and "annotations/annotations.gpkg" in out and f"{first.artefacts} files" in out

    status, out = run(solcommun, "download", address, "--only", "annotations/", "--allow-http", folder=tmp_path)
    assert status == 0, out
    mine = tmp_path / first.folder
    assert (mine / "annotations" / "annotations.gpkg").is_file() and not (mine / "dataset").exists()
    status, out = run(solcommun, "download", address, *digest, "--allow-http", folder=tmp_path)
    assert status == 0, out
    assert not verify(mine, expected_manifest_sha256=first.manifest_sha256).faults, "the platform's check says the same"

    status, out = run(solcommun, "verify", first.folder, *digest, folder=tmp_path)
    assert (status, out) == (0, f"{first.artefacts} files, 0 faults\n")
    (mine / "README.md").chmod(0o644)
    (mine / "README.md").write_text("changed")
    status, out = run(solcommun, "verify", first.folder, folder=tmp_path, language="fr_FR.UTF-8")
    assert status == 1 and "README.md: modifié" in out

    other = f"{live_server.url}/releases/{second.folder}/"
    status, out = run(solcommun, "diff", first.folder, other, "--allow-http", folder=tmp_path)
    assert status == 1 and "~ release.json" in out, out

    status, out = run(solcommun, "download", address, folder=tmp_path)
    assert status == 2 and "not an https address" in out
