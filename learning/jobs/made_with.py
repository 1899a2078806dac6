"""What a map is made with: written down when it is begun, so that whoever goes on with it makes the same map."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from learning.core.durable import write_durably
from learning.core.uncertainty import pixel_score
from learning.jobs.weights import loaded_model
from learning.models import Prediction, TrainedModel
from learning.models.predictions import MADE_WITH
from learning.services.round_options import other_opinions, round_options

if TYPE_CHECKING:
    from learning.core.model_file import TrainedModel as LoadedModel

FILE = MADE_WITH


def made_with(prediction: Prediction) -> dict[str, Any]:
    """What begin_with wrote. Raises FileNotFoundError: the map was not begun."""
    kept: dict[str, Any] = json.loads(prediction.path(FILE).read_bytes())
    return kept


def begin_with(
    prediction: Prediction, *, dropout: float, device: str, way: Callable[[], tuple[str, int]]
) -> dict[str, Any]:
    """What the policy says of the map, as it was when the map was begun: a worker that goes on with it must not begin
    anew because the policy or the published model has changed meanwhile.

    Args:
        dropout: of the map's own model. device: that computes it here.
        way: chooses what runs its networks on this machine, and by windows of which core.
    """
    if prediction.path(FILE).exists():
        return made_with(prediction)
    kind = device.partition(":")[0]
    if prediction.is_requested:
        # Nothing is chosen by its scores, and where the model's own map was begun, this one is to be like it.
        engine, core_px = _way_of_own(prediction, kind) or way()
        alike = {"engine": engine, "core_px": core_px, "device": kind}
        return _kept(prediction, {"pixel_score": "entropy", "opinions": 1, "parts": 1, "others": [], **alike})
    model = prediction.model
    wanted = round_options(model.campaign)
    # Nobody else is heard where one opinion is enough, or the model gives several by itself.
    alone = pixel_score(wanted.pixel_score).members == 1 or dropout > 0
    others = [] if alone else other_opinions(model, count=wanted.opinions - 1)
    engine, core_px = way()
    choice = {
        "pixel_score": wanted.pixel_score, "opinions": wanted.opinions, "parts": wanted.parts,
        "others": [other.pk for other in others], "engine": engine,
        "core_px": core_px, "device": kind,
    }  # fmt: skip
    return _kept(prediction, choice)


def _way_of_own(prediction: Prediction, kind: str) -> tuple[str, int] | None:
    """What ran the network for the model's own map of this layer, and by which windows; None: it was not begun, or on
    another kind of device."""
    own = Prediction.objects.own().filter(model=prediction.model_id, layer=prediction.layer_id).first()
    if own is None or not own.path(FILE).exists():
        return None
    choice = made_with(own)
    return (choice["engine"], choice["core_px"]) if choice.get("device") == kind else None


def _kept(prediction: Prediction, choice: dict[str, Any]) -> dict[str, Any]:
    write_durably(prediction.path(FILE), json.dumps(choice).encode())
    return choice


def forget(prediction: Prediction) -> None:
    """The map was refused: the next attempt is made with what the policy says by then."""
    prediction.path(FILE).unlink(missing_ok=True)


def other_models(choice: dict[str, Any], loaded: LoadedModel) -> list[LoadedModel]:
    """The models whose opinion is heard beside."""
    rows = TrainedModel.objects.select_related("campaign", "run__training_set").in_bulk(choice["others"])
    others = [loaded_model(rows[pk]) for pk in choice["others"]]
    return [other for other in others if other.metadata.spec.bands == loaded.metadata.spec.bands]
