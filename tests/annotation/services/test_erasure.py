"""A deleted account leaves contributions under a random id and nothing that says whose they were (R20)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import scenes
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from learning_rows import worker_environment

from annotation.errors import Conflict
from annotation.jobs.registry import run_job
from annotation.models import Annotation, AnnotationRevision, ApiToken, Contributor, Invitation, Job, Review
from annotation.personal_rows import personal_rows
from annotation.services import erasure, people, personal_data, teams
from annotation.services.invitations import invite
from annotation.services.tokens import make_token
from learning.services.release_contents import account_names

REPOSITORY = Path(__file__).resolve().parents[3]
NAME, MAIL, WORK_MAIL, FULL = "zephyrine-k", "zephyrine@maison.example", "z.kermadec@work.example", "Zephyrine Kermadec"


def leaving_person() -> Any:
    """Someone about whom every kind of row exists."""
    user = scenes.person(NAME, email=MAIL, first_name="Zephyrine", last_name="Kermadec")
    mia, rev = scenes.person("mia"), scenes.person("rev")
    camp = scenes.campaign("camp", created_by=mia)
    people.set_role(campaign=camp, user=user, role="maintainer", actor=mia)
    tiles = [ticket.tile for ticket in camp.tickets.select_related("tile")[:3]]
    square = [scenes.square(scenes.TWO_CLASSES[0], 0, 0, 10)]
    mine = scenes.accepted(camp, tiles[0], user, rev, square)
    theirs = scenes.accepted(camp, tiles[1], rev, mia, square)
    other = scenes.accepted(camp, tiles[2], user, mia, square)
    said = {"revision": theirs.head, "verdict": "accept", "reviewer": user, "author": rev, "annotation": theirs}
    Review.objects.create(comment=f"well done, {NAME.upper()} ({WORK_MAIL})", **said)
    assert mine.head and other.head
    mine.tile.leases.update(comment=f"ask {MAIL}")
    EmailAddress.objects.create(user=user, email=WORK_MAIL, verified=True)
    SocialAccount.objects.create(user=user, provider="oidc", uid="42", extra_data={"userinfo": {"name": FULL}})
    TOTP.activate(user, generate_totp_secret())
    RecoveryCodes.activate(user)
    team = teams.make_team(name="Gers", actor=mia)
    teams.join_team(team=team, user=user, actor=mia)
    invite(actor=mia, campaign=camp, role="reviewer", email=WORK_MAIL.upper())
    invite(actor=user, campaign=camp, role="reviewer", email="friend@example.org")
    make_token(user=user, name="mine", scopes=["read"], days=7)
    Client().force_login(user)
    kind = ContentType.objects.get_for_model(user)
    LogEntry.objects.create(
        user=mia, content_type=kind, object_id=user.pk, object_repr=str(user), action_flag=CHANGE, change_message="x"
    )
    run_job(str(personal_data.request_export(user=user, actor=user).pk))
    return user


def dump() -> str:
    """The database as a backup holds it."""
    environment = worker_environment(lease_seconds=60)
    return subprocess.run(
        ["pg_dump", "--no-owner", "-U", str(connection.settings_dict["USER"]), str(connection.settings_dict["NAME"])],
        env=environment | {"PATH": f"{os.environ['PATH']}:/usr/lib/postgresql/15/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout.lower()


def traces(text: str) -> list[str]:
    """Strings that say who the person is."""
    return [word for word in (NAME, MAIL, WORK_MAIL, FULL, "zephyrine", "kermadec") if word.lower() in text]


@pytest.mark.django_db(transaction=True)
def test_a_dump_of_the_database_holds_nothing_of_the_person() -> None:
    user = leaving_person()
    public_id = user.contributor.public_id
    assert len(traces(dump())) == 6  # they are found while they are there
    export = personal_data.export_path(Job.objects.get(kind=personal_data.KIND))
    assert export.exists()
    people.set_credit_name(user=user, name=FULL)
    counts = released_counts()
    erased = erasure.erase_person(user=user, actor=user)
    assert traces(dump()) == []
    assert erased == erasure.Erased(public_id=public_id, unmaintained=[])
    assert released_counts() == counts  # what releases are made of
    assert Client().get("/api/v1/deleted-contributors/").json()[0]["public_id"] == public_id
    assert not export.exists()


def released_counts() -> tuple[int, ...]:
    labels = Annotation.objects.usable_as_labels().exclude(head__licence="")
    return labels.count(), AnnotationRevision.objects.count(), Review.objects.count(), Contributor.objects.count()


@pytest.mark.django_db
def test_everything_one_signs_in_with_is_gone_and_others_keep_theirs() -> None:
    user = leaving_person()
    make_token(user=get_user_model().objects.get(username="mia"), name="hers", scopes=["read"], days=7)
    sessions = Session.objects.count()
    erasure.erase_person(user=user, actor=user)
    user.refresh_from_db()
    assert not user.is_active and not user.has_usable_password() and user.username.startswith("deleted-")
    assert not Client().login(username=user.username, password="a-long-passphrase")
    assert Session.objects.count() == sessions - 1
    assert not Authenticator.objects.exists() and not EmailAddress.objects.exists()
    assert ApiToken.objects.get().name == "hers"
    assert Invitation.objects.get().invited_by.username == "mia"
    for name, rows in personal_rows().items():
        if rows.deleted:
            assert not personal_data.rows_naming(user, name).exists(), name
    assert Review.objects.get(reviewer=user).comment == "well done, […] ([…])"


@pytest.mark.django_db
def test_done_again_it_changes_nothing() -> None:
    user = leaving_person()
    erasure.erase_person(user=user, actor=user)
    user.refresh_from_db()
    name, when = user.username, user.contributor.erased_at
    assert erasure.erase_person(user=user, actor=None).public_id == user.contributor.public_id
    user.refresh_from_db()
    assert (user.username, Contributor.objects.get(user=user).erased_at) == (name, when)


@pytest.mark.django_db
def test_a_release_can_be_made_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its check for names of accounts must not take the random id, which every release holds, for a name."""
    user = leaving_person()
    erasure.erase_person(user=user, actor=user)
    user.refresh_from_db()

    class Label:
        annotator_id = user.pk

    assert account_names([Label()]) == {user.username}  # type: ignore[list-item]
    assert user.contributor.public_id not in user.username


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", [name for name, _ in erasure.STEPS] + ["published"])
def test_a_fault_between_two_steps_leaves_the_account_whole_and_a_second_try_ends_it(step: str) -> None:
    user = leaving_person()

    def fault(at: str) -> None:
        if at == step:
            raise OSError("planted")

    with pytest.raises(OSError, match="planted"):
        erasure.erase_person(user=user, actor=user, faultpoint=fault)
    again = get_user_model().objects.get(pk=user.pk)
    assert (again.username, again.is_active, again.api_tokens.count()) == (NAME, True, 1)
    assert Client().login(username=NAME, password="a-long-passphrase")
    assert Contributor.objects.filter(erased_at__isnull=False).count() == 0
    erasure.erase_person(user=again, actor=again)
    assert not get_user_model().objects.filter(username=NAME).exists()


