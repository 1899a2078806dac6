"""Gold tiles: marking them, giving them out unseen, and comparing what people hand in (docs/adr/0022)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, F, OuterRef, QuerySet

from annotation.core.agreement import confusion_counts
from annotation.core.asked import Window, asked_mask
from annotation.core.gold import gold_is_due, gold_order, share_of_gold
from annotation.core.reliability import gold_passed
from annotation.core.stored_labels import class_index, label_rasters
from annotation.errors import AlreadyGold, NotAccepted, NotThere, TileHasTrained, TileNotWorkable
from annotation.models import (
    Annotation,
    Campaign,
    GoldLease,
    GoldOutcome,
    GoldTile,
    Lease,
    Territory,
    Ticket,
    Tile,
)
from annotation.services.asked import asked_of
from annotation.services.clock import database_now
from annotation.services.gold_shown import Shown, parts_to_ask, reason_of_choice, reason_to_show
from annotation.services.nomenclatures import selectable_codes
from annotation.services.rounds import lock_campaign
from annotation.services.tiles import refresh_tile_state

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# --- marking ------------------------------------------------------------------------------------------------


@transaction.atomic
def mark_gold(*, campaign: Campaign, annotation_id: int, actor: User, note: str = "") -> GoldTile:
    """Take a tile's accepted labels for the truth: the tile leaves the queue, trains no model, and is given as gold.

    The map shows it as a tile to do, as it does any tile that somebody is given. Rounds that ask for parts of tiles
    give it only where as many parts as they ask for (four) are labelled, each by half.

    Raises: NotThere (not a maintainer of its campaign), NotAccepted, TileNotWorkable (a control tile, in the buffer,
        or split in four), AlreadyGold, TileHasTrained (a frozen training set holds it).
    """
    lock_campaign(campaign)  # no round is opened and no training set frozen meanwhile
    annotation = (
        Annotation.objects.select_for_update(of=("self",))
        .select_related("tile__campaign", "head")
        .filter(pk=annotation_id, tile__campaign__in=Campaign.objects.maintained_by(actor).filter(pk=campaign.pk))
        .first()
    )
    if annotation is None:
        raise NotThere(f"There is no annotation {annotation_id} in {campaign.slug!r}, or you are not its maintainer.")
    tile = annotation.tile
    if annotation.state != Annotation.State.ACCEPTED or annotation.head is None or not annotation.head.features:
        raise NotAccepted(
            f"Annotation {annotation_id} is {annotation.get_state_display()}: only accepted labels become gold."
        )
    if tile.role != Tile.Role.POOL:
        raise TileNotWorkable(
            f"Tile row {tile.row}, column {tile.col} is {tile.get_role_display()}: gold tiles are chosen in the pool."
        )
    # One quarter among whole tiles would be known for gold, and its whole is given to nobody.
    if tile.part or tile.quarters.exists():
        raise TileNotWorkable(
            f"Tile row {tile.row}, column {tile.col} was split in four: gold tiles are chosen among whole ones."
        )
    if tile.golds.filter(retired_at__isnull=True).exists():
        raise AlreadyGold(f"Tile row {tile.row}, column {tile.col} is gold already: retire it first.")
    # Tickets before the tile, which the insertion locks: the order that claims keep to.
    Ticket.objects.filter(tile=tile, state=Ticket.State.OPEN).update(state=Ticket.State.VOID)
    try:
        with transaction.atomic():
            gold = GoldTile.objects.create(tile=tile, revision=annotation.head, marked_by=actor, note=note.strip())
    except IntegrityError as error:
        if "trained_tile_as_gold" not in str(error):
            raise
        raise TileHasTrained(
            f"Tile row {tile.row}, column {tile.col} is in a training set: choose a tile no model has learnt from."
        ) from None
    refresh_tile_state(tile)
    return gold


@transaction.atomic
def retire_gold(*, gold_id: int, actor: User, faulty: bool = False) -> GoldTile:
    """Give a gold tile to nobody any more; with `faulty`, what was handed in there no longer counts either.

    Raises: NotThere.
    """
    gold = (
        GoldTile.objects.select_for_update(of=("self",))
        .select_related("tile__campaign")
        .filter(pk=gold_id, tile__campaign__in=Campaign.objects.maintained_by(actor))
        .first()
    )
    if gold is None:
        raise NotThere(f"There is no gold tile {gold_id} in a campaign that you maintain.")
    if gold.retired_at is None:
        gold.retired_at = database_now()
    gold.faulty = gold.faulty or faulty
    gold.save(update_fields=["retired_at", "faulty"])
    refresh_tile_state(gold.tile)
    return gold


def golds_of(campaign: Campaign) -> QuerySet[GoldTile]:
    """A campaign's gold tiles, those in use first, each with how many people have done it."""
    return (
        GoldTile.objects.filter(tile__campaign=campaign)
        .select_related("tile__campaign__layer", "revision")
        .annotate(n_people=Count("outcomes__annotator", distinct=True))
        .order_by(F("retired_at").asc(nulls_first=True), "pk")
    )


