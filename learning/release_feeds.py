"""Atom feeds of releases: of the site, of a territory, of a campaign; what was withdrawn stays, and says so."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.contrib.syndication.views import Feed
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed, Enclosure
from django.utils.html import escape
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from annotation.models import Campaign, Territory
from annotation.report_feeds import CONTROLS
from annotation.served_tiles import BRIEF
from learning.models import Release
from learning.open_data import open_data
from learning.querysets import campaigns_at
from learning.release import layout
from learning.release.errors import InvalidContents
from learning.release.manifest import FileEntry
from learning.release.notes import first_paragraph
from learning.views import content_type_of, read_files

MOST_ENTRIES = 100
#: Files that people take whole, linked to from an entry; all the others are on the page, and in the manifest.
LINKED = (
    layout.ANNOTATIONS_GPKG, layout.ANNOTATIONS_PARQUET, layout.CATALOG, "dcat.jsonld", layout.RELEASE, layout.MANIFEST,
)  # fmt: skip


class ReleaseAtom(Atom1Feed):
    """Atom with a licence on each entry. Source: RFC 4287; RFC 4946 for the link `license`."""

    def add_item_elements(self, handler: Any, item: dict[str, Any]) -> None:
        """What Django writes, and where the licence lies."""
        super().add_item_elements(handler, item)
        if item.get("licence_link"):
            handler.addQuickElement("link", "", {"rel": "license", "href": item["licence_link"], "type": "text/plain"})


class ReleasesFeed(Feed):
    """Releases, newest first, the last hundred."""

    feed_type = ReleaseAtom

    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The feed, unless the caller has it already."""
        answer = super().__call__(request, *args, **kwargs)
        answer.headers["ETag"] = f'"{hashlib.sha256(answer.content).hexdigest()[:32]}"'
        answer.headers["Cache-Control"] = BRIEF
        known = [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]
        if answer.headers["ETag"] in known:
            kept = {name: answer.headers[name] for name in ("ETag", "Cache-Control")}
            return HttpResponseNotModified(headers=kept)
        return answer

    def get_object(self, request: HttpRequest, slug: str = "") -> dict[str, Any]:
        """What the feed is of: nothing named is everything."""
        if any("\x00" in value for value in request.GET.values()):
            raise Http404
        slug = slug or request.GET.get("campaign", "")
        kind, _colon, code = request.GET.get("territory", "").partition(":")
        campaign = get_object_or_404(Campaign, slug=slug) if slug else None
        territory = get_object_or_404(Territory, kind=kind, code=code) if kind else None
        if not {*request.GET} <= {"campaign", "territory"}:
            raise Http404
        host = request.get_host().partition(":")[0]
        address, root = request.build_absolute_uri(), request.build_absolute_uri("/")
        return {"campaign": campaign, "territory": territory, "host": host, "root": root, "address": address}

    def title(self, obj: dict[str, Any]) -> str:
        """Whose releases."""
        if obj["campaign"] is not None:
            return _("Releases of “%(campaign)s”") % {"campaign": _clean(obj["campaign"].title)}
        if obj["territory"] is not None:
            return _("Releases of %(territory)s") % {"territory": obj["territory"].name}
        return _("Open data: releases")

    def link(self, obj: dict[str, Any]) -> str:
        """The catalogue."""
        return reverse("releases")

    def feed_url(self, obj: dict[str, Any]) -> str:
        """Its own address."""
        return str(obj["address"])

    def feed_guid(self, obj: dict[str, Any]) -> str:
        """The same for as long as the site has its name. Source: RFC 4151."""
        parts = ["releases"]
        parts += [f"campaign:{obj['campaign'].slug}"] if obj["campaign"] is not None else []
        parts += [f"territory:{obj['territory'].kind}:{obj['territory'].code}"] if obj["territory"] is not None else []
        return f"tag:{obj['host']},2026:{'/'.join(parts)}"

    def author_name(self, obj: dict[str, Any]) -> str:
        """A feed has an author; people appear in releases by random ids alone."""
        return "Solcommun"

    def items(self, obj: dict[str, Any]) -> list[tuple[Release, dict[str, Any]]]:
        """Releases, by the last moment at which something happened to them."""
        found: QuerySet[Release] = Release.objects.public().select_related("campaign__layer", "trained_model__campaign")
        if obj["campaign"] is not None:
            found = found.filter(campaign=obj["campaign"])
        if obj["territory"] is not None:
            found = found.filter(campaign__in=campaigns_at(obj["territory"]))
        newest = found.order_by(Coalesce("yanked_at", "published_at").desc(), "-pk")
        return [(release, obj) for release in newest[:MOST_ENTRIES]]

    item_guid_is_permalink = False

    def item_guid(self, item: tuple[Release, dict[str, Any]]) -> str:
        """The release's, whatever becomes of it."""
        release, obj = item
        return f"tag:{obj['host']},{_published(release):%Y-%m-%d}:releases/{release.folder}"

    def item_title(self, item: tuple[Release, dict[str, Any]]) -> str:
        """Title and version; a withdrawn one says so first."""
        release, _obj = item
        name = f"{_clean(release.title)} {release.version}"
        return name if release.yanked_at is None else _("Withdrawn: %(release)s") % {"release": name}

    def item_description(self, item: tuple[Release, dict[str, Any]]) -> str:
        """What it brings, or why it was withdrawn. Feeds take a summary for HTML."""
        release, _obj = item
        if release.yanked_at is not None:
            return escape(_clean(release.yank_reason))
        own = release.texts.get((get_language() or "en")[:2], "") or release.notes
        return escape(_clean(first_paragraph(own)) or _counted(release))

    def item_link(self, item: tuple[Release, dict[str, Any]]) -> str:
        """Its page."""
        return reverse("release", args=[item[0].folder])

    def item_pubdate(self, item: tuple[Release, dict[str, Any]]) -> datetime:
        """When it was published."""
        return _published(item[0])

    def item_updateddate(self, item: tuple[Release, dict[str, Any]]) -> datetime:
        """Then as well, unless it was withdrawn since."""
        return _updated(item[0])

    def item_categories(self, item: tuple[Release, dict[str, Any]]) -> list[str]:
        """The campaign, and whether it was withdrawn."""
        release, _obj = item
        return [release.campaign.slug, *(["withdrawn"] if release.yanked_at is not None else [])]

    def item_copyright(self, item: tuple[Release, dict[str, Any]]) -> str:
        """Licence and attribution."""
        summary = item[0].summary
        return _clean(f"{summary.get('licence', '')}. {summary.get('attribution', '')}")

    def item_extra_kwargs(self, item: tuple[Release, dict[str, Any]]) -> dict[str, Any]:
        """Where the licence lies, of what can be had."""
        release, obj = item
        has_it = release.yanked_at is None and layout.LICENCE in _files(release)
        return {"licence_link": _address(obj, release, layout.LICENCE) if has_it else ""}

    def item_enclosures(self, item: tuple[Release, dict[str, Any]]) -> list[Enclosure]:
        """Its main files; none once it is withdrawn."""
        release, obj = item
        files = _files(release)
        return [
            Enclosure(_address(obj, release, path), str(files[path].size), content_type_of(path))
            for path in LINKED
            if path in files
        ]


