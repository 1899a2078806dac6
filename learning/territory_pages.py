"""Pages that a mayor can read: the territories, one of them with all that is known of it, and the method."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.gis.db.models.functions import PointOnSurface
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_safe
from django.views.generic import ListView, TemplateView

from annotation.models import Territory
from annotation.views import in_words, map_boot
from learning.models import Release, TerritoryFigures
from learning.release_ground import ground_files
from learning.services.territory_figures import Document, kept_figures
from learning.territory_shown import (
    areas_shown,
    artificialisation_shown,
    changes_shown,
    counted,
    days_shown,
    percent,
    review_shown,
)
from learning.territory_tables import TABLES, table_csv
from learning.territory_words import NOT_ASSESSED

PER_PAGE = 60
LONGEST_WORDS = 100
LISTED_INSIDE = 40
RELEASES_SHOWN = 10
#: Of a boundary on the page's map, in degrees: some ten metres, which nobody sees at the zoom that shows all of it.
OUTLINE_DEGREES = 0.0001


class TerritoryListView(ListView):
    """The territories, by kind and name, those that answer to what was typed."""

    template_name = "learning/territories.html"
    context_object_name = "territories"
    paginate_by = PER_PAGE

    def get_queryset(self) -> QuerySet[Territory]:
        """Without boundaries; with whether there is anything to see."""
        return found_territories(**asked(self.request))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What was asked for stays in the form."""
        return super().get_context_data(asked=asked(self.request), kinds=Territory.Kind.choices, **kwargs)


def asked(request: HttpRequest) -> dict[str, str]:
    """Words and kind as they stand in the address; what is not understood asks for nothing."""
    kind = request.GET.get("kind", "")
    words = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_WORDS]
    return {"q": words, "kind": kind if kind in Territory.Kind.values else ""}


def found_territories(*, q: str, kind: str) -> QuerySet[Territory]:
    """Territories whose name or code holds every word, those with figures marked."""
    figures = TerritoryFigures.objects.filter(territory=OuterRef("pk"))
    found = Territory.objects.defer("boundary").annotate(has_figures=Exists(figures)).order_by("kind", "name", "code")
    if kind:
        found = found.filter(kind=kind)
    for word in q.split():
        found = found.filter(Q(name__icontains=word) | Q(code__istartswith=word))
    return found


class TerritoryView(TemplateView):
    """All that is known of a territory, from one map; others are a link away."""

    template_name = "learning/territory.html"

    def get_context_data(self, *, kind: str = "", code: str = "", **kwargs: Any) -> dict[str, Any]:
        """The territory, its maps by vintage, and what the one asked for says."""
        territory = get_object_or_404(Territory, kind=kind, code=code)
        rows = kept_figures(territory)
        row = chosen_of(rows, self.request.GET.get("map", ""))
        context = {"territory": territory, "rows": rows, "row": row, **around(territory)}
        if row is not None:
            context |= self.figures(territory, row)
        return super().get_context_data(**context, **kwargs)

    def figures(self, territory: Territory, row: TerritoryFigures) -> dict[str, Any]:
        """What the page shows of one map."""
        document, campaign = row.document, row.campaign
        releases = list(Release.objects.standing().filter(campaign=campaign).order_by("-published_at")[:RELEASES_SHOWN])
        ground_release = next((release for release in releases if ground_files(release)), None)
        imagery, ground = document["imagery"], document["ground"]
        return {
            "campaign": campaign,
            "document": document,
            "classes": [
                {"code": code, "name": in_words(item["name"]), "colour": item["colour"]}
                for code, item in document["classes"].items()
            ],
            "days": days_shown(imagery["first_day"], imagery["last_day"]),
            "ground": {
                "territory": counted(ground["territory_ha"]),
                "imagery": counted(ground["imagery_ha"]),
                "percent": percent(ground["imagery_ha"] / ground["territory_ha"]) if ground["territory_ha"] else "",
                "is_whole": ground["imagery_ha"] >= 0.995 * ground["territory_ha"],
            },
            "areas": areas_shown(document),
            "changes": changes_shown(document),
            "no_pair": NOT_ASSESSED["no_pair"],
            "artificialisation": artificialisation_shown(document),
            "review": review_shown(document),
            "releases": releases,
            "ground_release": ground_release,
            "ground_files": ground_files(ground_release) if ground_release else (),
            "page_url": self.request.build_absolute_uri(),
            "method_url": self.request.build_absolute_uri(reverse("method")),
            "boot": boot_of(territory, row),
        }


