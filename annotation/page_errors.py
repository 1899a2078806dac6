"""Refusals of services in the words of the server-rendered pages, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.contrib import messages
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from annotation.errors import UserError

# On the pages of accounts, teams and roles, in every language.
PEOPLE: Mapping[str, Promise | str] = {
    "conflict": _("This is not possible now: somebody else must be able to do what this account does first."),
    "invitation_unusable": _("This invitation was used, withdrawn or has lapsed: ask whoever sent it for a new one."),
    "job_already_running": _("Your data is being written already: wait for it to end."),
    "invalid_credit_name": _(
        "This cannot stand in a release: give 2 to 60 letters, digits and spaces that begin with a letter, with . , - "
        "& ' ( ) where needed, and no address."
    ),
    "last_maintainer": _("A campaign would have no maintainer left: make somebody else a maintainer first."),
    "name_taken": _("There is a team of this name already: choose another name."),
    "not_found": _("This person is no longer in the team."),
    "too_busy": _("Your data was written several times today: take a file that is there, or come back tomorrow."),
    "too_many_invitations": _("You have made as many invitations as a day takes: go on tomorrow."),
    "too_many_tokens": _("You have as many as one person may: take one back that is no longer needed."),
}
# For readers of other languages: in English a refusal speaks for itself, with the values it met.
TRANSLATED: Mapping[str, Promise | str] = {
    "account_blocked": _("This account is blocked: its work is kept and does not count."),
    "already_disputed": _("This verdict was disputed before: what the second reviewer decides stands."),
    "already_gold": _("This tile is gold already."),
    "already_resolved": _("This alarm is decided already: look at the list of those decided."),
    "already_undone": _("This was brought back before: nothing is left to undo."),
    "answer_not_true": _("The labels do not bear this answer out: assign the report, or give another answer."),
    "cannot_judge": _("Only a model that was held back is judged again, while its file is there."),
    "cannot_publish_unjudged": _(
        "A model is published before it is judged only with a reason, and only where none is published: give the "
        "reason, or have it judged."
    ),
    "job_already_running": _("This is already under way: wait for it to end."),
    "licence_unfit": _("These weights are under another licence than what is published here: they cannot be used."),
    "unusable_weights": _(
        "This file does not fit the campaign: look at the bands it reads, and at the classes its channels would have."
    ),
    "cannot_assign": _(
        "Nobody can be asked to draw this place now: somebody works on it, or nothing is labelled here."
    ),
    "invalid_review": _("This verdict cannot be recorded so: corrections are made in the review desk, tile by tile."),
    "permission_denied": _("This is for the operator of the site to decide: ask them."),
    "not_accepted": _("Only accepted labels become gold: have them reviewed first."),
    "not_found": _("This is not there any more, or is not for you to decide: load the page again."),
    "not_submitted": _("There is nothing to decide here now: load the page again to see where it stands."),
    "nothing_to_revert": _("Nothing that counts was done here: look at the dates and the area."),
    "outside_campaign": _("No tile to label lies in this area: choose another one."),
    "own_work": _("This is your own work: another reviewer will look at it."),
    "reason_required": _("Say why: the reason is kept."),
    "report_closed": _("This report has its answer: take it up again first, saying why."),
    "stale_revision": _("Somebody changed this meanwhile: load the page again, and look at what is there now."),
    "campaign_closed": _("This campaign is closed: nothing can be changed in it now."),
    "too_many_this_hour": _("You have done as much of this as an hour takes: go on a little later."),
    "tile_not_workable": _(
        "Gold tiles are chosen among whole tiles outside of the control sample: choose another one."
    ),
    "tile_has_trained": _("A model has learnt from this tile: choose one that was accepted since the last training."),
}


def refusal_in_words(error: UserError, words: Mapping[str, Promise | str] | None = None) -> str:
    """What a page says of a refusal. `words` by code replace it in every language, `TRANSLATED` in all but English."""
    is_english = (get_language() or "en").startswith("en")
    return str((words or {}).get(error.code) or (not is_english and TRANSLATED.get(error.code)) or error)


@contextmanager
def refusals_as_messages(request: HttpRequest) -> Iterator[None]:
    """Show a service's refusal at the top of the next page instead of failing."""
    try:
        yield
    except UserError as error:
        messages.error(request, refusal_in_words(error, PEOPLE))
