"""What more labels are expected to bring to a campaign's model, from its models so far."""

from __future__ import annotations

from django.db.models import OuterRef, Subquery

from annotation.models import Campaign
from learning.core.learning_curve import ExpectedGain, expected_gain
from learning.errors import TooFewModels
from learning.models import Evaluation, TrainedModel
from learning.services.promotion import RULE

MORE_TILES = 100


def forecast_gain(campaign: Campaign, *, threshold_points: float | None = None) -> ExpectedGain | None:
    """What the next MORE_TILES labelled tiles are expected to add to the mean IoU; None while models are too few.

    Learnt from the latest figures of every model that was judged on enough control tiles, published or not.
    """
    latest = Evaluation.objects.filter(model=OuterRef("pk")).order_by("-created_at")
    models = (
        TrainedModel.objects.filter(campaign=campaign, run__isnull=False)
        .annotate(miou=Subquery(latest.values("miou")[:1]), judged_on=Subquery(latest.values("n_tiles")[:1]))
        .filter(judged_on__gte=RULE.min_holdout_tiles, run__training_set__n_tiles__gt=0)
        .values_list("run__training_set__n_tiles", "miou")
    )
    try:
        return expected_gain(list(models), more_tiles=MORE_TILES, threshold_points=threshold_points)
    except TooFewModels:
        return None
