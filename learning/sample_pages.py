"""Pages of samples: what there is to answer, and where it is answered."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView

from annotation.errors import NotThere, UserError
from annotation.models import Campaign, VintagePair
from annotation.page_errors import refusal_in_words
from annotation.services.pairs import shift_of
from annotation.services.people import role_in
from annotation.views import WorkspaceView
from learning.core.change_area import Interval
from learning.difference_words import differences_told, shift_shown
from learning.errors import NoSuchPlace
from learning.models import ReferenceSample
from learning.sample_plan_form import asked_pair
from learning.sample_plan_shown import plan_context, refused
from learning.sample_seen import seen_by_readers
from learning.services.change_figures import ChangeFigures, change_figures
from learning.services.sample_jobs import start_sample_draw, start_strata_count
from learning.services.samples import agreement, close_sample, disputed_for, open_for, resolve, sample_for
from learning.territory_shown import Shown, estimated
from learning.territory_words import NOT_ASSESSED

FLOWS = (
    gettext_lazy("artificialised since (flow)"),
    gettext_lazy("given back (return flow)"),
    gettext_lazy("flow less return flow (net)"),
)
LEAST, MOST = gettext_lazy("what is certain"), gettext_lazy("what is possible")
REASONS = {
    "stratum_unanswered": gettext_lazy(
        "Not assessed: some part of the ground has no place with an answer that counts. Draw another sample."
    ),
    "classes_changed": NOT_ASSESSED["classes_changed"],
}


class SamplesView(LoginRequiredMixin, TemplateView):
    """The samples of a campaign that one reviews; to anyone else the page does not exist."""

    template_name = "learning/samples.html"

    def _campaign(self) -> Campaign:
        found = Campaign.objects.reviewed_by(self.request.user).filter(slug=self.kwargs["slug"]).first()
        if found is None:
            raise Http404
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Each sample with how far it is, newest first."""
        campaign, user = self._campaign(), cast(User, self.request.user)
        samples = campaign.reference_samples.select_related("pair__first", "pair__second", "campaign__layer")
        maintains = role_in(campaign=campaign, user=user) == "maintainer"
        if maintains and "plan" not in kwargs:
            kwargs["plan"] = plan_context(campaign, pair=self._pair(campaign))
        return super().get_context_data(
            campaign=campaign,
            rows=[_row(sample, user) for sample in samples],
            maintains=maintains,
            **kwargs,
        )

    def _pair(self, campaign: Campaign) -> VintagePair | None:
        try:
            return asked_pair(campaign, self.request.GET.get("pair", ""))
        except NotThere:
            raise Http404 from None

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Close a sample, plan one, or have it drawn (maintainers)."""
        campaign, user = self._campaign(), cast(User, request.user)
        if role_in(campaign=campaign, user=user) != "maintainer":
            raise Http404
        if {"draw", "count", "plan"} & request.POST.keys():
            return self._plan(campaign, user)
        number = request.POST.get("sample", "")
        sample = campaign.reference_samples.filter(
            pk=int(number) if number.isascii() and number.isdigit() else 0
        ).first()
        if sample is None:
            raise Http404
        try:
            close_sample(sample=sample, closed_by=user, as_it_is=request.POST.get("as_it_is") == "1")
        except UserError as refusal:
            messages.error(request, refusal_in_words(refusal))
        else:
            messages.success(request, _("The sample is closed: its figures can be computed."))
        return redirect("samples", slug=slug)

    def _plan(self, campaign: Campaign, user: User) -> HttpResponse:
        """Show what was typed as a plan, or have it drawn; what a refusal says stands beside what was typed."""
        asked, pair = self.request.POST, self._pair(campaign)
        plan = plan_context(campaign, pair=pair, typed=asked.dict())
        try:
            if "count" in asked and pair is not None:
                start_strata_count(campaign=campaign, pair=pair, actor=user)
                messages.success(self.request, _("The ground of each kind is being counted on both maps."))
                return redirect(f"{self.request.path}?pair={pair.pk}#plan")
            if "draw" in asked and plan["total"] is not None:
                draw = plan["form"].draw(plan["total"]["places"])
                start_sample_draw(campaign=campaign, pair=pair, draw=draw, actor=user)
                messages.success(self.request, _("The places are being drawn."))
                return redirect("samples", slug=campaign.slug)
        except UserError as error:
            plan["refusal"] = refused(error)
        is_refused = plan["total"] is None or bool(plan["refusal"])
        return self.render_to_response(self.get_context_data(plan=plan), status=400 if is_refused else 200)


def _row(sample: ReferenceSample, user: User) -> dict[str, Any]:
    places = resolve(sample)
    states = [place.state for place in places]
    change = change_figures(pair=sample.pair) if sample.pair is not None and sample.closed_at is not None else None
    return {
        "sample": sample,
        "places": len(places),
        "agreed": states.count("agreed"),
        "waiting": states.count("open"),
        "disputed": states.count("disputed"),
        "mine": len(open_for(places, user)),
        "to_settle": len(disputed_for(places, user)),
        "alpha": agreement(places),
        "change": _change(sample, change),
        "seen": seen_by_readers(sample, change),
        "differs": _differs(sample),
    }


def _differs(sample: ReferenceSample) -> dict[str, Any] | None:
    """What else than the ground makes the two maps differ whose strata the places are of."""
    if sample.pair is None or sample.first_map is None:
        return None
    told = differences_told(sample.first_map, sample.second_map)
    return {"shift": shift_shown(shift_of(sample.pair)), "differences": [one["says"] for one in told]}


def _change(sample: ReferenceSample, figures: ChangeFigures | None) -> dict[str, Any] | None:
    """What a closed sample says of change, as lines of a table; of several closed ones of a pair the newest."""
    if figures is None or figures.sample != sample:
        return None
    found = figures.found
    flows = [] if found is None else [(FLOWS[0], found.gain), (FLOWS[1], found.loss), (FLOWS[2], found.net)]
    lines = []
    for words, flow in flows:
        years = flow.ha_per_year or flow.ha
        for end, ha, yearly in ((LEAST, flow.ha.lower, years.lower), (MOST, flow.ha.upper, years.upper)):
            told = words if flow.ha.is_figure else f"{words}, {end}"
            lines.append({"words": told, "ha": _shown(ha), "yearly": _shown(yearly) if flow.ha_per_year else None})
            if flow.ha.is_figure:
                break
    return {"figures": figures, "found": found, "lines": lines, "reason": REASONS.get(figures.reason, "")}


def _shown(interval: Interval) -> Shown:
    return estimated(interval.value, interval.lower, interval.upper)


class SampleView(WorkspaceView):
    """Where the places of a sample are answered, and with ?settle=1 those whose answers differ are settled."""

    template_name = "learning/sample.html"

    def get_context_data(self, *, slug: str = "", sample_id: int = 0, **kwargs: Any) -> dict[str, Any]:
        """For reviewers only; to anyone else the page does not exist."""
        user = cast(User, self.request.user)
        try:
            sample = sample_for(sample_id=sample_id, user=user)
        except NoSuchPlace:
            raise Http404 from None
        if sample.campaign.slug != slug:
            raise Http404
        context = super().get_context_data(slug=slug, **kwargs)
        maintains = role_in(campaign=sample.campaign, user=user) == "maintainer"
        context["boot"] |= {"sample": sample.pk, "settle": maintains and self.request.GET.get("settle") == "1"}
        return context
