"""The page on which maintainers set a batch of work aside: everybody's within a time and an area, or one person's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.errors import UserError
from annotation.models import Campaign, Revert, Territory
from annotation.page_errors import refusal_in_words
from annotation.queue_views import PeriodForm, midnight
from annotation.services.queue_front import territories_of
from annotation.services.reverts import Scope, revert_batch
from learning.services.reverted import learnt_from
from learning.trust_pages import SHOWN_LINES, MaintainedView


class BatchForm(PeriodForm):
    """Which work: within two days (both included, universal time), on a territory's tiles, by one person."""

    field_order = ("since", "until", "territory", "person")
    territory = forms.ModelChoiceField(
        label=gettext_lazy("Territory"),
        queryset=Territory.objects.none(),
        required=False,
        empty_label=gettext_lazy("anywhere"),
    )
    person = forms.CharField(
        label=gettext_lazy("User name or public id (empty: everybody)"),
        required=False,
        max_length=150,
    )

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        """Offer the territories that the campaign's imagery touches."""
        super().__init__(*args, **kwargs)
        self.campaign = campaign
        for name in ("since", "until"):
            self.fields[name].required = False
        self.fields["territory"].queryset = territories_of(campaign)  # type: ignore[attr-defined]

    def clean_person(self) -> User | None:
        """The account meant."""
        name = self.cleaned_data["person"].strip()
        if not name:
            return None
        found = get_user_model().objects.filter(Q(username=name) | Q(contributor__public_id=name)).first()
        if found is None:
            raise forms.ValidationError(
                _("Nobody is called %(name)s: give a user name, or a public id such as c-0123456789ab.")
                % {"name": name}
            )
        return found

    def clean(self) -> dict[str, Any]:
        """Everything ever done in a campaign is no batch."""
        values = super().clean()
        if not self.errors and not any(values.values()):
            raise forms.ValidationError(_("Say which work: give a day, a territory or a person."))
        return values

    @property
    def scope(self) -> Scope:
        """What the form says."""
        given = self.cleaned_data
        since, until, territory = given["since"], given["until"], given["territory"]
        return Scope(
            account=given["person"],
            campaign=self.campaign,
            since=midnight(since) if since else None,
            until=midnight(until + timedelta(days=1)) if until else None,
            area=territory.boundary if territory else None,
        )


class RevertBatchView(MaintainedView):
    """Say which work, see what would be set aside, and do it."""

    template_name = "learning/revert_batch.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form; once it is filled in, the list by a dry run of the very same work."""
        form = BatchForm(self.request.GET or None, campaign=self.campaign)
        context = {"campaign": self.campaign, "form": form, **kwargs}
        if not form.is_valid():
            return super().get_context_data(**context)
        try:
            found = revert_batch(scope=form.scope, actor=self.person, reason="", dry_run=True, look=learnt_from)
        except UserError as error:
            return super().get_context_data(refusal=refusal_in_words(error), **context)
        lines, more = found.lines[:SHOWN_LINES], max(0, len(found.lines) - SHOWN_LINES)
        return super().get_context_data(found=found, lines=lines, more=more, **context)

    def post(self, request: HttpRequest, *, slug: str) -> HttpResponse:
        """Do it. The scope stays in the address, so that what was looked at is what is set aside."""
        form, reason = BatchForm(request.GET, campaign=self.campaign), request.POST.get("reason", "").strip()
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(), status=400)
        if not reason:
            messages.error(request, _("Say why: the reason is kept."))
            return redirect(request.get_full_path())
        try:
            found = revert_batch(scope=form.scope, actor=self.person, reason=reason[:500])
        except UserError as error:
            messages.error(request, _("Nothing was set aside: %(why)s") % {"why": refusal_in_words(error)})
            return redirect(request.get_full_path())
        messages.success(request, _("The work is set aside, and its tiles are given out again."))
        return redirect("revert", slug=slug, revert_id=cast(Revert, found.revert).pk)
