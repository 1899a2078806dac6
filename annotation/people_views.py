"""Pages where maintainers say who may do what in a campaign."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.generic import TemplateView

from annotation import invitation_mail
from annotation.forms import InviteForm, RoleForm, TeamRoleForm
from annotation.models import AuditEntry, Campaign, Invitation, Membership, Team
from annotation.page_errors import refusals_as_messages
from annotation.services.invitations import invite, withdraw_invitation
from annotation.services.people import remove_role, set_role
from annotation.services.teams import remove_team_role, set_team_role

SHOWN_CHANGES = 50


def maintained_or_404(request: HttpRequest, slug: str) -> Campaign:
    """A campaign that the reader maintains; to anyone else its page does not exist."""
    return get_object_or_404(Campaign.objects.maintained_by(request.user), slug=slug)


class PeopleView(LoginRequiredMixin, TemplateView):
    """Who has which role in a campaign, by themselves or through a team, and open invitations."""

    template_name = "annotation/people.html"

    def get_context_data(self, *, slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """Roles, teams, invitations and the last changes."""
        campaign = maintained_or_404(self.request, slug)
        return super().get_context_data(
            **{
                "campaign": campaign,
                "memberships": campaign.memberships.select_related("user__contributor").order_by("-role", "user"),
                "team_roles": campaign.team_roles.select_related("team").order_by("team__name"),
                "my_teams": Team.objects.readable_by(self.request.user).exclude(roles__campaign=campaign),
                "invitations": campaign.invitations.open(),  # type: ignore[attr-defined]
                "changes": AuditEntry.objects.filter(campaign=campaign).select_related("actor", "subject", "team")[
                    :SHOWN_CHANGES
                ],
                "roles": Membership.Role.choices,
                "form": InviteForm(),
                **kwargs,
            }
        )

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Invite somebody; the link is shown this once, or sent."""
        campaign = maintained_or_404(request, slug)
        form = InviteForm(request.POST)
        link = None
        if form.is_valid():
            with refusals_as_messages(request):
                made = invite(actor=cast(User, request.user), campaign=campaign, **form.cleaned_data)
                link = request.build_absolute_uri(reverse("invitation", args=[made.secret]))
                invitation_mail.send_or_say(request, made.invitation, link)
                form = InviteForm()
        return self.render_to_response(self.get_context_data(slug=slug, form=form, link=link))


@require_POST
@login_required
def change_role(request: HttpRequest, slug: str, user_id: int) -> HttpResponse:
    """Give somebody who has a role here another one."""
    campaign = maintained_or_404(request, slug)
    member = get_object_or_404(campaign.memberships.select_related("user"), user_id=user_id)
    form = RoleForm(request.POST)
    if form.is_valid():
        with refusals_as_messages(request):
            set_role(campaign=campaign, user=member.user, role=form.cleaned_data["role"], actor=_actor(request))
            messages.success(request, _("The role is changed."))
    return redirect("campaign-people", slug)


@require_POST
@login_required
def take_role_away(request: HttpRequest, slug: str, user_id: int) -> HttpResponse:
    """Take somebody's role away."""
    campaign = maintained_or_404(request, slug)
    member = get_object_or_404(campaign.memberships.select_related("user"), user_id=user_id)
    with refusals_as_messages(request):
        remove_role(campaign=campaign, user=member.user, actor=_actor(request))
        messages.success(request, _("The role is taken away: this person may go on labelling."))
    return redirect("campaign-people", slug)


@require_POST
@login_required
def give_team_role(request: HttpRequest, slug: str) -> HttpResponse:
    """Give a team that one is in, or that has a role here already, a role."""
    campaign = maintained_or_404(request, slug)
    form = TeamRoleForm(request.POST)
    if form.is_valid():
        mine = Team.objects.readable_by(request.user) | Team.objects.filter(roles__campaign=campaign)
        team = get_object_or_404(mine.distinct(), pk=form.cleaned_data["team"])
        with refusals_as_messages(request):
            set_team_role(campaign=campaign, team=team, role=form.cleaned_data["role"], actor=_actor(request))
            messages.success(request, _("The team has this role now, and so has everyone who joins it."))
    return redirect("campaign-people", slug)


@require_POST
@login_required
def take_team_role_away(request: HttpRequest, slug: str, team_id: int) -> HttpResponse:
    """Take a team's role away."""
    campaign = maintained_or_404(request, slug)
    team = get_object_or_404(Team.objects.filter(roles__campaign=campaign), pk=team_id)
    with refusals_as_messages(request):
        remove_team_role(campaign=campaign, team=team, actor=_actor(request))
        messages.success(request, _("The team's role is taken away."))
    return redirect("campaign-people", slug)


@require_POST
@login_required
def withdraw(request: HttpRequest, slug: str, invitation_id: int) -> HttpResponse:
    """Withdraw an invitation to a campaign."""
    campaign = maintained_or_404(request, slug)
    invitation = get_object_or_404(Invitation, campaign=campaign, pk=invitation_id)
    withdraw_invitation(invitation=invitation, actor=_actor(request))
    messages.success(request, _("The invitation is withdrawn."))
    return redirect("campaign-people", slug)


def _actor(request: HttpRequest) -> User:
    return cast(User, request.user)
