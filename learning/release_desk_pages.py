"""Pages on which maintainers look after their campaign's releases: which there are, when, and withdrawing one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from annotation.errors import UserError
from annotation.models import Campaign, Job
from annotation.page_errors import refusal_in_words
from learning.models import Release, ReleasePolicy
from learning.release_words import refusal_of_policy
from learning.services.release_schedule import BOUNDS, set_release_policy
from learning.services.withdrawal import LONGEST_REASON, replacement_of, withdraw_release
from learning.trust_pages import MaintainedView

RELEASES_SHOWN = 100
REFUSED = {
    "cannot_withdraw": gettext_lazy(
        "Nothing was withdrawn: give a reason in one line, without addresses. What was withdrawn before keeps its "
        "reason; only its files can still be removed."
    ),
}


class ScheduleForm(forms.Form):
    """When a campaign releases by itself."""

    enabled = forms.BooleanField(label=gettext_lazy("Release by itself"), required=False)
    period_days = forms.IntegerField(
        label=gettext_lazy("At most every (days)"),
        min_value=BOUNDS["period_days"][0],
        max_value=BOUNDS["period_days"][1],
    )
    min_changed_labels = forms.IntegerField(
        label=gettext_lazy("From so many labels added, corrected or removed"),
        min_value=BOUNDS["min_changed_labels"][0],
        max_value=BOUNDS["min_changed_labels"][1],
    )
    hold = forms.BooleanField(
        label=gettext_lazy("Publish nothing by itself: prepare it, and a maintainer looks and publishes"),
        required=False,
    )


class ReleaseDeskView(MaintainedView):
    """Every release of the campaign, those that failed and were withdrawn too; the one being made; the schedule."""

    template_name = "learning/release_desk.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Newest first. Without a policy a campaign releases only when asked: the form then shows what would be."""
        releases = list(self.campaign.releases.order_by("-created_at", "-pk").defer("frozen")[:RELEASES_SHOWN])
        policy = ReleasePolicy.objects.filter(campaign=self.campaign).first()
        shown = policy or ReleasePolicy(campaign=self.campaign, enabled=False)
        making = next((release for release in releases if release.state == Release.State.STAGING), None)
        job = job_of(making) if making else None
        return super().get_context_data(
            **{
                "campaign": self.campaign,
                "releases": releases,
                "policy": shown,
                "refusal": refusal_of_policy(shown) if policy else "",
                "active": job,
                "stopped": stopped_job(self.campaign) if job is None else None,
                "boot": {
                    "language": (get_language() or "en")[:2],
                    "job": str(job.pk) if job else None,
                    "page": reverse("release", args=[making.folder]) if making else None,
                },
                "form": ScheduleForm(initial={name: getattr(shown, name) for name in ScheduleForm.base_fields}),
                **kwargs,
            }
        )

    def post(self, request: HttpRequest, *, slug: str) -> HttpResponse:
        """Change the schedule."""
        form = ScheduleForm(request.POST)
        if form.is_valid():
            set_release_policy(campaign=self.campaign, **form.cleaned_data)
            messages.success(request, _("The schedule is changed."))
            return redirect("release-desk", slug=slug)
        return self.render_to_response(self.get_context_data(form=form), status=400)


def job_of(release: Release) -> Job | None:
    """The job that makes a release."""
    under_way = [Job.State.QUEUED, Job.State.RUNNING]
    return Job.objects.filter(kind="release", key=release.folder, state__in=under_way).first()


def stopped_job(campaign: Campaign) -> Job | None:
    """The last job, where it ended without a release and none was published since."""
    last = Job.objects.filter(kind="release", campaign=campaign).order_by("-created_at").first()
    return last if last is not None and last.state in {Job.State.FAILED, Job.State.CANCELLED} else None


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
