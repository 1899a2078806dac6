"""A person gets everything the database holds of them; nothing that names them is forgotten (R21)."""

from __future__ import annotations

import json
import os
import uuid
import zipfile
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import scenes
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db.models import ForeignKey
from django.utils import timezone
from validation_rows import drawn_campaign

from annotation import tasks
from annotation.errors import JobAlreadyRunning, TooBusy
from annotation.jobs.registry import run_job
from annotation.models import Job
from annotation.personal_rows import personal_rows
from annotation.services import personal_data
from annotation.services.tokens import make_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(db: None) -> Any:
    return scenes.person("ana", email="ana@example.org")


def foreign_keys_to_accounts() -> set[str]:
    """Every foreign key to an account in the models of every installed app, as "app.Model.field"."""
    account = get_user_model()
    through = {account.groups.through, account.user_permissions.through}  # the account's own rights, part of it
    return {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models(include_auto_created=True)
        if model not in through
        for field in model._meta.get_fields()
        if isinstance(field, ForeignKey) and field.related_model is account
    }


def test_every_row_that_names_an_account_is_decided_on() -> None:
    decided = personal_rows()
    told = "say in <app>/personal_rows.py what a person is given of these rows, and whether they go with the account"
    assert foreign_keys_to_accounts() - set(decided) == set(), told
    assert set(decided) - foreign_keys_to_accounts() == set()
    undecided = [name for name, rows in decided.items() if bool(rows.given) == bool(rows.withheld)]
    assert undecided == [], "either fields are given, or it is said why nothing is"


def test_no_secret_is_given() -> None:
    given = {field for rows in personal_rows().values() for field in rows.given}
    assert given.isdisjoint({"digest", "secret", "password", "data", "key", "session_data"})


def test_the_file_holds_the_account_its_rows_and_its_shapes(ana: Any) -> None:
    camp = scenes.campaign("camp", created_by=scenes.person("mia"))
    tile = camp.tickets.first().tile
    square = scenes.square(scenes.TWO_CLASSES[0], 0, 0, 10)
    scenes.accepted(camp, tile, ana, scenes.person("rev"), [square])
    scene = drawn_campaign("fast")
    scene.judge(scene.tiles[0], ana, {"region-1": "agree"})
    make_token(user=ana, name="nightly", scopes=["read"], days=1)
    job = personal_data.request_export(user=ana, actor=ana)
    assert run_job(str(job.pk))
    job.refresh_from_db()
    assert job.state == Job.State.SUCCEEDED, job.error
    with zipfile.ZipFile(personal_data.export_path(job)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert len(files) == job.result["files"]
    assert json.loads(files["account.json"])["email"] == "ana@example.org"
    (annotation,) = json.loads(files["annotation.Annotation.annotator.json"])
    assert (annotation["tile__campaign__slug"], annotation["state"]) == ("camp", "accepted")
    (review,) = json.loads(files["annotation.Review.author.json"])
    assert review["verdict"] == "accept" and "reviewer" not in review
    (token,) = json.loads(files["annotation.ApiToken.user.json"])
    assert "digest" not in token and token["name"] == "nightly"
    (shape,) = json.loads(files["revisions.geojson"])["features"]
    assert shape["properties"]["class_code"] == scenes.TWO_CLASSES[0]
    west, south, east, north = camp.tile_grid.bounds_wgs84(tile.row, tile.col)
    assert all(west <= lon <= east and south <= lat <= north for lon, lat in shape["geometry"]["coordinates"][0])
    (seen,) = json.loads(files["validations.geojson"])["features"]
    assert seen["properties"]["verdict"] == "agree"
    assert set(json.loads(files["withheld.json"])) == {
        "annotation.Annotation.shown_to", "annotation.Contributor.blocked_by", "annotation.GoldOutcome.annotator",
        "annotation.Standing.vouched_by", "annotation.TrustAlarm.resolved_by",
    }  # fmt: skip
    assert "rev" not in files["annotation.Review.author.json"]


def test_one_file_at_a_time_and_a_few_a_day(ana: Any) -> None:
    first = personal_data.request_export(user=ana, actor=ana)
    with pytest.raises(JobAlreadyRunning):
        personal_data.request_export(user=ana, actor=ana)
    Job.objects.filter(pk=first.pk).update(state=Job.State.SUCCEEDED)
    for _ in range(personal_data.MOST_A_DAY - 1):
        Job.objects.create(kind=personal_data.KIND, owner=ana, state=Job.State.SUCCEEDED, id=uuid.uuid4())
    with pytest.raises(TooBusy):
        personal_data.request_export(user=ana, actor=ana)


def test_files_are_gone_after_their_time(ana: Any) -> None:
    job = personal_data.request_export(user=ana, actor=ana)
    assert run_job(str(job.pk))
    path = personal_data.export_path(job)
    assert personal_data.sweep_exports() == 0 and path.exists()
    old = path.stat().st_mtime - (personal_data.KEPT + timedelta(minutes=1)).total_seconds()
    os.utime(path, (old, old))
    assert personal_data.sweep_exports() == 1 and not path.exists()


def test_ended_sessions_and_lapsed_addresses_are_swept_too(ana: Any) -> None:
    for days in (-1, 1):
        when = timezone.now() + timedelta(days=days)
        Session.objects.create(session_key=f"key{days}", session_data="x", expire_date=when)
    tasks.sweep_personal_files()
    assert list(Session.objects.values_list("session_key", flat=True)) == ["key1"]


def test_the_command_does_the_same(ana: Any, tmp_path: Path) -> None:
    out = StringIO()
    call_command("export_person", ana.contributor.public_id, "--output", str(tmp_path / "ana.zip"), stdout=out)
    assert zipfile.ZipFile(tmp_path / "ana.zip").testzip() is None
    assert str(tmp_path / "ana.zip") in out.getvalue()
