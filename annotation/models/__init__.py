"""What the platform remembers of people's work."""

from annotation.models.annotations import (
    AnnotatedFeature,
    Annotation,
    AnnotationRevision,
    Operation,
    Review,
)
from annotation.models.audit import AuditEntry
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
from annotation.models.teams import Invitation, Team, TeamMember, TeamRole
from annotation.models.tokens import ApiToken
from annotation.models.validations import Validation, ValidationBatch

__all__ = [
    "AnnotatedFeature",
    "Annotation",
    "AnnotationRevision",
    "ApiToken",
    "AuditEntry",
    "Campaign",
    "Contributor",
    "Holdout",
    "ImageryLayer",
    "Invitation",
    "Job",
    "Lease",
    "MappingEntry",
    "Membership",
    "Nomenclature",
    "NomenclatureClass",
    "NomenclatureMapping",
    "Operation",
    "QueueMark",
    "QueueRound",
    "Review",
    "Team",
    "TeamMember",
    "TeamRole",
    "Ticket",
    "Tile",
    "Validation",
    "ValidationBatch",
]
