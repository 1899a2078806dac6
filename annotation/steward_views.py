"""The steward's desk: what was reported on one's ground, what to do about it, and how much of the ground was seen."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.contrib.gis.geos import Polygon
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView

from annotation.errors import UserError
from annotation.models import Campaign, PlaceReport, Territory
from annotation.page_errors import refusal_in_words
from annotation.report_views import listed, report_context, with_classes
from annotation.services import coverage, report_desk

WORDS = {"reason_required": gettext_lazy("Say why, in a sentence that the person who reported it can read.")}


class DeskView(LoginRequiredMixin, TemplateView):
    """Reports to handle, by state, class and map."""

    template_name = "annotation/steward_desk.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """One's own inbox; to somebody who looks after nothing the page does not exist."""
        user = cast(User, self.request.user)
        territories = list(Territory.objects.stewarded_by(user))
        if not (territories or Campaign.objects.reviewed_by(user).exists()):
            raise Http404
        mine = PlaceReport.objects.handled_by(user)
        asked = {name: self.request.GET.get(name, "")[:60] for name in ("state", "class", "campaign")}
        shown = self.filtered(mine, asked)
        page, items = listed(shown, self.request)
        campaigns = Campaign.objects.filter(pk__in=mine.values("campaign")).select_related("nomenclature")
        counts = dict(mine.order_by().values_list("state").annotate(Count("pk")))
        classes = {code: item for campaign in campaigns for code, item in with_classes(campaign).items()}
        used = mine.exclude(class_code="").order_by().values_list("class_code", flat=True).distinct()
        return super().get_context_data(
            territories=territories,
            covered=self.covered(territories),
            page=page,
            items=items,
            classes=classes,
            class_choices=[classes[code] for code in sorted(used) if code in classes],
            campaigns=campaigns,
            states=[(value, label, counts.get(value, 0)) for value, label in PlaceReport.State.choices],
            asked=asked,
            query="".join(f"{name}={value}&" for name, value in asked.items() if value),
            **kwargs,
        )

    @staticmethod
    def filtered(reports: Any, asked: dict[str, str]) -> Any:
        """The reports asked for; all that wait unless a state is chosen."""
        if asked["state"] in PlaceReport.State.values:
            reports = reports.filter(state=asked["state"])
        elif asked["state"] != "all":
            reports = reports.waiting()
        if asked["class"]:
            reports = reports.filter(class_code=asked["class"])
        if asked["campaign"]:
            reports = reports.filter(campaign__slug=asked["campaign"])
        return reports

    @staticmethod
    def covered(territories: list[Territory]) -> list[tuple[Territory, Campaign]]:
        """Territory and campaign pairs whose coverage can be looked at."""
        campaigns = Campaign.objects.select_related("layer").order_by("slug")
        grounds = [(one, Polygon.from_bbox(one.layer.pixel_grid.bounds_wgs84)) for one in campaigns]
        return [
            (territory, campaign)
            for territory in territories
            for campaign, ground in grounds
            if territory.boundary.intersects(ground)
        ]


class DeskReportView(LoginRequiredMixin, TemplateView):
    """One report with what can be done about it."""

    template_name = "annotation/steward_report.html"

    def get_context_data(self, *, report_id: str = "", **kwargs: Any) -> dict[str, Any]:
        """The report, if it is this person's to handle."""
        report = get_object_or_404(
            PlaceReport.objects.handled_by(cast(User, self.request.user))
            .select_related("campaign__layer", "campaign__nomenclature", "tile__campaign__layer", "assigned_to")
            .select_related("duplicate_of")
            .prefetch_related("events"),
            public_id=report_id,
        )
        near = PlaceReport.objects.waiting().filter(tile=report.tile).exclude(pk=report.pk)
        return super().get_context_data(
            **report_context(report),
            same_tile=near.exclude(duplicate_of=report)[:10],
            waits=report.state in ("new", "assigned", "drawing"),
            answers=[(value, PlaceReport.Answer(value).label) for value in ("not_a_fault", "cannot_tell", "fixed")],
            given=self.request.POST,
            **kwargs,
        )

    def post(self, request: HttpRequest, report_id: str) -> HttpResponse:
        """Do what was chosen; a refusal is shown on the page, with what was typed."""
        try:
            self.act(request, report_id)
        except UserError as error:
            context = self.get_context_data(report_id=report_id, refusal=refusal_in_words(error, WORDS))
            return self.render_to_response(context, status=error.status)
        return HttpResponseRedirect(reverse("steward-report", args=[report_id]))

    @staticmethod
    def act(request: HttpRequest, report_id: str) -> None:
        """The service that the form names."""
        user, given = cast(User, request.user), request.POST
        chosen, words = given.get("do", ""), given.get("words", "")
        if chosen == "queue":
            report_desk.assign_report(report_id=report_id, actor=user)
        elif chosen == "person":
            to = report_desk.person_named(given.get("person", "").strip())
            report_desk.assign_report(report_id=report_id, actor=user, to=to)
        elif chosen == "answer":
            report_desk.answer_report(report_id=report_id, actor=user, answer=given.get("answer", ""), words=words)
        elif chosen == "merge":
            original = given.get("original", "")
            report_desk.answer_report(
                report_id=report_id, actor=user, answer=PlaceReport.Answer.DUPLICATE, words=words, duplicate_of=original
            )
        elif chosen == "again":
            report_desk.take_up_again(report_id=report_id, actor=user, words=words)
        elif chosen == "hide":
            report_desk.hide_words(report_id=report_id, actor=user)
        else:
            raise UserError(f"The form asks for {chosen[:40]!r}, which is nothing one can do: load the page again.")


class CoverageView(LoginRequiredMixin, TemplateView):
    """How much of a territory people looked at, commune by commune."""

    template_name = "annotation/steward_coverage.html"

    def get_context_data(self, *, kind: str = "", code: str = "", slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """For the territory's stewards and the campaign's maintainers."""
        user = cast(User, self.request.user)
        territory = get_object_or_404(Territory, kind=kind, code=code)
        campaign = get_object_or_404(Campaign.objects.select_related("layer", "holdout"), slug=slug)
        if not (
            Territory.objects.stewarded_by(user).filter(pk=territory.pk).exists()
            or Campaign.objects.maintained_by(user).filter(pk=campaign.pk).exists()
        ):
            raise Http404
        seen = coverage.seen_tiles(campaign)
        whole = coverage.coverage_of(campaign, [territory], seen)
        width, height, cells = coverage.small_map(campaign, territory, seen)
        return super().get_context_data(
            territory=territory,
            campaign=campaign,
            whole=whole[0] if whole else None,
            communes=coverage.coverage_of(campaign, coverage.communes_in(territory), seen),
            width=width,
            height=height,
            # Outlines lie above their neighbours.
            cells=[(cell, round(10 * cell.seen)) for cell in sorted(cells, key=lambda cell: cell.reported)],
            **kwargs,
        )
