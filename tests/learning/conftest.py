"""Fixtures of the learning side."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_release_of_another_test() -> Iterator[None]:
    """Releases on disk stay when a test's rows go, and would be taken for those of a lost database."""
    yield
    from django.conf import settings

    shutil.rmtree(settings.RELEASES_DIR, ignore_errors=True)
