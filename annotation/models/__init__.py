"""What the platform remembers of people's work."""

from annotation.models.annotations import (
    AnnotatedFeature,
    Annotation,
    AnnotationRevision,
    Correction,
    Operation,
    Review,
    SecondOpinion,
    SubmissionCheck,
)
from annotation.models.campaigns import Campaign, Holdout, Membership, Tile
from annotation.models.imagery import ImageryLayer
from annotation.models.jobs import Job
from annotation.models.nomenclatures import (
    MappingEntry,
    Nomenclature,
    NomenclatureClass,
    NomenclatureMapping,
)
from annotation.models.people import Contributor
from annotation.models.queue import Lease, PriorityArea, QueueMark, QueueRound, Ticket, TileOffer
from annotation.models.validations import Validation, ValidationBatch

__all__ = [
    "AnnotatedFeature",
    "Annotation",
    "AnnotationRevision",
    "Campaign",
    "Contributor",
    "Correction",
    "Holdout",
    "ImageryLayer",
    "Job",
    "Lease",
    "MappingEntry",
    "Membership",
    "Nomenclature",
    "NomenclatureClass",
    "NomenclatureMapping",
    "Operation",
    "PriorityArea",
    "QueueMark",
    "QueueRound",
    "Review",
    "SecondOpinion",
    "SubmissionCheck",
    "Ticket",
    "Tile",
    "TileOffer",
    "Validation",
    "ValidationBatch",
]
