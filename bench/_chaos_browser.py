"""A real Chromium with a profile of its own, and what can go wrong in and around it."""

from __future__ import annotations

import os
import random
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from _chaos_site import PASSPHRASE
from playwright.sync_api import Error

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-crash-restore-bubble",
]


class Browser:
    """One person's browser. A kind of it says what it opens, and which writes its faults are about."""

    #: Addresses of the writes, and their method.
    writes: ClassVar[tuple[str, str]]

    def __init__(self, playwright: Any, url: str, name: str, program: str, rng: random.Random) -> None:
        self.playwright, self.url, self.name, self.program, self.rng = playwright, url, name, program, rng
        self.profile = Path(tempfile.mkdtemp(prefix="chaos-profile-"))
        self.replies = "given"  # "busy": 503; "lost": the server stores, its answer never comes
        self.lost_replies = 0
        self.refused_writes = 0
        self.context: Any = None
        self.page: Any = None

    def start(self) -> None:
        """Start the browser on this profile."""
        self.context = self.playwright.chromium.launch_persistent_context(
            str(self.profile), executable_path=self.program, args=FLAGS, base_url=self.url,
            viewport={"width": 1280, "height": 800}, locale="en-GB",
        )  # fmt: skip
        self.context.set_default_timeout(60_000)
        self.context.clock.install()
        self.context.route(self.writes[0], self._answer)
        self.page = self.context.pages[0]

    def go(self, page: Any, address: str) -> None:
        """To an address, through the sign-in page where it comes."""
        page.goto(address)
        if "/accounts/login/" in page.url:
            self.sign_in(page)
            page.goto(address)

    def sign_in(self, page: Any) -> None:
        if "/accounts/login/" not in page.url:
            page.goto("/accounts/login/")
        page.fill("#id_login", self.name)
        page.fill("#id_password", PASSPHRASE)
        page.click("main button[type=submit]")
        page.wait_for_url(lambda address: "/accounts/login/" not in address)

    def sign_in_beside(self) -> None:
        """As the page asks for it: in another tab."""
        other = self.context.new_page()
        self.sign_in(other)
        other.close()
        self.page.bring_to_front()

    def expire_session(self) -> None:
        from django.contrib.auth import get_user_model
        from django.contrib.sessions.models import Session

        account = str(get_user_model().objects.get(username=self.name).pk)
        for session in Session.objects.all():
            if session.get_decoded().get("_auth_user_id") == account:
                session.delete()

    def processes(self) -> list[int]:
        """Every process of this browser: they name its profile, which nothing else does."""
        mark = os.fsencode(str(self.profile))
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and mark in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue  # ended meanwhile
        return found

    def kill(self) -> None:
        """SIGKILL to the whole browser: nothing gets to say goodbye."""
        for process in self.processes():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        # Playwright may or may not have heard by now.
        with suppress(Error):
            self.context.close()

    def _answer(self, route: Any) -> None:
        if route.request.method != self.writes[1] or self.replies == "given":
            route.fallback()
        elif self.replies == "busy":
            self.refused_writes += 1
            route.fulfill(status=503, body="busy")
        else:
            route.fetch()
            self.lost_replies += 1
            route.abort()

    def wait_for_lost_reply(self, before: int) -> None:
        while self.lost_replies == before:
            self.page.wait_for_timeout(100)

    def wait_for_refusal(self) -> None:
        """Until another write has been refused."""
        before = self.refused_writes
        while self.refused_writes == before:
            self.page.wait_for_timeout(100)

    def set_quota(self, size: int | None) -> None:
        """Limit what this origin may store, in bytes; None: no limit of ours."""
        wanted = {"origin": self.url} if size is None else {"origin": self.url, "quotaSize": size}
        self.quota_session = self.context.new_cdp_session(self.page)  # the limit lasts as long as this session
        self.quota_session.send("Storage.overrideQuotaForOrigin", wanted)
