"""The public catalogue: what has been released, in words, figures and maps."""

from __future__ import annotations

import json
from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import get_language
from django.views.generic import ListView, TemplateView

from learning.models import Evaluation, Prediction, Release


class ReleaseListView(ListView):
    """Every published release, newest first."""

    template_name = "learning/release_list.html"
    context_object_name = "releases"

    def get_queryset(self) -> Any:
        """Published releases only."""
        return Release.objects.public().select_related("campaign__layer", "trained_model")


class ReleaseView(TemplateView):
    """One release: its map, figures, licence, citation and files."""

    template_name = "learning/release.html"

    def get_context_data(self, *, name: str = "", **kwargs: Any) -> dict[str, Any]:
        """The release with its files grouped as a person looks for them."""
        release = get_object_or_404(
            Release.objects.public().select_related("campaign__layer", "campaign__nomenclature", "trained_model"),
            folder=name,
        )
        manifest = json.loads((release.path / "manifest.json").read_text("utf-8"))
        prediction = Prediction.objects.filter(model=release.trained_model, state="ready").first()
        west, south, east, north = release.campaign.layer.pixel_grid.bounds_wgs84
        return super().get_context_data(
            release=release,
            campaign=release.campaign,
            groups=grouped_files(manifest["files"]),
            evaluation=Evaluation.objects.filter(model=release.trained_model).first(),
            classes={item.code: item for item in release.campaign.nomenclature.classes.all()},
            boot={
                "layer": release.campaign.layer.slug,
                "prediction": prediction.pk if prediction else None,
                "bounds": [[south, west], [north, east]],
                "attribution": release.campaign.layer.attribution,
                "language": get_language(),
            },
            page_url=self.request.build_absolute_uri(reverse("release", args=[name])),
            **kwargs,
        )


GROUPS = ("annotations", "dataset", "models", "maps", "stac")


def grouped_files(files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Files by their first folder; a group of many (a dataset's tiles) is counted, and its tables listed."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for item in files:
        head, _, rest = item["path"].partition("/")
        groups.setdefault(head if rest else "", []).append(item)
    ordered = sorted(groups, key=lambda name: (GROUPS.index(name) if name in GROUPS else len(GROUPS), name))
    return [
        {
            "name": name,
            "count": len(groups[name]),
            "size": sum(item["size"] for item in groups[name]),
            "files": [item for item in groups[name] if not is_one_of_many(item["path"])][:40],
        }
        for name in ordered
    ]


def is_one_of_many(path: str) -> bool:
    """Whether a file is one tile of a dataset, better fetched by a script than by a click."""
    return path.endswith(".tif") and path.startswith("dataset/")
