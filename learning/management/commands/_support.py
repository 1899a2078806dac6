"""Shared by the commands: finding rows by the names people use."""

from __future__ import annotations

from django.core.management.base import CommandError

from annotation.models import Campaign
from learning.models import Release, TrainedModel


def campaign_named(slug: str) -> Campaign:
    """The campaign of this short name. Raises: CommandError, which lists those there are."""
    campaign = Campaign.objects.select_related("layer", "nomenclature", "holdout").filter(slug=slug).first()
    if campaign is None:
        known = ", ".join(Campaign.objects.values_list("slug", flat=True)) or "none"
        raise CommandError(f"There is no campaign {slug!r} (there are: {known}).")
    return campaign


def model_named(campaign: Campaign, version: str) -> TrainedModel:
    """A model by its version ("camp-m2") or number ("2"). Raises: CommandError, with the list."""
    models = list(campaign.trained_models.select_related("campaign", "run__training_set", "origin").order_by("number"))
    for model in models:
        if version in {model.version, str(model.number)}:
            return model
    known = ", ".join(model.version for model in models) or "none"
    raise CommandError(f"Campaign {campaign.slug!r} has no model {version!r} (it has: {known}).")


def release_named(name: str, *, campaign: str | None = None) -> Release:
    """A published release, "camp-1.2.0" or "1.2.0" with its campaign or while only one campaign has it.

    Raises: CommandError, with the list.
    """
    release = Release.objects.named(f"{campaign}-{name}" if campaign else name)
    if release is None:
        known = ", ".join(Release.objects.public().values_list("folder", flat=True)[:20]) or "none"
        raise CommandError(f"There is no published release {name!r} (there are: {known}).")
    return release
