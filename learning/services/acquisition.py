"""From a map of doubts to a queue: the next tiles people are asked about."""

from __future__ import annotations

import numpy as np
from django.db import transaction
from django.db.models import Max
from numpy.typing import NDArray

from annotation.models import Campaign, Ticket
from annotation.services.queue_front import priority_mask
from annotation.services.rounds import QueuedTile, labelled_or_leased_tiles, open_queue_round
from annotation.services.tiles import pool_mask
from learning.core.acquisition import AtRandom, Candidates, acquisition_named
from learning.core.regions import PARTS, rank_parts
from learning.core.rounds import Mix, rank_tiles
from learning.errors import NoPrediction
from learning.models import (
    AcquisitionRound,
    Evaluation,
    Prediction,
    RetrainingPolicy,
    TrainedModel,
    TrainingRun,
)
from learning.services.candidates import candidates_of
from learning.services.part_candidates import known_parts, part_candidates, told_apart
from learning.services.promotion import published_model
from learning.services.round_options import RoundOptions, round_options

WITHOUT_MODEL = "random"
DEFAULT_ROUND_SIZE = 200


def open_acquisition_round(
    *,
    campaign: Campaign,
    prediction: Prediction | None,
    training_run: TrainingRun | None = None,
    candidate: TrainedModel | None = None,
    after_round: int | None = None,
) -> AcquisitionRound | None:
    """Open the campaign's next round with the pool's tiles that are expected to teach most (learning.core.acquisition).

    Args:
        prediction: the map by which the tiles are ranked, by the pixel score that it was made with, whatever the
            policy says by now. None while no model is published: the tiles are then drawn
            at random, so that people can go on until there is one.
        training_run, candidate: what led here; the round shows the candidate's figures.
        after_round: number of the round that this one follows. When the campaign is past it, nothing is
            opened and that later round is returned: a job done twice opens one round.
    Raises:  NoPrediction (the map is not ready, or was made on request: of a part of the pool, perhaps).
    Returns: the round; None when the campaign was closed meanwhile, or is past `after_round` without a map.
    """
    settled, opened = _settled(campaign, training_run=training_run, after_round=after_round)
    if settled:
        return opened
    if prediction is not None and prediction.mean_entropy_nats is None:
        raise NoPrediction(f"The map of {prediction.model.version} is not ready: wait for its job to end.")
    if prediction is not None and prediction.is_requested:
        raise NoPrediction(f"The map of {prediction} was made on request: rounds open from a model's own map.")
    options, seed = round_options(campaign), (campaign.seed + latest_round_number(campaign) + 1) % 2**31
    # Before the campaign is locked: people who pick a tile on the map would wait, for minutes where there are millions.
    wanted = _wanted_tiles(campaign, prediction, options, seed=seed)
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=campaign.pk)
        settled, opened = _settled(campaign, training_run=training_run, after_round=after_round)
        if settled:
            return opened
        free = eligible_tiles(campaign)
        return _open_round(
            campaign,
            prediction,
            [tile for tile in wanted if free[tile.row, tile.col]],
            options=options,
            seed=seed,
            training_run=training_run,
            candidate=candidate,
        )


def _settled(
    campaign: Campaign, *, training_run: TrainingRun | None, after_round: int | None
) -> tuple[bool, AcquisitionRound | None]:
    """Whether there is no round to open, and the one that was opened instead."""
    if training_run is not None:
        opened = AcquisitionRound.objects.filter(training_run=training_run).first()
        if opened is not None:
            return True, opened
    latest = latest_round_number(campaign)
    if after_round is not None and latest != after_round:
        rounds = AcquisitionRound.objects.filter(queue_round__campaign=campaign, queue_round__number=latest)
        return True, rounds.first()
    return campaign.state != Campaign.State.OPEN, None


