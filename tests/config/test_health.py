"""/readyz says whether what is acknowledged would survive a crash, and what is missing where it would not."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client

pytestmark = pytest.mark.django_db


def commits(how: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL synchronous_commit TO {how}")


def test_a_database_that_waits_for_the_disk_is_ready() -> None:
    commits("on")
    found = Client().get("/readyz")
    assert (found.status_code, found.json()) == (200, {"status": "ready", "problems": []})


def test_a_database_that_acknowledges_before_the_disk_has_it_is_not_ready() -> None:
    commits("off")
    found = Client().get("/readyz")
    assert (found.status_code, found.json()["status"]) == (503, "not ready")
    assert found.json()["problems"] == ["database: fsync is on, synchronous_commit is off; both must be on"]


def test_a_full_disk_is_named_with_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    commits("on")
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _folder: SimpleNamespace(total=100_000_000_000, free=4_000_000_000)
    )
    assert Client().get("/readyz").json()["problems"] == ["disk: 4.0 GB free of 100 GB"]
