"""The catalogues of the whole site, for machines: STAC (`/stac/catalog.json`), DCAT-AP (`/releases/dcat.jsonld`)."""

from __future__ import annotations

import hashlib
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from annotation.models import Campaign
from learning.models import Release
from learning.open_data import open_data
from learning.release import dcat, stac_site
from learning.release.stac_site import Named, Place, Versions
from learning.release.text import canonical_json
from learning.services import site_catalogue

TITLE = {"fr": "Données ouvertes de Solcommun", "en": "Open data of Solcommun"}
DESCRIPTION = {
    "fr": "Annotations, jeux de données, modèles et cartes de couverture du sol, d'une publication à la suivante.",
    "en": "Annotations, datasets, models and maps of land cover, from release to release.",
}
FIGURES = {
    "fr": "Chiffres par territoire : surfaces, changement, sol artificialisé, avec leur marge d'erreur",
    "en": "Figures by territory: areas, change, artificialised ground, with their margin of error",
}
DCAT_PAGE = 50


@open_data
@require_safe
def stac_root(request: HttpRequest) -> HttpResponse:
    """The territories that have releases."""
    home = _absolute(request, "stac-root")
    children = [
        Named(_absolute(request, "stac-campaign", campaign.slug), _title(campaign))
        for campaign in site_catalogue.published_campaigns()
    ]
    place = Place(href=home, parent=None, root=home)
    return _json(
        request,
        stac_site.catalogue(
            place, id_="solcommun", title=TITLE["en"], description=DESCRIPTION["en"], children=children,
            page=Named(_absolute(request, "territories"), FIGURES["en"]),
        ),
    )  # fmt: skip


@open_data
@require_safe
def stac_campaign(request: HttpRequest, slug: str, page: int = 1) -> HttpResponse:
    """The releases of a territory and vintage, the highest version first; those that do not fit are one more child."""
    campaign = get_object_or_404(Campaign.objects.select_related("layer"), slug=slug)
    pages = Paginator(site_catalogue.releases_of(campaign), stac_site.PAGE, allow_empty_first_page=False)
    if page not in pages.page_range:
        return HttpResponse("There is no such list of releases.", status=404, content_type="text/plain")
    shown = pages.page(page)
    parent = _absolute(request, "stac-root") if page == 1 else _campaign_page(request, slug, page - 1)
    earlier = "" if page == 1 else f", earlier releases {page}"
    return _json(
        request,
        stac_site.catalogue(
            Place(_campaign_page(request, slug, page), parent, _absolute(request, "stac-root")),
            id_=slug if page == 1 else f"{slug}-earlier-{page}",
            title=f"{_title(campaign)}{earlier}",
            description=campaign.description or _title(campaign),
            children=[_named(request, release) for release in shown],
            more=Named(_campaign_page(request, slug, page + 1), "Earlier releases") if shown.has_next() else None,
        ),
    )


@open_data
@require_safe
def stac_release(request: HttpRequest, slug: str, numbers: str) -> HttpResponse:
    """A release as the site knows it today: with the releases around it, leading to its own catalogue."""
    release = get_object_or_404(
        Release.objects.public().select_related("campaign__layer"), campaign__slug=slug, version=numbers
    )
    around = site_catalogue.neighbours_of(release)
    history = Named(_absolute(request, "stac-campaign", slug), "All versions")
    return _json(
        request,
        stac_site.release_collection(
            Place(_release_href(request, release), history.href, _absolute(request, "stac-root")),
            told=site_catalogue.told_by(release),
            versions=Versions(
                history=history,
                before=_named(request, around.before) if around.before else None,
                after=_named(request, around.after) if around.after else None,
                latest=_named(request, around.latest) if around.latest else None,
            ),
            files=_files_href(request, release) if release.yanked_at is None else None,
            withdrawn=release.yank_reason or None,
            page=Named(_absolute(request, "release", release.folder), release.title),
            doi=release.doi or None,
        ),
    )


