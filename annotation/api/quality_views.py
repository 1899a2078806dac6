"""The API of gold tiles, reliability and agreement: for maintainers, reviewers and the person concerned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api import quality_serializers as q
from annotation.api.binary import AnyAccepted
from annotation.api.serializers import ErrorSerializer, JobSerializer
from annotation.api.views import ERRORS, campaign_or_404, person, tile_or_404
from annotation.core.reliability import Reliability, label_weight
from annotation.errors import NotThere
from annotation.models import Campaign, Contributor, GoldTile, TileAgreement
from annotation.raster.map_tiles import shares_png
from annotation.services import agreement, gold
from annotation.services.reliability import own_reliability, reliability_for_maintainer

MOST_CONTESTED = 50
PRIVATE = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
PNG: dict[Any, Any] = {(200, "image/png"): OpenApiTypes.BINARY, 404: ERRORS[404]}


class GoldTilesView(APIView):
    """A campaign's gold tiles."""

    @extend_schema(responses={200: q.GoldSerializer(many=True), 404: ERRORS[404]})
    def get(self, request: Request, slug: str) -> Response:
        """The gold tiles, for maintainers."""
        campaign = campaign_or_404(slug)
        if not Campaign.objects.maintained_by(person(request)).filter(pk=campaign.pk).exists():
            raise NotThere(f"You are not a maintainer of {slug!r}: ask one of them.")
        return Response(q.GoldSerializer(gold_bodies(gold.golds_of(campaign)), many=True).data)

    @extend_schema(request=q.MarkGoldSerializer, responses={201: q.GoldSerializer, 404: ERRORS[404], 409: ERRORS[409]})
    def post(self, request: Request, slug: str) -> Response:
        """Take a tile's accepted labels for the truth; the tile then never trains a model."""
        given = q.MarkGoldSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        marked = gold.mark_gold(campaign=campaign_or_404(slug), actor=person(request), **given.validated_data)
        return one_gold(marked, status.HTTP_201_CREATED)


class RetireGoldView(APIView):
    """A gold tile that is given no more."""

    @extend_schema(request=q.RetireGoldSerializer, responses={200: q.GoldSerializer, 404: ERRORS[404]})
    def post(self, request: Request, gold_id: int) -> Response:
        """Retire a gold tile; `faulty` when its labels were wrong."""
        given = q.RetireGoldSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        retired = gold.retire_gold(gold_id=gold_id, actor=person(request), **given.validated_data)
        return one_gold(retired)


class MyReliabilityView(APIView):
    """My own reliability."""

    @extend_schema(responses=q.OwnReliabilitySerializer(many=True))
    def get(self, request: Request) -> Response:
        """How my labels compare with those that are known, campaign by campaign. Nobody but maintainers sees it."""
        body = [
            {
                "campaign": campaign.slug,
                "tiles": figures.tiles,
                "passed": figures.passed,
                "classes": class_bodies(figures.classes),
            }
            for campaign, figures in own_reliability(user=person(request))
        ]
        return Response(q.OwnReliabilitySerializer(body, many=True).data)


class ReliabilityView(APIView):
    """The reliability of a campaign's people."""

    @extend_schema(responses={200: q.PersonReliabilitySerializer(many=True), 404: ERRORS[404]})
    def get(self, request: Request, slug: str) -> Response:
        """Everybody who handed in a gold tile, for maintainers."""
        found = reliability_for_maintainer(campaign=campaign_or_404(slug), actor=person(request))
        names = public_ids(one.annotator_id for one in found)
        body = [
            {
                "contributor": names[one.annotator_id],
                "tiles": one.tiles,
                "passed": one.passed,
                "test": one.test.decision.value,
                "classes": class_bodies(one.classes),
            }
            for one in found
        ]
        return Response(q.PersonReliabilitySerializer(body, many=True).data)


