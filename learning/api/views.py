"""The API of the machine's work: translate, call one service, translate back."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from annotation.api import scopes
from annotation.api.binary import OCTETS, AnyAccepted
from annotation.api.views import ERRORS, campaign_or_404, person, tile_or_404
from annotation.errors import NotThere
from annotation.models import Campaign
from learning import querysets
from learning.api import serializers as s
from learning.models import TrainedModel
from learning.services import drafts, training


class DraftView(APIView):
    """A model's start on a tile."""

    token_scopes = scopes.READ

    @extend_schema(responses={200: s.DraftSerializer, 404: ERRORS[404]})
    def get(self, request: Request, tile_id: int) -> Response:
        """The published model's drawing of a tile; 404 `no_draft` without one, `blind_tile` where help is not shown."""
        draft = drafts.draft_of(tile=tile_or_404(tile_id), user=person(request))
        return Response(
            {"model_version": draft.model_version, "model_judged": draft.judged, "features": draft.features}
        )


class DoubtView(APIView):
    """A model's doubt on a tile."""

    token_scopes = scopes.READ
    content_negotiation_class = AnyAccepted

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "X-Model-Version", OpenApiTypes.STR, OpenApiParameter.HEADER, response=[200], description="Whose doubt"
            )
        ],
        responses={(200, OCTETS): OpenApiTypes.BINARY, 404: ERRORS[404]},
    )
    def get(self, request: Request, tile_id: int) -> HttpResponseBase:
        """Entropy of each pixel: uint8, tile_px × tile_px row by row, 0 = no imagery, else 1 + 254 · H / ln K.

        404 `no_draft` and `blind_tile` as for the draft.
        """
        doubt = drafts.doubt_of(tile=tile_or_404(tile_id))
        headers = {"X-Model-Version": doubt.model_version}
        return HttpResponse(doubt.levels.tobytes(), content_type=OCTETS, headers=headers)


class TrainingRunsView(APIView):
    """Training runs of a campaign, for its maintainers."""

    token_scopes = scopes.PUBLISH
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "start"

    def get_throttles(self) -> list[ScopedRateThrottle]:  # type: ignore[override]
        """Only starting a run is scarce; looking is not."""
        return super().get_throttles() if self.request.method == "POST" else []  # type: ignore[return-value]

    @extend_schema(responses={200: s.TrainingRunSerializer(many=True), 404: ERRORS[404]})
    def get(self, request: Request, slug: str) -> Response:
        """Runs, newest first, with their loss curves."""
        runs = querysets.runs_of(maintained_or_404(request, slug))[:50]
        return Response(s.TrainingRunSerializer(runs, many=True).data)

    @extend_schema(
        request=s.StartTrainingSerializer,
        responses={
            202: OpenApiResponse(s.StartedSerializer, description="Queued"),
            404: ERRORS[404],
            409: ERRORS[409],
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Freeze what was accepted and queue a run; 409 says why not."""
        campaign = maintained_or_404(request, slug)
        given = s.StartTrainingSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        job = training.start_training_run(campaign=campaign, actor=person(request), force=given.validated_data["force"])
        return Response(s.StartedSerializer({"job": job}).data, status=status.HTTP_202_ACCEPTED)


class RoundsView(APIView):
    """The loop, round by round."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC

    @extend_schema(responses={200: s.RoundSerializer(many=True), 404: ERRORS[404]})
    def get(self, request: Request, slug: str) -> Response:
        """Rounds in order, with what the model was worth when each was opened."""
        return Response(s.RoundSerializer(querysets.rounds_of(campaign_or_404(slug)), many=True).data)


class ModelsView(APIView):
    """The models of a campaign."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC

    @extend_schema(responses={200: s.ModelSerializer(many=True), 404: ERRORS[404]})
    def get(self, request: Request, slug: str) -> Response:
        """Models, newest first, with figures and the gate's decision."""
        return Response(s.ModelSerializer(querysets.models_of(campaign_or_404(slug)), many=True).data)


class ModelView(APIView):
    """One model."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC

    @extend_schema(responses={200: s.ModelPageSerializer, 404: ERRORS[404]})
    def get(self, request: Request, slug: str, number: int) -> Response:
        """A model with its figures by class, level and territory, its confidence, and what it learnt from."""
        campaign = campaign_or_404(slug)
        models = querysets.models_of(campaign).select_related("run__initial_model__campaign")
        return Response(s.ModelPageSerializer(model_or_404(models, campaign, number)).data)


def model_or_404(models: QuerySet[TrainedModel], campaign: Campaign, number: int) -> TrainedModel:
    """Of these models the campaign's by its number."""
    model = models.filter(campaign=campaign, number=number).first()
    if model is None:
        raise NotThere(f"Campaign {campaign.slug!r} has no model {number}: look at the list of its models.")
    return model


def maintained_or_404(request: Request, slug: str, *related: str) -> Campaign:
    """A campaign the caller maintains, with what is `related` to it; to others it says no more than that there is
    none.
    """
    campaign = Campaign.objects.maintained_by(person(request)).select_related(*related).filter(slug=slug).first()
    if campaign is None:
        raise NotThere(f"There is no campaign {slug!r} that you maintain: ask one of its maintainers.")
    return campaign
