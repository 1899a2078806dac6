"""The API of people's work: translate, call one service, translate back."""

from __future__ import annotations

import gzip
import re
from functools import cache
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse, HttpResponseBase, HttpResponseNotModified
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics, status
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from annotation.api import presenters, scopes
from annotation.api import serializers as s
from annotation.api.binary import accepts_gzip
from annotation.api.tile_map import parse_bbox, tile_map
from annotation.compiled import Compiled
from annotation.core.tile_geometry import parse_geojson
from annotation.errors import NotThere, StaleRevision, UserError
from annotation.models import Annotation, Campaign, Job, Lease, Nomenclature, Tile
from annotation.services import annotations as labels
from annotation.services import jobs, leases, queue, queue_pick, splitting, throughput
from annotation.services.people import contributor_of, role_in, roles_of
from annotation.services.territories import territory_named
from annotation.services.validations import judged_count

IF_MATCH = OpenApiParameter(
    "If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description='Version the write was made from, "0" when new.'
)
ERRORS: dict[int | str, Any] = {
    code: OpenApiResponse(s.ErrorSerializer, description=text)
    for code, text in {
        404: "Not there, or not for you to see",
        409: "No longer in the state this needs",
        412: "Someone saved since",
        422: "A feature is not usable; details give its id and place",
        428: "If-Match is missing",
    }.items()
}


def person(request: Request) -> User:
    """The signed-in caller; the default permission has refused everyone else."""
    if not isinstance(request.user, User):
        raise NotThere("Sign in first.")
    return request.user


def expected_version(request: Request) -> int | None:
    """The version in If-Match, or None when the header is absent.

    Raises: UserError: it is not a version.
    """
    raw = request.headers.get("If-Match")
    if raw is None:
        return None
    found = re.fullmatch(r'(?:W/)?"?(\d{1,9})"?', raw.strip())
    if found is None:
        raise UserError(f'If-Match is {raw[:40]!r}: send the version number, as "3".')
    return int(found.group(1))


@cache
def _campaigns(*related: str) -> Compiled[Campaign]:
    return Compiled(lambda slug: Campaign.objects.select_related(*related).filter(slug=slug), slug=str)


def campaign_or_404(slug: str, *related: str) -> Campaign:
    """A campaign with what is `related` to it, or what most answers need."""
    campaign = _campaigns(*related or ("layer", "nomenclature", "holdout")).first(slug=slug)
    if campaign is None:
        raise NotThere(f"There is no campaign {slug!r}: see the list of campaigns.")
    return campaign


def tile_or_404(tile_id: int) -> Tile:
    """A tile that people may look at; the buffer around the hold-out is nobody's."""
    tile = (
        Tile.objects.select_related("campaign__layer", "campaign__nomenclature", "campaign__holdout")
        .exclude(role=Tile.Role.BUFFER)
        .filter(pk=tile_id)
        .first()
    )
    if tile is None:
        raise NotThere(f"There is no tile {tile_id} for you to work on.")
    return tile


def with_etag(body: dict[str, Any], version: int, http_status: int = status.HTTP_200_OK) -> Response:
    """An answer that carries the version to send back in If-Match."""
    return Response(body, status=http_status, headers={"ETag": f'"{version}"'})


class MeView(APIView):
    """Who I am."""

    token_scopes = scopes.READ

    @extend_schema(responses=s.MeSerializer)
    def get(self, request: Request) -> Response:
        """The caller, with their roles."""
        user = person(request)
        contributor = contributor_of(user)
        body = {
            "username": user.username,
            "public_id": contributor.public_id,
            "language": contributor.language,
            "roles": roles_of(user),
            "validations": judged_count(user),
            "is_staff": user.is_staff,
        }
        return Response(s.MeSerializer(body).data)