@open_data
@require_safe
def dcat_catalogue(request: HttpRequest) -> HttpResponse:
    """Every dataset of every release that was not withdrawn, the newest first; in pages named as Hydra does."""
    pages = Paginator(Release.objects.standing().select_related("campaign"), DCAT_PAGE)
    asked = request.GET.get("page", "1")
    if not (asked.isdecimal() and len(asked) < 8 and int(asked) in pages.page_range):
        return HttpResponse("There is no such page of the catalogue.", status=404, content_type="text/plain")
    home, shown = _absolute(request, "dcat"), pages.page(int(asked))
    catalogue = dcat.catalogue_node(f"{home}#catalogue", TITLE, DESCRIPTION, site_catalogue.PUBLISHER, None)
    catalogue["foaf:homepage"] = {"@id": _absolute(request, "releases"), "@type": "foaf:Document"}
    catalogue["dcat:service"] = dcat.service_node(
        f"{home}#territories", FIGURES, endpoint=_absolute(request, "api-territories"),
        description=_absolute(request, "schema"), page=_absolute(request, "territories"),
    )  # fmt: skip
    nodes: dict[str, dict[str, Any]] = {}
    for release in shown:
        base = f"{_files_href(request, release)}dcat.jsonld"
        for node in site_catalogue.dataset_nodes_of(release):
            absolute = dcat.resolved(node, base)
            nodes.setdefault(absolute["@id"], absolute)
    catalogue["dcat:dataset"] = [{"@id": iri} for iri, node in nodes.items() if node["@type"] == "dcat:Dataset"]
    graph = [dcat.resolved(catalogue, f"{request.build_absolute_uri('/')}releases/site/files/"), *nodes.values()]
    if pages.num_pages > 1:
        graph.append(_hydra(home, shown.number, pages.num_pages))
    return _json(request, {"@context": dcat.CONTEXT, "@graph": graph}, content_type="application/ld+json")


def _hydra(home: str, number: int, last: int) -> dict[str, object]:
    """The pages around one. Source: Hydra core vocabulary, as udata's harvester reads it."""
    view: dict[str, object] = {
        "@id": f"{home}?page={number}",
        "@type": "hydra:PartialCollectionView",
        "hydra:first": {"@id": f"{home}?page=1"},
        "hydra:last": {"@id": f"{home}?page={last}"},
    }
    if number > 1:
        view["hydra:previous"] = {"@id": f"{home}?page={number - 1}"}
    if number < last:
        view["hydra:next"] = {"@id": f"{home}?page={number + 1}"}
    return view


def _json(request: HttpRequest, body: object, *, content_type: str = "application/json") -> HttpResponse:
    """A document with its digest as ETag, asked again each time: releases come, and are withdrawn."""
    text = canonical_json(body).encode()
    headers = {"ETag": f'"{hashlib.sha256(text).hexdigest()}"', "Cache-Control": "public, no-cache"}
    if headers["ETag"] in [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]:
        return HttpResponseNotModified(headers=headers)
    return HttpResponse(text, content_type=content_type, headers=headers)


def _absolute(request: HttpRequest, name: str, *args: object) -> str:
    return request.build_absolute_uri(reverse(name, args=args))


def _campaign_page(request: HttpRequest, slug: str, page: int) -> str:
    if page == 1:
        return _absolute(request, "stac-campaign", slug)
    return _absolute(request, "stac-campaign-earlier", slug, page)


def _release_href(request: HttpRequest, release: Release) -> str:
    return _absolute(request, "stac-release", release.campaign.slug, release.version)


def _files_href(request: HttpRequest, release: Release) -> str:
    return f"{_absolute(request, 'release', release.folder)}files/"


def _named(request: HttpRequest, release: Release) -> Named:
    return Named(_release_href(request, release), release.version)


def _title(campaign: Campaign) -> str:
    return f"{campaign.title} ({campaign.layer.title}, {campaign.layer.vintage})"
