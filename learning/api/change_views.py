"""The API of changes: what is different since a moment or a release, for who follows a territory."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api import scopes
from annotation.api.serializers import ErrorSerializer
from annotation.api.views import ERRORS, campaign_or_404
from annotation.errors import NotThere, UserError
from annotation.models import Campaign
from annotation.services.territories import territory_named
from learning.models import Release
from learning.services.changes import KINDS, Change, Compared, Window, changes_page, window_between

DEFAULT_CHANGES, MOST_CHANGES = 500, 5_000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CURSOR = {
    "labels": re.compile(r"\d{1,18}~\d{1,18}"),
    "reports": re.compile(r"[^~]{10,40}~\d{1,18}"),
    "maps": re.compile(r"[^~]{10,40}~\d{1,18}"),
}


class LabelSideSerializer(serializers.Serializer[Any]):
    """A label as a release holds it."""

    release = serializers.CharField()
    revision = serializers.CharField()
    classes = serializers.DictField(child=serializers.IntegerField(), help_text="Polygons of each class")


class PublishedChangeSerializer(serializers.Serializer[Any]):
    """A change. Members after `address` are there for their kind alone."""

    kind = serializers.ChoiceField(["label", "report", "map"])
    what = serializers.ChoiceField(
        ["added", "changed", "removed", "opened", "fixed", "closed", "reopened", "released", "published"]
    )
    campaign = serializers.CharField()
    at = serializers.DateTimeField(help_text="When it was published, or happened")
    address = serializers.CharField(help_text="The label's polygons (GeoJSON), the report's page, the model's page")
    annotation = serializers.CharField(required=False)
    tile = serializers.DictField(required=False, help_text="{id, row, col} of the whole tile")
    before = LabelSideSerializer(required=False, allow_null=True)
    after = LabelSideSerializer(required=False, allow_null=True)
    report = serializers.CharField(required=False)
    event = serializers.CharField(required=False, help_text="What happened to the report, in its own history")
    map = serializers.IntegerField(required=False)
    model = serializers.CharField(required=False)


class ComparedSerializer(serializers.Serializer[Any]):
    """A campaign's releases at both ends, where they are not the same one."""

    campaign = serializers.CharField()
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)
    labels = serializers.BooleanField(
        help_text="Whether their labels are among the changes; false: one is too old to say which it holds, compare "
        "their annotations.parquet"
    )


