"""Pages for maintainers: alarms about people's work, and what was set aside."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.generic import TemplateView

from annotation.errors import NotThere, UserError
from annotation.models import Campaign, Revert, TrustAlarm
from annotation.page_errors import refusal_in_words
from annotation.services import alarms
from annotation.services.reverts import lines_of, reverts_in, undo_for_maintainer
from learning.services.reverted import learnt_from

SHOWN_LINES = 200


class MaintainedView(LoginRequiredMixin, TemplateView):
    """A page about a campaign that one maintains; to anyone else it does not exist."""

    campaign: Campaign

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Find the campaign among those that the person maintains."""
        if request.user.is_authenticated:
            found = Campaign.objects.maintained_by(request.user).filter(slug=kwargs["slug"]).first()
            if found is None:
                raise Http404
            self.campaign = found
        return super().dispatch(request, *args, **kwargs)

    @property
    def person(self) -> User:
        """The maintainer."""
        return cast(User, self.request.user)


class TrustView(MaintainedView):
    """What a maintainer should look at, what was decided, and what was set aside."""

    template_name = "learning/trust.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Open alarms first, all of them; then pages of those decided, and reverts."""
        visible = (
            TrustAlarm.objects.visible_to(self.person)
            .filter(campaign=self.campaign)
            .select_related("subject__contributor", "resolved_by")
        )
        decided = visible.filter(resolved_at__isnull=False).order_by("-resolved_at", "-pk")
        return super().get_context_data(
            campaign=self.campaign,
            alarms=[(alarm, alarms.tiles_named(alarm)) for alarm in visible.open()],
            page=Paginator(decided, 30).get_page(self.request.GET.get("page")),
            reverts=list(reverts_in(self.campaign)[:50]),
            **kwargs,
        )


class DismissAlarmView(MaintainedView):
    """Nothing is wrong."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, *, slug: str, alarm_id: int) -> HttpResponse:
        """Decide an alarm, with a reason."""
        try:
            alarms.dismiss_alarm(alarm_id=alarm_id, actor=self.person, note=request.POST.get("note", ""))
        except NotThere as error:
            raise Http404 from error
        except UserError as error:
            messages.error(request, _("This alarm could not be decided: %(why)s") % {"why": refusal_in_words(error)})
        else:
            messages.success(request, _("Noted: nothing is wrong here."))
        return redirect("trust", slug=slug)


class RevertForAlarmView(MaintainedView):
    """Block somebody and set their work aside: shown as a list first, done when confirmed."""

    template_name = "learning/trust_revert.html"

    def get_context_data(self, *, alarm_id: int = 0, **kwargs: Any) -> dict[str, Any]:
        """The alarm, and what would be set aside: a dry run of the very same work."""
        try:
            alarm = alarms.alarm_for(alarm_id=alarm_id, actor=self.person)
        except NotThere as error:
            raise Http404 from error
        context = {"campaign": self.campaign, "alarm": alarm, "shown": SHOWN_LINES}
        try:
            found = alarms.revert_for_alarm(
                alarm_id=alarm_id, actor=self.person, reason="", dry_run=True, look=learnt_from
            )
        except UserError as error:
            return super().get_context_data(refusal=refusal_in_words(error), **context, **kwargs)
        return super().get_context_data(
            found=found,
            lines=found.lines[:SHOWN_LINES],
            more=max(0, len(found.lines) - SHOWN_LINES),
            **context,
            **kwargs,
        )

    def post(self, request: HttpRequest, *, slug: str, alarm_id: int) -> HttpResponse:
        """Do it."""
        try:
            found = alarms.revert_for_alarm(
                alarm_id=alarm_id, actor=self.person, reason=request.POST.get("reason", ""), dry_run=False
            )
        except NotThere as error:
            raise Http404 from error
        except UserError as error:
            messages.error(request, _("Nothing was set aside: %(why)s") % {"why": refusal_in_words(error)})
            return redirect("trust-revert", slug=slug, alarm_id=alarm_id)
        messages.success(request, _("The account is blocked and its work is set aside."))
        return redirect("revert", slug=slug, revert_id=cast(Revert, found.revert).pk)


class RevertView(MaintainedView):
    """One revert: what it set aside, what had learnt from it, and how to bring it back."""

    template_name = "learning/revert.html"

    def revert_or_404(self, revert_id: int) -> Revert:
        """A revert that touched this campaign."""
        found = reverts_in(self.campaign).filter(pk=revert_id).first()
        if found is None:
            raise Http404
        return cast(Revert, found)

    def get_context_data(self, *, revert_id: int = 0, **kwargs: Any) -> dict[str, Any]:
        """Its lines in this campaign, and the names of what was made of the work."""
        revert = self.revert_or_404(revert_id)
        lines = [line for line in lines_of(revert) if line.campaign == self.campaign.slug]
        return super().get_context_data(
            campaign=self.campaign,
            revert=revert,
            lines=lines[:SHOWN_LINES],
            more=max(0, len(lines) - SHOWN_LINES),
            learnt=learnt_from(revert),
            **kwargs,
        )

    def post(self, request: HttpRequest, *, slug: str, revert_id: int) -> HttpResponse:
        """Bring the work back."""
        revert = self.revert_or_404(revert_id)
        try:
            undo_for_maintainer(revert_id=revert.pk, actor=self.person, reason=request.POST.get("reason", ""))
        except UserError as error:
            messages.error(request, _("Nothing was brought back: %(why)s") % {"why": refusal_in_words(error)})
        else:
            messages.success(request, _("The work counts again, unless another decision holds it."))
        return redirect("revert", slug=slug, revert_id=revert_id)
