"""Server-rendered pages of people's work: they read, the API writes."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Count, F, Func, IntegerField, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import get_language
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST
from django.views.generic import ListView, TemplateView

from annotation import pictures
from annotation.api.views import campaign_progress
from annotation.core.reliability import Reliability
from annotation.models import (
    Annotation,
    Campaign,
    ImageryLayer,
    NomenclatureClass,
    PlaceReport,
    Territory,
    Tile,
    TrustAlarm,
)
from annotation.querysets import CampaignQuerySet
from annotation.services.outcomes import MOST_VERDICTS, outcomes_by_class
from annotation.services.people import accept_contribution_licence, contributor_of, role_in
from annotation.services.queue_front import territories_of
from annotation.services.reliability import own_reliability
from annotation.services.review_queue import waiting_for
from annotation.services.standing import standings_of
from annotation.services.throughput import own_weeks
from annotation.services.validations import judged_count

REVIEWERS = ("reviewer", "maintainer")
#: Offered on a campaign's page; a département has some 460 communes.
MOST_TERRITORIES = 1000
#: Labels above this stored size would make the home page heavy.
SHOWN_LABEL_BYTES = 20_000
#: Bars are drawn on this many units for a share of 1: whole numbers, the same in every language.
BAR_UNITS = 1000


def with_accepted_tiles(campaigns: CampaignQuerySet) -> CampaignQuerySet:
    """What a campaign's card shows."""
    return campaigns.select_related("layer").annotate(accepted=Count("tiles", filter=Q(tiles__state="accepted")))


def map_boot(layer: ImageryLayer) -> dict[str, Any]:
    """What a page's map needs to know of a layer."""
    grid = layer.pixel_grid
    west, south, east, north = grid.bounds_wgs84
    return {
        "layer": layer.slug,
        "version": layer.map_version,
        "bounds": [[south, west], [north, east]],
        "outline": [[lat, lon] for lon, lat in map(grid.to_lonlat, *pictures.outline_of(layer))],
        "attribution": layer.attribution,
        "language": get_language(),
    }


def class_looks(campaign: Campaign) -> dict[str, dict[str, str]]:
    """Name in the reader's language and colour of each class, by its code."""
    return {
        item.code: {"name": in_words(item.name), "colour": item.colour}
        for item in campaign.nomenclature.classes.order_by("position")
    }


def in_words(names: dict[str, str]) -> str:
    """A text of a nomenclature in the reader's language, else in English."""
    return names.get(get_language() or "en") or names.get("en", "")


def class_rows(campaign: Campaign, classes: Reliability) -> list[dict[str, Any]]:
    """A person's reliability in each class, as rows of a drawn table; bars are in BAR_UNITS."""
    return [
        {
            "code": item.code,
            "name": in_words(item.name),
            "colour": item.colour,
            "figures": figures,
            **{f"bar_{name}": round(BAR_UNITS * getattr(figures, name)) for name in ("mean", "low", "high")},
        }
        for item in campaign.nomenclature.classes.order_by("position")
        if (figures := classes.get(item.code)) is not None
    ]


def outcome_rows(user: User) -> list[dict[str, Any]]:
    """Classes of this person's labels that reviewers did not take as they were, the most often touched first."""
    found = outcomes_by_class(user)
    touched = {key: outcome for key, outcome in found.items() if outcome.as_drawn < outcome.judged}
    named = {
        (item.nomenclature_id, item.code): item
        for item in NomenclatureClass.objects.filter(nomenclature__in={nomenclature for nomenclature, _code in touched})
    }
    rows = [
        {
            "code": key[1],
            "name": in_words(named[key].name),
            "colour": named[key].colour,
            "outcome": outcome,
            "as_drawn": round(BAR_UNITS * outcome.as_drawn / outcome.judged),
            "as_drawn_and_corrected": round(BAR_UNITS * (outcome.judged - outcome.sent_back) / outcome.judged),
        }
        for key, outcome in touched.items()
        if key in named
    ]
    return sorted(rows, key=lambda row: (row["as_drawn"] - BAR_UNITS, -row["outcome"].judged, row["code"]))


