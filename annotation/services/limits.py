"""What one person may do in an hour, counted beside the write: in its transaction, in one statement, for all processes.

The limit grows with the highest level that the person has earned anywhere (docs/adr/0023). An hour begins with its
first write; what is refused or rolled back is not counted.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection

from annotation.errors import TooManyThisHour
from annotation.models import HourlyUse
from annotation.services.blocks import refuse_blocked
from annotation.services.clock import database_now
from annotation.services.people import contributor_of
from annotation.services.standing import highest_level

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Action = HourlyUse.Action
HOUR = timedelta(hours=1)
NOUNS = {
    Action.CLAIM: "tiles taken",
    Action.SAVE: "saves",
    Action.SUBMIT: "tiles handed in",
    Action.VERDICT: "answers",
    Action.REVIEW: "reviews",
    Action.SPLIT: "tiles split in four, or asked to be",
}

# The person's row is held for share until the write has ended: blocking somebody waits for what they are writing. The
# counter's row is the lock: whoever comes at the same moment waits for it and counts on from what it then says.
SPEND = """
WITH person AS (
    SELECT c.user_id, (%(limits)s::int[])[1 + GREATEST(
        COALESCE((SELECT max(s.level) FROM annotation_standing s WHERE s.user_id = c.user_id), 0),
        CASE WHEN u.is_superuser OR EXISTS (
            SELECT 1 FROM annotation_membership m WHERE m.user_id = c.user_id AND m.role IN ('reviewer', 'maintainer')
        ) OR EXISTS (
            SELECT 1 FROM annotation_teamrole r JOIN annotation_teammember t ON t.team_id = r.team_id
            WHERE t.user_id = c.user_id AND r.role IN ('reviewer', 'maintainer')
        ) THEN 2 ELSE 0 END
    )] AS most
    FROM annotation_contributor c JOIN auth_user u ON u.id = c.user_id
    WHERE c.user_id = %(user)s AND c.blocked_at IS NULL
    FOR SHARE OF c
)
INSERT INTO annotation_hourlyuse AS kept (user_id, action, used, since)
SELECT user_id, %(action)s, %(amount)s, clock_timestamp() FROM person WHERE %(amount)s <= most
ON CONFLICT (user_id, action) DO UPDATE SET
    used = CASE WHEN kept.since <= clock_timestamp() - interval '1 hour' THEN 0 ELSE kept.used END + EXCLUDED.used,
    since = CASE WHEN kept.since <= clock_timestamp() - interval '1 hour' THEN EXCLUDED.since ELSE kept.since END
WHERE kept.since <= clock_timestamp() - interval '1 hour'
   OR kept.used + EXCLUDED.used <= (SELECT most FROM person)
RETURNING used
"""


def spend(*, user: User, action: str, amount: int = 1, error: type[TooManyThisHour] = TooManyThisHour) -> None:
    """Count something a person does now against their hour. Called in the transaction of the write, before its locks.

    Raises: AccountBlocked, TooManyThisHour (or `error`).
    """
    values: dict[str, Any] = {
        "user": user.pk,
        "action": action,
        "amount": amount,
        "limits": list(settings.HOURLY_LIMITS[action]),
    }
    for _attempt in range(2):
        with connection.cursor() as cursor:
            cursor.execute(SPEND, values)
            if cursor.fetchone() is not None:
                return
        # Nobody has a row before their first write; with one there are two reasons.
        contributor = contributor_of(user)
        refuse_blocked(contributor)
        used = HourlyUse.objects.filter(user=user, action=action, since__gt=database_now() - HOUR).first()
        if used is not None or amount > min(settings.HOURLY_LIMITS[action]):
            raise _refusal(user, action, amount, used, error)
    raise _refusal(user, action, amount, None, error)


def limit_of(*, user: User, action: str) -> int:
    """How much of this the person may do in an hour."""
    return int(settings.HOURLY_LIMITS[action][highest_level(user)])


def _refusal(
    user: User, action: str, amount: int, used: HourlyUse | None, error: type[TooManyThisHour]
) -> TooManyThisHour:
    limit, sent = limit_of(user=user, action=action), used.used if used else 0
    wait_s = _wait_s(used.since) if used else 0
    return error(
        f"{NOUNS[Action(action)].capitalize()}: {sent} in this hour, of {limit} that it takes; {amount} more do "
        f"not fit. The next hour begins in {math.ceil(wait_s / 60)} min. What an hour takes grows with the tiles of "
        "yours that are accepted.",
        details={"action": action, "sent": sent, "given": amount, "limit": limit, "retry_after_s": wait_s},
    )


def _wait_s(since: datetime) -> int:
    return max(1, math.ceil((since + HOUR - database_now()).total_seconds()))
