"""What is remembered of a person beside their account."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models


def random_public_id() -> str:
    """A name for published data that says nothing of the person."""
    return "c-" + secrets.token_hex(6)


class Contributor(models.Model):
    """A person's public face: a random id, never their name or e-mail."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="contributor")
    public_id = models.CharField(max_length=20, unique=True, default=random_public_id, editable=False)
    language = models.CharField(max_length=2, choices=[("en", "English"), ("fr", "Français")], default="en")
    licence_accepted_at = models.DateTimeField(null=True, blank=True)
    blocked_at = models.DateTimeField(null=True, blank=True)  # may no longer claim, save, submit, judge or review
    blocked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    blocked_reason = models.CharField(max_length=500, blank=True)
    # The account is gone, its contributions stay under the random id; such ids are published for re-users.
    erased_at = models.DateTimeField(null=True, blank=True)
    # As releases name this person among those who made them (annotation.core.credit_name); empty: not at all.
    credit_name = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return self.public_id
