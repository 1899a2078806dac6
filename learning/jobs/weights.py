"""A trained model's row as a network that can be used."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from learning.models import TrainedModel

if TYPE_CHECKING:
    from learning.core.model_file import TrainedModel as LoadedModel


def loaded_model(model: TrainedModel) -> LoadedModel:
    """The weights that a row names, with the temperature that was fitted for them.

    Raises: InvalidModelFile, FileNotFoundError.
    """
    from learning.core.model_file import load_model

    return replace(load_model(model.path, sha256=model.sha256), temperature=model.temperature or 1.0)
