"""Server-rendered pages of people's work: they read, the API writes."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import get_language
from django.views.generic import ListView, TemplateView

from annotation.api.views import campaign_progress
from annotation.models import Annotation, Campaign, Tile
from annotation.services.people import contributor_of, role_in


class HomeView(TemplateView):
    """What the platform is, and where to begin."""

    template_name = "annotation/home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The open campaigns and a few figures."""
        campaigns = Campaign.objects.open().select_related("layer")[:6]
        return super().get_context_data(
            campaigns=campaigns,
            accepted_tiles=Tile.objects.filter(state=Tile.State.ACCEPTED).count(),
            contributors=Annotation.objects.usable_as_labels().values("annotator").distinct().count(),
            **kwargs,
        )


class CampaignListView(ListView):
    """The campaigns, with how far each is."""

    template_name = "annotation/campaign_list.html"
    context_object_name = "campaigns"

    def get_queryset(self) -> Any:
        """All campaigns, open ones first, with their accepted tiles."""
        return (
            Campaign.objects.select_related("layer", "nomenclature", "holdout")
            .annotate(accepted=Count("tiles", filter=Q(tiles__state="accepted")))
            .order_by("-state", "-created_at")
        )


class CampaignView(TemplateView):
    """One campaign: its map, progress, classes and rounds."""

    template_name = "annotation/campaign.html"

    def get_context_data(self, *, slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """What the page shows without JavaScript, and what its map needs."""
        campaign = get_object_or_404(Campaign.objects.select_related("layer", "nomenclature", "holdout"), slug=slug)
        west, south, east, north = campaign.layer.pixel_grid.bounds_wgs84
        progress = campaign_progress(campaign)
        return super().get_context_data(
            campaign=campaign,
            progress=progress,
            accepted_percent=100 * progress["accepted"] / max(1, campaign.n_usable),
            classes=campaign.nomenclature.classes.filter(selectable=True),
            role=role_in(campaign=campaign, user=self.request.user),  # type: ignore[arg-type]
            boot={
                "campaign": campaign.slug,
                "layer": campaign.layer.slug,
                "bounds": [[south, west], [north, east]],
                "attribution": campaign.layer.attribution,
                "language": get_language(),
                "studio": reverse("studio", args=[slug]),
            },
            **kwargs,
        )


class WorkspaceView(LoginRequiredMixin, TemplateView):
    """A page that the front end fills: it is given its campaign, tile and person."""

    def get_context_data(self, *, slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """Boot data, as JSON in the page."""
        campaign = get_object_or_404(Campaign, slug=slug)
        user = cast(User, self.request.user)
        tile = self.request.GET.get("tile", "")
        return super().get_context_data(
            campaign=campaign,
            boot={
                "campaign": campaign.slug,
                "tile": int(tile) if tile.isascii() and tile.isdigit() and len(tile) < 15 else None,
                "language": get_language(),
                "user": {"username": user.username, "public_id": contributor_of(user).public_id},
            },
            **kwargs,
        )


class StudioView(WorkspaceView):
    """Where labels are drawn."""

    template_name = "annotation/studio.html"


class ReviewView(WorkspaceView):
    """Where submissions are judged."""

    template_name = "annotation/review.html"

    def get_context_data(self, *, slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """For reviewers only; to anyone else the page does not exist."""
        if not Campaign.objects.reviewed_by(self.request.user).filter(slug=slug).exists():
            raise Http404
        return super().get_context_data(slug=slug, **kwargs)


class MyWorkView(LoginRequiredMixin, TemplateView):
    """What became of my labels."""

    template_name = "annotation/my_work.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """One's own annotations with their latest verdict, newest first."""
        user = cast(User, self.request.user)
        mine = (
            Annotation.objects.of(user)
            .select_related("tile__campaign", "head")
            .prefetch_related("reviews")
            .order_by("-created_at")
        )
        page = Paginator(mine, 30).get_page(self.request.GET.get("page"))
        return super().get_context_data(
            page=page,
            counts=mine.order_by().aggregate(
                accepted=Count("pk", filter=Q(state="accepted")),
                waiting=Count("pk", filter=Q(state="submitted")),
                sent_back=Count("pk", filter=Q(state="sent_back")),
            ),
            contributor=contributor_of(user),
            **kwargs,
        )
