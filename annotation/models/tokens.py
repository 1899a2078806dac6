"""Tokens with which a person's scripts call the API (docs/adr/0025)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotation.querysets import ApiTokenQuerySet


class ApiToken(models.Model):
    """What one script of a person may do, until when. Only a hash of it is kept: it is shown once."""

    class Scope(models.TextChoices):
        READ = "read", _("read what I may see")
        ANNOTATE = "annotate", _("take tiles, label them and judge the model's drawing")
        REVIEW = "review", _("judge other people's work where I am a reviewer")
        PUBLISH = "publish", _("start training and long work where I am a maintainer")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16)  # of the token itself, to recognise it by
    digest = models.CharField(max_length=64, unique=True)  # SHA-256: 256 random bits need no slow hash
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope.choices))
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.CheckConstraint(condition=Q(scopes__len__gte=1), name="api_token_has_a_scope")]

    def __str__(self) -> str:
        return f"{self.prefix}… of {self.user}"
