"""Which tile a person judges next: the open round's ranking, one person at a time on a tile (docs/adr/0018)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Exists, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from annotation.errors import CampaignClosed
from annotation.models import Annotation, Campaign, Lease, Ticket, Tile, ValidationBatch
from annotation.services.clock import database_now
from annotation.services.leases import release_lease
from annotation.services.limits import Action, spend
from annotation.services.queue import held_lease, one_claim_at_a_time
from annotation.services.tiles import is_blind_tile

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LEAST_AGREEING = 2  # people who must say the same where every label is looked at twice


def judges_wanted(campaign: Campaign) -> int:
    """How many people are asked about a tile."""
    return max(campaign.redundancy, agreement_needed(campaign))


def agreement_needed(campaign: Campaign) -> int:
    """How many people must give a polygon the same class before it is a label."""
    return LEAST_AGREEING if campaign.review_policy == Campaign.ReviewPolicy.REVIEW else 1


def require_open(campaign: Campaign) -> None:
    """Refuse work in a closed campaign. Raises: CampaignClosed."""
    if campaign.state != Campaign.State.OPEN:
        raise CampaignClosed(f"Campaign {campaign.slug!r} is closed: choose another one.")


@transaction.atomic
def claim_tile_to_validate(
    *,
    campaign: Campaign,
    annotator: User,
    model_version: str,
    ahead: bool = False,
) -> Lease | None:
    """Give this person the best-ranked tile whose drawing by a model they may judge; None when there is none.

    Without `ahead`, a tile they already hold comes first; with it they hold a second one, as when drawing.

    Args:
        model_version: of the model whose drawing is shown now.
    Guarantees: never a control or blind tile; nobody else judges the tile meanwhile (unique in the database); nobody
        judges one drawing twice unless they left it unfinished; a tile that enough people have judged is not given,
        nor one passed over because that model drew nothing there.
    Raises: CampaignClosed, AccountBlocked, TooManyThisHour.
    """
    require_open(campaign)
    one_claim_at_a_time(campaign, annotator)
    kept = held_lease(campaign, annotator, purpose=Lease.Purpose.VALIDATE, ahead=ahead)
    if kept is not None:
        return kept
    spend(user=annotator, action=Action.CLAIM)
    waiting = _waiting(campaign, annotator, model_version=model_version)
    places = Tile.objects.select_related("campaign")
    for tile_id in _ranked(campaign, waiting):
        tile = places.get(pk=tile_id)
        # Only one claim looks at a tile at a time; what the list said of it may be a moment old, so it is asked again.
        if is_blind_tile(tile) or not (_lock_for_claim(tile) and waiting.filter(pk=tile_id).exists()):
            continue
        lease = _grant(tile=tile, annotator=annotator, ahead=ahead)
        if lease is not None:
            return lease
    transaction.set_rollback(True)  # whoever asks in vain, however often, has used nothing of their hour
    return None


def pass_over_undrawn(lease: Lease, *, model_version: str) -> None:
    """Give back a tile on which a model drew nothing. What another model draws there may still come to this person."""
    release_lease(
        token=str(lease.token),
        annotator=lease.annotator,
        reason=Lease.Reason.LEFT,
        comment=_nothing_by(model_version),
    )


def is_left_to_others(*, campaign: Campaign, annotator: User, model_version: str) -> bool:
    """Whether tiles that this person may judge are being judged by others now."""
    others = _being_judged().exclude(annotator=annotator)
    open_to = _open_to(campaign, annotator, model_version=model_version)
    return bool(_ranked(campaign, open_to.filter(Exists(others))))


def _nothing_by(model_version: str) -> str:
    return f"Nothing by {model_version} can be shown here."


def _being_judged() -> QuerySet[Lease]:
    return Lease.objects.filter(
        tile=OuterRef("pk"), purpose=Lease.Purpose.VALIDATE, state=Lease.State.ACTIVE, expires_at__gte=Now()
    )


def _waiting(campaign: Campaign, annotator: User, *, model_version: str) -> QuerySet[Tile]:
    """Pool tiles this person may judge now."""
    return _open_to(campaign, annotator, model_version=model_version).exclude(Exists(_being_judged()))


def _open_to(campaign: Campaign, annotator: User, *, model_version: str) -> QuerySet[Tile]:
    """Pool tiles this person may judge while nobody else does."""
    here = {"tile": OuterRef("pk")}
    own = {**here, "annotator": annotator}
    # A tile one left is one's own to take again; one that was skipped is not, nor one where there is nothing to see.
    given_back = Lease.objects.filter(**own, purpose=Lease.Purpose.VALIDATE, state=Lease.State.RELEASED)
    passed = given_back.exclude(release_reason__in=["", Lease.Reason.LEFT])
    undrawn = given_back.filter(release_reason=Lease.Reason.LEFT, comment=_nothing_by(model_version))
    finished = ValidationBatch.objects.filter(finished=True, model_version=model_version)
    judges = (
        finished.counting()
        .filter(**here)
        .values("tile")
        .annotate(people=Count("annotator", distinct=True))
        .values("people")
    )
    return (
        Tile.objects.filter(campaign=campaign, role=Tile.Role.POOL, part=0)
        .filter(quarters__isnull=True)  # a model draws whole tiles, and people draw this one in quarters
        .filter(golds__isnull=True)  # what is agreed there would train a model
        .exclude(state__in=[Tile.State.ACCEPTED, Tile.State.UNUSABLE])
        .exclude(Exists(passed))
        .exclude(Exists(undrawn))
        .exclude(Exists(finished.filter(**own)))
        .exclude(Exists(Annotation.objects.filter(**own, head__isnull=False)))
        .alias(judges=Coalesce(Subquery(judges, output_field=IntegerField()), 0))
        .filter(judges__lt=judges_wanted(campaign))
    )


def _ranked(campaign: Campaign, waiting: QuerySet[Tile]) -> list[int]:
    """Ids of the tiles of the open round among those waiting, best first."""
    tickets = Ticket.objects.filter(
        campaign=campaign, round__closed_at__isnull=True, tile__in=waiting.values("pk")
    ).exclude(round__model_version="")
    return list(dict.fromkeys(tickets.order_by("rank").values_list("tile_id", flat=True)))


def _lock_for_claim(tile: Tile) -> bool:
    """Keep other claims off a tile until this one ends; False when another one looks at it now.

    An advisory lock, since a lock on the tile's row would also make submissions wait and would be passed over when
    one of them holds it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [tile.pk])
        return bool(cursor.fetchone()[0])


def _grant(*, tile: Tile, annotator: User, ahead: bool) -> Lease | None:
    now = database_now()
    # Whoever went silent no longer holds the tile; what they judged is stored, and more is still taken.
    active = Lease.objects.filter(tile=tile, purpose=Lease.Purpose.VALIDATE, state=Lease.State.ACTIVE)
    active.filter(expires_at__lt=Now()).update(state=Lease.State.RELEASED, release_reason=Lease.Reason.LEFT)
    if active.exists():  # they came back at this very moment
        return None
    lease, _created = Lease.objects.update_or_create(
        tile=tile,
        annotator=annotator,
        purpose=Lease.Purpose.VALIDATE,
        defaults={
            "state": Lease.State.ACTIVE,
            "granted_at": now,
            "expires_at": now + timedelta(seconds=settings.LEASE_SECONDS),
            "ahead": ahead,
            "release_reason": "",
            "comment": "",
        },
    )
    return lease