# --- giving out ---------------------------------------------------------------------------------------------


def gold_lease_if_due(
    campaign: Campaign, annotator: User, *, ahead: bool, within: Territory | None = None, newcomer: bool = False
) -> Lease | None:
    """A lease on a gold tile this person has not done, where one is due; None else. Called inside a claim.

    Which of a person's tiles are gold follows from the campaign's seed, the person and how many tiles they have been
    given, by a hash with the site's secret. The answer looks like any other: a reason such as the queue gives.
    Redundancy does not bound gold. Where the queue has nothing more to give, neither has this. One that was left comes
    back, as any tile that was left does. Newcomers are given more of them (annotation.core.gold). In a round that asks
    for parts of tiles, a tile of which too few are known in its labels is passed over.
    """
    in_use = GoldTile.objects.filter(tile__campaign=campaign, retired_at__isnull=True)
    if within is not None:
        in_use = in_use.filter(tile__footprint__intersects=within.boundary)
    if campaign.gold_share == 0 or not in_use.exists():
        return None
    left = _left_behind(in_use, annotator)
    if left is not None:
        return _take_again(left, ahead=ahead)
    given = Lease.objects.filter(tile__campaign=campaign, annotator=annotator, purpose=Lease.Purpose.DRAW)
    key = settings.SECRET_KEY.encode()
    drawn = {"seed": campaign.seed, "person": annotator.pk}
    share = share_of_gold(campaign.gold_share, newcomer=newcomer)
    if not gold_is_due(key, **drawn, count=given.count(), share=share):
        return None
    golds = _golds_for(in_use, annotator)
    if not golds:
        return None
    shown = reason_to_show(campaign, annotator, key=key, count=given.count(), within=within, newcomer=newcomer)
    if shown is None:
        return None
    found = _first_to_show(golds, gold_order(key, golds, **drawn), shown, key=key)
    if found is None:
        return None
    gold, asked = found
    now = database_now()
    lease = Lease.objects.create(
        tile=gold.tile,
        annotator=annotator,
        purpose=Lease.Purpose.DRAW,
        granted_at=now,
        expires_at=now + timedelta(seconds=settings.LEASE_SECONDS),
        ahead=ahead,
        asked=asked,
    )
    score = None if shown.why["score"] is None else gold.tile.priority  # what the map shows of the tile
    GoldLease.objects.create(lease=lease, gold=gold, why={**shown.why, "score": score})
    return lease


def _first_to_show(
    golds: Mapping[int, GoldTile], order: Iterable[int], shown: Shown, *, key: bytes
) -> tuple[GoldTile, list[Window]] | None:
    """The first gold tile that can be shown as the tiles of the round are, and the parts that are asked for.

    One whose row is newer than the round has no score yet where the others have: the next round gives it one.
    """
    for number in order:
        gold = golds[number]
        if shown.why["score"] is not None and gold.tile.priority is None:
            continue
        if (asked := parts_to_ask(gold, key=key, like=shown.like)) is not None:
            return gold, asked
    return None


