"""From a map of doubts to a queue: the next tiles people are asked about."""

from __future__ import annotations

import numpy as np
from django.db import transaction
from django.db.models import Max
from numpy.typing import NDArray

from annotation.models import Campaign, Ticket
from annotation.services.queue import QueuedTile, labelled_or_leased_tiles, open_queue_round
from annotation.services.tiles import pool_mask
from learning.core.acquisition import rank_tiles
from learning.errors import NoPrediction
from learning.models import (
    AcquisitionRound,
    Evaluation,
    Prediction,
    RetrainingPolicy,
    TrainedModel,
    TrainingRun,
)
from learning.services.promotion import published_model

FUNCTION = "entropy"
DEFAULT_ROUND_SIZE = 200
DEFAULT_SPREAD_TILES = 1  # side of a spreading cell in tiles; 1 = order by score alone


@transaction.atomic
def open_acquisition_round(
    *,
    campaign: Campaign,
    prediction: Prediction,
    training_run: TrainingRun | None = None,
    candidate: TrainedModel | None = None,
    after_round: int | None = None,
) -> AcquisitionRound | None:
    """Rank the pool's tiles by the prediction's scores and open the campaign's next round with them.

    Args:
        training_run, candidate: what led here; the round shows the candidate's figures.
        after_round: number of the round that this one follows. When the campaign is past it, nothing is
            opened and that later round is returned: a job done twice opens one round.
    Raises:  NoPrediction (the map is not ready).
    Returns: the round; None when the campaign was closed meanwhile, or is past `after_round` without a map.
    """
    campaign = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
    if training_run is not None:
        known = AcquisitionRound.objects.filter(training_run=training_run).first()
        if known is not None:
            return known
    latest = latest_round_number(campaign)
    if after_round is not None and latest != after_round:
        return AcquisitionRound.objects.filter(queue_round__campaign=campaign, queue_round__number=latest).first()
    if campaign.state != Campaign.State.OPEN:
        return None
    mean_entropy_nats = prediction.mean_entropy_nats
    if mean_entropy_nats is None:
        raise NoPrediction(f"The map of {prediction.model.version} is not ready: wait for its job to end.")
    policy = RetrainingPolicy.objects.filter(campaign=campaign).first()
    seed = (campaign.seed + latest + 1) % 2**31
    ranked = rank_tiles(
        tile_scores(prediction),
        eligible=eligible_tiles(campaign),
        batch_size=policy.round_size if policy else DEFAULT_ROUND_SIZE,
        random_share=campaign.random_share,
        spatial_cell_tiles=int((policy.training if policy else {}).get("spread_tiles", DEFAULT_SPREAD_TILES)),
        rng=np.random.default_rng(seed),
    )
    queue_round = open_queue_round(
        campaign=campaign,
        function=FUNCTION,
        model_version=prediction.model.version,
        tickets=[
            QueuedTile(row=t.row, col=t.col, kind=Ticket.Kind(t.kind), score=t.score, probability=t.probability)
            for t in ranked
        ],
        seed=seed,
        random_share=campaign.random_share,
        control_share=campaign.control_share,
    )
    published = published_model(campaign)
    return AcquisitionRound.objects.create(
        queue_round=queue_round,
        training_run=training_run,
        candidate=candidate,
        prediction=prediction,
        labelled_tiles=training_run.training_set.n_tiles if training_run else prediction.model.run.training_set.n_tiles,
        holdout_miou=_latest_miou(candidate),
        published_miou=_latest_miou(published),
        mean_entropy_nats=mean_entropy_nats,
        promoted=candidate is not None and candidate.state == TrainedModel.State.PROMOTED,
    )


def latest_round_number(campaign: Campaign) -> int:
    """Number of the campaign's last queue round; -1 before the first."""
    last: int | None = campaign.rounds.aggregate(last=Max("number"))["last"]
    return -1 if last is None else last


def tile_scores(prediction: Prediction) -> NDArray[np.float32]:
    """Mean entropy of every tile, in nats: float32 (n_rows, n_cols), NaN where there is no imagery."""
    scores: NDArray[np.float32] = np.load(prediction.path("scores.npy"), allow_pickle=False)
    return scores


def eligible_tiles(campaign: Campaign) -> NDArray[np.bool_]:
    """Tiles a round may ask for: usable, in the pool, neither labelled nor in someone's hands."""
    mask = pool_mask(campaign)
    for row, col in labelled_or_leased_tiles(campaign):
        mask[row, col] = False
    return mask


def _latest_miou(model: TrainedModel | None) -> float | None:
    if model is None:
        return None
    return Evaluation.objects.filter(model=model).order_by("-created_at").values_list("miou", flat=True).first()
