"""What the studio asks for beside the tile itself: its segments, and what other vintages show there."""

from __future__ import annotations

import gzip

from django.http import HttpResponse, HttpResponseBase, HttpResponseNotModified
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from annotation.api import presenters, scopes
from annotation.api import serializers as s
from annotation.api.binary import OCTETS, AnyAccepted, accepts_gzip
from annotation.api.views import ERRORS, tile_or_404
from annotation.core.segments import SEGMENT_SIDE_PX
from annotation.services import segments, vintages


class SegmentsView(APIView):
    """Segments of a tile."""

    token_scopes = scopes.READ
    content_negotiation_class = AnyAccepted
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "segments"

    @extend_schema(
        parameters=[
            OpenApiParameter("level", OpenApiTypes.STR, required=True, enum=list(SEGMENT_SIDE_PX)),
            OpenApiParameter(
                "X-Segment-Count", OpenApiTypes.INT, OpenApiParameter.HEADER, response=[200], description="How many"
            ),
        ],
        responses={
            (200, OCTETS): OpenApiTypes.BINARY,
            304: None,
            404: ERRORS[404],
            429: OpenApiResponse(s.ErrorSerializer, "Several tiles are being cut: ask again in a moment"),
        },
    )
    def get(self, request: Request, tile_id: int) -> HttpResponseBase:
        """The segment of each pixel: uint16, little-endian, tile_px × tile_px row by row, ids from 0."""
        tile = tile_or_404(tile_id)
        level = segments.require_level(request.query_params.get("level"))
        # Weak: the same mark stands for the bytes with and without compression.
        etag = f'W/"{segments.segments_mark(tile, level=level)}"'
        headers = {
            "ETag": etag,
            # Asked for again each time, which costs an empty answer: segments of two versions do not fit together.
            "Cache-Control": "private, no-cache",
            "Vary": "Accept-Encoding, Cookie",
        }
        if request.headers.get("If-None-Match") == etag:
            return HttpResponseNotModified(headers=headers)
        found = segments.segments_of(tile, level=level)
        headers["X-Segment-Count"] = str(found.count)
        body = found.compressed
        if accepts_gzip(request):
            headers["Content-Encoding"] = "gzip"
        else:
            body = gzip.decompress(body)
        return HttpResponse(body, content_type=OCTETS, headers=headers)


class OtherVintagesView(APIView):
    """Labels of the same ground in other vintages."""

    token_scopes = scopes.READ
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "segments"

    @extend_schema(responses={200: s.OtherVintagesSerializer, 404: ERRORS[404]})
    def get(self, request: Request, tile_id: int) -> Response:
        """Accepted labels of other campaigns, on this tile's grid; 404 `blind_tile` where work is done without help."""
        found = vintages.other_vintages(tile_or_404(tile_id))
        body = {"vintages": [presenters.vintage_body(other) for other in found]}
        return Response(s.OtherVintagesSerializer(body).data)
