"""What was made of work before it was set aside: the training sets, models and releases that a revert cannot reach."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from annotation.models import Revert
from learning.models import Release, TrainedModel, TrainingSet

# Items of the labels that the revert set aside or made wait for a review again, and verdicts of its batches.
LEARNT = """
SELECT DISTINCT s.training_set_id FROM learning_trainingsetitem s
JOIN annotation_annotationrevision v ON v.id = s.revision_id
JOIN annotation_revertitem i ON i.annotation_id = v.annotation_id
WHERE i.revert_id = %(revert)s
UNION
SELECT DISTINCT j.training_set_id FROM annotation_revertitem i
JOIN annotation_validation v ON v.batch_id = i.batch_id
JOIN learning_trainingsetvalidation j ON j.tile_id = v.tile_id AND j.validation_ids @> to_jsonb(v.id)
WHERE i.revert_id = %(revert)s
"""
# Labels that a release holds; of one published before that was written down, those that were accepted when it was
# published, as far as anyone can tell afterwards.
RELEASED = """
SELECT DISTINCT l.release_id FROM learning_releasedlabel l
JOIN annotation_revertitem i ON i.annotation_id = l.annotation_id
WHERE i.revert_id = %(revert)s
UNION
SELECT DISTINCT p.id FROM learning_release p
JOIN annotation_tile t ON t.campaign_id = p.campaign_id
JOIN annotation_revertitem i ON i.tile_id = t.id
WHERE i.revert_id = %(revert)s AND p.state = 'published' AND i.state_before = 'accepted'
  AND i.decided_before <= p.published_at AND p.frozen = '{}'::jsonb
"""


@dataclass(frozen=True, slots=True)
class LearntFrom:
    """Names of what holds reverted work or was made of it; frozen and published things never change."""

    training_sets: tuple[str, ...]
    models: tuple[str, ...]
    published_model: str  # of those, the one whose map is shown now; empty when none is
    releases: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.training_sets or self.models or self.releases)


def learnt_from(revert: Revert) -> LearntFrom:
    """What learnt from the work that a revert set aside, so that a maintainer can retrain and publish anew.

    A model that began from the weights of such a model is one too.
    """
    with connection.cursor() as cursor:
        cursor.execute(LEARNT, {"revert": revert.pk})
        set_ids = [row[0] for row in cursor.fetchall()]
        cursor.execute(RELEASED, {"revert": revert.pk})
        release_ids = {row[0] for row in cursor.fetchall()}
    models = _descendants(set_ids)
    releases = Release.objects.public().filter(pk__in=release_ids) | Release.objects.public().filter(
        trained_model__in=models
    )
    published = [model.version for model in models if model.state == TrainedModel.State.PROMOTED]
    return LearntFrom(
        training_sets=tuple(
            str(found)
            for found in TrainingSet.objects.filter(pk__in=set_ids)
            .select_related("campaign")
            .order_by("campaign__slug", "number")
        ),
        models=tuple(model.version for model in models),
        published_model=published[0] if published else "",
        releases=tuple(sorted(releases.values_list("folder", flat=True))),
    )


def _descendants(set_ids: list[int]) -> list[TrainedModel]:
    """Models of these training sets, and those that began from one, by campaign and number."""
    everyone = TrainedModel.objects.select_related("campaign")
    found = set(everyone.filter(run__training_set__in=set_ids))
    news = found
    while news:
        news = set(everyone.filter(run__initial_model__in=news)) - found
        found |= news
    return sorted(found, key=lambda model: (model.campaign.slug, model.number))
