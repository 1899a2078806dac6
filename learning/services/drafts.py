"""A model's drawing of one tile and its doubt, offered as a start; never where people work without help."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from annotation.core.labels import polygonize_labels, rasterize_features
from annotation.core.stored_labels import class_index
from annotation.core.tile_geometry import Feature
from annotation.models import Tile
from annotation.raster.reader import read_window
from annotation.services.class_guard import in_codes_now
from annotation.services.tiles import require_help_allowed
from learning.core.durable import write_durably
from learning.core.map_files import ENTROPY_LEVELS
from learning.errors import NoDraft
from learning.models import Prediction
from learning.services.predictions import shown_prediction

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MIN_AREA_PX = 16
NOTHING_TO_SAY = "The model has nothing to say here: there is no imagery on this tile."
FEATURES_A_PASS = 255  # a raster pass tells apart as many features as a byte has values


@dataclass(frozen=True, slots=True)
class Draft:
    """A model's coverage of a tile; beside the API's members each feature has a confidence from 0 to 1."""

    model_version: str
    features: list[dict[str, Any]]
    judged: bool = True  # whether anything is known of how good the model is here


@dataclass(frozen=True, slots=True)
class Doubt:
    """A model's entropy over a tile: uint8 (tile_px, tile_px), 0 = no imagery, else 1 + 254 · H / ln K."""

    model_version: str
    levels: NDArray[np.uint8]


def draft_of(*, tile: Tile, user: User) -> Draft:
    """The draft of a tile by the model whose map is shown, drawn at first need and kept.

    Raises: BlindTile (a control tile or one of the campaign's blind share, for anyone), NoDraft.
    """
    prediction = _prediction_to_show(tile)
    kept = prediction.path(f"drafts/{tile.file_name}.json")
    if kept.exists():
        return _draft(prediction, json.loads(kept.read_text(encoding="utf-8")))
    features = _draw(prediction, tile)
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_durably(kept, json.dumps(features, separators=(",", ":")).encode())
    return _draft(prediction, features)


def _draft(prediction: Prediction, features: list[dict[str, Any]]) -> Draft:
    # Kept as the model drew it, and shown in the classes of today: what has none is for people to look at.
    shown = in_codes_now(features, prediction.model.campaign)
    return Draft(prediction.model.version, shown, judged=not prediction.model.is_published_unjudged)


def doubt_of(*, tile: Tile) -> Doubt:
    """Where the model whose map is shown hesitates on a tile.

    Raises: BlindTile, NoDraft, as `draft_of`.
    """
    prediction = _prediction_to_show(tile)
    levels = read_window(prediction.path("entropy.tif"), tile.window)[0][0]
    if not levels.any():
        raise NoDraft(NOTHING_TO_SAY)
    return Doubt(prediction.model.version, levels)


def _prediction_to_show(tile: Tile) -> Prediction:
    require_help_allowed(tile)
    prediction = shown_prediction(tile.campaign)
    if prediction is None:
        raise NoDraft("No model has mapped this campaign yet: draw from the imagery.")
    return prediction


def _draw(prediction: Prediction, tile: Tile) -> list[dict[str, Any]]:
    window = tile.window
    classes = read_window(prediction.path("class.tif"), window)[0][0]
    levels = read_window(prediction.path("entropy.tif"), window)[0][0]
    codes = prediction.model.class_codes
    features = polygonize_labels(
        classes,
        class_codes={value: code for code, value in class_index(codes).items()},
        min_area_px=MIN_AREA_PX,
        provenance="accepted",
    )
    if not features:
        raise NoDraft(NOTHING_TO_SAY)
    confidences = feature_confidences(features, levels)
    return [
        {**feature.as_json(), "confidence": round(confidence, 3)}
        for feature, confidence in zip(features, confidences, strict=True)
    ]


def feature_confidences(features: tuple[Feature, ...], entropy_levels: NDArray[np.uint8]) -> list[float]:
    """One minus the mean entropy under each feature, as a share of the largest possible.

    Args:    entropy_levels: uint8 (tile_px, tile_px) as entropy.tif: 0 = no imagery, else 1 + 254 · H / ln K.
    Returns: 0 (all classes equally likely) to 1 (certain); 0 for a feature over no pixel with imagery.
    """
    tile_px = entropy_levels.shape[0]
    known = entropy_levels > 0
    share = np.where(known, entropy_levels.astype(np.float64) - 1, 0) / ENTROPY_LEVELS
    confidences: list[float] = []
    for start in range(0, len(features), FEATURES_A_PASS):
        part = features[start : start + FEATURES_A_PASS]
        numbered = [replace(feature, class_code=str(n)) for n, feature in enumerate(part, start=1)]
        index = {str(n): n for n in range(1, len(part) + 1)}
        owner = rasterize_features(numbered, tile_px=tile_px, class_index=index)[known]
        pixels = np.bincount(owner, minlength=len(part) + 1)[1:]
        doubt = np.bincount(owner, weights=share[known], minlength=len(part) + 1)[1:]
        confidences += np.where(pixels > 0, 1 - doubt / np.maximum(pixels, 1), 0.0).tolist()
    return confidences
