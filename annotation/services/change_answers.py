"""Storing answers on change: of one tile's cells, once a person, with what they make of it (docs/adr/0051)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from annotation.core.change import Said
from annotation.errors import (
    AnswerUsed,
    CellAnswered,
    InvalidChangeAnswer,
    NotClaimed,
    NotThere,
    OperationMismatch,
    TooManyVerdicts,
    UserError,
)
from annotation.models import ChangeAnswer, ChangeCell, ChangeOffer, ChangeReview, ChangeTicket, Contributor
from annotation.services.annotations import class_codes
from annotation.services.change_labels import hand_in_answers, withdraw_labels
from annotation.services.change_outcomes import refresh_cells
from annotation.services.change_words import cells_of_today, checked_words
from annotation.services.limits import Action, spend
from annotation.services.people import require_consent
from annotation.services.validation_queue import require_open
from annotation.services.validations import LONGEST_LOOK_S

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class Given:
    """What a person says of one cell; codes that are left empty are what the cell's labels say."""

    cell_id: int
    verdict: str
    first_code: str = ""
    second_code: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RecordedAnswers:
    """What a write of answers answers: how many it stored, cells of the tile that wait, and whether the labels that
    came of them are handed in."""

    stored: int
    remaining: int
    handed_in: bool


def cells_for(ticket: ChangeTicket, annotator: User) -> list[ChangeCell]:
    """The cells of a ticket's tile that are asked of this person: those they have not answered, highest first.

    Cells that others settled while this ticket's former holder was at work are not asked again.
    """
    answered = ChangeAnswer.objects.standing().filter(annotator=annotator).values("cell")
    cells = ChangeCell.objects.filter(round=ticket.round_id, tile=ticket.tile_id).exclude(pk__in=answered)
    return cells_of_today(cells.filter(state=ChangeCell.State.OPEN).order_by("-score", "pk"), ticket.round.campaign)


@transaction.atomic
def record_change_answers(
    *,
    ticket: ChangeTicket,
    annotator: User,
    operation_id: UUID,
    answers: Sequence[Given],
    copies_all: bool = False,
) -> RecordedAnswers:
    """Store one person's answers on cells of a tile: all of them or, where one is refused, none.

    With the last cell the tile is done: what the answers say of the later date is handed in as labels. Whoever was
    given the tile and lost it may still answer: it is kept as an extra, and counts for nothing. The same operation id
    again answers as the first time. The error for a bad answer names all bad ones in its details, `refused`.

    Args:   copies_all: nothing changed anywhere on the tile: the earlier labels of all of it are carried over.
    Raises: CampaignClosed, ConsentRequired, NotClaimed, OperationMismatch, TooManyVerdicts, AccountBlocked,
        InvalidChangeAnswer, UnknownClass, CellAnswered.
    """
    campaign = ticket.round.campaign
    require_open(campaign)
    told = 'Answers can only be kept under the open licence: agree to it on the page "My work", then send them again.'
    require_consent(annotator, told=told)
    # The writes of one person follow each other: a request sent twice finds what its first copy stored.
    Contributor.objects.select_for_update(no_key=True).get(user=annotator)
    locked = ChangeTicket.objects.select_for_update(of=("self",)).get(pk=ticket.pk)
    if not ChangeOffer.objects.filter(ticket=ticket, annotator=annotator).exists():
        raise NotClaimed("This tile was not given to you to compare: ask for the next one.")
    holds = locked.holder_id == annotator.pk
    known = ChangeAnswer.objects.filter(operation_id=operation_id)
    if known.exists():
        if known.exclude(annotator=annotator, ticket=ticket).exists():
            raise OperationMismatch(
                f"Operation {operation_id} was used before for something else: make a new id for each write."
            )
        done = locked.state == ChangeTicket.State.DONE
        return RecordedAnswers(known.count(), len(cells_for(ticket, annotator)), handed_in=holds and done)
    spend(user=annotator, action=Action.VERDICT, amount=max(1, len(answers)), error=TooManyVerdicts)
    said = _checked(ticket, annotator, answers)
    ChangeAnswer.objects.bulk_create(
        [
            ChangeAnswer(
                cell_id=given.cell_id,
                ticket=ticket,
                annotator=annotator,
                operation_id=operation_id,
                verdict=said[given.cell_id].verdict,
                first_code=said[given.cell_id].first_code,
                second_code=said[given.cell_id].second_code,
                is_extra=not holds,
                seconds=given.seconds,
                licence=settings.CONTRIBUTION_LICENCE,
            )
            for given in answers
        ]
    )
    refresh_cells(said)
    if copies_all and holds and not locked.copies_all:
        locked.copies_all = True
        locked.save(update_fields=["copies_all"])
    ticket.copies_all = locked.copies_all
    remaining = _unanswered(ticket, annotator)
    if remaining or not holds or locked.state != ChangeTicket.State.OPEN:
        return RecordedAnswers(len(answers), remaining, handed_in=False)
    finish_ticket(ticket, annotator)
    return RecordedAnswers(len(answers), 0, handed_in=True)


