"""Judging models: figures on the hold-out, the gate, and going back to an earlier model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction
from django.utils import timezone
from numpy.typing import NDArray

from annotation.models import Campaign
from learning.core import evaluate, gate
from learning.errors import CannotRollBack, NotEvaluated
from learning.models import Evaluation, TrainedModel
from learning.services.holdout import HoldoutReference

if TYPE_CHECKING:
    from django.contrib.auth.models import User

State = TrainedModel.State
RULE = gate.GateRule()


def published_model(campaign: Campaign) -> TrainedModel | None:
    """The campaign's promoted model."""
    return campaign.trained_models.filter(state=State.PROMOTED).select_related("campaign", "run").first()


@transaction.atomic
def record_evaluation(
    *,
    model: TrainedModel,
    reference: HoldoutReference,
    confusions: Mapping[int, NDArray[np.int64]],
    class_codes: list[str],
) -> Evaluation:
    """Store a model's figures on one reference, with intervals by bootstrap over tiles; once per reference.

    Args:   confusions: by tile id, int64 (class, class), truth in rows.
    Raises: InvalidEvaluation (no labelled pixel).
    """
    TrainedModel.objects.select_for_update().get(pk=model.pk)
    known = evaluation_on(model, reference)
    if known is not None:
        return known
    order = [tile.tile_id for tile in reference.tiles]
    stack = np.stack([confusions[tile] for tile in order])
    figures = evaluate.evaluate(stack, class_codes=class_codes, rng=np.random.default_rng(model.run.seed))
    return Evaluation.objects.create(
        model=model,
        holdout_sha256=reference.sha256,
        n_tiles=len(order),
        class_codes=class_codes,
        confusion=[list(row) for row in figures.confusion],
        tile_confusions={str(tile): confusions[tile].tolist() for tile in order},
        miou=figures.miou,
        miou_low=figures.miou_low,
        miou_high=figures.miou_high,
        overall_accuracy=figures.overall_accuracy,
        per_class={
            score.code: json_safe({k: v for k, v in asdict(score).items() if k != "code"})
            for score in figures.per_class
        },
    )


def evaluation_on(model: TrainedModel, reference: HoldoutReference) -> Evaluation | None:
    """The model's figures on exactly this reference, if it was evaluated on it."""
    return model.evaluations.filter(holdout_sha256=reference.sha256).first()


@transaction.atomic
def promote_or_reject(
    *, candidate: TrainedModel, reference: HoldoutReference, rule: gate.GateRule = RULE
) -> TrainedModel:
    """Decide on a candidate by paired bootstrap against the published model on the same reference.

    The decision and its figures are in the returned model's `gate`. A decided model is returned as it is.

    Raises: NotEvaluated (the candidate or the published model lacks figures on this reference).
    """
    campaign = Campaign.objects.select_for_update(of=("self",)).get(pk=candidate.campaign_id)
    candidate = (
        TrainedModel.objects.select_for_update(of=("self",)).select_related("campaign", "run").get(pk=candidate.pk)
    )
    if candidate.state != State.CANDIDATE:
        return candidate
    published = published_model(campaign)
    candidate.gate = _decision(candidate, published, reference, rule)
    candidate.decided_at = timezone.now()
    if candidate.gate["promote"]:
        if published is not None:
            published.state = State.RETIRED
            published.save(update_fields=["state"])
        candidate.state = State.PROMOTED
    else:
        candidate.state = State.REJECTED
    candidate.save(update_fields=["state", "gate", "decided_at"])
    return candidate


def can_now_be_judged(model: TrainedModel, reference: HoldoutReference) -> bool:
    """Whether a model was turned down for want of labelled control tiles, and there are enough by now."""
    needed = RULE.min_holdout_tiles
    return bool(model.gate) and model.gate.get("n_tiles", needed) < needed <= len(reference.tiles)


@transaction.atomic
def roll_back_model(*, campaign: Campaign, to_model: TrainedModel, actor: User | None) -> TrainedModel:
    """Publish a model that was published before, in place of the present one. Releases do not change.

    Raises: CannotRollBack.
    """
    Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
    target = TrainedModel.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=to_model.pk)
    if target.campaign_id != campaign.pk or target.state != State.RETIRED:
        earlier = [
            model.version for model in campaign.trained_models.filter(state=State.RETIRED).select_related("campaign")
        ]
        raise CannotRollBack(
            f"{target.version} is {target.get_state_display()}: choose a model that was published before "
            f"({', '.join(earlier) or 'there is none'})."
        )
    published = published_model(campaign)
    now = timezone.now()
    if published is not None:
        published.state = State.RETIRED
        published.gate = {
            **published.gate,
            "rolled_back_at": now.isoformat(),
            "rolled_back_to": target.version,
        }
        published.save(update_fields=["state", "gate"])
    target.state = State.PROMOTED
    target.gate = {
        **target.gate,
        "restored_at": now.isoformat(),
        "restored_by": actor.pk if actor else None,
        "restored_from": published.version if published else None,
    }
    target.save(update_fields=["state", "gate"])
    return target


def json_safe(value: Any) -> Any:
    """The value with numbers that JSON lacks (NaN, infinities) as None and tuples as lists."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    return value


def _decision(
    candidate: TrainedModel, published: TrainedModel | None, reference: HoldoutReference, rule: gate.GateRule
) -> dict[str, Any]:
    against = {"against": published.version if published else None, "holdout_sha256": reference.sha256}
    ours = evaluation_on(candidate, reference)
    if ours is None and not reference.tiles:
        reason = "No hold-out tile has accepted labels: nothing to judge the model by. Label control tiles first."
        return {"promote": False, "reason": reason, "n_tiles": 0, **against}
    theirs = evaluation_on(published, reference) if published else None
    if ours is None or (published is not None and theirs is None):
        missing = candidate if ours is None else published
        raise NotEvaluated(f"{missing} has no figures on hold-out {reference.sha256[:12]}: evaluate it first.")
    decision = gate.decide(
        _stack(ours, reference),
        _stack(theirs, reference) if theirs else None,
        class_codes=ours.class_codes,
        rng=np.random.default_rng(candidate.run.seed),
        rule=rule,
    )
    figures: dict[str, Any] = json_safe(asdict(decision))
    drawn = candidate.campaign.holdout.n_tiles
    if drawn < rule.min_holdout_tiles:
        figures["reason"] = (
            f"The hold-out of this campaign has {drawn} tiles in all, and {rule.min_holdout_tiles} are needed to judge "
            "a model by: open another campaign with smaller tiles or a larger --holdout-share."
        )
    return {**figures, **against}


def _stack(evaluation: Evaluation, reference: HoldoutReference) -> NDArray[np.int64]:
    return np.array([evaluation.tile_confusions[str(tile.tile_id)] for tile in reference.tiles], dtype=np.int64)
