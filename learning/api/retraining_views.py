"""The API of the schedule and of which model is published, for a campaign's maintainers."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api import scopes
from annotation.api.views import ERRORS, person
from annotation.models import Campaign
from learning import querysets
from learning.api import serializers as s
from learning.api.views import maintained_or_404, model_or_404
from learning.models import RetrainingPolicy, TrainedModel
from learning.services.forecast import forecast_gain
from learning.services.promotion import start_judging
from learning.services.publishing import publish_model, publish_unjudged, roll_back_model
from learning.services.scheduling import drift_since_last_model, go_on, set_retraining_policy


class RetrainingView(APIView):
    """A campaign's schedule."""

    token_scopes = {**scopes.PUBLISH, "PATCH": "publish"}

    @extend_schema(responses={200: s.PolicySerializer, 404: ERRORS[404]})
    def get(self, request: Request, slug: str) -> Response:
        """The schedule, why it started nothing last, what more labels are expected to bring, and drift."""
        return Response(policy_body(maintained_or_404(request, slug)))

    @extend_schema(request=s.PolicySerializer(partial=True), responses={200: s.PolicySerializer, 404: ERRORS[404]})
    def patch(self, request: Request, slug: str) -> Response:
        """Change what is named; 400 and 422 `invalid_policy` say what cannot be used."""
        campaign = maintained_or_404(request, slug)
        given = s.PolicySerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        if not RetrainingPolicy.objects.filter(campaign=campaign).exists():
            values.setdefault("enabled", False)  # to set a floor is not to ask for a schedule
        set_retraining_policy(campaign=campaign, **values)
        return Response(policy_body(campaign))


class GoOnView(APIView):
    """The way on for a campaign that stopped by itself."""

    token_scopes = scopes.PUBLISH

    @extend_schema(request=None, responses={200: s.PolicySerializer, 404: ERRORS[404]})
    def post(self, request: Request, slug: str) -> Response:
        """Silence the stop rule until a hundred more tiles are labelled."""
        campaign = maintained_or_404(request, slug)
        go_on(campaign=campaign, actor=person(request))
        return Response(policy_body(campaign))


class PublishModelView(APIView):
    """Shadow mode's last word."""

    token_scopes = scopes.PUBLISH

    @extend_schema(
        request=s.PublishModelSerializer, responses={200: s.ModelSerializer, 404: ERRORS[404], 409: ERRORS[409]}
    )
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Publish a model that the gate would promote; 409 `cannot_publish` says why not.

        With a reason, an imported one that cannot be judged yet, where none is published; else 409
        `cannot_publish_unjudged`.
        """
        model = _model_of(maintained_or_404(request, slug), number)
        given = s.PublishModelSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if reason := given.validated_data["unjudged_reason"]:
            publish_unjudged(model=model, actor=person(request), reason=reason)
        else:
            publish_model(model=model, actor=person(request))
        return Response(model_body(model))


class RestoreModelView(APIView):
    """Rolling back."""

    token_scopes = scopes.PUBLISH

    @extend_schema(request=None, responses={200: s.ModelSerializer, 404: ERRORS[404], 409: ERRORS[409]})
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Publish a model again that was published before; 409 `cannot_roll_back` says why not."""
        campaign = maintained_or_404(request, slug)
        model = _model_of(campaign, number)
        roll_back_model(campaign=campaign, to_model=model, actor=person(request))
        return Response(model_body(model))


class JudgeModelView(APIView):
    """Another look."""

    token_scopes = scopes.PUBLISH

    @extend_schema(
        request=None,
        responses={
            202: OpenApiResponse(s.StartedSerializer, description="Queued"),
            404: ERRORS[404],
            409: ERRORS[409],
        },
    )
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Judge a model that was held back on the control tiles that are labelled now."""
        model = _model_of(maintained_or_404(request, slug), number)
        job = start_judging(model=model, actor=person(request))
        return Response(s.StartedSerializer({"job": job}).data, status=status.HTTP_202_ACCEPTED)


def policy_body(campaign: Campaign) -> dict[str, object]:
    """A schedule as the API gives it; without one a campaign retrains only when asked."""
    found = RetrainingPolicy.objects.filter(campaign=campaign).first()
    policy = found or RetrainingPolicy(campaign=campaign, enabled=False)
    gain = forecast_gain(campaign, threshold_points=policy.stop_below_points)
    drift = drift_since_last_model(campaign)
    return {
        **s.PolicySerializer(policy).data,
        "expected_gain": s.ExpectedGainSerializer(gain).data if gain else None,
        "drift": s.DriftSerializer(drift).data if drift else None,
    }


def model_body(model: TrainedModel) -> dict[str, object]:
    """A model as the list of models gives it."""
    return dict(s.ModelSerializer(querysets.models_of(model.campaign).get(pk=model.pk)).data)


def _model_of(campaign: Campaign, number: int) -> TrainedModel:
    return model_or_404(TrainedModel.objects.select_related("campaign"), campaign, number)