def finish_ticket(ticket: ChangeTicket, annotator: User) -> None:
    """Every cell is answered: the place is taken, and what was said of the later date is handed in."""
    ChangeTicket.objects.filter(pk=ticket.pk).update(state=ChangeTicket.State.DONE)
    hand_in_answers(ticket=ticket, annotator=annotator)


def _unanswered(ticket: ChangeTicket, annotator: User) -> int:
    return len(cells_for(ticket, annotator))


def _checked(ticket: ChangeTicket, annotator: User, answers: Sequence[Given]) -> dict[int, Said]:
    asked = ChangeCell.objects.filter(round=ticket.round_id, tile=ticket.tile_id)
    campaign = ticket.round.campaign
    cells = {cell.pk: cell for cell in cells_of_today(asked.select_related("round__campaign__nomenclature"), campaign)}
    answered = set(
        ChangeAnswer.objects.standing().filter(annotator=annotator, cell__in=cells).values_list("cell_id", flat=True)
    )
    codes = class_codes(ticket.round.campaign)
    said: dict[int, Said] = {}
    faults: list[tuple[int, UserError]] = []
    for given in answers:
        try:
            said[given.cell_id] = _said(given, cells, answered=answered | said.keys(), codes=codes)
        except UserError as fault:
            faults.append((given.cell_id, fault))
    if faults:
        first = faults[0][1]
        first.details["refused"] = [
            {"feature_id": str(cell), "code": fault.code, "message": str(fault), "details": dict(fault.details)}
            for cell, fault in faults
        ]
        raise first
    return said


def _said(given: Given, cells: Mapping[int, ChangeCell], *, answered: set[int], codes: frozenset[str]) -> Said:
    cell = cells.get(given.cell_id)
    if cell is None:
        raise CellAnswered(f"Cell {given.cell_id} is not asked about on this tile: load the page again.")
    if given.cell_id in answered:
        raise CellAnswered(f"You have answered cell {given.cell_id} already: go on with the next one.")
    if not (math.isfinite(given.seconds) and 0 <= given.seconds <= LONGEST_LOOK_S):
        raise InvalidChangeAnswer(
            f"Cell {given.cell_id} took {given.seconds!r} seconds: expected 0 to {LONGEST_LOOK_S}.",
            details={"feature_id": str(given.cell_id)},
        )
    return checked_words(
        cell, verdict=given.verdict, first_code=given.first_code, second_code=given.second_code, codes=codes
    )


@transaction.atomic
def take_back_answer(*, cell_id: int, annotator: User) -> None:
    """Take one's answer on a cell back, for as long as nobody has used it: the cell is asked again of the same person.

    Labels that had been handed in with it are a draft again, and are handed in anew with the next answer. Taken back
    already, it changes nothing more.

    Raises: NotThere; AnswerUsed: somebody else answered the cell too, a maintainer settled it, or the labels that came
        of it were judged or accepted; CampaignClosed.
    """
    Contributor.objects.select_for_update(no_key=True).get(user=annotator)
    mine = ChangeAnswer.objects.filter(cell=cell_id, annotator=annotator).select_related(
        "ticket__round__campaign", "ticket__tile__campaign__layer"
    )
    answer = mine.order_by("-pk").first()
    if answer is None:
        raise NotThere(f"You have not answered cell {cell_id}.")
    if answer.taken_back_at is not None:
        return
    require_open(answer.ticket.round.campaign)
    ticket = ChangeTicket.objects.select_for_update(of=("self",)).get(pk=answer.ticket_id)
    ChangeCell.objects.select_for_update().get(pk=cell_id)
    if ChangeAnswer.objects.standing().filter(cell=cell_id).exclude(annotator=annotator).exists():
        raise AnswerUsed("Somebody else has answered this one since: your answer stays, and the two are compared.")
    if ChangeReview.objects.filter(cell=cell_id).exists():
        raise AnswerUsed("A maintainer has settled this one: your answer stays on record.")
    if ticket.state == ChangeTicket.State.DONE and not withdraw_labels(tile=answer.ticket.tile, annotator=annotator):
        raise AnswerUsed("The labels that came of this answer have been judged or accepted: report the place instead.")
    ChangeAnswer.objects.filter(pk=answer.pk).update(taken_back_at=Now())
    if ticket.holder_id == annotator.pk and ticket.state == ChangeTicket.State.DONE:
        ChangeTicket.objects.filter(pk=ticket.pk).update(state=ChangeTicket.State.OPEN)
    refresh_cells([cell_id])
