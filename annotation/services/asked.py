"""Parts of a tile that its labels are asked for, as its ticket has them (docs/adr/0035).

Windows are [col, row, width, height] in the pixels of the tile that is drawn, most wanted first; none = all of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from annotation.models import Annotation, GoldLease, Lease, Ticket, TileOffer

Windows = list[list[int]]


def asked_by(lease: Lease | None, gold: GoldLease | None) -> Windows:
    """The windows that whoever has a tile was shown: those of their ticket, or those that came with a `gold` tile."""
    lost = _lost_tickets([lease]) if lease is not None and lease.extra and gold is None else {}
    return _shown_with(lease, gold, lost=lost)


def asked_of(annotation: Annotation) -> Windows:
    """The windows that somebody's labels of a tile were asked for, as whoever judges them must know."""
    return asked_of_each([annotation])[annotation.pk]


def asked_of_each(annotations: Collection[Annotation]) -> dict[int, Windows]:
    """The same of several, by the annotation's key; two queries at most."""
    leases = Lease.objects.select_related("ticket", "gold").filter(
        tile__in={one.tile_id for one in annotations},
        annotator__in={one.annotator_id for one in annotations},
        purpose=Lease.Purpose.DRAW,
    )
    lost = _lost_tickets([lease for lease in leases if lease.extra])
    shown = {_work(lease): _shown_with(lease, getattr(lease, "gold", None), lost=lost) for lease in leases}
    return {one.pk: shown.get(_work(one), []) for one in annotations}


def _work(one: Lease | Annotation | TileOffer) -> tuple[int, int]:
    return one.tile_id, one.annotator_id


def _shown_with(lease: Lease | None, gold: GoldLease | None, *, lost: dict[tuple[int, int], Ticket | None]) -> Windows:
    if gold is not None:
        return [list(window) for window in gold.why.get("asked", [])]
    if lease is None:
        return []
    ticket = lost.get(_work(lease)) if lease.extra else lease.ticket
    return [] if ticket is None else [list(window) for window in ticket.regions]


def _lost_tickets(leases: Sequence[Lease]) -> dict[tuple[int, int], Ticket | None]:
    """What people who go on with tiles that others have all the places of were given them by, by tile and person."""
    offers = TileOffer.objects.filter(
        tile__in={lease.tile_id for lease in leases},
        annotator__in={lease.annotator_id for lease in leases},
        ticket__isnull=False,
    )
    return {_work(offer): offer.ticket for offer in offers.select_related("ticket").order_by("offered_at", "pk")}