class MyAnnotationsView(generics.ListAPIView):
    """My work and its outcomes, newest first."""

    token_scopes = scopes.READ
    serializer_class = s.MyAnnotationSerializer

    class Pages(CursorPagination):
        ordering = "-created_at"
        page_size = 50

    pagination_class = Pages

    def get_queryset(self) -> Any:
        """One's own, nothing else."""
        if getattr(self, "swagger_fake_view", False):
            return Annotation.objects.none()
        return (
            Annotation.objects.of(self.request.user)
            .exclude(state=Annotation.State.SPLIT, head__isnull=True)
            .select_related("tile__campaign", "head")
            .prefetch_related("reviews")
        )

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Flatten each row to what a person wants to know of it."""
        page = self.paginate_queryset(self.get_queryset()) or []
        rows = [
            {
                "tile_id": item.tile_id,
                "campaign": item.tile.campaign.slug,
                "row": item.tile.row,
                "col": item.tile.col,
                "part": item.tile.part,
                "state": item.state,
                "version": item.version,
                "submitted_at": item.submitted_at,
                "decided_at": item.decided_at,
                "review": presenters.outcome_body(item),
            }
            for item in page
        ]
        return self.get_paginated_response(s.MyAnnotationSerializer(rows, many=True).data)


class CampaignListView(generics.ListAPIView):
    """The campaigns."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC
    pagination_class = None
    serializer_class = s.CampaignSummarySerializer
    queryset = Campaign.objects.all()


class CampaignView(APIView):
    """One campaign."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC

    @extend_schema(responses={200: s.CampaignSerializer, 404: ERRORS[404]})
    def get(self, request: Request, slug: str) -> Response:
        """A campaign with its layer, nomenclature and progress."""
        campaign = campaign_or_404(slug)
        campaign.progress = campaign_progress(campaign)  # type: ignore[attr-defined]
        campaign.my_role = role_in(campaign=campaign, user=request.user)  # type: ignore[attr-defined, arg-type]
        return Response(s.CampaignSerializer(campaign).data)


def campaign_progress(campaign: Campaign) -> dict[str, int]:
    """Counts shown on the campaign's page; four indexed queries whatever the size."""
    tiles = throughput.tile_states(campaign)
    return {
        "tiles_total": tiles.total,
        "holdout_tiles": campaign.holdout.n_tiles,
        "submitted": tiles.submitted,
        "accepted": tiles.accepted,
        "sent_back": tiles.sent_back,
        **throughput.tickets_waiting(campaign),
    }


