"""Setting work aside: all of one account, or a batch. Nothing is deleted; each revert can be undone (docs/adr/0023).

What was set aside counts for nothing by one rule a kind of work: labels are in the state "reverted", so they are not
accepted ones; verdicts and reviews stand in an item of a revert that was not undone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from django.contrib.gis.geos import MultiPolygon, Polygon
from django.db import transaction
from django.db.models import Count, F, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotation.errors import AlreadyUndone, NotAllowed, NothingToRevert, NotThere, ReasonRequired
from annotation.models import (
    Annotation,
    AnnotationRevision,
    Campaign,
    ChangeReview,
    Lease,
    Revert,
    RevertItem,
    Review,
    Tile,
)
from annotation.services import revert_sql as sql
from annotation.services.annotations import canonical_sha256, next_number, write_polygons
from annotation.services.blocks import block_account, lift_block
from annotation.services.change_outcomes import refresh_cells
from annotation.services.class_guard import hold_classes, in_codes_now
from annotation.services.clock import database_now
from annotation.services.leases import REPORTS_TO_RETIRE
from annotation.services.standing import refresh_standings
from annotation.services.tiles import refresh_tile_states

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class Scope:
    """Which work is meant: of one account, or of everybody in a campaign; within a time and an area where given."""

    account: User | None = None
    campaign: Campaign | None = None
    since: datetime | None = None
    until: datetime | None = None
    area: Polygon | MultiPolygon | None = None  # EPSG:4326; tiles that touch it


@dataclass(frozen=True, slots=True)
class RevertLine:
    """One thing set aside, in the reader's words: what it was, what it is now."""

    kind: str
    kind_name: str
    campaign: str
    place: str
    who: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Reverted:
    """What a revert did, or in a dry run would do. `revert` is None in a dry run."""

    revert: Revert | None
    lines: tuple[RevertLine, ...]
    tickets_open: int  # tiles' tickets that are given out again
    seen: Any = None  # what `look` said of it

    @property
    def counts(self) -> dict[str, int]:
        """How many things of each kind."""
        found: dict[str, int] = {}
        for line in self.lines:
            found[line.kind] = found.get(line.kind, 0) + 1
        return found


@transaction.atomic
def revert_user(
    *,
    account: User,
    actor: User | None,
    reason: str,
    since: datetime | None = None,
    campaign: Campaign | None = None,
    dry_run: bool = False,
    look: Callable[[Revert], Any] | None = None,
) -> Reverted:
    """Block an account and set its work aside: labels, verdicts on drawings, reviews given, reports of imagery.

    Each tile goes back to what others' work says of it, never to the work of another blocked account, which stays set
    aside. Labels accepted by this account wait for a review again. Tickets of the tiles are given out again, to others.
    Done again, it sets aside only what came since. A dry run does all of it and takes it back.

    Args:   look: asked about the revert while it stands, in a dry run too.
    Raises: NothingToRevert (blocked already, and nothing counts any more).
    """
    was_active = account.is_active
    was_blocked = not block_account(account=account, actor=actor, reason=reason)
    scope = Scope(account=account, campaign=campaign, since=since)
    found = _revert(scope, actor=actor, reason=reason, blocks=True)
    if was_blocked and not found.lines:
        raise NothingToRevert(f"{account.get_username()} is blocked already, and nothing of theirs counts any more.")
    if dry_run:
        account.is_active = was_active
    return _ended(found, dry_run=dry_run, look=look)


@transaction.atomic
def revert_batch(
    *,
    scope: Scope,
    actor: User | None,
    reason: str,
    dry_run: bool = False,
    look: Callable[[Revert], Any] | None = None,
) -> Reverted:
    """Set aside the labels and verdicts in a scope, blocking nobody. Reviews that their people gave elsewhere stay.

    Args:   as revert_user.
    Raises: NothingToRevert.
    """
    found = _revert(scope, actor=actor, reason=reason, blocks=False)
    if not found.lines:
        raise NothingToRevert("Nothing that counts was done in this scope: look at the dates and the area.")
    return _ended(found, dry_run=dry_run, look=look)


def _ended(found: Reverted, *, dry_run: bool, look: Callable[[Revert], Any] | None) -> Reverted:
    seen = look(found.revert) if look is not None and found.revert is not None else None
    if dry_run:
        transaction.set_rollback(True)
    return replace(found, revert=None if dry_run else found.revert, seen=seen)


