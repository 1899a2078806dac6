"""Pages of pairs of vintages: all of them, and one with both dates, the shift, and where the maps disagree."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.generic import ListView, TemplateView

from annotation.errors import UserError
from annotation.models import VintagePair
from annotation.page_errors import refusal_in_words
from annotation.services.pairs import pair_maintained_by, require_comparable, shift_of, start_measuring
from annotation.views import class_looks, map_boot
from learning.difference_words import days_said, shift_shown
from learning.pair_plot import plot_of
from learning.pair_shown import (
    comparison_file,
    failures_of,
    jobs_of,
    layers_of_pair,
    links_of,
    maps_or_none,
    pair_document,
    shift_state,
)
from learning.services.map_comparison import start_comparison
from learning.services.map_pairs import MapsOfPair
from learning.territory_shown import counted, percent
from learning.views import download

PER_PAGE = 60
CLASSES_SHOWN = 12
STATES = {
    "measured": gettext_lazy("measured"),
    "nothing": gettext_lazy("cannot be measured: no window shows enough in common"),
    "stale": gettext_lazy("out of date: an image was replaced since, and it is measured again"),
    "never": gettext_lazy("not measured yet"),
}
REFUSED = {
    "job_already_running": gettext_lazy("This is under way already: wait for it to end."),
    "no_prediction": gettext_lazy("Not both vintages have a published map: publish a model where there is none."),
    "no_public_map": gettext_lazy("One of the two maps has no public copy yet: wait for it to be made."),
}


class PairListView(ListView):
    """All pairs, the newest later vintage first."""

    template_name = "learning/pairs.html"
    paginate_by = PER_PAGE

    def get_queryset(self) -> QuerySet[VintagePair]:
        """With both layers."""
        return listed_pairs()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Each with what is known of its shift."""
        context = super().get_context_data(**kwargs)
        context["rows"] = [pair_line(pair) for pair in context["page_obj"]]
        return context


def listed_pairs() -> QuerySet[VintagePair]:
    """All pairs with both layers, the newest later vintage first."""
    return VintagePair.objects.select_related("first", "second").order_by("-second__vintage", "-first__vintage", "pk")


def pair_line(pair: VintagePair) -> dict[str, Any]:
    """A pair in a list."""
    return {"pair": pair, "shift": shift_shown(shift_of(pair)), "state": STATES[shift_state(pair)]}


class PairView(TemplateView):
    """One pair; who maintains a campaign over one of its layers may have it measured and compared again."""

    template_name = "learning/pair.html"

    def get_context_data(self, *, pair_id: int = 0, **kwargs: Any) -> dict[str, Any]:
        """Both layers, and all that is known of them together."""
        pair = pair_or_404(pair_id)
        maps, document = maps_or_none(pair), pair_document(pair)
        looks = class_looks(maps.second.model.campaign) if maps else {}
        maintains = pair_maintained_by(pair, self.request.user)
        jobs = jobs_of(pair)
        return super().get_context_data(
            pair=pair,
            document=document,
            shift=shift_shown(document["shift"]) if document["shift"]["distance_m"] is not None else None,
            state=STATES[document["shift"]["state"]],
            plot=plot_of_pair(pair, document),
            sides=[side_of(document[side]) for side in ("first", "second")],
            differences=[one["says"] for one in document["differences"]],
            table=table_of(document["disagreement"], looks),
            links=links_of(pair, self.request.user),
            holds_back=maps is not None and "open" in {one.model.campaign.state for one in (maps.first, maps.second)},
            classes=[{"code": code, **look} for code, look in looks.items()],
            maintains=maintains,
            can_compare=maintains and document["disagreement"]["state"] in ("counted", "not_counted"),
            jobs=jobs,
            failures=failures_of(pair) if maintains else {},
            boot=boot_of(pair, maps, looks, jobs if maintains else {}),
            **kwargs,
        )

    def post(self, request: HttpRequest, *, pair_id: int) -> HttpResponse:
        """Measure the shift, or compare the maps, by a job."""
        pair = pair_or_404(pair_id)
        if not pair_maintained_by(pair, request.user):
            raise Http404
        try:
            if "measure" in request.POST:
                start_measuring(pair=pair, actor=request.user)  # type: ignore[arg-type]
                messages.success(request, _("The shift is being measured. You may leave this page."))
            elif "compare" in request.POST:
                start_comparison(pair=pair, actor=request.user)  # type: ignore[arg-type]
                messages.success(request, _("The two maps are being compared. You may leave this page."))
        except UserError as error:
            messages.error(request, refusal_in_words(error, REFUSED))
        return redirect("pair", pair_id=pair.pk)