def gold_lease_if_chosen(tile: Tile, annotator: User) -> Lease | None:
    """A lease on a tile chosen on the map, where it is gold and not this person's own: as free as it looks."""
    gold = GoldTile.objects.filter(tile=tile, retired_at__isnull=True).exclude(revision__author=annotator).first()
    if gold is None:
        return None
    drawing = Lease.objects.filter(tile=tile, annotator=annotator, purpose=Lease.Purpose.DRAW)
    mine = drawing.select_related("gold").first()
    if mine is not None:
        lease = _take_again(mine, ahead=False)
    else:
        now = database_now()
        lease = Lease.objects.create(
            tile=tile,
            annotator=annotator,
            purpose=Lease.Purpose.DRAW,
            granted_at=now,
            expires_at=now + timedelta(seconds=settings.LEASE_SECONDS),
        )
    if getattr(lease, "gold", None) is None:
        GoldLease.objects.create(lease=lease, gold=gold, why=reason_of_choice(tile.campaign))
    return lease


def _left_behind(in_use: QuerySet[GoldTile], annotator: User) -> Lease | None:
    """This person's lease on a gold tile that they left, or that lapsed, without handing it in."""
    handed_in = Annotation.objects.filter(tile=OuterRef("tile"), annotator=annotator).exclude(
        state=Annotation.State.DRAFT
    )
    left = Lease.objects.filter(
        annotator=annotator,
        purpose=Lease.Purpose.DRAW,
        state=Lease.State.RELEASED,
        release_reason__in=["", Lease.Reason.LEFT],
        gold__gold__in=in_use.values("pk"),
    )
    return left.exclude(Exists(handed_in)).select_related("tile").order_by("granted_at", "pk").first()


def _take_again(lease: Lease, *, ahead: bool) -> Lease:
    """Without the ticket that it may have had before the tile was gold; whole, unless it came as gold before."""
    now = database_now()
    lease.state, lease.release_reason, lease.ahead, lease.extra = Lease.State.ACTIVE, "", ahead, False
    lease.granted_at, lease.expires_at = now, now + timedelta(seconds=settings.LEASE_SECONDS)
    lease.ticket, lease.asked = None, lease.asked if hasattr(lease, "gold") and lease.ticket_id is None else []
    lease.save()
    return lease


def _golds_for(in_use: QuerySet[GoldTile], annotator: User) -> dict[int, GoldTile]:
    """Of these gold tiles, those that this person neither drew nor was ever given, by id."""
    golds = in_use.filter(tile__state=Tile.State.OPEN).select_related("tile__campaign__nomenclature", "revision")
    mine = Annotation.objects.filter(annotator=annotator, tile__golds__isnull=False).values("tile")
    given = Lease.objects.filter(annotator=annotator, purpose=Lease.Purpose.DRAW, tile__golds__isnull=False).values(
        "tile"
    )
    return {gold.pk: gold for gold in golds.exclude(tile__in=mine).exclude(tile__in=given)}


# --- comparing ----------------------------------------------------------------------------------------------


def record_gold_outcome(annotation: Annotation) -> GoldOutcome | None:
    """Compare what was just handed in with the tile's gold labels, if it has any. Called inside the submission.

    Whoever drew the gold labels is not compared with themselves. Whoever was asked for parts of the tile is compared
    there alone.
    """
    gold = GoldTile.objects.filter(tile=annotation.tile_id, retired_at__isnull=True).select_related("revision").first()
    if gold is None or annotation.head is None or gold.revision.author_id == annotation.annotator_id:
        return None
    campaign = annotation.tile.campaign
    values = class_index(selectable_codes(campaign))
    reference, said = label_rasters(
        [gold.revision.features, annotation.head.features], tile_px=annotation.tile.px, values=values
    )
    reference = np.where(asked_mask(asked_of(annotation), tile_px=annotation.tile.px), reference, np.uint8(0))
    confusion = confusion_counts(reference, said, class_codes={value: code for code, value in values.items()})
    both = (reference > 0) & (said > 0)
    outcome, _created = GoldOutcome.objects.get_or_create(
        gold=gold,
        revision=annotation.head,
        defaults={
            "annotator_id": annotation.annotator_id,
            "confusion": confusion,
            "agreement": float(np.mean(reference[both] == said[both])) if both.any() else None,
            "passed": gold_passed(confusion),
        },
    )
    return outcome
