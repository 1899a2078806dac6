"""Releases taken to archives and catalogues elsewhere (docs/adr/0048)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

#: DOIs of the archives' trial sites, which resolve nowhere.
TRIAL_DOI = "10.5072/"


class Deposit(models.Model):
    """One release at one target: how far it is, and what it is called there. It holds no token."""

    class Target(models.TextChoices):
        ZENODO = "zenodo", "Zenodo"
        DATAGOUV = "datagouv", "data.gouv.fr"
        HUGGINGFACE = "huggingface", "Hugging Face"

    class State(models.TextChoices):
        SENDING = "sending"
        DRAFT = "draft"
        PUBLISHED = "published"

    release = models.ForeignKey("learning.Release", on_delete=models.PROTECT, related_name="deposits")
    target = models.CharField(max_length=20, choices=Target.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.SENDING)
    origin = models.CharField(max_length=200)  # scheme and host: a trial site is another place
    external_id = models.CharField(max_length=200, blank=True)
    doi = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=500, blank=True)
    known = models.JSONField(default=dict)  # ids that answers gave, by name
    done = models.JSONField(default=list)  # names of the steps that are done
    plan_sha256 = models.CharField(max_length=64, blank=True)  # of plan.json, as a dry run writes it
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["release", "target"], name="deposit_once"),
            models.CheckConstraint(
                condition=~Q(state="published") | (~Q(external_id="") & Q(published_at__isnull=False)),
                name="deposit_published_has_id",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.release} at {self.target}"

    @property
    def citable_doi(self) -> str:
        """The DOI, once it resolves: that of a published record, and not of a trial site; else ""."""
        is_real = self.state == self.State.PUBLISHED and not self.doi.startswith(TRIAL_DOI)
        return self.doi if is_real else ""