KILLED = """
import os, signal, sys
sys.path[:0] = [{root!r}, {root!r} + "/platform"]
import django
django.setup()
from django.contrib.auth import get_user_model
from annotation.services.erasure import erase_person
user = get_user_model().objects.get(username={name!r})
erase_person(user=user, actor=user, faultpoint=lambda step: step == "account" and os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.django_db(transaction=True)
def test_a_process_killed_in_the_middle_leaves_the_account_whole() -> None:
    user = leaving_person()
    code = KILLED.format(root=str(REPOSITORY), name=NAME)
    environment = worker_environment(lease_seconds=60)
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert get_user_model().objects.get(pk=user.pk).username == NAME
    assert len(traces(dump())) == 6
    call_command("delete_account", NAME, "--yes", stdout=StringIO())
    assert traces(dump()) == []


@pytest.mark.django_db
def test_an_export_under_way_does_not_outlive_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    from annotation.jobs import personal_data as job_module

    user = scenes.person(NAME)
    job = personal_data.request_export(user=user, actor=user)
    write = job_module.write_export

    def erased_meanwhile(*args: Any, **more: Any) -> int:
        files = write(*args, **more)
        erasure.erase_person(user=user, actor=user)
        return files

    monkeypatch.setattr(job_module, "write_export", erased_meanwhile)
    run_job(str(job.pk))
    assert Job.objects.get(pk=job.pk).state in {Job.State.FAILED, Job.State.CANCELLED}
    assert not any(Path(settings.EXPORTS_DIR).glob(f"{job.pk}*"))


@pytest.mark.django_db
def test_the_only_operator_stays_and_a_campaign_left_alone_is_named() -> None:
    root = scenes.person("root", is_superuser=True)
    with pytest.raises(Conflict, match="another operator first"):
        erasure.erase_person(user=root, actor=root)
    mia = scenes.person("mia")
    scenes.campaign("camp", created_by=mia)
    out = StringIO()
    call_command("delete_account", "mia", "--yes", stdout=out)
    assert "camp has no maintainer now" in out.getvalue()


@pytest.mark.django_db
def test_reviews_are_still_never_changed_otherwise() -> None:
    leaving_person()
    for statement in ("UPDATE annotation_review SET comment = 'x'", "DELETE FROM annotation_review"):
        with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
            connection.cursor().execute(statement)
    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
        cursor = connection.cursor()
        cursor.execute("SET LOCAL solcommun.erasing = 'on'")
        cursor.execute("UPDATE annotation_review SET verdict = 'send_back', reason = 'class'")