def pair_or_404(pair_id: int) -> VintagePair:
    """A pair with both layers."""
    return get_object_or_404(VintagePair.objects.select_related("first", "second"), pk=pair_id)


def plot_of_pair(pair: VintagePair, document: dict[str, Any]) -> dict[str, Any] | None:
    """The drawings of its shift; None where there is none, or where the windows' places were not kept."""
    if not document["shift"]["places"]:
        return None
    return plot_of(document["shift"], require_comparable(pair.first, pair.second).bounds_crs)


def side_of(told: dict[str, Any]) -> dict[str, Any]:
    """A layer in words: its days, and how much of it shows nothing."""
    first, last, nodata = told["first_day"], told["last_day"], told["nodata"]
    days = days_said(f"{first.isoformat()}/{last.isoformat()}") if first and last else ""
    return {**told, "days": days, "nodata_percent": "" if nodata is None else percent(nodata)}


def table_of(found: dict[str, Any], looks: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Where the maps disagree, as the page's table: areas as texts in ha, the largest first."""
    if found["state"] != "counted":
        return {"state": found["state"], "rows": []}
    compared = found["compared_ha"]

    def named(code: str) -> dict[str, str]:
        return {"code": code, **looks.get(code, {"name": code, "colour": "#888888"})}

    rows = [
        {
            "first": named(row["first_code"]), "second": named(row["second_code"]), "ha": counted(row["ha"]),
            "px": row["px"], "percent": percent(row["ha"] / compared),
        }
        for row in found["classes"]
    ]  # fmt: skip
    differing, doubted = found["differing_ha"], found["doubted_ha"]
    return {
        "state": "counted",
        "rows": rows[:CLASSES_SHOWN],
        "more": max(0, len(rows) - CLASSES_SHOWN),
        "compared": counted(compared),
        "differing": counted(differing),
        "differing_percent": percent(differing / compared) if compared else "",
        "doubted_percent": percent(doubted / differing) if differing else "",
        "made_at": found["made_at"],
        "file": found["file"],
    }


def boot_of(
    pair: VintagePair, maps: MapsOfPair | None, looks: dict[str, dict[str, str]], jobs: dict[str, Any]
) -> dict[str, Any]:
    """What the page's map shows, and which jobs it follows."""
    return {
        **map_boot(pair.second),
        "language": (get_language() or "en")[:2],
        "looks": looks,
        "offer": layers_of_pair(pair, maps),
        "jobs": {what: str(job.pk) for what, job in jobs.items() if job is not None},
    }


@require_safe
def disagreement_file(request: HttpRequest, pair_id: int) -> HttpResponseBase:
    """Where the maps of a pair disagree, as a COG: of what people may see of both."""
    pair = pair_or_404(pair_id)
    made = comparison_file(pair)
    if made is None:
        told = f"The maps of pair {pair_id} are not compared yet: see the page of the pair."
        return HttpResponse(told, status=404, content_type="text/plain")
    name = f"disagreement-{pair.first.slug}-{pair.second.slug}.tif"
    return download(request, made.path, sha256=made.sha256, size=made.size_bytes, name=name, cache="public, no-cache")
