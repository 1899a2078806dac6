"""What stewards, reviewers and maintainers do with a report: assign it, answer it, merge it, hide its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import transaction

from annotation.errors import AnswerNotTrue, CannotAssign, NotThere, ReasonRequired, ReportClosed
from annotation.models import Annotation, Campaign, PlaceReport, ReportEvent, Tile
from annotation.services.people import contributor_of
from annotation.services.report_events import record_event
from annotation.services.report_following import close_as_fixed, complains_since
from annotation.services.report_queue import queue_reported_tile, take_back
from annotation.services.rounds import lock_campaign

if TYPE_CHECKING:
    from django.contrib.auth.models import User

State, Answer, Kind, Role = PlaceReport.State, PlaceReport.Answer, ReportEvent.Kind, ReportEvent.Role
LONGEST_WORDS = 2000
WHY_NOT = {
    "closed": "Campaign {campaign!r} takes no more work: open it again, or answer the report with words.",
    "control": "This place is on a control tile, which no report may put forward: answer it with words once you have "
    "looked. It is drawn anew when its turn comes.",
    "buffer": "This place lies beside the control tiles, where nothing is labelled: answer it with words.",
    "unusable": "The imagery of this tile was called unusable: answer the report with words.",
    "apart": "This tile is kept apart: answer the report with words once you have looked.",
    "in_work": "Somebody works on this tile at this moment: the report follows what they draw.",
}


@transaction.atomic
def assign_report(*, report_id: str, actor: User, to: User | None = None) -> PlaceReport:
    """Ask for the place to be drawn anew: by one person, who finds it on their page, or by whoever comes next.

    An accepted tile is opened again by this, and only by this: what is accepted then counts in place of the old labels.
    Raises: NotThere, ReportClosed, CannotAssign.
    """
    report = locked_report(report_id, actor)
    _require_waiting(report)
    tile = report.tile
    if to is not None:
        _require_able(tile, to)
    report.reopened = report.reopened or tile.state == Tile.State.ACCEPTED
    take_back(report)
    queued = queue_reported_tile(tile, reopen=True, limit=None, keep=to is not None)
    if queued.ticket is None:
        raise CannotAssign(WHY_NOT[queued.why_not].format(campaign=report.campaign.slug))
    report.ticket, report.earlier_ticket = queued.ticket, queued.earlier
    report.assigned_to, report.state = to, State.ASSIGNED
    report.save(update_fields=["reopened", "ticket", "earlier_ticket", "assigned_to", "state"])
    record_event(report, Kind.ASSIGNED if to is not None else Kind.QUEUED, role=role_of(report, actor), actor=actor)
    return report


@transaction.atomic
def answer_report(*, report_id: str, actor: User, answer: str, words: str = "", duplicate_of: str = "") -> PlaceReport:
    """Close a report with an answer anyone may read.

    Args:   words: why; needed for all answers but "fixed" and "duplicate". duplicate_of: the other report's public id.
    Raises: NotThere, ReportClosed, ReasonRequired, AnswerNotTrue.
    """
    report = locked_report(report_id, actor, with_labels=answer == Answer.FIXED)
    _require_waiting(report)
    words = _cleaned(words)
    said: dict[str, Any] = {"role": role_of(report, actor), "actor": actor, "words": words}
    if answer == Answer.FIXED:
        close_as_fixed(report, fix=_accepted_since(report), **said)
        return report
    if answer not in (Answer.NOT_A_FAULT, Answer.DUPLICATE, Answer.CANNOT_TELL):
        raise AnswerNotTrue(f"The answer is {answer[:40]!r}: choose one of {', '.join(Answer.values)}.")
    if answer != Answer.DUPLICATE and not words:
        raise ReasonRequired("Say why, in a sentence that the person who reported it can read.")
    if answer == Answer.DUPLICATE:
        report.duplicate_of = _original(report, duplicate_of)
        PlaceReport.objects.filter(duplicate_of=report).update(duplicate_of=report.duplicate_of)
    take_back(report)
    report.state, report.answer, report.assigned_to = State.ANSWERED, answer, None
    report.save(update_fields=["state", "answer", "assigned_to", "duplicate_of"])
    record_event(report, answer, **said)
    return report


@transaction.atomic
def take_up_again(*, report_id: str, actor: User, words: str) -> PlaceReport:
    """An answer was wrong, or the place still is: the report waits again, and says why.

    Raises: NotThere, ReportClosed (it waits already), ReasonRequired.
    """
    report = locked_report(report_id, actor)
    if report.state not in (State.ANSWERED, State.RELEASED):
        raise ReportClosed("This report waits already: assign it or answer it.")
    if not words.strip():
        raise ReasonRequired("Say why the report is taken up again.")
    report.state, report.answer, report.release = State.NEW, "", ""
    report.fix = report.duplicate_of = report.assigned_to = report.ticket = report.earlier_ticket = None
    report.save()
    said = _cleaned(words)
    record_event(report, Kind.REOPENED, role=role_of(report, actor), actor=actor, words=said)
    return report


@transaction.atomic
def hide_words(*, report_id: str, actor: User) -> PlaceReport:
    """Show the reporter's comment to nobody any more: it named somebody, or insulted them.

    Raises: NotThere.
    """
    report = locked_report(report_id, actor)
    if not report.comment_hidden:
        report.comment_hidden = True
        report.save(update_fields=["comment_hidden"])
        record_event(report, Kind.WORDS_HIDDEN, role=role_of(report, actor), actor=actor)
    return report


def locked_report(report_id: str, actor: User, *, with_labels: bool = False) -> PlaceReport:
    """A report that this person handles, its campaign and itself locked, between them the labels of its tile.

    Raises: NotThere.
    """
    found = PlaceReport.objects.handled_by(actor).filter(public_id=report_id).select_related("campaign").first()
    if found is None:
        raise NotThere(f"There is no report {report_id[:40]!r} for you to handle.")
    lock_campaign(found.campaign)
    if with_labels:
        tile = PlaceReport.objects.filter(pk=found.pk).values("tile")  # as it is now: a split moves a report
        labels = Annotation.objects.select_for_update(of=("self",)).filter(tile__in=tile)
        list(labels.order_by("pk").values_list("pk", flat=True))
    return (
        PlaceReport.objects.select_for_update(of=("self",))
        .select_related(
            "campaign__layer", "campaign__holdout", "tile__campaign__holdout", "ticket", "earlier_ticket__round"
        )
        .get(pk=found.pk)
    )


def person_named(name: str) -> User:
    """Somebody by user name or public id. Raises: NotThere."""
    people = get_user_model().objects.filter(is_active=True)
    found = people.filter(username=name).first() or people.filter(contributor__public_id=name).first()
    if found is None:
        raise NotThere(f"Nobody is called {name[:60]!r}: give a user name, or a public id such as c-0123456789ab.")
    return found


def role_of(report: PlaceReport, actor: User) -> str:
    """As what a person acts on a report."""
    if Campaign.objects.maintained_by(actor).filter(pk=report.campaign_id).exists():
        return Role.MAINTAINER
    if Campaign.objects.reviewed_by(actor).filter(pk=report.campaign_id).exists():
        return Role.REVIEWER
    return Role.STEWARD


def _require_waiting(report: PlaceReport) -> None:
    if report.state in (State.ANSWERED, State.RELEASED):
        raise ReportClosed(
            f"This report has its answer ({report.get_answer_display()}): take it up again first, saying why."
        )


def _require_able(tile: Tile, person: User) -> None:
    shown = contributor_of(person).public_id  # a name is not for stewards to know
    if contributor_of(person).licence_accepted_at is None:
        raise CannotAssign(f"{shown} has not agreed to the licence of contributions: ask them to, first.")
    if Annotation.objects.filter(tile=tile, annotator=person).exclude(state=Annotation.State.DRAFT).exists():
        raise CannotAssign(f"{shown} drew this tile before: choose somebody else, or the queue.")


def _accepted_since(report: PlaceReport) -> Annotation:
    accepted = Annotation.objects.usable_as_labels().filter(tile=report.tile_id, decided_at__gt=complains_since(report))
    found = accepted.order_by("decided_at", "pk").last()
    if found is None:
        raise AnswerNotTrue(
            "Nothing was accepted on this tile since the report: assign it, or give another answer. It is called "
            "corrected by itself once new labels are accepted."
        )
    return found


def _cleaned(words: str) -> str:
    """What a person wrote, without control characters, as long as is kept."""
    return "".join(sign for sign in words.strip() if ord(sign) >= 32 or sign in "\t\n\r")[:LONGEST_WORDS]


def _original(report: PlaceReport, public_id: str) -> PlaceReport:
    same = PlaceReport.objects.filter(campaign=report.campaign_id).exclude(pk=report.pk)
    original = same.filter(public_id=public_id.strip()).select_related("duplicate_of").first()
    if original is not None and original.duplicate_of is not None:
        original = original.duplicate_of
    if original is None or original.pk == report.pk:
        raise AnswerNotTrue(f"{public_id[:40]!r} is no other report of this campaign: give the other report's number.")
    return original
