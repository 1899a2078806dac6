"""Which ground a person is asked about next: the open round's order, one person a place (docs/adr/0051)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction

from annotation.models import Campaign, ChangeAnswer, ChangeRound, ChangeTicket
from annotation.services.change_answers import cells_for
from annotation.services.change_labels import hand_in_answers
from annotation.services.limits import Action, spend
from annotation.services.queue import one_claim_at_a_time
from annotation.services.validation_queue import require_open

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST_HELD = 4  # tiles a person may hold: the one at work, and what a browser answers while the network is away

RENEW = """
UPDATE annotation_changeticket SET held_until = clock_timestamp() + %(for_s)s * interval '1 second'
WHERE round_id = %(round)s AND holder_id = %(person)s AND state = 'open'
"""

# A ticket that others take at this moment is passed over; one that was taken since the statement began is looked at
# again as it is now, since who holds it stands in the very row that is locked.
TAKE = """
WITH free AS MATERIALIZED (
    SELECT t.id FROM annotation_changeticket t
    WHERE t.round_id = %(round)s AND t.state = 'open'
      AND (t.holder_id IS NULL OR t.held_until < statement_timestamp())
      AND NOT EXISTS (
        SELECT 1 FROM annotation_changeticket other
        WHERE other.round_id = t.round_id AND other.tile_id = t.tile_id AND other.holder_id = %(person)s
      )
      AND NOT EXISTS (
        SELECT 1 FROM annotation_changeanswer a JOIN annotation_changecell c ON c.id = a.cell_id
        WHERE c.round_id = t.round_id AND c.tile_id = t.tile_id AND a.annotator_id = %(person)s
          AND a.ticket_id <> t.id
      )
    ORDER BY t.rank LIMIT 1 FOR UPDATE SKIP LOCKED
),
taken AS (
    UPDATE annotation_changeticket t SET
        holder_id = %(person)s, held_until = clock_timestamp() + %(for_s)s * interval '1 second'
    FROM free WHERE t.id = free.id RETURNING t.id
)
INSERT INTO annotation_changeoffer (ticket_id, annotator_id, offered_at)
SELECT id, %(person)s, clock_timestamp() FROM taken
RETURNING ticket_id
"""


def open_change_round_of(campaign: Campaign) -> ChangeRound | None:
    """The round that is asked about now."""
    found = ChangeRound.objects.filter(campaign=campaign, closed_at__isnull=True)
    return found.select_related("pair__first", "pair__second").first()


@transaction.atomic
def claim_change_tickets(*, campaign: Campaign, annotator: User, wanted: int = 2) -> list[ChangeTicket]:
    """The tiles that this person holds, best first, filled up to `wanted`; empty when nothing is left for them.

    Guarantees: a ticket has one holder; nobody gets two tickets of one tile; lapsed tickets are given out again, at
    their rank. Asking renews what is held.
    Raises: CampaignClosed, AccountBlocked, TooManyThisHour.
    """
    require_open(campaign)
    opened = open_change_round_of(campaign)
    if opened is None:
        return []
    one_claim_at_a_time(campaign, annotator)
    values = {"round": opened.pk, "person": annotator.pk, "for_s": settings.LEASE_SECONDS}
    with connection.cursor() as cursor:
        cursor.execute(RENEW, values)
        missing = min(wanted, MOST_HELD) - cursor.rowcount
    while missing > 0:
        with connection.cursor() as cursor:
            cursor.execute(TAKE, values)
            taken = cursor.fetchone()
        if taken is None:
            break
        if _begin(
            ChangeTicket.objects.select_related("round__pair", "tile__campaign__layer").get(pk=taken[0]), annotator
        ):
            spend(user=annotator, action=Action.CLAIM)
            missing -= 1
    held = ChangeTicket.objects.filter(round=opened, holder=annotator, state=ChangeTicket.State.OPEN)
    tickets = list(held.select_related("tile").order_by("rank"))
    for ticket in tickets:
        ticket.round = opened
        ticket.tile.campaign = campaign
    return tickets


def _begin(ticket: ChangeTicket, annotator: User) -> bool:
    """Whether a ticket that was just taken asks anything of this person.

    Whoever held it before and went silent has their answers handed in; what those settled is not asked again.
    """
    answers = ChangeAnswer.objects.standing().filter(ticket=ticket, is_extra=False).exclude(annotator=annotator)
    for earlier in get_user_model().objects.filter(pk__in=answers.values("annotator")).order_by("pk"):
        hand_in_answers(ticket=ticket, annotator=earlier)
    if cells_for(ticket, annotator):
        return True
    ChangeTicket.objects.filter(pk=ticket.pk).update(state=ChangeTicket.State.DONE)
    return False


def waiting_tickets(campaign: Campaign) -> int:
    """Places of the open round that nobody has answered yet."""
    return ChangeTicket.objects.filter(
        round__campaign=campaign, round__closed_at__isnull=True, state=ChangeTicket.State.OPEN
    ).count()
