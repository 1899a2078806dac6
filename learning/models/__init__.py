"""What the platform remembers of the machine's work."""

from learning.models.artificialisation import ArtificialisationMap, TerritoryArtificialisation
from learning.models.changes import MapChange
from learning.models.deposits import Deposit
from learning.models.map_areas import MapArea, MapAtPlaces
from learning.models.map_comparisons import MapComparison
from learning.models.polygons import PolygonMap
from learning.models.predictions import Prediction
from learning.models.release_policies import ReleasePolicy
from learning.models.releases import Release, ReleasedCredit, ReleasedLabel, ReleasedPatch
from learning.models.rounds import AcquisitionRound
from learning.models.samples import ReferenceSample, SampleAnswer, SampleUnit
from learning.models.territory_figures import TerritoryFigures
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
    "ArtificialisationMap",
    "Deposit",
    "Evaluation",
    "MapArea",
    "MapAtPlaces",
    "MapChange",
    "MapComparison",
    "ModelOrigin",
    "PolygonMap",
    "Prediction",
    "ReferenceSample",
    "Release",
    "ReleasePolicy",
    "ReleasedCredit",
    "ReleasedLabel",
    "ReleasedPatch",
    "RetrainingPolicy",
    "SampleAnswer",
    "SampleUnit",
    "TerritoryArtificialisation",
    "TerritoryFigures",
    "TrainedModel",
    "TrainingRun",
    "TrainingSet",
    "TrainingSetItem",
    "TrainingSetValidation",
]
