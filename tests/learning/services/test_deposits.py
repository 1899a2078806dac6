from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from deposit_targets import TOKEN, DataGouv, Hub, Target, Zenodo, running
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from learning_rows import labelled_campaign, worker_environment
from scenes import labelled_scene

from annotation.jobs.registry import run_job
from annotation.models import Job
from learning.jobs import deposits as job_module
from learning.models import Deposit, Release
from learning.release.manifest import read_manifest, write_manifest
from learning.services import deposits
from learning.services.releases import start_release
from learning.services.withdrawal import withdraw_release

REPOSITORY = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "first_wait_s", 0.01)


@pytest.fixture
def configured(settings: Any) -> Any:
    settings.SITE_URL = "https://carte.example.org"
    settings.ZENODO_TOKEN = settings.DATAGOUV_API_KEY = settings.HUGGINGFACE_TOKEN = TOKEN
    settings.DATAGOUV_ORGANIZATION = "5" * 24
    settings.HUGGINGFACE_NAMESPACE = "commune"
    return settings


@pytest.fixture
def zenodo(configured: Any) -> Iterator[Zenodo]:
    with running(Zenodo()) as target:
        configured.ZENODO_URL = target.origin
        yield target


@pytest.fixture
def datagouv(configured: Any) -> Iterator[DataGouv]:
    with running(DataGouv()) as target:
        configured.DATAGOUV_URL = target.origin
        yield target


@pytest.fixture
def hub(configured: Any) -> Iterator[Hub]:
    with running(Hub()) as target, running(target.storage):
        configured.HUGGINGFACE_URL = target.origin
        yield target


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files of a release that was really made are kept once the first test has made it."""
    return tmp_path_factory.mktemp("template") / "release"


@pytest.fixture
def campaign(template: Path, tmp_path: Path) -> Any:
    """The campaign of that release: whole for the first test, only its row for the others."""
    if template.exists():
        return labelled_campaign("scene").campaign
    scene = labelled_scene(tmp_path, pool_tiles=2)
    job = start_release(campaign=scene.campaign, actor=None, version="1.0.0")
    assert run_job(str(job.id))
    made = Release.objects.get(state="published")
    shutil.copytree(made.path, template)
    shutil.rmtree(made.path)
    made.delete()
    return scene.campaign


def published(campaign: Any, template: Path, version: str) -> Release:
    """A published release with the template's files under another version."""
    folder = Path(django_settings.RELEASES_DIR) / f"scene-{version}"
    shutil.copytree(template, folder)
    for name in ("release.json", "manifest.json", "SHA256SUMS"):
        (folder / name).chmod(0o644)
    described = json.loads((folder / "release.json").read_text())
    (folder / "release.json").write_text(json.dumps({**described, "version": version}))
    manifest = write_manifest(folder, version=version)
    return Release.objects.create(
        campaign=campaign, version=version, title=campaign.title, folder=folder.name, state="published",
        manifest_sha256=manifest.sha256, published_at=timezone.now(),
    )  # fmt: skip


@pytest.fixture
def release(campaign: Any, template: Path) -> Release:
    return published(campaign, template, "1.0.0")


def deposit(release: Release, target: str, *options: str) -> str:
    out = StringIO()
    call_command("deposit_release", release.folder, "--to", target, *options, stdout=out)
    return out.getvalue()


def test_zenodo_gets_a_draft_with_every_file_and_nothing_is_published_unasked(zenodo: Zenodo, release: Release) -> None:
    assert "draft" in deposit(release, "zenodo")
    [record] = zenodo.records.values()
    assert not record["is_published"]
    names = {path.name for path in release.path.iterdir()}
    sent = {name.removesuffix(".zip") for name in record["files"]}
    assert sent == names, "each folder as a zip, each file of the root as it is"
    unpacked: dict[str, bytes] = {}
    for name, file in record["files"].items():
        if name.endswith(".zip"):
            with zipfile.ZipFile(BytesIO(file["content"])) as archive:
                unpacked |= {path: archive.read(path) for path in archive.namelist()}
        else:
            unpacked[name] = file["content"]
    for entry in read_manifest(release.path).files:
        assert unpacked[entry.path] == (release.path / entry.path).read_bytes()
    row = Deposit.objects.get()
    assert (row.state, row.doi, release.doi) == ("draft", "", "")
    assert row.external_id == record["id"] and row.address.endswith(f"/uploads/{record['id']}")


