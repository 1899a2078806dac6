"""Pages of one's account, of a campaign's people and of teams: shown once, refused with words, in both languages."""

from __future__ import annotations

import re
from typing import Any

import pytest
import scenes
from django.core import mail
from django.core.cache import cache
from django.test import Client
from html_checks import assert_strict, language_of

from annotation.jobs.registry import run_job
from annotation.models import ApiToken, AuditEntry, Invitation, Job, Team
from annotation.services.invitations import invite
from annotation.services.people import role_in, set_role
from config.settings.base import ACCOUNT_RATE_LIMITS

pytestmark = pytest.mark.django_db


@pytest.fixture
def mia(db: None) -> Any:
    return scenes.person("mia")


@pytest.fixture
def camp(mia: Any) -> Any:
    return scenes.campaign("camp", created_by=mia)


def browser(user: Any, language: str = "en") -> Client:
    client = Client(headers={"accept-language": language})
    client.force_login(user)
    return client


def secret_in(page: Any, mark: str) -> str:
    """What a page shows this once."""
    found = re.search(rf'id="{mark}">([^<]+)<', page.content.decode())
    assert found is not None
    return found[1]


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize(
    "path", ["/me/account/", "/me/tokens/", "/me/delete/", "/campaigns/camp/people/", "/teams/", "/teams/TEAM/"]
)
def test_pages_keep_to_the_policy_in_both_languages(camp: Any, mia: Any, path: str, language: str) -> None:
    client = browser(mia, language)
    client.post("/teams/", {"name": "Gers"})
    page = client.get(path.replace("TEAM", str(Team.objects.get().pk)))
    assert page.status_code == 200
    assert_strict(page)
    assert language_of(page.content.decode()) == language
    assert page.headers["Cache-Control"] == "private, no-store"


def test_a_token_is_shown_once_and_revoked_by_a_button(mia: Any) -> None:
    client = browser(mia)
    made = client.post("/me/tokens/", {"name": "nightly", "scopes": ["read", "annotate"], "days": "30"})
    secret = secret_in(made, "new-token")
    assert secret not in client.get("/me/tokens/").content.decode()
    script = Client(headers={"authorization": f"Bearer {secret}"})
    assert script.get("/api/v1/me/").json()["username"] == "mia"
    client.post(f"/me/tokens/{ApiToken.objects.get().pk}/revoke/")
    assert script.get("/api/v1/me/").status_code == 401
    assert "revoked" in client.get("/me/tokens/").content.decode()


def test_a_token_without_scope_or_name_is_not_made_and_the_form_says_why(mia: Any) -> None:
    page = browser(mia).post("/me/tokens/", {"name": "", "days": "30"})
    assert page.content.decode().count("errorlist") == 2 and not ApiToken.objects.exists()


def test_an_invitation_by_link_makes_a_reviewer(camp: Any, mia: Any) -> None:
    page = browser(mia).post("/campaigns/camp/people/", {"role": "reviewer"})
    link = secret_in(page, "invitation-link")
    assert link.startswith("http://testserver/invitations/")
    ana = scenes.person("ana")
    asked = Client().get(link)
    assert asked.status_code == 302 and "/accounts/login/" in asked["Location"]
    offered = browser(ana).get(link)
    assert "as reviewer" in offered.content.decode()
    assert role_in(campaign=camp, user=ana) == "annotator"  # looking changes nothing
    taken = browser(ana).post(link)
    assert taken["Location"] == "/campaigns/camp/"
    assert role_in(campaign=camp, user=ana) == "reviewer"
    again = browser(scenes.person("eve")).post(link)
    assert again.status_code == 410 and "ask whoever sent it" in again.content.decode()


def test_an_invitation_by_mail_is_sent_and_a_title_cannot_forge_a_header(camp: Any, mia: Any) -> None:
    camp.title = "Gers\r\nBcc: everyone@example.org"
    camp.save()
    browser(mia).post("/campaigns/camp/people/", {"role": "reviewer", "email": "ana@example.org"})
    (sent,) = mail.outbox
    assert sent.to == ["ana@example.org"] and sent.bcc == [] and "\n" not in sent.subject
    (link,) = re.findall(r"http://testserver(/invitations/\S+)", sent.body)
    assert browser(scenes.person("ana")).get(link).status_code == 200


