"""The practice page: the studio for anyone, before any account."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from html_checks import assert_strict, language_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def built(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A front end that has the page's entry, whether or not the one beside the tests was built with it."""
    from django_vite.core.asset_loader import DjangoViteAssetLoader

    manifest = tmp_path / "manifest.json"
    entry = "src/pages/practice.ts"
    manifest.write_text(json.dumps({entry: {"file": "assets/practice-1a2b3c4d.js", "src": entry, "isEntry": True}}))
    settings.DJANGO_VITE = {"default": {**settings.DJANGO_VITE["default"], "manifest_path": manifest}}
    monkeypatch.setattr(DjangoViteAssetLoader, "_instance", None)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_anyone_may_practise_and_nothing_of_a_campaign_is_in_the_page(language: str) -> None:
    answer = Client(headers={"accept-language": language}).get("/practice/")
    page = answer.content.decode()
    assert answer.status_code == 200 and language_of(page) == language
    assert_strict(answer)
    found = re.search(r'<script id="boot" type="application/json">(.*?)</script>', page)
    assert found and json.loads(found[1]) == {"language": language, "campaign": None, "practice": True}
    assert "assets/practice-1a2b3c4d.js" in page


def test_workers_come_from_the_site_itself_and_from_nowhere_else() -> None:
    policy = Client().get("/practice/")["Content-Security-Policy"]
    directives = {part.split()[0]: part.split()[1:] for part in policy.split(";") if part.strip()}
    assert directives["worker-src"] == ["'self'"]
    assert settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["worker-src"] == ["'self'"]
