"""What a campaign's next release would change, counted from the labels of both."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import pyarrow.parquet as pq
from django.conf import settings
from django.db.models import Count
from django.db.models.functions import Coalesce

from annotation.core.themes import national_code
from annotation.models import AnnotatedFeature, Annotation, AnnotationRevision, Campaign, PlaceReport
from annotation.querysets import AnnotationQuerySet
from annotation.services.nomenclatures import selectable_codes
from learning.errors import ReleaseInputGone
from learning.models import Release, TrainedModel
from learning.release import layout
from learning.release.changes import Counts, ModelFigures, ReleaseChanges
from learning.services.evaluations import national_level_of
from learning.services.predictions import ready_prediction

CHUNK = 5_000
OUTLINES = 250  # labels whose two revisions are held at once, outlines and all: a page asks for this, too
Value = TypeVar("Value")
Revisions = Mapping[int, int]  # annotation → revision


def changes_since_previous(
    *,
    campaign: Campaign,
    labels: AnnotationQuerySet,
    model: TrainedModel | None,
    before: Release | None,
    national: bool = False,
) -> ReleaseChanges:
    """What is different from `before`, or from nothing.

    Args:   labels: those that the release holds, at their heads. before: published. national: told by the national
            classes that those of a theme are or refine.
    Raises: ReleaseInputGone (what `before` held is told by its files alone, and they are away).
    """
    now = dict(labels.order_by().values_list("pk", "head_id"))
    then = labels_of(before) if before is not None else {}
    people = set(labels.order_by().values_list("annotator_id", flat=True).distinct())
    earlier = _people_of(then)
    summary = before.summary if before is not None else {}
    tiles_before = summary.get("counts", {}).get("tiles")
    named: Callable[[str], str] = national_code if national else str
    codes, codes_before = set(selectable_codes(campaign)), classes_of(before) if before is not None else set()
    if national and campaign.nomenclature.extends is not None:
        codes = set(campaign.nomenclature.extends.classes.filter(selectable=True).values_list("code", flat=True))
    added = {annotation: revision for annotation, revision in now.items() if annotation not in then}
    removed = {annotation: revision for annotation, revision in then.items() if annotation not in now}
    changed = {
        annotation: (then[annotation], revision)
        for annotation, revision in now.items()
        if annotation in then and then[annotation] != revision
    }
    return ReleaseChanges(
        previous=before.version if before is not None else None,
        labels=Counts(len(added), len(changed), len(removed)),
        polygons=_polygons(added.values(), changed.values(), removed.values(), named=named),
        tiles=labels.order_by().annotate(whole=Coalesce("tile__whole", "tile")).values("whole").distinct().count(),
        tiles_before=sum(tiles_before.values()) if tiles_before else None,
        contributors=len(people),
        new_contributors=len(people - earlier) if before is not None else 0,
        classes_added=tuple(sorted(codes - codes_before)) if before is not None else (),
        classes_retired=tuple(sorted(codes_before - codes)),
        model=_figures_of(model, national=national),
        model_before=_figures_before(summary),
        has_map=model is not None and ready_prediction(model) is not None,
        had_map=bool(summary.get("maps")),
        reports_fixed=PlaceReport.objects.corrected().filter(campaign=campaign, fix__in=labels.order_by()).count(),
        licence=settings.CONTRIBUTION_LICENCE,
        licence_before=summary.get("licence", ""),
    )


def last_standing(campaign: Campaign, *, view: str = Release.View.OWN) -> Release | None:
    """The release that the next one follows: the last of its view that was not withdrawn."""
    return campaign.releases.standing().filter(view=view).order_by("-published_at").first()


def labels_of(release: Release) -> dict[int, int]:
    """Revision by annotation of what a published release holds; of one that was published before its labels were kept
    as rows, read from its files.
    """
    kept = dict(release.labels.values_list("annotation_id", "revision_id"))
    if kept:
        return kept
    try:
        column = pq.read_table(release.path / layout.TILES_PARQUET, columns=["revision_ids"]).column("revision_ids")
    except OSError:
        raise _is_away(release) from None
    revisions = [int(revision) for tile in column.to_pylist() for revision in tile]
    return {
        annotation: revision
        for part in _chunks(revisions)
        for annotation, revision in AnnotationRevision.objects.filter(pk__in=part).values_list("annotation_id", "pk")
    }


def _is_away(release: Release) -> ReleaseInputGone:
    return ReleaseInputGone(
        f"What {release.folder} held is told by its files alone, and {release.path} lacks them: bring the folder back "
        "from a backup, or withdraw the release."
    )


def classes_of(release: Release) -> set[str]:
    """Codes of the classes that people could choose when a release was made, from what was frozen for it; of one that
    was published before there was this, from its own file.

    Raises: ReleaseInputGone.
    """
    if release.is_frozen:
        return {item["code"] for item in release.frozen["nomenclature"]["classes"] if item["selectable"]}
    try:
        told = json.loads((release.path / layout.NOMENCLATURE).read_text(encoding="utf-8"))
    except OSError:
        raise _is_away(release) from None
    return {item["code"] for item in told["classes"] if item["selectable"]}


def _polygons(
    added: Iterable[int], changed: Iterable[tuple[int, int]], removed: Iterable[int], *, named: Callable[[str], str]
) -> dict[str, Counts]:
    """Polygons by class as it is named: all those of added and removed labels, those that differ of changed ones."""
    came, went, other = _by_class(added, named), _by_class(removed, named), Counter[str]()
    for part in _chunks(changed, OUTLINES):
        features = dict(
            AnnotationRevision.objects.filter(pk__in=[pk for pair in part for pk in pair]).values_list("pk", "features")
        )
        for before, after in part:
            old, new = _by_id(features[before], named), _by_id(features[after], named)
            came.update(new[name]["class_code"] for name in new.keys() - old.keys())
            went.update(old[name]["class_code"] for name in old.keys() - new.keys())
            other.update(new[name]["class_code"] for name in new.keys() & old.keys() if _differ(new[name], old[name]))
    codes = sorted(came.keys() | went.keys() | other.keys())
    return {code: Counts(came[code], other[code], went[code]) for code in codes}


def _by_class(revisions: Iterable[int], named: Callable[[str], str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for part in _chunks(revisions):
        rows = AnnotatedFeature.objects.filter(revision__in=part).order_by().values_list("class_code")
        for code, count in rows.annotate(n=Count("pk")):
            found[named(code)] += count
    return found


def _by_id(features: list[dict[str, Any]], named: Callable[[str], str]) -> dict[str, dict[str, Any]]:
    return {item["id"]: {**item, "class_code": named(item["class_code"])} for item in features}


def _differ(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one["class_code"] != other["class_code"] or one["rings"] != other["rings"])


def _people_of(revisions: Revisions) -> set[int]:
    return {
        person
        for part in _chunks(revisions)
        for person in Annotation.objects.filter(pk__in=part).order_by().values_list("annotator_id", flat=True)
    }


def _figures_of(model: TrainedModel | None, *, national: bool) -> ModelFigures | None:
    if model is None:
        return None
    found = model.evaluations.order_by("-created_at").first()
    if national:
        level = national_level_of(found) if found else None
        return ModelFigures(model.version, *((level["miou"], level["miou_low"], level["miou_high"]) if level else ()))
    return ModelFigures(model.version, *((found.miou, found.miou_low, found.miou_high) if found else ()))


def _figures_before(summary: Mapping[str, Any]) -> ModelFigures | None:
    if not summary.get("model"):
        return None
    return ModelFigures(summary["model"], *(summary.get(name) for name in ("miou", "miou_low", "miou_high")))


def _chunks(values: Iterable[Value], size: int = CHUNK) -> Iterator[list[Value]]:
    part: list[Value] = []
    for value in values:
        part.append(value)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part
