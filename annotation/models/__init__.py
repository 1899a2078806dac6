"""What the platform remembers of people's work."""

from annotation.models.agreement import TileAgreement
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
from annotation.models.audit import AuditEntry
from annotation.models.campaigns import Campaign, CampaignWeek, Holdout, Membership, Tile
from annotation.models.change import (
    ChangeAnswer,
    ChangeCell,
    ChangeOffer,
    ChangeReview,
    ChangeRound,
    ChangeTicket,
    ChangeVerdict,
)
from annotation.models.class_changes import ClassChange, ClassChangeItem
from annotation.models.gold import GoldLease, GoldOutcome, GoldTile
from annotation.models.imagery import ImageryLayer, MosaicPiece, SourceFile
from annotation.models.jobs import Job
from annotation.models.nomenclatures import (
    MappingEntry,
    Nomenclature,
    NomenclatureClass,
    NomenclatureMapping,
)
from annotation.models.pairs import VintagePair
from annotation.models.patches import Patch
from annotation.models.people import Contributor
from annotation.models.queue import Lease, PriorityArea, QueueMark, QueueRound, Ticket, TileOffer
from annotation.models.reports import (
    PlaceReport,
    ReportAllowance,
    ReportContact,
    ReportEvent,
    ReportNotice,
)
from annotation.models.teams import Invitation, Team, TeamMember, TeamRole
from annotation.models.territories import Stewardship, Territory
from annotation.models.tokens import ApiToken
from annotation.models.trust import HourlyUse, LabelComparison, Revert, RevertItem, Standing, TrustAlarm
from annotation.models.usage import UsagePolygon, UsageSource
from annotation.models.validations import Validation, ValidationBatch
from annotation.models.vector_tiles import VectorTile

__all__ = [
    "AnnotatedFeature",
    "Annotation",
    "AnnotationRevision",
    "ApiToken",
    "AuditEntry",
    "Campaign",
    "CampaignWeek",
    "ChangeAnswer",
    "ChangeCell",
    "ChangeOffer",
    "ChangeReview",
    "ChangeRound",
    "ChangeTicket",
    "ChangeVerdict",
    "ClassChange",
    "ClassChangeItem",
    "Contributor",
    "Correction",
    "GoldLease",
    "GoldOutcome",
    "GoldTile",
    "Holdout",
    "HourlyUse",
    "ImageryLayer",
    "Invitation",
    "Job",
    "LabelComparison",
    "Lease",
    "MappingEntry",
    "Membership",
    "MosaicPiece",
    "Nomenclature",
    "NomenclatureClass",
    "NomenclatureMapping",
    "Operation",
    "Patch",
    "PlaceReport",
    "PriorityArea",
    "QueueMark",
    "QueueRound",
    "ReportAllowance",
    "ReportContact",
    "ReportEvent",
    "ReportNotice",
    "Revert",
    "RevertItem",
    "Review",
    "SecondOpinion",
    "SourceFile",
    "Standing",
    "Stewardship",
    "SubmissionCheck",
    "Team",
    "TeamMember",
    "TeamRole",
    "Territory",
    "Ticket",
    "Tile",
    "TileAgreement",
    "TileOffer",
    "TrustAlarm",
    "UsagePolygon",
    "UsageSource",
    "Validation",
    "ValidationBatch",
    "VectorTile",
    "VintagePair",
]
