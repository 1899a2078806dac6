"""The API of a campaign's changes of classes, for its maintainers (docs/adr/0056)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api import scopes
from annotation.api.views import ERRORS, person
from annotation.models import ClassChange
from learning.api.views import maintained_or_404
from learning.services.class_changes import change_of, preview, start_change, start_reversal

MOST_LISTED = 100


class ClassChangeSerializer(serializers.ModelSerializer):
    """A change of classes: its plan, and what it did."""

    before = serializers.CharField(source="before.version")
    after = serializers.CharField(source="after.version", allow_null=True, default=None)

    class Meta:
        model = ClassChange
        fields = [
            "id", "state", "reason", "before", "after", "plan", "codes", "report", "reversal", "created_at",
            "applied_at", "reversed_at",
        ]  # fmt: skip


class PlanSerializer(serializers.Serializer):
    """A plan; the steps are read by the core's own parser, which names what is wrong."""

    plan = serializers.JSONField()
    reason = serializers.CharField(max_length=500, allow_blank=True, default="")
    preview = serializers.BooleanField(default=False, help_text="Count what would be done, and change nothing.")


STARTED = inline_serializer(
    "ClassChangeStarted", {"change": serializers.IntegerField(), "job": serializers.UUIDField()}
)


class ClassChangesView(APIView):
    """Changes of a campaign's classes."""

    token_scopes = {**scopes.PUBLISH, "POST": "publish"}

    @extend_schema(responses={200: ClassChangeSerializer(many=True), 404: ERRORS[404]})
    def get(self, request: Request, slug: str) -> Response:
        """The latest hundred, newest first."""
        found = ClassChange.objects.filter(campaign=maintained_or_404(request, slug)).select_related("before", "after")
        return Response(ClassChangeSerializer(found[:MOST_LISTED], many=True).data)

    @extend_schema(
        request=PlanSerializer,
        responses={
            200: OpenApiResponse(OpenApiTypes.OBJECT, description="With preview: what would be done"),
            202: OpenApiResponse(STARTED, description="Queued"),
            404: ERRORS[404],
            409: ERRORS[409],
            422: ERRORS[422],
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Change classes, or count what that would do; 422 `cannot_change_classes` or
        `national_class_stands` says why not."""
        campaign = maintained_or_404(request, slug)
        given = PlanSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values: dict[str, Any] = given.validated_data
        if values["preview"]:
            return Response(preview(campaign=campaign, plan=values["plan"]))
        change, job = start_change(
            campaign=campaign, plan=values["plan"], actor=person(request), reason=values["reason"]
        )
        return Response({"change": change.pk, "job": job.pk}, status=status.HTTP_202_ACCEPTED)


class ClassChangeView(APIView):
    """One change."""

    token_scopes = scopes.PUBLISH

    @extend_schema(responses={200: ClassChangeSerializer, 404: ERRORS[404]})
    def get(self, request: Request, slug: str, number: int) -> Response:
        """Its plan, its state and its report."""
        change = change_of(campaign=maintained_or_404(request, slug), number=number)
        return Response(ClassChangeSerializer(change).data)


class ReverseChangeView(APIView):
    """The way back."""

    token_scopes = scopes.PUBLISH

    @extend_schema(
        request=None,
        responses={202: OpenApiResponse(STARTED, description="Queued"), 404: ERRORS[404], 409: ERRORS[409]},
    )
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Take a change back; 409 `cannot_reverse` once a release was made with it, or where it is not the latest."""
        change = change_of(campaign=maintained_or_404(request, slug), number=number)
        job = start_reversal(change=change, actor=person(request))
        return Response({"change": change.pk, "job": job.pk}, status=status.HTTP_202_ACCEPTED)
