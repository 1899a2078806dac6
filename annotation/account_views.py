"""Pages of one's own account: tokens, personal data, leaving."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import TemplateView

from annotation.errors import Conflict, UserError
from annotation.forms import CreditForm, DeleteAccountForm, TokenForm
from annotation.models import ApiToken, Job
from annotation.page_errors import PEOPLE, refusal_in_words, refusals_as_messages
from annotation.services.erasure import erase_person
from annotation.services.people import contributor_of, roles_of, set_credit_name
from annotation.services.personal_data import KIND, export_path, exports_of, request_export
from annotation.services.tokens import make_token, revoke_token


class AccountView(LoginRequiredMixin, TemplateView):
    """What the platform knows of me, and what I can do about it."""

    template_name = "annotation/account.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Roles, teams and exports of whoever looks."""
        user = cast(User, self.request.user)
        return super().get_context_data(
            contributor=contributor_of(user),
            roles=roles_of(user),
            teams=user.teams.all(),  # type: ignore[attr-defined]
            exports=exports_of(user),
            usable_tokens=ApiToken.objects.of(user).usable().count(),
            **{"credit": CreditForm(initial={"credit_name": contributor_of(user).credit_name}), **kwargs},
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        """Say under which name releases thank me, if any."""
        form = CreditForm(request.POST)
        try:
            if form.is_valid():
                made = set_credit_name(user=cast(User, request.user), name=form.cleaned_data["credit_name"])
                messages.success(
                    request,
                    _("Releases from now on thank you as %(name)s.") % {"name": made.credit_name}
                    if made.credit_name
                    else _("Releases from now on do not name you."),
                )
                return redirect("my-account")
        except UserError as error:
            form.add_error("credit_name", refusal_in_words(error, PEOPLE))
        return self.render_to_response(self.get_context_data(credit=form), status=400)


class TokensView(LoginRequiredMixin, TemplateView):
    """Tokens of my scripts."""

    template_name = "annotation/tokens.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """All my tokens, usable ones and others, and a form for a new one."""
        user = cast(User, self.request.user)
        usable = set(ApiToken.objects.of(user).usable().values_list("pk", flat=True))
        tokens = [(token, token.pk in usable) for token in ApiToken.objects.of(user)]
        return super().get_context_data(**{"tokens": tokens, "form": TokenForm(), **kwargs})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make a token and show it, this once: the answer is not stored anywhere."""
        form = TokenForm(request.POST)
        made = None
        if form.is_valid():
            try:
                made = make_token(user=cast(User, request.user), **form.cleaned_data)
                form = TokenForm()
            except UserError as error:
                form.add_error(None, refusal_in_words(error, PEOPLE))
        return self.render_to_response(self.get_context_data(form=form, made=made))


@require_POST
@login_required
def revoke_my_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """Make one of my tokens useless."""
    user = cast(User, request.user)
    revoke_token(token=get_object_or_404(ApiToken.objects.of(user), pk=token_id), actor=user)
    messages.success(request, _("The token is revoked: scripts that used it are refused from now on."))
    return redirect("my-tokens")


@require_POST
@login_required
def export_my_data(request: HttpRequest) -> HttpResponse:
    """Have my own data written into a file."""
    user = cast(User, request.user)
    with refusals_as_messages(request):
        request_export(user=user, actor=user)
        messages.success(request, _("Your data is being written. The file will be on this page in a moment."))
    return redirect("my-account")


@require_GET
@login_required
def download_my_data(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """The file with my own data; to anyone else it does not exist."""
    job = Job.objects.filter(pk=job_id, kind=KIND, owner=cast(User, request.user), state=Job.State.SUCCEEDED).first()
    if job is None or not export_path(job).exists():
        raise Http404
    name = f"solcommun-{contributor_of(cast(User, request.user)).public_id}.zip"
    headers = {"Cache-Control": "private, no-store"}
    return FileResponse(export_path(job).open("rb"), as_attachment=True, filename=name, headers=headers)


@login_required
def delete_my_account(request: HttpRequest) -> HttpResponse:
    """Delete my account, after the password was given again."""
    user = cast(User, request.user)
    form = DeleteAccountForm(request.POST or None, has_password=user.has_usable_password())
    if request.method == "POST":
        if refused := ratelimit.consume_or_429(request, action="reauthenticate", user=user):
            return refused
        if form.is_valid() and not is_proof(user, form.cleaned_data["proof"]):
            form.add_error("proof", _("This is not right: nothing was deleted."))
        if form.is_valid():
            try:
                erase_person(user=user, actor=user)
            except Conflict as error:
                form.add_error(None, refusal_in_words(error, PEOPLE))
            else:
                logout(request)
                messages.success(request, _("Your account is deleted. Thank you for what you gave."))
                return redirect("home")
    return render(
        request, "annotation/delete_account.html", {"form": form, "public_id": contributor_of(user).public_id}
    )


def is_proof(user: User, given: str) -> bool:
    """Whether this is the account's password, or its name where it has none."""
    return user.check_password(given) if user.has_usable_password() else given.strip() == user.username
