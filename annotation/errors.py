"""Errors of the annotation side, split by who can act on them.

`UserError` is for the person who sent the request: its message holds the value met and the next step, its
`code` is stable, its `details` are JSON. Any other `SolcommunError` is for the people who run the platform.
"""

from __future__ import annotations

from typing import ClassVar


class SolcommunError(Exception):
    """Base of every error raised on purpose by Solcommun."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, details: dict[str, object] | None = None) -> None:
        """Keep the message (value met, next step) and JSON-ready details."""
        super().__init__(message)
        self.details: dict[str, object] = details or {}


class UserError(SolcommunError):
    """The sender can correct it; `status` is the HTTP status (4xx) of the answer."""

    code: ClassVar[str] = "bad_request"
    status: ClassVar[int] = 400


# --- raised by annotation.core ------------------------------------------------------------------------------


class InvalidFeature(UserError):
    """A feature is malformed, outside its tile, or not a valid polygon."""

    code: ClassVar[str] = "invalid_feature"
    status: ClassVar[int] = 422

    def __init__(self, message: str, *, feature_id: str | None = None, at: tuple[int, int] | None = None) -> None:
        """`at` is the place of the fault in subpixels of the tile, when it has one."""
        super().__init__(message, details={"feature_id": feature_id, "at": list(at) if at else None})
        self.feature_id = feature_id
        self.at = at


class UnknownClass(InvalidFeature):
    """A feature carries a class code that the nomenclature does not offer."""

    code: ClassVar[str] = "unknown_class"


class OverlappingFeatures(UserError):
    """Two features of one tile share ground; `at` is a place inside the shared ground, in subpixels."""

    code: ClassVar[str] = "overlapping_features"
    status: ClassVar[int] = 422

    def __init__(self, message: str, *, first_id: str, second_id: str, at: tuple[int, int]) -> None:
        """Name both features and the place."""
        super().__init__(
            message,
            details={"feature_id": second_id, "first_id": first_id, "second_id": second_id, "at": list(at)},
        )
        self.first_id = first_id
        self.second_id = second_id
        self.at = at


class LabelsTooDetailed(UserError):
    """A label raster has more regions than a tile may hold, even after small ones were merged."""

    code: ClassVar[str] = "labels_too_detailed"
    status: ClassVar[int] = 422


class UnusableLabels(SolcommunError):
    """A label raster has the wrong shape, type or values for the computation asked."""

    code: ClassVar[str] = "unusable_labels"


class UnusableGrid(UserError):
    """A pixel grid is not north-up, not finite, or empty."""

    code: ClassVar[str] = "unusable_grid"


class UnlocatedGrid(UserError):
    """A grid's CRS cannot be related to longitude and latitude."""

    code: ClassVar[str] = "unlocated_grid"


class TileOutsideGrid(UserError):
    """A (row, column) or an index names no tile of the grid."""

    code: ClassVar[str] = "tile_outside_grid"


class NotANomenclature(UserError):
    """A file is not a nomenclature: wrong members, or classes that do not form a tree."""

    code: ClassVar[str] = "not_a_nomenclature"
    status: ClassVar[int] = 422


class NotAMapping(UserError):
    """A file is not a mapping between two nomenclatures."""

    code: ClassVar[str] = "not_a_mapping"
    status: ClassVar[int] = 422


class HoldoutImpossible(UserError):
    """No hold-out with these parameters leaves tiles to label."""

    code: ClassVar[str] = "holdout_impossible"


class InvalidPlace(UserError):
    """A reported place is not a point or a simple ring, or lies where nothing is mapped."""

    code: ClassVar[str] = "invalid_place"
    status: ClassVar[int] = 422


class InvalidBoundaries(UserError):
    """A file of territories is not one, or a boundary in it is not usable."""

    code: ClassVar[str] = "invalid_boundaries"
    status: ClassVar[int] = 422


class InvalidUsage(UserError):
    """A file of land use is not one, or a polygon in it is not usable."""

    code: ClassVar[str] = "invalid_usage"
    status: ClassVar[int] = 422


