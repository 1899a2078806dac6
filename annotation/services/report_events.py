"""What happens to a report, written down once, and who is to be told of it (docs/adr/0024)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from annotation.models import PlaceReport, ReportContact, ReportEvent, ReportNotice

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = logging.getLogger(__name__)
Kind, Role = ReportEvent.Kind, ReportEvent.Role
#: What a reporter who left an address is told by mail; all else is on the report's page.
TOLD = frozenset({Kind.FIXED, Kind.NOT_A_FAULT, Kind.DUPLICATE, Kind.CANNOT_TELL, Kind.RELEASED})


def record_event(
    report: PlaceReport, kind: str, *, role: str = Role.PLATFORM, actor: User | None = None, words: str = ""
) -> ReportEvent:
    """Add to a report's history, with the mails that follow from it. Called in the transaction of what happened.

    Who reported the same place before or after, and was told to follow this report, hears of it too.
    """
    event = ReportEvent.objects.create(report=report, kind=kind, role=role, actor=actor, words=words)
    if kind in TOLD:
        following = Q(report=report)
        if kind != Kind.DUPLICATE:
            following |= Q(report__duplicate_of=report)
        contacts = ReportContact.objects.filter(following)
        notices = [ReportNotice(contact=contact, event=event) for contact in contacts]
        if ReportNotice.objects.bulk_create(notices):
            transaction.on_commit(nudge_mail)
    return event


def nudge_mail() -> None:
    """Tell a worker that mails wait. If the broker is away they wait for the sweep."""
    from annotation.tasks import send_report_mail

    try:
        send_report_mail.delay()
    except OSError as error:
        log.warning("broker away, mails about reports wait for the sweep: %s", error)
    except Exception as error:
        if type(error).__module__.split(".")[0] not in {"kombu", "redis", "celery"}:
            raise
        log.warning("broker away, mails about reports wait for the sweep: %s", error)
