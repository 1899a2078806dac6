"""Pages of teams, and of an invitation that somebody was given."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.generic import TemplateView

from annotation import invitation_mail
from annotation.errors import InvitationUnusable
from annotation.forms import TeamForm, TeamInviteForm
from annotation.models import Campaign, Invitation, Team
from annotation.page_errors import PEOPLE, refusal_in_words, refusals_as_messages
from annotation.services.invitations import accept_invitation, invitation_of, invite, withdraw_invitation
from annotation.services.teams import leave_team, let_manage, make_team


class TeamsView(LoginRequiredMixin, TemplateView):
    """The teams I am in; maintainers of a campaign may make one."""

    template_name = "annotation/teams.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """My teams, and a form for a new one."""
        may_make = Campaign.objects.maintained_by(self.request.user).exists()
        teams = Team.objects.readable_by(self.request.user)
        return super().get_context_data(**{"teams": teams, "may_make": may_make, "form": TeamForm(), **kwargs})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make a team."""
        get_object_or_404(Campaign.objects.maintained_by(request.user)[:1])
        form = TeamForm(request.POST)
        if form.is_valid():
            with refusals_as_messages(request):
                return redirect("team", make_team(actor=cast(User, request.user), **form.cleaned_data).pk)
        return self.render_to_response(self.get_context_data(form=form))


class TeamView(LoginRequiredMixin, TemplateView):
    """Who is in a team and what it may do, for its members."""

    template_name = "annotation/team.html"

    def get_context_data(self, *, team_id: int = 0, **kwargs: Any) -> dict[str, Any]:
        """Members and roles; for whoever manages it, open invitations and a form."""
        team = get_object_or_404(Team.objects.readable_by(self.request.user), pk=team_id)
        manages = Team.objects.managed_by(self.request.user).filter(pk=team.pk).exists()
        return super().get_context_data(
            **{
                "team": team,
                "manages": manages,
                "members": team.memberships.select_related("user").order_by("-manages", "user__username"),
                "roles": team.roles.select_related("campaign").order_by("campaign__title"),
                "invitations": team.invitations.open() if manages else [],  # type: ignore[attr-defined]
                "form": TeamInviteForm(),
                **kwargs,
            }
        )

    def post(self, request: HttpRequest, team_id: int) -> HttpResponse:
        """Invite somebody; the link is shown this once, or sent."""
        team = managed_or_404(request, team_id)
        form = TeamInviteForm(request.POST)
        link = None
        if form.is_valid():
            with refusals_as_messages(request):
                made = invite(actor=cast(User, request.user), team=team, **form.cleaned_data)
                link = request.build_absolute_uri(reverse("invitation", args=[made.secret]))
                invitation_mail.send_or_say(request, made.invitation, link)
                form = TeamInviteForm()
        return self.render_to_response(self.get_context_data(team_id=team_id, form=form, link=link))


def managed_or_404(request: HttpRequest, team_id: int) -> Team:
    """A team whose members the reader may choose."""
    return get_object_or_404(Team.objects.managed_by(request.user), pk=team_id)


@require_POST
@login_required
def remove_member(request: HttpRequest, team_id: int, user_id: int) -> HttpResponse:
    """Take somebody out of a team one manages, or leave it oneself."""
    user = cast(User, request.user)
    leaving = user_id == user.pk
    teams = Team.objects.readable_by(user) if leaving else Team.objects.managed_by(user)
    member = get_object_or_404(get_object_or_404(teams, pk=team_id).memberships.select_related("user"), user_id=user_id)
    with refusals_as_messages(request):
        leave_team(team=member.team, user=member.user, actor=user)
        messages.success(request, _("You have left the team.") if leaving else _("This person has left the team."))
        if leaving:
            return redirect("teams")
    return redirect("team", team_id)


@require_POST
@login_required
def make_manager(request: HttpRequest, team_id: int, user_id: int) -> HttpResponse:
    """Let a member manage the team as well."""
    team = managed_or_404(request, team_id)
    member = get_object_or_404(team.memberships.select_related("user"), user_id=user_id)
    with refusals_as_messages(request):
        let_manage(team=team, user=member.user, actor=cast(User, request.user))
        messages.success(request, _("This person manages the team as well now."))
    return redirect("team", team_id)


@require_POST
@login_required
def withdraw(request: HttpRequest, team_id: int, invitation_id: int) -> HttpResponse:
    """Withdraw an invitation to a team."""
    team = managed_or_404(request, team_id)
    invitation = get_object_or_404(Invitation, team=team, pk=invitation_id)
    withdraw_invitation(invitation=invitation, actor=cast(User, request.user))
    messages.success(request, _("The invitation is withdrawn."))
    return redirect("team", team_id)


@login_required
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """What an invitation offers, and taking it up."""
    try:
        found = invitation_of(secret)
        if request.method == "POST":
            used = accept_invitation(secret=secret, user=cast(User, request.user))
            messages.success(request, _("Welcome: you can begin."))
            return redirect("campaign", used.campaign.slug) if used.campaign else redirect("team", used.team_id)
    except InvitationUnusable as error:
        return render(
            request, "annotation/invitation_unusable.html", {"told": refusal_in_words(error, PEOPLE)}, status=410
        )
    return render(request, "annotation/invitation.html", {"invitation": found, "secret": secret})
