"""What a training set is made of, as pages and the API say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count, Q, Sum

from annotation.models import AnnotatedFeature
from learning.models import TrainingSet, TrainingSetItem

_KEPT_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Composition:
    """A frozen training set, counted.

    Args:
        n_labels: labels of people in it. n_people: who gave them. n_weighted: of the labels, those that count otherwise
            than once in some class, since their author is more or less often right there.
        n_judged: tiles of which people agreed to a model's shapes. n_left_out: labels left out (docs/adr/0023).
        drawn_m2: ground by class code; empty where it was not counted.
        provenance_m2: ground by how its shapes came to be.
    """

    n_labels: int
    n_people: int
    n_weighted: int
    n_judged: int
    n_left_out: int
    drawn_m2: Mapping[str, float]
    provenance_m2: Mapping[str, float]


def composition_of(training_set: TrainingSet) -> Composition:
    """Count a training set; what takes long is counted once, for a set never changes."""
    counts = training_set.items.aggregate(
        labels=Count("pk"),
        people=Count("revision__author", distinct=True),
        weighted=Count("pk", filter=~Q(weights={})),
    )
    return Composition(
        n_labels=counts["labels"],
        n_people=counts["people"],
        n_weighted=counts["weighted"],
        n_judged=training_set.validated.count(),
        n_left_out=len(training_set.left_out.get("revisions", [])),
        drawn_m2=training_set.drawn_m2 or {},
        provenance_m2=_provenance_m2(training_set),
    )


def _provenance_m2(training_set: TrainingSet) -> dict[str, float]:
    def counted() -> dict[str, float]:
        revisions = TrainingSetItem.objects.filter(training_set=training_set).values("revision")
        shapes = AnnotatedFeature.objects.filter(revision__in=revisions)
        return dict(shapes.values_list("provenance").annotate(area=Sum("area_m2")).order_by("-area"))

    key = f"training-set-provenance-{training_set.pk}-{training_set.sha256[:16]}"
    return cache.get_or_set(key, counted, _KEPT_SECONDS) or {}
