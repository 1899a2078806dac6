"""Collections of features: the annotations and the map polygons of published releases, as their files have them.

Nothing else is offered, so that what is not published cannot show. A release's collections are called as its folder,
those of a campaign's latest release as the campaign: gers-1.0.0.annotations, gers.annotations.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from learning.models import Release
from learning.release import layout
from learning.release.feature_files import FeatureFile, open_features

_log = logging.getLogger(__name__)
ANNOTATIONS, MAP = "annotations", "map"
#: Columns that may be asked to hold a text, by kind of collection.
FILTERS = {ANNOTATIONS: ("class_code", "provenance", "role", "annotation_id", "tile_id"), MAP: ("class_code", "reason")}
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,119})\.(annotations|map)")


@dataclass(frozen=True, slots=True)
class PublishedFeatures:
    """A collection. `is_latest`: it is called as the campaign, and is of another release one day."""

    id: str
    kind: str
    release: Release
    is_latest: bool
    source: FeatureFile

    @property
    def filters(self) -> tuple[str, ...]:
        """Columns that may be asked to hold a text."""
        return tuple(name for name in FILTERS[self.kind] if name in self.source.columns)


def published_features() -> list[PublishedFeatures]:
    """Every collection: of each campaign's latest release, then of all releases, newest first."""
    releases = list(Release.objects.standing().select_related("campaign").order_by("-published_at", "-pk"))
    latest: dict[int, Release] = {}
    for release in releases:
        if release.view == Release.View.OWN:  # a theme's own classes say the national ones, too
            latest.setdefault(release.campaign_id, release)
    named = [(release.campaign.slug, release, True) for release in latest.values()]
    named += [(release.folder, release, False) for release in releases]
    return [
        PublishedFeatures(f"{name}.{kind}", kind, release, is_latest, source)
        for name, release, is_latest in named
        for kind in FILTERS
        if (source := source_of(release, kind)) is not None
    ]


def features_named(collection_id: str, *, version: str = "") -> PublishedFeatures | None:
    """A collection by its id; None = there is no such one.

    Args: version: of the release whose features go on to be read by pages, where the collection is of the latest.
    """
    found = _NAME.fullmatch(collection_id)
    if found is None:
        return None
    name, kind = found.groups()
    standing = Release.objects.standing().select_related("campaign").order_by("-published_at", "-pk")
    release = standing.filter(folder=name).first()
    is_latest = release is None
    if release is None:
        of_campaign = standing.filter(campaign__slug=name, view=Release.View.OWN)
        release = (of_campaign.filter(version=version) if version else of_campaign).first()
    source = source_of(release, kind) if release is not None else None
    if release is None or source is None:
        return None
    return PublishedFeatures(collection_id, kind, release, is_latest, source)


def withdrawn_release(collection_id: str, *, version: str = "") -> Release | None:
    """The withdrawn release that a collection was of; None = there is no such one."""
    found = _NAME.fullmatch(collection_id)
    if found is None:
        return None
    withdrawn = Release.objects.public().filter(yanked_at__isnull=False)
    return (
        withdrawn.filter(folder=found[1]).first() or withdrawn.filter(campaign__slug=found[1], version=version).first()
    )


def source_of(release: Release, kind: str) -> FeatureFile | None:
    """The file that a release's features of a kind are read from; None where it has none, or it is away or damaged."""
    path = file_of(release, kind)
    if path is None:
        return None
    try:
        return open_features(path, release.manifest_sha256)
    except (OSError, ValueError, KeyError) as error:  # the others go on being listed
        _log.warning("release %s has no features to serve: %s: %s", release.folder, path.name, error)
        return None


def file_of(release: Release, kind: str) -> Path | None:
    """Where the GeoParquet file of a kind lies; None where the release has none."""
    if kind == ANNOTATIONS:
        path = release.path / layout.ANNOTATIONS_PARQUET
        return path if path.is_file() else None
    listed = sorted((release.path / layout.MAP_VECTORS_DIR).glob("*.parquet"))
    return listed[0] if listed else None
