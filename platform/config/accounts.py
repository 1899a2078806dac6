"""Accounts, where the site differs from allauth."""

from __future__ import annotations

import base64
import hashlib

from allauth.account import forms
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"


class ResetPasswordForm(forms.ResetPasswordForm):
    """Asking for a new password by mail, which a site without e-mail says it cannot send."""

    def clean_email(self) -> str:
        """The address as it was given. Raises: ValidationError."""
        if settings.EMAIL_BACKEND == NO_MAIL:
            raise ValidationError(_("This site sends no e-mail: ask the people who run it for a new password."))
        return str(super().clean_email())


class SealedMFAAdapter(DefaultMFAAdapter):
    """Second factors whose secrets are sealed in the database, so that a copy of it lets nobody in."""

    def encrypt(self, text: str) -> str:
        """The secret as it is stored."""
        return seals().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The secret; SECRET_KEY_FALLBACKS still open what an earlier key has sealed."""
        return seals().decrypt(encrypted_text.encode()).decode()


def seals() -> MultiFernet:
    """One seal a secret key of the site, the present one first."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key))) for key in keys])


def _derived(key: str) -> bytes:
    return hashlib.sha256(b"solcommun second factors\0" + key.encode()).digest()
