"""Trying passwords ends soon, at either door, and staff still get in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import scenes
from django.core.cache import cache
from django.test import Client

from config.settings.base import ACCOUNT_RATE_LIMITS

RIGHT = "a-long-passphrase"


@pytest.fixture(autouse=True)
def limits(settings: Any, db: None) -> Iterator[None]:
    """The limits of a site; the test settings have none."""
    settings.ACCOUNT_RATE_LIMITS = ACCOUNT_RATE_LIMITS
    cache.clear()
    yield
    cache.clear()


def try_to_sign_in(client: Client, password: str, *, at: str = "/accounts/login/") -> bool:
    """Whether the session is signed in after sending a name and a password to either form, fields of both."""
    client.post(at, {"login": "root", "username": "root", "password": password, "next": "/admin/"})
    return "_auth_user_id" in client.session


def test_after_some_wrong_passwords_the_right_one_is_refused_too_at_both_doors() -> None:
    scenes.person("root", is_staff=True, is_superuser=True)
    for number in range(12):
        assert not try_to_sign_in(Client(), f"wrong-{number}")
    assert not try_to_sign_in(Client(), RIGHT)
    assert not try_to_sign_in(Client(), RIGHT, at="/admin/login/")


def test_the_admins_own_form_takes_no_password_at_all() -> None:
    scenes.person("root", is_staff=True, is_superuser=True)
    client = Client()
    assert not try_to_sign_in(client, RIGHT, at="/admin/login/?next=/admin/")
    answer = client.get("/admin/", follow=True)
    assert [url for url, _ in answer.redirect_chain][-1].startswith("/accounts/login/?next=")
    assert b'name="login"' in answer.content


def test_staff_sign_in_where_everyone_does_and_reach_the_admin() -> None:
    scenes.person("root", is_staff=True, is_superuser=True)
    client = Client()
    assert try_to_sign_in(client, RIGHT)
    assert client.get("/admin/").status_code == 200


def test_someone_signed_in_who_is_not_staff_is_refused_without_a_loop() -> None:
    client = Client()
    client.force_login(scenes.person("ana"))
    assert client.get("/admin/", follow=True).status_code == 403
