"""The part of the page of samples on which a maintainer plans one and has it drawn (docs/adr/0062)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from annotation.errors import UserError
from annotation.models import Campaign, VintagePair
from annotation.page_errors import refusal_in_words
from annotation.views import class_looks
from learning.errors import InvalidPlan, PlanTooSmall
from learning.sample_plan_form import PlanForm, names_of, pairs_of, plan_form
from learning.services.sample_jobs import sample_failure_of, sample_job_of
from learning.services.sample_plans import Expectations, PlannedStratum, SamplePlan, plan_sample
from learning.territory_shown import counted, percent

WISHED, MORE = ("overall", "area_of", "area_ha", "places"), ("fewest", "answers", "unit_m", "seed")
SOURCES = {
    "counted": gettext_lazy("counted on the map"),
    "earlier_sample": gettext_lazy("seen in the last sample"),
    "holdout": gettext_lazy("measured on control tiles"),
    "assumed": gettext_lazy("assumed"),
    "given": gettext_lazy("as you typed"),
}
REFUSALS = {
    "no_map": gettext_lazy(
        "This is a plan: nothing can be drawn before the campaign has a published map, whose classes are the strata. "
        "Publish a model and wait for its map."
    ),
    "no_earlier_map": gettext_lazy(
        "This is a plan: nothing can be drawn before the earlier imagery has a published map too. Publish a model in a "
        "campaign on it."
    ),
    "sample_open": gettext_lazy("A sample of this kind is open: close it below before another one is drawn."),
}
REFUSED = {
    "sample_open": REFUSALS["sample_open"],
    "no_prediction": REFUSALS["no_map"],
    "job_already_running": gettext_lazy("Places are being drawn already: wait for it to end."),
    "campaign_closed": gettext_lazy("The campaign is closed: nobody could answer."),
    "invalid_plan": gettext_lazy(
        "No sample of up to 20,000 places tells this so closely: wish for a wider interval, or look at the shares and "
        "accuracies that you typed."
    ),
    "plan_too_wide": gettext_lazy(
        "An area to so many hectares, as many as there is ground, is known without a sample: wish for fewer hectares."
    ),
}  # fmt: skip


def plan_context(
    campaign: Campaign, *, pair: VintagePair | None, typed: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The form, and the plan it comes to where it is valid."""
    form = plan_form(campaign, pair, typed)
    known, plan, refusal = form.known, None, ""
    if form.is_valid():
        try:
            plan = plan_sample(known, form.wishes)
        except InvalidPlan as error:
            refusal = refused(error)
    looks, names = class_looks(campaign), names_of(known)
    planned = {one.expected.code: one for one in plan.strata} if plan is not None else {}
    job = sample_job_of(campaign)
    return {
        "form": form,
        "wished": [form[name] for name in WISHED],
        "more": [form[name] for name in MORE],
        "more_faults": any(name in form.errors for name in MORE),
        "known": known,
        "pair": pair,
        "pairs": pairs_of(campaign),
        "refusal": refusal,
        "cannot_draw": REFUSALS.get(known.refusal, ""),
        "rows": [
            _row(number, one, names.get(one.code, one.code), looks.get(one.code, {}).get("colour"), planned, form)
            for number, one in enumerate(known.strata)
        ],
        "total": _total(plan, known) if plan is not None else None,
        "can_count": pair is not None and known.model and known.strata[0].share_from != "counted",
        "shares_open": any(one.share_from != "counted" for one in known.strata),
        "job": job,
        "failed": sample_failure_of(campaign),
        "boot": {
            "language": (get_language() or "en")[:2],
            "job": str(job.pk) if job is not None else None,
            "plan": reverse("api-sample-plan", args=[campaign.slug]),
            "pair": str(pair.pk) if pair is not None else "",
        },
    }


def refused(error: UserError) -> str:
    """Why nothing is drawn, in the reader's words."""
    if isinstance(error, PlanTooSmall):
        told = _(
            "At least %(least)s places in each of %(parts)s parts takes %(takes)s places: ask for as many in all, or "
            "for fewer in each part."
        )
        return told % error.details
    return str(refusal_in_words(error, REFUSED))


def _row(
    number: int, one: Any, name: str, colour: str | None, planned: Mapping[str, PlannedStratum], form: PlanForm
) -> dict[str, Any]:
    """A stratum: what is expected of it, what it rests on, and its places."""
    plan = planned.get(one.code)
    expected = plan.expected if plan is not None else one
    return {
        "number": number,
        "code": one.code,
        "name": name,
        "colour": colour,
        "share": percent(expected.share),
        "share_typed": form.data.get(f"share_{number}") or f"{100 * one.share:.2f}",
        "counted": one.share_from == "counted",
        "accuracy_typed": form.data.get(f"accuracy_{number}") or f"{100 * one.accuracy:.1f}",
        "share_from": SOURCES[expected.share_from],
        "accuracy_from": SOURCES[expected.accuracy_from],
        "faults": [
            text for what in ("share", "accuracy") for text in form.errors.get(f"{what}_{number}", [])
        ],
        "places": plan.places if plan is not None else None,
        "accuracy_half": percent(plan.accuracy_half) if plan is not None and plan.places else "",
        "area_half": counted(plan.area_half_ha) if plan is not None else "",
    }  # fmt: skip


def _total(plan: SamplePlan, known: Expectations) -> dict[str, Any]:
    return {
        "places": plan.places,
        "overall_half": percent(plan.overall_half),
        "ground": counted(known.ground_ha),
    }
