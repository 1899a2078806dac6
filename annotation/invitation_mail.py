"""The mail that carries an invitation."""

from __future__ import annotations

import logging
from smtplib import SMTPException

from django.conf import settings
from django.contrib import messages
from django.core.mail import send_mail
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from annotation.models import Invitation

log = logging.getLogger(__name__)
NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"


def send_or_say(request: HttpRequest, invitation: Invitation, link: str) -> None:
    """Send the link where an address was given; where that is not possible say so, for the page shows the link."""
    if not invitation.email:
        return
    if settings.EMAIL_BACKEND == NO_MAIL:
        messages.warning(request, _("This site sends no e-mail: pass the link on yourself."))
        return
    offered = invitation.campaign.title if invitation.campaign else str(invitation.team)
    # A title is a person's text: one line, whatever it holds.
    subject = _("An invitation to “%(offered)s”") % {"offered": " ".join(offered.split())[:120]}
    body = render_to_string("annotation/invitation_mail.txt", {"invitation": invitation, "link": link})
    try:
        send_mail(subject, body, None, [invitation.email])
    except (OSError, SMTPException):
        log.exception("the mail of invitation %s was not sent", invitation.pk)
        messages.warning(request, _("The mail could not be sent: pass the link on yourself."))
    else:
        messages.success(request, _("The invitation is sent."))
