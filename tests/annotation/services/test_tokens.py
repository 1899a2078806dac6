"""Tokens: shown once, kept as a hash, refused as soon as they lapse, are revoked, or the account may not sign in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import scenes
from django.db.models import F
from rest_framework.test import APIClient

from annotation.errors import TooManyTokens, UserError
from annotation.models import ApiToken, AuditEntry
from annotation.services import tokens

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(db: None) -> Any:
    return scenes.person("ana")


def call(secret: str, path: str = "/api/v1/me/", method: str = "get") -> Any:
    return getattr(APIClient(enforce_csrf_checks=True), method)(path, headers={"authorization": f"Bearer {secret}"})


def test_a_token_is_shown_once_and_kept_as_a_hash(ana: Any) -> None:
    made = tokens.make_token(user=ana, name="nightly", scopes=["annotate", "read"], days=30)
    kept = str(ApiToken.objects.filter(pk=made.row.pk).values().get())
    assert made.secret.startswith("sol_") and len(made.secret) == 4 + 43  # 256 bits
    assert made.secret not in kept and made.secret[:10] == made.row.prefix
    assert made.row.scopes == ["read", "annotate"]
    answer = call(made.secret)
    assert (answer.status_code, answer.json()["username"]) == (200, "ana")
    assert ApiToken.objects.get().last_used_at is not None
    assert list(AuditEntry.objects.values_list("action", "after")) == [("token_made", "read annotate")]


def test_a_use_is_noted_once_a_minute(ana: Any) -> None:
    made = tokens.make_token(user=ana, name="busy", scopes=["read"], days=1)
    call(made.secret)
    first = ApiToken.objects.get().last_used_at
    call(made.secret)
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=F("last_used_at") - timedelta(minutes=2))
    call(made.secret)
    assert ApiToken.objects.get().last_used_at > first


@pytest.mark.parametrize("end", ["lapsed", "revoked", "blocked", "unknown"])
def test_a_token_that_has_ended_is_refused_with_what_to_do(ana: Any, end: str) -> None:
    made = tokens.make_token(user=ana, name="old", scopes=["read"], days=1)
    secret = made.secret
    if end == "lapsed":
        ApiToken.objects.update(expires_at=F("created_at") - timedelta(seconds=1))
    elif end == "revoked":
        tokens.revoke_token(token=made.row, actor=ana)
        tokens.revoke_token(token=made.row, actor=ana)
        assert AuditEntry.objects.filter(action="token_revoked").count() == 1
    elif end == "blocked":
        ana.is_active = False
        ana.save()
    else:
        secret = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    answer = call(secret)
    assert answer.status_code == 401 and "make another under My account" in answer.json()["error"]["message"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_bad_token_is_refused_even_beside_a_good_session(ana: Any) -> None:
    client = APIClient()
    client.force_login(ana)
    assert client.get("/api/v1/me/").status_code == 200
    assert client.get("/api/v1/me/", headers={"authorization": "Bearer sol_nothing"}).status_code == 401


def test_a_missing_scope_is_named(ana: Any) -> None:
    scenes.campaign("camp")
    made = tokens.make_token(user=ana, name="reader", scopes=["read"], days=1)
    answer = call(made.secret, "/api/v1/campaigns/camp/claim/", "post")
    assert answer.status_code == 403
    assert "'annotate', yours has read" in answer.json()["error"]["message"]


def test_a_token_opens_no_page(ana: Any) -> None:
    made = tokens.make_token(user=ana, name="all", scopes=ApiToken.Scope.values, days=1)
    assert call(made.secret, "/me/tokens/").status_code == 302


def test_scopes_days_and_number_are_bounded(ana: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="'root'"):
        tokens.make_token(user=ana, name="x", scopes=["read", "root"], days=1)
    with pytest.raises(UserError, match="none"):
        tokens.make_token(user=ana, name="x", scopes=[], days=1)
    with pytest.raises(UserError, match="400 days"):
        tokens.make_token(user=ana, name="x", scopes=["read"], days=400)
    monkeypatch.setattr(tokens, "MOST_USABLE", 1)
    tokens.make_token(user=ana, name="x", scopes=["read"], days=1)
    with pytest.raises(TooManyTokens):
        tokens.make_token(user=ana, name="y", scopes=["read"], days=1)
