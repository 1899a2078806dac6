"""What a release proposes and what its schedule decided, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from learning.models import ReleasePolicy
from learning.release.changes import Suggestion

STEPS: Mapping[str, Promise] = {
    "first": _("the first one"),
    "major": _("something that readers rely on is different"),
    "minor": _("there is more than before"),
    "patch": _("corrections alone"),
}
REASONS: Mapping[str, Promise] = {
    "classes_retired": _("a class is no longer used"),
    "licence": _("the licence is another one"),
    "labels_added": _("labels were added"),
    "classes_added": _("a class was added"),
    "model": _("the model is another one"),
    "map": _("a map came or went"),
    "labels_corrected": _("labels were corrected or set aside"),
    "nothing": _("nothing is different"),
}
REFUSALS: Mapping[str, Promise] = {
    "period": _("The next release is due on %(due)s."),
    "waiting": _("%(found)s of %(wanted)s labels added, corrected or removed: waiting for more."),
    "proposed": _("A release is prepared and waits for a maintainer."),
    "making": _("A release is being made."),
}
# For readers of other languages; in English a refusal of a service speaks for itself, with the values it met.
TRANSLATED: Mapping[str, Promise] = {
    "nothing_to_publish": _("There is no accepted label yet that a release may carry."),
    "release_on_disk": _("The files of this version are on the disk already: an operator should look."),
    "version_taken": _("This version is taken: what is published never changes."),
}


def suggestion_in_words(suggestion: Suggestion) -> str:
    """Why this version."""
    reasons = ", ".join(str(REASONS[code]) for code in suggestion.reasons)
    step = str(STEPS[suggestion.step])
    return f"{step} ({reasons})" if reasons else step


def refusal_of_policy(policy: ReleasePolicy) -> str:
    """Why the schedule started nothing when it looked last; "" where it did start something."""
    if policy.last_refusal_code in REFUSALS:
        return str(REFUSALS[policy.last_refusal_code]) % _plain(policy.last_refusal_figures)
    is_english = (get_language() or "en").startswith("en")
    return str((not is_english and TRANSLATED.get(policy.last_refusal_code)) or policy.last_refusal)


def _plain(figures: Mapping[str, Any]) -> dict[str, str]:
    return {name: number_format(value) if isinstance(value, int) else str(value) for name, value in figures.items()}
