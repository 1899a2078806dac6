"""The API of the review desk: translate, call one service, translate back."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from annotation.api import presenters, scopes
from annotation.api import serializers as s
from annotation.api.views import ERRORS, IF_MATCH, campaign_or_404, expected_version, person, tile_or_404, with_etag
from annotation.errors import NotThere, StaleRevision, VersionRequired
from annotation.models import Annotation, Campaign, Correction
from annotation.services import review_queue, reviews


def reviewed_campaign(request: Request, slug: str) -> Campaign:
    """A campaign that the caller reviews. Raises: NotThere."""
    campaign = campaign_or_404(slug)
    if not Campaign.objects.reviewed_by(person(request)).filter(pk=campaign.pk).exists():
        raise NotThere(f"You are not a reviewer of {slug!r}: ask one of its maintainers.")
    return campaign


def required_version(request: Request) -> int:
    """The version in If-Match. Raises: VersionRequired, UserError."""
    version = expected_version(request)
    if version is None:
        raise VersionRequired("Send If-Match with the version you looked at.")
    return version


class NextReviewView(APIView):
    """The next submission to judge."""

    token_scopes = scopes.REVIEW

    @extend_schema(
        parameters=[OpenApiParameter("annotation", OpenApiTypes.INT, description="A certain one, if it waits")],
        responses={200: s.SubmissionSerializer, 204: OpenApiResponse(description="Nothing waits"), 404: ERRORS[404]},
    )
    def get(self, request: Request, slug: str) -> Response:
        """The riskiest submission that is not one's own and that nobody else is judging, or the one asked for."""
        campaign = reviewed_campaign(request, slug)
        asked = request.query_params.get("annotation", "")
        annotation = review_queue.next_submission(
            campaign=campaign,
            reviewer=person(request),
            wanted=int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 15 else None,
        )
        if annotation is None:
            return Response(status=status.HTTP_204_NO_CONTENT)
        risk = review_queue.waiting_for(person(request), campaign).get(pk=annotation.pk)
        tile = tile_or_404(annotation.tile_id)
        body = presenters.submission_body(annotation, tile, risk)
        return with_etag(s.SubmissionSerializer(body).data, annotation.version)


class ReviewView(APIView):
    """A verdict."""

    token_scopes = scopes.REVIEW

    @extend_schema(
        parameters=[IF_MATCH],
        request=s.ReviewInputSerializer,
        responses={200: s.ReviewedSerializer, 403: OpenApiResponse(s.ErrorSerializer, "Your own work"), **ERRORS},
    )
    def post(self, request: Request, annotation_id: int) -> Response:
        """Accept a submission, correct it and accept that, or send it back."""
        given = s.ReviewInputSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        review = reviews.record_review(
            annotation_id=annotation_id,
            reviewer=person(request),
            expected_version=expected_version(request),
            **given.validated_data,
        )
        return Response(s.ReviewedSerializer({"verdict": review.verdict, "state": review.annotation.state}).data)


class CorrectionView(APIView):
    """A submission, corrected by its reviewer."""

    token_scopes = scopes.REVIEW

    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "save"

    @extend_schema(responses={200: s.CorrectionSerializer, 404: ERRORS[404]})
    def get(self, request: Request, annotation_id: int) -> Response:
        """The submission, or one's correction of it so far."""
        annotation = reviews.submission_to_judge(annotation_id=annotation_id, reviewer=person(request))
        correction = Correction.objects.filter(revision=annotation.head, reviewer=person(request)).first()
        return self._answer(annotation, correction)

    @extend_schema(
        parameters=[IF_MATCH],
        request=s.CorrectionInputSerializer,
        responses={200: s.CorrectionSerializer, **ERRORS},
    )
    def put(self, request: Request, annotation_id: int) -> Response:
        """Save the whole coverage as it should be. It counts once the verdict "correct" is given."""
        given = s.CorrectionInputSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        user = person(request)
        try:
            correction = reviews.save_correction(
                annotation_id=annotation_id,
                reviewer=user,
                expected_version=expected_version(request),
                **given.validated_data,
            )
        except StaleRevision as stale:
            annotation = reviews.submission_to_judge(annotation_id=annotation_id, reviewer=user)
            kept = Correction.objects.filter(revision=annotation.head, reviewer=user).first()
            current = s.CorrectionSerializer(presenters.correction_body(annotation, kept)).data
            stale.details = {"yours": stale.details["yours"], "current": current}
            raise
        return self._answer(reviews.submission_to_judge(annotation_id=annotation_id, reviewer=user), correction)

    def _answer(self, annotation: Annotation, correction: Correction | None) -> Response:
        body = presenters.correction_body(annotation, correction)
        return with_etag(s.CorrectionSerializer(body).data, body["version"])


class BulkReviewView(APIView):
    """One verdict on many submissions."""

    token_scopes = scopes.REVIEW

    @extend_schema(
        request=s.BulkReviewSerializer, responses={200: s.BulkReviewedSerializer, 404: ERRORS[404], 422: ERRORS[422]}
    )
    def post(self, request: Request, slug: str) -> Response:
        """Accept or send back several submissions; those that cannot be are named, and stop no other."""
        reviewed_campaign(request, slug)
        given = s.BulkReviewSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values: dict[str, Any] = given.validated_data
        chosen = [(one["annotation_id"], one["version"]) for one in values.pop("submissions")]
        recorded, refused = reviews.record_reviews(submissions=chosen, reviewer=person(request), **values)
        body = {"recorded": [review.annotation_id for review in recorded], "refused": refused}
        return Response(s.BulkReviewedSerializer(body).data)


class SecondOpinionView(APIView):
    """Not sure."""

    token_scopes = scopes.REVIEW

    @extend_schema(parameters=[IF_MATCH], request=s.SecondOpinionSerializer, responses={204: None, **ERRORS})
    def post(self, request: Request, annotation_id: int) -> Response:
        """Leave a submission to another reviewer, with what one saw."""
        given = s.SecondOpinionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        review_queue.leave_to_another(
            annotation_id=annotation_id,
            reviewer=person(request),
            expected_version=required_version(request),
            **given.validated_data,
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class DisputeView(APIView):
    """Not agreed."""

    token_scopes = scopes.ANNOTATE

    @extend_schema(parameters=[IF_MATCH], request=s.SecondOpinionSerializer, responses={204: None, **ERRORS})
    def post(self, request: Request, annotation_id: int) -> Response:
        """Ask another reviewer to decide on labels of one's own that were sent back, as they are."""
        given = s.SecondOpinionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        review_queue.dispute_review(
            annotation_id=annotation_id,
            author=person(request),
            expected_version=required_version(request),
            **given.validated_data,
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
