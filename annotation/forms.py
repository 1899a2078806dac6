"""Forms of the server-rendered pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from annotation.models import ApiToken, Membership
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


class TokenForm(forms.Form):
    """A new token: what for, what it may do, until when."""

    name = forms.CharField(label=_("What is it for?"), max_length=80, help_text=_("For example: nightly export"))
    scopes = forms.MultipleChoiceField(
        label=_("What may it do?"), choices=ApiToken.Scope.choices, widget=forms.CheckboxSelectMultiple
    )
    days = forms.TypedChoiceField(
        label=_("How long does it last?"),
        coerce=int,
        initial=90,
        choices=[(7, _("a week")), (30, _("a month")), (90, _("three months")), (366, _("a year"))],
    )


class InviteForm(forms.Form):
    """An invitation to a campaign: a role, and where to send the link, if anywhere."""

    role = forms.ChoiceField(
        label=_("Role"), choices=Membership.Role.choices, initial=Membership.Role.REVIEWER, required=True
    )
    email = forms.EmailField(
        label=_("E-mail address (optional)"),
        required=False,
        help_text=_("Without one you are shown a link to pass on yourself."),
    )


class TeamInviteForm(forms.Form):
    """An invitation to a team."""

    email = InviteForm.base_fields["email"]


class RoleForm(forms.Form):
    """A role."""

    role = forms.ChoiceField(label=_("Role"), choices=Membership.Role.choices)


class TeamForm(forms.Form):
    """A new team."""

    name = forms.CharField(label=_("Name of the team"), max_length=80, min_length=2)


class TeamRoleForm(RoleForm):
    """A role for a team in a campaign."""

    team = forms.IntegerField(label=_("Team"))


class CreditForm(forms.Form):
    """The name that releases thank somebody under."""

    credit_name = forms.CharField(
        label=_("Name me in releases as"),
        help_text=_("Letters, digits and spaces, up to 60 of them, and no address. Empty: you are not named."),
        required=False,
        strip=True,
    )


class DeleteAccountForm(forms.Form):
    """Deleting an account: the password again, or the name where the account has no password."""

    def __init__(self, *args: Any, has_password: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_password:
            self.fields["proof"] = forms.CharField(
                label=_("Your password"),
                widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
                strip=False,
            )
        else:
            self.fields["proof"] = forms.CharField(label=_("Your user name, to be sure"))
