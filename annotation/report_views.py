"""Public pages of reports: the list of a campaign, each report with its history, and how to stop its mails."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from django.views.generic import TemplateView

from annotation import pictures
from annotation.models import Campaign, PlaceReport, Territory
from annotation.services.report_mail import stop_mail
from annotation.views import in_words

PER_PAGE = 30


def with_classes(campaign: Campaign) -> dict[str, dict[str, str]]:
    """Name and colour by class code, as pages show them."""
    return {
        item.code: {"code": item.code, "name": in_words(item.name), "colour": item.colour}
        for item in campaign.nomenclature.classes.all()
    }


def thumbnail(report: PlaceReport) -> str:
    """A picture of the imagery around a report."""
    campaign, tile = report.campaign, report.tile
    tile.campaign = campaign
    return pictures.thumbnail_of(tile)


def listed(reports: QuerySet[PlaceReport], request: HttpRequest) -> tuple[Any, list[dict[str, Any]]]:
    """A page of reports, with what a line of the list shows."""
    page = Paginator(reports.select_related("campaign__layer", "tile"), PER_PAGE).get_page(request.GET.get("page"))
    return page, [{"report": report, "picture": thumbnail(report)} for report in page]


class CampaignReportsView(TemplateView):
    """What was reported on a campaign's map, and what became of it."""

    template_name = "annotation/report_list.html"

    def get_context_data(self, *, slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """The reports in the state asked for, newest first, with how many there are in each."""
        campaign = get_object_or_404(Campaign.objects.select_related("nomenclature"), slug=slug)
        reports = PlaceReport.objects.filter(campaign=campaign)
        counts = dict(reports.order_by().values_list("state").annotate(Count("pk")))
        asked = self.request.GET.get("state", "")
        state = asked if asked in PlaceReport.State.values else ""
        page, items = listed(reports.filter(state=state) if state else reports, self.request)
        return super().get_context_data(
            campaign=campaign,
            page=page,
            items=items,
            classes=with_classes(campaign),
            state=state,
            states=[(value, label, counts.get(value, 0)) for value, label in PlaceReport.State.choices],
            total=sum(counts.values()),
            query=f"state={state}&" if state else "",
            **kwargs,
        )


class ReportView(TemplateView):
    """One report, as anyone may follow it."""

    template_name = "annotation/report.html"

    def get_context_data(self, *, report_id: str = "", **kwargs: Any) -> dict[str, Any]:
        """The report with its history; nothing of it says who made it."""
        report = get_object_or_404(
            PlaceReport.objects.select_related("campaign__layer", "campaign__nomenclature", "tile__campaign__layer")
            .select_related("duplicate_of", "ticket")
            .prefetch_related("events"),
            public_id=report_id,
        )
        return super().get_context_data(**report_context(report), **kwargs)


def report_context(report: PlaceReport) -> dict[str, Any]:
    """What the pages of one report show."""
    classes = with_classes(report.campaign)
    return {
        "report": report,
        "view": pictures.reported_view(report),
        "subpixel_scale": pictures.SUBPIXEL_SCALE,
        "proposed": classes.get(report.class_code),
        "shown": classes.get(report.shown_class),
        "territories": Territory.objects.filter(boundary__intersects=report.marker).defer("boundary"),
    }


@csrf_exempt  # the token in the address is the right to stop; mail programs send no cookie (RFC 8058)
@require_http_methods(["GET", "POST"])
def stop_report_mail(request: HttpRequest, report_id: str, token: str) -> HttpResponse:
    """Ask before stopping a report's mails, since programs follow links; then stop them."""
    stopped = request.method == "POST"
    if stopped:
        stop_mail(report_id=report_id, token=str(token))
    return render(request, "annotation/report_stop.html", {"stopped": stopped, "report_id": report_id})
