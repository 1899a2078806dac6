"""The public catalogue: what has been released, in words, figures and maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.generic import ListView, TemplateView

from annotation.pictures import strip_of
from annotation.views import in_words, map_boot
from learning.models import Evaluation, Prediction, Release
from learning.release import layout
from learning.release.manifest import FileEntry
from learning.views import listed_files

#: Bars are drawn on this many units for an IoU of 1: whole numbers, the same in every language.
BAR_UNITS = 1000
MOST_LISTED = 40
GROUPS = (
    "",
    layout.ANNOTATIONS_DIR,
    layout.DATASET_DIR,
    layout.MODELS_DIR,
    layout.MAPS_DIR,
    layout.STAC_DIR,
)


class ReleaseListView(ListView):
    """Every published release, newest first."""

    template_name = "learning/release_list.html"
    context_object_name = "releases"
    paginate_by = 24

    def get_queryset(self) -> Any:
        """Published releases only."""
        return Release.objects.public().select_related("campaign__layer")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The cards of this page."""
        context = super().get_context_data(**kwargs)
        context["cards"] = [(release, strip_of(release.campaign.layer)) for release in context["releases"]]
        return context


class ReleaseView(TemplateView):
    """One release: its map, figures, licence, citation and files."""

    template_name = "learning/release.html"

    def get_context_data(self, *, name: str = "", **kwargs: Any) -> dict[str, Any]:
        """The release with its files grouped as a person looks for them."""
        release = get_object_or_404(
            Release.objects.public().select_related("campaign__layer", "campaign__nomenclature", "trained_model"),
            folder=name,
        )
        campaign = release.campaign
        prediction = Prediction.objects.filter(model=release.trained_model, state="ready").first()
        evaluation = Evaluation.objects.filter(model=release.trained_model).first()
        classes = [
            {"code": item.code, "colour": item.colour, "name": in_words(item.name)}
            for item in campaign.nomenclature.classes.all()
        ]
        files = list(listed_files(release.path, release.manifest_sha256).values())
        page_url = self.request.build_absolute_uri(reverse("release", args=[name]))
        return super().get_context_data(
            release=release,
            campaign=campaign,
            counts=shown_counts(release),
            groups=grouped_files(files),
            map_url=next((f"{page_url}files/{item.path}" for item in files if is_class_map(item.path)), None),
            evaluation=evaluation,
            bars=class_bars(evaluation.per_class, classes) if evaluation else [],
            classes=mapped_classes(evaluation, classes),
            boot={**map_boot(campaign.layer), "prediction": prediction.pk if prediction else None},
            page_url=page_url,
            **kwargs,
        )


def shown_counts(release: Release) -> dict[str, int | None]:
    """Labelled tiles of every split, and contributors; None for what an old release does not say."""
    counts = release.summary.get("counts", {})
    tiles = counts.get("tiles")
    return {"tiles": sum(tiles.values()) if tiles else None, "contributors": counts.get("contributors")}


def mapped_classes(evaluation: Evaluation | None, classes: list[dict[str, str]]) -> list[dict[str, str]]:
    """Classes for the map's legend: those the model knows, or all of them when there is no model."""
    if evaluation is None:
        return classes
    known = set(evaluation.class_codes)
    return [item for item in classes if item["code"] in known]


def class_bars(per_class: dict[str, dict[str, Any]], classes: list[dict[str, str]]) -> list[dict[str, Any]]:
    """One row a class with reference pixels, best first, for the drawn chart; places are in BAR_UNITS.

    A class without reference pixels has no figure, and no row.
    """
    named = {item["code"]: item for item in classes}
    rows = [
        {
            "code": code,
            "name": named[code]["name"] if code in named else code,
            "colour": named[code]["colour"] if code in named else "#808080",
            "iou": figures["iou"],
            "low": figures.get("iou_low"),
            "high": figures.get("iou_high"),
            "bar": round(BAR_UNITS * figures["iou"]),
            "bar_low": None if figures.get("iou_low") is None else round(BAR_UNITS * figures["iou_low"]),
            "bar_high": None if figures.get("iou_high") is None else round(BAR_UNITS * figures["iou_high"]),
        }
        for code, figures in per_class.items()
        if figures.get("iou") is not None and figures.get("support_px", 0) > 0
    ]
    return sorted(rows, key=lambda row: (-row["iou"], row["code"]))


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
