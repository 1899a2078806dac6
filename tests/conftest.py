"""Fixtures for every test."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import ctypes
import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: handed out file by file to several processes, these end together."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """What is there once all tests are known stays: Python need not look through it again and again for garbage, nor
    wait, as it does, until there is a quarter as much again."""
    gc.collect()
    gc.freeze()
    gc.collect()
    gc.set_threshold(50_000, 10, 10)


@pytest.fixture(scope="module", autouse=True)
def memory_left_behind() -> Iterator[None]:
    """What a file of tests had is given back: networks and images, and what the C library would keep for later."""
    yield
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


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
