"""The API of reports, to read: anyone may. Making one is in learning.api, which knows what the map shows."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.gis.geos import Polygon
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api import scopes
from annotation.api.tile_map import parse_bbox
from annotation.api.views import ERRORS, campaign_or_404
from annotation.errors import NotThere
from annotation.models import PlaceReport, ReportEvent

MOST_REPORTS = 2000


class ReportEventSerializer(serializers.Serializer[Any]):
    """Something that happened to a report; who did it is said by their role alone."""

    kind = serializers.ChoiceField(ReportEvent.Kind.choices)
    role = serializers.ChoiceField(ReportEvent.Role.choices)
    words = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()


class ReportSerializer(serializers.Serializer[Any]):
    """A report as anyone may read it."""

    id = serializers.CharField()
    page = serializers.CharField(help_text="Address of its public page")
    campaign = serializers.CharField()
    state = serializers.ChoiceField(PlaceReport.State.choices)
    answer = serializers.ChoiceField(PlaceReport.Answer.choices, allow_blank=True)
    duplicate_of = serializers.CharField(allow_null=True)
    place = serializers.JSONField(help_text="GeoJSON Point or Polygon, longitude and latitude")
    class_code = serializers.CharField(allow_blank=True, help_text="Class that the reporter says is there")
    comment = serializers.CharField(allow_blank=True)
    shown_class = serializers.CharField(allow_blank=True, help_text="Class that the published map showed")
    shown_model = serializers.CharField(allow_blank=True)
    release = serializers.CharField(allow_blank=True, help_text="First release that contains the correction")
    created_at = serializers.DateTimeField()
    history = ReportEventSerializer(many=True)


def report_body(report: PlaceReport) -> dict[str, Any]:
    """A report as anyone may read it."""
    return {
        "id": report.public_id,
        "page": reverse("report", args=[report.public_id]),
        "campaign": report.campaign.slug,
        "state": report.state,
        "answer": report.answer,
        "duplicate_of": report.duplicate_of.public_id if report.duplicate_of else None,
        "place": json.loads(report.place.geojson),
        "class_code": report.class_code,
        "comment": report.words,
        "shown_class": report.shown_class,
        "shown_model": report.shown_model,
        "release": report.release,
        "created_at": report.created_at,
        "history": [
            {"kind": event.kind, "role": event.role, "words": event.words, "at": event.created_at}
            for event in report.events.all()
        ],
    }


class ReportView(APIView):
    """A report."""

    permission_classes = scopes.PUBLIC
    token_scopes = scopes.READ

    @extend_schema(operation_id="report_retrieve", responses={200: ReportSerializer, 404: ERRORS[404]})
    def get(self, request: Request, report_id: str) -> Response:
        """A report with its history; nothing of it says who made it."""
        found = (
            PlaceReport.objects.select_related("campaign", "duplicate_of")
            .prefetch_related("events")
            .filter(public_id=report_id)
            .first()
        )
        if found is None:
            raise NotThere(f"There is no report {report_id!r}: see the list of the campaign's reports.")
        return Response(ReportSerializer(report_body(found)).data)


class CampaignReportsView(APIView):
    """Reports on the map."""

    permission_classes = scopes.PUBLIC
    token_scopes = scopes.READ

    @extend_schema(
        parameters=[OpenApiParameter("bbox", OpenApiTypes.STR, description="west,south,east,north in degrees")],
        responses={(200, "application/geo+json"): OpenApiTypes.OBJECT, 404: ERRORS[404]},
    )
    def get(self, request: Request, slug: str) -> HttpResponse:
        """Reports of a campaign as GeoJSON, the newest 2,000 (`truncated`: there are more); duplicates left out."""
        found = PlaceReport.objects.filter(campaign=campaign_or_404(slug), duplicate_of__isnull=True)
        if asked := request.query_params.get("bbox"):
            found = found.filter(place__bboverlaps=Polygon.from_bbox(parse_bbox(asked)))
        reports = list(found[: MOST_REPORTS + 1])
        features = [
            {
                "type": "Feature",
                "id": report.public_id,
                "geometry": json.loads(report.place.geojson),
                "properties": {
                    "id": report.public_id,
                    "page": reverse("report", args=[report.public_id]),
                    "state": report.state,
                    "answer": report.answer,
                    "class_code": report.class_code,
                    "comment": report.words,
                },
            }
            for report in reports[:MOST_REPORTS]
        ]
        body = {"type": "FeatureCollection", "truncated": len(reports) > MOST_REPORTS, "features": features}
        return HttpResponse(
            json.dumps(body), content_type="application/geo+json", headers={"Cache-Control": "no-cache"}
        )
