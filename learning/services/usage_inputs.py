"""What is known of the usage of a layer's ground: polygons of all sources, what wins last to first (docs/adr/0052)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.gis.db.models.functions import AsWKB
from django.contrib.gis.geos import Polygon
from django.db.models import Max, QuerySet, Sum

from annotation.models import AnnotatedFeature, Annotation, Campaign, ImageryLayer, UsagePolygon, UsageSource
from annotation.services.class_lineage import origins_of
from annotation.services.usage import usage_campaigns, usage_sources
from learning.core.artificialisation import EXEMPTIONS, ArtificialisationRule

LABELS = "labels"
Kind = UsageSource.Kind


@dataclass(frozen=True, slots=True)
class UsageInputs:
    """Sources of usage of a layer.

    Args:
        sources: what is told of each, what wins first, then quarries and exemptions: {"kind", "source", "licence",
            "as_of", "sha256", "polygons"}.
        sha256: of all of them.
    """

    layer: ImageryLayer
    rule: ArtificialisationRule
    sources: list[dict[str, Any]]
    sha256: str
    campaigns: tuple[Campaign, ...]
    imported: tuple[UsageSource, ...]

    @property
    def knows_quarries(self) -> bool:
        """Whether ground outside of the quarries that were imported is known not to be one."""
        return any(source.kind == Kind.QUARRIES for source in self.imported)

    def usage_within(self, bounds_crs: tuple[float, float, float, float]) -> Iterator[tuple[int, list[bytes]]]:
        """Raster values of usage and the polygons (WKB) that have it near a place; of two at one place the later wins.

        Of quarries the newest source alone, before all others; then the rule's precedence, reversed.
        """
        quarries = next((source for source in self.imported if source.kind == Kind.QUARRIES), None)
        if quarries is not None:
            extraction = min(self.rule.extraction_usages)
            yield self.rule.usage_value(extraction), self._imported(quarries, bounds_crs).get("", [])
        for kind in reversed(self.rule.precedence):
            if kind == LABELS:
                found = (self._labelled(campaign, bounds_crs) for campaign in self.campaigns)
            else:
                usage = [source for source in self.imported if source.kind == Kind.USAGE]
                found = (self._imported(source, bounds_crs) for source in reversed(usage))
            for by_code in found:
                for code, polygons in sorted(by_code.items()):
                    yield self.rule.usage_value(code), polygons

    def exempt_within(self, bounds_crs: tuple[float, float, float, float]) -> Iterator[tuple[str, list[bytes]]]:
        """Kinds of exemptions and the polygons (WKB) that are exempt near a place."""
        for kind in EXEMPTIONS:
            for source in self.imported:
                if source.kind == kind:
                    yield kind, self._imported(source, bounds_crs).get("", [])

    def _imported(self, source: UsageSource, bounds: tuple[float, float, float, float]) -> dict[str, list[bytes]]:
        polygons = UsagePolygon.objects.filter(source=source, geometry__bboverlaps=Polygon.from_bbox(bounds))
        return _by_code(polygons.order_by("pk").annotate(wkb=AsWKB("geometry")).values_list("code", "wkb"))

    def _labelled(self, campaign: Campaign, bounds: tuple[float, float, float, float]) -> dict[str, list[bytes]]:
        revisions = Annotation.objects.filter(pk__in=_labels(campaign).values("pk")).values("head")
        polygons = AnnotatedFeature.objects.filter(
            revision__in=revisions, geometry__bboverlaps=Polygon.from_bbox(bounds)
        )
        found = _by_code(polygons.order_by("pk").annotate(wkb=AsWKB("geometry")).values_list("class_code", "wkb"))
        _loaded, origins = origins_of(campaign.nomenclature)
        by_usage: dict[str, list[bytes]] = {}
        for code, some in found.items():
            of = origins.get(code, (code,))
            if len(of) == 1:  # of classes that were merged nobody knows which usage it is
                by_usage.setdefault(of[0], []).extend(some)
        return by_usage


def usage_inputs(layer: ImageryLayer, rule: ArtificialisationRule) -> UsageInputs:
    """What there is for a layer now: few questions, whatever the number of polygons."""
    imported, campaigns = tuple(usage_sources(layer)), tuple(usage_campaigns(layer))
    labelled = [_told_of_labels(campaign) for campaign in reversed(campaigns)]  # the newest campaign wins
    usage = [_told(source) for source in imported if source.kind == Kind.USAGE]
    others = [_told(source) for source in imported if source.kind != Kind.USAGE]
    ordered = {LABELS: [one for one in labelled if one["polygons"]], Kind.USAGE.value: usage}
    sources = [one for kind in rule.precedence for one in ordered[kind]] + others
    text = json.dumps([rule.code, rule.version, sources], sort_keys=True)
    return UsageInputs(layer, rule, sources, hashlib.sha256(text.encode()).hexdigest(), campaigns, imported)


def _told(source: UsageSource) -> dict[str, Any]:
    return {
        "kind": source.kind, "source": source.source, "licence": source.licence, "as_of": source.as_of.isoformat(),
        "sha256": source.sha256, "polygons": source.n_polygons,
    }  # fmt: skip


def _told_of_labels(campaign: Campaign) -> dict[str, Any]:
    """The labels of a campaign of usage, in so many words that any other set of them differs."""
    heads = Annotation.objects.filter(pk__in=_labels(campaign).values("pk"))
    found = heads.aggregate(last=Max("decided_at"), total=Sum("head_id"))
    polygons = AnnotatedFeature.objects.filter(revision__in=heads.values("head")).count()
    made_of = f"{campaign.slug} {polygons} {found['total']} {found['last']}"
    return {
        "kind": LABELS, "source": campaign.title, "licence": "",
        "as_of": found["last"].date().isoformat() if found["last"] else "",
        "sha256": hashlib.sha256(made_of.encode()).hexdigest(), "polygons": polygons,
    }  # fmt: skip


def _labels(campaign: Campaign) -> QuerySet[Annotation]:
    """Accepted labels of pool tiles; those of control tiles stay what maps are judged by."""
    return Annotation.objects.filter(tile__campaign=campaign).shown_on_maps()


def _by_code(rows: QuerySet[Any, Any]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for code, wkb in rows:
        found.setdefault(code, []).append(bytes(wkb))
    return found
