"""The API of plans of samples: how many places what one wants to know takes (docs/adr/0062)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api import scopes
from annotation.api.serializers import ErrorSerializer
from annotation.api.views import ERRORS, person
from annotation.errors import NotThere
from annotation.models import Campaign
from learning.sample_plan_form import asked_pair, plan_form
from learning.services.sample_plans import plan_sample

SOURCES = ("counted", "earlier_sample", "holdout", "assumed", "given")


class PlannedStratumSerializer(serializers.Serializer[Any]):
    """A stratum: what is expected of it and where that comes from, its places, and half-widths at 95 %."""

    code = serializers.CharField()
    share = serializers.FloatField()
    share_from = serializers.ChoiceField(SOURCES)
    accuracy = serializers.FloatField()
    accuracy_from = serializers.ChoiceField(SOURCES)
    places = serializers.IntegerField()
    accuracy_half = serializers.FloatField()
    area_half_ha = serializers.FloatField()


class SamplePlanSerializer(serializers.Serializer[Any]):
    """A plan; `refusal` says why nothing can be drawn now, empty where it can."""

    model = serializers.CharField(allow_blank=True)
    ground_ha = serializers.FloatField()
    places = serializers.IntegerField()
    overall_half = serializers.FloatField()
    refusal = serializers.CharField(allow_blank=True)
    strata = PlannedStratumSerializer(many=True)


class SamplePlanView(APIView):
    """What a sample would take and tell; nothing is drawn."""

    token_scopes = scopes.READ

    @extend_schema(
        parameters=[
            OpenApiParameter("pair", int, description="number of a pair of layers, for a sample of change"),
            OpenApiParameter("overall", float, description="half-width of the overall accuracy, in points"),
            OpenApiParameter("area_of", str, description="a stratum, with `area_ha`"),
            OpenApiParameter("area_ha", float, description="half-width of its area, in hectares"),
            OpenApiParameter("places", int, description="in all, instead of what the wishes take"),
            OpenApiParameter("fewest", int, description="in each stratum"),
        ],
        responses={200: SamplePlanSerializer, 404: ERRORS[404], 422: OpenApiResponse(ErrorSerializer, "No such plan")},
    )
    def get(self, request: Request, slug: str) -> Response:
        """Places by stratum for what the caller wants to know (maintainers).

        `share_<n>` and `accuracy_<n>`, in percent, take the place of what is expected of the n-th stratum.
        """
        campaign = Campaign.objects.maintained_by(person(request)).filter(slug=slug).first()
        if campaign is None:
            raise NotThere(f"There is no campaign {slug!r} that you maintain: see the list of campaigns.")
        typed = request.query_params.dict()
        form = plan_form(campaign, asked_pair(campaign, typed.pop("pair", "")), typed or None)
        if not form.is_valid():
            raise serializers.ValidationError(
                {name: [str(fault) for fault in faults] for name, faults in form.errors.items()}
            )
        plan, known = plan_sample(form.known, form.wishes), form.known
        body = {
            "model": known.model,
            "ground_ha": known.ground_ha,
            "places": plan.places,
            "overall_half": plan.overall_half,
            "refusal": known.refusal,
            "strata": [
                {
                    "code": one.expected.code, "share": one.expected.share, "share_from": one.expected.share_from,
                    "accuracy": one.expected.accuracy, "accuracy_from": one.expected.accuracy_from,
                    "places": one.places, "accuracy_half": one.accuracy_half, "area_half_ha": one.area_half_ha,
                }
                for one in plan.strata
            ],
        }  # fmt: skip
        return Response(SamplePlanSerializer(body).data)
