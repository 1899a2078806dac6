"""Fixtures for every test."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real imagery kept beside the repository; tests that need it are skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real imagery kept beside the repository in ../shared/data")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _data_folder(request: pytest.FixtureRequest) -> Iterator[None]:
    """Remove what the session wrote under its own data folder."""
    yield
    try:
        from django.conf import settings

        folder = Path(settings.DATA_DIR)
    except Exception:
        return
    if folder.name.startswith("solcommun-test-"):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def api_client() -> Any:
    """DRF's client, with CSRF checked as in a browser's session when asked."""
    from rest_framework.test import APIClient

    return APIClient()
