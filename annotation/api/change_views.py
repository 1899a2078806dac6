"""The API of change: cells shown at two dates, and what people say of them (docs/adr/0051)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from annotation.api import change_presenters as shown
from annotation.api import change_serializers as s
from annotation.api import scopes
from annotation.api.serializers import ErrorSerializer
from annotation.api.views import ERRORS, campaign_or_404, person
from annotation.errors import NotThere
from annotation.models import Campaign, ChangeAnswer, ChangeCell, ChangeTicket
from annotation.services import change_answers, change_outcomes, change_queue
from annotation.services.patch_list import patches_as_geojson

REFUSED = {
    403: OpenApiResponse(ErrorSerializer, "The licence of contributions is not agreed to"),
    404: ERRORS[404],
    409: OpenApiResponse(ErrorSerializer, "Not given to the caller, answered already, or the campaign is closed"),
    422: OpenApiResponse(
        ErrorSerializer, "Some answers are not usable: `details.refused` names each; nothing is stored"
    ),
    429: OpenApiResponse(ErrorSerializer, "As many answers as one person may send in an hour were sent"),
}


class ChangeDeskView(APIView):
    """What is asked about."""

    token_scopes = scopes.READ

    @extend_schema(responses={200: s.ChangeDeskSerializer, 404: ERRORS[404]})
    def get(self, request: Request, slug: str) -> Response:
        """The open round of questions about change, with its two layers."""
        opened = change_queue.open_change_round_of(campaign_or_404(slug))
        mine = ChangeAnswer.objects.standing().filter(cell__round=opened, annotator=person(request)).count()
        body = {"round": None if opened is None else shown.round_body(opened), "mine": mine}
        return Response(s.ChangeDeskSerializer(body).data)


class NextChangeView(APIView):
    """The next ground to compare."""

    token_scopes = scopes.ANNOTATE

    @extend_schema(request=s.ChangeWantedSerializer, responses={200: s.ChangeTasksSerializer, **ERRORS})
    def post(self, request: Request, slug: str) -> Response:
        """The tiles that the caller holds, filled up to `wanted`; asking renews them. None when nothing is left."""
        given = s.ChangeWantedSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        user = person(request)
        tickets = change_queue.claim_change_tickets(
            campaign=campaign_or_404(slug), annotator=user, wanted=given.validated_data["wanted"]
        )
        body = {"tasks": [shown.task_body(ticket, user) for ticket in tickets]}
        return Response(s.ChangeTasksSerializer(body).data)


class ChangeAnswersView(APIView):
    """Answers on a tile's cells."""

    token_scopes = scopes.ANNOTATE
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "save"

    @extend_schema(request=s.ChangeAnswersSerializer, responses={200: s.ChangeRecordedSerializer, **REFUSED})
    def post(self, request: Request, ticket_id: int) -> Response:
        """Store answers, all or none; the same operation id again answers as the first time."""
        related = ("round__campaign__layer", "round__campaign__nomenclature", "round__pair__first", "tile")
        ticket = ChangeTicket.objects.select_related(*related).filter(pk=ticket_id).first()
        if ticket is None:
            raise NotThere(f"There is no place {ticket_id} to compare: ask for the next one.")
        ticket.tile.campaign = ticket.round.campaign
        given = s.ChangeAnswersSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        recorded = change_answers.record_change_answers(
            ticket=ticket,
            annotator=person(request),
            operation_id=values["operation_id"],
            answers=[_given(answer) for answer in values["answers"]],
            copies_all=values["copies_all"],
        )
        return Response(s.ChangeRecordedSerializer(recorded).data)


def _given(answer: dict[str, Any]) -> change_answers.Given:
    return change_answers.Given(
        int(answer["feature_id"]), answer["verdict"], answer["first_code"], answer["second_code"], answer["seconds"]
    )


class TakeBackChangeView(APIView):
    """An answer thought better of."""

    token_scopes = scopes.ANNOTATE

    @extend_schema(request=None, responses={204: None, 404: ERRORS[404], 409: ERRORS[409]})
    def post(self, request: Request, cell_id: int) -> Response:
        """Take one's answer back while nobody has used it; the cell is asked again of the same person."""
        change_answers.take_back_answer(cell_id=cell_id, annotator=person(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class NextChangeReviewView(APIView):
    """The next cell for a maintainer."""

    token_scopes = scopes.REVIEW

    @extend_schema(
        responses={
            200: s.ChangeReviewTaskSerializer,
            204: OpenApiResponse(description="Nothing waits"),
            404: ERRORS[404],
        }
    )
    def get(self, request: Request, slug: str) -> Response:
        """A cell whose answers differ, or that nobody confirmed, with what was answered."""
        campaign, user = campaign_or_404(slug), person(request)
        if not Campaign.objects.reviewed_by(user).filter(pk=campaign.pk).exists():
            raise NotThere("Nothing here that you may see.")
        waiting = change_outcomes.cells_to_review(campaign=campaign, reviewer=user)
        cell = waiting.select_related("round__pair__first", "tile").first()
        if cell is None:
            return Response(status=status.HTTP_204_NO_CONTENT)
        cell.tile.campaign = campaign
        body = shown.review_body(cell) | {"waiting": waiting.count()}
        return Response(s.ChangeReviewTaskSerializer(body).data)


class ChangeReviewView(APIView):
    """A maintainer's word."""

    token_scopes = scopes.REVIEW

    @extend_schema(request=s.ChangeRulingSerializer, responses={200: s.ChangeSettledSerializer, **ERRORS})
    def post(self, request: Request, cell_id: int) -> Response:
        """Settle a cell."""
        cell = ChangeCell.objects.select_related("round__campaign__nomenclature").filter(pk=cell_id).first()
        if cell is None:
            raise NotThere(f"There is no cell {cell_id} for you to review.")
        given = s.ChangeRulingSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        change_outcomes.review_change_cell(cell=cell, reviewer=person(request), **given.validated_data)
        cell.refresh_from_db()
        return Response(s.ChangeSettledSerializer(cell).data)


class PatchesView(APIView):
    """Patches of older vintages."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC

    @extend_schema(responses={(200, "application/geo+json"): OpenApiTypes.OBJECT, 404: ERRORS[404]})
    def get(self, request: Request, slug: str) -> Response:
        """Patches that came of this campaign's questions, newest first, as GeoJSON; at most 2,000."""
        return Response(patches_as_geojson(campaign_or_404(slug)), content_type="application/geo+json")
