"""The API of the fast lane: people judge what a model drew, one polygon at a time (docs/adr/0018)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from annotation.api import presenters, scopes
from annotation.api.serializers import ClaimSerializer, ErrorSerializer, LeaseSerializer, TileSerializer
from annotation.api.views import ERRORS, campaign_or_404, person, tile_or_404
from annotation.core.tile_geometry import MAX_FEATURES
from annotation.models import Validation
from annotation.services.validations import LONGEST_LOOK_S, Verdict
from learning.services import validations


class GivenVerdictSerializer(serializers.Serializer[Any]):
    """What the caller has said of a polygon already."""

    verdict = serializers.ChoiceField(Validation.Verdict.choices)
    class_code = serializers.CharField(allow_null=True)


class ToJudgeItemSerializer(serializers.Serializer[Any]):
    """A polygon of the model's drawing, on the tile's integer grid (1/8 pixel)."""

    feature_id = serializers.CharField()
    class_code = serializers.CharField()
    rings = serializers.ListField(
        child=serializers.ListField(
            child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
        )
    )
    confidence = serializers.FloatField(min_value=0, max_value=1)
    verdict = GivenVerdictSerializer(allow_null=True)


class ToJudgeSerializer(serializers.Serializer[Any]):
    """A tile whose drawing is to be judged; its lease is kept and released as any other."""

    lease = LeaseSerializer()
    tile = TileSerializer()
    model_version = serializers.CharField()
    model_judged = serializers.BooleanField()
    items = ToJudgeItemSerializer(many=True)  # type: ignore[assignment]


class VerdictSerializer(serializers.Serializer[Any]):
    """A verdict on one polygon; `class_code` is the right class, for "other" alone."""

    feature_id = serializers.RegexField(r"^[A-Za-z0-9_-]{1,40}$")
    verdict = serializers.ChoiceField(Validation.Verdict.choices)
    class_code = serializers.CharField(max_length=60, allow_null=True, allow_blank=True, default=None)
    seconds = serializers.FloatField(min_value=0, max_value=LONGEST_LOOK_S, default=0.0)


class VerdictsSerializer(serializers.Serializer[Any]):
    """Verdicts on polygons of one model's drawing of a tile."""

    operation_id = serializers.UUIDField()
    model_version = serializers.CharField(max_length=120)
    verdicts = serializers.ListField(child=VerdictSerializer(), max_length=MAX_FEATURES)
    done = serializers.BooleanField(default=False)


class RecordedSerializer(serializers.Serializer[Any]):
    """Verdicts stored, and polygons of the tile that the caller has not judged."""

    stored = serializers.IntegerField()
    remaining = serializers.IntegerField()


class NextToJudgeView(APIView):
    """The next drawing to judge."""

    token_scopes = scopes.ANNOTATE

    @extend_schema(
        request=ClaimSerializer,
        responses={
            200: ToJudgeSerializer,
            204: OpenApiResponse(description="Nothing waits for the caller"),
            404: ERRORS[404],
            409: OpenApiResponse(
                ErrorSerializer,
                "The campaign is closed; or nothing can be given now: `no_model_yet`, `left_to_others`, "
                "`nothing_drawn_so_far`",
            ),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Claim the best-ranked tile whose drawing by the model the caller may judge, least certain polygon first."""
        wanted = ClaimSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        campaign = campaign_or_404(slug)
        found = validations.next_to_judge(campaign=campaign, user=person(request), ahead=wanted.validated_data["ahead"])
        if found is None:
            return Response(status=status.HTTP_204_NO_CONTENT)
        body = {
            "lease": presenters.lease_body(found.lease),
            "tile": presenters.tile_body(found.tile, campaign),
            "model_version": found.model_version,
            "model_judged": found.model_judged,
            "items": found.items,
        }
        return Response(ToJudgeSerializer(body).data)


class VerdictsView(APIView):
    """Verdicts on a drawing."""

    token_scopes = scopes.ANNOTATE
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "save"

    @extend_schema(
        request=VerdictsSerializer,
        responses={
            200: RecordedSerializer,
            403: OpenApiResponse(ErrorSerializer, "The licence of contributions is not agreed to"),
            404: ERRORS[404],
            409: OpenApiResponse(ErrorSerializer, "Not given to the caller, or a newer model has drawn the tile"),
            422: OpenApiResponse(
                ErrorSerializer, "Some verdicts are not usable: `details.refused` names each. Nothing is stored"
            ),
            429: OpenApiResponse(ErrorSerializer, "As many verdicts as one person may send in an hour were sent"),
        },
    )
    def post(self, request: Request, tile_id: int) -> Response:
        """Store verdicts, all or none; the same operation id again answers as the first time."""
        tile = tile_or_404(tile_id)
        given = VerdictsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        recorded = validations.judge(
            tile=tile,
            user=person(request),
            operation_id=values["operation_id"],
            model_version=values["model_version"],
            verdicts=[Verdict(**verdict) for verdict in values["verdicts"]],
            done=values["done"],
        )
        return Response(RecordedSerializer(recorded).data)
