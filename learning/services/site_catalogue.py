"""What the catalogues of the whole site say of its releases: by campaign, by version, from the releases' own files."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from annotation.models import Campaign
from learning.models import Release
from learning.release import dcat, layout
from learning.release.contents import PreviousRelease
from learning.release.errors import InvalidContents
from learning.release.manifest import read_manifest

_log = logging.getLogger(__name__)
PUBLISHER = "Solcommun"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The releases of a campaign around one of them, by version; the latest may be the one itself."""

    before: Release | None
    after: Release | None
    latest: Release | None


def published_campaigns() -> list[Campaign]:
    """Campaigns that have published something, by their short name."""
    return list(
        Campaign.objects.filter(pk__in=Release.objects.public().values("campaign_id"))
        .select_related("layer")
        .order_by("slug")
    )


def releases_of(campaign: Campaign) -> list[Release]:
    """The published releases of a campaign, the highest version first."""
    found = list(Release.objects.public().filter(campaign=campaign).select_related("campaign").defer("summary"))
    return sorted(found, key=lambda release: _numbers(release.version), reverse=True)


def neighbours_of(release: Release) -> Neighbours:
    """The releases before and after one, and the highest that was not withdrawn."""
    ordered = releases_of(release.campaign)
    place = [other.pk for other in ordered].index(release.pk)
    return Neighbours(
        before=ordered[place + 1] if place + 1 < len(ordered) else None,
        after=ordered[place - 1] if place else None,
        latest=next((other for other in ordered if other.yanked_at is None), None),
    )


def told_by(release: Release) -> dict[str, Any]:
    """What a release says of itself, its `release.json`; what its rows say where that file lacks it, or was removed."""
    layer, summary = release.campaign.layer, release.summary
    known = {
        "version": release.version,
        "title": {"fr": release.title, "en": release.title},
        "description": {"fr": release.notes, "en": release.notes},
        "publisher": PUBLISHER,
        "licence": summary.get("licence", settings.CONTRIBUTION_LICENCE),
        "attribution": summary.get("attribution", layer.attribution),
        "campaign": {"slug": release.campaign.slug, "title": release.campaign.title},
        "layer": {
            **{name: getattr(layer, name) for name in ("crs", "transform", "width", "height", "gsd_m", "vintage")},
            "acquired_on": layer.acquired_on and layer.acquired_on.isoformat(),
        },
    }
    if release.yanked_at is not None:
        return known
    try:
        return known | _told(release.path, release.manifest_sha256)
    except (OSError, ValueError):
        _log.warning("release %s lacks its release.json: the catalogue tells what the database knows", release.folder)
        return known


@lru_cache(maxsize=512)
def _told(root: Path, _manifest_sha256: str) -> dict[str, Any]:
    """The digest stands in the key because it names the content: published files never change."""
    return dict(json.loads((root / layout.RELEASE).read_text(encoding="utf-8")))


def dataset_nodes_of(release: Release) -> list[dict[str, Any]]:
    """The DCAT nodes of a release and of their series, addresses relative to its `dcat.jsonld`.

    Those of the release's own document; those that can be told of one made before releases had it.
    """
    try:
        return _nodes(release.path, release.manifest_sha256, release.campaign.slug)
    except (OSError, ValueError, InvalidContents) as error:
        _log.warning("release %s is left out of the DCAT catalogue: %s", release.folder, error)
        return []


@lru_cache(maxsize=512)
def _nodes(root: Path, _manifest_sha256: str, slug: str) -> list[dict[str, Any]]:
    own = root / layout.DCAT
    if own.is_file():
        graph = json.loads(own.read_text(encoding="utf-8"))["@graph"]
        return [node for node in graph if node["@type"] != "dcat:Catalog"]
    try:
        return _nodes_of_an_older_one(root, slug)
    except KeyError as missing:
        _log.warning("release %s is left out of the DCAT catalogue: its release.json lacks %s", root.name, missing)
        return []


def _nodes_of_an_older_one(root: Path, slug: str) -> list[dict[str, Any]]:
    told = json.loads((root / layout.RELEASE).read_text(encoding="utf-8"))
    listed = {entry.path: entry for entry in read_manifest(root).files}
    before = told["previous_version"]
    previous = before and PreviousRelease(before, f"../../{slug}-{before}/files/", frozenset(layout.COLLECTIONS))
    described = dcat.Described(told, [listed[path] for path in dcat.named_files(listed)], previous or None)
    nodes = dcat.dataset_nodes(described)
    return [*nodes, *(dcat.series_node(told, dcat.group_of(node)) for node in nodes)]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
