"""The public catalogue: what has been released, in words, figures and maps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.generic import ListView, TemplateView

from annotation.pictures import strip_of
from annotation.views import in_words, map_boot
from learning.catalogue_filters import Filters, choices
from learning.map_layers import layers_with
from learning.model_figures import NamedClass, named_classes, score_rows
from learning.models import Prediction, Release
from learning.release import layout
from learning.release.manifest import FileEntry
from learning.release_documents import card_of, changes_shown, citation_of, licence_rows
from learning.release_figures import PublishedFigures, published_figures
from learning.release_ground import ground_shown
from learning.views import files_in_place
from learning.withdrawn_pages import gone

MOST_LISTED = 40
VERSIONS_SHOWN = 20
GROUPS = (
    "",
    layout.ANNOTATIONS_DIR,
    layout.DATASET_DIR,
    layout.MODELS_DIR,
    layout.MAPS_DIR,
    layout.CHANGE_DIR,
    layout.GROUND_DIR,
    layout.STAC_DIR,
)


class ReleaseListView(ListView):
    """Published releases, newest first, those that answer to what the address asks for."""

    template_name = "learning/release_list.html"
    context_object_name = "releases"
    paginate_by = 24
    filters: Filters

    def get_queryset(self) -> Any:
        """Published releases only, withdrawn ones among them."""
        self.filters = Filters.of(self.request.GET)
        return self.filters.applied(Release.objects.public().select_related("campaign__layer"))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The cards of this page."""
        context = super().get_context_data(**kwargs)
        context |= {"filters": self.filters, **choices()}
        context["cards"] = [(release, strip_of(release.campaign.layer)) for release in context["releases"]]
        return context


class ReleaseView(TemplateView):
    """One release: its map, figures, licence, citation and files."""

    template_name = "learning/release.html"
    release: Release

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find the release; of one that was withdrawn only that is told."""
        self.release = get_object_or_404(
            Release.objects.public()
            .defer(None)
            .select_related("campaign__layer", "campaign__nomenclature", "trained_model__campaign"),
            folder=kwargs["name"],
        )
        if self.release.yanked_at is not None and request.method in {"GET", "HEAD"}:
            return gone(request, self.release)
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, *, name: str = "", **kwargs: Any) -> dict[str, Any]:
        """The release with its files grouped as a person looks for them."""
        release = self.release
        campaign = release.campaign
        prediction = (
            Prediction.objects.own()
            .select_related("model__campaign", "layer")
            .filter(model=release.trained_model, state="ready")
            .first()
        )
        evaluation = published_figures(release)
        # The release itself says whether there is one: else none is looked for.
        origin = (
            release.trained_model.foreign_origin if release.trained_model and release.summary.get("origin") else None
        )
        classes = named_classes(campaign)
        listed = files_in_place(release)
        files = list((listed or {}).values())
        page_url = self.request.build_absolute_uri(reverse("release", args=[name]))
        return super().get_context_data(
            release=release,
            campaign=campaign,
            counts=shown_counts(release),
            groups=grouped_files(files),
            is_away=listed is None,
            map_url=next((f"{page_url}files/{item.path}" for item in files if is_class_map(item.path)), None),
            evaluation=evaluation,
            origin=origin,
            origin_title=in_words(origin.title) if origin else "",
            origin_seen=in_words(origin.seen) if origin else "",
            bars=class_bars(evaluation.per_class, classes) if evaluation else [],
            classes=mapped_classes(evaluation, classes),
            boot={
                **map_boot(campaign.layer),
                "map": layers_with(campaign, prediction),
                "looks": {code: {"name": item.name, "colour": item.colour} for code, item in classes.items()},
            },
            page_url=page_url,
            cite=citation_of(release, page_url=page_url),
            licences=licence_rows(release, {item.path for item in files}),
            has_card=card_of(listed or {}) is not None,
            versions=list(campaign.releases.public().order_by("-published_at")[:VERSIONS_SHOWN]),
            ogc_url=self.request.build_absolute_uri(reverse("ogc-landing")),
            ground=ground_shown(release),
            **changes_shown(release, classes),
            **kwargs,
        )


def shown_counts(release: Release) -> dict[str, int | None]:
    """Labelled tiles of every split, and contributors; None for what an old release does not say."""
    counts = release.summary.get("counts", {})
    tiles = counts.get("tiles")
    return {"tiles": sum(tiles.values()) if tiles else None, "contributors": counts.get("contributors")}


def mapped_classes(evaluation: PublishedFigures | None, classes: Mapping[str, NamedClass]) -> list[NamedClass]:
    """Classes for the map's legend: those the model knows, or all of them when there is no model."""
    known = set(classes) if evaluation is None else set(evaluation.class_codes)
    return [item for code, item in classes.items() if code in known]


def class_bars(per_class: Mapping[str, Mapping[str, Any]], classes: Mapping[str, NamedClass]) -> list[dict[str, Any]]:
    """One row a class with reference pixels, best first; a class without them has no figure, and no row."""
    rows = [row for row in score_rows(per_class, classes) if row["support_px"]]
    return sorted(rows, key=lambda row: (-row["iou"], row["item"].code))


def grouped_files(files: list[FileEntry]) -> list[dict[str, Any]]:
    """Files by their first folder; a group of many (a dataset's tiles) is counted, and its tables listed."""
    groups: dict[str, list[FileEntry]] = {}
    for item in files:
        head, _, rest = item.path.partition("/")
        groups.setdefault(head if rest else "", []).append(item)
    ordered = sorted(groups, key=lambda name: (GROUPS.index(name) if name in GROUPS else len(GROUPS), name))
    answer = []
    for name in ordered:
        shown = [item for item in groups[name] if not is_one_of_many(item.path)][:MOST_LISTED]
        answer.append(
            {
                "name": name,
                "count": len(groups[name]),
                "size": sum(item.size for item in groups[name]),
                "files": shown,
                "unlisted": len(groups[name]) - len(shown),
            }
        )
    return answer


def is_one_of_many(path: str) -> bool:
    """Whether a file is one tile of a dataset, better fetched by a script than by a click."""
    return path.endswith(".tif") and path.startswith(f"{layout.DATASET_DIR}/")


def is_class_map(path: str) -> bool:
    """Whether a file is a class raster of the map."""
    name = Path(path).name
    return path.startswith(f"{layout.MAPS_DIR}/") and name.endswith(".tif") and "_CLASS_" in name
