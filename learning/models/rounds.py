"""Acquisition rounds: how a model's doubts became a ranking."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class AcquisitionRound(models.Model):
    """The learning side of one queue round, with the figures of the loop at that moment."""

    queue_round = models.OneToOneField("annotation.QueueRound", on_delete=models.CASCADE, related_name="acquisition")
    training_run = models.OneToOneField(
        "learning.TrainingRun", null=True, blank=True, on_delete=models.SET_NULL, related_name="acquisition_round"
    )
    candidate = models.ForeignKey(
        "learning.TrainedModel", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Without a published model there is no map: the round's tiles were drawn at random.
    prediction = models.ForeignKey(
        "learning.Prediction", null=True, blank=True, on_delete=models.PROTECT, related_name="acquisition_rounds"
    )
    labelled_tiles = models.PositiveIntegerField()  # pool tiles in the training set that led here
    holdout_miou = models.FloatField(null=True, blank=True)  # of the candidate
    published_miou = models.FloatField(null=True, blank=True)  # of the model published after the gate
    mean_entropy_nats = models.FloatField(null=True, blank=True)  # of the prediction
    promoted = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(prediction__isnull=True, mean_entropy_nats__isnull=True)
                | Q(prediction__isnull=False, mean_entropy_nats__isnull=False),
                name="acquisition_round_entropy_of_its_map",
            ),
        ]

    def __str__(self) -> str:
        return str(self.queue_round)
