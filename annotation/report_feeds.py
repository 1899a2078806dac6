"""Atom feeds: what happens to one report, and to those of a territory."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django.contrib.syndication.views import Feed
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import escape
from django.utils.translation import gettext as _

from annotation.models import PlaceReport, ReportEvent, Territory

MOST_EVENTS = 100
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class EventFeed(Feed):
    """Events of reports, newest first; an entry says what happened, never who."""

    feed_type = Atom1Feed

    def item_title(self, item: Any) -> str:
        """What happened."""
        return f"{item.get_kind_display()} ({item.report.campaign.title})"

    def item_description(self, item: Any) -> str:
        """The words given with it. Feeds take a summary for HTML, and XML has no control characters."""
        words = str(item.report.words if item.kind == ReportEvent.Kind.REPORTED else item.words)
        return escape(CONTROLS.sub("", words))

    def item_link(self, item: Any) -> str:
        """The report's page."""
        return reverse("report", args=[item.report.public_id])

    def item_guid(self, item: Any) -> str:
        """The same for as long as the platform stands."""
        return f"{item.report.public_id}/{item.pk}"

    item_guid_is_permalink = False

    def item_pubdate(self, item: Any) -> datetime:
        """When it happened."""
        return item.created_at

    def item_updateddate(self, item: Any) -> datetime:
        """Events never change."""
        return item.created_at


class ReportFeed(EventFeed):
    """What happens to one report."""

    def get_object(self, request: HttpRequest, report_id: str) -> PlaceReport:
        """The report."""
        return get_object_or_404(PlaceReport.objects.select_related("campaign"), public_id=report_id)

    def title(self, obj: PlaceReport) -> str:
        """Which report."""
        return _("Report %(id)s on “%(campaign)s”") % {"id": obj.public_id, "campaign": obj.campaign.title}

    def link(self, obj: PlaceReport) -> str:
        """Its page."""
        return reverse("report", args=[obj.public_id])

    def items(self, obj: PlaceReport) -> QuerySet[ReportEvent]:
        """Its events, and those of the report it repeats."""
        reports = [obj.pk] if obj.duplicate_of_id is None else [obj.pk, obj.duplicate_of_id]
        events = ReportEvent.objects.filter(report__in=reports).select_related("report__campaign")
        return events.order_by("-created_at", "-pk")[:MOST_EVENTS]


class TerritoryFeed(EventFeed):
    """What happens to the reports of a territory."""

    def get_object(self, request: HttpRequest, kind: str, code: str) -> Territory:
        """The territory."""
        return get_object_or_404(Territory, kind=kind, code=code)

    def title(self, obj: Territory) -> str:
        """Which territory."""
        return _("Reports on the map of %(territory)s") % {"territory": obj.name}

    def link(self, obj: Territory) -> str:
        """Its page."""
        return reverse("territory", args=[obj.kind, obj.code])

    def items(self, obj: Territory) -> QuerySet[ReportEvent]:
        """Events of the reports that touch it."""
        there = PlaceReport.objects.filter(place__intersects=obj.boundary).values("pk")
        events = ReportEvent.objects.filter(report__in=there).select_related("report__campaign")
        return events.order_by("-created_at", "-pk")[:MOST_EVENTS]
