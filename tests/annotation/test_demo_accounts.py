"""The demonstration's accounts: new passwords for its own, never for someone else's."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
import scenes
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command


def create() -> dict[str, str]:
    out = StringIO()
    call_command("create_demo_accounts", "--contributors", "2", stdout=out)
    return dict(json.loads(out.getvalue()))


def test_accounts_are_made_with_consent_and_get_new_passwords_when_made_again(db: None) -> None:
    first, second = create(), create()
    assert set(first) == {"annotator", "reviewer", "maintainer", "contributor1", "contributor2"}
    assert User.objects.count() == 5
    assert authenticate(username="reviewer", password=first["reviewer"]) is None
    reviewer: Any = authenticate(username="reviewer", password=second["reviewer"])
    assert reviewer.contributor.licence_accepted_at is not None


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"email": "mia@example.org"},
        {"email": "other@demo.invalid"},
        {"email": "maintainer@demo.invalid", "is_staff": True},
        {"email": "maintainer@demo.invalid", "is_superuser": True},
    ],
)
def test_someone_elses_account_keeps_its_password_and_nothing_is_made(db: None, facts: dict[str, Any]) -> None:
    mia = scenes.person("maintainer", **facts)
    with pytest.raises(CommandError, match=f"'maintainer' was not made by this command.*/admin/auth/user/{mia.pk}/"):
        create()
    assert authenticate(username="maintainer", password="a-long-passphrase") == mia
    assert User.objects.count() == 1
