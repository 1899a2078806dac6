"""Refusals of services in the words of the server-rendered pages, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from annotation.errors import UserError

WORDS: dict[str, Promise | str] = {
    "conflict": _("This is not possible now: somebody else must be able to do what this account does first."),
    "invitation_unusable": _("This invitation was used, withdrawn or has lapsed: ask whoever sent it for a new one."),
    "job_already_running": _("Your data is being written already: wait for it to end."),
    "last_maintainer": _("A campaign would have no maintainer left: make somebody else a maintainer first."),
    "name_taken": _("There is a team of this name already: choose another name."),
    "not_found": _("This person is no longer in the team."),
    "too_busy": _("Your data was written several times today: take a file that is there, or come back tomorrow."),
    "too_many_tokens": _("You have as many as one person may: take one back that is no longer needed."),
}


def in_words(error: UserError) -> str:
    """What a page says of a refusal; a refusal without words of its own speaks for itself."""
    return str(WORDS.get(error.code, error))


@contextmanager
def refusals_as_messages(request: HttpRequest) -> Iterator[None]:
    """Show a service's refusal at the top of the next page instead of failing."""
    try:
        yield
    except UserError as error:
        messages.error(request, in_words(error))
