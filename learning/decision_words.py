"""What the gate and the schedule decided, in the reader's language; both keep codes and figures, not sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from learning.core.drift import Drift
from learning.core.learning_curve import ExpectedGain
from learning.models import RetrainingPolicy, TrainedModel

#: By the codes of learning.core.gate; shares are said in points, differences with their sign.
REASONS: Mapping[str, Promise] = {
    "unjudged": _("Published before it could be judged: %(why)s."),
    "too_few_tiles": _("Too few control tiles to judge by: %(n_tiles)s labelled, %(needed)s needed."),
    "no_reference": _("No control tile has accepted labels: nothing to judge by. Label control tiles first."),
    "holdout_too_small": _(
        "This campaign has %(drawn)s control tiles in all, and %(needed)s are needed to judge by: open another one "
        "with smaller tiles or a larger control sample."
    ),
    "first_better": _(
        "First model: it beats the most frequent class everywhere by at least %(low)s points of mean IoU."
    ),
    "first_worse": _(
        "First model: it is no better than the most frequent class everywhere (upper bound %(high)s points)."
    ),
    "first_cannot_tell": _(
        "First model: it is not shown to beat the most frequent class everywhere (lower bound %(low)s points)."
    ),
    "shown_worse": _("Worse than the published model: upper bound of the difference %(high)s points of mean IoU."),
    "cannot_tell": _(
        "It may be worse than the published model: lower bound of the difference %(low)s points of mean IoU, "
        "%(tolerated)s are tolerated."
    ),
    "not_worse": _("Not worse than the published model: lower bound of the difference %(low)s points of mean IoU."),
    "class_fell": _("Class %(class_code)s fell by %(fall)s points of IoU, %(allowed)s are allowed."),
    "class_may_have_fallen": _(
        "Class %(class_code)s fell by %(fall)s points of IoU, %(allowed)s are allowed; that may be chance. Label "
        "control tiles that hold it."
    ),
    "below_floor": _("Class %(class_code)s has an IoU of %(iou)s points, its floor is %(floor)s."),
    "maybe_below_floor": _(
        "Class %(class_code)s has an IoU of %(iou)s points, its floor is %(floor)s; that may be chance. Label control "
        "tiles that hold it."
    ),
    "about_tiles": _("About %(tiles)s labelled control tiles in all would tell, if the figures stay as they are."),
    "more_than_drawn": _("There are %(drawn)s in all: a clearer difference is needed."),
}
SIGNED = frozenset({"low", "high", "tolerated"})
REFUSALS: Mapping[str, Promise] = {
    "period": _("The next training may start on %(due)s, universal time."),
    "waiting": _("%(found)s of %(wanted)s newly accepted labels: waiting for more."),
    "stopped": _(
        "The next %(more_tiles)s labelled tiles are expected to bring %(points)s ± %(spread)s points of mean IoU, less "
        "than the limit of %(threshold)s."
    ),
}
# For readers of other languages; in English the refusal of a service speaks for itself, with the values it met.
TRANSLATED: Mapping[str, Promise] = {
    "nothing_to_train": _("The accepted labels make no training set, or hold nothing that was not learnt already."),
    "suspect_batch": _(
        "What was accepted since the last training looks like a mistake or an attack: look at who made it."
    ),
    "job_already_running": _("A training is under way."),
}


#: How a shape came to be, by annotation.core.features.PROVENANCES.
PROVENANCES: Mapping[str, Promise] = {
    "drawn": _("drawn by people"),
    "corrected": _("the model's shapes, corrected"),
    "accepted": _("the model's shapes, taken as they were"),
    "segment": _("segments of the image"),
    "copied": _("copied from labels of another year"),
    "imported": _("imported"),
}
#: What a model is now and what follows from it, by its state, or by what else is to be said of it.
STATES: Mapping[str, Promise] = {
    "candidate": _("It has not been judged yet."),
    "promoted": _("It is the published model: its map is shown, drafts come from it, and the next release names it."),
    "unjudged": _("It is published, and not judged yet: whether it is any good here is not known."),
    "held": _("It is held back: it cannot be told yet whether it is worse than what it would replace."),
    "waiting": _("The gate would publish it. This campaign leaves publishing to its maintainers, and none has yet."),
    "rejected": _("It was not published: it was shown to be worse."),
    "withdrawn": _(
        "It was published before it could be judged, and taken back when it was: it was shown to be no better than the "
        "most frequent class everywhere."
    ),
    "retired": _("It was published until another model took its place."),
}


def state_in_words(model: TrainedModel) -> str:
    """What a model is now, in one sentence."""
    now = model.state
    if model.is_published_unjudged:
        now = "unjudged"
    elif now == TrainedModel.State.HELD and model.outcome == TrainedModel.Outcome.PROMOTE:
        now = "waiting"
    elif now == TrainedModel.State.REJECTED and model.gate.get("published_unjudged"):
        now = "withdrawn"
    return str(STATES[now])


def gate_in_words(model: TrainedModel) -> list[str]:
    """The gate's reasons; those of models judged before reasons had codes are in English."""
    reasons = model.gate.get("reasons") or []
    if not reasons and model.gate.get("reason"):
        return [str(model.gate["reason"])]
    return [str(REASONS[one["code"]]) % _shown(one["figures"]) for one in reasons if one["code"] in REASONS]


def refusal_in_words(policy: RetrainingPolicy) -> str:
    """Why the schedule started nothing when it looked last; "" where it did start something."""
    if policy.last_refusal_code in REFUSALS:
        figures = policy.last_refusal_figures
        signed = {"points": _rounded(figures["points"], 1)} if "points" in figures else {}
        return str(REFUSALS[policy.last_refusal_code]) % {**_plain(figures), **signed}
    is_english = (get_language() or "en").startswith("en")
    return str((not is_english and TRANSLATED.get(policy.last_refusal_code)) or policy.last_refusal)


def gain_in_words(gain: ExpectedGain) -> str:
    """What the next labels are expected to bring."""
    return str(
        _("The next %(more_tiles)s labelled tiles are expected to bring +%(points)s ± %(spread)s points of mean IoU.")
    ) % {
        "more_tiles": gain.more_tiles,
        "points": _rounded(gain.points, 1),
        "spread": _rounded(gain.spread_points, 1),
    }


def drift_in_words(drift: Drift) -> str:
    """How far the classes of new labels have moved."""
    if drift.index < 0.01:
        return str(_("Classes of what was accepted since the last model have the shares that it learnt."))
    return str(
        _(
            "Classes of what was accepted since the last model have moved by %(index)s (chance makes up to "
            "%(chance)s); %(class_code)s most, from %(before)s%% to %(after)s%% of the ground."
        )
    ) % {
        "index": _rounded(drift.index, 2),
        "chance": _rounded(drift.chance, 2),
        "class_code": drift.moved_most,
        "before": _rounded(100 * drift.share_before, 0),
        "after": _rounded(100 * drift.share_after, 0),
    }


def _rounded(value: float, decimals: int) -> str:
    """In the reader's notation. Rounded first: `number_format` cuts off the digits that do not fit."""
    return str(number_format(round(value, decimals), decimals))


def _shown(figures: Mapping[str, Any]) -> dict[str, str]:
    """Shares in points, with one decimal; counts and codes as they are."""
    return {
        name: (
            f"{'+' if name in SIGNED and value >= 0 else ''}{_rounded(100 * value, 1)}"
            if isinstance(value, float)
            else str(value)
        )
        for name, value in figures.items()
    }


def _plain(figures: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: number_format(round(value, 2)) if isinstance(value, float) else str(value)
        for name, value in figures.items()
    }
