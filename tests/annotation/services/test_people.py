"""Roles: one rule for a person's own and their teams', never without a maintainer, every change written down."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import scenes
from django.contrib.auth.models import AnonymousUser
from django.db import connections, transaction
from django.db.utils import DatabaseError

from annotation.errors import Conflict, ConsentRequired, LastMaintainer, NameTaken, NotThere
from annotation.models import Annotation, AuditEntry, Campaign, Contributor, Job, Membership, TeamMember
from annotation.services import people, teams
from annotation.services.audit import request_id
from annotation.services.jobs import enqueue_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def mia(db: None) -> Any:
    return scenes.person("mia")


@pytest.fixture
def ana(db: None) -> Any:
    return scenes.person("ana")


@pytest.fixture
def camp(mia: Any) -> Any:
    return scenes.campaign("camp", created_by=mia)


def test_a_team_s_role_counts_like_one_s_own_everywhere(camp: Any, mia: Any, ana: Any) -> None:
    team = teams.make_team(name="Gers", actor=mia)
    teams.set_team_role(campaign=camp, team=team, role="reviewer", actor=mia)
    assert not Campaign.objects.reviewed_by(ana).exists()
    teams.join_team(team=team, user=ana, actor=mia)
    assert list(Campaign.objects.reviewed_by(ana)) == [camp]
    assert not Campaign.objects.maintained_by(ana).exists()
    assert people.role_in(campaign=camp, user=ana) == "reviewer"
    assert people.roles_of(ana) == {"camp": "reviewer"}
    teams.set_team_role(campaign=camp, team=team, role="maintainer", actor=mia)
    job = enqueue_job(kind="count", payload={}, owner=mia, campaign=camp)
    assert list(Job.objects.visible_to(ana)) == [job]
    teams.leave_team(team=team, user=ana, actor=ana)
    assert people.roles_of(ana) == {} and people.role_in(campaign=camp, user=ana) == "annotator"
    assert not Job.objects.visible_to(ana).exists()


def test_of_several_roles_the_higher_counts_and_a_row_is_never_listed_twice(camp: Any, mia: Any, ana: Any) -> None:
    for name, role in (("one", "reviewer"), ("two", "maintainer")):
        team = teams.make_team(name=name, actor=mia)
        teams.set_team_role(campaign=camp, team=team, role=role, actor=mia)
        teams.join_team(team=team, user=ana, actor=mia)
    people.set_role(campaign=camp, user=ana, role="annotator")
    assert people.role_in(campaign=camp, user=ana) == "maintainer"
    assert list(Campaign.objects.reviewed_by(ana)) == [camp]
    tile = camp.tickets.first().tile
    submitted = scenes.accepted(camp, tile, mia, scenes.person("rev"), [scenes.square(scenes.TWO_CLASSES[0], 0, 0, 9)])
    assert list(Annotation.objects.readable_by(ana)) == [submitted]


def test_nobody_anonymous_has_a_role_and_the_operator_has_all(camp: Any) -> None:
    assert people.role_in(campaign=camp, user=AnonymousUser()) is None  # type: ignore[arg-type]
    assert not Campaign.objects.with_role(AnonymousUser(), "maintainer").exists()
    root = scenes.person("root", is_superuser=True)
    assert people.role_in(campaign=camp, user=root) == "maintainer"


def test_the_last_maintainer_stays(camp: Any, mia: Any, ana: Any) -> None:
    with pytest.raises(LastMaintainer, match="somebody else a maintainer first"):
        people.set_role(campaign=camp, user=mia, role="reviewer", actor=mia)
    with pytest.raises(LastMaintainer):
        people.remove_role(campaign=camp, user=mia, actor=mia)
    assert people.role_in(campaign=camp, user=mia) == "maintainer"
    people.set_role(campaign=camp, user=ana, role="maintainer", actor=mia)
    people.remove_role(campaign=camp, user=mia, actor=ana)
    assert people.role_in(campaign=camp, user=mia) == "annotator"


def test_a_team_may_be_the_last_maintainer_and_then_cannot_be_emptied(camp: Any, mia: Any, ana: Any) -> None:
    team = teams.make_team(name="Gers", actor=ana)
    teams.join_team(team=team, user=mia, actor=ana)
    teams.set_team_role(campaign=camp, team=team, role="maintainer", actor=mia)
    people.remove_role(campaign=camp, user=mia, actor=mia)
    teams.leave_team(team=team, user=mia, actor=mia)
    with pytest.raises(LastMaintainer):
        teams.set_team_role(campaign=camp, team=team, role="reviewer", actor=ana)
    with pytest.raises(LastMaintainer):
        teams.remove_team_role(campaign=camp, team=team, actor=ana)
    with pytest.raises(Conflict, match="Nobody would manage"):
        teams.leave_team(team=team, user=ana, actor=ana)
    ana.is_active = False  # who cannot sign in maintains nothing
    ana.save()
    with pytest.raises(LastMaintainer):
        people.require_maintainer(camp)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("locked", [True, False])
def test_two_maintainers_cannot_remove_each_other_at_once(locked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    mia, ana = scenes.person("mia"), scenes.person("ana")
    camp = scenes.campaign("camp", created_by=mia)
    people.set_role(campaign=camp, user=ana, role="maintainer", actor=mia)
    barrier, refused = threading.Barrier(2), list[str]()
    if not locked:  # the planted fault: both look before either has written
        monkeypatch.setattr(people, "lock_roles", lambda campaign: None)
        check = people.require_maintainer

        def check_together(campaign: Any) -> None:
            check(campaign)
            barrier.wait(timeout=20)

        monkeypatch.setattr(people, "require_maintainer", check_together)

    def remove(who: Any, by: Any) -> None:
        try:
            if locked:
                barrier.wait(timeout=20)
            people.remove_role(campaign=camp, user=who, actor=by)
        except LastMaintainer as error:
            refused.append(str(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=remove, args=pair) for pair in ((mia, ana), (ana, mia))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    left = Membership.objects.filter(campaign=camp, role="maintainer").count()
    assert (left, len(refused)) == ((1, 1) if locked else (0, 0))


def test_every_change_is_written_down_with_before_and_after(camp: Any, mia: Any, ana: Any) -> None:
    given = request_id.set("r-1")
    people.set_role(campaign=camp, user=ana, role="reviewer", actor=mia)
    people.set_role(campaign=camp, user=ana, role="reviewer", actor=mia)  # no change, no entry
    people.set_role(campaign=camp, user=ana, role="maintainer", actor=mia)
    people.remove_role(campaign=camp, user=ana, actor=mia)
    request_id.reset(given)
    rows = AuditEntry.objects.filter(subject=ana).order_by("pk").values_list("action", "actor", "before", "after")
    assert list(rows) == [
        ("role_set", mia.pk, "", "reviewer"),
        ("role_set", mia.pk, "reviewer", "maintainer"),
        ("role_removed", mia.pk, "maintainer", ""),
    ]
    assert set(AuditEntry.objects.filter(subject=ana).values_list("request_id", flat=True)) == {"r-1"}


@pytest.mark.parametrize(
    "statement", ["UPDATE annotation_auditentry SET after = 'x'", "DELETE FROM annotation_auditentry"]
)
def test_the_audit_log_is_only_ever_added_to(camp: Any, mia: Any, statement: str) -> None:
    people.set_role(campaign=camp, user=scenes.person("eve"), role="reviewer", actor=mia)
    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
        connections["default"].cursor().execute(statement)


def test_an_entry_outlives_the_account_it_names(camp: Any, mia: Any) -> None:
    eve = scenes.person("eve")
    people.set_role(campaign=camp, user=eve, role="reviewer", actor=mia)
    number = eve.pk
    Contributor.objects.filter(user=eve).delete()
    eve.delete()
    assert AuditEntry.objects.filter(subject_id=number).count() == 1


def test_teams_have_one_name_each_and_managers_who_are_in_them(mia: Any, ana: Any) -> None:
    team = teams.make_team(name="Gers", actor=mia)
    with pytest.raises(NameTaken, match="'Gers'"):
        teams.make_team(name=" Gers ", actor=ana)
    with pytest.raises(NotThere):
        teams.let_manage(team=team, user=ana, actor=mia)
    teams.join_team(team=team, user=ana, actor=mia)
    teams.join_team(team=team, user=ana, actor=mia)
    teams.let_manage(team=team, user=ana, actor=mia)
    assert TeamMember.objects.filter(team=team, manages=True).count() == 2


def test_a_verdict_needs_consent_and_says_its_licence(camp: Any, mia: Any, ana: Any) -> None:
    rev = scenes.person("rev")
    tile = camp.tickets.first().tile
    annotation = scenes.accepted(camp, tile, ana, rev, [scenes.square(scenes.TWO_CLASSES[0], 0, 0, 9)])
    assert annotation.reviews.get().licence == annotation.head.licence == "etalab-2.0"
    Contributor.objects.filter(user=rev).update(licence_accepted_at=None)
    other = camp.tickets.exclude(tile=tile).first().tile
    with pytest.raises(ConsentRequired, match="My work"):
        scenes.accepted(camp, other, ana, rev, [scenes.square(scenes.TWO_CLASSES[0], 0, 0, 9)])
