"""Pages on which maintainers look after their campaign's releases: which there are, and withdrawing one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.errors import UserError
from annotation.page_errors import refusal_in_words
from learning.models import Release
from learning.services.withdrawal import LONGEST_REASON, replacement_of, withdraw_release
from learning.trust_pages import MaintainedView

RELEASES_SHOWN = 100
REFUSED = {
    "cannot_withdraw": gettext_lazy(
        "Nothing was withdrawn: give a reason in one line, without addresses. What was withdrawn before keeps its "
        "reason; only its files can still be removed."
    ),
}


class ReleaseDeskView(MaintainedView):
    """Every release of the campaign, those that failed and were withdrawn too."""

    template_name = "learning/release_desk.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Newest first."""
        releases = self.campaign.releases.order_by("-created_at", "-pk")[:RELEASES_SHOWN]
        return super().get_context_data(campaign=self.campaign, releases=releases, **kwargs)


class WithdrawForm(forms.Form):
    """Why, and whether the files must go."""

    reason = forms.CharField(
        label=gettext_lazy("Why"),
        help_text=gettext_lazy("Everybody who looks for this release reads it. One line, and no names."),
        max_length=LONGEST_REASON,
    )
    remove_files = forms.BooleanField(
        label=gettext_lazy("Also remove the files from the disk, now: something personal is in them"),
        required=False,
    )


class WithdrawView(MaintainedView):
    """Withdraw one release, once it was said what that does."""

    template_name = "learning/withdraw.html"

    def get_context_data(self, *, name: str = "", **kwargs: Any) -> dict[str, Any]:
        """What would be withdrawn, and what readers would be sent to."""
        release = self.release_or_404(name)
        instead = replacement_of(release)
        return super().get_context_data(
            **{
                "campaign": self.campaign,
                "release": release,
                "instead": None if instead is None or instead.pk == release.pk else instead,
                "form": WithdrawForm(initial={"reason": release.yank_reason}),
                **kwargs,
            }
        )

    def post(self, request: HttpRequest, *, slug: str, name: str) -> HttpResponse:
        """Withdraw it."""
        release, form = self.release_or_404(name), WithdrawForm(request.POST)
        if form.is_valid():
            try:
                withdraw_release(release=release, actor=self.person, **form.cleaned_data)
            except UserError as error:
                form.add_error(None, refusal_in_words(error, REFUSED))
            else:
                messages.success(request, _("Version %(version)s is withdrawn.") % {"version": release.version})
                return redirect("release-desk", slug=slug)
        return self.render_to_response(self.get_context_data(name=name, form=form), status=400)

    def release_or_404(self, name: str) -> Release:
        """The campaign's published release of this name."""
        found = Release.objects.public().filter(campaign=self.campaign, folder=name)
        release = found.select_related("campaign").first()
        if release is None:
            raise Http404
        return release