class ChangesSerializer(serializers.Serializer[Any]):
    """A page of changes."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField(help_text="Ask from here on the next time: nothing of before will appear")
    releases = ComparedSerializer(many=True)
    changes = PublishedChangeSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="Address of the next page; null: this is the last")


def _query(name: str, description: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, more.pop("type", OpenApiTypes.STR), description=description, **more)


class ChangesView(APIView):
    """What changed."""

    permission_classes = scopes.PUBLIC
    token_scopes = scopes.READ

    @extend_schema(
        operation_id="changes_list",
        parameters=[
            _query("since", "After this moment (2026-06-30T12:00:00Z) or release (gers-1.0.0)", required=True),
            _query("until", "Up to this moment or release; without it, up to a few seconds ago"),
            _query("campaign", "Of this campaign; releases may then be given by version alone (1.0.0)"),
            _query("territory", "Of this territory: commune:32013, epci:…, departement:…"),
            _query("kind", "Of labels, reports, maps: some of these, with commas between; without it, all"),
            _query("limit", "Changes in a page, 5000 at most", type=OpenApiTypes.INT, default=DEFAULT_CHANGES),
            _query("cursor", "Where the page begins: from `next` of the page before"),
        ],
        responses={
            200: ChangesSerializer,
            400: OpenApiResponse(ErrorSerializer, "A parameter is not usable"),
            404: ERRORS[404],
        },
    )
    def get(self, request: Request) -> Response:
        """Labels added, changed and removed by releases; reports opened, fixed and closed; maps published.

        Labels are told of by releases alone. A page never skips what is written while it is read; go on with `next`,
        and from `until` the next time.
        """
        given = {name: values[-1] for name, values in request.query_params.lists() if values[-1]}
        if any("\x00" in value for value in given.values()):
            raise UserError("A parameter holds the character NUL: leave it out.")
        window = read_window(given)
        limit = read_limit(given.get("limit"))
        found, is_more = changes_page(window, after=read_cursor(given.get("cursor", ""), window), limit=limit)
        following = None
        if is_more:
            given |= {"cursor": "~".join(found[-1].place)}
            given.setdefault("until", _text(window.until))
            following = request.build_absolute_uri(f"{request.path}?{urlencode(given)}")
        body = {
            "since": window.since,
            "until": window.until,
            "releases": [compared_body(each) for each in window.compared],
            "changes": [change_body(request, each) for each in found],
            "next": following,
        }
        return Response(body, headers={"Cache-Control": "public, no-cache"})


def read_window(given: dict[str, str]) -> Window:
    """What is asked for.

    Raises: UserError: a parameter is not usable. NotThere: no such campaign, territory or release.
    """
    if "since" not in given:
        raise UserError(
            "since is missing: give a moment such as 2026-06-30T12:00:00Z, or a release such as gers-1.0.0."
        )
    campaign = campaign_or_404(given["campaign"]) if "campaign" in given else None
    since = read_end("since", given["since"], campaign)
    until = read_end("until", given["until"], campaign) if "until" in given else None
    for end in (since, until):
        if isinstance(end, Release):
            campaign = campaign or end.campaign
            if end.campaign_id != campaign.pk:
                raise UserError(f"{end.folder} is no release of {campaign.slug}: give two releases of one campaign.")
    kinds = given.get("kind", ",".join(KINDS)).split(",")
    if not set(kinds) <= set(KINDS):
        raise UserError(
            f"kind is {given['kind'][:60]!r}: {', '.join(KINDS)} are known; give some, with commas between."
        )
    territory = None
    if "territory" in given:
        kind, _colon, code = given["territory"].partition(":")
        territory = territory_named(kind=kind, code=code)
    window = window_between(since=since, until=until, kinds=kinds, campaign=campaign, territory=territory)
    if until is not None and window.since > (until.published_at if isinstance(until, Release) else until):  # type: ignore[operator]
        raise UserError(f"until ({given['until'][:40]}) comes before since ({given['since'][:40]}): exchange them.")
    return window


def read_end(name: str, text: str, campaign: Campaign | None) -> datetime | Release:
    """A moment, or a release by its name, or by its version where the campaign is known.

    Raises: UserError, NotThere.
    """
    if re.fullmatch(r"\d{1,6}\.\d{1,6}\.\d{1,6}", text) and campaign is None:
        raise UserError(f"{name} is the version {text}: say of which campaign, or give the release's name.")
    if re.fullmatch(r"(?:[A-Za-z0-9_-]{1,60}-)?\d{1,6}\.\d{1,6}\.\d{1,6}", text):
        public = Release.objects.public().select_related("campaign")
        release = public.filter(folder=text).first()
        if release is None and campaign is not None:
            release = public.filter(campaign=campaign, version=text).first()
        if release is None:
            raise NotThere(f"There is no release {text!r}: see the list of releases.")
        return release
    try:
        moment = parse_datetime(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
    except ValueError:
        moment = None
    try:
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except OverflowError:  # in the year 1 or 9999 of its own zone, and in no year of universal time
        pass
    raise UserError(f"{name} is {text[:60]!r}: give a moment with its zone (2026-06-30T12:00:00Z) or a release.")


def read_limit(text: str | None) -> int:
    """Changes in a page. Raises: UserError."""
    if text is None:
        return DEFAULT_CHANGES
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise UserError(f"limit is {text[:60]!r}: a number from 1 to {MOST_CHANGES} is expected.")
    return min(int(text), MOST_CHANGES)


def read_cursor(text: str, window: Window) -> tuple[str, ...]:
    """Where a page begins. Raises: UserError."""
    if not text:
        return ()
    kind, _mark, place = text.partition("~")
    try:
        if kind not in window.kinds or not _CURSOR[kind].fullmatch(place):
            raise ValueError(text)
        if kind != "labels" and datetime.fromisoformat(place.partition("~")[0]).tzinfo is None:
            raise ValueError(text)
    except ValueError:
        raise UserError(f"cursor is {text[:60]!r}: take `next` of the page before as it is.") from None
    return (kind, *place.split("~"))


def compared_body(each: Compared) -> dict[str, Any]:
    """Two releases that were compared."""
    return {
        "campaign": each.campaign.slug,
        "before": each.before.folder if each.before else None,
        "after": each.after.folder if each.after else None,
        "labels": each.is_kept,
    }


def change_body(request: Request, change: Change) -> dict[str, Any]:
    """A change, with where to look at it."""
    facts = change.facts
    if change.kind == "label":
        release = (facts["after"] or facts["before"])["release"]
        items = reverse("ogc-items", args=[f"{release}.annotations"])
        address = f"{items}?{urlencode({'annotation_id': facts['annotation']})}"
    elif change.kind == "report":
        address = reverse("report", args=[facts["report"]])
    else:
        address = reverse("model", args=[change.campaign, facts["model"]])
    told = {"kind": change.kind, "what": change.what, "campaign": change.campaign, "at": _text(change.at)}
    return told | {"address": request.build_absolute_uri(address)} | facts


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
