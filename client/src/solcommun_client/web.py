"""Asking a site politely: https only unless told, a few tries with growing waits, all threads obeying `Retry-After`."""

from __future__ import annotations

import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import IO, Any
from urllib.parse import urlsplit

from solcommun_client.errors import NotThere, Refused, Unreachable
from solcommun_client.words import say

TRIES = 6
TIMEOUT_S = 30.0
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 120.0  # a site that asks for more is left alone
PASSING = frozenset({429, 500, 502, 503, 504})
#: What may end a connection half-way; `HTTPException` holds IncompleteRead and RemoteDisconnected.
BROKEN = (OSError, http.client.HTTPException)


class NoSuchRange(Exception):
    """The site's file ends before the range that was asked for (416)."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to addresses that could have been asked for in the first place."""

    def __init__(self, web: Web) -> None:
        self.web = web

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """As the base class, once the new address is allowed."""
        self.web.check(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Web:
    """The way to a site; one object serves all threads of a download."""

    def __init__(self, *, allow_http: bool = False, first_wait_s: float = FIRST_WAIT_S) -> None:
        """`first_wait_s` doubles with each try that brought nothing."""
        self.allow_http = allow_http
        self.first_wait_s = first_wait_s
        self.opener = urllib.request.build_opener(_Redirects(self))
        self.stop = threading.Event()
        self._not_before = 0.0
        self._lock = threading.Lock()

    def check(self, url: str) -> None:
        """Raises: Refused (not https, or a password in the address)."""
        parts = urlsplit(url)
        if not parts.hostname or parts.scheme not in (("http", "https") if self.allow_http else ("https",)):
            text = "{url} is not an https address: give one, or add --allow-http if you trust the network"
            raise Refused(say(text, url=url))
        if parts.username is not None or parts.password is not None:
            raise Refused(say("{url} holds a name or password: leave it out", url=url))

    def open(self, url: str, headers: Mapping[str, str] | None = None) -> http.client.HTTPResponse:
        """One GET, tried again after a passing fault; an answer of 200 or 206.

        Raises: Refused (address), NoSuchRange, Unreachable (no answer after all tries).
        """
        self.check(url)
        asked = {"User-Agent": "solcommun-client/0.1", "Accept-Encoding": "identity", **(headers or {})}
        why = ""
        for attempt in range(TRIES):
            self.wait_turn()
            try:
                answer: http.client.HTTPResponse = self.opener.open(
                    urllib.request.Request(url, headers=asked),  # noqa: S310 - checked above, and on each redirect
                    timeout=TIMEOUT_S,
                )
                return answer
            except urllib.error.HTTPError as error:
                error.close()
                if error.code == 416:
                    raise NoSuchRange from error
                self._refused(url, error.code, error.headers.get("Retry-After"), attempt)
                why = str(error.code)
            except BROKEN as error:
                why = str(getattr(error, "reason", error)) or type(error).__name__
                self.hold(self.first_wait_s * 2**attempt)
        text = "{url} cannot be reached ({why}): try again later, what is here is kept"
        raise Unreachable(say(text, url=url, why=why))

    def _refused(self, url: str, status: int, retry_after: str | None, attempt: int) -> None:
        if status == 410:
            raise Unreachable(say("{url} was withdrawn: its page says why", url=url))
        if status not in PASSING:
            raise (NotThere if status == 404 else Unreachable)(
                say("{url} answered {status}: check the address", url=url, status=status)
            )
        asked = seconds_of(retry_after)
        if asked is not None and asked > LONGEST_WAIT_S:
            text = "{url} asks to wait {seconds:.0f} s: try again then, what is here is kept"
            raise Unreachable(say(text, url=url, seconds=asked))
        self.hold(asked if asked is not None else self.first_wait_s * 2**attempt)

    def hold(self, seconds: float) -> None:
        """No thread asks again before."""
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + min(seconds, LONGEST_WAIT_S))

    def wait_turn(self) -> None:
        """Wait until the site may be asked again. Raises: Unreachable once the download was stopped."""
        while (left := self._not_before - time.monotonic()) > 0 and not self.stop.is_set():
            self.stop.wait(left)
        if self.stop.is_set():
            raise Unreachable(say("stopped; run the same command again to go on"))

    def read(self, url: str, *, limit: int, headers: Mapping[str, str] | None = None) -> bytes:
        """A whole document of at most `limit` bytes; tried again where it is cut off.

        Raises: Refused, Unreachable (NotThere: the site has nothing there).
        """
        why = ""
        for attempt in range(TRIES):
            with self.open(url, headers) as answer:
                try:
                    body = answer.read(limit + 1)
                except BROKEN as error:
                    why = type(error).__name__
                    self.hold(self.first_wait_s * 2**attempt)
                    continue
                length = answer.headers.get("Content-Length")
            if len(body) > limit:
                raise Refused(say("{url} sends more than {limit} bytes", url=url, limit=limit))
            if length is None or int(length) == len(body):
                return body
            why = f"{len(body)}/{length}"
            self.hold(self.first_wait_s * 2**attempt)
        text = "{url} cannot be reached ({why}): try again later, what is here is kept"
        raise Unreachable(say(text, url=url, why=why))


def seconds_of(retry_after: str | None) -> float | None:
    """What `Retry-After` asks for: a number of seconds or a date (RFC 9110, 10.2.3); None when it says nothing."""
    if not retry_after:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