def test_a_site_without_mail_says_so_and_shows_the_link(camp: Any, mia: Any, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    page = browser(mia).post("/campaigns/camp/people/", {"role": "reviewer", "email": "ana@example.org"})
    assert "pass the link on yourself" in page.content.decode()
    assert secret_in(page, "invitation-link")


def test_an_open_invitation_is_withdrawn_by_a_button(camp: Any, mia: Any) -> None:
    made = invite(actor=mia, campaign=camp, role="reviewer", email="ana@example.org")
    client = browser(mia)
    assert "ana@example.org" in client.get("/campaigns/camp/people/").content.decode()
    client.post(f"/campaigns/camp/invitations/{made.invitation.pk}/withdraw/")
    assert "ana@example.org" not in client.get("/campaigns/camp/people/").content.decode()
    assert Invitation.objects.get().revoked_at is not None


def test_roles_are_changed_and_taken_away_but_never_the_last_maintainer_s(camp: Any, mia: Any) -> None:
    ana = scenes.person("ana")
    set_role(campaign=camp, user=ana, role="reviewer", actor=mia)
    client = browser(mia)
    client.post(f"/campaigns/camp/people/{ana.pk}/role/", {"role": "maintainer"})
    assert role_in(campaign=camp, user=ana) == "maintainer"
    client.post(f"/campaigns/camp/people/{ana.pk}/remove/")
    assert role_in(campaign=camp, user=ana) == "annotator"
    told = client.post(f"/campaigns/camp/people/{mia.pk}/remove/", follow=True).content.decode()
    assert "would have no maintainer left" in told and told.count("The role is taken away") == 1  # of before
    page = client.get("/campaigns/camp/people/").content.decode()
    assert "role taken away" in page and AuditEntry.objects.filter(request_id="").count() < AuditEntry.objects.count()


def test_a_team_is_made_given_a_role_and_left(camp: Any, mia: Any) -> None:
    ana = scenes.person("ana")
    client = browser(mia)
    client.post("/teams/", {"name": "Gers"})
    team = Team.objects.get()
    link = secret_in(client.post(f"/teams/{team.pk}/", {}), "invitation-link")
    browser(ana).post(link)
    client.post("/campaigns/camp/teams/", {"team": team.pk, "role": "reviewer"})
    assert role_in(campaign=camp, user=ana) == "reviewer"
    assert "Gers: reviewer" in client.get("/campaigns/camp/people/").content.decode()
    assert browser(ana).get(f"/teams/{team.pk}/").status_code == 200
    told = client.post(f"/teams/{team.pk}/members/{mia.pk}/remove/", follow=True).content.decode()
    assert "somebody else must be able to" in told
    client.post(f"/teams/{team.pk}/members/{ana.pk}/manage/")
    client.post(f"/teams/{team.pk}/members/{mia.pk}/remove/")
    assert client.get(f"/teams/{team.pk}/").status_code == 404
    assert "There is a team of this name" in client.post("/teams/", {"name": "Gers"}, follow=True).content.decode()


def test_a_team_that_one_is_not_in_cannot_be_given_a_role(camp: Any, mia: Any) -> None:
    other = scenes.person("other")
    scenes.campaign("theirs", created_by=other)
    browser(other).post("/teams/", {"name": "Strangers"})
    answer = browser(mia).post("/campaigns/camp/teams/", {"team": Team.objects.get().pk, "role": "maintainer"})
    assert answer.status_code == 404 and not camp.team_roles.exists()


def test_my_data_is_written_downloaded_and_nobody_else_s(mia: Any) -> None:
    client = browser(mia)
    client.post("/me/export/")
    job = Job.objects.get(kind="export_person")
    assert "Being written" in client.get("/me/account/").content.decode()
    run_job(str(job.pk))
    assert f"/me/export/{job.pk}/" in client.get("/me/account/").content.decode()
    answer = client.get(f"/me/export/{job.pk}/")
    assert b"".join(answer.streaming_content)[:2] == b"PK"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert browser(scenes.person("eve", is_superuser=True)).get(f"/me/export/{job.pk}/").status_code == 404


def test_an_account_is_deleted_only_with_its_password(mia: Any) -> None:
    client, elsewhere = browser(mia), browser(mia)
    assert "nothing was deleted" in client.post("/me/delete/", {"proof": "wrong"}).content.decode()
    mia.refresh_from_db()
    assert mia.username == "mia"
    answer = client.post("/me/delete/", {"proof": "a-long-passphrase"}, follow=True)
    assert "Your account is deleted" in answer.content.decode()
    mia.refresh_from_db()
    assert mia.username.startswith("deleted-")
    assert elsewhere.get("/me/account/").status_code == 302  # signed out everywhere


def test_trying_passwords_to_delete_an_account_ends_soon(mia: Any, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = ACCOUNT_RATE_LIMITS
    cache.clear()
    client = browser(mia)
    answers = [client.post("/me/delete/", {"proof": f"wrong-{number}"}).status_code for number in range(11)]
    assert answers == [200] * 10 + [429]
    assert client.post("/me/delete/", {"proof": "a-long-passphrase"}).status_code == 429
    cache.clear()
    mia.refresh_from_db()
    assert mia.username == "mia"


def test_every_answer_has_an_id_of_the_site_s_own() -> None:
    client = Client(headers={"x-request-id": "forged"})
    first, second = (client.get("/healthz").headers["X-Request-ID"] for _ in range(2))
    assert first != second and "forged" not in (first, second)


@pytest.mark.parametrize(
    ("language", "told", "refused"),
    [
        ("en", "Releases from now on thank you as Mia Durand.", "and no address"),
        ("fr", "À partir de maintenant, les publications vous remercient sous le nom de Mia Durand.", "aucune adresse"),
    ],
)
def test_one_is_named_in_releases_only_once_one_says_so_and_under_a_name_that_does_no_harm(
    mia: Any, language: str, told: str, refused: str
) -> None:
    client = browser(mia, language)
    assert client.get("/me/account/").status_code == 200 and mia.contributor.credit_name == ""
    wrong = client.post("/me/account/", {"credit_name": "mia@example.org"})
    assert_strict(wrong)
    assert wrong.status_code == 400 and refused in wrong.content.decode()
    assert 'value="mia@example.org"' in wrong.content.decode()  # to be put right
    page = client.post("/me/account/", {"credit_name": " Mia Durand "}, follow=True).content.decode()
    mia.contributor.refresh_from_db()
    assert mia.contributor.credit_name == "Mia Durand" and told in page and 'value="Mia Durand"' in page
    client.post("/me/account/", {"credit_name": ""})
    mia.contributor.refresh_from_db()
    assert mia.contributor.credit_name == ""