def test_publishing_gives_a_doi_that_the_release_is_cited_by(zenodo: Zenodo, release: Release) -> None:
    deposit(release, "zenodo")
    before = len(zenodo.changes())
    told = deposit(release, "zenodo", "--publish")
    [record] = zenodo.records.values()
    assert record["is_published"] and f"DOI 10.5281/zenodo.{record['id']}" in told
    assert [r.path.rsplit("/", 1)[1] for r in zenodo.changes()[before:]] == ["publish"], "the draft was not sent again"
    assert Release.objects.get().doi == f"10.5281/zenodo.{record['id']}"
    assert deposit(release, "zenodo", "--publish") == told, "asked again it says the same"
    described = Client().get(f"/stac/{release.campaign.slug}/{release.version}.json").json()
    assert described["sci:doi"] == Release.objects.get().doi


def test_a_doi_of_the_trial_site_cites_nothing(zenodo: Zenodo, release: Release) -> None:
    deposit(release, "zenodo", "--publish")
    Deposit.objects.update(doi="10.5072/zenodo.1")
    assert Release.objects.get().doi == ""


def test_the_metadata_names_the_publisher_and_nobody_else(zenodo: Zenodo, tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    assert run_job(str(start_release(campaign=scene.campaign, actor=None, version="1.0.0").id))
    release = Release.objects.get(state="published")
    deposit(release, "zenodo")
    [record] = zenodo.records.values()
    said = record["metadata"]
    described = json.loads((release.path / "release.json").read_text())
    assert said["creators"] == [{"person_or_org": {"type": "organizational", "name": described["publisher"]}}]
    assert (said["version"], said["publication_date"]) == ("1.0.0", described["published_on"][:10])
    assert said["identifiers"] == [{"identifier": "https://carte.example.org/releases/scene-1.0.0/", "scheme": "url"}]
    assert {"id": "etalab-2.0"} in said["rights"]
    people = [person.username for person in (*scene.annotators, scene.reviewer)]
    for request in zenodo.requests:
        if request.headers.get("Content-Type") == "application/json":
            assert not [name for name in people if name.encode() in request.body]
            assert b"@" not in request.body


def test_the_next_release_is_the_next_version_of_the_record(
    zenodo: Zenodo, campaign: Any, template: Path, release: Release
) -> None:
    deposit(release, "zenodo", "--publish")
    second = published(campaign, template, "1.1.0")
    deposit(second, "zenodo", "--publish")
    first_record, second_record = zenodo.records.values()
    assert first_record["parent"] == second_record["parent"]
    assert second_record["metadata"]["version"] == "1.1.0" and second_record["is_published"]
    assert second.doi and second.doi != release.doi


def test_a_draft_that_waits_is_not_taken_for_another_release(
    zenodo: Zenodo, campaign: Any, template: Path, release: Release
) -> None:
    deposit(release, "zenodo")
    second = published(campaign, template, "1.1.0")
    with pytest.raises(CommandError, match=r"scene-1\.0\.0 is at zenodo and not published"):
        deposit(second, "zenodo")
    assert "forgotten" in deposit(release, "zenodo", "--forget")
    assert "draft" in deposit(second, "zenodo")
    with pytest.raises(CommandError, match="was not taken to zenodo"):
        deposit(release, "zenodo", "--forget")


def bodies_of(folder: Path) -> list[tuple[str, str | None]]:
    """(method, digest of the body) of every request of a dry run, in order."""
    plan = json.loads((folder / "plan.json").read_text())
    requests = [request for step in plan["steps"] for request in step["requests"]]
    return [(r["method"], r["body"]["sha256"] if r["body"] else None) for r in requests if not r["only_if"]]


def sent_bodies(target: Target) -> list[tuple[str, str | None]]:
    return [(r.method, hashlib.sha256(r.body).hexdigest() if r.body else None) for r in target.changes()]


def test_what_is_sent_is_what_the_dry_run_wrote(zenodo: Zenodo, release: Release, tmp_path: Path) -> None:
    told = deposit(release, "zenodo", "--dry-run", str(tmp_path / "paper"))
    assert "nothing was sent" in told and zenodo.requests == [] and not Deposit.objects.exists()
    deposit(release, "zenodo", "--publish")
    assert sent_bodies(zenodo) == bodies_of(tmp_path / "paper")
    for head in sorted((tmp_path / "paper" / "requests").glob("*.http")):
        body = head.with_suffix(".body")
        if body.exists():
            assert body.read_bytes() in [request.body for request in zenodo.requests]
    everything = b"".join(path.read_bytes() for path in (tmp_path / "paper").rglob("*") if path.is_file())
    assert TOKEN.encode() not in everything


def test_the_same_holds_for_data_gouv_and_the_hub(
    datagouv: DataGouv, hub: Hub, release: Release, tmp_path: Path
) -> None:
    for name, target in (("datagouv", datagouv), ("huggingface", hub)):
        deposit(release, name, "--dry-run", str(tmp_path / name))
        deposit(release, name, "--publish")
        written, sent = bodies_of(tmp_path / name), sent_bodies(target)
        assert [pair for pair in sent if pair in written] == written, "in this order"
    plan = json.loads((tmp_path / "huggingface" / "plan.json").read_text())
    assert {file["sha256"] for file in plan["files"]} == set(hub.storage.objects)


def test_two_dry_runs_are_the_same_bytes(configured: Any, release: Release, tmp_path: Path) -> None:
    for target in ("zenodo", "datagouv", "huggingface"):
        one, two = tmp_path / f"{target}-1", tmp_path / f"{target}-2"
        deposit(release, target, "--dry-run", str(one))
        deposit(release, target, "--dry-run", str(two))
        files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
        assert files == sorted(path.relative_to(two) for path in two.rglob("*") if path.is_file())
        assert [path for path in files if (one / path).read_bytes() != (two / path).read_bytes()] == []


FAULTS: list[dict[str, Any]] = [
    {"status": 429, "retry_after": "0"},
    {"status": 500},
    {"status": 503},
    {"cut": "before"},
    {"cut": "after"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=["429", "500", "503", "cut before", "answer lost"])
def test_a_fault_at_any_request_to_zenodo_is_got_over_and_nothing_is_there_twice(
    zenodo: Zenodo, release: Release, fault: dict[str, Any]
) -> None:
    for place in (
        "POST /api/records$",
        "PUT .*/draft$",
        "POST .*/files$",
        "PUT .*/content",
        "POST .*/commit",
        "publish$",
    ):
        zenodo.faults.append((place, fault))
    deposit(release, "zenodo", "--publish")
    assert zenodo.faults == [], "each fault was met"
    [record] = zenodo.records.values()
    assert record["is_published"] and len(record["files"]) == len(list(release.path.iterdir()))
    assert Deposit.objects.get().doi


@pytest.mark.parametrize("fault", FAULTS, ids=["429", "500", "503", "cut before", "answer lost"])
def test_a_fault_at_data_gouv_adds_no_dataset_and_no_resource_twice(
    datagouv: DataGouv, release: Release, fault: dict[str, Any]
) -> None:
    for place in ("POST /api/1/datasets/$", "POST .*/resources/", "POST .*/resources/", "PUT "):
        datagouv.faults.append((place, fault))
    deposit(release, "datagouv", "--publish")
    assert datagouv.faults == []
    [dataset] = datagouv.datasets.values()
    addresses = [resource["url"] for resource in dataset["resources"]]
    assert len(addresses) == len(set(addresses)) and dataset["private"] is False


@pytest.mark.parametrize("fault", FAULTS, ids=["429", "500", "503", "cut before", "answer lost"])
def test_a_fault_at_the_hub_commits_nothing_twice(hub: Hub, release: Release, fault: dict[str, Any]) -> None:
    for place in ("POST /api/repos/create", "batch", "commit/main", "tag/main", "settings"):
        hub.faults.append((place, fault))
    hub.storage.faults.append(("PUT", fault))
    deposit(release, "huggingface", "--publish")
    assert hub.faults == [] and hub.storage.faults == []
    repository = hub.repositories["datasets/commune/scene"]
    assert repository["commits"] == ["Release 1.0.0, part 1 of 1"] and repository["private"] is False
    assert repository["tags"] == {"1.0.0": 1}


def test_data_gouv_has_a_hidden_dataset_until_it_is_published(datagouv: DataGouv, release: Release) -> None:
    deposit(release, "datagouv")
    [dataset] = datagouv.datasets.values()
    assert dataset["private"] is True and dataset["license"] == "lov2"
    resources = {resource["url"]: resource for resource in dataset["resources"]}
    address = "https://carte.example.org/releases/scene-1.0.0/files/annotations/annotations.gpkg"
    entry = next(e for e in read_manifest(release.path).files if e.path == "annotations/annotations.gpkg")
    assert resources[address]["checksum"] == {"type": "sha256", "value": entry.sha256}
    assert (resources[address]["filesize"], resources[address]["format"]) == (entry.size, "gpkg")
    assert not [url for url in resources if "/img/" in url or "/stac/" in url], "not each tile, nor each item"
    deposit(release, "datagouv", "--publish")
    assert dataset["private"] is False


def test_a_page_that_is_public_is_not_added_to_without_the_word(
    datagouv: DataGouv, campaign: Any, template: Path, release: Release
) -> None:
    deposit(release, "datagouv", "--publish")
    second = published(campaign, template, "1.1.0")
    with pytest.raises(CommandError, match=r"whatever is added is seen at once: .* add --publish"):
        deposit(second, "datagouv")
    deposit(second, "datagouv", "--publish")
    [dataset] = datagouv.datasets.values()
    assert {r["title"].split(" : ")[0] for r in dataset["resources"]} == {"1.0.0", "1.1.0"}


def test_the_hub_has_the_dataset_at_its_root_large_files_elsewhere_and_the_token_nowhere(
    hub: Hub, release: Release
) -> None:
    deposit(release, "huggingface")
    repository = hub.repositories["datasets/commune/scene"]
    assert repository["private"] is True and repository["tags"] == {"1.0.0": 1}
    files = repository["files"]
    assert files["README.md"]["content"] == (release.path / "dataset" / "README.md").read_text()
    entry = next(e for e in read_manifest(release.path).files if e.path == "annotations/annotations.parquet")
    assert files["annotations/annotations.parquet"]["lfs"]["oid"] == entry.sha256
    assert hub.storage.objects[entry.sha256] == (release.path / entry.path).read_bytes()
    dataset = {
        e.path.removeprefix("dataset/") for e in read_manifest(release.path).files if e.path.startswith("dataset/")
    }
    assert dataset <= set(files)


def test_what_a_release_has_no_more_leaves_the_hub(hub: Hub, campaign: Any, template: Path, release: Release) -> None:
    deposit(release, "huggingface", "--publish")
    repository = hub.repositories["datasets/commune/scene"]
    gone = next(path for path in repository["files"] if path.endswith("metadata.json"))
    second = published(campaign, template, "1.1.0")
    listed = json.loads((second.path / "manifest.json").read_text())
    (second.path / "manifest.json").chmod(0o644)
    listed["files"] = [row for row in listed["files"] if row["path"] != f"dataset/{gone}"]
    (second.path / "manifest.json").write_text(json.dumps(listed))
    deposit(second, "huggingface", "--publish")
    assert gone not in repository["files"] and "README.md" in repository["files"]
    assert repository["commits"][-1] == "Release 1.1.0: what it has no more"


def test_a_target_that_says_no_is_quoted_without_the_token(zenodo: Zenodo, release: Release, configured: Any) -> None:
    configured.ZENODO_TOKEN = "another"
    with pytest.raises(CommandError, match=r"zenodo answered 401 .* Look at the token in the settings"):
        deposit(release, "zenodo")
    job = Job.objects.get(kind="deposit")
    assert "another" not in job.error and "another" not in json.dumps(job.payload)
    configured.ZENODO_TOKEN = TOKEN
    assert "draft" in deposit(release, "zenodo"), "it goes on once the token is right"


def test_a_target_that_is_away_is_gone_on_with_later(zenodo: Zenodo, release: Release) -> None:
    zenodo.faults += [("PUT .*/content", {"status": 503})] * 6
    with pytest.raises(CommandError, match=r"run the same command later, it goes on from here"):
        deposit(release, "zenodo")
    before = len(zenodo.changes())
    assert "draft" in deposit(release, "zenodo")
    assert not [r for r in zenodo.changes()[before:] if (r.method, r.path) == ("POST", "/api/records")]
    assert len(zenodo.records) == 1


def test_what_is_withdrawn_while_it_is_sent_is_not_published_elsewhere(
    zenodo: Zenodo, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = deposits.keep_progress

    def withdrawn_meanwhile(**given: Any) -> None:
        really(**given)
        if Release.objects.standing().exists():
            withdraw_release(release=Release.objects.get(), actor=None, reason="The wrong image.")

    monkeypatch.setattr(deposits, "keep_progress", withdrawn_meanwhile)
    with pytest.raises(CommandError, match="what is withdrawn here is not taken elsewhere"):
        deposit(release, "zenodo", "--publish")
    assert Deposit.objects.get().state == "sending"
    assert not [record for record in zenodo.records.values() if record.get("is_published")]
    assert not [request for request in zenodo.changes() if request.path.endswith("/actions/publish")]


def test_no_token_is_kept_anywhere(zenodo: Zenodo, release: Release, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        deposit(release, "zenodo", "--publish")
    row = Deposit.objects.values().get()
    job = Job.objects.filter(kind="deposit").values().get()
    assert TOKEN not in json.dumps([row, job], default=str) and TOKEN not in caplog.text


def test_nothing_is_sent_without_a_token_a_site_or_an_https_address(release: Release, configured: Any) -> None:
    configured.ZENODO_URL = "http://zenodo.example.org"
    with pytest.raises(CommandError, match="an https address is expected"):
        deposit(release, "zenodo")
    configured.ZENODO_URL, configured.ZENODO_TOKEN = "https://zenodo.invalid", ""
    with pytest.raises(CommandError, match="set ZENODO_TOKEN"):
        deposit(release, "zenodo")
    configured.SITE_URL = ""
    with pytest.raises(CommandError, match="SITE_URL is not set"):
        deposit(release, "zenodo", "--dry-run", str(django_settings.DEPOSITS_DIR / "paper"))
    with pytest.raises(CommandError, match=r"no published release scene-9\.9\.9"):
        call_command("deposit_release", "scene-9.9.9", "--to", "zenodo")


KILLED = """
import os, signal, sys
import django
django.setup()
from django.conf import settings
settings.SITE_URL, settings.ZENODO_URL, settings.ZENODO_TOKEN = "https://carte.example.org", sys.argv[1], sys.argv[2]
from learning.jobs import deposits
def fall(point):
    if point.startswith(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
deposits.faultpoint = fall
from django.core.management import call_command
call_command("deposit_release", "scene-1.0.0", "--to", "zenodo", "--publish")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        "deposit:after draft: begin a draft",
        "deposit:draft",
        "deposit:after file annotations.zip: name it",
        "deposit:after file annotations.zip: send it",
        "deposit:file annotations.zip",
        "deposit:after publish: publish",
    ],
)
def test_killed_between_two_requests_it_goes_on_and_nothing_is_there_twice(
    zenodo: Zenodo, release: Release, point: str, settings: Any
) -> None:
    settings.JOB_LEASE_SECONDS = 1
    argv = [sys.executable, "-c", KILLED, zenodo.origin, TOKEN, point]
    done = subprocess.run(argv, cwd=REPOSITORY, env=worker_environment(lease_seconds=1), capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert Job.objects.get(kind="deposit").state == "running", "as the dead process left it"
    assert "published" in deposit(release, "zenodo", "--publish")
    [record] = zenodo.records.values()
    assert record["is_published"] and Deposit.objects.get().doi
    assert len([r for r in zenodo.changes() if r.path.endswith("/publish")]) == 1
    assert len([r for r in zenodo.changes() if (r.method, r.path) == ("POST", "/api/records")]) == 1
