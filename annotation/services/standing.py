"""Who is trusted how far in a campaign: counted from reviews and gold tiles, stored, and told to the person alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef
from django.db.models.functions import Now

from annotation.core.trust import CONTRIBUTOR, NEWCOMER, TRUSTED, Record, level_of, tiles_to_next_level
from annotation.errors import NotThere
from annotation.models import (
    Annotation,
    Campaign,
    GoldOutcome,
    Revert,
    RevertItem,
    Review,
    SecondOpinion,
    Standing,
    TrustAlarm,
)
from annotation.services.reliability import LEAST_TILES_SHOWN
from annotation.services.report_following import lock_labels
from annotation.services.tiles import refresh_tile_states

if TYPE_CHECKING:
    from django.contrib.auth.models import User


# Reviews that no revert has set aside; a tile is accepted once, however many reviewers looked at it, and four quarters
# are one.
COUNTED = """
SELECT v.author_id,
       count(DISTINCT t.id) FILTER (WHERE t.part = 0 AND v.verdict IN ('accept', 'correct') AND a.state = 'accepted')
       + count(DISTINCT t.id) FILTER (
           WHERE t.part > 0 AND v.verdict IN ('accept', 'correct') AND a.state = 'accepted'
       ) / 4,
       count(*) FILTER (WHERE v.verdict = 'send_back' AND NOT EXISTS (
           SELECT 1 FROM annotation_review w  -- another reviewer decided otherwise on the same labels
           WHERE w.revision_id = v.revision_id AND w.id > v.id AND w.verdict IN ('accept', 'correct')
       ))
FROM annotation_review v
JOIN annotation_annotation a ON a.id = v.annotation_id
JOIN annotation_tile t ON t.id = a.tile_id
WHERE t.campaign_id = %s AND v.author_id = ANY(%s)
  AND NOT EXISTS (
      SELECT 1 FROM annotation_revertitem i JOIN annotation_revert r ON r.id = i.revert_id
      WHERE i.review_id = v.id AND r.undone_at IS NULL
  )
GROUP BY v.author_id
"""


def refresh_standing(*, campaign: Campaign, users: Iterable[int]) -> None:
    """Count anew what became of these people's work, and store their level. Called in the transaction of the change.

    Whoever rises above newcomer where submissions are not reviewed has the tiles accepted that waited for that, as soon
    as the change is committed.
    """
    wanted = sorted(set(users))
    Standing.objects.bulk_create([Standing(campaign=campaign, user_id=user) for user in wanted], ignore_conflicts=True)
    rows = list(
        Standing.objects.select_for_update(of=("self",)).filter(campaign=campaign, user__in=wanted).order_by("user_id")
    )
    with connection.cursor() as cursor:
        cursor.execute(COUNTED, [campaign.pk, wanted])
        counted = {author: (accepted, sent_back) for author, accepted, sent_back in cursor.fetchall()}
    flagged = set(
        TrustAlarm.objects.open().filter(campaign=campaign, kind=TrustAlarm.Kind.GOLD).values_list("subject", flat=True)
    )
    is_risen = False
    for row in rows:
        row.accepted, row.sent_back = counted.get(row.user_id, (0, 0))
        record = record_of(row, flagged=row.user_id in flagged)
        level = level_of(record, first_reviewed=campaign.first_reviewed)
        is_risen = is_risen or row.level == NEWCOMER < level
        row.level = level
    Standing.objects.bulk_update(rows, ["accepted", "sent_back", "level"])
    if is_risen:
        transaction.on_commit(partial(accept_waiting, campaign=campaign), robust=True)


def count_gold(*, campaign: Campaign) -> None:
    """Count anew the gold tiles that people passed and failed, and their levels.

    Called by the job that looks at the campaign, some minutes after the work, and only for people with as many such
    tiles as are shown: a level that moved with one tile would say that this tile was gold.
    """
    outcomes: dict[int, list[bool]] = {}
    given = GoldOutcome.objects.filter(gold__tile__campaign=campaign).that_count()
    for user, passed in given.values_list("annotator_id", "passed"):
        outcomes.setdefault(user, []).append(passed)
    enough = {user: found for user, found in outcomes.items() if len(found) >= LEAST_TILES_SHOWN}
    for user, found in enough.items():
        Standing.objects.update_or_create(
            campaign=campaign,
            user_id=user,
            defaults={"gold_passed": sum(found), "gold_failed": len(found) - sum(found)},
        )
    refresh_standing(campaign=campaign, users=enough)


def refresh_standings(*, revert: Revert) -> None:
    """Count anew for everybody whose tiles or reviews a revert touched, in each campaign."""
    touched = revert.items.filter(annotation__isnull=False).values_list("tile__campaign", "annotation__annotator")
    by_campaign: dict[int, set[int]] = {}
    for campaign, author in touched.distinct():
        by_campaign.setdefault(campaign, set()).add(author)
    for campaign_row in Campaign.objects.filter(pk__in=by_campaign).order_by("pk"):
        refresh_standing(campaign=campaign_row, users=by_campaign[campaign_row.pk])


@transaction.atomic
def accept_waiting(*, campaign: Campaign) -> int:
    """Accept what newcomers handed in who have risen since, where nobody looks at others' work; returns how many.

    In a transaction of its own, since it takes labels and tiles, which whoever made somebody rise holds already: two
    reviewers would wait for each other. What this does not come to, the job that looks at the campaign does. One that
    a reviewer is deciding is theirs, and one whose review was set aside is another reviewer's.
    """
    if campaign.review_policy != Campaign.ReviewPolicy.NONE:
        return 0
    set_aside = RevertItem.objects.active().filter(annotation=OuterRef("pk"), kind=RevertItem.Kind.REVIEW)
    risen = Standing.objects.filter(campaign=campaign, user=OuterRef("annotator"), level__gt=NEWCOMER)
    waiting = Annotation.objects.filter(
        Exists(risen),
        ~Exists(set_aside),
        ~Exists(Review.objects.of_heads()),
        ~Exists(SecondOpinion.objects.of_heads()),
        tile__campaign=campaign,
        state=Annotation.State.SUBMITTED,
    )
    wanted = list(waiting.values_list("pk", flat=True))
    lock_labels(wanted)
    found = list(waiting.filter(pk__in=wanted).order_by("tile").values_list("pk", "tile_id"))
    Annotation.objects.filter(pk__in=[pk for pk, _tile in found]).update(
        state=Annotation.State.ACCEPTED, decided_at=Now()
    )
    refresh_tile_states([tile for _pk, tile in found])
    return len(found)


def record_of(standing: Standing, *, flagged: bool = False) -> Record:
    """A person's figures as the core knows them."""
    return Record(
        accepted=standing.accepted,
        sent_back=standing.sent_back,
        gold_passed=standing.gold_passed,
        gold_failed=standing.gold_failed,
        vouched=standing.vouched_level,
        flagged=flagged,
    )


