"""A person's own data, as files they may keep: asked for, written by a job, gone after some days."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from annotation.core.features import Rings
from annotation.core.geojson_out import polygon_geometry
from annotation.errors import TooBusy
from annotation.models import AnnotationRevision, AuditEntry, Job, Tile, Validation
from annotation.personal_rows import personal_rows
from annotation.services.audit import record_change
from annotation.services.clock import database_now
from annotation.services.jobs import enqueue_job

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "export_person"
KEPT = timedelta(days=7)
MOST_A_DAY = 5
ACCOUNT_FIELDS = ("id", "username", "email", "first_name", "last_name", "date_joined", "last_login", "is_staff")
READ_ME = """Your data on Solcommun / Vos données sur Solcommun

account.json            your account / votre compte
APP.MODEL.FIELD.json    rows that name you, by table / les lignes qui vous nomment, par table
revisions.geojson       every shape of every version you saved, WGS 84 / chaque forme de chaque version enregistrée
validations.geojson     shapes of the model that you judged, WGS 84 / formes du modèle que vous avez jugées
withheld.json           rows that are not given, and why / les lignes qui ne sont pas données, et pourquoi
"""


@transaction.atomic
def request_export(*, user: User, actor: User | None) -> Job:
    """Queue the writing of a person's own data.

    Raises: JobAlreadyRunning, TooBusy (asked for too often).
    """
    lately = Job.objects.filter(kind=KIND, owner=user, created_at__gt=Now() - timedelta(days=1))
    if lately.count() >= MOST_A_DAY:
        raise TooBusy(
            f"Your data was written {MOST_A_DAY} times in a day: take a file that is there, or come back later."
        )
    job = enqueue_job(kind=KIND, payload={"user": user.pk}, owner=user, key=str(user.pk))
    record_change(action=AuditEntry.Action.EXPORTED, actor=actor, subject=user)
    return job


def export_path(job: Job) -> Path:
    """Where an export's file lies, or will."""
    return Path(settings.EXPORTS_DIR) / f"{job.pk}.zip"


def exports_of(user: User) -> list[Job]:
    """A person's exports whose file is there or being written, newest first."""
    jobs = Job.objects.filter(kind=KIND, owner=user, created_at__gt=Now() - KEPT)
    return [job for job in jobs if job.state != Job.State.SUCCEEDED or export_path(job).exists()]


def write_export(user: User, target: IO[bytes], *, progress: Callable[[float], None]) -> int:
    """Write everything that the database holds of a person into a zip; returns how many files are in it."""
    rows = personal_rows()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", READ_ME)
        archive.writestr("account.json", _json({name: getattr(user, name) for name in ACCOUNT_FIELDS}))
        archive.writestr("withheld.json", _json({name: kind.withheld for name, kind in rows.items() if kind.withheld}))
        for done, (name, kind) in enumerate(sorted(rows.items())):
            if kind.given:
                found = rows_naming(user, name).order_by("pk").values(*kind.given)
                _write(archive, f"{name}.json", "[\n", (_json(row) for row in found.iterator(2000)), "\n]\n")
            progress(0.6 * done / len(rows))
        for name, features in (("revisions", _drawn(user)), ("validations", _judged(user))):
            head = '{"type":"FeatureCollection","features":[\n'
            _write(archive, f"{name}.geojson", head, (_json(item) for item in features), "\n]}\n")
            progress(0.8 if name == "revisions" else 0.99)
        return len(archive.namelist())


def rows_naming(user: User, name: str) -> QuerySet[Any]:
    """Rows that name this person by the foreign key "app.Model.field"."""
    model, field = name.rsplit(".", 1)
    return apps.get_model(model)._default_manager.filter(**{field: user})


def sweep_exports() -> int:
    """Remove files that were there for long enough, and what a killed job left; returns how many."""
    removed = 0
    for path in Path(settings.EXPORTS_DIR).glob("*"):
        written = path.stat().st_mtime
        if written < (database_now() - KEPT).timestamp():
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def forget_ended_sessions() -> int:
    """Remove sessions that have ended: one may hold the address of somebody who never finished signing up."""
    return Session.objects.filter(expire_date__lt=Now()).delete()[0]


def _write(archive: zipfile.ZipFile, name: str, head: str, parts: Iterator[str], tail: str) -> None:
    with archive.open(name, "w", force_zip64=True) as stream:
        stream.write(head.encode())
        for number, part in enumerate(parts):
            stream.write(((",\n" if number else "") + part).encode())
        stream.write(tail.encode())


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def _drawn(user: User) -> Iterator[dict[str, Any]]:
    revisions = AnnotationRevision.objects.filter(author=user).select_related("annotation__tile__campaign__layer")
    for revision in revisions.order_by("pk").iterator(200):
        tile = revision.annotation.tile
        for feature in revision.features:
            said: dict[str, Any] = {"class_code": feature["class_code"], "provenance": feature["provenance"]}
            said |= {"revision": revision.number, "licence": revision.licence, "saved_at": revision.created_at}
            yield _feature(tile, feature["rings"], said)


def _judged(user: User) -> Iterator[dict[str, Any]]:
    validations = Validation.objects.of(user).select_related("tile__campaign__layer").order_by("pk")
    for given in validations.iterator(2000):
        said: dict[str, Any] = {"verdict": given.verdict, "class_code": given.class_code}
        said |= {"shown_class": given.shown_class}
        said |= {"model_version": given.model_version, "licence": given.licence, "given_at": given.created_at}
        yield _feature(given.tile, given.rings, said)


def _feature(tile: Tile, rings: Rings, said: dict[str, Any]) -> dict[str, Any]:
    row, col = tile.place
    geometry = polygon_geometry(rings, grid=tile.grid, row=row, col=col)
    place = {"campaign": tile.campaign.slug, "tile": tile.pk}
    return {"type": "Feature", "geometry": geometry, "properties": place | said}
