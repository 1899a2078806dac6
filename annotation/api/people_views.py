"""What re-users of the data need to know of people: which random ids belong to nobody any more."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api import scopes
from annotation.models import Contributor


class DeletedContributorSerializer(serializers.Serializer[Any]):
    """A random id as it stands in releases, and the day on which its account was deleted."""

    public_id = serializers.CharField()
    deleted_on = serializers.DateField()


class DeletedContributorsView(APIView):
    """Random ids whose accounts were deleted."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC

    @extend_schema(responses={200: DeletedContributorSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """Contributions under these ids stay valid; whoever gave them can no longer be told anything."""
        gone = Contributor.objects.filter(erased_at__isnull=False).order_by("erased_at", "pk")
        rows = [{"public_id": item.public_id, "deleted_on": item.erased_at.date()} for item in gone if item.erased_at]
        return Response(DeletedContributorSerializer(rows, many=True).data)
