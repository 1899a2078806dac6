"""Judging models: the gate, and another look at those that it held back."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from numpy.typing import NDArray

from annotation.models import Campaign, Job
from annotation.services.class_guard import codes_now
from annotation.services.jobs import enqueue_job
from learning.core import gate
from learning.errors import CannotJudge, NotEvaluated
from learning.models import Evaluation, RetrainingPolicy, TrainedModel
from learning.services.class_changes import can_be_compared
from learning.services.evaluations import draws_of, evaluation_on, json_safe, reference_blocks
from learning.services.holdout import HoldoutReference

if TYPE_CHECKING:
    from django.contrib.auth.models import User

State, Outcome = TrainedModel.State, TrainedModel.Outcome
RULE = gate.GateRule()
MORE_TILES = 1.25  # a hold-out that has grown by so much may tell what it could not, where no number was named


def published_model(campaign: Campaign) -> TrainedModel | None:
    """The campaign's promoted model."""
    return campaign.trained_models.filter(state=State.PROMOTED).select_related("campaign", "run", "origin").first()


def rule_of(campaign: Campaign) -> gate.GateRule:
    """What a model of this campaign must be: the same for all, but for the floors that its maintainers set."""
    policy = RetrainingPolicy.objects.filter(campaign=campaign).first()
    if policy is None:
        return RULE
    now = codes_now(campaign)
    floors: dict[str, float] = {}
    for code, floor in policy.class_floors.items():
        today = now.get(code, code)
        if today is not None:
            floors[today] = max(floor, floors.get(today, 0.0))
    return replace(RULE, class_floors=floors)


@transaction.atomic
def promote_or_reject(*, candidate: TrainedModel, reference: HoldoutReference) -> TrainedModel:
    """Decide on a candidate by paired bootstrap against the published model on the same reference.

    It is promoted, held back (it cannot be told yet, or publishing is left to a maintainer) or rejected; the decision
    and its figures are in the returned model's `outcome` and `gate`. A decided model is returned as it is, unless it
    is held and the reference is another than the one it was held on: it is then judged anew. A published model that
    could not be judged before is judged first, by what a first model must show.

    Raises: NotEvaluated (the candidate or the published model lacks figures on this reference).
    """
    campaign = locked_campaign(candidate.campaign_id)
    candidate = (
        TrainedModel.objects.select_for_update(of=("self",)).select_related("campaign", "run").get(pk=candidate.pk)
    )
    rule = rule_of(campaign)
    published = _judge_what_was_not(published_model(campaign), reference, rule)
    if not _is_to_be_judged(candidate, published, reference):
        candidate.refresh_from_db(fields=["state", "outcome", "gate", "decided_at"])  # it may be the published one
        return candidate
    # Classes were split since: what the published model says of them is no class today, and nothing beside another's.
    comparable = published if published is None or can_be_compared(published) else None
    candidate.gate = _decision(candidate, comparable, reference, rule)
    candidate.outcome = candidate.gate["outcome"]
    candidate.decided_at = timezone.now()
    candidate.state = State.REJECTED if candidate.outcome == Outcome.REJECT else State.HELD
    if candidate.outcome == Outcome.PROMOTE:
        if RetrainingPolicy.objects.filter(campaign=campaign, shadow=True).exists():
            candidate.gate["shadow"] = True
        else:
            replace_published(published, candidate)
    candidate.save(update_fields=["state", "outcome", "gate", "decided_at"])
    return candidate


def locked_campaign(campaign_id: int) -> Campaign:
    """The campaign, with whoever else decides on one of its models made to wait."""
    return Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=campaign_id)


def _is_to_be_judged(candidate: TrainedModel, published: TrainedModel | None, reference: HoldoutReference) -> bool:
    if candidate.state != State.HELD:
        return candidate.state == State.CANDIDATE
    judged_on = candidate.gate.get("holdout_sha256"), candidate.gate.get("against")
    return judged_on != (reference.sha256, published.version if published else None)


def replace_published(published: TrainedModel | None, by: TrainedModel) -> None:
    """Put a model in the published one's place, within the campaign's lock; the caller saves the new one."""
    if published is not None:
        published.state = State.RETIRED
        published.save(update_fields=["state"])
    by.state = State.PROMOTED


def can_now_be_judged(model: TrainedModel, reference: HoldoutReference) -> bool:
    """Whether a model was held back for want of labelled control tiles, or published before it could be judged, and
    there are enough by now.
    """
    if model.is_published_unjudged:
        return _enough_to_judge_again(model, reference)
    if model.state != State.HELD or model.outcome != Outcome.HOLD:
        return False
    return _enough_to_judge_again(model, reference)


