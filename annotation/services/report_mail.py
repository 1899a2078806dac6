"""Mails that tell a reporter what became of their report; their address goes once nothing more will come."""

from __future__ import annotations

import logging
from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from annotation.models import ReportContact, ReportEvent, ReportNotice
from annotation.services.clock import database_now

log = logging.getLogger(__name__)
MOST_AT_ONCE = 500
MOST_FAILURES = 8  # tries of one mail, one a sweep, before it is given up


def send_waiting_mail() -> int:
    """Send what waits, each mail in a transaction of its own: several workers at once send each one once.

    Returns: how many were sent.
    """
    waiting = ReportNotice.objects.filter(sent_at__isnull=True, failures__lt=MOST_FAILURES).order_by("pk")
    return sum(_send(notice_id) for notice_id in list(waiting.values_list("pk", flat=True)[:MOST_AT_ONCE]))


@transaction.atomic
def _send(notice_id: int) -> bool:
    notice = (
        ReportNotice.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("event__report__campaign", "contact__report__duplicate_of")
        .filter(pk=notice_id, sent_at__isnull=True)
        .first()
    )
    if notice is None:
        return False
    contact = notice.contact
    try:
        mail_of(notice).send()
    except (OSError, SMTPException) as error:
        log.warning("mail about %s could not be sent: %s", notice.event.report, type(error).__name__)
        notice.failures += 1
        notice.save(update_fields=["failures"])
        return False
    notice.sent_at = database_now()
    notice.save(update_fields=["sent_at"])
    unsent = contact.notices.filter(sent_at__isnull=True, failures__lt=MOST_FAILURES)
    if contact.report.is_over and not unsent.exists():
        contact.delete()
    return True


def mail_of(notice: ReportNotice) -> EmailMessage:
    """The mail about one event, in the reporter's language, with a one-click way to stop (RFC 8058)."""
    event, contact = notice.event, notice.contact
    site = contact.site.rstrip("/")
    stop = site + reverse("report-stop", args=[contact.report.public_id, contact.stop_token])
    page = site + reverse("report", args=[event.report.public_id])
    release = ""
    if event.kind == ReportEvent.Kind.RELEASED:
        release = site + reverse("release", args=[event.words])
    with override(contact.language):
        title = " ".join(event.report.campaign.title.split())  # a header is one line
        subject = _("Your report on “%(campaign)s”: %(event)s") % {
            "campaign": title,
            "event": event.get_kind_display(),
        }
        body = render_to_string(
            "annotation/report_mail.txt",
            {"event": event, "title": title, "page": page, "release": release, "stop": stop},
        )
    return EmailMessage(
        subject=subject,
        body=body,
        to=[contact.email],
        headers={
            # The same whenever it is sent: a mail that went out twice is shown once.
            "Message-ID": f"<report-notice-{notice.pk}-{contact.stop_token.hex[:12]}@solcommun>",
            "List-Unsubscribe": f"<{stop}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )


def stop_mail(*, report_id: str, token: str) -> bool:
    """Forget the address behind a report; whether there was one. The second call changes nothing."""
    return bool(ReportContact.objects.filter(report__public_id=report_id, stop_token=token).delete()[0])


def forget_old_contacts() -> int:
    """Remove addresses of reports that are over, and of those that nothing came of for years; returns how many."""
    before = database_now() - timedelta(days=settings.REPORT_CONTACT_DAYS)
    count = ReportContact.objects.filter(created_at__lt=before).delete()[0]
    waiting = ReportNotice.objects.filter(sent_at__isnull=True, failures__lt=MOST_FAILURES).values("contact")
    settled = ReportContact.objects.exclude(pk__in=waiting).filter(report__state__in=["answered", "released"])
    for contact in settled.select_related("report__duplicate_of"):
        if contact.report.is_over:
            contact.delete()
            count += 1
    return count
