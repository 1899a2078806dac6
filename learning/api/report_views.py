"""The API to report a wrong place: it notes what the published map shows there."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import get_language
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from annotation.api import scopes
from annotation.api.report_views import ReportSerializer, report_body
from annotation.api.serializers import ErrorSerializer
from annotation.api.views import ERRORS, campaign_or_404
from annotation.core.places import parse_place
from annotation.services.reports import LONGEST_COMMENT, Contact, report_place
from learning.services.reported import shown_at


class ReportInputSerializer(serializers.Serializer[Any]):
    """A wrong place. The e-mail address is never shown, and is forgotten once nothing more will come of the report."""

    place = serializers.JSONField(help_text="GeoJSON Point, or Polygon of one ring; longitude and latitude")
    class_code = serializers.CharField(max_length=60, allow_blank=True, default="")
    comment = serializers.CharField(max_length=LONGEST_COMMENT, allow_blank=True, default="")
    email = serializers.CharField(max_length=254, allow_blank=True, default="")
    website = serializers.CharField(max_length=500, allow_blank=True, default="", help_text="Leave it empty")
    even_if_reported = serializers.BooleanField(default=False)


class ReportsView(APIView):
    """Report a wrong place."""

    permission_classes = scopes.PUBLIC
    token_scopes = scopes.ANNOTATE

    @extend_schema(
        request=ReportInputSerializer,
        responses={
            201: ReportSerializer,
            403: OpenApiResponse(ErrorSerializer, "This site takes reports from people with an account only"),
            404: ERRORS[404],
            409: OpenApiResponse(
                ErrorSerializer,
                "`same_place_reported`: `details.reports` names them; with `even_if_reported` the report is taken",
            ),
            422: OpenApiResponse(ErrorSerializer, "The place or the class is not usable"),
            429: OpenApiResponse(ErrorSerializer, "As many reports as one sender may make in an hour were made"),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Report a wrong place on a campaign's map; nobody need be signed in, unless this site wants it."""
        campaign = campaign_or_404(slug)
        given = ReportInputSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        place = parse_place(values["place"])
        contact = None
        if values["email"]:
            site = request.build_absolute_uri("/")
            contact = Contact(email=values["email"], language=(get_language() or "en")[:2], site=site)
        report = report_place(
            campaign=campaign,
            place=place,
            reporter=request.user if isinstance(request.user, User) else None,
            address=BaseThrottle().get_ident(request) or "",
            class_code=values["class_code"],
            comment=values["comment"],
            contact=contact,
            shown=shown_at(campaign, place),
            trap=values["website"],
            even_if_reported=values["even_if_reported"],
        )
        return Response(ReportSerializer(report_body(report)).data, status=status.HTTP_201_CREATED)