releases_feed = open_data(require_safe(ReleasesFeed()))


def _files(release: Release) -> dict[str, FileEntry]:
    """What can be had of a release, by path; nothing of one that was withdrawn, or whose files are away."""
    if release.yanked_at is not None or not release.path.is_dir():
        return {}
    try:
        return _linked(release.path, release.manifest_sha256)
    except (OSError, InvalidContents):
        return {}


@lru_cache(maxsize=1024)
def _linked(root: Path, _manifest_sha256: str) -> dict[str, FileEntry]:
    """Those of a release's files that an entry names: a feed is of more releases than lists of files are kept."""
    files = read_files(root)
    return {path: files[path] for path in (*LINKED, layout.LICENCE) if path in files}


def _address(obj: dict[str, Any], release: Release, path: str) -> str:
    return f"{obj['root'].rstrip('/')}{reverse('release', args=[release.folder])}files/{path}"


def _published(release: Release) -> datetime:
    return release.published_at or release.created_at


def _updated(release: Release) -> datetime:
    return release.yanked_at or _published(release)


def _counted(release: Release) -> str:
    """How much there is, where nobody wrote what is new."""
    return _("%(tiles)s labelled tiles.") % {"tiles": sum(release.summary.get("counts", {}).get("tiles", {}).values())}


def _clean(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return CONTROLS.sub("", text)
