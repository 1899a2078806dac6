"""When a campaign, which is of one territory and vintage, releases by itself, and why it did not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from annotation.errors import UserError
from annotation.models import Campaign, Job
from learning.errors import InvalidPolicy
from learning.models import Release, ReleasePolicy
from learning.services.promotion import published_model
from learning.services.release_changes import last_standing
from learning.services.release_proposals import propose_release
from learning.services.releases import start_release
from learning.services.scheduling import Refusal

BOUNDS = {"period_days": (1, 3660), "min_changed_labels": (1, 1_000_000)}
REFUSALS = {
    "period": "The next release is due on {due}.",
    "waiting": "{found} of {wanted} labels added, corrected or removed: waiting for more.",
    "proposed": "A release is prepared and waits for a maintainer.",
    "making": "A release is being made.",
}


@transaction.atomic
def set_release_policy(*, campaign: Campaign, **values: Any) -> ReleasePolicy:
    """Say when a campaign releases by itself; fields left out keep their value.

    Raises: InvalidPolicy.
    """
    for name, (least, most) in BOUNDS.items():
        value = values.get(name, least)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidPolicy(f"{name} is {value}: give a whole number from {least} to {most}.")
    policy, _created = ReleasePolicy.objects.update_or_create(campaign=campaign, defaults=values)
    return policy


def consider_release(campaign: Campaign) -> Job | None:
    """Begin a release, or prepare one for a maintainer's word, when it is time; else store why not.

    It is time once `period_days` have passed since the last release and `min_changed_labels` were added, corrected or
    removed since, or nothing was released yet and so many are accepted. Notes are made of the facts.
    """
    with transaction.atomic():
        policy = (
            ReleasePolicy.objects.select_for_update(skip_locked=True).filter(campaign=campaign, enabled=True).first()
        )
        if policy is None:
            return None
        job, why = _release_if_due(policy, campaign)
        policy.last_considered_at = timezone.now()
        policy.last_refusal, policy.last_refusal_code = why.text[:300], why.code[:40]
        policy.last_refusal_figures = why.figures
        policy.save(
            update_fields=[
                "proposed_at", "last_considered_at", "last_refusal", "last_refusal_code", "last_refusal_figures",
            ]
        )  # fmt: skip
    return job


def _release_if_due(policy: ReleasePolicy, campaign: Campaign) -> tuple[Job | None, Refusal]:
    if campaign.releases.filter(state=Release.State.STAGING).exists():
        return None, _refusal("making")
    last = last_standing(campaign)
    if last is not None and last.published_at is not None:
        due = last.published_at + timedelta(days=policy.period_days)
        if timezone.now() < due:
            policy.proposed_at = None
            return None, _refusal("period", due=f"{due:%Y-%m-%d}")
    try:
        proposal = propose_release(campaign, model=published_model(campaign))
        found = proposal.changes.labels.total
        if found < policy.min_changed_labels:
            policy.proposed_at = None
            return None, _refusal("waiting", found=found, wanted=policy.min_changed_labels)
        if policy.hold:
            policy.proposed_at = policy.proposed_at or timezone.now()
            return None, _refusal("proposed")
        with transaction.atomic():
            return start_release(campaign=campaign, actor=None, version=proposal.suggestion.version), Refusal()
    except UserError as error:
        return None, Refusal(str(error), error.code)


def _refusal(code: str, **figures: Any) -> Refusal:
    return Refusal(REFUSALS[code].format(**figures), code, figures)
