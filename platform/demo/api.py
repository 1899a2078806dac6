"""A person's browser, as far as the API is concerned: cookies, CSRF, JSON, patience."""

from __future__ import annotations

import http.cookiejar
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: What a proxy or a restarting server answers; the call is repeated (saves carry an operation id).
_PASSING_FAULTS = {429, 502, 503, 504}
_TRIES = 6


class ApiError(Exception):
    """The API refused: its status, its code and its details."""

    def __init__(self, status: int, payload: Any) -> None:
        """Keep the payload's error object, or its text when it is not ours."""
        error = payload.get("error", {}) if isinstance(payload, dict) else {}
        self.status = status
        self.code = str(error.get("code", "http_error"))
        self.details = error.get("details") or {}
        super().__init__(f"HTTP {status} {self.code}: {error.get('message') or str(payload)[:300]}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, JSON (None when empty) and headers."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        """The entity tag as sent, to be given back in If-Match."""
        return self.headers.get("etag", "")


class ApiSession:
    """One signed-in person on one site. Not shared between threads."""

    def __init__(self, base_url: str, *, timeout_s: float = 60.0) -> None:
        """base_url without a trailing slash, http(s) only."""
        if urllib.parse.urlsplit(base_url).scheme not in {"http", "https"}:
            raise ValueError(f"{base_url!r} is not an http address")
        self.base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    def sign_in(self, username: str, password: str) -> None:
        """Fill the sign-in form as a browser does. Raises ApiError when the site does not know them."""
        page = self._open("GET", "/accounts/login/", None, {})
        token = re.search(r'name="csrfmiddlewaretoken"\s+value="([^"]+)"', page.body)
        if token is None:
            raise ApiError(page.status, "the sign-in page has no CSRF field")
        form = {
            "csrfmiddlewaretoken": token.group(1),
            "login": username,
            "password": password,
            "remember": "on",
        }
        data = urllib.parse.urlencode(form).encode()
        self._open("POST", "/accounts/login/", data, {"Content-Type": "application/x-www-form-urlencoded"})
        self.call("GET", "me/")

    def call(self, method: str, path: str, body: Any = None, *, if_match: str | None = None) -> Answer:
        """One JSON call under /api/v1/; raises ApiError for 4xx and 5xx. A passing fault is waited out."""
        headers = {"Accept": "application/json"}
        if if_match is not None:
            headers["If-Match"] = if_match
        data = None
        if method != "GET":
            headers["X-CSRFToken"] = self._csrf()
            headers["Content-Type"] = "application/json"
            data = json.dumps(body if body is not None else {}).encode()
        answer = self._open(method, f"/api/v1/{path}", data, headers)
        return Answer(answer.status, json.loads(answer.body) if answer.body else None, answer.headers)

    def fill_in(self, path: str, fields: Mapping[str, str]) -> None:
        """Send a form of a page as a browser does; raises ApiError when the page refuses it."""
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": self._csrf(), **fields}).encode()
        self._open("POST", path, data, {"Content-Type": "application/x-www-form-urlencoded"})

    def finds(self, path: str) -> bool:
        """Whether the site has something at a path of its own (an image, a page)."""
        try:
            return self._open("GET", path, None, {}).status == 200
        except ApiError as error:
            if error.status == 404:
                return False
            raise

    def _csrf(self) -> str:
        return next((cookie.value or "" for cookie in self._cookies if cookie.name == "csrftoken"), "")

    def _open(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Answer:
        # The scheme was checked in __init__; a Referer is what Django's CSRF check wants over https.
        headers = {**headers, "Referer": self.base_url + path}
        for attempt in range(_TRIES):
            request = urllib.request.Request(  # noqa: S310
                self.base_url + path, data=data, headers=headers, method=method
            )
            try:
                with self._opener.open(request, timeout=self._timeout_s) as response:
                    text = response.read().decode(errors="replace")
                    lowered = {name.lower(): value for name, value in response.headers.items()}
                    return Answer(response.status, text, lowered)
            except urllib.error.HTTPError as error:
                text = error.read().decode(errors="replace")
                if error.code not in _PASSING_FAULTS or attempt == _TRIES - 1:
                    raise ApiError(error.code, _json_or_text(text)) from error
                wait_s = float(error.headers.get("Retry-After") or 0.5 * 2**attempt)
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if attempt == _TRIES - 1:
                    raise
                wait_s = 0.5 * 2**attempt
            time.sleep(min(wait_s, 10.0))
        raise AssertionError("the last try returns or raises")


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