def _enough_to_judge_again(model: TrainedModel, reference: HoldoutReference) -> bool:
    had = model.gate.get("n_tiles", 0)
    needed = model.gate.get("tiles_needed") or max(RULE.min_holdout_tiles, math.ceil(MORE_TILES * had))
    return bool(had < needed <= len(reference.tiles))


@transaction.atomic
def start_judging(*, model: TrainedModel, actor: User | None) -> Job:
    """Queue another look at a model that was held back, on the control tiles that are labelled now.

    One that was published before it could be judged is looked at as well.

    Raises: CannotJudge (it was not held back, or its file is gone), JobAlreadyRunning.
    """
    model = TrainedModel.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=model.pk)
    if model.state != State.HELD and not model.is_published_unjudged:
        raise CannotJudge(f"{model.version} is {model.get_state_display()}: only a model held back is judged again.")
    if not model.path.is_file():
        raise CannotJudge(f"The file of {model.version} is gone ({model.file}): train again.")
    return enqueue_job(
        kind="judge",
        payload={"model": model.pk},
        owner=actor,
        campaign=model.campaign,
        queue=settings.JOB_GPU_QUEUE,
        key=model.version,
    )


def _judge_what_was_not(
    published: TrainedModel | None, reference: HoldoutReference, rule: gate.GateRule
) -> TrainedModel | None:
    """The published model. One that was never judged is held to what a first model must show, once there are enough
    control tiles: shown to be no better than the most frequent class, it is no longer published; as long as that cannot
    be told it stays unjudged (docs/adr/0032).
    """
    if published is None or published.is_judged or len(reference.tiles) < rule.min_holdout_tiles:
        return published
    decision = _decision(published, None, reference, rule)
    published.outcome = decision["outcome"]
    published.gate = {
        **decision,
        "judged": published.outcome != Outcome.HOLD,
        "published_unjudged": published.gate["published_unjudged"],
    }
    published.decided_at = timezone.now()
    if published.outcome == Outcome.REJECT:
        published.state = State.REJECTED
    published.save(update_fields=["state", "outcome", "gate", "decided_at"])
    return None if published.state == State.REJECTED else published


def _decision(
    candidate: TrainedModel, published: TrainedModel | None, reference: HoldoutReference, rule: gate.GateRule
) -> dict[str, Any]:
    """Beside a published model of which nothing is known, what a first model must show is asked as well."""
    found = _against(candidate, published, reference, rule)
    if published is None or published.is_judged or found["outcome"] != "promote":
        return found
    first = _against(candidate, None, reference, rule)
    return found if first["outcome"] == "promote" else {**first, "against": published.version}


def _against(
    candidate: TrainedModel, published: TrainedModel | None, reference: HoldoutReference, rule: gate.GateRule
) -> dict[str, Any]:
    against = {"against": published.version if published else None, "holdout_sha256": reference.sha256}
    ours = evaluation_on(candidate, reference)
    if ours is None and not reference.tiles:
        return {
            "outcome": "hold",
            "promote": False,
            "reason": "No hold-out tile has accepted labels: nothing to judge the model by. Label control tiles first.",
            "reasons": [{"code": "no_reference", "figures": {}}],
            "n_tiles": 0,
            "tiles_needed": rule.min_holdout_tiles,
            **against,
        }
    theirs = evaluation_on(published, reference) if published else None
    if ours is None or (published is not None and theirs is None):
        missing = candidate if ours is None else published
        raise NotEvaluated(f"{missing} has no figures on hold-out {reference.sha256[:12]}: evaluate it first.")
    decision = gate.decide(
        _stack(ours, reference),
        _stack(theirs, reference) if theirs else None,
        class_codes=ours.class_codes,
        rng=draws_of(candidate),
        blocks=reference_blocks(candidate.campaign, reference),
        rule=rule,
    )
    figures: dict[str, Any] = json_safe(asdict(decision))
    drawn = candidate.campaign.holdout.n_tiles
    if drawn < rule.min_holdout_tiles:
        figures["reason"] = (
            f"The hold-out of this campaign has {drawn} tiles in all, and {rule.min_holdout_tiles} are needed to judge "
            "a model by: open another campaign with smaller tiles or a larger --holdout-share."
        )
        small = {"drawn": drawn, "needed": rule.min_holdout_tiles}
        figures["reasons"] = [{"code": "holdout_too_small", "figures": small}]
    elif (figures["tiles_needed"] or 0) > drawn:
        figures["reason"] += f" The hold-out has {drawn} in all: a clearer difference is needed."
        figures["reasons"].append({"code": "more_than_drawn", "figures": {"drawn": drawn}})
    return {**figures, **against}


def _stack(evaluation: Evaluation, reference: HoldoutReference) -> NDArray[np.int64]:
    return np.array([evaluation.tile_confusions[str(tile.tile_id)] for tile in reference.tiles], dtype=np.int64)
