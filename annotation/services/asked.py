"""Parts of a tile that its labels are asked for, as its ticket has them (docs/adr/0035).

Windows are [col, row, width, height] in the pixels of the tile that is drawn, most wanted first; none = all of it.
"""

from __future__ import annotations

from annotation.models import Annotation, GoldLease, Lease, Ticket, TileOffer

Windows = list[list[int]]


def asked_by(lease: Lease | None, gold: GoldLease | None) -> Windows:
    """The windows that whoever has a tile was shown: those of their ticket, or those that came with a `gold` tile."""
    if gold is not None:
        return [list(window) for window in gold.why.get("asked", [])]
    if lease is None:
        return []
    ticket = _lost_ticket(lease) if lease.extra else lease.ticket
    return [] if ticket is None else [list(window) for window in ticket.regions]


def _lost_ticket(lease: Lease) -> Ticket | None:
    """What whoever goes on with a tile that others have all the places of was given it by."""
    offers = TileOffer.objects.filter(tile=lease.tile_id, annotator=lease.annotator_id, ticket__isnull=False)
    last = offers.select_related("ticket").order_by("-offered_at", "-pk").first()
    return None if last is None else last.ticket


def asked_of(annotation: Annotation) -> Windows:
    """The windows that somebody's labels of a tile were asked for, as whoever judges them must know."""
    lease = (
        Lease.objects.select_related("ticket", "gold")
        .filter(tile=annotation.tile_id, annotator=annotation.annotator_id, purpose=Lease.Purpose.DRAW)
        .first()
    )
    return asked_by(lease, getattr(lease, "gold", None))
