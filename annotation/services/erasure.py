"""Deleting an account: what says who a person is goes, what they gave stays under their random id."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from annotation.errors import Conflict, LastMaintainer
from annotation.models import AuditEntry, Campaign, Contributor, Invitation, Job, Lease, Membership, ReportContact
from annotation.personal_rows import personal_rows
from annotation.services import revert_sql
from annotation.services.audit import record_change
from annotation.services.people import contributor_of, require_maintainer
from annotation.services.personal_data import KIND, export_path, rows_naming

if TYPE_CHECKING:
    from django.contrib.auth.models import User

REMOVED = "[…]"
SHORTEST_WORD = 3  # a shorter name is in too many words to be looked for in texts


@dataclass(frozen=True, slots=True)
class Erased:
    """What is left of an account: its random id, and campaigns that nobody maintains any more."""

    public_id: str
    unmaintained: list[str]


def no_fault(step: str) -> None:
    """Nothing happens between two steps, except in tests."""


def erase_person(*, user: User, actor: User | None, faultpoint: Callable[[str], None] = no_fault) -> Erased:
    """Delete an account in one transaction; repeated, it changes nothing more.

    Name, addresses, password, sessions, tokens, second factors, linked accounts, roles, places in teams and exports go.
    Contributions stay, under the random id that releases know. The id is published among those deleted. Later releases
    do not name the person any more; those that are published never change.

    Raises: Conflict (the only operator).
    """
    for job in Job.objects.filter(kind=KIND, owner=user):
        export_path(job).unlink(missing_ok=True)
    faultpoint("files")
    with transaction.atomic():
        person = get_user_model().objects.select_for_update().get(pk=user.pk)
        contributor = contributor_of(person)
        if contributor.erased_at is not None:
            return Erased(public_id=contributor.public_id, unmaintained=[])
        _require_another_operator(person)
        maintained = list(Campaign.objects.with_role(person, Membership.Role.MAINTAINER).distinct())
        words = _words_that_name(person)
        for name, step in STEPS:
            step(person, words)
            faultpoint(name)
        Contributor.objects.filter(pk=contributor.pk).update(erased_at=Now(), language="en", credit_name="")
        record_change(action=AuditEntry.Action.ERASED, actor=actor, subject=person)
        faultpoint("published")
        unmaintained = [campaign.slug for campaign in maintained if not _has_maintainer(campaign)]
    for job in Job.objects.filter(kind=KIND, owner=user):  # one that ended meanwhile
        export_path(job).unlink(missing_ok=True)
    return Erased(public_id=contributor.public_id, unmaintained=unmaintained)


def _require_another_operator(person: User) -> None:
    operators = get_user_model().objects.filter(is_superuser=True, is_active=True)
    if person.is_superuser and not operators.exclude(pk=person.pk).exists():
        raise Conflict("This is the only operator's account: make another operator first (manage.py createsuperuser).")


def _has_maintainer(campaign: Campaign) -> bool:
    try:
        require_maintainer(campaign)
    except LastMaintainer:
        return False
    return True


def _words_that_name(person: User) -> list[str]:
    """What texts are searched for: names and addresses, here and of linked accounts."""
    words = {person.username, person.email, person.first_name, person.last_name, person.get_full_name()}
    words |= set(EmailAddress.objects.filter(user=person).values_list("email", flat=True))
    for said in SocialAccount.objects.filter(user=person).values_list("extra_data", flat=True):
        words |= {value for value in _texts_in(said) if "@" in value or " " in value.strip()}
    return sorted({word.strip() for word in words if len(word.strip()) >= SHORTEST_WORD}, key=len, reverse=True)


def _texts_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts_in(part)]
    return [value] if isinstance(value, str) else []


def _give_tiles_back(person: User, _words: list[str]) -> None:
    values = {"account": person.pk}
    revert_sql.run([revert_sql.OPEN_HELD_TICKETS, revert_sql.LOWER_MARKS_TO_HELD, revert_sql.FREE_HELD_LEASES], values)


def _delete_rows(person: User, words: list[str]) -> None:
    """Rows that go with the account, and other people's invitations to its addresses."""
    for name, kind in personal_rows().items():
        if kind.deleted:
            rows_naming(person, name).delete()
    addresses = [word.lower() for word in words if "@" in word]
    theirs = Q(report__reporter=person)
    for address in addresses:
        theirs |= Q(email__iexact=address)
    ReportContact.objects.filter(theirs).delete()
    for invitation in Invitation.objects.exclude(email=""):
        if invitation.email.lower() in addresses:
            Invitation.objects.filter(pk=invitation.pk).update(email="")


