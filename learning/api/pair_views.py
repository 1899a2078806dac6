"""Pairs of vintages: how far they lie apart, what their maps do not share, and where these disagree."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, serializers
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api import scopes
from annotation.api.serializers import ErrorSerializer, JobSerializer
from annotation.api.views import ERRORS
from annotation.errors import NotThere
from annotation.models import VintagePair
from annotation.services.pairs import pair_maintained_by, start_measuring
from learning.api.map_views import DifferenceSerializer
from learning.pair_pages import pair_or_404
from learning.pair_shown import pair_document


class PairLayerSerializer(serializers.Serializer[Any]):
    """One of the two layers."""

    layer = serializers.CharField()
    title = serializers.CharField()
    vintage = serializers.IntegerField()
    gsd_m = serializers.FloatField()
    attribution = serializers.CharField()
    first_day = serializers.DateField(allow_null=True, help_text="on which it was photographed; null: unknown")
    last_day = serializers.DateField(allow_null=True)
    nodata = serializers.FloatField(allow_null=True, help_text="share of its pixels that show nothing, 0 to 1")


class PairWindowSerializer(serializers.Serializer[Any]):
    """A window that was compared: its middle in the layers' CRS, and its own shift."""

    x = serializers.FloatField()
    y = serializers.FloatField()
    east_m = serializers.FloatField()
    south_m = serializers.FloatField()


class MeasuredPairSerializer(serializers.Serializer[Any]):
    """How far the second layer lies from the first, in metres; null unless `state` is measured."""

    state = serializers.ChoiceField(choices=["measured", "nothing", "stale", "never"])
    east_m = serializers.FloatField(allow_null=True)
    south_m = serializers.FloatField(allow_null=True)
    distance_m = serializers.FloatField(allow_null=True)
    spread_m = serializers.FloatField(allow_null=True, help_text="within which 95 % of the windows lie of it")
    limit_m = serializers.FloatField(help_text="a pixel of the coarser layer: beyond, edges look like change")
    is_large = serializers.BooleanField(allow_null=True, help_text="whether it is beyond that")
    windows = serializers.IntegerField(help_text="that could be measured")
    looked_at = serializers.IntegerField()
    measured_at = serializers.DateTimeField(allow_null=True)
    places = PairWindowSerializer(many=True)


class DisagreeingClassesSerializer(serializers.Serializer[Any]):
    """Pixels that the earlier map calls one class and the later map another."""

    first_code = serializers.CharField()
    second_code = serializers.CharField()
    px = serializers.IntegerField()
    ha = serializers.FloatField()


class MapDisagreementSerializer(serializers.Serializer[Any]):
    """Where the two maps name another class: a count of pixels, which holds the errors of both maps, and never an
    estimate of change.
    """

    state = serializers.ChoiceField(choices=["counted", "not_counted", "no_public_copy", "no_maps"])
    compared_ha = serializers.FloatField(allow_null=True)
    differing_ha = serializers.FloatField(allow_null=True)
    doubted_ha = serializers.FloatField(allow_null=True, help_text="of it, where one of the maps is not sure")
    classes = DisagreeingClassesSerializer(many=True)
    made_at = serializers.DateTimeField(allow_null=True)
    file = serializers.CharField(allow_null=True, help_text="address of the COG")


class PairSerializer(serializers.Serializer[Any]):
    """A pair of vintages."""

    id = serializers.IntegerField()
    first = PairLayerSerializer()
    second = PairLayerSerializer()
    shift = MeasuredPairSerializer()
    differences = DifferenceSerializer(many=True)
    disagreement = MapDisagreementSerializer()
    page = serializers.CharField()


class PairLineSerializer(serializers.ModelSerializer[VintagePair]):
    """A pair in the list."""

    first: serializers.CharField = serializers.CharField(source="first.slug", read_only=True)
    second: serializers.CharField = serializers.CharField(source="second.slug", read_only=True)

    class Meta:
        model = VintagePair
        fields = ["id", "first", "second", "measured_at"]


class PairsView(generics.ListAPIView[VintagePair]):
    """The pairs of vintages."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC
    serializer_class = PairLineSerializer
    queryset = VintagePair.objects.select_related("first", "second")

    class Pages(CursorPagination):
        ordering = ("pk",)
        page_size = 100

    pagination_class = Pages


class PairView(APIView):
    """A pair of vintages."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC

    @extend_schema(responses={200: PairSerializer, 404: ERRORS[404]})
    def get(self, request: Request, pair_id: int) -> Response:
        """All that is known of a pair. A shift that is of other pixels than the layers' own is not given."""
        return Response(PairSerializer(pair_document(pair_or_404(pair_id))).data)


class MeasurePairView(APIView):
    """Measuring a pair's shift."""

    token_scopes = {"POST": "publish"}

    @extend_schema(
        request=None,
        responses={
            202: JobSerializer,
            404: ERRORS[404],
            409: OpenApiResponse(ErrorSerializer, "It is being measured already"),
        },
    )
    def post(self, request: Request, pair_id: int) -> Response:
        """Measure it anew, by a job: for who maintains a campaign over one of the layers."""
        pair = pair_or_404(pair_id)
        if not pair_maintained_by(pair, request.user):
            raise NotThere(f"There is no pair {pair_id} that you may have measured.")
        job = start_measuring(pair=pair, actor=request.user)  # type: ignore[arg-type]
        return Response(JobSerializer(job).data, status=202)
