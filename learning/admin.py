"""Django's admin, for looking things up; work goes through the services."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from learning.models import Deposit, Prediction, Release, RetrainingPolicy, TrainedModel, TrainingRun, TrainingSet


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that only jobs and services write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nothing is made by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """What was measured stays as it was."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """What was published or learnt from stays traceable."""
        return False


@admin.register(TrainingSet)
class TrainingSetAdmin(ReadOnlyAdmin):
    """Training sets."""

    list_display = ["campaign", "number", "n_tiles", "sha256", "frozen_at"]
    list_filter = ["campaign"]


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    """Training runs."""

    list_display = ["id", "training_set", "step", "code_commit", "created_at", "finished_at"]


@admin.register(TrainedModel)
class TrainedModelAdmin(ReadOnlyAdmin):
    """Trained models."""

    list_display = ["__str__", "state", "sha256", "created_at", "decided_at"]
    list_filter = ["campaign", "state"]


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    """Prediction maps."""

    list_display = ["__str__", "state", "area_name", "probabilities", "mean_entropy_nats", "finished_at"]


@admin.register(Release)
class ReleaseAdmin(ReadOnlyAdmin):
    """Releases."""

    list_display = ["campaign", "version", "state", "artefacts", "size_bytes", "published_at"]
    list_filter = ["campaign", "state"]


@admin.register(Deposit)
class DepositAdmin(ReadOnlyAdmin):
    """Releases taken elsewhere."""

    list_display = ["release", "target", "state", "doi", "address", "published_at"]
    list_filter = ["target", "state"]


@admin.register(RetrainingPolicy)
class RetrainingPolicyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """When campaigns retrain: the one thing here that a person may set."""

    list_display = ["campaign", "enabled", "period_hours", "min_newly_accepted", "round_size", "last_refusal"]
    # Floors are checked against the campaign's classes on its own page.
    readonly_fields = [
        "class_floors", "last_considered_at", "last_refusal", "last_refusal_code", "last_refusal_figures",
    ]  # fmt: skip
