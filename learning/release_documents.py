"""Documents of a release as pages: what changed, and the card of its model. Drawn by templates from plain records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import get_language, gettext
from django.views.generic import TemplateView

from learning.model_figures import NamedClass, named
from learning.models import Release
from learning.release import layout
from learning.release.changes import ReleaseChanges
from learning.release.citation import Citation
from learning.release.errors import InvalidContents
from learning.release.licences import OTHER, licence_href, licence_name
from learning.release.markdown import parse_markdown
from learning.release.notes import generated_notes
from learning.release.records import from_json
from learning.views import files_in_place

PUBLISHER = "Solcommun"
LARGEST_CARD = 200_000
LICENSED = (
    layout.ANNOTATIONS_DIR, layout.DATASET_DIR, layout.MODELS_DIR, layout.MAPS_DIR, layout.CHANGE_DIR,
    layout.GROUND_DIR,
)  # fmt: skip


class ModelCardView(TemplateView):
    """The card of a release's model, as it was published."""

    template_name = "learning/model_card.html"

    def get_context_data(self, *, name: str = "", **kwargs: Any) -> dict[str, Any]:
        """Its blocks, its own title left to the page."""
        release = get_object_or_404(Release.objects.standing().select_related("campaign"), folder=name)
        path = card_of(files_in_place(release) or {})
        if path is None or not (release.path / path).is_file():
            raise Http404
        text = (release.path / path).read_text(encoding="utf-8")[:LARGEST_CARD]
        blocks = parse_markdown(text)
        title = next((block for block in blocks if block.kind == "heading" and block.level == 1), None)
        shown = [block for block in blocks if block is not title]
        return super().get_context_data(
            release=release, campaign=release.campaign, title=title, blocks=shown, path=path, **kwargs
        )


def card_of(files: Iterable[str]) -> str | None:
    """Path of the card of a release's model, among its files."""
    begin, end = f"{layout.MODELS_DIR}/", "/README.md"
    return next((path for path in sorted(files) if path.startswith(begin) and path.endswith(end)), None)


def changes_of(release: Release) -> ReleaseChanges | None:
    """What a release says that it changed; None of one that was published before there was this."""
    told = release.summary.get("changes")
    try:
        return from_json(ReleaseChanges, told) if told else None
    except InvalidContents:  # of another version of the platform: the file NOTES.md still says it
        return None


def changes_shown(release: Release, classes: dict[str, NamedClass]) -> dict[str, Any]:
    """What changed, in the reader's language: a maintainer's words or those made of the facts, and rows by class."""
    changes = changes_of(release)
    if changes is None:
        return {}
    language = "fr" if (get_language() or "en").startswith("fr") else "en"
    names = {code: {language: item.name} for code, item in classes.items()}
    text = release.texts.get(language) or generated_notes(changes, names, language)
    rows = [
        {"item": named(classes, code), "counts": counts}
        for code, counts in changes.polygons.items()
        if counts.total and changes.previous is not None
    ]
    return {"changed": parse_markdown(text), "rows": rows}


def citation_of(release: Release, *, page_url: str) -> Citation:
    """How to cite a published release."""
    published = release.published_at or release.created_at
    return Citation(
        name=release.folder,
        title=release.title,
        version=release.version,
        published_on=published.date(),
        publisher=PUBLISHER,
        address=page_url,
        licence=release.summary.get("licence", settings.CONTRIBUTION_LICENCE),
        doi=release.doi,
    )


def licence_rows(release: Release, paths: set[str]) -> list[dict[str, Any]]:
    """The licence of each kind of artefact that a release holds, by the folder it lies in."""
    given = release.summary.get("licence", settings.CONTRIBUTION_LICENCE)
    imagery = release.campaign.layer.licence
    held = {path.partition("/")[0] for path in paths}
    rows = []
    for folder in LICENSED:
        if folder in held:
            licences = [given, imagery] if folder == layout.DATASET_DIR and imagery != given else [given]
            told = [{"name": _shown_name(code), "href": licence_href(code)} for code in licences]
            rows.append({"folder": folder, "licences": told})
    return rows


def _shown_name(licence: str) -> str:
    """A licence's name on a page; that the owner has to be asked is said in the reader's language."""
    return gettext("terms of the imagery’s owner") if licence == OTHER else licence_name(licence)