def _end_sessions(person: User, words: list[str]) -> None:
    for session in Session.objects.iterator():
        if session.get_decoded().get("_auth_user_id") == str(person.pk):
            session.delete()


JSON_COLUMNS = {"marks"}  # names stand in their texts; their keys and codes hold none
#: (table, columns, which rows this person wrote, or were written of their work).
THEIR_TEXTS = [
    ("annotation_review", ["comment", "marks"], "%s IN (reviewer_id, author_id)"),
    (
        "annotation_secondopinion",
        ["comment"],
        "%s IN (asked_by_id, (SELECT annotator_id FROM annotation_annotation a WHERE a.id = annotation_id))",
    ),
    ("annotation_reportevent", ["words"], "actor_id = %s"),
    ("annotation_placereport", ["comment"], "%s IN (reporter_id, assigned_to_id)"),
    ("annotation_trustalarm", ["note"], "%s IN (subject_id, resolved_by_id)"),
    ("annotation_contributor", ["blocked_reason"], "user_id = %s"),
]


def _clean_texts(person: User, words: list[str]) -> None:
    """Take names out of what this person wrote and of what was written of their work; addresses out of every text."""
    addresses = [word for word in words if "@" in word]
    Lease.objects.filter(annotator=person).exclude(comment="").update(comment="")
    with connection.cursor() as cursor:
        # These are append-only for everything else (migration 0013).
        cursor.execute("SET LOCAL solcommun.erasing = 'on'")
        for table, columns, theirs in THEIR_TEXTS:
            _replace(cursor, table, columns, words, theirs, [person.pk])
            _replace(cursor, table, columns, addresses, "true", [])
        cursor.execute("SET LOCAL solcommun.erasing = 'off'")
        _replace(cursor, "annotation_lease", ["comment"], addresses, "true", [])
        _replace(cursor, "annotation_job", ["message", "error"], addresses, "true", [])
        _replace(cursor, "annotation_job", ["message", "error"], words, "owner_id = %s", [person.pk])


def _replace(cursor: Any, table: str, columns: list[str], words: list[str], where: str, values: list[Any]) -> None:
    """Replace whole words, whatever their case, in some columns of a table. `table` and `columns` are our own names."""
    if not words:
        return
    pattern = rf"(?<!\w)({'|'.join(map(re.escape, words))})(?!\w)"
    for column in columns:
        kind = "::jsonb" if column in JSON_COLUMNS else ""
        cursor.execute(
            f"UPDATE {table} SET {column} = regexp_replace({column}::text, %s, %s, 'gi'){kind}"  # noqa: S608
            f" WHERE {column}::text ~* %s AND {where}",
            [pattern, REMOVED, pattern, *values],
        )


def _clean_admin_log(person: User, words: list[str]) -> None:
    """What the admin wrote down of this account, and entries that name it."""
    account = Q(content_type=ContentType.objects.get_for_model(get_user_model()), object_id=str(person.pk))
    named = Q(pk__isnull=True)
    for word in words:
        named |= Q(object_repr__icontains=word) | Q(change_message__icontains=word)
    LogEntry.objects.filter(account | named).update(object_repr=REMOVED, change_message="")


def _empty_account(person: User, words: list[str]) -> None:
    person.groups.clear()
    person.user_permissions.clear()
    person.username = f"deleted-{secrets.token_hex(8)}"
    person.email = person.first_name = person.last_name = ""
    person.is_active = person.is_staff = person.is_superuser = False
    person.last_login = None
    person.set_unusable_password()
    person.save()


def _end_jobs(person: User, words: list[str]) -> None:
    """Exports go; other long work that this person started goes on, for it is not theirs alone."""
    Job.objects.filter(kind=KIND, owner=person).update(cancel_requested=True, result={}, payload={"user": person.pk})
    Job.objects.filter(kind=KIND, owner=person, state=Job.State.QUEUED).update(
        state=Job.State.CANCELLED, finished_at=Now()
    )


#: In this order, each within the one transaction.
STEPS: list[tuple[str, Callable[[Any, list[str]], None]]] = [
    ("jobs", _end_jobs),
    ("tiles", _give_tiles_back),
    ("rows", _delete_rows),
    ("sessions", _end_sessions),
    ("texts", _clean_texts),
    ("admin log", _clean_admin_log),
    ("account", _empty_account),
]
