"""Which model is published, by hand: one that waits for a maintainer's word, or an earlier one again."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from annotation.errors import JobAlreadyRunning
from annotation.models import Campaign
from learning.errors import CannotPublish, CannotPublishUnjudged, CannotRollBack
from learning.models import TrainedModel
from learning.services.predictions import start_prediction
from learning.services.promotion import RULE, locked_campaign, published_model, replace_published

if TYPE_CHECKING:
    from django.contrib.auth.models import User

State, Outcome = TrainedModel.State, TrainedModel.Outcome


@transaction.atomic
def publish_model(*, model: TrainedModel, actor: User | None) -> TrainedModel:
    """Publish a model that the gate would promote and that was held for a maintainer to say so; its map is queued.

    Raises: CannotPublish (the gate did not say so, it was judged against another model than the one that is published
            now, or its file is gone).
    """
    campaign = locked_campaign(model.campaign_id)
    model = TrainedModel.objects.select_for_update(of=("self",)).select_related("campaign", "run").get(pk=model.pk)
    published = published_model(campaign)
    if model.state != State.HELD or model.outcome != Outcome.PROMOTE:
        said = model.gate.get("reason") or "it was not judged"
        raise CannotPublish(
            f"{model.version} is {model.get_state_display()} and cannot be published: {said} "
            "Only a model that the gate would promote can."
        )
    against = model.gate.get("against")
    if against != (published.version if published else None):
        raise CannotPublish(
            f"{model.version} was judged against {against or 'no model'}, and {published or 'none'} is published now: "
            "judge it again first."
        )
    if not model.path.is_file():
        raise CannotPublish(f"The file of {model.version} is gone ({model.file}): train again.")
    replace_published(published, model)
    model.gate = {
        **model.gate,
        "published_at": timezone.now().isoformat(),
        "published_by": actor.pk if actor else None,
    }
    model.save(update_fields=["state", "gate"])
    _queue_map(model)
    return model


@transaction.atomic
def publish_unjudged(*, model: TrainedModel, actor: User | None, reason: str) -> TrainedModel:
    """Publish imported weights that cannot be judged yet, where nothing is published: somebody answers for it, and the
    reason is kept. The gate decides on them as soon as it can (docs/adr/0032). Their map is queued.

    Raises: CannotPublishUnjudged (trained here, judged, or can be; no reason; a model is published; the file is gone).
    """
    campaign = locked_campaign(model.campaign_id)
    model = TrainedModel.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=model.pk)
    published = published_model(campaign)
    n_tiles = model.gate.get("n_tiles", 0)
    refusals = {
        "was trained here: only imported weights are published before they are judged.": model.origin_id is None,
        f"is {model.get_state_display()}: only a model held back for want of control tiles is published so.": (
            model.state != State.HELD or n_tiles >= RULE.min_holdout_tiles
        ),
        "needs a reason, which is kept and shown.": not reason.strip(),
        f"goes through the gate, since {published} is published: label control tiles first.": published is not None,
        f"has lost its file ({model.file}): import it again.": not model.path.is_file(),
    }
    for refusal, holds in refusals.items():
        if holds:
            raise CannotPublishUnjudged(f"{model.version} {refusal}")
    why = reason.strip()[:500]
    model.gate = {
        **model.gate,
        "judged": False,
        "reason": f"Published before it could be judged: {why}",
        "reasons": [{"code": "unjudged", "figures": {"why": why}}, *model.gate.get("reasons", [])],
        "published_unjudged": {"why": why, "by": actor.pk if actor else None, "at": timezone.now().isoformat()},
    }
    replace_published(None, model)
    model.save(update_fields=["state", "gate"])
    _queue_map(model)
    return model


@transaction.atomic
def roll_back_model(*, campaign: Campaign, to_model: TrainedModel, actor: User | None) -> TrainedModel:
    """Publish a model that was published before, in place of the present one, and queue what follows from it.

    From then on its map is shown and drafts come from it, the next round is opened from it, and the next release names
    it. Releases that are published do not change.

    Raises: CannotRollBack (it was never published, is published, or its file is gone).
    """
    campaign = locked_campaign(campaign.pk)
    target = TrainedModel.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=to_model.pk)
    if target.campaign_id != campaign.pk or target.state != State.RETIRED:
        earlier = [
            model.version for model in campaign.trained_models.filter(state=State.RETIRED).select_related("campaign")
        ]
        raise CannotRollBack(
            f"{target.version} is {target.get_state_display()}: choose a model that was published before "
            f"({', '.join(earlier) or 'there is none'})."
        )
    if not target.path.is_file():
        raise CannotRollBack(
            f"The file of {target.version} is gone ({target.file}), and a model without its weights draws nothing: "
            "bring it back from a backup or a release, or choose another model."
        )
    published = published_model(campaign)
    now = timezone.now()
    if published is not None:
        published.gate = {
            **published.gate,
            "rolled_back_at": now.isoformat(),
            "rolled_back_to": target.version,
        }
        published.save(update_fields=["gate"])
    replace_published(published, target)
    target.gate = {
        **target.gate,
        "restored_at": now.isoformat(),
        "restored_by": actor.pk if actor else None,
        "restored_from": published.version if published else None,
    }
    target.save(update_fields=["state", "gate"])
    _queue_map(target)
    return target


def _queue_map(model: TrainedModel) -> None:
    """The model's map, if it has none, and the next round from it."""
    # Where it is being made already, its round opens after it.
    with contextlib.suppress(JobAlreadyRunning):
        start_prediction(model=model)
