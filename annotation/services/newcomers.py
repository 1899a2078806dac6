"""What people get who have just come to a campaign: first the places where the model hesitates least."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, QuerySet

from annotation.models import Annotation, Campaign, Lease, Ticket

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def is_newcomer(campaign: Campaign, annotator: User) -> bool:
    """Whether this person has had fewer tiles accepted here than the campaign asks of newcomers."""
    wanted = campaign.newcomer_tiles
    if wanted == 0:
        return False
    accepted = Annotation.objects.of(annotator).filter(tile__campaign=campaign, state=Annotation.State.ACCEPTED)
    parts = accepted.order_by().values_list("tile__part", flat=True)[: 4 * wanted]  # as many quarters are as many tiles
    return sum(1 if part else 4 for part in parts) < 4 * wanted


def easy_first(free: QuerySet[Ticket], campaign: Campaign) -> QuerySet[Ticket]:
    """The open round's tickets from its far end, where the model is surest: no control tiles, which judge the model,
    and none that others found hard.
    """
    on_it = {"tile": OuterRef("tile")}
    sent_back = Annotation.objects.filter(**on_it, reviews__verdict="send_back")
    could_not_tell = Lease.objects.filter(**on_it, release_reason=Lease.Reason.CANNOT_TELL)
    ours = free.filter(round__campaign=campaign, round__closed_at__isnull=True, rank__gte=0)
    hard = Exists(sent_back) | Exists(could_not_tell)
    return ours.exclude(kind=Ticket.Kind.CONTROL).exclude(hard).order_by("-rank")
