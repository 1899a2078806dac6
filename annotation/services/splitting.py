"""Splitting a heavy tile in four, so that each quarter is one sitting's work (docs/adr/0028)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.gis.geos import Polygon
from django.db import transaction

from annotation.core.grid import SUBPIXELS
from annotation.core.quarters import QUARTERS, cut_in_quarters, quarter_at, windows_in_quarter
from annotation.core.tile_geometry import Feature, parse_features
from annotation.core.trust import NEWCOMER
from annotation.errors import (
    CampaignClosed,
    CannotSplit,
    NotClaimed,
    NotTrustedYet,
    QuarterWithoutImagery,
    StaleRevision,
    StaysWhole,
    TileIsSplit,
    TileNotWorkable,
    VersionRequired,
)
from annotation.models import Annotation, Campaign, Lease, PlaceReport, Ticket, Tile, TileOffer
from annotation.services.annotations import append_revision
from annotation.services.class_guard import hold_classes
from annotation.services.clock import database_now
from annotation.services.leases import BEGUN_KEPT
from annotation.services.limits import Action, spend
from annotation.services.queue import grant, one_claim_at_a_time, open_ticket
from annotation.services.queue_mark import lower_mark
from annotation.services.rounds import lock_campaign
from annotation.services.standing import level_in
from annotation.services.tiles import lock_with_wholes, quarters_show_enough

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# Said of gold tiles too, which look to everybody as others do.
BEGUN = (
    "Somebody else has begun on this tile as a whole, so it stays whole. What you drew is kept: leave the tile and go "
    "on with it when you like, or skip it and say why."
)


def split_tile(*, tile: Tile, actor: User, expected_version: int | None) -> Lease | None:
    """Give a tile out as four quarters from now on; whoever holds it goes on with one of them.

    In place of each ticket of the tile, at its rank, each quarter gets one: as many people as wanted draw each quarter,
    and one person may draw several, one after the other. What the holder has saved is cut along the lines between the
    quarters and waits for them there: those quarters are kept for them for BEGUN_KEPT. They go on with the quarter
    that holds most of it, of those asked for. Whoever passed the tile over has passed over its quarters. Where a
    ticket asks for parts of the tile, a quarter is asked for those that lie in it; one in which none does gets no
    ticket, but where its holder began it: a window around what they drew, so that it can be handed in and counts.

    What is refused counts against the hour as well: whoever asks it of every tile to learn which ones nobody else has
    begun, or are gold, learns it slowly.

    Args:    expected_version: of the actor's own labels, as they know it; 0 without any.
    Returns: the lease on the quarter they go on with; None for a maintainer who does not hold the tile. Asked again by
        somebody who holds a quarter, that lease.
    Raises:  CampaignClosed, NotClaimed (neither holder nor maintainer), NotTrustedYet (a newcomer), VersionRequired,
        AccountBlocked, TooManyThisHour, TileIsSplit, TileNotWorkable, StaleRevision, StaysWhole,
        QuarterWithoutImagery, CannotSplit (somebody else has begun).
    """
    campaign = tile.campaign
    if campaign.state != Campaign.State.OPEN:
        raise CampaignClosed(f"Campaign {campaign.slug!r} is closed: choose another one.")
    again = _quarter_held(tile, actor)
    if again is not None:
        return again
    _require_holder_or_maintainer(tile, actor)
    if expected_version is None:
        raise VersionRequired('Send If-Match with the version of your labels of this tile ("0" without any).')
    if level_in(campaign=campaign, user=actor) == NEWCOMER:
        raise NotTrustedYet(
            "Splitting is for people some of whose tiles were accepted here: draw this one as it is, or skip it and "
            "say why."
        )
    with transaction.atomic():
        spend(user=actor, action=Action.SPLIT)
    return _split(tile, actor, expected_version)


@transaction.atomic
def _split(tile: Tile, actor: User, expected_version: int) -> Lease | None:
    campaign = tile.campaign
    hold_classes(campaign)
    one_claim_at_a_time(campaign, actor)
    again = _quarter_held(tile, actor)
    if again is not None:
        return again
    lock_campaign(campaign)  # no round is opened, tile picked, place reported or gold chosen meanwhile
    if tile.quarters.exists():
        raise TileIsSplit("Somebody has split this tile in four at this moment: take one of its quarters.")
    own = _locked_draft(tile, actor, expected_version)
    tickets = list(
        Ticket.objects.select_for_update(of=("self",)).filter(tile=tile).exclude(state=Ticket.State.VOID).order_by("pk")
    )
    leases = list(Lease.objects.select_for_update(of=("self",)).filter(tile=tile).order_by("pk"))
    drawing = [lease for lease in leases if lease.purpose == Lease.Purpose.DRAW]
    held = next((one for one in drawing if one.annotator_id == actor.pk and one.state == Lease.State.ACTIVE), None)
    if held is None:
        _require_maintainer(tile, actor)
    _require_undivided(tile, actor=actor, drawing=drawing, tickets=tickets)
    pieces = _cut(own)
    quarters = _write_quarters(tile)
    begun = [part for part in QUARTERS if pieces[part]]
    ours = _share_tickets(tickets, quarters, campaign=campaign, held=held, pieces=pieces)
    _carry_leases(drawing, quarters, begun=own.annotator_id if own is not None else None, pieces=begun)
    for report in tile.reports.all():
        _move_report(report, quarters)
    if own is not None:
        _carry_draft(own, pieces, quarters, tickets=ours)
    if tickets:
        lower_mark(campaign, min(ticket.rank for ticket in tickets))
    if held is None:
        return None
    asked = _asked_quarters(tickets, tile_px=campaign.tile_px)
    most = max(QUARTERS, key=lambda part: (part in asked, _corners(pieces[part]), part in ours, -part))
    ticket = ours.get(most) or open_ticket(quarters[most])
    return grant(
        tile=quarters[most],
        annotator=actor,
        ticket=ticket,
        ahead=held.ahead,
        way=TileOffer.Way.CHOSEN,
        extra=ticket is None,
    )


# --- what stands in the way ---------------------------------------------------------------------------------


def _quarter_held(tile: Tile, actor: User) -> Lease | None:
    """The answer to the second copy of a request whose first was lost on the way."""
    drawing = Lease.objects.filter(annotator=actor, purpose=Lease.Purpose.DRAW, state=Lease.State.ACTIVE)
    return drawing.filter(tile__whole=tile).order_by("ahead", "granted_at", "pk").first()


def _require_holder_or_maintainer(tile: Tile, actor: User) -> None:
    if not _is_drawing(tile, actor):
        if tile.quarters.exists():
            raise TileIsSplit("This tile was split in four before: take one of its quarters.")
        _require_maintainer(tile, actor)


def _is_drawing(tile: Tile, actor: User) -> bool:
    drawing = Lease.objects.filter(tile=tile, annotator=actor, purpose=Lease.Purpose.DRAW, state=Lease.State.ACTIVE)
    return drawing.exists()


def _require_maintainer(tile: Tile, actor: User) -> None:
    if not Campaign.objects.maintained_by(actor).filter(pk=tile.campaign_id).exists():
        raise NotClaimed("You do not hold this tile now: only who draws it, or a maintainer, splits it in four.")


def _locked_draft(tile: Tile, actor: User, expected_version: int) -> Annotation | None:
    """The actor's labels; a holder who has saved nothing has labels all the same, so that a first save that is under
    way meets them, and one that comes later learns that the tile was split.
    """
    if _is_drawing(tile, actor):
        Annotation.objects.get_or_create(tile=tile, annotator=actor)
    own = None
    for annotation in Annotation.objects.select_for_update(of=("self",)).filter(tile=tile).order_by("pk"):
        own = annotation if annotation.annotator_id == actor.pk else own
    version = 0 if own is None else own.version
    if version != expected_version:
        raise StaleRevision(
            f"Your labels are at version {version} on the server, not {expected_version}: load the tile again first.",
            details={"yours": expected_version, "current_version": version},
        )
    if own is not None and (own.state != Annotation.State.DRAFT or own.submitted_at is not None):
        raise StaysWhole("You have handed this tile in as a whole before: finish it as it is.")
    return own


def _require_undivided(tile: Tile, *, actor: User, drawing: list[Lease], tickets: list[Ticket]) -> None:
    if tile.part:
        raise TileIsSplit("This is a quarter already: quarters are not split again.")
    if tile.campaign.tile_px % 2:
        raise StaysWhole(f"Tiles of {tile.campaign.tile_px} px have no middle between two pixels: draw it as a whole.")
    if tile.state == Tile.State.UNUSABLE:
        raise TileNotWorkable("This tile was reported unusable: take another one.")
    if not quarters_show_enough(tile):
        raise QuarterWithoutImagery("A quarter of this tile shows hardly any imagery, so it stays whole.")
    if PlaceReport.objects.waiting().filter(tile=tile).exists():
        raise StaysWhole("Somebody reported a place on this tile: correct that place first, on the whole tile.")
    now = database_now()
    others = [lease for lease in drawing if lease.annotator_id != actor.pk]
    at_work = any(lease.state == Lease.State.ACTIVE and lease.expires_at >= now for lease in others)
    drawn = Annotation.objects.filter(tile=tile, head__isnull=False).exclude(annotator=actor)
    done = any(ticket.state == Ticket.State.DONE for ticket in tickets)
    if at_work or done or drawn.exists() or tile.golds.exists():
        raise CannotSplit(BEGUN)


# --- doing it -----------------------------------------------------------------------------------------------


def _cut(own: Annotation | None) -> dict[int, tuple[Feature, ...]]:
    if own is None or own.head is None:
        return dict.fromkeys(QUARTERS, ())
    tile = own.tile
    codes = set(tile.campaign.nomenclature.classes.values_list("code", flat=True))
    features = parse_features(own.head.features, tile_px=tile.px, class_codes=codes)
    return cut_in_quarters(features, tile_px=tile.px)


def _corners(features: tuple[Feature, ...]) -> int:
    return sum(len(ring) for feature in features for ring in feature.rings)


def _write_quarters(tile: Tile) -> dict[int, Tile]:
    quarters = {
        part: Tile(
            campaign=tile.campaign,
            row=tile.row,
            col=tile.col,
            part=part,
            whole=tile,
            role=tile.role,
            inclusion_probability=tile.inclusion_probability,
            priority=tile.priority,
        )
        for part in QUARTERS
    }
    for quarter in quarters.values():
        quarter.footprint = Polygon(quarter.grid.polygon_wgs84(*quarter.place), srid=4326)
    lock_with_wholes([tile.pk])
    Tile.objects.bulk_create(quarters.values())
    return quarters


def _share_tickets(
    tickets: list[Ticket],
    quarters: dict[int, Tile],
    *,
    campaign: Campaign,
    held: Lease | None,
    pieces: dict[int, tuple[Feature, ...]],
) -> dict[int, Ticket]:
    """Four tickets for each, at its place in the queue; returns those that came of the holder's own, by quarter.

    Of these, the ones of quarters in which there are `pieces` of what they drew are kept for them.
    """
    own, px = held.ticket_id if held is not None else None, campaign.tile_px
    kept_until = database_now() + BEGUN_KEPT
    Ticket.objects.filter(pk__in=[ticket.pk for ticket in tickets]).update(state=Ticket.State.VOID, leased_until=None)
    made = [
        (
            ticket.pk,
            Ticket(
                campaign=campaign,
                round_id=ticket.round_id,
                rank=ticket.rank,
                tile=quarter,
                part=part,
                slot=ticket.slot,
                slots=ticket.slots,
                kind=ticket.kind,
                score=ticket.score,
                probability=ticket.probability,
                regions=regions,
            ),
        )
        for ticket in tickets
        for part, quarter in quarters.items()
        if (regions := _regions_of(ticket, part, tile_px=px, drawn=pieces[part] if ticket.pk == own else ()))
        or not ticket.regions
    ]
    ours = {ticket.part: ticket for of, ticket in made if of == own}
    for part, ticket in ours.items():
        if pieces[part]:
            ticket.state, ticket.leased_until = Ticket.State.LEASED, kept_until
    Ticket.objects.bulk_create([ticket for _of, ticket in made])
    return ours


def _asked_quarters(tickets: list[Ticket], *, tile_px: int) -> set[int]:
    return {
        part
        for ticket in tickets
        for part in QUARTERS
        if not ticket.regions or windows_in_quarter(ticket.regions, part=part, tile_px=tile_px)
    }


def _regions_of(ticket: Ticket, part: int, *, tile_px: int, drawn: tuple[Feature, ...]) -> list[list[int]]:
    """The parts that a ticket asks for in a quarter; where there are none, a window around what was `drawn` there."""
    windows = [list(window) for window in windows_in_quarter(ticket.regions, part=part, tile_px=tile_px)]
    return windows or ([_window_around(drawn)] if ticket.regions and drawn else [])


def _window_around(features: tuple[Feature, ...]) -> list[int]:
    """The smallest window of whole pixels that holds features; (col, row, width, height)."""
    xs, ys = zip(*(point for feature in features for ring in feature.rings for point in ring), strict=True)
    left, top = min(xs) // SUBPIXELS, min(ys) // SUBPIXELS
    return [left, top, -(-max(xs) // SUBPIXELS) - left, -(-max(ys) // SUBPIXELS) - top]


def _carry_leases(drawing: list[Lease], quarters: dict[int, Tile], *, begun: int | None, pieces: list[int]) -> None:
    """Nobody holds the whole any more, and who passed it over is not asked for a quarter of it, but for those where
    what they (`begun`) drew goes on.
    """
    ended = Lease.objects.filter(pk__in=[lease.pk for lease in drawing], state=Lease.State.ACTIVE)
    ended.update(state=Lease.State.RELEASED, release_reason=Lease.Reason.LEFT)
    passed = [
        lease
        for lease in drawing
        if lease.state == Lease.State.RELEASED and lease.release_reason not in ("", Lease.Reason.LEFT)
    ]
    Lease.objects.bulk_create(
        [
            Lease(
                tile=quarter,
                annotator_id=lease.annotator_id,
                purpose=lease.purpose,
                state=lease.state,
                granted_at=lease.granted_at,
                expires_at=lease.expires_at,
                release_reason=lease.release_reason,
            )
            for lease in passed
            for part, quarter in quarters.items()
            if lease.annotator_id != begun or part not in pieces
        ]
    )


def _carry_draft(
    own: Annotation,
    pieces: dict[int, tuple[Feature, ...]],
    quarters: dict[int, Tile],
    *,
    tickets: dict[int, Ticket],
) -> None:
    """The pieces begin the quarters as drafts of the same person, who may save there once they come back."""
    own.state = Annotation.State.SPLIT
    own.save(update_fields=["state"])
    head, seconds = own.head, own.head.seconds_spent if own.head else 0.0
    if head is None:
        return
    now = database_now()
    corners = sum(map(_corners, pieces.values()))
    for part, features in pieces.items():
        if not features:
            continue
        Lease.objects.create(
            tile=quarters[part],
            annotator_id=own.annotator_id,
            purpose=Lease.Purpose.DRAW,
            ticket=tickets.get(part),
            asked=tickets[part].regions if part in tickets else [],
            state=Lease.State.KEPT if part in tickets else Lease.State.RELEASED,
            release_reason="" if part in tickets else Lease.Reason.LEFT,
            granted_at=now,
            expires_at=now,
        )
        draft = Annotation.objects.create(tile=quarters[part], annotator_id=own.annotator_id)
        # They began it when they began the whole: who hands it in at once has not been hasty.
        Annotation.objects.filter(pk=draft.pk).update(created_at=own.created_at)
        append_revision(
            draft,
            features,
            author=own.annotator,
            seconds_spent=seconds * _corners(features) / corners,
            draft_model=head.draft_model,
            imagery_seen=head.imagery_seen,
        )
        draft.save(update_fields=["version", "head"])


def _move_report(report: PlaceReport, quarters: dict[int, Tile]) -> None:
    whole = quarters[QUARTERS[0]].whole
    if whole is None:
        raise ValueError("a quarter has no whole: a constraint of the database is missing")
    x, y = whole.grid.pixels.from_lonlat(*report.marker.coords)
    window = whole.window
    part = quarter_at(x - window.col_off, y - window.row_off, side=window.width)
    report.tile = quarters[part]
    report.save(update_fields=["tile"])
