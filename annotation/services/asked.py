"""Parts of a tile that its labels are asked for, as its ticket has them (docs/adr/0035).

Windows are [col, row, width, height] in the pixels of the tile that is drawn, most wanted first; none = all of it.
"""

from __future__ import annotations

from annotation.models import Annotation, GoldLease, Lease, Ticket

Windows = list[list[int]]


def asked_by(ticket: Ticket | None, gold: GoldLease | None) -> Windows:
    """The windows that whoever draws a tile was shown: those of their ticket, or those that came with a gold tile."""
    if ticket is not None:
        return [list(window) for window in ticket.regions]
    return [] if gold is None else [list(window) for window in gold.why.get("asked", [])]


def asked_of(annotation: Annotation) -> Windows:
    """The windows that somebody's labels of a tile were asked for, as whoever judges them must know."""
    lease = (
        Lease.objects.select_related("ticket", "gold")
        .filter(tile=annotation.tile_id, annotator=annotation.annotator_id, purpose=Lease.Purpose.DRAW)
        .first()
    )
    return [] if lease is None else asked_by(lease.ticket, getattr(lease, "gold", None))
