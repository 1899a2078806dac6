"""The catalogue of a whole site in STAC 1.1: territories and vintages, and of each its releases, old and new.

Published files never change, so what is known only later (which release follows, which is the latest, which was
withdrawn) is said here and nowhere else. Every address is absolute; a release's document leads to the release's own
catalogue, which is complete in itself. What does not fit in one document is a child of it, so that any walker finds it.
Source: STAC 1.1.0; extensions version 1.2.0 and scientific 1.0.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

import pystac

from learning.release import geodesy
from learning.release.licences import stac_licence
from learning.release.stac_items import EXTENSIONS

Json = dict[str, Any]
PAGE = 100
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document stands: its own address, its parent's (None for the root), the root's."""

    href: str
    parent: str | None
    root: str


@dataclass(frozen=True, slots=True)
class Named:
    """A document to link to."""

    href: str
    title: str


@dataclass(frozen=True, slots=True)
class Versions:
    """The releases around one: before, after and last, where there are such, and the list of all."""

    history: Named
    before: Named | None = None
    after: Named | None = None
    latest: Named | None = None


def catalogue(
    place: Place, *, id_: str, title: str, description: str, children: Sequence[Named], more: Named | None = None,
    page: Named | None = None,
) -> Json:  # fmt: skip
    """A catalogue of other documents; `more` is one more child, of those that do not fit, `page` one for people."""
    made = pystac.Catalog(id=id_, title=title, description=description)
    made.clear_links()
    _place(made, place)
    for child in (*children, *([more] if more else [])):
        made.add_link(_link("child", child))
    if page is not None:
        made.add_link(pystac.Link("related", page.href, media_type="text/html", title=page.title))
    return dict(made.to_dict(include_self_link=True, transform_hrefs=False))


def release_collection(
    place: Place,
    *,
    told: Mapping[str, Any],
    versions: Versions,
    files: str | None,
    page: Named,
    withdrawn: str | None = None,
    doi: str | None = None,
) -> Json:
    """A release as the site knows it today.

    Args: told: its `release.json`. files: address of its files, with a slash at the end, None when they are not given
          any more. page: its page for people. withdrawn: why it should no longer be used, None while it may.
          doi: "10.5281/zenodo.1" where it has one.
    """
    campaign, version = told["campaign"], told["version"]
    licence = stac_licence(told.get("dataset_licence") or told["licence"])
    reason = f"**Withdrawn:** {withdrawn}\n\n" if withdrawn else ""
    made = pystac.Collection(
        id=f"{campaign['slug']}-{version}",
        title=f"{told['title']['en']} {version}",
        description=f"{reason}{told['description']['en']} {told['attribution']}",
        extent=_extent(told["layer"]),
        license=licence,
        keywords=["land cover", "aerial imagery", campaign["slug"]],
        providers=[pystac.Provider(told["publisher"], roles=[pystac.ProviderRole.PRODUCER])],
        stac_extensions=[EXTENSIONS["version"]],
        extra_fields={"version": version, "deprecated": withdrawn is not None},
    )
    made.clear_links()
    _place(made, place)
    if files is not None:
        made.add_link(_link("child", Named(f"{files}catalog.json", made.title or made.id)))
        made.add_link(pystac.Link("license", f"{files}LICENSE.txt", media_type="text/plain"))
    made.add_link(pystac.Link("about", page.href, media_type="text/html", title=page.title))
    for rel, other in (
        ("predecessor-version", versions.before),
        ("successor-version", versions.after),
        ("latest-version", versions.latest),
        ("version-history", versions.history),
    ):
        if other is not None:
            made.add_link(_link(rel, other))
    if doi:
        made.stac_extensions.append(EXTENSIONS["scientific"])
        made.extra_fields["sci:doi"] = doi
        made.add_link(pystac.Link("cite-as", f"https://doi.org/{doi}"))
    return dict(made.to_dict(include_self_link=True, transform_hrefs=False))


def _place(made: pystac.Catalog, place: Place) -> None:
    for rel, href in (("root", place.root), ("self", place.href), ("parent", place.parent)):
        if href is not None:
            made.add_link(pystac.Link(rel, href, media_type=_JSON))


def _link(rel: str, other: Named) -> pystac.Link:
    return pystac.Link(rel, other.href, media_type=_JSON, title=other.title)


def _extent(layer: Mapping[str, Any]) -> pystac.Extent:
    bounds = geodesy.window_bounds(
        tuple(layer["transform"]), x_px=0, y_px=0, width=layer["width"], height=layer["height"]
    )
    year = layer["vintage"]
    day = datetime.combine(datetime.fromisoformat(layer["acquired_on"]), time(), UTC) if layer["acquired_on"] else None
    interval = [day, day] if day else [datetime(year, 1, 1, tzinfo=UTC), datetime(year, 12, 31, tzinfo=UTC)]
    return pystac.Extent(
        pystac.SpatialExtent([geodesy.bounds_wgs84(bounds, layer["crs"])]), pystac.TemporalExtent([interval])
    )
