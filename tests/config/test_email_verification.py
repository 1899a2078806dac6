"""Whether an address is confirmed is the operator's choice."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client

pytestmark = pytest.mark.django_db
GIVEN = {"username": "ana", "email": "ana@example.org", "password1": "a-long-passphrase", "licence": "on"}


def signed_up(client: Client, **changes: str) -> bool:
    """Whether signing up lets in at once."""
    client.post("/accounts/signup/", GIVEN | changes)
    return "_auth_user_id" in client.session


def test_by_default_nobody_is_asked_for_an_address() -> None:
    assert signed_up(Client(), email="")
    assert mail.outbox == []


def test_optional_lets_in_and_sends_a_link(settings: Any) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "optional"
    assert signed_up(Client())
    assert mail.outbox[0].to == ["ana@example.org"]
    assert not EmailAddress.objects.get().verified


def test_mandatory_lets_in_only_after_the_link_was_followed(settings: Any) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
    client = Client()
    assert not signed_up(client, email="")  # the address is asked for
    assert not get_user_model().objects.exists()
    assert not signed_up(client)
    client.post("/accounts/login/", {"login": "ana", "password": "a-long-passphrase"})
    assert "_auth_user_id" not in client.session
    link = re.search(r"http://testserver(/accounts/confirm-email/\S+)", mail.outbox[0].body)
    assert link is not None
    client.post(link[1])
    assert EmailAddress.objects.get().verified
    client.post("/accounts/login/", {"login": "ana", "password": "a-long-passphrase"})
    assert "_auth_user_id" in client.session