# --- raised by annotation.services --------------------------------------------------------------------------


class NotThere(UserError):
    """What was asked for does not exist, or is not for this person to see."""

    code: ClassVar[str] = "not_found"
    status: ClassVar[int] = 404


class NotAllowed(UserError):
    """The person's role does not cover this."""

    code: ClassVar[str] = "permission_denied"
    status: ClassVar[int] = 403


class OwnWork(NotAllowed):
    """Nobody reviews their own work."""

    code: ClassVar[str] = "own_work"


class Conflict(UserError):
    """The thing is no longer in the state the request needs."""

    code: ClassVar[str] = "conflict"
    status: ClassVar[int] = 409


class LastMaintainer(Conflict):
    """A campaign with a maintainer always keeps one."""

    code: ClassVar[str] = "last_maintainer"


class InvitationUnusable(Conflict):
    """The invitation was used, withdrawn, has lapsed, or whoever made it may no longer invite."""

    code: ClassVar[str] = "invitation_unusable"


class TooManyTokens(Conflict):
    """A person has as many usable tokens, or an inviter as many open invitations, as are kept."""

    code: ClassVar[str] = "too_many_tokens"


class TooManyInvitations(TooManyTokens):
    """A person has made as many invitations as a day takes, withdrawn ones included."""

    code: ClassVar[str] = "too_many_invitations"


class WrongPassword(NotAllowed):
    """What cannot be undone asks for the password again."""

    code: ClassVar[str] = "wrong_password"


class CampaignClosed(Conflict):
    """The campaign takes no more work."""

    code: ClassVar[str] = "campaign_closed"


class LeaseLost(Conflict):
    """The tile was given to someone else; what was drawn can still be saved."""

    code: ClassVar[str] = "lease_lost"


class NotClaimed(Conflict):
    """The person never took this tile."""

    code: ClassVar[str] = "not_claimed"


class NoFreeSlot(Conflict):
    """As many people as wanted already work or have worked on this tile."""

    code: ClassVar[str] = "no_free_slot"


class TileIsSplit(Conflict):
    """The tile is given out in quarters since somebody split it."""

    code: ClassVar[str] = "tile_is_split"


class CannotSplit(Conflict):
    """Somebody else has begun on the tile as a whole."""

    code: ClassVar[str] = "cannot_split"


class NotTrustedYet(Conflict):
    """This takes some accepted tiles in the campaign first."""

    code: ClassVar[str] = "not_trusted_yet"


class QuarterWithoutImagery(Conflict):
    """A quarter of the tile would show too little to be drawn."""

    code: ClassVar[str] = "quarter_without_imagery"


class StaysWhole(Conflict):
    """The tile was handed in as a whole, holds a reported place, or cannot be halved."""

    code: ClassVar[str] = "stays_whole"


class TileNotWorkable(Conflict):
    """The tile lies in the buffer around the hold-out, or shows no usable imagery."""

    code: ClassVar[str] = "tile_not_workable"


class OutsideCampaign(UserError):
    """A place has no tile to label of the campaign."""

    code: ClassVar[str] = "outside_campaign"


class BlindTile(NotThere):
    """The tile is labelled without seeing what a model or other people drew there."""

    code: ClassVar[str] = "blind_tile"


class AlreadyJudged(Conflict):
    """This reviewer has given a verdict on this revision."""

    code: ClassVar[str] = "already_judged"


class AlreadyDisputed(Conflict):
    """The author has asked for a second opinion on this revision, and got it."""

    code: ClassVar[str] = "already_disputed"


class InvalidReview(UserError):
    """A verdict that says what cannot be done."""

    code: ClassVar[str] = "invalid_review"
    status: ClassVar[int] = 422


class NotAccepted(Conflict):
    """What was asked needs labels that are accepted."""

    code: ClassVar[str] = "not_accepted"


class AlreadyGold(Conflict):
    """The tile has gold labels already."""

    code: ClassVar[str] = "already_gold"


class TileHasTrained(Conflict):
    """A frozen training set holds the tile: it can tell nothing of people any more."""

    code: ClassVar[str] = "tile_has_trained"


