"""Accounts, where the site differs from allauth."""

from __future__ import annotations

from allauth.account import forms
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
