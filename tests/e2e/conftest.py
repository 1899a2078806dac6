"""A real browser: Debian's Chromium, driven by Playwright, against a real server on the test database."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

# Playwright's synchronous interface keeps an event loop in this thread; Django would refuse the database beside it.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_MS = 30_000
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for the session."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.fail("no Chromium on this machine: `make test` installs it, or set CHROMIUM to its path")
    if not (REPOSITORY / "frontend" / "dist" / "manifest.json").exists():
        pytest.fail("the front end is not built: run `make setup`")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(django_db_setup: None) -> Iterator[Any]:
    """One web server for the session, on the test database."""
    from pytest_django.live_server_helper import LiveServer

    running = LiveServer("localhost")
    yield running
    running.stop()


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test's fixtures ask at its end: whether it failed."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def open_page(request: pytest.FixtureRequest, chromium: Any, server: Any, tmp_path: Path) -> Iterator[Any]:
    """Makes pages, each in its own session of the browser; fails the test on errors or CSP reports in the console.

    Of a test that fails, the last look of each page is kept with its other files.
    """
    contexts, problems = [], []

    def hear(page: Any) -> None:
        page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
        page.on(
            "console",
            lambda message: problems.append(message.text) if "Content Security Policy" in message.text else None,
        )

    def make(**options: Any) -> Any:
        given = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **options}
        context = chromium.new_context(base_url=server.url, **given)
        context.set_default_timeout(PATIENCE_MS)
        context.on("page", hear)
        contexts.append(context)
        return context.new_page()

    yield make
    failed = problems or request.node.stash.get(FAILED, False)
    for number, context in enumerate(contexts):
        for page in context.pages if failed else ():
            page.screenshot(path=tmp_path / f"last-{number}.png")
        context.close()
    assert not problems, problems


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What a module's tests share: imagery, a campaign, a model's drawing. Each test has its own people and tiles."""
    from e2e import studio

    with django_db_blocker.unblock():
        yield studio.World.make(tmp_path_factory.mktemp("world"))
        _flush()


def _flush() -> None:
    """Empty the tables. A page that was just closed may still be telling the server what it gives back."""
    from django.db import DatabaseError, connection
    from emptied_tables import empty_tables

    for _attempt in range(10):
        try:
            return empty_tables()
        except DatabaseError:
            connection.close()
            time.sleep(1)
    return empty_tables()


@pytest.fixture
def _django_db_helper(world: Any) -> None:
    """The rows are the world's, which takes them all away at its end: tables are not emptied after each test."""


@pytest.fixture
def open_studio(world: Any, open_page: Any) -> Any:
    """Opens the studio as a new person, signed in, on a tile of their own that may hold features already."""
    from e2e import studio

    def make(features: list[dict[str, Any]] | None = None, **options: Any) -> Any:
        return studio.open_studio(world, open_page, features or [], **options)

    return make