def _revert(scope: Scope, *, actor: User | None, reason: str, blocks: bool) -> Reverted:
    revert = Revert.objects.create(
        account=scope.account,
        campaign=scope.campaign,
        since=scope.since,
        until=scope.until,
        area=scope.area,
        blocks=blocks,
        reason=reason,
        made_by=actor,
    )
    values = _values(revert)
    sql.run([sql.LOCK_LABELS, sql.LABELS, sql.VERDICTS, sql.CHANGE_ANSWERS, sql.OPEN_CHANGE_TICKETS], values)
    if blocks:
        sql.run([sql.REVIEWS, sql.REPORTS, sql.LOCK_REVIEWED], values)
    sql.run([sql.SET_ASIDE, sql.RETIRE_GOLD], values)
    _uncorrect(revert)
    sql.run([sql.FOLLOW_REVIEWS], values)
    tickets = sql.run([sql.OPEN_TICKETS], values)
    if blocks:
        sql.run([sql.OPEN_HELD_TICKETS], values)
    sql.run([sql.FREE_LEASES, sql.DROP_REPORTS], values)
    _settle_tiles(revert, values)
    sql.run([sql.LOWER_MARKS], values)
    if blocks:
        sql.run([sql.LOWER_MARKS_TO_HELD, sql.FREE_HELD_LEASES], values)
    _settle_cells(revert)
    refresh_standings(revert=revert)
    return Reverted(revert=revert, lines=lines_of(revert), tickets_open=tickets)


@transaction.atomic
def undo_revert(*, revert_id: int, actor: User | None, reason: str) -> Revert:
    """Bring back what a revert set aside, and lift the block that came with it.

    What another revert holds stays set aside. Where somebody has labelled a tile meanwhile, both count.

    Raises: NotThere, AlreadyUndone.
    """
    revert = Revert.objects.select_for_update(of=("self",)).select_related("account").filter(pk=revert_id).first()
    if revert is None:
        raise NotThere(f"There is no revert {revert_id}: look at the list on the campaign's page of trust.")
    if revert.undone_at is not None:
        raise AlreadyUndone(f"Revert {revert_id} was undone on {revert.undone_at:%Y-%m-%d}: nothing is left to undo.")
    revert.undone_at, revert.undone_by, revert.undo_reason = database_now(), actor, reason
    revert.save(update_fields=["undone_at", "undone_by", "undo_reason"])
    if revert.account is not None and revert.blocks:
        others = Revert.objects.filter(account=revert.account, blocks=True, undone_at__isnull=True)
        if not others.exists():
            lift_block(account=revert.account)
    values = _values(revert)
    sql.run([sql.LOCK_REVERTED, sql.BRING_BACK], values)
    _correct_again(revert)
    sql.run([sql.FOLLOW_REVIEWS, sql.CLOSE_TICKETS, sql.KEEP_LEASES], values)
    sql.run([sql.BRING_REPORTS_BACK], values)
    _settle_tiles(revert, values)
    _settle_cells(revert)
    refresh_standings(revert=revert)
    return revert


def undo_for_maintainer(*, revert_id: int, actor: User, reason: str) -> Revert:
    """The same by somebody who maintains a campaign: only what such a person could have decided.

    Raises: NotThere, AlreadyUndone, ReasonRequired, NotAllowed: the operator's decision, one that reaches other
        campaigns, or work of their own.
    """
    if not reason.strip():
        raise ReasonRequired("Say why it counts again: the reason is kept.")
    revert = Revert.objects.select_related("made_by").filter(pk=revert_id).first()
    if revert is not None and not actor.is_superuser:
        elsewhere = revert.items.exclude(tile__campaign__in=Campaign.objects.maintained_by(actor).values("pk"))
        own = revert.items.filter(
            Q(annotation__annotator=actor)
            | Q(batch__annotator=actor)
            | Q(review__reviewer=actor)
            | Q(change_answer__annotator=actor)
        )
        by_operator = revert.made_by is None or revert.made_by.is_superuser
        if by_operator or revert.account_id == actor.pk or own.exists() or elsewhere.exists():
            raise NotAllowed(
                "This was decided by the operator, reaches other campaigns, or holds work of yours: ask the operator "
                "to bring it back."
            )
    return undo_revert(revert_id=revert_id, actor=actor, reason=reason.strip()[:500])


CORRECTION = ("annotation__tile__campaign__layer", "annotation__head", "review__revision", "review__corrected")


def _uncorrect(revert: Revert) -> None:
    """Labels as their author handed them in stand again, where a reviewer set aside had corrected and accepted them."""
    corrections = revert.items.filter(kind=RevertItem.Kind.REVIEW, review__verdict=Review.Verdict.CORRECT)
    for item in corrections.filter(
        Q(annotation__head=F("review__corrected")) | Q(annotation__head__stands_for=F("review__corrected"))
    ).select_related(*CORRECTION):
        annotation, review = cast(Annotation, item.annotation), cast(Review, item.review)
        if annotation.state == Annotation.State.REVERTED:
            continue
        _append_copy(annotation, review.revision, author=annotation.annotator)
        annotation.state, annotation.decided_at = Annotation.State.SUBMITTED, None
        annotation.save(update_fields=["version", "head", "state", "decided_at"])


