"""The page on which maintainers say what ground is labelled first."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import TemplateView

from annotation.errors import UserError
from annotation.models import Campaign, Territory
from annotation.page_errors import refusal_in_words
from annotation.services.queue_front import add_priority_area, end_priority_area, territories_of

WORDS = {"name_taken": gettext_lazy("This territory goes first already: choose another one.")}


class AreaForm(forms.Form):
    """A territory of the campaign."""

    territory = forms.ModelChoiceField(
        label=gettext_lazy("Territory"), queryset=Territory.objects.none(), empty_label=gettext_lazy("choose one")
    )

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        """Offer those that the imagery touches."""
        super().__init__(*args, **kwargs)
        self.fields["territory"].queryset = territories_of(campaign)  # type: ignore[attr-defined]


class PriorityAreasView(LoginRequiredMixin, TemplateView):
    """Areas whose tiles go first, and the forms to add and end one."""

    template_name = "annotation/priority_areas.html"

    def campaign(self) -> Campaign:
        """For maintainers only; to anyone else the page does not exist."""
        maintained = Campaign.objects.maintained_by(self.request.user).select_related("layer", "holdout")
        campaign = maintained.filter(slug=self.kwargs["slug"]).first()
        if campaign is None:
            raise Http404
        return campaign

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The areas that go first now, those that did, and the form."""
        campaign = self.campaign()
        return super().get_context_data(
            campaign=campaign,
            areas=campaign.priority_areas.filter(ended_at__isnull=True),
            ended=campaign.priority_areas.filter(ended_at__isnull=False).order_by("-ended_at")[:20],
            form=kwargs.pop("form", None) or AreaForm(campaign=campaign),
            has_territories=territories_of(campaign).exists(),
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Add an area, or end one."""
        campaign, actor = self.campaign(), cast(User, request.user)
        ended = request.POST.get("end", "")
        form = AreaForm(request.POST, campaign=campaign)
        try:
            if ended:
                number = int(ended) if ended.isascii() and ended.isdigit() and len(ended) < 15 else 0
                area = end_priority_area(campaign=campaign, actor=actor, area_id=number)
                messages.success(
                    request, _("%(name)s is labelled like the rest from the next round on.") % {"name": area.name}
                )
                return redirect("priority-areas", slug=campaign.slug)
            if form.is_valid():
                chosen = form.cleaned_data["territory"]
                area, moved = add_priority_area(
                    campaign=campaign, actor=actor, name=str(chosen), ground=chosen.boundary
                )
                said = ngettext(
                    "%(name)s goes first: %(n)s tile that waited moved to the front.",
                    "%(name)s goes first: %(n)s tiles that waited moved to the front.",
                    moved,
                )
                messages.success(request, said % {"name": area.name, "n": moved})
                return redirect("priority-areas", slug=campaign.slug)
        except UserError as error:
            form.add_error(None, refusal_in_words(error, WORDS))
        return self.render_to_response(self.get_context_data(form=form), status=400)
