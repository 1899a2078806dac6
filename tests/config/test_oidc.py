"""Signing in by another organisation's accounts, against a real OpenID Connect provider over HTTP."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import oidc_provider as provider
import pytest
import requests
import scenes
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.auth import get_user_model
from django.test import Client

pytestmark = pytest.mark.django_db
CALLBACK = "/accounts/oidc/oidc/login/callback/"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The provider's address, while it runs."""
    folder = tmp_path_factory.mktemp("provider")
    command = [sys.executable, provider.__file__, str(folder), f"http://testserver{CALLBACK}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=folder) as process:
        deadline = time.monotonic() + 60
        while not (folder / "address").exists():
            assert process.poll() is None and time.monotonic() < deadline, "the provider did not start"
            time.sleep(0.05)
        yield (folder / "address").read_text(encoding="utf-8")
        process.stdin.close()  # type: ignore[union-attr]


@pytest.fixture(autouse=True)
def site(issuer: str, settings: Any) -> None:
    """This site as an operator sets it up for that provider."""
    app = {
        "provider_id": "oidc", "name": "Elsewhere", "client_id": provider.CLIENT_ID, "secret": provider.CLIENT_SECRET,
        "settings": {"server_url": issuer},
    }  # fmt: skip
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}


def hidden_token(page: str) -> str:
    """The form's CSRF token."""
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]  # type: ignore[index]


class NoFollow(requests.Session):
    """A browser that stops before it leaves the provider for this site, which has no port of its own here."""

    def get_redirect_target(self, response: requests.Response) -> str | None:
        target = super().get_redirect_target(response)
        return None if target and urlsplit(target).netloc == "testserver" else target


def go_through(client: Client, elsewhere: requests.Session, *, process: str = "login") -> str:
    """From this site's button to its callback, signing in at the provider if asked; returns the callback's address."""
    away = client.post(f"/accounts/oidc/oidc/login/?process={process}")
    assert away.status_code == 302
    asked = parse_qs(urlsplit(away["Location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert set(asked["scope"][0].split()) == {"openid", "profile", "email"}
    page = elsewhere.get(away["Location"], timeout=10)
    if "/accounts/login/" in page.url:
        given = {"login": provider.NAME, "password": provider.PASSWORD, "csrfmiddlewaretoken": hidden_token(page.text)}
        page = elsewhere.post(page.url, data=given, timeout=10)
    assert page.status_code == 302, page.text
    place = urlsplit(page.headers["Location"])
    assert (place.netloc, place.path) == ("testserver", CALLBACK)
    return f"{place.path}?{place.query}"


def test_someone_new_chooses_a_name_agrees_to_the_licence_and_comes_back_by_the_same_account() -> None:
    client, elsewhere = Client(), NoFollow()
    back = client.get(go_through(client, elsewhere))
    assert (back.status_code, back["Location"]) == (302, "/accounts/3rdparty/signup/")
    page = client.get(back["Location"]).content.decode()
    assert 'value="helena"' in page and 'name="licence"' in page
    refused = client.post(back["Location"], {"username": "helena", "email": provider.MAIL})
    assert refused.status_code == 200 and not get_user_model().objects.filter(username="helena").exists()
    given = {"username": "helena", "email": provider.MAIL, "licence": "on"}
    assert client.post(back["Location"], given).status_code == 302
    user = get_user_model().objects.get(username="helena")
    assert user.contributor.licence_accepted_at is not None and not user.has_usable_password()
    assert EmailAddress.objects.get(user=user).verified
    assert SocialAccount.objects.get(user=user).provider == "oidc"
    assert not SocialToken.objects.exists()  # the provider's tokens are not kept

    again = Client()
    arrived = again.get(go_through(again, elsewhere))
    assert (arrived.status_code, arrived["Location"]) == (302, "/campaigns/")
    assert again.session["_auth_user_id"] == str(user.pk)


def test_an_address_alone_does_not_open_somebody_s_account() -> None:
    ana = scenes.person("ana", email=provider.MAIL)
    EmailAddress.objects.create(user=ana, email=provider.MAIL, verified=True, primary=True)
    client = Client()
    client.get(go_through(client, NoFollow()))
    assert "_auth_user_id" not in client.session
    given = {"username": "helena", "email": provider.MAIL, "licence": "on"}
    client.post("/accounts/3rdparty/signup/", given)
    assert "_auth_user_id" not in client.session or client.session["_auth_user_id"] != str(ana.pk)
    assert not SocialAccount.objects.filter(user=ana).exists()


def test_somebody_signed_in_links_the_account_and_then_signs_in_with_it() -> None:
    ana = scenes.person("ana")
    client, elsewhere = Client(), NoFollow()
    client.force_login(ana)
    client.get(go_through(client, elsewhere, process="connect"))
    assert SocialAccount.objects.get(user=ana).extra_data["userinfo"]["email"] == provider.MAIL
    other = Client()
    other.get(go_through(other, elsewhere))
    assert other.session["_auth_user_id"] == str(ana.pk)


def test_an_answer_that_was_not_asked_for_is_refused() -> None:
    client, elsewhere = Client(), NoFollow()
    callback = go_through(client, elsewhere)
    stranger = Client()  # another browser, to which somebody passes the link
    assert "_auth_user_id" not in stranger.session
    answer = stranger.get(callback)
    assert answer.status_code >= 400 or "signup" not in answer.headers.get("Location", "")
    assert "_auth_user_id" not in stranger.session
    assert not SocialAccount.objects.exists()


def test_the_sign_in_page_offers_it_by_name() -> None:
    page = Client().get("/accounts/login/?next=/me/").content.decode()
    assert "Sign in with Elsewhere" in page and "next=%2Fme%2F" in page