class HomeView(TemplateView):
    """What the platform is, and where to begin."""

    template_name = "annotation/home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The open campaigns, a tile someone labelled, and a few figures."""
        open_campaigns = Campaign.objects.open()
        campaigns = list(with_accepted_tiles(open_campaigns).order_by("-created_at")[:6])
        return super().get_context_data(
            campaigns=campaigns,
            cards=[(campaign, pictures.strip_of(campaign.layer)) for campaign in campaigns],
            open_campaigns=open_campaigns.count(),
            accepted_tiles=Tile.objects.filter(part=0, state=Tile.State.ACCEPTED).count(),
            contributors=Annotation.objects.usable_as_labels().values("annotator").distinct().count(),
            **self.shown_labels(),
            **kwargs,
        )

    def shown_labels(self) -> dict[str, Any]:
        """The labels accepted last that are light enough to draw."""
        annotation = (
            Annotation.objects.usable_as_labels()
            .filter(tile__campaign__state="open", tile__role=Tile.Role.POOL, decided_at__isnull=False)
            .annotate(stored=Func(F("head__features"), function="pg_column_size", output_field=IntegerField()))
            .filter(stored__lt=SHOWN_LABEL_BYTES)
            .select_related("head", "tile__campaign__layer", "tile__campaign__nomenclature")
            .order_by("-decided_at")
            .first()
        )
        if annotation is None:
            return {"labels": None}
        nomenclature = annotation.tile.campaign.nomenclature
        colours = dict(nomenclature.classes.values_list("code", "colour"))
        return {
            "labels": pictures.labelled_view(
                annotation.tile, annotation.head.features if annotation.head else [], colours=colours
            ),
            "labels_campaign": annotation.tile.campaign,
            "subpixel_scale": pictures.SUBPIXEL_SCALE,
        }


class CampaignListView(ListView):
    """The campaigns, with how far each is."""

    template_name = "annotation/campaign_list.html"
    context_object_name = "campaigns"
    paginate_by = 24

    def get_queryset(self) -> Any:
        """All campaigns, open ones first, with their accepted tiles."""
        return with_accepted_tiles(Campaign.objects.all()).order_by("-state", "-created_at", "pk")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The cards of this page."""
        context = super().get_context_data(**kwargs)
        context["cards"] = [(campaign, pictures.strip_of(campaign.layer)) for campaign in context["campaigns"]]
        return context


class CampaignView(TemplateView):
    """One campaign: its map, progress, classes and rounds."""

    template_name = "annotation/campaign.html"

    def get_context_data(self, *, slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """What the page shows without JavaScript, and what its map needs."""
        campaign = get_object_or_404(Campaign.objects.select_related("layer", "nomenclature", "holdout"), slug=slug)
        progress = campaign_progress(campaign)
        role = role_in(campaign=campaign, user=self.request.user)  # type: ignore[arg-type]
        return super().get_context_data(
            campaign=campaign,
            progress=progress,
            accepted_percent=100 * progress["accepted"] / max(1, campaign.n_usable),
            classes=[
                {"code": item.code, "colour": item.colour, "name": in_words(item.name)}
                for item in campaign.nomenclature.classes.filter(selectable=True)
            ],
            nomenclature_title=in_words(campaign.nomenclature.title),
            tile_m=campaign.tile_px * campaign.layer.gsd_m,
            has_drawing=campaign.rounds.filter(closed_at__isnull=True).exclude(model_version="").exists(),
            has_change=campaign.change_rounds.filter(closed_at__isnull=True).exists(),
            role=role,
            waiting=waiting_for(cast(User, self.request.user), campaign).count() if role in REVIEWERS else 0,
            open_alarms=TrustAlarm.objects.visible_to(self.request.user).open().filter(campaign=campaign).count(),
            territories=territories_of(campaign)[:MOST_TERRITORIES],
            can_report=settings.REPORTS_WITHOUT_ACCOUNT or self.request.user.is_authenticated,
            boot={
                **map_boot(campaign.layer),
                "campaign": campaign.slug,
                "studio": reverse("studio", args=[slug]),
                "open": campaign.state == Campaign.State.OPEN,
                "maintainer": role == "maintainer",
                "looks": class_looks(campaign),
            },
            **kwargs,
        )


@method_decorator(ensure_csrf_cookie, name="dispatch")  # the page writes through the API
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
                "area": self.request.GET.get("area") or None,
                "tile": int(tile) if tile.isascii() and tile.isdigit() and len(tile) < 15 else None,
                "language": get_language(),
                "user": {"username": user.username, "public_id": contributor_of(user).public_id},
            },
            **kwargs,
        )


class StudioView(WorkspaceView):
    """Where labels are drawn."""

    template_name = "annotation/studio.html"


@method_decorator(ensure_csrf_cookie, name="dispatch")  # the language switch is a form of the front end's
class PracticeView(TemplateView):
    """The studio on sample pictures, for anyone: nothing is sent or kept."""

    template_name = "annotation/practice.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Boot data, as JSON in the page."""
        boot = {"language": get_language(), "campaign": None, "practice": True}
        return super().get_context_data(boot=boot, **kwargs)


