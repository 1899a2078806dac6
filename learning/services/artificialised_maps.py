"""Maps of artificialised ground: queued for a map of cover, kept with what was counted on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from annotation.models import Job, Territory
from annotation.services.class_lineage import lineage_of
from annotation.services.jobs import enqueue_job
from learning.core.artificialisation import DEFAULT_RULE, ArtificialisationRule, shipped_artificialisation_rule
from learning.errors import NoClassMap
from learning.models import ArtificialisationMap, Prediction, TerritoryArtificialisation
from learning.services.counted_classes import covers_of_codes
from learning.services.usage_inputs import UsageInputs

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "artificialise"

#: [cover, usage, state, criterion, pixels], as ArtificialisationMap.counts.
Counts = Sequence[Sequence[str | int]]


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted within a territory.

    Args: ground_px: all of its pixels, on the map or beside it. estimate: from a sample of places, None without.
    """

    counts: Counts
    ground_px: int
    estimate: dict[str, object] | None


def start_artificialisation(*, prediction: Prediction, rule: str = DEFAULT_RULE, actor: User | None = None) -> Job:
    """Queue the artificialised ground of a ready map, from what is known of usage when the job begins.

    Raises: NoClassMap: the map is not ready. NoCoverMapping. InvalidArtificialisationRule. JobAlreadyRunning.
    """
    if prediction.state != Prediction.State.READY or "class.tif" not in prediction.files:
        raise NoClassMap(f"The map of {prediction.model.version} is not there yet: wait for it to be made.")
    asked = shipped_artificialisation_rule(rule)
    covers_of(prediction, asked)
    return enqueue_job(
        kind=KIND,
        payload={"prediction": prediction.pk, "rule": asked.code},
        owner=actor,
        campaign=prediction.model.campaign,
        key=prediction.folder,
    )


def covers_of(prediction: Prediction, rule: ArtificialisationRule) -> list[str | None]:
    """The cover that each class of a map is, in its order; None where there is none. Raises: NoCoverMapping."""
    campaign, codes = prediction.model.campaign, prediction.model.class_codes
    known = set(campaign.nomenclature.classes.values_list("code", flat=True))
    lineage = lineage_of(campaign)  # of a map from before a change of classes
    codes = [code if code in known else lineage.now(code) for code in codes]
    return covers_of_codes(campaign.nomenclature, codes, rule)


@transaction.atomic
def finish_artificialisation(
    *,
    prediction: Prediction,
    inputs: UsageInputs,
    counts: Counts,
    estimate: dict[str, object] | None,
    territories: Mapping[int, Counted],
    files: dict[str, dict[str, Any]],
    job: Job | None,
) -> ArtificialisationMap:
    """Write down that a map of artificialised ground is there, in the place of the one made before of the same map.

    Args:
        estimate: from a sample of places, None without.
        territories: by the territory's key.
        files: name → {"sha256", "bytes"}, in place.
    """
    made, _created = ArtificialisationMap.objects.update_or_create(
        prediction=prediction,
        defaults={
            "rule": inputs.rule.code,
            "rule_version": inputs.rule.version,
            "usage": inputs.sources,
            "usage_sha256": inputs.sha256,
            "counts": counts,
            "estimate": estimate or {},
            "files": files,
            "job": job,
            "finished_at": timezone.now(),
        },
    )
    made.territories.all().delete()
    there = set(Territory.objects.filter(pk__in=territories).values_list("pk", flat=True))
    TerritoryArtificialisation.objects.bulk_create(
        TerritoryArtificialisation(
            map=made,
            territory_id=number,
            counts=found.counts,
            ground_px=found.ground_px,
            estimate=found.estimate or {},
        )
        for number, found in territories.items()
        if number in there
    )
    return made
