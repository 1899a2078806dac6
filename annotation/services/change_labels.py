"""Labels of the later date that come of answers on change: one person's answers on a tile, handed in as labels.

They go the way of every label: to review where the campaign has one, into revisions that are only added, under the
same reverts. The lease that stands for them says which parts of the tile were asked for (docs/adr/0035, 0051).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings

from annotation.core.change import asked_window
from annotation.core.features import Feature, rings_in
from annotation.core.transfer import laid_over
from annotation.models import Annotation, ChangeAnswer, ChangeTicket, ChangeVerdict, Lease, Tile
from annotation.services.annotations import append_revision, close_submission, imagery_seen
from annotation.services.class_guard import codes_now, hold_classes
from annotation.services.clock import database_now
from annotation.services.report_following import lock_labels
from annotation.services.tiles import refresh_tile_state
from annotation.services.vintages import earlier_labels

if TYPE_CHECKING:
    from django.contrib.auth.models import User

#: How a cell's label of the later date came to be, by what was said of it.
PROVENANCE = {
    ChangeVerdict.UNCHANGED: "copied",
    ChangeVerdict.CHANGED: "drawn",
    ChangeVerdict.SECOND_WRONG: "corrected",
    ChangeVerdict.FIRST_WRONG: "accepted",
}
CLOSED = (Annotation.State.ACCEPTED, Annotation.State.REVERTED, Annotation.State.SPLIT)


def hand_in_answers(*, ticket: ChangeTicket, annotator: User) -> Annotation | None:
    """Hand in what a person's answers on a ticket's tile say of the later date, over what they had drawn there.

    With `copies_all` the earlier labels of the whole tile lie below, otherwise ground that nobody asked about stays
    unlabelled. None where the answers name no class, or where the person's labels of this tile are accepted or set
    aside: those stay as they are. Called in the transaction of the last answer.
    """
    tile = ticket.tile
    answers = list(
        ChangeAnswer.objects.standing()
        .filter(cell__round=ticket.round_id, cell__tile=tile, annotator=annotator)
        .select_related("cell")
        .order_by("cell_id")
    )
    hold_classes(tile.campaign)
    now = codes_now(tile.campaign)  # answers stay as they were given
    said = [_feature(answer) for answer in answers if answer.second_code and now.get(answer.second_code, "-")]
    over = [replace(feature, class_code=now.get(feature.class_code) or feature.class_code) for feature in said]
    if not over:
        return None
    annotation, _created = Annotation.objects.get_or_create(tile=tile, annotator=annotator)
    lock_labels([annotation.pk])
    annotation = Annotation.objects.select_related("head").get(pk=annotation.pk)
    if annotation.state in CLOSED:
        return None
    under = _below(annotation, ticket, {feature.id for feature in over})
    seen = imagery_seen(tile.campaign.layer, ["rgb"])
    append_revision(
        annotation,
        laid_over(under, over),
        author=annotator,
        seconds_spent=sum(answer.seconds for answer in answers),
        draft_model="",
        imagery_seen=seen | {"change_round": ticket.round_id, "first_layer": ticket.round.pair.first.slug},
    )
    if _is_being_drawn(tile, annotator):
        annotation.state = Annotation.State.DRAFT
        annotation.save(update_fields=["version", "head", "state"])
        refresh_tile_state(tile)
        return annotation
    _stand_for(tile, annotator, over=[] if ticket.copies_all else over)
    close_submission(annotation, tile, annotator)
    return annotation


def _is_being_drawn(tile: Tile, annotator: User) -> bool:
    """Whether the person has the tile in hand in the studio: the answers join their draft, which they hand in."""
    leases = Lease.objects.filter(tile=tile, annotator=annotator, purpose=Lease.Purpose.DRAW)
    return leases.filter(state__in=[Lease.State.ACTIVE, Lease.State.KEPT]).exists()


def withdraw_labels(*, tile: Tile, annotator: User) -> bool:
    """Take what a person's answers handed in back to a draft; False when somebody has judged or accepted it."""
    annotation = Annotation.objects.select_related("head").filter(tile=tile, annotator=annotator).first()
    if annotation is None:
        return True
    lock_labels([annotation.pk])
    annotation.refresh_from_db()
    if annotation.state in CLOSED or (
        annotation.head is not None and annotation.reviews.of_same_work(annotation.head).exists()
    ):
        return False
    annotation.state = Annotation.State.DRAFT
    annotation.save(update_fields=["state"])
    refresh_tile_state(tile)
    return True


def _feature(answer: ChangeAnswer) -> Feature:
    provenance = PROVENANCE[ChangeVerdict(answer.verdict)]
    return Feature(f"change-{answer.cell_id}", answer.second_code, rings_in(answer.cell.rings), provenance)


def _below(annotation: Annotation, ticket: ChangeTicket, mine: set[str]) -> list[Feature]:
    """What lies under the cells: what the person had drawn, or the earlier labels where they copied them all."""
    if annotation.head is None:
        return list(earlier_labels(ticket.tile, ticket.round.pair)) if ticket.copies_all else []
    stored = [item for item in annotation.head.features if item["id"] not in mine]
    return [Feature(item["id"], item["class_code"], rings_in(item["rings"]), item["provenance"]) for item in stored]


def _stand_for(tile: Tile, annotator: User, *, over: Sequence[Feature]) -> None:
    """The lease that these labels were made under: done at once, and asked for the cells' windows."""
    now = database_now()
    Lease.objects.get_or_create(
        tile=tile,
        annotator=annotator,
        purpose=Lease.Purpose.DRAW,
        defaults={
            "state": Lease.State.DONE,
            "granted_at": now,
            "expires_at": now + timedelta(seconds=settings.LEASE_SECONDS),
            "asked": [asked_window(feature.rings) for feature in over],
        },
    )
