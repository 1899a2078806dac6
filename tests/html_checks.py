"""What every page must be for its content security policy to hold: no style or script inside the markup."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


class _Reader(HTMLParser):
    """Collects what a policy without unsafe-inline would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.language: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html":
            self.language = given.get("lang")
        if "style" in given:
            self.faults.append(f"<{tag} style>")
        self.faults += [f"<{tag} {name}>" for name in given if name.startswith("on")]
        if (given.get("href") or "").strip().lower().startswith("javascript:"):
            self.faults.append(f"<{tag} href=javascript:>")
        if tag == "style" and not given.get("nonce"):
            self.faults.append("<style> without nonce")
        is_data = given.get("type") == "application/json"
        if tag == "script" and not is_data and not given.get("src") and not given.get("nonce"):
            self.faults.append("<script> without nonce")
        for name in ("src", "href"):
            if tag in {"script", "link", "img"} and (given.get(name) or "").startswith(("http:", "https:", "//")):
                self.faults.append(f"<{tag}> from elsewhere: {given[name]}")


def faults_of(markup: str) -> list[str]:
    """Tags and attributes that a strict policy refuses, or that come from another site."""
    reader = _Reader()
    reader.feed(markup)
    return reader.faults


def language_of(markup: str) -> str | None:
    """The page's declared language."""
    reader = _Reader()
    reader.feed(markup)
    return reader.language


def assert_strict(response: Any) -> None:
    """The answer carries a policy without unsafe sources, and its markup keeps to it."""
    policy = response.headers["Content-Security-Policy"]
    directives = {part.split()[0]: part.split()[1:] for part in policy.split(";") if part.strip()}
    assert "'self'" in directives["script-src"] and "'self'" in directives["style-src"], policy
    assert "unsafe" not in policy and "*" not in policy, policy
    assert faults_of(response.content.decode()) == []
