"""Asking for a new password: by mail where the site sends mail, else told so."""

from __future__ import annotations

from typing import Any

import pytest
import scenes
from django.core import mail
from django.test import Client


@pytest.fixture
def ana(db: None) -> Any:
    return scenes.person("ana", email="ana@example.org")


def test_a_site_without_mail_says_so_instead_of_promising_a_message(ana: Any, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    answer = Client().post("/accounts/password/reset/", {"email": "ana@example.org"})
    assert answer.status_code == 200
    assert "This site sends no e-mail" in answer.content.decode()


def test_a_site_with_mail_sends_the_link(ana: Any) -> None:
    answer = Client().post("/accounts/password/reset/", {"email": "ana@example.org"})
    assert answer.status_code == 302
    (message,) = mail.outbox
    assert message.to == ["ana@example.org"] and "/accounts/password/reset/key/" in message.body
