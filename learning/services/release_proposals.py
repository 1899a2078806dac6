"""What a campaign's next release would be, told before it is begun: contents, version and why, notes in draft."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from annotation.models import Campaign
from learning.errors import InvalidNotes, NothingToPublish
from learning.models import Release, TrainedModel
from learning.release.changes import ReleaseChanges, Suggestion, Version, suggested_version
from learning.release.contents import LeftOut
from learning.release.errors import InvalidContents
from learning.release.notes import LANGUAGES, checked_notes, generated_notes
from learning.services.release_changes import changes_since_previous, last_standing
from learning.services.release_credits import credited_names
from learning.services.release_freeze import national_info, publishable_labels

VERSION = re.compile(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A release that could be begun now; labels that are accepted until it begins go in as well."""

    changes: ReleaseChanges
    suggestion: Suggestion
    notes: Mapping[str, str]  # by language
    labels: int
    left_out: LeftOut
    credits: int  # people who would be named


def propose_release(campaign: Campaign, *, model: TrainedModel | None, view: str = Release.View.OWN) -> Proposal:
    """What would be released now, with this model.

    Raises: NothingToPublish, NoNationalView.
    """
    national = view == Release.View.NATIONAL
    if national:
        national_info(campaign)
    labels, left_out = publishable_labels(campaign)
    n_labels = labels.count()
    if not n_labels:
        raise NothingToPublish(
            f"{campaign.slug} has no accepted label yet that a release may carry ({left_out.total} are left out for "
            "their licence): review some submissions first."
        )
    changes = changes_since_previous(
        campaign=campaign, labels=labels, model=model, before=last_standing(campaign, view=view), national=national
    )
    names = dict(campaign.nomenclature.classes.values_list("code", "name"))
    return Proposal(
        changes=changes,
        suggestion=suggested_version(highest_version(campaign), changes),
        notes={language: generated_notes(changes, names, language) for language in LANGUAGES},
        labels=n_labels,
        left_out=left_out,
        credits=len(credited_names(labels)),
    )


def usable_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """A maintainer's notes by language, those that are empty left out.

    Raises: InvalidNotes (a language that notes are not in, or what must not be published).
    """
    unknown = sorted(texts.keys() - set(LANGUAGES))
    if unknown:
        raise InvalidNotes(f"Notes are in {' and '.join(LANGUAGES)}, not in {unknown[0]!r}.")
    found = {}
    for language, text in texts.items():
        try:
            found[language] = checked_notes(text)
        except InvalidContents as error:
            raise InvalidNotes(f"Notes in {language!r}: {error}.") from None
    return {language: text for language, text in found.items() if text}


def highest_version(campaign: Campaign) -> Version | None:
    """The highest version that the campaign has taken, withdrawn ones included; it is never used again."""
    versions = campaign.releases.exclude(state=Release.State.FAILED).values_list("version", flat=True)
    parsed = [found.groups() for version in versions if (found := VERSION.fullmatch(version))]
    return max(((int(a), int(b), int(c)) for a, b, c in parsed), default=None)
