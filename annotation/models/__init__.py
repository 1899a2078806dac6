"""What the platform remembers of people's work."""

from annotation.models.annotations import (
    AnnotatedFeature,
    Annotation,
    AnnotationRevision,
    Operation,
    Review,
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
from annotation.models.queue import Lease, QueueMark, QueueRound, Ticket
from annotation.models.reports import (
    PlaceReport,
    ReportAllowance,
    ReportContact,
    ReportEvent,
    ReportNotice,
)
from annotation.models.territories import Stewardship, Territory
from annotation.models.validations import Validation, ValidationBatch

__all__ = [
    "AnnotatedFeature",
    "Annotation",
    "AnnotationRevision",
    "Campaign",
    "Contributor",
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
    "PlaceReport",
    "QueueMark",
    "QueueRound",
    "ReportAllowance",
    "ReportContact",
    "ReportEvent",
    "ReportNotice",
    "Review",
    "Stewardship",
    "Territory",
    "Ticket",
    "Tile",
    "Validation",
    "ValidationBatch",
]
