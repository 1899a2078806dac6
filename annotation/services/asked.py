"""Parts of a tile that its labels are asked for (docs/adr/0035): what the person was shown, as their lease has it.

Windows are [col, row, width, height] in the pixels of the tile that is drawn, most wanted first; none = all of it.
"""

from __future__ import annotations

from annotation.models import Annotation, Lease

Windows = list[list[int]]


def asked_of(annotation: Annotation) -> Windows:
    """The windows that somebody's labels of a tile were asked for, as whoever judges them must know."""
    lease = Lease.objects.filter(
        tile=annotation.tile_id, annotator=annotation.annotator_id, purpose=Lease.Purpose.DRAW
    ).first()
    return [] if lease is None else lease.asked
