"""Answers in bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

OCTETS = "application/octet-stream"


class AnyAccepted(BaseContentNegotiation):
    """Whatever `Accept` says, bytes are sent, and errors are JSON as everywhere."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        """The only parser."""
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The only renderer."""
        only = next(iter(renderers))
        return only, str(only.media_type)


def accepts_gzip(request: Request) -> bool:
    """Whether the client takes compressed bodies."""
    return bool(re.search(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", request.headers.get("Accept-Encoding", "")))