def _open_round(
    campaign: Campaign,
    prediction: Prediction | None,
    wanted: list[QueuedTile],
    *,
    options: RoundOptions,
    seed: int,
    training_run: TrainingRun | None,
    candidate: TrainedModel | None,
) -> AcquisitionRound:
    queue_round = open_queue_round(
        campaign=campaign,
        function=options.acquisition if prediction else WITHOUT_MODEL,
        pixel_score=prediction.pixel_score if prediction else "entropy",
        model_version=prediction.model.version if prediction else "",
        tickets=wanted,
        scores=tile_scores(prediction) if prediction else None,
        seed=seed,
        random_share=campaign.random_share if prediction else 1.0,
        control_share=campaign.control_share,
    )
    labelled_tiles = prediction.model.training_tiles if prediction else 0
    return AcquisitionRound.objects.create(
        queue_round=queue_round,
        training_run=training_run,
        candidate=candidate,
        prediction=prediction,
        labelled_tiles=training_run.training_set.n_tiles if training_run else labelled_tiles,
        holdout_miou=_latest_miou(candidate),
        published_miou=_latest_miou(published_model(campaign)),
        mean_entropy_nats=prediction.mean_entropy_nats if prediction else None,
        promoted=candidate is not None and candidate.state == TrainedModel.State.PROMOTED,
    )


def _wanted_tiles(
    campaign: Campaign,
    prediction: Prediction | None,
    options: RoundOptions,
    *,
    seed: int,
) -> list[QueuedTile]:
    """A round's pool tiles in the order they are asked for; parts of them where the policy wants these and the map
    tells them apart."""
    eligible, rng = eligible_tiles(campaign), np.random.default_rng(seed)
    if prediction is not None and options.ask_for == "regions" and told_apart(prediction):
        return _wanted_parts(campaign, prediction, options, eligible, rng)
    rows, cols = np.nonzero(eligible)
    if prediction is None:
        same = np.ones((len(rows), 1))
        candidates, mix = Candidates(row=rows, col=cols, doubt=same, share=same), Mix(random=1.0, suspects=0.0)
    else:
        candidates = candidates_of(prediction, eligible, timed=options.cost > 0)
        mix = _mix(campaign, options)
    ranked = rank_tiles(
        candidates,
        acquisition=acquisition_named(options.acquisition, cost=options.cost) if prediction else AtRandom(),
        mix=mix,
        batch_size=_round_size(campaign),
        rng=rng,
        first=priority_mask(campaign)[rows, cols],
    )
    return [
        QueuedTile(
            row=tile.row,
            col=tile.col,
            kind=Ticket.Kind(tile.kind),
            probability=tile.probability,
        )
        for tile in ranked
    ]


def _wanted_parts(
    campaign: Campaign,
    prediction: Prediction,
    options: RoundOptions,
    eligible: NDArray[np.bool_],
    rng: np.random.Generator,
) -> list[QueuedTile]:
    """The same of a round that asks for parts of tiles (docs/adr/0035)."""
    candidates = part_candidates(prediction, eligible, known=known_parts(prediction))
    ranked = rank_parts(
        candidates,
        acquisition=acquisition_named(options.acquisition),
        mix=_mix(campaign, options),
        batch_size=_round_size(campaign),
        rng=rng,
        first=priority_mask(campaign)[candidates.row // PARTS, candidates.col // PARTS],
    )
    return [
        QueuedTile(
            row=tile.row,
            col=tile.col,
            kind=Ticket.Kind(tile.kind),
            probability=tile.probability,
            regions=tile.windows(campaign.tile_px // PARTS),
        )
        for tile in ranked
    ]


def _mix(campaign: Campaign, options: RoundOptions) -> Mix:
    return Mix(
        random=campaign.random_share,
        suspects=min(options.suspect_share, 1 - campaign.random_share),
        spatial_cell_tiles=options.spread_tiles,
        by_looks=options.suspect_by_looks,
    )


def _round_size(campaign: Campaign) -> int:
    size = RetrainingPolicy.objects.filter(campaign=campaign).values_list("round_size", flat=True).first()
    return size or DEFAULT_ROUND_SIZE


def latest_round_number(campaign: Campaign) -> int:
    """Number of the campaign's last queue round; -1 before the first."""
    last: int | None = campaign.rounds.aggregate(last=Max("number"))["last"]
    return -1 if last is None else last


def tile_scores(prediction: Prediction) -> NDArray[np.float32]:
    """Mean of the map's pixel score over every tile: float32 (n_rows, n_cols), NaN where there is no imagery."""
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
