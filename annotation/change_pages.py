"""Pages of change between two vintages: the desk where two dates are compared, its review, and the patches."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView

from annotation.models import Campaign, ChangeRound
from annotation.services.change_outcomes import cells_to_review, round_counts
from annotation.services.change_queue import waiting_tickets
from annotation.services.patch_list import authors_of, patches_of, reviewer_of
from annotation.views import WorkspaceView, in_words

ROUNDS_SHOWN = 20


class ChangeView(WorkspaceView):
    """Where people say what became of ground between two dates."""

    template_name = "annotation/change.html"
    mode = "answer"

    def get_context_data(self, *, slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """Boot data, with whether the page answers or reviews."""
        context = super().get_context_data(slug=slug, **kwargs)
        context["boot"]["mode"] = self.mode
        return context


class ChangeReviewPageView(ChangeView):
    """Where a reviewer settles what people answered differently."""

    mode = "review"

    def get_context_data(self, *, slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """For reviewers only; to anyone else the page does not exist."""
        if not Campaign.objects.reviewed_by(self.request.user).filter(slug=slug).exists():
            raise Http404
        return super().get_context_data(slug=slug, **kwargs)


class ChangeRoundsView(LoginRequiredMixin, TemplateView):
    """How far the questions about change are, round by round, for reviewers."""

    template_name = "annotation/change_rounds.html"

    def get_context_data(self, *, slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """To anyone else the page does not exist."""
        campaign = Campaign.objects.reviewed_by(self.request.user).filter(slug=slug).first()
        if campaign is None:
            raise Http404
        rounds = ChangeRound.objects.filter(campaign=campaign).select_related("pair__first", "pair__second")
        shown = rounds.order_by("-number")[:ROUNDS_SHOWN]
        return super().get_context_data(
            campaign=campaign,
            rounds=[(one, round_counts(one)) for one in shown],
            waiting=cells_to_review(campaign=campaign, reviewer=self.request.user).count(),  # type: ignore[arg-type]
            places=waiting_tickets(campaign),
            maintains=Campaign.objects.maintained_by(self.request.user).filter(pk=campaign.pk).exists(),
            **kwargs,
        )


class PatchListView(TemplateView):
    """Places where an earlier vintage was wrong, for anyone: what it said, what it should have said, on whose word."""

    template_name = "annotation/patches.html"

    def get_context_data(self, *, slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """The patches, newest first."""
        campaign = get_object_or_404(Campaign.objects.select_related("nomenclature"), slug=slug)
        page = Paginator(patches_of(campaign), 50).get_page(self.request.GET.get("page"))
        patches = list(page.object_list)
        authors = authors_of(patches)
        classes = {
            item.code: {"code": item.code, "name": in_words(item.name), "colour": item.colour}
            for item in campaign.nomenclature.classes.all()
        }
        return super().get_context_data(
            campaign=campaign,
            page=page,
            rows=[
                {
                    "patch": patch,
                    "people": authors[patch.pk],
                    "reviewer": reviewer_of(patch),
                    "wrong": classes.get(patch.wrong_code),
                    "right": classes.get(patch.right_code),
                    "more": len(patch.released_in) - 1,
                }
                for patch in patches
            ],
            **kwargs,
        )