class AlreadyAccepted(Conflict):
    """An accepted annotation is closed."""

    code: ClassVar[str] = "already_accepted"


class NotSubmitted(Conflict):
    """A verdict needs a submission that waits for one."""

    code: ClassVar[str] = "not_submitted"


class OperationMismatch(Conflict):
    """An operation id was used before for something else."""

    code: ClassVar[str] = "operation_mismatch"


class TooManyLeases(Conflict):
    """The person holds as many tiles as one may."""

    code: ClassVar[str] = "too_many_leases"


class TooBusy(UserError):
    """Others are being served: the same request passes in a moment."""

    code: ClassVar[str] = "too_busy"
    status: ClassVar[int] = 429


class ClassesChanging(TooBusy):
    """The campaign's classes change at this moment: the same request passes, or is told of the change, in a while."""

    code: ClassVar[str] = "classes_changing"


class NothingChanged(Conflict):
    """Work that was sent back is submitted again as it was."""

    code: ClassVar[str] = "nothing_changed"


class ConsentRequired(NotAllowed):
    """The person has not agreed to the licence under which contributions are published."""

    code: ClassVar[str] = "consent_required"


class DrawingReplaced(Conflict):
    """A newer model's map is shown: what was judged is no longer what people see."""

    code: ClassVar[str] = "drawing_replaced"


class UnknownFeature(UserError):
    """A verdict names a polygon that the model did not draw."""

    code: ClassVar[str] = "unknown_feature"
    status: ClassVar[int] = 422


class InvalidVerdict(UserError):
    """A verdict and its class contradict each other, or a polygon is judged twice in one request."""

    code: ClassVar[str] = "invalid_verdict"
    status: ClassVar[int] = 422


class JudgedTooOften(UserError):
    """A person has judged one polygon as often as is kept; their last verdict stays."""

    code: ClassVar[str] = "judged_too_often"
    status: ClassVar[int] = 422


class TooManyThisHour(UserError):
    """A person has done something as often as their level allows in an hour; the same request passes later."""

    code: ClassVar[str] = "too_many_this_hour"
    status: ClassVar[int] = 429


class TooManyVerdicts(TooManyThisHour):
    """A person has sent as many verdicts as are taken in an hour; the same request passes later."""

    code: ClassVar[str] = "too_many_verdicts"


class AccountBlocked(NotAllowed):
    """The account may no longer work here; what it did is kept and may be set aside."""

    code: ClassVar[str] = "account_blocked"


class SetAside(Conflict):
    """The labels were set aside by a maintainer: they are kept, and nobody works on them any more."""

    code: ClassVar[str] = "set_aside"


class NothingToRevert(UserError):
    """Nothing that counts was done in the scope named."""

    code: ClassVar[str] = "nothing_to_revert"
    status: ClassVar[int] = 409


class AlreadyUndone(Conflict):
    """A revert is undone once."""

    code: ClassVar[str] = "already_undone"


class AlreadyResolved(Conflict):
    """Somebody has decided this alarm."""

    code: ClassVar[str] = "already_resolved"


class NothingToCompare(UserError):
    """Agreement needs the work of two people."""

    code: ClassVar[str] = "nothing_to_compare"
    status: ClassVar[int] = 422


class NothingToSubmit(UserError):
    """An empty tile cannot be submitted."""

    code: ClassVar[str] = "nothing_to_submit"
    status: ClassVar[int] = 422


class ReasonRequired(UserError):
    """Sending back says why."""

    code: ClassVar[str] = "reason_required"
    status: ClassVar[int] = 422


class VersionRequired(UserError):
    """A write names the version it was made from."""

    code: ClassVar[str] = "version_required"
    status: ClassVar[int] = 428


class StaleRevision(UserError):
    """Someone (perhaps the same person in another tab) has saved since."""

    code: ClassVar[str] = "stale_revision"
    status: ClassVar[int] = 412


class PairDoesNotFit(Conflict):
    """Two layers that cannot be compared, or a campaign that is not over the later one."""

    code: ClassVar[str] = "pair_does_not_fit"