class ValidateView(WorkspaceView):
    """Where a model's drawing is judged, polygon by polygon."""

    template_name = "annotation/validate.html"


class ReviewView(WorkspaceView):
    """Where submissions are judged."""

    template_name = "annotation/review.html"

    def get_context_data(self, *, slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """For reviewers only; to anyone else the page does not exist."""
        if not Campaign.objects.reviewed_by(self.request.user).filter(slug=slug).exists():
            raise Http404
        context = super().get_context_data(slug=slug, **kwargs)
        asked = self.request.GET.get("annotation", "")
        context["boot"]["annotation"] = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 15 else None
        return context


class CorrectView(ReviewView):
    """Where a reviewer corrects a submission."""

    template_name = "annotation/correct.html"

    def get_context_data(self, *, slug: str = "", annotation_id: int = 0, **kwargs: Any) -> dict[str, Any]:
        """For a submission of this campaign that one may judge; to anyone else the page does not exist."""
        wanted = Annotation.objects.to_review_by(self.request.user).filter(pk=annotation_id, tile__campaign__slug=slug)
        if not wanted.exists():
            raise Http404
        context = super().get_context_data(slug=slug, **kwargs)
        context["boot"]["annotation"] = annotation_id
        return context


class MyWorkView(LoginRequiredMixin, TemplateView):
    """What became of my labels."""

    template_name = "annotation/my_work.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """One's own annotations with their latest verdict, newest first."""
        user = cast(User, self.request.user)
        mine = (
            Annotation.objects.of(user)
            .exclude(state=Annotation.State.SPLIT, head__isnull=True)
            .select_related("tile__campaign__layer")
            .prefetch_related("reviews")
            .order_by("-created_at", "-pk")
        )
        page = Paginator(mine, 30).get_page(self.request.GET.get("page"))
        weeks = own_weeks(user) if page.number == 1 else []
        return super().get_context_data(
            page=page,
            weeks=weeks if any(week.handed_in or week.accepted or week.sent_back for week in weeks) else [],
            outcomes=outcome_rows(user) if page.number == 1 else [],
            most_verdicts=MOST_VERDICTS,
            items=[(item, pictures.thumbnail_of(item.tile)) for item in page],
            counts=mine.order_by().aggregate(
                accepted=Count("pk", filter=Q(state="accepted")),
                waiting=Count("pk", filter=Q(state="submitted")),
                sent_back=Count("pk", filter=Q(state="sent_back")),
                set_aside=Count("pk", filter=Q(state="reverted")),
            ),
            judged=judged_count(user),
            standings=standings_of(user),
            reliability=[
                (campaign, figures, class_rows(campaign, figures.classes))
                for campaign, figures in own_reliability(user=user)
            ],
            asked=PlaceReport.objects.waiting().filter(assigned_to=user).select_related("campaign", "tile"),
            has_desk=Territory.objects.stewarded_by(user).exists(),
            contributor=contributor_of(user),
            **kwargs,
        )


@require_POST
@login_required
def accept_licence(request: HttpRequest) -> HttpResponse:
    """Agree to the licence under which contributions are published."""
    accept_contribution_licence(user=cast(User, request.user))
    return redirect("my-work")