def _correct_again(revert: Revert) -> None:
    """What a reviewer had corrected stands as they left it, where nobody has touched it since."""
    corrections = revert.items.filter(kind=RevertItem.Kind.REVIEW, review__verdict=Review.Verdict.CORRECT)
    untouched = corrections.filter(
        annotation__state=Annotation.State.SUBMITTED,
        annotation__head__parent=F("review__corrected"),
        annotation__head__sha256=F("review__revision__sha256"),
    )
    for item in untouched.select_related(*CORRECTION):
        annotation, review = cast(Annotation, item.annotation), cast(Review, item.review)
        _append_copy(annotation, cast(AnnotationRevision, review.corrected), author=review.reviewer)
        annotation.state, annotation.decided_at = Annotation.State.ACCEPTED, review.created_at
        annotation.save(update_fields=["version", "head", "state", "decided_at"])


def _append_copy(annotation: Annotation, revision: AnnotationRevision, *, author: User) -> None:
    """One more revision with the content of an earlier one, in today's classes: history is only added to."""
    campaign = annotation.tile.campaign
    hold_classes(campaign)
    features = in_codes_now(revision.features, campaign)
    copy = AnnotationRevision.objects.create(
        annotation=annotation,
        number=next_number(annotation),
        parent=annotation.head,
        author=author,
        features=features,
        sha256=revision.sha256 if features == revision.features else canonical_sha256(features),
        seconds_spent=0.0,
        imagery_seen=revision.imagery_seen,
        licence=revision.licence,
    )
    annotation.version, annotation.head = copy.number, copy
    write_polygons(copy, annotation.tile)


def _values(revert: Revert) -> dict[str, Any]:
    return {
        "revert": revert.pk,
        "account": revert.account_id,
        "campaign": revert.campaign_id,
        "since": revert.since,
        "until": revert.until,
        "area": revert.area.ewkt if revert.area else None,
        "reports": REPORTS_TO_RETIRE,
    }


def _settle_cells(revert: Revert) -> None:
    """Cells whose answers, or whose reviewer's word, came to count or no longer do."""
    cells = set(revert.items.filter(kind=RevertItem.Kind.CHANGE).values_list("change_answer__cell", flat=True))
    if revert.blocks and revert.account is not None:
        cells |= set(ChangeReview.objects.filter(reviewer=revert.account).values_list("cell", flat=True))
    refresh_cells(cell for cell in cells if cell is not None)


def _settle_tiles(revert: Revert, values: dict[str, Any]) -> None:
    tiles = (
        revert.items.exclude(kind__in=[RevertItem.Kind.VERDICTS, RevertItem.Kind.CHANGE])
        .values_list("tile_id", flat=True)
        .distinct()
    )
    refresh_tile_states(sorted(tiles))
    sql.run([sql.RETIRE_OR_NOT], values)
    quarters = Tile.objects.filter(pk__in=tiles, part__gt=0).values_list("pk", flat=True)
    refresh_tile_states(sorted(quarters))  # what was retired, or is no longer, is said of their wholes too


def lines_of(revert: Revert) -> tuple[RevertLine, ...]:
    """What a revert set aside, in the order in which it was found."""
    items = revert.items.select_related(
        "tile__campaign",
        "annotation__annotator",
        "batch__annotator",
        "review__reviewer",
        "lease__annotator",
        "change_answer__annotator",
    ).order_by("pk")
    return tuple(_line(item) for item in items.iterator(chunk_size=2_000))


def _line(item: RevertItem) -> RevertLine:
    if item.kind == RevertItem.Kind.LABELS and item.annotation is not None:
        who, before, after = item.annotation.annotator, _state(item.state_before), _state(item.annotation.state)
    elif item.kind == RevertItem.Kind.REVIEW and item.review is not None and item.annotation is not None:
        who, before, after = item.review.reviewer, _state(item.state_before), _state(item.annotation.state)
    elif item.kind == RevertItem.Kind.VERDICTS and item.batch is not None:
        number = int(item.batch.answer.get("stored", 0))
        who, after = item.batch.annotator, _("not counted")
        before = ngettext("%(n)s answer", "%(n)s answers", number) % {"n": number}
    elif item.kind == RevertItem.Kind.CHANGE and item.change_answer is not None:
        who, after = item.change_answer.annotator, _("not counted")
        before = item.change_answer.get_verdict_display()
    elif item.lease is not None:
        who, before, after = item.lease.annotator, str(Lease.Reason(item.state_before).label), _("not counted")
    else:
        raise ValueError(f"{item} holds nothing: a constraint of the database is missing")
    tile, name = item.tile, item.get_kind_display()
    return RevertLine(item.kind, name, tile.campaign.slug, tile.words, who.get_username(), before, after)


def _state(state: str) -> str:
    return str(Annotation.State(state).label)


def reverts_in(campaign: Campaign) -> Any:
    """Reverts that set work of this campaign aside, newest first, with how many things."""
    return (
        Revert.objects.filter(items__tile__campaign=campaign)
        .select_related("account__contributor", "made_by", "undone_by")
        .annotate(n_items=Count("items"))
        .order_by("-pk")
    )
