"""Invitations: used once, by whoever comes first, while whoever made them may still invite."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
import scenes
from django.db import connections
from django.db.models import F

from annotation.errors import InvitationUnusable, TooManyInvitations, TooManyTokens, UserError
from annotation.models import AuditEntry, Invitation
from annotation.services import invitations, people, teams

pytestmark = pytest.mark.django_db


@pytest.fixture
def mia(db: None) -> Any:
    return scenes.person("mia")


@pytest.fixture
def camp(mia: Any) -> Any:
    return scenes.campaign("camp", created_by=mia)


def test_an_invitation_gives_its_role_once(camp: Any, mia: Any) -> None:
    ana, eve = scenes.person("ana"), scenes.person("eve")
    made = invitations.invite(actor=mia, campaign=camp, role="reviewer", email="ana@example.org")
    assert made.secret not in str(Invitation.objects.filter(pk=made.invitation.pk).values().get())
    invitations.accept_invitation(secret=made.secret, user=ana)
    assert people.role_in(campaign=camp, user=ana) == "reviewer"
    with pytest.raises(InvitationUnusable, match="ask whoever sent it"):
        invitations.accept_invitation(secret=made.secret, user=eve)
    row = Invitation.objects.get(pk=made.invitation.pk)
    assert (row.accepted_by, row.email) == (ana, "")
    actions = AuditEntry.objects.filter(campaign=camp).exclude(subject=mia).order_by("pk")
    assert list(actions.values_list("action", flat=True)) == ["invited", "role_set", "invitation_used"]


@pytest.mark.django_db(transaction=True)
def test_of_eight_people_with_one_link_one_gets_in() -> None:
    mia = scenes.person("mia")
    camp = scenes.campaign("camp", created_by=mia)
    crowd = [scenes.person(f"p{number}") for number in range(8)]
    secret = invitations.invite(actor=mia, campaign=camp, role="reviewer").secret
    barrier, answers = threading.Barrier(8), list[str]()

    def accept(user: Any) -> None:
        try:
            barrier.wait(timeout=20)
            invitations.accept_invitation(secret=secret, user=user)
            answers.append("in")
        except InvitationUnusable:
            answers.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=accept, args=(user,)) for user in crowd]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(answers) == ["in"] + ["refused"] * 7
    assert camp.memberships.filter(role="reviewer").count() == 1


def test_it_lapses_can_be_withdrawn_and_ends_with_the_right_to_invite(camp: Any, mia: Any) -> None:
    ana, boss = scenes.person("ana"), scenes.person("boss")
    people.set_role(campaign=camp, user=boss, role="maintainer", actor=mia)
    lapsed, withdrawn, orphaned = (
        invitations.invite(actor=mia, campaign=camp, role="reviewer", email=f"{name}@example.org")
        for name in ("a", "b", "c")
    )
    Invitation.objects.filter(pk=lapsed.invitation.pk).update(expires_at=F("created_at") - timedelta(seconds=1))
    invitations.withdraw_invitation(invitation=withdrawn.invitation, actor=mia)
    invitations.withdraw_invitation(invitation=withdrawn.invitation, actor=mia)
    people.remove_role(campaign=camp, user=mia, actor=boss)
    for made in (lapsed, withdrawn, orphaned):
        with pytest.raises(InvitationUnusable):
            invitations.accept_invitation(secret=made.secret, user=ana)
    assert AuditEntry.objects.filter(action="invitation_withdrawn").count() == 1
    assert invitations.forget_lapsed_addresses() == 1
    assert list(Invitation.objects.exclude(email="").values_list("email", flat=True)) == ["c@example.org"]


def test_a_higher_role_that_one_has_already_stays(camp: Any, mia: Any) -> None:
    secret = invitations.invite(actor=mia, campaign=camp, role="annotator").secret
    invitations.accept_invitation(secret=secret, user=mia)
    assert people.role_in(campaign=camp, user=mia) == "maintainer"


def test_an_invitation_to_a_team_gives_what_the_team_may(camp: Any, mia: Any) -> None:
    ana = scenes.person("ana")
    team = teams.make_team(name="Gers", actor=mia)
    teams.set_team_role(campaign=camp, team=team, role="reviewer", actor=mia)
    invitations.accept_invitation(secret=invitations.invite(actor=mia, team=team).secret, user=ana)
    assert people.roles_of(ana) == {"camp": "reviewer"}


def test_an_invitation_is_to_one_thing_and_there_are_not_many(
    camp: Any, mia: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="give one of them"):
        invitations.invite(actor=mia, campaign=camp)
    with pytest.raises(UserError, match="give one of them"):
        invitations.invite(actor=mia, role="reviewer", team=teams.make_team(name="Gers", actor=mia))
    monkeypatch.setattr(invitations, "MOST_OPEN", 2)
    for _ in range(2):
        invitations.invite(actor=mia, campaign=camp, role="reviewer")
    with pytest.raises(TooManyTokens, match="2 of your invitations"):
        invitations.invite(actor=mia, campaign=camp, role="reviewer")


def test_withdrawing_invitations_does_not_allow_more_mail(camp: Any, mia: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MOST_A_DAY", 2)
    for _ in range(2):
        made = invitations.invite(actor=mia, campaign=camp, role="reviewer", email="somebody@example.org")
        invitations.withdraw_invitation(invitation=made.invitation, actor=mia)
    with pytest.raises(TooManyInvitations, match="2 invitations in a day"):
        invitations.invite(actor=mia, campaign=camp, role="reviewer")
    Invitation.objects.update(created_at=F("created_at") - timedelta(days=1, minutes=1))
    invitations.invite(actor=mia, campaign=camp, role="reviewer")
