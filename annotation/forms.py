"""Forms of the server-rendered pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from annotation.services.people import accept_contribution_licence


class SignupForm(forms.Form):
    """What signing up asks beside a name and a password: the licence, agreed to in so many words."""

    licence = forms.BooleanField(
        label=_("I give my contributions under the Licence Ouverte 2.0 (etalab-2.0), so that anyone can use them."),
        error_messages={
            "required": _("Contributions can only be published under this licence: tick the box to take part.")
        },
    )

    def signup(self, request: HttpRequest, user: Any) -> None:
        """Record the consent with the account."""
        accept_contribution_licence(user=user)