class NothingToAsk(UserError):
    """No ground differs where questions about change may be asked."""

    code: ClassVar[str] = "nothing_to_ask"
    status: ClassVar[int] = 422


class InvalidChangeAnswer(UserError):
    """An answer on ground at two dates names no verdict, or classes that do not go with it."""

    code: ClassVar[str] = "invalid_change_answer"
    status: ClassVar[int] = 422


class CellAnswered(Conflict):
    """This person has answered the cell, or it is no longer asked about."""

    code: ClassVar[str] = "cell_answered"


class AnswerUsed(Conflict):
    """An answer that somebody has used since: it can no longer be taken back."""

    code: ClassVar[str] = "answer_used"


class NameTaken(Conflict):
    """A slug or version is already used."""

    code: ClassVar[str] = "name_taken"


class InvalidCreditName(UserError):
    """A name to be thanked under holds what must not be printed, or is too short or long."""

    code: ClassVar[str] = "invalid_credit_name"
    status: ClassVar[int] = 422


class TooFewTiles(UserError):
    """The layer has too few usable tiles for the campaign asked."""

    code: ClassVar[str] = "too_few_tiles"


class NomenclatureChanged(Conflict):
    """A loaded version of a nomenclature differs from the file: versions never change."""

    code: ClassVar[str] = "nomenclature_changed"


class NotComparable(UserError):
    """Two layers cannot be held against each other."""

    code: ClassVar[str] = "not_comparable"
    status: ClassVar[int] = 422


class CannotChangeClasses(UserError):
    """A plan of class changes does not fit the classes as they are."""

    code: ClassVar[str] = "cannot_change_classes"
    status: ClassVar[int] = 422


class NationalClassStands(CannotChangeClasses):
    """A plan would change a national class, or take labels of a theme out of the national class that they are in."""

    code: ClassVar[str] = "national_class_stands"


class ClassesChanged(Conflict):
    """What was sent speaks of the classes as they were before they changed; `details` says what they are now."""

    code: ClassVar[str] = "classes_changed"


class CannotReverse(Conflict):
    """A change of classes stands: a release was made with it, or a later change builds on it."""

    code: ClassVar[str] = "cannot_reverse"


class SignInToReport(NotAllowed):
    """This site takes reports from people with an account only."""

    code: ClassVar[str] = "sign_in_to_report"


class LooksAutomatic(UserError):
    """A field that people do not see was filled in."""

    code: ClassVar[str] = "looks_automatic"
    status: ClassVar[int] = 422


class TooManyReports(UserError):
    """As many reports as one sender may make in an hour were made; the same one passes later."""

    code: ClassVar[str] = "too_many_reports"
    status: ClassVar[int] = 429


class InvalidReport(UserError):
    """The words or the e-mail address of a report cannot be kept."""

    code: ClassVar[str] = "invalid_report"
    status: ClassVar[int] = 422


class SamePlaceReported(Conflict):
    """Somebody has reported this place already; details name the reports."""

    code: ClassVar[str] = "same_place_reported"


class ReportClosed(Conflict):
    """The report has its answer."""

    code: ClassVar[str] = "report_closed"


class CannotAssign(Conflict):
    """Nobody can be asked to draw this place now, or not this person."""

    code: ClassVar[str] = "cannot_assign"


class AnswerNotTrue(UserError):
    """The answer given to a report contradicts what is stored."""

    code: ClassVar[str] = "answer_not_true"
    status: ClassVar[int] = 422


class JobAlreadyRunning(Conflict):
    """An unfinished job does the same thing."""

    code: ClassVar[str] = "job_already_running"


class ImageryChanged(Conflict):
    """A layer's ground was replaced by somebody else in the meantime."""

    code: ClassVar[str] = "imagery_changed"


class JobCancelled(SolcommunError):
    """Somebody asked the job to stop."""

    code: ClassVar[str] = "job_cancelled"


class JobLost(SolcommunError):
    """Another worker has taken the job over."""

    code: ClassVar[str] = "job_lost"
