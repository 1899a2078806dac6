"""The API of models from weights published elsewhere, for a campaign's maintainers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import IO, Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from annotation.api import scopes
from annotation.api.binary import OCTETS
from annotation.api.serializers import ErrorSerializer
from annotation.api.views import ERRORS, person
from learning.api import serializers as s
from learning.api.views import maintained_or_404
from learning.core.weights_source import shipped_source
from learning.errors import UnusableWeights, UploadTooLarge
from learning.services import imports

PIECE_BYTES = 1 << 20


class StreamParser(BaseParser):
    """The body as it comes, to be read in pieces: it is never held in memory."""

    media_type = OCTETS

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The stream itself."""
        return stream


class ImportModelView(APIView):
    """Start from weights published elsewhere."""

    token_scopes = {"POST": scopes.PUBLISH["POST"]}
    parser_classes = [StreamParser]
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "start"

    @extend_schema(
        parameters=[s.ImportModelSerializer],
        request={OCTETS: OpenApiTypes.BINARY},
        responses={
            202: OpenApiResponse(s.StartedSerializer, description="Queued"),
            404: ERRORS[404],
            409: ERRORS[409],
            413: OpenApiResponse(ErrorSerializer, "Larger than is taken here"),
            422: OpenApiResponse(ErrorSerializer, "No whole safetensors file, or not one for this campaign"),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Send a safetensors file as the body, and queue the making of a model from it."""
        campaign = maintained_or_404(request, slug, "layer", "nomenclature")
        given = s.ImportModelSerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        source = shipped_source(wanted["source"])
        bands = [band.strip() for band in wanted["bands"].split(",") if band.strip()]
        # Everything that can be refused without the file is, before any of it is read.
        recipe = imports.recipe_for(campaign=campaign, source=source, variant=wanted["variant"], bands=bands or None)
        imports.refuse_unjudged(campaign, wanted["reason"], wanted=wanted["publish_unjudged"])
        path = imports.store_upload(pieces_of(request))
        try:
            job = imports.start_import(
                campaign=campaign,
                actor=person(request),
                path=path,
                file_name=wanted["file_name"],
                source=source,
                recipe=recipe,
                variant=wanted["variant"],
                uploaded=True,
                publish_unjudged=wanted["publish_unjudged"],
                reason=wanted["reason"],
                seen_here=wanted["seen_here"],
            )
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Response(s.StartedSerializer({"job": job}).data, status=status.HTTP_202_ACCEPTED)


def pieces_of(request: Request) -> Iterator[bytes]:
    """The body in pieces. Raises: UploadTooLarge, UnusableWeights (nothing came)."""
    length, limit = request.META.get("CONTENT_LENGTH") or "0", settings.MODEL_UPLOAD_MAX_BYTES
    if length.isdigit() and int(length) > limit:
        raise UploadTooLarge(f"The file has {length} bytes, and {limit} are taken here: import it on the machine.")
    stream = request.data
    if not hasattr(stream, "read"):
        raise UnusableWeights("Nothing was sent: the body must be a safetensors file.")
    while piece := stream.read(PIECE_BYTES):
        yield piece