class AgreementView(APIView):
    """Agreement of a campaign's people."""

    @extend_schema(responses={200: q.AgreementSerializer, 404: ERRORS[404]})
    def get(self, request: Request, slug: str) -> Response:
        """Agreement as last counted, for reviewers."""
        campaign, user = campaign_or_404(slug), person(request)
        found = agreement.campaign_agreement(campaign=campaign, actor=user)
        names = public_ids(one.annotator_id for one in found.people)
        contested = agreement.contested_tiles(campaign=campaign, actor=user)[:MOST_CONTESTED]
        body = {
            **{name: getattr(found, name) for name in AGREEMENT_FIGURES},
            "people": [
                {"contributor": names[one.annotator_id], "compared_px": one.compared_px, "share": one.share}
                for one in found.people
            ],
            "contested": [contested_body(one) for one in contested],
        }
        return Response(q.AgreementSerializer(body).data)

    @extend_schema(
        request=None,
        responses={
            202: JobSerializer,
            404: ERRORS[404],
            409: OpenApiResponse(ErrorSerializer, "It is being counted already"),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Count the agreement anew; tiles whose labels have not changed are not counted again."""
        job = agreement.start_agreement_count(campaign=campaign_or_404(slug), actor=person(request))
        return Response(JobSerializer(job).data, status=status.HTTP_202_ACCEPTED)


AGREEMENT_FIGURES = ("n_tiles", "compared_px", "alpha", "differing", "staple_differs", "iou", "pairs")


class CampaignDisagreementView(APIView):
    """The disagreement map of a campaign."""

    content_negotiation_class = AnyAccepted

    @extend_schema(responses=PNG)
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        """One pixel a tile: the share of the ground on which people differ, transparent where none was compared."""
        raster = agreement.disagreement_raster(campaign=campaign_or_404(slug), actor=person(request))
        return HttpResponse(shares_png(raster), content_type="image/png", headers=PRIVATE)


class TileDisagreementView(APIView):
    """Where people differ on a tile."""

    content_negotiation_class = AnyAccepted

    @extend_schema(responses={**PNG, 422: OpenApiResponse(ErrorSerializer, "Fewer than two people handed it in")})
    def get(self, request: Request, tile_id: int) -> HttpResponseBase:
        """One pixel a pixel of the tile: opaque where those who labelled it differ."""
        raster = agreement.tile_disagreement(tile=tile_or_404(tile_id), actor=person(request))
        return HttpResponse(shares_png((raster == 2) * 255), content_type="image/png", headers=PRIVATE)


# --- bodies -------------------------------------------------------------------------------------------------


def one_gold(one: GoldTile, http_status: int = status.HTTP_200_OK) -> Response:
    """The answer to a change of one gold tile."""
    body = gold_bodies(gold.golds_of(one.tile.campaign).filter(pk=one.pk))[0]
    return Response(q.GoldSerializer(body).data, status=http_status)


def gold_bodies(golds: QuerySet[GoldTile]) -> list[dict[str, Any]]:
    """Gold tiles as `golds_of` gives them, with their place and whose labels they hold."""
    names = public_ids(one.revision.author_id for one in golds)
    plain = ("tile_id", "note", "marked_at", "retired_at", "faulty", "n_people")
    return [
        {
            "id": one.pk,
            "row": one.tile.row,
            "col": one.tile.col,
            "author": names[one.revision.author_id],
            **{name: getattr(one, name) for name in plain},
        }
        for one in golds
    ]


def class_bodies(classes: Reliability) -> list[dict[str, Any]]:
    """Figures of each class that a person gave on gold tiles, with what their labels of it count."""
    return [
        {
            "class_code": code,
            "mean": one.mean,
            "low": one.low,
            "high": one.high,
            "tiles": one.tiles,
            "weight": label_weight(classes, code),
        }
        for code, one in classes.items()
    ]


def contested_body(one: TileAgreement) -> dict[str, Any]:
    """A tile that was compared."""
    return {
        "tile_id": one.tile_id,
        "row": one.tile.row,
        "col": one.tile.col,
        "part": one.tile.part,
        "n_people": one.n_people,
        "differing": one.differing_px / one.compared_px,
        "alpha": one.alpha,
    }


def public_ids(people: Iterable[int]) -> Mapping[int, str]:
    """Public ids by user id, in one query."""
    return dict(Contributor.objects.filter(user__in=set(people)).values_list("user_id", "public_id"))
