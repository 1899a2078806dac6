"""Fixtures for every test."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation


@pytest.fixture(autouse=True)
def language_left_behind() -> Any:
    """A page asked for in French leaves its language to the thread, as in production until the next request."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def map_tiles_left_behind() -> Any:
    """What a process remembers of map tiles is of another test's rows, which have the same numbers."""
    yield
    if served := sys.modules.get("annotation.served_tiles"):
        served.forget_all()


@pytest.fixture(scope="session", autouse=True)
def rows_are_deleted_where_tables_would_be_truncated() -> Iterator[None]:
    """After a test that commits: a twentieth of the time."""
    from django.test import TransactionTestCase
    from emptied_tables import empty_tables

    def empty(case: TransactionTestCase) -> None:
        for alias in case._databases_names(include_mirrors=False):
            empty_tables(alias)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


@pytest.fixture(scope="session", autouse=True)
def nothing_waits_for_the_disk() -> Iterator[None]:
    """No test cuts the power. What is written reaches the disk when the system sees fit; the order stays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real imagery kept beside the repository; tests that need it are skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real imagery kept beside the repository in ../shared/data")
    return folder


@pytest.fixture
def api_client() -> Any:
    """DRF's client, with CSRF checked as in a browser's session when asked."""
    from rest_framework.test import APIClient

    return APIClient()