def chosen_of(rows: list[TerritoryFigures], slug: str) -> TerritoryFigures | None:
    """The map asked for, else the newest that has one, else the newest; None where nothing was counted."""
    named = next((row for row in rows if row.campaign.slug == slug), None)
    mapped = next((row for row in rows if row.document["map"]), None)
    return named or mapped or next(iter(rows), None)


def around(territory: Territory) -> dict[str, Any]:
    """Territories of other kinds that hold it, and those it holds, by where a point inside of the smaller one lies."""
    order = [Territory.Kind.COMMUNE, Territory.Kind.EPCI, Territory.Kind.DEPARTEMENT]
    rank = order.index(Territory.Kind(territory.kind))
    near = Territory.objects.filter(boundary__bboverlaps=territory.boundary).exclude(pk=territory.pk)
    inside = (
        near.filter(kind__in=order[:rank])
        .annotate(middle=PointOnSurface("boundary"))
        .filter(middle__within=territory.boundary)
    )
    holding = near.filter(kind__in=order[rank + 1 :], boundary__contains=territory.boundary.point_on_surface)
    listed = list(inside.defer("boundary").order_by("kind", "name")[: LISTED_INSIDE + 1]) if rank else []
    return {
        "inside": listed[:LISTED_INSIDE],
        "more_inside": len(listed) > LISTED_INSIDE,
        "holding": list(holding.defer("boundary").order_by("kind", "name")) if rank + 1 < len(order) else [],
    }


def boot_of(territory: Territory, row: TerritoryFigures) -> dict[str, Any]:
    """What the page's map needs: that of a campaign, and the territory's boundary."""
    outline = territory.boundary.simplify(OUTLINE_DEGREES, preserve_topology=True)
    return {
        **map_boot(row.campaign.layer),
        "campaign": row.campaign.slug,
        "looks": {
            code: {"name": in_words(item["name"]), "colour": item["colour"]}
            for code, item in row.document["classes"].items()
        },
        "boundary": json.loads(outline.geojson),
    }


@require_safe
def territory_table(request: HttpRequest, kind: str, code: str, slug: str, table: str) -> HttpResponse:
    """One table of a territory as CSV, of one campaign's map."""
    document = _document(kind, code, slug)
    if table not in TABLES:
        raise Http404
    name = f"{kind}-{code}-{slug}-{table}.csv"
    return HttpResponse(
        table_csv(document, table),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_safe
def territory_boundary(request: HttpRequest, kind: str, code: str) -> HttpResponse:
    """The boundary as it was imported: a GeoJSON file (RFC 7946) that says where it comes from."""
    territory = get_object_or_404(Territory, kind=kind, code=code)
    feature = {
        "type": "Feature",
        "properties": {
            "kind": kind, "code": code, "name": territory.name, "source": territory.source,
            "as_of": territory.as_of.isoformat(),
        },
        "geometry": json.loads(territory.boundary.geojson),
    }  # fmt: skip
    return HttpResponse(
        json.dumps({"type": "FeatureCollection", "features": [feature]}, ensure_ascii=False),
        content_type="application/geo+json",
        headers={"Content-Disposition": f'attachment; filename="{kind}-{code}.geojson"'},
    )


def _document(kind: str, code: str, slug: str) -> Document:
    row = TerritoryFigures.objects.filter(territory__kind=kind, territory__code=code, campaign__slug=slug).first()
    if row is None:
        raise Http404
    found: Document = row.document
    return found


class MethodView(TemplateView):
    """How figures are made, in plain words; a page a language, since it is read as a text."""

    def get_template_names(self) -> list[str]:
        """French, or English for everybody else."""
        return [f"learning/method_{'fr' if (get_language() or '').startswith('fr') else 'en'}.html"]
