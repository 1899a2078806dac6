"""Parts of a tile that its labels are asked for (docs/adr/0035): what the person was shown, as their lease has it.

Windows are [col, row, width, height] in the pixels of the tile that is drawn, most wanted first; none = all of it.
"""

from __future__ import annotations

from collections.abc import Collection

from annotation.models import Annotation, Lease

Windows = list[list[int]]


def asked_of(annotation: Annotation) -> Windows:
    """The windows that somebody's labels of a tile were asked for, as whoever judges them must know."""
    return asked_of_each([annotation])[annotation.pk]


def asked_of_each(annotations: Collection[Annotation]) -> dict[int, Windows]:
    """The same of several, by the annotation's key; one query."""
    leases = Lease.objects.filter(
        tile__in={one.tile_id for one in annotations},
        annotator__in={one.annotator_id for one in annotations},
        purpose=Lease.Purpose.DRAW,
    ).values_list("tile_id", "annotator_id", "asked")
    shown = {(tile, annotator): asked for tile, annotator, asked in leases}
    return {one.pk: shown.get((one.tile_id, one.annotator_id), []) for one in annotations}
