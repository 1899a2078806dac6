"""A campaign's classes as they are now, and what became of those that are no more: for tabs and clients that are told
that classes changed (docs/adr/0056)."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api import scopes
from annotation.api.serializers import NomenclatureSerializer
from annotation.api.views import ERRORS, campaign_or_404
from annotation.models import ClassChange
from annotation.services.class_guard import codes_now

MOST_CHANGES = 50


class ChangeToldSerializer(serializers.ModelSerializer):
    """A change that was applied."""

    class Meta:
        model = ClassChange
        fields = ["id", "reason", "applied_at", "reversed_at"]


class ClassesSerializer(NomenclatureSerializer):
    """A class tree, and what became of classes that it does not offer any more."""

    gone = serializers.DictField(
        child=serializers.CharField(allow_null=True),
        help_text="The class now by the class before; null: unlabelled until somebody looks.",
    )
    changes = ChangeToldSerializer(many=True, help_text="The latest first.")


class ClassesView(APIView):
    """The classes of a campaign."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC

    @extend_schema(responses={200: ClassesSerializer, 404: ERRORS[404]})
    def get(self, request: Request, slug: str) -> Response:
        """The classes now. A save may say with `classes` which version its shapes speak of; 409 `classes_changed`
        answers where that is an earlier one.
        """
        campaign = campaign_or_404(slug)
        tree = campaign.nomenclature
        tree.gone = codes_now(campaign)  # type: ignore[attr-defined]
        changes = ClassChange.objects.filter(campaign=campaign, applied_at__isnull=False)
        tree.changes = changes.order_by("-applied_at")[:MOST_CHANGES]  # type: ignore[attr-defined]
        return Response(ClassesSerializer(tree).data)