def level_in(*, campaign: Campaign, user: User) -> int:
    """The person's level in a campaign; who reviews or maintains it is trusted."""
    if user.is_superuser or has_role(user, campaign):
        return TRUSTED
    known = Standing.objects.filter(campaign=campaign, user=user).values_list("level", flat=True).first()
    if known is not None:
        return known
    return level_of(Record(), first_reviewed=campaign.first_reviewed)


def highest_level(user: User) -> int:
    """The person's highest level anywhere: what their hourly limits follow."""
    if user.is_superuser or has_role(user):
        return TRUSTED
    found: int | None = Standing.objects.filter(user=user).aggregate(highest=Max("level"))["highest"]
    return NEWCOMER if found is None else found


def has_role(user: User, campaign: Campaign | None = None) -> bool:
    """Whether the person reviews or maintains this campaign, or any."""
    held = Campaign.objects.reviewed_by(user)
    return (held if campaign is None else held.filter(pk=campaign.pk)).exists()


@transaction.atomic
def vouch_for(*, campaign: Campaign, user: User, level: int, actor: User) -> Standing:
    """Let somebody known outside the platform begin at a level. Gold tiles failed still take it away.

    Raises: NotThere (the actor does not maintain the campaign).
    """
    if not Campaign.objects.maintained_by(actor).filter(pk=campaign.pk).exists():
        raise NotThere(f"You do not maintain {campaign.slug!r}: ask one of its maintainers.")
    Standing.objects.update_or_create(
        campaign=campaign, user=user, defaults={"vouched_level": Standing.Level(level), "vouched_by": actor}
    )
    refresh_standing(campaign=campaign, users=[user.pk])
    return Standing.objects.get(campaign=campaign, user=user)


@dataclass(frozen=True, slots=True)
class ShownStanding:
    """A person's level in a campaign, and what brings the next one: for them alone."""

    campaign: Campaign
    level: int
    name: str
    missing: int | None
    waiting: int  # tiles of theirs that count once they have risen


def standings_of(user: User) -> list[ShownStanding]:
    """Where a person stands in each campaign that they have worked in, by title; four queries however many."""
    known = {row.campaign_id: row for row in Standing.objects.filter(user=user)}
    campaigns = Campaign.objects.filter(tiles__annotations__annotator=user).distinct().order_by("title", "pk")
    trusted_in = set(Campaign.objects.reviewed_by(user).values_list("pk", flat=True))
    waiting = Annotation.objects.of(user).filter(
        state=Annotation.State.SUBMITTED, tile__campaign__review_policy=Campaign.ReviewPolicy.NONE
    )
    pending = Counter(waiting.values_list("tile__campaign", flat=True))
    shown = []
    for campaign in campaigns:
        row = known.get(campaign.pk)
        record = record_of(row) if row else Record()
        level = row.level if row else level_of(record, first_reviewed=campaign.first_reviewed)
        if user.is_superuser or campaign.pk in trusted_in:
            level = TRUSTED
        missing = tiles_to_next_level(record, first_reviewed=campaign.first_reviewed) if level < TRUSTED else None
        shown.append(ShownStanding(campaign, level, str(Standing.Level(level).label), missing, pending[campaign.pk]))
    return shown


def counts_at_once(*, campaign: Campaign, user: User) -> bool:
    """Whether what this person hands in is accepted as it comes, where submissions are not reviewed."""
    return level_in(campaign=campaign, user=user) >= CONTRIBUTOR
