"""How a campaign's policy wants its rounds made: options beside those of the training, in the same mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotation.models import Campaign
from learning.core.acquisition import DEFAULT, acquisition_named, heeds_cost
from learning.core.regions import PARTS, check_parts
from learning.core.uncertainty import MOST_OPINIONS, OPINIONS, pixel_score
from learning.errors import InvalidPolicy, InvalidPredictionGrid
from learning.models import RetrainingPolicy, TrainedModel

ASK_FOR = ("tiles", "regions")
DEFAULT_SUSPECT_SHARE = 0.2
DEFAULT_SPREAD_TILES = 1  # side of a spreading cell in tiles; 1 = as the acquisition function orders them


@dataclass(frozen=True, slots=True)
class RoundOptions:
    """What a policy says of rounds and of the maps they are made from.

    Args:
        acquisition: name of the function, see core.acquisition.ACQUISITIONS.
        suspect_share: part of a round that may be confidently wrong, where there is evidence. suspect_by_looks,
            spread_tiles: see rounds.Mix.
        pixel_score: what the next map sums as doubt, see core.uncertainty.PIXEL_SCORES; a round follows its map's own.
        opinions: of how many a score is made that needs several.
        cost: how much what takes long to label is put off, see acquisition.Doubt; 0 = not at all.
        ask_for: "tiles", or "regions": parts of tiles, once a map tells them apart (docs/adr/0035).
    """

    acquisition: str = DEFAULT
    suspect_share: float = DEFAULT_SUSPECT_SHARE
    suspect_by_looks: bool = False
    spread_tiles: int = DEFAULT_SPREAD_TILES
    pixel_score: str = "entropy"
    opinions: int = OPINIONS
    cost: float = 0.0
    ask_for: str = "tiles"

    @property
    def parts(self) -> int:
        """Side of a tile in parts that the next map has to tell apart."""
        return PARTS if self.ask_for == "regions" else 1


def round_options(campaign: Campaign) -> RoundOptions:
    """The campaign's; where its policy says nothing, or there is none, the defaults."""
    training = RetrainingPolicy.objects.filter(campaign=campaign).values_list("training", flat=True).first()
    return _options(training or {})


def check_round_options(campaign: Campaign, training: Mapping[str, Any]) -> None:
    """Refuse what could not be honoured when a round is due.

    Raises: UnknownAcquisition, InvalidPolicy.
    """
    options = _options(training)
    acquisition_named(options.acquisition)
    if not 2 <= options.opinions <= MOST_OPINIONS:
        raise InvalidPolicy(f"opinions = {options.opinions}: give a whole number from 2 to {MOST_OPINIONS}.")
    if options.cost > 0 and not heeds_cost(options.acquisition):
        raise InvalidPolicy(
            f"cost = {options.cost:g} means nothing to acquisition {options.acquisition!r}, which does not ask what a "
            f"tile is worth: leave one of them out, or choose {DEFAULT!r}."
        )
    if options.ask_for not in ASK_FOR:
        raise InvalidPolicy(f"ask_for = {options.ask_for!r}: choose one of {', '.join(ASK_FOR)}.")
    if options.ask_for == "regions" and options.cost > 0:
        raise InvalidPolicy(
            f"cost = {options.cost:g} cannot be told for parts of tiles: labels say how long a whole tile took. Ask "
            "for tiles, or leave the cost out."
        )
    if options.ask_for == "regions" and options.suspect_by_looks:
        raise InvalidPolicy(
            "suspect_by_looks holds each candidate against every label, and there are sixteen times as many parts as "
            "tiles: ask for tiles, or leave it out."
        )
    try:
        check_parts(campaign.tile_px, options.parts)
    except InvalidPredictionGrid as error:
        raise InvalidPolicy(f"ask_for = {options.ask_for!r}: {error}") from None
    needs_several = pixel_score(options.pixel_score).members > 1
    if needs_several and not training.get("dropout") and not published_models(campaign).exists():
        raise InvalidPolicy(
            f"pixel_score {options.pixel_score!r} is what several opinions disagree about, and there will be one: "
            "train with dropout=0.1, say, or wait until a model has been published, to be heard beside the next."
        )


def published_models(campaign: Campaign) -> Any:
    """Models that are or were published, the latest first."""
    states = [TrainedModel.State.PROMOTED, TrainedModel.State.RETIRED]
    return campaign.trained_models.filter(state__in=states).order_by("-decided_at", "-number")


def other_opinions(model: TrainedModel, *, count: int) -> list[TrainedModel]:
    """The latest models published before this one that say the same classes, and whose files are there."""
    others = (
        published_models(model.campaign).filter(number__lt=model.number).select_related("campaign", "run__training_set")
    )
    same = (other for other in others if other.class_codes == model.class_codes and other.path.exists())
    return [other for other, _nth in zip(same, range(count), strict=False)]


def _options(training: Mapping[str, Any]) -> RoundOptions:
    return RoundOptions(**{name: training[name] for name in RoundOptions.__dataclass_fields__ if name in training})
