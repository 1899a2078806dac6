"""A second factor: asked for once it is there, sealed in the database, with recovery codes when the device is lost."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import pytest
import scenes
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from html_checks import assert_strict

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-passphrase"


@pytest.fixture(autouse=True)
def no_code_was_used() -> None:
    cache.clear()  # where codes that were used are remembered for a while


def code_of(secret: str) -> str:
    """What an authenticator app shows now."""
    counter = list(totp.yield_hotp_counters_from_time())[totp.app_settings.TOTP_TOLERANCE]
    return totp.format_hotp_value(totp.hotp_value(secret, counter))


def signed_in(name: str = "ana") -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": name, "password": PASSWORD})
    return client


@pytest.fixture
def ana() -> Any:
    return scenes.person("ana")


def activate(client: Client) -> str:
    """Set the app up as a person does, who gives the password again; returns its secret."""
    assert client.get("/accounts/2fa/totp/activate/").status_code == 302
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/")
    assert_strict(page)
    assert b"data:image/svg+xml" in page.content
    secret = client.session["mfa.totp.secret"]
    cache.clear()
    done = client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert done.status_code == 302, done.content.decode()[:2000]
    cache.clear()
    return str(secret)


def test_signing_in_asks_for_the_app_s_code_once_it_is_set_up(ana: Any) -> None:
    secret = activate(signed_in())
    client = signed_in()
    assert "_auth_user_id" not in client.session
    page = client.get("/accounts/2fa/authenticate/")
    assert_strict(page)
    client.post("/accounts/2fa/authenticate/", {"code": "000000" if code_of(secret) != "000000" else "111111"})
    assert "_auth_user_id" not in client.session
    answer = client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert (answer.status_code, answer["Location"]) == (302, "/campaigns/")
    assert client.session["_auth_user_id"] == str(ana.pk)


def test_a_recovery_code_lets_in_once(ana: Any) -> None:
    owner = signed_in()
    activate(owner)
    page = owner.get("/accounts/2fa/recovery-codes/")
    assert_strict(page)
    codes = re.findall(r"\b\d{8}\b", page.content.decode())
    assert len(codes) == 10
    for attempt, comes_in in ((codes[0], True), (codes[0], False)):
        client = signed_in()
        client.post("/accounts/2fa/authenticate/", {"code": attempt})
        assert ("_auth_user_id" in client.session) is comes_in


def test_its_secret_is_sealed_in_the_database(ana: Any) -> None:
    secret = activate(signed_in())
    rows = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in rows and "gAAAA" in rows


def test_secrets_survive_a_change_of_the_site_s_key(ana: Any, settings: Any) -> None:
    secret = activate(signed_in())
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-" + "1" * 60
    settings.SECRET_KEY_FALLBACKS = [old]
    before = Authenticator.objects.get(type="totp").data["secret"]
    out = StringIO()
    call_command("reseal_second_factors", stdout=out)
    assert out.getvalue().startswith("2 second factors")
    settings.SECRET_KEY_FALLBACKS = []
    kept = Authenticator.objects.get(type="totp")
    assert kept.data["secret"] != before
    assert totp.decrypt(kept.data["secret"]) == secret


@pytest.mark.parametrize(
    "path",
    ["2fa/", "2fa/webauthn/", "2fa/webauthn/add/", "email/", "password/change/", "3rdparty/", "reauthenticate/"],
)
def test_pages_of_the_account_keep_to_the_policy(ana: Any, path: str) -> None:
    client = signed_in()
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get(f"/accounts/{path}")
    assert page.status_code == 200
    assert_strict(page)
    assert b'class="form-page"' in page.content
