"""The API of samples: people say what they see at drawn places, from the images alone (docs/adr/0054)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from annotation.api import scopes
from annotation.api.serializers import ErrorSerializer, LayerSerializer
from annotation.api.views import ERRORS, person
from annotation.models import Campaign
from learning.errors import NoSuchPlace
from learning.models import ReferenceSample, SampleAnswer
from learning.services.sample_windows import layers_of, window_on
from learning.services.samples import (
    LISTED,
    LONGEST_LOOK_S,
    Resolved,
    Seen,
    answer_unit,
    disputed_for,
    open_for,
    resolve,
    sample_for,
)

MOST_LEFT_OUT = 10_000


class SampleSerializer(serializers.Serializer[Any]):
    """A sample, and how much of it waits for the caller."""

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(ReferenceSample.Kind.choices)
    campaign = serializers.CharField()
    layers = LayerSerializer(many=True)
    units = serializers.IntegerField()
    left = serializers.IntegerField()
    closed = serializers.BooleanField()
    disputed = serializers.IntegerField()
    may_settle = serializers.BooleanField()


class WindowSerializer(serializers.Serializer[Any]):
    """Where a place lies on a layer, in its pixels, and when the ground was photographed there."""

    origin_px = serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
    side_px = serializers.IntegerField()
    acquired_on = serializers.DateField(allow_null=True)


class SeenSerializer(serializers.Serializer[Any]):
    """What somebody saw: a class code a date, in the order of time; null where they could not tell."""

    codes = serializers.ListField(
        child=serializers.CharField(max_length=60, allow_null=True), min_length=1, max_length=2
    )
    sureness = serializers.ChoiceField(SampleAnswer.Sureness.choices)


class SampleAnswerSerializer(SeenSerializer):
    """An answer as it is sent; the same operation id again keeps nothing more."""

    operation_id = serializers.UUIDField()
    seconds = serializers.FloatField(min_value=0, max_value=LONGEST_LOOK_S, default=0.0)


class SampleUnitSerializer(serializers.Serializer[Any]):
    """A place; `answers` of others only where the caller settles them."""

    id = serializers.IntegerField()
    number = serializers.IntegerField()
    windows = WindowSerializer(many=True)
    answers = SeenSerializer(many=True)


class WantedSerializer(serializers.Serializer[Any]):
    """Which places are asked for."""

    without = serializers.ListField(child=serializers.IntegerField(), max_length=MOST_LEFT_OUT, default=list)
    settle = serializers.BooleanField(default=False)
    most = serializers.IntegerField(min_value=1, max_value=LISTED, default=5)


class SampleTaskSerializer(serializers.Serializer[Any]):
    """Places that want an answer of the caller, and how many do in all."""

    units = SampleUnitSerializer(many=True)
    left = serializers.IntegerField()


class KeptAnswerSerializer(serializers.Serializer[Any]):
    """An answer that was kept."""

    unit = serializers.IntegerField()
    answered_at = serializers.DateTimeField()


class SampleView(APIView):
    """A sample."""

    token_scopes = scopes.ANNOTATE

    @extend_schema(responses={200: SampleSerializer, 404: ERRORS[404]})
    def get(self, request: Request, sample_id: int) -> Response:
        """A sample that the caller may answer (reviewers and maintainers of its campaign)."""
        user = person(request)
        sample = sample_for(sample_id=sample_id, user=user)
        places = resolve(sample)
        closed = sample.closed_at is not None
        body = {
            "id": sample.pk,
            "kind": sample.kind,
            "campaign": sample.campaign.slug,
            "layers": layers_of(sample),
            "units": len(places),
            "left": 0 if closed else len(open_for(places, user)),
            "closed": closed,
            "disputed": 0 if closed else len(disputed_for(places, user)),
            "may_settle": Campaign.objects.maintained_by(user).filter(pk=sample.campaign_id).exists(),
        }
        return Response(SampleSerializer(body).data)


class NextUnitsView(APIView):
    """The next places of a sample."""

    token_scopes = scopes.ANNOTATE

    @extend_schema(request=WantedSerializer, responses={200: SampleTaskSerializer, 404: ERRORS[404]})
    def post(self, request: Request, sample_id: int) -> Response:
        """Some places that want an answer of the caller, or with `settle` those whose answers differ."""
        user = person(request)
        sample = sample_for(sample_id=sample_id, user=user)
        wanted = WantedSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        if sample.closed_at is not None:
            return Response(SampleTaskSerializer({"units": [], "left": 0}).data)
        places = resolve(sample)
        settle = wanted.validated_data["settle"] and _may_settle(sample, request)
        by_unit: dict[int, Resolved] = {place.unit.pk: place for place in places}
        units = [place.unit for place in disputed_for(places, user)] if settle else open_for(places, user)
        left_out = set(wanted.validated_data["without"])
        given = [unit for unit in units if unit.pk not in left_out][: wanted.validated_data["most"]]
        body = {
            "units": [
                {
                    "id": unit.pk,
                    "number": unit.number,
                    "windows": [window_on(layer, unit, sample) for layer in layers_of(sample)],
                    "answers": [_seen_body(answer, sample) for answer in by_unit[unit.pk].answers] if settle else [],
                }
                for unit in given
            ],
            "left": len(units),
        }
        return Response(SampleTaskSerializer(body).data)


ANSWERS = {
    201: KeptAnswerSerializer,
    403: OpenApiResponse(ErrorSerializer, "The licence of contributions is not agreed to"),
    404: ERRORS[404],
    409: OpenApiResponse(ErrorSerializer, "The sample or its campaign is closed, or the place is not to be settled"),
    422: OpenApiResponse(ErrorSerializer, "A class is not one of the campaign's"),
    429: OpenApiResponse(ErrorSerializer, "As many answers as one person may send in an hour were sent"),
}


class SampleAnswersView(APIView):
    """What people see at a place."""

    token_scopes = scopes.ANNOTATE
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "save"
    settles = False

    @extend_schema(request=SampleAnswerSerializer, responses=ANSWERS)
    def post(self, request: Request, sample_id: int, unit_id: int) -> Response:
        """Keep what the caller saw there; of several answers of theirs the last counts."""
        user = person(request)
        sample = sample_for(sample_id=sample_id, user=user)
        unit = sample.units.filter(pk=unit_id).first()
        if unit is None or (self.settles and not _may_settle(sample, request)):
            raise NoSuchPlace(f"Sample {sample_id} has no place {unit_id} for you to answer.")
        given = SampleAnswerSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        kept = answer_unit(
            unit=unit,
            person=user,
            operation_id=values["operation_id"],
            seen=_seen(values, sample),
            settles=self.settles,
        )
        return Response(KeptAnswerSerializer({"unit": unit.pk, "answered_at": kept.answered_at}).data, status=201)


class SettledView(SampleAnswersView):
    """What counts where answers differ."""

    settles = True

    @extend_schema(request=SampleAnswerSerializer, responses=ANSWERS)
    def post(self, request: Request, sample_id: int, unit_id: int) -> Response:
        """Settle a place whose answers differ (maintainers who gave none of them)."""
        return super().post(request, sample_id, unit_id)


def _may_settle(sample: ReferenceSample, request: Request) -> bool:
    return Campaign.objects.maintained_by(person(request)).filter(pk=sample.campaign_id).exists()


def _seen(values: dict[str, Any], sample: ReferenceSample) -> Seen:
    codes: list[str | None] = values["codes"]
    dates = 2 if sample.kind == ReferenceSample.Kind.CHANGE else 1
    if len(codes) != dates:
        raise serializers.ValidationError({"codes": f"{len(codes)} classes: this sample asks for {dates}."})
    told = [code for code in codes if code is not None]
    both = None if len(told) < dates else (told[0] if dates == 2 else "", told[-1])
    return Seen(both, values["sureness"], values["seconds"])


def _seen_body(answer: SampleAnswer, sample: ReferenceSample) -> dict[str, Any]:
    codes = (
        [answer.second_code] if sample.kind == ReferenceSample.Kind.AREA else [answer.first_code, answer.second_code]
    )
    return {"codes": [code or None for code in codes], "sureness": answer.sureness}
