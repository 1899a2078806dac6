"""What a reader of the catalogue asks for: a territory, a campaign, a vintage, words, the latest only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict

from annotation.models import Campaign, ImageryLayer, Territory
from learning.models import Release
from learning.models.releases import ReleaseQuerySet

MOST_TERRITORIES = 1_000
LONGEST_WORDS = 100


@dataclass(frozen=True, slots=True)
class Filters:
    """As they stand in the address; what is not understood asks for nothing."""

    territory: int | None = None
    campaign: str = ""
    vintage: int | None = None
    words: str = ""
    latest: bool = False

    @classmethod
    def of(cls, given: QueryDict) -> Filters:
        """Read an address."""
        return cls(
            territory=_number(given.get("territory", "")),
            campaign=given.get("campaign", "").replace("\x00", "")[:60],
            vintage=_number(given.get("vintage", "")),
            words=given.get("q", "").replace("\x00", "").strip()[:LONGEST_WORDS],
            latest=given.get("latest") == "1",
        )

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        return self != Filters()

    def applied(self, releases: ReleaseQuerySet) -> ReleaseQuerySet:
        """The releases that answer to all of it."""
        if self.territory is not None:
            ground = Territory.objects.filter(pk=self.territory)
            covers = ground.filter(boundary__intersects=OuterRef("campaign__layer__footprint"))
            releases = releases.filter(Exists(covers))
        if self.campaign:
            releases = releases.filter(campaign__slug=self.campaign)
        if self.vintage is not None:
            releases = releases.filter(campaign__layer__vintage=self.vintage)
        for word in self.words.split():
            releases = releases.filter(
                Q(title__icontains=word)
                | Q(notes__icontains=word)
                | Q(folder__icontains=word)
                | Q(campaign__title__icontains=word)
                | Q(campaign__layer__title__icontains=word)
            )
        if self.latest:
            newest = (
                Release.objects.standing()
                .order_by("campaign_id", "view", "-published_at")
                .distinct("campaign_id", "view")
            )
            releases = releases.filter(pk__in=newest.values("pk"))
        return releases


def choices() -> dict[str, Any]:
    """What there is to choose among: campaigns with releases, their vintages, territories that they cover."""
    campaigns = list(
        Campaign.objects.filter(Exists(Release.objects.public().filter(campaign=OuterRef("pk"))))
        .order_by("title", "slug")
        .values_list("slug", "title", "layer__vintage", "layer_id")
    )
    layers = ImageryLayer.objects.filter(pk__in={layer for *_, layer in campaigns})
    covered = Exists(layers.filter(footprint__intersects=OuterRef("boundary")))
    territories = Territory.objects.filter(covered).order_by("kind", "name", "code").defer("boundary")
    return {
        "campaigns": [(slug, title) for slug, title, *_ in campaigns],
        "vintages": sorted({vintage for _, _, vintage, _ in campaigns}, reverse=True),
        "territories": list(territories[:MOST_TERRITORIES]) if campaigns else [],
    }


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
