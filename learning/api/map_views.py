"""What a campaign's public map can show."""

from __future__ import annotations

from typing import get_args

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api import scopes
from annotation.api.views import ERRORS, campaign_or_404
from learning.map_layers import map_layers
from learning.services.map_differences import Code


class _MapTilesSerializer(serializers.Serializer[object]):
    """Map tiles of the web grid; further in, the browser enlarges those of the last zoom."""

    url = serializers.CharField(help_text="with {z}, {x}, {y}")
    max_zoom = serializers.IntegerField()


class MapImagerySerializer(_MapTilesSerializer):
    """An imagery layer's true colours."""

    layer = serializers.CharField()
    title = serializers.CharField()
    vintage = serializers.IntegerField()
    attribution = serializers.CharField()
    bounds = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()), help_text="[[south, west], [north, east]], degrees"
    )
    outline = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()),
        help_text="where it lies: [latitude, longitude] each",
    )


class ModelMapSerializer(_MapTilesSerializer):
    """A model's classes, or its doubt."""

    kind = serializers.ChoiceField(choices=["class", "entropy"])
    layer = serializers.CharField()
    vintage = serializers.IntegerField()
    model = serializers.CharField()


class DifferenceSerializer(serializers.Serializer[object]):
    """What two maps do not share beside the ground; `first` is of the earlier imagery, "" is unknown."""

    code = serializers.ChoiceField(choices=list(get_args(Code)))
    first = serializers.CharField(allow_blank=True)
    second = serializers.CharField(allow_blank=True)
    says = serializers.CharField(help_text="in the language of the request")


class ChangeSerializer(_MapTilesSerializer):
    """Where the map has another class than another vintage's: in the colour of what it has now."""

    to = serializers.IntegerField()
    differences = DifferenceSerializer(many=True)

    def get_fields(self) -> dict[str, serializers.Field]:
        """`from` is a word of Python's."""
        return {**super().get_fields(), "from": serializers.IntegerField()}


class DisagreementSerializer(_MapTilesSerializer):
    """Where two vintages' maps name another class: by whether both are sure of it."""

    to = serializers.IntegerField()
    page = serializers.CharField(allow_null=True, help_text="of the pair of vintages, where they are paired")

    def get_fields(self) -> dict[str, serializers.Field]:
        """`from` is a word of Python's."""
        return {**super().get_fields(), "from": serializers.IntegerField()}


class PolygonTilesSerializer(_MapTilesSerializer):
    """Vector tiles of a map's polygons, which share their edges: all of them at `max_zoom`."""

    polygons = serializers.IntegerField(help_text="polygons of the whole map")


class ReviewedLabelsSerializer(_MapTilesSerializer):
    """Vector tiles of reviewed labels: polygons from `first_polygon_zoom` on, before it cells of the main class."""

    first_polygon_zoom = serializers.IntegerField()
    tiles = serializers.IntegerField(help_text="labelled tiles that are shown")
    compared_tiles = serializers.IntegerField(help_text="those of them that several people labelled")


class MapSerializer(serializers.Serializer[object]):
    """The layers of a campaign's public map, this campaign's imagery first."""

    imagery = MapImagerySerializer(many=True)
    maps = ModelMapSerializer(many=True)
    change = ChangeSerializer(allow_null=True)
    disagreement = DisagreementSerializer(allow_null=True)
    polygons = PolygonTilesSerializer(allow_null=True)
    labels = ReviewedLabelsSerializer()


class MapView(APIView):
    """The layers of a campaign's public map."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC

    @extend_schema(responses={200: MapSerializer, 404: ERRORS[404]})
    def get(self, request: Request, slug: str) -> Response:
        """Imagery, maps, changes, polygons and reviewed labels, with the addresses of their map tiles.

        While the campaign is open the control tiles are left out of all but the imagery.
        """
        return Response(MapSerializer(map_layers(campaign_or_404(slug))).data)
