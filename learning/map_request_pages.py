"""The page on which maintainers ask a model for maps beside its own, and take them away; and the files themselves."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from annotation.errors import UserError
from annotation.models import Campaign, Job, Territory
from annotation.page_errors import refusal_in_words
from annotation.views import class_looks, map_boot
from learning.map_layers import imagery, maps_of
from learning.model_figures import named_classes
from learning.model_pages import model_or_404, polygons_of
from learning.models import Prediction, TrainedModel
from learning.polygon_views import offered_polygon_tiles
from learning.services import map_requests
from learning.services.map_requests import NamedArea
from learning.trust_pages import MaintainedView
from learning.views import download

TERRITORIES_LISTED = 2000
WHOLE_LAYER = "all"
REFUSED = {
    "unusable_area": gettext_lazy("The imagery does not cover this territory: choose another one."),
    "unusable_outline": gettext_lazy(
        "The outline of this territory is too fine, or meets itself on the imagery’s grid: import a simpler one."
    ),
    "map_already_there": gettext_lazy("This map is there already: see the list on this page, or the model’s page."),
    "not_judged_yet": gettext_lazy(
        "The model is being judged, which may change how sure it is: ask once that is done."
    ),
    "job_already_running": gettext_lazy("This map is being made already: wait for it to end."),
}


class MapRequestsView(MaintainedView):
    """What a map would take, told before it is made; those that were made, one of them shown."""

    template_name = "learning/map_requests.html"

    def get_context_data(self, *, slug: str = "", model_version: str = "", **kwargs: Any) -> dict[str, Any]:
        """The requests of one model; `territory` and `probabilities` in the address are what is asked about."""
        campaign = Campaign.objects.select_related("layer", "nomenclature").get(pk=self.campaign.pk)
        model = model_or_404(campaign, model_version)
        rows = [request_row(made, job) for made, job in map_requests.requested_maps(model)]
        shown = shown_of(rows, self.request.GET.get("map", ""))
        active = next((row["job"] for row in rows if row["under_way"]), None)
        listed = list(map_requests.territories_on(campaign.layer)[: TERRITORIES_LISTED + 1])
        asked = self.request.GET.get("territory", "")
        return super().get_context_data(
            campaign=campaign,
            model=model,
            rows=rows,
            shown=shown,
            active=active,
            territories=listed[:TERRITORIES_LISTED],
            more_territories=len(listed) > TERRITORIES_LISTED,
            asked=asked,
            asked_probabilities=bool(self.request.GET.get("probabilities")),
            **self.told(model, asked),
            classes=list(named_classes(campaign).values()),
            boot={
                **map_boot(campaign.layer),
                "language": (get_language() or "en")[:2],
                "job": str(active.pk) if active else None,
                "looks": class_looks(campaign),
                "map": None if shown is None else offered(shown),
            },
            **kwargs,
        )

    def told(self, model: TrainedModel, asked: str) -> dict[str, Any]:
        """What the map that is asked about takes, or why it cannot be made."""
        if not asked:
            return {}
        area = area_asked(asked)
        try:
            size = map_requests.map_size(model, area)
        except UserError as error:
            return {"refusal": refusal_in_words(error, REFUSED)}
        return {"area": area, "size": size, "km2": size.area_m2 / 1e6, "gb": size.probability_bytes / 1e9}

    def post(self, request: HttpRequest, *, slug: str, model_version: str) -> HttpResponse:
        """Queue what the form says."""
        model = model_or_404(self.campaign, model_version)
        area = area_asked(request.POST.get("territory", ""))
        try:
            map_requests.start_map_request(
                model=model, area=area, probabilities=bool(request.POST.get("probabilities")), actor=self.person
            )
        except UserError as error:
            messages.error(request, refusal_in_words(error, REFUSED))
        else:
            messages.success(request, _("The map is being made."))
        return redirect("map-requests", slug=slug, model_version=model_version)


def area_asked(value: str) -> NamedArea | None:
    """The territory that a form names; None for the whole layer. Raises: Http404."""
    if value == WHOLE_LAYER:
        return None
    number = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0
    territory = Territory.objects.filter(pk=number).first()
    if territory is None:
        raise Http404
    return map_requests.area_of_territory(territory)


def request_row(made: Prediction, job: Job | None) -> dict[str, Any]:
    """A map that was asked for, as the list shows it."""
    ready = made.state == Prediction.State.READY
    return {
        "made": made,
        "ready": ready,
        "job": job,
        "under_way": not ready and job is not None and job.state in map_requests.UNDER_WAY,
        "error": job.error if job is not None and not ready else "",
        "files": [
            {"name": name, "mb": made.path(name).stat().st_size / 1e6}
            for name in map_requests.FILES
            if name in made.files and made.path(name).exists()
        ],
        **(polygons_of(made) if ready else {}),
    }


def shown_of(rows: list[dict[str, Any]], wanted: str) -> Prediction | None:
    """The map that is looked at: the one that the address names, else the newest."""
    ready = [row["made"] for row in rows if row["ready"]]
    return next((made for made in ready if str(made.pk) == wanted), ready[0] if ready else None)


def offered(made: Prediction) -> dict[str, Any]:
    """What the page's map can show: this map alone, over its imagery."""
    return {
        "imagery": [imagery(made.layer)],
        "maps": maps_of(made),
        "change": None,
        "polygons": offered_polygon_tiles(made),
        "labels": None,
    }


@require_safe
def requested_map_file(request: HttpRequest, prediction_id: int, file: str) -> HttpResponseBase:
    """One raster of a map made on request, whole or one range; with the control tiles, for maintainers alone."""
    made = Prediction.objects.requested().filter(
        pk=prediction_id,
        state=Prediction.State.READY,
        model__campaign__in=Campaign.objects.maintained_by(request.user),
    )
    found = made.select_related("model__campaign").defer("area").first()
    if found is None or file not in map_requests.FILES or file not in found.files:
        told = f"There is no file {file} of a map {prediction_id} made on request."
        return HttpResponse(told, status=404, content_type="text/plain")
    return download(
        request, found.path(file), sha256=found.files[file], size=found.path(file).stat().st_size,
        name=f"{found.folder}-{file}", cache="private, no-cache",
    )  # fmt: skip
