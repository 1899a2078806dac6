"""The API of areas with their error, and of the samples that they come of (docs/adr/0053)."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api import scopes
from annotation.api.views import ERRORS, campaign_or_404
from annotation.models import Territory
from learning.errors import NoSuchPlace
from learning.models import ReferenceSample
from learning.release.sample_places import places_bytes, places_table
from learning.services.predictions import shown_prediction
from learning.services.statistics_export import sample_places, statistics_document

PARQUET = "application/vnd.apache.parquet"


class EstimateSerializer(serializers.Serializer[Any]):
    """A share from 0 to 1, and the half-width of its 95 % interval."""

    value = serializers.FloatField()
    half_width = serializers.FloatField()


class ClassAreaSerializer(serializers.Serializer[Any]):
    """A class: as the map counts it, and as it is estimated; null where it is not assessed."""

    code = serializers.CharField()
    mapped_ha = serializers.FloatField(allow_null=True)
    estimate_ha = serializers.FloatField(allow_null=True)
    half_width_ha = serializers.FloatField(allow_null=True)
    lower_ha = serializers.FloatField(allow_null=True)
    upper_ha = serializers.FloatField(allow_null=True)
    few = serializers.BooleanField()
    user = EstimateSerializer(allow_null=True)
    producer = EstimateSerializer(allow_null=True)
    places = serializers.IntegerField()


class AreasSerializer(serializers.Serializer[Any]):
    """Figures of a map's areas with what they rest on: counts n, shares p, weights, formulas and the sample."""

    status = serializers.ChoiceField([("assessed", "assessed"), ("not assessed", "not assessed")])
    reason = serializers.CharField(allow_blank=True)
    estimator = serializers.CharField(allow_blank=True)
    model = serializers.CharField(allow_blank=True)
    vintage = serializers.IntegerField(allow_null=True)
    confidence = serializers.FloatField()
    classes = ClassAreaSerializer(many=True)
    overall = EstimateSerializer(allow_null=True)
    codes = serializers.ListField(child=serializers.CharField())
    n = serializers.ListField(child=serializers.ListField(child=serializers.IntegerField()))
    p = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))
    weights = serializers.ListField(child=serializers.FloatField())
    places = serializers.IntegerField()
    left_out = serializers.IntegerField()
    ground_ha = serializers.FloatField(allow_null=True)
    unassessed_ha = serializers.FloatField()
    independent_of_training = serializers.BooleanField(allow_null=True)
    places_on_training_tiles = serializers.IntegerField(allow_null=True)
    formulas = serializers.DictField(child=serializers.CharField(), required=False)
    sample = serializers.DictField(required=False)
    holdout = serializers.DictField(required=False)


class AreasView(APIView):
    """Areas on the map that a campaign shows."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC

    @extend_schema(
        parameters=[
            OpenApiParameter("kind", str, description="of a territory: commune, epci or departement; with `code`"),
            OpenApiParameter("code", str, description="of a territory, as the boundaries that were imported have it"),
        ],
        responses={200: AreasSerializer, 404: ERRORS[404]},
    )
    def get(self, request: Request, slug: str) -> Response:
        """Estimates with their intervals in all of it, or within a territory; "not assessed" and why where there is no
        probability sample.
        """
        shown = shown_prediction(campaign_or_404(slug))
        kind, code = request.query_params.get("kind", ""), request.query_params.get("code", "")
        territory = None
        if kind or code:
            territory = Territory.objects.filter(kind=kind, code=code).first()
            if territory is None:
                raise NoSuchPlace(f"There is no territory {kind!r} {code!r}.")
        return Response(statistics_document(shown, territory=territory))


class SamplePlacesView(APIView):
    """The places of a sample of areas, once it is closed."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC

    @extend_schema(
        responses={(200, PARQUET): OpenApiResponse(OpenApiTypes.BINARY), 404: ERRORS[404]},
    )
    def get(self, request: Request, sample_id: int) -> HttpResponse:
        """As GeoParquet: each place's stratum, inclusion probability, and class on the map and as people saw it."""
        sample = (
            ReferenceSample.objects.filter(pk=sample_id, kind=ReferenceSample.Kind.AREA)
            .select_related("campaign__layer", "second_map")
            .first()
        )
        if sample is None:
            raise NoSuchPlace(f"There is no sample {sample_id} of areas.")
        layer = sample.campaign.layer
        table = places_table(
            sample_places(sample, sample.second_map), unit_px=sample.unit_px, crs=layer.crs, transform=layer.transform
        )
        name = f"{sample.campaign.slug}-sample-{sample.pk}.parquet"
        return HttpResponse(
            places_bytes(table),
            content_type=PARQUET,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
