"""What the platform remembers of the machine's work."""

from learning.models.changes import MapChange
from learning.models.polygons import PolygonMap
from learning.models.predictions import Prediction
from learning.models.releases import Release, ReleasedLabel
from learning.models.rounds import AcquisitionRound
from learning.models.training import (
    Evaluation,
    ModelOrigin,
    RetrainingPolicy,
    TrainedModel,
    TrainingRun,
    TrainingSet,
    TrainingSetItem,
    TrainingSetValidation,
)

__all__ = [
    "AcquisitionRound",
    "Evaluation",
    "MapChange",
    "ModelOrigin",
    "PolygonMap",
    "Prediction",
    "Release",
    "ReleasedLabel",
    "RetrainingPolicy",
    "TrainedModel",
    "TrainingRun",
    "TrainingSet",
    "TrainingSetItem",
    "TrainingSetValidation",
]
