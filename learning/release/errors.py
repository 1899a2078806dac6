"""Errors of the release writers. Each message holds the value met and the next step."""

from __future__ import annotations

from typing import ClassVar

from annotation.errors import SolcommunError


class ReleaseError(SolcommunError):
    """Base of every error a release can meet."""

    code: ClassVar[str] = "release_error"


class InvalidContents(ReleaseError):
    """What was asked to be published breaks a rule of the release format."""

    code: ClassVar[str] = "release_invalid_contents"


class UnorderedRecords(InvalidContents):
    """A stream of records is not in the order that makes the files reproducible, or repeats a key."""

    code: ClassVar[str] = "release_unordered_records"


class PersonalDataFound(InvalidContents):
    """A text meant for publication holds an e-mail address or a name that must stay private."""

    code: ClassVar[str] = "release_personal_data"


class UnusableArtefact(ReleaseError):
    """A file handed over for publication (weights, prediction map) is not what it should be."""

    code: ClassVar[str] = "release_unusable_artefact"


class ReleaseExists(ReleaseError):
    """The final folder is already there: published files never change."""

    code: ClassVar[str] = "release_exists"


class StagingRefused(ReleaseError):
    """The staging folder cannot be used as given."""

    code: ClassVar[str] = "release_staging_refused"


class ReleaseFaulty(ReleaseError):
    """The staged files do not pass their own verification."""

    code: ClassVar[str] = "release_faulty"


class DepositRefused(ReleaseError):
    """An archive or catalogue elsewhere does not take a release; its own words are in the message."""

    code: ClassVar[str] = "deposit_refused"


class DepositDelayed(ReleaseError):
    """An archive or catalogue elsewhere does not answer for now; what was done is kept."""

    code: ClassVar[str] = "deposit_delayed"