class ClaimView(APIView):
    """The next tile."""

    token_scopes = scopes.ANNOTATE

    @extend_schema(
        request=s.ClaimSerializer,
        responses={200: s.AssignmentSerializer, 204: OpenApiResponse(description="Nothing left for you"), **ERRORS},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Claim the best-ranked tile this person may still do, of a territory where one is named."""
        wanted = s.ClaimSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        campaign = campaign_or_404(slug, "layer")
        user = person(request)
        kind, _colon, code = (wanted.validated_data["territory"] or "").partition(":")
        within = territory_named(kind=kind, code=code) if code else None
        ahead = wanted.validated_data["ahead"]
        lease = queue.claim_next_tile(campaign=campaign, annotator=user, ahead=ahead, within=within)
        if lease is None:
            return Response(status=status.HTTP_204_NO_CONTENT)
        lease.tile.campaign = campaign
        return assignment(lease.tile, user, lease)


class PickView(APIView):
    """A tile chosen on the map."""

    token_scopes = scopes.ANNOTATE

    @extend_schema(request=s.PickSerializer, responses={200: s.AssignmentSerializer, **ERRORS})
    def post(self, request: Request, slug: str) -> Response:
        """Take the tile at a row and column."""
        place = s.PickSerializer(data=request.data)
        place.is_valid(raise_exception=True)
        user = person(request)
        lease = queue_pick.pick_tile(campaign=campaign_or_404(slug), annotator=user, **place.validated_data)
        return assignment(tile_or_404(lease.tile_id), user, lease)


class TilePickView(APIView):
    """A known tile, taken again or from a list."""

    token_scopes = scopes.ANNOTATE

    @extend_schema(request=None, responses={200: s.AssignmentSerializer, **ERRORS})
    def post(self, request: Request, tile_id: int) -> Response:
        """Take this tile."""
        tile = tile_or_404(tile_id)
        user = person(request)
        lease = queue_pick.pick_tile(campaign=tile.campaign, annotator=user, row=tile.row, col=tile.col, part=tile.part)
        return assignment(tile_or_404(lease.tile_id), user, lease)


class TileSplitView(APIView):
    """A tile too heavy for one sitting."""

    token_scopes = scopes.ANNOTATE

    @extend_schema(parameters=[IF_MATCH], request=None, responses={200: s.AssignmentSerializer, **ERRORS})
    def post(self, request: Request, tile_id: int) -> Response:
        """Have this tile given out as four quarters; answers with the one to go on with, which has what I drew there.

        To a maintainer who does not hold the tile: its first quarter, without a lease.
        """
        tile = tile_or_404(tile_id)
        user = person(request)
        lease = splitting.split_tile(tile=tile, actor=user, expected_version=expected_version(request))
        shown = lease.tile_id if lease is not None else tile.quarters.order_by("part").values_list("pk", flat=True)[0]
        return assignment(tile_or_404(shown), user, lease)


@cache
def _assignments() -> s.AssignmentSerializer:
    """One for all answers: it keeps nothing of them, and its fields take longer to put together than to use."""
    return s.AssignmentSerializer()


def assignment(tile: Tile, user: User, lease: Lease | None) -> Response:
    """The answer to every way of getting a tile."""
    body = presenters.assignment_body(tile, user, lease)
    return with_etag(_assignments().to_representation(body), body["annotation"]["version"])


class TileView(APIView):
    """A tile."""

    token_scopes = scopes.READ

    @extend_schema(responses={200: s.AssignmentSerializer, 404: ERRORS[404]})
    def get(self, request: Request, tile_id: int) -> Response:
        """A tile with my lease and labels, if any."""
        tile = tile_or_404(tile_id)
        user = person(request)
        lease = Lease.objects.filter(tile=tile, annotator=user, purpose=Lease.Purpose.DRAW).first()
        return assignment(tile, user, lease)


class HeartbeatView(APIView):
    """Still working."""

    token_scopes = scopes.ANNOTATE

    @extend_schema(request=None, responses={200: s.HeartbeatSerializer, 404: ERRORS[404], 409: ERRORS[409]})
    def post(self, request: Request, token: str) -> Response:
        """Keep a tile while working on it."""
        lease = leases.heartbeat_lease(token=token, annotator=person(request))
        classes = Nomenclature.objects.values_list("version", flat=True).get(campaigns__tiles=lease.tile_id)
        return Response(s.HeartbeatSerializer({"expires_at": lease.expires_at, "classes": classes}).data)


class ReleaseLeaseView(APIView):
    """Give a tile back."""

    token_scopes = scopes.ANNOTATE

    @extend_schema(request=s.ReleaseLeaseSerializer, responses={204: None, 404: ERRORS[404]})
    def post(self, request: Request, token: str) -> Response:
        """Leave, skip, or say that the imagery does not allow a label."""
        given = s.ReleaseLeaseSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        leases.release_lease(token=token, annotator=person(request), **given.validated_data)
        return Response(status=status.HTTP_204_NO_CONTENT)


class AnnotationView(APIView):
    """My labels of a tile."""

    token_scopes = scopes.ANNOTATE
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "save"

    @extend_schema(responses={200: s.AnnotationSerializer, 404: ERRORS[404]})
    def get(self, request: Request, tile_id: int) -> Response:
        """The latest saved revision."""
        body = current_annotation(tile_or_404(tile_id), person(request))
        return with_etag(s.AnnotationSerializer(body).data, body["version"])

    @extend_schema(parameters=[IF_MATCH], request=s.SaveSerializer, responses={200: s.AnnotationSerializer, **ERRORS})
    def put(self, request: Request, tile_id: int) -> Response:
        """Save the whole coverage as a new revision."""
        tile = tile_or_404(tile_id)
        given = s.SaveSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        saved = stale_with_current(
            tile,
            person(request),
            labels.save_annotation,
            features=values["features"],
            operation_id=values["operation_id"],
            expected_version=expected_version(request),
            seconds_spent=values["seconds_spent"],
            draft_model=values.get("draft_model") or "",
            views_seen=values["views_seen"],
            classes=values["classes"],
        )
        return saved_answer(saved)


class GeoJSONView(APIView):
    """Labels drawn elsewhere."""

    token_scopes = scopes.ANNOTATE
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "save"

    @extend_schema(
        parameters=[IF_MATCH], request=s.GeoJSONSaveSerializer, responses={200: s.GeoJSONSavedSerializer, **ERRORS}
    )
    def post(self, request: Request, tile_id: int) -> Response:
        """Save a GeoJSON FeatureCollection (longitude, latitude), snapped to the tile's grid."""
        tile = tile_or_404(tile_id)
        given = s.GeoJSONSaveSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        features, moved_m = parse_geojson(
            given.validated_data["collection"],
            grid=tile.grid,
            row=tile.place[0],
            col=tile.place[1],
            class_codes=labels.class_codes(tile.campaign),
        )
        saved = stale_with_current(
            tile,
            person(request),
            labels.save_annotation,
            features=[feature.as_json() for feature in features],
            operation_id=given.validated_data["operation_id"],
            expected_version=expected_version(request),
        )
        return saved_answer(saved, moved_m=moved_m)


class SubmitView(APIView):
    """Hand in."""

    token_scopes = scopes.ANNOTATE

    @extend_schema(parameters=[IF_MATCH], request=s.SubmitSerializer, responses={200: s.AnnotationSerializer, **ERRORS})
    def post(self, request: Request, tile_id: int) -> Response:
        """Submit the latest revision."""
        tile = tile_or_404(tile_id)
        given = s.SubmitSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        saved = stale_with_current(
            tile,
            person(request),
            labels.submit_annotation,
            operation_id=given.validated_data["operation_id"],
            expected_version=expected_version(request),
        )
        return saved_answer(saved)


def current_annotation(tile: Tile, user: User) -> dict[str, Any]:
    """This person's labels as the server has them."""
    annotation = (
        Annotation.objects.select_related("head").prefetch_related("reviews").filter(tile=tile, annotator=user).first()
    )
    return presenters.annotation_body(annotation)


def stale_with_current(tile: Tile, user: User, write: Any, **arguments: Any) -> labels.Saved:
    """Do the write; a stale one answers with both versions, so that nothing is overwritten unseen."""
    try:
        return write(tile=tile, annotator=user, **arguments)
    except StaleRevision as stale:
        current = s.AnnotationSerializer(current_annotation(tile, user)).data
        stale.details = {"yours": stale.details["yours"], "current": current}
        raise


def saved_answer(saved: labels.Saved, **more: Any) -> Response:
    """The annotation as it was after this write, also when the write is a repeat."""
    revision = saved.annotation.revisions.filter(number=saved.version).first()
    body = presenters.annotation_body(saved.annotation, revision) | more
    serializer = s.GeoJSONSavedSerializer(body) if more else s.AnnotationSerializer(body)
    return with_etag(serializer.data, saved.version)


class CampaignTilesView(APIView):
    """Tiles on the map."""

    token_scopes = scopes.READ
    permission_classes = scopes.PUBLIC

    @extend_schema(
        parameters=[OpenApiParameter("bbox", OpenApiTypes.STR, description="west,south,east,north in degrees")],
        responses={(200, "application/geo+json"): OpenApiTypes.OBJECT, 304: None, 404: ERRORS[404]},
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        """Tiles that have a row, as GeoJSON; hold-out tiles are shown as control tiles.

        `truncated`: there are more than 20,000 and these are the most urgent; ask again with a smaller bbox.
        """
        asked = request.query_params.get("bbox")
        found = tile_map(campaign_or_404(slug), parse_bbox(asked) if asked else None)
        # The same for everyone, seconds old at most: a browser asks whether what it has still holds.
        headers = {"ETag": found.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if request.headers.get("If-None-Match") == found.etag:
            return HttpResponseNotModified(headers=headers)
        body = found.compressed
        if accepts_gzip(request):
            headers["Content-Encoding"] = "gzip"
        else:
            body = gzip.decompress(body)
        return HttpResponse(body, content_type="application/geo+json", headers=headers)


class JobView(APIView):
    """A job."""

    token_scopes = scopes.READ

    @extend_schema(responses={200: s.JobSerializer, 304: None, 404: ERRORS[404]})
    def get(self, request: Request, job_id: str) -> Response:
        """State and progress; with If-None-Match, 304 while nothing has changed."""
        job = job_or_404(request, job_id)
        etag = f'"{job.state}-{job.progress:.4f}-{job.fence}"'
        if request.headers.get("If-None-Match") == etag:
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
        return Response(s.JobSerializer(job).data, headers={"ETag": etag})


class CancelJobView(APIView):
    """Stop a job."""

    token_scopes = scopes.PUBLISH

    @extend_schema(request=None, responses={200: s.JobSerializer, 404: ERRORS[404]})
    def post(self, request: Request, job_id: str) -> Response:
        """Ask a job to stop."""
        return Response(s.JobSerializer(jobs.cancel_job(job=job_or_404(request, job_id))).data)


def job_or_404(request: Request, job_id: str) -> Job:
    """A job this person may see."""
    job = Job.objects.visible_to(person(request)).filter(pk=job_id).first()
    if job is None:
        raise NotThere(f"There is no job {job_id} for you to see.")
    return job
