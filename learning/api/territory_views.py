"""Territories and their figures, as their pages show them."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api import scopes
from annotation.api.views import ERRORS
from annotation.models import Territory
from learning.services.territory_figures import kept_figures
from learning.territory_pages import asked, found_territories


class PublicTerritorySerializer(serializers.Serializer[Any]):
    """A territory, without its boundary."""

    kind = serializers.ChoiceField(choices=Territory.Kind.choices)
    code = serializers.CharField()
    name = serializers.CharField()
    source = serializers.CharField(help_text="of the boundary")  # type: ignore[assignment]
    as_of = serializers.DateField(help_text="of the source")
    has_figures = serializers.BooleanField()


class MapFiguresSerializer(serializers.Serializer[Any]):
    """What one campaign's map says of a territory; areas in hectares, shares from 0 to 1, estimates with both ends of
    their 95 % interval. The parts are those of docs/adr/0057.
    """

    computed_at = serializers.DateTimeField()
    campaign = serializers.DictField()
    nomenclature = serializers.DictField()
    classes = serializers.DictField(help_text="name and colour by code")
    imagery = serializers.DictField()
    map = serializers.DictField(allow_null=True, help_text="the model and the day; null: none is published")
    ground = serializers.DictField()
    review = serializers.DictField(allow_null=True, help_text="tiles that people looked at, and those nobody did")
    area = serializers.DictField(help_text='per class; "status" is "assessed", or "not_assessed" with its "reason"')
    changes = serializers.ListField(child=serializers.DictField(), help_text="one a pair of dates")
    artificialisation = serializers.DictField(help_text='"kind" is "figure", "bracket" (two bounds), or "none"')


class TerritoryFiguresSerializer(serializers.Serializer[Any]):
    """All that is known of a territory, the newest imagery first."""

    territory = PublicTerritorySerializer()
    page = serializers.URLField()
    method = serializers.URLField()
    figures = MapFiguresSerializer(many=True)


class TerritoriesView(generics.ListAPIView):
    """The territories."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC
    serializer_class = PublicTerritorySerializer

    class Pages(CursorPagination):
        ordering = ("kind", "code")
        page_size = 100

    pagination_class = Pages

    @extend_schema(
        parameters=[
            OpenApiParameter("q", OpenApiTypes.STR, description="words of the name, or the beginning of the code"),
            OpenApiParameter("kind", OpenApiTypes.STR, enum=Territory.Kind.values),
        ]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Communes, groups of communes and départements whose boundaries are known, by kind and code."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        """Those that answer to what is asked for."""
        if getattr(self, "swagger_fake_view", False):
            return Territory.objects.none()
        return found_territories(**asked(self.request))


class TerritoryFiguresView(APIView):
    """Figures of a territory."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC

    @extend_schema(responses={200: TerritoryFiguresSerializer, 404: ERRORS[404]})
    def get(self, request: Request, kind: str, code: str) -> Response:
        """The numbers of the territory's page, not rounded: areas, change, artificialised ground, what was reviewed.

        They are counted a few times a day; `computed_at` says when.
        """
        territory = get_object_or_404(Territory.objects.defer("boundary"), kind=kind, code=code)
        rows = kept_figures(territory)
        territory.has_figures = bool(rows)  # type: ignore[attr-defined]
        body = {
            "territory": territory,
            "page": request.build_absolute_uri(reverse("territory", args=[kind, code])),
            "method": request.build_absolute_uri(reverse("method")),
            "figures": [{**row.document, "computed_at": row.computed_at} for row in rows],
        }
        return Response(TerritoryFiguresSerializer(body).data)
